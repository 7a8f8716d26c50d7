"""The charts of a made-up shop: pictures for the docs, and results for tests.

`make charts` writes the pictures, and the orders of the shop as an export.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

import funnel
from funnel import (
    History,
    Logs,
    Money,
    Policy,
    Purchase,
    conversion,
    lifecycle,
    repeat_rates,
    retention,
    survival,
    worklist,
)
from funnel.backtest import BacktestDates, RuleBook, backtest, calibrate, compare_rules, stage_difference
from funnel.forecast import buying_model, check_model, shop_forecast
from funnel.interactions import Complaint, Question
from funnel.metrics import (
    PurchaseSummary,
    affinity,
    churn_reasons,
    durations,
    growth,
    promotion_retention,
    purchase_rhythm,
    purchase_steps,
    repeat_by,
    segments,
    stage_flow,
)
from funnel.plots import to_svg
from funnel.stages import transitions

FOLDER = Path(__file__).parents[1] / "docs" / "_static" / "charts"
EXPORT = Path(__file__).parents[1] / "examples" / "orders_export.csv"
DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + 300 * DAY
TZ = "Asia/Jakarta"
POLICY = Policy(lapse_after=60 * DAY)
SOURCES = ("instagram", "fair", "search")
SKUS = ("mug", "pot", "jar", "bowl")


@cache
def frames() -> Mapping[str, pl.DataFrame]:
    """The leads, purchases and interactions of 900 made-up leads, some 450 of them buyers, in rupiah."""
    random = Random(7)
    rows: dict[str, list[dict[str, Any]]] = {"leads": [], "purchases": [], "interactions": []}
    for number in range(900):
        person, arrived = f"p{number}", START + timedelta(days=random.uniform(0, 295))
        source = random.choices(SOURCES, (5, 3, 2))[0]
        rows["leads"].append({"person_id": person, "arrived_at": arrived, "source": source})
        _come(random, rows, person, arrived, {"instagram": 0.4, "fair": 0.65, "search": 0.5}[source])
    return {log: pl.DataFrame(several, infer_schema_length=None) for log, several in rows.items()}


@cache
def shop() -> Logs[pl.DataFrame]:
    """The logs of the shop."""
    return Logs(**frames(), currency="IDR")


def _come(random: Random, rows: dict[str, list[dict[str, Any]]], person: str, at: datetime, chance: float) -> None:
    def note(kind: str, when: datetime, **more: Any) -> None:
        if when < NOW:
            row = {
                "id": f"{person}-{len(rows['interactions'])}",
                "person_id": person,
                "occurred_at": when,
                "kind": kind,
            }
            rows["interactions"].append({**row, "reason": None, "regarding": None, **more})

    if random.random() < 0.75:
        note("view", at + timedelta(hours=random.expovariate(0.2)))
    if random.random() > chance:
        if random.random() < 0.3:
            note("question", at + timedelta(days=random.uniform(1, 9)))
        return
    at += timedelta(days=random.expovariate(0.15))
    note("cart", at - timedelta(hours=2))
    count = 0
    while at < NOW:
        amount = random.choice((75, 120, 150, 240)) * 100_000
        order = {"id": f"{person}/{count}", "person_id": person, "purchased_at": at, "amount": amount}
        rows["purchases"].append({**order, "promotion": random.choice(("", "", "launch"))})
        count += 1
        if random.random() < 0.12:
            note("complaint", at + timedelta(days=random.uniform(1, 6)))
        if random.random() < 0.35:
            reason = random.choices(("price", "bought_elsewhere", "no_need"), (5, 3, 2))[0]
            note("declined", at + timedelta(days=random.uniform(10, 40)), reason=reason)
            return
        at += timedelta(days=random.expovariate(1 / 32))


@cache
def lines() -> pl.DataFrame:
    """The products of each purchase."""
    random = Random(5)
    rows = [
        {"purchase_id": purchase, "sku": sku}
        for purchase in frames()["purchases"]["id"]
        for sku in random.sample(SKUS, random.choice((1, 1, 2)))
    ]
    return pl.DataFrame(rows)


def funnel_of(by: Any = None) -> Any:
    """The funnel from arrival to purchase."""
    return conversion(shop(), ["lead", "view", "cart", "purchase"], within=14 * DAY, as_of=NOW, by=by)


def waits() -> pl.DataFrame:
    """The time from arrival to the first purchase, with the source of the person."""
    table: pl.DataFrame = durations(shop(), "leads", "purchases", as_of=NOW)
    return table.join(frames()["leads"].select("person_id", "source"), on="person_id")


def _dates(first: int) -> BacktestDates:
    return BacktestDates(START + first * DAY, every=30 * DAY, horizon=30 * DAY)


@cache
def calibrated() -> Any:
    """Points of readiness as probabilities, from the first half of the year."""
    rule = funnel.rules.readiness_points
    return calibrate(backtest(rule, shop(), POLICY, _dates(60), as_of=START + 160 * DAY, min_people=1), min_people=10)


def backtested() -> Any:
    """How well readiness predicts purchases."""
    rule = funnel.rules.readiness_points
    return backtest(rule, shop(), POLICY, _dates(160), as_of=NOW, calibration=calibrated(), min_people=1)


def checked() -> Any:
    """A forecast of a past day beside what happened."""
    past = START + 200 * DAY
    model = buying_model(PurchaseSummary.over(shop(), tz=TZ, as_of=past))
    return check_model(model, shop(), tz=TZ, as_of=past, until=NOW)


def histories() -> list[History]:
    """People with open questions, complaints, carts and old purchases."""
    people = [
        History.of(f"q{days}", [Question(id=f"q{days}", person_id=f"q{days}", occurred_at=NOW - days * DAY)])
        for days in range(4)
    ]
    for days in (1, 3, 40, 45, 50, 80, 100, 120, 140):
        name, at = f"b{days}", NOW - days * DAY
        bought = [
            Purchase(
                id=f"{name}/{nth}",
                person_id=name,
                purchased_at=at - nth * 20 * DAY,
                amount=Money(150_000 * days, "IDR"),
            )
            for nth in (0, 1)
        ]
        complaint = [Complaint(id=f"c{days}", person_id=name, occurred_at=at + DAY / 2)] if days < 5 else []
        people.append(History.of(name, [*bought, *complaint]))
    return people


def journey() -> Any:
    """One person's way through the stages."""
    bought = [
        Purchase(id=f"o{number}", person_id="sari", purchased_at=START + day * DAY, amount=Money(150_000, "IDR"))
        for number, day in enumerate((40, 80, 190))
    ]
    question = Question(id="q1", person_id="sari", occurred_at=START + 20 * DAY)
    return transitions.of(History.of("sari", [question, *bought]), POLICY, as_of=NOW)


