"""The aggregate and the window where little is asked for, and the ways of engines that cannot do what others can."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel._aggregate.aggregations import ORDER, Reduction
from funnel._aggregate.group_by import _stacked, aggregated, value_name
from funnel._aggregate.window import running
from funnel._expr.tree import trace
from funnel._ledger.streams import STREAMS, TABLES
from funnel._time import micros
from funnel.history import History
from funnel.logs import Logs
from tests.frames import tables
from tests.shop import DAY, END, NOW, ShopFacts, bought, by_person, fewer, logs_of, people
from tests.strategies import instants

BIG = trace(lambda one: one.amount >= 5, STREAMS["orders"].fields)
ONE: tuple[tuple[Reduction, ...], ...] = (
    (),
    (Reduction(STREAMS["orders"], "sum"),),
    (Reduction(STREAMS["orders"], "latest", "id", where=BIG, empty=""),),
    (Reduction(STREAMS["purchases"], "earliest", "amount"), Reduction(STREAMS["views"], "sum")),
)


@pytest.mark.no_cover
@pytest.mark.parametrize("reductions", ONE, ids=range(len(ONE)))
@given(everyone=people(most=6), as_of=instants())
@fewer
def test_what_is_asked_alone_is_what_is_asked_with_others(
    reductions: tuple[Reduction, ...], everyone: tuple[History, ...], as_of: datetime
) -> None:
    """A few reductions have the values that they have among many, and the last row of the window is the aggregate."""
    ledger, at = logs_of(everyone)._tables, micros(as_of)
    every = tuple(dict.fromkeys([*reductions, *ShopFacts._fact_plan.reductions]))
    alone, trials = (_rows(aggregated(ledger, some, at), len(reductions)) for some in (reductions, every))
    windows = running(ledger, reductions, at)
    last = windows.join(windows.group_by("person_id").agg(nw.col("t").max()), on=["person_id", "t"], how="inner")

    assert alone == trials == _rows(last, len(reductions))


def _rows(frame: Any, count: int) -> list[tuple[object, ...]]:
    return sorted(frame.select("person_id", *map(value_name, range(count))).collect().rows())


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "person_id": st.sampled_from(["p1", "p2"]),
            "t": st.integers(0, 2),
            "rank": st.integers(0, 1),
            "source": st.sampled_from(["shop", "web"]),
            "id": st.integers(0, 3).map(str),
        }
    ),
    max_size=8,
    unique_by=lambda row: tuple(row.values()),
)


@pytest.mark.parametrize("latest", [True, False])
@given(rows=ROWS)
def test_the_first_and_the_last_row_are_found_without_ordered_aggregates(
    rows: list[dict[str, Any]],
    latest: bool,  # noqa: FBT001 - a case
) -> None:
    """One row a person, the first or the last by the total order."""
    schema = {"person_id": pl.String, "t": pl.Int64, "rank": pl.Int64, "source": pl.String, "id": pl.String}
    frame: Any = nw.from_native(pl.DataFrame(rows, schema=schema).lazy().with_columns(start="t"))
    pick = max if latest else min
    edge = Reduction(STREAMS["orders"], "latest" if latest else "earliest", "id", empty="")

    assert _rows(_stacked({"orders": frame}, {"orders": [(edge, 0)]}, 2, ["orders"]), 1) == [
        (name, pick((row for row in rows if row["person_id"] == name), key=_order)["id"])
        for name in sorted({row["person_id"] for row in rows})
    ]


def _order(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ORDER)


@pytest.mark.parametrize("log", ["leads", "purchases", "interactions"])
@given(everyone=people(most=6))
@fewer
def test_a_log_that_is_not_there_is_one_in_which_nothing_stands(log: str, everyone: tuple[History, ...]) -> None:
    """Tables that are not kept are empty, not unknown; the other tables give their facts."""
    rest = tables([History.of(one.person_id, [r for r in one.records if _log(r) == log]) for one in everyone])
    alone, empty = Logs(**{log: rest[log].lazy()}), Logs(**{name: frame.lazy() for name, frame in rest.items()})

    assert by_person(ShopFacts.over(alone, as_of=END)) == by_person(ShopFacts.over(empty, as_of=END))


def _log(record: Any) -> str:
    if hasattr(record, "arrived_at"):
        return "leads"
    if hasattr(record, "purchased_at"):
        return "purchases"
    alone = getattr(record, "kind", "") not in ("answer", "resolution", "delivery", "complaint", "refund")
    return "interactions" if alone else ""


def test_a_shop_with_orders_alone_has_its_facts() -> None:
    """Orders are enough for what is known of buying, at an instant and at every one."""
    logs = Logs(purchases=tables([History.of("p1", [bought("1", NOW - DAY), bought("2", NOW)])])["purchases"].lazy())
    facts = by_person(ShopFacts.over(logs, as_of=NOW))["p1"]
    running_ = ShopFacts.running(logs, as_of=NOW).select("purchase_count", "view_count", "campaign").collect()

    assert (facts["purchase_count"], facts["view_count"], facts["campaign"]) == (2, 0, None)
    assert set(running_.rows()) == {(1, 0, None), (2, 0, None)}
    assert "orders" in TABLES
