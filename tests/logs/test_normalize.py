"""Columns of any supported type are normalised, and others are refused with a remedy."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funnel.errors import LogsError
from funnel.logs import Logs
from funnel.metrics import retention
from tests.engines import ENGINES, HERE
from tests.frames import as_instant, read
from tests.logs.shop import AT, FEW, FewFacts, faults, rows
from tests.strategies import CANARY, instants

JAKARTA = timezone(timedelta(hours=7))
NAIVE = AT.replace(tzinfo=None)
ONE = rows("purchases", {})

WRONG: list[tuple[str, Any, str]] = [
    ("purchased_at", pl.lit(NAIVE), "set the zone of these naive times"),
    ("purchased_at", pl.lit("2026-03-01"), "give aware datetimes"),
    ("purchased_at", pl.lit(NAIVE.date()), "give aware datetimes"),
    ("amount", pl.lit(9.5), "whole minor units as integers"),
    ("amount", pl.lit(pl.Series([9.0, float("nan")])), "whole minor units as integers"),
    ("amount", pl.lit(Decimal("9.50"), pl.Decimal(9, 2)), "whole minor units as integers"),
    ("amount", pl.lit("900"), "whole minor units as integers"),
    ("person_id", pl.lit(1.0), "ids of people are texts"),
    ("person_id", pl.lit(7), "ids of people are texts"),
    ("id", pl.lit(1.5), "give text or integers"),
    ("status", pl.lit(3), "give text"),
]


@pytest.mark.parametrize(("column", "value", "message"), WRONG)
@pytest.mark.parametrize("engine", HERE)
def test_a_column_of_a_wrong_type_is_refused(engine: str, column: str, value: pl.Expr, message: str) -> None:
    """The issue names the type and the remedy."""
    table = pl.concat([ONE, ONE]).with_columns(value.alias(column))
    (fault,) = faults(engine, purchases=table)

    assert (fault.log, fault.column, fault.count) == ("purchases", column, 0)
    assert fault.problem.startswith("is ")
    assert message in fault.problem


@pytest.mark.parametrize("engine", HERE)
def test_a_remedy_is_specific_to_the_engine(engine: str) -> None:
    """Each engine has its own functions for zones and texts."""
    message = {
        "pandas": "dt.tz_localize",
        "pyarrow": "assume_timezone",
        "duckdb": "timezone('Asia/Jakarta', purchased_at)",
    }
    own = next((words for name, words in message.items() if engine.startswith(name)), "dt.replace_time_zone")
    (naive,) = faults(engine, purchases=ONE.with_columns(purchased_at=pl.lit(NAIVE)))
    (broken,) = faults(engine, purchases=ONE.with_columns(id=pl.lit(1.5)))

    assert (own in naive.problem) == (engine not in {"ibis", "pyspark"})
    assert ("Polars" in naive.problem, "astype" in broken.problem) == (False, engine.startswith("pandas"))


def test_a_score_must_be_a_number() -> None:
    """Stars and words are refused."""
    (fault,) = faults(interactions=rows("interactions", {}).with_columns(score=pl.lit("five")))

    assert fault.problem == "is String; give integers"


@pytest.mark.parametrize("score", [3.5, float("inf"), 1e300])
def test_fractions_in_an_optional_pandas_column_are_counted(score: float) -> None:
    """Pandas converts integers to floats if some are missing: whole ones are read, fractions are refused by row."""
    table = rows("interactions", {"kind": "feedback", "score": 3}, {}, {}).to_pandas()
    table["score"] = [3.0, None, score]
    with pytest.raises(LogsError, match=r"interactions.score: 1 row \(row 3\): is not a whole number"):
        Logs(interactions=table)

    table["score"] = [3.0, None, 4.0]
    (row,) = read(FewFacts.over(Logs(interactions=table), as_of=AT))

    assert row["last_feedback_score"] == 3


@pytest.mark.parametrize(("dtype", "value"), [(pl.UInt64, 2**63 + 5), (pl.Int128, -(2**100)), (pl.Int128, 2**100)])
def test_too_large_integers_are_counted(dtype: Any, value: int) -> None:
    """A sum in a database may have 128 bits: it is read if it fits, and refused by row otherwise."""
    wide = pl.concat([ONE, ONE.with_columns(id=pl.lit("2"))]).with_columns(amount=pl.Series([900, value], dtype=dtype))
    (fault,) = faults(purchases=wide)
    (row,) = read(FewFacts.over(Logs(purchases=wide.head(1)), as_of=AT))

    assert (fault.column, fault.count, fault.rows) == ("amount", 1, (2,))
    assert row["net_spent"] == 900


@settings(max_examples=max(5, settings.default.max_examples // 5))
@given(instants(), st.sampled_from(["us", "ns"]), st.sampled_from(["UTC", "Asia/Jakarta", "America/New_York"]))
def test_an_instant_is_the_same_in_every_zone_and_unit(moment: datetime, unit: Any, zone: str) -> None:
    """The zone and the unit of a column do not matter."""
    table = ONE.with_columns(purchased_at=pl.lit(moment).cast(pl.Datetime(unit, "UTC")).dt.convert_time_zone(zone))
    (row,) = read(FewFacts.over(Logs(purchases=table), as_of=moment))

    assert as_instant(row["last_purchase_at"]) == moment


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("persn_id", "is missing; did you mean persn_id?; or read the frame"),
        ("PERSON-ID", "is missing; did you mean PERSON-ID?; or read the frame"),
        ("who", "is missing; use one of who; or read the frame"),
    ],
)
@pytest.mark.parametrize("engine", FEW)
def test_a_missing_column_has_a_hint(engine: str, name: str, message: str) -> None:
    """The most similar name, or else the unread columns."""
    (fault,) = faults(engine, purchases=ONE.rename({"person_id": name}))

    assert (fault.column, fault.problem) == (
        "person_id",
        f"{message} as it is, with Logs.from_orders or one of its siblings",
    )


@pytest.mark.parametrize(
    ("others", "message"), [(0, "is missing"), (500, "is missing; none of the 500 other columns has a similar name")]
)
def test_the_hint_is_short(others: int, message: str) -> None:
    """Without other columns there is no hint; very many columns are not listed."""
    extra = {f"figure {number}": pl.lit(0) for number in range(others)}
    (fault,) = faults(purchases=ONE.drop("person_id").with_columns(**extra))

    assert fault.problem.partition("; or read")[0] == message


@pytest.mark.parametrize("name", ["canceled_at", "Promotion", "delivered at", "sources", "Source"])
def test_a_column_with_a_similar_name_is_left_alone(name: str) -> None:
    """A name that looks like an optional column, in whatever case, is a column of the shop's own."""
    assert repr(Logs(purchases=ONE.with_columns(pl.lit("x").alias(name)))) == "Logs(purchases, on polars)"