RESULTS: Mapping[str, Callable[[], Any]] = {
    "funnel": funnel_of,
    "funnel-groups": lambda: funnel_of(by="source"),
    "trend": lambda: funnel_of().trend("month", tz=TZ),
    "step-times": lambda: funnel_of().time_histogram("purchase"),
    "drivers": lambda: conversion(shop(), ["lead", "purchase"], within=60 * DAY, as_of=NOW).drivers(),
    "survival": lambda: survival(waits(), as_of=NOW),
    "survival-groups": lambda: survival(waits(), as_of=NOW, by="source"),
    "cohorts": lambda: retention(shop(), tz=TZ, as_of=NOW),
    "lifecycle": lambda: lifecycle(shop(), tz=TZ, as_of=NOW),
    "growth": lambda: growth(shop(), within=30 * DAY, margin=0.3, tz=TZ, as_of=NOW),
    "growth-change": lambda: growth(shop(), within=30 * DAY, margin=0.3, tz=TZ, as_of=NOW).change(
        date(2026, 2, 1), date(2026, 8, 1)
    ),
    "repeat-rates": lambda: repeat_rates(shop(), 60 * DAY, as_of=NOW),
    "purchase-steps": lambda: purchase_steps(shop(), 60 * DAY, as_of=NOW),
    "repeat-groups": lambda: repeat_by(shop(), "source", 60 * DAY, as_of=NOW),
    "promotion": lambda: promotion_retention(shop(), 60 * DAY, as_of=NOW),
    "rhythm": lambda: purchase_rhythm(shop(), as_of=NOW),
    "affinity": lambda: affinity(shop(), lines(), 60 * DAY, as_of=NOW),
    "segments": lambda: segments(shop(), POLICY, as_of=NOW),
    "churn-reasons": lambda: churn_reasons(shop(), POLICY, as_of=NOW),
    "worklist": lambda: worklist(histories(), POLICY, as_of=NOW, tz=TZ),
    "stage-flow": lambda: stage_flow(shop(), POLICY, tz=TZ, as_of=NOW),
    "stage-difference": lambda: stage_difference(
        shop(), RuleBook(POLICY), RuleBook(Policy(lapse_after=90 * DAY)), tz=TZ, as_of=NOW
    ),
    "journey": journey,
    "backtest": backtested,
    "calibration": calibrated,
    "rule-comparison": lambda: compare_rules(
        funnel.stage, funnel.stage, shop(), POLICY, as_of=NOW, new_policy=Policy(lapse_after=90 * DAY)
    ),
    "model-check": checked,
    "shop-forecast": lambda: shop_forecast(shop(), tz=TZ, as_of=NOW, past=4, model="nbd"),
}
"""One result of each kind, by the name of its picture."""

