"""The aggregate of a reduction: all people at one instant, one row per person.

Every column is computed first, and then a plain column is aggregated. This works the same on every engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache, reduce
from typing import Any

import narwhals as nw

from funnel._aggregate.aggregations import COMBINES, EVERY, GAP, GAP_FIELDS, HOUR, ORDER, How, Reduction, Stream
from funnel._dataframes.adapter import distinct
from funnel._expr.division import divided
from funnel._expr.nodes import Fact, facts_of
from funnel._expr.to_narwhals import int_lit, to_int, tree_column
from funnel._expr.tree import Tree, forks
from funnel._time import NEVER

Frame = nw.LazyFrame[Any]
Placed = tuple[Reduction, int]
PERSON = "person_id"


def value_name(index: int) -> str:
    """Return the name of the column with the value of the reduction at this index."""
    return f"value_{index}"


def aggregated(
    tables: Mapping[str, Frame],
    reductions: Sequence[Reduction],
    at: int,
    roots: Iterable[str] | None = None,
    is_sorted: Callable[[str], bool] = lambda _: False,
) -> Frame:
    """Return the reductions of every person with a row started by the instant.

    `roots` names the tables that together contain all people: a person of any other table is in one of them.
    `is_sorted` returns whether a table is on Polars and sorted by person and `ORDER`.
    """
    placed = [(reduction, index) for index, reduction in enumerate(reductions)]
    chosen = by_table(tables, placed)
    roots = [name for name in (tables if roots is None else roots) if name in tables]
    if _has_ordered_aggregates(tables[roots[0]]):
        values = _joined(tables, chosen, at, roots, is_sorted)
    else:
        values = _stacked(tables, chosen, at, roots)
    return completed(values, tables, placed)


def _has_ordered_aggregates(table: Frame) -> bool:
    """Return whether the engine has ordered aggregates: Spark has none, those of Ibis are not on every backend."""
    engine = table.implementation
    return not (engine.is_pyspark() or engine.is_ibis())


def _joined(
    tables: Mapping[str, Frame],
    chosen: Mapping[str, Sequence[Placed]],
    at: int,
    roots: Iterable[str],
    is_sorted: Callable[[str], bool],
) -> Frame:
    """Return the values of each table, joined to all people."""
    everyone = distinct(nw.concat([_started(tables[name], at).select(PERSON) for name in roots]))
    parts = (
        part
        for name, placed in chosen.items()
        for part in _parts(_counting(tables[name], placed, at), placed, is_sorted=is_sorted(name))
    )
    return reduce(lambda left, part: left.join(part, on=PERSON, how="left"), parts, everyone)


def _started(table: Frame, at: int) -> Frame:
    return table.filter(nw.col("start") <= at)


def _counting(table: Frame, placed: Sequence[Placed], at: int) -> Frame:
    """Return the rows that count at the instant."""
    rows = _started(table, at)
    return rows.filter(nw.col("end") > at) if placed[0][0].stream.living else rows


def by_table(tables: Mapping[str, Frame], placed: Sequence[Placed]) -> Mapping[str, Sequence[Placed]]:
    """Return the reductions of each present table."""
    chosen: dict[str, list[Placed]] = {}
    for one, index in placed:
        if one.stream.table in tables:
            chosen.setdefault(one.stream.table, []).append((one, index))
    return chosen


def completed(frame: Frame, tables: Mapping[str, Frame], placed: Sequence[Placed]) -> Frame:
    """Return the frame with a column per reduction.

    The value is `empty` if a person has no rows, or if the table is absent.
    """
    there = [filled(index, one) for one, index in placed if one.stream.table in tables]
    absent = [_empty(one).alias(value_name(index)) for one, index in placed if one.stream.table not in tables]
    return frame.with_columns(*there, *absent) if placed else frame


def _empty(reduction: Reduction) -> nw.Expr:
    return nw.lit(reduction.empty, nw.String() if isinstance(reduction.empty, str) else nw.Int64())


def filled(index: int, reduction: Reduction) -> nw.Expr:
    """Return the value of a reduction, or `empty` if there are no rows.

    Neutral numbers are never returned.
    """
    value = nw.col(value_name(index))
    if reduction.is_edge:
        return _total(value, reduction).alias(value_name(index))
    neutral = COMBINES[reduction.how].neutral
    int_lit = value.fill_null(neutral).cast(nw.Int64())
    if neutral == reduction.empty:
        return int_lit.alias(value_name(index))
    return (
        nw.when(int_lit == neutral)
        .then(nw.lit(reduction.empty, nw.Int64()))
        .otherwise(int_lit)
        .alias(value_name(index))
    )


def _total(value: nw.Expr, reduction: Reduction) -> nw.Expr:
    int_lit = value.fill_null(reduction.empty)
    return int_lit if isinstance(reduction.empty, str) else int_lit.cast(nw.Int64())


# ---- one table -----------------------------------------------------------------------------------------------------


def _parts(rows: Frame, placed: Sequence[Placed], *, is_sorted: bool) -> Iterable[Frame]:
    """Yield the values of one table.

    Values over all its rows come first, then values read from single rows.
    """
    last_gaps = [index for one, index in placed if _is_last_gap(one) and not is_sorted]
    yield from (_last_gap(rows, index) for index in last_gaps)
    others = [(one, index) for one, index in placed if index not in last_gaps]
    if readers := [one for one, _ in others if reads_gap(one)]:
        rows = _with_gap(rows, readers, is_sorted=is_sorted)
    if rows.implementation.is_polars():
        yield from _parts_on_polars(rows, others, is_sorted=is_sorted)
    else:
        yield from _parts_elsewhere(rows, others)


def _with_gap(rows: Frame, readers: Sequence[Reduction], *, is_sorted: bool) -> Frame:
    """Add the fields that depend on the previous row, for some reductions that read them."""
    if not is_sorted:
        return with_gap(rows, PERSON, order=("t",) if all(map(_ignores_ties, readers)) else ORDER)
    from funnel._dataframes.person_rows import with_before

    return with_gap_fields(with_before(rows, PERSON, "t", "_before"), "_before").drop("_before")


def _parts_elsewhere(rows: Frame, placed: Sequence[Placed]) -> Iterable[Frame]:
    separate = [(one, index) for one, index in placed if one.is_edge and belongs(one) is not None]
    together = [pair for pair in placed if pair not in separate]
    if together:
        yield _together(rows, together)
    for group in same_edges(separate):
        yield _together(_belonging(rows, group[0][0]), group)


def _belonging(rows: Frame, one: Reduction) -> Frame:
    condition = belongs(one)
    return rows if condition is None else rows.filter(condition)


def _together(rows: Frame, placed: Sequence[Placed]) -> Frame:
    """Return the values of rows, in one pass over them."""
    edges = [(one, index) for one, index in placed if one.is_edge]
    numbers = [(one, index) for one, index in placed if not one.is_edge]
    added = (contribution(one, index) for one, index in numbers)
    read = {name for one, _ in edges for name in (one.field, *ORDER)}
    return (
        rows.select(PERSON, *sorted(read - {PERSON}), *added)
        .group_by(PERSON)
        .agg(
            *(
                COMBINES[one.how].aggregate(nw.col(value_name(index))).alias(value_name(index))
                for one, index in numbers
            ),
            *(_edge(one).alias(value_name(index)) for one, index in edges),
        )
    )


def _edge(one: Reduction) -> nw.Expr:
    """Return the field of the first or the last row by the total order."""
    field = nw.col(one.field)
    return field.last(order_by=ORDER) if one.how == "latest" else field.first(order_by=ORDER)


def _is_last_gap(one: Reduction) -> bool:
    return one.field == GAP and one.how == "latest" and one.where == EVERY


def _last_gap(rows: Frame, index: int) -> Frame:
    """Return the time between the last two rows, without sorting.

    The time is 0 if two rows share the last instant.
    """
    last = rows.select(PERSON, "t", _last=nw.col("t").max().over(PERSON))
    is_last = nw.col("t") == nw.col("_last")
    split = last.select(
        PERSON,
        "_last",
        _times=nw.when(is_last).then(int_lit(1)).otherwise(int_lit(0)),
        _before=nw.when(is_last).then(int_lit(NEVER)).otherwise(nw.col("t")),
    )
    ends = split.group_by(PERSON).agg(nw.col("_last").max(), nw.col("_before").max(), nw.col("_times").sum())
    alone = (nw.col("_times") == 1) & (nw.col("_before") > NEVER)
    gap = nw.when(alone).then(nw.col("_last") - nw.col("_before")).otherwise(int_lit(0))
    return ends.select(PERSON, gap.alias(value_name(index)))


def same_edges(placed: Iterable[Placed]) -> Iterable[Sequence[Placed]]:
    """Return the reductions that read single rows, grouped by the row they read."""
    groups: dict[tuple[Stream, Tree, str], list[Placed]] = {}
    for one, index in placed:
        if one.is_edge:
            groups.setdefault((one.stream, one.where, one.how), []).append((one, index))
    return groups.values()


def reads_gap(reduction: Reduction) -> bool:
    """Return whether a reduction needs the time since the previous row."""
    return reduction.field in GAP_FIELDS or not _condition_fields(reduction).isdisjoint(GAP_FIELDS)


def fields_read(reduction: Reduction) -> frozenset[str]:
    """Return the names of the fields that a reduction reads."""
    names = {reduction.field, "kind" if reduction.stream.kind else ""}
    return _condition_fields(reduction) | names - {""}


def _ignores_ties(reduction: Reduction) -> bool:
    """Return whether the order of rows of one instant does not change the value: it depends on gaps alone."""
    if reduction.is_edge or reduction.field not in ("", *GAP_FIELDS):
        return False
    return _condition_fields(reduction).issubset(GAP_FIELDS)


@lru_cache(maxsize=1_024)
def _condition_fields(reduction: Reduction) -> frozenset[str]:
    """Return the names of the fields that the condition of a reduction reads."""
    return frozenset(fact.name for fork in forks(reduction.where) for fact in facts_of(fork.test))


def with_gap(rows: Frame, *people: str, order: Sequence[str] = ORDER) -> Frame:
    """Add to each row the fields that depend on the person's previous row."""
    before = nw.col("t").shift(1).over(*people, order_by=order)
    return with_gap_fields(rows.with_columns(_before=before), "_before").drop("_before")


