"""Day scan: one pass over the ledger rows that updates each person's values day by day.

A row counts from the first day on which the shop knew it. If a row of a person ceases to count, all values of that
person are computed anew on that day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import narwhals as nw
import numpy as np

from funnel._aggregate.aggregations import COMBINES, EDGES, ORDER, Reduction, Stream
from funnel._aggregate.group_by import PERSON, Placed, belongs
from funnel._dataframes.adapter import Frame
from funnel._dataframes.compute import collected
from funnel._expr.to_narwhals import int_lit
from funnel._expr.tree import Tree
from funnel._time import FOREVER
from funnel.backtest._figures import Indices, Whole

PERSON_NUMBER = "_person_number"
"""Name of the column with the numbers of people, in the order of their ids."""


@attrs.frozen(eq=False)
class RowDays:
    """The days on which rows begin and cease to count.

    Attributes:
        persons: Number of the person of each row.
        starts: Index of the first day on which the row counts.
        ends: Index of the first day on which the row no longer counts.
        by_first_day: Rows sorted by first day; the rows of one day lie between two entries of `day_starts`.
        day_starts: Start of each day's rows in `by_first_day`.
        own: Rows by person, and the start of each person's rows; None if no row ceases to count.
    """

    persons: Indices
    starts: Indices
    ends: Indices
    by_first_day: Indices
    day_starts: Indices
    own: tuple[Indices, Indices] | None

    @classmethod
    def of(cls, persons: Indices, starts: Indices, ends: Indices, people: int, days: int) -> RowDays:
        """Sort the rows; a row that begins and ceases between two days never counts."""
        counting = np.flatnonzero(starts < ends)
        sorted_rows = counting[np.argsort(starts[counting], kind="stable")]
        starts_of_days = np.searchsorted(starts[sorted_rows], np.arange(days + 1))
        if (ends[counting] >= days).all():
            return cls(persons, starts, ends, sorted_rows, starts_of_days, None)
        by_person = counting[np.argsort(persons[counting], kind="stable")]
        return cls(
            persons,
            starts,
            ends,
            sorted_rows,
            starts_of_days,
            (by_person, np.searchsorted(persons[by_person], np.arange(people + 1))),
        )

    def beginning(self, day: int) -> Indices:
        """Return the rows that begin to count on a day."""
        return self.by_first_day[self.day_starts[day] : self.day_starts[day + 1]]

    def renewed(self, day: int) -> tuple[Indices, Indices]:
        """Return the people who lose a row on a day, and their counting rows."""
        if self.own is None:
            return _NONE, _NONE
        rows, firsts = self.own
        people = np.unique(self.persons[rows[self.ends[rows] == day]])
        lengths = firsts[people + 1] - firsts[people]
        offset = np.repeat(firsts[people] - (lengths.cumsum() - lengths), lengths)
        theirs = rows[offset + np.arange(lengths.sum())]
        return people, theirs[(self.starts[theirs] <= day) & (self.ends[theirs] > day)]


_NONE: Indices = np.empty(0, np.intp)


@attrs.frozen(eq=False)
class Value:
    """Current value of one reduction for every person.

    Attributes:
        index: Index of the reduction.
        one: The reduction.
        how: How row numbers are combined.
        of_rows: Number of each row: a field, 1, or the row's index in order if the value is looked up.
        now: Value of each person.
        looked_up: Values by row index for a lookup; None if the value is a number itself.
    """

    index: int
    one: Reduction
    how: str
    of_rows: Whole
    now: Whole
    looked_up: Any

    @classmethod
    def of(cls, one: Reduction, index: int, rows: nw.DataFrame[Any], people: int) -> Value:
        """Return the value before the first row."""
        how = EDGES.get(one.how, one.how)
        now = np.full(people, COMBINES[how].neutral, np.int64)
        if one.is_edge:
            return cls(index, one, how, np.arange(len(rows)), now, rows[one.field].to_numpy())
        of_rows = rows[one.field].to_numpy() if one.field else np.ones(len(rows), np.int64)
        return cls(index, one, how, of_rows, now, None)

    def put(self, rows: Indices, persons: Indices) -> None:
        """Add rows to the values of their people."""
        getattr(np, COMBINES[self.how].ufunc).at(self.now, persons[rows], self.of_rows[rows])

    def renew(self, people: Indices, rows: Indices, persons: Indices) -> None:
        """Compute the values of some people anew from their counting rows."""
        self.now[people] = COMBINES[self.how].neutral
        self.put(rows, persons)

    def column(self, here: Indices) -> Any:
        """Return the values of some people, `empty` if a person has no row."""
        values, empty = self.now[here], self.one.empty
        none = values == COMBINES[self.how].neutral
        if self.looked_up is None:
            return np.where(none, empty, values)
        values_or_empty = np.full(len(here), empty, self.looked_up.dtype)
        values_or_empty[~none] = self.looked_up[values[~none]]
        return values_or_empty.tolist() if isinstance(empty, str) else values_or_empty


@attrs.frozen(eq=False)
class DayScan:
    """The rows that meet one condition, and the values computed from these rows."""

    row_days: RowDays
    values: Sequence[Value]

    def step(self, day: int) -> None:
        """Advance to a day; call it for every day in order."""
        fresh = self.row_days.beginning(day)
        people, theirs = self.row_days.renewed(day)
        for value in self.values:
            value.put(fresh, self.row_days.persons)
            value.renew(people, theirs, self.row_days.persons)


def day_scans(tables: Mapping[str, Frame], placed: Iterable[Placed], names: Frame, days: Whole) -> Iterator[DayScan]:
    """Yield the walks that compute some reductions, before the first day.

    Args:
        tables: Tables of the ledger, in local memory.
        placed: The reductions with their indexes; their tables exist.
        names: All people with their numbers.
        days: The days, in order.
    """
    people = len(collected(names.select(PERSON_NUMBER)))
    groups: dict[tuple[Stream, Tree], list[Placed]] = {}
    for one, index in placed:
        groups.setdefault((one.stream, one.where), []).append((one, index))
    for group in groups.values():
        rows = _rows(tables[group[0][0].stream.table], group, names, int(days[-1]))
        starts = np.searchsorted(days, rows["start"].to_numpy())
        ends = np.searchsorted(days, rows["end"].to_numpy())
        row_days = RowDays.of(rows[PERSON_NUMBER].to_numpy(), starts, ends, people, len(days))
        yield DayScan(row_days, [Value.of(one, index, rows, people) for one, index in group])


def _rows(table: Frame, group: Sequence[Placed], names: Frame, last: int) -> nw.DataFrame[Any]:
    """Return the rows that meet a group's condition, sorted if values are looked up."""
    first = group[0][0]
    condition = belongs(first)
    rows = table.filter(nw.col("start") <= last)
    chosen = rows if condition is None else rows.filter(condition)
    fields = {one.field for one, _ in group if one.field}
    order = ORDER if any(one.is_edge for one, _ in group) else ()
    end = nw.col("end") if first.stream.living else int_lit(FOREVER)
    selected = chosen.select(PERSON, *sorted({*fields, *order, "start"}), _end=end).join(names, on=PERSON, how="inner")
    collected_rows: nw.DataFrame[Any] = collected(
        (selected.sort(*order) if order else selected).rename({"_end": "end"})
    )
    return collected_rows
