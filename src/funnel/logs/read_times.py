"""Times of a dataframe become instants in microseconds: aware, naive in a declared zone, days, and texts.

Rules: a local time that the clock of the zone skipped is refused; of a time that the clock showed twice, the first is
used. A day without a clock time begins at its first instant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC
from itertools import pairwise
from typing import Any

import attrs
import narwhals as nw

from funnel._arguments import instance, kind_of, parse_zone
from funnel._dataframes.adapter import Frame, FrameKind, microseconds
from funnel._dataframes.clock_times import clock_microseconds
from funnel._dataframes.compute import to_rows
from funnel._dataframes.texts import contains, digits, with_groups
from funnel._expr.to_narwhals import int_lit, stepped, to_int
from funnel._text_formats import EPOCHS, ISO_TIME, OFFSET, check_time_format
from funnel._time import EARLIEST, LATEST, instant, zone_changes
from funnel.errors import ArgumentError
from funnel.logs.normalize import MISSING

MALFORMED, SKIPPED, ZONELESS = 1, 2, 3
"""Reasons why a time is refused."""

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_NOON = 12
_NO_EDGE = -(2**62)
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)


def _formats(value: object) -> Mapping[str, str]:
    formats: Mapping[Any, Any] = instance(value, Mapping, "formats", "a mapping from columns to time formats")
    return {str(name): _format(form) for name, form in formats.items()}


def _format(value: object) -> str:
    if not isinstance(value, str):
        raise ArgumentError(f"a time format must be text such as '%d/%m/%Y %H:%M' (got {kind_of(value)})")
    return check_time_format(value)


def _zone(value: object) -> str:
    return parse_zone(value, "zone").key


@attrs.frozen
class Times:
    """How the times of a dataframe are written: their zone, and the format of texts.

    Attributes:
        zone: Time zone of times without an offset, such as "Asia/Jakarta".
        format: Format of texts: "iso", a strptime format such as "%d/%m/%Y %H:%M", "epoch" or "epoch_ms" (seconds or
            milliseconds since 1970, UTC). Columns of dates and times need none.
        formats: Formats of columns that differ, by the name that the log has: `{"cancelled_at": "%d/%m/%Y"}`.

    Example:
        >>> Times("Asia/Jakarta", format="%d/%m/%Y %H:%M").zone
        'Asia/Jakarta'
    """

    zone: str = attrs.field(default="UTC", converter=_zone)
    format: str = attrs.field(default="iso", converter=_format, kw_only=True)
    formats: Mapping[str, str] = attrs.field(factory=dict[str, str], converter=_formats, kw_only=True)


def format_of(times: Times | None, column: str) -> str:
    """Return the format of a column."""
    return "iso" if times is None else times.formats.get(column, times.format)


def type_problem(dtype: nw.dtypes.DType, form: str, *, has_zone: bool) -> str:
    """Return what to do about a column that cannot hold times in a format; empty if it can."""
    if isinstance(dtype, nw.Datetime | nw.Date):
        if has_zone or getattr(dtype, "time_zone", None) is not None:
            return ""
        return "these times have no zone; pass tz, the zone of the shop's clock, such as tz='Asia/Jakarta'"
    if isinstance(dtype, nw.String) or (dtype.is_integer() and form in EPOCHS):
        return ""
    if dtype.is_numeric():
        how = "tz=Times(format='epoch') for seconds since 1970, 'epoch_ms' for milliseconds"
        return f"integers are read with {how}; cast other numbers to integers"
    return "give dates, times, or texts with tz=Times(zone, format=...)"


def parsed(frame: Frame, name: str, dtype: nw.dtypes.DType, kind: FrameKind, form: str) -> Frame:
    """Add what a column of times shows, in microseconds without a zone.

    Returns:
        The frame with `<name>_local` (MISSING if empty), `<name>_aware` (1 if it is an instant already), `<name>_day`
        (1 if it is a day without a clock time) and `<name>_why` (0, or MALFORMED).
    """
    if isinstance(dtype, nw.Datetime | nw.Date):
        is_day, is_aware = isinstance(dtype, nw.Date), getattr(dtype, "time_zone", None) is not None
        frame = microseconds(frame, kind, [name]) if is_aware else clock_microseconds(frame, kind, name)
        local = nw.col(name).fill_null(MISSING).cast(nw.Int64())
        return _columns(
            frame, name, local=local, aware=int_lit(int(is_aware)), day=int_lit(int(is_day)), why=int_lit(0)
        )
    frame = frame.with_columns(nw.col(name).cast(nw.String()).fill_null("").str.strip_chars().alias(name))
    return _of_epoch(frame, name, form) if form in EPOCHS else _of_texts(frame, name, form)


def _columns(frame: Frame, name: str, **columns: nw.Expr) -> Frame:
    return frame.with_columns(**{f"{name}_{key}": value for key, value in columns.items()})


def _checked(frame: Frame, name: str, value: nw.Expr, good: nw.Expr, **flags: nw.Expr) -> Frame:
    local = nw.when(good).then(value).otherwise(int_lit(MISSING))
    why = nw.when(good | (nw.col(name) == "")).then(int_lit(0)).otherwise(int_lit(MALFORMED))
    return _columns(frame, name, local=local, why=why, **flags)


def _of_epoch(frame: Frame, name: str, form: str) -> Frame:
    power = 0 if form == "epoch" else 3
    sign, whole, part = (f"{name}_{key}" for key in ("sign", "whole", "part"))
    frame = with_groups(frame, name, rf"^(-?)([0-9]{{1,{11 + power}}})(?:\.([0-9]+))?$", (sign, whole, part))
    finer = nw.concat_str(nw.col(part), nw.lit("000000")).str.slice(0, 6 - power)
    signed = nw.when(nw.col(sign) == "-").then(int_lit(-1)).otherwise(int_lit(1))
    frame = frame.with_columns((digits(nw.concat_str(nw.col(whole), finer)) * signed).alias(f"{name}_number"))
    value = nw.col(f"{name}_number")
    good = nw.col(f"{name}_matches") & (value > EARLIEST) & (value < LATEST)
    return _checked(frame, name, value, good, aware=int_lit(1), day=int_lit(0))


# ---- texts -----------------------------------------------------------------------------------------------------------

_PARTS = {
    "Y": "([0-9]{4})",
    "y": "([0-9]{2})",
    "B": f"({'|'.join(_MONTHS)})",
    "b": f"({'|'.join(month[:3] for month in _MONTHS)})",
    "p": "(am|pm)",
    "f": "([0-9]{1,6})",
    "z": OFFSET.strip(" ?").lower(),
    **dict.fromkeys("mdHIMS", "([0-9]{1,2})"),
}
"""Pattern of each directive of a format, in lower case."""


def _key(letter: str) -> str:
    """Return a part of a column's name: SQL does not tell M from m."""
    return letter if letter.islower() else letter.lower() * 2


