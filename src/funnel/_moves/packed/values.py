"""What is known of each person at each instant at which something changes, from rows in order.

Of each table, what its rows up to the last of an instant say holds until its next row; so all that is needed of a table
is where its epoch began, and which of its rows were the first and the last of a group.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import attrs
import numpy as np

from funnel._instants import FOREVER, NEVER
from funnel._moves.packed.lines import Block, Held, Wanted
from funnel._packed import Flags, Places, Whole
from funnel._reduce.forms import Reduction


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
    return np.append(True, values[1:] != values[:-1])  # noqa: FBT003 (a value among others)


def values_of(wanted: Wanted, piece: Piece) -> list[Whole]:
    """The values that facts are read from, at each instant of each person."""
    plan = wanted.plan
    froms = {name: piece.epoch_from(held) for name, held in piece.block.lines.held.items()}
    values = [_value(wanted, piece, froms, one) for one in plan.reductions]
    for one, (_, parts) in zip(plan.derived, plan.finishes, strict=True):
        values.append(_FINISHES[one.how](*(values[part] for part in parts)))
    return values


def _value(wanted: Wanted, piece: Piece, froms: Mapping[str, Places], one: Reduction) -> Whole:
    held = piece.block.lines.held.get(one.stream.table)
    empty = wanted.texts[one.empty] if isinstance(one.empty, str) else one.empty
    if held is None:
        return np.full(len(piece.ends), empty, np.int64)
    kept = (piece.block.mark & np.uint32(wanted.bits[one.stream, one.where])) != 0
    start = froms[one.stream.table]
    if one.how == "sum":
        return _summed(piece, held, one, kept, start)
    if one.is_edge or (one.field == "t" and held.dated):
        return _edge(piece, held, one, kept, start, empty)
    return _extreme(piece, held, one, kept, start, empty)


def _summed(piece: Piece, held: Held, one: Reduction, kept: Flags, start: Places) -> Whole:
    given = kept.astype(np.int64)
    if one.field:
        places = np.flatnonzero(kept)
        given[places] = piece.field(held, one.field, places)
    total = np.cumsum(given)
    return total[piece.ends] - total[start] + given[start]


def _edge(piece: Piece, held: Held, one: Reduction, kept: Flags, start: Places, empty: int) -> Whole:
    """A field of the first or the last row of a group; rows are in order."""
    if one.how in ("latest", "largest"):
        place = np.maximum.accumulate(np.where(kept, piece.places, -1))[piece.ends]
        there = place >= start
    else:
        ahead = np.where(kept, piece.places, len(kept))
        place = np.minimum.accumulate(ahead[::-1])[::-1][start]
        there = place <= piece.ends
    value = np.full(len(piece.ends), empty, np.int64)
    value[there] = piece.field(held, one.field, place[there])
    return value


def _extreme(piece: Piece, held: Held, one: Reduction, kept: Flags, start: Places, empty: int) -> Whole:
    """The largest or the smallest value of a field: by ranks, above which stands the number of the epoch."""
    places = np.flatnonzero(kept)
    known, rank = np.unique(piece.field(held, one.field, places), return_inverse=True)
    if one.how == "smallest":
        rank = len(known) - 1 - rank
    epochs = np.zeros(len(kept), np.int64)
    epochs[start] = 1
    epoch = np.cumsum(epochs)
    room = len(known) + 1
    best = epoch * room
    best[places] += rank + 1
    found = np.maximum.accumulate(best)[piece.ends] - epoch[piece.ends] * room - 1
    there = found >= 0
    value = np.full(len(piece.ends), empty, np.int64)
    value[there] = known[found[there] if one.how == "largest" else len(known) - 1 - found[there]]
    return value


def _any(count: Whole) -> Whole:
    return (count > 0).astype(np.int64)


def _mean(total: Whole, count: Whole) -> Whole:
    return np.where(count > 0, total // np.maximum(count, 1), 0)


def _mean_gap(first: Whole, last: Whole, count: Whole) -> Whole:
    return np.where(count > 1, (last - first) // np.maximum(count - 1, 1), FOREVER - NEVER)


_FINISHES = {"any": _any, "mean": _mean, "mean_gap": _mean_gap}
"""The values worked out from others, as `funnel._reduce.forms` has them."""

