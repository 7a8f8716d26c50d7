"""The choice of rows for a worklist: their order, and how many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias, TypeVar, cast

import attrs
import narwhals as nw

from funnel._aggregate.group_by import PERSON
from funnel._arguments import brief, check_choice, count_of
from funnel._expr.to_narwhals import by_value, int_lit
from funnel._time import FOREVER
from funnel.errors import ArgumentError
from funnel.rules._next_action import IDLE, NextAction

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
