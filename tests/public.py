"""The names of what is public, found cheaply: every process of a run lists them when it collects the tests."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from pydantic import BaseModel

import funnel
from funnel import testing
from funnel.readers import _read_orders, webhooks

UNASKED = frozenset(
    """
    read_orders
    StageFlow.rate StageFlow.spells
    """.split()  # noqa: SIM905 - a list of many names reads better as words
)
"""Methods that accept any value, and `read_orders`, which is called as `readers.read_orders`."""

RESULTS = frozenset(
    """
    Affinity Alias AnswerChange AnswerShare AppendResult Backtest BacktestRow BacktestTable BuyingModel
    Calibration CalibrationLevel
    CheckedCount CheckedGroup CheckedWeek ChurnOrigin ChurnReason ChurnReasons Cohort Cohorts Comparison
    ConversionAt Covariate CovariateEffect CustomerProfile
    DecisionTable Difference Driver Drivers Estimate Explanation Figure FigureChange FiveWays FixedMix Forecast
    FunnelGroup FunnelPeriod FunnelResult Groups Growth GrowthChange Issue Journey Lifecycle Lifecycles LogrankTest
    MachineCheck MarginGroup MarginGroups ModelCheck NextChange NextPurchase Pair Parameter PastForecast Plateau
    Prediction ProfileIdentity
    ProfileInteraction ProfileItem PromotionComparison PromotionRetention PurchaseStep PurchaseSteps PurchaseSummary
    Ranking Rate Ratio Reason Reliability RepeatGroup RepeatGroups RepeatRate RepeatRates RestrictedMean Rhythm
    RuleComparison RulePath ScoreBand ScoreCount ScoreLevel Scorecard ScorecardDrift SegmentShare Segments
    ServiceProblem ShopForecast ShopWeek Spell
    SpendingModel StageChange StageCountChange StageDifference StageFlow StagePeriod StageRecord StepCount StepTime
    StepValue Survival SurvivalGroups SurvivalStep Task TimeHistogram TimeQuantile Transition TransitionChange
    TransitionRate Transitions Trend WhatIf Worklist
    """.split()  # noqa: SIM905 - a list of many names reads better as words
)
"""Results: the library makes them, and nobody calls their constructors."""

PROTOCOLS = frozenset({"Record", "Store"})
"""Classes whose constructors are not called: an abstract class and a protocol."""

BESIDE = frozenset(
    {
        *("Transitions", "Policy.model_copy", "Rule()", "model_copy"),
        *("readers.OrderMapping.format_of", "readers.OrderMapping.read"),
    }
)
"""Calls beside those of public names."""


MODULES = (
    *(
        "backtest",
        "errors",
        "facts",
        "forecast",
        "history",
        "incremental",
        "interactions",
        "logs",
        "machines",
        "messages",
        "metrics",
    ),
    *(
        "money",
        "plots",
        "policy",
        "postponement",
        "profiles",
        "rates",
        "records",
        "rules",
        "stages",
        "store",
        "worklists",
    ),
)
"""The public modules beside the root, the readers and the test kit."""


@cache
def public() -> Mapping[str, Any]:
    """Every public name, of the root and of the public modules, with its value."""
    modules = (funnel, *(import_module(f"funnel.{name}") for name in MODULES))
    objects = {name: getattr(module, name) for module in modules for name in module.__all__}
    return dict(sorted(objects.items()))


@cache
def classes() -> frozenset[type]:
    """Every public class."""
    return frozenset(one for one in public().values() if inspect.isclass(one))


def called() -> list[str]:
    """The names of all calls with arguments to be checked: functions, methods, and classes that users make."""
    protocol = {name for name in public_names() if name.startswith("Store.")}
    copies = {name for name in public_names() if name.endswith(".copy")}  # pydantic's old name of model_copy
    created = {one.__name__ for one in classes() if not issubclass(one, Exception | Enum)} - RESULTS - PROTOCOLS
    return sorted({*public_names(), *created, *BESIDE} - UNASKED - protocol - copies)


def public_names() -> Iterator[str]:
    """Every public function, and every public method that takes an argument, as `name` or `Class.method`."""
    yield from outer_names()
    for name, one in public().items():
        if inspect.isfunction(one):
            yield name
        elif inspect.isclass(one) and not issubclass(one, Exception):
            yield from (f"{name}.{method}" for method in _methods(one))


def _methods(kind: type) -> Iterator[str]:
    for name, value in inspect.getmembers_static(kind):
        function = getattr(value, "__func__", value)
        is_ours = inspect.isfunction(function) and (function.__module__ or "").startswith("funnel")
        if is_ours and not name.startswith(("_", "model_")) and len(inspect.signature(function).parameters) > 1:
            yield name


def outer_names() -> Iterator[str]:
    """Every public function with an argument, and every model, of the readers, the webhooks and the test kit."""
    modules: Mapping[str, ModuleType] = {"readers": _read_orders, "testing": testing, "webhooks": webhooks}
    for prefix, module in modules.items():
        for name in module.__all__:
            one = getattr(module, name)
            is_model = inspect.isclass(one) and issubclass(one, BaseModel)
            if is_model or (inspect.isfunction(one) and inspect.signature(one).parameters):
                yield f"{prefix}.{name}"
