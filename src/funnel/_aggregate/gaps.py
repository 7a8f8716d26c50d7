"""Gaps between rows that can end: each row once for each change of its gap.

The gap of a row is the time since the previous row. The previous row changes when a row in between starts or ends. Each
such instant changes the gaps of at most two rows. Therefore n rows have at most 3 n gaps.

A row is steady if it is valid from its own `t`, without an end. The steady neighbours of a row follow from the order of
rows alone. Other neighbours are found by the blocks in which they are valid.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw

from funnel._aggregate.aggregations import GAP_FIELDS
from funnel._aggregate.group_by import PERSON, with_gap_fields
from funnel._aggregate.intervals import BLOCK, around, cached, in_blocks, number_instants, number_rows, with_number
from funnel._expr.to_narwhals import int_lit, to_int
from funnel._time import FOREVER

Frame = nw.LazyFrame[Any]
NONE = 0
"""The index that stands for no previous row; indexes begin at 1."""


def with_changing_gaps(table: Frame, at: int) -> Frame:
    """Return each row of a living table once for each interval with one gap.

    A row is not valid before its own `t`. `at` is the last instant to compute.
    """
    rows = cached(_numbered(table, at))
    changes = cached(_changes(cached(_met(rows))))
    following = nw.col("_at").shift(-1).over(PERSON, "_row", order_by="_at")
    until = changes.with_columns(_next=following).with_columns(nw.col("_next").fill_null(FOREVER).cast(nw.Int64()))
    before = rows.select(PERSON, _before=nw.col("_row"), _then=nw.col("t"))
    changed = until.join(rows.drop("_before"), on=[PERSON, "_row"], how="inner")
    changed = changed.join(before, on=[PERSON, "_before"], how="left")
    names = [name for name in table.collect_schema().names() if name not in ("start", "end")]
    return with_gap_fields(changed, "_then").select(
        *names,
        *GAP_FIELDS,
        start=nw.col("_at"),
        end=nw.when(nw.col("_next") < nw.col("end")).then(nw.col("_next")).otherwise(nw.col("end")),
    )


def _numbered(table: Frame, at: int) -> Frame:
    """Number the rows, and add their steady neighbours.

    The neighbours are given by index; the next one also by its `t`.
    """
    until = nw.when(nw.col("end") <= at).then(nw.col("end")).otherwise(int_lit(FOREVER))
    rows = number_rows(table.with_columns(_until=until).filter(nw.col("start") < nw.col("_until")))
    rows = rows.with_columns(_steady=to_int((nw.col("start") == nw.col("t")) & (nw.col("_until") == FOREVER)))
    is_steady = nw.col("_steady") == 1
    rows = rows.with_columns(
        _before=nw.when(is_steady).then(nw.col("_row")).otherwise(int_lit(NONE)),
        _after=nw.when(is_steady).then(nw.col("_row")).otherwise(int_lit(FOREVER)),
        _after_at=nw.when(is_steady).then(nw.col("t")).otherwise(int_lit(FOREVER)),
    )
    rows = rows.with_columns(
        nw.col("_before").cum_max().over(PERSON, order_by="_row"),
        nw.col("_after").cum_min(reverse=True).over(PERSON, order_by="_row"),
        nw.col("_after_at").cum_min(reverse=True).over(PERSON, order_by="_row"),
    )
    rows = rows.with_columns(
        nw.col("_before").shift(1).over(PERSON, order_by="_row"),
        nw.col("_after").shift(-1).over(PERSON, order_by="_row"),
        nw.col("_after_at").shift(-1).over(PERSON, order_by="_row"),
    )
    return rows.with_columns(
        nw.col("_before").fill_null(NONE).cast(nw.Int64()),
        nw.col("_after").fill_null(FOREVER).cast(nw.Int64()),
        nw.col("_after_at").fill_null(FOREVER).cast(nw.Int64()),
    )


def _met(rows: Frame) -> Frame:
    """Return the starts and ends of rows, with the valid neighbours' indexes."""
    near = (PERSON, "_row", "_before", "_after", "_after_at")
    begins = rows.select(*near, _at=nw.col("start"), _begins=int_lit(1))
    ceases = rows.filter(nw.col("_until") < FOREVER).select(*near, _at=nw.col("_until"), _begins=int_lit(0))
    instants = cached(nw.concat([begins, ceases]))
    met = instants.join(_passing(rows, instants), on=[PERSON, "_row", "_at"], how="left").with_columns(
        nw.col("_last").fill_null(NONE).cast(nw.Int64()), nw.col("_first").fill_null(FOREVER).cast(nw.Int64())
    )
    met = met.with_columns(
        _after=nw.when(nw.col("_after_at") <= nw.col("_at")).then(nw.col("_after")).otherwise(int_lit(FOREVER))
    )
    return met.select(
        PERSON,
        "_row",
        "_at",
        "_begins",
        _before=nw.when(nw.col("_last") > nw.col("_before")).then(nw.col("_last")).otherwise(nw.col("_before")),
        _after=nw.when(nw.col("_first") < nw.col("_after")).then(nw.col("_first")).otherwise(nw.col("_after")),
    )


def _passing(rows: Frame, instants: Frame) -> Frame:
    """Return the indexes of neighbours at instants, of rows that are not steady."""
    passing = rows.filter(nw.col("_steady") == 0).select(PERSON, "_row", "start", "_until")
    numbered = cached(
        number_instants(
            passing.select(PERSON, _at=nw.col("start")),
            passing.select(PERSON, _at=nw.col("_until")),
            instants.select(PERSON, "_at"),
        )
    )
    spans = with_number(with_number(passing, numbered, "start", "_from"), numbered, "_until", "_to")
    blocks = in_blocks(spans.select(PERSON, "_row", "_from", "_to"), numbered)
    instant_blocks = around(with_number(instants.select(PERSON, "_row", "_at"), numbered, "_at"), blocks)
    there = blocks.select(*BLOCK, "_row", _at=int_lit(0), _is_row=int_lit(1), _is_question=int_lit(0))
    queries = instant_blocks.select(*BLOCK, "_row", "_at", _is_row=int_lit(0), _is_question=int_lit(1))
    line = nw.concat([there, queries])
    is_row = nw.col("_is_row") == 1
    line = line.with_columns(
        _last=nw.when(is_row).then(nw.col("_row")).otherwise(int_lit(NONE)),
        _first=nw.when(is_row).then(nw.col("_row")).otherwise(int_lit(FOREVER)),
    )
    # A row is not its own neighbour: queries with its index come first, or last in the other direction.
    line = line.with_columns(
        nw.col("_last").cum_max().over(*BLOCK, order_by=["_row", "_is_row", "_at"]),
        nw.col("_first").cum_min(reverse=True).over(*BLOCK, order_by=["_row", "_is_question", "_at"]),
    )
    queried = line.filter(nw.col("_is_question") == 1).group_by(PERSON, "_row", "_at")
    return queried.agg(nw.col("_last").max(), nw.col("_first").min())


def _changes(met: Frame) -> Frame:
    """Return each change of a row's previous row: both indexes and the instant."""
    own = met.filter(nw.col("_begins") == 1).select(PERSON, "_row", "_at", "_before")
    begins = nw.col("_begins") == 1
    next_ = met.filter(nw.col("_after") < FOREVER).select(
        PERSON,
        "_at",
        _row=nw.col("_after"),
        _before=nw.when(begins).then(nw.col("_row")).otherwise(nw.col("_before")),
    )
    changes = nw.concat([own, next_.select(PERSON, "_row", "_at", "_before")])
    return changes.group_by(PERSON, "_row", "_at").agg(nw.col("_before").max())
