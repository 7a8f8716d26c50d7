"""Ids that a program wrote as floats: "556.0" in a text column of nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import narwhals as nw

from funnel._dataframes.compute import collected
from funnel._expr.to_narwhals import to_int
from funnel._fields import FLOAT_ID

Frame = nw.LazyFrame[Any]

_FIRST = 100
"""Number of rows that decide for most columns, so that few columns are searched whole."""


def float_ids(frame: Frame, names: Sequence[str]) -> list[str]:
    """Return the text columns whose every filled cell is a whole number with ".0"."""
    if not names:
        return []
    first = collected(_texts(frame, names).head(_FIRST)).to_dict(as_series=False)
    names = [name for name in names if all(re.search(FLOAT_ID, text) for text in first[name] if text)]
    if not names:
        return []
    filled = [to_int(nw.col(name) != "").sum().alias(f"filled_{name}") for name in names]
    floats = [to_int(nw.col(name).str.contains(FLOAT_ID)).sum().alias(name) for name in names]
    counts = collected(_texts(frame, names).select(*filled, *floats)).to_dict(as_series=False)
    return [name for name in names if counts[name][0] and counts[name][0] == counts[f"filled_{name}"][0]]


def without_float_ends(frame: Frame, names: Sequence[str]) -> Frame:
    """Return 556 for "556.0"."""
    return frame.with_columns(_text(name).str.replace_all("[.]0$", "") for name in names)


def _texts(frame: Frame, names: Sequence[str]) -> Frame:
    return frame.select(_text(name) for name in names)


def _text(name: str) -> nw.Expr:
    return nw.col(name).cast(nw.String())
