"""Rows of a JSON file: one object a line, or an array of objects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import polars as pl
from pydantic_core import from_json, to_json

from funnel.errors import RecordError
from funnel.readers._open import open_regular

SUFFIXES = (".json", ".jsonl", ".ndjson")
"""Endings of the names of JSON files."""


def json_rows(path: Path) -> list[dict[str, Any]]:
    """Read the objects of a JSON file.

    Raises:
        RecordError: The file is empty or not UTF-8, or a line is not a JSON object.
        FileError: The file cannot be opened.
    """
    with open_regular(path) as file:
        raw = file.read()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RecordError(f"{path.name} is not text in UTF-8, which JSON is; save it anew as UTF-8") from None
    if text.lstrip().startswith("["):
        values = _parsed(text, path.name)
    else:
        lines = enumerate(text.split("\n"), 1)
        values = [_parsed(line, f"{path.name}, line {number}") for number, line in lines if line.strip()]
    if not values:
        raise RecordError(f"{path.name} is empty; its rows must be JSON objects")
    wrong = next((number for number, value in enumerate(values, 1) if not isinstance(value, dict)), None)
    if wrong is not None:
        msg = f"{path.name}: row {wrong} is not a JSON object; give one object a line, or an array of objects"
        raise RecordError(msg)
    rows: list[dict[str, Any]] = values
    return rows


def cell(value: object) -> str | None:
    """Return a value as the text of a cell: text as it is, everything else as JSON."""
    return value if value is None or isinstance(value, str) else to_json(value).decode()


def value_of(text: str | None) -> Any:
    """Return the value of a cell that holds JSON; None if it does not."""
    try:
        return None if text is None else from_json(text)
    except ValueError:
        return None


def mapping(value: object) -> dict[str, Any]:
    """Return a JSON object; an empty one if the value is something else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def listed(value: object) -> list[dict[str, Any]]:
    """Return the objects of a JSON array that are not empty; none if the value is something else."""
    values = cast("list[object]", value) if isinstance(value, list) else []
    return [row for one in values if (row := mapping(one))]


def _parsed(text: str, where: str) -> Any:
    try:
        return from_json(text)
    except ValueError:
        raise RecordError(f"{where} is not JSON; give one object a line, or an array of objects") from None


# ---- JSON orders as rows of text -------------------------------------------------------------------------------------


ITEMS = "line_items"
"""The key of the items of an order."""

_JOINED = "|"


def json_table(path: Path) -> pl.DataFrame:
    """Read a JSON file of orders: one order, a list of orders, or a list of pages.

    Returns:
        One row for each item, or one for an order without items. Values of other lists are joined by "|".

    Raises:
        RecordError: The file is not JSON, or holds something else than objects.
        FileError: The file cannot be opened.
    """
    with open_regular(path) as raw:
        content = raw.read()
    try:
        document = json.loads(content, parse_float=Decimal)
        return _table([row for order in _orders(document) for row in _rows(order)])
    except (ValueError, RecursionError, RecordError):
        msg = f"{path.name} is not a JSON file of orders; give the list that the shop's interface returned"
        raise RecordError(msg) from None


def _table(rows: list[dict[str, str]]) -> pl.DataFrame:
    names = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame(
        {name: [row.get(name) for row in rows] for name in names}, schema=dict.fromkeys(names, pl.String)
    )


def _orders(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield cast("dict[str, Any]", value)
    elif isinstance(value, list):
        for one in cast("list[object]", value):
            yield from _orders(one)
    else:
        raise RecordError("not an object")


def _rows(order: dict[str, Any]) -> Iterator[dict[str, str]]:
    whole = dict(_cells({name: value for name, value in order.items() if name != ITEMS}, ""))
    items: object = order.get(ITEMS)
    several = cast("list[object]", items) if isinstance(items, list) and items else [cast("object", {})]
    for item in several:
        yield whole | dict(_cells({ITEMS: item}, ""))


def _cells(value: Mapping[str, object], above: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each value."""
    for name, one in value.items():
        path = f"{above}{name}"
        if isinstance(one, dict):
            yield from _cells(cast("dict[str, Any]", one), f"{path}.")
        elif isinstance(one, list):
            yield from _joined(cast("list[object]", one), path)
        elif one is not None:
            yield path, _text(one)


def _joined(values: list[object], path: str) -> Iterator[tuple[str, str]]:
    """Yield the texts of a list of objects by their names, joined."""
    cells: dict[str, list[str]] = {}
    for one in values:
        if isinstance(one, dict):
            for name, text in _cells(cast("dict[str, Any]", one), f"{path}."):
                cells.setdefault(name, []).append(text)
    yield from ((name, _JOINED.join(texts)) for name, texts in cells.items())


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return format(value, "f") if isinstance(value, Decimal) else str(value)
