"""A ledger that grows record by record records every change: what it says now is what all records say."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import product
from random import Random
from typing import Any

import narwhals as nw
import polars as pl
import pytest

from funnel._aggregate import gaps, window
from funnel._aggregate.aggregations import GAP_FIELDS, Reduction
from funnel._aggregate.fold import Row
from funnel._ledger.incremental import GrowingLedger
from funnel._ledger.incremental_derived import Change
from funnel._ledger.streams import LIVING, STREAMS, TABLES
from funnel._time import FOREVER
from funnel.errors import RecordError
from funnel.history import trusted
from funnel.incremental._live_facts import LiveFacts
from funnel.interactions import Answer, Complaint, Delivery, FollowUp, Question, Resolution, View, Visit
from funnel.policy import Policy
from funnel.records import Customer, Lead, Purchase, Record, Refund
from funnel.rules._next_action import next_action
from funnel.rules._readiness import readiness_points
from tests.aggregate.test_reduce import row as row_of
from tests.shop import DAY, END, NOW, ShopFacts, bought, did, refunded, usd

SEEDS = range(3_000 if os.environ.get("FUNNEL_PROFILE") == "full" else 60)
POLICY = Policy()


def _orders(pick: Random, number: int, at: datetime) -> Purchase:
    actual: dict[str, Any] = {"promotion": pick.choice(["", "launch"])}
    if pick.random() < 0.2:
        actual |= {"status": "cancelled"} | (
            {"cancelled_at": at + pick.randrange(5) * DAY} if pick.random() < 0.7 else {}
        )
    elif pick.random() < 0.3:
        actual["delivered_at"] = at + pick.randrange(5) * DAY
    if pick.random() < 0.5:
        actual["promised_at"] = at + pick.randrange(5) * DAY
    if pick.random() < 0.2 and "status" not in actual:
        actual |= pick.choice([{"status": "unpaid"}, {"paid_at": at + pick.randrange(5) * DAY}])
    amount = pick.choice([0, 5, 9])
    if pick.random() < 0.3:
        actual |= {name: usd(pick.randrange(amount + 1)) for name in ("prepaid", "cost", "fees")}
    return bought(f"o{number}", at, amount, **actual)


def _record(pick: Random, number: int) -> Record:
    """A record of any kind, that may refer to any other."""
    at = NOW - pick.randrange(60) * DAY + timedelta(hours=pick.choice([0, 0, 5]))
    name, other = f"n{number}", pick.randrange(8)
    sent = f"p{pick.randrange(2, 5)}"
    created: list[Callable[[], Record]] = [
        lambda: Lead(person_id="p1", arrived_at=at, source=pick.choice("ab")),
        lambda: Lead(person_id=sent, arrived_at=at, referred_by="p1"),
        *[lambda: _orders(pick, other, at)] * 3,
        lambda: refunded(name, f"o{other}", at, pick.choice([1, 2, 9])),
        lambda: did(Question, f"q{other}", at),
        lambda: did(Answer, name, at, question_id=f"q{other}"),
        lambda: did(Complaint, f"c{other}", at, purchase_id=pick.choice([None, "o0", "o1"])),
        lambda: did(Resolution, name, at, complaint_id=f"c{other}"),
        lambda: did(FollowUp, name, at),
        lambda: did(Delivery, name, at, purchase_id=f"o{other}"),
        lambda: did(pick.choice([Visit, View]), name, at),
    ]
    return pick.choice(created)()


def _records(pick: Random) -> list[Record]:
    """Records, each key once, in time, against it, or in any order; a refund of a purchase that came before."""
    created = {(type(one), one.key): one for one in (_record(pick, number) for number in range(pick.randrange(1, 40)))}
    actual = sorted(created.values(), key=lambda one: one.happened_at)
    actual = pick.choice([actual, actual[::-1], pick.sample(actual, len(actual))])
    facts: set[tuple[str, str]] = set()
    results: list[Record] = []
    for record in actual:
        if not isinstance(record, Refund) or (record.source, record.purchase_id) in facts:
            results.append(record)
            facts |= {record.key} if isinstance(record, Purchase) else set()
    return results


def _start(pick: Random, records: list[Record]) -> int:
    return pick.choice([0, pick.randrange(len(records) + 1)])


@pytest.mark.parametrize("seed", SEEDS)
def test_the_changes_are_those_of_the_rows(seed: int) -> None:
    """In every stream the rows when it is first followed and the changes since are the rows that all records make."""
    pick = Random(seed)
    records = _records(pick)
    started = _start(pick, records)
    customer = pick.choice([None, Customer(person_id="p1", name="", columns={"tier": "gold"})])
    ledger = trusted("p1", records[:started], customer)._fill(GrowingLedger("p1"))
    there: dict[str, Counter[Row]] = {}
    streams = pick.sample(list(STREAMS), len(STREAMS))
    at_once = pick.choice([0, len(streams), pick.randrange(len(streams))])

    def follow(new: list[str]) -> None:
        ledger.follow(new)
        there.update({stream: Counter(_now(stream, ledger.rows.get(stream, []))) for stream in new})

    follow(streams[:at_once])
    for record in records[started:]:
        if at_once < len(streams) and pick.random() < 0.1:
            follow(streams[at_once : at_once + 3])
            at_once += 3
        ledger.add(record)
    follow(streams[at_once:])
    for stream, changes in ledger.changes.items():
        counts = there.setdefault(stream, Counter())
        for row, sign in _signed(changes):
            counts[row] += sign
            assert counts[row] in {0, 1}
    whole = trusted("p1", records, customer)._ledger

    assert {stream: rows for stream in STREAMS if (rows := +there.get(stream, Counter()))} == {
        stream: rows for stream in STREAMS if (rows := Counter(_now(stream, whole.rows.get(stream, []))))
    }
    ledger.settle()
    assert {stream: rows for stream, rows in ledger.rows.items() if rows} == {
        stream: rows for stream, rows in whole.rows.items() if rows
    }


def _now(stream: str, rows: list[Row]) -> list[Row]:
    return [row for row in rows if row[2] == FOREVER] if stream in LIVING else rows


def _signed(changes: list[Row | Change]) -> Iterator[tuple[Row, int]]:
    for change in changes:
        if isinstance(change, Change):
            yield change.row, 1 if change.is_added else -1
        else:
            yield change, 1


@pytest.mark.parametrize("seed", SEEDS)
def test_live_facts_equal_those_of_all_records(seed: int) -> None:
    """After any record, facts and answers are those of the history, now and on a past day."""
    pick = Random(seed)
    records = _records(pick)
    start = _start(pick, records)
    live = LiveFacts(trusted("p1", records[:start], None), ShopFacts)
    for count, record in enumerate(records[start:], start + 1):
        live.add(record)
        if pick.random() < 0.4:
            as_of = END if pick.random() < 0.8 else NOW - pick.randrange(60) * DAY
            facts = ShopFacts.of(trusted("p1", records[:count], None), as_of=as_of)
            for rule in (next_action, readiness_points):
                assert rule.of(live, POLICY, as_of=as_of) == rule.of(facts, POLICY)
            assert live.facts(as_of=as_of) == facts


def test_a_refund_of_an_unknown_purchase_changes_nothing() -> None:
    """It is refused before anything is written, in a ledger that grows too."""
    ledger = trusted("p1", [bought("1", NOW)], None)._fill(GrowingLedger("p1"))
    ledger.follow(STREAMS)

    with pytest.raises(RecordError, match="refund 'r' refers to the unknown purchase '2'"):
        ledger.add(refunded("r", "2", NOW))
    assert ledger.changes == {}


ENDS: dict[str, Callable[[int, int], int]] = {
    "each ends before the next begins": lambda _, number: 2 * number + 1,
    "the first ends first, after all began": lambda count, number: 2 * (count + number),
    "the last ends first": lambda count, number: 2 * (2 * count - number),
    "all end at once": lambda count, _: 2 * count,
    "none ends": lambda *_: FOREVER,
    "every other ends": lambda count, number: 2 * (count + number) if number % 2 else FOREVER,
}
PURCHASES = STREAMS["purchases"]
READ = (
    Reduction(PURCHASES, "sum", "amount"),
    Reduction(PURCHASES, "largest", "amount"),
    Reduction(PURCHASES, "earliest", "id", empty=""),
    Reduction(PURCHASES, "latest", "gap"),
)


@pytest.mark.parametrize("ends", list(ENDS))
def test_the_rows_an_engine_computes_grow_as_n_log_n(ends: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times as many rows of one person become at most six times as many; n log n gives 5, and n x n gives 16."""
    few, many = (_rows_computed(ends, count, monkeypatch) for count in (256, 1024))

    assert many <= 6 * few


