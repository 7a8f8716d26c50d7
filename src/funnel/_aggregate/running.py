"""Values of one stream, updated while its rows are added and removed in any order.

Invariant: the values equal those of all the folds over the present rows.

A sum is added to and subtracted from. The earliest and the latest row are the ends of the sorted rows. The smallest and
the largest number are at the top of a heap. A removed number is dropped when it reaches the top.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from typing import cast

from funnel._aggregate.aggregations import COMMON
from funnel._aggregate.fold import END, START, Group, Row, StreamFold, T, gap_fields
from funnel._aggregate.sorted_rows import SortedRows
from funnel._expr.nodes import Value
from funnel._time import FOREVER, NEVER

_RANK, _SOURCE, _ID = (COMMON.index(name) for name in ("rank", "source", "id"))
Entry = tuple[tuple[Value, ...], Row]
"""A row after its sort key."""


def order_of(row: Row) -> tuple[Value, ...]:
    """Return the sort key of a row; versions of a row are ordered by `start`."""
    return row[T], row[_RANK], row[_SOURCE], row[_ID], row[START]


class RunningFolds:
    """The folds of one stream, over rows that are added and removed.

    Args:
        ready: The folds.
        empties: The value at each index if there are no rows.
        rows: The initial rows. A living stream accepts only rows that never end.
    """

    def __init__(self, ready: StreamFold, empties: Sequence[Value], rows: Iterable[Row] = ()) -> None:
        """Start with some rows."""
        self._groups = [
            _GroupRows(group, keeps, empties) for group, keeps in zip(ready.groups, ready.keeps, strict=True)
        ]
        self._times: SortedRows[Entry] | None = SortedRows() if ready.gapped else None
        for row in rows:
            self.add(row)

    def add(self, row: Row) -> None:
        """Add a row that is not present."""
        if self._times is None:
            self._put(row)
            return
        entry = order_of(row), row
        before, after = self._around(entry)
        if after is not None:
            self._take(_gapped(after, before))
            self._put(_gapped(after, row))
        self._put(_gapped(row, before))
        self._times.add(entry)

    def remove(self, row: Row) -> None:
        """Remove a row that is present."""
        if self._times is None:
            self._take(row)
            return
        entry = order_of(row), row
        self._times.remove(entry)
        before, after = self._around(entry)
        self._take(_gapped(row, before))
        if after is not None:
            self._take(_gapped(after, row))
            self._put(_gapped(after, before))

    @property
    def last(self) -> int:
        """The instant of the last row of a stream with gaps; NEVER if there are no rows."""
        return cast("int", self._times.last[1][T]) if self._times else NEVER

    def write(self, values: list[Value], has_row: list[bool]) -> None:
        """Write the value of every fold, and whether every group has a row."""
        for group in self._groups:
            group.write(values, has_row)

    def _around(self, entry: Entry) -> tuple[Row | None, Row | None]:
        assert self._times is not None
        before = self._times.before(entry)
        after = next(self._times.since(entry), None)
        return None if before is None else before[1], None if after is None else after[1]

    def _put(self, row: Row) -> None:
        for group in self._groups:
            if group.keeps is None or group.keeps(row):
                group.add(row)

    def _take(self, row: Row) -> None:
        for group in self._groups:
            if group.keeps is None or group.keeps(row):
                group.remove(row)


def _gapped(row: Row, before: Row | None) -> Row:
    """Append to a row the fields that depend on the previous row."""
    return (*row, *gap_fields(0 if before is None else cast("int", row[T]) - cast("int", before[T])))


def expires(rows: Iterable[Row]) -> list[Row]:
    """Return the rows that never end."""
    return [row for row in rows if row[END] == FOREVER]


class _GroupRows:
    """The rows of one stream that one group of folds keeps."""

    __slots__ = ("_count", "_edges", "_empties", "_heaps", "_number", "_sorted", "_sums", "keeps")

    def __init__(self, group: Group, keeps: Callable[[Row], bool] | None, empties: Sequence[Value]) -> None:
        self.keeps = keeps
        self._number = group.number
        self._empties = [(fold.index, empties[fold.index]) for fold in group.folds]
        self._count = 0
        self._sums = {fold.index: (fold.field, 0) for fold in group.folds if fold.how == "sum"}
        edges = [(fold.index, fold.edge, cast("int", fold.field)) for fold in group.folds if fold.edge is not None]
        self._edges = edges
        self._sorted: SortedRows[Entry] | None = SortedRows() if edges else None
        self._heaps = [
            (fold.index, _Heap(cast("int", fold.field), 1 if fold.how == "smallest" else -1))
            for fold in group.folds
            if fold.how in ("smallest", "largest") and fold.edge is None
        ]

    def add(self, row: Row) -> None:
        self._count += 1
        for index, (field, total) in self._sums.items():
            self._sums[index] = field, total + (1 if field is None else cast("int", row[field]))
        if self._sorted is not None:
            self._sorted.add((order_of(row), row))
        for _, heap in self._heaps:
            heap.add(row)

    def remove(self, row: Row) -> None:
        self._count -= 1
        for index, (field, total) in self._sums.items():
            self._sums[index] = field, total - (1 if field is None else cast("int", row[field]))
        if self._sorted is not None:
            self._sorted.remove((order_of(row), row))
        for _, heap in self._heaps:
            heap.remove(row)

    def write(self, values: list[Value], has_row: list[bool]) -> None:
        has_row[self._number] = self._count > 0
        if not self._count:
            for index, empty in self._empties:
                values[index] = empty
            return
        for index, (_, total) in self._sums.items():
            values[index] = total
        if self._sorted is not None:
            ends = self._sorted.first[1], self._sorted.last[1]
            for index, end, field in self._edges:
                values[index] = ends[end][field]
        for index, heap in self._heaps:
            values[index] = heap.top()


class _Heap:
    """The smallest number of a field, or the largest if the sign is -1."""

    __slots__ = ("_field", "_numbers", "_removed", "_sign")

    def __init__(self, field: int, sign: int) -> None:
        self._field, self._sign = field, sign
        self._numbers: list[int] = []
        self._removed: Counter[int] = Counter()

    def add(self, row: Row) -> None:
        heappush(self._numbers, self._sign * cast("int", row[self._field]))

    def remove(self, row: Row) -> None:
        self._removed[self._sign * cast("int", row[self._field])] += 1

    def top(self) -> int:
        while self._removed[self._numbers[0]]:
            self._removed[heappop(self._numbers)] -= 1
        return self._sign * self._numbers[0]
