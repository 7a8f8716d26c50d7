"""What is known of each person at each instant at which something changes, from rows in order.

Of each table, what its rows up to the last of an instant say holds until its next row; so all that is needed of a table
is where its epoch began, and which of its rows were the first and the last of a group.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import attrs
import numpy as np

from funnel._moves.packed.lines import Block, Held, Wanted
from funnel._packed import Flags, Places, Whole
from funnel._reduce.forms import FINISHES, Reduction


@attrs.frozen(eq=False)
class Piece:
    """The rows of some people, and where people, instants and epochs begin among them."""

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
        """The place of the first row of each row's person."""
        return np.maximum.accumulate(np.where(self.comes_in, self.places, 0))

    def epoch_from(self, held: Held) -> Places:
        """For each person and instant, the place from which rows of a table count."""
        opens = self.block.mark & np.uint32(held.opens) != 0
        if not opens.any():
            return self.person_from[self.ends]
        begins = np.zeros(len(self.at), np.bool_)
        begins[self.firsts[np.searchsorted(self.firsts, np.flatnonzero(opens), side="right") - 1]] = True
        return np.maximum.accumulate(np.where(begins | self.comes_in, self.places, 0))[self.ends]

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
    froms = {name: piece.epoch_from(held) for name, held in piece.block.lines.held.items()}
    values = [_value(wanted, piece, froms, one) for one in plan.reductions]
    for one, (_, parts) in zip(plan.derived, plan.finishes, strict=True):
        values.append(FINISHES[one.how].array(*(values[part] for part in parts)))
    return values


def _value(wanted: Wanted, piece: Piece, froms: Mapping[str, Places], one: Reduction) -> Whole:
    name = one.stream.table
    held = piece.block.lines.held.get(name)
    empty = wanted.texts[one.empty] if isinstance(one.empty, str) else one.empty
    if held is None:
        return np.full(len(piece.ends), empty, np.int64)
    kept = Kept(piece, held, one, piece.block.mark & np.uint32(wanted.bits[one.stream, one.where]) != 0, froms[name])
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
        start: For each person and instant, the place from which rows of its table count.
    """

    piece: Piece
    held: Held
    one: Reduction
    rows: Flags
    start: Places

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
    """The largest or the smallest value of a field: by ranks, above which stands the number of the epoch."""
    places, ends = np.flatnonzero(kept.rows), kept.piece.ends
    known, rank = np.unique(kept.field(places), return_inverse=True)
    if kept.one.how == "smallest":
        known, rank = known[::-1], len(known) - 1 - rank
    epoch = np.zeros(len(kept.rows), np.int64)
    epoch[kept.start] = 1
    epoch = np.cumsum(epoch) * (len(known) + 1)
    best = epoch.copy()
    best[places] += rank + 1
    found = np.maximum.accumulate(best)[ends] - epoch[ends] - 1
    there = found >= 0
    return kept.filled(there, known[found[there]], empty)
