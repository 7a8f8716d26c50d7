"""Rows of people, person by person.

A row is a *key* of 63 bits: its instant, then a code that orders rows of one instant. Keys are scattered by the number
of the person, without a sort. `sorted_run` later sorts the rows of a person only if they are out of order.

Needs numpy and Polars; import it only if both are installed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import attrs
import numpy as np
import numpy.typing as npt
import polars as pl

from funnel._dataframes.loops import Run, Whole, read_only

T = TypeVar("T")

Array = npt.NDArray[Any]
Short = npt.NDArray[np.int32]

LEFT_OUT = -1
"""The code of excluded rows."""

BUCKET = 1 << 15
"""The approximate number of rows of a bucket of people. It fits the second-level cache, which is three times as
fast."""

FEW = 50_000
"""Up to this number of rows, one thread does all the work."""

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
        starts: The first row of each person, and the number of rows, if the rows of each person are next to each other.
    """

    numbers: Whole
    first: int
    count: int
    names: Callable[[Whole], pl.Series]
    starts: Whole | None = None

    @property
    def ids(self) -> pl.Series:
        """The id of each number."""
        return self.names(np.arange(self.count))

    @classmethod
    def of(cls, person: pl.Series, run: Run) -> People:
        """Number people by their ids: texts, or integers without nulls."""
        if not person.dtype.is_integer():
            return cls._of_texts(person, run)
        numbers = person.cast(pl.Int64).to_numpy()
        first, last = range_of(numbers)
        if last - first > SPARSE * len(numbers):
            return cls._hashed(person, numbers * _ODD, run)
        return cls(numbers, first, last - first + 1, lambda persons: pl.Series(persons + first).cast(person.dtype))

    @classmethod
    def _of_texts(cls, person: pl.Series, run: Run) -> People:
        """Number texts by their hashes, or by their rank if two texts share a hash."""
        shares = shares_of(len(person))

        def hashes_of(low: int, high: int) -> Array:
            return person[low:high].hash().to_numpy()

        people = cls._hashed(person, np.concatenate(in_threads(hashes_of, shares)).view(np.int64), run)

        def is_right(low: int, high: int) -> bool:
            return (people.names(people.numbers[low:high]) == person[low:high]).all()

        if all(in_threads(is_right, shares)):
            return people
        ranks = person.rank("dense").cast(pl.Int64) - 1
        return cls._hashed(person, ranks.to_numpy(), run)

    @classmethod
    def _hashed(cls, person: pl.Series, hashes: Whole, run: Run) -> People:
        numbers, firsts = np.empty(len(person), np.int64), np.empty(len(person), np.int64)
        count = run(number_hashes, read_only(hashes), numbers, firsts)
        return cls(numbers, 0, count, lambda persons: person.gather(firsts[persons]))


_ODD = np.int64(-7046029254386353131)
"""Multiplying by this constant scatters consecutive numbers; no two numbers have one product."""

_TABLE, _SHIFT = 64, 20
"""The initial number of slots of a table of hashes, and the first bit of a hash that chooses its slot."""


def number_hashes(hashes: Whole, numbers: Whole, firsts: Whole) -> int:
    """Loop: number distinct hashes in order of their first row.

    Args:
        hashes: The hash of each row.
        numbers: Receives the number of each row.
        firsts: Receives the first row of each number.

    Returns:
        The number of distinct hashes.
    """
    slots, row, count = np.full((_TABLE, 2), -1, np.int64), 0, 0
    while row < len(hashes):
        if row:
            slots = _larger(slots)
        row, count = _number_until_full(slots, hashes, numbers, firsts, row, count)
    return count


def _number_until_full(  # noqa: PLR0913, PLR0917 (a loop takes arrays; each call of a function takes time)
    slots: Whole, hashes: Whole, numbers: Whole, firsts: Whole, row: int, count: int
) -> tuple[int, int]:
    """Number rows until half of the slots are used; return the next row and the number of distinct hashes."""
    mask = len(slots) - 1
    while row < len(hashes) and 2 * count <= mask:
        slot = (hashes[row] >> _SHIFT) & mask
        while slots[slot, 1] >= 0 and slots[slot, 0] != hashes[row]:
            slot = (slot + 1) & mask
        if slots[slot, 1] < 0:
            slots[slot, 0], slots[slot, 1], firsts[count] = hashes[row], count, row
            count += 1
        numbers[row] = slots[slot, 1]
        row += 1
    return row, count


