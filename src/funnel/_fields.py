"""What may stand in a record's field: an instant, an id, a label, free words, an amount.

Laws: an instant is kept in UTC; a fault says what is allowed and never shows what was given.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import InitErrorDetails

from funnel._copies import Checked
from funnel._instants import EARLIEST, LATEST, instant, micros
from funnel.errors import InstantError, RecordError
from funnel.money import Money

LONGEST_ID = 200
"""The most characters of an id or a label."""

LARGEST_AMOUNT = 10**14
"""The most minor units of one record's amount; the totals of a person stay well inside 53 bits."""

MOST_PIECES = 2**31 - 1
"""The most pieces in one line."""

_ISO = "2026-03-01T09:00+07:00"
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


def read_instant(given: object) -> datetime:
    """Take an aware datetime, or ISO text of one, as an instant in UTC."""
    if isinstance(given, str):
        given = _read_iso(given)
    if not isinstance(given, datetime):
        msg = f"a time is given as {type(given).__name__}; give an aware datetime, or text such as {_ISO}"
        raise InstantError(msg)
    if given.tzinfo is None or given.utcoffset() is None:
        msg = "a time is given without a zone; say which, e.g. with replace(tzinfo=ZoneInfo('Asia/Jakarta'))"
        raise InstantError(msg)
    count = micros(given)
    if not EARLIEST <= count < LATEST:
        msg = f"a time in the year {given.year} is given; records are kept from 1800 to the end of 2199"
        raise InstantError(msg)
    return instant(count)


def _read_iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        msg = f"a time is given as text that is not ISO 8601; write it as {_ISO}"
        raise InstantError(msg) from None


def _text(given: object) -> str:
    if not isinstance(given, str):
        msg = f"text is given as {type(given).__name__}; give str(...) of it"
        raise RecordError(msg)
    if _UNWRITABLE.search(given):
        msg = "text holds a zero byte or half a character, which no file can keep; take it out"
        raise RecordError(msg)
    return given


def _label(given: object) -> str:
    text = _text(given)
    if len(text) > LONGEST_ID:
        msg = f"{len(text)} characters are given; at most {LONGEST_ID} are allowed"
        raise RecordError(msg)
    if _UNPRINTABLE.search(text):
        msg = "text holds a control character (a tab, a line break); take it out"
        raise RecordError(msg)
    return text


def _id(given: object) -> str:
    text = _label(given)
    if not text or text.isspace():
        raise RecordError("an id is blank; give at least one character that is not a space")
    return text


def amount_in_range(given: Money) -> Money:
    """Make sure that an amount is one that a single record can hold."""
    if not 0 <= given.minor <= LARGEST_AMOUNT:
        msg = f"an amount below 0 or above {LARGEST_AMOUNT} minor units is given; say it from 0 up, a refund too"
        raise RecordError(msg)
    return given


_TIME: dict[str, Any] = {"type": "string", "format": "date-time"}
_ID: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": LONGEST_ID}
_LABEL: dict[str, Any] = {"type": "string", "maxLength": LONGEST_ID}

Instant: TypeAlias = Annotated[datetime, BeforeValidator(read_instant), WithJsonSchema(_TIME)]
"""A moment with its zone, from 1800 to the end of 2199; kept in UTC. Numbers and times without a zone are refused."""

Id: TypeAlias = Annotated[str, BeforeValidator(_id), WithJsonSchema(_ID)]
"""What tells one thing from another: text of 1 to 200 characters, not blank, without control characters."""

Label: TypeAlias = Annotated[str, BeforeValidator(_label), WithJsonSchema(_LABEL)]
"""A short word of the shop: at most 200 characters, without control characters; "" is not given."""

Words: TypeAlias = Annotated[str, BeforeValidator(_text), Field(repr=False)]
"""What somebody said, freely; it is never shown."""

Amount: TypeAlias = Annotated[Money, AfterValidator(amount_in_range)]
"""Money from 0 up, as one record holds it."""


class Frozen(Checked, frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True):  # pyright: ignore[reportGeneralTypeIssues]
    """What all that comes in has in common: it cannot change, and nothing unknown is let in.

    A fault names the field, what is allowed and what to do, and never shows what was given.

    Example:
        >>> class Shelf(Frozen, frozen=True):
        ...     name: Id
        >>> Shelf(name="A", colour="red")
        Traceback (most recent call last):
        pydantic_core._pydantic_core.ValidationError: 1 validation error for Shelf
        colour
          Extra inputs are not permitted [type=extra_forbidden]
            For further information visit ...
    """

    @model_validator(mode="wrap")
    @classmethod
    def _hide(cls, given: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(given)
        except ValidationError as error:
            raise _hidden(error) from None


def _hidden(error: ValidationError) -> ValidationError:
    """Take every given value out of an error, so that logs of `errors()` and `json()` hold none either."""
    lines = [
        InitErrorDetails(type=line["type"], loc=line["loc"], ctx=line.get("ctx", {}), input="(hidden)")
        for line in error.errors(include_url=False, include_input=False)
    ]
    return ValidationError.from_exception_data(error.title, lines, hide_input=True)
