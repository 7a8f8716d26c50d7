"""Each row of an order file parsed separately: its values, or the first reason to refuse it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from funnel._fields import FLOAT_ID, LARGEST_AMOUNT
from funnel.money import DECIMALS
from funnel.readers._mapping import OrderMapping
from funnel.readers._raw import ROW, is_text, text_if
from funnel.readers._times import end_of_as_of, read_times, since_purchase
from funnel.readers._values import CODE, FINER, QUANTITY_PLACES, line_amount, read_amounts, read_ids, read_pieces

if TYPE_CHECKING:
    from funnel.readers._mapping import OrderMapping


# ---- blank cells -----------------------------------------------------------------------------------------------------


IS_BARE = "is_bare"
"""Whether a row has no amount of its own while another row of its order has one."""

IS_BELOW = "is_below_its_id"
"""Whether a row took its id from the row above; two equal rows of this kind may belong to two orders."""

IS_FILLED = "is_filled"
"""Whether a blank field is filled from another row of the order without `fill_down` in the mapping."""

_OF_THE_ORDER = ("person_id", "purchased_at", "status", "cancelled_at", "currency")


def with_blanks(rows: pl.DataFrame, mapping: OrderMapping) -> pl.DataFrame:
    """Set blank cells to null, and fill the cells that the mapping allows.

    Args:
        rows: The mapped columns, as in the file.
        mapping: Which texts mean an empty cell, and whether only one row of an order has the order's fields.

    Returns:
        The rows, with null in every blank cell that is not filled; and `is_bare`, `is_filled`, `is_below_its_id`.
    """
    rows = rows.with_columns(_filled_text(rows, name, mapping) for name in rows.columns if name != ROW)
    if not mapping.fill_down:
        return _with_agreed(rows, mapping).with_columns(pl.lit(value=False).alias(IS_BELOW))
    below = pl.col("id").is_null() & pl.any_horizontal(pl.exclude(ROW).is_not_null())
    rows = rows.with_columns(
        below.alias(IS_BELOW), pl.when(below).then(pl.col("id").forward_fill()).otherwise("id").alias("id")
    )
    names = [name for name in _OF_THE_ORDER if name in rows.columns]
    rows = rows.with_columns(_filled(name) for name in names)
    return rows.with_columns(_is_bare(rows).alias(IS_BARE), pl.lit(value=False).alias(IS_FILLED))


def _with_agreed(rows: pl.DataFrame, mapping: OrderMapping) -> pl.DataFrame:
    """Fill the blanks of an order whose rows do not contradict each other; two orders may share a number.

    A blank cancellation time means that the row was not cancelled. If rows below zero are credits, a blank time may be
    the time of a refund.
    """
    names = [name for name in _OF_THE_ORDER if name in rows.columns and name != "cancelled_at"]
    whole = pl.all_horizontal(pl.col(name).drop_nulls().n_unique().over("id") <= 1 for name in names)
    names = [name for name in names if name != "purchased_at" or not mapping.credit_negative]
    filled = [pl.when(whole).then(_filled(name)).otherwise(name).alias(name) for name in names]
    changed = [pl.col(name).is_null() & one.is_not_null() for name, one in zip(names, filled, strict=True)]
    bare = whole & _is_bare(rows)
    return rows.with_columns(*filled, bare.alias(IS_BARE), pl.any_horizontal(bare, *changed).alias(IS_FILLED))


def _filled_text(rows: pl.DataFrame, name: str, mapping: OrderMapping) -> pl.Expr:
    """Return the cells of a column; null if a cell is empty."""
    column = pl.col(name)
    if not is_text(rows.schema[name]):
        return column.fill_nan(None) if rows.schema[name].is_float() else column
    text = column.cast(pl.String)
    bare = text.str.strip_chars()
    return pl.when((bare != "") & ~bare.is_in(mapping.blanks)).then(text).alias(name)


def _filled(name: str) -> pl.Expr:
    """Return a column with an order's blanks filled from its other rows, in any row order."""
    return pl.coalesce(name, pl.when(pl.col("id").is_not_null()).then(pl.col(name).min().over("id"))).alias(name)


def _is_bare(rows: pl.DataFrame) -> pl.Expr:
    if "amount" not in rows.columns:
        return pl.lit(value=False)
    amount, number = pl.col("amount"), pl.col("id")
    return number.is_not_null() & amount.is_null() & amount.is_not_null().any().over("id")


# ---- rows ------------------------------------------------------------------------------------------------------------


