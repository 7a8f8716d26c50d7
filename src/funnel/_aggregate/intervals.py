"""Intervals of rows, split into blocks: the rows valid at an instant are in few blocks, however many rows overlap.

The instants of a person are numbered. A block contains a power of two of them, as in a segment tree. An interval of n
instants consists of at most 2 log n blocks, and an instant is in log n blocks. Rows and instants are matched by joins
on equal columns, which every engine supports.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw

from funnel._aggregate.aggregations import ORDER
from funnel._aggregate.group_by import PERSON
from funnel._dataframes.adapter import collect_once, distinct, materialize
from funnel._expr.to_narwhals import int_lit

Frame = nw.LazyFrame[Any]
BLOCK = (PERSON, "_width", "_block")
"""The columns that identify a block."""

_WIDTHS = [1 << bit for bit in range(48)]
"""The widths of blocks. No person has more instants."""


def cached(frame: Frame) -> Frame:
    """Compute the rows once, if the engine can store them.

    Otherwise a plan that reads a frame many times grows with every step, in Polars too.
    """
    return materialize(collect_once(frame))


def number_rows(rows: Frame) -> Frame:
    """Number the rows of each person in order, from 1.

    Rows of the same record are ordered by `start`.
    """
    marked = rows.with_columns(_row=int_lit(1))
    number = nw.col("_row").cum_sum().over(PERSON, order_by=[*ORDER, "start"])
    return marked.with_columns(number).with_columns(nw.col("_row").cast(nw.Int64()))


def number_instants(begins: Frame, ends: Frame, others: Frame) -> Frame:
    """Number the instants of each person, from 0: one row per person and instant.

    Args:
        begins: Starts of intervals: person and `_at`.
        ends: Ends of intervals.
        others: Other instants. Each gets the number of the last start or end up to it, or -1.
    """
    marked = [(begins, int_lit(1)), (ends, int_lit(1)), (others, int_lit(0))]
    instants = nw.concat([frame.select(PERSON, "_at", _counts=counts) for frame, counts in marked])
    unique = instants.group_by(PERSON, "_at").agg(nw.col("_counts").max())
    number = (nw.col("_counts").cum_sum().over(PERSON, order_by="_at") - 1).cast(nw.Int64())
    return unique.select(PERSON, "_at", _number=number)


def with_number(rows: Frame, numbered: Frame, at: str, name: str = "_number") -> Frame:
    """Return the rows with the number of one of their instants."""
    numbers = numbered.select(PERSON, nw.col("_at").alias(at), nw.col("_number").alias(name))
    return rows.join(numbers, on=[PERSON, at], how="inner")


def in_blocks(rows: Frame, numbered: Frame) -> Frame:
    """Return each row once for each block in `_from` (inclusive) to `_to`.

    Args:
        rows: Rows with a person and the numbers of two instants.
        numbered: The numbered instants.
    """
    sized = rows.with_columns(_span=nw.col("_to") - nw.col("_from"))
    widths = distinct(numbered.select(_width=nw.col("_number") + 1).filter(nw.col("_width").is_in(_WIDTHS)))
    spans = distinct(sized.select("_span")).join(widths, how="cross").filter(nw.col("_width") <= nw.col("_span"))
    width = nw.col("_width")
    cut = sized.join(spans, on="_span", how="inner").with_columns(
        _first=((nw.col("_from") + width - 1) // width).cast(nw.Int64()),
        _end=(nw.col("_to") // width).cast(nw.Int64()),
    )
    inside = cut.filter(nw.col("_first") < nw.col("_end"))
    left = inside.filter(_is_odd("_first")).with_columns(_block=nw.col("_first"))
    right = inside.filter(_is_odd("_end")).with_columns(_block=nw.col("_end") - 1)
    return cached(nw.concat([left, right]).drop("_span", "_first", "_end", "_from", "_to"))


def around(rows: Frame, blocks: Frame) -> Frame:
    """Return each row once for each block that contains its `_number`.

    Only the widths of the person's blocks are used.
    """
    widths = distinct(blocks.select(PERSON, "_width"))
    met = rows.filter(nw.col("_number") >= 0).join(widths, on=PERSON, how="inner")
    return met.with_columns(_block=(nw.col("_number") // nw.col("_width")).cast(nw.Int64()))


def _is_odd(name: str) -> nw.Expr:
    half = (nw.col(name) // 2).cast(nw.Int64())
    return nw.col(name) - half * 2 == 1
