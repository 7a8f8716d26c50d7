"""Many shops in one process: a rule asked with one policy, and with as many policies in turn as there are shops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle

from benchmarks._measure import Line, Size, alternate, span
from funnel import Facts, History, Money, Policy, Purchase, stage, transitions
from funnel.incremental import LiveFacts

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
LATER = AS_OF + timedelta(days=3)
HISTORY = History.of("p1", [Purchase(id="1", person_id="p1", purchased_at=AS_OF, amount=Money(9, "USD"))])
FACTS = Facts.of(HISTORY, as_of=LATER)


def queries() -> dict[str, Callable[[Policy], object]]:
    """Return the queries of a shop about one person."""
    live = LiveFacts(HISTORY, Facts)
    return {
        "stage.of(facts)": lambda policy: stage.of(FACTS, policy),
        "stage.of(live facts)": lambda policy: stage.of(live, policy, as_of=LATER),
        "moves.of(history)": lambda policy: transitions.of(HISTORY, policy, as_of=LATER),
    }


def run(size: Size) -> Iterator[Line]:
    """Measure: every shop is asked once before, for what is compiled then is compiled once."""
    repeats, shops = {"tiny": (1, 10), "usual": (9, 1_000), "full": (25, 1_000)}[size]
    policies = [Policy(lapse_after=timedelta(days=100, seconds=step)) for step in range(shops)]
    for name, query in queries().items():
        for policy in policies:
            query(policy)
        one, many = cycle(policies[:1]), cycle(policies)
        took = alternate(
            {"one": lambda: query(next(one)), "many": lambda: query(next(many))},  # noqa: B023 - called at once
            repeats=repeats,
            calls=2 * shops,
        )
        yield Line(
            f"{name}, {shops:,} shops in turn",
            span(took["many"]),
            f"{span(took['one'])} one shop",
            f"{took['many'] / took['one']:.1f} x as long",
            "<= 2 x",
        )