WHY = "why"
"""The reason to refuse a row; null for a kept row."""

_TOO_MUCH = f"row of more than {LARGEST_AMOUNT} minor units"


def read_rows(rows: pl.DataFrame, mapping: OrderMapping, *, mixed: bool) -> pl.DataFrame:
    """Parse every row separately.

    Args:
        rows: The mapped columns, under their own names, as in the file.
        mapping: The formats.
        mixed: Whether rows in other currencies than the mapping's are kept.

    Returns:
        The rows, in the same order: id, person_id, purchased_at, `CODE`, sku, pieces, minor, finer (the price of a
        piece), line (the row's amount, below zero for a discount), is_credit, is_below, is_discount, is_cancelled,
        state (the status of an order that is not cancelled), is_charge, is_rounded, is_twice, is_bare, is_contradicted
        (cancelled only by its time), is_early (a refund or a cancellation was moved to the time of the purchase),
        is_unreturned (a refund before the day of the purchase was dropped), is_float_id (an id was written as a float),
        cancelled_at, refunded, refunded_at, reduced; and `why`.
    """
    rows = _without_float_ends(with_blanks(rows, mapping))
    rows = read_ids(rows, "id", "order", mapping)
    rows = read_ids(rows, "person_id", "customer", mapping)
    rows = read_times(rows, "purchased_at", "time", mapping)
    rows = _read_currency(rows, mapping, mixed=mixed)
    rows = _read_line(rows, mapping)
    rows = _read_sku(rows, mapping)
    rows = _read_direction(rows, mapping)
    rows = _read_status(rows, mapping)
    rows = _read_cancelled(rows, mapping)
    rows = rows.with_columns(pl.when(~pl.col("is_cancelled")).then("state").alias("state"))
    rows = _read_refunded(rows, mapping)
    whys = [name for name in rows.columns if name.endswith(".why")]
    twice = [name for name in rows.columns if name.endswith(".twice")]
    missing = text_if(pl.col("purchased_at").is_null(), "no time")
    why = pl.coalesce("id.why", "person_id.why", "purchased_at.why", missing, *whys[3:])
    early = [name for name in rows.columns if name.endswith(".early")]
    clockless = [name for name in rows.columns if name.endswith(".clockless")]
    days = [name for name in rows.columns if name.endswith(".day")]
    return rows.with_columns(
        why.alias(WHY),
        pl.any_horizontal(twice).alias("is_twice"),
        pl.any_horizontal(pl.lit(value=False), *early).alias("is_early"),
        pl.any_horizontal(clockless).alias("is_clockless"),
    ).drop(*whys, *twice, *early, *clockless, *days)


def _without_float_ends(rows: pl.DataFrame) -> pl.DataFrame:
    """Return 556 for the ids "556.0" of a text column in which every id has that form."""
    names = [
        name
        for name in ("id", "person_id")
        if is_text(rows.schema[name]) and rows[name].drop_nulls().cast(pl.String).str.contains(FLOAT_ID).all()
    ]
    return rows.with_columns(
        pl.any_horizontal(pl.lit(value=False), *(pl.col(name).is_not_null() for name in names)).alias("is_float_id"),
        *(pl.col(name).cast(pl.String).str.strip_suffix(".0") for name in names),
    )


def _read_currency(rows: pl.DataFrame, mapping: OrderMapping, *, mixed: bool) -> pl.DataFrame:
    default = pl.lit(mapping.currency)
    if mapping.columns.currency is None:
        return rows.with_columns(default.alias(CODE))
    text = pl.col("currency").cast(pl.String).str.strip_chars().str.to_uppercase().fill_null("")
    is_read = text.is_in(list(DECIMALS)) if mixed else text == default
    other = "currency that is not in ISO 4217" if mixed else "another currency than the mapping's"
    why = pl.when(text == "").then(pl.lit("no currency")).when(~is_read).then(pl.lit(other))
    code = pl.when(is_read).then(text).otherwise(default)
    return rows.with_columns(code.alias(CODE), why.alias("currency.why")).drop("currency")