def _larger(slots: Whole) -> Whole:
    """Return the same table with four times as many slots."""
    larger, mask = np.full((4 * len(slots), 2), -1, np.int64), 4 * len(slots) - 1
    for old in range(len(slots)):
        if slots[old, 1] >= 0:
            slot = (slots[old, 0] >> _SHIFT) & mask
            while larger[slot, 1] >= 0:
                slot = (slot + 1) & mask
            larger[slot] = slots[old]
    return larger


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
    shift = min(shift, KEY_BITS - clock.bits)
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
    buckets, ordered = ([np.empty(size, np.int64) for size in sizes] for _ in range(2))
    outputs = read_only(t), clock, read_only(extra), *buckets

    def scatter(mine: Whole, low: int, high: int) -> None:
        run(scatter_rows, *read, mine, *outputs, low, high)

    in_threads(scatter, following)
    starts = np.zeros(people.count + 1, np.int64)
    arranged = *buckets, bounds, shift, clock, starts[1:], *ordered

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
    following: Whole,
    t: Whole,
    clock: Clock,
    extra: Whole,
    keys: Whole,
    values: Whole,
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
    bucket_keys: Whole,
    bucket_values: Whole,
    bounds: Whole,
    shift: int,
    clock: Clock,
    ends: Whole,
    keys: Whole,
    values: Whole,
    low: int,
    high: int,
) -> None:
    """Loop: write the rows of the buckets from `low` to before `high` person by person, and where each person ends.

    Rows of a bucket that are out of order are first put into slices of time, which leaves little to sort.
    """
    instants, longest = (1 << clock.bits) - 1, 0
    for bucket in range(low, high):
        longest = max(longest, bounds[bucket + 1] - bounds[bucket])
    spare, spare_values = np.empty(longest, np.int64), np.empty(longest if len(values) else 0, np.int64)
    for bucket in range(low, high):
        first, rows, is_ordered = bounds[bucket], bounds[bucket + 1] - bounds[bucket], True
        for row in range(first, first + rows):
            ends[(bucket << shift) + (bucket_keys[row] >> clock.bits)] += 1
            is_ordered &= row == first or bucket_keys[row] & instants >= bucket_keys[row - 1] & instants
        index = first
        for person in range(bucket << shift, min((bucket + 1) << shift, len(ends))):
            count = ends[person]
            ends[person] = index
            index += count
        source, source_values = bucket_keys[first : first + rows], bucket_values[first : first + rows]
        if not is_ordered:
            _by_slice(source, source_values, instants, spare, spare_values)
            source, source_values = spare[:rows], spare_values[:rows]
        for row in range(rows):
            person = (bucket << shift) + (source[row] >> clock.bits)
            index = ends[person]
            ends[person] = index + 1
            keys[index] = source[row] & instants
            if len(values):
                values[index] = source_values[row]


def _by_slice(keys: Whole, values: Whole, instants: int, spare: Whole, spare_values: Whole) -> None:
    """Write keys to `spare` in the order of their slices of time, and values in the same order."""
    slices, shift = 1, 0
    while slices * SLICE < len(keys):
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


def range_of(numbers: Whole) -> tuple[int, int]:
    """Return the smallest and the largest number; there must be one."""

    def work(low: int, high: int) -> tuple[int, int]:
        return int(numbers[low:high].min()), int(numbers[low:high].max())

    lows, highs = zip(*in_threads(work, shares_of(len(numbers))), strict=True)
    return min(lows), max(highs)


def threads(rows: int) -> int:
    """Return how many threads work on this number of rows; Polars' setting limits them."""
    return pl.thread_pool_size() if rows > FEW else 1


def shares_of(rows: int, shares: int | None = None) -> list[tuple[int, int]]:
    """Split rows into ranges of about the same length; without a number, one for each thread."""
    cuts = np.linspace(0, rows, (shares or threads(rows)) + 1, dtype=np.int64).tolist()
    return list(pairwise(cuts))


def in_threads(work: Callable[..., T], shares: Sequence[tuple[Any, ...]]) -> list[T]:
    """Work on each share of the rows or the people, several at once."""
    if len(shares) == 1:
        return [work(*shares[0])]
    with ThreadPoolExecutor(len(shares)) as pool:
        return [one.result() for one in [pool.submit(work, *share) for share in shares]]
