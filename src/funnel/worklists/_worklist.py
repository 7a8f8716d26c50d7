"""The worklist, and the next review of each person.

Invariant: the worklist of logs has the same rows in the same order as the worklist of the histories, on every engine.
Invariant: a person who waits for a day is not on the list before that day, and is on it from its first microsecond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, cast, overload
from zoneinfo import ZoneInfo

import attrs
import narwhals as nw

from funnel._aggregate.group_by import PERSON, value_name
from funnel._arguments import brief, check_choice, count_of, parse_as_of, parse_zone
from funnel._dataframes.compute import to_rows
from funnel._dataframes.frame_types import FrameT
from funnel._dataframes.local_rows import frame_like
from funnel._expr.nodes import Value
from funnel._expr.to_narwhals import by_value, int_lit, tree_column
from funnel._people import histories_of
from funnel._time import FOREVER, MICROSECOND, instant
from funnel.errors import ArgumentError
from funnel.facts import Facts
from funnel.facts._frames import fact_column, raw_facts_over
from funnel.facts._schema import FactSchema, narrowed
from funnel.history import History
from funnel.logs import Logs
from funnel.messages import Language, check_language, explain, facts_explained
from funnel.policy import Policy, check_is_policy
from funnel.rules._frames import moving, with_facts, without_none
from funnel.rules._next_action import IDLE, NextAction, next_action, since_due, value_at_stake
from funnel.worklists._opening_hours import Hours, hours_of
from funnel.worklists._tasks import Task, Worklist

if TYPE_CHECKING:
    from funnel.worklists._opening_hours import Hours


# ---- the choice of rows for a worklist: their order, and how many of them --------------------------------------------


Order: TypeAlias = Literal["urgency", "value"]
"""The order of a worklist: by urgency of the action, or by the value at stake."""

T = TypeVar("T")
_ACTIONS = tuple(action.value for action in NextAction if action not in IDLE)
_RANKS: Mapping[NextAction, int] = {action: rank for rank, action in enumerate(NextAction)}
_KEYS: Mapping[str, tuple[str, ...]] = {
    "urgency": ("_rank", "due_at", "_less", PERSON),
    "value": ("_less", "_rank", "due_at", PERSON),
}

UNKNOWN = -1
"""Internal value for an unknown value at stake; it sorts after 0."""


@attrs.frozen
class Row:
    """The values that the order of a task depends on."""

    person_id: str
    action: NextAction
    due_at: datetime
    value: int | None

    def key(self, order: Order) -> tuple[Any, ...]:
        """Return the sort key of the task."""
        parts = {
            "_rank": _RANKS[self.action],
            "due_at": self.due_at,
            "_less": -(UNKNOWN if self.value is None else self.value),
            PERSON: self.person_id,
        }
        return tuple(parts[name] for name in _KEYS[order])


@attrs.frozen
class Selection:
    """Which tasks are on the list, in which order."""

    order: Order
    limit: int | None
    limits: Mapping[NextAction, int]

    def of(self, tasks: Iterable[T], row: Callable[[T], Row]) -> list[T]:
        """Return the selected tasks in order."""
        remaining = dict(self.limits)
        selected: list[T] = []
        for task in sorted(tasks, key=lambda task: row(task).key(self.order)):
            action = row(task).action
            if remaining.get(action, 1) > 0:
                selected.append(task)
                remaining[action] = remaining.get(action, FOREVER) - 1
        return selected[: self.limit]

    def over(self, due: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Return the selected rows in order."""
        ranks = ((action.value, int_lit(number)) for action, number in _RANKS.items())
        rank = by_value("next_action", ranks, int_lit(len(NextAction)))
        ranked = due.with_columns(_rank=rank, _less=0 - nw.col("value"))
        keys = _KEYS[self.order]
        if self.limits:
            most = ((action.value, int_lit(number)) for action, number in self.limits.items())
            numbered = ranked.with_columns(_one=int_lit(1), _most=by_value("next_action", most, int_lit(FOREVER)))
            number = nw.col("_one").cum_sum().over("next_action", order_by=keys)
            ranked = numbered.with_columns(_number=number).filter(nw.col("_number") <= nw.col("_most"))
        listed = ranked.sort(*keys)
        return listed if self.limit is None else listed.head(self.limit)


