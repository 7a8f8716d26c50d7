"""The report of a store equals the report of the same orders in a file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from funnel import Money, Purchase, Refund, SqlAlchemyStore, SqliteStore
from funnel.interactions import Question
from funnel.rates import Rates
from funnel.readers._read_orders import OrderMapping, read_orders
from funnel.records import Record
from funnel.store import store_tables
from tests.cli.shop import write_files
from tests.cli.test_cli import AS_OF, page, run

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATELY = datetime(2026, 5, 31, 12, tzinfo=UTC)
ZONE = ["--tz", "Asia/Jakarta"]


def records(folder: Path) -> Iterator[Record]:
    """The orders of the shop's file, as records."""
    _, file, _, mapping = write_files(folder)
    orders = read_orders(file, OrderMapping.read(mapping))
    for row in orders.purchases.to_dicts():
        fields = {name: value for name, value in row.items() if name != "currency"}
        yield Purchase.model_validate({**fields, "amount": Money.of_minor(row["amount"], row["currency"])})
    for row in orders.refunds.to_dicts():
        fields = {name: value for name, value in row.items() if name != "currency"}
        yield Refund.model_validate({**fields, "amount": Money.of_minor(row["amount"], row["currency"])})


def lines(*arguments: str) -> list[str]:
    """Return the lines of a store's report, without surrounding spaces."""
    result = run("report", *arguments, *AS_OF, *ZONE)

    assert (result.exit_code, result.stderr) == (0, "")
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def after(heading: str, page: list[str]) -> list[str]:
    """Return the lines from a heading on."""
    return page[page.index(heading) :]


@pytest.mark.parametrize("kind", ["file", "address"])
def test_a_store_has_the_page_of_its_file(tmp_path: Path, kind: str) -> None:
    """The stages, rates and lists are the same for a file, a SQLite store and a database."""
    path = tmp_path / "shop.db"
    if kind == "file":
        address = str(path)
        with SqliteStore(path) as store:
            store.append(*records(tmp_path), recorded_at=NOON)
    else:
        address = f"sqlite:///{path}"
        engine = sa.create_engine(address, poolclass=sa.NullPool)
        store_tables().create_all(engine)
        SqlAlchemyStore(engine).append(*records(tmp_path), recorded_at=NOON)
    page_lines = lines(address)

    assert page_lines[0] == "shop.db, as of 2026-06-01 23:59 (Asia/Jakarta)"
    assert "read 8 records in histories" in page_lines
    assert "Purchases from 2025-06-01 to 2026-06-02." in page_lines
    assert after("People per stage", page_lines) == after("People per stage", page(tmp_path, *AS_OF))


def test_unresolved_records_are_counted(tmp_path: Path) -> None:
    """An unresolved refund is in no history; a shop without sales has a page without amounts."""
    with SqliteStore(tmp_path / "shop.db") as store:
        early = Refund(id="1", purchase_id="2", refunded_at=NOON, amount=Money(1, "USD"))
        question = Question(id="1", person_id="ani", occurred_at=LATELY)
        store.append(early, question, recorded_at=LATELY)
    page_lines = lines(str(tmp_path / "shop.db"))

    assert "read 1 records in histories" in page_lines
    assert "noted 1 unresolved records, which refer to a missing record" in page_lines
    assert "No purchases." in page_lines
    assert any(line.startswith("1. ani Answer the question: ") for line in page_lines)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["shop.db", "--mapping", "x.toml", *AS_OF, *ZONE], 2, "a store has no mapping; leave it out"),
        (["orders.csv", *AS_OF, *ZONE], 2, "error: orders.csv cannot be opened"),
        (["shop.db", *AS_OF], 2, "the shop's time zone is missing"),
        (["shop.db", *ZONE], 2, "as_of is missing"),
        (["shop.db", "orders.csv", *AS_OF, *ZONE], 2, "a store is read alone"),
        (["shop.db", *AS_OF, *ZONE, "--unpaid", "sent"], 2, "--unpaid: this is for exports without a mapping"),
        (
            ["shop.db", *AS_OF, *ZONE, "--rates", "rates.csv"],
            2,
            "error: rates need the reporting currency; pass it too",
        ),
        (["orders.csv", *AS_OF, *ZONE, "--rates", "x.csv"], 2, "error: rates need the reporting currency; pass it too"),
        (
            ["shop.db", *AS_OF, *ZONE, "--rates", "x.csv", "--currency", "IDR"],
            2,
            "error: x.csv cannot be read: No such",
        ),
        (["other.db", *AS_OF, *ZONE], 1, "error: the file is a SQLite database of another program"),
        (["nothing://me:secret@here/shop", *AS_OF, *ZONE], 1, "error: the address is not a database address"),
        (
            ["mysql+mysqldb://me:secret@here/shop", *AS_OF, *ZONE],
            1,
            "error: the driver of the address is not installed",
        ),
        (["sqlite:///empty.db", *AS_OF, *ZONE], 1, "sqlite:///empty.db: the store's tables are missing"),
    ],
    ids=[
        "mapping",
        "no file",
        "no zone",
        "no day",
        "two sources",
        "export option",
        "no currency",
        "rates of a file",
        "no rates",
        "other database",
        "address",
        "driver",
        "no tables",
    ],
)
def test_a_wrong_call_about_a_store_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, message: str
) -> None:
    """The message goes to standard error and never has a password."""
    monkeypatch.chdir(tmp_path)
    SqliteStore("shop.db").close()
    other = sqlite3.connect("other.db")
    other.execute("CREATE TABLE orders (id)")
    other.close()
    result = run("report", *arguments)

    assert result.exit_code == code
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert "secret" not in result.output


