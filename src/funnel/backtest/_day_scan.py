"""Day scan: one pass over the ledger rows that updates each person's values day by day.

A row counts from the first day that it is known by. If a row of a person ceases to count, all values of that person are
computed anew on that day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import narwhals as nw
import numpy as np

from funnel._aggregate.aggregations import COMBINES, EDGES, ORDER, Reduction, Stream
from funnel._aggregate.group_by import PERSON, Placed, belongs
from funnel._dataframes.compute import collected
from funnel._expr.to_narwhals import int_lit
from funnel._expr.tree import Tree
from funnel._time import FOREVER
from funnel.backtest._figures import Places, Whole

if TYPE_CHECKING:
    from funnel._dataframes.adapter import Frame

WHO = "_who"
"""Name of the column with the numbers of people, in the order of their ids."""


@attrs.frozen(eq=False)
class Turns:
    """The days on which rows begin and cease to count.

    Attributes:
        who: Number of the person of each row.
        starts: Index of the first day on which the row counts.
        ends: Index of the first day on which the row no longer counts.
        begun: Rows sorted by first day; the rows of one day lie between two entries of `marks`.
        marks: Start of each day's rows in `begun`.
        own: Rows by person, and the start of each person's rows; None if no row ceases to count.
    """

    who: Places
    starts: Places
    ends: Places
    begun: Places
    marks: Places
    own: tuple[Places, Places] | None

    @classmethod
    def of(cls, who: Places, starts: Places, ends: Places, people: int, days: int) -> Turns:
        """Sort the rows; a row that begins and ceases between two days never counts."""
        counting = np.flatnonzero(starts < ends)
        begun = counting[np.argsort(starts[counting], kind="stable")]
        marks = np.searchsorted(starts[begun], np.arange(days + 1))
        if (ends[counting] >= days).all():
            return cls(who, starts, ends, begun, marks, None)
        by_person = counting[np.argsort(who[counting], kind="stable")]
        return cls(who, starts, ends, begun, marks, (by_person, np.searchsorted(who[by_person], np.arange(people + 1))))

    def beginning(self, day: int) -> Places:
        """Return the rows that begin to count on a day."""
        return self.begun[self.marks[day] : self.marks[day + 1]]

    def renewed(self, day: int) -> tuple[Places, Places]:
        """Return the people who lose a row on a day, and their counting rows."""
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
    """Current value of one reduction for every person.

    Attributes:
        place: Index of the reduction.
        one: The reduction.
        how: How row numbers are combined.
        of_rows: Number of each row: a field, 1, or the row's index in order if the value is looked up.
        now: Value of each person.
        looked_up: Values by row index for a lookup; None if the value is a number itself.
    """

    place: int
    one: Reduction
    how: str
    of_rows: Whole
    now: Whole
    looked_up: Any

    @classmethod
    def of(cls, one: Reduction, place: int, rows: nw.DataFrame[Any], people: int) -> Value:
        """Return the value before the first row."""
        how = EDGES.get(one.how, one.how)
        now = np.full(people, COMBINES[how].neutral, np.int64)
        if one.is_edge:
            return cls(place, one, how, np.arange(len(rows)), now, rows[one.field].to_numpy())
        of_rows = rows[one.field].to_numpy() if one.field else np.ones(len(rows), np.int64)
        return cls(place, one, how, of_rows, now, None)

    def put(self, rows: Places, who: Places) -> None:
        """Add rows to the values of their people."""
        getattr(np, COMBINES[self.how].ufunc).at(self.now, who[rows], self.of_rows[rows])

    def renew(self, people: Places, rows: Places, who: Places) -> None:
        """Compute the values of some people anew from their counting rows."""
        self.now[people] = COMBINES[self.how].neutral
        self.put(rows, who)

    def column(self, here: Places) -> Any:
        """Return the values of some people, `empty` if a person has no row."""
        values, empty = self.now[here], self.one.empty
        none = values == COMBINES[self.how].neutral
        if self.looked_up is None:
            return np.where(none, empty, values)
        told = np.full(len(here), empty, self.looked_up.dtype)
        told[~none] = self.looked_up[values[~none]]
        return told.tolist() if isinstance(empty, str) else told


@attrs.frozen(eq=False)
class Walk:
    """The rows that meet one condition, and the values computed from these rows."""

    turns: Turns
    values: Sequence[Value]

    def step(self, day: int) -> None:
        """Advance to a day; call it for every day in order."""
        fresh = self.turns.beginning(day)
        people, theirs = self.turns.renewed(day)
        for value in self.values:
            value.put(fresh, self.turns.who)
            value.renew(people, theirs, self.turns.who)


def walks(tables: Mapping[str, Frame], placed: Iterable[Placed], names: Frame, days: Whole) -> Iterator[Walk]:
    """Yield the walks that compute some reductions, before the first day.

    Args:
        tables: Tables of the ledger, in local memory.
        placed: The reductions with their indexes; their tables exist.
        names: All people with their numbers.
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
    """Return the rows that meet a group's condition, sorted if values are looked up."""
    first = group[0][0]
    condition = belongs(first)
    rows = table.filter(nw.col("start") <= last)
    chosen = rows if condition is None else rows.filter(condition)
    fields = {one.field for one, _ in group if one.field}
    order = ORDER if any(one.is_edge for one, _ in group) else ()
    end = nw.col("end") if first.stream.living else int_lit(FOREVER)
    told = chosen.select(PERSON, *sorted({*fields, *order, "start"}), _end=end).join(names, on=PERSON, how="inner")
    shown: nw.DataFrame[Any] = collected((told.sort(*order) if order else told).rename({"_end": "end"}))
    return shown
