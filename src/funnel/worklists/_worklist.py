"""The worklist, and the next review of each person.

Invariant: the worklist of logs has the same rows in the same order as the worklist of the histories, on every engine.
Invariant: a person who waits for a day is not on the list before that day, and is on it from its first microsecond.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias, overload
from zoneinfo import ZoneInfo

from funnel._arguments import parse_as_of, parse_zone
from funnel._dataframes.frame_types import FrameT
from funnel._people import histories_of
from funnel._time import MICROSECOND, instant
from funnel.facts import Facts
from funnel.history import History
from funnel.logs import Logs
from funnel.messages import Language, check_language
from funnel.policy import Policy, check_is_policy
from funnel.rules._next_action import IDLE, NextAction, next_action, since_due, value_at_stake
from funnel.worklists._frames import worklist_of_logs
from funnel.worklists._opening_hours import Hours, hours_of
from funnel.worklists._selection import Order, Row, selection_of
from funnel.worklists._tasks import Task, Worklist

Limits: TypeAlias = Mapping[NextAction, int] | Mapping[str, int]
"""Maximum number of rows with an action."""


@overload
def worklist(
    people: Logs[FrameT],
    policy: Policy,
    *,
    as_of: datetime,
    tz: str | ZoneInfo,
    limit: int | None = None,
    limits: Limits | None = None,
    order: Order = "urgency",
    reasons: Language | None = None,
) -> FrameT: ...


@overload
def worklist(
    people: History | Iterable[History],
    policy: Policy,
    *,
    as_of: datetime,
    tz: str | ZoneInfo,
    limit: int | None = None,
    limits: Limits | None = None,
    order: Order = "urgency",
    reasons: Language | None = None,
) -> Worklist: ...


def worklist(  # noqa: PLR0913 (docs/decisions/few-arguments.md)
    people: Logs | History | Iterable[History],
    policy: Policy,
    *,
    as_of: datetime,
    tz: str | ZoneInfo,
    limit: int | None = None,
    limits: Limits | None = None,
    order: Order = "urgency",
    reasons: Language | None = None,
) -> Any:
    """Return one row for each person with a due action.

    Rows are sorted by urgency of the action, then by the earliest due time, the largest value at stake and the person
    id. A person who waits for a day, reached the contact limit, declined or opted out is not on the list.

    Args:
        people: One history, several histories, or logs.
        policy: The shop's policy, with its opening hours.
        as_of: Instant to evaluate at, an aware datetime.
        tz: Time zone of the shop, such as "Asia/Jakarta".
        limit: Maximum number of rows, the first of the order; by default all.
        limits: Maximum number of rows with an action, such as `{"win_back": 10}`: the first of the order. `limit`
            applies to the rest. An action that is not named has no limit.
        order: "urgency", or "value": the largest value at stake first (unknown last), then urgency, due time and id.
        reasons: "en" or "id" for a column `reason`: the action and its reason as a sentence. Sentences are made one by
            one in Python, so set a `limit` for large logs.

    Returns:
        For histories, a `Worklist` whose tasks explain themselves, with `.plot()`. For logs, a sorted dataframe of the
        same type with `person_id`, `next_action`, `due_at` (an instant in UTC, as in every dataframe; `tz` only sets
        the opening hours), `value` (the value at stake in whole minor units: 1250 is GBP 12.50; null if unknown), and
        `reason` on request. Its `.plot` is that of the dataframe: for the picture, pass `logs.histories()`.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: The zone, the order, the language or an action of `limits` is unknown, or a limit is not a whole
            number.

    Example:
        >>> from datetime import UTC, datetime
        >>> from funnel import History, Policy
        >>> from funnel.interactions import Question
        >>> asked = Question(id="q1", person_id="sari", occurred_at="2026-03-01T21:00+07:00")
        >>> day = datetime(2026, 3, 2, 3, tzinfo=UTC)
        >>> today = worklist(History.of("sari", [asked]), Policy(), as_of=day, tz="Asia/Jakarta")
        >>> print(today)
        person  next action               due  at stake
        sari         answer  2026-03-02 08:00
        >>> print(today.reasons())
        sari: Answer the question: the oldest open question has waited for 13 hours.
    """
    now, clock = parse_as_of(as_of, "as_of"), parse_zone(tz)
    check_is_policy(policy)
    selection = selection_of(order, limit, limits)
    if reasons is not None:
        check_language(reasons)
    hours = hours_of(policy, clock, as_of)
    if isinstance(people, Logs):
        return worklist_of_logs(people, policy, now, hours, selection=selection, language=reasons)
    tasks = [task for history in histories_of(people) if (task := _task(history, policy, as_of, hours)) is not None]
    return Worklist(instant(now), clock, tuple(selection.of(tasks, _row)), reasons)


def _task(history: History, policy: Policy, as_of: datetime, hours: Hours) -> Task | None:
    facts = Facts.of(history, as_of=as_of)
    action = next_action.of(facts, policy)
    if action in IDLE:
        return None
    since = since_due.of(facts, policy)
    assert since is not None
    due = instant(hours.moved(facts.now - since // MICROSECOND))
    return Task(history.person_id, action, due, value_at_stake.of(facts, policy), history, facts, policy)


def _row(task: Task) -> Row:
    return Row(task.person_id, task.action, task.due_at, task.value_minor)


@overload
def next_review_at(people: Logs[FrameT], policy: Policy, *, as_of: datetime) -> FrameT: ...


@overload
def next_review_at(
    people: History | Iterable[History], policy: Policy, *, as_of: datetime
) -> dict[str, datetime | None]: ...


def next_review_at(people: Logs | History | Iterable[History], policy: Policy, *, as_of: datetime) -> Any:
    """Return the first instant when the next action changes if nothing happens.

    A back end stores the instant in an index and evaluates only people whose instant has passed, and people with a new
    record. The result covers everyone, also people without a due action.

    Args:
        people: One history, several histories, or logs.
        policy: The shop's policy.
        as_of: Instant to evaluate at, an aware datetime.

    Returns:
        For histories, a dict from person id to the instant; None if time alone changes nothing. For logs, a dataframe
        with `person_id`, `next_action` and `next_change`.

    Raises:
        InstantError: `as_of` is naive.

    Example:
        >>> from datetime import UTC, datetime
        >>> from funnel import History, Policy
        >>> from funnel.postponement import postpone, AfterPayday
        >>> said = datetime(2026, 3, 1, 2, tzinfo=UTC)
        >>> not_yet = postpone(AfterPayday(), id="n1", person_id="sari", occurred_at=said, tz="Asia/Jakarta")
        >>> next_review_at(History.of("sari", [not_yet]), Policy(), as_of=said)
        {'sari': datetime.datetime(2026, 3, 24, 17, 0, tzinfo=datetime.timezone.utc)}
    """
    parse_as_of(as_of, "as_of")
    if isinstance(people, Logs):
        return next_action.next_change.over(people, policy, as_of=as_of)
    return {one.person_id: next_action.next_change.of(one, policy, as_of=as_of) for one in histories_of(people)}
