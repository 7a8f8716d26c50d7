"""Hostile files: whatever bytes are given, the answer is right, or an error that holds nothing of the file."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import attrs
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.errors import ArgumentError, FunnelError, MoneyError
from funnel.money import Money
from funnel.readers._read_orders import OrderMapping, read_orders
from funnel.readers._shop_data import ShopData
from tests.readers.shop import account, count_of, mapping

CANARY = "KANARI"
COLUMNS = ["No", "Buyer", "When", "Total", "Note"]
CELLS: dict[str, list[str]] = {
    "No": ["1", "2", " 3 ", "#4", "KANARI-5", "", "2.88E+18", "x" * 189, "\x00KANARI", "=1+1", "1"],
    "Buyer": ["ani", "budi", "KANARI@x.test", "+62 812 KANARI", "", "\u00a0", "6.28E+12", "ani"],
    "When": ["2026-03-01", "2026-03-02 09:30", "2026-03-02T09:30:15.5", "KANARI", "", "31/12/2026", "2026-02-30"],
    "Total": ["5", "12.50", "0", "1e3", "KANARI", "", "-5", "'-5", "9" * 5000, "1,5", "12.505"],
    "Note": ["", "cup", '15" pan', '"15 pan', 'KANARI "x" y', "a,b", "a;b", "two\nlines", "x\r", "'", "KANARI\t", '"'],
}


@attrs.frozen
class File:
    """The bytes of a file, and how they are declared."""

    raw: bytes
    how: OrderMapping


GOOD = {
    "No": ["1", "2", " 3 ", "#4"],
    "Buyer": ["ani"],
    "When": ["2026-03-01", "2026-03-02 09:30"],
    "Total": ["5", "12.50", "0", "'+5"],
    "Note": ["", "cup", '15" pan', "a,b", "two\nlines"],
}


def seldom(draw: st.DrawFn, usual: Any, *others: Any) -> Any:
    """Draw what is usual in most cases, and something else now and then."""
    return draw(st.sampled_from([*[usual] * 6, *others]))


@st.composite
def csv_files(draw: st.DrawFn) -> File:
    """Write rows, good and hostile, in one of the ways in which CSV files are written, and declare it or not."""
    delimiter, end = draw(st.sampled_from([",", ";", "\t"])), draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    heading = seldom(draw, COLUMNS, COLUMNS[::-1], [*COLUMNS, "Total"], COLUMNS[1:], ["KANARI", "2"])
    cells = seldom(draw, GOOD, CELLS, CELLS)
    rows = draw(st.lists(st.tuples(*(st.sampled_from(cells.get(name, ["KANARI"])) for name in heading)), max_size=8))
    quoting = seldom(draw, csv.QUOTE_MINIMAL, csv.QUOTE_ALL, None, None, None)
    lines = [cell_text(row, delimiter, quoting) for row in [heading, *rows]]
    for index in seldom(draw, [], [0], [1], [2], [0, 3]):
        lines.insert(index, draw(st.sampled_from(["", "KANARI", f"sep={delimiter}", "1", f"1{delimiter}2" * 9])))
    text = end.join(lines) + seldom(draw, end, "", '"')
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"]))
    declared = {"utf-8-sig": "utf-8", "utf-16": "utf-8"}.get(encoding, encoding)
    how = mapping(
        currency="USD",
        zone="UTC",
        delimiter=seldom(draw, delimiter, ",", ";"),
        quote=draw(st.sampled_from([None, None, '"', ""])),
        encoding=seldom(draw, declared, "utf-8", "utf-16-le", "cp1252"),
        skip_lines=seldom(draw, 0, 1),
    )
    return File(text.encode(encoding), how)


def cell_text(row: Any, delimiter: str, quoting: Any) -> str:
    """Write one row: with quotes as they should be, or with none at all."""
    if quoting is None:
        return delimiter.join(row)
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator="").writerow(row)
    return text.getvalue()


def read_as(name: str, raw: bytes, how: OrderMapping) -> ShopData | None:
    """Read bytes as a file of a name; None if they are refused, by an error that holds nothing of them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(raw)
        try:
            return read_orders(path, how)
        except FunnelError as error:
            assert_shows_nothing(error)
            return None


