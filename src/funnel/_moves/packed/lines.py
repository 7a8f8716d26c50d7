"""The rows at which something begins to count or ceases to, of all tables that are read, in order of people and instants.

A table whose rows cease to count has the rows of those people who have such rows once for each epoch in which they
count, as `funnel._reduce.windows` cuts them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import attrs
import narwhals as nw
import numpy as np
import numpy.typing as npt
import polars as pl

from funnel._facts.plan import Plan
from funnel._frames import Frame, kept
from funnel._lift.columns import whole
from funnel._lift.tree import Tree
from funnel._moves.many import arrivals
from funnel._packed import Whole
from funnel._reduce.aggregates import PERSON, belongs, reads_gap
from funnel._reduce.forms import ORDER, Reduction, Stream
from funnel._reduce.windows import epochs_of, one_epoch, with_opening_gaps
from funnel._streams import ROOTS

Group = tuple[Stream, Tree]
"""Reductions that keep the same rows."""

OPEN = 1
"""The mark of a row that says that an epoch begins: of what its table held before, nothing counts any more."""

MOST_GROUPS = 31
"""As many groups have a bit of a mark each, beside that one."""


@attrs.frozen(eq=False)
class Held:
    """What is known of the rows of one table.

    Attributes:
        number: The number of the table.
        fields: The values of its rows, by field; texts are numbers.
        dated: Whether its rows begin to count when they happened; then there is no field `t`.
    """

    number: int
    fields: Mapping[str, Whole]
    dated: bool


@attrs.frozen(eq=False)
class Lines:
    """Rows in order of people and instants.

    Attributes:
        person: The number of each row's person.
        at: When it begins to count, or when the epoch begins in which it counts.
        table: The number of its table.
        mark: In bits, of which groups it is, and whether an epoch begins.
        row: Its place among the rows of its table.
        held: What is known of the tables.
        names: Gives the people of these numbers, as they came in.
    """

    person: Whole
    at: Whole
    table: npt.NDArray[np.uint8]
    mark: npt.NDArray[np.uint32]
    row: npt.NDArray[np.uint32]
    held: Mapping[str, Held]
    names: Callable[[Whole], pl.Series]


@attrs.frozen
class Wanted:
    """What is read: the bit of each group of reductions, and the number of each text.

    Texts are numbered as they are met; those that rules name have the first numbers.
    """

    plan: Plan
    bits: Mapping[Group, int]
    texts: Mapping[str, int]

    @classmethod
    def of(cls, plan: Plan, texts: Iterable[str]) -> Wanted:
        """What a plan and the texts that rules name need."""
        groups = dict.fromkeys((one.stream, one.where) for one in plan.reductions)
        named = {text: number for number, text in enumerate(dict.fromkeys(["", *texts]))}
        return cls(plan, {group: 1 << bit for bit, group in enumerate(groups, 1)}, named)

    @property
    def has_edges(self) -> bool:
        """Whether rows of one instant need their whole order."""
        return any(one.is_edge for one in self.plan.reductions)

    def of_table(self, table: str) -> Sequence[Reduction]:
        """The reductions of a table."""
        return [one for one in self.plan.reductions if one.stream.table == table]


def lines_of(wanted: Wanted, tables: Mapping[str, Frame], now: int) -> Lines:
    """The rows of everyone up to and with an instant, in order."""
    read = [name for name in tables if wanted.of_table(name)]
    parts, held = [_first_rows(tables, read, now)], dict[str, Held]()
    for number, name in enumerate(read, 1):
        part, held[name] = _rows(wanted, tables[name], name, number, now)
        parts.append(part)
    numbered, names = _numbered(pl.concat(parts, how="diagonal"))
    keys = ["person", "at", *(ORDER if wanted.has_edges else ("t",) if "t" in numbered.columns else ())]
    ordered = numbered.sort(keys).select("person", "at", "table", "mark", "row")
    arrays = (ordered[name].to_numpy() for name in ordered.columns)
    return Lines(*arrays, held, names)


def _first_rows(tables: Mapping[str, Frame], read: Collection[str], now: int) -> pl.DataFrame:
    """When anything was first recorded of everyone, as far as no table that is read says it too."""
    rest = {name: tables[name] for name in ROOTS if name in tables and name not in read}
    if not rest:
        return _EMPTY
    first = arrivals(rest).filter(nw.col("start") <= now)
    native: pl.DataFrame = nw.to_native(first.select(PERSON, at=nw.col("start"))).collect()
    zero = pl.lit(0)
    return native.with_columns(table=zero.cast(pl.UInt8), mark=zero.cast(pl.UInt32), row=zero.cast(pl.UInt32))


_EMPTY = pl.DataFrame(schema={"at": pl.Int64, "table": pl.UInt8, "mark": pl.UInt32, "row": pl.UInt32})


def _rows(wanted: Wanted, table: Frame, name: str, number: int, now: int) -> tuple[pl.DataFrame, Held]:
    """The rows of one table, and what is known of them."""
    reductions = wanted.of_table(name)
    cut, is_cut = _cut(table.filter(nw.col("start") <= now), now, living=reductions[0].stream.living)
    if any(reads_gap(one) for one in reductions):
        cut = with_opening_gaps(cut)
    fields = sorted({one.field for one in reductions} - ({""} if is_cut else {"", "t"}))
    order = ORDER if wanted.has_edges else ("t",) if is_cut else ()
    mark = nw.when(nw.col("_row") == 1).then(_mark(wanted, reductions)).otherwise(whole(OPEN))
    shown = cut.select(PERSON, *dict.fromkeys([*order, *fields]), at=nw.col("_at"), mark=mark)
    rows: pl.DataFrame = nw.to_native(shown).collect()
    held = Held(number, {field: _whole(rows[field], wanted.texts) for field in fields}, not is_cut)
    numbers = {"table": pl.lit(number, pl.UInt8), "row": pl.int_range(pl.len(), dtype=pl.UInt32)}
    return rows.select(PERSON, *order, "at", pl.col("mark").cast(pl.UInt32), **numbers), held


def _cut(rows: Frame, now: int, *, living: bool) -> tuple[Frame, bool]:
    """The rows of a table, cut into epochs where rows of a person cease to count; and whether any do."""
    ended = kept(rows.filter(nw.col("end") <= now).select(PERSON).unique()) if living else None
    if ended is None or not len(ended.collect()):
        return one_epoch(rows), False
    cut = epochs_of(rows.join(ended, on=PERSON, how="semi"), now).drop("_until")
    whole_ = one_epoch(rows.join(ended, on=PERSON, how="anti"))
    return nw.concat([whole_, cut.select(whole_.collect_schema().names())]), True


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
    """People by numbers."""
    people = rows[PERSON]
    if people.dtype.is_integer():
        numbered = rows.rename({PERSON: "person"}).with_columns(pl.col("person").cast(pl.Int64))
        return numbered, lambda numbers: pl.Series(PERSON, numbers).cast(people.dtype)
    names = rows.select(pl.col(PERSON).unique()).with_row_index("person")
    numbered = rows.join(names, on=PERSON).with_columns(pl.col("person").cast(pl.Int64)).drop(PERSON)
    return numbered, lambda numbers: names[PERSON].gather(numbers)
