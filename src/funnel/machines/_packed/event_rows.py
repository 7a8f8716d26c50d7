"""Rows that begin or cease to count, from all tables that the plan reads, as arrays of integers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

import attrs
import narwhals as nw
import numpy as np
import polars as pl

from funnel._aggregate.aggregations import GAP_FIELDS, ORDER, POST_AGGREGATIONS, Reduction
from funnel._aggregate.group_by import PERSON, belongs, fields_read, reads_gap, with_gap_fields
from funnel._dataframes.adapter import Frame
from funnel._dataframes.blocks import Block, in_blocks
from funnel._dataframes.compute import collected
from funnel._dataframes.loops import Run, Whole
from funnel._expr.to_narwhals import int_lit
from funnel._ledger.streams import ROOTS
from funnel.facts._schema import FactSchema
from funnel.logs.derived import arrivals
from funnel.machines._causes import ORDERED, RECORD, candidates
from funnel.machines._packed.loops import BITS, END, FIELDS, Chain, Instants, gap_spans, running_values

# ---- records that caused transitions, in local memory ----------------------------------------------------------------

# Records are sorted only if an instant has two records.


def records_near(plan: FactSchema, tables: Mapping[str, Frame], moved: Frame, at: str) -> Frame:
    """Return the record that caused each change, like `records_of`."""
    near: pl.DataFrame = collected(nw.to_native(candidates(plan, tables, moved, at)))
    hashes = near.select(pl.struct(PERSON, "t").hash()).to_series()
    tied = hashes.is_duplicated()
    first = near.filter(tied).sort(ORDERED).unique([PERSON, "t"], keep="first")
    one = pl.concat([near.filter(~tied), first]).rename({"t": at})
    frame: Frame = nw.from_native(one.select(PERSON, at, *RECORD).lazy())
    return frame


# ---- rows of events --------------------------------------------------------------------------------------------------


T = TypeVar("T")

MOST_REDUCTIONS = 63
"""Maximum number of reductions: one bit of a row for each."""

Tables: TypeAlias = Mapping[str, pl.DataFrame]
"""Rows by the name of their table."""


@attrs.frozen(eq=False)
class EventRows:
    """Events of everyone, and their rows.

    Attributes:
        plan: The facts.
        events: The events.
        rows: The columns of each row.
        reductions: The columns of each reduction.
        empties: The value of each reduction if no row counts.
    """

    plan: FactSchema
    events: Events
    rows: Whole
    reductions: Whole
    empties: Whole

    @classmethod
    def of(cls, plan: FactSchema, tables: Tables, texts: Mapping[str, int], now: int, run: Run) -> EventRows:
        """Create the event rows of the tables that `read_tables` returned; texts become numbers."""
        ready = {name: _with_gaps(plan, name, rows, now, run) for name, rows in tables.items()}
        fields = {name: _fields(plan, name) for name in ready}
        width = FIELDS + max(map(len, fields.values()))
        parts = [_columns(plan, name, rows, fields[name], texts, width) for name, rows in ready.items()]
        events = Events.of(pl.concat([rows.select(PERSON, "start", "end") for rows in ready.values()]), now)
        reductions = np.array([_reduction(one, fields.get(one.stream.table, ())) for one in plan.reductions], np.int64)
        empties = [texts[one.empty] if isinstance(one.empty, str) else one.empty for one in plan.reductions]
        return cls(plan, events, np.concatenate(parts), reductions.reshape(-1, 3), np.array(empties, np.int64))

    def in_blocks(self, work: Callable[[Values], T], run: Run) -> list[T]:
        """Compute the values of everyone, and process blocks of people, several blocks at once."""

        def process(block: Block) -> T:
            shape = len(self.reductions), len(block.t)
            out = Instants(np.empty(shape[1], np.int64), np.empty(shape[1], np.int64), np.empty(shape, np.int64))
            heaps = np.empty((shape[0], int(np.diff(block.starts).max())), np.int64)
            assert block.value is not None
            read = block.value, self.rows.take(block.value >> 1, axis=0), self.reductions, self.empties
            count = run(running_values, block.starts, block.t, *read, heaps, out)
            values = [*out.values[:, :count]]
            for one, (_, parts) in zip(self.plan.derived, self.plan.finishes, strict=True):
                values.append(POST_AGGREGATIONS[one.how].array(*(values[part] for part in parts)))
            return work(Values(block.person, out.persons[:count], out.at[:count], values))

        return in_blocks(*self.events, process, run)


class Events(NamedTuple):
    """The person, instant and code of each event."""

    person: pl.Series
    at: Whole
    codes: Whole

    @classmethod
    def of(cls, rows: pl.DataFrame, now: int) -> Events:
        """Return the events of rows up to and including an instant."""
        start, end = (rows[name].to_numpy() for name in ("start", "end"))
        has_ended = np.flatnonzero(end <= now)
        person = pl.concat([rows[PERSON], rows[PERSON].gather(has_ended)])
        codes = np.concatenate([2 * np.arange(len(rows)), 2 * has_ended + 1])
        return cls(person, np.concatenate([start, end[has_ended]]), codes)


@attrs.frozen(eq=False)
class Values:
    """The instants of some people in order, with the values behind the facts from then on.

    Attributes:
        names: Returns the ids of people, by their numbers.
        persons: The number of the person of each instant.
        at: The instants.
        values: The values at each instant.
    """

    names: Callable[[Whole], pl.Series]
    persons: Whole
    at: Whole
    values: list[Whole]


# ---- tables --------------------------------------------------------------------------------------------------------


def read_tables(plan: FactSchema, tables: Mapping[str, Frame], now: int) -> Tables:
    """Return the rows of each table that the plan reads, up to and including an instant.

    Under "" are the first instants of everyone, from root tables that the plan does not read.
    """
    read = [name for name in dict.fromkeys(one.stream.table for one in plan.reductions) if name in tables]
    ready = {name: _read(_of_table(plan, name), tables[name], now) for name in read}
    rest = {name: tables[name] for name in ROOTS if name in tables and name not in read}
    return {**ready, "": _read({}, arrivals(rest), now)} if rest else ready


def _of_table(plan: FactSchema, name: str) -> Mapping[int, Reduction]:
    """Return the reductions of a table, by index."""
    return {index: one for index, one in enumerate(plan.reductions) if one.stream.table == name}


def _read(chosen: Mapping[int, Reduction], table: Frame, now: int) -> pl.DataFrame:
    names = {field for one in chosen.values() for field in fields_read(one)} - {*GAP_FIELDS}
    is_ordered = any(one.is_edge or reads_gap(one) for one in chosen.values())
    read = dict.fromkeys([PERSON, "start", "end", *(ORDER if is_ordered else ()), *sorted(names)])
    valid = table.filter((nw.col("start") <= now) & (nw.col("start") < nw.col("end")))
    rows: pl.DataFrame = collected(nw.to_native(valid.select(*read)))
    return _in_order(rows) if is_ordered else rows


def _in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Sort the rows that share their person and `t` with another row, after all other rows.

    A row that replaces another row comes after it.
    """
    is_tied = rows.select(pl.struct(PERSON, "t").hash()).to_series().is_duplicated()
    return pl.concat([rows.filter(~is_tied), rows.filter(is_tied).sort(*ORDER, "start")]) if is_tied.any() else rows


