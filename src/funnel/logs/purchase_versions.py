"""Purchases as rows that count from an instant until another: cancellations, refunds and deliveries.

Invariant: for every person, the rows equal those of the person's own ledger.
"""

from __future__ import annotations

from collections.abc import Mapping

import narwhals as nw

from funnel._dataframes.adapter import Frame
from funnel._expr.to_narwhals import int_lit, to_int
from funnel._time import FOREVER
from funnel.logs.derived import key_columns, select_table
from funnel.logs.normalize import MISSING

_ORDER_KEY = ("source", "id")


def refunds_to_date(refunds: Frame) -> Frame:
    """Return the refunds of each purchase by instant.

    Each row has the total so far and the instant of the next refund.
    """
    key = ("source", "purchase_id")
    at_once = refunds.group_by(*key, "refunded_at").agg(nw.col("amount").sum().alias("_back"))
    at_once = at_once.with_columns(nw.col("_back").cast(nw.Int64()))
    so_far = at_once.with_columns(
        _so_far=nw.col("_back").cum_sum().over(*key, order_by="refunded_at"),
        _next=nw.col("refunded_at").shift(-1).over(*key, order_by="refunded_at"),
    )
    totals = so_far.with_columns(
        nw.col("_so_far").cast(nw.Int64()), nw.col("_next").fill_null(FOREVER).cast(nw.Int64())
    )
    return totals.rename({"purchase_id": "id"})


def _with_first_refund(orders: Frame, refunds: Frame) -> Frame:
    """Return orders with the instant of the first refund; FOREVER if there is none."""
    first = refunds.group_by("source", "purchase_id").agg(nw.col("refunded_at").min().alias("_first_back"))
    return _with_instant(orders, first.rename({"purchase_id": "id"}), "_first_back")


def with_full_refund(orders: Frame, refunds_to_date: Frame) -> Frame:
    """Return orders with the instant of the full refund; FOREVER if there is none."""
    paid = orders.select(*_ORDER_KEY, _paid=nw.col("amount"))
    full = refunds_to_date.join(paid, on=list(_ORDER_KEY), how="inner").filter(nw.col("_so_far") >= nw.col("_paid"))
    return _with_instant(orders, full.group_by(*_ORDER_KEY).agg(nw.col("refunded_at").min().alias("_void")), "_void")


def _with_instant(orders: Frame, instants: Frame, name: str) -> Frame:
    joined = orders.join(instants, on=list(_ORDER_KEY), how="left")
    return joined.with_columns(nw.col(name).fill_null(FOREVER).cast(nw.Int64()))


def first_versions(orders: Frame, refunds: Frame | None, own: Mapping[str, nw.Expr]) -> Frame:
    """Return each order as it counts until the first refund."""
    end = nw.col("_cancelled")
    if refunds is not None:
        orders, end = _with_first_refund(orders, refunds), smaller(nw.col("_first_back"), end)
    return _versions(orders, start=nw.col("_bought"), end=end, remaining=nw.col("amount"), own=own)


def later_versions(orders: Frame, refunds_to_date: Frame, own: Mapping[str, nw.Expr]) -> Frame:
    """Return each order as it counts from each refund to the next."""
    joined = refunds_to_date.join(orders, on=list(_ORDER_KEY), how="inner")
    end = smaller(nw.col("_next"), nw.col("_cancelled"))
    start = _larger(nw.col("_bought"), nw.col("refunded_at"))
    return _versions(joined, start=start, end=end, remaining=nw.col("amount") - nw.col("_so_far"), own=own)


def _versions(orders: Frame, *, start: nw.Expr, end: nw.Expr, remaining: nw.Expr, own: Mapping[str, nw.Expr]) -> Frame:
    counting = orders.with_columns(_start=start, _end=end, _remaining=remaining)
    counting = counting.filter((nw.col("_end") > nw.col("_start")) & (nw.col("_remaining") > 0))
    return select_table(
        counting,
        "purchases",
        t=nw.col("_bought"),
        start=nw.col("_start"),
        end=nw.col("_end"),
        amount=nw.col("amount"),
        net_amount=_larger(nw.col("_remaining") - or_zero("prepaid"), int_lit(0)),
        promoted=to_int(nw.col("promotion") != ""),
        promotion=nw.col("promotion"),
        cost=or_zero("cost"),
        fees=or_zero("fees"),
        has_cost=to_int(nw.col("cost") != MISSING),
        **key_columns(),
        **own,
    )


def or_zero(column: str) -> nw.Expr:
    """Return an optional amount; 0 if it is missing."""
    return nw.when(nw.col(column) == MISSING).then(int_lit(0)).otherwise(nw.col(column))


def with_deliveries(orders: Frame, interactions: Frame) -> Frame:
    """Return orders with the instant of delivery, from the order or an interaction.

    The earlier instant counts.
    """
    notices = interactions.filter(nw.col("kind") == "delivery")
    first = notices.group_by("source", "regarding").agg(nw.col("occurred_at").min().alias("_noticed"))
    noticed = _with_instant(orders, first.rename({"regarding": "id"}), "_noticed")
    return noticed.with_columns(_arrived=smaller(nw.col("_arrived"), nw.col("_noticed"))).drop("_noticed")


def smaller(a: nw.Expr, b: nw.Expr) -> nw.Expr:
    """Return the smaller of two numbers."""
    return nw.when(a < b).then(a).otherwise(b)


def _larger(a: nw.Expr, b: nw.Expr) -> nw.Expr:
    return nw.when(a > b).then(a).otherwise(b)


def or_never_ends(column: str) -> nw.Expr:
    """Return an optional instant as an end; FOREVER if it is missing."""
    return nw.when(nw.col(column) == MISSING).then(int_lit(FOREVER)).otherwise(nw.col(column))