def selection_of(order: object, limit: int | None, limits: object) -> Selection:
    """Return the selection after checking the arguments of a worklist.

    Raises:
        ArgumentError: An order is unknown, a limit is not a whole number, or an action has no task.
    """
    check_choice(order, tuple(_KEYS), "order")
    most = None if limit is None else count_of(limit, "limit", minimum=0)
    if limits is not None and not isinstance(limits, Mapping):
        raise ArgumentError(f"limits must be a mapping such as {{'win_back': 10}} (got {brief(limits)})")
    by_action = cast("Mapping[object, object]", limits or {})
    return Selection(cast("Order", order), most, {_action(name): _count(most) for name, most in by_action.items()})


def _action(name: object) -> NextAction:
    check_choice(name, _ACTIONS, "an action of limits")
    return NextAction(cast("str", name))


def _count(most: object) -> int:
    return count_of(most, "a limit of limits", minimum=0)


# ---- worklist of everyone in the logs, computed by the engine of the data --------------------------------------------


_COLUMNS = (PERSON, "next_action", "due_at", "value")
_TEXTS = (PERSON, "next_action", "reason")


def worklist_of_logs(  # noqa: PLR0913 (the arguments of the worklist, checked)
    logs: Logs[FrameT], policy: Policy, now: int, hours: Hours, *, selection: Selection, language: Language | None
) -> FrameT:
    """Return one sorted row for each person with a due action, with its reason if a language is passed."""
    plan = _plan(policy, facts_explained(NextAction) if language else frozenset())
    listed = selection.over(hours.columns(_due(plan, logs, policy, now), "due_at"))
    if language:
        listed = _explained(listed, plan, policy, now, language)
    reason = ["reason"] if language else []
    value = nw.when(nw.col("value") > UNKNOWN).then(nw.col("value"))
    selected = listed.select(PERSON, "next_action", "due_at", value.alias("value"), *reason)
    result = logs._native(selected, instants=["due_at"], order=())
    if logs._frame_kind != "pandas":
        return result
    frame: Any = result
    integers: FrameT = frame.astype({"value": "Int64"})
    return integers


def _plan(policy: Policy, explained: frozenset[str]) -> FactSchema:
    """Return the schema of the facts that the worklist reads."""
    rules = [rule._compiled_rule(policy) for rule in (next_action, since_due, value_at_stake)]
    return narrowed(Facts._fact_plan, explained.union(*(one.read for one in rules)))


def _due(plan: FactSchema, logs: Logs, policy: Policy, now: int) -> nw.LazyFrame[Any]:
    """Return each person with a due action: action, due time, value, and the raw facts."""
    raw, column = raw_facts_over(plan, logs, now), fact_column(plan, int_lit(now))
    for name, rule in (("next_action", next_action), ("_since", since_due), ("value", value_at_stake)):
        ready = rule._compiled_rule(policy)
        raw, read = with_facts(ready, raw, moving(ready), column)
        raw = raw.with_columns(tree_column(without_none(ready.steps.tree, UNKNOWN), read).alias(name))
    busy = raw.filter(~nw.col("next_action").is_in([one.value for one in IDLE]))
    return busy.with_columns(due_at=now - nw.col("_since"))


def _explained(
    listed: nw.LazyFrame[Any], plan: FactSchema, policy: Policy, now: int, language: Language
) -> nw.LazyFrame[Any]:
    """Return the rows with their reasons, which are sentences of plain Python."""
    positions = {plan.indices[name]: Facts._fact_plan.indices[name] for name in plan.declared}
    rows = to_rows(listed, *_COLUMNS, *map(value_name, positions))
    width = len(_COLUMNS)
    facts = (dict(zip(positions.values(), row[width:], strict=True)) for row in rows)
    reasons = [explain(next_action, _facts(row, now), policy, language=language) for row in facts]
    columns = {name: [row[number] for row in rows] for number, name in enumerate(_COLUMNS)}
    return frame_like(listed, {**columns, "reason": reasons}, texts=_TEXTS)


def _facts(facts: Mapping[int, Value], now: int) -> Facts:
    """Return the facts with raw values at their indices; other facts are those of an unknown person."""
    values = Facts._fact_plan.unknown
    for index, value in facts.items():
        values[index] = value
    return Facts._from_raw(tuple(values), now)


# ---- the worklist ----------------------------------------------------------------------------------------------------


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
