"""Orders in several currencies, paid late, prepaid or not at all: one person, everyone and live facts agree."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zlib import crc32

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel import History, LiveFacts, Logs, Money, Policy, Rule
from funnel.facts import count, exists, largest, last, latest, since, total
from funnel.facts._base import BaseFacts
from funnel.rates import Rates
from funnel.records import Purchase, Record, Refund
from tests.engines import FULL, asked_of, on
from tests.frames import answered, tables
from tests.laws.test_engines import as_told
from tests.machines.model import as_ofs, bare, brute_all, crowds, machines, told_of
from tests.random_rules import RandomRule, rules
from tests.shop import END, TICK, few, known_by, people
from tests.strategies import instants, record_lists

POLICY = Policy()
CODES = ("USD", "EUR", "JPY")


class MoneyFacts(BaseFacts):
    """Facts that amounts, payments and costs decide, with and without a window."""

    purchase_count: int = count("purchases")
    order_count: int = count("orders")
    net_spent: int = total("purchases", "net_amount")
    largest_amount: int = largest("purchases", "amount")
    fees: int = total("purchases", "fees")
    goods_cost: int = total("purchases", "cost", where=lambda one: one.has_cost)
    recent_spent: int = total("purchases", "net_amount", within="60 days")
    refunded: int = total("refunds", "amount", within=timedelta(days=90))
    spent_much: bool = exists("purchases", where=lambda one: one.amount > 5)
    since_purchase: timedelta = since(last("purchases"))
    last_promotion: str = latest("purchases", "promotion")
    last_amount: int = latest("orders", "amount")


class NearFacts(BaseFacts):
    """Facts in a small world, with windows of a few microseconds."""

    purchase_count: int = count("purchases")
    net_spent: int = total("purchases", "net_amount")
    recent_fees: int = total("purchases", "fees", within=9 * TICK)
    since_purchase: timedelta = since(last("purchases"))


READ = MoneyFacts._fact_plan.readable


def number_of(record: Record) -> int:
    """A number of a record, the same in every process."""
    return crc32(repr((type(record).__name__, record.key)).encode())


def priced(records: Sequence[Record], late: timedelta = timedelta(days=5)) -> list[Record]:
    """The records with a currency each; some orders are paid late, prepaid, or not at all, and some have costs."""
    codes = {one.key: CODES[number_of(one) % 3] for one in records if isinstance(one, Purchase)}
    return [_priced(one, codes, late) for one in records]


def _priced(record: Record, codes: dict[tuple[str, str], str], late: timedelta) -> Record:
    number = number_of(record)
    amount = getattr(record, "amount", None)
    if amount is None:
        return record
    if isinstance(record, Refund):
        code = codes.get((record.source, record.purchase_id), "USD")
        return record.model_copy(update={"amount": Money.of_minor(amount.minor, code)})
    code = CODES[number % 3]
    fields: dict[str, Any] = {"amount": Money.of_minor(amount.minor, code)}
    if isinstance(record, Purchase):
        before = {name: getattr(record, name) for name in ("prepaid", "fees", "cost")}
        fields |= {name: Money.of_minor(money.minor, code) for name, money in before.items() if money is not None}
        fields |= {"lines": ()} if record.fees is not None else {"lines": (), "fees": Money.of_minor(number % 9, code)}
        if record.status == "paid" and record.paid_at is None and number % 4 == 0:
            fields["paid_at"] = record.purchased_at + late
    return record.model_copy(update=fields)


def mixed(history: History) -> list[Record]:
    """The records of a history in several currencies."""
    return priced(history.records)


def rates_of(records: Sequence[Record]) -> Rates:
    """Rates of every day on which a record happened: another rate each day."""
    days: set[date] = {one.happened_at.date() for one in records}
    table = {(code, day): f"{1 + day.day % 3}.{day.day:02}5" for code in CODES[1:] for day in days}
    return Rates("USD", table, tz="UTC")


def in_dollars(rates: Rates, records: Sequence[Record], person: str) -> History:
    """The history in the reporting currency."""
    return History.of(person, rates.of(records))


def logs_in_dollars(engine: str, rates: Rates, everyone: Sequence[tuple[str, list[Record]]]) -> Logs[Any]:
    """Everyone's tables in the reporting currency; a table of purchases, refunds and interactions has currencies."""
    by_key: dict[tuple[str, str, str], str] = {}
    plain: list[History] = []
    for person, records in everyone:
        for one in records:
            amount = getattr(one, "amount", None)
            if amount is not None:
                by_key[type(one).__name__, *one.key] = amount.currency
        same = [_dollars(one) for one in records]
        plain.append(History.of(person, same))
    frames = tables(plain)
    kinds = {"purchases": ("Purchase",), "refunds": ("Refund",), "interactions": ("Quote", "Checkout")}
    for log, classes in kinds.items():
        rows = frames[log].select("source", "id").rows()
        codes = [next((by_key[name, *row] for name in classes if (name, *row) in by_key), None) for row in rows]
        frames[log] = frames[log].with_columns(pl.Series("currency", codes, dtype=pl.String))
    return rates.over(**on(engine, frames))


