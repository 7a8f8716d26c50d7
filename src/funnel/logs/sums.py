"""Amounts that are too large to be summed: refused on entry, the same on every engine, so that no sum wraps.

The amounts of one person may come to `LARGEST_SUM`, those of everyone to what 64 bits hold. No sum of a metric is
larger than that of a whole log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import narwhals as nw

from funnel._computing import collected
from funnel._lift.columns import whole
from funnel._lift.division import divided
from funnel._lift.nodes import LIMIT
from funnel._reduce.forms import LARGEST_SUM, TOO_LARGE
from funnel.logs.canonical import MISSING
from funnel.logs.checks import counted, first_rows
from funnel.logs.faults import Fault
from funnel.logs.followed import closings
from funnel.logs.shapes import PERSON

Frame = nw.LazyFrame[Any]

_HALF = 2**26
"""A sum is found in two parts, each of which fits 64 bits."""

_OWNERS: Mapping[str, tuple[str, Sequence[str]]] = {
    "purchases": ("person", [PERSON]),
    "refunds": ("purchase", ["source", "purchase_id"]),
    "interactions": ("person", [PERSON]),
}
"""For whom the amounts of a log are added up, and the columns that say who that is."""

_CLOSED = (("question", "answer", "replies"), ("complaint", "resolution", "repairs"))


def sum_faults(logs: Mapping[str, Frame]) -> Iterator[Fault]:
    """Amounts of canonical logs, and spans between their records, that do not fit 64 bits when they are summed."""
    for log, (one, by) in _OWNERS.items():
        if log in logs:
            amount = nw.when(nw.col("amount") == MISSING).then(whole(0)).otherwise(nw.col("amount"))
            yield from _amount_faults(log, logs[log].with_columns(amount=amount), one, by)
    if "interactions" in logs:
        yield from _span_faults(logs["interactions"])


def _amount_faults(log: str, frame: Frame, one: str, by: Sequence[str]) -> Iterator[Fault]:
    rows, largest = _told(frame.select(rows=nw.len(), largest=nw.col("amount").max()))
    if rows * largest <= LARGEST_SUM:
        return
    sums = _sums(frame, by, "amount")
    over = _above(sums, LARGEST_SUM)
    if counted(over):
        found = frame.join(over, on=list(by), how="semi")
        problem = f"cannot be added up for one {one}: {TOO_LARGE}"
        yield Fault(log, "amount", problem, counted(found), first_rows(found))
    high, low = _told(sums.select(high=nw.col("high").sum(), low=nw.col("low").sum()))
    if high * _HALF + low > LIMIT:
        yield Fault(log, "amount", f"cannot be added up for everyone: {TOO_LARGE}")


def _span_faults(interactions: Frame) -> Iterator[Fault]:
    """The times to an answer or a resolution, of one person."""
    at = nw.col("occurred_at")
    rows, first, last = _told(interactions.select(rows=nw.len(), first=at.min(), last=at.max()))
    if rows * (last - first) <= LIMIT:
        return
    for asks, closes, table in _CLOSED:
        if counted(_above(_sums(closings(interactions, asks, closes, table), [PERSON], "took"), LIMIT)):
            yield Fault("interactions", "occurred_at", f"the times of the {table} of one person cannot be added up")


def _told(frame: Frame) -> list[int]:
    """One row of whole numbers; 0 where nothing was added up, which an engine says by None or by NaN."""
    found = (values[0] for values in collected(frame).to_dict(as_series=False).values())
    return [0 if value is None or value != value else int(value) for value in found]  # noqa: PLR0124 - NaN


def _sums(frame: Frame, by: Sequence[str], name: str) -> Frame:
    """The sum of each group, as so many times `_HALF` and a rest."""
    high = divided(nw.col(name), whole(_HALF))
    halves = frame.select(*by, high=high, low=nw.col(name) - high * _HALF)
    parts = halves.group_by(*by).agg(nw.col("high").sum(), nw.col("low").sum())
    parts = parts.select(*by, high=nw.col("high").cast(nw.Int64()), low=nw.col("low").cast(nw.Int64()))
    more = divided(nw.col("low"), whole(_HALF))
    return parts.select(*by, high=nw.col("high") + more, low=nw.col("low") - more * _HALF)


def _above(sums: Frame, most: int) -> Frame:
    """The groups whose sum is larger."""
    high, low = divmod(most, _HALF)
    is_above = (nw.col("high") > high) | ((nw.col("high") == high) & (nw.col("low") > low))
    return sums.filter(is_above).drop("high", "low")
