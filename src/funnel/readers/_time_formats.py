"""Which of several time formats the cells of an export have."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from funnel.errors import ArgumentError

_FIRST_YEAR = 1800
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
