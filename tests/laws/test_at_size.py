"""Every engine once at a size at which its own mistakes would show: 200,000 rows in chunks, real timestamps."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import polars as pl
import pytest

from funnel.facts import Facts
from funnel.logs import Logs
from funnel.policy import Policy
from funnel.stages import stage
from tests.engines import ALONE, FULL, on
from tests.frames import as_instant, as_span, read
from tests.laws.test_engines import FewFacts

pytestmark = pytest.mark.more

PEOPLE, PURCHASES, INTERACTIONS = 20_000, 60_000, 140_000
START = datetime(2024, 1, 1, tzinfo=UTC)
AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
KINDS = ("visit", "view", "question", "cart", "checkout", "follow_up", "ready_signal", "meeting", "opt_out")


@cache
def shop() -> dict[str, pl.DataFrame]:
    """Return the tables of a large shop, each in four chunks; few people have most records."""
    chance = random.Random(2026)

    def someone() -> str:
        return f"p{int(PEOPLE * chance.random() ** 3)}"

    def moment() -> datetime:
        return START + timedelta(microseconds=chance.randrange(900 * 86_400_000_000))

    bought = [(f"o{n}", someone(), moment(), chance.randrange(0, 90_000)) for n in range(PURCHASES)]
    contacts = [(f"i{n}", someone(), moment(), chance.choice(KINDS)) for n in range(INTERACTIONS)]
    back = [
        (f"r{n}", of, at + timedelta(days=chance.randrange(1, 40)), amount // chance.choice((1, 2)) or 1)
        for n, (of, _, at, amount) in enumerate(bought)
        if amount and chance.random() < 0.03
    ]
    purchases = pl.DataFrame(bought, schema=["id", "person_id", "purchased_at", "amount"], orient="row")
    interactions = pl.DataFrame(contacts, schema=["id", "person_id", "occurred_at", "kind"], orient="row")
    refunds = pl.DataFrame(back, schema=["id", "purchase_id", "refunded_at", "amount"], orient="row")
    return {"purchases": _chunked(purchases), "interactions": _chunked(interactions), "refunds": _chunked(refunds)}


def _chunked(table: pl.DataFrame) -> pl.DataFrame:
    size = table.height // 4 + 1
    return pl.concat([table.slice(at, size) for at in range(0, table.height, size)], rechunk=False)


def rows_of(native: Any, spans: frozenset[str]) -> list[dict[str, Any]]:
    """The rows as Python has them, by person."""
    return _as_python(read(native), spans)


def _as_python(expected: list[dict[str, Any]], spans: frozenset[str]) -> list[dict[str, Any]]:
    return [{k: as_span(v) if k in spans else as_instant(v) for k, v in row.items()} for row in expected]


SPANS = frozenset(name for name, one in FewFacts._fact_plan.declared.items() if one.show in ("since", "until", "span"))


@pytest.fixture(scope="session")
def expected() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the answers of Polars, computed before an engine is chosen."""
    logs = Logs(**shop())
    facts = rows_of(FewFacts.over(logs, as_of=AS_OF), SPANS)
    return facts, rows_of(stage.next_change.over(logs, Policy(), as_of=AS_OF), frozenset())


@pytest.mark.no_cover
def test_one_in_three_hundred_is_what_the_fold_says(
    expected: tuple[list[dict[str, Any]], list[dict[str, Any]]],
) -> None:
    """The answers of Polars themselves are those of one person at a time, for every three hundredth person."""
    from tests.laws.one_by_one import history_of

    facts, stages = expected
    actual = {row.pop("person_id"): row for row in (dict(one) for one in facts)}
    stages_by_person = {row["person_id"]: row for row in stages}
    for person in sorted(actual)[::300]:
        history = history_of(person, shop())
        values = FewFacts.of(history, as_of=AS_OF)

        assert actual[person] == values.to_dict()
        assert stages_by_person[person]["stage"] == stage.of(history, Policy(), as_of=AS_OF).value


@pytest.mark.no_cover
def test_every_engine_answers_as_polars(
    expected: tuple[list[dict[str, Any]], list[dict[str, Any]]], engine: str
) -> None:
    """Facts, stages and next changes of everyone, row by row."""
    if not FULL and engine not in (ALONE, "duckdb"):
        pytest.skip("asked at size in make test-full; of the others here Polars computes it")
    logs = Logs(**on(engine, shop()))
    facts, stages = expected

    assert rows_of(FewFacts.over(logs, as_of=AS_OF), SPANS) == facts
    assert rows_of(stage.next_change.over(logs, Policy(), as_of=AS_OF), frozenset()) == stages


@pytest.mark.no_cover
def test_every_fact_at_every_instant_is_the_same_in_duckdb() -> None:
    """All facts of a few people at all their instants: DuckDB lays such long plans out piece by piece, in seconds."""
    few = {f"p{number}" for number in range(5_000, 5_040)}
    some = {log: table.filter(pl.col("person_id").is_in(few)) for log, table in shop().items() if log != "refunds"}
    bought = some["purchases"].select(purchase_id="id")
    some["refunds"] = shop()["refunds"].join(bought, on="purchase_id", how="semi")
    polars, duckdb = (read(Facts.running(Logs(**on(engine, some)), as_of=AS_OF)) for engine in ("polars", "duckdb"))
    spans = frozenset(n for n, one in Facts._fact_plan.declared.items() if one.show in ("since", "until", "span"))

    assert len(polars) > len(few)
    assert _as_python(duckdb, spans) == _as_python(polars, spans)
