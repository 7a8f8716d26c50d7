"""The rows at which something begins to count or ceases to, of all tables that are read, in order.

If rows of a person cease to count, the values of their table are computed by `funnel._reduce.windows`: a row is then an
instant from which these values hold.
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

from funnel._computing import collected
from funnel._facts.plan import Plan
from funnel._frames import Frame, kept
from funnel._lift.columns import whole
from funnel._lift.tree import Tree
from funnel._moves.many import arrivals
from funnel._packed import Whole
from funnel._packed.parts import Numbered, parted
from funnel._reduce.aggregates import PERSON, belongs, filled, reads_gap, value_name, with_gap
from funnel._reduce.forms import ORDER, Reduction, Stream
from funnel._reduce.windows import AT, steps_of
from funnel._streams import ROOTS

T = TypeVar("T")
Bits = npt.NDArray[np.uint32]
Group = tuple[Stream, Tree]
"""Reductions that keep the same rows."""

MOST_BITS = 31
"""As many bits has a mark: one for each group of reductions, and one for each table."""

ROWS = 1 << 17
"""A block has about so many rows."""

SPARSE = 16
"""Numbers of people lie near together where at most one in so many of those between least and largest is taken."""


@attrs.frozen(eq=False)
class Held:
    """What is known of the rows of one table.

    Attributes:
        stepped: The bit of a mark that says that a row is an instant from which computed values hold.
        fields: The values of its rows, by field; texts are numbers.
        steps: The values that hold from such instants on, by the places of their reductions.
        dated: Whether its rows begin to count when they happened; then there is no field `t`.
    """

    stepped: int
    fields: Mapping[str, Whole]
    steps: Mapping[int, Whole]
    dated: bool


@attrs.frozen(eq=False)
class Lines:
    """Rows of people, in any order, but for those of one person and instant.

    Attributes:
        person: The number of each row's person.
        at: When it begins to count, or from when computed values hold.
        mark: In bits, of which groups it is, or that it is an instant from which computed values hold.
        row: Its place among the rows of its table, or among such instants.
        held: What is known of the tables.
        names: Gives the people of these numbers, as they came in.
    """

    person: Whole
    at: Whole
    mark: Bits
    row: Bits
    held: Mapping[str, Held]
    names: Callable[[Whole], pl.Series]


@attrs.frozen
class Wanted:
    """What is read: the bit of each group of reductions and of each table, and the number of each text."""

    plan: Plan
    bits: Mapping[Group | str, int]
    texts: Mapping[str, int]

    @classmethod
    def of(cls, plan: Plan, texts: Iterable[str]) -> Wanted:
        """What a plan and the texts that rules name need."""
        named = {text: number for number, text in enumerate(dict.fromkeys(["", *texts]))}
        return cls(plan, {one: 1 << bit for bit, one in enumerate(bits_of(plan))}, named)

    @property
    def has_edges(self) -> bool:
        """Whether rows of one instant need their whole order."""
        return any(one.is_edge for one in self.plan.reductions)

    def of_table(self, table: str) -> Sequence[tuple[Reduction, int]]:
        """The reductions of a table, each with its place."""
        return [(one, place) for place, one in enumerate(self.plan.reductions) if one.stream.table == table]


def bits_of(plan: Plan) -> Collection[Group | str]:
    """What has a bit of a mark: each group of reductions, each table."""
    groups = dict.fromkeys((one.stream, one.where) for one in plan.reductions)
    return [*groups, *dict.fromkeys(one.stream.table for one in plan.reductions)]


def lines_of(wanted: Wanted, tables: Mapping[str, Frame], now: int) -> Lines:
    """The rows of everyone up to and with an instant."""
    read = [name for name in tables if wanted.of_table(name)]
    parts, held = [_first_rows(tables, read, now)], dict[str, Held]()
    for name in read:
        found, held[name] = _rows(wanted, tables[name], name, now)
        parts += found
    rows = pl.concat(parts, how="diagonal")
    numbered, names = _numbered(rows.sort(ORDER) if wanted.has_edges else rows)
    person, at, mark, row = (numbered[name].to_numpy() for name in ("person", "at", "mark", "row"))
    return Lines(person, at, mark, row, held, names)


def _first_rows(tables: Mapping[str, Frame], read: Collection[str], now: int) -> pl.DataFrame:
    """When anything was first recorded of everyone, as far as no table that is read says it too."""
    rest = {name: tables[name] for name in ROOTS if name in tables and name not in read}
    if not rest:
        return pl.DataFrame(schema={"at": pl.Int64, "mark": pl.UInt32, "row": pl.UInt32})
    first = arrivals(rest).filter(nw.col("start") <= now)
    native: pl.DataFrame = collected(nw.to_native(first.select(PERSON, at=nw.col("start"))))
    return native.with_columns(mark=pl.lit(0, pl.UInt32), row=pl.lit(0, pl.UInt32))


def _rows(wanted: Wanted, table: Frame, name: str, now: int) -> tuple[list[pl.DataFrame], Held]:
    """The rows of one table, and what is known of them."""
    chosen = wanted.of_table(name)
    reductions = [one for one, _ in chosen]
    rows, passing = _parted(table.filter(nw.col("start") <= now), now, living=reductions[0].stream.living)
    if any(reads_gap(one) for one in reductions):
        rows = with_gap(rows, PERSON)
    fields = sorted({one.field for one in reductions} - ({"", "t"} if passing is None else {""}))
    order = ORDER if wanted.has_edges else ()
    shown = rows.select(PERSON, *dict.fromkeys([*order, *fields]), at=nw.col("start"), mark=_mark(wanted, reductions))
    whole_rows: pl.DataFrame = collected(nw.to_native(shown))
    values = {field: _whole(whole_rows[field], wanted.texts) for field in fields}
    parts, bit = [_placed(whole_rows.select(PERSON, *order, "at", "mark"))], wanted.bits[name]
    if passing is None:
        return parts, Held(bit, values, {}, dated=True)
    part, steps = _steps(wanted, passing, chosen, now)
    return [*parts, _placed(part.with_columns(mark=pl.lit(bit)))], Held(bit, values, steps, dated=False)


def _placed(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.col("mark").cast(pl.UInt32), row=pl.int_range(pl.len(), dtype=pl.UInt32))


def _steps(
    wanted: Wanted, passing: Frame, chosen: Sequence[tuple[Reduction, int]], now: int
) -> tuple[pl.DataFrame, Mapping[int, Whole]]:
    """The instants at which values of a table change, and the values that hold from then on, by place."""
    stepped = steps_of(passing, chosen, now).with_columns(*(filled(place, one) for one, place in chosen))
    steps: pl.DataFrame = collected(nw.to_native(stepped))
    values = {place: _whole(steps[value_name(place)], wanted.texts) for _, place in chosen}
    return steps.select(PERSON, at=AT), values


def _parted(rows: Frame, now: int, *, living: bool) -> tuple[Frame, Frame | None]:
    """The rows of people whose rows of a table never cease to count, and of the others; None if there are none."""
    ended = kept(rows.filter(nw.col("end") <= now).select(PERSON).unique()) if living else None
    if ended is None or not len(collected(ended)):
        return rows, None
    return rows.join(ended, on=PERSON, how="anti"), rows.join(ended, on=PERSON, how="semi")


def _mark(wanted: Wanted, reductions: Iterable[Reduction]) -> nw.Expr:
    mark = whole(0)
    for stream, where in dict.fromkeys((one.stream, one.where) for one in reductions):
        bit = wanted.bits[stream, where]
        condition = belongs(Reduction(stream, "sum", where=where))
        mark += whole(bit) if condition is None else nw.when(condition).then(whole(bit)).otherwise(whole(0))
    return mark


def _whole(values: pl.Series, texts: Mapping[str, int]) -> Whole:
    """The values of a field as whole numbers; of texts, those that no rule names are all one number."""
    if values.dtype != pl.String:
        return values.cast(pl.Int64).to_numpy()
    return values.replace_strict(texts, default=len(texts), return_dtype=pl.Int64).to_numpy()


def _numbered(rows: pl.DataFrame) -> tuple[pl.DataFrame, Callable[[Whole], pl.Series]]:
    """People by numbers that lie near together."""
    people = rows[PERSON]
    if people.dtype.is_integer() and len(rows):
        first, last = int(people.min()), int(people.max())  # type: ignore[arg-type]
        if last - first <= SPARSE * max(len(rows), ROWS):
            numbered = rows.with_columns(person=pl.col(PERSON).cast(pl.Int64) - first)
            return numbered, lambda numbers: pl.Series(PERSON, numbers + first).cast(people.dtype)
    names = rows.select(pl.col(PERSON).unique()).with_row_index("person")
    numbered = rows.join(names, on=PERSON, maintain_order="left").with_columns(pl.col("person").cast(pl.Int64))
    return numbered, names[PERSON].gather


# ---- in order ------------------------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class Block:
    """The rows of some people, in order of people and instants."""

    lines: Lines
    person: Whole
    at: Whole
    mark: Bits
    row: Bits


def in_blocks(lines: Lines, work: Callable[[Block], T], *, stable: bool) -> list[T]:
    """Have each block of people worked on, several at once; `stable` keeps rows of one instant in their order."""
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
        parts = parted(len(lines.at), count, numbered, pool)
        return list(pool.map(block, range(count)))