def _rows_computed(ends: str, count: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many rows all the frames have that are computed on the way to the windows of one person."""
    calls: list[int] = []

    def recorded(function: Callable[..., Any]) -> Callable[..., Any]:
        def work(*fields: Any) -> Any:
            actual = function(*fields)
            calls.append(len(nw.to_native(actual).collect()))
            return actual

        return work

    names = [name for name in TABLES["purchases"] if name not in GAP_FIELDS]
    rows = [
        row_of(2 * number, 2 * number, ENDS[ends](count, number), f"{number:05}", number % 7) for number in range(count)
    ]
    people = [{"person_id": "p1", **dict(zip(names, one, strict=False))} for one in rows]
    with monkeypatch.context() as patch:
        for module, name in product((gaps, window), ("cached", "around", "in_blocks")):
            patch.setattr(module, name, recorded(getattr(module, name)))
        window.running({"purchases": nw.from_native(pl.LazyFrame(people))}, READ, 4 * count).collect()
    return sum(calls)


def test_a_question_under_two_promises_counts_until_neither_covers_it() -> None:
    """One of two orders turns out to have come before the question; the other one was still on its way."""
    first, second = NOW - 9 * DAY, NOW - 5 * DAY
    orders = [bought(number, first, promised_at=NOW) for number in ("1", "2")]
    ledger = trusted("p1", [*orders, did(Question, "q", second)], None)._fill(GrowingLedger("p1"))
    ledger.follow(["delivery_questions"])
    counts: list[int] = []
    for number in ("1", "2"):
        ledger.add(did(Delivery, f"d{number}", first + DAY, purchase_id=number))
        counts.append(1 + sum(sign for _, sign in _signed(ledger.changes.get("delivery_questions", []))))

    assert counts == [1, 0]
