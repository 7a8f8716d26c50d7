"""Own columns of records, at the edges: schemas, refusals, and records of every kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from funnel import Facts, History, Logs, Money, Purchase, Refund, SqliteStore
from funnel._aggregate.aggregations import own_field, with_own
from funnel._exports import lazy
from funnel._ledger.streams import STREAMS
from funnel.errors import ArgumentError
from funnel.facts import count
from funnel.incremental import LiveFacts
from funnel.interactions import Visit
from funnel.logs.compare_rows import unresolved
from funnel.readers import shopify

AT = datetime(2026, 3, 1, tzinfo=UTC)
ORDER = Purchase(id="1", person_id="p", purchased_at=AT, amount=Money(9, "USD"), columns={"country": "UK"})
BACK = Refund(id="r", purchase_id="1", refunded_at=AT, amount=Money(1, "USD"), columns={"desk": "A"})
VISIT = Visit(id="v", person_id="p", occurred_at=AT, columns={"page": "home"})


class Own(Facts):
    """Facts of own columns."""

    from_uk: int = count("purchases", where=lambda p: p.country == "UK", columns={"country": str})
    at_desk: int = count("refunds", where=lambda r: r.desk == "A", columns={"desk": str})
    home_visits: int = count("visits", where=lambda v: v.page == "home", columns={"page": str})


def test_records_of_every_kind_have_own_columns() -> None:
    """One person's facts, and live facts record by record, read them."""
    now = AT + timedelta(days=1)
    facts: Any = Own.of(History.of("p", [ORDER, BACK, VISIT]), as_of=now)
    assert (facts.from_uk, facts.at_desk, facts.home_visits) == (1, 1, 1)
    live: Any = LiveFacts(History(person_id="p"), Own)
    for record in (ORDER, VISIT, BACK):
        live.add(record)
    assert live.facts(as_of=now) == facts


def test_the_schema_of_a_record_allows_any_own_column() -> None:
    """Own columns are an object of names and simple values."""
    assert Purchase.model_json_schema()["properties"]["columns"]["type"] == "object"


def test_wrong_declarations_are_refused() -> None:
    """Types of own columns come by name."""
    wrong: Any = ["country"]
    with pytest.raises(ArgumentError, match="columns must be a mapping of names and types"):
        count("purchases", columns=wrong)


def test_values_of_own_columns_are_plain(tmp_path: Path) -> None:
    """A word of an enum is its text, so that facts, stores and files have the same value."""

    class Country(StrEnum):
        UK = "UK"

    order = ORDER.model_copy(update={"columns": {"country": Country.UK, "size": HTTPStatus.OK}})
    assert order.columns == {"country": "UK", "size": 200}
    assert [type(value) for value in order.columns.values()] == [str, int]
    with SqliteStore(tmp_path / "shop.db") as store:
        store.append(order, recorded_at=AT)
        assert store.history("p").purchases == (order,)


def test_logs_with_purchases_refer_to_nothing_missing() -> None:
    """References are checked against the purchases that are there."""
    bought = pl.DataFrame({"id": ["1"], "person_id": ["p"], "purchased_at": [AT], "amount": [1]})
    assert unresolved(Logs(purchases=bought)._logs) == []


def test_own_columns_of_a_log_that_is_missing_are_no_table() -> None:
    """The name of a table with own columns is like any other."""
    leads = pl.DataFrame({"person_id": ["p"], "arrived_at": [AT]})
    name = with_own(STREAMS["purchases"], [own_field("country", "text")]).table
    tables = Logs(leads=leads)._tables
    assert name not in tables
    for wrong in (name, "nothing"):
        with pytest.raises(KeyError, match=r"purchases|nothing"):
            _ = tables[wrong]


def test_a_lead_that_is_written_twice_is_one_lead() -> None:
    """Equal rows are copies, not a conflict."""
    frame = pl.DataFrame({"person_id": ["p", "p"], "arrived_at": ["2026-03-01", "2026-03-01"], "n": [1, 2]})
    assert Logs.from_leads(frame, tz="UTC")._logs["leads"].collect().shape[0] == 1


def test_a_file_with_blank_lines_below_its_heading_has_no_rows(tmp_path: Path) -> None:
    """Blank lines are lines, not orders."""
    path = tmp_path / "orders.csv"
    heading = Path("tests/readers/exports/shopify.orders.csv").read_text(encoding="utf-8").split("\n")[0]
    path.write_text(f"{heading}\n\n\n\n", encoding="utf-8")
    assert shopify.orders(path, currency="IDR").purchases.height == 0


def test_a_module_that_is_missing_is_an_import_error() -> None:
    """Only packages of an extra have a remedy."""
    _, load, _ = lazy("funnel", {"no_such_module": "Nothing"})
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        load("Nothing")
