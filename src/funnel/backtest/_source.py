"""A scorecard as Python code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from funnel._time import MICROSECOND
from funnel.backtest._points import ScorecardPolicy
from funnel.facts import Facts
from funnel.facts._base import BaseFacts

_UNITS = (("days", timedelta(days=1)), ("hours", timedelta(hours=1)), ("minutes", timedelta(minutes=1)))


def source_of(title: str, facts: type[BaseFacts], policy: ScorecardPolicy) -> str:
    """Return a module with the policy and the rule of a scorecard."""
    return "\n".join(_lines(title, facts, policy)) + "\n"


def _lines(title: str, facts: type[BaseFacts], policy: ScorecardPolicy) -> Iterator[str]:
    yield from (f'"""{title}."""', "")
    if any(isinstance(limit, timedelta) for limits in policy.limits for limit in limits):
        yield from ("from datetime import timedelta", "")
    is_own = facts is not Facts
    yield f"from funnel import {'' if is_own else 'Facts, '}Policy, rule"
    if is_own:
        yield f"from {facts.__module__} import {facts.__name__}"
    yield from ("", "", "class PointsPolicy(Policy):")
    yield from ('    """Limits of facts, each with the points that it adds."""', "")
    for name, limits, points in zip(policy.scored_facts, policy.limits, policy.points, strict=True):
        kind = "timedelta" if isinstance(limits[0], timedelta) else "int"
        yield f"    {name}_points: tuple[tuple[{kind}, int], ...] = ("
        yield from (f"        ({_code(limit)}, {number})," for limit, number in zip(limits, points, strict=True))
        yield "    )"
    yield from ("", "", "@rule", f"def fitted_points(f: {facts.__name__}, policy: PointsPolicy) -> int:")
    yield '    """Return the points of all limits that the facts meet."""'
    yield "    return sum("
    yield "        ("
    for name, limits in zip(policy.scored_facts, policy.limits, strict=True):
        sign = "<=" if isinstance(limits[0], timedelta) else ">="
        yield f"            *(points * (f.{name} {sign} limit) for limit, points in policy.{name}_points),"
    yield from ("        )", "    )")


def _code(limit: int | timedelta) -> str:
    """Return a limit as code, a span in its largest whole unit."""
    if not isinstance(limit, timedelta):
        return str(limit)
    name, unit = next((name, unit) for name, unit in _UNITS if not limit % unit // MICROSECOND)
    return f"timedelta({name}={limit // unit})"
