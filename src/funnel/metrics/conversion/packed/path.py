"""The rows of a block path by path, and the look ahead from one row to the next that matches.

A place is that of a row in this order; the place after the last row stands for none.
"""

from __future__ import annotations

import attrs
import numpy as np

from funnel._packed import Block, Codes, Flags, Places, Whole, starts_of

NO_TIME = 2**61
"""When what never comes is said to come: after every window."""


@attrs.frozen(eq=False)
class Paths:
    """The rows of a block, one path after the other, those of a person together; on each path in order.

    Attributes:
        block: The block.
        starts: Where each path begins; at the end, how many rows there are.
        t: When each row was; at the end, `NO_TIME`.
        code: The code of each row.
        who: The number of the person of each path.
        order: The place of each row in the block; None where that is the place here.
    """

    block: Block
    starts: Places
    t: Whole
    code: Codes
    who: Places
    order: Places | None = None

    @classmethod
    def of(cls, block: Block) -> Paths:
        """Put the rows in order of their paths, where they have one."""
        if block.path is None:
            return cls(block, block.starts, np.append(block.t, NO_TIME), block.code, np.arange(block.people))
        order = np.lexsort((block.path, block.who()))
        who = block.who()[order]
        starts = starts_of(who, block.path[order])
        return cls(block, starts, np.append(block.t[order], NO_TIME), block.code[order], who[starts[:-1]], order)

    @property
    def none(self) -> int:
        """The place that stands for none."""
        return len(self.code)

    def path(self, places: Places) -> Places:
        """The number of the path of each place."""
        return np.repeat(np.arange(len(self.who)), np.diff(self.starts))[places]

    def standing(self, places: Places) -> Places:
        """Where each row stands among those of the block, by which rows of one person are compared."""
        return places if self.order is None else self.order[places]

    def matching(self, table: Flags) -> Ahead:
        """The look ahead to rows with a code that a table says yes to."""
        return Ahead.to(table[self.code])

    def later(self) -> Ahead:
        """The look ahead to rows that are later than the one before them, or on another path."""
        new = np.empty(self.none, np.bool_)
        new[1:] = self.t[1:-1] != self.t[:-2]
        new[self.starts[:-1]] = True
        return Ahead.to(new)


@attrs.frozen(eq=False)
class Ahead:
    """The places of the rows that match, in order; at the end, the place that stands for none."""

    places: Places

    @classmethod
    def to(cls, matches: Flags) -> Ahead:
        """The look ahead to rows that match."""
        return cls(np.append(np.flatnonzero(matches), len(matches)))

    def after(self, places: Places, ends: Places) -> Places:
        """The first that matches after each of the places, before its end."""
        found = self.places[np.searchsorted(self.places[:-1], places, side="right")]
        found[found >= ends] = self.places[-1]
        return found

    def after_ordered(self, places: Places, ends: Places) -> Places:
        """The same for places that are in order, sooner where they are more than the rows that match."""
        if len(places) <= len(self.places):
            return self.after(places, ends)
        passed = np.searchsorted(places, self.places)
        found = np.repeat(self.places, np.diff(passed, prepend=0))
        found[found >= ends] = self.places[-1]
        return found

    def has(self, places: Places) -> Flags:
        """Whether the rows at these places match."""
        found: Flags = self.places[np.searchsorted(self.places, places)] == places
        return found
