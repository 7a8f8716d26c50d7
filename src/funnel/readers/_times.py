"""Times as a shop writes them become instants: in a declared format, by the clock of a declared zone.

Laws: a time that the clock skipped in spring is refused; one that it showed twice in autumn is the first of the two.
"""

from __future__ import annotations

import re
from typing import Literal

import polars as pl

from funnel._instants import EARLIEST, LATEST
from funnel.readers._files import is_text
from funnel.readers._mapping import IN_THE_TEXT, OrderMapping

_UTC = pl.Datetime("us", "UTC")
_LOCAL = pl.Datetime("us")
_ISO = "^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2})(?::([0-5][0-9])(?:[.,]([0-9]{1,9}))?)?)?"
_OFFSET = " ?(Z|z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])"


def read_times(rows: pl.DataFrame, name: str, label: str, mapping: OrderMapping) -> pl.DataFrame:
    """Turn a column of times into instants in UTC.

    Args:
        rows: The rows of the file.
        name: The column.
        label: How a message calls it.
        mapping: The format and the zone.

    Returns:
        The rows; `<name>.why` says why a time was refused, if there is one, and `<name>.twice` whether the clock
        showed it twice.
    """
    rows = rows.with_columns(_written(rows, name).alias(name))
    read = _calendar(rows[name].unique(), label, mapping)
    rows = rows.join(read, on=name, how="left", nulls_equal=True, maintain_order="left")
    return rows.drop(name).rename({f"{name}.utc": name})


def _calendar(written: pl.Series, label: str, mapping: OrderMapping) -> pl.DataFrame:
    """Read each time once."""
    name, first, last = written.name, pl.col("first"), pl.col("last")
    local = _parsed(pl.col(name), written.dtype, mapping)
    rows = written.to_frame().with_columns(local.alias("local"))
    rows = rows.with_columns(
        _instant(mapping.zone, "earliest").alias("first"), _instant(mapping.zone, "latest").alias("last")
    )
    why = (
        pl.when(pl.col(name).is_not_null() & pl.col("local").is_null())
        .then(pl.lit(f"{label} not in the declared format"))
        .when(pl.col("local").is_not_null() & first.is_null())
        .then(pl.lit(f"{label} that the zone's clock skipped"))
        .when(~first.to_physical().is_between(EARLIEST, LATEST, closed="none"))
        .then(pl.lit(f"{label} before 1800 or after 2199"))
    )
    twice = (first != last).fill_null(value=False)
    return rows.select(name, first.alias(f"{name}.utc"), why.alias(f"{name}.why"), twice.alias(f"{name}.twice"))


def _written(rows: pl.DataFrame, name: str) -> pl.Expr:
    """What is written in a cell; blanks are nothing."""
    column = pl.col(name)
    if not is_text(rows.schema[name]):
        return column
    text = column.cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text)


def _parsed(written: pl.Expr, dtype: pl.DataType, mapping: OrderMapping) -> pl.Expr:
    aware = mapping.zone == IN_THE_TEXT
    if not is_text(dtype):
        moment = written.cast(pl.Datetime("us", getattr(dtype, "time_zone", None)), strict=False)
        return moment.dt.convert_time_zone("UTC") if aware else moment
    if mapping.time_format == "iso":
        return _iso(written, aware=aware)
    form = re.sub(r"%S\.%f", "%S%.f", mapping.time_format)
    return written.str.strptime(_UTC if aware else _LOCAL, form, strict=False)


def _iso(text: pl.Expr, *, aware: bool) -> pl.Expr:
    part = text.str.extract_groups(_ISO + (_OFFSET if aware else "") + "$").struct
    clock, second = part["2"].fill_null("00:00"), part["3"].fill_null("00")
    micro = part["4"].fill_null("").str.pad_end(6, "0").str.slice(0, 6)
    whole = pl.concat_str([part["1"], pl.lit("T"), clock, pl.lit(":"), second, pl.lit("."), micro])
    local = whole.str.strptime(_LOCAL, "%Y-%m-%dT%H:%M:%S%.f", strict=False)
    return (local - _offset(part["5"])).dt.replace_time_zone("UTC") if aware else local


def _offset(text: pl.Expr) -> pl.Expr:
    """How far the clock is ahead of UTC."""
    digits = text.str.replace(":", "", literal=True)
    hours, minutes = digits.str.slice(1, 2).cast(pl.Int64, strict=False), digits.str.slice(3, 2)
    total = hours * 60 + minutes.cast(pl.Int64, strict=False)
    ahead = pl.when(text.str.starts_with("-")).then(-total).otherwise(total)
    return pl.duration(minutes=pl.when(text.is_in(["Z", "z"])).then(0).otherwise(ahead))


def _instant(zone: str, ambiguous: Literal["earliest", "latest"]) -> pl.Expr:
    """The instant that a clock means; null where the clock skipped it."""
    local = pl.col("local")
    if zone == IN_THE_TEXT:
        return local
    return local.dt.replace_time_zone(zone, ambiguous=ambiguous, non_existent="null").dt.convert_time_zone("UTC")