def assert_shows_nothing(error: BaseException) -> None:
    """Neither the error nor what a traceback would show with it holds a value."""
    current: BaseException | None = error
    while current is not None:
        assert CANARY not in f"{current}{current!r}"
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def plain_rows(file: File) -> list[list[str]]:
    """Read the rows below the heading with nothing but the csv module."""
    text = file.raw.decode(encoding_of(file))
    source = io.StringIO(text, newline="\r" if re.match(r"[^\n\r]*\r(?!\n)", text) else "\n")
    for _ in range(file.how.skip_lines):
        source.readline()
    start = source.tell()
    if not re.fullmatch(r'"?sep=."?\s*', source.readline()):
        source.seek(start)
    quote = '"' if file.how.quote is None else file.how.quote or None
    quoting: Any = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    heading, *rows = csv.reader(source, delimiter=file.how.delimiter, quotechar=quote, quoting=quoting)
    indices = {name: heading.index(name) for name in COLUMNS[:4]}
    width = len(heading)
    padded = [[*row, *[""] * width][:width] for row in rows]
    return [[*(row[indices[name]] for name in COLUMNS[:4]), *row] for row in padded]


def encoding_of(file: File) -> str:
    """The mark at the beginning counts, else the declaration."""
    encodings = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16"}
    return next((encoding for prefix, encoding in encodings.items() if file.raw.startswith(prefix)), file.how.encoding)


def plain_purchases(rows: list[list[str]]) -> dict[str, tuple[str, datetime, int]]:
    """Add the rows up to orders, one after the other."""
    orders: dict[str, list[tuple[str, datetime, int]]] = defaultdict(list)
    for number, person, when, amount, *_ in dict.fromkeys(map(tuple, rows)):
        line = (plain_id(number, 188), plain_id(person, 200), plain_time(when.strip()), plain_amount(amount.strip()))
        if None not in line:
            orders[str(line[0])].append(line[1:])  # type: ignore[arg-type]
    one = {number: lines for number, lines in orders.items() if len({person for person, _, _ in lines}) == 1}
    return {number: (of[0][0], min(at for _, at, _ in of), sum(sum_ for *_, sum_ in of)) for number, of in one.items()}


def plain_id(text: str, most: int) -> str | None:
    """An id is text of some characters, as it is written."""
    bare = text.strip(" \t\r\n")
    bad = not bare.strip() or len(bare) > most or re.search(r"[\x00-\x1f]|^[0-9.]+E\+[0-9]+$", bare)
    return None if bad else bare


