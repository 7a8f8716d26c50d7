"""Windows of time: the rows of a stream that happened at most a span ago, in every form.

A window includes its end: a row of instant `t` is in a window of length `W` at every instant up to `t + W`. A windowed
stream has the rows of another stream. Each row ends when it leaves the window, one microsecond after `t + W` at the
latest. Rows are sorted by `t`, so rows leave a window in order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from funnel._aggregate.aggregations import Stream
from funnel._aggregate.fold import END, START, Row, Rows, T
from funnel._time import FOREVER

if TYPE_CHECKING:
    import narwhals as nw


def length_of(stream: Stream) -> int:
    """Return the length of the window of a windowed stream, in microseconds."""
    assert stream.within is not None
    return stream.within


def leaves_at(row: Row, within: int) -> int:
    """Return the first instant at which a row is not in a window of this length any more."""
    return row[T] + within + 1  # type: ignore[operator]


# ---- one person ----


def rows_within(rows: Rows, within: int, at: int) -> tuple[Row, ...]:
    """Return the rows that are in a window at an instant, as they count from then on if nothing happens."""
    recent = rows[first_within(rows, within, at) :]
    return tuple(_endless(row) for row in recent if row[START] <= at < row[END])  # type: ignore[operator]


def first_within(rows: Rows, within: int, at: int) -> int:
    """Return the index of the first row that has not left a window at an instant."""
    return bisect_left(rows, at - within, key=_INSTANT)


_INSTANT = itemgetter(T)


def _endless(row: Row) -> Row:
    return row if row[END] == FOREVER else (*row[:END], FOREVER, *row[END + 1 :])


def rows_until(rows: Rows, within: int) -> Iterator[Row]:
    """Yield the rows that are in a window at any time, each until it leaves the window."""
    for row in rows:
        end = leaves_at(row, within)
        if row[END] <= end:  # type: ignore[operator]
            yield row
        elif row[START] < end:  # type: ignore[operator]
            yield (*row[:END], end, *row[END + 1 :])


# ---- everyone ----


def table_until(table: nw.LazyFrame[Any], within: int) -> nw.LazyFrame[Any]:
    """Return the rows of a table, each until it leaves the window."""
    import narwhals as nw

    leaves = nw.col("t") + (within + 1)
    end = nw.when(nw.col("end") <= leaves).then(nw.col("end")).otherwise(leaves)
    return table.with_columns(end=end).filter(nw.col("start") < nw.col("end"))