OTHERS: Mapping[str, tuple[str, str]] = {
    "cohorts-revenue": ("cohorts", "revenue"),
    "cohorts-value": ("cohorts", "value"),
    "lifecycle-revenue": ("lifecycle", "revenue"),
    "stage-flow-links": ("stage-flow", "links"),
    "backtest-reliability": ("backtest", "reliability"),
}
"""The other pictures of a result, with the argument `show`."""


@cache
def result(name: str) -> Any:
    """The result of a picture."""
    return RESULTS[OTHERS[name][0] if name in OTHERS else name]()


@cache
def chart(name: str) -> Any:
    """The chart of a picture."""
    one = result(name)
    return one.plot(show=OTHERS[name][1]) if name in OTHERS else one.plot()


NAMES = (*RESULTS, *OTHERS)
"""The names of all pictures."""


def export() -> str:
    """The orders of the shop as Shopify exports them; the first attempt to pay some of them failed."""
    paid = frames()["purchases"].with_columns(pl.lit("paid").alias("Financial Status"))
    failed = paid.gather_every(90).with_columns(pl.lit("voided").alias("Financial Status"))
    rows = pl.concat([failed, paid]).sort("purchased_at", maintain_order=True).with_row_index("number", 1001)
    return rows.select(
        pl.format("#{}", "number").alias("Name"),
        pl.format("{}@example.com", "person_id").alias("Email"),
        "Financial Status",
        pl.lit("IDR").alias("Currency"),
        (pl.col("amount") // 100).alias("Total"),
        pl.col("purchased_at").dt.convert_time_zone(TZ).dt.strftime("%Y-%m-%d %H:%M:%S %z").alias("Created at"),
        pl.lit(1).alias("Lineitem quantity"),
        pl.lit("goods").alias("Lineitem name"),
        (pl.col("amount") // 100).alias("Lineitem price"),
    ).write_csv()


def fingerprint(name: str) -> str:
    """The hash of a chart's specification, without the version of the schema and the last digits of fits.

    Processors give functions such as the logarithm other last digits.
    """
    spec = chart(name).to_dict()
    spec.pop("$schema", None)
    text = json.dumps(spec, sort_keys=True, default=str)
    rounded = re.sub(r"-?\d+\.\d{6,}(e-?\d+)?", lambda match: f"{float(match[0]):.4g}", text)
    return hashlib.sha256(rounded.encode()).hexdigest()


def picture(name: str) -> str:
    """A picture as a file: the fingerprint in a comment, then the SVG."""
    return f"<!-- {fingerprint(name)} -->\n{to_svg(chart(name))}\n"


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    EXPORT.write_text(export(), encoding="utf-8")
    for each in NAMES:
        (FOLDER / f"{each}.svg").write_text(picture(each), encoding="utf-8")
