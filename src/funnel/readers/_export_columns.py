"""Canonical columns of an export, what a declaration may compute, and rows before their cells are parsed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from funnel.money import DECIMALS
from funnel.readers._formats import TimeColumn
from funnel.readers._people_keys import KEYS
from funnel.readers._raw import ROW, text_if
from funnel.readers._values import CODE

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
