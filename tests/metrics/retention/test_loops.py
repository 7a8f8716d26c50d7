"""Cohorts by loops equal cohorts by the expressions of the engine, for any question."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import attrs
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.metrics import Counting
from funnel.metrics._retention.cohorts import Cohorts
from funnel.metrics._retention.retention import retention
from tests import kernels
from tests.engines import FULL
from tests.metrics.bought import shops
from tests.metrics.people import FEW
from tests.metrics.retention.test_retention import questions

AS_OF = datetime(2026, 6, 20, tzinfo=UTC)
IDS = {"numbers": lambda number: number, "texts": lambda number: f"p{number}", "far": lambda number: number * 10**15}
MEASURES = ("on", "on_or_after", "cumulative", "streak")
ARGUMENTS: list[dict[str, Any]] = [
    {},
    {"brackets": (0, 1, 3)},
    {"window": timedelta(days=20)},
    {"window": timedelta(days=20), "brackets": (0, 2, 3, 40)},
    {"period": "day"},
]


def both(table: pl.DataFrame, **arguments: Any) -> tuple[Cohorts, Cohorts]:
    """Return the answer by loops, and the answer by expressions."""
    names = set(arguments) & set(attrs.fields_dict(Counting))
    if names:
        arguments["counting"] = Counting(**{name: arguments.pop(name) for name in names})
    by_loops = retention(table, **arguments)
    with pytest.MonkeyPatch.context() as patch:
        kernels.without_numpy(patch)
        return by_loops, retention(table, **arguments)


def bought(ids: str) -> pl.DataFrame:
    """Two hundred purchases of some forty people within half a year."""
    chance = Random(3)
    rows = [
        (
            IDS[ids](chance.randrange(40)),
            AS_OF - timedelta(hours=chance.randrange(24 * 180)),
            chance.randrange(10**12),
        )
        for _ in range(200)
    ]
    return pl.DataFrame(rows, ["person_id", "purchased_at", "amount"], orient="row")


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
@pytest.mark.parametrize("measure", MEASURES)
def test_both_ways_count_the_same(arguments: dict[str, Any], measure: str) -> None:
    """Periods, windows and brackets, by every measure, with money."""
    by_loops, by_engine = both(
        bought("numbers"), tz="Asia/Jakarta", as_of=AS_OF, counting=Counting(measure=measure), **arguments
    )

    assert len(by_loops) > 4
    assert sum(one.size for one in by_loops) == sum(one.size for one in by_engine) > 30
    assert by_loops.cohorts == by_engine.cohorts


@pytest.mark.skipif(not FULL, reason="make test-full compiles every loop")
def test_compiled_loops_count_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled loops return the same counts as the engine, for every measure and every kind of column."""
    kernels.always_compiled(monkeypatch)
    for measure in MEASURES:
        for arguments in ARGUMENTS:
            counting = Counting(measure=measure)
            by_loops, by_engine = both(bought("texts"), tz="UTC", as_of=AS_OF, counting=counting, **arguments)
            assert by_loops.cohorts == by_engine.cohorts


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("priced", [True, False])
def test_every_kind_of_id_counts_the_same(ids: str, *, priced: bool) -> None:
    """Texts and integers far apart count as integers close together do; amounts may be unknown."""
    table = bought(ids)
    by_loops, by_engine = both(table if priced else table.drop("amount"), tz="UTC", as_of=AS_OF - timedelta(days=9))

    assert (by_loops.cohorts[0].revenue is not None) is priced
    assert by_loops.cohorts == by_engine.cohorts
    assert sorted(by_loops.people_of(by_loops.cohorts[0].start, 1)["person_id"]) == sorted(
        by_engine.people_of(by_engine.cohorts[0].start, 1)["person_id"]
    )


def test_too_many_cells_are_counted_by_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a table has more cells than counters fit, the engine counts the same."""
    kernels.few_cells(monkeypatch)
    by_loops, by_engine = both(bought("numbers"), tz="UTC", as_of=AS_OF, period="day")

    assert by_loops.cohorts == by_engine.cohorts


@FEW
@given(shops(), questions())
def test_of_any_shop_both_ways_count_the_same(shop: Any, question: Any) -> None:
    """For any shop and any question."""
    arguments = {name: getattr(question, name) for name in attrs.fields_dict(type(question))}
    orders = shop.tables()["purchases"].drop("id")
    by_loops, by_engine = both(orders, **{**arguments, "first": "purchase", "refund_basis": "order"})

    assert by_loops.cohorts == by_engine.cohorts


def test_nothing_bought_is_no_cohort() -> None:
    """A table without rows, and one whose purchases are all yet to come, have no cohorts by both ways."""
    for table in (bought("texts").clear(), bought("texts")):
        by_loops, by_engine = both(table, tz="UTC", as_of=AS_OF - timedelta(days=400))
        assert by_loops.cohorts == by_engine.cohorts == ()


@given(st.lists(st.integers(1, 40) | st.just(0), min_size=1, max_size=9), st.integers(-99, 99), st.data())
def test_a_period_is_looked_up_as_it_is_sought(lengths: list[int], start: int, data: st.DataObject) -> None:
    """The period of an instant begins at the last edge that is not later, even if some periods have no length."""
    edges = np.cumsum([start, *lengths, 1]).tolist()
    moments = data.draw(st.lists(st.integers(edges[0], edges[-1] - 1), min_size=1))

    assert kernels.period_indexes(edges, start + data.draw(st.integers(0, 9)), moments) == [
        bisect_right(edges, one) - 1 for one in moments
    ]
