"""The running window of a reduction: all people, at every instant at which one of their rows starts or ends.

A sum adds rows that start and subtracts rows that end. If rows never end, other values are plain windows over the
instants. If rows can end, other values are found by the blocks of instants in which the rows are valid. Window
functions read only plain columns without nulls. This works the same on every engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw

from funnel._aggregate.aggregations import COMBINES, EDGES, Combine, Reduction
from funnel._aggregate.gaps import with_changing_gaps
from funnel._aggregate.group_by import PERSON, belongs, completed, contribution, reads_gap, same_edges, value_name
from funnel._aggregate.intervals import BLOCK, around, cached, in_blocks, number_instants, number_rows, with_number
from funnel._dataframes.adapter import distinct
from funnel._expr.to_narwhals import int_lit

Frame = nw.LazyFrame[Any]
Placed = Sequence[tuple[Reduction, int]]
AT = "t"
"""The column of instants, in microseconds."""


def running(tables: Mapping[str, Frame], reductions: Sequence[Reduction], at: int) -> Frame:
    """Return the values at each person's instants up to and including `at`.

    There is one row per person and instant.
    """
    numbered = [(reduction, index) for index, reduction in enumerate(reductions)]
    read = dict.fromkeys([*tables, *(one.stream.table for one in reductions if one.stream.table in tables)])
    chosen = {name: [(one, index) for one, index in numbered if one.stream.table == name] for name in read}
    steps = {name: cached(steps_of(tables[name], chosen[name], at)) for name in read}
    line = cached(distinct(nw.concat([one.select(PERSON, AT) for one in steps.values()])))
    for name, table in steps.items():
        if chosen[name]:
            line = cached(_aligned(line, table))
    return completed(line, tables, numbered)


def steps_of(table: Frame, chosen: Placed, at: int) -> Frame:
    """Return the values of one table at each instant of change.

    Columns: person, instant, and one per reduction.
    """
    rows = table.filter(nw.col("start") <= at)
    if not chosen:
        return rows.select(PERSON, nw.col("start").alias(AT))
    if any(reads_gap(one) for one, _ in chosen):
        rows = with_changing_gaps(rows, at)
    rows = cached(number_rows(rows).with_columns(_at=nw.col("start")))
    added = rows.with_columns(*(_added(one, index) for one, index in chosen))
    lives = chosen[0][0].stream.living
    stepped = cached(_living(cached(added), chosen, at) if lives else _cumulated(added, chosen))
    for group in same_edges(chosen):
        stepped = _looked_up(stepped, rows, group)
    return stepped.select(PERSON, nw.col("_at").alias(AT), *(value_name(index) for _, index in chosen))


def _monoid(one: Reduction) -> Combine:
    return COMBINES[EDGES.get(one.how, one.how)]


def _neutral(one: Reduction) -> nw.Expr:
    return int_lit(_monoid(one).neutral)


def _added(one: Reduction, index: int) -> nw.Expr:
    """Return the number that each row adds.

    It is the row's field, or the row's index if the value is read from a single row.
    """
    if not one.is_edge:
        return contribution(one, index)
    condition, row = belongs(one), nw.col("_row")
    return (row if condition is None else nw.when(condition).then(row).otherwise(_neutral(one))).alias(
        value_name(index)
    )


def _cumulated(added: Frame, chosen: Placed) -> Frame:
    """Return the numbers and row indexes of all rows up to each instant."""
    values = [(_monoid(one), nw.col(value_name(index))) for one, index in chosen]
    changes = added.group_by(PERSON, "_at").agg(*(monoid.aggregate(value) for monoid, value in values))
    return changes.with_columns(*(monoid.window(value).over(PERSON, order_by="_at") for monoid, value in values))


def _living(added: Frame, chosen: Placed, at: int) -> Frame:
    """Return numbers and row indexes of the valid rows at each start or end."""
    ended = cached(added.filter(nw.col("end") <= at))
    by_name = [(one, value_name(index)) for one, index in chosen]
    begins = added.select(PERSON, "_at", *(_started(one, name, at) for one, name in by_name))
    ceases = ended.select(PERSON, *(_ceased(one, name) for one, name in by_name), _at=nw.col("end"))
    line = _cumulated(nw.concat([begins, ceases.select(PERSON, "_at", *(name for _, name in by_name))]), chosen)
    others = [(one, name) for one, name in by_name if one.how != "sum"]
    return _with_passing(cached(line), ended, others) if others else line


def _started(one: Reduction, name: str, at: int) -> nw.Expr:
    """Return what a row changes when it starts; a row that can end changes only sums."""
    if one.how == "sum":
        return nw.col(name)
    return nw.when(nw.col("end") <= at).then(_neutral(one)).otherwise(nw.col(name)).alias(name)


def _ceased(one: Reduction, name: str) -> nw.Expr:
    """Return what a row changes when it ends."""
    return (int_lit(0) - nw.col(name) if one.how == "sum" else _neutral(one)).alias(name)


def _with_passing(line: Frame, ended: Frame, others: Sequence[tuple[Reduction, str]]) -> Frame:
    """Combine the values of a timeline with those of rows that end."""
    begins, ends = (ended.select(PERSON, _at=nw.col(at)) for at in ("start", "end"))
    numbered = cached(number_instants(begins, ends, line.select(PERSON, "_at")))
    names = [name for _, name in others]
    spans = with_number(with_number(ended, numbered, "start", "_from"), numbered, "end", "_to")
    blocks = in_blocks(spans.select(PERSON, "_from", "_to", *names), numbered)
    best = [_monoid(one).aggregate(nw.col(name)) for one, name in others]
    blocks = cached(blocks.group_by(*BLOCK).agg(*best))
    met = around(distinct(numbered.select(PERSON, "_number")), blocks).join(blocks, on=list(BLOCK), how="inner")
    best_values = met.group_by(PERSON, "_number").agg(*best).rename({name: f"_{name}" for name in names})
    both = with_number(line, numbered, "_at").join(best_values, on=[PERSON, "_number"], how="left")
    return both.with_columns(*(_better(one, name) for one, name in others))


def _better(one: Reduction, name: str) -> nw.Expr:
    """Return the better of two values of a reduction; the second may be null."""
    own, other = nw.col(name), nw.col(f"_{name}").fill_null(_monoid(one).neutral).cast(nw.Int64())
    is_better = other < own if _monoid(one) is COMBINES["smallest"] else other > own
    return nw.when(is_better).then(other).otherwise(own).alias(name)


def _looked_up(stepped: Frame, rows: Frame, group: Placed) -> Frame:
    """Replace the indexes of rows by the values of those rows."""
    indices = [index for _, index in group]
    by_row = stepped.with_columns(_row=nw.col(value_name(indices[0]))).drop(*(value_name(index) for index in indices))
    values = rows.select(PERSON, "_row", *(nw.col(one.field).alias(value_name(index)) for one, index in group))
    return by_row.join(values, on=[PERSON, "_row"], how="left").drop("_row")


def _aligned(line: Frame, steps: Frame) -> Frame:
    """Carry the values of one table forward to every instant of the timeline."""
    own = steps.with_columns(_flag=int_lit(1))
    flagged = line.join(own.select(PERSON, AT, "_flag"), on=[PERSON, AT], how="left")
    flagged = flagged.with_columns(nw.col("_flag").fill_null(0).cast(nw.Int64()))
    timeline = flagged.with_columns(_row=nw.col("_flag").cum_sum().over(PERSON, order_by=AT)).drop("_flag")
    numbered = own.with_columns(_row=nw.col("_flag").cum_sum().over(PERSON, order_by=AT)).drop("_flag", AT)
    return timeline.join(numbered, on=[PERSON, "_row"], how="left").drop("_row")
