"""Every engine once at a size at which its own mistakes would show, and the logs of a shop on each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

import polars as pl
import pytest

from funnel import Exclusion, FunnelStep, GroupBy, conversion
from funnel.logs import Logs
from funnel.metrics import FunnelResult, Matching
from tests.engines import FULL, on
from tests.frames import TIME, as_instant, read

ROWS = 200_000 if FULL else 5_000
START = datetime(2025, 1, 1, tzinfo=UTC)
AS_OF = datetime(2025, 12, 1, tzinfo=UTC)


@cache
def events() -> pl.DataFrame:
    """Events of many people, most of them by a few people, in four chunks; some at one instant."""
    chance = Random(11)
    rows = [
        (
            f"p{int(ROWS / 8 * chance.random() ** 3)}",
            START + timedelta(minutes=chance.randrange(400 * 1440)),
            chance.choice(["view", "view", "view", "cart", "question", "purchase"]),
            chance.choice(["x", "y", "z", None]),
            chance.choice([None, chance.randrange(1_000)]),
        )
        for _ in range(ROWS)
    ]
    names = ["person_id", "occurred_at", "kind", "sku", "amount"]
    table = pl.DataFrame(
        rows, dict(zip(names, [pl.String, TIME, pl.String, pl.String, pl.Int64], strict=True)), orient="row"
    )
    size = table.height // 4 + 1
    return pl.concat([table.slice(at, size) for at in range(0, table.height, size)], rechunk=False)


def funnels_of(native: object) -> list[FunnelResult]:
    """A few questions that together ask for everything."""
    usual: dict[str, Any] = {"as_of": AS_OF, "within": timedelta(days=20)}
    steps = [
        "view",
        FunnelStep("asked", kind="question", optional=True),
        "cart",
        FunnelStep("bought", kind="purchase", where=lambda e: e.amount >= 100, within=timedelta(days=9)),
    ]
    return [
        conversion(
            native,
            steps,
            by=GroupBy("sku", at="last"),
            matching=Matching(exclude=Exclusion("view", after="cart")),
            **usual,
        ),
        conversion(
            native,
            ["view", "purchase", "purchase"],
            matching=Matching(attempts="any", hold_constant="sku", tie_break="later"),
            **usual,
        ),
    ]


ANSWERS: dict[str, Callable[[FunnelResult], Any]] = {
    "counts": lambda funnel: funnel.to_dicts(),
    "times": lambda funnel: funnel.times(0.9),
    "sums": lambda funnel: funnel.value("amount", at=funnel.steps[-1].name),
    "drivers": lambda funnel: funnel.drivers().to_dicts(),
    "trend": lambda funnel: funnel.trend("month", tz="Asia/Jakarta").to_dicts(),
    "reached": lambda funnel: people(funnel, funnel.steps[-1].name, "reached"),
    "dropped": lambda funnel: people(funnel, funnel.steps[0].name, "dropped"),
    "pending": lambda funnel: people(funnel, funnel.steps[0].name, "pending"),
}
"""Return the answers of a funnel, as plain values."""


def people(funnel: FunnelResult, step: str, which: Any) -> list[dict[str, Any]]:
    """The rows of a frame of people, as every engine tells them."""
    rows = read(funnel.people(step, which))
    return [{name: as_instant(value) for name, value in row.items()} for row in rows]


@pytest.fixture(scope="session")
def expected() -> list[dict[str, Any]]:
    """Return the answer of Polars, computed before an engine is chosen."""
    return [{name: answer(funnel) for name, answer in ANSWERS.items()} for funnel in funnels_of(events())]


def test_every_engine_answers_as_polars(expected: list[dict[str, Any]], engine: str) -> None:
    """Counts, rates, times, sums, drivers, periods and people, row by row."""
    native = on(engine, {"events": events()})["events"]
    few = ("counts", "sums", "dropped") if engine in ("duckdb", "polars lazy") and not FULL else tuple(ANSWERS)

    for funnel, answers in zip(funnels_of(native), expected, strict=True):
        assert {name: ANSWERS[name](funnel) for name in few} == {name: answers[name] for name in few}
        assert funnel.converted > 0
        assert funnel.pending > 0


# ---- attempts whose window is over ---------------------------------------------------------------------------------

DAYS = timedelta(days=1)
LOOKS = [("a", 0.0, "view", 1), ("a", 0.5, "buy", 1), ("a", 29.5, "view", 2), ("b", 0.0, "view", 4), ("b", 0.2, "x", 4)]
LOOKED = pl.DataFrame(
    [(person, START + day * DAYS, kind, amount) for person, day, kind, amount in LOOKS],
    {"person_id": pl.String, "occurred_at": TIME, "kind": pl.String, "amount": pl.Int64},
    orient="row",
)


def test_an_attempt_whose_window_is_over_decides(engine: str) -> None:
    """A later attempt that is still open takes nobody out of the rate: not in groups, periods, sums or drivers."""
    native = on(engine, {"events": LOOKED})["events"]
    early, late = (
        conversion(
            native,
            ["view", "buy"],
            within=DAYS,
            as_of=START + day * DAYS,
            matching=Matching(attempts="any"),
            by="amount",
            min_people=1,
        )
        for day in (30, 60)
    )

    for funnel in (early, late):
        assert (funnel.rate.successes, funnel.rate.trials) == (1, 2)
        assert (funnel.entered, funnel.converted, funnel.dropped, funnel.pending) == (2, 1, 1, 0)
        assert {group.value: (group.rate.successes, group.rate.trials) for group in funnel.groups} == {
            1: (1, 1),
            4: (0, 1),
        }
        assert next(iter(funnel.trend("month", tz="UTC"))).rate == funnel.rate
        assert [row["person_id"] for row in people(funnel, "view", "dropped")] == ["b"]
        assert [row["entered_at"] for row in people(funnel, "buy", "reached")] == [START]
        assert people(funnel, "view", "pending") == []
        assert [(one.reached, one.dropped, one.pending) for one in funnel.value("amount")] == [(5, 4, 0), (1, 0, 0)]
        assert funnel.times()[0].from_start == DAYS / 2
        assert (funnel.drivers().converted, funnel.drivers().others) == (1, 1)


# ---- the logs of a shop --------------------------------------------------------------------------------------------

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
LEADS = [("sari", MARCH, "instagram"), ("budi", MARCH, ""), ("wati", MARCH + DAY, "instagram"), ("tono", MARCH, "fair")]
COLUMNS = [("1", "sari", MARCH + DAY, "question", "in"), ("2", "budi", MARCH + DAY, "follow_up", "out")]
BOUGHT = [
    ("a", "sari", MARCH + 2 * DAY, 900, "paid"),
    ("b", "sari", MARCH + 9 * DAY, 700, "paid"),
    ("c", "wati", MARCH + 3 * DAY, 500, "cancelled"),
    ("d", "tono", MARCH + 3 * DAY, 400, "paid"),
]
BACK = [("r", "b", MARCH + 10 * DAY, 200), ("s", "d", MARCH + 20 * DAY, 400)]
TABLES = {
    "leads": pl.DataFrame(LEADS, {"person_id": pl.String, "arrived_at": TIME, "source": pl.String}, orient="row"),
    "interactions": pl.DataFrame(
        COLUMNS,
        {"id": pl.String, "person_id": pl.String, "occurred_at": TIME, "kind": pl.String, "direction": pl.String},
        orient="row",
    ),
    "purchases": pl.DataFrame(
        BOUGHT,
        {"id": pl.String, "person_id": pl.String, "purchased_at": TIME, "amount": pl.Int64, "status": pl.String},
        orient="row",
    ),
    "refunds": pl.DataFrame(
        BACK, {"id": pl.String, "purchase_id": pl.String, "refunded_at": TIME, "amount": pl.Int64}, orient="row"
    ),
}
LADDER = [
    "lead",
    FunnelStep("prospect", where=lambda e: e.direction == "in", optional=True),
    FunnelStep("customer", kind="purchase"),
    FunnelStep("repeat customer", kind="purchase"),
]


def climbed(logs: Logs, as_of: datetime) -> FunnelResult:
    """The ladder from lead to repeat customer, by the source of the lead."""
    return conversion(logs, LADDER, within=30 * DAY, as_of=as_of, by="source")


def test_the_ladder_is_a_funnel_of_the_logs(engine: str) -> None:
    """Lead, prospect, customer and repeat customer come from the facts: purchases that count, net of refunds."""
    logs = Logs(**on(engine, TABLES))
    funnel = climbed(logs, MARCH + 60 * DAY)

    assert [step.reached for step in funnel] == [4, 1, 1, 1]
    assert {group.value: group.steps[2].reached for group in funnel.groups} == {"instagram": 1, "fair": 0, None: 0}
    assert [step.reached for step in funnel.value("amount", at="repeat customer")] == [500] * 4
    assert climbed(logs, MARCH + 15 * DAY).step("customer").reached == 2


def test_logs_that_are_not_there_hold_no_events() -> None:
    """A shop that keeps purchases alone can be asked for what follows a purchase."""
    bought, leads = (Logs(**{log: TABLES[log]}) for log in ("purchases", "leads"))
    twice, lead_rows = (
        conversion(logs, steps, within=30 * DAY, as_of=MARCH + 60 * DAY)
        for logs, steps in ((bought, ["purchase", "purchase"]), (leads, ["lead", "purchase"]))
    )

    assert [step.reached for step in twice] == [2, 1]
    assert [step.reached for step in lead_rows] == [4, 0]
