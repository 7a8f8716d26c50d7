"""Two ways to cut rows into blocks of people.

`Near` is for numbers that lie near together: the number itself is packed with the instant and the code before the rows
are parted, and one sort of a block does all. `Far` is for texts and for numbers that lie anywhere: rows are parted by a
hash, and in a block those of one person are brought together first.

Texts are told apart by 128 bits of two hashes, not by looking at them; that two people share the first 64 is seen.
"""

from __future__ import annotations

from typing import Protocol

import attrs
import numpy as np
import numpy.typing as npt
import polars as pl

from funnel._packed.parts import MOST, Numbered
from funnel._packed.rows import Array, Block, Clock, Places, Rows, Some, Whole, starts_of

ROWS = 1 << 16
"""A block has about so many rows, which the processor's own memory holds."""

BITS = 63
"""So many bits has a whole number besides its sign."""

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
    hashes = names.select(same=pl.col("name").hash(0), check=pl.col("name").hash(1)).collect()
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
        person, number = rows.person.to_numpy(), len(rows.t)
        first, last = int(person.min()), int(person.max())
        free = BITS - clock.bits
        shift = min(((last - first) * ROWS // number).bit_length(), free)
        count = ((last - first) >> max(shift, 0)) + 1
        if rows.path is not None or free < FEWEST or last - first > SPARSE * max(number, ROWS) or count > MOST:
            return None
        return cls(rows, person, clock, count, first, shift)

    def numbered(self, here: slice) -> Numbered:
        """A slice of the rows, each packed into a number."""
        some = Some.of(self.rows, here)
        packed = self.clock.packed(self.rows, some)
        who = self.person[some.places].astype(np.int64) - self.first
        packed |= (who & ((1 << self.shift) - 1)) << self.clock.bits
        return (who >> self.shift).astype(np.uint16), (packed,)

    def block(self, number: int, part: list[Array]) -> Block:
        """The rows of a block in order: sorted."""
        (packed,) = part
        packed.sort()
        who = packed >> self.clock.bits
        starts = starts_of(who)
        t, code = self.clock.unpacked(packed)
        people = who[starts[:-1]] + ((number << self.shift) + self.first)
        return Block(starts, t, code, None, lambda numbers: pl.Series(people[numbers]).cast(self.rows.person.dtype))


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
        more = [column[some.places] for column in (self.check, self.rows.path) if column is not None]
        arrays = (keys, self.clock.packed(self.rows, some), some.places.astype(np.uint32), *more)
        return mixed.astype(np.uint16) >> np.uint16(16 - self.bits), arrays

    def block(self, number: int, part: list[Array]) -> Block:  # noqa: ARG002 - the other way needs it
        """The rows of a block in order: those of each person together, then in order of time."""
        together = np.argsort(part[0])
        keys, ticks, places, *more = (column[together] for column in part)
        starts = starts_of(keys)
        if self.check is not None and len(starts_of(keys, more[0])) > len(starts):
            raise SharedHashError
        firsts = places[starts[:-1]].astype(np.int64)
        ticks, path = self._in_time(starts, ticks, None if self.rows.path is None else more[-1])
        t, code = self.clock.unpacked(ticks)
        return Block(starts, t, code, path, lambda numbers: self.rows.person.gather(firsts[numbers]))

    def _in_time(self, starts: Places, ticks: Whole, path: Whole | None) -> tuple[Whole, Whole | None]:
        """The rows of each person in order of time; as many people at once as there are bits for."""
        who = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        free = BITS - self.clock.bits
        if path is not None or free < FEWEST:
            order = np.lexsort((ticks, who) if path is None else (path, ticks, who))
            return ticks[order], None if path is None else path[order]
        ticks |= (who & ((1 << free) - 1)) << self.clock.bits
        for first in range(0, len(starts) - 1, 1 << free):
            ticks[starts[first] : starts[min(first + (1 << free), len(starts) - 1)]].sort()
        return ticks, None
