"""Loops that find the attempts of each person, in order of time.

`walk` processes people one by one. It reads the rows of a path, computes for each row the next row that matches each
condition, and follows attempts from row to row. Row numbers are local to the path; the number of its rows stands for
none. Everything is in a few integer arrays, because numba counts the references to each array at each call:

- `asked`: the question, one integer for each name below
- `steps`: one line for each name below, one column for each step, numbered from 0
- `outs`: one line for each exclusion; from `SERVES` on, whether its rows may be those of each step
- `path`: one line for each name below and, from `AHEAD` on, for each condition; one column for each row of the path
- `own`: the rows of the steps of the present attempt, the same while they are sorted, and the best score of the person
- `answers`: one line for each name below, then the row and then the instant of each step; one column for each attempt
"""

from __future__ import annotations

from funnel._dataframes.by_person import Whole, sorted_run
from funnel._time import NEVER
from funnel.metrics._conversion.label_events import CONVERTED, DROPPED, PENDING

WITHIN, AS_OF, ORDER, LATER, ATTEMPTS, CONDITIONS, NEEDED, UNUSED, CODE_BITS, START = range(10)
"""Lines of `asked`. `LATER`: a next step must be at a later instant. `NEEDED`: the number of required steps.
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

T, MATCHES, NUMBER, NEXT_INSTANT, MERGED, AHEAD = range(6)
"""Lines of `path`: conditions that a row matches, as bits; its number within the person, from 1; the first row at a
later instant; path and row of the person's rows in one integer; the next row that matches a condition.
"""

ROWS, DONE, BEST = range(3)
"""Lines of `own`. `BEST`: the best score, and whether an attempt is open."""

WHO, REACHED, STATE, SETTLED, FIRST_ROW = range(5)
"""Lines of `answers`."""

DEEPER = 2**40
"""More than the number of rows of any person."""

OVER = 2**46
"""More than any number of steps."""

NO_TIME = 2**61
"""The time of an event that never comes: after every window."""


def walk(  # noqa: PLR0913, PLR0917 (a loop takes arrays)
    asked: Whole,
    steps: Whole,
    outs: Whole,
    matches: Whole,
    starts: Whole,
    keys: Whole,
    paths: Whole,
    path: Whole,
    own: Whole,
    answers: Whole,
    low: int,
    high: int,
) -> int:
    """Loop: find the attempts of the people from `low` to before `high`.

    Args:
        asked: The question.
        steps: The steps.
        outs: The exclusions.
        matches: For each code, the conditions that its rows match, as bits.
        starts: The index of the first key of each person.
        keys: Instants and codes; sorted in place.
        paths: The path of each key; empty if the question has no paths.
        path: Memory for the longest path.
        own: Memory for one attempt.
        answers: Receives the selected attempts.
        low: The first person.
        high: The person after the last one.

    Returns:
        The number of selected attempts.
    """
    count = 0
    for who in range(low, high):
        first, end, begin, length = starts[who], starts[who + 1], count, 0
        sorted_run(keys, paths, first, end)
        own[BEST, 0] = own[BEST, 1] = -NO_TIME
        if len(paths):
            _group_by_path(paths, path, first, end)
        for row in range(end - first):
            place = path[MERGED, row] & _LOW if len(paths) else row
            key = keys[first + place]
            path[T, length] = (key >> asked[CODE_BITS]) + asked[START]
            path[MATCHES, length] = matches[key & ((1 << asked[CODE_BITS]) - 1)]
            path[NUMBER, length] = place + 1
            length += 1
            if row + 1 == end - first or (len(paths) and path[MERGED, row + 1] >> _HALF != path[MERGED, row] >> _HALF):
                count = _of_path(asked, steps, outs, path, own, answers, who, length, begin, count)
                length = 0
        if own[BEST, 1] > 0 and not answers[SETTLED, begin] and answers[STATE, begin] == DROPPED:
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
    asked: Whole,
    steps: Whole,
    outs: Whole,
    path: Whole,
    own: Whole,
    answers: Whole,
    who: int,
    none: int,
    begin: int,
    count: int,
) -> int:
    """Find the attempts of a path; answers of the person's other paths begin at `begin`."""
    entries = (1 << asked[CONDITIONS]) - 1 if asked[ORDER] == ANY_ORDER else 1
    attempts, exit_row, closed, ready = asked[ATTEMPTS], -1, -NO_TIME, False
    path[T, none] = NO_TIME
    for row in range(none):
        if not path[MATCHES, row] & entries or row <= exit_row or path[T, row] <= closed:
            continue
        if attempts == FIRST and -path[NUMBER, row] <= own[BEST, 0]:
            break
        if not ready:
            _look_ahead(asked, path, none)
            ready = True
        if attempts == DEEPEST and own[BEST, 0] > OVER and _stays(asked, steps, path, row):
            continue
        reached, state, settled, removed, stop = _followed(asked, steps, outs, path, own, row, none)
        place = begin
        if attempts == EACH:
            place = count
            exit_row, closed = (stop, -NO_TIME) if stop < none else (-1, path[T, row] + asked[WITHIN])
        elif attempts == FIRST:
            own[BEST, 0] = -path[NUMBER, row]
            exit_row, count = none, begin
        elif not removed:
            score = settled * OVER + reached * DEEPER - path[NUMBER, row]
            if state == PENDING:
                own[BEST, 1] = 1
            if score < own[BEST, 0]:
                continue
            own[BEST, 0] = score
        if not removed:
            _write(path, own, answers, place, none)
            answers[WHO, place], answers[REACHED, place] = who, reached
            answers[STATE, place], answers[SETTLED, place] = state, settled
            count = place + 1
    return count


