"""What is known of each person at each instant at which something changes, from rows in order.

Of each table, what its rows up to the last of an instant say holds until its next row; so all that is needed of a table
is where the rows of a person begin, and which of its rows were the first and the last of a group.
"""

from __future__ import annotations

from functools import cached_property

import attrs
import numpy as np

from funnel._moves.packed.lines import Bits, Block, Held, Wanted
from funnel._packed import Flags, Places, Whole
from funnel._reduce.forms import FINISHES, Reduction


@attrs.frozen(eq=False)
class Piece:
    """The rows of some people, and where people and instants begin among them."""

    block: Block

    @property
    def at(self) -> Whole:
        """When each row counts from."""
        return self.block.at

    @cached_property
    def places(self) -> Places:
        """The places of the rows."""
        return np.arange(len(self.at))

    @cached_property
    def comes_in(self) -> Flags:
        """Whether each row is the first of a person."""
        return _differs(self.block.person)

    @cached_property
    def firsts(self) -> Places:
        """The place of the first row of each person and instant."""
        return np.flatnonzero(self.comes_in | _differs(self.at))

    @cached_property
    def ends(self) -> Places:
        """The place of the last row of each person and instant."""
        return np.append(self.firsts[1:], len(self.at)) - 1

    @cached_property
    def person_from(self) -> Places:
        """For each person and instant, the place of the first row of the person."""
        return np.maximum.accumulate(np.where(self.comes_in, self.places, 0))[self.ends]

    def stepped(self, held: Held) -> tuple[Flags, Bits]:
        """For each person and instant, whether values of a table are computed, and which hold."""
        computed = self.block.mark & np.uint32(held.stepped) != 0
        last = np.maximum.accumulate(np.where(computed, self.places, -1))[self.ends]
        there = last >= self.person_from
        return there, self.block.row[last[there]]

    def field(self, held: Held, name: str, places: Places) -> Whole:
        """A field of the rows of a table that stand at these places."""
        if name == "t" and held.dated:
            return self.at[places]
        return held.fields[name][self.block.row[places]]


def _differs(values: Whole) -> Flags:
    """Whether each value differs from the one before; the first does."""
    return np.append(True, values[1:] != values[:-1])


def values_of(wanted: Wanted, piece: Piece) -> list[Whole]:
    """The values that facts are read from, at each instant of each person."""
    plan = wanted.plan
    values = [_value(wanted, piece, one) for one in plan.reductions]
    for held in piece.block.lines.held.values():
        if held.steps:
            there, rows = piece.stepped(held)
            for place, steps in held.steps.items():
                values[place][there] = steps[rows]
    for one, (_, parts) in zip(plan.derived, plan.finishes, strict=True):
        values.append(FINISHES[one.how].array(*(values[part] for part in parts)))
    return values


def _value(wanted: Wanted, piece: Piece, one: Reduction) -> Whole:
    held = piece.block.lines.held.get(one.stream.table)
    empty = wanted.texts[one.empty] if isinstance(one.empty, str) else one.empty
    if held is None:
        return np.full(len(piece.ends), empty, np.int64)
    kept = Kept(piece, held, one, piece.block.mark & np.uint32(wanted.bits[one.stream, one.where]) != 0)
    if one.how == "sum":
        return _summed(kept)
    looked_up = one.is_edge or (one.field == "t" and held.dated)
    return _edge(kept, empty) if looked_up else _extreme(kept, empty)


@attrs.frozen(eq=False)
class Kept:
    """The rows that a reduction keeps.

    Attributes:
        piece: All rows.
        held: What is known of its table.
        one: The reduction.
        rows: Whether each row is kept.
    """

    piece: Piece
    held: Held
    one: Reduction
    rows: Flags

    @property
    def start(self) -> Places:
        """For each person and instant, the place from which rows count."""
        return self.piece.person_from

    def field(self, places: Places) -> Whole:
        """The field of the rows at these places."""
        return self.piece.field(self.held, self.one.field, places)

    def filled(self, there: Flags, value: Whole, empty: int) -> Whole:
        """The values where there are any, and what is said where there are none."""
        filled = np.full(len(there), empty, np.int64)
        filled[there] = value
        return filled


def _summed(kept: Kept) -> Whole:
    given = kept.rows.astype(np.int64)
    if kept.one.field:
        places = np.flatnonzero(kept.rows)
        given[places] = kept.field(places)
    total = np.cumsum(given)
    return total[kept.piece.ends] - total[kept.start] + given[kept.start]


def _edge(kept: Kept, empty: int) -> Whole:
    """A field of the first or the last row that is kept; rows are in order."""
    places, ends = kept.piece.places, kept.piece.ends
    if kept.one.how in ("latest", "largest"):
        place = np.maximum.accumulate(np.where(kept.rows, places, -1))[ends]
        there = place >= kept.start
    else:
        ahead = np.where(kept.rows, places, len(places))
        place = np.minimum.accumulate(ahead[::-1])[::-1][kept.start]
        there = place <= ends
    return kept.filled(there, kept.field(place[there]), empty)


def _extreme(kept: Kept, empty: int) -> Whole:
    """The largest or the smallest value of a field: by ranks, above which stands the number of the person."""
    places, ends = np.flatnonzero(kept.rows), kept.piece.ends
    known, rank = np.unique(kept.field(places), return_inverse=True)
    if kept.one.how == "smallest":
        known, rank = known[::-1], len(known) - 1 - rank
    person = np.cumsum(kept.piece.comes_in) * (len(known) + 1)
    best = person.copy()
    best[places] += rank + 1
    found = np.maximum.accumulate(best)[ends] - person[ends] - 1
    there = found >= 0
    return kept.filled(there, known[found[there]], empty)
