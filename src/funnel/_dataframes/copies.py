"""Rows of a dataframe that equal an earlier row in every column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw

from funnel._dataframes.adapter import ROW, from_native
from funnel._dataframes.compute import collected, computing


def copies_among(native: Any, rows: Sequence[int]) -> set[int]:
    """Return the numbers of rows, among some, that equal an earlier one of them in every column of the frame.

    Args:
        native: A frame whose rows have an order: of polars, pandas or pyarrow.
        rows: Numbers of rows, from 1, ascending.
    """
    if nw.from_native(native).implementation.is_pandas():
        chosen = native.iloc[[row - 1 for row in rows]]
        with computing():
            repeated = _hashable(chosen).duplicated().to_list()
        return {row for row, is_copy in zip(rows, repeated, strict=True) if is_copy}
    frame = from_native(native).frame.filter(nw.col(ROW).is_in(rows))
    content = [name for name in frame.collect_schema() if name != ROW]
    firsts = collected(frame.unique(subset=content, keep="first", order_by=ROW).select(ROW))
    return set(rows) - set(firsts[ROW].to_list())


def _hashable(frame: Any) -> Any:
    """Return the frame with lists and dicts as texts."""
    texts = {name: frame[name].map(repr) for name in frame.columns if frame[name].dtype == object}
    return frame.assign(**texts)
