"""Every public call with arguments that are allowed: functions, methods and constructors, each by its name.

Importing this takes seconds, for the arguments are results of a small shop's questions: import it inside a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import cache, partial
from typing import Any

import attrs
import polars as pl
import sqlalchemy
from pydantic import BaseModel

import funnel
from funnel import AsyncSqlAlchemyStore, Facts, Money, Policy, SqlAlchemyStore, SqliteStore, Stage
from funnel.forecast import BuyingModel, CustomerValue
from funnel.incremental import LiveFacts
from funnel.interactions import Visit
from funnel.machines import Cause
from tests.outer_calls import ENGINE, awaiting, filled, outer, server
from tests.public import public
from tests.specimens import (
    DAY,
    DOORS,
    FIT,
    FORECAST,
    NOW,
    POLICY,
    START,
    DoorStage,
    everyone,
    later_than,
    logs,
    next_stage,
    specimens,
    steady_purchases,
)

ONE = everyone()[0]
FACTS = Facts.of(ONE, as_of=NOW)
VISIT = Visit(id="new", person_id="p0", occurred_at=NOW)
CUSTOMER = funnel.Customer(person_id="p0", name="Sari Dewi", since=START)
LINES = pl.DataFrame({"purchase_id": ["p0-1", "p0-2"], "sku": ["mug", "pot"], "category": ["cups", "pots"]})
PRICED = pl.DataFrame({"purchase_id": ["1"], "sku": ["mug"], "amount": [9], "cost": [4]})
COSTED = funnel.Logs(
    purchases=pl.DataFrame({"id": ["1"], "person_id": ["p0"], "purchased_at": [START], "amount": [9], "cost": [4]})
)
EVENTS: list[dict[str, object]] = [
    {"person_id": "p0", "occurred_at": START, "kind": "view", "channel": "shop"},
    {"person_id": "p0", "occurred_at": START + DAY, "kind": "purchase", "channel": "shop"},
]
SUMMARY = specimens()[funnel.metrics.PurchaseSummary][0]
BUYERS = pl.DataFrame(
    {
        "repeat_count": [0, 1, 2, 5] * 9,
        "first_to_last_days": [0, 20, 90, 170] * 9,
        "tenure_days": [180, 190, 120, 200] * 9,
        "repeat_amount": [0, 900, 2_500, 4_000] * 9,
    }
)
METRIC: dict[str, Any] = {"logs": logs(), "as_of": NOW}
PERIODIC: dict[str, Any] = {"period": "month", "tz": "Asia/Jakarta", "as_of": NOW, "week_start": None}
INTAKE: dict[str, Any] = {
    "columns": {},
    "tz": "Asia/Jakarta",
    "currency": "USD",
    "amount": "minor",
    "on_issues": "raise",
}
RATES: dict[str, Any] = {**METRIC, "within": 30 * DAY, "min_people": 1}

FUNCTIONS: Mapping[str, dict[str, Any]] = {
    "affinity": {**RATES, "lines": LINES},
    "to_png": {"chart": specimens()[funnel.metrics.Lifecycles][0], "scale": 1},
    "to_svg": {"chart": specimens()[funnel.metrics.Lifecycles][0]},
    "backtest": {
        "rule": funnel.rules.readiness_points,
        **METRIC,
        "policy": POLICY,
        "dates": funnel.backtest.BacktestDates(START + 60 * DAY, every=20 * DAY, horizon=20 * DAY),
        "eligible": None,
        "answers": funnel.backtest.AnswerScale(),
        "calibration": None,
        "min_people": 1,
        "seed": 0,
    },
    "backtest_table": {
        **METRIC,
        "policy": POLICY,
        "dates": funnel.backtest.BacktestDates(START + 60 * DAY, every=20 * DAY, horizon=20 * DAY),
        "questions": funnel.backtest.BacktestQuestions(rules=[funnel.rules.readiness_points]),
        "tz": "UTC",
        "min_people": 1,
        "seed": 0,
    },
    "fit_points": FIT,
    "feature_table": {
        **METRIC,
        "dates": funnel.backtest.BacktestDates(START + 60 * DAY, every=20 * DAY, horizon=20 * DAY),
        "names": ["purchase_count", "since_last_purchase"],
        "facts": funnel.Facts,
    },
    "buying_model": {
        "summaries": BUYERS,
        "model": "mbg_nbd",
        "k": 1,
        "covariates": [],
        "penalty": 0.5,
        "min_repeat_buyers": 1,
        "confidence_level": 0.95,
    },
    "check_model": {
        "model": specimens()[BuyingModel][0],
        "purchases": logs(),
        "tz": "UTC",
        "as_of": NOW - 30 * DAY,
        "until": NOW,
        "covariates": None,
    },
    "spending_model": {"summaries": BUYERS, "min_repeat_buyers": 3, "confidence_level": 0.95},
    "bins": {"column": "amount", "edges": [1, 2], "at": "first"},
    "calibrate": {"scores": [1, 2] * 10, "labels": [True, False] * 10, "method": "isotonic", "min_people": 1},
    "compare_rules": {"old": funnel.stage, "new": funnel.stage, **METRIC, "policy": POLICY, "new_policy": POLICY},
    "conversion": {
        "events": EVENTS,
        "steps": ["view", "purchase"],
        "within": 30 * DAY,
        "as_of": NOW,
        "by": "channel",
        "matching": funnel.metrics.Matching(hold_constant="channel"),
        "confidence_level": 0.95,
        "min_people": 1,
    },
    "growth": {"logs": logs(), **PERIODIC, "within": 30 * DAY, "margin": 0.4, "by": "source"},
    "people_by": {**METRIC, "rule": funnel.stage, "policy": POLICY},
    "margin_by": {"logs": COSTED, "by": "product", "as_of": NOW, "lines": PRICED},
    "promotion_retention": RATES,
    "label": {"answer": Stage.LEAD, "language": "en"},
    "churn_reasons": {**METRIC, "policy": POLICY, "min_people": 1},
    "lifecycle": {"purchases": logs(), **PERIODIC, "by": "source"},
    "logrank_test": {
        "groups": {"a": specimens()[funnel.metrics.Survival][0], "b": specimens()[funnel.metrics.Survival][0]}
    },
    "next_review_at": {"people": everyone(), "policy": POLICY, "as_of": NOW},
    "next_offers": {**RATES, "lines": LINES, "most": 1},
    "postpone": {
        "phrase": funnel.postponement.InWeeks(n=1),
        "id": "a",
        "person_id": "p0",
        "occurred_at": NOW,
        "tz": "Asia/Jakarta",
        "reason": "other",
        "source": "shop",
        "channel": "",
        "text": "",
        "calendar": funnel.postponement.EventCalendar(events={"payday": ["2026-08-25"]}),
    },
    "customer_profile": {"history": ONE, "as_of": NOW, "personal": True},
    "purchase_rhythm": {**METRIC, "min_people": 1},
    "purchase_steps": RATES,
    "read_interaction": {"data": {"kind": "visit", "id": "a", "person_id": "p0", "occurred_at": NOW}},
    "referral_rate": METRIC,
    "repeat_by": {**RATES, "by": "product", "lines": LINES},
    "repeat_rate": METRIC,
    "repeat_rate_within": {**METRIC, "within": 30 * DAY},
    "repeat_rates": {**METRIC, "within": 30 * DAY},
    "resolve": {
        "phrase": funnel.postponement.AfterPayday(),
        "occurred_at": NOW,
        "tz": "Asia/Jakarta",
        "calendar": funnel.postponement.EventCalendar(events={"payday": ["2026-08-25"]}),
    },
    "retention": {
        "purchases": logs(),
        **PERIODIC,
        "window": None,
        "brackets": (),
        "counting": funnel.metrics.Counting(),
        "by": "source",
    },
    "returning_rate": {**METRIC, "within": 30 * DAY},
    "rfm_quantiles": {**METRIC, "classes": 5},
    "rule": {"function": lambda f, _: f.purchase_count > 1},
    "segments": {**METRIC, "policy": POLICY, "by": "source"},
    "explain": {"rule": funnel.stage, "person": ONE, "policy": POLICY, "as_of": NOW, "language": "en"},
    "since": {"moment": funnel.facts.last("purchases")},
    "stage_difference": {
        "people": everyone()[:2],
        "old": funnel.backtest.RuleBook(POLICY),
        "new": funnel.backtest.RuleBook(Policy()),
        **PERIODIC,
    },
    "stage_flow": {"people": everyone()[:2], "policy": POLICY, **PERIODIC, "machine": funnel.machines.SHOP_MACHINE},
    "store_tables": {"metadata": sqlalchemy.MetaData(), "schema": None, "prefix": "funnel_"},
    "survival": {
        "durations": funnel.metrics.durations(logs(), "leads", "purchases", as_of=NOW, keep=["source"]),
        "by": "source",
        "as_of": NOW,
        "confidence_level": 0.95,
        "min_people": 1,
    },
    "shop_forecast": {"purchases": steady_purchases(), **FORECAST},
    "until": {"moment": funnel.facts.soonest("postponements", "ready_from")},
    "durations": {
        "events": logs(),
        "start": "leads",
        "end": "purchases",
        "as_of": NOW,
        "keep": ["source"],
        "earlier": "counts",
    },
    "worklist": {"people": everyone(), "policy": POLICY, "as_of": NOW, "tz": "Asia/Jakarta"},
    "column": {"name": "tier", "kind": str},
    **{name: {"stream": "purchases"} for name in ("count", "exists", "mean_gap")},
    **{name: {"stream": "purchases", "never": "past"} for name in ("first", "last")},
    **{name: {"stream": "purchases", "field": "amount"} for name in ("largest", "total", "mean")},
    **{name: {"stream": "purchases", "field": "amount"} for name in ("earliest", "latest")},
    "soonest": {"stream": "postponements", "field": "ready_from", "never": "ahead"},
    "warm_up": {},
}
"""The functions with arguments that are allowed."""

CARD = specimens()[funnel.backtest.Scorecard][0]
_POLICY_AND_TIME: dict[str, Any] = {"policy": POLICY, "as_of": NOW}
_STATE = LiveFacts(ONE, Facts).state


def _same(one: Any) -> Any:
    return one


METHODS: Mapping[str, dict[str, Any]] = {
    "Affinity.beside": {"basket": ["mug"], "most": 1},
    "Affinity.next_after": {"bought": ["mug"], "most": 1},
    "Affinity.of": {"histories": everyone(), "within": 30 * DAY, "as_of": NOW, "min_people": 1},
    "BacktestTable.figure": {"question": "window", "subject": "facts", "name": "coverage"},
    "Backtest.minus": {"other": "own rhythm"},
    "Backtest.plot": {"show": "lift"},
    "EventCalendar.next_day": {"event": "payday", "after": date(2026, 3, 1)},
    "Calibration.from_dict": {"values": specimens()[funnel.backtest.Calibration][0].to_dict()},
    "Calibration.of": {"points": 3},
    "Calibration.over": {"frame": pl.DataFrame({"points": [1]}), "points": "points"},
    "Scorecard.drift": {
        "logs": FIT["logs"],
        "dates": later_than(CARD),
        "as_of": NOW,
        "min_people": 1,
        "seed": 0,
    },
    "Cohorts.people_of": {"start": date(2026, 1, 1), "periods": 1},
    "Cohorts.heatmap_values": {"unfinished": True},
    "Cohorts.triangle": {"unfinished": True},
    "Cohorts.plot": {"show": "share"},
    **{f"Cohorts.{name}": {"periods": 1} for name in ("average", "label", "values")},
    **{f"Cohort.{name}": {"periods": 1} for name in ("after", "average_order", "is_partial", "rate", "value_each")},
    **{f"Cohort.{name}": {"periods": 1} for name in ("of_before", "of_first")},
    "Facts.at": {"as_of": NOW + DAY},
    "Facts.evolve": {"purchase_count": 3, "net_spent": 9, "since_last_purchase": DAY},
    "Facts.of": {"history": ONE, "as_of": NOW},
    "Facts.over": METRIC,
    "Facts.running": METRIC,
    "Facts.sql": {
        "tables": {"leads": ["person_id", "arrived_at"]},
        "as_of": NOW,
        "dialect": "postgres",
        "facts": ["lead_count"],
    },
    "FiveWays.what_if": {"way": "leads", "by": 0.1},
    "FunnelResult.drivers": {"column": "kind"},
    "FunnelResult.people": {"step": "view", "which": "reached"},
    "FunnelResult.step": {"name": "view"},
    "FunnelResult.time_histogram": {"step": "view", "bins": 3},
    "FunnelResult.times": {"quantile": 0.5},
    "FunnelResult.trend": {"period": "month", "tz": "UTC", "week_start": None},
    "FunnelResult.value": {"column": "amount", "at": "first"},
    "Growth.change": {"before": date(2026, 1, 1), "after": date(2026, 2, 1)},
    "Growth.fixed_mix": {"before": date(2026, 1, 1), "after": date(2026, 2, 1)},
    "Growth.of": {"start": date(2026, 1, 1)},
    "Groups.plot": {},
    "History.of": {"person_id": "p0", "records": ONE.records, "customer": CUSTOMER},
    "Journey.stage_at": {"day": NOW},
    "Lifecycles.plot": {"show": "people"},
    "StageFlow.plot": {"show": "people"},
    "SurvivalGroups.plot": {},
    "Rates.convert": {"money": Money(1, "IDR"), "at": NOW},
    "Rates.of": {"records": [VISIT]},
    "Rates.over": {
        **dict.fromkeys(("leads", "purchases", "refunds", "interactions", "aliases")),
        "purchases": pl.DataFrame({"id": ["1"], "person_id": ["p"], "purchased_at": [START], "amount": [1]}),
        "keep": {"purchases": []},
    },
    "Logs.as_known": {"as_of": NOW},
    "Logs.concat": {"first": logs(), "aliases": None},
    "Logs.histories": {"people": ["p0"]},
    "Logs.history": {"person_id": "p0"},
    "Logs.with_people": {
        "frame": pl.DataFrame({"who": ["p0"], "tier": ["gold"]}),
        "columns": {"person_id": "who", "tier": "tier"},
        "on_issues": "raise",
    },
    "Logs.from_events": {"frame": pl.DataFrame(EVENTS[:1]), **INTAKE, "kinds": {"view": "view"}},
    "Logs.from_interactions": {"frame": pl.DataFrame(EVENTS[:1]), **INTAKE, "kinds": {"view": "view"}},
    "Logs.from_leads": {
        "frame": pl.DataFrame({"who": ["p0"], "arrived_at": [START]}),
        "columns": {"person_id": "who"},
        "tz": "Asia/Jakarta",
        "on_issues": "raise",
    },
    "Logs.from_orders": {
        "frame": pl.DataFrame({"person_id": ["p0"], "purchased_at": [START], "amount": [1], "status": ["done"]}),
        **INTAKE,
        "statuses": {"done": "paid"},
    },
    "Logs.from_refunds": {
        "frame": pl.DataFrame({"purchase_id": ["p0-1"], "refunded_at": [START], "amount": [1]}),
        **INTAKE,
    },
    "Machine.can_move": {"start": Stage.LEAD, "to": Stage.CUSTOMER},
    "Machine.move": {"start": Stage.LEAD, "to": Stage.CUSTOMER},
    "PathDependentMachine.can_move": {"start": DoorStage.OUT, "to": DoorStage.IN},
    "PathDependentMachine.move": {"start": DoorStage.OUT, "to": DoorStage.IN},
    **{f"{kind}.check": {"policy": POLICY} for kind in ("Machine", "PathDependentMachine")},
    **{
        f"{kind}.of": {"history": ONE, **_POLICY_AND_TIME}
        for kind in ("Machine", "PathDependentMachine", "Transitions")
    },
    **{
        f"{kind}.over": {"logs": logs(), **_POLICY_AND_TIME}
        for kind in ("Machine", "PathDependentMachine", "Transitions", "NextChange")
    },
    "Money.of_minor": {"minor": 1, "currency": "USD"},
    "Money.parse": {"text": "1.00", "currency": "USD", "style": "plain"},
    "Money.format": {"style": "plain"},
    "BuyingModel.from_dict": {"data": {"name": "nbd", "parameters": {"r": 0.4, "alpha": 80.0}}},
    "BuyingModel.of": {"summary": SUMMARY, "within": 30 * DAY, "covariates": None},
    "BuyingModel.over": {"summaries": BUYERS, "within": 30 * DAY},
    "BuyingModel.next_purchase": {"summary": SUMMARY, "buyers": "all", "covariates": None},
    "BuyingModel.next_purchases": {"summaries": BUYERS, "buyers": "all"},
    "ForecastColumns.of": {"history": everyone()[0], "as_of": NOW},
    "ForecastColumns.over": {"logs": logs(), "as_of": NOW},
    "CustomerValue.of": {"summary": SUMMARY, "within": 30 * DAY, "covariates": None},
    "CustomerValue.over": {"summaries": BUYERS, "within": 30 * DAY},
    "SpendingModel.of": {"summary": SUMMARY},
    "SpendingModel.from_parameters": {"p": 6.25, "q": 3.74, "v": 1544},
    "PurchaseSummary.of": {"history": ONE, "tz": "UTC", "as_of": NOW},
    "PurchaseSummary.over": {"purchases": logs(), "tz": "UTC", "as_of": NOW},
    "Rate.is_reportable": {"min_people": 1},
    "Rate.minus": {"other": funnel.Rate.of(1, 2), "min_people": 1},
    "Rate.of": {"successes": 1, "trials": 2, "confidence_level": 0.95},
    **{f"Rule.{name}": {"person": ONE, **_POLICY_AND_TIME} for name in ("of", "why")},
    "NextChange.of": {"person": ONE, **_POLICY_AND_TIME},
    "Rule.over": {"people": logs(), **_POLICY_AND_TIME},
    "Rule.sql": {"policy": POLICY, "dialect": "postgres", "table": "facts"},
    "Rule.table": {"policy": POLICY},
    "Rule.witnesses": _POLICY_AND_TIME,
    "RuleComparison.people": {"before": Stage.REPEAT_CUSTOMER, "after": Stage.LAPSED},
    "Survival.at": {"within": 9 * DAY},
    "Survival.plateau": {"min_people": 1},
    "Survival.quantile": {"share": 0.5},
    "Survival.restricted_mean": {"horizon": 9 * DAY},
    "LiveFacts.facts": {"as_of": NOW},
    "LiveFacts.from_state": {"state": _STATE, "facts": Facts, "read": partial(_same, ONE)},
    "Task.reason": {"language": "en"},
    "Worklist.reasons": {"language": "en"},
}
"""The methods with arguments that are allowed; a specimen of the class is asked."""

STORE: Mapping[str, dict[str, Any]] = {
    "aliases": {"person_id": "p0"},
    "due": {"before": NOW, "limit": 3},
    "put_customer": {"customer": CUSTOMER, "recorded_at": NOW, "expected": {"p0": 1}, "after_erasure": True},
    "erase": {"person_id": "p0"},
    "export": {"person_id": "p0"},
    "history": {"person_id": "p0"},
    "refresh_all": {"as_of": NOW},
    "load": {"records": [VISIT], "recorded_at": NOW},
    "logs": {"engine": "polars"},
    "merge": {"alias": "p0", "into": "p1", "merged_at": NOW},
    "unmerge": {"alias": "z", "unmerged_at": NOW},
    "stage_record": {"person_id": "p0"},
}
"""The methods of a store with arguments that are allowed."""

CONSTRUCTORS: Mapping[str, dict[str, Any]] = {
    "Amounts": {"style": "us", "symbols": ["$"], "negatives": "leading"},
    "AnswerScale": {"order": ["cold", "warm"], "at_least": "warm"},
    "BacktestQuestions": {
        "rules": [funnel.rules.readiness_points],
        "calibrate_on": funnel.backtest.BacktestDates(START, every=20 * DAY, horizon=20 * DAY),
        "fit": funnel.forecast.buying_model,
        "limit": 3,
    },
    "BacktestDates": {"first": START, "every": 20 * DAY, "horizon": 20 * DAY},
    "ForecastColumns": {"model": specimens()[BuyingModel][0], "within": 30 * DAY, "tz": "UTC"},
    "CustomerValue": {
        "buying": specimens()[BuyingModel][0],
        "spending": specimens()[CustomerValue][0].spending,
        "yearly_discount": 0.1,
    },
    "Counting": {"first": "purchase", "measure": "on", "refund_basis": "order"},
    "GroupBy": {"column": "kind", "at": "first", "edges": ()},
    "Exclusion": {"kind": "cart", "where": None, "after": None, "before": None, "then": "drop"},
    "Facts": {"as_of": NOW, "purchase_count": 1, "net_spent": 1, "since_last_purchase": DAY},
    "Events": {"frame": pl.DataFrame(EVENTS)},
    "FunnelStep": {"name": "view", "kind": None, "where": None, "within": DAY, "optional": False},
    "Logs": {
        **dict.fromkeys(("leads", "purchases", "refunds", "interactions", "aliases")),
        "purchases": pl.DataFrame(
            {"id": ["1"], "person_id": ["p"], "purchased_at": [START], "amount": [1], "currency": ["USD"]}
        ),
        "currency": "USD",
        "keep": {"purchases": []},
    },
    "Machine": {
        "stage": funnel.stage,
        "table": funnel.machines.SHOP_MACHINE.table,
        "returns": funnel.machines.SHOP_MACHINE.returns,
    },
    "Money": {"amount": "1.00", "currency": "USD"},
    "Matching": {
        "order": "ordered",
        "attempts": "first",
        "tie_break": "ranked",
        "hold_constant": ["channel"],
        "exclude": [funnel.Exclusion("cart")],
    },
    "Rates": {"currency": "USD", "rates": {("EUR", date(2026, 1, 1)): "1.1"}, "tz": "UTC"},
    "PathDependentMachine": {
        "start": DoorStage.OUT,
        "next_stage": next_stage,
        "table": {DoorStage.OUT: {DoorStage.IN: Cause.EVENT}, DoorStage.IN: {}},
        "returns": (),
    },
    "Rule": {"function": lambda f, _: f.purchase_count > 1},
    "RuleBook": {"policy": POLICY, "machine": DOORS},
    "SqliteStore": {
        "path": None,
        "stage": funnel.stage,
        "policy": POLICY,
        "timeout": timedelta(seconds=1),
        "flush": "full",
    },
    "LiveFacts": {"history": ONE, "facts": Facts},
    "Times": {"zone": "Asia/Jakarta", "format": "iso", "formats": {"cancelled_at": "%d/%m/%Y"}},
}
"""The constructors of classes that users make, with arguments that are allowed; models of pydantic give their own."""


@attrs.frozen
class Call:
    """A call with arguments that are allowed; `fresh` makes what is called, anew if calling it changes something."""

    name: str
    fresh: Callable[[], Callable[..., Any]]
    arguments: dict[str, Any]

    def run(self, **changed: Any) -> Any:
        """Call it, with some arguments replaced."""
        return self.fresh()(**{**self.arguments, **changed})


def _listed(name: str) -> Callable[..., Any]:
    """A method that takes its subjects one by one, called with a list of them, or with something else as the one."""

    def evaluate(subject: Any, items: Any, **more: Any) -> Any:
        return getattr(subject, name)(*(items if isinstance(items, list) else [items]), **more)

    return evaluate


def _stores() -> Iterator[Call]:
    inputs = {"items": [VISIT], "recorded_at": NOW, "expected": {"p0": 1}}
    many = {"append": inputs, "amend": inputs, "refresh": {"items": ["p0"], "as_of": NOW}}
    for kind, make in (("SqliteStore", lambda: filled(SqliteStore())), ("SqlAlchemyStore", server)):
        once = cache(make)
        for name, arguments in STORE.items():
            yield Call(f"{kind}.{name}", partial(_evaluation, once if name in _READ else make, name), dict(arguments))
        for name, arguments in many.items():
            yield Call(f"{kind}.{name}", partial(_of_many, make, name), dict(arguments))
    for name, arguments in {**STORE, **many}.items():
        yield Call(f"AsyncSqlAlchemyStore.{name}", partial(awaiting, name), dict(arguments))


_READ = frozenset({"aliases", "due", "export", "history", "logs", "stage_record"})
"""The methods of a store that change nothing."""


def _evaluation(make: Callable[[], Any], name: str) -> Callable[..., Any]:
    method: Callable[..., Any] = getattr(make(), name)
    return method


def _of_many(make: Callable[[], Any], name: str) -> Callable[..., Any]:
    return partial(_listed(name), make())


def _models() -> Iterator[Call]:
    for kind, objects in specimens().items():
        if issubclass(kind, BaseModel):
            yield Call(
                kind.__name__, partial(_same, kind), {name: objects[0].__dict__[name] for name in kind.model_fields}
            )


def _fields_of(model: BaseModel) -> dict[str, Any]:
    return {name: getattr(model, name) for name in type(model).model_fields}


def _method(name: str) -> Callable[..., Any]:
    kind, _, method = name.partition(".")
    if kind == "Money":
        subject: Any = Money(1, "USD")
    elif kind == "NextChange":
        subject = funnel.stage.next_change
    elif kind == "Rule":
        subject = funnel.stage
    else:
        subject = specimens()[public()[kind]][0]
    bound: Callable[..., Any] = getattr(subject, method)
    return bound


@cache
def calls() -> tuple[Call, ...]:
    """Every public call."""
    functions = (Call(name, partial(public().__getitem__, name), arguments) for name, arguments in FUNCTIONS.items())
    methods = (Call(name, partial(_method, name), arguments) for name, arguments in METHODS.items())
    constructors = (
        Call(name, partial(public().__getitem__, name), arguments) for name, arguments in CONSTRUCTORS.items()
    )
    around = (Call(name, fresh, arguments) for name, fresh, arguments in outer())
    return (*functions, *methods, *constructors, *_stores(), *_models(), *_others(), *around)


def _others() -> Iterator[Call]:
    """Called by position alone, or without a name."""
    yield Call("History.add", lambda: partial(_listed("add"), ONE), {"items": [VISIT]})
    yield Call("Transitions", lambda: funnel.machines.Transitions, {"machine": DOORS})
    yield Call("Rule()", lambda: funnel.stage, {"f": FACTS, "policy": POLICY})
    yield Call("SqlAlchemyStore", lambda: SqlAlchemyStore, {"engine": sqlalchemy.create_engine("sqlite://"), **_SERVER})
    yield Call("AsyncSqlAlchemyStore", lambda: AsyncSqlAlchemyStore, {**ENGINE, **_SERVER})
    yield Call("LiveFacts.add", lambda: LiveFacts(ONE, Facts).add, {"record": VISIT})
    yield Call("model_copy", lambda: ONE.model_copy, {"update": {"person_id": "p0"}, "deep": False})
    yield Call("Policy.model_copy", lambda: POLICY.model_copy, {"update": {"lapse_after": DAY}, "deep": False})
    for name in ("all_of", "any_of"):
        yield Call(name, partial(_spread, public()[name]), {"conditions": [True, False]})


_SERVER: dict[str, Any] = {"schema": None, "prefix": "funnel_", "stage": funnel.stage, "policy": POLICY}


def _spread(function: Callable[..., Any]) -> Callable[..., Any]:
    def evaluate(conditions: Any) -> Any:
        return function(*(conditions if isinstance(conditions, list) else [conditions]))

    return evaluate
