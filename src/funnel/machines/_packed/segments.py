"""Values of each person at each instant when facts change, from sorted rows.

The value of a table after the last row of an instant holds until the table's next row. The computation therefore needs
only the first row of each person, and the first and last rows of each group.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import attrs
import numpy as np

from funnel._aggregate.aggregations import COMBINES, POST_AGGREGATIONS, Reduction
from funnel.machines._packed.event_rows import Bits, Block, Held, ReadSet
from funnel.machines._packed.partition import Flags, Places, Whole


@attrs.frozen(eq=False)
class SortedRows:
    """Sorted rows of some people, with the first row of each person and instant."""

    block: Block

    @property
    def at(self) -> Whole:
        """Instant from which each row counts."""
        return self.block.at

    @cached_property
    def places(self) -> Places:
        """Indexes of the rows."""
        return np.arange(len(self.at))

    @cached_property
    def comes_in(self) -> Flags:
        """Whether each row is the first of a person."""
        return _differs(self.block.person)

    @cached_property
    def firsts(self) -> Places:
        """Index of the first row of each person and instant."""
        return np.flatnonzero(self.comes_in | _differs(self.at))

    @cached_property
    def ends(self) -> Places:
        """Index of the last row of each person and instant."""
        return np.append(self.firsts[1:], len(self.at)) - 1

    @cached_property
    def person_from(self) -> Places:
        """For each person and instant, the index of the person's first row."""
        return np.maximum.accumulate(np.where(self.comes_in, self.places, 0))[self.ends]

    def stepped(self, held: Held) -> tuple[Flags, Bits]:
        """Return, for each person and instant, whether values are computed, and which."""
        computed = self.block.mark & np.uint32(held.stepped) != 0
        last = np.maximum.accumulate(np.where(computed, self.places, -1))[self.ends]
        there = last >= self.person_from
        return there, self.block.row[last[there]]

    def field(self, held: Held, name: str, places: Places) -> Whole:
        """Return a field of the table's rows at these indexes."""
        if name == "t" and held.dated:
            return self.at[places]
        return held.fields[name][self.block.row[places]]


def _differs(values: Whole) -> Flags:
    """Return whether each value differs from the value before; the first is True."""
    return np.append(True, values[1:] != values[:-1])


def values_of(wanted: ReadSet, piece: SortedRows) -> list[Whole]:
    """Return the values behind the facts, at each instant of each person."""
    plan = wanted.plan
    values = [_value(wanted, piece, one) for one in plan.reductions]
    for held in piece.block.lines.held.values():
        if held.steps:
            there, rows = piece.stepped(held)
            for place, steps in held.steps.items():
                values[place][there] = steps[rows]
    for one, (_, parts) in zip(plan.derived, plan.finishes, strict=True):
        values.append(POST_AGGREGATIONS[one.how].array(*(values[part] for part in parts)))
    return values


def _value(wanted: ReadSet, piece: SortedRows, one: Reduction) -> Whole:
    held = piece.block.lines.held.get(one.stream.table)
    empty = wanted.texts[one.empty] if isinstance(one.empty, str) else one.empty
    if held is None:
        return np.full(len(piece.ends), empty, np.int64)
    kept = Kept(piece, held, one, piece.block.mark & np.uint32(wanted.bits[one.stream, one.where]) != 0)
    if one.how == "sum":
        return _summed(kept)
    looked_up = one.is_edge or (one.field == "t" and held.dated)
    if held.leaving:
        return _in_window(kept, empty, looked_up=looked_up)
    return _edge(kept, empty) if looked_up else _extreme(kept, empty)


@attrs.frozen(eq=False)
class Kept:
    """Rows that a reduction keeps.

    Attributes:
        piece: All rows.
        held: Values of the table.
        one: The reduction.
        rows: Whether each row is kept, or leaves the window as a kept row.
    """

    piece: SortedRows
    held: Held
    one: Reduction
    rows: Flags

    @cached_property
    def leaving(self) -> Flags:
        """Whether each row leaves the window as a kept row."""
        leaving: Flags = self.rows & (self.piece.block.mark & np.uint32(self.held.leaving) != 0)
        return leaving

    @property
    def start(self) -> Places:
        """For each person and instant, the index from which rows count."""
        return self.piece.person_from

    def field(self, places: Places) -> Whole:
        """Return the field of the rows at these indexes."""
        return self.piece.field(self.held, self.one.field, places)

    def filled(self, there: Flags, value: Whole, empty: int) -> Whole:
        """Return the values, with the empty value if there is no row."""
        filled = np.full(len(there), empty, np.int64)
        filled[there] = value
        return filled


def _summed(kept: Kept) -> Whole:
    given = kept.rows.astype(np.int64)
    if kept.one.field:
        places = np.flatnonzero(kept.rows)
        given[places] = kept.field(places)
    if kept.held.leaving:
        given[kept.leaving] *= -1
    return _counted(kept, given)


def _counted(kept: Kept, given: Whole) -> Whole:
    """Return the sum of a person's rows up to each instant."""
    total = np.cumsum(given)
    return total[kept.piece.ends] - total[kept.start] + given[kept.start]


def _in_window(kept: Kept, empty: int, *, looked_up: bool) -> Whole:
    """Return a field of the first or last row in the window, or its extreme.

    Rows leave in the order in which they came.
    """
    begins, one = kept.rows & ~kept.leaving, kept.one
    places, start = np.flatnonzero(begins), kept.start
    before: Whole = np.cumsum(begins)[start] - begins[start]
    first = before + _counted(kept, kept.leaving.astype(np.int64))
    last = before + _counted(kept, begins.astype(np.int64)) - 1
    there = first <= last
    if looked_up:
        chosen = last if one.how in ("latest", "largest") else first
        return kept.filled(there, kept.field(places[chosen[there]]), empty)
    best = _best_between(kept.field(places), first[there], last[there], getattr(np, COMBINES[one.how].ufunc))
    return kept.filled(there, best, empty)


def _best_between(values: Whole, first: Places, last: Places, better: Callable[[Whole, Whole], Whole]) -> Whole:
    """Return the best value between pairs of indexes, inclusive.

    Each range is covered by two overlapping ranges with the length of a power of two.
    """
    best, powers = np.zeros(len(first), np.int64), np.frexp(last - first + 1)[1] - 1
    for power in range(int(powers.max(initial=-1)) + 1):
        here, width = powers == power, 1 << power
        best[here] = better(values[first[here]], values[last[here] - width + 1])
        values = better(values[:-width], values[width:])
    return best


def _edge(kept: Kept, empty: int) -> Whole:
    """Return a field of the first or last kept row; rows are sorted."""
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
    """Return the largest or smallest value of a field, by ranks offset by person."""
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
