"""Amounts of a dataframe become whole minor units, exactly: whole numbers, floats, decimals and texts.

Invariant: an amount that is not a whole number of minor units is refused, never rounded. A float is read as the decimal
number that it prints as: 19.99 is 1999 cents, and 19.999 is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

import attrs
import narwhals as nw

from funnel._arguments import check_choice, each
from funnel._dataframes.adapter import Frame
from funnel._dataframes.texts import digits, with_groups
from funnel._expr.to_narwhals import int_lit, to_int
from funnel._fields import LARGEST_AMOUNT
from funnel._text_formats import AMOUNT_PARTS, WrittenStyle, amount_pattern
from funnel.errors import ArgumentError
from funnel.logs.normalize import MISSING
from funnel.logs.schema import WIDE
from funnel.money import Money

AmountUnit: TypeAlias = Literal["minor", "major"]
"""The unit of a number: minor units such as cents, or units of the currency such as dollars."""

Negatives: TypeAlias = Literal["leading", "trailing", "parentheses"]
MALFORMED, FINER, LARGE = 1, 2, 3
"""Reasons why an amount is refused."""

_EXACT_SHORT = 2**24
"""Up to here, every whole number is a float of 32 bits; all amounts are floats of 64 bits."""

_LONGEST = 14
"""Largest number of digits before the decimals."""


def _style(_: object, __: object, value: object) -> None:
    check_choice(value, ("minor", "major", *get_args(WrittenStyle)), "amount")


def _symbols(value: object) -> tuple[str, ...]:
    symbols = tuple(each(value, "symbols", "texts beside an amount, such as ['$']"))
    if all(isinstance(symbol, str) and symbol.strip() for symbol in symbols):
        return tuple(symbol.strip() for symbol in symbols)
    raise ArgumentError("symbols must be texts beside an amount that are not blank, such as ['$']")


def _negatives(_: object, __: object, value: object) -> None:
    check_choice(value, get_args(Negatives), "negatives")


@attrs.frozen
class Amounts:
    """How the amounts of a dataframe are written.

    Attributes:
        style: "minor": whole minor units, such as cents. "major": units of the currency, such as dollars; texts are
            written 1234.56. Other texts: "us" 1,234.56, "id" 1.234,56, "ch" 1'234.56, "in" 12,34,567.89, "fr" 1 234,56.
        symbols: Texts before or after an amount that are dropped, such as "$". The currency's code needs no mention.
        negatives: How texts below zero are written: -5.00 (leading), 5.00- (trailing) or (5.00) (parentheses).

    Example:
        >>> Amounts("us", symbols=["$"]).style
        'us'
    """

    style: AmountUnit | WrittenStyle = attrs.field(default="minor", validator=_style)
    symbols: tuple[str, ...] = attrs.field(default=(), converter=_symbols, kw_only=True)
    negatives: Negatives = attrs.field(default="leading", validator=_negatives, kw_only=True)


def is_amount(dtype: nw.dtypes.DType) -> bool:
    """Return whether a column of this type can hold amounts."""
    return dtype.is_numeric() or isinstance(dtype, nw.String | nw.Categorical | nw.Enum)


@attrs.frozen
class Unit:
    """Currency of an amount, "" if it is unknown, and the decimals of an amount."""

    currency: str
    scale: int


def read_amount(frame: Frame, name: str, dtype: nw.dtypes.DType, amounts: Amounts, unit: Unit) -> Frame:
    """Convert a column to whole minor units.

    Returns:
        The frame with the column (MISSING if empty, 1 if refused) and `<name>_why` (0, or a reason).
    """
    if isinstance(dtype, nw.String | nw.Categorical | nw.Enum):
        return _of_texts(frame, name, amounts, unit)
    if dtype.is_integer():
        return _of_integers(frame, name, dtype, unit.scale)
    if dtype.is_float():
        return _of_floats(frame, name, dtype, unit.scale)
    return _of_decimals(frame, name, unit.scale)


def _checked(frame: Frame, name: str, value: nw.Expr, why: nw.Expr) -> Frame:
    frame = frame.with_columns(why.alias(f"{name}_why"), value.alias(f"{name}_value"))
    refused = nw.col(f"{name}_why") > 0
    value = nw.when(refused).then(int_lit(1)).otherwise(nw.col(f"{name}_value")).fill_null(MISSING)
    return frame.with_columns(value.cast(nw.Int64()).alias(name))


def _of_integers(frame: Frame, name: str, dtype: nw.dtypes.DType, scale: int) -> Frame:
    largest = LARGEST_AMOUNT // 10**scale
    value = nw.col(name)
    large = (value > largest) if dtype.is_unsigned_integer() else (value > largest) | (value < -largest)
    why = nw.when(large).then(int_lit(LARGE)).otherwise(int_lit(0))
    bounded = value.clip(0 if dtype.is_unsigned_integer() else -largest, largest) if isinstance(dtype, WIDE) else value
    fits = nw.when(~large).then(bounded.cast(nw.Int64()))
    return _checked(frame, name, fits * 10**scale, why)


def _of_floats(frame: Frame, name: str, dtype: nw.dtypes.DType, scale: int) -> Frame:
    """The quotient of a whole number and a power of ten is rounded once, like the text of a number."""
    short = isinstance(dtype, nw.Float32)
    power = float(10**scale)
    value = nw.col(name)
    most = min(LARGEST_AMOUNT, _EXACT_SHORT) if short else LARGEST_AMOUNT
    empty = value.is_null() | value.is_nan()
    fits = ~empty & (value >= -most / power) & (value <= most / power)
    frame = frame.with_columns(
        nw.when(fits).then(value).otherwise(nw.lit(0.0)).cast(nw.Float64()).alias(f"{name}_float"),
        empty.alias(f"{name}_empty"),
        fits.alias(f"{name}_fits"),
    )
    frame = frame.with_columns((nw.col(f"{name}_float") * power).round(0).cast(nw.Int64()).alias(f"{name}_whole"))
    whole, number = nw.col(f"{name}_whole"), nw.col(f"{name}_float")
    # Polars divides by a literal as a product with its inverse, which is rounded twice.
    divisor = (whole * 0 + int(power)).cast(nw.Float64())
    quotient = whole.cast(nw.Float64()) / divisor
    if short:
        quotient = quotient.cast(nw.Float32()).cast(nw.Float64())
    empty, fits = nw.col(f"{name}_empty"), nw.col(f"{name}_fits")
    finer = nw.when(quotient == number).then(int_lit(0)).otherwise(int_lit(FINER))
    why = nw.when(fits).then(finer).otherwise(int_lit(LARGE))
    why = nw.when(empty).then(int_lit(0)).otherwise(why)
    return _checked(frame, name, nw.when(fits).then(whole), why)


def _of_decimals(frame: Frame, name: str, scale: int) -> Frame:
    frame = frame.with_columns(nw.col(name).cast(nw.String()).fill_null("").alias(name))
    return _of_written(frame, name, amount_pattern("plain", scale, ("",), zeros="0*", signs=("-?", "()")), scale, "")


def _of_texts(frame: Frame, name: str, amounts: Amounts, unit: Unit) -> Frame:
    text = nw.col(name).cast(nw.String()).fill_null("").str.strip_chars()
    frame = frame.with_columns(text.alias(name))
    style = amounts.style if amounts.style in AMOUNT_PARTS else "plain"
    sign = Money(0, unit.currency).format().rstrip(" 0.") if unit.currency else ""
    texts = sorted({unit.currency, sign, *amounts.symbols}, key=len, reverse=True)
    affixes = "|".join(map(re.escape, texts))
    first, last = _SIGNS[amounts.negatives]
    after = rf"\s*(?:{affixes})?\s*" if amounts.symbols else ""
    pattern = amount_pattern(style, unit.scale, [affixes], signs=(first, f"{after}{last}"))
    return _of_written(frame, name, pattern, unit.scale, AMOUNT_PARTS[style].separator)


_SIGNS: Mapping[Negatives, tuple[str, str]] = {
    "leading": ("-?", "()"),
    "trailing": ("-?", r"\s*(-?)"),
    "parentheses": (r"-?|\(", r"(\)?)"),
}
"""Patterns of the signs before and after an amount."""


def _of_written(frame: Frame, name: str, pattern: str, scale: int, separator: str) -> Frame:
    before, inner, whole, part, after = (f"{name}_{key}" for key in ("before", "inner", "units", "part", "after"))
    frame = with_groups(frame, name, pattern, (before, inner, whole, part, after))
    bare = nw.col(whole).str.replace_all(separator, "") if separator else nw.col(whole)
    frame = frame.with_columns(bare.str.strip_chars_start("0").alias(whole))
    fits = nw.col(whole).str.len_chars() <= _LONGEST
    padded = nw.concat_str(nw.col(part), nw.lit("0" * scale)).str.slice(0, scale) if scale else nw.lit("")
    number = nw.when(fits).then(nw.concat_str(nw.col(whole), padded)).otherwise(nw.lit(""))
    signs = sum_of(nw.col(before) != "", nw.col(inner) != "", nw.col(after) == "-")
    frame = frame.with_columns(
        digits(number).alias(f"{name}_number"), fits.alias(f"{name}_fits"), signs.alias(f"{name}_signs")
    )
    paired = (nw.col(before) == "(") == (nw.col(after) == ")")
    good = nw.col(f"{name}_matches") & (nw.col(f"{name}_signs") <= 1) & paired
    fits, value = nw.col(f"{name}_fits"), nw.col(f"{name}_number")
    why = nw.when(fits & (value <= LARGEST_AMOUNT)).then(int_lit(0)).otherwise(int_lit(LARGE))
    why = nw.when(good).then(why).otherwise(int_lit(MALFORMED))
    why = nw.when(nw.col(name) == "").then(int_lit(0)).otherwise(why)
    signed = nw.when(nw.col(f"{name}_signs") == 1).then(int_lit(0) - value).otherwise(value)
    return _checked(frame, name, nw.when(nw.col(name) != "").then(signed), why)


def sum_of(*conditions: nw.Expr) -> nw.Expr:
    """Return the number of conditions that hold."""
    first, *others = map(to_int, conditions)
    for other in others:
        first = first + other
    return first
