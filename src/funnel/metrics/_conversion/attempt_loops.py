"""Loops that find the attempts of each person, in order of time.

`follow_people` processes people one by one. It reads the rows of a path, computes for each row the next row that meets
each condition, and follows attempts from row to row. Row numbers are local to the path; the number of its rows stands
for none. Everything is in a few integer arrays, because numba counts the references to each array at each call:

- `query`: the question, one integer for each name below
- `steps`: one line for each name below, one column for each step, numbered from 0
- `outs`: one line for each exclusion; from `SERVES` on, whether its rows may be those of each step
- `path`: one line for each name below and, from `NEXT_MATCH` on, for each condition; one column for each row
- `own`: the rows of the steps of the present attempt, the same while they are sorted, and the best score of the person
- `answers`: one line for each name below, then the row and then the instant of each step; one column each attempt
"""

from __future__ import annotations

from typing import Any

from funnel._dataframes.loops import Whole, sorted_run
from funnel._time import NEVER
from funnel.metrics._conversion.label_events import CONVERTED, DROPPED, PENDING

WITHIN, AS_OF, ORDER, LATER, ATTEMPTS, CONDITIONS, NEEDED, UNUSED, CODE_BITS, START = range(10)
"""Lines of `query`. `LATER`: a next step must be at a later instant. `NEEDED`: the number of required steps.
`UNUSED`: the number of conditions, from the first, that only an entry matches.
"""

ORDERED, STRICT, ANY_ORDER = range(3)
"""Values of `ORDER`."""

FIRST, DEEPEST, EACH = range(3)
"""Values of `ATTEMPTS`."""

CONDITION, SPAN, BEFORE, FOLLOWING, OPTIONAL, REQUIRED = range(6)
"""Lines of `steps`: the maximum time from the required step before; the required step after, or -1; the k-th required
step.
"""

OUT_CONDITION, OUT_AFTER, OUT_BEFORE, OUT_REMOVES, SERVES = range(5)
"""Columns of `outs`."""

T, MATCHES, NUMBER, NEXT_INSTANT, MERGED, NEXT_MATCH = range(6)
"""Lines of `path`: conditions that a row matches, as bits; its number within the person, from 1; the first row at a
later instant; path and row of the person's rows in one integer; the next row that matches a condition.
"""

ROWS, DONE, BEST = range(3)
"""Lines of `own`. `BEST`: the best score, and whether an attempt is open."""

PERSON, REACHED, STATE, CLOSED, FIRST_ROW = range(5)
"""Lines of `answers`."""

DEEPER = 2**40
"""More than the number of rows of any person."""

OVER = 2**46
"""More than any number of steps."""

NO_TIME = 2**61
"""The time of an event that never comes: after every window."""


def follow_people(  # noqa: PLR0913, PLR0917 (a loop takes arrays)
    query: Whole,
    steps: Whole,
    outs: Whole,
    matches: Whole,
    starts: Whole,
    keys: Whole,
    paths: Whole,
    path: Whole,
    own: Whole,
    answers: Whole,
    count: int,
    low: int,
    high: int,
) -> int:
    """Loop: find the attempts of the people from `low` to before `high`.

    Args:
        query: The question.
        steps: The steps.
        outs: The exclusions.
        matches: For each code, the conditions that its rows match, as bits.
        starts: The index of the first key of each person.
        keys: Instants and codes; sorted in index.
        paths: The path of each key; empty if the question has no paths.
        path: Memory for the longest path.
        own: Memory for one attempt.
        answers: Receives the selected attempts.
        count: The number of attempts that `answers` has already.
        low: The first person.
        high: The person after the last one.

    Returns:
        The number of attempts with those of these people.
    """
    for person in range(low, high):
        first, end, begin, length = starts[person], starts[person + 1], count, 0
        sorted_run(keys, paths, first, end)
        own[BEST, 0] = own[BEST, 1] = -NO_TIME
        if len(paths):
            _group_by_path(paths, path, first, end)
        for row in range(end - first):
            index = path[MERGED, row] & _LOW if len(paths) else row
            key = keys[first + index]
            path[T, length] = (key >> query[CODE_BITS]) + query[START]
            path[MATCHES, length] = matches[key & ((1 << query[CODE_BITS]) - 1)]
            path[NUMBER, length] = index + 1
            length += 1
            if row + 1 == end - first or (len(paths) and path[MERGED, row + 1] >> _HALF != path[MERGED, row] >> _HALF):
                count = _of_path(query, steps, outs, path, own, answers, person, length, begin, count)
                length = 0
        if own[BEST, 1] > 0 and not answers[CLOSED, begin] and answers[STATE, begin] == DROPPED:
            answers[STATE, begin] = PENDING
    return count


_HALF = 32
_LOW = 2**32 - 1