def _pattern(form: str) -> tuple[str, list[str]]:
    """Return the pattern of a strptime format and the directive of each group."""
    pieces = re.split("%(.)", form)
    letters = pieces[1::2]
    literals = [re.escape(piece.lower()).replace("\\ ", " ") for piece in pieces[::2]]
    groups = ["%" if letter == "%" else _PARTS[letter] for letter in letters]
    pattern = "".join(part for pair in zip(literals, [*groups, ""], strict=True) for part in pair)
    return f"^{pattern}$", [letter for letter in letters if letter != "%"]


def _of_texts(frame: Frame, name: str, form: str) -> Frame:
    if form == "iso":
        frame, has = _of_iso(frame, name)
        is_day = to_int(nw.col(f"{name}_clock") == 0)
    else:
        pattern, letters = _pattern(form)
        frame = frame.with_columns(nw.col(name).str.to_lowercase().alias(name))
        frame = with_groups(frame, name, pattern, [f"{name}_{_key(letter)}" for letter in letters])
        has = {letter: nw.col(f"{name}_{_key(letter)}") for letter in letters}
        has |= {letter: nw.concat_str(nw.lit("0"), has[letter]) for letter in "YmdHMS" if letter in has}
        is_day = int_lit(0 if "M" in letters else 1)
    frame = frame.with_columns(**{f"{name}_n{_key(key)}": value for key, value in _numbers(has).items()})
    y, m, d = (nw.col(f"{name}_n{_key(key)}") for key in "Ymd")
    frame = frame.with_columns(_day_number(y, m, d).alias(f"{name}_days"), _last_day(y, m).alias(f"{name}_last"))
    hour, minute, second, micro, offset = (nw.col(f"{name}_n{_key(key)}") for key in "HMSfz")
    seconds = hour * 3600 + minute * 60 + second
    value = nw.col(f"{name}_days") * _DAY + seconds * _SECOND + micro - offset * 60 * _SECOND
    good = nw.col(f"{name}_matches") & (m >= 1) & (m <= 12) & (d >= 1) & (d <= nw.col(f"{name}_last"))  # noqa: PLR2004
    good = good & (hour <= 23) & (minute <= 59) & (second <= 59)  # noqa: PLR2004
    aware = to_int(has["z"] != "") if "z" in has else int_lit(0)
    return _checked(frame, name, value, good, aware=aware, day=is_day)


