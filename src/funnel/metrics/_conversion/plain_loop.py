"""Loop that finds the attempts of each person for a plain question.

Its steps are in order, without paths, exclusions and optional steps. The loop reads the rows after each entry until the
window is over. The arrays are those of `attempt_loops`.
"""

from __future__ import annotations

from funnel._dataframes.loops import Whole, sorted_run
from funnel._time import NEVER
from funnel.metrics._conversion.attempt_loops import (
    AS_OF,
    ATTEMPTS,
    CLOSED,
    CODE_BITS,
    CONDITION,
    DEEPER,
    DEEPEST,
    EACH,
    FIRST,
    FIRST_ROW,
    LATER,
    NEEDED,
    NO_TIME,
    OVER,
    PERSON,
    REACHED,
    ROWS,
    SPAN,
    START,
    STATE,
    WITHIN,
)
from funnel.metrics._conversion.label_events import CONVERTED, DROPPED, PENDING

READINGS = 16
"""Rows are read again, which is faster than to compute next rows, if that is at most this many readings for each row of
a person."""


def read_people(  # noqa: C901, PLR0912, PLR0913, PLR0917 (a loop takes arrays; each call takes time)
    query: Whole,
    steps: Whole,
    matches: Whole,
    starts: Whole,
    keys: Whole,
    own: Whole,
    answers: Whole,
    count: int,
    low: int,
    high: int,
) -> tuple[int, int]:
    """Loop: find the attempts of the people from `low` to before `high`, as `follow_people`.

    A function that is called for each person would count the references to its arrays each time, which takes a third of
    the time.

    Returns:
        `high`, or the first person whose rows would be read too often; and the number of attempts of people before.
    """
    code_bits, needed, attempts = query[CODE_BITS], query[NEEDED], query[ATTEMPTS]
    within, start = query[WITHIN], query[START]
    codes, as_of = (1 << code_bits) - 1, query[AS_OF] - start
    for person in range(low, high):
        first, end, begin, exit_row, closed = starts[person], starts[person + 1], count, -1, -NO_TIME
        readings, best, is_open = READINGS * (end - first), -NO_TIME, False
        ordered = first + 1
        while ordered < end and keys[ordered - 1] <= keys[ordered]:
            ordered += 1
        if ordered < end:
            sorted_run(keys, steps[CONDITION, :0], first, end)
        for row in range(first, end):
            entry = keys[row] >> code_bits
            if not matches[keys[row] & codes] & 1 or row <= exit_row or entry <= closed:
                continue
            if attempts == DEEPEST and best > OVER and (row + 1 == end or keys[row + 1] >> code_bits > entry + within):
                continue  # an earlier closed attempt came as far
            own[ROWS, 0] = row
            reached, last, next_row = 1, entry, row + 1
            while reached < needed and next_row < end:
                t = keys[next_row] >> code_bits
                if t - entry > within or t - last > steps[SPAN, reached]:
                    break
                is_match = matches[keys[next_row] & codes] >> steps[CONDITION, reached] & 1
                if is_match and (t > last or not query[LATER]):
                    own[ROWS, reached] = next_row
                    reached, last = reached + 1, t
                next_row += 1
            readings -= next_row - row
            if readings < 0:
                return person, begin
            is_closed, state = as_of - entry >= within, CONVERTED
            if reached < needed:
                state = DROPPED if is_closed or as_of - last >= steps[SPAN, reached] else PENDING
            if attempts == DEEPEST:
                score = is_closed * OVER + reached * DEEPER - row
                is_open = is_open or state == PENDING
                if score < best:
                    continue
                best, count = score, begin
            answers[PERSON, count], answers[REACHED, count] = person, reached
            answers[STATE, count], answers[CLOSED, count] = state, is_closed
            for step in range(needed):
                done, at = step < reached, own[ROWS, step]
                answers[FIRST_ROW + step, count] = at - first + 1 if done else -1
                answers[FIRST_ROW + needed + step, count] = (keys[at] >> code_bits) + start if done else NEVER
            count += 1
            if attempts == FIRST or (attempts == DEEPEST and is_closed and state == CONVERTED):
                break
            if attempts == EACH:
                exit_row, closed = (own[ROWS, needed - 1], -NO_TIME) if state == CONVERTED else (-1, entry + within)
        if is_open and not answers[CLOSED, begin] and answers[STATE, begin] == DROPPED:
            answers[STATE, begin] = PENDING
    return high, count