def _group_by_path(paths: Whole, path: Whole, first: int, end: int) -> None:
    """Put the rows of each path of a person next to each other, in order."""
    merged = path[MERGED, : end - first]
    for row in range(end - first):
        merged[row] = (paths[first + row] << _HALF) | row
    sorted_run(merged, paths[:0], 0, len(merged))


def _of_path(  # noqa: C901, PLR0913, PLR0917 (one loop over the rows)
    query: Whole,
    steps: Whole,
    outs: Whole,
    path: Whole,
    own: Whole,
    answers: Whole,
    person: int,
    none: int,
    begin: int,
    count: int,
) -> int:
    """Find the attempts of a path; answers of the person's other paths begin at `begin`."""
    entries = (1 << query[CONDITIONS]) - 1 if query[ORDER] == ANY_ORDER else 1
    attempts, exit_row, closed, ready = query[ATTEMPTS], -1, -NO_TIME, False
    path[T, none] = NO_TIME
    for row in range(none):
        if not path[MATCHES, row] & entries or row <= exit_row or path[T, row] <= closed:
            continue
        if attempts == FIRST and -path[NUMBER, row] <= own[BEST, 0]:
            break
        if not ready:
            _look_ahead(query, path, none)
            ready = True
        earlier = own[BEST, 0] > OVER + DEEPER - path[NUMBER, row]
        if attempts == DEEPEST and earlier and _stays(query, steps, path, row):
            continue
        reached, state, is_closed, removed, stop = _followed(query, steps, outs, path, own, row, none)
        index = begin
        if attempts == EACH:
            index = count
            exit_row, closed = (stop, -NO_TIME) if stop < none else (-1, path[T, row] + query[WITHIN])
        elif attempts == FIRST:
            own[BEST, 0] = -path[NUMBER, row]
            exit_row, count = none, begin
        elif not removed:
            score = is_closed * OVER + reached * DEEPER - path[NUMBER, row]
            if state == PENDING:
                own[BEST, 1] = 1
            if score < own[BEST, 0]:
                continue
            own[BEST, 0] = score
        if not removed:
            _write(path, own, answers, index, none)
            answers[PERSON, index], answers[REACHED, index] = person, reached
            answers[STATE, index], answers[CLOSED, index] = state, is_closed
            count = index + 1
    return count


def _stays(query: Whole, steps: Whole, path: Whole, row: int) -> bool:
    """Return whether an attempt is over at its first step, so that an earlier closed attempt is as good."""
    if query[ORDER] == ANY_ORDER or query[NEEDED] == 1 or query[AS_OF] - path[T, row] < query[WITHIN]:
        return False
    following = path[NEXT_MATCH + steps[CONDITION, steps[REQUIRED, 1]], row]
    return bool(path[T, following] - path[T, row] > query[WITHIN])


def _look_ahead(query: Whole, path: Whole, none: int) -> None:
    """Fill the next rows, from the last row backwards."""
    for condition in range(query[UNUSED], len(path) - NEXT_MATCH):
        match_row = none
        path[NEXT_MATCH + condition, none] = none
        for row in range(none - 1, -1, -1):
            path[NEXT_MATCH + condition, row] = match_row
            if path[MATCHES, row] >> condition & 1:
                match_row = row
    if query[LATER]:
        for row in range(none - 1, -1, -1):
            same = path[T, row + 1] == path[T, row]
            path[NEXT_INSTANT, row] = path[NEXT_INSTANT, row + 1] if same else row + 1


def _write(path: Whole, own: Whole, answers: Whole, index: int, none: int) -> None:
    """Write the number and the instant of each row of an attempt."""
    count = own.shape[1]
    for step in range(count):
        row = own[ROWS, step]
        answers[FIRST_ROW + step, index] = path[NUMBER, row] if row < none else -1
        answers[FIRST_ROW + count + step, index] = path[T, row] if row < none else NEVER


# ---- one attempt ----