@pytest.mark.parametrize("engine", HERE)
def test_other_columns_are_ignored(engine: str) -> None:
    """Names, phone numbers and notes may be in the frame."""
    table = ONE.with_columns(pl.lit(CANARY).alias("phone"), pl.lit(None).alias("note"), pl.lit(1.5).alias("margin"))

    assert repr(Logs(**ENGINES[engine]({"purchases": table}))) == f"Logs(purchases, on {engine})"


def test_a_frame_without_known_columns_lists_the_required_columns() -> None:
    """Every required column is named."""
    for engine in HERE:
        result = faults(engine, purchases=pl.DataFrame({"x": [1], "y": [2]}))

        assert [fault.column for fault in result] == ["id", "person_id", "purchased_at", "amount"]


@pytest.mark.parametrize("engine", ["polars", "polars lazy", "pandas", "pyarrow"])
def test_an_empty_column_may_have_any_type(engine: str) -> None:
    """An optional empty column counts as missing; a required one is empty in every row."""
    nothing = pl.lit(None, pl.Null)
    optional = ONE.with_columns(nothing.alias("cancelled_at"), nothing.alias("status"), nothing.alias("promotion"))
    required = ONE.with_columns(*(nothing.alias(name) for name in ("id", "person_id", "purchased_at", "amount")))

    assert [
        row["purchase_count"] for row in read(FewFacts.over(Logs(**ENGINES[engine]({"purchases": optional})), as_of=AT))
    ] == [1]
    assert [
        (fault.column, fault.count, "is empty" in fault.problem) for fault in faults(engine, purchases=required)
    ] == [(name, 1, True) for name in ("id", "person_id", "purchased_at", "amount")]


