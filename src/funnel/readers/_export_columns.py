"""Canonical columns of an export: what a declaration may compute, and rows before their cells are parsed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from funnel.money import DECIMALS
from funnel.readers._formats import TimeColumn
from funnel.readers._key_rules import EDGES, EMAIL, EMAIL_EDGES, MASK, NO_DIGIT, PHONE, PHONE_PREFIX, hashed
from funnel.readers._mapping import OrderMapping
from funnel.readers._raw import ROW, text_if, with_computed
from funnel.readers._shop_data import REFUNDS
from funnel.readers._times import read_times
from funnel.readers._values import CODE, line_amount, read_amounts

# ---- which person bought: the first usable key of a row, in a stated order -------------------------------------------


KEYS = ("customer_id", "username", "email", "phone")
"""The keys of a buyer, in the order in which they are tried."""


def with_person(
    rows: pl.DataFrame, calling_code: str | None, secret: bytes | str | None, keys: Sequence[str] = KEYS
) -> pl.DataFrame:
    """Add `person_id`, the first usable key of each row; null if the buyer is unknown. `_key_rules` has the rules.

    Args:
        rows: Rows with the columns of `KEYS`; the cells are text or null.
        calling_code: The country calling code of telephone numbers that begin with 0, such as "62"; None to keep them.
        secret: Key of the hash that replaces every person id; None to keep the ids.
        keys: The keys in another order, if another export of the platform has no customer ids.

    Returns:
        The rows, with `person_id`, and with `email` and `phone` in one spelling.
    """
    digits = with_computed(rows.select("phone"), "phone", lambda cells: _phones(cells, calling_code))["digits"]
    rows = rows.with_columns(_plain("customer_id"), _plain("username"), _email().alias("email"), digits.alias("phone"))
    rows = rows.with_columns(pl.coalesce(keys).alias("person_id"))
    return rows if secret is None else _hashed(rows, secret)


def _plain(name: str) -> pl.Expr:
    text = pl.col(name).str.strip_chars(EDGES)
    return pl.when((text != "") & ~text.str.contains(MASK, literal=True)).then(text).alias(name)


def _email() -> pl.Expr:
    text = pl.col("email").str.strip_chars(EMAIL_EDGES).str.to_lowercase()
    return pl.when(text.str.contains(f"^{EMAIL}$")).then(text)


def _phones(cells: pl.Series, calling_code: str | None) -> pl.DataFrame:
    text = pl.col("phone")
    digits = text.str.replace(PHONE_PREFIX, "").str.replace_all(NO_DIGIT, "").str.replace("^00", "+")
    if calling_code is not None:
        digits = digits.str.replace(f"^(?:0|{calling_code})", f"+{calling_code}")
    rows = cells.to_frame().with_columns(digits.alias("digits"))
    usable = pl.col("digits").str.contains(f"^{PHONE}$") & ~text.str.contains(MASK, literal=True)
    return rows.select(pl.when(usable).then("digits").alias("digits"))


def _hashed(rows: pl.DataFrame, secret: bytes | str) -> pl.DataFrame:
    """Replace each id with its keyed hash."""
    ids = rows["person_id"].drop_nulls().unique().to_list()
    hashes = [hashed(one, secret) for one in ids]
    table = pl.DataFrame({"person_id": ids, "hash": hashes}, schema={"person_id": pl.String, "hash": pl.String})
    return (
        rows.join(table, on="person_id", how="left", maintain_order="left")
        .drop("person_id")
        .rename({"hash": "person_id"})
    )


# ---- the columns -----------------------------------------------------------------------------------------------------


FILE = "funnel: file"
"""The number of a row's file, from 0."""

WHY = "funnel: why"
"""The reason to refuse a row; null for a kept row. An export may set it."""

IS_HEAD = "funnel: is head"
"""Whether a row has the cells of its order. An export may set it; by default every row has them."""

NOTE = "funnel: note"
"""The account's note about a kept row; null for most rows. An export may set it."""

TIMES: tuple[TimeColumn, ...] = ("purchased_at", "cancelled_at", "refunded_at")
ORDER = (
    *TIMES,
    "amount",
    "refunded_amount",
    "currency",
    "state",
    "status",
    "sent",
    "promotion",
    *KEYS,
    "name",
    "address",
)
LINE = ("sku", "product", "quantity", "unit_price", "line_amount", "line_id")
LINE_CELLS = (*LINE[:3], "line")


