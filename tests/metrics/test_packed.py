"""Cohorts by packed rows are those by the engine's own expressions, of whatever is asked."""

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
from tests.kernels import Lookup, cell_sums
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
    """The answer by packed rows, and by expressions; who is in a cell is another question."""
    names = set(arguments) & set(attrs.fields_dict(Counting))
    if names:
        arguments["counting"] = Counting(**{name: arguments.pop(name) for name in names})
    packed = retention(table, **arguments)
    with pytest.MonkeyPatch.context() as patch:
        kernels.without_numpy(patch)
        return packed, retention(table, **arguments)


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
    packed, by_engine = both(
        bought("numbers"), tz="Asia/Jakarta", as_of=AS_OF, counting=Counting(measure=measure), **arguments
    )

    assert len(packed) > 4
    assert sum(one.size for one in packed) == sum(one.size for one in by_engine) > 30
    assert packed.cohorts == by_engine.cohorts


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("priced", [True, False])
def test_however_people_are_named(monkeypatch: pytest.MonkeyPatch, ids: str, *, priced: bool) -> None:
    """Texts and far numbers are counted as near ones are; many cells as few; amounts may be unknown."""
    kernels.many_cells(monkeypatch, 1 if priced else 1 << 16)
    table = bought(ids)
    packed, by_engine = both(table if priced else table.drop("amount"), tz="UTC", as_of=AS_OF - timedelta(days=9))

    assert (packed.cohorts[0].revenue is not None) is priced
    assert packed.cohorts == by_engine.cohorts
    assert sorted(packed.people_of(packed.cohorts[0].start, 1)["person_id"]) == sorted(
        by_engine.people_of(by_engine.cohorts[0].start, 1)["person_id"]
    )


@FEW
@given(shops(), questions())
def test_of_any_shop_both_ways_count_the_same(shop: Any, question: Any) -> None:
    """For any shop and any question."""
    arguments = {name: getattr(question, name) for name in attrs.fields_dict(type(question))}
    orders = shop.tables()["purchases"].drop("id")
    packed, by_engine = both(orders, **{**arguments, "first": "purchase", "refund_basis": "order"})

    assert packed.cohorts == by_engine.cohorts


def test_nothing_bought_is_no_cohort() -> None:
    """A table without rows, and one whose purchases are all yet to come, have no cohorts by both ways."""
    for table in (bought("texts").clear(), bought("texts")):
        packed, by_engine = both(table, tz="UTC", as_of=AS_OF - timedelta(days=400))
        assert packed.cohorts == by_engine.cohorts == ()


@given(st.lists(st.integers(1, 40) | st.just(0), min_size=1, max_size=9), st.integers(-99, 99), st.data())
def test_a_period_is_looked_up_as_it_is_sought(lengths: list[int], start: int, data: st.DataObject) -> None:
    """The place of an instant is that of the last edge that is no later, though periods have no length at all."""
    edges = np.cumsum([start, *lengths, 1]).tolist()
    moments = data.draw(st.lists(st.integers(edges[0], edges[-1] - 1), min_size=1))

    assert Lookup.of(edges)(np.array(moments)).tolist() == [bisect_right(edges, one) - 1 for one in moments]


@pytest.mark.parametrize("few", [0, 1 << 16])
def test_sums_are_exact(monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """Amounts that no float holds are added up to the last unit, however many cells there are."""
    kernels.many_cells(monkeypatch, few)
    large = 10**14 - 1
    cells, value = np.array([3, 1, 3, 3]), np.array([large, 5, large, 1])
    halves = [cell_sums(cells[:2], 4, value[:2]), cell_sums(cells[2:], 4, value[2:])]

    assert list(kernels.together(halves)) == [(1, 1, 5), (3, 3, 2 * large + 1)]
    assert list(cell_sums(cells, 4)) == [(1, 1, 0), (3, 3, 0)]
