"""The names of what is public, found cheaply: every process of a run lists them when it collects the tests."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from types import ModuleType

from pydantic import BaseModel

import funnel
from funnel import testing
from funnel.readers import orders

UNASKED = frozenset(
    {
        *("Facts.held_as", "History.fill", "Machine.asked", "Machine.compile_for", "Machine.course"),
        *("PathMachine.asked", "PathMachine.compile_for", "PathMachine.course", "Rule.as_written", "Rule.facts_from"),
        *("Rule.lifted", "Rule.person", "StageFlow.rate", "StageFlow.spells"),
    }
)
"""Methods for the parts of this library; and those of a table of stages, which any value may be asked of."""

RESULTS = frozenset(
    {
        *("Affinity", "Alias", "AnswerMove", "AnswerShare", "Backtest", "Bought", "Calibration", "CalibrationLevel"),
        *("Change", "Cohort", "Cohorts", "Comparison", "ConvertedBy", "Difference", "Driver", "Drivers", "Fault"),
        *("Figure", "FigureChange", "FiveWays", "FixedMix", "Funnel", "FunnelGroup", "FunnelPeriod", "Growth"),
        *("Honeymoon", "Journey", "Leaving", "LeavingReason", "LeftFrom", "Lifecycle", "Lifecycles", "LogRank"),
        *("MachineCheck", "Move", "MoveChange", "Moves", "NextChange", "Pair", "Path", "Plateau", "Profile"),
        *("PromotionComparison", "PurchaseStep", "PurchaseSteps", "PurchaseSummary", "Ranking", "Rate", "Ratio"),
        *("Reason", "Receipt", "Reliability", "RepeatGroup", "RepeatGroups", "RepeatRate", "RepeatRates"),
        *("RestrictedMean", "Rhythm", "RuleComparison", "Running", "Said", "SegmentShare", "Segments", "Spell"),
        *("StageChange", "StageDifference", "StageFlow", "StagePeriod", "Standing", "StandingChange", "StepCount"),
        *("StepTime", "StepValue", "Survival", "SurvivalBy", "SurvivalStep", "Table", "Task", "Transition", "Trend"),
        *("Trouble", "WaitQuantile", "WhatIf", "Who", "Why", "Worklist"),
    }
)
"""Results: the library makes them, and nobody calls their constructors."""

PROTOCOLS = frozenset({"Record", "Store"})
"""Classes whose constructors are not called: an abstract class and a protocol."""

BESIDE = frozenset(
    {
        *("Advance()", "Moves", "Policy.model_copy", "Rule()", "model_copy"),
        *("readers.OrderMapping.format_of", "readers.OrderMapping.read"),
    }
)
"""Calls beside those of public names."""


@cache
def classes() -> frozenset[type]:
    """Every public class."""
    public = (getattr(funnel, name) for name in funnel.__all__)
    return frozenset(one for one in public if inspect.isclass(one))


def called() -> list[str]:
    """The names of all calls with arguments to be checked: functions, methods, and classes that users make."""
    protocol = {name for name in public_names() if name.startswith("Store.")}
    copies = {name for name in public_names() if name.endswith(".copy")}  # pydantic's old name of model_copy
    made = {one.__name__ for one in classes() if not issubclass(one, Exception | Enum)} - RESULTS - PROTOCOLS
    return sorted({*public_names(), *made, *BESIDE} - UNASKED - protocol - copies)


def public_names() -> Iterator[str]:
    """Every public function, and every public method that takes an argument, as `name` or `Class.method`."""
    yield from outer_names()
    for name in funnel.__all__:
        one = getattr(funnel, name)
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
    """Every public function that takes an argument, and every model, of the readers and of the test kit."""
    modules: Mapping[str, ModuleType] = {"readers": orders, "testing": testing}
    for prefix, module in modules.items():
        for name in module.__all__:
            one = getattr(module, name)
            is_model = inspect.isclass(one) and issubclass(one, BaseModel)
            if is_model or (inspect.isfunction(one) and inspect.signature(one).parameters):
                yield f"{prefix}.{name}"