def _stays(asked: Whole, steps: Whole, path: Whole, row: int) -> bool:
    """Return whether an attempt has ended at its first step, so that a person's earlier attempt is as good."""
    if asked[ORDER] == ANY_ORDER or asked[NEEDED] == 1 or asked[AS_OF] - path[T, row] < asked[WITHIN]:
        return False
    following = path[AHEAD + steps[CONDITION, steps[REQUIRED, 1]], row]
    return bool(path[T, following] - path[T, row] > asked[WITHIN])


def _look_ahead(asked: Whole, path: Whole, none: int) -> None:
    """Fill the next rows, from the last row backwards."""
    for condition in range(asked[UNUSED], len(path) - AHEAD):
        found = none
        path[AHEAD + condition, none] = none
        for row in range(none - 1, -1, -1):
            path[AHEAD + condition, row] = found
            if path[MATCHES, row] >> condition & 1:
                found = row
    if asked[LATER]:
        for row in range(none - 1, -1, -1):
            same = path[T, row + 1] == path[T, row]
            path[NEXT_INSTANT, row] = path[NEXT_INSTANT, row + 1] if same else row + 1


def _write(path: Whole, own: Whole, answers: Whole, place: int, none: int) -> None:
    """Write the number and the instant of each row of an attempt."""
    count = own.shape[1]
    for step in range(count):
        row = own[ROWS, step]
        answers[FIRST_ROW + step, place] = path[NUMBER, row] if row < none else -1
        answers[FIRST_ROW + count + step, place] = path[T, row] if row < none else NEVER


# ---- one attempt ----


def _followed(  # noqa: C901, PLR0913, PLR0917 (the steps of one outcome)
    asked: Whole, steps: Whole, outs: Whole, path: Whole, own: Whole, begin: int, none: int
) -> tuple[int, int, bool, bool, int]:
    """Follow an attempt; its rows are in `own`.

    Returns:
        The number of required steps that it reached; its state; whether its window was closed; whether an exclusion
        removed it; the row at which it ended before its window did, or the row that stands for none.
    """
    if asked[ORDER] == ANY_ORDER:
        _in_any_order(asked, steps, path, own, begin, none)
    else:
        _in_order(asked, steps, path, own, begin, none)
    dropping = removing = none
    if len(outs):
        dropping, removing = _excluded(asked, outs, path, own, none)
    start, reached, last, broken, late = path[T, begin], 0, asked[NEEDED], none, False
    for step in range(1, own.shape[1]):
        if own[ROWS, step] >= dropping:
            own[ROWS, step] = none
    while reached < last and own[ROWS, steps[REQUIRED, reached]] < none:
        reached += 1
    if reached < last:
        row = own[ROWS, steps[REQUIRED, reached - 1]]
        late = asked[AS_OF] - path[T, row] >= steps[SPAN, steps[REQUIRED, reached]]
        if asked[ORDER] == STRICT and row + 1 < none and path[T, row + 1] - start <= asked[WITHIN]:
            broken = row + 1
    settled, removed = asked[AS_OF] - start >= asked[WITHIN], removing < none
    stop = min(dropping, removing)
    if reached == last and not removed:
        stop = own[ROWS, steps[REQUIRED, last - 1]]
    elif stop == none:
        stop = broken
    if reached == last:
        return reached, CONVERTED, settled, removed, stop
    ended = settled or dropping < none or broken < none or late
    return reached, DROPPED if ended else PENDING, settled, removed, stop


