"""Parts of texts by a pattern, on every engine.

Patterns begin with ^, end with $, and their first group takes part in every match.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from typing import Any

import narwhals as nw

Frame = nw.LazyFrame[Any]


def with_groups(frame: Frame, column: str, pattern: str, names: Sequence[str]) -> Frame:
    """Add the groups of a pattern as columns of text, and whether the pattern matches as `<column>_matches`.

    Args:
        frame: The frame.
        column: A column of texts without nulls.
        pattern: The pattern.
        names: A name for each group. A group without a part of the text is "".
    """
    if frame.implementation.is_polars():
        grouped: Frame = nw.from_native(_of_polars(nw.to_native(frame), column, pattern, names))
        return grouped
    matches = contains(column, pattern)
    frame = frame.with_columns(matches.alias(f"{column}_matches"))
    whole = nw.when(nw.col(f"{column}_matches")).then(nw.col(column)).otherwise(nw.lit(""))
    groups = {
        name: whole.str.replace_all(pattern, _reference(frame, number)) for number, name in enumerate(names, start=1)
    }
    return frame.with_columns(**groups)


def _of_polars(native: Any, column: str, pattern: str, names: Sequence[str]) -> Any:
    """Polars finds all groups at once."""
    pl: Any = importlib.import_module("polars")
    native = native.with_columns(pl.col(column).str.extract_groups(pattern).alias(f"{column}_groups"))
    part = pl.col(f"{column}_groups").struct
    groups = {name: part.field(str(number)).fill_null("") for number, name in enumerate(names, start=1)}
    matches = {f"{column}_matches": part.field("1").is_not_null()}
    return native.with_columns(**groups, **matches).drop(f"{column}_groups")


def _reference(frame: Frame, number: int) -> str:
    """Return how the engine refers to a group in a replacement."""
    return f"${number}" if frame.implementation.is_pyspark() else f"\\{number}"


def contains(column: str, pattern: str) -> nw.Expr:
    """Return whether a pattern with groups matches; pandas warns of groups that are not used."""
    return nw.col(column).str.contains(re.sub(r"(?<!\\)\((?!\?)", "(?:", pattern))


def digits(text: nw.Expr) -> nw.Expr:
    """Return a text of digits as a number; "" is 0."""
    return nw.concat_str(nw.lit("0"), text).cast(nw.Int64())