def _of_iso(frame: Frame, name: str) -> tuple[Frame, Mapping[str, nw.Expr]]:
    """Cut ISO times at fixed places, which takes a third of the time of groups."""
    text = nw.col(name)
    has_clock = text.str.slice(10, 1).is_in(["T", " "]) & (text.str.slice(13, 1) == ":")
    frame = frame.with_columns(
        contains(name, f"{ISO_TIME}(?:{OFFSET})?$").alias(f"{name}_matches"),
        nw.when(has_clock).then(to_int(text.str.slice(16, 1) == ":") + 1).otherwise(int_lit(0)).alias(f"{name}_clock"),
    )
    matches, clock = nw.col(f"{name}_matches"), nw.col(f"{name}_clock")
    rest = nw.when(clock == 1).then(text.str.slice(16)).otherwise(text.str.slice(19))
    rest = nw.when(clock == 0).then(text.str.slice(10)).otherwise(rest)
    frame = frame.with_columns(nw.when(matches).then(rest).otherwise(nw.lit("")).alias(f"{name}_rest"))
    frame = with_groups(
        frame, f"{name}_rest", f"^([.,]?)([0-9]{{0,9}})(?:{OFFSET})?$", [f"{name}_{key}" for key in ("point", "f", "z")]
    )
    cut = {"Y": (0, 4), "m": (5, 2), "d": (8, 2), "H": (11, 2), "M": (14, 2), "S": (17, 2)}
    there = {**dict.fromkeys("Ymd", matches), **dict.fromkeys("HM", matches & (clock > 0)), "S": matches & (clock > 1)}
    parts = {
        key: nw.when(there[key]).then(text.str.slice(*cut_at)).otherwise(nw.lit("0")) for key, cut_at in cut.items()
    }
    return frame, parts | {key: nw.col(f"{name}_{key}") for key in "fz"}


def _numbers(has: Mapping[str, nw.Expr]) -> Mapping[str, nw.Expr]:
    """Return the parts of a time as numbers; the offset is in minutes."""
    numbers = {key: has[key].cast(nw.Int64()) if key in has else int_lit(0) for key in "YmdHMS"}
    if "y" in has:
        short = digits(has["y"])
        numbers["Y"] = short + nw.when(short < 69).then(int_lit(2000)).otherwise(int_lit(1900))  # noqa: PLR2004 (as Python does)
    for key in {"b", "B"} & set(has):
        numbers["m"] = _month(has[key])
    if "p" in has:
        hour = digits(has["I"])
        half = nw.when(has["p"] == "pm").then(int_lit(_NOON)).otherwise(int_lit(0))
        # 12 am is midnight; 0 and 13 are not hours of such a clock
        numbers["H"] = (
            nw.when((hour < 1) | (hour > _NOON))
            .then(int_lit(24))
            .otherwise(nw.when(hour == _NOON).then(half).otherwise(hour + half))
        )
    padded = nw.concat_str(has["f"], nw.lit("000000")).str.slice(0, 6) if "f" in has else None
    numbers["f"] = int_lit(0) if padded is None else digits(padded)
    numbers["z"] = _minutes(has["z"]) if "z" in has else int_lit(0)
    return numbers


def _month(text: nw.Expr) -> nw.Expr:
    number = int_lit(0)
    for index, month in enumerate(_MONTHS, start=1):
        number = nw.when(text.str.slice(0, 3) == month[:3]).then(int_lit(index)).otherwise(number)
    return number


def _minutes(text: nw.Expr) -> nw.Expr:
    """Return an offset in minutes; of "" and Z, 0."""
    bare = text.str.replace_all("[^0-9]", "")
    minutes = digits(bare.str.slice(0, 2)) * 60 + digits(bare.str.slice(2, 2))
    return nw.when(text.str.starts_with("-")).then(int_lit(0) - minutes).otherwise(minutes)


