"""Two ways to cut rows into blocks of people.

`Near` is for numbers that lie near together: the number itself is packed with the instant and the code before the rows
are parted, and one sort of a block does all. `Far` is for texts and for numbers that lie anywhere: rows are parted by a
hash, and in a block those of one person are brought together first.

Texts are told apart by 128 bits of two hashes, not by looking at them; that two people share the first 64 is seen.
"""

from __future__ import annotations

from typing import Any, Protocol

import attrs
import numpy as np
import numpy.typing as npt
import polars as pl

from funnel._computing import collected
from funnel._packed.parts import MOST, Numbered
from funnel._packed.rows import Array, Block, Clock, Places, Rows, Some, Whole, starts_of

ROWS = 1 << 16
"""A block has about so many rows, which the processor's own memory holds."""

BITS = 63
"""So many bits has a whole number besides its sign."""

SHORT = 31
"""So many has a short one, and short ones are sorted faster."""

FEWEST = 6
"""With fewer bits than these for the people of a block, packing would not pay."""

SPARSE = 16
"""Numbers lie near together where at most one in so many of those between the least and the largest is taken."""


_ODD = np.uint64(0x9E3779B97F4A7C15)
"""Multiplied by it, numbers that lie in a row lie anywhere."""


class SharedHashError(Exception):
    """Two people have the same hash."""


class Cut(Protocol):
    """How rows are numbered by their blocks, and how a block is made of its part of them."""

    @property
    def count(self) -> int:
        """How many blocks there are."""
        ...

    def numbered(self, here: slice) -> Numbered:
        """A slice of the rows."""
        ...

    def block(self, number: int, part: list[Array]) -> Block:
        """The rows of a block in order."""
        ...


def cut(rows: Rows) -> Cut:
    """Choose the way, and cut."""
    clock = Clock.of(rows)
    if rows.person.dtype.is_integer():
        return Near.of(rows, clock) or Far.of(rows, clock, rows.person.cast(pl.Int64))
    names = rows.person.to_frame("name").lazy()
    hashes = collected(names.select(same=pl.col("name").hash(0), check=pl.col("name").hash(1)))
    return Far.of(rows, clock, hashes["same"], hashes["check"].to_numpy())


@attrs.frozen(eq=False)
class Near:
    """People whose numbers lie near together: so many bits of the number are the place in the block."""

    rows: Rows
    person: Whole
    clock: Clock
    count: int
    first: int
    shift: int

    @classmethod
    def of(cls, rows: Rows, clock: Clock) -> Near | None:
        """Cut the rows, if the numbers of people lie near together and there are bits for them."""
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
        """The numbers that have room for a person, an instant and a code."""
        return np.int32 if self.shift + self.clock.bits <= SHORT else np.int64

    def numbered(self, here: slice) -> Numbered:
        """A slice of the rows, each packed into a number."""
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
        """The rows of a block in order: sorted."""
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
class Far:
    """People whose numbers, or hashes, lie anywhere: `same` numbers are one person.

    `check` is another hash, by which it is seen that two people share the first; None where nobody does.
    """

    rows: Rows
    clock: Clock
    same: npt.NDArray[np.uint64]
    check: Array | None
    bits: int

    @classmethod
    def of(cls, rows: Rows, clock: Clock, same: pl.Series, check: Array | None = None) -> Far:
        """Cut the rows."""
        bits = min(len(rows.t) // ROWS, MOST - 1).bit_length()
        return cls(rows, clock, same.to_numpy().view(np.uint64), check, bits)

    @property
    def count(self) -> int:
        """How many blocks there are."""
        return 1 << self.bits

    def numbered(self, here: slice) -> Numbered:
        """A slice of the rows, with what tells people apart and where they stand."""
        some = Some.of(self.rows, here)
        keys = self.same[some.places]
        mixed = (keys * _ODD) >> np.uint64(48)
        more = [column[some.places] for column in (self.check, self.rows.path, self.rows.value) if column is not None]
        arrays = (keys, self.clock.packed(self.rows, some), some.numbers.astype(np.uint32), *more)
        return mixed.astype(np.uint16) >> np.uint16(16 - self.bits), arrays

    def block(self, number: int, part: list[Array]) -> Block:  # noqa: ARG002 - the other way needs it
        """The rows of a block in order: those of each person together, then in order of time."""
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
        """The rows in an order in which those of equal keys stand together.

        Keys are mixed, their first bits but those that chose the block share a number with the place of the row, and
        numbers are sorted. That two keys share those bits is seen; then the keys themselves are put in order.
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
        """The rows of each person in order of time; as many people at once as there are bits for."""
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
    """The order of numbers of so many bits: each shares a number with its place, where there is room."""
    places = max(len(numbers) - 1, 1).bit_length()
    if bits + places > BITS:
        return np.argsort(numbers)
    packed = numbers.astype(np.int64)
    packed <<= places
    packed |= np.arange(len(numbers))
    packed.sort()
    return packed & ((1 << places) - 1)
