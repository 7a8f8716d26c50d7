"""Ledger tables of everyone equal the ledgers of each person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funnel._aggregate.aggregations import GAP_FIELDS
from funnel._ledger.streams import TABLES
from funnel.history import History
from funnel.logs import Logs
from funnel.records import Customer
from tests.frames import tables
from tests.logs.shop import rows
from tests.strategies import histories

if TYPE_CHECKING:
    from collections.abc import Sequence

ABSENT: dict[str, set[str]] = {
    "leads": {"leads", "referrals"},
    "purchases": {"orders", "purchases", "payments", "cancellations", "deliveries", "promises"},
    "interactions": {
        *("interactions", "open_questions", "open_complaints", "open_follow_ups"),
        *("replies", "repairs", "reopenings", "delivery_questions", "contacts"),
    },
}


def read(logs: Logs, table: str, people: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the rows of people in a table, person first, sorted."""
    frame = logs._tables[table].collect().to_polars()
    rows_ = frame.select("person_id", *(name for name in TABLES[table] if name not in GAP_FIELDS)).rows()
    return sorted(row for row in rows_ if row[0] in people)


def own(history: History, table: str, prefix: str = "") -> list[tuple[Any, ...]]:
    """Return the rows of one person's ledger in a table, with prefixed record ids."""
    result = with_tier(history)._ledger.rows.get(table, [])
    marked = "" if table in ("leads", "referrals", "people") else prefix
    return sorted((history.person_id, *row[:5], f"{marked}{row[5]}", *row[6:]) for row in result)


def with_tier(history: History) -> History:
    """The history of a person with an own column."""
    customer = Customer(person_id=history.person_id, name="", columns={"tier": "gold"})
    return History.of(history.person_id, history.records, customer=customer)


def marked(frames: dict[str, pl.DataFrame], prefix: str) -> dict[str, pl.DataFrame]:
    """Prefix every record id, so that records of two people are different."""
    numbers = ("id", "purchase_id", "regarding")
    return {
        log: frame.with_columns(
            pl.concat_str(pl.lit(prefix), name).alias(name) for name in numbers if name in frame.columns
        )
        for log, frame in frames.items()
    }


@pytest.mark.no_cover
@settings(max_examples=max(5, settings.default.max_examples // 5))
@given(st.tuples(*(histories(f"p{number}") for number in range(5))))
def test_table_rows_equal_the_persons_ledger(people: tuple[History, ...]) -> None:
    """For every table and every person, referrals included."""
    names = [one.person_id for one in people]
    frames = [marked(tables([one]), one.person_id) for one in people]
    logs = Logs(**{log: pl.concat([table[log] for table in frames]) for log in frames[0]})
    logs = logs.with_people(pl.DataFrame({"person_id": names}).with_columns(tier=pl.lit("gold")), {"tier": "tier"})

    assert {name: read(logs, name, names) for name in TABLES} == {
        name: sorted(row for one in people for row in own(one, name, one.person_id)) for name in TABLES
    }


@settings(max_examples=max(5, settings.default.max_examples // 5))
@given(histories("p1"))
def test_a_missing_log_has_no_table(history: History) -> None:
    """The tables of the other logs exist; without refunds and interactions a purchase is unchanged."""
    frames = {log: frame for log, frame in tables([history]).items() if log in ("leads", "purchases")}
    alone = History.of("p1", [*history.leads, *history.purchases, *history.referrals])
    logs = Logs(**frames)

    assert set(logs._tables) == ABSENT["leads"] | ABSENT["purchases"]
    assert len(logs._tables) == 8
    assert {name: read(logs, name, ["p1"]) for name in logs._tables} == {
        name: own(alone, name) for name in logs._tables
    }


@pytest.mark.parametrize("name", ["open_questions", "refunds", "no such table"])
def test_a_missing_table_raises(name: str) -> None:
    """This holds for a table without its log, and for an unknown name."""
    tables_of = Logs(purchases=rows("purchases", {}))._tables

    assert name not in tables_of
    with pytest.raises(KeyError, match=name):
        tables_of[name]


def test_an_empty_referrer_is_no_referral() -> None:
    """An empty text is not a person."""
    logs = Logs(leads=rows("leads", {"referred_by": ""}, {"person_id": "p2", "referred_by": None}))

    assert read(logs, "referrals", ["", "p1", "p2", None]) == []
    assert [row[-1] for row in read(logs, "leads", ["p1", "p2"])] == [0, 0]
