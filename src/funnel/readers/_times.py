"""Conversion of a shop's written times to instants, in a declared format and zone.

Invariants: a time that the clock skipped in spring is refused; of a time that the clock showed twice in autumn, the
first is used. A day without a clock time begins at its first instant, also if the clock skipped midnight. A refund or a
cancellation on the day of the purchase is never before the purchase.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import polars as pl

from funnel._text_formats import EPOCHS, ISO_TIME, OFFSET
from funnel._time import EARLIEST, LATEST, MICROSECOND, instant
from funnel.errors import ArgumentError
from funnel.metrics._periods import Calendar
from funnel.readers._formats import IN_THE_TEXT, TimeColumn
from funnel.readers._mapping import OrderMapping
from funnel.readers._raw import is_text, text_if, with_computed

_FIRST_YEAR, _LAST_YEAR = 1800, 2199
_UTC = pl.Datetime("us", "UTC")
_LOCAL = pl.Datetime("us")
_CLOCK = re.compile(r"^%[HI]\S*%M\S*(?:\s*%p)?[^%\w]+|\W*T?%[HI]\S*%M\S*(?:\s*%p)?$")


def read_times(rows: pl.DataFrame, name: TimeColumn, label: str, mapping: OrderMapping) -> pl.DataFrame:
    """Convert a column of times to instants in UTC.

    Args:
        rows: The rows of the file.
        name: The column.
        label: The column's name in a message.
        mapping: The format and the zone.

    Returns:
        The rows. `<name>.why` is the reason why a time was refused, if there is one; `<name>.twice` whether the clock
        showed it twice; `<name>.clockless` whether the clock time of the format is missing; `<name>.day` the day of a
        cell without a clock time.
    """
    rows = rows.with_columns(_text_of(rows, name).alias(name))
    rows = with_computed(rows, name, lambda cells: _calendar(cells, mapping.format_of(name), label, mapping))
    return rows.drop(name).rename({f"{name}.utc": name})


def since_purchase(rows: pl.DataFrame, name: TimeColumn, mapping: OrderMapping) -> pl.DataFrame:
    """Move times before the purchase on the day of the purchase to the time of the purchase.

    Args:
        rows: The rows, with `purchased_at` and the column as instants.
        name: The column.
        mapping: The zone. Times with their own offsets have no common day, and are not moved.

    Returns:
        The rows. `<name>.early` is true if a time with a clock was moved.
    """
    bought, when = pl.col("purchased_at"), pl.col(name)
    if mapping.zone == IN_THE_TEXT:
        return rows.with_columns(pl.lit(value=False).alias(f"{name}.early"))
    bought_on, day = (time.dt.convert_time_zone(mapping.zone).dt.date() for time in (bought, when))
    moved = (bought_on == day) & (when < bought)
    return rows.with_columns(
        pl.when(moved).then(bought).otherwise(when).alias(name),
        (moved & pl.col(f"{name}.day").is_null()).fill_null(value=False).alias(f"{name}.early"),
    )


def end_of_as_of(mapping: OrderMapping) -> pl.Expr:
    """Return the last instant of the last day that the file covers."""
    assert mapping.as_of is not None
    calendar = Calendar.of("day", mapping.zone)
    end = instant(calendar.edge(calendar.number_of(mapping.as_of) + 1)) - MICROSECOND
    return pl.lit(end, _UTC)


def _calendar(cells: pl.Series, form: str, label: str, mapping: OrderMapping) -> pl.DataFrame:
    """Parse times."""
    name, first, last = cells.name, pl.col("first"), pl.col("last")
    zone = IN_THE_TEXT if form in EPOCHS and not isinstance(cells.dtype, (pl.Date, pl.Datetime)) else mapping.zone
    rows = cells.to_frame().with_columns(
        _parsed(cells, form, mapping).alias("local"),
        _is_day(cells, form).alias("is_day"),
        pl.lit(value=False).alias("is_clockless"),
    )
    rows = _with_days(rows, name, form, mapping)
    rows = rows.with_columns(_instant(zone, "earliest").alias("first"), _instant(zone, "latest").alias("last"))
    rows = _with_first_instants(rows, zone)
    why = pl.coalesce(
        text_if(pl.col(name).is_not_null() & pl.col("local").is_null(), f"{label} not in the declared format"),
        text_if(pl.col("local").is_not_null() & first.is_null(), f"{label} that the zone's clock skipped"),
        text_if(~first.to_physical().is_between(EARLIEST, LATEST, closed="none"), f"{label} before 1800 or after 2199"),
    )
    twice = ((first != last) & ~pl.col("is_day")).fill_null(value=False)
    return rows.select(
        first.alias(f"{name}.utc"),
        why.alias(f"{name}.why"),
        twice.alias(f"{name}.twice"),
        pl.col("is_clockless").alias(f"{name}.clockless"),
        pl.when("is_day").then(pl.col("local").dt.date()).alias(f"{name}.day"),
    )


def _with_days(rows: pl.DataFrame, name: str, form: str, mapping: OrderMapping) -> pl.DataFrame:
    """Parse cells that have only the day of the format; ISO times are parsed this way anyway."""
    day = _CLOCK.sub("", form)
    if not is_text(rows.schema[name]) or day == form or mapping.zone == IN_THE_TEXT:
        return rows
    days = _parsed(rows[name].cast(pl.String), day, mapping).alias("day")
    rows = rows.with_columns(days).with_columns(pl.when(pl.col("local").is_null()).then("day").alias("day"))
    is_found = pl.col("day").is_not_null()
    return rows.with_columns(
        pl.coalesce("local", "day").alias("local"),
        (pl.col("is_day") | is_found).alias("is_day"),
        is_found.alias("is_clockless"),
    ).drop("day")


def _is_day(cells: pl.Series, form: str) -> pl.Expr:
    """Return whether a cell has only a day, without a clock time."""
    if not is_text(cells.dtype) or form in EPOCHS:
        return pl.lit(value=isinstance(cells.dtype, pl.Date))
    if form == "iso":
        return pl.col(cells.name).str.len_chars() == len("2026-03-01")
    return pl.lit(value="%M" not in form)


def _with_first_instants(rows: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Set days whose midnight the clock skipped to their first instant."""
    skipped = pl.col("is_day") & pl.col("first").is_null()
    in_range = pl.col("local").dt.year().is_between(_FIRST_YEAR, _LAST_YEAR)
    days = rows.filter(skipped & in_range)["local"].dt.date().unique().to_list()
    if not days:
        return rows
    calendar = Calendar.of("day", zone)
    begins = pl.DataFrame(
        {"day": days, "begin": [instant(calendar.edge(calendar.number_of(day))) for day in days]},
        schema={"day": pl.Date, "begin": _UTC},
    )
    rows = rows.with_columns(pl.col("local").dt.date().alias("day")).join(
        begins, on="day", how="left", maintain_order="left"
    )
    begin = pl.when(skipped).then("begin")
    return rows.with_columns(pl.coalesce("first", begin).alias("first"), pl.coalesce("last", begin).alias("last"))


