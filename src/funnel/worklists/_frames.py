"""Worklist of everyone in the logs, computed by the engine of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw

from funnel._aggregate.group_by import PERSON
from funnel._dataframes.frame_types import FrameT
from funnel._expr.to_narwhals import by_value, int_lit, tree_column
from funnel.facts import Facts
from funnel.facts._frames import fact_column, raw_facts_over
from funnel.facts._schema import narrowed
from funnel.rules._frames import without_none
from funnel.rules._next_action import IDLE, NextAction, next_action, since_due, value_at_stake

if TYPE_CHECKING:
    from funnel.logs import Logs
    from funnel.policy import Policy
    from funnel.worklists._opening_hours import Hours


_UNKNOWN = -1
"""Internal value for an unknown value at stake; it sorts after 0."""


def worklist_of_logs(logs: Logs[FrameT], policy: Policy, now: int, hours: Hours) -> FrameT:
    """Return one sorted row for each person with a due action."""
    due = hours.columns(_due(logs, policy, now), "due_at")
    ranks = ((action.value, int_lit(number)) for number, action in enumerate(NextAction))
    rank = by_value("next_action", ranks, int_lit(len(NextAction)))
    ranked = due.with_columns(_rank=rank, _less=0 - nw.col("value"))
    listed = ranked.sort("_rank", "due_at", "_less", PERSON)
    value = nw.when(nw.col("value") > _UNKNOWN).then(nw.col("value"))
    result = logs._native(listed.select(PERSON, "next_action", "due_at", value=value), instants=["due_at"])
    if logs._frame_kind != "pandas":
        return result
    frame: Any = result
    integers: FrameT = frame.astype({"value": "Int64"})
    return integers


def _due(logs: Logs, policy: Policy, now: int) -> nw.LazyFrame[Any]:
    """Return each person with a due action: action, due time and value."""
    rules = [rule._compiled_rule(policy) for rule in (next_action, since_due, value_at_stake)]
    read = frozenset[str]().union(*(one.read for one in rules))
    plan = narrowed(Facts._fact_plan, read)
    column = fact_column(plan, int_lit(now))
    action, since, value = (tree_column(without_none(one.tree, _UNKNOWN), column) for one in rules)
    raw = raw_facts_over(plan, logs, now).select(PERSON, next_action=action, _since=since, value=value)
    busy = raw.filter(~nw.col("next_action").is_in([one.value for one in IDLE]))
    return busy.select(PERSON, "next_action", "value", due_at=now - nw.col("_since"))
