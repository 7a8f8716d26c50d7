"""A shop of its own for the tests: facts in every declaring word, and what joins one person to everyone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

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
from funnel.interactions import Interaction
from funnel.logs import Logs
from funnel.money import Money
from funnel.records import Purchase, Record, Refund
from tests.engines import DEFAULT_MIN_PEOPLE
from tests.frames import read, tables
from tests.strategies import HOURS, START, histories

NOW = datetime(2026, 9, 1, tzinfo=UTC)
"""An evaluation time for case tables."""

TICK = timedelta(microseconds=1)
"""The shortest span there is."""

DAY = timedelta(days=1)
"""A span of 24 hours."""

END = START + timedelta(hours=HOURS + 24)
"""An instant after everything in the made-up world."""


PEOPLE = ("p1", "p2", "p3", "p4")
"""The people of the tables."""

few = settings(max_examples=max(settings().max_examples // 6, 3))
"""For laws over frames: a sixth of the examples, with four people in each."""

fewer = settings(max_examples=max(settings().max_examples // 15, DEFAULT_MIN_PEOPLE))
"""For laws over many frames at once."""


class ShopFacts(Facts):
    """Facts that a shop might add, one for every word, most of them with a condition."""

    launch_count: int = count("purchases", where=lambda purchase: purchase.promotion == "launch")
    has_bought_at_launch: bool = exists("purchases", where=lambda purchase: purchase.promotion == "launch")
    big_spent: int = total("purchases", "net_amount", where=lambda purchase: purchase.net_amount >= 5)
    largest_at_full_price: int = largest("purchases", "amount", where=lambda purchase: not purchase.promoted)
    average_order: int = mean("orders", "amount", where=lambda order: order.amount > 0)
    first_web_order_at: datetime | None = first("orders", where=lambda order: order.source == "web")
    last_web_purchase_at: datetime | None = last("purchases", where=lambda purchase: purchase.source == "web")
    since_last_web_purchase: timedelta = since(last("purchases", where=lambda purchase: purchase.source == "web"))
    soonest_day: datetime | None = soonest("postponements", "ready_from", where=lambda record: record.reason != "other")
    until_soonest_day: timedelta = until(soonest("postponements", "ready_from"))
    first_promotion: str = earliest("purchases", "promotion", where=lambda purchase: purchase.net_amount > 2)
    last_channel: str = latest("interactions", "channel", where=lambda record: record.kind in ("visit", "question"))
    last_score_but_one: int = latest("feedback", "score", where=lambda feedback: 1 < feedback.score <= 4)
    promoted_interval: timedelta = mean_gap("purchases", where=lambda purchase: purchase.promoted)
    return_count: int = count("purchases", where=lambda purchase: purchase.gap > timedelta(days=30))
    last_long_gap: timedelta = latest("purchases", "gap", where=lambda purchase: purchase.gap > DAY)
    cost_of_goods: int = total("purchases", "cost")
    known_margin_base: int = total("purchases", "net_amount", where=lambda purchase: purchase.has_cost)
    recent_fees: int = total("purchases", "fees", within=timedelta(hours=30))
    last_order_number: str = latest("orders", "id")
    last_refunded_reason: str = latest("refunds", "reason", where=lambda refund: refund.amount >= 2)
    late_delivery: bool = exists("deliveries", where=lambda delivery: delivery.late)
    soonest_promise: datetime | None = soonest("promises", "due")
    until_last_promise: timedelta = until(latest("promises", "due"))
    recent_count: int = count("purchases", within=timedelta(days=90))
    recent_big_spent: int = total("purchases", "net_amount", where=lambda one: one.net_amount >= 5, within="90 days")
    recent_largest: int = largest("purchases", "amount", within="30 days")
    has_asked_recently: bool = exists("questions", within=timedelta(days=60))
    recent_average: int = mean("orders", "amount", within=timedelta(days=200))
    recent_reply_time: timedelta = mean("replies", "took", within=timedelta(days=100))
    since_first_of_recent: timedelta = since(first("interactions", within=timedelta(days=45), never="ahead"))
    last_recent_at: datetime | None = last("purchases", within=timedelta(days=90))
    recent_interval: timedelta = mean_gap("orders", within=timedelta(days=120))
    first_recent_kind: str = earliest("interactions", "kind", within=timedelta(days=45))
    last_recent_reason: str = latest("refunds", "reason", within=timedelta(days=80))
    soonest_recent_promise: datetime | None = soonest("promises", "due", within=timedelta(days=70))
    open_recently_count: int = count("open_questions", within=timedelta(days=50))
    recent_follow_up_count: int = count("open_follow_ups", within=timedelta(days=50))


def _owned(record: Record, person_id: str) -> Record:
    """The record under a number that no other person's has."""
    names = ("id", "purchase_id", "question_id", "complaint_id")
    numbers = {name: getattr(record, name, None) for name in names}
    return record.model_copy(update={name: f"{person_id}-{number}" for name, number in numbers.items() if number})


def people(*, most: int = 12) -> st.SearchStrategy[tuple[History, ...]]:
    """Four people, whose records have numbers of their own."""

    def owned(history: History) -> History:
        return History.of(history.person_id, [_owned(record, history.person_id) for record in history.records])

    return st.tuples(*(histories(name, most=most).map(owned) for name in PEOPLE))


def logs_of(histories: Sequence[History]) -> Logs:
    """Everyone's records as lazy tables of Polars."""
    return Logs(**{log: frame.lazy() for log, frame in tables(histories).items()})


def by_person(native: Any) -> dict[str, dict[str, Any]]:
    """The rows of a frame with one row a person, by person, without those who only sent or were sent."""
    rows = {row.pop("person_id"): row for row in read(native)}
    return {person: rows[person] for person in PEOPLE if person in rows}


def known_by(histories: Sequence[History], as_of: datetime) -> list[History]:
    """The histories of people of whom something is on record by an instant."""
    return [history for history in histories if any(record.happened_at <= as_of for record in history.records)]


def without_spans(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that time alone does not change."""
    running = {name for name, one in ShopFacts._fact_plan.declared.items() if one.show in ("since", "until")}
    return {name: fact for name, fact in facts.items() if name not in running}


def usd(minor: int) -> Money:
    """A number of cents."""
    return Money.of_minor(minor, "USD")


def bought(number: str, at: datetime, minor: int = 9, **more: object) -> Purchase:
    """A purchase of the one person of a case."""
    fields = {"id": number, "person_id": "p1", "purchased_at": at, "amount": usd(minor)}
    return Purchase.model_validate({**fields, **more})


def refunded(number: str, purchase: str, at: datetime, minor: int = 9) -> Refund:
    """A refund to the one person of a case."""
    return Refund(id=number, purchase_id=purchase, refunded_at=at, amount=usd(minor))


def did(kind: type[Interaction], number: str, at: datetime, **more: object) -> Interaction:
    """The records of the one person of a case."""
    return kind.model_validate({"id": number, "person_id": "p1", "occurred_at": at, **more})


def facts_of(*records: Record, as_of: datetime = NOW) -> Facts:
    """The facts of the one person of a case."""
    return Facts.of(History.of("p1", records), as_of=as_of)


def person(**facts: object) -> Facts:
    """A person of whom only this is known."""
    return Facts(as_of=NOW).evolve(**facts)
