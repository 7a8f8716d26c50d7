"""Derived streams, updated with one record at a time; each update yields its changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

import attrs

from funnel._aggregate.fold import END, Row, T
from funnel._aggregate.running import Entry, order_of
from funnel._aggregate.sorted_rows import SortedRows
from funnel._ledger.rows import Key, common, key, number
from funnel._time import FOREVER, NEVER


@attrs.frozen
class Change:
    """Row that is removed, or added before other rows of its stream."""

    row: Row
    is_added: bool


Changes = Iterator[Change]


class FollowUps:
    """Follow-ups with the instants of the two before each, and follow-ups without a later contact of the person.

    Args:
        sent: All follow-ups.
        heard: Last instant of a contact from the person.
    """

    def __init__(self, sent: Iterable[Row], heard: int) -> None:
        """Start with some follow-ups."""
        self._heard = heard
        self._sent = SortedRows(_entries(sent))
        self._open = SortedRows(entry for entry in self._sent if number(entry[1][T]) >= heard)

    def sent(self, row: Row) -> Changes:
        """Return the changes of the contacts after one more follow-up.

        The next two follow-ups change too: one of the two before them is another.
        """
        entry = order_of(row), row
        before = self._before(entry)
        following = [after for _, after in zip(range(2), self._sent.since(entry), strict=False)]
        for after in following:
            yield Change(_contact(after[1], *self._before(after)), is_added=False)
        self._sent.add(entry)
        yield Change(_contact(row, *before), is_added=True)
        for after in following:
            yield Change(_contact(after[1], *self._before(after)), is_added=True)

    def waits(self, row: Row) -> Changes:
        """Return the changes of the open follow-ups after one more follow-up."""
        if number(row[T]) >= self._heard:
            self._open.add((order_of(row), row))
            yield Change(row, is_added=True)

    def heard(self, t: int) -> Changes:
        """Return the changes of the open follow-ups after a contact from the person."""
        self._heard = max(t, self._heard)
        while self._open and number(self._open.first[1][T]) < self._heard:
            entry = self._open.first
            self._open.remove(entry)
            yield Change(entry[1], is_added=False)

    def _before(self, entry: Entry) -> tuple[int, int]:
        second = self._sent.before(entry)
        third = None if second is None else self._sent.before(second)
        return _when(second), _when(third)


def _entries(rows: Iterable[Row]) -> Iterator[Entry]:
    return ((order_of(row), row) for row in rows)


def _when(entry: Entry | None) -> int:
    return NEVER if entry is None else number(entry[1][T])


def _contact(row: Row, second: int, third: int) -> Row:
    return (*common(number(row[T]), *key(row)), second, third)


class Reopenings:
    """Complaints about a purchase for which an earlier complaint was already resolved."""

    def __init__(self) -> None:
        """Start without complaints."""
        self._righted: dict[Key, int] = {}
        self._others: dict[Key, list[tuple[int, Key]]] = {}

    def complained(self, about: Key, row: Row, closed: int) -> Changes:
        """Return the changes after one more complaint about a purchase.

        `closed` is the instant of its resolution, or FOREVER.
        """
        yield from self.righted(about, closed)
        t = number(row[T])
        if self._righted.get(about, FOREVER) < t:
            yield Change(common(t, *key(row)), is_added=True)
        else:
            heappush(self._others.setdefault(about, []), (-t, key(row)))

    def righted(self, about: Key, closed: int) -> Changes:
        """Return the changes after a complaint about a purchase was resolved."""
        if closed < self._righted.get(about, FOREVER):
            self._righted[about] = closed
            others = self._others.get(about, [])
            while others and -others[0][0] > closed:
                t, identity = heappop(others)
                yield Change(common(-t, *identity), is_added=True)


class DeliveryQuestions:
    """Questions asked while goods with a promised day were not delivered."""

    def __init__(self, promises: Iterable[Row], questions: Iterable[Row]) -> None:
        """Start with some promises, each with its end, and some questions."""
        self._ends = {key(row): number(row[END]) for row in promises}
        self._starts = {key(row): number(row[T]) for row in promises}
        self._began: SortedRows[tuple[int, Key]] = SortedRows((t, of) for of, t in self._starts.items())
        self._over: SortedRows[tuple[int, Key]] = SortedRows((t, of) for of, t in self._ends.items())
        self._inside: SortedRows[tuple[int, Key]] = SortedRows()
        self._outside: SortedRows[tuple[int, Key]] = SortedRows()
        for row in questions:
            list(self.add_question(row))

    def add_question(self, row: Row) -> Changes:
        """Return the changes after one more question."""
        one = number(row[T]), key(row)
        if self._covers(one[0]):
            self._inside.add(one)
            yield _change(one, is_added=True)
        else:
            self._outside.add(one)

    def promised(self, of: Key, start: int, end: int | None) -> Changes:
        """Return the changes after a promise became known or ended earlier.

        `end` is None if nothing is promised any more.
        """
        before = self._ends.get(of)
        if before is not None:
            self._began.remove((start, of))
            self._over.remove((before, of))
            del self._ends[of]
        if end is not None:
            self._ends[of] = end
            self._began.add((start, of))
            self._over.add((end, of))
            yield from self._move(self._outside, self._inside, start, end, covered=True)
        if before is not None:
            yield from self._move(self._inside, self._outside, start if end is None else end, before, covered=False)

    def _move(
        self,
        source: SortedRows[tuple[int, Key]],
        target: SortedRows[tuple[int, Key]],
        start: int,
        end: int,
        *,
        covered: bool,
    ) -> Changes:
        """Move the questions between two instants whose result has changed."""
        moved: list[tuple[int, Key]] = []
        for one in source.since((start, ("", ""))):
            if one[0] >= end:
                break
            if self._covers(one[0]) == covered:
                moved.append(one)
        for one in moved:
            source.remove(one)
            target.add(one)
            yield _change(one, is_added=covered)

    def _covers(self, t: int) -> bool:
        after = (t + 1, ("", ""))
        return self._began.rank(after) > self._over.rank(after)


def _change(question: tuple[int, Key], *, is_added: bool) -> Change:
    t, identity = question
    return Change(common(t, *identity), is_added)
