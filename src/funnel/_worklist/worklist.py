"""Whom to write to today, with what, why, and when to look again.

Law: the list of everyone in the logs has the rows that the histories of each have, in the same order, on every engine.
Law: who waits for a day is on no list before it, and on the list from its first microsecond on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, overload
from zoneinfo import ZoneInfo

from funnel._given import judgement, zone_of
from funnel._instants import MICROSECOND, instant
from funnel._people import histories_of
from funnel._worklist.frames import worklist_of_logs
from funnel._worklist.hours import Hours, hours_of
from funnel._worklist.tasks import Task, Worklist
from funnel.facts import Facts
from funnel.history import History
from funnel.logs import Logs
from funnel.policy import Policy, policy_given
from funnel.rules.follow_up import IDLE, NextStep, next_step, since_due, value_at_stake


@overload
def worklist(people: Logs, policy: Policy, *, on: datetime, tz: str | ZoneInfo) -> Any: ...


@overload
def worklist(people: History | Iterable[History], policy: Policy, *, on: datetime, tz: str | ZoneInfo) -> Worklist: ...


def worklist(people: Logs | History | Iterable[History], policy: Policy, *, on: datetime, tz: str | ZoneInfo) -> Any:
    """Whom to write to, with what, and since when it is due: one row for everyone for whom there is something to do.

    The most pressing step comes first, of one step what is due longest, of these the largest value at stake, and then
    the first person id. Who waits for a day, was written to often enough, said no or asked to be left alone is not on
    the list.

    Args:
        people: One history, several, or everyone's logs.
        policy: The shop's numbers, its open hours among them.
        on: The instant of judgement, an aware datetime.
        tz: The zone of the shop's clock, such as "Asia/Jakarta".

    Returns:
        A `Worklist`, whose tasks say why; of logs a frame of their kind with `person_id`, `next_step`, `due_at` and
        `value` (whole minor units, null where nothing is known), in order.

    Raises:
        InstantError: `on` is naive.
        ArgumentError: The zone is unknown.

    Example:
        >>> from datetime import UTC, datetime
        >>> from funnel import History, Policy, Question
        >>> asked = Question(id="q1", person_id="sari", occurred_at="2026-03-01T21:00+07:00")
        >>> day = datetime(2026, 3, 2, 3, tzinfo=UTC)
        >>> today = worklist(History.of("sari", [asked]), Policy(), on=day, tz="Asia/Jakarta")
        >>> print(today)
        person  next step               due  at stake
        sari       answer  2026-03-02 08:00
        >>> print(today.reasons())
        sari: Answer their question: their oldest open question has waited for 13 hours.
    """
    now, clock = judgement(on, "on"), zone_of(tz)
    policy_given(policy)
    hours = hours_of(policy, clock, on)
    if isinstance(people, Logs):
        return worklist_of_logs(people, policy, now, hours)
    tasks = [task for history in histories_of(people) if (task := _task(history, policy, on, hours)) is not None]
    return Worklist(instant(now), clock, tuple(sorted(tasks, key=_place) if len(tasks) > 1 else tasks))


def _task(history: History, policy: Policy, on: datetime, hours: Hours) -> Task | None:
    facts = Facts.of(history, as_of=on)
    step = next_step.of(facts, policy)
    if step in IDLE:
        return None
    since = since_due.of(facts, policy)
    assert since is not None
    due = instant(hours.moved(facts.now - since // MICROSECOND))
    return Task(history.person_id, step, due, value_at_stake.of(facts, policy), history, facts, policy)


_RANKS: Mapping[NextStep, int] = {step: rank for rank, step in enumerate(NextStep)}


def _place(task: Task) -> tuple[int, datetime, int, str]:
    return _RANKS[task.step], task.due_at, 1 if task.stake is None else -task.stake, task.person_id


@overload
def look_again(people: Logs, policy: Policy, *, on: datetime) -> Any: ...


@overload
def look_again(people: History | Iterable[History], policy: Policy, *, on: datetime) -> dict[str, datetime | None]: ...


def look_again(people: Logs | History | Iterable[History], policy: Policy, *, on: datetime) -> Any:
    """When to look at each person again: the first instant at which their next step changes if nothing happens.

    A back end keeps it in an index, asks whose time has come, and looks at nobody else; who is heard of is looked at
    anew. It tells of everyone, also of those who wait.

    Args:
        people: One history, several, or everyone's logs.
        policy: The shop's numbers.
        on: The instant of judgement, an aware datetime.

    Returns:
        The instant by person id, None where time alone changes nothing; of logs a frame with `person_id`, `next_step`
        and `next_change`.

    Raises:
        InstantError: `on` is naive.

    Example:
        >>> from datetime import UTC, datetime
        >>> from funnel import History, Policy, postponed, AfterPayday
        >>> said = datetime(2026, 3, 1, 2, tzinfo=UTC)
        >>> not_yet = postponed(AfterPayday(), id="n1", person_id="sari", occurred_at=said, tz="Asia/Jakarta")
        >>> look_again(History.of("sari", [not_yet]), Policy(), on=said)
        {'sari': datetime.datetime(2026, 3, 24, 17, 0, tzinfo=datetime.timezone.utc)}
    """
    judgement(on, "on")
    if isinstance(people, Logs):
        return next_step.next_change.over(people, policy, as_of=on)
    return {one.person_id: next_step.next_change.of(one, policy, as_of=on) for one in histories_of(people)}