def _dollars(record: Record) -> Record:
    """The same minor units as dollars, so that one history can hold them."""
    fields = {name: getattr(record, name, None) for name in ("amount", "prepaid", "fees", "cost")}
    money = {name: Money.of_minor(one.minor, "USD") for name, one in fields.items() if one is not None}
    return record.model_copy(update=money) if money else record


def random_rule(sample: RandomRule) -> Rule[MoneyFacts, Policy, Any]:
    """A rule over facts of money."""

    def random(f: MoneyFacts, policy: Policy) -> Any:
        return sample.function(f)

    random.__annotations__ = {"f": MoneyFacts, "policy": Policy}
    return Rule(random)


@pytest.mark.no_cover
def test_rules_over_converted_amounts_answer_alike(engine: str) -> None:
    """Laws 1 and 4: facts, answers and next changes of everyone are those of each."""
    if not FULL and engine not in {"polars", "pandas"}:
        pytest.skip("a database converts slowly; measured in make test-full")

    @asked_of(engine, 4)
    @given(people(most=8), instants(), rules(READ))
    def holds(everyone: tuple[History, ...], as_of: datetime, sample: RandomRule) -> None:
        records = [(one.person_id, mixed(one)) for one in everyone]
        rates = rates_of([record for _, of_one in records for record in of_one])
        one_rule, logs = random_rule(sample), logs_in_dollars(engine, rates, records)
        actual = answered(MoneyFacts.over(logs, as_of=as_of))
        changes = answered(one_rule.next_change.over(logs, POLICY, as_of=as_of))
        histories = [in_dollars(rates, of_one, person) for person, of_one in records]
        for history in known_by(histories, as_of):
            facts = MoneyFacts.of(history, as_of=as_of)
            assert as_told(MoneyFacts, actual[history.person_id]) == facts.to_dict()
            answer, change = one_rule.of(facts, POLICY), one_rule.next_change.of(facts, POLICY)
            assert changes[history.person_id] == {"random": getattr(answer, "value", answer), "next_change": change}
            if change is not None:
                assert one_rule.of(facts.at(change), POLICY) != answer
                assert one_rule.of(facts.at(change - TICK), POLICY) == answer

    holds()


@few
@given(rules(READ), record_lists(), st.data())
def test_live_facts_of_converted_amounts_are_those_of_the_history(
    sample: RandomRule, records: list[Record], data: st.DataObject
) -> None:
    """Laws 2 and 3: the order never matters, and records that happen later change nothing."""
    every = priced(records)
    rates, one_rule = rates_of(every), random_rule(sample)
    history = in_dollars(rates, data.draw(st.permutations(every)), "p1")
    assert history == in_dollars(rates, [*every, *every], "p1")
    live = LiveFacts(History(person_id="p1"), MoneyFacts)
    for record in history.records:
        live.add(record)
    assert live.facts(as_of=END) == MoneyFacts.of(history, as_of=END)
    assert one_rule.of(live, POLICY, as_of=END) == one_rule.of(history, POLICY, as_of=END)
    as_of = data.draw(instants())
    earlier = [one for one in history.records if one.happened_at <= as_of]
    assert MoneyFacts.of(History.of("p1", earlier), as_of=as_of) == MoneyFacts.of(history, as_of=as_of)


@few
@given(crowds(most=6), as_ofs(), machines(facts=NearFacts))
def test_transitions_of_late_payments_are_those_of_brute_force(
    everyone: list[History], as_of: datetime, machine: Any
) -> None:
    """Law 4: every transition at its microsecond, with its cause, for orders that are paid later."""
    for history in everyone:
        records = priced(history.records, late=3 * TICK)
        paid = in_dollars(rates_of(records), records, history.person_id)
        assert bare(told_of(machine, [paid], as_of)) == brute_all(machine, [paid], as_of)
