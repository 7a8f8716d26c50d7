"""A shop's own columns are kept on the logs where the caller names them."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from funnel import Logs
from funnel.errors import ArgumentError, LogsError
from tests.engines import ENGINES
from tests.frames import in_order
from tests.logs.shop import AT, rows

OWN = rows("purchases", {"id": "1"}, {"id": "2"}).with_columns(
    country=pl.Series(["UK", None]), Discount=pl.Series([0.5, 0.25]), Note=pl.lit("x")
)


@pytest.mark.parametrize("engine", ["polars", "polars lazy", "pandas", "pyarrow", "duckdb"])
def test_named_columns_are_kept_as_they_are(engine: str) -> None:
    """Their names, values and empty cells stay; columns that are not named are not read."""
    logs = Logs(**ENGINES[engine]({"purchases": OWN}), keep={"purchases": ["country", "Discount"]})
    columns = logs._native(logs._logs["purchases"].select("id", "country", "Discount"), order=())

    assert sorted(map(tuple, (row.values() for row in in_order(columns))), key=str) == [
        ("1", "UK", 0.5),
        ("2", None, 0.25),
    ]
    assert "Note" not in logs._logs["purchases"].collect_schema()
    assert logs.own_columns == {"purchases": ("country", "Discount")}


def test_logs_without_own_columns_list_none() -> None:
    """Nothing is kept unless it is named."""
    assert Logs(purchases=OWN).own_columns == {}


def test_duplicates_agree_in_own_columns_too() -> None:
    """A record delivered twice is kept once; two rows that differ in an own column contradict each other."""
    twice = pl.concat([OWN, OWN])
    unlike = pl.concat([OWN, OWN.with_columns(country=pl.lit("NL"))])

    assert Logs(purchases=twice, keep={"purchases": ["country"]})._logs["purchases"].collect().shape[0] == 2
    with pytest.raises(LogsError, match="repeats the same source and id with different content"):
        Logs(purchases=unlike, keep={"purchases": ["country"]})
    assert Logs(purchases=unlike)._logs["purchases"].collect().shape[0] == 2


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (["country"], r"keep must be a mapping from logs to names of columns, such as .* \(got list\)"),
        ({"leads": ["country"]}, "keep names columns of 'leads', which is not passed; use one of purchases"),
        ({7: ["country"]}, "keep names columns of 7, which is not passed"),
        ({"purchases": "country"}, r"keep\['purchases'\] must be names of columns, such as .* \(got str\)"),
        ({"purchases": [7]}, r"the name of an own column of purchases must be text \(got int\)"),
        ({"purchases": ["Country"]}, "the frame of purchases has no column 'Country'; did you mean country"),
        ({"purchases": ["amount"]}, "amount is a column of purchases and is read anyway; leave it out"),
        ({"purchases": ["net_amount"]}, "cannot be called 'net_amount': facts read a field of this name"),
        ({"purchases": ["ship to"]}, "cannot be called 'ship to': conditions read it as an attribute"),
        ({"purchases": ["_x"]}, "cannot be called '_x': it begins with _"),
        ({"purchases": ["Sources"]}, "cannot be called 'Sources': it looks like source, a column of the log"),
    ],
)
def test_an_own_column_that_cannot_be_kept_is_refused(keep: Any, message: str) -> None:
    """The message has what was passed and what to do."""
    with pytest.raises(ArgumentError, match=message):
        Logs(purchases=OWN, keep=keep)


def test_own_columns_survive_aliases() -> None:
    """One name per person does not touch them."""
    aliases = pl.DataFrame({"alias": ["p1"], "person_id": ["p9"]})
    logs = Logs(purchases=OWN, aliases=aliases, keep={"purchases": ["country"]})

    assert logs.as_known(AT)._logs["purchases"].collect()["country"].to_list() == ["UK", None]