def _text_of(rows: pl.DataFrame, name: str) -> pl.Expr:
    """Return the text of a cell; null if blank."""
    column = pl.col(name)
    if not is_text(rows.schema[name]):
        return column
    text = column.cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text)


def _parsed(cells: pl.Series, form: str, mapping: OrderMapping) -> pl.Series:
    aware, dtype = mapping.zone == IN_THE_TEXT, cells.dtype
    if form in EPOCHS and not isinstance(dtype, (pl.Date, pl.Datetime)):
        return _epoch(cells.cast(pl.String), power=0 if form == "epoch" else 3)
    if not is_text(dtype):
        moment = cells.cast(pl.Datetime("us", getattr(dtype, "time_zone", None)), strict=False)
        return moment.dt.convert_time_zone("UTC") if aware else moment
    if form == "iso":
        return _iso(cells, aware=aware)
    return cells.str.strptime(_UTC if aware else _LOCAL, re.sub(r"%S\.%f", "%S%.f", form), strict=False)


def _epoch(text: pl.Series, *, power: int) -> pl.Series:
    """Convert seconds since 1970 to instants; `power` is the power of ten by which the number is larger."""
    part = _groups(text, r"^(-?)([0-9]{1,14})(?:\.([0-9]+))?$")
    finer = pl.col("3").fill_null("").str.pad_end(6 - power, "0").str.slice(0, 6 - power)
    micros = (pl.col("2") + finer).cast(pl.Int64, strict=False)
    signed = pl.when(pl.col("1") == "-").then(-micros).otherwise(micros)
    # Larger numbers, such as milliseconds read as seconds, are not instants of these years.
    valid = pl.when(signed.is_between(EARLIEST, LATEST, closed="none")).then(signed.cast(_UTC))
    return part.select(valid).to_series()


def _iso(text: pl.Series, *, aware: bool) -> pl.Series:
    part = _groups(text, ISO_TIME + (OFFSET if aware else "") + "$")
    clock, second = pl.col("2").fill_null("00:00"), pl.col("3").fill_null("00")
    # Polars parses this format ~10x faster than one with a fraction.
    whole = pl.concat_str([pl.col("1"), pl.lit(" "), clock, pl.lit(":"), second])
    local = whole.str.strptime(_LOCAL, "%Y-%m-%d %H:%M:%S", strict=False)
    micro = pl.col("4").str.pad_end(6, "0").str.slice(0, 6).cast(pl.Int64).fill_null(0)
    local += pl.duration(microseconds=micro)
    return part.select((local - _offset(pl.col("5"))).dt.replace_time_zone("UTC") if aware else local).to_series()