def with_absent(rows: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    """Add the columns that rows do not have, without a value."""
    return rows.with_columns(pl.lit(None, pl.String).alias(name) for name in names if name not in rows.columns)


def with_order_above(rows: pl.DataFrame) -> pl.DataFrame:
    """Give each row without an id and a status the id of the order above it; set `IS_HEAD`."""
    head = pl.col("status").is_not_null()
    own = pl.coalesce("id", text_if(head, ""))  # an order without its id ends the order above
    above = own.forward_fill().over(FILE, order_by=ROW)
    return rows.with_columns(head.alias(IS_HEAD), pl.when(above != "").then(above).alias("id"))


# ---- amounts with the sign of a currency before them, such as ($5.00), and what the sign says ------------------------


_CURRENCIES = {"€": "EUR", "£": "GBP", "Rp": "IDR", "RM": "MYR"}  # $ and ¥ are signs of several currencies
_SIGN = r"^'?-?\(?-?\s*(Rp\.?|RM|[$€£¥])\s*"


def without_symbol(name: str) -> pl.Expr:
    """Return the text of an amount without its sign of a currency; parentheses become a minus."""
    text = pl.col(name)
    below = text.str.contains(r"^'?-|^'?\(.*\)$|-[$€£¥]")
    bare = text.str.replace(r",-+$", "").str.strip_chars("'()- ").str.replace(r"^(Rp\.?|RM|[$€£¥])\s*", "")
    bare = bare.str.strip_chars("- ")
    return pl.when(below).then(pl.lit("-") + bare).otherwise(bare).alias(name)


def currency_of(name: str) -> pl.Expr:
    """Return the currency that the sign of an amount says; null if there is none, or several use it."""
    sign = pl.col(name).str.extract(_SIGN, 1).str.strip_chars(".")
    return sign.replace_strict(_CURRENCIES, default=None, return_dtype=pl.String)


# ---- rows of an export before their cells are parsed -----------------------------------------------------------------


_LEFT_OUT = "line that was cancelled or returned, left out of its order"


def without_blanks(rows: pl.DataFrame, blanks: Sequence[str]) -> pl.DataFrame:
    """Strip the text cells of blanks, and set those to null that mean nothing."""
    texts = [name for name, dtype in rows.schema.items() if dtype == pl.String]
    rows = rows.with_columns(pl.col(texts).str.strip_chars())
    has_blank = rows.select(pl.any_horizontal(pl.col(name) == blank for blank in blanks).any() for name in texts).row(0)
    empty = [name for name, has in zip(texts, has_blank, strict=True) if has]
    return rows.with_columns(pl.when(~pl.col(empty).is_in(blanks)).then(pl.col(empty)))


def with_codes(rows: pl.DataFrame, order: str, of_order: pl.Expr, default: str) -> pl.DataFrame:
    """Add the currency of the order of each row; refuse an order with several currencies or an unknown one.

    Args:
        rows: The rows.
        order: The column with the id of the order.
        of_order: Whether the order has the currency of the row; not for a refund.
        default: The currency of an order that does not state it.
    """
    cell = pl.col("currency").str.to_uppercase()
    lowest, highest = cell.filter(of_order).min().over(order), cell.filter(of_order).max().over(order)
    code = pl.when(of_order.any().over(order)).then(lowest).otherwise(cell)  # the order of a refund may be missing
    is_known = code.is_in(list(DECIMALS))
    why = pl.coalesce(
        text_if(lowest != highest, "order with rows of different currencies"),
        text_if(~is_known, "order in a currency that is not in ISO 4217"),
    )
    return rows.with_columns(
        pl.when(is_known).then(code).otherwise(pl.lit(default)).alias(CODE),
        pl.coalesce(WHY, pl.when(of_order & pl.col(order).is_not_null()).then(why)).alias(WHY),
    )


def without_lost_lines(rows: pl.DataFrame, line: Sequence[str]) -> pl.DataFrame:
    """Leave cancelled and returned lines out of orders that have other lines; else they decide the order's state."""
    numbered = pl.col("id").is_not_null()
    lost = (pl.col("state").is_in(["cancelled", "refunded"]).any().over("id", *line) & numbered).fill_null(value=False)
    rows = rows.with_columns(lost.alias("is_lost"))
    whole = pl.col("is_lost").all().over("id")
    part = pl.col("is_lost") & ~whole
    back = text_if((pl.col("state") == "refunded").any().over("id"), "refunded")
    return rows.with_columns(
        pl.when(whole).then(pl.coalesce(back, pl.lit("cancelled"))).otherwise("state").alias("state"),
        (pl.col(IS_HEAD) & ~part).alias(IS_HEAD),
        pl.coalesce(pl.when(part).then(pl.lit(_LEFT_OUT)), NOTE).alias(NOTE),
        pl.when(part).then(pl.lit("0")).otherwise("line_amount").alias("line_amount"),
        *(pl.when(~part).then(name).alias(name) for name in ("sku", "product")),
    ).drop("is_lost")


# ---- refunds that are rows of their own ------------------------------------------------------------------------------


IS_REFUND = "funnel: is refund"
"""Whether a row is a refund of the order in `id`, with `refunded_at`, `refunded_amount` and `line_id`."""


def with_refund_rows(rows: pl.DataFrame, form: str, why: str, mapping: OrderMapping) -> pl.DataFrame:
    """Parse the refunds among the rows.

    Args:
        rows: The rows of the files.
        form: The format of the times.
        why: The column with the reason to refuse a row.
        mapping: The style of the amounts, and the zone.

    Returns:
        The rows with `back_at` and `back`, the time and the amount of a refund; null for other rows.
    """
    refunds = rows.filter(IS_REFUND).select(ROW, "refunded_at", "refunded_amount", "currency", CODE)
    refunds = read_times(refunds, "refunded_at", "time refunded", mapping.model_copy(update={"time_format": form}))
    refunds = read_amounts(refunds, "refunded_amount", "refunded amount", mapping)
    wrong = pl.coalesce(
        "refunded_at.why",
        text_if(pl.col("refunded_at").is_null(), "refund without its time"),
        text_if(pl.col("currency").str.to_uppercase() != pl.col(CODE), "refund in another currency than the one read"),
        "refunded_amount.why",
    )
    exact = line_amount(pl.lit(1, pl.Int64), pl.col("refunded_amount"), pl.col("refunded_amount.finer"))
    refunds = refunds.select(ROW, pl.col("refunded_at").alias("back_at"), exact.alias("back"), wrong.alias("back_why"))
    rows = rows.join(refunds, on=ROW, how="left", maintain_order="left")
    return rows.with_columns(pl.coalesce(why, "back_why").alias(why)).drop("back_why")


def without_their_columns(orders: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Drop the refunded amount and the refunded state of orders whose refunds are rows."""
    has_rows = pl.col("key").is_in(rows.filter(IS_REFUND)["id"].unique().implode())
    state = pl.when(has_rows & (pl.col("state") == "refunded")).then(pl.lit("paid")).otherwise("state")
    return orders.with_columns(
        pl.when(~has_rows).then("refunded_amount").alias("refunded_amount"), state.alias("state")
    )


def refunds_of_rows(rows: pl.DataFrame, orders: pl.DataFrame, source: str) -> pl.DataFrame:
    """Return the refunds of the orders, oldest first; together never more than the amount of the order."""
    back = rows.filter(IS_REFUND).select(pl.col("id").alias("key"), "back_at", "back", "line_id")
    back = back.join(orders.select("key", "id", "purchased_at", "amount", CODE), on="key").sort(
        "id", "back_at", "line_id"
    )
    before = (pl.col("back").cum_sum() - pl.col("back")).over("id")
    rest = (pl.col("amount") - before).clip(0)
    back = back.with_columns(pl.min_horizontal("back", rest).alias("back")).filter(pl.col("back") > 0)
    return back.select(
        pl.concat_str("id", pl.lit("/"), pl.int_range(1, pl.len() + 1).over("id")).alias("id"),
        pl.lit(source).alias("source"),
        pl.col("id").alias("purchase_id"),
        pl.max_horizontal("back_at", "purchased_at").alias("refunded_at"),
        pl.col("back").alias("amount"),
        pl.col(CODE).alias("currency"),
        pl.lit("refund").alias("reason"),
    ).match_to_schema(REFUNDS)
