"""A compiled rule on one person's facts, against the same function written by hand over plain attributes.

The hand-written version has a slotted attrs class with integers and timedeltas, a policy of the same kind, plain
comparisons, and no helper calls. People of every stage alternate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import attrs

from benchmarks._measure import Line, Size, alternate, span
from funnel import Facts, Policy, Stage, readiness, stage
from funnel.rules import Readiness

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = Policy()
LONG = timedelta(days=1000)


@attrs.define
class Plain:
    """The facts that the two rules read, as plain attributes."""

    purchase_count: int = 0
    inbound_count: int = 0
    order_count: int = 0
    since_last_purchase: timedelta = LONG


@attrs.define
class PlainPolicy:
    """The policy value that the stage reads."""

    lapse_after: timedelta


def by_hand(person: Plain, policy: PlainPolicy) -> Stage:
    """The stage, written without this library."""
    if person.purchase_count < 1:
        return Stage.PROSPECT if person.inbound_count > 0 or person.order_count > 0 else Stage.LEAD
    if person.since_last_purchase > policy.lapse_after:
        return Stage.LAPSED
    return Stage.REPEAT_CUSTOMER if person.purchase_count >= 2 else Stage.CUSTOMER


PEOPLE: Sequence[dict[str, object]] = (
    {},
    {"inbound_count": 3},
    {"order_count": 1},
    {"purchase_count": 1, "order_count": 1, "since_last_purchase": timedelta(days=3)},
    {"purchase_count": 2, "order_count": 2, "since_last_purchase": timedelta(days=20)},
    {"purchase_count": 5, "order_count": 5, "since_last_purchase": timedelta(days=400)},
)


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    repeats, calls = {"tiny": (1, 5), "usual": (15, 5_000), "full": (41, 10_000)}[size]
    plain = [Plain(**person) for person in PEOPLE]  # type: ignore[arg-type]
    limits = PlainPolicy(POLICY.lapse_after)
    facts = [Facts(as_of=AS_OF, **person) for person in PEOPLE]
    assert [by_hand(one, limits) for one in plain] == [stage.of(one, POLICY) for one in facts]

    def compiled_rule() -> None:
        for one in facts:
            stage.of(one, POLICY)

    def called() -> None:
        for one in facts:
            stage(one, POLICY)

    def hand() -> None:
        for one in plain:
            by_hand(one, limits)

    def points() -> None:
        for one in facts:
            readiness.of(one, POLICY)

    assert readiness.of(facts[0], POLICY) in set(Readiness)
    took = alternate(
        {"of": compiled_rule, "called": called, "hand": hand, "points": points}, repeats=repeats, calls=calls
    )
    each_one = {name: seconds / len(PEOPLE) for name, seconds in took.items()}
    for name, label in (("of", "stage.of(facts, policy)"), ("called", "stage(facts, policy)")):
        yield Line(
            label,
            span(each_one[name]),
            f"{span(each_one['hand'])} by hand",
            f"{each_one[name] / each_one['hand']:.2f} x the time",
            "<= 2 x",
        )
    yield Line("readiness.of(facts, policy)", span(each_one["points"]), "", "")