def _day_number(year: nw.Expr, month: nw.Expr, day: nw.Expr) -> nw.Expr:
    """Return the number of a day since 1970-01-01, in the Gregorian calendar."""
    late = to_int(month > 2)  # noqa: PLR2004 (the year of this count begins in March)
    y = year + late - 1
    since_march = month + 9 - late * 12
    return y * 365 + y // 4 - y // 100 + y // 400 + (since_march * 153 + 2) // 5 + day - 719_469


def _last_day(year: nw.Expr, month: nw.Expr) -> nw.Expr:
    quarter, century, era = (to_int(year // n * n == year) for n in (4, 100, 400))
    february = quarter - century + era + 28
    short = nw.when(month.is_in([4, 6, 9, 11])).then(int_lit(30)).otherwise(int_lit(31))
    return nw.when(month == 2).then(february).otherwise(short)  # noqa: PLR2004


# ---- the zone --------------------------------------------------------------------------------------------------------


def in_zone(frame: Frame, names: Sequence[str], times: Times | None) -> Frame:
    """Convert parsed columns to instants.

    Args:
        frame: The frame, from `parsed`.
        names: The columns.
        times: The zone; None without a zone.

    Returns:
        The frame with each column as an instant (MISSING if empty, EARLIEST if refused), `<name>_why`, and
        `<name>_twice` (1 if the clock showed the time twice).
    """
    if times is None:
        return frame.with_columns(column for name in names for column in _as_given(name))
    edges, offsets = zone_changes(parse_zone(times.zone), *_years(frame, names))
    for name in names:
        frame = _zoned(frame, name, edges, offsets)
    return frame


def _as_given(name: str) -> list[nw.Expr]:
    local = nw.col(f"{name}_local")
    bare = (local != MISSING) & (nw.col(f"{name}_aware") == 0)
    why = nw.when(bare).then(int_lit(ZONELESS)).otherwise(nw.col(f"{name}_why"))
    value = nw.when(why > 0).then(int_lit(EARLIEST)).otherwise(local)
    return [value.alias(name), why.alias(f"{name}_why"), int_lit(0).alias(f"{name}_twice")]


def _years(frame: Frame, names: Sequence[str]) -> tuple[int, int]:
    """Return the years around the times, at most 1800 to 2199."""
    parts: dict[str, nw.Expr] = {}
    for name in names:
        local = nw.col(f"{name}_local")
        clock_time = nw.when((local >= EARLIEST) & (local < LATEST)).then(local)
        parts |= {f"{name}_min": clock_time.min(), f"{name}_max": clock_time.max()}
    ((*bounds,),) = to_rows(frame.select(**parts))
    moments = [instant(int(bound)) for bound in bounds if bound is not None]
    years = [moment.astimezone(UTC).year for moment in moments] or [1970]
    return max(min(years) - 1, 1800), min(max(years) + 1, 2199)


def _zoned(frame: Frame, name: str, edges: Sequence[int], offsets: Sequence[int]) -> Frame:
    """A change at an instant `edge` moves the clock from `edge + before` to `edge + after`."""
    changes = list(zip(edges, pairwise(offsets), strict=True))
    clock_time = f"{name}_local"
    start = (offsets[0], _NO_EDGE)
    offset = stepped(clock_time, [start, *((after, edge + before) for edge, (before, after) in changes)])
    nothing = (_NO_EDGE, _NO_EDGE)
    forward = [(edge + after, edge + before) for edge, (before, after) in changes if after > before]
    gap_end = stepped(clock_time, [nothing, *forward])
    gap_edge = stepped(
        clock_time, [nothing, *((edge, edge + before) for edge, (before, after) in changes if after > before)]
    )
    back = [(edge + before, edge + after) for edge, (before, after) in changes if after < before]
    fold_end = stepped(clock_time, [nothing, *back])
    local, is_aware, is_day = nw.col(clock_time), nw.col(f"{name}_aware") == 1, nw.col(f"{name}_day") == 1
    in_gap, in_fold = ~is_aware & (local < gap_end), ~is_aware & ~is_day & (local < fold_end)
    why = nw.when(in_gap & ~is_day).then(int_lit(SKIPPED)).otherwise(nw.col(f"{name}_why"))
    value = nw.when(in_gap).then(gap_edge).otherwise(local - offset)
    value = nw.when(is_aware | (local == MISSING)).then(local).otherwise(value)
    frame = frame.with_columns(why.alias(f"{name}_why"), to_int(in_fold & (local != MISSING)).alias(f"{name}_twice"))
    return frame.with_columns(nw.when(nw.col(f"{name}_why") > 0).then(int_lit(EARLIEST)).otherwise(value).alias(name))
