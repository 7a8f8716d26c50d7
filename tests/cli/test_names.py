"""Names of people in reports: an id that may be personal data is on no page, list or file."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import attrs
import polars as pl
import pytest

from funnel import Lead, Logs, Money, Purchase, SqliteStore
from funnel.cli import _html
from funnel.cli._names import PersonNames, records_of_logs
from funnel.cli._source import of_orders
from funnel.cli._words import Words
from funnel.errors import RecordError
from funnel.interactions import Visit
from funnel.readers import shopify
from funnel.readers._reader import exports_of
from tests.cli.shop import ORDERS, write_files
from tests.cli.test_cli import AS_OF, run
from tests.readers.exports import SAMPLES, Sample
from tests.readers.test_hostile_exports import PRIVATE

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = datetime(2027, 1, 1, tzinfo=UTC)
EMAIL, PHONE, NAME = "canary@example.com", "0812-000-1111", "Canary Dewi"
PERSONAL = ORDERS.replace("ani", EMAIL).replace("budi", PHONE).replace("citra", NAME)
ZONE = ["--tz", "Asia/Jakarta"]


def names(logs: Logs, ids: str = "key", *, contacts: bool = False) -> PersonNames:
    """Return the names of the people of logs."""
    words = Words("en", ZoneInfo("Asia/Jakarta"))
    return PersonNames(records_of_logs(logs), ids, LATER, words, contacts)  # type: ignore[arg-type]


def bought(*orders: tuple[str, str, datetime]) -> Logs:
    """Return logs of orders: the number, the person and the time of each."""
    rows = [{"id": number, "person_id": person, "purchased_at": at, "amount": 1} for number, person, at in orders]
    return Logs(purchases=pl.DataFrame(rows), currency="IDR")


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make pages without pictures, which take most of the time."""
    monkeypatch.setattr(_html, "has_pictures", bool)


# ---- which ids are shown -------------------------------------------------------------------------------------------


def test_a_difference_is_that_of_the_shares_as_they_are_shown() -> None:
    """From 17.8 % to 23.0 % are 5.2 points, also if the exact difference is 5.12 points."""
    words = Words("en", ZoneInfo("UTC"))

    assert (words.percent(0.1784), words.percent(0.2296)) == ("17.8 %", "23.0 %")
    assert words.difference(0.2296, 0.1784) == words.difference(0.1784, 0.2296) == "5.2"


@pytest.mark.parametrize(
    ("person_id", "is_shown"),
    [
        ("sari", True),
        ("cus_NffrFeUfNV2Hib", True),
        ("17850", True),
        ("@sari.shop", True),
        ("3f2504e0-4f89-11d3-9a0c-0305e82c3301", True),
        ("sari@example.com", False),
        ("Sari <sari@example.com>", False),
        ("sari%40example.com", False),
        ("sari\uff20example.com", False),
        ("628120001111@c.us", False),
        ("+628120001111", False),
        ("0812 000 1111", False),
        ("(0812) 000-1111", False),
        ("tel:+628120001111", False),
        ("\u0660\u0668\u0661\u0662\u0660\u0660\u0660\u0661\u0661", False),
        ("6281200", False),
        ("Sari Dewi", False),
    ],
)
def test_an_id_that_may_be_personal_data_is_not_shown(person_id: str, *, is_shown: bool) -> None:
    """Addresses, telephone numbers and names of several words; an ordinary id is shown."""
    actual = names(bought(("7", person_id, NOON))).of([person_id])
    assert actual == {person_id: person_id if is_shown else "order 7"}


@pytest.mark.parametrize(("ids", "expected"), [("key", ["sari"]), ("code", ["sari", "1234567"]), ("name", ["s1"])])
def test_a_platform_says_what_its_ids_may_be(ids: str, expected: list[str]) -> None:
    """A long number of HubSpot is an id; an id of Odoo or ERPNext without a digit may be a name."""
    people = {"key": ["sari", "1234567"], "code": ["sari", "1234567", "+1234567"], "name": ["sari", "s1", "1234567"]}
    logs = bought(*((f"o{number}", person, NOON) for number, person in enumerate(people[ids])))
    assert [person for person, name in names(logs, ids).of(people[ids]).items() if person == name] == expected


# ---- other names ----------------------------------------------------------------------------------


def test_the_latest_order_names_the_person() -> None:
    """Later orders than the report do not count; a person with `contacts` is named by the id."""
    after = datetime(2027, 6, 1, tzinfo=UTC)
    logs = bought(("1", EMAIL, NOON), ("2", EMAIL, NOON.replace(day=2)), ("3", EMAIL, after))

    assert names(logs).of([EMAIL]) == {EMAIL: "order 2"}
    assert names(logs, contacts=True).of([EMAIL]) == {EMAIL: EMAIL}


