"""Arguments of a call: spans of time, one word of a few, and which word was meant by an unknown one.

A span as text is a number and a unit, or several of them with each unit once: "180 days", "26 weeks", "36 h",
"1.5 days", "38 d 13 h". ISO 8601 durations of fixed length are spans too: "P180D", "PT36H". Months and years are
refused, since their length is not fixed. Law: `span_of(span_text(x)) == x` for every span `x`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import TypeAlias

from dateutil.relativedelta import relativedelta

from funnel._instants import FOREVER, MICROSECOND, NEVER
from funnel.errors import ArgumentError

SpanLike: TypeAlias = timedelta | relativedelta | str
"""A span of time: a timedelta, a relativedelta without months and years, or text with a unit."""

_LONGEST = 200
"""So much of a text that was given is compared; to look for names like a long one takes for ever."""

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


def span(given: object, what: str, *, least: int = 1) -> int:
    """Return a span of time in microseconds.

    Args:
        given: A timedelta, a relativedelta of fixed length, or text with a unit.
        what: Name of the argument, for the error.
        least: The fewest microseconds allowed: 1, or 0 where zero is allowed.

    Raises:
        ArgumentError: It is not a span, is shorter than that, or is longer than all the years that are kept.
    """
    count = span_of(given, what) // MICROSECOND
    if count < least:
        msg = f"{what} must be {'above zero' if least else 'zero or more'} (got {count * MICROSECOND})"
        raise ArgumentError(msg)
    return count


def span_of(given: object, what: str = "a span of time") -> timedelta:
    """Return a span of time as a timedelta, exact to the microsecond.

    Args:
        given: A timedelta, a relativedelta of weeks, days or smaller units, or text with a unit.
        what: Name of the argument, for the error.

    Raises:
        ArgumentError: It is not a span. A bare number is not, since it has no unit.

    Example:
        >>> span_of("36 h"), span_of("P180D").days
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
    """Write a span as an ISO 8601 duration of fixed length, exact: "P180D", "P1DT12H"."""
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
    """A span in microseconds, or what was given instead, for a message that shows no value."""
    if isinstance(given, timedelta):
        if getattr(given, "nanoseconds", 0):  # a pandas.Timedelta
            return "a part of a microsecond"
        return timedelta(given.days, given.seconds, given.microseconds) // MICROSECOND
    if isinstance(given, relativedelta):
        return _of_relative(given)
    if isinstance(given, str):
        return _of_text(given)
    return f"{_kind(given)}, which has no unit"


def _of_relative(given: relativedelta) -> int | str:
    if given.years or given.months or given.leapdays or any(getattr(given, name) is not None for name in _NO_SPAN):
        return f"a relativedelta with {_NOT_FIXED}, or with a date or time of day"
    parts = {name: getattr(given, name) for name in _RELATIVE}
    if any(part % 1 for part in parts.values()):  # NaN and infinity have such a rest too
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
    """The sign of a text, and each of its numbers (whole part and decimals) with its unit; none where it is no span."""
    iso = _ISO.fullmatch(text)
    if iso is None:
        return 1, _split(text)
    # ISO 8601 writes months and minutes alike; after the T they are minutes
    days = _split(iso[2])
    times = [(whole, part, "min" if name == "m" else name) for whole, part, name in _split(iso[4] or "")]
    well_written = bool(iso[2] or iso[4]) and bool(days) == bool(iso[2]) and bool(times) == bool(iso[4])
    return -1 if iso[1] == "-" else 1, [*days, *times] if well_written else []


def _split(text: str) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = _PAIR.findall(text)
    return found if "".join(match[0] for match in _PAIR.finditer(text)) == text else []


INNER = "_funnel_"
"""No column, fact or rule of a shop begins so: columns of this library that stand beside a shop's own do."""


def name_problem(name: str, taken: Collection[str]) -> str:
    """What is wrong with the name of a fact or a rule, which becomes that of a column; "" if nothing is.

    Databases do not tell upper case from lower case.
    """
    if name.casefold().startswith(INNER):
        return f"begins with {INNER}, which is kept for columns of this library"
    if name.casefold() in taken:
        return "is the name of a column that is added to every answer"
    return ""


def quoted(name: str) -> str:
    """The name of a column as SQL has it."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def one_of(given: object, allowed: Sequence[str], what: str) -> None:
    """Refuse a word that is not allowed.

    Raises:
        ArgumentError: It is none of them.
    """
    if not isinstance(given, str) or given not in allowed:
        got, hint = (repr(given[:_LONGEST]), meant(given, allowed)) if isinstance(given, str) else (_kind(given), "")
        msg = f"{what} must be {' or '.join(map(repr, allowed))} (got {got}){hint}"
        raise ArgumentError(msg)


def _kind(given: object) -> str:
    return "None" if given is None else type(given).__name__


def meant(given: object, known: Iterable[str]) -> str:
    """A hint at the word that was meant, to put behind a message; empty where none is like it."""
    close = get_close_matches(str(given)[:_LONGEST], list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def nearest(given: str, known: Iterable[str]) -> str:
    """A hint at the names that look most like one that is unknown, or else all of them."""
    known = sorted(known)
    close = get_close_matches(given[:_LONGEST], known, n=3)
    return f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join(known)}"
