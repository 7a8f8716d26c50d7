"""Exact conversion of a shop's written ids, pieces and amounts to text and whole numbers.

Invariant: text in style plain, us or id is accepted exactly if `Money.parse` accepts it, with the same number of minor
units. The only difference is the apostrophe that shops write before a sign, to keep spreadsheets from reading a
formula.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl

from funnel._fields import BLANK, EDGES, LARGEST_AMOUNT, LONGEST_ID, MANGLED, NOT_MANGLED, UNPRINTABLE
from funnel._text_formats import AMOUNT_PARTS, AmountParts, amount_pattern
from funnel.money import Money, decimals
from funnel.readers._raw import text_if, with_computed

if TYPE_CHECKING:
    from funnel.readers._formats import AmountStyle
    from funnel.readers._mapping import OrderMapping

CODE = "funnel: code"
"""The currency of the amounts of a row; rows without this column have that of the mapping."""

FINER = 10**9
"""Parts of a minor unit kept of a price; finer digits are truncated."""

MOST_PIECES = 10**9
"""Maximum number of pieces in one row."""

QUANTITY_PLACES = 3
"""Decimals of a quantity, if quantities may be fractions."""

_FINER_DECIMALS = 9
_ROOM = 12  # a refund's own suffix, "/1", follows the order number: together they must be a valid id
_GUARD = r"^'([+-].*?)'?$"
_EXACT = 2**53
_EXACT_SHORT = 2**24
_POWER = r"^-?[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]{1,3}$"
_INDEX = "funnel: index"
_BY_SOFTWARE = ("number", "minor")
"""Styles that software writes: any number of decimals, and whole minor units."""


def text_of(rows: pl.DataFrame, name: str) -> pl.Expr:
    """Convert a column to text: whole floats without ".0" (spreadsheets write ids so), large ones as 1e+18."""
    column, dtype = pl.col(name), rows.schema[name]
    text = column.cast(pl.String)
    if not dtype.is_float():
        return text
    signed = text.str.replace("e([0-9])", "e+${1}")  # some versions of Polars write 1e18
    return pl.when(column.is_not_nan()).then(signed.str.strip_suffix(".0"))


def unguarded(rows: pl.DataFrame, name: str) -> pl.Expr:
    """Convert numbers to text, without spaces and without the apostrophe before a sign: '-70 is -70."""
    text = text_of(rows, name).str.strip_chars()
    return pl.coalesce(text.str.extract(_GUARD), text).fill_null("")


def read_ids(rows: pl.DataFrame, name: str, label: str, mapping: OrderMapping) -> pl.DataFrame:
    """Convert a column of ids to clean text; an id without a reason is valid for a record too.

    Args:
        rows: The rows of the file.
        name: The column.
        label: The name of the identified thing in a message.
        mapping: The characters to strip, and the ids that mean nobody.

    Returns:
        The rows; `<name>.why` is the reason why an id was refused.
    """
    text, cut = text_of(rows, name), _last_digits_lost(rows, name)
    bare = text.str.strip_chars(mapping.strip) if mapping.strip else text
    bare, nobody = _person(bare, rows, mapping) if name == "person_id" else (bare, pl.lit(value=False))
    nothing = nobody | bare.str.strip_chars().str.contains(BLANK)
    rows = rows.with_columns(pl.when(~nothing).then(bare).alias(name), cut.alias("cut"))
    ids = pl.col(name)
    most = LONGEST_ID - _ROOM if name == "id" else LONGEST_ID
    wrong = (ids.str.len_chars() > most) | ids.str.contains(UNPRINTABLE)
    why = pl.coalesce(
        text_if(ids.is_null(), f"no {label}"),
        text_if(wrong, f"{label} id of more than {most} characters, or with control characters"),
        text_if(pl.col("cut"), f"{label} id too large for a column of floats, which loses its last digits"),
        text_if(
            ids.str.contains(EDGES),
            f"{label} id that begins or ends with a blank; add that character to the mapping's strip",
        ),
        text_if(ids.str.contains(MANGLED), f"{label} id that {NOT_MANGLED}"),
    )
    return rows.with_columns(why.alias(f"{name}.why")).drop("cut")


