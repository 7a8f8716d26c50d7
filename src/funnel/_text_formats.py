"""How shops write amounts and times: styles, formats and their patterns, for files and for dataframes.

The patterns mean the same to Python and to every dataframe engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

import attrs

from funnel.errors import ArgumentError

# ---- amounts ---------------------------------------------------------------------------------------------------------

WrittenStyle: TypeAlias = Literal["plain", "us", "id", "ch", "in", "fr"]
"""How people write amounts: plain 1234.56, us 1,234.56, id 1.234,56, ch 1'234.56, in 12,34,567.89, fr 1 234,56."""


@attrs.frozen
class AmountParts:
    """Patterns of one style: the whole part, the decimal point, and the separator of groups ("" without groups)."""

    whole: str
    point: str
    separator: str


AMOUNT_PARTS: Mapping[str, AmountParts] = {
    "plain": AmountParts("[0-9]+", r"\.", ""),
    "us": AmountParts("[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+", r"\.", ","),
    "id": AmountParts(r"[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+", ",", r"\."),
    "ch": AmountParts("[0-9]+|[0-9]{1,3}(?:['\u2019][0-9]{3})+", r"\.", "['\u2019]"),
    "in": AmountParts("[0-9]+|[0-9]{1,2}(?:,[0-9]{2})*,[0-9]{3}", r"\.", ","),
    "fr": AmountParts("[0-9]+|[0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3})+", ",", "[ \u00a0\u202f]"),
}
"""The patterns of each style in which people write amounts."""


def amount_pattern(
    style: str, scale: int, affixes: Iterable[str], *, zeros: str = "", signs: tuple[str, str] = ("-?", "")
) -> str:
    """Return the pattern of an amount: sign, currency, sign again (only one of the two is allowed), whole, decimals.

    Args:
        style: One of `AMOUNT_PARTS`.
        scale: The largest number of decimals.
        affixes: Patterns of texts before the amount, such as the code of the currency.
        zeros: Pattern of further decimals that are dropped, such as "0*".
        signs: Patterns of the sign before the currency, and of what may follow the decimals.
    """
    parts = AMOUNT_PARTS[style]
    some = f"[0-9]{{1,{scale}}}" if scale else ""
    decimal = f"(?:{parts.point}({some}){zeros})?" if scale or zeros else "()"
    return rf"^({signs[0]})(?:\s*(?:{'|'.join(affixes)})\s*)?(-?)({parts.whole}){decimal}{signs[1]}$"


# ---- times -----------------------------------------------------------------------------------------------------------

EPOCHS = ("epoch", "epoch_ms")
"""Time formats that count from 1970-01-01 UTC: in seconds, and in milliseconds."""

ISO_TIME = "^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2})(?::([0-5][0-9])(?:[.,]([0-9]{1,9}))?)?)?"
"""Pattern of an ISO time: the day, the clock, the second and its decimals."""

OFFSET = " ?(Z|z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])"
"""Pattern of an offset from UTC."""

_DIRECTIVES = "YymdbBHIpMSfz%"
_HINT = "use iso, epoch, epoch_ms, or a strptime format of " + " ".join(f"%{letter}" for letter in _DIRECTIVES)


def check_time_format(text: str) -> str:
    """Return a time format that Python and every dataframe engine read alike.

    Raises:
        ArgumentError: It is another format, has no whole day, or half a clock.
    """
    if text in ("iso", *EPOCHS):
        return text
    letters = re.findall("%(.?)", text, flags=re.DOTALL)
    wrong = [f"%{letter}" for letter in letters if not letter or letter not in _DIRECTIVES]
    if wrong:
        raise ArgumentError(f"time format has {', '.join(wrong[:10])}; {_HINT}")
    _complete(set(letters))
    if "f" in letters and "%S.%f" not in text:
        raise ArgumentError("time format has %f where no second ends; write it as %S.%f")
    return text


def _complete(has: set[str]) -> None:
    if not (has & {"Y", "y"} and has & {"m", "b", "B"} and "d" in has):
        raise ArgumentError("time format has no whole day; it needs %Y or %y, %m or %b or %B, and %d")
    clock = "H" in has or {"I", "p"} <= has
    if clock != ("M" in has) or ("S" in has and not clock) or (has & {"I", "p"} and not {"I", "p"} <= has):
        raise ArgumentError("time format has half a clock; write %H:%M, %I:%M %p, or no clock at all for whole days")