def _followed(  # noqa: C901, PLR0913, PLR0917 (the steps of one outcome)
    query: Whole, steps: Whole, outs: Whole, path: Whole, own: Whole, begin: int, none: int
) -> tuple[int, int, bool, bool, int]:
    """Follow an attempt; its rows are in `own`.

    Returns:
        The number of required steps that it reached; its state; whether its window was closed; whether an exclusion
        removed it; the row at which it ended before its window did, or the row that stands for none.
    """
    if query[ORDER] == ANY_ORDER:
        _in_any_order(query, steps, path, own, begin, none)
    else:
        _in_order(query, steps, path, own, begin, none)
    dropping = removing = none
    if len(outs):
        dropping, removing = _excluded(query, outs, path, own, none)
    start, reached, last, broken, late = path[T, begin], 0, query[NEEDED], none, False
    for step in range(1, own.shape[1]):
        if own[ROWS, step] >= dropping:
            own[ROWS, step] = none
    while reached < last and own[ROWS, steps[REQUIRED, reached]] < none:
        reached += 1
    if reached < last:
        row = own[ROWS, steps[REQUIRED, reached - 1]]
        late = query[AS_OF] - path[T, row] >= steps[SPAN, steps[REQUIRED, reached]]
        if query[ORDER] == STRICT and row + 1 < none and path[T, row + 1] - start <= query[WITHIN]:
            broken = row + 1
    is_closed, removed = query[AS_OF] - start >= query[WITHIN], removing < none
    stop = min(dropping, removing)
    if reached == last and not removed:
        stop = own[ROWS, steps[REQUIRED, last - 1]]
    elif stop == none:
        stop = broken
    if reached == last:
        return reached, CONVERTED, is_closed, removed, stop
    is_over = is_closed or dropping < none or broken < none or late
    return reached, DROPPED if is_over else PENDING, is_closed, removed, stop


def _in_order(query: Whole, steps: Whole, path: Whole, own: Whole, begin: int, none: int) -> None:  # noqa: PLR0913, PLR0917
    """Find the rows of the required steps, then those of the optional steps."""
    own[ROWS, 0] = begin
    for number in range(1, query[NEEDED]):
        step = steps[REQUIRED, number]
        own[ROWS, step] = _reached(query, steps, path, own, step, none)
    for step in range(1, own.shape[1]):
        if steps[OPTIONAL, step]:
            match_row = _reached(query, steps, path, own, step, none)
            until = own[ROWS, steps[FOLLOWING, step]] if steps[FOLLOWING, step] >= 0 else none
            passed = path[T, match_row] >= path[T, until] if query[LATER] else match_row >= until
            own[ROWS, step] = none if passed else match_row


def _reached(query: Whole, steps: Whole, path: Whole, own: Whole, step: int, none: int) -> int:  # noqa: PLR0913, PLR0917
    """Return the row of a step after the row of the previous required step, if it came in time."""
    before, condition = own[ROWS, steps[BEFORE, step]], steps[CONDITION, step]
    if before == none:
        return none
    last = path[T, before]
    match_row: Any
    if query[ORDER] == STRICT:
        match_row = before + 1
        if not path[MATCHES, match_row] >> condition & 1 or (query[LATER] and path[T, match_row] == last):
            return none
    else:
        match_row = path[NEXT_MATCH + condition, path[NEXT_INSTANT, before] - 1 if query[LATER] else before]
    when = path[T, match_row]
    late = when - path[T, own[ROWS, 0]] > query[WITHIN] or when - last > steps[SPAN, step]
    return none if late else match_row


def _in_any_order(query: Whole, steps: Whole, path: Whole, own: Whole, begin: int, none: int) -> None:  # noqa: PLR0913, PLR0917
    """Find the rows at which the other steps are done, soonest first; the first row does one of the steps itself."""
    count = 0
    for condition in range(query[CONDITIONS]):
        row = begin
        for step in range(own.shape[1]):
            if steps[CONDITION, step] == condition:
                row = path[NEXT_MATCH + condition, row]
                own[DONE, count] = row
                count += 1
        if path[MATCHES, begin] >> condition & 1:
            own[DONE, count - 1] = none
    sorted_run(own[DONE], steps[CONDITION, :0], 0, count)
    own[ROWS, 0] = begin
    for step in range(1, own.shape[1]):
        row = own[DONE, step - 1]
        own[ROWS, step] = none if path[T, row] - path[T, begin] > query[WITHIN] else row


def _excluded(query: Whole, outs: Whole, path: Whole, own: Whole, none: int) -> tuple[int, int]:
    """Return the first rows that drop and that remove an attempt."""
    match_row: Any
    dropping, removing = none, none
    for one in range(len(outs)):
        condition = NEXT_MATCH + outs[one, OUT_CONDITION]
        match_row = path[condition, own[ROWS, outs[one, OUT_AFTER]]]
        while match_row < none and _serves(outs, own, one, match_row):
            match_row = path[condition, match_row]
        until = own[ROWS, outs[one, OUT_BEFORE]]
        if match_row >= until if until < none else path[T, match_row] - path[T, own[ROWS, 0]] > query[WITHIN]:
            match_row = none
        if outs[one, OUT_REMOVES]:
            removing = min(removing, match_row)
        else:
            dropping = min(dropping, match_row)
    return dropping, removing


def _serves(outs: Whole, own: Whole, one: int, row: int) -> bool:
    """Return whether a row is that of a step which it may serve."""
    for step in range(own.shape[1]):  # noqa: SIM110 (numba does not compile `any`)
        if outs[one, SERVES + step] and own[ROWS, step] == row:
            return True
    return False
