"""Facts that a rule is lifted and proven with: objects of the shop's own class, as the rule sees them otherwise.

Only what the class holds inside differs. While a rule is lifted its facts hold symbols; in a proof they hold the values
of a made-up person, and a rule that is called inside another with them is part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from funnel._facts.base import BaseFacts, Held
from funnel._facts.declare import SLOPES
from funnel._instants import held_at, span_at
from funnel._lift.nodes import Read, Value
from funnel._lift.symbols import Symbols

F = TypeVar("F", bound=BaseFacts)

_NOW = 0
"""When made-up people are judged; a rule cannot know it."""


class _Values(tuple[Value, ...]):
    """The values of a made-up person."""

    __slots__ = ()


def traced(cls: type[F], symbols: Symbols) -> F:
    """Facts of a class that hold symbols."""
    return cls.held_as(cast("Any", symbols), cast("Any", symbols))


def made_up(cls: type[F], person: Mapping[str, Value]) -> F:
    """Facts of a class that hold the values of a made-up person; of spans, as they are at the instant of judgement."""
    plan = cls.fact_plan
    values = list(plan.empties)
    for name, value in person.items():
        slope = SLOPES.get(plan.declared[name].show, 0)
        values[plan.places[name]] = value if isinstance(value, str) or not slope else held_at(value, slope, _NOW)
    return cls.held_as(_Values(values), _NOW)


def plainly(facts: F) -> F:
    """The same facts, of which rules inside a rule are asked as plain functions."""
    return facts.held_as(_Values(facts.values), facts.now)


def is_lifting(facts: object) -> bool:
    """Whether a rule is lifted, proven or asked as it is written with these facts: a rule inside it is part of it."""
    return isinstance(facts, Symbols) or (isinstance(facts, BaseFacts) and type(facts.values) is not tuple)


def reader(places: Mapping[str, tuple[int, int]], facts: Held) -> Read:
    """How the nodes of a tree read the facts of one person; `places` say where each is and how it runs."""
    values, now = facts.values, facts.now

    def read(name: str) -> Value:
        place, slope = places[name]
        value = values[place]
        if slope == 0 or isinstance(value, str):
            return value
        return span_at(value, slope, now)

    return read
