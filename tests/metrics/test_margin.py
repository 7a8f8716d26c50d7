"""Margin: of groups, of products and in cohorts, from costs and fees of purchases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from funnel import Logs, retention
from funnel.errors import ArgumentError, LogsError
from funnel.metrics import Counting, margin_by
from tests.engines import FULL, HERE, on

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ORDERS = pl.DataFrame(
    {
        "id": ["1", "2", "3", "4", "5"],
        "person_id": ["a", "a", "b", "c", "c"],
        "purchased_at": [datetime(2026, month, 9, tzinfo=UTC) for month in (1, 2, 1, 2, 3)],
        "amount": [1000, 500, 800, 900, 700],
        "cost": [400, None, 900, 300, 100],
        "fees": [50, 20, None, 10, 5],
        "country": ["UK", "FR", "FR", None, "UK"],
        "pieces": [2, 1, 3, 4, None],
    }
)
REFUNDS = pl.DataFrame({"id": ["r1", "r2"], "purchase_id": ["1", "5"], "refunded_at": [NOW] * 2, "amount": [100, 700]})
LINES = pl.DataFrame(
    {
        "purchase_id": ["1", "1", "3", "4", "5"],
        "sku": ["mug", "pot", "mug", "mug", "pot"],
        "amount": [600, 400, 800, 900, 700],
        "cost": [150, 250, 900, None, 100],
    }
)


def shop(engine: str = "polars") -> Logs:
    """Orders with costs; the fifth is fully refunded."""
    return Logs(
        **on(engine, {"purchases": ORDERS, "refunds": REFUNDS}),
        currency="USD",
        keep={"purchases": ["country", "pieces"]},
    )


def groups(by: str, engine: str = "polars", **lines: Any) -> dict[Any, tuple[int, ...]]:
    """Purchases, purchases with a cost, revenue, cost, fees and margin of each group."""
    result = margin_by(shop(engine), by, as_of=NOW, **lines)
    return {one.group: (one.purchases, one.costed, one.revenue, one.cost, one.fees, one.margin) for one in result}


@pytest.mark.parametrize("engine", [name for name in HERE if FULL or name == "polars"])
def test_margin_is_revenue_less_cost_and_fees_of_purchases_with_a_cost(engine: str) -> None:
    """A part refund lowers the revenue alone; a full refund removes the purchase; an unknown cost is left out."""
    lines = on(engine, {"lines": LINES})["lines"]

    assert list(groups("country", engine).items()) == [
        (None, (1, 1, 900, 300, 10, 590)),
        ("UK", (2, 1, 900, 400, 50, 450)),
        ("FR", (1, 1, 800, 900, 0, -100)),
    ]
    assert list(groups("product", engine, lines=lines).items()) == [
        ("mug", (3, 2, 1400, 1050, 0, 350)),
        ("pot", (1, 1, 400, 250, 0, 150)),
    ]


def test_the_margin_of_groups_is_shown_with_currency_and_with_what_is_left_out() -> None:
    """A row has amounts and a share; a sentence says how many purchases have no known cost."""
    result = margin_by(shop(), "country", as_of=NOW)

    assert str(result).splitlines()[:2] == [
        "Left out, because the cost is not known: 1.",
        "country    purchases   revenue      cost      fees     margin    share",
    ]
    assert result.to_dicts()[1] == {
        "group": "UK",
        "purchases": 2,
        "costed": 1,
        "revenue": 900,
        "cost": 400,
        "fees": 50,
        "margin": 450,
        "share": 0.5,
    }
    assert "Left out" not in str(margin_by(shop(), "country", as_of=datetime(2026, 1, 20, tzinfo=UTC)))
    assert margin_by(shop(), "country", as_of=datetime(2025, 1, 1, tzinfo=UTC)).groups == ()


def test_a_group_without_known_costs_has_no_share() -> None:
    """Its margin is 0 of 0."""
    logs = Logs(purchases=ORDERS.head(2).with_columns(person_id="id"), keep={"purchases": ["country"]})
    (_, unknown) = margin_by(logs, "country", as_of=NOW)

    assert (unknown.group, unknown.purchases, unknown.costed, unknown.margin, unknown.share) == ("FR", 1, 0, 0, None)


def test_margins_need_costs_and_lines_belong_to_products() -> None:
    """Without a cost, without lines, and with lines that are wrong, the error has the remedy."""
    bare = Logs(purchases=ORDERS.drop("cost"))
    with pytest.raises(ArgumentError, match="margin is not known, because no purchase has a cost; pass the column"):
        margin_by(bare, "source", as_of=NOW)
    with pytest.raises(ArgumentError, match="requires lines"):
        margin_by(shop(), "product", as_of=NOW)
    with pytest.raises(LogsError, match=r"lines.cost: is missing; give the amount of each line"):
        groups("product", lines=LINES.drop("cost"))
    with pytest.raises(LogsError, match=r"lines.cost: is Float64; give whole minor units"):
        groups("product", lines=LINES.with_columns(pl.col("cost").cast(pl.Float64)))
    with pytest.raises(LogsError, match=r"lines.cost: 1 row .row 1.: is not a whole number from 0"):
        groups("product", lines=LINES.with_columns(cost=pl.Series([-1, 2, 3, 4, 5])))
    huge = pl.DataFrame({"purchase_id": ["1"] * 99_999, "sku": "mug", "amount": 10**14, "cost": 0})
    with pytest.raises(LogsError, match=r"lines.amount: .*cannot be summed for one product"):
        groups("product", lines=huge)


def test_lines_of_pandas_may_have_gaps() -> None:
    """Whole numbers with empty cells are floats in pandas."""
    logs: Logs[Any] = Logs(purchases=ORDERS.to_pandas())
    result = margin_by(logs, "product", as_of=datetime(2026, 3, 20, tzinfo=UTC), lines=LINES.to_pandas())

    assert [(one.group, one.costed, one.margin) for one in result] == [("pot", 2, 750), ("mug", 2, 350)]


def test_cohorts_sum_the_margin_or_an_own_column() -> None:
    """The money of a cell is the margin of its purchases with a cost, or the sum of whole numbers."""

    def revenue(amount: str, **by: Any) -> Any:
        result: Any = retention(shop(), tz="UTC", as_of=NOW, counting=Counting(amount=amount), **by)
        return result if by else [(one.revenue, result.amount, result.currency) for one in result]

    assert revenue("revenue") == [((1700, 500, 0, 0, 0), "revenue", "USD"), ((900, 0, 0, 0), "revenue", "USD")]
    assert revenue("margin") == [((350, 0, 0, 0, 0), "margin", "USD"), ((590, 0, 0, 0), "margin", "USD")]
    assert revenue("pieces") == [((5, 1, 0, 0, 0), "pieces", None), ((4, 0, 0, 0), "pieces", None)]
    assert [one.revenue[0] for one in revenue("margin", by="country")["FR"]] == [-100]


def test_the_number_of_a_cohort_is_known() -> None:
    """A misspelt word, a column of texts and a margin by day of refund are refused."""
    for amount in ("margn", "country"):
        with pytest.raises(ArgumentError, match=r"amount must be 'revenue' or 'margin' or 'pieces'"):
            retention(shop(), tz="UTC", as_of=NOW, counting=Counting(amount=amount))
    with pytest.raises(ArgumentError, match="no purchase has a cost"):
        retention(Logs(purchases=ORDERS.drop("cost")), tz="UTC", as_of=NOW, counting=Counting(amount="margin"))
    with pytest.raises(ArgumentError, match=r"amount='margin' needs refund_basis='order' .got 'refund'."):
        Counting(amount="margin", refund_basis="refund")