def test_pandas_columns_without_values_need_no_type() -> None:
    """Pandas makes naive NaT, float NaN and objects of missing values."""
    table = ONE.to_pandas().assign(cancelled_at=pd.NaT, promotion=float("nan"), delivered_at=None)

    assert repr(Logs(purchases=table)) == "Logs(purchases, on pandas)"
    assert read(FewFacts.over(Logs(purchases=pd.DataFrame(columns=list(ONE.columns))), as_of=AT)) == []


@pytest.mark.parametrize("dtype", [pl.Int64, pl.Int16, pl.UInt64, pl.Float64, pl.Categorical])
def test_ids_of_people_are_texts(dtype: Any) -> None:
    """Other types are refused in every column of people, with the remedy: 7 and "7" would be two people."""
    seven = pl.Series(["7"]).cast(dtype)
    leads = pl.DataFrame({"person_id": seven, "arrived_at": [AT], "referred_by": seven})
    purchases = ONE.with_columns(person_id=seven)
    remedy = "ids of people are texts: df.with_columns(pl.col('person_id').cast(pl.String)); or read the frame as it is"

    assert [(fault.log, fault.column) for fault in faults(leads=leads, purchases=purchases)] == [
        ("leads", "person_id"),
        ("leads", "referred_by"),
        ("purchases", "person_id"),
    ]
    assert remedy in faults(purchases=purchases)[0].problem
    with pytest.raises(LogsError, match="ids of people are texts"):
        retention(purchases, tz="UTC", as_of=AT)


@pytest.mark.parametrize("dtype", [pl.Int64, pl.Int16, pl.UInt64])
def test_people_of_a_frame_that_is_read_alone_may_be_integers(dtype: Any) -> None:
    """No other frame calls them by a text."""
    alone = ONE.drop("id").with_columns(person_id=pl.lit(7).cast(dtype))

    assert retention(alone, tz="UTC", as_of=AT).cohorts[0].size == 1


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["paid", "x"])])
def test_text_columns_may_be_categorical(dtype: Any) -> None:
    """A column of few words is read in any text type."""
    table = ONE.with_columns(status=pl.lit("paid").cast(dtype))

    assert repr(Logs(purchases=table)) == "Logs(purchases, on polars)"


@pytest.mark.parametrize("engine", FEW)
def test_issues_of_columns_and_rows_are_reported_together(engine: str) -> None:
    """An invalid column in one log does not hide invalid rows of another; its own rows are not validated."""
    broken = ONE.with_columns(amount=pl.lit(1.5), person_id=pl.lit(None, pl.String))
    result = faults(engine, purchases=broken, leads=rows("leads", {"person_id": ""}), refunds=rows("refunds", {}))

    assert [(fault.log, fault.column) for fault in result if fault.column != "person_id" or fault.log == "leads"] == [
        ("purchases", "amount"),
        ("leads", "person_id"),
    ]


@pytest.mark.parametrize("moment", [NAIVE.replace(tzinfo=JAKARTA)])
def test_pandas_times_with_a_fixed_offset_are_read(moment: datetime) -> None:
    """Aware Python datetimes in an object column are instants."""
    table = ONE.to_pandas().assign(purchased_at=pd.Series([moment], dtype=object))
    (row,) = read(FewFacts.over(Logs(purchases=table), as_of=AT))

    assert as_instant(row["last_purchase_at"]) == moment