def _read_line(rows: pl.DataFrame, mapping: OrderMapping) -> pl.DataFrame:
    """Compute the pieces, the unit price and the amount of a row, all without signs."""
    if mapping.columns.quantity is None:
        rows = _with_bare(read_amounts(rows, "amount", "amount", mapping))
        rows = rows.rename({"amount": "minor", "amount.finer": "finer", "amount.below": "is_below"})
        rows = rows.with_columns(pl.lit(1, pl.Int64).alias("pieces"))
    else:
        rows = read_amounts(read_pieces(rows, mapping), "unit_price", "price", mapping)
        rows = rows.rename({"unit_price": "minor", "unit_price.finer": "finer"})
        back, cheap = pl.col("pieces") < 0, pl.col("unit_price.below") & ((pl.col("minor") > 0) | (pl.col("finer") > 0))
        wrong = text_if(cheap, "price below zero")
        if mapping.discounts:
            wrong = text_if(back & cheap, "price and quantity below zero")
            back = back | cheap
        rows = rows.with_columns(back.alias("is_below"), pl.col("pieces").abs(), wrong.alias("below.why"))
    if mapping.fractional:
        rows = _of_thousandths(rows)
    return _with_line(rows)


def _of_thousandths(rows: pl.DataFrame) -> pl.DataFrame:
    """Divide the price of one piece by 1000, exactly: quantities are counted in thousandths."""
    parts, minor, finer = 10**QUANTITY_PLACES, pl.col("minor"), pl.col("finer")
    fine = text_if(finer % parts != 0, "price with too many decimals for a fractional quantity")
    return rows.with_columns(
        minor // parts, ((minor % parts * FINER + finer) // parts).alias("finer"), fine.alias("fine.why")
    )


def _with_bare(rows: pl.DataFrame) -> pl.DataFrame:
    """Set the blank amount of a row to zero if its order has an amount."""
    return rows.with_columns(
        pl.when(IS_BARE).then(0).otherwise("amount").alias("amount"),
        pl.when(~pl.col(IS_BARE)).then("amount.why").alias("amount.why"),
    )


def _with_line(rows: pl.DataFrame) -> pl.DataFrame:
    pieces, minor, finer = pl.col("pieces"), pl.col("minor"), pl.col("finer")
    huge = pieces.cast(pl.Float64) * minor.cast(pl.Float64) > 2 * LARGEST_AMOUNT
    line = line_amount(pl.when(~huge).then(pieces), minor, finer)
    return rows.with_columns(line.alias("line"), (pieces * finer % FINER != 0).alias("is_rounded")).with_columns(
        pl.when(huge | (pl.col("line") > LARGEST_AMOUNT)).then(pl.lit(_TOO_MUCH)).alias("line.why")
    )


def _read_sku(rows: pl.DataFrame, mapping: OrderMapping) -> pl.DataFrame:
    if mapping.columns.sku is None:
        return rows.with_columns(pl.lit("").alias("sku"), pl.lit(value=False).alias("is_charge"))
    rows = read_ids(rows, "sku", "sku", mapping).drop("sku.why")
    sku = pl.col("sku").fill_null("")
    return rows.with_columns(sku, sku.is_in(mapping.charges).alias("is_charge"))


def _read_direction(rows: pl.DataFrame, mapping: OrderMapping) -> pl.DataFrame:
    """Separate returned pieces from bought pieces."""
    below = pl.col("is_below") & (pl.col("line") > 0 if mapping.columns.quantity is None else pl.lit(value=True))
    no = pl.lit(value=False)
    credit = _begins(mapping.credit_prefix) | (below if mapping.credit_negative else no)
    discount = below & ~credit if mapping.discounts else no
    below = below & ~discount
    word = "amount" if mapping.columns.quantity is None else "quantity"
    wrong = text_if(below & ~credit, f"{word} below zero outside a credit note")
    return rows.with_columns(
        below.alias("is_below"),
        credit.alias("is_credit"),
        wrong.alias("is_credit.why"),
        discount.alias("is_discount"),
        pl.when(discount).then(-pl.col("line")).otherwise("line").alias("line"),
    )


def _begins(prefix: str) -> pl.Expr:
    return pl.col("id").str.starts_with(prefix) if prefix else pl.lit(value=False)


def _read_status(rows: pl.DataFrame, mapping: OrderMapping) -> pl.DataFrame:
    by_number = _begins(mapping.cancelled_prefix)
    if mapping.columns.status is None:
        nothing = pl.lit(None, pl.String)
        no_status = (pl.lit(value=False).alias("is_paid"), nothing.alias("state"), nothing.alias("status.why"))
        return rows.with_columns(by_number.alias("is_cancelled"), *no_status)
    text = pl.col("status").cast(pl.String).str.strip_chars()
    meaning = text.replace_strict(dict(mapping.statuses), default=None, return_dtype=pl.String)
    why = pl.coalesce(
        text_if(text.fill_null("") == "", "no status"),
        text_if(meaning.is_null(), "status that the mapping does not name"),
    )
    return rows.with_columns(
        ((meaning == "cancelled") | by_number).alias("is_cancelled"),
        (meaning.is_in(["paid", "shipped", "delivered"]) & ~by_number).fill_null(value=False).alias("is_paid"),
        meaning.alias("state"),
        why.alias("status.why"),
    )