def with_gap_fields(rows: Frame, before: str) -> Frame:
    """Add `GAP_FIELDS` to rows that have the instant of the previous row in a column; it is null for the first row."""
    gap, hours, squared = GAP_FIELDS
    rows = rows.with_columns((nw.col("t") - nw.col(before)).fill_null(0).cast(nw.Int64()).alias(gap))
    rows = rows.with_columns(_whole_hours().alias(hours))
    return rows.with_columns((nw.col(hours) * nw.col(hours)).alias(squared))


@cache
def _whole_hours() -> nw.Expr:
    return divided(nw.col(GAP), int_lit(HOUR)).cast(nw.Int64())


@lru_cache(maxsize=1_024)
def belongs(reduction: Reduction) -> nw.Expr | None:
    """Return the condition for the rows of a reduction; None for all rows."""
    conditions: list[nw.Expr] = []
    if reduction.stream.kind:
        conditions.append(nw.col("kind") == reduction.stream.kind)
    if reduction.where != EVERY:
        conditions.append(tree_column(reduction.where, read_field))
    return reduce(lambda a, b: a & b, conditions) if conditions else None


def read_field(field: Fact) -> nw.Expr:
    """Return the column of a field."""
    return nw.col(field.name)


def contribution(reduction: Reduction, index: int) -> nw.Expr:
    """Return the number that each row adds: its field, or the neutral number."""
    neutral = nw.lit(COMBINES[reduction.how].neutral, nw.Int64())
    value = nw.col(reduction.field) if reduction.field else nw.lit(1, nw.Int64())
    condition = belongs(reduction)
    if condition is None:
        return value.alias(value_name(index))
    return nw.when(condition).then(value).otherwise(neutral).alias(value_name(index))


