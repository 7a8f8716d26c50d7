"""Rows of an order file combined: copies merged, orders summed, credits matched with purchases.

Invariant: the purchases and refunds do not depend on the order of the rows, nor on how often a row is repeated.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import polars as pl

from funnel._fields import FROM_FLOAT, LARGEST_AMOUNT
from funnel.readers._account import FIRST_ROWS, Entry, What
from funnel.readers._credits import Matched, match_credits
from funnel.readers._export_columns import FILE
from funnel.readers._mapping import OrderMapping
from funnel.readers._parts import ONE_WAY, TWIN, with_twins
from funnel.readers._raw import ROW, Progress, RawRows
from funnel.readers._rows import IS_BELOW, IS_FILLED, WHY
from funnel.readers._shop_data import ORDER_LINES
from funnel.readers._values import CODE, QUANTITY_PLACES

_TWIN = "row of an order that another file has too"

_NOTES = {
    "amount rounded to whole minor units, half to even": pl.col("is_rounded"),
    "time that the zone's clock showed twice, taken as the first": pl.col("is_twice"),
    f"id {FROM_FLOAT}": pl.col("is_float_id"),
    "charge, not a product: part of what was paid": pl.col("is_charge"),
    "discount, which reduces the amount of its order": pl.col("is_discount"),
    "cancelled row of an order, dropped": pl.col("is_dropped"),
    "row with nothing to pay": (pl.col("line") == 0) & ~pl.col("is_bare"),
    "cancelled by its time, though its status says that it is paid": pl.col("is_contradicted"),
    "refund or cancellation earlier on the day of the purchase, taken at the time of the purchase": pl.col("is_early"),
    "blank field that stands on another row of the order, taken from there": pl.col(IS_FILLED),
    "day without the clock of the time format, read as a day": pl.col("is_clockless"),
    "refund before the day of the purchase, left out": pl.col("is_unreturned"),
    "refund without its day, taken off the amount": pl.col("reduced") > 0,
    "refund of more than was bought, taken as all of it": pl.col("is_over"),
    "order with rows more than a day apart; two orders may share this number": pl.col("is_spread"),
}


@attrs.frozen(eq=False)
class Gathered:
    """Result of combining the rows of a file: purchases, refunds, order lines, and the account."""

    purchases: pl.DataFrame
    refunds: pl.DataFrame
    order_lines: pl.DataFrame
    account: tuple[Entry, ...]


def gather(rows: pl.DataFrame, raw: RawRows, mapping: OrderMapping, progress: Progress) -> Gathered:
    """Combine rows into orders and refunds, and account for every row.

    Args:
        rows: Every row, parsed separately.
        raw: The raw rows, with the copies of earlier rows and the short rows.
        mapping: How to read the file.
        progress: Called with the rows done.

    Returns:
        Purchases, refunds, order lines, and the account.
    """
    rows = rows.with_columns((pl.col(ROW).is_in(raw.copies.implode()) & ~pl.col(IS_BELOW)).alias("is_copy"))
    refused, good = rows.filter(pl.col(WHY).is_not_null()), rows.filter(pl.col(WHY).is_null())
    merged = good.filter("is_copy")
    good = with_twins(good.filter(~pl.col("is_copy")))
    differ, twins = good.filter(pl.col(WHY).is_not_null()), good.filter(TWIN)
    refused, single = pl.concat([refused, differ.drop(TWIN)]), good.filter(~pl.col(TWIN) & pl.col(WHY).is_null())
    single = _stated_once(single) if mapping.amount_of == "order" else single.with_columns(is_unlike=False)
    checked = _judged_together(_without_cancelled(single, mapping), mapping)
    valid = _together(checked.filter(pl.col(WHY).is_null()), mapping)
    bought, credited = valid.filter(~pl.col("is_credit")), valid.filter("is_credit")
    matched = match_credits(bought.filter(~pl.col("is_cancelled")), credited.filter(~pl.col("is_bare")), progress)
    purchases = _purchases(bought, mapping)
    refunds = _refunds(bought, matched, purchases)
    account: tuple[Entry, ...] = (
        *_read(rows, valid, purchases, refunds),
        *_entries("merged", {"exact copy of an earlier row": merged[ROW], _TWIN: twins[ROW]}),
        *_refused(pl.concat(part.select(ROW, WHY) for part in (refused, checked.filter(pl.col(WHY).is_not_null())))),
        *_entries("noted", {"row with fewer columns than the heading": raw.short, **_noted(valid, refused, matched)}),
        *_around(raw),
    )
    return Gathered(purchases, refunds, _order_lines(bought, mapping), account)


def _around(raw: RawRows) -> list[Entry]:
    """Count the lines of the files that are not rows."""
    counts = {
        "line above the heading, left out": raw.above,
        "line below the last row, left out": raw.below,
        "blank row of a sheet, left out": raw.blank,
        "sheet without the heading, left out": raw.other_sheets,
    }
    return [Entry("noted", reason, count) for reason, count in counts.items() if count]


def _together(good: pl.DataFrame, mapping: OrderMapping) -> pl.DataFrame:
    """Date every row by the earliest row of its order, and check the rows of an order together."""
    time = pl.col("purchased_at")
    spread = time.max().over(ONE_WAY) - time.min().over(ONE_WAY)
    back = pl.col("refunded") + pl.col("reduced")
    over = (back.sum().over(ONE_WAY) > pl.col("line").sum().over(ONE_WAY)) & (back > 0)
    return good.with_columns(
        time.min().over(ONE_WAY),
        (spread > pl.duration(days=1)).alias("is_spread"),
        (over if mapping.columns.refunded_amount else pl.lit(value=False)).alias("is_over"),
    )


def _stated_once(rows: pl.DataFrame) -> pl.DataFrame:
    """If all rows of an order state the same amount, keep it on one row; the other rows are bare."""
    whole, back = ~pl.col("is_bare"), pl.col("refunded") + pl.col("reduced") > 0
    amounts = pl.struct("minor", "finer", "is_below").filter(whole).n_unique().over(ONE_WAY)
    refunds = pl.struct("refunded", "reduced", "refunded_at").filter(back).n_unique().over(ONE_WAY)
    first = pl.col(ROW) == pl.col(ROW).filter(whole).min().over(ONE_WAY)
    first_back = pl.col(ROW) == pl.col(ROW).filter(back).min().over(ONE_WAY)
    return rows.with_columns(
        ((amounts > 1) | (refunds > 1)).alias("is_unlike"),
        ~first.fill_null(value=False).alias("is_bare"),
        *(pl.when(first).then(name).otherwise(0).alias(name) for name in ("minor", "finer", "line")),
        *(pl.when(first_back).then(name).otherwise(0).alias(name) for name in ("refunded", "reduced")),
    )


def _without_cancelled(rows: pl.DataFrame, mapping: OrderMapping) -> pl.DataFrame:
    """Set the cancelled rows of an order with other rows to zero, if the mapping says so."""
    cancelled = pl.col("is_cancelled")
    mixed = cancelled & ~cancelled.all().over(ONE_WAY) & ~pl.col("is_credit")
    rows = rows.with_columns((mixed if mapping.cancelled_rows == "drop" else pl.lit(value=False)).alias("is_dropped"))
    dropped = pl.col("is_dropped")
    return rows.with_columns(
        *(pl.when(~dropped).then(name).otherwise(0).alias(name) for name in ("line", "refunded", "reduced")),
        # Returned pieces are never those of a dropped row or of a discount.
        pl.when(~dropped & ~pl.col("is_discount")).then("pieces").otherwise(0).alias("pieces"),
        pl.when(~dropped).then("cancelled_at").alias("cancelled_at"),
        cancelled & ~dropped,
        pl.col("is_bare") | dropped,
    )


def _judged_together(rows: pl.DataFrame, mapping: OrderMapping) -> pl.DataFrame:
    """Find the problems of a row that show only beside the other rows of its order."""
    note = pl.col("id").str.starts_with(mapping.credit_prefix) & bool(mapping.credit_prefix)
    total = pl.col("line").cast(pl.Float64).sum()
    back = (pl.col("refunded").cast(pl.Float64) + pl.col("reduced").cast(pl.Float64)).sum()
    faults = {
        "order with rows of different customers": pl.col("person_id").n_unique().over("id") > 1,
        "order with rows of different currencies": pl.col(CODE).n_unique().over("id") > 1,
        "order with rows of different statuses": (pl.col("is_cancelled").n_unique().over(ONE_WAY) > 1)
        | (pl.col("state").drop_nulls().n_unique().over(ONE_WAY) > 1),
        "order with rows of different amounts": pl.col("is_unlike"),
        "credit note with rows of both signs": note & (pl.col("is_below").n_unique().over("id") > 1),
        f"order of more than {LARGEST_AMOUNT} minor units": total.over(ONE_WAY) > LARGEST_AMOUNT,
        f"refunds of more than {LARGEST_AMOUNT} minor units": back.over(ONE_WAY) > LARGEST_AMOUNT,
        "order of charges alone": ~pl.col("is_credit")
        & (pl.col("is_charge") | pl.col("is_dropped")).all().over(ONE_WAY),
        "order whose discounts exceed its amount": total.over(ONE_WAY) < 0,
    }
    return rows.with_columns(pl.coalesce(pl.when(fault).then(pl.lit(why)) for why, fault in faults.items()).alias(WHY))


def _purchases(bought: pl.DataFrame, mapping: OrderMapping) -> pl.DataFrame:
    orders = bought.group_by("id").agg(
        pl.col("person_id", "purchased_at", "is_cancelled", CODE).first(),
        _owed().alias("amount"),
        pl.col("cancelled_at", "state").max(),
    )
    return orders.select(
        "id",
        pl.lit(mapping.source).alias("source"),
        "person_id",
        "purchased_at",
        "amount",
        pl.col(CODE).alias("currency"),
        pl.when("is_cancelled").then(pl.lit("cancelled")).otherwise(pl.col("state").fill_null("paid")).alias("status"),
        "cancelled_at",
        pl.lit("").alias("promotion"),
    ).sort("purchased_at", "id")


def _order_lines(bought: pl.DataFrame, mapping: OrderMapping) -> pl.DataFrame:
    """Return the lines of products; none if the rows of the file are whole orders."""
    has_quantity = mapping.columns.quantity is not None
    if not has_quantity and mapping.columns.sku is None:
        return pl.DataFrame(schema=ORDER_LINES)
    decimals = QUANTITY_PLACES if mapping.fractional else 0
    quantity = (pl.col("pieces").cast(pl.Decimal(18, 6)) / 10**decimals) if has_quantity else pl.lit(None)
    lines = bought.filter(~pl.any_horizontal("is_charge", "is_discount", "is_dropped"))
    return lines.select(
        pl.col("id").alias("purchase_id"),
        pl.lit(mapping.source).alias("source"),
        "sku",
        pl.lit("").alias("product"),
        quantity.cast(pl.Decimal(18, 6)).alias("quantity"),
        pl.when(mapping.amount_of == "row").then("line").alias("amount"),
        pl.col(CODE).alias("currency"),
    ).sort("purchase_id", "sku", "quantity", "amount")


def _owed() -> pl.Expr:
    """Return the sum of the rows of an order, minus refunds without a date."""
    return (pl.col("line").sum() - pl.col("reduced").sum()).clip(0)


def _refunds(bought: pl.DataFrame, matched: Matched, purchases: pl.DataFrame) -> pl.DataFrame:
    """Combine refunds from credit notes and from rows, each under its own id."""
    owed = bought.group_by("id").agg(_owed().alias("owed"))
    back = bought.filter(pl.col("refunded") > 0).group_by("id", "refunded_at").agg(pl.col("refunded").sum())
    back = back.join(owed, on="id").sort("id", "refunded_at")
    left = (pl.col("owed") - pl.col("refunded").cum_sum().over("id") + pl.col("refunded")).clip(0)
    back = back.with_columns(pl.min_horizontal("refunded", left).alias("refunded")).filter(pl.col("refunded") > 0)
    columns = ["of", "purchase_id", "refunded_at", "amount", "reason"]
    stated = back.with_columns(of="id", purchase_id="id", amount="refunded", reason=pl.lit("refund"))
    credits_ = matched.refunds.with_columns(of="credit_id", reason=pl.lit("credit note"))
    both = pl.concat([stated.select(columns), credits_.select(columns)]).sort("of", "refunded_at", "purchase_id")
    number = pl.int_range(1, pl.len() + 1).over("of").cast(pl.String)
    of_purchase = purchases.select("source", "currency", purchase_id="id")
    return (
        both.join(of_purchase, on="purchase_id", maintain_order="left")
        .select(
            (pl.col("of") + "/" + number).alias("id"),
            "source",
            "purchase_id",
            "refunded_at",
            "amount",
            "currency",
            "reason",
        )
        .sort("refunded_at", "id")
    )


def _read(rows: pl.DataFrame, valid: pl.DataFrame, purchases: pl.DataFrame, refunds: pl.DataFrame) -> list[Entry]:
    counts = {
        "rows in the files" if rows[FILE].n_unique() > 1 else "rows in the file": rows.height,
        "rows kept": valid.height,
        "purchases": purchases.height,
        "of them cancelled": purchases.filter(pl.col("status") == "cancelled").height,
        "of them not paid yet": purchases.filter(pl.col("status").is_in(["unpaid", "placed"])).height,
        "credit notes": valid.filter("is_credit")["id"].n_unique(),
        "refunds": refunds.height,
    }
    always = 3
    return [Entry("read", name, n) for index, (name, n) in enumerate(counts.items()) if n or index < always]


def _refused(rows: pl.DataFrame) -> list[Entry]:
    """Count the refused rows of each reason, the most frequent first."""
    reasons = rows.group_by(WHY).agg(pl.len().alias("count"), pl.col(ROW).sort().head(FIRST_ROWS))
    reasons = reasons.sort("count", WHY, descending=[True, False])
    return [Entry("refused", why, count, tuple(first)) for why, count, first in reasons.iter_rows()]


def _noted(valid: pl.DataFrame, refused: pl.DataFrame, matched: Matched) -> dict[str, pl.Series]:
    """Find the rows that were kept or refused with a note."""
    missed = refused.filter(pl.col("id").is_in(valid["id"].implode()))
    return {
        "refused row of an order that is kept without it": missed[ROW],
        "copy of a refused row, refused with it": refused.filter("is_copy")[ROW],
        "credit without its purchase": matched.unmatched,
        "credit of more than was bought, the rest without its purchase": matched.partly,
        **{why: valid.filter(flag)[ROW] for why, flag in _NOTES.items()},
    }


def _entries(kind: What, reasons: Mapping[str, pl.Series]) -> list[Entry]:
    """Count the rows of each reason; reasons without rows get no entry."""
    some = {why: rows.sort() for why, rows in reasons.items() if rows.len()}
    return [Entry(kind, why, rows.len(), tuple(rows.head(FIRST_ROWS))) for why, rows in some.items()]
