"""Hostile files for each reader by name: an account that adds up, or a plain error; and never a person's cell."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from typing import TYPE_CHECKING

import pytest

from funnel import read_orders
from funnel.errors import ArgumentError, FileError, FunnelError, RecordError
from funnel.readers._propose import propose
from funnel.readers._reader import exports_of
from tests.readers.exports import SAMPLES, same
from tests.readers.shop import mapping

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from funnel.readers import ShopData
    from tests.readers.exports import Sample

WITH_HEADING = [name for name in SAMPLES if not SAMPLES[name].is_json]
PRIVATE = {"email", "phone", "name", "address", "username", "who", "billing_name", "shipping_name", "street"}
PRIVATE |= {"billing_phone", "shipping_phone", "first_name", "last_name", "address_phone"}


@pytest.fixture(params=WITH_HEADING)
def sample(request: pytest.FixtureRequest) -> Sample:
    """Give each sample in turn."""
    return SAMPLES[request.param]


def private_cells(sample: Sample) -> set[str]:
    """Return the cells of the sample that are data of a person, by the declaration of its export."""
    heading, rows = sample.rows()
    (export, *_) = [one for one in exports_of(sample.name) if one.fits(heading)]
    indices = [index for name, index in export.positions(heading).items() if name in PRIVATE]
    cells = {row[index].strip() for row in rows for index in indices if index < len(row)}
    return {cell for cell in cells if len(cell) > 4}


def assert_hides(error: BaseException, private: set[str]) -> None:
    """Neither the error nor what a traceback shows with it has a cell of a person."""
    current: BaseException | None = error
    while current is not None:
        assert not [cell for cell in private if cell in f"{current}{current!r}"]
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def zipped(raw: bytes) -> bytes:
    """Return a zip file with one member."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as parts:
        parts.writestr("orders.csv", raw)
    return file.getvalue()


def without_heading(raw: bytes) -> bytes:
    """Return the rows alone."""
    return b"".join(raw.splitlines(keepends=True)[1:])


def in_one_cell(raw: bytes) -> bytes:
    """Return the file as a spreadsheet writes it that took each line for one cell."""
    lines = raw.decode("utf-8-sig").splitlines()
    return "".join('"' + line.replace('"', '""') + '";\n' for line in lines).encode()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cp1252": lambda raw: raw.decode("utf-8-sig").replace("e", "\xe9").encode("cp1252", errors="replace"),
    "utf-16": lambda raw: raw.decode("utf-8-sig").encode("utf-16"),
    "utf-16 without its mark": lambda raw: raw.decode("utf-8-sig").encode("utf-16-le"),
    "utf-32": lambda raw: raw.decode("utf-8-sig").encode("utf-32"),
    "NUL bytes": lambda raw: raw.replace(b"1", b"\0"),
    "heading alone": lambda raw: raw.splitlines(keepends=True)[0],
    "no heading": without_heading,
    "empty": lambda _: b"",
    "blank": lambda _: b"\n \n\n",
    "gzip": gzip.compress,
    "zip": zipped,
    "lines in one cell": in_one_cell,
    "open quote": lambda raw: raw.replace(b"\n", b'\n"', 1),
    "twice": lambda raw: raw + raw,
    "page of a login": lambda _: b"<html><body>Log in</body></html>",
}


DAMAGED = [
    pytest.param(
        sample, damage, id=f"{sample.file}-{damage}", marks=() if (row + column) % 3 == 0 else pytest.mark.more
    )
    for row, sample in enumerate(SAMPLES[name] for name in WITH_HEADING)
    for column, damage in enumerate(DAMAGES)
]
"""Every damage of every export; `make test` has five damages of each export, and nine exports with each damage."""


@pytest.mark.parametrize(("sample", "damage"), DAMAGED)
def test_a_damaged_export_is_accounted_for_or_a_plain_error(sample: Sample, damage: str, tmp_path: Path) -> None:
    """No traceback, no wrong account, and no cell of a person in either."""
    path = tmp_path / f"orders{sample.path.suffix}"
    path.write_bytes(DAMAGES[damage](sample.path.read_bytes()))
    private = private_cells(sample)
    try:
        data = sample.read(path)
    except FunnelError as error:
        assert_hides(error, private)
        return
    counts = [entry.count for entry in data.account if entry.what in ("merged", "refused")]
    rows_kept = next(entry.count for entry in data.account if entry.reason == "rows kept")
    assert data.account[0].count == rows_kept + sum(counts)
    assert not [cell for cell in private if cell in str(data)]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("gzip", "is compressed"),
        ("zip", "is a spreadsheet or a zip file"),
        ("utf-32", "is text in UTF-32"),
        ("utf-16 without its mark", "seems to be UTF-16 without its mark; pass encoding='utf-16-le'"),
        ("cp1252", "is not text in UTF-8; save it as CSV UTF-8, or pass its encoding"),
        ("empty", "is empty"),
    ],
)
def test_what_a_file_is_instead_is_named(tmp_path: Path, damage: str, message: str) -> None:
    """The error says what the file is, and what to do."""
    sample = SAMPLES["shopify.orders.csv"]
    path = tmp_path / "orders.csv"
    path.write_bytes(DAMAGES[damage](sample.path.read_bytes()))
    with pytest.raises(RecordError, match=message):
        sample.read(path)


def test_an_export_without_rows_is_empty(sample: Sample, tmp_path: Path) -> None:
    """A month without orders gives empty tables, and needs no currency."""
    path = sample.write(tmp_path / f"empty{sample.path.suffix}", [])
    options = {name: value for name, value in sample.options.items() if name != "currency"}
    data: ShopData = read_orders(path, **options)  # type: ignore[arg-type]

    assert (data.account[0].count, data.purchases.height, data.leads.height) == (0, 0, 0)
    assert same(sample.read([path, sample.path]), sample.read(sample.path))


def test_an_export_saved_with_semicolons_is_read(sample: Sample, tmp_path: Path) -> None:
    """A spreadsheet of many countries writes semicolons; the cells are the same."""
    if not sample.quote:
        pytest.skip("a file without quotes cannot hold its delimiter")
    path = tmp_path / "orders.csv"
    heading, rows = sample.rows()
    text = io.StringIO()
    for row in [heading, *rows]:
        text.write(";".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\r\n")
    path.write_text(text.getvalue(), encoding="utf-8-sig", newline="")

    assert same(sample.read(path), sample.read(sample.path))


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet", ".json", ".jsonl"])
@pytest.mark.parametrize("kind", ["directory", "pipe", "loop", "dangling"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, suffix: str, kind: str) -> None:
    """A folder, a pipe without a writer, and links that lead nowhere are refused by every call, without waiting."""
    path = tmp_path / f"orders{suffix}"
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(path if kind == "loop" else tmp_path / "none")
    calls: tuple[Callable[[], object], ...] = (
        lambda: SAMPLES["shopify.orders.csv"].read(path),
        lambda: read_orders(path),
        lambda: read_orders([path], mapping()),
        lambda: propose(path),
    )
    for call in calls:
        with pytest.raises((FileError, ArgumentError), match=r"cannot be opened|is a pipe or a device"):
            call()


def test_a_proposal_for_a_file_in_utf_16_names_its_encoding(tmp_path: Path) -> None:
    """A file without the mark is found by its zero bytes."""
    path = tmp_path / "sales.csv"
    for encoding in ("utf-16-le", "utf-16-be"):
        path.write_bytes("No,Buyer,Date,Total\n1,a,2026-03-01,5\n".encode(encoding))
        assert f'encoding = "{encoding}"' in propose(path)
