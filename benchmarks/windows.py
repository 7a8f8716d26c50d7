"""Facts of the last 90 days against the same facts of all time: everyone, one person, changes and transitions.

Reading and validation of the rows are not measured. The person has twenty purchases, twenty days apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import polars as pl
import polars.selectors as cs

from benchmarks._measure import Line, Size, alternate, span
from benchmarks._synthetic_shop import AS_OF, shop
from benchmarks.one_person import START
from funnel import History, LiveFacts, Logs, Machine, Money, Policy, Purchase, Rule
from funnel.facts import count, exists, largest, since, total
from funnel.facts import last as last_of
from funnel.facts._base import BaseFacts
from funnel.machines import Cause

POLICY = Policy()
EVENTS: Mapping[Size, int] = {"tiny": 2_000, "usual": 1_000_000, "full": 10_000_000}
WITHIN = timedelta(days=90)


class AllTime(BaseFacts):
    """Facts of all purchases."""

    purchases: int = count("purchases")
    spent: int = total("purchases", "net_amount")
    largest_purchase: int = largest("purchases", "net_amount")
    has_visited: bool = exists("visits")
    since_last: timedelta = since(last_of("purchases"))


class Recent(BaseFacts):
    """The same facts of the last 90 days."""

    purchases: int = count("purchases", within=WITHIN)
    spent: int = total("purchases", "net_amount", within=WITHIN)
    largest_purchase: int = largest("purchases", "net_amount", within=WITHIN)
    has_visited: bool = exists("visits", within=WITHIN)
    since_last: timedelta = since(last_of("purchases", within=WITHIN))


class Level(StrEnum):
    """How much a person buys."""

    LOW = "low"
    HIGH = "high"


TABLE = {Level.LOW: {Level.HIGH: Cause.EITHER}, Level.HIGH: {Level.LOW: Cause.EITHER}}


def level_of(facts: type[BaseFacts]) -> Rule[Any, Policy, Level]:
    """Return the rule of two purchases and a sum, for a class of facts."""

    def level(f: Any, _: Policy) -> Level:
        return Level.HIGH if f.purchases >= 2 and f.spent > 500_00 else Level.LOW

    level.__annotations__ = {"f": facts, "_": Policy}
    return Rule(level)


LEVELS: Mapping[type[BaseFacts], Rule[Any, Policy, Level]] = {facts: level_of(facts) for facts in (AllTime, Recent)}
MACHINES: Mapping[type[BaseFacts], Machine[Any]] = {facts: Machine(level, TABLE) for facts, level in LEVELS.items()}


def person() -> History:
    """Return the person with twenty purchases."""
    amount = Money(300, "USD")
    days = range(0, 400, 20)
    return History.of(
        "p1",
        [
            Purchase(id=str(day), person_id="p1", purchased_at=START + timedelta(days=day), amount=amount)
            for day in days
        ],
    )


def of_everyone(logs: Logs) -> Mapping[str, Callable[[type[BaseFacts]], object]]:
    """Return the measured calls over tables."""
    return {
        "facts of everyone": lambda facts: facts.over(logs, as_of=AS_OF),
        "rule of everyone": lambda facts: LEVELS[facts].over(logs, POLICY, as_of=AS_OF),
        "next changes of everyone": lambda facts: LEVELS[facts].next_change.over(logs, POLICY, as_of=AS_OF),
        "transitions of everyone": lambda facts: MACHINES[facts].transitions.over(logs, POLICY, as_of=AS_OF),
    }


def of_one(history: History) -> Mapping[str, Callable[[type[BaseFacts]], object]]:
    """Return the measured calls for one person."""
    past = START + timedelta(days=300)
    return {
        "facts of one person, new history": lambda facts: facts.of(person(), as_of=past),
        "facts of one person, on a past day": lambda facts: facts.of(history, as_of=past),
        "next change of one person": lambda facts: LEVELS[facts].next_change.of(history, POLICY, as_of=past),
        "transitions of one person": lambda facts: MACHINES[facts].transitions.of(history, POLICY, as_of=past),
        "live facts, 20 purchases with the rule after each": lambda facts: live(history, facts, past),
    }


def live(history: History, facts: type[BaseFacts], past: datetime) -> Level:
    """Add the purchases one by one, and evaluate the rule after each."""
    live_facts = LiveFacts(History(person_id="p1"), facts)
    for purchase in history.purchases:
        live_facts.add(purchase)
        LEVELS[facts].of(live_facts, POLICY, as_of=purchase.purchased_at)
    return LEVELS[facts].of(live_facts, POLICY, as_of=past)


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    tables: dict[str, Any] = {
        log: frame.with_columns(cs.by_name("person_id", require_all=False).cast(pl.String))
        for log, frame in shop(EVENTS[size]).items()
    }
    everyone, one = of_everyone(Logs(**tables)), of_one(person())
    calls = 1 if size == "tiny" else 300
    for name, call in (*everyone.items(), *one.items()):
        took = alternate(
            {"recent": lambda call=call: call(Recent), "all": lambda call=call: call(AllTime)},  # type: ignore[misc]
            repeats=1 if size == "tiny" else 5,
            calls=1 if name in everyone else calls,
        )
        ratio = f"{took['recent'] / took['all']:.2f} x the time"
        aim = "<= 2 x" if name.startswith("facts") else ""
        yield Line(f"{name}, last 90 days", span(took["recent"]), f"{span(took['all'])} all time", ratio, aim)
