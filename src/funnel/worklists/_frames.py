"""Worklist of everyone in the logs, computed by the engine of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw

from funnel._aggregate.group_by import PERSON
from funnel._dataframes.adapter import to_native
from funnel._expr.to_narwhals import int_lit, tree_column
from funnel.facts import Facts
from funnel.facts._frames import fact_column, held_by_engine
from funnel.facts._schema import narrowed
from funnel.rules._frames import without_none
from funnel.rules._next_action import IDLE, NextAction, next_action, since_due, value_at_stake

if TYPE_CHECKING:
    from funnel.logs import Logs
    from funnel.policy import Policy
    from funnel.worklists._opening_hours import Hours


_UNKNOWN = -1
"""Internal value for an unknown value at stake; it sorts after 0."""


def worklist_of_logs(logs: Logs, policy: Policy, now: int, hours: Hours) -> Any:
    """Return one sorted row for each person with a due action."""
    told = hours.columns(_due(logs, policy, now), "due_at")
    rank = int_lit(len(NextAction))
    for place, step in enumerate(NextAction):
        rank = nw.when(nw.col("next_action") == step.value).then(int_lit(place)).otherwise(rank)
    ranked = told.with_columns(_rank=rank, _less=0 - nw.col("value"))
    listed = ranked.sort("_rank", "due_at", "_less", PERSON)
    known = nw.when(nw.col("value") > _UNKNOWN).then(nw.col("value"))
    left = to_native(listed.select(PERSON, "next_action", "due_at", value=known), logs.home, instants=["due_at"])
    return left.astype({"value": "Int64"}) if logs.home == "pandas" else left


def _due(logs: Logs, policy: Policy, now: int) -> nw.LazyFrame[Any]:
    """Return each person with a due action: action, due time and value."""
    asked = [rule.compiled_rule(policy) for rule in (next_action, since_due, value_at_stake)]
    read = frozenset[str]().union(*(one.read for one in asked))
    plan = narrowed(Facts.fact_plan, read)
    column = fact_column(plan, int_lit(now))
    step, since, value = (tree_column(without_none(one.tree, _UNKNOWN), column) for one in asked)
    held = held_by_engine(plan, logs, now).select(PERSON, next_action=step, _since=since, value=value)
    busy = held.filter(~nw.col("next_action").is_in([one.value for one in IDLE]))
    return busy.select(
        PERSON,
        "next_action",
        "value",
        due_at=now - nw.col("_since"),
    )
