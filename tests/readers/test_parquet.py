"""Parquet files that are not what they seem: bombs, broken ends, odd names."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.errors import LogsError, RecordError
from funnel.readers import _parquet
from funnel.readers._parquet import bounded, unpacked_bytes
from funnel.readers._read_orders import read_orders
from tests.readers.shop import WHOLE, account, mapping

if TYPE_CHECKING:
    from pathlib import Path

ROWS = {"No": ["1", "2"], "Buyer": ["ani", "budi"], "When": ["2026-03-01"] * 2, "Total": ["5", "6"]}


def parquet_bytes(frame: pl.DataFrame, **options: Any) -> bytes:
    """Write a frame as Parquet."""
    file = io.BytesIO()
    frame.write_parquet(file, **options)
    return file.getvalue()


def stated(raw: bytes) -> int | None:
    """Read what the end of a file says of its size."""
    return unpacked_bytes(io.BytesIO(raw), len(raw))


@given(
    rows=st.integers(1, 300),
    group=st.integers(1, 100),
    columns=st.integers(1, 20),
    compression=st.sampled_from(["zstd", "snappy", "uncompressed", "gzip"]),
)
def test_the_end_of_a_file_says_what_its_columns_take(rows: int, group: int, columns: int, compression: str) -> None:
    """The bytes that the file states are those that another reader of the format finds."""
    import pyarrow.parquet as pq

    frame = pl.DataFrame({f"c{n}": [f"{n}-{row}" for row in range(rows)] for n in range(columns)})
    raw = parquet_bytes(frame, row_group_size=group, compression=compression)
    meta = pq.read_metadata(io.BytesIO(raw))
    groups = [meta.row_group(n) for n in range(meta.num_row_groups)]

    assert stated(raw) == sum(g.column(n).total_uncompressed_size for g in groups for n in range(columns))


@given(raw=st.binary(max_size=200), length=st.one_of(st.none(), st.integers(0, 2**32 - 1)))
def test_any_end_of_a_file_is_read_or_is_not_one(raw: bytes, length: int | None) -> None:
    """Noise in place of the file's end gives a size or None, and never an error."""
    size = len(raw) if length is None else length
    size_stated = stated(b"PAR1" + raw + size.to_bytes(4, "little") + b"PAR1")

    assert size_stated is None or isinstance(size_stated, int)


@pytest.mark.parametrize(
    "footer",
    [
        b"\x1c" * 100,  # structs in structs
        b"\x19\xfc\xff\xff\xff\xff\x0f",  # a list of very many structs
        b"\x1b\x00",  # a map
        b"\x18\x7f",  # a text longer than the file
        b"\x00",  # nothing at all
        b"\x03\x01\x06\x02\x00",  # a byte, and a number of a field far on
        b"\x29\x21\x01\x02\x00",  # a list of truths
    ],
)
def test_a_broken_end_is_no_answer(footer: bytes) -> None:
    """Bytes that do not describe columns are not read as a description."""
    assert stated(b"PAR1" + b"\x00" * 8 + footer + len(footer).to_bytes(4, "little") + b"PAR1") is None


def test_what_has_no_such_end_is_no_parquet() -> None:
    """Another end, or one that claims to be longer than the file, says nothing."""
    assert stated(b"PAR1" + b"\x00" * 20 + b"PAR2") is None
    assert stated(b"PAR1" + b"\x00" * 8 + b"\xff" * 4 + b"PAR1") is None


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file of very many equal rows, or of a few endless cells, is refused by what its end says of it."""
    monkeypatch.setattr(_parquet, "_SMALL", 2**22)
    many = pl.select(pl.repeat(1, 1_000_000, dtype=pl.Int64).alias("No"), *(pl.lit("1").alias(c) for c in "ab"))
    long = pl.DataFrame({"No": ["x" * 15_000_000, "y" * 15_000_000]})
    for name, frame in (("many.parquet", many), ("long.parquet", long)):
        path = tmp_path / name
        rows = frame.with_columns(Buyer="No", When=pl.lit("2026-03-01"), Total=pl.lit("5"))
        rows.write_parquet(path, statistics=False)  # the oldest Polars writes the longest texts in full into them

        assert path.stat().st_size < 150_000
        with pytest.raises(RecordError, match=rf"{name} has [0-9,]+ bytes and unpacks to [0-9,]+, more than 200 times"):
            read_orders(path, mapping())


def test_texts_that_are_many_times_the_file_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One long text that a column repeats by reference is counted as often as it stands."""
    monkeypatch.setattr(_parquet, "_SMALL", 10_000_000)
    path = tmp_path / "orders.parquet"
    pl.DataFrame(ROWS).select(pl.all().repeat_by(5000).explode()).with_columns(Buyer=pl.lit("x" * 5000)).write_parquet(
        path
    )

    with pytest.raises(RecordError, match="unpacks to"):
        read_orders(path, mapping())


@pytest.mark.parametrize(("unpacked", "size"), [(2**28, 1), (2**29, 2**29 // 200 + 1), (0, 0)])
def test_an_honest_file_is_not_a_bomb(unpacked: int, size: int) -> None:
    """A file may be small, or compress well."""
    bounded("orders.parquet", unpacked, size)


@pytest.mark.parametrize("column", ["*", "^.*$", "funnel: row", "funnel: hash", "", "0"])
def test_a_column_may_have_any_name(tmp_path: Path, column: str) -> None:
    """Names that mean something to the engine are names."""
    frame = pl.DataFrame(ROWS)
    frame = pl.concat([frame, frame]).with_columns(pl.Series(column, [1, 1, 1, 2]))
    path = tmp_path / "orders.parquet"
    frame.write_parquet(path)
    entries = account(read_orders(path, mapping()))

    assert entries["exact copy of an earlier row"] == ("merged", 1, (3,))
    if column:
        pl.DataFrame({column if name == "Total" else name: cells for name, cells in ROWS.items()}).write_parquet(path)
        assert read_orders(path, mapping(WHOLE | {"amount": column})).purchases["amount"].to_list() == [500, 600]


def test_a_type_is_named_without_what_it_holds(tmp_path: Path) -> None:
    """A column of structs or lists is named by its type; the names and categories in it may be a person's."""
    path = tmp_path / "orders.parquet"
    struct = pl.Series([{"SECRET": 1}, None])
    pl.DataFrame({**ROWS, "No": struct}).write_parquet(path)

    with pytest.raises(LogsError, match=r"is of type Struct; give text or numbers$"):
        read_orders(path, mapping())


def test_a_parquet_file_of_other_columns_is_refused(tmp_path: Path) -> None:
    """A file without the mapped columns does not show the names that it has."""
    path = tmp_path / "orders.parquet"
    pl.DataFrame({"SECRET": [1], "0812-555": [2]}).write_parquet(path)

    with pytest.raises(
        LogsError, match=r"does not have the mapping's columns \(.*\); look at the names of its columns$"
    ):
        read_orders(path, mapping())