def _with_gaps(plan: FactSchema, name: str, rows: pl.DataFrame, now: int, run: Run) -> pl.DataFrame:
    """Return each row once for each of its gaps, if a reduction of the table reads gaps."""
    if not any(reads_gap(one) for one in _of_table(plan, name).values()):
        return rows
    t, end = (rows[column].to_numpy().copy() for column in ("t", "end"))
    chain = Chain(t, end, *(np.empty(len(rows), np.int64) for _ in range(3)))

    def of_block(block: Block) -> Whole:
        spans = np.empty((3 * len(block.t), 4), np.int64)
        count: int = run(gap_spans, block.starts, block.t, block.value, chain, spans)
        return spans[:count]

    spans = np.concatenate([np.zeros((0, 4), np.int64), *in_blocks(*Events.of(rows, now), of_block, run)])
    row, before, start, until = spans[np.argsort(spans[:, 0], kind="stable")].T
    changed = rows[row].with_columns(_before=before, start=start, end=until)
    with_gaps: pl.DataFrame = collected(nw.to_native(with_gap_fields(nw.from_native(changed.lazy()), "_before")))
    return with_gaps


# ---- columns of rows and reductions --------------------------------------------------------------------------------


def _fields(plan: FactSchema, name: str) -> Sequence[str]:
    """Return the fields of a table that reductions need, in order of their columns."""
    chosen = _of_table(plan, name).values()
    return sorted({field for one in chosen for field in ("t" if one.is_edge else "", one.field)} - {""})


def _reduction(one: Reduction, fields: Sequence[str]) -> tuple[int, int, int]:
    """Return the columns of a reduction: its direction, the column of its key and the column of its value."""
    columns = {name: column for column, name in enumerate(fields, FIELDS)}
    return _DIRECTIONS[one.how], columns.get("t" if one.is_edge else one.field, 0), columns.get(one.field, 0)


_DIRECTIONS: Mapping[str, int] = {"sum": 0, "smallest": -1, "earliest": -1, "largest": 1, "latest": 1}


def _columns(  # noqa: PLR0913, PLR0917 (parts of one table)
    plan: FactSchema, name: str, rows: pl.DataFrame, fields: Sequence[str], texts: Mapping[str, int], width: int
) -> Whole:
    """Return the columns of each row of a table."""
    bits = int_lit(0)
    for index, one in _of_table(plan, name).items():
        condition, bit = belongs(one), int_lit(1 << index)
        bits += bit if condition is None else nw.when(condition).then(bit).otherwise(int_lit(0))
    marked: pl.DataFrame = collected(nw.to_native(nw.from_native(rows.lazy()).with_columns(_bits=bits)))
    columns = np.zeros((len(rows), width), np.int64)
    columns[:, BITS], columns[:, END] = marked["_bits"].to_numpy(), rows["end"].to_numpy()
    for index, field in enumerate(fields, FIELDS):
        columns[:, index] = _whole(rows[field], texts)
    return columns


def _whole(values: pl.Series, texts: Mapping[str, int]) -> Whole:
    """Return the values of a field as integers.

    All texts that no rule names have the same number.
    """
    if values.dtype != pl.String:
        return values.cast(pl.Int64).to_numpy()
    return values.replace_strict(texts, default=len(texts), return_dtype=pl.Int64).to_numpy()