def _person(bare: pl.Expr, rows: pl.DataFrame, mapping: OrderMapping) -> tuple[pl.Expr, pl.Expr]:
    """Return the id of a person, and whether it means nobody."""
    nobody = list(mapping.nobody)
    if mapping.fold_case:
        bare, nobody = bare.str.to_lowercase(), [name.lower() for name in nobody]
    if mapping.nobody_patterns:
        flags = re.IGNORECASE if mapping.fold_case else re.NOFLAG
        patterns = [re.compile(pattern, flags) for pattern in mapping.nobody_patterns]
        ids = rows.select(bare.unique().drop_nulls()).to_series()
        nobody += [person for person in ids if any(pattern.fullmatch(person) for pattern in patterns)]
    return bare, bare.is_in(nobody)


def _last_digits_lost(rows: pl.DataFrame, name: str) -> pl.Expr:
    """Return whether a number is too large for a float to represent exactly."""
    dtype = rows.schema[name]
    if not dtype.is_float():
        return pl.lit(value=False)
    return (pl.col(name).abs() >= (_EXACT if dtype == pl.Float64 else _EXACT_SHORT)).fill_null(value=False)


def read_pieces(rows: pl.DataFrame, mapping: OrderMapping) -> pl.DataFrame:
    """Convert quantities to whole `pieces`, or to thousandths if quantities may be fractions.

    Returns:
        The rows; `quantity.why` is the reason for a refusal.
    """
    finest, point = QUANTITY_PLACES if mapping.fractional else 0, _parts(mapping.amount_style).point
    rows = rows.with_columns(unguarded(rows, "quantity").alias("quantity"))
    text, whole = pl.col("quantity"), pl.col("pieces")
    decimal = rf"(?:{point}([0-9]{{1,{finest}}})0*)?" if finest else r"(?:\.0+)?()"
    part = text.str.extract_groups(f"^([+-]?[0-9]{{1,10}}){decimal}$").struct
    digits = part["1"].str.strip_prefix("+") + part["2"].fill_null("").str.pad_end(finest, "0")
    rows = rows.with_columns(digits.cast(pl.Int64, strict=False).alias("pieces"))
    most, number = MOST_PIECES // 10**finest, f"number with at most {finest} decimals" if finest else "whole number"
    why = pl.coalesce(
        text_if(text == "", "no quantity"),
        text_if(whole.is_null() | (whole.abs() > MOST_PIECES), f"quantity not a {number} up to {most}"),
        text_if(whole == 0, "quantity of zero"),
    )
    return rows.with_columns(why.alias("quantity.why"))


def read_amounts(rows: pl.DataFrame, name: str, label: str, mapping: OrderMapping) -> pl.DataFrame:
    """Convert a column of amounts to whole minor units and a finer remainder.

    Args:
        rows: The rows of the file.
        name: The column.
        label: The column's name in a message.
        mapping: The style, and the currency of rows without `CODE`.

    Returns:
        The rows. The column and `<name>.finer` (in parts of 10**9 of a minor unit) hold the amount without its sign,
        `<name>.below` whether it is below zero, `<name>.why` the reason for a refusal.
    """
    codes = rows[CODE].unique().to_list() if CODE in rows.columns else []
    if len(codes) > 1:
        parts = rows.with_row_index(_INDEX).partition_by(CODE)
        return pl.concat(read_amounts(part, name, label, mapping) for part in parts).sort(_INDEX).drop(_INDEX)
    for code in codes:
        mapping = mapping.model_copy(update={"currency": code})
    powers = mapping.amount_style == "number" or rows.schema[name].is_float()
    if rows.schema[name].is_float():
        rows = rows.with_columns(_signed(unguarded(rows, name), mapping).alias(name))

    def prices(cells: pl.Series) -> pl.DataFrame:
        texts = cells.to_frame()
        return _prices(texts.select(_signed(unguarded(texts, name), mapping)), label, mapping, powers=powers)

    return with_computed(rows, name, prices).drop(name).rename({f"{name}.minor": name})


