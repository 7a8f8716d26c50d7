"""Amounts that are too large to sum: refused on entry, the same on every engine, so that no sum overflows.

The amounts of one person may sum to `LARGEST_SUM`, those of all people to the limit of 64 bits. No sum of a metric is
larger than the sum of a whole log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs
import narwhals as nw

from funnel._aggregate.aggregations import LARGEST_SUM, TOO_LARGE
from funnel._dataframes.adapter import Frame
from funnel._dataframes.compute import to_rows, whole
from funnel._expr.division import divided
from funnel._expr.nodes import LIMIT
from funnel._expr.to_narwhals import int_lit
from funnel.logs.derived import PERSON, closings
from funnel.logs.normalize import MISSING
from funnel.logs.schema import Issue
from funnel.logs.validate import row_count, row_numbers

_HALF = 2**26
"""Divisor that splits a sum into two parts; each part fits into 64 bits."""

_OWNERS: Mapping[str, tuple[str, Sequence[str]]] = {
    "purchases": ("person", [PERSON]),
    "refunds": ("purchase", ["source", "purchase_id"]),
    "interactions": ("person", [PERSON]),
    "lines": ("product", ["sku"]),
}
"""Group for which the amounts of a log are summed, and its key columns."""

_ADDED: Mapping[str, Sequence[str]] = {"purchases": ("cost", "fees")}
"""Other amounts of a log that facts add up."""

_CLOSED = (("question", "answer", "replies"), ("complaint", "resolution", "repairs"))


def sum_issues(logs: Mapping[str, Frame]) -> Iterator[Issue]:
    """Yield amounts and spans between records whose sums do not fit into 64 bits."""
    for log, (owner, by) in _OWNERS.items():
        if log in logs:
            yield from _number_issues(log, logs[log], ("amount", *_ADDED.get(log, ())), owner, by)
    if "interactions" in logs:
        yield from _span_issues(logs["interactions"])


def own_sum_issues(log: str, frame: Frame, column: str, name: str) -> Iterator[Issue]:
    """Yield whole numbers of an own column whose sums do not fit.

    Args:
        log: The log.
        frame: Its rows.
        column: Column with the numbers.
        name: Name of the own column.
    """
    owner, by = _OWNERS.get(log, ("person", [PERSON]))
    for issue in _number_issues(log, frame, [column], owner, by):
        yield attrs.evolve(issue, column=name)


def _number_issues(log: str, frame: Frame, columns: Sequence[str], owner: str, by: Sequence[str]) -> Iterator[Issue]:
    largest = (nw.col(name).max().alias(f"_largest_{number}") for number, name in enumerate(columns))
    row_total, *maxima = integers(frame.select(nw.len().alias("_rows"), *largest))
    for column, maximum in zip(columns, maxima, strict=True):
        if row_total * maximum > LARGEST_SUM:
            number = nw.when(nw.col(column) == MISSING).then(int_lit(0)).otherwise(nw.col(column))
            yield from _issues_of_sums(log, frame.with_columns(**{column: number}), column, owner, by)


def _issues_of_sums(log: str, frame: Frame, column: str, owner: str, by: Sequence[str]) -> Iterator[Issue]:
    sums = _sums(frame, by, column)
    over = _above(sums, LARGEST_SUM)
    if row_count(over):
        rows = frame.join(over, on=list(by), how="semi")
        problem = f"cannot be summed for one {owner}: {TOO_LARGE}"
        yield Issue(log, column, problem, row_count(rows), row_numbers(rows))
    high, low = integers(sums.select(high=nw.col("high").sum(), low=nw.col("low").sum()))
    if high * _HALF + low > LIMIT:
        yield Issue(log, column, f"cannot be summed for everyone: {TOO_LARGE}")


def _span_issues(interactions: Frame) -> Iterator[Issue]:
    """Yield an issue if one person's times to answers or resolutions sum too high."""
    at = nw.col("occurred_at")
    row_total, first, last = integers(interactions.select(row_total=nw.len(), first=at.min(), last=at.max()))
    if row_total * (last - first) <= LIMIT:
        return
    for opening, closing, table in _CLOSED:
        if row_count(_above(_sums(closings(interactions, opening, closing, table), [PERSON], "took"), LIMIT)):
            yield Issue(
                "interactions", "occurred_at", f"the times of the {table} of one person are too long to be summed"
            )


def integers(frame: Frame) -> list[int]:
    """Return one row of integers; a sum of no rows is 0."""
    ((*values,),) = to_rows(frame)
    return [whole(value) for value in values]


def _sums(frame: Frame, by: Sequence[str], name: str) -> Frame:
    """Return the sum of each group as a multiple of `_HALF` and a remainder."""
    high = divided(nw.col(name), int_lit(_HALF))
    halves = frame.select(*by, high=high, low=nw.col(name) - high * _HALF)
    parts = halves.group_by(*by).agg(nw.col("high").sum(), nw.col("low").sum())
    parts = parts.select(*by, high=nw.col("high").cast(nw.Int64()), low=nw.col("low").cast(nw.Int64()))
    more = divided(nw.col("low"), int_lit(_HALF))
    return parts.select(*by, high=nw.col("high") + more, low=nw.col("low") - more * _HALF)


def _above(sums: Frame, most: int) -> Frame:
    """Return the groups whose sum is larger than `most`."""
    high, low = divmod(most, _HALF)
    is_above = (nw.col("high") > high) | ((nw.col("high") == high) & (nw.col("low") > low))
    return sums.filter(is_above).drop("high", "low")
