"""The adapter accepts known engines exactly, refuses others with a remedy, and returns the input kind."""

from __future__ import annotations

import traceback
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funnel._dataframes import adapter
from funnel._dataframes.adapter import (
    ROW,
    collect_once,
    distinct,
    duplicated,
    from_native,
    materialize,
    microseconds,
    to_native,
)
from funnel._dataframes.compute import computing
from funnel._dataframes.repeat_rows import REPEAT, repeat_rows
from funnel._time import micros
from funnel.errors import EngineError, MissingExtraError
from tests.engines import ENGINES, HERE, asked_of
from tests.frames import as_instant, read
from tests.logs.shop import AT, ORDERED
from tests.strategies import CANARY, instants

if TYPE_CHECKING:
    from collections.abc import Callable

TABLE = pl.DataFrame({"person_id": ["a", "b"], "t": [AT, None], "note": [CANARY, CANARY]}).cast(
    {"t": pl.Datetime("us", "UTC")}
)
DATES = [
    datetime.fromisoformat(f"{moment}+00:00")
    for moment in (
        "1800-01-01T00:00",
        "1900-02-28T12:00",
        "1900-03-01T00:00",
        "1969-12-31T23:59:59.999999",
        "2000-02-29T23:59:59.999999",
        "2199-12-31T23:59:59.999999",
    )
]


def native(engine: str, table: pl.DataFrame = TABLE) -> Any:
    """A table of an engine."""
    return ENGINES[engine]({"t": table})["t"]


@pytest.mark.parametrize("engine", HERE)
def test_a_frame_is_returned_as_its_kind(engine: str) -> None:
    """With the same rows; rows are numbered from 1 if they have an order."""
    entered = from_native(native(engine))
    numbered = ROW in entered.frame.collect_schema()
    out = to_native(entered.frame.drop(ROW) if numbered else entered.frame, entered.frame_kind)

    assert (entered.frame_kind, type(out)) == (engine, type(native(engine)))
    assert [(row["person_id"], row["note"]) for row in read(out)] == [("a", CANARY), ("b", CANARY)]
    assert numbered == (engine in ORDERED)
    if numbered:
        assert entered.frame.collect().to_dict(as_series=False)[ROW] == [1, 2]


@pytest.mark.parametrize("engine", HERE)
def test_only_the_columns_to_read_are_kept(engine: str) -> None:
    """The names of the other columns are known, their values are not read."""
    entered = from_native(native(engine), ["person_id", "absent"])

    assert set(entered.frame.collect_schema()) - {ROW} == {"person_id"}
    assert entered.excluded == ("t", "note")


@pytest.mark.parametrize("engine", HERE)
def test_microseconds_are_returned_as_datetimes_and_durations(engine: str) -> None:
    """Nulls stay null; engines without microsecond durations return integers."""
    table = pl.DataFrame({"person_id": ["a", "b"], "t": [micros(AT) + 1, None], "wait": [1, None]})
    entered = from_native(native(engine, table))
    whole = [nw.col(name).cast(nw.Int64()) for name in ("t", "wait")]
    out = to_native(entered.frame.select("person_id", *whole), entered.frame_kind, instants=["t"], spans=["wait"])

    first, second = read(out)
    assert (as_instant(first["t"]), as_instant(second["t"])) == (AT + timedelta(microseconds=1), None)
    assert (first["wait"], second["wait"]) == (timedelta(microseconds=1) if engine in ORDERED else 1, None)
    assert first["t"].utcoffset() == timedelta(0) or engine in ("ibis", "pyspark")


@pytest.mark.no_cover
@pytest.mark.parametrize("engine", sorted({*HERE, "ibis"}))
def test_instants_of_centuries_are_exact(engine: str) -> None:
    """Leap days, turns of centuries, before 1970, and the last microsecond of a year."""
    table = pl.DataFrame({"t": DATES}, schema={"t": pl.Datetime("us", "UTC")})
    entered = from_native(native(engine, table))
    in_micros = microseconds(entered.frame, entered.frame_kind, ["t"]).collect().to_dict(as_series=False)

    assert sorted(in_micros["t"]) == sorted(map(micros, DATES))