def _signed(text: pl.Expr, mapping: OrderMapping) -> pl.Expr:
    """Drop the marks around an amount, and write a minus before it."""
    if mapping.negatives == "parentheses":
        text = text.str.replace(r"^\((.*)\)$", "-${1}")
    if mapping.amount_marks:
        affixes = "|".join(map(re.escape, sorted(mapping.amount_marks, key=len, reverse=True)))
        text = text.str.replace(rf"^(-?)\s*(?:{affixes})\s*", "${1}").str.replace(rf"\s*(?:{affixes})(\s*-?)$", "${1}")
    if mapping.negatives == "parentheses":
        text = text.str.replace(r"^\((.*)\)$", "-${1}")
    if mapping.negatives == "trailing":
        text = text.str.replace(r"^([^-].*?)\s*-$", "-${1}")
    return text


def _prices(cells: pl.DataFrame, label: str, mapping: OrderMapping, *, powers: bool) -> pl.DataFrame:
    """Parse a column of amounts without marks."""
    (name,), scale = cells.columns, 0 if mapping.amount_style == "minor" else decimals(mapping.currency)
    rows = _without_powers(cells, powers=powers)
    rows = rows.with_columns(pl.col("plain").str.extract_groups(_pattern(mapping)).alias("part"))
    part = pl.col("part").struct
    ungrouped = part["3"].str.replace_all(_parts(mapping.amount_style).separator, "")
    whole = ungrouped.str.strip_chars_start("0").str.pad_start(1, "0").cast(pl.Int64, strict=False)
    digits = part["4"].fill_null("").str.pad_end(scale + _FINER_DECIMALS, "0")
    more = (pl.lit("0") + digits.str.slice(0, scale)).cast(pl.Int64)
    large = whole.is_null() | (whole > LARGEST_AMOUNT // 10**scale)
    why = pl.coalesce(
        text_if(pl.col(name) == "", f"no {label}"),
        text_if(
            part["3"].is_null() | ((part["1"] + part["2"]).str.len_chars() > 1),
            f"{label} not written in the declared style",
        ),
        text_if(large, f"{label} of more than {LARGEST_AMOUNT} minor units"),
    )
    return rows.select(
        pl.when(~large).then(whole * 10**scale + more).alias(f"{name}.minor"),
        digits.str.slice(scale, _FINER_DECIMALS).cast(pl.Int64).alias(f"{name}.finer"),
        (part["1"] + part["2"]).str.starts_with("-").alias(f"{name}.below"),
        why.alias(f"{name}.why"),
    )


def _pattern(mapping: OrderMapping) -> str:
    """Return the pattern: sign, currency, sign again (only one of the two is allowed), whole part, decimals."""
    style: AmountStyle = mapping.amount_style
    if style in _BY_SOFTWARE:
        decimal = "0+" if style == "minor" else "[0-9]+"
        return rf"^(-?)()([0-9]+)(?:\.({decimal}))?$"
    affixes = (mapping.currency, Money(0, mapping.currency).format().rstrip(" 0."))
    return amount_pattern(style, decimals(mapping.currency), affixes)


def _parts(style: AmountStyle) -> AmountParts:
    return AMOUNT_PARTS["plain" if style in _BY_SOFTWARE else style]


def _without_powers(cells: pl.DataFrame, *, powers: bool) -> pl.DataFrame:
    """Write 1.5e-7 as 0.00000015, for float styles only; other styles allow no power of ten."""
    text = cells.to_series()
    with_powers = text.filter(text.str.contains(_POWER)).to_list() if powers else []
    plain = text.replace({power: format(Decimal(power), "f") for power in with_powers})
    return cells.with_columns(plain.alias("plain"))


def line_amount(pieces: pl.Expr, minor: pl.Expr, finer: pl.Expr) -> pl.Expr:
    """Multiply pieces by the unit price exactly, and round the row half to even to whole minor units."""
    parts = pieces * finer
    floor = pieces * minor + parts // FINER
    rest = 2 * (parts % FINER)
    up = (rest > FINER) | ((rest == FINER) & (floor % 2 == 1))
    return floor + up.cast(pl.Int64)


def amount_of(pieces: int, minor: int, finer: int) -> int:
    """Compute `line_amount` for one row."""
    floor, rest = divmod(pieces * (minor * FINER + finer), FINER)
    return floor + (2 * rest > FINER or (2 * rest == FINER and floor % 2 == 1))
