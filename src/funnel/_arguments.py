"""Validation of arguments: spans, instants, zones, numbers and words, with hints for misspelt words.

A span as text is a number and a unit, or several such pairs with each unit once: "180 days", "26 weeks", "36 h",
"1.5 days", "38 d 13 h". ISO 8601 durations of fixed length are spans too: "P180D", "PT36H". Months and years are not
allowed, because their length is not fixed. Invariant: `parse_span(span_text(x)) == x` for every span `x`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from typing import Any, TypeAlias, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from dateutil.relativedelta import relativedelta

from funnel._time import EARLIEST, FOREVER, LATEST, MICROSECOND, NEVER, micros
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


def span(given: object, what: str, *, minimum: int = 1) -> int:
    """Return a span of time in microseconds.

    Args:
        given: A timedelta, a relativedelta of fixed length, or text with a unit.
        what: Name of the argument, for the error.
        minimum: The minimum in microseconds: 1, or 0 if a span of zero is allowed.

    Raises:
        ArgumentError: It is not a span, is shorter than the minimum, or is longer than 540 years (1700 to 2240).
    """
    count = parse_span(given, what) // MICROSECOND
    if count < minimum:
        msg = f"{what} must be {'above zero' if minimum else 'zero or more'} (got {count * MICROSECOND})"
        raise ArgumentError(msg)
    return count


def parse_span(given: object, what: str = "a span of time") -> timedelta:
    """Return a span of time as a timedelta, exact to the microsecond.

    Args:
        given: A timedelta, a relativedelta of weeks, days or smaller units, or text with a unit.
        what: Name of the argument, for the error.

    Raises:
        ArgumentError: It is not a span. A bare number is not a span, because it has no unit.

    Example:
        >>> parse_span("36 h"), parse_span("P180D").days
        (datetime.timedelta(days=1, seconds=43200), 180)
    """
    read = _count(given)
    if isinstance(read, str):
        msg = f"{what} must be {_EXPECTED} (got {read})"
        raise ArgumentError(msg)
    if abs(read) > FOREVER - NEVER:
        msg = f"{what} is longer than the years that are kept; give at most {_LONGEST_DAYS} days"
        raise ArgumentError(msg)
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
    ahead = f"{days}D" if days or not times else ""
    return f"{'-' * (length < timedelta(0))}P{ahead}{f'T{times}' if times else ''}"


def _count(given: object) -> int | str:
    """Return a span in microseconds, or text about the argument for an error.

    The text shows no value.
    """
    if isinstance(given, timedelta):
        if getattr(given, "nanoseconds", 0):  # a pandas.Timedelta
            return "a part of a microsecond"
        return timedelta(given.days, given.seconds, given.microseconds) // MICROSECOND
    if isinstance(given, relativedelta):
        return _of_relative(given)
    if isinstance(given, str):
        return _of_text(given)
    return f"{kind_of(given)}, which has no unit"


def _of_relative(given: relativedelta) -> int | str:
    if given.years or given.months or given.leapdays or any(getattr(given, name) is not None for name in _NO_SPAN):
        return f"a relativedelta with {_NOT_FIXED}, or with a date or time of day"
    parts = {name: getattr(given, name) for name in _RELATIVE}
    if any(part % 1 for part in parts.values()):  # true for NaN and infinity too
        return "a relativedelta of broken numbers"
    return sum(int(part) * _UNITS[name] for name, part in parts.items())


def _of_text(given: str) -> int | str:
    text = given.strip().casefold()
    if len(given) > _LONGEST_SPAN or not text:
        return "no text" if not text else f"text of {len(given)} characters"
    sign, pairs = _pairs(text)
    if not pairs:
        return "text that is not a number with a unit: weeks, days, hours, minutes, seconds, ms or us"
    names = [name for _, _, name in pairs]
    if any(name in _CALENDAR for name in names):
        return f"text with {_NOT_FIXED}; minutes are written min"
    if any(name not in _UNITS for name in names):
        return "text with an unknown unit; the units are weeks, days, hours, minutes, seconds, ms and us"
    if len({_WHICH[name] for name in names}) < len(names):
        return "text with one unit twice"
    counts = [divmod(int(whole + part) * _UNITS[name], int(f"1{'0' * len(part)}")) for whole, part, name in pairs]
    if any(rest for _, rest in counts):
        return "a part of a microsecond"
    return sign * sum(count for count, _ in counts)


def _pairs(text: str) -> tuple[int, list[tuple[str, str, str]]]:
    """Return the sign of a text and its (whole part, decimals, unit) triples.

    There are no triples if the text is not a span.
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
    found: list[tuple[str, str, str]] = _PAIR.findall(text)
    return found if "".join(match[0] for match in _PAIR.finditer(text)) == text else []


