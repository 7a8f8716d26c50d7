"""Facts for tracing and verifying a rule: objects of the shop's own class, like any other facts for the rule.

Only the content differs. When a rule is traced, its facts hold proxies. When it is verified, they hold the values of a
synthetic person. A rule that is called inside another rule with such facts becomes part of the outer rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from funnel._expr.nodes import Read, Value
from funnel._expr.tracer import FactsProxy
from funnel._time import instant_at, span_at
from funnel.facts._base import BaseFacts
from funnel.facts._declare import SLOPES
from funnel.facts._display import RawFacts

F = TypeVar("F", bound=BaseFacts)

_NOW = 0
"""Instant of synthetic people; a rule cannot know it."""


class _Values(tuple[Value, ...]):
    """Values of a synthetic person."""

    __slots__ = ()


def traced(cls: type[F], symbols: FactsProxy) -> F:
    """Return facts of a class that hold proxies."""
    return cls._from_raw(cast("Any", symbols), cast("Any", symbols))


def sample_facts(cls: type[F], person: Mapping[str, Value]) -> F:
    """Return facts of a class for a synthetic person.

    Spans are as at the person's instant.
    """
    plan = cls._fact_plan
    values = plan.unknown
    for name, value in person.items():
        slope = SLOPES.get(plan.declared[name].show, 0)
        values[plan.indices[name]] = value if isinstance(value, str) or not slope else instant_at(value, slope, _NOW)
    return cls._from_raw(_Values(values), _NOW)


def as_plain(facts: F) -> F:
    """Return the same facts, with which inner rules run as plain functions."""
    return facts._from_raw(_Values(facts.values), facts.now)


def is_tracing(facts: object) -> bool:
    """Return whether these facts trace, verify or plainly run a rule.

    Rules inside such a rule become part of it.
    """
    return isinstance(facts, FactsProxy) or (isinstance(facts, BaseFacts) and type(facts.values) is not tuple)


def refuse_method(facts: object, rule: str) -> None:
    """Refuse a method of a rule inside another rule.

    Raises:
        RuleError: The facts trace a rule.
    """
    values: object = facts.values if isinstance(facts, BaseFacts) else None
    if isinstance(values, FactsProxy):
        values.__refuse__(f"{rule}.of, {rule}.why or {rule}.next_change", f"call the rule: {rule}(f, policy)")


def reader(slots: Mapping[str, tuple[int, int]], facts: RawFacts) -> Read:
    """Return a function that reads facts for the nodes of a tree.

    `indices` has the index and the slope of each fact.
    """
    values, now = facts.values, facts.now

    def read(name: str) -> Value:
        index, slope = slots[name]
        value = values[index]
        if slope == 0 or isinstance(value, str):
            return value
        return span_at(value, slope, now)

    return read