def _read_cancelled(rows: pl.DataFrame, mapping: OrderMapping) -> pl.DataFrame:
    """Parse the cancellation time of a row; a time cancels the row, whatever its status."""
    if mapping.columns.cancelled_at is None:
        nothing = pl.lit(None, pl.Datetime("us", "UTC")).alias("cancelled_at")
        return rows.with_columns(nothing, pl.lit(value=False).alias("is_contradicted")).drop("is_paid")
    rows = read_times(rows, "cancelled_at", "time of cancelling", mapping)
    rows = since_purchase(rows, "cancelled_at", mapping)
    when = pl.col("cancelled_at")
    early = text_if(when < pl.col("purchased_at"), "cancelled before it was bought")
    return rows.with_columns(
        (pl.col("is_cancelled") | when.is_not_null()).alias("is_cancelled"),
        (pl.col("is_paid") & when.is_not_null()).alias("is_contradicted"),
        pl.when(when.is_null()).then("status.why").alias("status.why"),
        pl.coalesce("cancelled_at.why", early).alias("cancelled_at.why"),
    ).drop("is_paid")


def _read_refunded(rows: pl.DataFrame, mapping: OrderMapping) -> pl.DataFrame:
    """Parse the refunded amount of a row, with or without a minus; blank means zero."""
    nothing = pl.lit(None, pl.Datetime("us", "UTC")).alias("refunded_at")
    if mapping.columns.refunded_amount is None:
        zero = pl.lit(0, pl.Int64)
        none = pl.lit(value=False).alias("is_unreturned")
        return rows.with_columns(zero.alias("refunded"), nothing, zero.alias("reduced"), none)
    if mapping.columns.refunded_at is None:
        no_why, no = pl.lit(None, pl.String).alias("refunded_at.why"), pl.lit(value=False)
        rows = rows.with_columns(nothing, no_why, no.alias("refunded_at.twice"), no.alias("refunded_at.early"))
    else:
        rows = read_times(rows, "refunded_at", "time of refund", mapping)
        rows = since_purchase(rows, "refunded_at", mapping)
    rows = read_amounts(rows, "refunded_amount", "refund", mapping)
    return _with_refund(rows, mapping)


def _with_refund(rows: pl.DataFrame, mapping: OrderMapping) -> pl.DataFrame:
    unread = pl.when(pl.col("refunded_amount.why") != "no refund").then("refunded_amount.why")
    refunded = line_amount(pl.lit(1, pl.Int64), pl.col("refunded_amount"), pl.col("refunded_amount.finer"))
    some = pl.when(unread.is_null()).then(refunded).fill_null(0)
    undated = pl.col("refunded_at").is_null() & pl.col("refunded_at.why").is_null()
    reduces = undated if mapping.undated_refunds == "reduce" else pl.lit(value=False)
    if mapping.undated_refunds == "as_of":
        rows = rows.with_columns(
            pl.when(undated).then(end_of_as_of(mapping)).otherwise("refunded_at").alias("refunded_at")
        )
    before = (pl.col("refunded_at") < pl.col("purchased_at")).fill_null(value=False)
    wrong = text_if(undated & pl.col("refunded_at").is_null() & ~reduces, "refund without its time")
    why = pl.coalesce(unread, pl.when(some > 0).then(pl.coalesce("refunded_at.why", wrong)))
    return rows.with_columns(
        pl.when(reduces | before).then(0).otherwise(some).alias("refunded"),
        pl.when(reduces).then(some).otherwise(0).alias("reduced"),
        why.alias("refunded_amount.why"),
        (before & (some > 0)).alias("is_unreturned"),
        pl.when(some > 0).then("refunded_at.twice").alias("refunded_at.twice"),
        pl.when(some > 0).then("refunded_at.early").alias("refunded_at.early"),
        (pl.col("is_rounded") | (pl.col("refunded_amount.finer") > 0)).alias("is_rounded"),
    ).drop("refunded_at.why")
