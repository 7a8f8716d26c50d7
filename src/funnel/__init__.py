"""A shop's path from prospect to customer to repeat customer: typed records, facts, rules, stages and metrics.

A rule is written once, as a plain typed function, and gives the same answer for one person, for a table of millions,
for any day in the past, and for the exact moment at which the answer will change. Every public name is here; each is
loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from funnel._homes import HOMES as _HOMES

if TYPE_CHECKING:
    from funnel._calendar import Calendar
    from funnel._lift.together import all_of, any_of
    from funnel._moves.ask import Moves
    from funnel._moves.checked import MachineCheck
    from funnel._moves.table import Cause
    from funnel._moves.told import Journey, Move, Spell
    from funnel._profile import Bought, Profile, Said, Who, profile
    from funnel._rule import NextChange, Path, Reason, Rule, Table, Why, rule
    from funnel._worklist.tasks import Task, Worklist
    from funnel._worklist.worklist import look_again, worklist
    from funnel.advance.rule import Advance
    from funnel.advance.state import Running
    from funnel.errors import (
        ArgumentError,
        ConflictError,
        EngineError,
        FactsError,
        FieldsError,
        FileError,
        FullError,
        FunnelError,
        InstantError,
        LiftError,
        LockedError,
        LogsError,
        MissingExtraError,
        MoneyError,
        MoveError,
        RecordError,
        StaleError,
        StoreError,
    )
    from funnel.facts import (
        Facts,
        count,
        earliest,
        exists,
        first,
        largest,
        last,
        latest,
        mean,
        mean_gap,
        since,
        soonest,
        total,
        until,
    )
    from funnel.history import History
    from funnel.interactions import (
        Answer,
        AnyInteraction,
        Cart,
        Checkout,
        Complaint,
        Delivered,
        Feedback,
        FollowUpSent,
        Interaction,
        Met,
        NoReason,
        OptedOut,
        Postponed,
        PostponeReason,
        Question,
        Quote,
        Resolution,
        SaidNo,
        SaidReady,
        View,
        Visit,
        read_interaction,
    )
    from funnel.logs import Fault, Logs
    from funnel.metrics.affinity.ask import Affinity, Pair, affinity
    from funnel.metrics.affinity.offers import offers
    from funnel.metrics.backtest import (
        AnswerMove,
        AnswerShare,
        Backtest,
        Calibration,
        CalibrationLevel,
        Figure,
        FigureChange,
        Ranking,
        Reliability,
        RuleComparison,
        backtest,
        calibrate,
        compare,
    )
    from funnel.metrics.conversion import (
        By,
        Comparison,
        Driver,
        Drivers,
        Exclusion,
        Funnel,
        FunnelGroup,
        FunnelPeriod,
        FunnelStep,
        StepCount,
        StepTime,
        StepValue,
        Trend,
        bands,
        conversion,
    )
    from funnel.metrics.flow.counted import stage_flow
    from funnel.metrics.flow.differ import RuleBook, stage_difference
    from funnel.metrics.flow.difference import MoveChange, StageChange, StageDifference, StandingChange
    from funnel.metrics.flow.result import StageFlow, StagePeriod, Transition
    from funnel.metrics.growth.ask import growth, referral_rate
    from funnel.metrics.growth.five_ways import Change, FiveWays, FixedMix, Growth, WhatIf
    from funnel.metrics.leaving.ask import Leaving, LeavingReason, LeftFrom, Trouble, leaving
    from funnel.metrics.lifecycle import Lifecycle, Lifecycles, lifecycle
    from funnel.metrics.rate import Difference, Rate
    from funnel.metrics.repeat.honeymoon import Honeymoon, PromotionComparison, honeymoon
    from funnel.metrics.repeat.origin import RepeatGroup, RepeatGroups, repeat_by
    from funnel.metrics.repeat.rates import (
        RepeatRate,
        RepeatRates,
        repeat_rate,
        repeat_rate_within,
        repeat_rates,
        returning_rate,
    )
    from funnel.metrics.repeat.rhythm import Rhythm, purchase_rhythm
    from funnel.metrics.repeat.steps import PurchaseStep, PurchaseSteps, purchase_steps
    from funnel.metrics.retention.ask import retention
    from funnel.metrics.retention.cohorts import Cohort, Cohorts, Ratio
    from funnel.metrics.rfm import Segments, SegmentShare, rfm_quantiles, segments
    from funnel.metrics.summary import PurchaseSummary
    from funnel.metrics.survival.ask import Survival, SurvivalBy, survival, survival_by
    from funnel.metrics.survival.estimates import ConvertedBy, RestrictedMean, SurvivalStep, WaitQuantile
    from funnel.metrics.survival.log_rank import LogRank, log_rank
    from funnel.metrics.survival.plateau import Plateau
    from funnel.metrics.survival.waits import waits
    from funnel.money import Money
    from funnel.not_yet import (
        AfterEvent,
        AfterHoliday,
        AfterInstalments,
        AfterPayday,
        Between,
        InMonths,
        InWeeks,
        NotYet,
        Until,
        postponed,
        resolve,
    )
    from funnel.policy import Policy
    from funnel.records import Contact, Customer, Lead, Line, Purchase, Record, Refund
    from funnel.rules.activity import (
        has_bought,
        has_bought_again,
        has_engaged,
        has_rhythm,
        is_gone,
        is_lapsed,
        is_near,
        is_overdue,
        is_quiet,
        is_won_back,
    )
    from funnel.rules.buying import Step, buying_step, in_after_sale
    from funnel.rules.follow_up import (
        NextStep,
        has_refused,
        has_replied,
        is_contacted_enough,
        is_due_for_follow_up,
        may_write,
        next_step,
        since_due,
        value_at_stake,
    )
    from funnel.rules.postponement import has_come_due, has_slipped, is_postponed, says_ready
    from funnel.rules.readiness import (
        Readiness,
        ability_points,
        readiness,
        readiness_points,
        timing_points,
        trust_points,
        willingness_points,
    )
    from funnel.rules.rfm import Segment, frequency_score, is_big_spender, monetary_score, recency_score, rfm, segment
    from funnel.rules.trust import (
        Assurance,
        answer_is_late,
        assurance,
        awaits_answer,
        delivery_is_late,
        has_open_complaint,
        has_open_question,
        meeting_is_owed,
        repair_first,
        repair_is_late,
        was_disappointed,
    )
    from funnel.rules.window import WindowBasis, until_earliest, until_latest, until_likely, window_basis
    from funnel.sentences import in_words, sentence
    from funnel.stages import FUNNEL, MOVES, Machine, PathMachine, Stage, moves, stage
    from funnel.store.protocol import Alias, Receipt, Standing, Store
    from funnel.store.server import AsyncSqlAlchemyStore, SqlAlchemyStore, store_tables
    from funnel.store.sqlite import SqliteStore
    from funnel.tally import Tally

__all__ = [
    "FUNNEL", "MOVES", "Advance", "Affinity", "AfterEvent", "AfterHoliday", "AfterInstalments", "AfterPayday", "Alias",
    "Answer", "AnswerMove", "AnswerShare", "AnyInteraction", "ArgumentError", "Assurance", "AsyncSqlAlchemyStore",
    "Backtest", "Between", "Bought", "By", "Calendar", "Calibration", "CalibrationLevel", "Cart", "Cause", "Change",
    "Checkout", "Cohort", "Cohorts", "Comparison", "Complaint", "ConflictError", "Contact", "ConvertedBy", "Customer",
    "Delivered", "Difference", "Driver", "Drivers", "EngineError", "Exclusion", "Facts", "FactsError", "Fault",
    "Feedback", "FieldsError", "Figure", "FigureChange", "FileError", "FiveWays", "FixedMix", "FollowUpSent",
    "FullError", "Funnel",
    "FunnelError", "FunnelGroup", "FunnelPeriod", "FunnelStep", "Growth", "History", "Honeymoon", "InMonths", "InWeeks",
    "InstantError", "Interaction", "Journey", "Lead", "Leaving", "LeavingReason", "LeftFrom", "Lifecycle", "Lifecycles",
    "LiftError", "Line", "LockedError", "LogRank", "Logs", "LogsError", "Machine", "MachineCheck", "Met",
    "MissingExtraError", "Money", "MoneyError", "Move", "MoveChange", "MoveError", "Moves", "NextChange", "NextStep",
    "NoReason", "NotYet", "OptedOut", "Pair", "Path", "PathMachine", "Plateau", "Policy", "PostponeReason", "Postponed",
    "Profile", "PromotionComparison", "Purchase", "PurchaseStep", "PurchaseSteps", "PurchaseSummary", "Question",
    "Quote", "Ranking", "Rate", "Ratio", "Readiness", "Reason", "Receipt", "Record", "RecordError", "Refund",
    "Reliability", "RepeatGroup", "RepeatGroups", "RepeatRate", "RepeatRates", "Resolution", "RestrictedMean", "Rhythm",
    "Rule", "RuleBook", "RuleComparison", "Running", "Said", "SaidNo", "SaidReady", "Segment", "SegmentShare",
    "Segments", "Spell", "SqlAlchemyStore", "SqliteStore", "Stage", "StageChange", "StageDifference", "StageFlow",
    "StagePeriod", "StaleError", "Standing", "StandingChange", "Step", "StepCount", "StepTime", "StepValue", "Store",
    "StoreError", "Survival", "SurvivalBy", "SurvivalStep", "Table", "Tally", "Task", "Transition", "Trend", "Trouble",
    "Until", "View", "Visit", "WaitQuantile", "WhatIf", "Who", "Why", "WindowBasis", "Worklist", "ability_points",
    "affinity", "all_of", "answer_is_late", "any_of", "assurance", "awaits_answer", "backtest", "bands", "buying_step",
    "calibrate", "compare", "conversion", "count", "delivery_is_late", "earliest", "exists", "first", "frequency_score",
    "growth", "has_bought", "has_bought_again", "has_come_due", "has_engaged", "has_open_complaint",
    "has_open_question", "has_refused", "has_replied", "has_rhythm", "has_slipped", "honeymoon", "in_after_sale",
    "in_words", "is_big_spender", "is_contacted_enough", "is_due_for_follow_up", "is_gone", "is_lapsed", "is_near",
    "is_overdue", "is_postponed", "is_quiet", "is_won_back", "largest", "last", "latest", "leaving", "lifecycle",
    "log_rank", "look_again", "may_write", "mean", "mean_gap", "meeting_is_owed", "monetary_score", "moves",
    "next_step", "offers", "postponed", "profile", "purchase_rhythm", "purchase_steps", "read_interaction", "readiness",
    "readiness_points", "recency_score", "referral_rate", "repair_first", "repair_is_late", "repeat_by", "repeat_rate",
    "repeat_rate_within", "repeat_rates", "resolve", "retention", "returning_rate", "rfm", "rfm_quantiles", "rule",
    "says_ready", "segment", "segments", "sentence", "since", "since_due", "soonest", "stage", "stage_difference",
    "stage_flow", "store_tables", "survival", "survival_by", "timing_points", "total", "trust_points", "until",
    "until_earliest", "until_latest", "until_likely", "value_at_stake", "waits", "was_disappointed",
    "willingness_points", "window_basis", "worklist",
]  # fmt: skip


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value: object = getattr(import_module(f"funnel.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Every public name."""
    return sorted(__all__)
