"""The time in which a next purchase counts, the rate of people who made one, and numbered occasions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs
import narwhals as nw

from funnel._aggregate.aggregations import GAP
from funnel._arguments import SpanLike, parse_as_of, span
from funnel._dataframes.adapter import Frame
from funnel._dataframes.compute import to_rows, whole
from funnel._expr.to_narwhals import int_lit, to_int
from funnel._time import MICROSECOND, instant
from funnel.logs import Logs
from funnel.metrics._purchases import ORDER, PERSON, begins_occasion, valid_purchases, with_gap
from funnel.metrics._rate import Rate

if TYPE_CHECKING:
    from funnel._dataframes.adapter import Frame


@attrs.frozen
class RepeatRate:
    """Repeat rate within a time, with the number of pending people.

    Attributes:
        within: Time from the first purchase, inclusive.
        rate: People who bought again within it, of people whose first purchase is at least that long ago.
        pending: Number of people whose first purchase is more recent. Their outcome is open.
    """

    within: timedelta
    rate: Rate
    pending: int

    def to_dict(self) -> dict[str, int | float | timedelta | None]:
        """Return the time, the rate and the pending people by name."""
        return {"within": self.within, **self.rate.to_dict(), "pending": self.pending}

    def __str__(self) -> str:
        """Return the rate and the number of pending people as text."""
        return f"{self.rate}; {self.pending:,} pending"


@attrs.frozen
class RepeatWindow:
    """Internal: the length of the window and the evaluation time, in microseconds."""

    length: int
    now: int

    @classmethod
    def of(cls, within: SpanLike, as_of: datetime) -> RepeatWindow:
        """Check the arguments of a metric."""
        now = parse_as_of(as_of)
        return cls(span(within, "within"), now)

    @property
    def within(self) -> timedelta:
        """The length of the window."""
        return self.length * MICROSECOND

    @property
    def as_of(self) -> datetime:
        """The evaluation time."""
        return instant(self.now)

    @property
    def is_repeat(self) -> nw.Expr:
        """The condition that a numbered purchase is a next purchase in time."""
        return (nw.col("nth") > 1) & (nw.col("t") - nw.col("first") <= self.length)

    def flags(self, start: str = "first") -> dict[str, nw.Expr]:
        """Return three flags of a person: success, complete window, pending.

        Args:
            start: Name of the column with the start of the window. The column `soon` is above 0 after a success.
        """
        had = nw.col(start) <= self.now - self.length
        return {"hit": to_int(had & (nw.col("soon") > 0)), "had": to_int(had), "pending": to_int(~had)}

    def rates(self, people: Frame, by: str, start: str = "first") -> dict[Any, RepeatRate]:
        """Return the rate of each group of people."""
        flags = self.flags(start)
        totals = people.with_columns(**flags).group_by(by).agg(*(nw.col(name).sum() for name in flags))
        return {group: self.rate(*map(whole, counts)) for group, *counts in to_rows(totals, by, *flags)}

    def rate(self, hit: int = 0, had: int = 0, pending: int = 0) -> RepeatRate:
        """Return the rate of a group of people, from its counts."""
        return RepeatRate(self.within, Rate(hit, had), pending)


# ---- occasions of all people in order: first, second, and so on ------------------------------------------------------

# An occasion is shown by its first purchase. Invariant: two purchases at one instant are ordered by source and id, so
# the order is the same on every engine.


def numbered_occasions(logs: Logs, now: int) -> Frame | None:
    """Return the first purchase of each occasion, of the purchases that are valid at an instant.

    Args:
        logs: All records.
        now: The instant, in microseconds.

    Returns:
        Columns `person_id`, `t`, `source`, `id`, `promoted`, `promotion`, `gap`, `nth` and `first`. `gap` is the time
        since the previous purchase. `nth` numbers a person's occasions from 1. `first` is the instant of the first one.
        None without a purchase log.
    """
    valid = valid_purchases(logs, now)
    if valid is None:
        return None
    rows = with_gap(valid.select(PERSON, *ORDER, "promoted", "promotion")).filter(begins_occasion())
    rows = rows.with_columns(_one=int_lit(1), first=nw.col("t").min().over(PERSON))
    nth = nw.col("_one").cum_sum().over(PERSON, order_by=ORDER).cast(nw.Int64())
    return rows.with_columns(nth=nth).select(PERSON, *ORDER, "promoted", "promotion", GAP, "nth", "first")
