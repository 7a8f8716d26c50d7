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
from funnel._aggregate.group_by import PERSON, belongs, completed, reads_gap, same_edges, taken, value_name
from funnel._aggregate.intervals import BLOCK, around, cached, in_blocks, placed, places_of, turns
from funnel._expr.to_narwhals import int_lit

Frame = nw.LazyFrame[Any]
Placed = Sequence[tuple[Reduction, int]]
AT = "t"
"""The column of instants, in microseconds."""


def running(tables: Mapping[str, Frame], reductions: Sequence[Reduction], at: int) -> Frame:
    """Return the values at each person's instants up to and including `at`.

    There is one row per person and instant.
    """
    numbered = [(reduction, place) for place, reduction in enumerate(reductions)]
    chosen = {name: [(one, place) for one, place in numbered if one.stream.table == name] for name in tables}
    steps = {name: cached(steps_of(table, chosen[name], at)) for name, table in tables.items()}
    line = cached(nw.concat([one.select(PERSON, AT) for one in steps.values()]).unique())
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
    rows = cached(turns(rows).with_columns(_at=nw.col("start")))
    given = rows.with_columns(*(_given(one, place) for one, place in chosen))
    lives = chosen[0][0].stream.living
    stepped = cached(_living(cached(given), chosen, at) if lives else _cumulated(given, chosen))
    for group in same_edges(chosen):
        stepped = _looked_up(stepped, rows, group)
    return stepped.select(PERSON, nw.col("_at").alias(AT), *(value_name(place) for _, place in chosen))


def _monoid(one: Reduction) -> Combine:
    return COMBINES[EDGES.get(one.how, one.how)]


def _neutral(one: Reduction) -> nw.Expr:
    return int_lit(_monoid(one).neutral)


def _given(one: Reduction, place: int) -> nw.Expr:
    """Return the number that each row adds.

    It is the row's field, or the row's index if the value is read from a single row.
    """
    if not one.is_edge:
        return taken(one, place)
    condition, turn = belongs(one), nw.col("_turn")
    return (turn if condition is None else nw.when(condition).then(turn).otherwise(_neutral(one))).alias(
        value_name(place)
    )


def _cumulated(given: Frame, chosen: Placed) -> Frame:
    """Return the numbers and row indexes of all rows up to each instant."""
    values = [(_monoid(one), nw.col(value_name(place))) for one, place in chosen]
    changes = given.group_by(PERSON, "_at").agg(*(monoid.aggregate(value) for monoid, value in values))
    return changes.with_columns(*(monoid.window(value).over(PERSON, order_by="_at") for monoid, value in values))


def _living(given: Frame, chosen: Placed, at: int) -> Frame:
    """Return numbers and row indexes of the valid rows at each start or end."""
    ended = cached(given.filter(nw.col("end") <= at))
    named = [(one, value_name(place)) for one, place in chosen]
    begins = given.select(PERSON, "_at", *(_begun(one, name, at) for one, name in named))
    ceases = ended.select(PERSON, *(_ceased(one, name) for one, name in named), _at=nw.col("end"))
    line = _cumulated(nw.concat([begins, ceases.select(PERSON, "_at", *(name for _, name in named))]), chosen)
    others = [(one, name) for one, name in named if one.how != "sum"]
    return _with_passing(cached(line), ended, others) if others else line


def _begun(one: Reduction, name: str, at: int) -> nw.Expr:
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
    places = cached(places_of(begins, ends, line.select(PERSON, "_at")))
    names = [name for _, name in others]
    spans = placed(placed(ended, places, "start", "_from"), places, "end", "_to")
    blocks = in_blocks(spans.select(PERSON, "_from", "_to", *names), places)
    best = [_monoid(one).aggregate(nw.col(name)) for one, name in others]
    blocks = cached(blocks.group_by(*BLOCK).agg(*best))
    met = around(places.select(PERSON, "_place").unique(), blocks).join(blocks, on=list(BLOCK), how="inner")
    found = met.group_by(PERSON, "_place").agg(*best).rename({name: f"_{name}" for name in names})
    both = placed(line, places, "_at").join(found, on=[PERSON, "_place"], how="left")
    return both.with_columns(*(_better(one, name) for one, name in others))


def _better(one: Reduction, name: str) -> nw.Expr:
    """Return the better of two values of a reduction; the second may be null."""
    own, other = nw.col(name), nw.col(f"_{name}").fill_null(_monoid(one).neutral).cast(nw.Int64())
    is_better = other < own if _monoid(one) is COMBINES["smallest"] else other > own
    return nw.when(is_better).then(other).otherwise(own).alias(name)


def _looked_up(stepped: Frame, rows: Frame, group: Placed) -> Frame:
    """Replace the indexes of rows by the values of those rows."""
    places = [place for _, place in group]
    turns = stepped.with_columns(_turn=nw.col(value_name(places[0]))).drop(*(value_name(place) for place in places))
    values = rows.select(PERSON, "_turn", *(nw.col(one.field).alias(value_name(place)) for one, place in group))
    return turns.join(values, on=[PERSON, "_turn"], how="left").drop("_turn")


def _aligned(line: Frame, steps: Frame) -> Frame:
    """Carry the values of one table forward to every instant of the timeline."""
    own = steps.with_columns(_mark=int_lit(1))
    marked = line.join(own.select(PERSON, AT, "_mark"), on=[PERSON, AT], how="left")
    marked = marked.with_columns(nw.col("_mark").fill_null(0).cast(nw.Int64()))
    counted = marked.with_columns(_turn=nw.col("_mark").cum_sum().over(PERSON, order_by=AT)).drop("_mark")
    turned = own.with_columns(_turn=nw.col("_mark").cum_sum().over(PERSON, order_by=AT)).drop("_mark", AT)
    return counted.join(turned, on=[PERSON, "_turn"], how="left").drop("_turn")