def test_without_a_number_the_day_names_the_person() -> None:
    """An id that the reader made up, or that is an address, is not a number; the days are those of the shop."""
    late = datetime(2026, 3, 1, 23, tzinfo=UTC)
    logs = bought(("row-0123456789abcdef0123", EMAIL, NOON), ("c@example.com", PHONE, late), ("A 1", NAME, late))

    assert names(logs).of([EMAIL, PHONE, NAME]) == {
        EMAIL: "order of 2026-03-01",
        PHONE: "order of 2026-03-02",
        NAME: "order of 2026-03-02 (2)",
    }


def test_people_without_orders_have_a_name_too() -> None:
    """A lead is named by its day, and everyone else has a number; a name leads back to the id."""
    with SqliteStore() as shop:
        shop.append(
            Lead(person_id=EMAIL, arrived_at=NOON, source="ad"),
            Lead(person_id=PHONE, arrived_at=NOON, source="ad", referred_by=NAME),
            Visit(id="v", person_id="b@example.com", occurred_at=NOON),
            Purchase(id="1", person_id="c@example.com", purchased_at=LATER.replace(month=2), amount=Money(1, "USD")),
            recorded_at=LATER,
        )
        people_names = names(shop.logs())
    people = [EMAIL, PHONE, "b@example.com", NAME, "c@example.com"]
    called = people_names.of(people)

    assert set(called.values()) == {"lead of 2026-03-01", "lead of 2026-03-01 (2)", "person 1", "person 2", "person 3"}
    assert [people_names.id_of(called[one]) for one in people] == people
    assert people_names.id_of("prospek tanggal 2026-03-01") == people_names.id_of("lead of 2026-03-01")
    assert people_names.id_of("order 1") is None


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=list(SAMPLES))
def test_no_name_of_an_export_is_personal_data(sample: Sample) -> None:
    """Whatever key a reader chose: no person is called by a cell that the export declares as personal, or by a name."""
    heading, rows = sample.rows()
    data = sample.read(sample.path)
    ids = {one for table in (data.purchases, data.leads, data.interactions) for one in table["person_id"]}
    if not ids and data.customers.is_empty():  # an export without buyers
        with pytest.raises(RecordError, match="no row was kept"):
            of_orders(data)
        return
    source = of_orders(data)
    private = set[str]()
    if not sample.is_json:
        (export, *_) = [one for one in exports_of(sample.name) if one.fits(heading)]
        indices = [index for name, index in export.positions(heading).items() if name in PRIVATE - {"username", "who"}]
        private = {row[index].strip().lower() for row in rows for index in indices if index < len(row)} - {""}
    called = attrs.evolve(names(source.logs, source.ids), order_names=source.order_names).of(ids).values()

    assert len(set(called)) == len(ids)
    assert not [name for name in called if name.lower() in private or "@" in name.lstrip("@")]
    assert not [name for name in called if name.lstrip("+").isdigit() and source.ids == "key" and len(name) > 6]


SHOPIFY = """Id,Name,Email,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name
9001,#1461,canary@example.com,paid,IDR,20.00,2026-03-01 09:00:00 +0700,1,Cup
,#1461,canary@example.com,,,,,1,Plate
9002,#1461,budi@example.com,paid,IDR,30.00,2026-03-02 09:00:00 +0700,1,Cup
9003,a@b.example,c@example.com,paid,IDR,40.00,2026-03-03 09:00:00 +0700,1,Cup
"""
"""Orders of two shops, which use a name twice, and a name that is not shown."""


def test_people_of_shopify_have_the_name_of_their_order(tmp_path: Path) -> None:
    """The owner knows "#1461", not the id; a name of two shops has a number, and an address in its place is hidden."""
    path = tmp_path / "orders.csv"
    path.write_text(SHOPIFY, encoding="utf-8")
    source = of_orders(shopify.orders(path))
    people_names = attrs.evolve(names(source.logs), order_names=source.order_names)
    people = ["budi@example.com", "c@example.com", "canary@example.com"]
    called = people_names.of(people)

    assert sorted(called.values()) == ["order #1461", "order #1461 (2)", "order 9003"]
    assert [people_names.id_of(called[one]) for one in people] == people


