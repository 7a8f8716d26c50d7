"""What a back end sees, event by event and due by due, are the moves of the whole history."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.history import History
from funnel.incremental._rule import IncrementalRule
from funnel.incremental._state import FactsState
from funnel.interactions import Answer, Question, Visit
from funnel.policy import Policy
from funnel.records import Record
from funnel.stages import SHOP_MACHINE, Stage
from tests.incremental.deliveries import delivered, known, moved
from tests.machines.model import machines, squeezed
from tests.shop import DAY, NOW, TICK, bought, did, refunded
from tests.strategies import record_lists

SHORT = Policy(lapse_after=5 * TICK)
GAPS = st.lists(st.integers(1, 12), min_size=40, max_size=40)
SPANS = st.integers(0, 90).map(lambda ticks: ticks * TICK)
MACHINES = st.just(SHOP_MACHINE) | machines()

Seen = tuple[datetime, Any, Any]
"""When, from where, to where."""


def _histories() -> st.SearchStrategy[History]:
    """One person in a small world, where limits of a few microseconds are met."""
    return st.builds(squeezed, record_lists().filter(bool).map(lambda records: History.of("p1", records)), GAPS)


def _told(machine: Any, history: History, as_of: datetime) -> list[Seen]:
    journey = machine.transitions.of(history, SHORT, as_of=as_of)
    return [(move.transitioned_at, move.from_stage, move.to_stage) for move in journey]


@given(MACHINES, _histories(), st.data(), SPANS)
def test_in_any_order_of_delivery_the_end_is_that_of_the_moves(
    machine: Any, history: History, data: st.DataObject, later: timedelta
) -> None:
    """Late, repeated, out of order: the stage is that after the last move, and due is the next move by time."""
    advance = IncrementalRule(machine.stage, SHORT)
    state = moved(advance, delivered(data, list(history.records)))

    as_of = max([state.latest, *(record.happened_at for record in history.records)]) + later
    told = _told(machine, history, as_of)
    assert advance.ask(state, as_of=as_of) == told[-1][2]
    _due_is_told(advance, state, as_of, lambda by: _told(machine, history, by)[len(told) :])


def _due_is_told(
    advance: IncrementalRule[Policy, Any], state: FactsState, as_of: datetime, after: Callable[[datetime], list[Seen]]
) -> None:
    """The next move that time makes is at the instant that is due; where none is, time makes none."""
    due = advance.next_change(state, as_of=as_of)
    if due is None:
        assert after(as_of.replace(year=2199)) == []
    else:
        stages = (advance.ask(state, as_of=as_of), advance.ask(state, as_of=due))
        assert after(due - TICK) == []
        assert after(due) == [(due, *stages)]


@given(MACHINES, _histories())
def test_event_by_event_and_due_by_due_the_moves_are_seen(machine: Any, history: History) -> None:
    """A clock that rings when a state is due, and every event: together they see each move once, at its instant."""
    advance = IncrementalRule(machine.stage, SHORT)
    end = max(record.happened_at for record in history.records) + 90 * TICK
    told = _told(machine, history, end)
    for start, until, seen in _seen(advance, history.records, end):
        assert seen == [move for move in told if start <= move[0] < until]


def _seen(
    advance: IncrementalRule[Policy, Any], records: Sequence[Record], end: datetime
) -> Iterator[tuple[datetime, datetime, list[Seen]]]:
    """The moves from each instant to the next, where all that has come is known and says what is so far."""
    state, come, here = advance.begin("p1"), list[Record](), None
    times = sorted({record.happened_at for record in records})
    for at, until in zip(times, [*times[1:], end], strict=True):
        for record in (one for one in records if one.happened_at == at):
            come.append(record)
            state = advance(state, record) or advance.again(state, record, known(come))
        if state.latest <= at and len(known(come).records) == len(come):
            seen = list(_from(advance, state, here, at, until))
            here = advance.ask(state, as_of=until - TICK)
            yield at, until, seen
        else:
            return


def _from(
    advance: IncrementalRule[Policy, Any], state: FactsState, here: Any, at: datetime, until: datetime
) -> Iterator[Seen]:
    """The moves that are seen from an instant on, if nothing happens until another."""
    now: datetime | None = at
    while now is not None and now < until:
        there = advance.ask(state, as_of=now)
        if there != here:
            yield now, here, there
        here, now = there, advance.next_change(state, as_of=now)


# ---- by hand ----

LATE = Policy(lapse_after=30 * DAY)
CAME, FIRST, SECOND = did(Visit, "v", NOW), bought("1", NOW + DAY), bought("2", NOW + 2 * DAY)
BACK = refunded("r", "2", NOW + 3 * DAY)
ASKED, TOLD = did(Question, "q", NOW + DAY), did(Answer, "a", NOW + 2 * DAY, question_id="q")

ORDERS: dict[str, tuple[tuple[Record, ...], Stage, datetime | None]] = {
    "in order": ((CAME, FIRST, SECOND), Stage.REPEAT_CUSTOMER, NOW + 32 * DAY + TICK),
    "turned round": ((SECOND, FIRST, CAME), Stage.REPEAT_CUSTOMER, NOW + 32 * DAY + TICK),
    "late": ((CAME, SECOND, FIRST), Stage.REPEAT_CUSTOMER, NOW + 32 * DAY + TICK),
    "twice": ((CAME, FIRST, FIRST, CAME), Stage.CUSTOMER, NOW + 31 * DAY + TICK),
    "a refund": ((CAME, FIRST, SECOND, BACK), Stage.CUSTOMER, NOW + 31 * DAY + TICK),
    "a refund that came first": ((BACK, SECOND, CAME, FIRST), Stage.CUSTOMER, NOW + 31 * DAY + TICK),
    "an answer that came first": ((TOLD, ASKED, CAME), Stage.PROSPECT, None),
}


@pytest.mark.parametrize("case", ORDERS)
def test_by_hand_the_end_is_that_of_the_moves(case: str) -> None:
    """However records come, stage and due are those of the moves, and those that were worked out by hand."""
    coming, stage, due = ORDERS[case]
    advance, end = IncrementalRule(SHOP_MACHINE.stage, LATE), NOW + 4 * DAY
    state = moved(advance, list(coming))
    journey = SHOP_MACHINE.transitions.of(History.of("p1", coming), LATE, as_of=end)

    assert advance.ask(state, as_of=end) is journey[-1].to_stage is stage
    assert advance.next_change(state, as_of=end) == due
    later = SHOP_MACHINE.transitions.of(History.of("p1", coming), LATE, as_of=NOW + 99 * DAY)
    assert [move.transitioned_at for move in later][len(journey) :] == ([due] if due else [])
