"""The formats that a mapping may set for times, amounts, encodings and quotes."""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Literal, TypeAlias
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field

from funnel._arguments import did_you_mean
from funnel._text_formats import check_time_format
from funnel.errors import ArgumentError
from funnel.money import decimals

IN_THE_TEXT = "in the text"
"""The zone of a file whose times have their own UTC offsets, such as 2026-03-01T09:00+07:00."""

AmountStyle: TypeAlias = Literal["plain", "us", "id", "ch", "in", "fr", "minor", "number"]
"""How amounts are written in a file.

By people, with at most the currency's decimals: plain 1234.56, us 1,234.56, id 1.234,56, ch 1'234.56, in 12,34,567.89,
fr 1 234,56. Whole minor units: minor 123456. By software, with any number of decimals: number 1234.5, a column of
numbers or text.
"""

GROUPED_BY_POINTS: AmountStyle = "id"
"""The style in which 180.000 is 180 thousand."""

CUT = (
    "a program has read 180.000, which is 180 thousand in this style, as 180.0: read the file as texts then, such as "
    "pd.read_csv(path, dtype=str) or pl.read_csv(path, infer_schema=False)"
)
"""Warning about floats of amounts in that style, and the remedy."""

Unpaid: TypeAlias = Literal["sent", "refuse", "placed"]
"""How to treat an order that is not paid yet: refuse it unless it was sent, refuse it, or keep it as placed."""

Encoding: TypeAlias = Literal[
    "utf-8",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "cp1250",
    "cp1251",
    "cp1252",
    "iso-8859-1",
    "iso-8859-15",
    "big5",
    "cp932",
    "euc-kr",
    "gb18030",
]
"""The encoding of a CSV file."""

TimeColumn: TypeAlias = Literal["purchased_at", "cancelled_at", "refunded_at"]
"""A column of times."""


def _currency(code: str) -> str:
    decimals(code)
    return code


@cache
def _zones() -> tuple[str, ...]:
    """Return all zone names, cached: listing them reads many files."""
    return tuple(sorted(available_timezones() - {"Factory", "localtime"}))


def _zone(name: str) -> str:
    if name not in (IN_THE_TEXT, *_zones()):
        near = did_you_mean(name, _zones())
        raise ArgumentError(f"a zone is unknown; use a name such as 'Asia/Jakarta', or {IN_THE_TEXT!r}{near}")
    return name


def _delimiter(text: str) -> str:
    if len(text) == 1 and text.isascii() and text not in '"\r\n':
        return text
    raise ArgumentError("a delimiter is not one plain character; use ',' or ';' or '|' or a tab")


def _quote(text: str | None) -> str | None:
    if not text or (len(text) == 1 and text.isascii() and text.isprintable() and not text.isalnum()):
        return text
    raise ArgumentError('a quote is not one plain character; use \'"\', or "" for a file without quotes')


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError):
        raise ArgumentError("a pattern is not a regular expression of Python") from None
    return text


Pattern: TypeAlias = Annotated[str, Field(min_length=1), AfterValidator(_pattern)]
"""A regular expression of Python's `re`, which must match the whole text."""

NonEmpty: TypeAlias = Annotated[str, Field(min_length=1)]
"""The name of a column, exactly as in the file's heading."""

Currency: TypeAlias = Annotated[str, AfterValidator(_currency)]
"""An ISO 4217 code."""

Zone: TypeAlias = Annotated[str, AfterValidator(_zone)]
"""The name of a time zone, or `IN_THE_TEXT`."""

TimeFormat: TypeAlias = Annotated[str, AfterValidator(check_time_format)]
"""A strptime format that Python and the dataframe engine read alike, or "iso", "epoch", "epoch_ms"."""

Delimiter: TypeAlias = Annotated[str, AfterValidator(_delimiter)]
"""The delimiter between two columns."""

Quote: TypeAlias = Annotated[str | None, AfterValidator(_quote)]
"""The quote character around a cell that holds a delimiter."""
