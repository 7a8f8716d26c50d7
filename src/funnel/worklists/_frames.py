"""Worklist of everyone in the logs, computed by the engine of the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import narwhals as nw

from funnel._aggregate.group_by import PERSON, value_name
from funnel._dataframes.compute import to_rows
from funnel._dataframes.frame_types import FrameT
from funnel._dataframes.local_rows import frame_like
from funnel._expr.to_narwhals import int_lit, tree_column
from funnel.facts import Facts
from funnel.facts._frames import fact_column, raw_facts_over
from funnel.facts._schema import FactSchema, narrowed
from funnel.messages import Language, explain, facts_explained
from funnel.rules._frames import moving, with_facts, without_none
from funnel.rules._next_action import IDLE, NextAction, next_action, since_due, value_at_stake
from funnel.worklists._selection import UNKNOWN, Selection

if TYPE_CHECKING:
    from funnel._expr.nodes import Value
    from funnel.logs import Logs
    from funnel.policy import Policy
    from funnel.worklists._opening_hours import Hours

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
