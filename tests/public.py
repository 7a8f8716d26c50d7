"""The names of what is public, found cheaply: every process of a run lists them when it collects the tests."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from enum import Enum
from functools import cache

import funnel

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

PROTOCOLS = frozenset({"AsyncSqlAlchemyStore", "Record", "Store"})
"""Classes whose constructors are not called: an async twin, an abstract class and a protocol."""

BESIDE = frozenset({"Advance()", "Moves", "Policy.model_copy", "Rule()", "model_copy"})
"""Calls beside those of public names."""


@cache
def classes() -> frozenset[type]:
    """Every public class."""
    public = (getattr(funnel, name) for name in funnel.__all__)
    return frozenset(one for one in public if inspect.isclass(one))


def called() -> list[str]:
    """The names of all calls with arguments to be checked: functions, methods, and classes that users make."""
    twins = {name for name in public_names() if name.startswith(("AsyncSqlAlchemyStore.", "Store."))}
    copies = {name for name in public_names() if name.endswith(".copy")}  # pydantic's old name of model_copy
    made = {one.__name__ for one in classes() if not issubclass(one, Exception | Enum)} - RESULTS - PROTOCOLS
    return sorted({*public_names(), *made, *BESIDE} - UNASKED - twins - copies)


def public_names() -> Iterator[str]:
    """Every public function, and every public method that takes an argument, as `name` or `Class.method`."""
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
