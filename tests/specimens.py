"""One specimen or more of every public class, found in the results of a small shop's questions."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import Enum, StrEnum
from functools import cache
from typing import Any

import attrs
import polars as pl
from pydantic import BaseModel

import funnel
from funnel import (
    Contact,
    Customer,
    Exclusion,
    Facts,
    FunnelStep,
    GroupBy,
    History,
    Lead,
    Logs,
    Machine,
    Money,
    OrderLine,
    Policy,
    Purchase,
    Refund,
    SqliteStore,
)
from funnel.backtest import RuleBook
from funnel.forecast import BuyingModel, CustomerValue, ForecastColumns, SpendingModel, check_model, shop_forecast
from funnel.incremental import LiveFacts
from funnel.interactions import (
    Answer,
    Cart,
    Checkout,
    Complaint,
    Declined,
    Delivery,
    Feedback,
    FollowUp,
    Meeting,
    OptOut,
    Postponement,
    Question,
    Quote,
    ReadySignal,
    Resolution,
    View,
    Visit,
)
from funnel.logs import Issue
from funnel.machines import Cause, PathDependentMachine
from funnel.postponement import (
    AfterEvent,
    AfterHoliday,
    AfterInstalments,
    AfterPayday,
    Between,
    EventCalendar,
    InMonths,
    InWeeks,
    Until,
)
from funnel.rates import Rates
from funnel.stages import SHOP_MACHINE
from funnel.testing.own_columns import OwnColumns
from funnel.testing.people import logs_of
from tests.public import classes

DAY = timedelta(days=1)
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
NOW = START + 200 * DAY
POLICY = Policy(lapse_after=60 * DAY)


def _at(day: float) -> datetime:
    return START + day * DAY


class DoorStage(StrEnum):
    """Stages of a person at the entrance."""

    OUT = "out"
    IN = "in"


def next_stage(stage: DoorStage, f: Facts, policy: Policy) -> DoorStage:
    """A person with an inbound contact is in."""
    return DoorStage.IN if f.inbound_count >= 1 else stage


DOORS = PathDependentMachine(DoorStage.OUT, next_stage, {DoorStage.OUT: {DoorStage.IN: Cause.EVENT}, DoorStage.IN: {}})


def _records(person: str, shift: int) -> list[Any]:
    """Records of one person, some of every kind."""

    def fields(number: int, day: float) -> dict[str, Any]:
        return {"id": f"{person}-{number}", "person_id": person, "occurred_at": _at(day + shift)}

    def bought(number: int, day: float, amount: int, **more: Any) -> Purchase:
        moment = _at(day + shift)
        return Purchase(
            id=f"{person}-{number}", person_id=person, purchased_at=moment, amount=Money(amount, "USD"), **more
        )

    mug = OrderLine(sku="mug", category="cups", quantity=2, unit_price=Money(4, "USD"), unit_cost=Money(2, "USD"))
    return [
        Lead(person_id=person, arrived_at=_at(shift), source="fair", contact=Contact(phone="1")),
        Visit(**fields(1, 1)),
        View(**fields(2, 2), sku="mug"),
        Question(**fields(3, 3), text="is it in stock?"),
        Answer(**fields(4, 4), question_id=f"{person}-3"),
        Quote(**fields(5, 5), amount=Money(9, "USD")),
        Cart(**fields(6, 6), sku="mug"),
        Checkout(**fields(7, 6.5), amount=Money(8, "USD")),
        Purchase(
            id=f"{person}-1",
            person_id=person,
            purchased_at=_at(7 + shift),
            lines=(mug,),
            promised_at=_at(9 + shift),
            promotion="launch",
        ),
        Delivery(**fields(8, 8), purchase_id=f"{person}-1"),
        Feedback(**fields(9, 9), score=4),
        Complaint(**fields(10, 10), purchase_id=f"{person}-1"),
        Resolution(**fields(11, 11), complaint_id=f"{person}-10"),
        bought(2, 20, 9),
        Refund(id=f"{person}-r", purchase_id=f"{person}-2", refunded_at=_at(22 + shift), amount=Money(1, "USD")),
        *(bought(number, 20 + 15 * number, 5 + number) for number in range(3, 6 + shift % 3)),
        ReadySignal(**fields(12, 110)),
        Meeting(**fields(13, 111)),
        FollowUp(**fields(14, 112)),
        Postponement(**fields(15, 113), reason="payday", until=_at(130 + shift), text="after payday"),
        *([Declined(**fields(16, 120), reason="price"), OptOut(**fields(17, 121))] if shift % 2 else []),
        Question(**fields(18, 150), text="and now?"),
    ]


@cache
def everyone() -> tuple[History, ...]:
    """The people of the shop."""
    book = Customer(person_id="p0", name="Sari Dewi", contact=Contact(email="a"), since=START)
    people = [(f"p{number}", number * 9) for number in range(6)]
    silent = History.of("q", [Visit(id="q1", person_id="q", occurred_at=_at(199))])
    some = (
        History.of(person_id, _records(person_id, shift), customer=book if person_id == "p0" else None)
        for person_id, shift in people
    )
    return *some, silent


FORECAST: dict[str, Any] = {
    "tz": "UTC",
    "as_of": NOW,
    "weeks": 2,
    "past": 4,
    "model": "nbd",
    "min_repeat_buyers": 10,
    "confidence_level": 0.9,
}
"""The arguments of a forecast of the steady shop."""


@cache
def steady_purchases() -> pl.DataFrame:
    """Purchases of a shop with a new buyer each day, who buys four times."""
    rows = [(str(buyer), _at(buyer + 20 * number), 900) for buyer in range(200) for number in range(4)]
    return pl.DataFrame(rows, schema=["person_id", "purchased_at", "amount"], orient="row")


@cache
def logs() -> Logs:
    """The same people in tables."""
    return logs_of(everyone(), "polars", OwnColumns({}))


def questions() -> Iterator[object]:
    """Everything that the shop may ask, answered."""
    people, tables = everyone(), logs()
    one = people[0]
    facts = Facts.of(one, as_of=NOW)
    yield from (
        one,
        facts,
        POLICY,
        tables,
        SHOP_MACHINE,
        DOORS,
        SHOP_MACHINE.transitions,
        SHOP_MACHINE.check(POLICY),
        funnel.stage,
    )
    yield from (funnel.stage.next_change, funnel.next_action.why(facts, POLICY), funnel.stage.table(POLICY))
    yield from (
        Machine(funnel.stage, SHOP_MACHINE.table, SHOP_MACHINE.returns),
        RuleBook(POLICY),
        RuleBook(POLICY, DOORS),
    )
    yield from (SHOP_MACHINE.transitions.of(one, POLICY, as_of=NOW), DOORS.transitions.of(one, POLICY, as_of=NOW))
    yield SHOP_MACHINE.transitions.of(one, POLICY, as_of=NOW).spells
    live = LiveFacts(one, Facts)
    funnel.stage.of(live, POLICY, as_of=NOW)
    yield from (live, live.state)
    yield funnel.worklist(people, POLICY, as_of=NOW, tz="Asia/Jakarta")
    yield funnel.customer_profile(one, as_of=NOW, personal=True)
    yield people
    yield from (funnel.logs.Times("Asia/Jakarta"), funnel.logs.Amounts("us"))
    yield funnel.Interaction(kind="visit", id="i", person_id="p", occurred_at=NOW)
    yield from _asked_of_tables(tables)
    yield from (*_metrics(tables), *_rates())
    yield from (Until(at=NOW), Between(earliest=START, latest=NOW), AfterPayday())
    yield from (InWeeks(n=2), InMonths(n=1), AfterInstalments(n=3, day=5))
    yield from (AfterHoliday(on="2026-03-20"), AfterEvent(event="lebaran", days=-7))
    yield EventCalendar(events={"payday": "FREQ=MONTHLY;BYMONTHDAY=25", "lebaran": ["2026-03-20"]})
    yield Issue("leads", "arrived_at", "is empty", 2, (1, 3))
    with SqliteStore() as store:
        yield store.append(*one.records, recorded_at=NOW)
        yield store.due(before=NOW + 300 * DAY)
        store.append(Visit(id="1", person_id="z", occurred_at=START), recorded_at=NOW)
        store.merge("z", into=one.person_id, merged_at=NOW)
        yield store.aliases("z")


def _asked_of_tables(tables: Logs) -> Iterator[object]:
    steps = [FunnelStep("view"), "question", FunnelStep("cart", optional=True), "purchase"]
    arguments: dict[str, Any] = {"within": 30 * DAY, "as_of": NOW}
    for entry in ("first", "each"):
        curve = funnel.conversion(
            tables,
            steps,
            **arguments,
            by="channel",
            matching=funnel.metrics.Matching(exclude=Exclusion("complaint"), attempts=entry),
        )
        yield from (curve, curve.times(), curve.value("amount"), curve.drivers(), curve.compare())
        yield from (curve.trend("month", tz="UTC"), curve.time_histogram("purchase", bins=3))
    yield from (GroupBy("channel"), FunnelStep("view"), Exclusion("cart"), funnel.metrics.Matching())
    waits = funnel.metrics.durations(tables, "leads", "purchases", as_of=NOW, keep=["source"])
    curve = funnel.survival(waits, as_of=NOW)
    yield from (curve, curve.at(9 * DAY), curve.quantile(0.5), curve.restricted_mean(9 * DAY), list(curve.steps)[:2])
    flat = funnel.survival([*((START, START + n * DAY) for n in range(1, 20)), *[(START, None)] * 20], as_of=NOW)
    by = funnel.survival(waits, by="source", as_of=NOW)
    yield from (by, flat.plateau(min_people=1), funnel.metrics.logrank_test({"a": curve, "b": curve}))


def _rates() -> Iterator[object]:
    rates = Rates("IDR", {("USD", date(2026, 3, 1)): "15800.5"}, tz="Asia/Jakarta")
    yield rates


def _metrics(tables: Logs) -> Iterator[object]:
    for how in ({}, {"window": 30 * DAY}):
        cohorts = funnel.retention(tables, "month", tz="UTC", as_of=NOW, **how)  # type: ignore[arg-type]
        yield from (cohorts, cohorts.cohorts[0].of_first(1))
    late = {"as_of": NOW, "min_people": 1}
    dates = funnel.backtest.BacktestDates(START + 60 * DAY, every=20 * DAY, horizon=20 * DAY)
    yield from (dates, funnel.backtest.AnswerScale(), funnel.metrics.Counting())
    yield funnel.metrics.Events(pl.DataFrame({"person_id": ["p0"], "occurred_at": [NOW], "kind": ["view"]}))
    for rule in (funnel.rules.readiness_points, funnel.is_lapsed):
        yield funnel.backtest.backtest(rule, tables, POLICY, dates, **late)
    yield (one := funnel.backtest.backtest(funnel.rules.readiness_points, tables, POLICY, dates, **late)).minus(one)
    yield one.minus("own rhythm")
    sure = funnel.backtest.calibrate(list(range(100)) * 2, [number > 50 for number in range(100)] * 2, min_people=10)
    yield from (
        sure,
        funnel.backtest.calibrate(one),
        funnel.backtest.backtest(funnel.rules.readiness_points, tables, POLICY, dates, **late),
    )
    yield funnel.backtest.backtest(funnel.rules.readiness_points, tables, POLICY, dates, **late, calibration=sure)
    yield funnel.backtest.compare_rules(funnel.stage, funnel.stage, tables, Policy(), as_of=NOW, new_policy=POLICY)
    yield funnel.metrics.stage_flow(tables, POLICY, "month", tz="UTC", as_of=NOW)
    books = RuleBook(Policy()), RuleBook(POLICY)
    for people in (tables, everyone()):
        differ = funnel.backtest.stage_difference(people, *books, "month", tz="UTC", as_of=NOW)  # type: ignore[arg-type]
        yield from (differ, differ.transitions, differ.stage_counts)
    grown = funnel.metrics.growth(tables, "month", within=30 * DAY, margin=0.4, tz="UTC", as_of=NOW)
    two = [one.start for one in list(grown)[:2]]
    yield from (grown, grown.change(*two), grown.fixed_mix(*two), next(iter(grown)).what_if("leads", 0.1))
    yield funnel.metrics.churn_reasons(tables, POLICY, **late)
    yield funnel.metrics.promotion_retention(tables, 30 * DAY, **late)
    yield funnel.lifecycle(tables, "month", tz="UTC", as_of=NOW)
    yield funnel.metrics.segments(tables, POLICY, as_of=NOW)
    yield funnel.metrics.segments(tables, POLICY, as_of=NOW, by="source")
    yield funnel.metrics.repeat_by(tables, "promotion", 30 * DAY, as_of=NOW)
    costed = pl.DataFrame({"id": ["1"], "person_id": ["a"], "purchased_at": [NOW], "amount": [9], "cost": [4]})
    yield funnel.metrics.margin_by(Logs(purchases=costed), "source", as_of=NOW)
    yield funnel.repeat_rates(tables, 30 * DAY, as_of=NOW)
    yield funnel.metrics.purchase_rhythm(tables, **late)
    yield funnel.metrics.purchase_steps(tables, 30 * DAY, **late)
    lines = pl.DataFrame({"purchase_id": [f"p{n}-{k}" for n in range(6) for k in (1, 2)], "sku": ["mug", "pot"] * 6})
    yield funnel.metrics.affinity(tables, lines, 30 * DAY, **late)
    yield (summary := funnel.metrics.PurchaseSummary.of(everyone()[0], tz="UTC", as_of=NOW))
    assert summary is not None
    model = BuyingModel.from_dict({"name": "nbd", "parameters": {"r": 0.4, "alpha": 80.0}})
    value = CustomerValue(model, SpendingModel.from_parameters(p=6.25, q=3.74, v=1544))
    yield from (model, value, value.spending, model.of(summary, within=30 * DAY), model.next_purchase(summary))
    yield ForecastColumns(model, within=30 * DAY, tz="UTC")
    source = {"name": "source", "levels": ["shop", "ads"], "people": [5, 4], "factors": {"alpha": [1.3]}}
    varied = BuyingModel.from_dict({**model.to_dict(), "covariates": [source]})
    yield from (varied, varied.covariates[0], varied.covariates[0].effects[0])
    yield check_model(model, tables, tz="UTC", as_of=NOW - 30 * DAY, until=NOW)
    yield shop_forecast(steady_purchases(), **FORECAST)
    questions = funnel.backtest.BacktestQuestions(rules=[funnel.rules.readiness_points])
    table = funnel.backtest.backtest_table(tables, POLICY, dates, questions, **late, tz="UTC")
    yield from (questions, table, table.rows[0])
    card = funnel.backtest.fit_points(**FIT)
    yield from (card, card.drift(FIT["logs"], later_than(card), as_of=NOW, min_people=1))


FIT: dict[str, Any] = {
    "logs": Logs(purchases=steady_purchases().with_row_index("id")),
    "dates": funnel.backtest.BacktestDates(START + 40 * DAY, every=20 * DAY, horizon=20 * DAY),
    "names": ["since_last_purchase"],
    "as_of": NOW,
    "facts": Facts,
    "check_from": None,
    "limits": 2,
    "min_people": 10,
}
"""The arguments of a fit of the steady shop."""


def later_than(card: funnel.backtest.Scorecard) -> funnel.backtest.BacktestDates:
    """Return days after those of the fit."""
    return funnel.backtest.BacktestDates(card.last + card.horizon, every=20 * DAY, horizon=card.horizon)


@cache
def specimens() -> Mapping[type, tuple[Any, ...]]:
    """Some objects of each public class, the first ones that were met."""
    objects: dict[type, list[Any]] = {one: list(one) for one in classes() if issubclass(one, Enum)}
    visited: set[int] = set()
    stack = list(questions())
    referenced = list(stack)  # or the id of one may be that of another
    while stack:
        one = stack.pop(0)
        if id(one) in visited:
            continue
        visited.add(id(one))
        referenced.append(one)
        few = objects.setdefault(type(one), [])
        if type(one) in classes() and len(few) < 2:
            few.append(one)
        stack.extend(_parts(one))
    return {kind: tuple(few) for kind, few in objects.items() if few}


def _parts(one: object) -> Iterator[object]:
    """Return the content of an object, as its users see it."""
    if isinstance(one, str | bytes | pl.DataFrame | pl.LazyFrame | Logs):
        return
    if isinstance(one, Mapping):
        yield from [*one.keys(), *one.values()]
    elif isinstance(one, list | tuple | set | frozenset):
        yield from one
    if attrs.has(type(one)):
        yield from (getattr(one, field.name) for field in attrs.fields(type(one)) if not field.name.startswith("_"))
        yield from (getattr(one, name) for name in properties(type(one)))
    elif isinstance(one, BaseModel):
        yield from (getattr(one, name) for name in type(one).model_fields)


def properties(kind: type) -> Iterator[str]:
    """The names of what a class works out when it is read."""
    for name, value in inspect.getmembers_static(kind):
        is_read = isinstance(value, property) or type(value).__name__ == "cached_property"
        if is_read and not name.startswith(("_", "model_")):
            yield name