def test_a_store_of_several_currencies_is_reported_with_rates(tmp_path: Path) -> None:
    """All amounts in the reporting currency, the amounts of one currency, or an error that says what to do."""
    path, file = tmp_path / "shop.db", tmp_path / "rates.csv"
    file.write_text("currency,day,rate\nUSD,2026-03-01,15000\n", encoding="utf-8")
    rates = Rates.from_csv(file, "IDR", tz="Asia/Jakarta")
    with SqliteStore(path, rates=rates) as store:
        for number, amount in enumerate([Money(2, "USD"), Money(40_000, "IDR")]):
            order = Purchase(id=str(number), person_id="sari", purchased_at=NOON, amount=amount)
            store.append(order, recorded_at=NOON)
    in_rupiah = ["--rates", str(file), "--currency", "IDR"]

    for options, orders in ((in_rupiah, 2), (["--currency", "IDR"], 1), (["--currency", "USD"], 1)):
        assert f"read {orders} records in histories" in lines(str(path), *options)
    result = run("profile", str(path), "sari", *AS_OF, *ZONE, *in_rupiah)
    assert (result.exit_code, "Rp70.000 in all" in result.stdout) == (0, True)
    for arguments, message in (([], "open the store with"), (["--currency", "IDR"], "is shown in all currencies")):
        refused = run("profile", str(path), "sari", *AS_OF, *ZONE, *arguments)
        assert (refused.exit_code, message in refused.stderr) == (2, True)
    refused = run("report", str(path), *AS_OF, *ZONE)
    assert "or pass --rates and --currency to a command" in refused.stderr


def test_files_of_several_currencies_are_reported_with_rates(tmp_path: Path) -> None:
    """An export and a mapped file have one report, one list of the day and one page of a person."""
    rates, export, mapped, mapping = (
        tmp_path / name for name in ("rates.csv", "shop.csv", "orders.csv", "orders.toml")
    )
    rates.write_text("currency,day,rate\nUSD,2026-03-01,15000\n", encoding="utf-8")
    head = "Name,Email,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name"
    rows = [
        f"#{number},sari@example.com,paid,{code},2000.00,2026-03-01,1,Cup" for number, code in enumerate(("USD", "IDR"))
    ]
    export.write_text("\n".join([head, *rows, ""]).replace("2026-03-01", "2026-03-01 12:00:00 +0700"), encoding="utf-8")
    mapped.write_text("\n".join([head, *rows, ""]), encoding="utf-8")
    columns = "id = 'Name'\nperson_id = 'Email'\npurchased_at = 'Created at'\namount = 'Total'\ncurrency = 'Currency'\n"
    mapping.write_text(f"currency = 'IDR'\nzone = 'Asia/Jakarta'\n[columns]\n{columns}", encoding="utf-8")
    in_rupiah = ["--rates", str(rates), "--currency", "IDR"]

    for arguments in ([str(export)], [str(mapped), "--mapping", str(mapping)]):
        assert "read 2 purchases" in lines(*arguments, *in_rupiah)
        day = run("worklist", *arguments, *in_rupiah, *AS_OF, *ZONE)
        assert (day.exit_code, day.stderr) == (0, "")
        file, *options = arguments
        person = run("profile", file, "sari@example.com", *options, *in_rupiah, *AS_OF, *ZONE)
        assert (person.stderr, "Rp30.002.000 in all" in person.stdout) == ("", True)
    refused = run("report", str(export), *AS_OF, *ZONE)
    assert (refused.exit_code, "pass --currency to read" in refused.stderr) == (2, True)
    assert "or pass --rates to convert the amounts" in refused.stderr
    rates.write_text("currency,day,rate\nUSD,2026-03-02,15000\n", encoding="utf-8")
    no_rate = run("report", str(export), *in_rupiah, *AS_OF, *ZONE)
    assert (no_rate.exit_code, "no rate of USD on 2026-03-01; add the rates" in no_rate.stderr) == (2, True)
