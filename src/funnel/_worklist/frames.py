"""The worklist of everyone in the logs, as columns of the engine that holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw

from funnel._facts.frames import fact_column, held_over
from funnel._facts.plan import narrowed
from funnel._frames import leave
from funnel._lift.columns import tree_column, whole
from funnel._reduce.aggregates import PERSON
from funnel._rule_frames import without_none
from funnel.facts import Facts
from funnel.rules.follow_up import IDLE, NextStep, next_step, since_due, value_at_stake

if TYPE_CHECKING:
    from funnel._worklist.hours import Hours
    from funnel.logs import Logs
    from funnel.policy import Policy


_UNKNOWN = -1
"""A value at stake that is not known, inside; it stands behind 0 in the order."""


def worklist_of_logs(logs: Logs, policy: Policy, now: int, hours: Hours) -> Any:
    """One row for everyone for whom something is due, in the order of the list."""
    told = hours.columns(_due(logs, policy, now), "due_at")
    rank = whole(len(NextStep))
    for place, step in enumerate(NextStep):
        rank = nw.when(nw.col("next_step") == step.value).then(whole(place)).otherwise(rank)
    ranked = told.with_columns(_rank=rank, _less=0 - nw.col("value"))
    listed = ranked.sort("_rank", "due_at", "_less", PERSON)
    known = nw.when(nw.col("value") > _UNKNOWN).then(nw.col("value"))
    left = leave(listed.select(PERSON, "next_step", "due_at", value=known), logs.home, instants=["due_at"])
    return left.astype({"value": "Int64"}) if logs.home == "pandas" else left


def _due(logs: Logs, policy: Policy, now: int) -> nw.LazyFrame[Any]:
    """Everyone for whom something is due, with what, since when, and what is at stake."""
    asked = [rule.lifted(policy) for rule in (next_step, since_due, value_at_stake)]
    read = frozenset[str]().union(*(one.read for one in asked))
    plan = narrowed(Facts.fact_plan, read)
    column = fact_column(plan, whole(now))
    step, since, value = (tree_column(without_none(one.tree, _UNKNOWN), column) for one in asked)
    held = held_over(plan, logs, now).select(PERSON, next_step=step, _since=since, value=value)
    busy = held.filter(~nw.col("next_step").is_in([one.value for one in IDLE]))
    return busy.select(
        PERSON,
        "next_step",
        "value",
        due_at=now - nw.col("_since"),
    )