def plain_time(text: str) -> datetime | None:
    """A time is a day, or a day and a clock."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?)?", text):
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def plain_amount(text: str) -> int | None:
    """An amount is what money reads, from nothing up."""
    try:
        minor = Money.parse(text, "USD", style="plain").minor
    except MoneyError:
        return None
    return minor if minor >= 0 else None


@given(file=csv_files())
def test_a_hostile_csv_file_is_read_as_the_csv_module_reads_it_or_refused(file: File) -> None:
    """The rows are as many as an independent count says, each is accounted for once, and the purchases are the same."""
    orders = read_as("orders.csv", file.raw, file.how)
    if orders is None:
        return
    rows = plain_rows(file)
    purchase_rows = orders.purchases.select("id", "person_id", "purchased_at", "amount").iter_rows()

    assert CANARY not in str(orders)
    assert account(orders)["rows in the file"][1] == len(rows)
    assert account(orders)["rows kept"][1] + count_of(orders, "merged") + count_of(orders, "refused") == len(rows)
    assert {number: (person, at, sum_) for number, person, at, sum_ in purchase_rows} == plain_purchases(rows)


@given(
    raw=st.one_of(
        st.binary(max_size=300),
        st.lists(st.sampled_from([b"No,Buyer,When,Total\n", b'"', b",", b"\r", b"\n", b"\x00", b"\xff\xfe", b"1"])).map(
            b"".join
        ),
    ),
    name=st.sampled_from(["a.csv", "a.tsv", "a.txt", "a.parquet", "a.pq"]),
)
def test_any_bytes_are_a_file_or_an_error(raw: bytes, name: str) -> None:
    """Noise under any name is refused by an error of the library."""
    orders = read_as(name, raw, mapping())

    assert orders is None or account(orders)["rows in the file"][1] >= 0


COLUMN = st.sampled_from(
    [
        pl.Series(["1", "2", CANARY]),
        pl.Series([1.0, 2.0**60, float("nan")]),
        pl.Series([1, 2, None]),
        pl.Series([None, None, None]),
        pl.Series([date(2026, 3, 1), None, date(9999, 1, 1)]),
        pl.Series([datetime(2026, 3, 1), datetime(1, 1, 1), None]),  # noqa: DTZ001 (the zone is the mapping's)
        pl.Series([[CANARY], [], None]),
        pl.Series([{"a": CANARY}, None, None]),
        pl.Series([CANARY, None, CANARY], dtype=pl.Categorical),
        pl.Series([CANARY, None, CANARY], dtype=pl.Enum([CANARY])),
        pl.Series([b"KANARI", None, b""]),
        pl.Series([True, None, False]),
    ]
)
SERIES = {name: st.sampled_from([pl.Series((cells * 3)[:3]), pl.Series(cells[:3])]) for name, cells in CELLS.items()}


@given(
    columns=st.fixed_dictionaries({name: st.one_of(SERIES[name], SERIES[name], COLUMN) for name in COLUMNS}),
    names=st.permutations([*COLUMNS[:4], "Note"]),
    repeated=st.integers(0, 2),
    changes=st.fixed_dictionaries({"amount_style": st.sampled_from(["plain", "number", "minor"])}),
    cut=st.one_of(st.none(), st.none(), st.integers(0, 900)),
    noise=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=3),
)
def test_a_hostile_parquet_file_is_accounted_for_or_refused(  # noqa: PLR0913, PLR0917 (each is a way to spoil a file)
    columns: dict[str, pl.Series],
    names: list[str],
    repeated: int,
    changes: dict[str, Any],
    cut: int | None,
    noise: list[tuple[int, int]],
) -> None:
    """Columns of any type, whole or spoilt: every row is accounted for, or the error holds nothing of the file."""
    frame = pl.DataFrame({name: columns[name] for name in names})
    frame = pl.concat([frame, *[frame] * repeated])
    file = io.BytesIO()
    frame.write_parquet(file)
    raw = bytearray(file.getvalue()[:cut])
    for offset, byte in noise:
        if raw:
            raw[offset % len(raw)] = byte
    orders = read_as("orders.parquet", bytes(raw), mapping(currency="USD", zone="UTC", **changes))
    if orders is None:
        return
    rows = account(orders)["rows in the file"][1]

    assert CANARY not in str(orders)
    assert rows == account(orders)["rows kept"][1] + count_of(orders, "merged") + count_of(orders, "refused")
    assert noise or cut is not None or rows == frame.height


TOML = st.one_of(
    st.binary(max_size=200),
    st.lists(
        st.sampled_from(
            [
                'currency = "USD"\n',
                'zone = "UTC"\n',
                "[columns]\n",
                'id = "No"\nperson_id = "Buyer"\npurchased_at = "When"\namount = "Total"\n',
                'amount = ["Total"]\n',
                "skip_lines = 9999999999999999999999\n",
                "as_of = 2026-03-01\n",
                "as_of = 2026-03-01T09:00:00\n",
                "skip_lines = nan\n",
                f"credit_negative = {'9' * 5000}\n",
                f"nobody = {'[' * 3000}\n",
                f"nobody = {'[' * 50}{']' * 50}\n",
                'statuses = {a = "paid", b = 1}\n',
                'quote = "\\u0000"\n',
                'delimiter = "\U0001f600"\n',
                'time_formats = {refunded_at = "%d"}\n',
                '"" = 1\n',
                "x" + ".x" * 300 + " = 1\n",
                'encoding = "rot13"\n',
                'strip = "\\ud800"\n',
                'blanks = [""]\n',
            ]
        ),
        max_size=8,
    ).map(lambda parts: "".join(parts).encode()),
)


@given(raw=TOML)
def test_any_bytes_are_a_mapping_or_an_error(raw: bytes) -> None:
    """A mapping of any bytes is read, or refused by an error of the library."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "orders.toml")
        path.write_bytes(raw)
        with suppress(ArgumentError):
            assert OrderMapping.read(path).columns.id == "No"


@pytest.mark.parametrize("name", ["orders.csv", "orders.parquet"])
def test_an_empty_file_of_any_name_is_refused(name: str) -> None:
    """Nothing is neither CSV nor Parquet."""
    assert read_as(name, b"", mapping()) is None
