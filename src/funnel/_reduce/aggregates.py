"""The aggregate of a reduction: all people at one instant, one row a person.

Every column is made first and a bare column aggregated after, for that is what every engine does alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

import narwhals as nw

from funnel._lift.columns import tree_column
from funnel._lift.nodes import Fact, facts_of
from funnel._lift.tree import Tree, forks
from funnel._reduce.forms import EVERY, GAP, MONOIDS, ORDER, Reduction, Stream

Frame = nw.LazyFrame[Any]
PERSON = "person_id"


def value_name(place: int) -> str:
    """The column in which the value of the reduction at this place stands."""
    return f"value_{place}"


def aggregated(tables: Mapping[str, Frame], reductions: Sequence[Reduction], at: int) -> Frame:
    """The values of the reductions for everyone who has a row that has started by the instant."""
    started = {name: table.filter(nw.col("start") <= at) for name, table in tables.items()}
    placed = [(reduction, place) for place, reduction in enumerate(reductions)]
    parts = [
        part
        for name, table in started.items()
        for part in _parts(table, [(one, place) for one, place in placed if one.stream.table == name], at)
    ]
    everyone = nw.concat([table.select(PERSON) for table in started.values()]).unique()
    joined = reduce(lambda left, part: left.join(part, on=PERSON, how="left"), parts, everyone)
    return completed(joined, tables, placed)


def completed(frame: Frame, tables: Mapping[str, Frame], placed: Sequence[tuple[Reduction, int]]) -> Frame:
    """The value of every reduction in its column: `empty` where there is no row, and where there is no table."""
    there = [filled(place, one) for one, place in placed if one.stream.table in tables]
    absent = [_empty(one).alias(value_name(place)) for one, place in placed if one.stream.table not in tables]
    return frame.with_columns(*there, *absent) if placed else frame


def _empty(reduction: Reduction) -> nw.Expr:
    return nw.lit(reduction.empty, nw.String() if isinstance(reduction.empty, str) else nw.Int64())


def filled(place: int, reduction: Reduction) -> nw.Expr:
    """The value of a reduction, `empty` where there is no row; the numbers that mean "no row" never leave."""
    value = nw.col(value_name(place))
    if reduction.is_edge:
        return _total(value, reduction).alias(value_name(place))
    neutral = MONOIDS[reduction.how].neutral
    whole = value.fill_null(neutral).cast(nw.Int64())
    if neutral == reduction.empty:
        return whole.alias(value_name(place))
    return nw.when(whole == neutral).then(nw.lit(reduction.empty, nw.Int64())).otherwise(whole).alias(value_name(place))


def _total(value: nw.Expr, reduction: Reduction) -> nw.Expr:
    whole = value.fill_null(reduction.empty)
    return whole if isinstance(reduction.empty, str) else whole.cast(nw.Int64())


def _parts(table: Frame, placed: Sequence[tuple[Reduction, int]], at: int) -> Iterable[Frame]:
    numbers = [(one, place) for one, place in placed if not one.is_edge]
    for gapped in (False, True):
        chosen = [(one, place) for one, place in numbers if reads_gap(one) is gapped]
        if chosen:
            yield _numbers(_rows(table, at) if gapped else table, chosen, at)
    for group in same_edges(placed):
        yield _edges(table, group, at)


def same_edges(placed: Iterable[tuple[Reduction, int]]) -> Iterable[Sequence[tuple[Reduction, int]]]:
    """The reductions that look values up, together where they look them up at the same row."""
    groups: dict[tuple[Stream, Tree, str], list[tuple[Reduction, int]]] = {}
    for one, place in placed:
        if one.is_edge:
            groups.setdefault((one.stream, one.where, one.how), []).append((one, place))
    return groups.values()


def reads_gap(reduction: Reduction) -> bool:
    """Whether a reduction needs to know how long after the row before it each row came."""
    asked = (fact.name for fork in forks(reduction.where) for fact in facts_of(fork.test))
    return reduction.field == GAP or GAP in asked


def _rows(table: Frame, at: int) -> Frame:
    """The rows of a living stream that count at the instant, each with its gap."""
    return with_gap(table.filter(nw.col("end") > at), PERSON)


def with_gap(rows: Frame, *people: str) -> Frame:
    """Each row with how long after the one before it (of the same person) it came; 0 for the first."""
    before = nw.col("t").shift(1).over(*people, order_by=ORDER)
    told = rows.with_columns(_before=before)
    return told.with_columns((nw.col("t") - nw.col("_before")).fill_null(0).cast(nw.Int64()).alias(GAP)).drop("_before")


def belongs(reduction: Reduction, at: int | None) -> nw.Expr | None:
    """Which rows of its table a reduction puts together; None where all of them."""
    conditions: list[nw.Expr] = []
    if reduction.stream.kind:
        conditions.append(nw.col("kind") == reduction.stream.kind)
    if reduction.stream.living and at is not None:
        conditions.append(nw.col("end") > at)
    if reduction.where != EVERY:
        conditions.append(tree_column(reduction.where, read_field))
    return reduce(lambda a, b: a & b, conditions) if conditions else None


def read_field(field: Fact) -> nw.Expr:
    """A field of a row as the column of that name."""
    return nw.col(field.name)


def taken(reduction: Reduction, place: int, at: int | None) -> nw.Expr:
    """What each row gives to a reduction of numbers: its field, or the number that changes nothing."""
    neutral = nw.lit(MONOIDS[reduction.how].neutral, nw.Int64())
    value = nw.col(reduction.field) if reduction.field else nw.lit(1, nw.Int64())
    condition = belongs(reduction, at)
    if condition is None:
        return value.alias(value_name(place))
    return nw.when(condition).then(value).otherwise(neutral).alias(value_name(place))


def _numbers(table: Frame, placed: Sequence[tuple[Reduction, int]], at: int) -> Frame:
    rows = table.select(PERSON, *(taken(reduction, place, at) for reduction, place in placed))
    return rows.group_by(PERSON).agg(
        *(MONOIDS[reduction.how].aggregate(nw.col(value_name(place))) for reduction, place in placed)
    )


def _edges(table: Frame, placed: Sequence[tuple[Reduction, int]], at: int) -> Frame:
    first = placed[0][0]
    condition = belongs(first, at)
    rows = table if condition is None else table.filter(condition)
    if any(reads_gap(one) for one, _ in placed):
        rows = _rows(table, at)
        rows = rows if first.where == EVERY else rows.filter(tree_column(first.where, read_field))
    edge = edge_rows(rows, (PERSON,), latest=first.how == "latest")
    return edge.select(PERSON, *(nw.col(one.field).alias(value_name(place)) for one, place in placed))


def edge_rows(rows: Frame, keys: Sequence[str], *, latest: bool) -> Frame:
    """The first or the last row of each group, by the total order."""
    extreme = nw.col("t").max() if latest else nw.col("t").min()
    edge = rows.group_by(*keys).agg(extreme.alias("_edge"))
    tied = rows.join(edge, on=list(keys), how="inner").filter(nw.col("t") == nw.col("_edge")).drop("_edge")
    turned = tied.with_columns(_turn=nw.lit(1, nw.Int64()))
    counted = turned.with_columns(_turn=nw.col("_turn").cum_sum().over(*keys, order_by=ORDER[1:]))
    if not latest:
        return counted.filter(nw.col("_turn") == 1).drop("_turn")
    last = counted.group_by(*keys).agg(nw.col("_turn").max().alias("_last"))
    return (
        counted.join(last, on=list(keys), how="inner").filter(nw.col("_turn") == nw.col("_last")).drop("_turn", "_last")
    )