def _groups(text: pl.Series, pattern: str) -> pl.DataFrame:
    """Return the groups of a pattern as columns "1", "2" and so on; an expression would match once for each group."""
    return text.str.extract_groups(pattern).struct.unnest()


def _offset(text: pl.Expr) -> pl.Expr:
    """Return the UTC offset of a text."""
    digits = text.str.replace(":", "", literal=True)
    hours, minutes = digits.str.slice(1, 2).cast(pl.Int64, strict=False), digits.str.slice(3, 2)
    total = hours * 60 + minutes.cast(pl.Int64, strict=False)
    offset = pl.when(text.str.starts_with("-")).then(-total).otherwise(total)
    return pl.duration(minutes=pl.when(text.is_in(["Z", "z"])).then(0).otherwise(offset))


def _instant(zone: str, ambiguous: Literal["earliest", "latest"]) -> pl.Expr:
    """Return the instant of a clock time; null if the clock skipped it."""
    local = pl.col("local")
    if zone == IN_THE_TEXT:
        return local
    return local.dt.replace_time_zone(zone, ambiguous=ambiguous, non_existent="null").dt.convert_time_zone("UTC")


# ---- which of several time formats the cells of an export have -------------------------------------------------------


_ISO_DAY = r"^\d{4}-\d\d-\d\d"


def day_and_clock(*more: pl.Expr) -> pl.Expr:
    """Return the columns `day` and `clock` as one text.

    A real date of a spreadsheet has a midnight of its own, and a real clock time has a day before the first day that a
    spreadsheet can hold.
    """
    day = pl.col("day").str.replace(r"^(\d{4}-\d\d-\d\d)[T ]00:00(:00(\.0+)?)?$", "${1}")
    clock = pl.col("clock").str.replace(r"^(1899-12-3[01]|1900-01-0[01])[T ]", "")
    return pl.concat_str(day, clock, *more, separator=" ")


def _local(form: str) -> pl.Expr:
    """Return the clock times of a column in one format; null if a cell has another."""
    if form == "iso":
        time = pl.col("text").str.extract(r"^(\d{4}-\d\d-\d\d)").str.to_datetime("%Y-%m-%d", strict=False)
    else:
        text = pl.col("text").str.replace(r" [+-]\d{4}$", "") if form.endswith(" %z") else pl.col("text")
        time = text.str.strptime(pl.Datetime("us"), form.removesuffix(" %z"), strict=False)
    return pl.when(time.dt.year() >= _FIRST_YEAR).then(time).alias("time")  # %Y reads the year 26 too


def times_formats(columns: Mapping[str, pl.Series], forms: tuple[str, ...], title: str) -> dict[str, str]:
    """Return the format that reads each column of times.

    A column whose cells are all written as in ISO 8601 holds real dates, of a spreadsheet or of a dataframe.

    Args:
        columns: The cells of each column, as text.
        forms: The formats of the export, or the one that the caller names.
        title: The name of the export, for an error.

    Raises:
        ArgumentError: Two formats read all cells of a column, as different times.
    """
    every = pl.concat(columns.values())
    is_declared = any(form.startswith("%Y-") for form in forms)
    return {
        name: "iso"
        if not is_declared and cells.str.contains(_ISO_DAY).all()
        else forms[0]
        if len(forms) == 1
        else _only_format(cells, every, forms, title)
        for name, cells in columns.items()
    }


def _only_format(cells: pl.Series, every: pl.Series, forms: tuple[str, ...], title: str) -> str:
    """Return the format that reads the most cells of a column, then of every column; two that read alike are one.

    Raises:
        ArgumentError: Two formats read all cells, as different times.
    """
    read = {form: cells.to_frame().select(_local(form)).to_series() for form in forms}
    count = {form: (read[form].count(), every.to_frame().select(_local(form).count()).item()) for form in forms}
    best = max(forms, key=lambda form: (count[form], -forms.index(form)))
    rivals = [form for form in forms if form != best and count[form] == count[best] and read[best].count()]
    if any(not read[form].equals(read[best]) for form in rivals):
        choices = " or ".join(repr(form) for form in sorted((best, *rivals), key=forms.index))
        raise ArgumentError(f"the times of the {title} may be {choices}; pass time_format to say which")
    return best
