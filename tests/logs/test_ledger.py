"""The ledger of everyone is the ledgers of each, one under another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funnel._aggregate.aggregations import GAP
from funnel._ledger.ledger import ledger_of
from funnel._ledger.streams import TABLES
from funnel.history import History
from funnel.logs import Logs
from tests.engines import ENGINES, HERE
from tests.frames import tables
from tests.logs.shop import AFTER, AT, rows
from tests.strategies import histories

if TYPE_CHECKING:
    from collections.abc import Sequence

ABSENT: dict[str, set[str]] = {
    "leads": {"leads", "referrals"},
    "purchases": {"orders", "purchases", "cancellations", "deliveries", "promises"},
    "interactions": {
        *("interactions", "open_questions", "open_complaints", "open_follow_ups"),
        *("replies", "repairs", "reopenings", "delivery_questions", "contacts"),
    },
}


def read(logs: Logs, table: str, people: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows of these people in a table, person first, in the order of all their values."""
    frame = logs.tables[table].collect().to_polars()
    rows_ = frame.select("person_id", *(name for name in TABLES[table] if name != GAP)).rows()
    return sorted(row for row in rows_ if row[0] in people)


def own(history: History, table: str, mark: str = "") -> list[tuple[Any, ...]]:
    """The rows that one person's ledger has in a table, the numbers of their records marked."""
    found = ledger_of(history.person_id, history.records).rows.get(table, [])
    marked = "" if table in ("leads", "referrals") else mark
    return sorted((history.person_id, *row[:5], f"{marked}{row[5]}", *row[6:]) for row in found)


def marked(frames: dict[str, pl.DataFrame], mark: str) -> dict[str, pl.DataFrame]:
    """Tables in which every number of a record begins with a mark, so that two people's records are told apart."""
    numbers = ("id", "purchase_id", "regarding")
    return {
        log: frame.with_columns(
            pl.concat_str(pl.lit(mark), name).alias(name) for name in numbers if name in frame.columns
        )
        for log, frame in frames.items()
    }


@pytest.mark.no_cover
@settings(max_examples=max(5, settings.default.max_examples // 5))
@given(st.tuples(*(histories(f"p{number}") for number in range(5))))
def test_the_rows_of_a_person_are_those_of_their_own_ledger(people: tuple[History, ...]) -> None:
    """For every table and every person; whoever they sent counts for them too."""
    names = [one.person_id for one in people]
    frames = [marked(tables([one]), one.person_id) for one in people]
    logs = Logs(**{log: pl.concat([table[log] for table in frames]) for log in frames[0]})

    assert {name: read(logs, name, names) for name in TABLES} == {
        name: sorted(row for one in people for row in own(one, name, one.person_id)) for name in TABLES
    }


@settings(max_examples=max(5, settings.default.max_examples // 5))
@given(histories("p1"))
def test_a_log_that_is_not_there_makes_no_table(history: History) -> None:
    """The tables of the other logs are there; without refunds or interactions a purchase stands as it was."""
    frames = {log: frame for log, frame in tables([history]).items() if log in ("leads", "purchases")}
    alone = History.of("p1", [*history.leads, *history.purchases, *history.referrals])
    logs = Logs(**frames)

    assert set(logs.tables) == ABSENT["leads"] | ABSENT["purchases"]
    assert len(logs.tables) == 7
    assert {name: read(logs, name, ["p1"]) for name in logs.tables} == {name: own(alone, name) for name in logs.tables}


@pytest.mark.parametrize("name", ["open_questions", "refunds", "no such table"])
def test_a_table_that_is_not_there_cannot_be_read(name: str) -> None:
    """Neither one whose log is not given, nor one that there never is."""
    made = Logs(purchases=rows("purchases", {})).tables

    assert name not in made
    with pytest.raises(KeyError, match=name):
        made[name]


@pytest.mark.parametrize("engine", HERE)
def test_people_who_are_numbers_stay_numbers(engine: str) -> None:
    """Also those by whom a lead was sent."""
    leads = pl.DataFrame({"person_id": [7, 8], "arrived_at": [AT, AFTER], "referred_by": [9, 7]})
    logs = Logs(**ENGINES[engine]({"leads": leads}))

    assert [(row[0], row[-1]) for row in read(logs, "leads", [7, 8])] == [(7, 1), (8, 1)]
    assert [(row[0], row[-1]) for row in read(logs, "referrals", [7, 9])] == [(7, "8"), (9, "7")]


def test_a_referral_by_nobody_is_none() -> None:
    """An empty text names no person."""
    logs = Logs(leads=rows("leads", {"referred_by": ""}, {"person_id": "p2", "referred_by": None}))

    assert read(logs, "referrals", ["", "p1", "p2", None]) == []
    assert [row[-1] for row in read(logs, "leads", ["p1", "p2"])] == [0, 0]
