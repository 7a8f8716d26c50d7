"""The SQL of rules and facts: valid in every dialect, the same answers, and arguments that are refused."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from funnel import Facts, Logs, Policy, rule
from funnel._dataframes.compute import collected
from funnel._dataframes.ibis_dialects import looking_ahead, to_microseconds
from funnel.errors import ArgumentError, EngineError, FactsError, MissingExtraError
from funnel.facts import column, count, since
from funnel.facts._base import BaseFacts
from tests.specimens import DAY, NOW, POLICY
from tests.sql.warehouse import COLUMNS, WAREHOUSES, comparable, facts, on_duckdb, parsed, shop, table_of_facts
from tests.tables import rules

TRANSLATED = ("duckdb", "bigquery", "databricks", "snowflake")
"""Dialects whose instants sqlglot translates to DuckDB. The facts of PostgreSQL run on a server."""
MORE = ("lead_source", "last_interaction_kind", "has_opted_out", "purchase_interval", "open_complaint_count")
SNAPSHOTS = Path(__file__).with_name("snapshots.json")
EXAMPLES = ("stage", "readiness_points", "is_contactable", "kind_of_contact")


@rule
def is_contactable(f: Facts, policy: Policy) -> bool:
    """Return whether the person did not opt out; reads a truth value."""
    return not f.has_opted_out and policy.lapse_after > timedelta(0)


@rule
def kind_of_contact(f: Facts, policy: Policy) -> str:
    """Return a text; reads a text."""
    return f.last_interaction_kind if f.since_last_purchase < policy.lapse_after else "none"


EVERY_RULE = {**rules(), "is_contactable": is_contactable, "kind_of_contact": kind_of_contact}


@pytest.mark.parametrize(
    "dialect", ["postgres", *(pytest.param(one, marks=pytest.mark.services) for one in WAREHOUSES if one != "postgres")]
)
def test_the_sql_of_a_rule_is_valid_and_gives_its_answers(dialect: Any) -> None:
    """The query is that of the snapshot. Translated to DuckDB, it returns what the rule returns for the same facts."""
    snapshots = json.loads(SNAPSHOTS.read_text())
    for name in EXAMPLES:
        one = EVERY_RULE[name]
        sql = one.sql(POLICY, dialect=dialect)
        before = "\n".join(snapshots[f"{name} {dialect}"])

        assert sql == before or parsed(sql, dialect) == parsed(before, dialect), "run: python -m tests.sql.snapshots"
        rows = on_duckdb(sql, dialect, {"facts": facts()})
        assert rows == comparable(one.over(table_of_facts(), POLICY).select("person_id", name).to_dicts())


FEW = ("purchase_count", "last_purchase_at", "since_last_purchase")


@pytest.mark.parametrize("dialect", ["trino", *(pytest.param(one, marks=pytest.mark.services) for one in TRANSLATED)])
def test_the_sql_of_facts_gives_the_facts(dialect: Any) -> None:
    """A query over the logs returns the facts of each person; a missing value is null, a span whole microseconds."""
    names = FEW if dialect == "trino" else [*FEW, *MORE]
    rows = on_duckdb(Facts.sql(COLUMNS, as_of=NOW, dialect=dialect, facts=names), dialect, shop())

    assert rows == comparable(facts().select("person_id", *names).to_dicts())


class MemberFacts(BaseFacts):
    """Facts of the table of people, and of own columns of purchases."""

    tier: str = column("tier", str)
    visits: int = column("visits", int)
    letters: bool = column("letters", bool)
    since_joined: timedelta = since(column("joined", datetime))
    from_abroad: int = count("purchases", where=lambda one: one.country != "ID", columns={"country": str})


PEOPLE = pl.DataFrame(
    {
        "person_id": ["p0", "p1", "x"],
        "tier": ["gold", None, "gold"],
        "visits": [3, None, 4],
        "letters": [True, None, True],
    }
).with_columns(joined=pl.Series([NOW - 30 * DAY, None, NOW]))
OWN = {"people": PEOPLE.columns, "purchases": [*COLUMNS["purchases"], "country"]}


@pytest.mark.parametrize(
    "dialect", ["duckdb", *(pytest.param(one, marks=pytest.mark.services) for one in WAREHOUSES if one != "clickhouse")]
)
def test_the_sql_of_facts_reads_the_table_of_people(dialect: Any) -> None:
    """Columns of people and own columns of a log have the answers of `over`; nobody comes from the table of people."""
    frames = {**shop(), "people": PEOPLE}
    abroad = pl.when(pl.int_range(pl.len()) == 1).then(pl.lit("SG")).otherwise(pl.lit("ID"))
    frames["purchases"] = frames["purchases"].with_columns(country=abroad)
    logs = Logs(**{name: frame for name, frame in frames.items() if name != "people"}, keep={"purchases": ["country"]})
    expected = MemberFacts.over(logs.with_people(PEOPLE, {name: name for name in PEOPLE.columns}), as_of=NOW)
    sql = MemberFacts.sql({**COLUMNS, **OWN}, as_of=NOW, dialect=dialect)

    assert parsed(sql, dialect)
    assert on_duckdb(sql, dialect, frames) == comparable(
        expected.with_columns(pl.col("since_joined").dt.total_microseconds()).to_dicts()
    )


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({}, r"a fact reads tier of people, .* add it: tables={'people': \['person_id', 'tier'\]}"),
        ({"people": ["person_id"]}, r"reads tier of people, .* add it: tables={'people': \[\.\.\., 'tier'\]}"),
    ],
)
def test_a_fact_of_people_needs_their_table(tables: Any, message: str) -> None:
    """A missing table or column is named with the argument that adds it."""
    with pytest.raises(FactsError, match=message):
        MemberFacts.sql({**COLUMNS, **tables}, as_of=NOW, dialect="duckdb", facts=["tier"])


@pytest.mark.services
def test_only_the_instant_differs_between_two_days() -> None:
    """The SQL of facts on two days differs only in the instant, so a dbt model can replace it by a variable."""
    days = NOW, NOW + DAY
    first, second = (
        Facts.sql({"purchases": COLUMNS["purchases"]}, as_of=day, dialect="bigquery", facts=["order_count"])
        for day in days
    )
    micros = [str(round(day.timestamp()) * 1_000_000) for day in days]

    assert first != second
    assert first.replace(micros[0], micros[1]) == second


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({}, "tables has no records"),
        ({"people": ["person_id"]}, "tables has no records"),
        ({"purchases": COLUMNS["purchases"], "people": ["person_id", "tier"]}, "unknown column 'tier'"),
        ([], "tables must be the columns of each table"),
        ({"purchases": "id"}, "the table purchases must be a list of names"),
        ({"purchases": [1]}, "the table purchases must be a list of names"),
        ({"purchase": ["id"]}, "unknown table 'purchase'; did you mean purchases"),
        ({"purchases": ["id", "persn_id"]}, "unknown column 'persn_id'; did you mean person_id"),
        ({"purchases": ["id", "person_id"]}, "needs the columns purchased_at, amount"),
    ],
)
def test_tables_that_logs_do_not_have_are_refused(tables: Any, message: str) -> None:
    """An unknown table or column, or a missing one, is named with its remedy."""
    with pytest.raises(ArgumentError, match=message):
        Facts.sql(tables, as_of=NOW, dialect="postgres")


def test_an_unknown_fact_or_dialect_is_refused() -> None:
    """A misspelt fact and a dialect that is not supported are named."""
    with pytest.raises(FactsError, match="the fact 'purchase_cuont' is unknown; did you mean purchase_count"):
        Facts.sql(COLUMNS, as_of=NOW, dialect="postgres", facts=["purchase_cuont"])
    with pytest.raises(ArgumentError, match="dialect must be 'bigquery' or 'databricks' or"):
        Facts.sql(COLUMNS, as_of=NOW, dialect="clickhouse")
    with pytest.raises(ArgumentError, match=r"dialect must be 'bigquery' or .* \(got 'postgre'\)"):
        EVERY_RULE["stage"].sql(POLICY, dialect="postgre")


def test_instants_are_converted_by_what_the_database_has() -> None:
    """Snowflake subtracts the first instant of 1970. Spark would subtract clock times, so it counts microseconds."""
    sql = {
        dialect: Facts.sql(COLUMNS, as_of=NOW, dialect=dialect, facts=["first_purchase_at"]).upper()
        for dialect in ("databricks", "snowflake")
    }

    assert "DIFF(MICROSECOND" in sql["snowflake"]
    assert "UNIX_MICROS(" in sql["databricks"]
    assert "TIMESTAMP_MICROS(" in sql["databricks"]
    assert "DIFF(MICROSECOND" not in sql["databricks"]
    assert not any("EPOCH" in one for one in sql.values())


def test_spark_reads_a_time_without_a_zone_as_it_is() -> None:
    """Its text gets a zone, because Spark would read the time in the zone of the session."""
    import ibis

    naive = ibis.table({"t": "timestamp"}, name="events")
    sql = ibis.to_sql(to_microseconds(naive, ["t"], "pyspark"), dialect="pyspark").upper()

    assert "UNIX_MICROS(CAST(CONCAT(CAST(`T0`.`T` AS STRING), 'Z') AS TIMESTAMP))" in sql


def test_tables_in_clickhouse_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """ClickHouse computes windows differently, so a table there is refused, with what to do instead."""
    import ibis

    monkeypatch.setattr("funnel._dataframes.ibis_dialects.dialect_of", lambda _: "clickhouse")
    with pytest.raises(EngineError, match=r"ClickHouse are not supported.*; export the table"):
        EVERY_RULE["stage"].over(ibis.memtable(facts().select("purchase_count").to_arrow()), POLICY)


def test_the_next_row_is_read_with_lead() -> None:
    """Databases refuse LAG with a negative offset, so an Ibis frame looks ahead with LEAD, with the same values."""
    import ibis
    import narwhals as nw

    frame = nw.from_native(ibis.memtable(pl.DataFrame({"t": [3, 1, 2]}).to_arrow())).lazy()
    lookahead = frame.with_columns(one=nw.lit(1)).with_columns(next=nw.col("t").shift(-1).over("one", order_by="t"))

    sql = str(ibis.to_sql(looking_ahead(nw.to_native(lookahead)), dialect="trino"))
    assert ("LEAD(" in sql, "LAG(" in sql) == (True, False)
    assert sorted(collected(lookahead)["next"].to_list(), key=str) == [2, 3, None]


def test_sql_without_ibis_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ibis writes the SQL. If it is not installed, the error names the extra."""
    monkeypatch.setattr("funnel.logs.sql_tables.installed", lambda _: False)
    with pytest.raises(MissingExtraError, match="shopfunnel\\[ibis\\]"):
        EVERY_RULE["stage"].sql(POLICY, dialect="postgres")
