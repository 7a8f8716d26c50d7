"""Operations on the records of one person at any size, measured by `growth`, one case for each operation."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain, zip_longest
from typing import Any

from funnel import (
    Facts,
    History,
    Lead,
    Money,
    OrderLine,
    Policy,
    Purchase,
    Refund,
    customer_profile,
    next_action,
    readiness,
    stage,
    transitions,
    worklist,
)
from funnel.incremental import LiveFacts
from funnel.interactions import Answer, Complaint, Delivery, FollowUp, Postponement, Question, Resolution, View, Visit
from funnel.messages import explain
from funnel.metrics import PurchaseSummary
from funnel.records import Record
from funnel.rules import assurance

Work = Callable[[], object]
START = datetime(2000, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=30)
AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = Policy()
SHORT = Policy(lapse_after=timedelta(minutes=10))
"""Shorter than the time between two records: everyone lapses between any two orders."""


def at(number: int) -> datetime:
    """When a record of this number happened."""
    return START + number * STEP


def purchase_record(number: int, **fields: Any) -> Purchase:
    """A purchase."""
    return Purchase(id=f"o{number}", person_id="p1", purchased_at=at(number), amount=Money(900_000, "USD"), **fields)


def question(number: int) -> Question:
    """A question."""
    return Question(id=f"q{number}", person_id="p1", occurred_at=at(number))


def answer(number: int, *, after: int = 1) -> Answer:
    """The answer to a question."""
    return Answer(id=f"a{number}", person_id="p1", occurred_at=at(number + after), question_id=f"q{number}")


def complaint(number: int, order: str | None = None) -> Complaint:
    """A complaint."""
    return Complaint(id=f"c{number}", person_id="p1", occurred_at=at(number), purchase_id=order)


def resolution(number: int) -> Resolution:
    """The end of a complaint."""
    return Resolution(id=f"r{number}", person_id="p1", occurred_at=at(number + 1), complaint_id=f"c{number}")


# ---- shapes of a history: a number of records, in order ------------------------------------------------------------


def _orders(count: int) -> list[Record]:
    return [purchase_record(number) for number in range(count)]


def _mixed(count: int) -> list[Record]:
    records_made: list[Record] = []
    for number in range(0, count, 5):
        visit = Visit(id=f"v{number}", person_id="p1", occurred_at=at(number))
        opening, reply, order = question(number + 1), answer(number + 1), purchase_record(number + 3)
        records_made += [
            visit,
            opening,
            reply,
            order,
            View(id=f"w{number}", person_id="p1", occurred_at=at(number + 4)),
        ]
    return records_made[:count]


def _refunds(count: int) -> list[Record]:
    refunds_made = [
        Refund(id=f"b{number}", purchase_id="o0", refunded_at=at(number), amount=Money("0.01", "USD"))
        for number in range(1, count)
    ]
    return [purchase_record(0), *refunds_made]


def _refunded_orders(count: int) -> list[Record]:
    pairs = [
        (
            purchase_record(2 * number),
            Refund(
                id=f"b{number}", purchase_id=f"o{2 * number}", refunded_at=at(2 * number + 1), amount=Money(1, "USD")
            ),
        )
        for number in range(count // 2)
    ]
    return list(chain.from_iterable(pairs))


def _answered_questions(count: int) -> list[Record]:
    return list(chain.from_iterable((question(2 * number), answer(2 * number)) for number in range(count // 2)))


def _answered_late(count: int) -> list[Record]:
    questions = [question(number) for number in range(count // 2)]
    return [*questions, *(answer(number, after=count // 2) for number in range(count // 2))]


def _open(count: int) -> list[Record]:
    return [question(number) for number in range(count)]


def _complaints(count: int) -> list[Record]:
    pairs = ((complaint(2 * number, "o0"), resolution(2 * number)) for number in range(1, count // 2))
    return [purchase_record(0), *chain.from_iterable(pairs)]


def _postponements(count: int) -> list[Record]:
    return [
        Postponement(
            id=f"n{number}", person_id="p1", occurred_at=at(number), reason="payday", until=at(number + 1) + STEP / 2
        )
        for number in range(count)
    ]


def _deliveries(count: int) -> list[Record]:
    records_made: list[Record] = []
    for number in range(0, count, 3):
        order = purchase_record(number, promised_at=at(number + 1))
        come = Delivery(id=f"d{number}", person_id="p1", occurred_at=at(number + 2), purchase_id=order.id)
        records_made += [order, question(number + 1), come]
    return records_made[:count] if count % 3 == 0 else records_made[: count - count % 3]


def _promises(count: int) -> list[Record]:
    orders = [purchase_record(number, promised_at=at(count)) for number in range(count // 2)]
    come = [
        Delivery(id=f"d{number}", person_id="p1", occurred_at=at(count // 2 + number), purchase_id=f"o{number}")
        for number in range(count // 2)
    ]
    return [*orders, *come]


def _follow_ups(count: int) -> list[Record]:
    sent = [FollowUp(id=f"f{number}", person_id="p1", occurred_at=at(number)) for number in range(count - 1)]
    return [*sent, Visit(id="v", person_id="p1", occurred_at=at(count))]


def _referrals(count: int) -> list[Record]:
    return [Lead(person_id=f"p{number + 2}", arrived_at=at(number), referred_by="p1") for number in range(count)]


def _leads(count: int) -> list[Record]:
    return [Lead(person_id="p1", arrived_at=at(number), source="ad") for number in range(count)]


def _at_once(count: int) -> list[Record]:
    return [Visit(id=f"v{number}", person_id="p1", occurred_at=at(0)) for number in range(count)]


SHAPES: Mapping[str, Callable[[int], list[Record]]] = {
    "orders": _orders,
    "mixed records": _mixed,
    "refunds of one order": _refunds,
    "orders, each refunded in part": _refunded_orders,
    "questions answered immediately": _answered_questions,
    "questions answered late": _answered_late,
    "open questions": _open,
    "complaints of one order": _complaints,
    "postponements": _postponements,
    "deliveries": _deliveries,
    "promised deliveries, all at the end": _promises,
    "follow-ups": _follow_ups,
    "referred people": _referrals,
    "arrivals": _leads,
    "visits at one instant": _at_once,
}


@lru_cache(maxsize=8)
def records(shape: str, count: int) -> tuple[Record, ...]:
    """Return about this many records of a shape, in order."""
    return tuple(SHAPES[shape](count))


@lru_cache(maxsize=8)
def history(shape: str, count: int) -> History:
    """Return the history of a shape."""
    return History.of("p1", records(shape, count))


def late_first(source_records: Sequence[Record]) -> list[Record]:
    """Return the newest first, but refunds after their purchases, as `LiveFacts` requires."""
    refunds = [one for one in source_records if isinstance(one, Refund)]
    return [*reversed([one for one in source_records if not isinstance(one, Refund)]), *reversed(refunds)]


def shuffled(source_records: Sequence[Record]) -> list[Record]:
    """Return the records in a random order."""
    mixed = random.Random(7).sample(list(source_records), len(source_records))
    return [*(one for one in mixed if not isinstance(one, Refund)), *(one for one in mixed if isinstance(one, Refund))]


# ---- operations ----------------------------------------------------------------------------------------------------


def facts_of(order: Callable[[Sequence[Record]], Sequence[Record]], shape: str) -> Callable[[int], Work]:
    """Make a history of records, and compute its facts."""

    def make(count: int) -> Work:
        source_records = order(records(shape, count))
        return lambda: Facts.of(History.of("p1", source_records), as_of=AS_OF)

    return make


def transitions_of(shape: str, policy: Policy = POLICY) -> Callable[[int], Work]:
    """Return all transitions of one person."""

    def make(count: int) -> Work:
        person = history(shape, count)
        return lambda: transitions.of(person, policy, as_of=AS_OF)

    return make


def of_journey(method: str, shape: str = "orders") -> Callable[[int], Work]:
    """Query a journey with many transitions, once for each record or once for all."""

    def make(count: int) -> Work:
        journey = transitions.of(history(shape, count), SHORT, as_of=AS_OF)
        if method == "stage_at":
            return lambda: [journey.stage_at(at(number)) for number in range(count)]
        return lambda: (journey.spells, journey.to_dicts(), str(journey))

    return make


def live_facts(
    shape: str, order: Callable[[Sequence[Record]], Sequence[Record]] = list, *, rule: Any = stage, each: bool = True
) -> Callable[[int], Work]:
    """Add records to `LiveFacts` one by one, and evaluate a rule after each, or at the end."""

    def make(count: int) -> Work:
        source_records = order(records(shape, count))

        def work() -> None:
            live = LiveFacts(History(person_id="p1"), Facts)
            for record in source_records:
                live.add(record)
                if each:
                    rule.of(live, POLICY, as_of=AS_OF)
            live.facts(as_of=AS_OF)

        return work

    return make


def facts_each(shape: str) -> Callable[[int], Work]:
    """Add records to `LiveFacts` one by one, and compute every fact after each."""

    def make(count: int) -> Work:
        source_records = records(shape, count)

        def work() -> None:
            live = LiveFacts(History(person_id="p1"), Facts)
            for record in source_records:
                live.add(record)
                live.facts(as_of=AS_OF)

        return work

    return make


def of_new_history(operation: Callable[[History], object], shape: str) -> Callable[[int], Work]:
    """Return an operation on a new history without cached results."""

    def make(count: int) -> Work:
        source_records = records(shape, count)
        return lambda: operation(History.of("p1", source_records))

    return make


def days(shape: str) -> Callable[[int], Work]:
    """Compute the facts of a hundred past days."""

    def make(count: int) -> Work:
        person = history(shape, count)
        moments = [at(number * count // 100) for number in range(100)]
        return lambda: [Facts.of(person, as_of=moment) for moment in moments]

    return make


def basket(count: int) -> Work:
    """Return the profile of one order with many lines."""
    lines = tuple(OrderLine(sku=f"s{number}", unit_price=Money(1, "USD")) for number in range(count))
    order = Purchase(id="1", person_id="p1", purchased_at=START, lines=lines)
    return lambda: str(customer_profile(History.of("p1", [order]), as_of=AS_OF))


def interleaved(count: int) -> Work:
    """Make a history from two sources, each in order."""
    one, other = records("orders", count)[: count // 2], records("open questions", count)[count // 2 :]
    pairs = [record for pair in zip_longest(one, other) for record in pair if record is not None]
    return lambda: Facts.of(History.of("p1", pairs), as_of=AS_OF)


def _sentences(person: History) -> object:
    facts = Facts.of(person, as_of=AS_OF)
    return explain(readiness, facts, POLICY), str(next_action.why(facts, POLICY)), assurance.of(facts, POLICY)


Case = tuple[str, Callable[[int], Work], int]


def cases() -> list[Case]:
    """Return every operation: its name, its preparation, and its largest size."""
    far, near = 100_000, 10_000
    all_cases: list[Case] = [
        ("History.of and Facts.of, two sources", interleaved, far),
        ("customer_profile of one basket", basket, near),
        ("Journey.stage_at, once per record", of_journey("stage_at"), near),
        ("Journey.spells, rows, text", of_journey("spells"), near),
    ]
    orders = {"in order": list, "newest first": late_first, "shuffled": shuffled}
    for shape in SHAPES:
        all_cases.append((f"History.of and Facts.of: {shape}", facts_of(list, shape), far))
        all_cases.append((f"transitions.of: {shape}", transitions_of(shape), far))
        all_cases.append((f"LiveFacts, stage after each: {shape}", live_facts(shape), near))
        all_cases.append((f"LiveFacts, readiness after each: {shape}", live_facts(shape, rule=readiness), near))
        all_cases.append((f"LiveFacts, facts after each: {shape}", facts_each(shape), near))
        all_cases.append(
            (f"LiveFacts, newest first, facts at the end: {shape}", live_facts(shape, late_first, each=False), near)
        )
        all_cases.append((f"LiveFacts, next action after each: {shape}", live_facts(shape, rule=next_action), near))
    for name, order in orders.items():
        all_cases.append((f"History.of and Facts.of, {name}", facts_of(order, "mixed records"), far))
        all_cases.append((f"LiveFacts, facts at the end, {name}", live_facts("mixed records", order, each=False), near))
        all_cases.append((f"LiveFacts, stage after each, {name}", live_facts("mixed records", order), near))
    all_cases += [
        ("transitions.of, a lapse after each order", transitions_of("orders", SHORT), near),
        ("transitions.of, a lapse after each mixed record", transitions_of("mixed records", SHORT), near),
        ("Facts.of, 100 past days", days("mixed records"), near),
        (
            "customer_profile",
            of_new_history(lambda one: str(customer_profile(one, as_of=AS_OF)), "mixed records"),
            near,
        ),
        ("explain, why and assurance", of_new_history(_sentences, "mixed records"), near),
        (
            "stage.next_change",
            of_new_history(lambda one: stage.next_change.of(one, POLICY, as_of=AS_OF), "mixed records"),
            near,
        ),
        (
            "worklist of one person",
            of_new_history(lambda one: str(worklist(one, POLICY, as_of=AS_OF, tz="UTC")), "open questions"),
            near,
        ),
        (
            "PurchaseSummary.of",
            of_new_history(lambda one: PurchaseSummary.of(one, tz="UTC", as_of=AS_OF), "orders, each refunded in part"),
            near,
        ),
        ("History.add of one record", of_new_history(lambda one: one.add(purchase_record(-1)), "mixed records"), near),
        (
            "History as JSON and back",
            of_new_history(lambda one: History.model_validate_json(one.model_dump_json()), "mixed records"),
            near,
        ),
    ]
    return all_cases
