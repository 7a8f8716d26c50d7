"""A back end, event by event and due by due, sees the moves of the whole history."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.history import History
from funnel.incremental import LiveFacts
from funnel.interactions import Answer, Question, Visit
from funnel.policy import Policy
from funnel.records import Record
from funnel.stages import SHOP_MACHINE, Stage, stage
from tests.incremental.deliveries import BackEnd, delivered, history_of
from tests.machines.model import machines, squeezed
from tests.shop import DAY, NOW, TICK, bought, did, refunded
from tests.strategies import record_lists

SHORT = Policy(lapse_after=5 * TICK)
GAPS = st.lists(st.integers(1, 12), min_size=40, max_size=40)
SPANS = st.integers(0, 90).map(lambda ticks: ticks * TICK)
MACHINES = st.just(SHOP_MACHINE) | machines()

Transition = tuple[datetime, Any, Any]
"""When, from where, to where."""


def _histories() -> st.SearchStrategy[History]:
    """One person in a small world, where limits of a few microseconds are met."""
    return st.builds(squeezed, record_lists().filter(bool).map(lambda records: History.of("p1", records)), GAPS)


def _transitions(machine: Any, history: History, as_of: datetime) -> list[Transition]:
    journey = machine.transitions.of(history, SHORT, as_of=as_of)
    return [(move.transitioned_at, move.from_stage, move.to_stage) for move in journey]


@given(MACHINES, _histories(), st.data(), SPANS)
def test_any_order_of_records_gives_the_stage_after_the_last_transition(
    machine: Any, history: History, data: st.DataObject, later: timedelta
) -> None:
    """The next change is the next transition by time."""
    back_end = BackEnd(machine.stage, SHORT).add(*delivered(data, list(history.records)))

    as_of = max([back_end.state.latest, *(record.happened_at for record in history.records)]) + later
    expected = _transitions(machine, history, as_of)
    assert machine.stage.of(back_end.live(), SHORT, as_of=as_of) == expected[-1][2]
    _due_is_told(machine.stage, back_end.live(), as_of, lambda by: _transitions(machine, history, by)[len(expected) :])


def _due_is_told(
    rule: Any, live: LiveFacts[Any], as_of: datetime, after: Callable[[datetime], list[Transition]]
) -> None:
    """The next transition by time is at the next change; if there is none, time makes none."""
    due = rule.next_change.of(live, SHORT, as_of=as_of)
    if due is None:
        assert after(as_of.replace(year=2199)) == []
    else:
        stages = (rule.of(live, SHORT, as_of=as_of), rule.of(live, SHORT, as_of=due))
        assert after(due - TICK) == []
        assert after(due) == [(due, *stages)]


@given(MACHINES, _histories())
def test_events_and_changes_by_time_show_every_transition(machine: Any, history: History) -> None:
    """A clock that rings at the next change, and every event, show each transition once, at its instant."""
    end = max(record.happened_at for record in history.records) + 90 * TICK
    expected = _transitions(machine, history, end)
    for start, until, observed in _replayed(machine.stage, history.records, end):
        assert observed == [move for move in expected if start <= move[0] < until]


def _replayed(
    rule: Any, records: Sequence[Record], end: datetime
) -> Iterator[tuple[datetime, datetime, list[Transition]]]:
    """The transitions from each instant to the next, as long as every record so far is complete."""
    back_end, here = BackEnd(rule, SHORT), None
    times = sorted({record.happened_at for record in records})
    for at, until in zip(times, [*times[1:], end], strict=True):
        back_end.add(*(one for one in records if one.happened_at == at))
        if back_end.state.latest > at or len(history_of(back_end.come).records) != len(back_end.come):
            return
        observed = list(_from(rule, back_end.live(), here, at, until))
        here = rule.of(back_end.live(), SHORT, as_of=until - TICK)
        yield at, until, observed


def _from(rule: Any, live: LiveFacts[Any], here: Any, at: datetime, until: datetime) -> Iterator[Transition]:
    """The transitions from an instant on, if nothing happens until another."""
    now: datetime | None = at
    while now is not None and now < until:
        there = rule.of(live, SHORT, as_of=now)
        if there != here:
            yield now, here, there
        here, now = there, rule.next_change.of(live, SHORT, as_of=now)


# ---- by hand ----

LATE = Policy(lapse_after=30 * DAY)
VISIT, FIRST, SECOND = did(Visit, "v", NOW), bought("1", NOW + DAY), bought("2", NOW + 2 * DAY)
BACK = refunded("r", "2", NOW + 3 * DAY)
QUESTION, ANSWER = did(Question, "q", NOW + DAY), did(Answer, "a", NOW + 2 * DAY, question_id="q")

ORDERS: dict[str, tuple[tuple[Record, ...], Stage, datetime | None]] = {
    "in order": ((VISIT, FIRST, SECOND), Stage.REPEAT_CUSTOMER, NOW + 32 * DAY + TICK),
    "turned round": ((SECOND, FIRST, VISIT), Stage.REPEAT_CUSTOMER, NOW + 32 * DAY + TICK),
    "late": ((VISIT, SECOND, FIRST), Stage.REPEAT_CUSTOMER, NOW + 32 * DAY + TICK),
    "twice": ((VISIT, FIRST, FIRST, VISIT), Stage.CUSTOMER, NOW + 31 * DAY + TICK),
    "a refund": ((VISIT, FIRST, SECOND, BACK), Stage.CUSTOMER, NOW + 31 * DAY + TICK),
    "a refund that came first": ((BACK, SECOND, VISIT, FIRST), Stage.CUSTOMER, NOW + 31 * DAY + TICK),
    "an answer that came first": ((ANSWER, QUESTION, VISIT), Stage.PROSPECT, None),
}


@pytest.mark.parametrize("case", ORDERS)
def test_any_order_gives_the_stage_computed_by_hand(case: str) -> None:
    """However records come, stage and next change are those of the transitions, and those computed by hand."""
    coming, expected, due = ORDERS[case]
    end = NOW + 4 * DAY
    live = BackEnd(SHOP_MACHINE.stage, LATE).add(*coming).live()
    journey = SHOP_MACHINE.transitions.of(History.of("p1", coming), LATE, as_of=end)

    assert stage.of(live, LATE, as_of=end) is journey[-1].to_stage is expected
    assert stage.next_change.of(live, LATE, as_of=end) == due
    later = SHOP_MACHINE.transitions.of(History.of("p1", coming), LATE, as_of=NOW + 99 * DAY)
    assert [move.transitioned_at for move in later][len(journey) :] == ([due] if due else [])
