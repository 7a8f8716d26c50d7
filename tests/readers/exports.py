"""Sample files of every known export: invented people, real headings."""

from __future__ import annotations

import csv
import io
import random
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from funnel.readers._reader import ReadArguments, Reader

if TYPE_CHECKING:
    from funnel.readers import ShopData

FOLDER = Path(__file__).parent / "exports"


@attrs.frozen
class Sample:
    """A sample file: the reader's name, the file, and what the caller has to say about it.

    `head` names the column that only the first row of each order fills; "" if every row is whole.
    """

    name: str
    file: str
    options: ReadArguments = attrs.field(factory=ReadArguments)
    delimiter: str = ","
    quote: str = '"'
    head: str = ""

    @property
    def path(self) -> Path:
        """Path of the file."""
        return FOLDER / self.file

    @property
    def is_json(self) -> bool:
        """Whether each line of the file is a JSON object."""
        return self.path.suffix == ".jsonl"

    def read(self, source: Any, **more: Any) -> ShopData:
        """Read a source with the reader and the options of the sample."""
        return Reader(self.name)(source, **{**self.options, **more})  # type: ignore[arg-type]

    def rows(self) -> tuple[list[str], list[list[str]]]:
        """Return the heading and the rows of the file; a file of JSON lines has no heading."""
        if self.is_json:
            return [], [[line] for line in self.path.read_text("utf-8").splitlines()]
        heading, *rows = self.reader(io.StringIO(self.path.read_text("utf-8-sig")), self.delimiter)
        return heading, rows

    def reader(self, lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
        """Read rows of CSV with the quotes of the file, or with none."""
        if self.quote:
            return csv.reader(lines, delimiter=delimiter)
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)

    def write(self, path: Path, rows: list[list[str]]) -> Path:
        """Write a file with the heading of the sample and these rows."""
        if self.is_json:
            path.write_text("".join(f"{row[0]}\n" for row in rows), encoding="utf-8")
            return path
        with path.open("w", encoding="utf-8", newline="") as file:
            if self.quote:
                csv.writer(file, delimiter=self.delimiter).writerows([self.rows()[0], *rows])
            else:
                file.writelines(f"{self.delimiter.join(row)}\n" for row in [self.rows()[0], *rows])
        return path


SAMPLES = {
    sample.file: sample
    for sample in [
        Sample("shopify.orders", "shopify.orders.csv", {"calling_code": "62"}, head="Financial Status"),
        Sample("woocommerce.orders", "woocommerce.orders.csv", {"zone": "Europe/Vienna"}),
        Sample("stripe.payments", "stripe.payments.csv", {"currency": "USD"}),
        Sample("etsy.orders", "etsy.orders.csv", {"zone": "Europe/Vienna"}),
        Sample("shopee.orders", "shopee.orders.id.csv", {"zone": "Asia/Jakarta"}),
        Sample("shopee.orders", "shopee.orders.id-new.csv", {"zone": "Asia/Jakarta"}),
        Sample("shopee.orders", "shopee.orders.en.csv", {"zone": "Asia/Manila", "currency": "PHP"}),
        Sample("shopee.orders", "shopee.orders.vi.csv", {"zone": "Asia/Ho_Chi_Minh"}),
        Sample("tiktok.orders", "tiktok.orders.csv", {"zone": "Asia/Jakarta", "currency": "IDR"}),
        Sample("amazon.orders", "amazon.orders.csv", delimiter="\t", quote=""),
        Sample("amazon.orders", "amazon.orders.all.csv", delimiter="\t", quote=""),
        Sample("lazada.orders", "lazada.orders.csv", {"zone": "Asia/Jakarta", "currency": "IDR", "calling_code": "62"}),
        Sample("etsy.orders", "etsy.orders.items.csv", {"zone": "Europe/Vienna"}),
        Sample("stripe.payments", "stripe.payments.old.csv"),
        Sample(
            "woocommerce.orders",
            "woocommerce.orders.export.csv",
            {"zone": "Europe/Vienna", "currency": "EUR"},
            head="Order Status",
        ),
        Sample("sheet.orders", "sheet.orders.csv", {"zone": "Asia/Jakarta", "currency": "IDR", "calling_code": "62"}),
        Sample("sheet.orders", "sheet.orders.en.csv", {"zone": "Asia/Jakarta", "currency": "USD"}),
        Sample("paypal.payments", "paypal.payments.csv"),
        Sample("square.transactions", "square.transactions.csv", {"zone": "America/Los_Angeles", "currency": "USD"}),
        Sample("ebay.orders", "ebay.orders.csv", {"zone": "America/Los_Angeles", "currency": "USD"}),
        Sample("odoo.orders", "odoo.orders.csv", {"zone": "Asia/Jakarta"}, head="Status"),
        Sample("erpnext.orders", "erpnext.orders.csv", {"zone": "Asia/Jakarta"}, head="Status"),
        Sample("hubspot.deals", "hubspot.deals.csv", {"zone": "Europe/Vienna"}),
        Sample("hubspot.contacts", "hubspot.contacts.csv", {"zone": "Europe/Vienna", "contacts": True}),
        Sample("meta.leads", "meta.leads.csv", {"contacts": True}),
        Sample("google_ads.leads", "google_ads.leads.csv", {"zone": "Europe/Vienna", "contacts": True}),
        Sample("ga4.events", "ga4.events.jsonl"),
        Sample("segment.events", "segment.events.jsonl"),
        Sample("shopify.customers", "shopify.customers.csv", {"calling_code": "62", "contacts": True}),
    ]
}
"""Every sample by its file name."""


