"""Operations on the records of one person, at any size: what `growth` measures, one case an operation."""

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
from funnel.incremental import IncrementalRule, LiveFacts
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


def bought(number: int, **told: Any) -> Purchase:
    """A purchase."""
    return Purchase(id=f"o{number}", person_id="p1", purchased_at=at(number), amount=Money(900_000, "USD"), **told)


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


# ---- shapes of a history: so many records, in order ----------------------------------------------------------------


def _orders(count: int) -> list[Record]:
    return [bought(number) for number in range(count)]


def _mixed(count: int) -> list[Record]:
    made: list[Record] = []
    for number in range(0, count, 5):
        visit = Visit(id=f"v{number}", person_id="p1", occurred_at=at(number))
        asked, told, order = question(number + 1), answer(number + 1), bought(number + 3)
        made += [visit, asked, told, order, View(id=f"w{number}", person_id="p1", occurred_at=at(number + 4))]
    return made[:count]


def _refunds(count: int) -> list[Record]:
    gone = [
        Refund(id=f"b{number}", purchase_id="o0", refunded_at=at(number), amount=Money("0.01", "USD"))
        for number in range(1, count)
    ]
    return [bought(0), *gone]


def _refunded(count: int) -> list[Record]:
    pairs = [
        (
            bought(2 * number),
            Refund(
                id=f"b{number}", purchase_id=f"o{2 * number}", refunded_at=at(2 * number + 1), amount=Money(1, "USD")
            ),
        )
        for number in range(count // 2)
    ]
    return list(chain.from_iterable(pairs))


def _answered(count: int) -> list[Record]:
    return list(chain.from_iterable((question(2 * number), answer(2 * number)) for number in range(count // 2)))


def _answered_late(count: int) -> list[Record]:
    asked = [question(number) for number in range(count // 2)]
    return [*asked, *(answer(number, after=count // 2) for number in range(count // 2))]


def _open(count: int) -> list[Record]:
    return [question(number) for number in range(count)]


def _complaints(count: int) -> list[Record]:
    told = ((complaint(2 * number, "o0"), resolution(2 * number)) for number in range(1, count // 2))
    return [bought(0), *chain.from_iterable(told)]


def _postponements(count: int) -> list[Record]:
    return [
        Postponement(
            id=f"n{number}", person_id="p1", occurred_at=at(number), reason="payday", until=at(number + 1) + STEP / 2
        )
        for number in range(count)
    ]


def _deliveries(count: int) -> list[Record]:
    made: list[Record] = []
    for number in range(0, count, 3):
        order = bought(number, promised_at=at(number + 1))
        come = Delivery(id=f"d{number}", person_id="p1", occurred_at=at(number + 2), purchase_id=order.id)
        made += [order, question(number + 1), come]
    return made[:count] if count % 3 == 0 else made[: count - count % 3]


def _promises(count: int) -> list[Record]:
    orders = [bought(number, promised_at=at(count)) for number in range(count // 2)]
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
    "a bit of everything": _mixed,
    "refunds of one order": _refunds,
    "orders, each refunded in part": _refunded,
    "questions answered at once": _answered,
    "questions answered in the end": _answered_late,
    "open questions": _open,
    "complaints of one order": _complaints,
    "postponements": _postponements,
    "deliveries": _deliveries,
    "promises kept in the end": _promises,
    "follow-ups": _follow_ups,
    "people they sent": _referrals,
    "arrivals": _leads,
    "visits of one instant": _at_once,
}


@lru_cache(maxsize=8)
def records(shape: str, count: int) -> tuple[Record, ...]:
    """The records of a shape, in order; of about so many."""
    return tuple(SHAPES[shape](count))


@lru_cache(maxsize=8)
def history(shape: str, count: int) -> History:
    """Their history."""
    return History.of("p1", records(shape, count))


def late_first(given: Sequence[Record]) -> list[Record]:
    """The newest first, but a refund after its purchase, as a tally takes it."""
    refunds = [one for one in given if isinstance(one, Refund)]
    return [*reversed([one for one in given if not isinstance(one, Refund)]), *reversed(refunds)]


def shuffled(given: Sequence[Record]) -> list[Record]:
    """In an order that has nothing to do with time."""
    mixed = random.Random(7).sample(list(given), len(given))
    return [*(one for one in mixed if not isinstance(one, Refund)), *(one for one in mixed if isinstance(one, Refund))]


# ---- operations ----------------------------------------------------------------------------------------------------


def made(order: Callable[[Sequence[Record]], Sequence[Record]], shape: str) -> Callable[[int], Work]:
    """A history is made of records, and its facts."""

    def make(count: int) -> Work:
        given = order(records(shape, count))
        return lambda: Facts.of(History.of("p1", given), as_of=AS_OF)

    return make


def moved(shape: str, policy: Policy = POLICY) -> Callable[[int], Work]:
    """Every move of one person."""

    def make(count: int) -> Work:
        person = history(shape, count)
        return lambda: transitions.of(person, policy, as_of=AS_OF)

    return make


def told(what: str, shape: str = "orders") -> Callable[[int], Work]:
    """A question to a journey of many moves, as often as there are records, or once where it tells of all."""

    def make(count: int) -> Work:
        journey = transitions.of(history(shape, count), SHORT, as_of=AS_OF)
        if what == "stage_at":
            return lambda: [journey.stage_at(at(number)) for number in range(count)]
        return lambda: (journey.spells, journey.to_dicts(), str(journey))

    return make


def tallied(
    shape: str, order: Callable[[Sequence[Record]], Sequence[Record]] = list, *, rule: Any = stage, each: bool = True
) -> Callable[[int], Work]:
    """A tally takes records one by one, and is asked after each, or in the end."""

    def make(count: int) -> Work:
        given = order(records(shape, count))

        def work() -> None:
            tally = LiveFacts(History(person_id="p1"), Facts)
            for record in given:
                tally.add(record)
                if each:
                    tally.ask(rule, POLICY, as_of=AS_OF)
            tally.facts(as_of=AS_OF)

        return work

    return make


def facts_each(shape: str) -> Callable[[int], Work]:
    """A tally takes records one by one, and tells every fact after each."""

    def make(count: int) -> Work:
        given = records(shape, count)

        def work() -> None:
            tally = LiveFacts(History(person_id="p1"), Facts)
            for record in given:
                tally.add(record)
                tally.facts(as_of=AS_OF)

        return work

    return make


def advanced(rule: Any, shape: str) -> Callable[[int], Work]:
    """A state moves on record by record and is asked after each; what it cannot take is left out."""

    def make(count: int) -> Work:
        given, advance = records(shape, count), IncrementalRule(rule, POLICY)

        def work() -> None:
            state = advance.begin("p1")
            for record in given:
                state = advance(state, record) or state
                advance.ask(state, as_of=AS_OF)
            state.to_json()

        return work

    return make


def asked(way: Callable[[History], object], shape: str) -> Callable[[int], Work]:
    """A question about a history that nobody has asked yet."""

    def make(count: int) -> Work:
        given = records(shape, count)
        return lambda: way(History.of("p1", given))

    return make


def days(shape: str) -> Callable[[int], Work]:
    """The facts of as many past days as there are records is one question each; here a hundred of them."""

    def make(count: int) -> Work:
        person = history(shape, count)
        moments = [at(number * count // 100) for number in range(100)]
        return lambda: [Facts.of(person, as_of=moment) for moment in moments]

    return make


def basket(count: int) -> Work:
    """One order of so many lines becomes a profile."""
    lines = tuple(OrderLine(sku=f"s{number}", unit_price=Money(1, "USD")) for number in range(count))
    order = Purchase(id="1", person_id="p1", purchased_at=START, lines=lines)
    return lambda: str(customer_profile(History.of("p1", [order]), as_of=AS_OF))


def interleaved(count: int) -> Work:
    """Two people's words about one person, each in order: a history takes them from two sources."""
    one, other = records("orders", count)[: count // 2], records("open questions", count)[count // 2 :]
    pairs = [record for pair in zip_longest(one, other) for record in pair if record is not None]
    return lambda: Facts.of(History.of("p1", pairs), as_of=AS_OF)


def _sentences(person: History) -> object:
    facts = Facts.of(person, as_of=AS_OF)
    return explain(readiness, facts, POLICY), str(next_action.why(facts, POLICY)), assurance.of(facts, POLICY)


Case = tuple[str, Callable[[int], Work], int]


def cases() -> list[Case]:
    """Every operation: its name, what makes it ready, and the largest size."""
    far, near = 100_000, 10_000
    found: list[Case] = [
        ("History.of and Facts.of, two sources", interleaved, far),
        ("profile of one basket", basket, near),
        ("Journey.stage_at, one a record", told("stage_at"), near),
        ("Journey.spells, rows, text", told("spells"), near),
    ]
    orders = {"in order": list, "newest first": late_first, "shuffled": shuffled}
    for shape in SHAPES:
        found.append((f"History.of and Facts.of: {shape}", made(list, shape), far))
        found.append((f"moves.of: {shape}", moved(shape), far))
        found.append((f"LiveFacts, stage after each: {shape}", tallied(shape), near))
        found.append((f"LiveFacts, readiness after each: {shape}", tallied(shape, rule=readiness), near))
        found.append((f"LiveFacts, facts after each: {shape}", facts_each(shape), near))
        found.append(
            (f"LiveFacts newest first, facts in the end: {shape}", tallied(shape, late_first, each=False), near)
        )
        found.append((f"IncrementalRule, next action after each: {shape}", advanced(next_action, shape), near))
        found.append((f"IncrementalRule, readiness after each: {shape}", advanced(readiness, shape), near))
    for name, order in orders.items():
        found.append((f"History.of and Facts.of, {name}", made(order, "a bit of everything"), far))
        found.append((f"LiveFacts, facts in the end, {name}", tallied("a bit of everything", order, each=False), near))
        found.append((f"LiveFacts, stage after each, {name}", tallied("a bit of everything", order), near))
    found += [
        ("moves.of, a lapse after each order", moved("orders", SHORT), near),
        ("moves.of, a lapse after each of everything", moved("a bit of everything", SHORT), near),
        ("Facts.of a hundred past days", days("a bit of everything"), near),
        ("profile", asked(lambda one: str(customer_profile(one, as_of=AS_OF)), "a bit of everything"), near),
        ("sentence, why, assurance", asked(_sentences, "a bit of everything"), near),
        (
            "stage.next_change",
            asked(lambda one: stage.next_change.of(one, POLICY, as_of=AS_OF), "a bit of everything"),
            near,
        ),
        (
            "worklist of one",
            asked(lambda one: str(worklist(one, POLICY, as_of=AS_OF, tz="UTC")), "open questions"),
            near,
        ),
        (
            "PurchaseSummary.of",
            asked(lambda one: PurchaseSummary.of(one, tz="UTC", as_of=AS_OF), "orders, each refunded in part"),
            near,
        ),
        ("History.add of one record", asked(lambda one: one.add(bought(-1)), "a bit of everything"), near),
        (
            "History as JSON and back",
            asked(lambda one: History.model_validate_json(one.model_dump_json()), "a bit of everything"),
            near,
        ),
    ]
    return found