# ---- engines without ordered aggregates ----------------------------------------------------------------------------


def _stacked(
    tables: Mapping[str, Frame], chosen: Mapping[str, Sequence[Placed]], at: int, roots: Iterable[str]
) -> Frame:
    """Return the values of all tables in one pass over their rows, one table below the other.

    Spark and databases take minutes to plan a join for each table.
    """
    parts = [_prepared(_counting(tables[name], placed, at), placed) for name, placed in chosen.items()]
    has_everyone = {name for name, placed in chosen.items() if not placed[0][0].stream.living}
    people = [_started(tables[name], at).select(PERSON) for name in roots if name not in has_everyone]
    values = (pair for placed in chosen.values() for pair in placed)
    return nw.concat([*parts, *people], how="diagonal").group_by(PERSON).agg(*(_over_rows(*pair) for pair in values))


def _over_rows(one: Reduction, index: int) -> nw.Expr:
    """Return the value of all rows; the first and the last row are the only ones with a value of theirs."""
    return COMBINES["largest" if one.is_edge else one.how].aggregate(nw.col(value_name(index))).alias(value_name(index))


def _prepared(rows: Frame, placed: Sequence[Placed]) -> Frame:
    """Return what each row adds to each value; for the first and the last row, null in all other rows."""
    rows = with_gap(rows, PERSON) if any(reads_gap(one) for one, _ in placed) else rows
    groups = {f"_{group[0][1]}": group for group in same_edges(placed)}
    if groups:
        rows = rows.with_columns(**{name: _belongs_as_int(group[0][0]) for name, group in groups.items()})
        rows = rows.with_columns(**{f"_number{name}": _number(name, group[0][0]) for name, group in groups.items()})
    edges = (
        nw.when((nw.col(name) == 1) & (nw.col(f"_number{name}") == 1)).then(nw.col(one.field)).alias(value_name(index))
        for name, group in groups.items()
        for one, index in group
    )
    return rows.select(PERSON, *(contribution(*pair) for pair in placed if not pair[0].is_edge), *edges)


