"""Rows of people in order, one block of people at a time, so that memory and time stay small for many people.

Invariant: within a block, the rows of a person are adjacent and ordered by time, then by code, then by path. Each
person is in one block only. Every row is in one block.

A person, an instant and a code are packed into one integer of 63 bits, and integers are sorted many times faster than
rows. If they need more bits, or if paths order the rows too, the rows of a block are sorted by each of them in turn:
slower, with the same result.

`DenseIds` is for ids that are close together. The id is packed with the instant and the code before rows are assigned
to blocks, so one sort of a block is enough. `HashedIds` is for texts and for scattered ids. Rows are assigned to blocks
by a hash, and the rows of each person in a block are grouped first.

Texts are compared by 128 bits of two hashes, not by their content. If two people share the first 64 bits, that is
detected.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import attrs
import numpy as np
import numpy.typing as npt
import polars as pl

from funnel._dataframes.compute import collected
from funnel._dataframes.packed.rows import (
    MOST,
    Array,
    Block,
    Clock,
    Numbered,
    Places,
    Rows,
    Some,
    Whole,
    partition,
    starts_of,
)

T = TypeVar("T")

SLICE = 1 << 16
"""How many numbers are processed at a time."""


def in_blocks(rows: Rows, work: Callable[[Block], T]) -> list[T]:
    """Sort the rows and process each block, several blocks at once.

    Args:
        rows: The rows.
        work: Processes a block.

    Returns:
        The result of each block.
    """
    if not len(rows.t):
        return []
    try:
        return _worked(rows, cut(rows), work)
    except SharedHashError:
        exact = rows.person.rank("dense").cast(pl.Int64)
        return _worked(rows, HashedIds.of(rows, Clock.of(rows), exact), work)


def slice_by_slice(numbers: Whole, work: Callable[[Whole], Whole]) -> Whole:
    """Compute a 32-bit integer from each of many numbers, several slices at once.

    Args:
        numbers: The numbers.
        work: Computes the results of a slice.
    """
    made: Whole = np.empty(len(numbers), np.int32)

    def worked(start: int) -> None:
        made[start : start + SLICE] = work(numbers[start : start + SLICE])

    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        list(pool.map(worked, range(0, len(numbers), SLICE)))
    return made


def _worked(rows: Rows, way: Partition, work: Callable[[Block], T]) -> list[T]:
    """Process the blocks in threads."""
    # Polars' setting gives the number of threads; numpy releases the GIL while it sorts.
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        parts = partition(len(rows.t), way.count, way.numbered, pool)

        def worked(number: int) -> T:
            return work(way.block(number, parts.part(number)))

        return list(pool.map(worked, range(way.count)))


# ---- two ways to split rows into blocks of people ----


ROWS = 1 << 16
"""The approximate number of rows per block, which fits the processor's cache."""

BITS = 63
"""The number of bits of an integer besides its sign."""

SHORT = 31
"""The same for a 32-bit integer. Short integers are sorted faster."""

FEWEST = 6
"""The minimum number of bits for the people of a block. With fewer bits, packing is slower."""

SPARSE = 16
"""Ids are close together if their range is at most this many times the number of rows."""


_ODD = np.uint64(0x9E3779B97F4A7C15)
"""Multiplying by this constant scatters consecutive numbers."""


class SharedHashError(Exception):
    """Two people have the same hash."""


class Partition(Protocol):
    """How rows are assigned to blocks, and how a block is built from its rows."""

    @property
    def count(self) -> int:
        """The number of blocks."""
        ...

    def numbered(self, here: slice) -> Numbered:
        """Return a slice of the rows with the number of each row's block."""
        ...

    def block(self, number: int, part: list[Array]) -> Block:
        """Return the rows of a block in order."""
        ...


def cut(rows: Rows) -> Partition:
    """Choose the way to split, and split the rows."""
    clock = Clock.of(rows)
    if rows.person.dtype.is_integer():
        return DenseIds.of(rows, clock) or HashedIds.of(rows, clock, rows.person.cast(pl.Int64))
    names = rows.person.to_frame("name").lazy()
    hashes = collected(names.select(same=pl.col("name").hash(0), check=pl.col("name").hash(1)))
    return HashedIds.of(rows, clock, hashes["same"], hashes["check"].to_numpy())


