"""Rows that begin or cease to count, from all tables that the plan reads, sorted.

A row that leaves a window is a row of its own: rows leave in the order in which they came. If rows of a person cease to
count for another reason, `funnel._aggregate.window` computes the values of their table. A row is then an instant from
which these values hold.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import attrs
import narwhals as nw
import numpy as np
import numpy.typing as npt
import polars as pl

from funnel._aggregate.aggregations import ORDER, Reduction, Stream
from funnel._aggregate.group_by import PERSON, belongs, filled, reads_gap, value_name, with_gap
from funnel._aggregate.window import AT, steps_of
from funnel._dataframes.adapter import Frame, collect_once
from funnel._dataframes.compute import collected
from funnel._expr.to_narwhals import int_lit
from funnel._expr.tree import Tree
from funnel._ledger.streams import ROOTS
from funnel.facts._schema import FactSchema
from funnel.logs.derived import arrivals
from funnel.machines._packed.partition import Numbered, Whole, partition

T = TypeVar("T")
Bits = npt.NDArray[np.uint32]
Group = tuple[Stream, Tree]
"""Key of the reductions that keep the same rows."""

MOST_BITS = 31
"""Maximum bits of a mark: one for each group of reductions, one for each table."""

ROWS = 1 << 17
"""Approximate number of rows of a block."""


@attrs.frozen(eq=False)
class Held:
    """Values of the rows of one table.

    Attributes:
        stepped: Bit of a mark for a row that is an instant from which computed values hold.
        leaving: Bit of a mark for a row that leaves a window; 0 if the table has no window.
        fields: Values of the rows by field; texts are numbers.
        steps: Values that hold from such instants on, by the index of their reduction.
        dated: Whether rows begin to count when they happened; then there is no field `t`.
    """

    stepped: int
    leaving: int
    fields: Mapping[str, Whole]
    steps: Mapping[int, Whole]
    dated: bool


@attrs.frozen(eq=False)
class EventRows:
    """Rows of people; only rows of the same person and instant are sorted.

    Attributes:
        person: Person number of each row.
        at: Instant when the row begins to count, or from which computed values hold.
        mark: Bits: the groups of the row, or that it is an instant from which computed values hold.
        row: Index among the rows of its table, or among such instants.
        held: Values of the tables.
        names: Function from person numbers to the original person ids.
    """

    person: Whole
    at: Whole
    mark: Bits
    row: Bits
    held: Mapping[str, Held]
    names: Callable[[Whole], pl.Series]


@attrs.frozen
class ReadSet:
    """The bits of groups and tables, and the numbers of texts, that a plan reads."""

    plan: FactSchema
    bits: Mapping[Group | str, int]
    texts: Mapping[str, int]

    @classmethod
    def of(cls, plan: FactSchema, texts: Iterable[str]) -> ReadSet:
        """Create the read set of a plan and of the texts that rules name."""
        named = {text: number for number, text in enumerate(dict.fromkeys(["", *texts]))}
        return cls(plan, {one: 1 << bit for bit, one in enumerate(bits_of(plan))}, named)

    @property
    def has_edges(self) -> bool:
        """Whether rows of one instant need their full order."""
        return any(one.is_edge for one in self.plan.reductions)

    def of_table(self, table: str) -> Sequence[tuple[Reduction, int]]:
        """Return the reductions of a table, each with its index."""
        return [(one, place) for place, one in enumerate(self.plan.reductions) if one.stream.table == table]


def bits_of(plan: FactSchema) -> Collection[Group | str]:
    """Return what has a bit of a mark: each group of reductions, each table, each window."""
    groups = dict.fromkeys((one.stream, one.where) for one in plan.reductions)
    tables = dict.fromkeys(one.stream.table for one in plan.reductions)
    windows = (_leaving(one.stream.table) for one in plan.reductions if one.stream.within is not None)
    return [*groups, *tables, *dict.fromkeys(windows)]


def _leaving(table: str) -> str:
    """Return the key of the bit for rows that leave the window of a table."""
    return f"leaving {table}"


def lines_of(wanted: ReadSet, tables: Mapping[str, Frame], now: int) -> EventRows:
    """Return the rows of everyone up to and including an instant."""
    read = [name for name in dict.fromkeys(one.stream.table for one in wanted.plan.reductions) if name in tables]
    parts, held = [_first_rows(tables, read, now)], dict[str, Held]()
    for name in read:
        found, held[name] = _rows(wanted, tables[name], name, now)
        parts += found
    rows = pl.concat(parts, how="diagonal")
    numbered, names = _numbered(rows.sort(ORDER) if wanted.has_edges else rows)
    person, at, mark, row = (numbered[name].to_numpy() for name in ("person", "at", "mark", "row"))
    return EventRows(person, at, mark, row, held, names)


def _first_rows(tables: Mapping[str, Frame], read: Collection[str], now: int) -> pl.DataFrame:
    """Return the first instant of everyone, from root tables not in the plan."""
    rest = {name: tables[name] for name in ROOTS if name in tables and name not in read}
    if not rest:
        return pl.DataFrame(schema={"at": pl.Int64, "mark": pl.UInt32, "row": pl.UInt32})
    first = arrivals(rest).filter(nw.col("start") <= now)
    native: pl.DataFrame = collected(nw.to_native(first.select(PERSON, at=nw.col("start"))))
    return native.with_columns(mark=pl.lit(0, pl.UInt32), row=pl.lit(0, pl.UInt32))


def _rows(wanted: ReadSet, table: Frame, name: str, now: int) -> tuple[list[pl.DataFrame], Held]:
    """Return the rows of one table, and their values."""
    chosen = wanted.of_table(name)
    reductions = [one for one, _ in chosen]
    rows, passing = _parted(table.filter(nw.col("start") <= now), now, reductions[0].stream)
    if any(reads_gap(one) for one in reductions):
        rows = with_gap(rows, PERSON)
    fields = sorted({one.field for one in reductions} - ({"", "t"} if passing is None else {""}))
    order = ORDER if wanted.has_edges else ()
    marked = {"at": nw.col("start"), "mark": _mark(wanted, reductions), "_end": nw.col("end")}
    whole_rows: pl.DataFrame = collected(nw.to_native(rows.select(PERSON, *dict.fromkeys([*order, *fields]), **marked)))
    values = {field: _whole(whole_rows[field], wanted.texts) for field in fields}
    begun, bit, leaving = _placed(whole_rows.select(PERSON, *order, *marked)), wanted.bits[name], 0
    parts = [begun.drop("_end")]
    if reductions[0].stream.within is not None:
        leaving = wanted.bits[_leaving(name)]
        left = begun.filter(pl.col("_end") <= now).with_columns(pl.col("mark") + leaving, at=pl.col("_end"))
        parts.append(left.drop("_end"))
    if passing is None:
        return parts, Held(bit, leaving, values, {}, dated=True)
    part, steps = _steps(wanted, passing, chosen, now)
    return [*parts, _placed(part.with_columns(mark=pl.lit(bit)))], Held(bit, leaving, values, steps, dated=False)


def _placed(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.col("mark").cast(pl.UInt32), row=pl.int_range(pl.len(), dtype=pl.UInt32))


def _steps(
    wanted: ReadSet, passing: Frame, chosen: Sequence[tuple[Reduction, int]], now: int
) -> tuple[pl.DataFrame, Mapping[int, Whole]]:
    """Return the instants when values of a table change, and the new values by index."""
    stepped = steps_of(passing, chosen, now).with_columns(*(filled(place, one) for one, place in chosen))
    steps: pl.DataFrame = collected(nw.to_native(stepped))
    values = {place: _whole(steps[value_name(place)], wanted.texts) for _, place in chosen}
    return steps.select(PERSON, at=AT), values


def _parted(rows: Frame, now: int, stream: Stream) -> tuple[Frame, Frame | None]:
    """Return the rows of people without ended rows, and of people with ended rows.

    A row that leaves a window has not ended. The second part is None if no row has ended.
    """
    if not stream.origin.living:
        return rows, None
    has_ended = nw.col("end") <= now
    if stream.within is not None:
        has_ended &= nw.col("end") - nw.col("t") <= stream.within
    ended = collect_once(rows.filter(has_ended).select(PERSON).unique())
    if not len(collected(ended)):
        return rows, None
    return rows.join(ended, on=PERSON, how="anti"), rows.join(ended, on=PERSON, how="semi")


def _mark(wanted: ReadSet, reductions: Iterable[Reduction]) -> nw.Expr:
    mark = int_lit(0)
    for stream, where in dict.fromkeys((one.stream, one.where) for one in reductions):
        bit = wanted.bits[stream, where]
        condition = belongs(Reduction(stream, "sum", where=where))
        mark += int_lit(bit) if condition is None else nw.when(condition).then(int_lit(bit)).otherwise(int_lit(0))
    return mark


def _whole(values: pl.Series, texts: Mapping[str, int]) -> Whole:
    """Return the values of a field as integers.

    All texts that no rule names have the same number.
    """
    if values.dtype != pl.String:
        return values.cast(pl.Int64).to_numpy()
    return values.replace_strict(texts, default=len(texts), return_dtype=pl.Int64).to_numpy()


def _numbered(rows: pl.DataFrame) -> tuple[pl.DataFrame, Callable[[Whole], pl.Series]]:
    """Return the rows with dense person numbers, and the way back to the ids."""
    names = rows.select(pl.col(PERSON).unique()).with_row_index("person")
    numbered = rows.join(names, on=PERSON, maintain_order="left").with_columns(pl.col("person").cast(pl.Int64))
    return numbered, names[PERSON].gather


# ---- sorted blocks -------------------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class Block:
    """Rows of some people, sorted by person and instant."""

    lines: EventRows
    person: Whole
    at: Whole
    mark: Bits
    row: Bits


def in_blocks(lines: EventRows, work: Callable[[Block], T], *, stable: bool) -> list[T]:
    """Run `work` on each block of people, in parallel.

    `stable` keeps the order of rows of one instant.
    """
    if not len(lines.at):
        return []
    first = int(lines.at.min())
    clock = (int(lines.at.max()) - first).bit_length()
    people = int(lines.person.max()) + 1
    shift = min((people * ROWS // len(lines.at)).bit_length(), 63 - clock)
    count = ((people - 1) >> shift) + 1
    inside = (1 << shift) - 1

    def numbered(here: slice) -> Numbered:
        who = lines.person[here]
        key = ((who & inside) << clock) | (lines.at[here] - first)
        return (who >> shift).astype(np.uint16), (key, lines.mark[here], lines.row[here])

    def block(number: int) -> T:
        key, mark, row = parts.part(number)
        order = np.argsort(key, kind="stable" if stable else None)
        ordered = key[order]
        person = (ordered >> clock) + (number << shift)
        return work(Block(lines, person, (ordered & ((1 << clock) - 1)) + first, mark[order], row[order]))

    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        parts = partition(len(lines.at), count, numbered, pool)
        return list(pool.map(block, range(count)))
