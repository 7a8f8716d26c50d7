"""Margin by origin, own column or product: revenue less costs and fees, of purchases with a known cost.

Invariants: a purchase without a cost is left out of cost and margin, and counted. The margin of all groups together is
the margin of all purchases, except by product: an order's fees, refunds and discounts belong to no single product.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs
import narwhals as nw

from funnel._arguments import parse_as_of
from funnel._dataframes.adapter import Frame
from funnel._dataframes.compute import to_rows
from funnel._expr.to_narwhals import to_int
from funnel._format import Listed, Table, Tabular
from funnel._results import Rows
from funnel._time import instant
from funnel.errors import ArgumentError
from funnel.logs import Logs
from funnel.metrics._by_group import OWN_OF, Cell, check_by, group_of, people_groups
from funnel.metrics._display import group_name, money, percent
from funnel.metrics._lines import SKU, lines_beside
from funnel.metrics._orders import check_costs, orders_of
from funnel.metrics._purchases import PERSON, is_valid

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame


PRODUCT = "product"
_SUMS = ("purchases", "costed", "revenue", "cost", "fees")


@attrs.frozen
class MarginGroup:
    """The margin of one group. Amounts are in minor units.

    Attributes:
        group: The source, campaign, promotion, product or value; None if it is unknown.
        purchases: Number of valid purchases; of order lines, if the groups are products.
        costed: Number of those with a known cost. The amounts are theirs alone.
        revenue: The amount paid, less refunds.
        cost: The cost of the goods for the shop.
        fees: The fees of the marketplace and the payment provider.
    """

    group: Cell
    purchases: int
    costed: int
    revenue: int
    cost: int
    fees: int

    @property
    def margin(self) -> int:
        """Return the revenue less cost and fees."""
        return self.revenue - self.cost - self.fees

    @property
    def share(self) -> float | None:
        """Return the margin as a share of the revenue. None without revenue."""
        return self.margin / self.revenue if self.revenue else None


@attrs.frozen
class MarginGroups(Rows, Listed[MarginGroup], Tabular):
    """Result of `margin_by`: the margin of each group, largest margin first.

    Attributes:
        as_of: The evaluation time.
        by: The grouping.
        groups: The groups.
        currency: The currency of the amounts. None if it is not known; amounts are then in minor units.
    """

    as_of: datetime
    by: str
    groups: tuple[MarginGroup, ...]
    currency: str | None = None

    _PARTS = "groups"

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one row per group, with the column `group`."""
        return [
            {"group": one.group, **{name: getattr(one, name) for name in (*_SUMS, "margin", "share")}}
            for one in self.groups
        ]

    def _tables(self) -> Iterator[Table]:
        left = sum(one.purchases - one.costed for one in self.groups)
        above = f"Left out, because the cost is not known: {left:,}." if left else ""
        rows = (
            (
                group_name(one.group),
                f"{one.costed:,}",
                *(money(amount, self.currency) for amount in (one.revenue, one.cost, one.fees, one.margin)),
                percent(one.share),
            )
            for one in self.groups
        )
        yield above, (self.by, "purchases", "revenue", "cost", "fees", "margin", "share"), rows


def margin_by(logs: Logs, by: str, *, as_of: datetime, lines: IntoFrame | None = None) -> MarginGroups:
    """Compute revenue, cost, fees and margin of each group.

    Purchases valid at `as_of` count, less refunds. A purchase without `cost` is left out, because an unknown cost is
    not 0. Cost and fees stay whole after a part refund.

    Args:
        logs: All records, with `cost` and, if there are any, `fees` of purchases.
        by: The grouping of people, as in `retention`; or `product`.
        as_of: The evaluation time.
        lines: For `product` only: a dataframe of the same engine as the logs, with `purchase_id`, `sku`, `amount` and
            `cost` of each line in minor units (and `source`, if the logs have that column). The margin of a product is
            amount less cost: fees, refunds and discounts of an order belong to no single product.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: `by` is not a grouping, no purchase has a cost, the logs have no purchases, `product` comes
            without lines, or lines come without `product`.
        LogsError: The lines are invalid.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime
        >>> from funnel import Logs
        >>> when = [datetime(2026, 3, 1, tzinfo=UTC)] * 2
        >>> sold = {"id": [1, 2], "person_id": ["a", "b"], "purchased_at": when, "amount": [900, 500]}
        >>> table = pl.DataFrame({**sold, "cost": [300, 400], "fees": [20, None], "country": ["ID", "SG"]})
        >>> logs = Logs(purchases=table, keep={"purchases": ["country"]})
        >>> print(margin_by(logs, "country", as_of=datetime(2026, 4, 1, tzinfo=UTC)))
        country  purchases  revenue  cost  fees  margin   share
        ID               1      900   300    20     580  64.4 %
        SG               1      500   400     0     100  20.0 %
    """
    now = parse_as_of(as_of)
    check_by(logs, by, OWN_OF, PRODUCT)
    if (lines is not None) is not (by == PRODUCT):
        raise ArgumentError(
            "by='product' requires lines, and lines require by='product' (got one of the two); pass both or neither"
        )
    purchases = orders_of(logs).table("purchases").filter(is_valid(now))
    rows = _of_purchases(logs, purchases, by, now) if lines is None else _of_lines(logs, purchases, lines)
    sums = rows.group_by("group").agg(*(nw.col(name).sum() for name in _SUMS))
    groups = [
        MarginGroup(group_of(logs, by, group), *map(int, values)) for group, *values in to_rows(sums, "group", *_SUMS)
    ]
    ordered = sorted(groups, key=lambda one: (-one.margin, str(one.group)))
    return MarginGroups(instant(now), by, tuple(ordered), logs.currency)


def _of_purchases(logs: Logs, purchases: Frame, by: str, now: int) -> Frame:
    check_costs(purchases)
    has_cost = nw.col("has_cost")
    costed = {"revenue": nw.col("net_amount"), "cost": nw.col("cost"), "fees": nw.col("fees")}
    sums = purchases.select(
        PERSON, purchases=_ONE, costed=has_cost, **{name: has_cost * amount for name, amount in costed.items()}
    )
    return sums.join(people_groups(logs, by, now), on=PERSON, how="inner")


def _of_lines(logs: Logs, purchases: Frame, lines: object) -> Frame:
    items = lines_beside(logs, lines, ("amount", "cost")).join(
        purchases.select("source", "id"), on=["source", "id"], how="inner"
    )
    costed = to_int((nw.col("cost") >= 0) & (nw.col("amount") >= 0))
    return items.select(
        group=nw.col(SKU),
        purchases=_ONE,
        costed=costed,
        revenue=costed * nw.col("amount"),
        cost=costed * nw.col("cost"),
        fees=nw.lit(0, nw.Int64()),
    )


_ONE = nw.lit(1, nw.Int64())
