"""Which of several time formats the cells of an export have."""

from __future__ import annotations

import polars as pl

from funnel.errors import ArgumentError

_FIRST_YEAR = 1800
ISO_DAY = r"^\d{4}-\d\d-\d\d"
"""Pattern of a day as in ISO 8601."""


def _local(form: str) -> pl.Expr:
    """Return the clock times of a column in one format; null if a cell has another."""
    if form == "iso":
        time = pl.col("text").str.extract(r"^(\d{4}-\d\d-\d\d)").str.to_datetime("%Y-%m-%d", strict=False)
    else:
        text = pl.col("text").str.replace(r" [+-]\d{4}$", "") if form.endswith(" %z") else pl.col("text")
        time = text.str.strptime(pl.Datetime("us"), form.removesuffix(" %z"), strict=False)
    return pl.when(time.dt.year() >= _FIRST_YEAR).then(time).alias("time")  # %Y reads the year 26 too


def only_format(cells: pl.Series, every: pl.Series, forms: tuple[str, ...], title: str) -> str:
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
        msg = f"the times of the {title} may be {choices}; pass time_format to say which"
        raise ArgumentError(msg)
    return best