@settings(max_examples=max(5, settings.default.max_examples // 3))
@given(instants())
def test_an_instant_in_a_database_is_the_same_number(moment: datetime) -> None:
    """A database counts the same microseconds as Python."""
    entered = from_native(native("duckdb", pl.DataFrame({"t": [moment]}, schema={"t": pl.Datetime("us", "UTC")})))
    in_micros = microseconds(entered.frame, entered.frame_kind, ["t"]).collect().to_dict(as_series=False)

    assert in_micros["t"] == [micros(moment)]


@pytest.mark.parametrize("value", [5, "frame.csv", {"a": [1]}, None, [1]])
def test_other_objects_are_refused(value: object) -> None:
    """The message names the type and the supported dataframes."""
    with pytest.raises(
        EngineError, match=f"an? {type(value).__name__} is not a supported dataframe; give one of polars"
    ):
        from_native(value)


class Stream:
    """An object with only an Arrow stream."""

    def __init__(self, table: pa.Table) -> None:
        """Store the data."""
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the data."""
        return self.table.__arrow_c_stream__(requested_schema)


def test_arrow_data_runs_on_polars() -> None:
    """Any library with an Arrow stream is accepted."""
    entered = from_native(Stream(TABLE.to_arrow()))

    assert (entered.frame_kind, entered.frame.collect().shape) == ("polars", (2, 4))


@pytest.mark.parametrize("engine", ["dask", "modin", "cudf", "sqlframe"])
def test_an_unverified_engine_is_refused(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Narwhals reads more engines than are tested here; they are refused by name, with what to use instead."""

    class Foreign:
        implementation = nw.Implementation.from_string(engine)

        def collect_schema(self) -> dict[str, object]:
            return {}

    foreign = Foreign()
    monkeypatch.setattr(nw, "from_native", lambda _: foreign)
    with pytest.raises(
        EngineError, match=r"are not supported: results are not verified there; use polars.* and PySpark frames"
    ):
        from_native(object())


@pytest.mark.parametrize("wrap", [pa.table, Stream])
def test_arrow_without_polars_names_the_extra(wrap: Callable[[Any], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrow tables run on Polars only."""
    monkeypatch.setattr(adapter, "installed", lambda name: name != "polars")
    with pytest.raises(MissingExtraError, match=r"pip install 'shopfunnel\[polars\]'"):
        from_native(wrap(TABLE.to_arrow()))


@pytest.mark.parametrize("absent", ["polars", "pyarrow"])
def test_pandas_without_polars_stays_on_pandas(absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """This also holds without pyarrow; rows are numbered from 1."""
    monkeypatch.setattr(adapter, "installed", lambda name: name != absent)
    table = pd.DataFrame({"person_id": ["a", "b"], "t": [micros(AT), None], "w": [1, None]}, index=[7, 7])
    entered = from_native(table)
    out = to_native(entered.frame, entered.frame_kind, instants=["t"], spans=["w"])

    assert entered.frame.implementation is nw.Implementation.PANDAS
    assert [row[ROW] for row in read(out)] == [1, 2]
    assert [(as_instant(row["t"]), row["w"]) for row in read(out)] == [(AT, timedelta(microseconds=1)), (None, None)]
    assert list(table.columns) == ["person_id", "t", "w"]


MIXED = pd.DataFrame({"person_id": ["a", 5], "note": [CANARY, 5]})


@pytest.mark.parametrize(("read_", "columns_named"), [(None, "person_id, note"), (["person_id"], "person_id")])
def test_a_column_of_mixed_types_is_refused_by_name(read_: list[str] | None, columns_named: str) -> None:
    """Its values are in no message and no traceback."""
    with pytest.raises(EngineError, match=f"are in {columns_named}; give each column one type") as caught:
        from_native(MIXED, read_)

    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_an_unread_column_may_have_mixed_types() -> None:
    """Notes may contain anything."""
    assert from_native(MIXED.assign(person_id="a"), ["person_id"]).excluded == ("note",)


def test_two_columns_of_one_name_are_refused() -> None:
    """It is unknown which one is meant."""
    with pytest.raises(EngineError, match="two columns of the frame have the same name"):
        from_native(pd.concat([MIXED, MIXED], axis=1))


@pytest.mark.parametrize("engine", HERE)
def test_the_name_of_the_row_numbers_is_reserved(engine: str) -> None:
    """A column of that name is refused if it is read, and ignored otherwise."""
    table = native(engine, TABLE.with_columns(pl.lit(9).alias(ROW)))
    with pytest.raises(EngineError, match=f"column {ROW} begins with .*rename it"):
        from_native(table)

    assert from_native(table, ["person_id"]).excluded == ("t", "note", ROW)


@pytest.mark.parametrize("engine", ["polars", "polars lazy", "pandas", "pyarrow"])
def test_columns_without_values_are_typeless(engine: str) -> None:
    """Their type is not checked."""
    entered = from_native(native(engine, TABLE.with_columns(pl.lit(None).alias("empty"))))

    assert entered.typeless == {"empty"}


def test_a_database_session_outside_utc_is_refused() -> None:
    """Its dates would be of another zone; the message has the remedy."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("set timezone = 'Asia/Jakarta'")
    with pytest.raises(EngineError, match=r"Asia/Jakarta; set its time zone to UTC first .*set timezone = 'UTC'"):
        from_native(connection.sql("select timestamptz '2026-03-01 02:00:00+00' as t"))

    assert from_native(connection.sql("select timestamp '2026-03-01' as t")).frame_kind == "duckdb"


@pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis itself reads DuckDB so
def test_an_ibis_session_outside_utc_is_refused() -> None:
    """Ibis types say UTC in every session, so the session itself is queried."""
    ibis = pytest.importorskip("ibis", reason="Ibis is not installed (make test-full does it)")
    backend = ibis.duckdb.connect()
    backend.raw_sql("create table shop as select timestamptz '2026-03-01 02:00:00+00' as t, 'a' as person_id")

    assert from_native(backend.table("shop")).frame_kind == "ibis"

    backend.raw_sql("set timezone = 'Asia/Jakarta'")
    with pytest.raises(EngineError, match="another zone; set its time zone to UTC first"):
        from_native(backend.table("shop"))


def test_an_ibis_table_is_returned_as_one() -> None:
    """With its own instants; spans stay integers."""
    pytest.importorskip("ibis", reason="Ibis is not installed (make test-full does it)")
    table = pl.DataFrame({"person_id": ["a"], "t": [AT], "w": [1]}).cast({"t": pl.Datetime("us", "UTC")})
    entered = from_native(native("ibis", table))
    in_micros = microseconds(entered.frame, entered.frame_kind, ["t"]).select("person_id", "w", "t")
    out = to_native(in_micros, entered.frame_kind, instants=["t"], spans=["w"])

    assert (type(out), entered.frame_kind) == (type(native("ibis", table)), "ibis")
    assert [(as_instant(row["t"]), row["w"]) for row in read(out)] == [(AT, 1)]


@pytest.mark.parametrize("engine", HERE)
def test_a_collected_frame_has_the_same_rows(engine: str) -> None:
    """Computed or not."""
    entered = from_native(native(engine))

    assert sorted(collect_once(entered.frame).select("person_id").collect().rows()) == [("a",), ("b",)]


@pytest.mark.parametrize("engine", HERE)
def test_a_materialized_frame_has_the_same_rows(engine: str) -> None:
    """Stored by the session or not."""
    assert sorted(materialize(from_native(native(engine)).frame).select("person_id").collect().rows()) == [
        ("a",),
        ("b",),
    ]


@pytest.mark.parametrize("engine", HERE)
def test_equal_rows_are_distinct_once(engine: str) -> None:
    """Nulls are equal. In a database, no window has to sort the rows."""
    rows = native(engine, pl.concat([TABLE, TABLE]))
    once = distinct(nw.from_native(rows).lazy())

    assert sorted(row["person_id"] for row in read(nw.to_native(once))) == ["a", "b"]
    assert engine != "duckdb" or "window" not in nw.to_native(once).explain().lower()


def test_old_duckdb_does_not_materialize(monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB before 2.0 cannot store the rows of a relation, so the plan stays."""
    frame = from_native(native("duckdb")).frame
    monkeypatch.setattr(type(frame.to_native()), "materialize", property(_absent), raising=False)

    assert materialize(frame) is frame


def _absent(_: object) -> object:
    raise AttributeError


@pytest.mark.parametrize("engine", sorted({*HERE, "ibis"}))
def test_rows_are_repeated(engine: str) -> None:
    """Each repetition has its number, from 0; a frame without rows stays empty."""
    table = pl.DataFrame({"person_id": ["a", "b"], "n": [1, 2]})
    three, one, none = (
        repeat_rows(from_native(native(engine, rows)).frame, times).select("person_id", "n", REPEAT).collect().rows()
        for rows, times in ((table, 3), (table, 1), (table.clear(), 3))
    )

    assert sorted(three) == [(name, n, repetition) for name, n in (("a", 1), ("b", 2)) for repetition in range(3)]
    assert sorted(one) == [("a", 1, 0), ("b", 2, 0)]
    assert none == []


def test_a_collected_lazy_frame_is_read_once() -> None:
    """Later results use the rows that were validated, even if the source has changed."""
    numbers = iter([1, 2])
    shape = {"person_id": pl.String, "n": pl.Int64}
    later_input = pl.LazyFrame({"person_id": ["a"], "n": [0]}, schema=shape)
    later = later_input.map_batches(lambda rows: rows.with_columns(n=pl.lit(next(numbers), pl.Int64)), schema=shape)
    computed = collect_once(nw.from_native(later))

    assert computed.collect().rows() == computed.collect().rows() == [("a", 1)]


KEYS = st.lists(st.tuples(st.sampled_from(["shop", "web", ""]), st.integers(0, 5).map(str)), max_size=9)


@pytest.mark.parametrize("engine", [name for name in HERE if name not in ("pandas", "pyarrow")])
def test_duplicated_rows_share_their_key(engine: str) -> None:
    """All rows of such a key, and no other row."""

    @asked_of(engine, 10)
    @given(KEYS)
    def holds(keys: list[tuple[str, str]]) -> None:
        table = pl.DataFrame(keys, schema={"source": pl.String, "id": pl.String}, orient="row")
        result = (
            duplicated(from_native(native(engine, table)).frame, ["source", "id"])
            .select("source", "id")
            .collect()
            .rows()
        )

        assert sorted(result) == sorted(key for key in keys if keys.count(key) > 1)

    holds()


def test_pandas_2_alone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It converts missing values to text; with Polars it is accepted."""
    monkeypatch.setattr("pandas.__version__", "2.3.3")
    frame = pd.DataFrame({"person_id": ["a"]})

    assert from_native(frame).frame_kind == "pandas"
    monkeypatch.setattr("funnel._dataframes.adapter.installed", lambda module: module == "pandas")
    with pytest.raises(EngineError, match=r"pandas 2\.3\.3 cannot be used without Polars.*upgrade to pandas 3, or run"):
        from_native(frame)


def test_only_engine_failures_are_converted() -> None:
    """An error of Python's own is not hidden."""
    with pytest.raises(KeyError), computing():
        raise KeyError("a fault of ours")