@pytest.mark.usefixtures("no_pictures")
def test_every_command_names_a_person_by_the_order_of_shopify(tmp_path: Path) -> None:
    """The report, the list of the day and the page of a person have the same name, which finds the person."""
    path = tmp_path / "orders.csv"
    path.write_text(SHOPIFY, encoding="utf-8")
    end = ["--as-of", "2027-01-01", *ZONE]

    for call in (["report", str(path), *end], ["worklist", str(path), *end, "--limit", "9"]):
        assert "order #1461" in run(*call).stdout
    page = run("profile", str(path), "order #1461", *end).stdout

    assert page.startswith("person: order #1461\n")
    assert "@" not in page


def test_an_order_has_a_name_if_it_is_not_the_id(tmp_path: Path) -> None:
    """The table has the id, the source and the name; an old export without ids has no other name."""
    path = tmp_path / "orders.csv"
    path.write_text(SHOPIFY, encoding="utf-8")
    old = SHOPIFY.replace("Id,Name", "No,Name")
    (tmp_path / "old.csv").write_text(old, encoding="utf-8")

    assert shopify.orders(path).order_names.rows() == [
        ("9001", "shopify", "#1461"),
        ("9002", "shopify", "#1461"),
        ("9003", "shopify", "a@b.example"),
    ]
    assert shopify.orders(tmp_path / "old.csv").order_names.is_empty()


# ---- every command -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("language", ["en", pytest.param("id", marks=pytest.mark.more)])
def test_no_command_shows_an_id_that_is_personal_data(tmp_path: Path, language: str) -> None:
    """The report, its page, its CSV and the list of the day; with `--contacts` each of them has the ids."""
    files = [tmp_path / "report.html", tmp_path / "today.csv", tmp_path / "day.csv"]
    shop = write_files(tmp_path, PERSONAL)[1:]
    report = ["report", *shop, *AS_OF, "--language", language, "-o", str(files[0]), "--worklist", str(files[1])]
    day = ["worklist", *shop, *AS_OF, "--language", language]
    for contacts in ([], ["--contacts"]):
        printed = [run(*report, *contacts).stdout, run(*day, *contacts).stdout]
        run(*day, *contacts, "-o", str(files[2]))
        texts = [*printed, *(one.read_text(encoding="utf-8") for one in files)]
        word = "order" if language == "en" else "pesanan"

        tables = [list(csv.DictReader(one.read_text(encoding="utf-8").splitlines())) for one in files[1:]]
        assert all(row["person_id"] == (row["person"] if contacts else "") for table in tables for row in table)
        assert all(row["person"] for table in tables for row in table)
        assert all((EMAIL in text) == bool(contacts) for text in texts)
        assert all((PHONE in text) == bool(contacts) for text in texts)
        assert all((f"{word} 4" in text) != bool(contacts) for text in texts)
        assert ("`--contacts`" in printed[0]) != bool(contacts)


def test_the_page_of_a_person_is_found_by_the_name_in_the_report(tmp_path: Path) -> None:
    """The name of a report, in either language, is taken for the person; the id is shown with `--contacts` only."""
    shop, *mapping = write_files(tmp_path, PERSONAL)[1:]
    for name in ("order 3", "pesanan 3", EMAIL):
        assert run("profile", shop, name, *mapping, *AS_OF).stdout.startswith("person: order 3\n")
    assert run("profile", shop, "order 3", *mapping, *AS_OF, "--contacts").stdout.startswith(f"person: {EMAIL}\n")

    for wrong in ("order 99", "x@example.com"):
        result = run("profile", shop, wrong, *mapping, *AS_OF)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "no record of" in result.stderr
        assert "@" not in result.stderr


def test_the_page_of_a_person_in_a_store_is_found_by_the_order(tmp_path: Path) -> None:
    """A buyer has the number of the order, a lead the day, and everyone else a number."""
    path = tmp_path / "shop.db"
    with SqliteStore(path) as shop:
        shop.append(Purchase(id="1", person_id=EMAIL, purchased_at=NOON, amount=Money(1, "USD")), recorded_at=NOON)
        shop.append(Lead(person_id=PHONE, arrived_at=NOON, source="ad"), recorded_at=NOON)
        shop.append(Visit(id="v", person_id=NAME, occurred_at=NOON), recorded_at=NOON)
    call = ["profile", str(path), *AS_OF, *ZONE]

    assert run(*call, "order 1").stdout.startswith("person: order 1\n")
    assert run(*call, NAME).stdout.startswith("person: person 1\n")
    assert run(*call, PHONE).stdout.startswith("person: lead of 2026-03-01\n")
    unknown = run(*call, "nobody@example.com")
    assert "no record of a person whose id may be personal data" in unknown.stderr
