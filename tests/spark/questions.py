"""Questions about a made-up shop, each a function of its logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from funnel import FunnelStep, Logs, Policy, metrics, next_action, stage
from funnel.facts import count, last, latest, mean_gap, since, total
from funnel.facts._base import BaseFacts
from tests.frames import answered, as_span, read
from tests.metrics.people import AS_OF

SPAN = timedelta(days=90)
POLICY = Policy(lapse_after=SPAN, after_sale_for=timedelta(days=30))
PERIODS: Mapping[str, Any] = {"tz": "Asia/Jakarta", "as_of": AS_OF}


class SomeFacts(BaseFacts):
    """Facts of several forms."""

    purchase_count: int = count("purchases")
    net_spent: int = total("purchases", "net_amount")
    since_last_purchase: timedelta = since(last("purchases"))
    purchase_interval: timedelta = mean_gap("purchases")
    last_kind: str = latest("interactions", "kind")
    recent_count: int = count("purchases", within=timedelta(days=60))


def facts(logs: Logs[Any]) -> Any:
    """Return facts of everyone, with spans as timedeltas."""
    rows = answered(SomeFacts.over(logs, as_of=AS_OF))
    return {person: {name: as_span(value) for name, value in row.items()} for person, row in rows.items()}


def conversion(logs: Logs[Any], **options: Any) -> Any:
    """Return the counts of a funnel from the arrival to a second purchase."""
    steps = ["lead", "purchase", FunnelStep("again", kind="purchase", within=SPAN)]
    return metrics.conversion(logs, steps, within=timedelta(days=400), as_of=AS_OF, **options)


def survival(logs: Logs[Any]) -> Any:
    """Return how long people wait for their second purchase."""
    waits = metrics.durations(logs, "purchases", "purchases", as_of=AS_OF)
    return metrics.survival(waits, as_of=AS_OF, min_people=2)


Questions = Mapping[str, Callable[[Logs[Any]], Any]]
QUESTIONS: Questions = {
    "facts": facts,
    "stage": lambda logs: read(stage.over(logs, POLICY, as_of=AS_OF)),
    "conversion": conversion,
    "retention": lambda logs: metrics.retention(logs, **PERIODS),
}
"""Questions of every run; Spark takes up to a minute to plan one."""
MORE: Questions = {
    "next_action": lambda logs: read(next_action.over(logs, POLICY, as_of=AS_OF)),
    "next_change": lambda logs: answered(stage.next_change.over(logs, POLICY, as_of=AS_OF)),
    "conversion by source": lambda logs: conversion(logs, by="source"),
    "conversion, deepest": lambda logs: conversion(logs, matching=metrics.Matching(attempts="any")),
    "conversion, each": lambda logs: conversion(logs, matching=metrics.Matching(attempts="each")),
    "lifecycle": lambda logs: metrics.lifecycle(logs, **PERIODS),
    "growth": lambda logs: metrics.growth(logs, within=SPAN, margin=0.4, **PERIODS),
    "survival": survival,
    "repeat_rates": lambda logs: metrics.repeat_rates(logs, SPAN, as_of=AS_OF),
    "repeat_by": lambda logs: metrics.repeat_by(logs, "source", SPAN, as_of=AS_OF),
    "promotion_retention": lambda logs: metrics.promotion_retention(logs, SPAN, as_of=AS_OF),
    "purchase_steps": lambda logs: metrics.purchase_steps(logs, SPAN, as_of=AS_OF).to_dicts(),
    "purchase summary": lambda logs: read(metrics.PurchaseSummary.over(logs, **PERIODS)),
    "segments": lambda logs: metrics.segments(logs, POLICY, as_of=AS_OF),
    "churn_reasons": lambda logs: metrics.churn_reasons(logs, POLICY, as_of=AS_OF, min_people=2),
    "people_by": lambda logs: metrics.people_by(stage, logs, POLICY, as_of=AS_OF),
}
"""More questions, of the full run."""