def same(one: ShopData, other: ShopData) -> bool:
    """Return whether two results have the same records; their accounts may differ."""
    tables = ("purchases", "refunds", "order_lines", "leads", "interactions", "customers")
    return all(getattr(one, table).equals(getattr(other, table)) for table in tables)


def broken(text: bytes, choose: random.Random) -> bytes:
    """Damage a file one to four times as software and people do."""
    for _ in range(choose.randint(1, 4)):
        text = choose.choice(_DAMAGES)(text, choose)
    return text


def _cut(text: bytes, choose: random.Random) -> bytes:
    return text[: choose.randrange(len(text) + 1)]


def _changed(text: bytes, choose: random.Random) -> bytes:
    at = choose.randrange(len(text) + 1)
    return text[:at] + bytes([choose.choice(b'",;\t\n\r\0\xff\xa0=-09a')]) + text[at + 1 :]


def _dropped(text: bytes, choose: random.Random) -> bytes:
    lines = text.split(b"\n")
    del lines[choose.randrange(len(lines))]
    return b"\n".join(lines)


def _doubled(text: bytes, choose: random.Random) -> bytes:
    lines = text.split(b"\n")
    index = choose.randrange(len(lines))
    return b"\n".join([*lines[:index], lines[index], *lines[index:]])


def _other_ends(text: bytes, choose: random.Random) -> bytes:
    return text.replace(b"\n", choose.choice([b"\r\n", b"\r", b"\n\n"]))


def _other_delimiter(text: bytes, choose: random.Random) -> bytes:
    return text.replace(b",", choose.choice([b";", b"\t"]))


def _quoted_lines(text: bytes, _: random.Random) -> bytes:
    return b"\n".join(b'"' + line.replace(b'"', b'""') + b'";' for line in text.split(b"\n"))


def _shuffled(text: bytes, choose: random.Random) -> bytes:
    lines = text.split(b"\n")
    choose.shuffle(lines)
    return b"\n".join(lines)


def _joined(text: bytes, _: random.Random) -> bytes:
    """Append a file to itself, with its heading."""
    return text + text


def _padded(text: bytes, choose: random.Random) -> bytes:
    """Fill the lines up with delimiters, or add lines of delimiters, as spreadsheets do."""
    lines = text.split(b"\n")
    if choose.random() < 0.5:
        return b"\n".join(line + b",," for line in lines)
    return b"\n".join([*lines, *[b"," * lines[0].count(b",")] * 2])


def _stated_times(text: bytes, choose: random.Random) -> bytes:
    """Add a line above or below the table."""
    above = [b"sep=,\n", b"\xef\xbb\xbf", b"Orders of March\n", b"\n"]
    below = [b"\nTotal,3\n", b"\n\x1a", b"\n;;;\n", b'\n"']
    return choose.choice(above) + text if choose.random() < 0.5 else text + choose.choice(below)


def _rounded(text: bytes, choose: random.Random) -> bytes:
    """Write long numbers as powers of ten, or drop the seconds and the zone of times."""
    if choose.random() < 0.5:
        return re.sub(rb"\b(\d)(\d)\d{7,}\b", rb"\1.\2E+09", text)
    return re.sub(rb"(\d\d:\d\d):\d\d(?: ?[+-]\d\d:?\d\d)?", rb"\1", text)


def _comma_decimals(text: bytes, _: random.Random) -> bytes:
    return re.sub(rb"(\d+)\.(\d\d)\b", rb'"\1,\2"', text)


def _blank_cells(text: bytes, choose: random.Random) -> bytes:
    cell = choose.choice([b"", b" ", b"#N/A", b"0", b"-1", b"=A1", b"1e400", b"9" * 40])
    cells = text.split(b",")
    for _ in range(3):
        cells[choose.randrange(len(cells))] = cell
    return b",".join(cells)


_DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _cut,
    _changed,
    _changed,
    _dropped,
    _doubled,
    _other_ends,
    _other_delimiter,
    _quoted_lines,
    _shuffled,
    _joined,
    _padded,
    _stated_times,
    _rounded,
    _comma_decimals,
    _blank_cells,
)
