"""The formats that a mapping may set for times, amounts, encodings and quotes."""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Literal, TypeAlias
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field

from funnel._arguments import did_you_mean
from funnel.errors import ArgumentError
from funnel.money import decimals

IN_THE_TEXT = "in the text"
"""The zone of a file whose times have their own UTC offsets, such as 2026-03-01T09:00+07:00."""

AmountStyle: TypeAlias = Literal["plain", "us", "id", "minor", "number"]
"""How amounts are written in a file.

By people, with at most the currency's decimals: plain 1234.56, us 1,234.56, id 1.234,56. As whole minor units: minor
123456. By software, with any number of decimals: number 1234.5, a column of numbers or text.
"""

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

_DIRECTIVES = "YymdbBHIpMSfz%"
_HINT = "use iso, or a strptime format of " + " ".join(f"%{letter}" for letter in _DIRECTIVES)


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
        msg = f"a zone is unknown; use a name such as 'Asia/Jakarta', or {IN_THE_TEXT!r}{near}"
        raise ArgumentError(msg)
    return name


def _time_format(given: str) -> str:
    """Accept only formats that Python and the dataframe engine read alike."""
    if given == "iso":
        return given
    found = re.findall("%(.?)", given, flags=re.DOTALL)
    wrong = [f"%{letter}" for letter in found if not letter or letter not in _DIRECTIVES]
    if wrong:
        msg = f"time format has {', '.join(wrong[:10])}; {_HINT}"
        raise ArgumentError(msg)
    _complete(set(found))
    if "f" in found and "%S.%f" not in given:
        raise ArgumentError("time format has %f where no second ends; write it as %S.%f")
    return given


def _complete(has: set[str]) -> None:
    if not (has & {"Y", "y"} and has & {"m", "b", "B"} and "d" in has):
        raise ArgumentError("time format has no whole day; it needs %Y or %y, %m or %b or %B, and %d")
    clock = "H" in has or {"I", "p"} <= has
    if clock != ("M" in has) or ("S" in has and not clock) or (has & {"I", "p"} and not {"I", "p"} <= has):
        raise ArgumentError("time format has half a clock; write %H:%M, %I:%M %p, or no clock at all for whole days")


def _delimiter(given: str) -> str:
    if len(given) == 1 and given.isascii() and given not in '"\r\n':
        return given
    raise ArgumentError("a delimiter is not one plain character; use ',' or ';' or '|' or a tab")


def _quote(given: str | None) -> str | None:
    if not given or (len(given) == 1 and given.isascii() and given.isprintable() and not given.isalnum()):
        return given
    raise ArgumentError('a quote is not one plain character; use \'"\', or "" for a file without quotes')


Named: TypeAlias = Annotated[str, Field(min_length=1)]
"""The name of a column, exactly as in the file's heading."""

Currency: TypeAlias = Annotated[str, AfterValidator(_currency)]
"""An ISO 4217 code."""

Zone: TypeAlias = Annotated[str, AfterValidator(_zone)]
"""The name of a time zone, or `IN_THE_TEXT`."""

TimeFormat: TypeAlias = Annotated[str, AfterValidator(_time_format)]
"""A strptime format that Python and the dataframe engine read alike, or "iso"."""

Delimiter: TypeAlias = Annotated[str, AfterValidator(_delimiter)]
"""The delimiter between two columns."""

Quote: TypeAlias = Annotated[str | None, AfterValidator(_quote)]
"""The quote character around a cell that holds a delimiter."""
