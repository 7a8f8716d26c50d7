"""Amounts with the sign of a currency before them, such as ($5.00), and what the sign says."""

from __future__ import annotations

import polars as pl

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
