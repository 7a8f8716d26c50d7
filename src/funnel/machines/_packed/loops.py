"""Loops over the rows of each person: the gaps between rows, and the values behind the facts at each instant.

An event is the instant when a row begins or ceases to count. Its code is twice the index of the row, plus 1 if the row
ceases to count. Events are sorted by person and instant. Rows of one person and `t` are in order of their indexes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from funnel._dataframes.loops import Whole

NONE = -1
"""The index of no row."""

BITS, END, FIELDS = 0, 1, 2
"""Columns of a row: the bits of the reductions that count it, its end, and its first field."""

DIRECTION, KEY, VALUE = 0, 1, 2
"""Columns of a reduction, as `running_values` explains."""


class Chain(NamedTuple):
    """Rows that count, linked in order; and their spans.

    Attributes:
        t: The instant of each row.
        end: The end of each row.
        before: The row before each row that counts.
        after: The row after each row that counts.
        span: The last span of each row.
    """

    t: Whole
    end: Whole
    before: Whole
    after: Whole
    span: Whole


def gap_spans(starts: Whole, at: Whole, codes: Whole, chain: Chain, spans: Whole) -> int:
    """Loop: find the spans in which the row before a row is the same.

    A row that begins or ceases to count changes its own span and that of the row after it.

    Args:
        starts: The first event of each person; at the end, the number of events.
        at: The instant of each event.
        codes: The code of each event.
        chain: The rows; `before`, `after` and `span` are overwritten.
        spans: Receives the row, the instant of the row before (its own if there is none), start and end of each span.
            A row needs room for three spans.

    Returns:
        The number of spans.
    """
    row: Any
    before: Any
    after: Any
    near: Any
    count = 0
    for person in range(len(starts) - 1):
        last = near = NONE
        for event in range(starts[person], starts[person + 1]):
            row = codes[event] >> 1
            if event > starts[person] and at[event] != at[event - 1]:
                near = last
            if codes[event] & 1:
                before, after = chain.before[row], chain.after[row]
                last = _linked(chain, before, after, last)
                near = after if before == NONE else before
            else:
                before, after = _neighbours(chain, row, near)
                last = _linked(chain, row, after, _linked(chain, before, row, last))
                near, chain.span[row] = row, NONE
                count = _spanned(chain, row, at[event], spans, count)
            if after != NONE:
                count = _spanned(chain, after, at[event], spans, count)
    return count


def _neighbours(chain: Chain, row: int, near: int) -> tuple[int, int]:
    """Return the rows before and after a row that begins to count, searched from a row near it.

    A row that a refund replaces ceases to count at the instant at which its successor, of the same `t`, begins to.
    """
    before, after = near, chain.after[near] if near != NONE else NONE
    while before != NONE and (chain.t[before], before) > (chain.t[row], row):
        before, after = chain.before[before], before
    while after != NONE and (chain.t[after], after) < (chain.t[row], row):
        before, after = after, chain.after[after]
    return before, after


def _linked(chain: Chain, before: int, after: int, last: int) -> int:
    """Link two rows, and return the last row."""
    if before != NONE:
        chain.after[before] = after
    if after == NONE:
        return before
    chain.before[after] = before
    return after if before == last else last


def _spanned(chain: Chain, row: int, at: int, spans: Whole, count: int) -> int:
    """Begin a span of a row, which ends the span before, and return the number of spans."""
    before = chain.before[row]
    if chain.span[row] != NONE:
        spans[chain.span[row], 3] = at
    chain.span[row] = count
    spans[count, 0] = row
    spans[count, 1] = chain.t[row if before == NONE else before]
    spans[count, 2] = at
    spans[count, 3] = chain.end[row]
    return count + 1


# ---- values at each instant ----


class Instants(NamedTuple):
    """The instants of people, and the values that hold from then on.

    Attributes:
        persons: The number of the person.
        at: The instant.
        values: The values of each reduction.
    """

    persons: Whole
    at: Whole
    values: Whole


def running_values(  # noqa: PLR0913, PLR0917 (a loop takes arrays)
    starts: Whole, at: Whole, codes: Whole, rows: Whole, reductions: Whole, empties: Whole, heaps: Whole, out: Instants
) -> int:
    """Loop: compute the value of each reduction at each instant of each person.

    The direction of a sum is 0, and `VALUE` is the column of its field; without a column, rows are counted. The other
    values are the field of one row: of the row with the largest key if the direction is 1, the smallest if it is -1.

    Args:
        starts: The first event of each person; at the end, the number of events.
        at: The instant of each event.
        codes: The code of each event.
        rows: The columns of the row of each event, because access in order is three times as fast.
        reductions: The direction of each reduction, the column of its key and the column of its value.
        empties: The value of each reduction if no row counts.
        heaps: Memory for the events of each reduction of one person.
        out: Receives the instants.

    Returns:
        The number of instants.
    """
    now: Any
    count, many = 0, len(reductions)
    totals, sizes = np.zeros(many, np.int64), np.zeros(many, np.int64)
    for person in range(len(starts) - 1):
        totals[:], sizes[:] = 0, 0
        event = starts[person]
        while event < starts[person + 1]:
            now = at[event]
            while event < starts[person + 1] and at[event] == now:
                _apply(event, now, codes, rows, reductions, heaps, totals, sizes)
                event += 1
            out.persons[count], out.at[count] = person, now
            for index in range(many):
                if reductions[index, DIRECTION] == 0:
                    out.values[index, count] = totals[index]
                    continue
                while sizes[index] and rows[heaps[index, 0], END] <= now:
                    sizes[index] = _popped(heaps, index, sizes[index], codes, rows, reductions)
                best = rows[heaps[index, 0], reductions[index, VALUE]] if sizes[index] else empties[index]
                out.values[index, count] = best
            count += 1
    return count


def _apply(  # noqa: PLR0913, PLR0917
    event: int, now: int, codes: Whole, rows: Whole, reductions: Whole, heaps: Whole, totals: Whole, sizes: Whole
) -> None:
    """Apply an event to the values of a person."""
    bits, index, sign = rows[event, BITS], 0, 1 - 2 * (codes[event] & 1)
    while bits:
        if bits & 1:
            field = reductions[index, VALUE]
            if reductions[index, DIRECTION] == 0:
                totals[index] += sign * (rows[event, field] if field else 1)
            elif sign > 0 and rows[event, END] > now:
                sizes[index] = _pushed(heaps, index, sizes[index], event, codes, rows, reductions)
        bits >>= 1
        index += 1


# ---- rows that count, the best first -------------------------------------------------------------------------------


def _is_better(one: int, other: int, codes: Whole, rows: Whole, key: int, direction: int) -> bool:  # noqa: PLR0913, PLR0917
    """Return whether the row of an event comes before that of another event; the index decides between equal keys."""
    if rows[one, key] == rows[other, key]:
        return bool((codes[one] > codes[other]) == (direction > 0))
    return bool((rows[one, key] > rows[other, key]) == (direction > 0))


def _pushed(  # noqa: PLR0913, PLR0917
    heaps: Whole, index: int, size: int, event: int, codes: Whole, rows: Whole, reductions: Whole
) -> int:
    """Add a row to a heap, without rows that can never be the best again, and return the number of rows."""
    direction, key, end = reductions[index, DIRECTION], reductions[index, KEY], rows[event, END]
    while (
        size and rows[heaps[index, 0], END] <= end and _is_better(event, heaps[index, 0], codes, rows, key, direction)
    ):
        size = _popped(heaps, index, size, codes, rows, reductions)
    if size and rows[heaps[index, 0], END] >= end and _is_better(heaps[index, 0], event, codes, rows, key, direction):
        return size
    slot = size
    while slot and _is_better(event, heaps[index, (slot - 1) >> 1], codes, rows, key, direction):
        heaps[index, slot] = heaps[index, (slot - 1) >> 1]
        slot = (slot - 1) >> 1
    heaps[index, slot] = event
    return size + 1


def _popped(heaps: Whole, index: int, size: int, codes: Whole, rows: Whole, reductions: Whole) -> int:  # noqa: PLR0913, PLR0917
    """Remove the best row of a heap, and return the number of rows."""
    direction, key = reductions[index, DIRECTION], reductions[index, KEY]
    size -= 1
    last, slot, child = heaps[index, size], 0, 1
    while child < size:
        if child + 1 < size and _is_better(heaps[index, child + 1], heaps[index, child], codes, rows, key, direction):
            child += 1
        if not _is_better(heaps[index, child], last, codes, rows, key, direction):
            break
        heaps[index, slot] = heaps[index, child]
        slot, child = child, 2 * child + 1
    heaps[index, slot] = last
    return size
