"""Rows of people, person by person.

A row is a *key* of 63 bits: its instant, then a code that orders rows of one instant. Keys are scattered by the number
of the person, without a sort. `sorted_run` later sorts the rows of a person only if they are out of order.

Needs numpy and Polars; import it only if both are installed.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import attrs
import numpy as np
import numpy.typing as npt

from funnel._dataframes.loops import Run, Whole, read_only, sorted_run
from funnel._dataframes.people import People
from funnel._dataframes.threads import in_threads, shares_of, threads

if TYPE_CHECKING:
    import polars as pl

T = TypeVar("T")

Array = npt.NDArray[Any]
Short = npt.NDArray[np.int32]

LEFT_OUT = -1
"""The code of excluded rows."""

BITS = 63
"""The number of bits of a key."""

BUCKET = 1 << 15
"""The approximate number of rows of a bucket of people. It fits the second-level cache, which is three times as
fast."""

_NONE: Whole = np.zeros(0, np.int64)


class Clock(NamedTuple):
    """An instant and a code as one integer: the instant that is 0, and the number of bits of the code."""

    start: int
    code_bits: int


# ---- rows by person ----


@attrs.frozen(eq=False)
class Runs:
    """The keys of each person, in the order of the input.

    Attributes:
        people: The people.
        clock: The instants and codes of the keys.
        starts: The index of the first key of each person; at the end, the number of keys.
        keys: The keys.
        extra: A value of each key; empty if rows have no values.
    """

    people: People
    clock: Clock
    starts: Whole
    keys: Whole
    extra: Whole

    @property
    def longest(self) -> int:
        """The largest number of keys of one person."""
        return int(np.diff(self.starts).max(initial=0))

    def parts(self, most: int) -> list[tuple[int, int]]:
        """Split the people into at most this many ranges with about as many keys each."""
        shares = np.linspace(0, len(self.keys), most + 1)[1:-1]
        cuts = [0, *np.searchsorted(self.starts, shares).tolist(), self.people.count]
        return [(low, high) for low, high in pairwise(cuts) if self.starts[low] < self.starts[high]]

    def in_parts(self, work: Callable[[int, int], T]) -> list[T]:
        """Process ranges of people, one in each thread."""
        return in_threads(work, self.parts(threads(len(self.keys))))


def clock_of(t: Whole, codes: Whole) -> Clock | None:
    """Return the clock that fits instants and codes; None if a key has too few bits."""
    start, end = int(t.min()), int(t.max())
    code_bits = int(codes.max(initial=0)).bit_length()
    return Clock(start, code_bits) if (end - start).bit_length() + code_bits <= BITS else None


def runs_of(  # noqa: PLR0913, PLR0917 (columns of the rows)
    people: People, t: Whole, labels: Array, codes: Whole, clock: Clock, run: Run, extra: Whole = _NONE
) -> Runs:
    """Scatter rows by person.

    Args:
        people: The person of each row.
        t: The instant of each row.
        labels: The label of each row; empty if all rows have code 0.
        codes: The code of each label; `LEFT_OUT` if its rows are excluded.
        clock: The clock of the keys.
        run: How loops run.
        extra: A value of each row; empty if rows have no values.
    """
    if people.starts is not None:
        starts, keys = np.empty_like(people.starts), np.empty(len(t) + 1, np.int64)
        values = np.empty(len(t) + 1 if len(extra) else 0, np.int64)
        run(
            copy_rows,
            people.starts,
            read_only(labels),
            codes,
            read_only(t),
            clock,
            read_only(extra),
            starts,
            keys,
            values,
        )
        return Runs(people, clock, starts, keys[: starts[-1]], values[: starts[-1]])
    shares = shares_of(len(t))
    shift = max((people.count * BUCKET // max(len(t), 1)).bit_length() - 1, 0)
    counts = np.zeros((len(shares), ((people.count - 1) >> shift) + 1), np.int64)
    following = [(mine, low, high) for mine, (low, high) in zip(counts, shares, strict=True)]
    read = read_only(people.numbers), people.first, shift, read_only(labels), codes

    def count(mine: Whole, low: int, high: int) -> None:
        run(count_rows, *read, mine, low, high)

    in_threads(count, following)
    bounds = np.append(0, np.cumsum(counts.sum(axis=0)))
    counts[1:] = np.cumsum(counts[:-1], axis=0)
    counts[0] = 0
    counts += bounds[:-1]
    total = int(bounds[-1])
    sizes = total + 1, total + 1 if len(extra) else 0
    bucket_keys, ordered = ([np.empty(size, np.int64) for size in sizes] for _ in range(2))
    persons = np.empty(total + 1, np.int32)
    outputs = read_only(t), clock, read_only(extra), persons, *bucket_keys

    def scatter(mine: Whole, low: int, high: int) -> None:
        run(scatter_rows, *read, mine, *outputs, low, high)

    in_threads(scatter, following)
    starts = np.zeros(people.count + 1, np.int64)
    arranged = persons, *bucket_keys, bounds, shift, starts[1:], *ordered

    def arrange(low: int, high: int) -> None:
        run(arrange_rows, *arranged, low, high)

    in_threads(arrange, shares_of(len(counts[0]), len(shares)))
    return Runs(people, clock, starts, *(column[:total] for column in ordered))


def grouped(person: pl.Series, t: Whole, value: Whole | None, run: Run) -> Runs:
    """Scatter rows by person, with their instants as keys.

    Args:
        person: The person of each row; there must be a row.
        t: The instant of each row, within 63 bits.
        value: A value of each row; None if rows have no values.
        run: How loops run.
    """
    people, clock = People.of(person, run), Clock(int(t.min()), 0)
    return runs_of(people, t, np.zeros(0, np.uint8), _NONE, clock, run, _NONE if value is None else value)


def together(people: People, t: Whole, run: Run) -> tuple[Whole, People]:
    """Return the indices of the rows, person by person and by instant, and the people of the rows in that order."""
    labels: Array = np.zeros(0, np.uint8)
    runs = runs_of(people, t, labels, _NONE, Clock(int(t.min()), 0), run, np.arange(len(t)))
    runs.in_parts(lambda low, high: run(sort_rows, runs.starts, runs.keys, runs.extra, low, high))
    numbers: Whole = np.repeat(np.arange(people.count), np.diff(runs.starts))
    return runs.extra, attrs.evolve(people, numbers=numbers, first=0, starts=runs.starts)


def sort_rows(starts: Whole, keys: Whole, values: Whole, low: int, high: int) -> None:
    """Loop: sort the rows of the people from `low` to before `high`."""
    for person in range(low, high):
        sorted_run(keys, values, starts[person], starts[person + 1])


def copy_rows(  # noqa: PLR0913, PLR0917 (a loop takes arrays)
    row_starts: Whole,
    labels: Array,
    codes: Whole,
    t: Whole,
    clock: Clock,
    extra: Whole,
    starts: Whole,
    keys: Whole,
    values: Whole,
) -> None:
    """Loop: write the keys and values of rows that are person by person, and where the keys of each person start."""
    index = 0
    for person in range(len(row_starts) - 1):
        starts[person] = index
        for row in range(row_starts[person], row_starts[person + 1]):
            code = codes[labels[row]]
            keys[index] = ((t[row] - clock.start) << clock.code_bits) | code
            if len(extra):
                values[index] = extra[row]
            index += code != LEFT_OUT
    starts[-1] = index


def count_rows(  # noqa: PLR0913, PLR0917 (a loop takes arrays)
    numbers: Whole,
    first: int,
    shift: int,
    labels: Array,
    codes: Whole,
    counts: Whole,
    low: int,
    high: int,
) -> None:
    """Loop: count the rows of each bucket of people, from row `low` to before `high`."""
    for row in range(low, high):
        counts[(numbers[row] - first) >> shift] += len(labels) == 0 or codes[labels[row]] != LEFT_OUT


def scatter_rows(  # noqa: PLR0913, PLR0917
    numbers: Whole,
    first: int,
    shift: int,
    labels: Array,
    codes: Whole,
    following: Whole,
    t: Whole,
    clock: Clock,
    extra: Whole,
    persons: Short,
    keys: Whole,
    values: Whole,
    low: int,
    high: int,
) -> None:
    """Loop: write the person, key and value of each row to the next position of its bucket.

    Excluded rows are written to the last position, because a branch that depends on data costs more.
    """
    last = len(keys) - 1
    for row in range(low, high):
        person = numbers[row] - first
        code = codes[labels[row]] if len(labels) else 0
        index = following[person >> shift] if code != LEFT_OUT else last
        following[person >> shift] += code != LEFT_OUT
        persons[index] = person
        keys[index] = ((t[row] - clock.start) << clock.code_bits) | code
        if len(extra):
            values[index] = extra[row]


def arrange_rows(  # noqa: PLR0913, PLR0917
    persons: Short,
    bucket_keys: Whole,
    bucket_values: Whole,
    bounds: Whole,
    shift: int,
    ends: Whole,
    keys: Whole,
    values: Whole,
    low: int,
    high: int,
) -> None:
    """Loop: write the rows of the buckets from `low` to before `high` person by person, and where each person ends."""
    for bucket in range(low, high):
        for row in range(bounds[bucket], bounds[bucket + 1]):
            ends[persons[row]] += 1
        index = bounds[bucket]
        for person in range(bucket << shift, min((bucket + 1) << shift, len(ends))):
            rows = ends[person]
            ends[person] = index
            index += rows
        for row in range(bounds[bucket], bounds[bucket + 1]):
            index = ends[persons[row]]
            ends[persons[row]] = index + 1
            keys[index] = bucket_keys[row]
            if len(values):
                values[index] = bucket_values[row]
