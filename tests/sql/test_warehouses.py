"""Rules, facts and metrics on a real PostgreSQL through Ibis, and the SQL of every rule on ClickHouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from funnel import Facts, Logs, metrics, stage
from tests.frames import answered, as_span, read
from tests.laws.test_engines import FewFacts, as_told
from tests.specimens import DAY, NOW, POLICY
from tests.sql.warehouse import COLUMNS, clickhouse, comparable, facts, shop, table_of_facts
from tests.store.servers import postgresql
from tests.tables import rules

pytestmark = [pytest.mark.services, pytest.mark.no_cover]

METRICS: dict[str, Callable[[Any], Any]] = {
    "conversion": lambda logs: metrics.conversion(logs, ["view", "purchase"], within=30 * DAY, as_of=NOW),
    "repeat_rates": lambda logs: metrics.repeat_rates(logs, within=30 * DAY, as_of=NOW),
    "people_by": lambda logs: metrics.people_by(stage, logs, POLICY, as_of=NOW),
}


@pytest.fixture(scope="module")
def database() -> Iterator[Any]:
    """Connect Ibis to a private PostgreSQL server that has the records of the shop."""
    ibis = pytest.importorskip("ibis", reason="Ibis is not installed")
    with postgresql("fsync=off", "synchronous_commit=off", "full_page_writes=off") as server:
        connection = ibis.postgres.connect(host=str(server.folder), user="funnel", database="postgres")
        connection.raw_sql("set timezone = 'UTC'")
        for name, table in shop().items():
            connection.create_table(name, table.to_arrow())
        yield connection
        connection.disconnect()


@pytest.fixture(scope="module")
def logs(database: Any) -> Logs[Any]:
    """Give the logs of the shop on PostgreSQL."""
    return Logs(**{name: database.table(name) for name in shop()})


def test_facts_on_postgresql_are_those_of_polars(logs: Logs[Any]) -> None:
    """Facts of every form are the same."""
    local = answered(FewFacts.over(Logs(**shop()), as_of=NOW))
    remote = answered(FewFacts.over(logs, as_of=NOW))

    assert {person: as_told(FewFacts, row) for person, row in remote.items()} == {
        person: as_told(FewFacts, row) for person, row in local.items()
    }


@pytest.mark.parametrize("name", ["stage", "readiness_points", "buying_phase", "until_likely", "needs_repair_first"])
def test_rules_on_postgresql_give_the_answers_of_polars(logs: Logs[Any], name: str) -> None:
    """Rules over logs in the database: a stage, points, a text, a span and a condition."""
    remote, local = (read(rules()[name].over(one, POLICY, as_of=NOW)) for one in (logs, Logs(**shop())))

    assert [as_span(row[name]) for row in remote] == [as_span(row[name]) for row in local]


@pytest.mark.parametrize("name", METRICS)
def test_metrics_on_postgresql_are_those_of_polars(logs: Logs[Any], name: str) -> None:
    """Metrics that are computed in the database have the same counts."""
    assert METRICS[name](logs) == METRICS[name](Logs(**shop()))


def test_the_sql_of_facts_and_rules_runs_on_postgresql(database: Any) -> None:
    """The two queries of a dbt project run one after the other: facts as a table, and the answers from it."""
    names = ["purchase_count", "occasion_count", "since_last_purchase", "inbound_count", "order_count"]
    query = Facts.sql(COLUMNS, as_of=NOW, dialect="postgres", facts=names)
    database.raw_sql(f"create table facts as {query}").close()
    with database.raw_sql(stage.sql(POLICY, dialect="postgres")) as cursor:
        rows = [dict(zip(("person_id", "stage"), row, strict=True)) for row in cursor.fetchall()]

    assert comparable(rows) == comparable(stage.over(Logs(**shop()), POLICY, as_of=NOW).to_dicts())


def test_the_sql_of_every_rule_runs_on_clickhouse(tmp_path: Path) -> None:
    """Every rule of the library returns its answers on ClickHouse; a span is whole microseconds."""
    pytest.importorskip("chdb", reason="chdb is not installed")
    query = clickhouse({"facts": facts()}, tmp_path)
    for name, one in rules().items():
        rows = query(one.sql(POLICY, dialect="clickhouse"))
        local = one.over(table_of_facts(), POLICY).select("person_id", name).to_dicts()

        assert comparable(rows) == comparable([{**row, name: _micros(row[name])} for row in local]), name


def _micros(value: Any) -> Any:
    return value // timedelta(microseconds=1) if isinstance(value, timedelta) else value
