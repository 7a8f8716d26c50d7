"""From customer to repeat customer (konsumen to pelanggan): the step that only the repeat order proves.

Two rates, told apart by name, for they answer different questions:

- `repeat_rate`: of all who have bought, how many have bought again by now. It is low in a young shop, where most have
  hardly had the time.
- `repeat_rate_within`: of those who have had so long, how many bought again in that time. It can be compared between
  shops and between years; who has not had the time yet is pending, never counted as lost.

Source: the article "Repeat order"; the second form is the one that no still open window bends.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import attrs
import narwhals as nw

from funnel._facts.base import judgement
from funnel._instants import MICROSECOND
from funnel.errors import InstantError
from funnel.metrics._purchases import PERSON, flag, purchases_at, told, whole
from funnel.metrics.rate import Rate

if TYPE_CHECKING:
    from funnel.logs import Logs


@attrs.frozen
class RepeatRate:
    """Who bought again within a time, among those who have had that time; and those who have not had it yet.

    Attributes:
        within: The time they had, from their first purchase; its end is part of it.
        rate: Those who bought again within it, among those whose first purchase is at least so long ago.
        pending: Those whose first purchase is not so long ago: nobody can say yet.
    """

    within: timedelta
    rate: Rate
    pending: int

    def __str__(self) -> str:
        """Write the rate, and who is left out of it."""
        return f"{self.rate}; {self.pending:,} pending"


def repeat_rate(logs: Logs, *, as_of: datetime) -> Rate:
    """How many of those who have bought have bought again by now: repeat customers among buyers.

    Args:
        logs: Everyone's records.
        as_of: The instant of judgement.

    Returns:
        People with two valid purchases or more, among people with at least one.

    Raises:
        InstantError: `as_of` is naive.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime
        >>> from funnel import Logs
        >>> when = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
        >>> bought = {"id": [1, 2, 3], "person_id": ["a", "a", "b"], "purchased_at": when, "amount": [9, 9, 9]}
        >>> repeat_rate(Logs(purchases=pl.DataFrame(bought)), as_of=datetime(2026, 4, 1, tzinfo=UTC))
        Rate(hits=1, among=2, level=0.95)
    """
    now = judgement(as_of)
    rows = purchases_at(logs, now)
    if rows is None:
        return Rate(0, 0)
    counts = rows.group_by(PERSON).agg(nw.col("t").count().alias("_bought"))
    people = counts.select(again=flag(nw.col("_bought") > 1), once=nw.lit(1, nw.Int64()))
    totals = people.select(nw.col("again").sum(), nw.col("once").sum())
    ((hits, among),) = told(totals, "again", "once")
    return Rate(whole(hits), whole(among))


def repeat_rate_within(logs: Logs, within: timedelta, *, as_of: datetime) -> RepeatRate:
    """How many bought again within a time, of those who have had that time; a window that is still open is left out.

    Args:
        logs: Everyone's records.
        within: The time from the first purchase to the second; its end is part of it.
        as_of: The instant of judgement.

    Returns:
        The rate, and how many are pending.

    Raises:
        InstantError: `as_of` is naive, or the time is no span above zero.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs
        >>> when = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
        >>> bought = {"id": [1, 2, 3], "person_id": ["a", "a", "b"], "purchased_at": when, "amount": [9, 9, 9]}
        >>> logs = Logs(purchases=pl.DataFrame(bought))
        >>> print(repeat_rate_within(logs, timedelta(days=60), as_of=datetime(2026, 4, 1, tzinfo=UTC)))
        100.0 % (1 of 1; 20.7 to 100.0 %); 1 pending
    """
    now, span = judgement(as_of), _span(within)
    rows = purchases_at(logs, now)
    if rows is None:
        return RepeatRate(within, Rate(0, 0), 0)
    soon = rows.select(PERSON, "first", soon=flag(nw.col("t") - nw.col("first") <= span))
    people = soon.group_by(PERSON).agg(nw.col("first").min(), nw.col("soon").sum())
    had = nw.col("first") <= now - span
    judged = people.select(had=flag(had), hit=flag(had & (nw.col("soon") > 1)), pending=flag(~had))
    totals = judged.select(*(nw.col(name).sum() for name in ("hit", "had", "pending")))
    ((hits, among, pending),) = told(totals, "hit", "had", "pending")
    return RepeatRate(within, Rate(whole(hits), whole(among)), whole(pending))


def _span(within: object) -> int:
    if not isinstance(within, timedelta) or within <= timedelta(0):
        raise InstantError("the time within which they buy again is no span above zero; give a timedelta")
    return within // MICROSECOND