def _in_order(asked: Whole, steps: Whole, path: Whole, own: Whole, begin: int, none: int) -> None:  # noqa: PLR0913, PLR0917
    """Find the rows of the required steps, then those of the optional steps."""
    own[ROWS, 0] = begin
    for number in range(1, asked[NEEDED]):
        step = steps[REQUIRED, number]
        own[ROWS, step] = _reached(asked, steps, path, own, step, none)
    for step in range(1, own.shape[1]):
        if steps[OPTIONAL, step]:
            found = _reached(asked, steps, path, own, step, none)
            until = own[ROWS, steps[FOLLOWING, step]] if steps[FOLLOWING, step] >= 0 else none
            passed = path[T, found] >= path[T, until] if asked[LATER] else found >= until
            own[ROWS, step] = none if passed else found


def _reached(asked: Whole, steps: Whole, path: Whole, own: Whole, step: int, none: int) -> int:  # noqa: PLR0913, PLR0917
    """Return the row of a step after the row of the previous required step, if it came in time."""
    before, condition = own[ROWS, steps[BEFORE, step]], steps[CONDITION, step]
    if before == none:
        return none
    last = path[T, before]
    if asked[ORDER] == STRICT:
        found = before + 1
        if not path[MATCHES, found] >> condition & 1 or (asked[LATER] and path[T, found] == last):
            return none
    else:
        found = path[AHEAD + condition, path[NEXT_INSTANT, before] - 1 if asked[LATER] else before]
    when = path[T, found]
    late = when - path[T, own[ROWS, 0]] > asked[WITHIN] or when - last > steps[SPAN, step]
    return none if late else found


def _in_any_order(asked: Whole, steps: Whole, path: Whole, own: Whole, begin: int, none: int) -> None:  # noqa: PLR0913, PLR0917
    """Find the rows at which the other steps are done, soonest first; the first row does one of the steps itself."""
    count = 0
    for condition in range(asked[CONDITIONS]):
        row = begin
        for step in range(own.shape[1]):
            if steps[CONDITION, step] == condition:
                row = path[AHEAD + condition, row]
                own[DONE, count] = row
                count += 1
        if path[MATCHES, begin] >> condition & 1:
            own[DONE, count - 1] = none
    sorted_run(own[DONE], steps[CONDITION, :0], 0, count)
    own[ROWS, 0] = begin
    for step in range(1, own.shape[1]):
        row = own[DONE, step - 1]
        own[ROWS, step] = none if path[T, row] - path[T, begin] > asked[WITHIN] else row


def _excluded(asked: Whole, outs: Whole, path: Whole, own: Whole, none: int) -> tuple[int, int]:
    """Return the first rows that drop and that remove an attempt."""
    dropping, removing = none, none
    for one in range(len(outs)):
        condition = AHEAD + outs[one, OUT_CONDITION]
        found = path[condition, own[ROWS, outs[one, OUT_AFTER]]]
        while found < none and _serves(outs, own, one, found):
            found = path[condition, found]
        until = own[ROWS, outs[one, OUT_BEFORE]]
        if found >= until if until < none else path[T, found] - path[T, own[ROWS, 0]] > asked[WITHIN]:
            found = none
        if outs[one, OUT_REMOVES]:
            removing = min(removing, found)
        else:
            dropping = min(dropping, found)
    return dropping, removing


def _serves(outs: Whole, own: Whole, one: int, row: int) -> bool:
    """Return whether a row is that of a step which it may serve."""
    for step in range(own.shape[1]):  # noqa: SIM110 (numba does not compile `any`)
        if outs[one, SERVES + step] and own[ROWS, step] == row:
            return True
    return False