INNER = "_funnel_"
"""Prefix reserved for columns of this library. No column, fact or rule of a shop may begin with it."""


def name_problem(name: str, taken: Collection[str]) -> str:
    """Return the problem with a name of a fact or a rule; "" if it is valid.

    The name becomes the name of a column. Databases do not distinguish upper case from lower case.
    """
    if name.casefold().startswith(INNER):
        return f"begins with {INNER}, which is kept for columns of this library"
    if name.casefold() in taken:
        return "is the name of a column that is added to every answer"
    return ""


def quoted(name: str) -> str:
    """Return a column name as a quoted SQL identifier."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def check_choice(given: object, allowed: Sequence[str], what: str) -> None:
    """Check that a word is allowed.

    Raises:
        ArgumentError: It is not one of the allowed words.
    """
    if not is_one_of(given, allowed):
        msg = f"{what} must be {' or '.join(map(repr, allowed))} (got {brief(given)}){did_you_mean(given, allowed)}"
        raise ArgumentError(msg)


def is_one_of(given: object, known: Collection[str]) -> bool:
    """Return whether an argument is one of some words; False for other types."""
    return isinstance(given, str) and given in known


def kind_of(given: object) -> str:
    """Return None, the name of a class, or the name of a type, for an error."""
    if given is None:
        return "None"
    return f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__


def brief(given: object) -> str:
    """Return text and numbers as they are, and the type of anything else.

    The repr of an object may be endless, and it may fail.
    """
    if isinstance(given, str):
        return repr(given[:_LONGEST])
    is_short = isinstance(given, float) or (isinstance(given, int) and abs(given) <= _LONGEST_NUMBER)
    return repr(given) if is_short else kind_of(given)


def instance(given: object, kind: type[Any] | tuple[type[Any], ...], what: str, expected: str) -> Any:
    """Return an argument after checking its class.

    Args:
        given: The argument.
        kind: The class, or several classes.
        what: Name of the argument, for the error.
        expected: What to pass instead, for the error.

    Raises:
        ArgumentError: It is of another class.
    """
    if isinstance(given, kind):
        return given
    raise ArgumentError(f"{what} must be {expected} (got {kind_of(given)})")


def subclass(given: object, kind: type, what: str, expected: str) -> None:
    """Check that an argument is a subclass of a class.

    Raises:
        ArgumentError: It is not a subclass.
    """
    if not (isinstance(given, type) and issubclass(given, kind)):
        raise ArgumentError(f"{what} must be {expected} (got {kind_of(given)})")


def is_function(given: object) -> bool:
    """Return whether an argument is callable and is not a class."""
    return callable(given) and not isinstance(given, type)


def count_of(given: object, what: str, *, minimum: int, most: int | None = None) -> int:
    """Return an argument that must be a whole number.

    Raises:
        ArgumentError: It is not a whole number, or is outside the bounds.
    """
    largest = _LONGEST_NUMBER if most is None else most
    if isinstance(given, int) and not isinstance(given, bool) and minimum <= given <= largest:
        return given
    bounds = f"from {minimum} up" if most is None else f"from {minimum} to {most}"
    raise ArgumentError(f"{what} must be a whole number {bounds} (got {brief(given)})")


def truth(given: object, what: str) -> bool:
    """Return an argument that must be a bool.

    Raises:
        ArgumentError: It is not a bool.
    """
    if isinstance(given, bool):
        return given
    raise ArgumentError(f"{what} must be True or False (got {brief(given)})")


def share_of(given: object, what: str, example: float = 0.95) -> float:
    """Return an argument that must be a share.

    Raises:
        ArgumentError: It is not a float between 0 and 1.
    """
    if isinstance(given, float) and 0 < given < 1:
        return given
    raise ArgumentError(f"{what} must be a float between 0 and 1, such as {example} (got {brief(given)})")


def each(given: object, what: str, expected: str) -> list[Any]:
    """Return the elements of an argument that must hold several values.

    Raises:
        ArgumentError: It is a single value. A text, a mapping and a dataframe are single values.
    """
    if not is_listed(given):
        raise ArgumentError(f"{what} must be {expected} (got {kind_of(given)})")
    return list(cast("Iterable[Any]", given))


def is_listed(given: object) -> bool:
    """Return whether it holds several values.

    A dataframe, a text, a mapping and a class are single values.
    """
    is_one = isinstance(given, str | bytes | Mapping | type) or hasattr(type(given), "columns")
    return isinstance(given, Iterable) and not is_one


def day_of(given: object, what: str) -> date:
    """Return an argument that must be a day.

    Raises:
        ArgumentError: It is not a date; a datetime is an instant.
    """
    if isinstance(given, date) and not isinstance(given, datetime):
        return given
    raise ArgumentError(f"{what} must be a date, such as date(2026, 3, 1) (got {kind_of(given)})")


def is_aware(moment: datetime) -> bool:
    """Return whether a datetime has an offset; False for NaT and failing zones."""
    if moment.tzinfo is UTC:
        return True
    try:
        return moment.utcoffset() is not None
    except Exception:  # noqa: BLE001 (a zone is anybody's code)
        return False


def parse_instant(given: object, what: str) -> int:
    """Return an argument that must be an instant, in microseconds.

    Raises:
        InstantError: It is not an aware datetime.
    """
    if isinstance(given, datetime) and is_aware(given):
        return micros(given)
    naive = isinstance(given, datetime) and kind_of(given) != "NaTType"
    kind = "a naive datetime" if naive else kind_of(given).removesuffix("Type")
    msg = f"{what} is {kind}; give an aware datetime, such as datetime(2026, 3, 1, tzinfo=UTC)"
    raise InstantError(msg)


def parse_as_of(given: object, what: str = "as_of") -> int:
    """Return the argument `as_of` in microseconds.

    Raises:
        InstantError: It is not an aware datetime, or is outside the years 1800 to 2199.
    """
    count = parse_instant(given, what)
    if not EARLIEST <= count < LATEST:
        msg = f"{what} lies outside the years 1800 to 2199; give an instant within the years that are kept"
        raise InstantError(msg)
    return count


def parse_zone(given: object, what: str = "tz") -> ZoneInfo:
    """Return an argument that must be a time zone or its name.

    Raises:
        ArgumentError: The zone does not exist; the message names the nearest one.
    """
    if isinstance(given, ZoneInfo):
        return given
    if not isinstance(given, str):
        msg = f"{what} must be the name of a time zone, such as 'Asia/Jakarta' (got {kind_of(given)})"
        raise ArgumentError(msg)
    try:
        return ZoneInfo(given)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = did_you_mean(given, available_timezones()) or "; give a name such as 'Asia/Jakarta'"
    raise ArgumentError(f"time zone {brief(given)} is unknown{hint}")


def did_you_mean(given: object, known: Iterable[str]) -> str:
    """Return a hint with the most similar word; empty if no word is similar."""
    close = get_close_matches(given[:_LONGEST], list(known), n=1) if isinstance(given, str) else []
    return f"; did you mean {close[0]!r}?" if close else ""


def suggest(given: object, known: Iterable[str]) -> str:
    """Return a hint with similar names, or with all names if none is similar."""
    known = sorted(known)
    close = get_close_matches(given[:_LONGEST], known, n=3) if isinstance(given, str) else []
    return f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join(known)}"
