"""Validation of arguments: spans, instants, zones, numbers and words, with hints for misspelt words.

A span as text is a number and a unit, or several such pairs with each unit once: "180 days", "26 weeks", "36 h",
"1.5 days", "38 d 13 h". ISO 8601 durations of fixed length are spans too: "P180D", "PT36H". Months and years are not
allowed, because their length is not fixed. Invariant: `parse_span(span_text(x)) == x` for every span `x`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from dateutil.relativedelta import relativedelta

from funnel._time import EARLIEST, EPOCH, FOREVER, LATEST, MICROSECOND, NEVER
from funnel.errors import ArgumentError, InstantError

SpanLike: TypeAlias = timedelta | relativedelta | str
"""A span of time: a timedelta, a relativedelta without months and years, or text with a unit."""

_LONGEST = 200
"""Only this many characters of an argument are compared with names. Comparing a very long text is too slow."""

_LONGEST_NUMBER = 2**63 - 1
"""The largest integer of every engine. Longer numbers are not shown: Python does not print more than 4,300 digits."""

_LONGEST_SPAN = 100
_LONGEST_DAYS = (FOREVER - NEVER) * MICROSECOND // timedelta(days=1)
_NAMES = {
    timedelta(weeks=1): "w week weeks",
    timedelta(days=1): "d day days",
    timedelta(hours=1): "h hr hrs hour hours",
    timedelta(minutes=1): "min mins minute minutes",
    timedelta(seconds=1): "s sec secs second seconds",
    timedelta(milliseconds=1): "ms millisecond milliseconds",
    timedelta(microseconds=1): "us \u03bcs microsecond microseconds",
}
_UNITS = {name: unit // MICROSECOND for unit, names in _NAMES.items() for name in names.split()}
_WHICH = {name: names for names in _NAMES.values() for name in names.split()}
_CALENDAR = frozenset(("m", "mo", "mos", "mon", "month", "months", "y", "yr", "yrs", "year", "years"))
_NUMBER = r"([0-9]+)(?:[.]([0-9]+))?"
_PAIR = re.compile(rf"{_NUMBER}\s*([a-z\u03bc]+)\s*")
_ISO = re.compile(r"([+-]?)p([0-9.ymwd]*)(?:(t)([0-9.hms]+))?")

_EXPECTED = "a timedelta, or text with a unit such as '7 days'"
_NOT_FIXED = "months or years, whose length is not fixed"
_RELATIVE = ("days", "hours", "minutes", "seconds", "microseconds")
_NO_SPAN = ("year", "month", "day", "weekday", "hour", "minute", "second", "microsecond")


def span(value: object, name: str, *, minimum: int = 1) -> int:
    """Return a span of time in microseconds.

    Args:
        value: A timedelta, a relativedelta of fixed length, or text with a unit.
        name: Name of the argument, for the error.
        minimum: The minimum in microseconds: 1, or 0 if a span of zero is allowed.

    Raises:
        ArgumentError: It is not a span, is shorter than the minimum, or is longer than 540 years (1700 to 2240).
    """
    count = parse_span(value, name) // MICROSECOND
    if count < minimum:
        raise ArgumentError(f"{name} must be {'above zero' if minimum else 'zero or more'} (got {count * MICROSECOND})")
    return count


def parse_span(value: object, name: str = "a span of time") -> timedelta:
    """Return a span of time as a timedelta, exact to the microsecond.

    Args:
        value: A timedelta, a relativedelta of weeks, days or smaller units, or text with a unit.
        name: Name of the argument, for the error.

    Raises:
        ArgumentError: It is not a span. A bare number is not a span, because it has no unit.

    Example:
        >>> parse_span("36 h"), parse_span("P180D").days
        (datetime.timedelta(days=1, seconds=43200), 180)
    """
    read = _count(value)
    if isinstance(read, str):
        raise ArgumentError(f"{name} must be {_EXPECTED} (got {read})")
    if abs(read) > FOREVER - NEVER:
        raise ArgumentError(f"{name} is too long; give at most {_LONGEST_DAYS} days")
    return read * MICROSECOND


def span_text(length: timedelta) -> str:
    """Format a span as an exact ISO 8601 duration of fixed length: "P180D", "P1DT12H"."""
    seconds, micros = divmod(abs(length) // MICROSECOND, _UNITS["s"])
    days, rest = divmod(seconds, _UNITS["d"] // _UNITS["s"])
    hours, rest = divmod(rest, 3600)
    minutes, whole = divmod(rest, 60)
    second = f"{whole}.{micros:06}".rstrip("0") if micros else f"{whole}"
    times = "".join(
        f"{count}{unit}" for count, unit in ((hours, "H"), (minutes, "M"), (second, "S")) if count not in (0, "0")
    )
    date_part = f"{days}D" if days or not times else ""
    return f"{'-' * (length < timedelta(0))}P{date_part}{f'T{times}' if times else ''}"


def _count(value: object) -> int | str:
    """Return a span in microseconds, or text about the argument for an error.

    The text shows no value.
    """
    if isinstance(value, timedelta):
        if getattr(value, "nanoseconds", 0):  # a pandas.Timedelta
            return "a fraction of a microsecond"
        return timedelta(value.days, value.seconds, value.microseconds) // MICROSECOND
    if isinstance(value, relativedelta):
        return _of_relative(value)
    if isinstance(value, str):
        return _of_text(value)
    return f"{kind_of(value)}, which has no unit"


def _of_relative(value: relativedelta) -> int | str:
    if value.years or value.months or value.leapdays or any(getattr(value, name) is not None for name in _NO_SPAN):
        return f"a relativedelta with {_NOT_FIXED}, or with a date or time of day"
    counts = {name: getattr(value, name) for name in _RELATIVE}
    if any(count % 1 for count in counts.values()):  # true for NaN and infinity too
        return "a relativedelta with fractions"
    return sum(int(count) * _UNITS[name] for name, count in counts.items())


def _of_text(value: str) -> int | str:
    text = value.strip().casefold()
    if len(value) > _LONGEST_SPAN or not text:
        return "empty text" if not text else f"text of {len(value)} characters"
    sign, pairs = _pairs(text)
    if not pairs:
        return "text that is not a number with a unit: weeks, days, hours, minutes, seconds, ms or us"
    names = [name for _, _, name in pairs]
    if any(name in _CALENDAR for name in names):
        return f"text with {_NOT_FIXED}; write minutes as min"
    if any(name not in _UNITS for name in names):
        return "text with an unknown unit; the units are weeks, days, hours, minutes, seconds, ms and us"
    if len({_WHICH[name] for name in names}) < len(names):
        return "text that repeats a unit"
    counts = [divmod(int(whole + part) * _UNITS[name], int(f"1{'0' * len(part)}")) for whole, part, name in pairs]
    if any(rest for _, rest in counts):
        return "a fraction of a microsecond"
    return sign * sum(count for count, _ in counts)


def _pairs(text: str) -> tuple[int, list[tuple[str, str, str]]]:
    """Return the sign of a text and its (whole part, decimals, unit) triples.

    The list is empty if the text is not a span.
    """
    iso = _ISO.fullmatch(text)
    if iso is None:
        return 1, _split(text)
    # ISO 8601 uses M for months and for minutes. After the T it means minutes.
    days = _split(iso[2])
    times = [(whole, part, "min" if name == "m" else name) for whole, part, name in _split(iso[4] or "")]
    well_written = bool(iso[2] or iso[4]) and bool(days) == bool(iso[2]) and bool(times) == bool(iso[4])
    return -1 if iso[1] == "-" else 1, [*days, *times] if well_written else []


def _split(text: str) -> list[tuple[str, str, str]]:
    pairs: list[tuple[str, str, str]] = _PAIR.findall(text)
    return pairs if "".join(match[0] for match in _PAIR.finditer(text)) == text else []


INNER = "_funnel_"
"""Prefix reserved for columns of this library. No column, fact or rule of a shop may begin with it."""


def name_problem(name: str, reserved: Collection[str]) -> str:
    """Return the problem with a name of a fact or a rule; "" if it is valid.

    The name becomes the name of a column. Databases do not distinguish upper case from lower case.
    """
    if name.casefold().startswith(INNER):
        return f"begins with {INNER}, which is reserved for columns of this library"
    if name.casefold() in reserved:
        return "is the name of a column that every result has"
    return ""


def check_choice(value: object, allowed: Sequence[str], name: str) -> None:
    """Check that a word is allowed.

    Raises:
        ArgumentError: It is not one of the allowed words.
    """
    if not is_one_of(value, allowed):
        msg = f"{name} must be {' or '.join(map(repr, allowed))} (got {brief(value)}){did_you_mean(value, allowed)}"
        raise ArgumentError(msg)


def is_one_of(value: object, words: Collection[str]) -> bool:
    """Return whether an argument is one of some words; False for other types."""
    return isinstance(value, str) and value in words


def kind_of(value: object) -> str:
    """Return None, the name of a class, or the name of a type, for an error."""
    if value is None:
        return "None"
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def a_kind_of(value: object) -> str:
    """Return the type of an argument with its article: "an int"."""
    kind = type(value).__name__
    return f"{'an' if kind[0].lower() in 'aeio' else 'a'} {kind}"


def brief(value: object) -> str:
    """Return text and numbers as they are, and the type of anything else.

    The repr of an object may be endless, and it may fail.
    """
    if isinstance(value, str):
        return repr(value[:_LONGEST])
    is_short = isinstance(value, float) or (isinstance(value, int) and abs(value) <= _LONGEST_NUMBER)
    return repr(value) if is_short else kind_of(value)


def instance(value: object, kind: type[Any] | tuple[type[Any], ...], name: str, expected: str) -> Any:
    """Return an argument after checking its class.

    Args:
        value: The argument.
        kind: The class, or several classes.
        name: Name of the argument, for the error.
        expected: Description of an allowed argument, for the error.

    Raises:
        ArgumentError: It is of another class.
    """
    if isinstance(value, kind):
        return value
    raise ArgumentError(f"{name} must be {expected} (got {kind_of(value)})")


def subclass(value: object, kind: type, name: str, expected: str) -> None:
    """Check that an argument is a subclass of a class.

    Raises:
        ArgumentError: It is not a subclass.
    """
    if not (isinstance(value, type) and issubclass(value, kind)):
        raise ArgumentError(f"{name} must be {expected} (got {kind_of(value)})")


def is_function(value: object) -> bool:
    """Return whether an argument is callable and is not a class."""
    return callable(value) and not isinstance(value, type)


def count_of(value: object, name: str, *, minimum: int, most: int | None = None) -> int:
    """Return an argument that must be a whole number.

    Raises:
        ArgumentError: It is not a whole number, or is outside the bounds.
    """
    largest = _LONGEST_NUMBER if most is None else most
    if isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= largest:
        return value
    bounds = f"from {minimum} up" if largest >= _LONGEST_NUMBER else f"from {minimum} to {largest}"
    raise ArgumentError(f"{name} must be a whole number {bounds} (got {brief(value)})")


def truth(value: object, name: str) -> bool:
    """Return an argument that must be a bool.

    Raises:
        ArgumentError: It is not a bool.
    """
    if isinstance(value, bool):
        return value
    raise ArgumentError(f"{name} must be True or False (got {brief(value)})")


def share_of(value: object, name: str, example: float = 0.95) -> float:
    """Return an argument that must be a share.

    Raises:
        ArgumentError: It is not a float between 0 and 1.
    """
    if isinstance(value, float) and 0 < value < 1:
        return value
    raise ArgumentError(f"{name} must be a float between 0 and 1, such as {example} (got {brief(value)})")


def each(value: object, name: str, expected: str) -> list[Any]:
    """Return the elements of an argument that must hold several values.

    Raises:
        ArgumentError: It is a single value. A text, a mapping and a dataframe are single values.
    """
    if not is_listed(value):
        raise ArgumentError(f"{name} must be {expected} (got {kind_of(value)})")
    return list(cast("Iterable[Any]", value))


def is_listed(value: object) -> bool:
    """Return whether it holds several values.

    A dataframe, a text, a mapping and a class are single values.
    """
    is_one = isinstance(value, str | bytes | Mapping | type) or hasattr(type(value), "columns")
    return isinstance(value, Iterable) and not is_one


def day_of(value: object, name: str) -> date:
    """Return an argument that must be a day.

    Raises:
        ArgumentError: It is not a date; a datetime is an instant.
    """
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ArgumentError(f"{name} must be a date, such as date(2026, 3, 1) (got {kind_of(value)})")


def is_aware(moment: datetime) -> bool:
    """Return whether a datetime has an offset; False for NaT and failing zones."""
    if moment.tzinfo is UTC:
        return True
    try:
        return moment.utcoffset() is not None
    except Exception:  # noqa: BLE001 (a zone may be code of the caller)
        return False


def parse_instant(value: object, name: str) -> int:
    """Return an argument that must be an instant, in microseconds.

    Raises:
        InstantError: It is not an aware datetime.
    """
    if isinstance(value, datetime) and is_aware(value):
        return (value - EPOCH) // MICROSECOND
    naive = isinstance(value, datetime) and kind_of(value) != "NaTType"
    kind = "a naive datetime" if naive else kind_of(value).removesuffix("Type")
    raise InstantError(f"{name} is {kind}; give an aware datetime, such as {name}=datetime(2026, 3, 1, tzinfo=UTC)")


def parse_as_of(value: object, name: str = "as_of") -> int:
    """Return the argument `as_of` in microseconds.

    Raises:
        InstantError: It is not an aware datetime, or is outside the years 1800 to 2199.
    """
    # Nearly every instant is plain; the other checks take as long as a rule.
    if type(value) is datetime and value.tzinfo is UTC:
        count = (value - EPOCH) // MICROSECOND
    else:
        count = parse_instant(value, name)
    if not EARLIEST <= count < LATEST:
        raise InstantError(f"{name} is outside the supported years; give an instant from 1800 to the end of 2199")
    return count


def parse_zone(value: object, name: str = "tz") -> ZoneInfo:
    """Return an argument that must be a time zone or its name.

    Raises:
        ArgumentError: The zone does not exist; the message names the nearest one.
    """
    if isinstance(value, ZoneInfo):
        return value
    if not isinstance(value, str):
        raise ArgumentError(f"{name} must be the name of a time zone, such as 'Asia/Jakarta' (got {kind_of(value)})")
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = did_you_mean(value, available_timezones()) or "; give a name such as 'Asia/Jakarta'"
    raise ArgumentError(f"time zone {brief(value)} is unknown{hint}")


def did_you_mean(value: object, words: Iterable[str]) -> str:
    """Return a hint with the most similar word; empty if all words differ too much."""
    close = _similar(value, words, 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def suggest(value: object, names: Iterable[str]) -> str:
    """Return a hint with similar names, or with all names if all differ too much."""
    names = sorted(names)
    close = _similar(value, names, 3)
    return f"did you mean {' or '.join(close)}?" if close else f"use one of {', '.join(names)}"


def _similar(value: object, words: Iterable[str], most: int) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(value[:_LONGEST], list(words), n=most) if isinstance(value, str) else []
