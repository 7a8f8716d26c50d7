"""Points as a rule: facts with limits, and the whole points for each limit, in a policy.

One rule serves every scorecard: the facts, the limits and the points are fields of its policy.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Any, Self, cast

from pydantic import Field, model_validator

from funnel.facts import Facts
from funnel.facts._base import BaseFacts
from funnel.policy import Points, Policy
from funnel.rules._rule import Rule, rule

Limit = Annotated[int, Field(strict=True)] | timedelta


class ScorecardPolicy(Policy):
    """Facts, limits and points of a scorecard, as numbers of a policy.

    A number or a flag earns the points of each limit that it reaches. A span earns the points of each limit that it
    does not exceed.

    Args:
        scored_facts: Names of the facts.
        limits: For each fact, its limits: whole numbers, or spans.
        points: For each limit, the points that it adds.

    Example:
        >>> policy = ScorecardPolicy(scored_facts=["purchase_count"], limits=[[2, 5]], points=[[10, 7]])
        >>> policy.limits, policy.points
        (((2, 5),), ((10, 7),))
    """

    scored_facts: tuple[str, ...] = ()
    """Names of the facts that earn points. Empty: a scorecard sets them."""
    limits: tuple[tuple[Limit, ...], ...] = ()
    """Limits of each fact. Empty: a scorecard sets them."""
    points: tuple[tuple[Points, ...], ...] = ()
    """Points that each limit adds. Empty: a scorecard sets them."""

    @model_validator(mode="after")
    def _same_lengths(self) -> Self:
        limits, points = ([len(one) for one in field] for field in (self.limits, self.points))
        if limits != points or len(limits) != len(self.scored_facts):
            raise ValueError("scored_facts, limits and points must have one entry for each fact, and for each limit")
        return self


class _ByName:
    """Reader of facts by name."""

    # A rule with `getattr` compiles 90 times as slowly: it could reach any code. Methods of the library are trusted.

    __slots__ = ()

    def read(self, f: Any, name: str) -> Any:
        return getattr(f, name)


_FACT = _ByName()


def _sum(f: Any, policy: ScorecardPolicy) -> int:
    """Return the sum of the points of all limits that are met."""
    parts = zip(policy.scored_facts, policy.limits, policy.points, strict=True)
    return sum(
        points * _meets(_FACT.read(f, name), limit)
        for name, limits, weights in parts
        for limit, points in zip(limits, weights, strict=True)
    )


def _meets(value: Any, limit: int | timedelta) -> bool:
    met: bool = value <= limit if isinstance(limit, timedelta) else value >= limit
    return met


@rule
def fitted_points(f: Facts, policy: ScorecardPolicy) -> int:
    """Return the points of a scorecard: the sum over all limits that the person's facts meet."""
    return _sum(f, policy)


def points_rule(facts: type[BaseFacts]) -> Rule[Any, ScorecardPolicy, int]:
    """Return the rule of fitted points for a class of facts."""
    return fitted_points if facts is Facts else _own_rule(cast("Hashable", facts))


@lru_cache(maxsize=64)
def _own_rule(facts: Hashable) -> Rule[Any, ScorecardPolicy, int]:
    def own_points(f: BaseFacts, policy: ScorecardPolicy) -> int:
        return _sum(f, policy)

    own_points.__name__ = fitted_points.name
    own_points.__annotations__["f"] = facts
    return rule(own_points)
