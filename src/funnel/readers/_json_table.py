"""JSON orders as rows of text: one row for each item of an order, with dotted paths as columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import polars as pl

from funnel.errors import RecordError
from funnel.readers._open import open_regular

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
