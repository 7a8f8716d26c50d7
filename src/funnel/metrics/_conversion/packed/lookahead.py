"""The rows of a block path by path, and the lookahead from one row to the next that matches.

An index is the position of a row in this order. The index after the last row stands for none.
"""

from __future__ import annotations

import attrs
import numpy as np

from funnel._dataframes.packed.rows import Block, Codes, Flags, Places, Whole, starts_of

NO_TIME = 2**61
"""The time of an event that never comes: after every window."""


@attrs.frozen(eq=False)
class Paths:
    """The rows of a block, path by path and in order.

    The paths of a person are adjacent.

    Attributes:
        block: The block.
        starts: The index at which each path starts, followed by the number of rows.
        t: The instant of each row, followed by `NO_TIME`.
        code: The code of each row.
        who: The number of the person of each path.
        order: The position of each row in the block. None if it equals the index here.
    """

    block: Block
    starts: Places
    t: Whole
    code: Codes
    who: Places
    order: Places | None = None

    @classmethod
    def of(cls, block: Block) -> Paths:
        """Sort the rows by path, if they have paths."""
        if block.path is None:
            return cls(block, block.starts, np.append(block.t, NO_TIME), block.code, np.arange(block.people))
        order = np.lexsort((block.path, block.who()))
        who = block.who()[order]
        starts = starts_of(who, block.path[order])
        return cls(block, starts, np.append(block.t[order], NO_TIME), block.code[order], who[starts[:-1]], order)

    @property
    def none(self) -> int:
        """The index that stands for none."""
        return len(self.code)

    def path(self, places: Places) -> Places:
        """Return the number of the path of each index."""
        return np.repeat(np.arange(len(self.who)), np.diff(self.starts))[places]

    def standing(self, places: Places) -> Places:
        """Return the position of each row in the block, by which rows of one person are compared."""
        return places if self.order is None else self.order[places]

    def matching(self, table: Flags) -> NextMatch:
        """Return the lookahead to rows whose code is marked in a table."""
        return NextMatch.to(table[self.code])

    def later(self) -> NextMatch:
        """Return the lookahead to rows that are later than the previous row, or on another path."""
        new = np.empty(self.none, np.bool_)
        new[1:] = self.t[1:-1] != self.t[:-2]
        new[self.starts[:-1]] = True
        return NextMatch.to(new)


@attrs.frozen(eq=False)
class NextMatch:
    """The indexes of the matching rows, in order, followed by the index that stands for none."""

    places: Places

    @classmethod
    def to(cls, matches: Flags) -> NextMatch:
        """Return the lookahead to rows that match."""
        return cls(np.append(np.flatnonzero(matches), len(matches)))

    def after(self, places: Places, ends: Places) -> Places:
        """Return the first match after each index, before its end."""
        found = self.places[np.searchsorted(self.places[:-1], places, side="right")]
        found[found >= ends] = self.places[-1]
        return found

    def after_ordered(self, places: Places, ends: Places) -> Places:
        """Return the same for sorted indexes.

        Faster if there are more indexes than matching rows.
        """
        if len(places) <= len(self.places):
            return self.after(places, ends)
        passed = np.searchsorted(places, self.places)
        found = np.repeat(self.places, np.diff(passed, prepend=0))
        found[found >= ends] = self.places[-1]
        return found

    def has(self, places: Places) -> Flags:
        """Return whether the rows at these indexes match."""
        found: Flags = self.places[np.searchsorted(self.places, places)] == places
        return found
