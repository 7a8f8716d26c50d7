"""The life of an order: each way to record it has the right effect, for one person and for tables."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from funnel import Facts, History, LiveFacts, Logs, Money, Policy, Purchase, Refund, stage
from funnel.errors import FieldsError, LogsError, RecordError
from funnel.facts import count, total
from funnel.machines import SHOP_MACHINE
from tests.frames import answered, tables
from tests.shop import DAY, NOW, bought, refunded, usd


class OrderFacts(Facts):
    """The facts that an order decides."""

    goods_cost: int = total("purchases", "cost")
    all_fees: int = total("purchases", "fees")
    costed_count: int = count("purchases", where=lambda purchase: purchase.has_cost)


START = NOW - 40 * DAY


def _order(number: str = "1", minor: int = 40, **more: object) -> Purchase:
    return bought(number, START, minor, **more)


CASES: dict[str, tuple[list[Purchase | Refund], dict[int, tuple[str, int, int, int]]]] = {
    "placed and unpaid": ([_order(status="unpaid")], {0: ("prospect", 1, 0, 0), 30: ("prospect", 1, 0, 0)}),
    "paid later": ([_order(paid_at=START + 3 * DAY)], {2: ("prospect", 1, 0, 0), 3: ("customer", 1, 1, 40)}),
    "cash on delivery": ([_order(status="placed")], {0: ("customer", 1, 1, 40)}),
    "parcel that comes back": (
        [_order(status="cancelled", cancelled_at=START + 5 * DAY)],
        {4: ("customer", 1, 1, 40), 5: ("prospect", 1, 0, 0)},
    ),
    "paid, then cancelled": (
        [_order(status="cancelled", paid_at=START + DAY, cancelled_at=START + 5 * DAY)],
        {0: ("prospect", 1, 0, 0), 1: ("customer", 1, 1, 40), 5: ("prospect", 1, 0, 0)},
    ),
    "part refund": ([_order(), refunded("r", "1", START + 8 * DAY, 15)], {8: ("customer", 1, 1, 25)}),
    "refund before the payment": (
        [_order(paid_at=START + 9 * DAY), refunded("r", "1", START + 8 * DAY, 15)],
        {8: ("prospect", 1, 0, 0), 9: ("customer", 1, 1, 25)},
    ),
    "full refund": ([_order(), refunded("r", "1", START + 8 * DAY, 40)], {8: ("prospect", 1, 0, 0)}),
    "gift card used in part": ([_order(prepaid=usd(30))], {0: ("customer", 1, 1, 10)}),
    "gift card used for all": ([_order(prepaid=usd(40))], {0: ("customer", 1, 1, 0)}),
    "gift card and part refund": (
        [_order(prepaid=usd(30)), refunded("r", "1", START + DAY, 25), refunded("s", "1", START + 2 * DAY, 15)],
        {0: ("customer", 1, 1, 10), 1: ("customer", 1, 1, 0), 2: ("prospect", 1, 0, 0)},
    ),
    "free sample": ([_order(minor=0)], {0: ("prospect", 1, 0, 0)}),
    "subscription": (
        [bought(str(on), START + on * DAY, 9, source="subscription") for on in (0, 30)],
        {29: ("customer", 1, 1, 9), 30: ("repeat_customer", 2, 2, 18)},
    ),
    "fees and cost": ([_order(fees=usd(3), cost=usd(13))], {0: ("customer", 1, 1, 40)}),
}


@pytest.mark.parametrize("case", CASES)
def test_an_order_counts_as_its_page_says(case: str) -> None:
    """Stage, orders, purchases and money on each day, for one person, live, and in a table."""
    records, days = CASES[case]
    history = History.of("p1", records)
    logs = Logs(**tables([history]))
    live = LiveFacts(History(person_id="p1"), OrderFacts)
    live.facts(as_of=START)
    for record in records:
        live.add(record)
    for day, expected in days.items():
        as_of = START + day * DAY
        facts = OrderFacts.of(history, as_of=as_of)
        assert (stage.of(facts, Policy()).value, facts.order_count, facts.purchase_count, facts.net_spent) == expected
        assert answered(OrderFacts.over(logs, as_of=as_of))["p1"] == facts.to_dict()
        assert live.facts(as_of=as_of) == facts


def test_a_late_payment_is_the_cause_of_a_transition() -> None:
    """A person who pays becomes a customer then, by the purchase, for one person and in a table."""
    history = History.of("p1", [_order(paid_at=START + 3 * DAY)])
    policy = Policy()
    columns = ("transitioned_at", "to_stage", "cause", "record_kind", "record_id")
    expected = [
        (START, "prospect", "event", "purchase", "1"),
        (START + 3 * DAY, "customer", "event", "purchase", "1"),
    ]
    alone = SHOP_MACHINE.transitions.of(history, policy, as_of=NOW).to_dicts()
    assert [tuple(row[name] for name in columns) for row in alone] == expected
    everyone = SHOP_MACHINE.transitions.over(Logs(**tables([history])), policy, as_of=NOW)
    assert everyone.select(columns).rows() == expected


def test_margin_has_its_parts() -> None:
    """Costs and fees are facts; an unknown cost is not a cost of 0."""
    history = History.of("p1", [_order("1", fees=usd(3), cost=usd(13)), _order("2", cost=usd(0)), _order("3")])
    facts = OrderFacts.of(history, as_of=NOW)
    assert (facts.goods_cost, facts.all_fees, facts.costed_count, facts.purchase_count) == (13, 3, 2, 3)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"status": "unpaid", "paid_at": NOW}, "paid_at is set, but the status is 'unpaid'"),
        ({"prepaid": usd(41)}, "prepaid is above the amount"),
        ({"paid_at": START - DAY}, "paid_at is before purchased_at"),
    ],
)
def test_orders_that_contradict_themselves_are_refused(fields: dict[str, Any], problem: str) -> None:
    """The error names the field and what to do."""
    with pytest.raises(FieldsError, match=problem):
        Purchase(id="1", person_id="p1", purchased_at=START, amount=usd(40), **fields)


def test_optional_amounts_of_lines_are_added() -> None:
    """A cost is unknown if one line has none; fees that stand on one line count once."""
    lines = pl.DataFrame(
        {
            "id": ["1", "1", "2", "2"],
            "person_id": ["p1"] * 4,
            "purchased_at": [START] * 4,
            "amount": [10, 30, 10, 20],
            "cost": [4, 9, 5, None],
            "fees": [3, None, None, None],
        }
    )
    people = OrderFacts.over(Logs.from_orders(lines, currency="USD"), as_of=NOW)
    assert people.select("net_spent", "goods_cost", "all_fees", "costed_count").row(0) == (70, 13, 3, 1)
    repeated = lines.rename({"amount": "order_amount"}).with_columns(order_amount=40)
    whole = Logs.from_orders(repeated, {"order_amount": "order_amount"}, currency="USD")
    people = OrderFacts.over(whole, as_of=NOW)
    assert people.select("net_spent", "goods_cost", "all_fees", "costed_count").row(0) == (80, 9, 3, 1)


def test_costs_that_are_too_large_to_add_up_are_refused() -> None:
    """Sums of costs fit into 64 bits, like sums of amounts."""
    large = [_order(str(number), cost=Money.of_minor(10**14, "USD")) for number in range(91)]
    with pytest.raises(RecordError, match="costs cannot be added up"):
        History.of("p1", large)
    rows = {"id": list(map(str, range(91))), "person_id": ["p1"] * 91, "purchased_at": [START] * 91}
    with pytest.raises(LogsError, match=r"purchases.fees: .*cannot be summed for one person"):
        Logs(purchases=pl.DataFrame({**rows, "amount": [1] * 91, "fees": [10**14] * 91}))