def _belongs_as_int(one: Reduction) -> nw.Expr:
    condition = belongs(one)
    return int_lit(1) if condition is None else to_int(condition)


def _number(name: str, one: Reduction) -> nw.Expr:
    """Number the rows of a column of 0 and 1 from the first, or from the last."""
    return nw.col(name).cum_sum(reverse=one.how == "latest").over(PERSON, order_by=ORDER)


# ---- Polars --------------------------------------------------------------------------------------------------------


def _parts_on_polars(rows: Frame, placed: Sequence[Placed], *, is_sorted: bool) -> Iterable[Frame]:
    """Yield the values, with one filter per condition.

    Polars sorts many rows slowly. Unless the rows are sorted already, only rows with the same instant are sorted.
    """
    together = [(one, index) for one, index in placed if is_sorted or not one.is_edge]
    if together:
        yield _in_one_pass(rows, together)
    for group in () if is_sorted else same_edges(placed):
        chosen = _belonging(rows, group[0][0])
        extreme = nw.col("t").max() if group[0][0].how == "latest" else nw.col("t").min()
        yield _together(chosen.filter(nw.col("t") == extreme.over(PERSON)), group)


def _in_one_pass(rows: Frame, placed: Sequence[Placed]) -> Frame:
    """Return the values of rows in one pass, with a bool column per condition.

    Bool columns are small.
    """
    from funnel._dataframes.person_rows import RowValue, reduced

    names = {(one.stream, one.where): f"_{index}" for one, index in placed}
    truths = {names[one.stream, one.where]: belongs(one) for one, _ in placed}
    conditions = {name: truth for name, truth in truths.items() if truth is not None}
    fields = sorted({one.field for one, _ in placed if one.field})

    def value(one: Reduction, index: int) -> RowValue:
        name = names[one.stream, one.where]
        return RowValue(value_name(index), _ON_POLARS[one.how], one.field, name if name in conditions else "")

    return reduced(rows.select(PERSON, *fields, **conditions), PERSON, (value(*pair) for pair in placed))


_ON_POLARS: Mapping[How, str] = {
    "sum": "sum",
    "smallest": "min",
    "largest": "max",
    "earliest": "first",
    "latest": "last",
}
"""How Polars names each way to combine the rows of a person; the first and the last row need sorted rows."""
