"""Rows of people, person by person.

A row is a *key* of 63 bits: its instant, then a code that orders rows of one instant. Keys are scattered by the number
of the person, without a sort. `sorted_run` later sorts the rows of a person only if they are out of order.

Needs numpy and Polars; import it only if both are installed.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import attrs
import narwhals as nw
import numpy as np
import polars as pl

from funnel._dataframes.adapter import Frame
from funnel._dataframes.compute import collected
from funnel._dataframes.loops import (
    SMALL,
    Array,
    Run,
    Whole,
    in_shares,
    in_threads,
    next_positions,
    range_of,
    read_only,
    runner,
    shares_of,
    threads,
)

T = TypeVar("T")

LEFT_OUT = -1
"""The code of excluded rows."""

BUCKET = 1 << 15
"""The approximate number of rows of a bucket of people. It fits the second-level cache, which is three times as
fast."""

_NONE: Whole = np.zeros(0, np.int64)


KEY_BITS = 63
"""The number of bits of a key, together with the number of the person in the bucket."""

SLICE = 16
"""The approximate number of rows of a bucket in a slice of time."""


class Clock(NamedTuple):
    """An instant and a code as one integer, a key: the instant that is 0, and the bits of the code and of a key."""

    start: int
    code_bits: int
    bits: int

    @classmethod
    def of(cls, t: Whole, code_bits: int = 0) -> Clock:
        """Return the clock of some instants; there must be one."""
        start, end = range_of(t)
        return cls(start, code_bits, (end - start).bit_length() + code_bits)


# ---- ids of people as dense numbers: integers by their range, other ids by a table of hashes ----


SPARSE = 4
"""Integer ids are numbered by their range if it is at most this many times the number of rows."""


@attrs.frozen(eq=False)
class People:
    """The dense number of the person of each row.

    Attributes:
        numbers: The number of each row, plus `first`.
        first: The number of the first person.
        count: The number of people; numbers without rows may be among them.
        names: Returns the ids of people, by their numbers from 0.
        start: The first character of all ids, if they have the same one and all characters are visible ASCII.
        starts: The first row of each person, and the number of rows, if the rows of each person are next to each other.
    """

    numbers: Whole
    first: int
    count: int
    names: Callable[[Whole], pl.Series]
    start: str = ""
    starts: Whole | None = None

    @property
    def ids(self) -> pl.Series:
        """The id of each number."""
        return self.names(np.arange(self.count))

    @classmethod
    def of(cls, person: pl.Series, run: Run) -> People:
        """Number people by their ids: texts in one chunk, or integers; without nulls. There must be a row."""
        if not person.dtype.is_integer():
            return cls._of_texts(person, run) if len(person) > SMALL else cls._ranked(person)
        numbers = person.cast(pl.Int64).to_numpy()
        first, last = range_of(numbers)
        if last - first > SPARSE * len(numbers):
            return cls._scattered(person, numbers, run)
        return cls(numbers, first, last - first + 1, lambda persons: pl.Series(persons + first).cast(person.dtype))

    @classmethod
    def _ranked(cls, person: pl.Series) -> People:
        """Number texts by a sort, which is faster than loops for few rows."""
        numbers, ids = (person.rank("dense").cast(pl.Int64) - 1).to_numpy(), person.unique().sort()
        return cls(numbers, 0, len(ids), ids.gather)

    @classmethod
    def _of_texts(cls, person: pl.Series, run: Run) -> People:
        """Number texts by their codes, or by their hashes if there are no codes and no two texts share a hash."""
        from funnel._dataframes.id_numbers import codes_of, note_rows, numbered_texts

        coded = codes_of(person, run)
        if coded is None:
            numbered = numbered_texts(person, run)
            return cls._ranked(person) if numbered is None else cls._of_rows(person, *numbered)
        codes, start = coded
        first, last = range_of(codes)
        if last - first > len(codes):
            return attrs.evolve(cls._scattered(person, codes, run), start=start)
        rows = np.zeros(last - first + 1, np.int64)
        in_shares(run, note_rows, shares_of(len(codes)), codes, first, rows)
        return attrs.evolve(cls._of_rows(person, codes, rows), first=first, start=start)

    @classmethod
    def _scattered(cls, person: pl.Series, codes: Whole, run: Run) -> People:
        """Number people by different integers."""
        from funnel._dataframes.id_numbers import numbered

        return cls._of_rows(person, *numbered(codes * _ODD, run))

    @classmethod
    def _of_rows(cls, person: pl.Series, numbers: Whole, rows: Whole) -> People:
        """Return people by the number of each row and a row of each number."""
        return cls(numbers, 0, len(rows), lambda persons: person.gather(rows[persons]))


def people_of_texts(frame: Frame, column: str) -> People | None:
    """Return the people of a column, if it has texts without nulls and loops can run; None otherwise."""
    if not isinstance(frame.collect_schema()[column], nw.String):
        return None
    person: pl.Series = collected(nw.to_native(frame.select(column)))[column].rechunk()
    run = None if person.null_count() or not len(person) else runner(len(person))
    return None if run is None else People.of(person, run)


_ODD = np.int64(-7046029254386353131)
"""Multiplying by this constant scatters consecutive numbers; no two numbers have one product."""


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
        read = read_only(labels), codes, read_only(t), clock, read_only(extra)
        run(copy_rows, people.starts, *read, starts, keys, values)
        return Runs(people, clock, starts, keys[: starts[-1]], values[: starts[-1]])
    shares = shares_of(len(t))
    shift = max((people.count * BUCKET // max(len(t), 1)).bit_length() - 1, 0)
    shift = min(shift, KEY_BITS - clock.bits)
    counts = np.zeros((len(shares), ((people.count - 1) >> shift) + 1), np.int64)
    following = [(mine, low, high) for mine, (low, high) in zip(counts, shares, strict=True)]
    numbers = read_only(people.numbers), people.first, shift, read_only(labels), codes
    in_shares(run, count_rows, following, *numbers)
    bounds = next_positions(counts)
    total = int(bounds[-1])
    columns = np.empty(total + 1, np.int64), np.empty(total + 1 if len(extra) else 0, np.int64)
    in_shares(run, scatter_rows, following, *numbers, read_only(t), clock, read_only(extra), *columns)
    starts = np.zeros(people.count + 1, np.int64)
    parts = shares_of(len(counts[0]), len(shares))
    in_shares(run, arrange_rows, parts, bounds, shift, clock, starts[1:], *columns)
    return Runs(people, clock, starts, *(column[:total] for column in columns))


def grouped(person: pl.Series, t: Whole, value: Whole | None, run: Run) -> Runs:
    """Scatter rows by person, with their instants as keys.

    Args:
        person: The person of each row; there must be a row.
        t: The instant of each row, within 63 bits.
        value: A value of each row; None if rows have no values.
        run: How loops run.
    """
    people = People.of(person, run)
    return runs_of(people, t, np.zeros(0, np.uint8), _NONE, Clock.of(t), run, _NONE if value is None else value)


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
    t: Whole,
    clock: Clock,
    extra: Whole,
    keys: Whole,
    values: Whole,
    following: Whole,
    low: int,
    high: int,
) -> None:
    """Loop: write the key, below the number of the person in the bucket, and the value of each row to its bucket.

    Excluded rows are written to the last position, because a branch that depends on data costs more.
    """
    last, within = len(keys) - 1, (1 << shift) - 1
    for row in range(low, high):
        person = numbers[row] - first
        code = codes[labels[row]] if len(labels) else 0
        index = following[person >> shift] if code != LEFT_OUT else last
        following[person >> shift] += code != LEFT_OUT
        keys[index] = ((person & within) << clock.bits) | ((t[row] - clock.start) << clock.code_bits) | code
        if len(extra):
            values[index] = extra[row]


def arrange_rows(  # noqa: PLR0913, PLR0917
    bounds: Whole, shift: int, clock: Clock, ends: Whole, keys: Whole, values: Whole, low: int, high: int
) -> None:
    """Loop: put the rows of the buckets from `low` to before `high` person by person, and write where each person ends.

    Rows of a bucket that are out of order are first put into slices of time, which leaves little to sort.
    """
    instants, longest = (1 << clock.bits) - 1, 0
    for bucket in range(low, high):
        longest = max(longest, bounds[bucket + 1] - bounds[bucket])
    spare, spare_values = np.empty(longest, np.int64), np.empty(longest if len(values) else 0, np.int64)
    for bucket in range(low, high):
        first, end, is_ordered = bounds[bucket], bounds[bucket + 1], True
        for row in range(first, end):
            ends[(bucket << shift) + (keys[row] >> clock.bits)] += 1
            is_ordered &= row == first or keys[row] & instants >= keys[row - 1] & instants
        _by_slice(
            keys[first:end], values[first:end], instants, SLICE if not is_ordered else longest, spare, spare_values
        )
        index = first
        for person in range(bucket << shift, min((bucket + 1) << shift, len(ends))):
            count = ends[person]
            ends[person] = index
            index += count
        for row in range(end - first):
            person = (bucket << shift) + (spare[row] >> clock.bits)
            index = ends[person]
            ends[person] = index + 1
            keys[index] = spare[row] & instants
            if len(values):
                values[index] = spare_values[row]


def _by_slice(  # noqa: PLR0913, PLR0917
    keys: Whole, values: Whole, instants: int, rows: int, spare: Whole, spare_values: Whole
) -> None:
    """Write keys to `spare` in the order of their slices of time, with about `rows` keys each, and values alike."""
    slices, shift = 1, 0
    while slices * rows < len(keys):
        slices *= 2
    while instants >> shift >= slices:
        shift += 1
    following: Any = np.zeros(slices + 1, np.int64)
    for key in keys:
        following[((key & instants) >> shift) + 1] += 1
    for number in range(1, slices):
        following[number] += following[number - 1]
    for row in range(len(keys)):
        number = (keys[row] & instants) >> shift
        spare[following[number]] = keys[row]
        if len(values):
            spare_values[following[number]] = values[row]
        following[number] += 1
