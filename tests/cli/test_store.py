"""A report of a store says what the report of the same orders in a file says."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from funnel import Money, Purchase, Refund, SqlAlchemyStore, SqliteStore
from funnel.interactions import Question
from funnel.readers._read_orders import OrderMapping, read_orders
from funnel.records import Record
from funnel.store import store_tables
from tests.cli.shop import written
from tests.cli.test_cli import AS_OF, page, run

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATELY = datetime(2026, 5, 31, 12, tzinfo=UTC)
ZONE = ["--tz", "Asia/Jakarta"]


def records(folder: Path) -> Iterator[Record]:
    """The orders of the shop's file, as records."""
    _, file, _, mapping = written(folder)
    orders = read_orders(file, OrderMapping.read(mapping))
    for row in orders.purchases.to_dicts():
        told = {name: value for name, value in row.items() if name != "currency"}
        yield Purchase.model_validate({**told, "amount": Money.of_minor(row["amount"], row["currency"])})
    for row in orders.refunds.to_dicts():
        told = {name: value for name, value in row.items() if name != "currency"}
        yield Refund.model_validate({**told, "amount": Money.of_minor(row["amount"], row["currency"])})


def lines(*arguments: str) -> list[str]:
    """Print the report of a store and give its lines, each without the spaces around it."""
    result = run("report", *arguments, *AS_OF, *ZONE)

    assert (result.exit_code, result.stderr) == (0, "")
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def after(heading: str, page: list[str]) -> list[str]:
    """What stands after a heading."""
    return page[page.index(heading) :]


@pytest.mark.parametrize("kind", ["file", "address"])
def test_a_store_has_the_page_of_its_file(tmp_path: Path, kind: str) -> None:
    """From the people per stage to the last follow-up both pages are one, whether the store is a file or a server."""
    path = tmp_path / "shop.db"
    if kind == "file":
        named = str(path)
        with SqliteStore(path) as store:
            store.append(*records(tmp_path), recorded_at=NOON)
    else:
        named = f"sqlite:///{path}"
        engine = sa.create_engine(named, poolclass=sa.NullPool)
        store_tables().create_all(engine)
        SqlAlchemyStore(engine).append(*records(tmp_path), recorded_at=NOON)
    shown = lines(named)

    assert shown[0] == "shop.db, as of 2026-06-01 23:59 (Asia/Jakarta)"
    assert "read 8 records in somebody's history" in shown
    assert "Purchases from 2025-06-01 to 2026-06-02." in shown
    assert after("People per stage", shown) == after("People per stage", page(tmp_path, *AS_OF))


def test_what_waits_is_noted(tmp_path: Path) -> None:
    """A refund whose purchase has not come is in no history; a shop without sales has a page, without money."""
    with SqliteStore(tmp_path / "shop.db") as store:
        early = Refund(id="1", purchase_id="2", refunded_at=NOON, amount=Money(1, "USD"))
        asked = Question(id="1", person_id="ani", occurred_at=LATELY)
        store.append(early, asked, recorded_at=LATELY)
    shown = lines(str(tmp_path / "shop.db"))

    assert "read 1 records in somebody's history" in shown
    assert "noted 1 records that wait for what they refer to" in shown
    assert "No purchases." in shown
    assert any(line.startswith("1. ani ") and line.endswith("0 purchases, 0") for line in shown)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["shop.db", "--mapping", "x.toml", *AS_OF, *ZONE], 2, "a store needs no mapping; leave it out"),
        (["orders.csv", *AS_OF, *ZONE], 2, "say how the file is read"),
        (["shop.db", *AS_OF], 2, "a store does not know the shop's zone"),
        (["shop.db", *ZONE], 2, "give the day of judgement"),
        (["other.db", *AS_OF, *ZONE], 1, "error: the file is a SQLite database of something else"),
        (["nothing://me:secret@here/shop", *AS_OF, *ZONE], 1, "error: the address is not that of a database"),
        (
            ["mysql+mysqldb://me:secret@here/shop", *AS_OF, *ZONE],
            1,
            "error: the driver of the address is not installed",
        ),
        (["sqlite:///empty.db", *AS_OF, *ZONE], 1, "sqlite:///empty.db: the store's tables are not there"),
    ],
    ids=["mapping", "no mapping", "no zone", "no day", "other database", "address", "driver", "no tables"],
)
def test_a_wrong_call_is_told_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, said: str
) -> None:
    """What is wrong stands on the error's side in one message; a password never does."""
    monkeypatch.chdir(tmp_path)
    SqliteStore("shop.db").close()
    other = sqlite3.connect("other.db")
    other.execute("CREATE TABLE orders (id)")
    other.close()
    result = run("report", *arguments)

    assert result.exit_code == code
    assert said in " ".join(result.stderr.replace("│", " ").split())
    assert "secret" not in result.output
