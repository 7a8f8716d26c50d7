"""The types of facts, rules, stages and tallies; read by mypy and pyright, never run."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, assert_type

from dateutil.relativedelta import relativedelta

from funnel import Facts, History, Logs, Machine, Policy, Rule, Stage, is_lapsed, rule, stage
from funnel.facts import count, exists, last, latest, mean_gap, since, total
from funnel.incremental import LiveFacts
from funnel.machines import SHOP_MACHINE, Cause
from funnel.rules import DecisionTable, Explanation, readiness_points


class ShopFacts(Facts):
    """One line a fact, each of the type that its author wrote."""

    gift_count: int = count("purchases", where=lambda purchase: purchase.promotion == "gift week")
    gift_total: int = total("purchases", "net_amount", where=lambda purchase: purchase.promotion == "gift week")
    has_gift: bool = exists("purchases", where=lambda purchase: purchase.promotion == "gift week")
    last_gift_at: datetime | None = last("purchases")
    since_last_gift: timedelta = since(last("purchases"))
    gift_interval: timedelta = mean_gap("purchases")
    last_channel: str = latest("interactions", "channel")
    recent_count: int = count("purchases", within=timedelta(days=90))
    recent_total: int = total("purchases", "net_amount", within="90 days")
    bought_recently: bool = exists("purchases", within=relativedelta(weeks=2))


class ShopPolicy(Policy):
    """A number of the shop's own."""

    vip_orders: int = 5


@rule
def is_vip(f: ShopFacts, policy: ShopPolicy) -> bool:
    """A rule of the shop's own, which calls one of the house."""
    return f.gift_count >= policy.vip_orders and not is_lapsed(f, policy)


def declared(facts: ShopFacts, history: History, logs: Logs, now: datetime) -> None:
    """Facts read as they were declared, and come to be in three ways."""
    assert_type(facts.gift_count, int)
    assert_type(facts.has_gift, bool)
    assert_type(facts.last_gift_at, datetime | None)
    assert_type(facts.since_last_gift, timedelta)
    assert_type(facts.last_channel, str)
    assert_type(facts.recent_count, int)
    assert_type(facts.bought_recently, bool)
    assert_type(facts.purchase_count, int)
    assert_type(facts.as_of, datetime)
    assert_type(ShopFacts.of(history, as_of=now), ShopFacts)
    assert_type(ShopFacts.over(logs, as_of=now), Any)
    assert_type(ShopFacts.running(logs, as_of=now), Any)
    assert_type(facts.at(now), ShopFacts)
    assert_type(facts.evolve(gift_count=3), ShopFacts)
    assert_type(facts.to_dict(), dict[str, Any])
    assert_type(ShopFacts(as_of=now, gift_count=3), ShopFacts)
    assert_type(LiveFacts(history, ShopFacts).facts(as_of=now), ShopFacts)


def calls(facts: ShopFacts, history: History, logs: Logs, now: datetime) -> None:
    """A rule answers with the type that its function does, and takes the facts and the policy it was written for."""
    policy = ShopPolicy()
    assert_type(is_vip, Rule[ShopFacts, ShopPolicy, bool])
    assert_type(is_vip(facts, policy), bool)
    assert_type(is_vip.of(facts, policy), bool)
    assert_type(is_vip.of(history, policy, as_of=now), bool)
    assert_type(is_vip.over(logs, policy, as_of=now), Any)
    assert_type(is_vip.why(facts, policy), Explanation)
    assert_type(is_vip.next_change(facts, policy), datetime | None)
    assert_type(is_vip.next_change.of(history, policy, as_of=now), datetime | None)
    assert_type(is_vip.next_change.over(logs, policy, as_of=now), Any)
    assert_type(is_vip.table(policy), DecisionTable)
    assert_type(is_vip.witnesses(policy, as_of=now), tuple[ShopFacts, ...])
    assert_type(is_vip.name, str)
    assert_type(readiness_points(facts, policy), int)
    assert_type(stage(facts, policy), Stage)


def placed() -> None:
    """A machine is of the enum that its rule answers with."""
    assert_type(SHOP_MACHINE, Machine[Stage])
    assert_type(SHOP_MACHINE.move(Stage.LEAD, Stage.CUSTOMER), Stage)
    assert_type(Machine(stage, {Stage.LEAD: {Stage.CUSTOMER: Cause.EVENT}, Stage.CUSTOMER: {}}), Machine[Stage])
    assert_type(SHOP_MACHINE.mermaid(), str)


def refused(facts: Facts, policy: Policy) -> None:
    """A type checker sees an error before it is raised."""
    is_vip(facts, ShopPolicy())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    is_lapsed.of(facts)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    Facts(purchase_count=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    facts.purchase_count = 3  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    is_lapsed(facts, policy) + "text"  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnusedExpression]
