"""From customer to repeat customer (konsumen to pelanggan): the step that only the repeat order proves.

Three rates, told apart by name, for they answer different questions:

- `repeat_rate_within`: of those who have had so long, how many bought again in that time. It can be compared between
  shops and between years; who has not had the time yet is pending, never counted as lost.
- `repeat_rate`: of all who have bought, how many have bought again by now. It is low in a young shop, where most have
  hardly had the time.
- `returning_rate`: of those who bought lately, for how many it was not the first time. It is high in a shop to which
  nobody new comes.

Source: the article "Repeat order"; the first form is the one that no still open window bends.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import attrs
import narwhals as nw

from funnel._given import SpanLike, judgement, span
from funnel._instants import MICROSECOND, NEVER, instant
from funnel._lift.columns import flag
from funnel.metrics._purchases import PERSON, purchases_at, told, whole
from funnel.metrics._shown import as_html, days
from funnel.metrics.rate import Rate
from funnel.metrics.repeat.numbered import added_up, judged

if TYPE_CHECKING:
    from funnel._frames import Frame
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

    def to_dict(self) -> dict[str, int | float | timedelta | None]:
        """The time, the rate and who is pending, by name."""
        return {"within": self.within, **self.rate.to_dict(), "pending": self.pending}

    def __str__(self) -> str:
        """Write the rate, and who is left out of it."""
        return f"{self.rate}; {self.pending:,} pending"


@attrs.frozen
class RepeatRates:
    """The three rates that are called "repeat rate", side by side, the one that can be compared first.

    Attributes:
        as_of: The instant of judgement.
        within: Who bought again within the time, of those who have had it.
        ever: Who has bought again by now, of all who have bought.
        returning: Who had bought before, of those who bought in the same time up to `as_of`.
    """

    as_of: datetime
    within: RepeatRate
    ever: Rate
    returning: Rate

    def to_dicts(self) -> list[dict[str, object]]:
        """One row for each of the three, as a dataframe takes them."""
        rates = {"within": self.within.rate, "ever": self.ever, "returning": self.returning}
        pending = {"within": self.within.pending}
        return [{"name": name, **rate.to_dict(), "pending": pending.get(name, 0)} for name, rate in rates.items()]

    def _rows(self) -> list[tuple[str, object]]:
        told = days(self.within.within)
        return [
            (f"bought again within {told}", self.within),
            ("have bought again by now", self.ever),
            (f"bought in the last {told}, not for the first time", self.returning),
        ]

    def __str__(self) -> str:
        """Write the three, a line each."""
        return "\n".join(f"{what}: {rate}" for what, rate in self._rows())

    def _repr_html_(self) -> str:
        return as_html(("who", "how many"), self._rows())


def repeat_rates(logs: Logs, within: SpanLike, *, as_of: datetime) -> RepeatRates:
    """The three rates that are called "repeat rate", counted in one pass.

    Args:
        logs: Everyone's records.
        within: The time from the first purchase to the second, and how far back `returning` looks; its end is part
            of it.
        as_of: The instant of judgement.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: `within` is not a span above zero.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs
        >>> when = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
        >>> bought = {"id": [1, 2, 3], "person_id": ["a", "a", "b"], "purchased_at": when, "amount": [9, 9, 9]}
        >>> logs = Logs(purchases=pl.DataFrame(bought))
        >>> print(repeat_rates(logs, timedelta(days=60), as_of=datetime(2026, 4, 1, tzinfo=UTC)))
        bought again within 60 d: 100.0 % (1 of 1; 20.7 to 100.0 %); 1 pending
        have bought again by now: 50.0 % (1 of 2; 9.5 to 90.5 %)
        bought in the last 60 d, not for the first time: 50.0 % (1 of 2; 9.5 to 90.5 %)
    """
    now, length = judgement(as_of), span(within, "within")
    within = length * MICROSECOND
    people = _people(logs, length, now)
    if people is None:
        return RepeatRates(instant(now), RepeatRate(within, Rate(0, 0), 0), Rate(0, 0), Rate(0, 0))
    lately, again = nw.col("last") >= now - length, nw.col("bought") > 1
    flags = {"once": nw.lit(1, nw.Int64()), "again": flag(again)}
    told_of = people.with_columns(**flags, lately=flag(lately), back=flag(lately & again))
    names = ("hit", "had", "pending", "again", "once", "back", "lately")
    (row,) = told(told_of.select(*(nw.col(name).sum() for name in names)), *names)
    hit, had, pending, hits, among, back, buyers = map(whole, row)
    return RepeatRates(instant(now), RepeatRate(within, Rate(hit, had), pending), Rate(hits, among), Rate(back, buyers))


def repeat_rate_within(logs: Logs, within: SpanLike, *, as_of: datetime) -> RepeatRate:
    """How many bought again within a time, of those who have had that time; a window that is still open is left out.

    Args:
        logs: Everyone's records.
        within: The time from the first purchase to the second; its end is part of it.
        as_of: The instant of judgement.

    Returns:
        The rate, and how many are pending.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: `within` is not a span above zero.

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
    now, length = judgement(as_of), span(within, "within")
    within = length * MICROSECOND
    people = _people(logs, length, now)
    if people is None:
        return RepeatRate(within, Rate(0, 0), 0)
    hits, among, pending = added_up(people)[()]
    return RepeatRate(within, Rate(hits, among), pending)


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
    return _among(logs, NEVER, judgement(as_of))


