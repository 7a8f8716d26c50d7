"""Rows of a JSON file: one object a line, or an array of objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

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
