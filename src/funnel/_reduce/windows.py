"""The running window of a reduction: all people, at every instant at which something of theirs counts or ceases to.

A table whose rows cease to count is cut, for each person, into epochs that begin where a row ceases; within an epoch
the rows that count only grow in number, so plain windows are exact. Window functions stand over plain columns that
hold no nulls, which is what every engine does alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import narwhals as nw

from funnel._frames import laid_down
from funnel._instants import FOREVER, NEVER
from funnel._reduce.aggregates import PERSON, belongs, completed, reads_gap, same_edges, taken, value_name, with_gap
from funnel._reduce.forms import EDGES, GAP, MONOIDS, ORDER, Reduction

Frame = nw.LazyFrame[Any]
AT = "t"
"""The column of the instants, in microseconds."""

_EPOCH = "_epoch"
_WHOLE = (PERSON, _EPOCH)


def running(tables: Mapping[str, Frame], reductions: Sequence[Reduction], at: int) -> Frame:
    """The values of the reductions at each person's own instants, up to and with `at`: one row a person and instant."""
    placed = [(reduction, place) for place, reduction in enumerate(reductions)]
    started = {name: table.filter(nw.col("start") <= at) for name, table in tables.items()}
    ends = {one.stream.table for one in reductions if one.stream.living}
    cut = {
        name: laid_down(epochs_of(table, at) if name in ends else one_epoch(table)) for name, table in started.items()
    }
    line = laid_down(_timeline(cut.values()))
    for name, table in cut.items():
        chosen = [(one, place) for one, place in placed if one.stream.table == name]
        if chosen:
            line = laid_down(_aligned(line, laid_down(_steps(table, chosen))))
    return completed(line, tables, placed)


def one_epoch(table: Frame) -> Frame:
    zero = nw.lit(0, nw.Int64())
    return table.with_columns(_epoch=zero, _from=nw.lit(NEVER, nw.Int64()), _at=nw.col("start"), _row=zero + 1)


def epochs_of(table: Frame, at: int) -> Frame:
    """Every row once for each epoch in which it counts, and one empty row to open each epoch."""
    begins = nw.concat(
        [
            table.select(PERSON, _from=nw.lit(NEVER, nw.Int64())),
            table.filter(nw.col("end") <= at).select(PERSON, _from=nw.col("end")),
        ],
    ).unique()
    bounded = begins.with_columns(_until=nw.col("_from").shift(-1).over(PERSON, order_by="_from"))
    bounded = bounded.with_columns(nw.col("_until").fill_null(FOREVER).cast(nw.Int64()), _epoch=nw.col("_from"))
    rows = table.join(bounded, on=PERSON, how="inner").filter(
        (nw.col("start") < nw.col("_until")) & (nw.col("end") > nw.col("_from")),
    )
    late = nw.col("start") > nw.col("_from")
    shown = rows.with_columns(
        _at=nw.when(late).then(nw.col("start")).otherwise(nw.col("_from")), _row=nw.lit(1, nw.Int64())
    )
    columns = shown.collect_schema().names()
    opening = bounded.filter(nw.col("_from") > NEVER).with_columns(_at=nw.col("_from"), _row=nw.lit(0, nw.Int64()))
    return nw.concat([shown.select(columns), _blank(opening, table).select(columns)])


def _blank(opening: Frame, table: Frame) -> Frame:
    """Rows with the columns of a table and nothing in them, dated before all others."""
    schema = table.collect_schema()
    blank = {
        name: nw.lit("", nw.String()) if isinstance(dtype, nw.String) else nw.lit(NEVER, nw.Int64())
        for name, dtype in schema.items()
        if name != PERSON
    }
    return opening.with_columns(**blank)


def _timeline(cuts: Iterable[Frame]) -> Frame:
    return nw.concat([cut.select(PERSON, nw.col("_at").alias(AT)) for cut in cuts]).unique()


def _steps(rows: Frame, placed: Sequence[tuple[Reduction, int]]) -> Frame:
    """The values after each instant of one table: person, instant, and a column a reduction."""
    if any(reads_gap(one) for one, _ in placed):
        rows = with_opening_gaps(rows)
    numbered = laid_down(rows.with_columns(_turn=nw.col("_row").cum_sum().over(*_WHOLE, order_by=ORDER)))
    held = numbered.with_columns(*(_taken(one, place) for one, place in placed))
    summed = held.with_columns(*(_window(one, place) for one, place in placed))
    after = nw.col("_at").shift(-1).over(*_WHOLE, order_by=ORDER)
    last = summed.with_columns(_after=after).with_columns(nw.col("_after").fill_null(FOREVER).cast(nw.Int64()))
    stepped = laid_down(last.filter(nw.col("_after") > nw.col("_at")))
    for group in same_edges(placed):
        stepped = _looked_up(stepped, numbered, group)
    return stepped.select(PERSON, nw.col("_at").alias(AT), *(value_name(place) for _, place in placed))


def with_opening_gaps(rows: Frame) -> Frame:
    """Each row with its gap, counted from the row before it in its epoch; the row that opens an epoch is none."""
    told = with_gap(rows.filter(nw.col("_row") == 1), *_WHOLE)
    blank = rows.filter(nw.col("_row") == 0).with_columns(nw.lit(0, nw.Int64()).alias(GAP))
    return nw.concat([told, blank.select(told.collect_schema().names())])


def _taken(one: Reduction, place: int) -> nw.Expr:
    """What each row gives: its field, or for a value that is looked up, its turn among the rows."""
    if not one.is_edge:
        there = taken(one, place)
        neutral = nw.lit(MONOIDS[one.how].neutral, nw.Int64())
        return nw.when(nw.col("_row") == 1).then(there).otherwise(neutral).alias(value_name(place))
    none = 0 if one.how == "latest" else FOREVER
    condition = belongs(one)
    there = nw.col("_row") == 1 if condition is None else (nw.col("_row") == 1) & condition
    return nw.when(there).then(nw.col("_turn")).otherwise(nw.lit(none, nw.Int64())).alias(value_name(place))


def _window(one: Reduction, place: int) -> nw.Expr:
    column = nw.col(value_name(place))
    return MONOIDS[EDGES.get(one.how, one.how)].window(column).over(*_WHOLE, order_by=ORDER)


def _looked_up(stepped: Frame, rows: Frame, group: Sequence[tuple[Reduction, int]]) -> Frame:
    """Turn the turns of rows into the values of those rows."""
    places = [place for _, place in group]
    turns = stepped.with_columns(_edge=nw.col(value_name(places[0]))).drop(*(value_name(place) for place in places))
    values = rows.filter(nw.col("_row") == 1).select(
        *_WHOLE, nw.col("_turn").alias("_edge"), *(nw.col(one.field).alias(value_name(place)) for one, place in group)
    )
    return turns.join(values, on=[*_WHOLE, "_edge"], how="left").drop("_edge")


def _aligned(line: Frame, steps: Frame) -> Frame:
    """Carry the values of one table forward to every instant of the timeline."""
    one = nw.lit(1, nw.Int64())
    own = steps.with_columns(_mark=one)
    marked = line.join(own.select(PERSON, AT, "_mark"), on=[PERSON, AT], how="left")
    marked = marked.with_columns(nw.col("_mark").fill_null(0).cast(nw.Int64()))
    counted = marked.with_columns(_turn=nw.col("_mark").cum_sum().over(PERSON, order_by=AT)).drop("_mark")
    turned = own.with_columns(_turn=nw.col("_mark").cum_sum().over(PERSON, order_by=AT)).drop("_mark", AT)
    return counted.join(turned, on=[PERSON, "_turn"], how="left").drop("_turn")