def returning_rate(logs: Logs, within: SpanLike, *, as_of: datetime) -> Rate:
    """How many of those who bought in the time up to now had bought before.

    Elsewhere it is called the returning customer rate. It tells who is in the shop, not whether new customers come
    back: it rises when fewer new ones come.

    Args:
        logs: Everyone's records.
        within: How far back to look; its beginning is part of it.
        as_of: The instant of judgement, the end of that time.

    Returns:
        People of whose purchases in that time at least one was not their first, among people with a purchase in it.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: `within` is not a span above zero.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs
        >>> when = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
        >>> bought = {"id": [1, 2, 3], "person_id": ["a", "a", "b"], "purchased_at": when, "amount": [9, 9, 9]}
        >>> logs = Logs(purchases=pl.DataFrame(bought))
        >>> print(returning_rate(logs, timedelta(days=60), as_of=datetime(2026, 4, 1, tzinfo=UTC)))
        50.0 % (1 of 2; 9.5 to 90.5 %)
    """
    now = judgement(as_of)
    return _among(logs, now - span(within, "within"), now)


def _people(logs: Logs, length: int, now: int) -> Frame | None:
    """Every buyer: when they first and last bought, how often, and whether they bought again within the time."""
    rows = purchases_at(logs, now)
    if rows is None:
        return None
    soon = rows.with_columns(soon=flag(nw.col("t") - nw.col("first") <= length))
    edges = nw.col("first").min(), nw.col("t").max().alias("last"), nw.col("t").count().alias("bought")
    people = soon.group_by(PERSON).agg(*edges, nw.col("soon").sum())
    return judged(people.with_columns(soon=nw.col("soon") - 1), "first", "soon", length, now)


def _among(logs: Logs, start: int, now: int) -> Rate:
    """How many of those who have bought since an instant have bought twice or more."""
    rows = purchases_at(logs, now)
    if rows is None:
        return Rate(0, 0)
    people = rows.group_by(PERSON).agg(nw.col("t").max().alias("last"), nw.col("t").count().alias("bought"))
    flags = people.filter(nw.col("last") >= start).select(again=flag(nw.col("bought") > 1), once=nw.lit(1, nw.Int64()))
    ((hits, among),) = told(flags.select(nw.col("again").sum(), nw.col("once").sum()), "again", "once")
    return Rate(whole(hits), whole(among))
