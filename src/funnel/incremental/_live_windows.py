"""Rows in the windows of one person, kept up to date.

Invariant: at or after the latest record, each window of a schema has the same rows as in the whole ledger.

Rows are kept once for all windows of a stream. When a later row comes, rows that have left the longest window are
dropped.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import attrs

from funnel._aggregate.fold import Row, T
from funnel._aggregate.running import expires, order_of
from funnel._aggregate.within import length_of
from funnel._expr.nodes import Value
from funnel._ledger.incremental_derived import Change
from funnel._ledger.rows import number

if TYPE_CHECKING:
    from funnel._ledger.incremental import GrowingLedger
    from funnel.facts._schema import FactSchema, Window


@attrs.frozen(eq=False)
class _Stream:
    """Rows of one stream: `longest` is the length of its longest window, `read` the fields that any window reads."""

    longest: int
    read: tuple[int, ...]
    rows: list[Row] = attrs.Factory(list[Row])

    @classmethod
    def of(cls, windows: Iterable[Window]) -> _Stream:
        """Return the stream of these windows, without rows."""
        folds = [window.fold for window in windows]
        read = sorted({index for fold in folds for index in fold.read})
        return cls(max(length_of(fold.stream) for fold in folds), tuple(read))

    def since(self, now: int) -> list[Row]:
        """Return the rows that have not left the longest window."""
        first = bisect_left(self.rows, now - self.longest, key=lambda row: number(row[T]))
        return self.rows[first:]

    def append(self, row: Row) -> None:
        """Add a row after all others, and drop rows that have left the longest window."""
        self.rows.append(row)
        if number(self.rows[0][T]) < number(row[T]) - self.longest:
            self.rows[:] = self.since(number(row[T]))

    def change(self, change: Change) -> None:
        """Add a row between others, or remove a row unless it was dropped before."""
        index = bisect_left(self.rows, order_of(change.row), key=order_of)
        if change.is_added:
            self.rows.insert(index, change.row)
        elif self.rows[index : index + 1] == [change.row]:
            del self.rows[index]

    def restored(self, fields: Iterable[Value]) -> Row:
        """Return a row from the fields that are read; all others are 0."""
        row: list[Value] = [0] * (self.read[-1] + 1)
        for index, value in zip(self.read, fields, strict=True):
            row[index] = value
        return tuple(row)


class LiveWindows:
    """Rows in the windows of a schema, by stream."""

    def __init__(self, plan: FactSchema) -> None:
        """Start without rows."""
        self._plan = plan
        sources = dict.fromkeys(window.source for window in plan.windows)
        self._streams = {
            source: _Stream.of(window for window in plan.windows if window.source == source) for source in sources
        }

    def load(self, ledger: GrowingLedger) -> None:
        """Take the rows of a ledger that never end."""
        for source, stream in self._streams.items():
            stream.rows.extend(self._plan.own(ledger, source, row) for row in expires(ledger.rows.get(source, ())))
            stream.rows[:] = stream.since(ledger.latest)

    def restore(self, row: Iterator[Value]) -> None:
        """Take the rows that `to_row` returned."""
        for stream in self._streams.values():
            count = number(next(row))
            stream.rows.extend(stream.restored([next(row) for _ in stream.read]) for _ in range(count))

    def to_row(self, now: int) -> Iterator[Value]:
        """Yield the rows that can be in a window at or after an instant: their number, and the fields that are read."""
        for stream in self._streams.values():
            rows = stream.since(now)
            yield len(rows)
            for row in rows:
                yield from (row[index] for index in stream.read)

    def append(self, source: str, row: Row) -> None:
        """Add a row after all others, if a window has the rows of this stream."""
        if source in self._streams:
            self._streams[source].append(row)

    def clear(self, source: str) -> None:
        """Remove all rows of a stream."""
        if source in self._streams:
            self._streams[source].rows.clear()

    def apply(self, source: str, changes: Iterable[Row | Change], *, is_added: bool) -> None:
        """Apply the changes of a stream; `is_added` is True if the rows after all others are there already."""
        for change in changes if source in self._streams else ():
            if isinstance(change, Change):
                self._streams[source].change(change)
            elif not is_added:
                self._streams[source].append(change)

    def values(self, values: Sequence[Value], now: int) -> Sequence[Value]:
        """Return the values with those of the windows at an instant."""
        plan = self._plan
        return plan.with_windows(values, [(one, self._streams[one.source].rows) for one in plan.windows], now)