@attrs.frozen(eq=False)
class DenseIds:
    """People with ids close together: the lowest bits are the index in the block."""

    rows: Rows
    person: Whole
    clock: Clock
    count: int
    first: int
    shift: int

    @classmethod
    def of(cls, rows: Rows, clock: Clock) -> DenseIds | None:
        """Split the rows; None if ids are scattered or there are too few bits."""
        person, number = rows.person.cast(pl.Int64).to_numpy(), len(rows.t)
        first, last = int(person.min()), int(person.max())
        free = BITS - clock.bits
        shift = min(((last - first) * ROWS // number).bit_length(), free)
        count = ((last - first) >> max(shift, 0)) + 1
        if rows.path is not None or free < FEWEST or last - first > SPARSE * max(number, ROWS) or count > MOST:
            return None
        return cls(rows, person, clock, count, first, shift)

    @property
    def width(self) -> type[np.signedinteger[Any]]:
        """The integer type that fits a person, an instant and a code."""
        return np.int32 if self.shift + self.clock.bits <= SHORT else np.int64

    def numbered(self, here: slice) -> Numbered:
        """Return a slice of the rows, each packed into an integer, with block numbers."""
        some = Some.of(self.rows, here)
        who = self.person[some.places] - self.first
        blocks = (who >> self.shift).astype(np.uint16)
        who &= (1 << self.shift) - 1
        packed = who.astype(self.width, copy=False)
        packed <<= self.clock.bits
        packed |= self.clock.packed(self.rows, some)
        value = self.rows.value
        return blocks, ((packed,) if value is None else (packed, value[some.places]))

    def block(self, number: int, part: list[Array]) -> Block:
        """Return the rows of a block in order, by sorting them."""
        packed, value = part[0], part[1] if len(part) > 1 else None
        if value is None:
            packed.sort()
        else:
            order = order_of(packed, self.shift + self.clock.bits)
            packed, value = packed[order], value[order]
        starts = starts_of(packed >> self.clock.bits)
        t, code = self.clock.unpacked(packed)
        people = (packed[starts[:-1]] >> self.clock.bits).astype(np.int64) + ((number << self.shift) + self.first)
        return Block(
            starts, t, code, None, value, lambda numbers: pl.Series(people[numbers]).cast(self.rows.person.dtype)
        )


@attrs.frozen(eq=False)
class HashedIds:
    """People whose ids or hashes are scattered; equal values of `same` are one person.

    `check` is a second hash that detects two people with the same first hash; None if no two people can share it.
    """

    rows: Rows
    clock: Clock
    same: npt.NDArray[np.uint64]
    check: Array | None
    bits: int

    @classmethod
    def of(cls, rows: Rows, clock: Clock, same: pl.Series, check: Array | None = None) -> HashedIds:
        """Split the rows."""
        bits = min(len(rows.t) // ROWS, MOST - 1).bit_length()
        return cls(rows, clock, same.to_numpy().view(np.uint64), check, bits)

    @property
    def count(self) -> int:
        """The number of blocks."""
        return 1 << self.bits

    def numbered(self, here: slice) -> Numbered:
        """Return a slice of the rows with block numbers, person keys and row indexes."""
        some = Some.of(self.rows, here)
        keys = self.same[some.places]
        mixed = (keys * _ODD) >> np.uint64(48)
        more = [column[some.places] for column in (self.check, self.rows.path, self.rows.value) if column is not None]
        arrays = (keys, self.clock.packed(self.rows, some), some.numbers.astype(np.uint32), *more)
        return mixed.astype(np.uint16) >> np.uint16(16 - self.bits), arrays

    def block(self, number: int, part: list[Array]) -> Block:  # noqa: ARG002 - the other way needs it
        """Return the rows of a block: grouped by person, then in order of time."""
        keys, ticks, places, *more = part
        together = self._together(keys)
        keys = keys[together]
        starts = starts_of(keys)
        if self.check is not None and len(starts_of(keys, more.pop(0)[together])) > len(starts):
            raise SharedHashError
        firsts = places[together[starts[:-1]]].astype(np.int64)
        value = None if self.rows.value is None else more.pop()[together]
        path = None if self.rows.path is None else more.pop()[together]
        ticks, path, value = self._in_time(starts, ticks[together], path, value)
        t, code = self.clock.unpacked(ticks)
        return Block(starts, t, code, path, value, lambda numbers: self.rows.person.gather(firsts[numbers]))

    def _together(self, keys: Array) -> Places:
        """Return an order of the rows in which equal keys are adjacent.

        Keys are mixed. Their first bits, except those that chose the block, are packed with the index of the row into
        one integer, and these integers are sorted. If two keys share those bits, the keys themselves are sorted.
        """
        places = max(len(keys) - 1, 1).bit_length()
        mixed = keys * _ODD
        mixed <<= np.uint64(self.bits)
        mixed >>= np.uint64(places)
        mixed <<= np.uint64(places)
        mixed |= np.arange(len(keys), dtype=np.uint64)
        mixed.sort()
        order = (mixed & np.uint64((1 << places) - 1)).astype(np.intp)
        alike = len(starts_of(mixed >> np.uint64(places))) == len(starts_of(keys[order]))
        return order if alike else np.argsort(keys)

    def _in_time(
        self, starts: Places, ticks: Whole, path: Whole | None, value: Whole | None
    ) -> tuple[Whole, Whole | None, Whole | None]:
        """Return the rows of each person in order of time.

        The free bits limit how many people are sorted at once.
        """
        who, people = np.repeat(np.arange(len(starts) - 1), np.diff(starts)), len(starts) - 1
        free = BITS - self.clock.bits
        if path is not None or free < FEWEST or (value is not None and people > 1 << free):
            order = np.lexsort((ticks, who) if path is None else (path, ticks, who))
            return ticks[order], _taken(path, order), _taken(value, order)
        ticks |= (who & ((1 << free) - 1)) << self.clock.bits
        if value is not None:
            order = order_of(ticks, self.clock.bits + people.bit_length())
            return ticks[order], None, value[order]
        for first in range(0, people, 1 << free):
            ticks[starts[first] : starts[min(first + (1 << free), people)]].sort()
        return ticks, None, None


def _taken(column: Whole | None, order: Places) -> Whole | None:
    return None if column is None else column[order]


def order_of(numbers: Whole, bits: int) -> Places:
    """Return the order of integers of this many bits.

    Each integer is packed with its index if there is space.
    """
    places = max(len(numbers) - 1, 1).bit_length()
    if bits + places > BITS:
        return np.argsort(numbers)
    packed = numbers.astype(np.int64)
    packed <<= places
    packed |= np.arange(len(numbers))
    packed.sort()
    return packed & ((1 << places) - 1)
