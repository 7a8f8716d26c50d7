"""One walk through the rows of the ledger: each is put to the values of its person on the first day by which it counts.

A person of whom a row ceases to count is put together anew on that day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import narwhals as nw
import numpy as np

from funnel._computing import collected
from funnel._instants import FOREVER
from funnel._lift.columns import whole
from funnel._lift.tree import Tree
from funnel._reduce.aggregates import PERSON, Placed, belongs
from funnel._reduce.forms import EDGES, MONOIDS, ORDER, Reduction, Stream
from funnel.metrics.backtest.figures import Places, Whole

if TYPE_CHECKING:
    from funnel._frames import Frame

WHO = "_who"
"""The column of the numbers of people, by the order of their names."""


@attrs.frozen(eq=False)
class Turns:
    """The days on which rows begin and cease to count.

    Attributes:
        who: The number of the person of each row.
        starts: The place of the first day by which the row counts.
        ends: The place of the first day by which it counts no more.
        begun: The rows by the day they begin; those of a day lie between two of `marks`.
        marks: Where the rows of each day begin among them.
        own: The rows by person, and where those of each person begin; None where no row ceases to count.
    """

    who: Places
    starts: Places
    ends: Places
    begun: Places
    marks: Places
    own: tuple[Places, Places] | None

    @classmethod
    def of(cls, who: Places, starts: Places, ends: Places, people: int, days: int) -> Turns:
        """Put the rows in order; one that begins and ceases between two days never counts."""
        counting = np.flatnonzero(starts < ends)
        begun = counting[np.argsort(starts[counting], kind="stable")]
        marks = np.searchsorted(starts[begun], np.arange(days + 1))
        if (ends[counting] >= days).all():
            return cls(who, starts, ends, begun, marks, None)
        by_person = counting[np.argsort(who[counting], kind="stable")]
        return cls(who, starts, ends, begun, marks, (by_person, np.searchsorted(who[by_person], np.arange(people + 1))))

    def beginning(self, day: int) -> Places:
        """The rows that begin to count by a day."""
        return self.begun[self.marks[day] : self.marks[day + 1]]

    def renewed(self, day: int) -> tuple[Places, Places]:
        """The people of whom a row ceases to count by a day, and the rows of theirs that count."""
        if self.own is None:
            return _NOBODY, _NOBODY
        rows, firsts = self.own
        people = np.unique(self.who[rows[self.ends[rows] == day]])
        lengths = firsts[people + 1] - firsts[people]
        offset = np.repeat(firsts[people] - (lengths.cumsum() - lengths), lengths)
        theirs = rows[offset + np.arange(lengths.sum())]
        return people, theirs[(self.starts[theirs] <= day) & (self.ends[theirs] > day)]


_NOBODY: Places = np.empty(0, np.intp)


@attrs.frozen(eq=False)
class Value:
    """The value of one reduction of everyone, as far as the walk has come.

    Attributes:
        place: Its place among the reductions.
        one: The reduction.
        how: How the numbers of rows are put together.
        of_rows: The number of each row: a field, 1, or for a value that is looked up, its place in order.
        now: The value of each person.
        looked_up: What a value is looked up in by the place of its row; None where it is a number of its own.
    """

    place: int
    one: Reduction
    how: str
    of_rows: Whole
    now: Whole
    looked_up: Any

    @classmethod
    def of(cls, one: Reduction, place: int, rows: nw.DataFrame[Any], people: int) -> Value:
        """The value before the first row."""
        how = EDGES.get(one.how, one.how)
        now = np.full(people, MONOIDS[how].neutral, np.int64)
        if one.is_edge:
            return cls(place, one, how, np.arange(len(rows)), now, rows[one.field].to_numpy())
        of_rows = rows[one.field].to_numpy() if one.field else np.ones(len(rows), np.int64)
        return cls(place, one, how, of_rows, now, None)

    def put(self, rows: Places, who: Places) -> None:
        """Put rows to the values of their people."""
        getattr(np, MONOIDS[self.how].ufunc).at(self.now, who[rows], self.of_rows[rows])

    def renew(self, people: Places, rows: Places, who: Places) -> None:
        """Put the values of some people together anew, from the rows of theirs that count."""
        self.now[people] = MONOIDS[self.how].neutral
        self.put(rows, who)

    def column(self, here: Places) -> Any:
        """The values of some people, `empty` where there is no row."""
        values, empty = self.now[here], self.one.empty
        none = values == MONOIDS[self.how].neutral
        if self.looked_up is None:
            return np.where(none, empty, values)
        told = np.full(len(here), empty, self.looked_up.dtype)
        told[~none] = self.looked_up[values[~none]]
        return told.tolist() if isinstance(empty, str) else told


@attrs.frozen(eq=False)
class Walk:
    """The rows that meet one condition, and the values that are put together from them."""

    turns: Turns
    values: Sequence[Value]

    def step(self, day: int) -> None:
        """Go on to a day; days are gone through in order, none is left out."""
        fresh = self.turns.beginning(day)
        people, theirs = self.turns.renewed(day)
        for value in self.values:
            value.put(fresh, self.turns.who)
            value.renew(people, theirs, self.turns.who)


def walks(tables: Mapping[str, Frame], placed: Iterable[Placed], names: Frame, days: Whole) -> Iterator[Walk]:
    """The walks that give the values of some reductions, before the first day.

    Args:
        tables: The tables of the ledger, in local memory.
        placed: The reductions with their places; their tables are there.
        names: Everyone with their number.
        days: The days, in order.
    """
    people = len(collected(names.select(WHO)))
    groups: dict[tuple[Stream, Tree], list[Placed]] = {}
    for one, place in placed:
        groups.setdefault((one.stream, one.where), []).append((one, place))
    for group in groups.values():
        rows = _rows(tables[group[0][0].stream.table], group, names, int(days[-1]))
        starts = np.searchsorted(days, rows["start"].to_numpy())
        ends = np.searchsorted(days, rows["end"].to_numpy())
        turns = Turns.of(rows[WHO].to_numpy(), starts, ends, people, len(days))
        yield Walk(turns, [Value.of(one, place, rows, people) for one, place in group])


def _rows(table: Frame, group: Sequence[Placed], names: Frame, last: int) -> nw.DataFrame[Any]:
    """The rows that meet the condition of a group of reductions; in order, where values are looked up in them."""
    first = group[0][0]
    condition = belongs(first)
    rows = table.filter(nw.col("start") <= last)
    chosen = rows if condition is None else rows.filter(condition)
    fields = {one.field for one, _ in group if one.field}
    order = ORDER if any(one.is_edge for one, _ in group) else ()
    end = nw.col("end") if first.stream.living else whole(FOREVER)
    told = chosen.select(PERSON, *sorted({*fields, *order, "start"}), _end=end).join(names, on=PERSON, how="inner")
    shown: nw.DataFrame[Any] = collected((told.sort(*order) if order else told).rename({"_end": "end"}))
    return shown
