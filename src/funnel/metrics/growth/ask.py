"""Growth: what the people who arrived in each period brought, each looked at for the same time; made by `growth`.

Law: a person is in the period of their first arrival, once, and in no number but `pending` until their time is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, cast

import narwhals as nw

from funnel._given import SpanLike, brief, judgement, span
from funnel._instants import MICROSECOND, instant
from funnel._lift.columns import flag
from funnel._people import logs_of
from funnel.errors import ArgumentError
from funnel.metrics._orders import orders_of
from funnel.metrics._periods import Calendar, Period, Periods, Weekday
from funnel.metrics._purchases import PERSON, started, told, whole
from funnel.metrics.growth.five_ways import COUNTS, FiveWays, Growth
from funnel.metrics.rate import Rate

if TYPE_CHECKING:
    from funnel._frames import Frame
    from funnel.logs import Logs


def growth(  # noqa: PLR0913 (each names one choice that is otherwise hidden)
    logs: Logs,
    period: Period = "month",
    *,
    within: SpanLike,
    margin: float | Mapping[date, float],
    tz: str,
    as_of: datetime,
    week_start: Weekday | None = None,
) -> Growth:
    """What the people who arrived in each period brought: leads x conversion x transactions x average sale x margin.

    Everyone is looked at for the same time from their first arrival, so that periods can be compared; who has not had
    that time yet is pending. Counted are valid purchases as of the instant, less refunds.

    Args:
        logs: Everyone's records, with leads and purchases.
        period: The calendar period by which people are put together, by their first arrival.
        within: The time from their arrival in which they are looked at; its end is part of it.
        margin: The share of what is paid that is left after costs, above 0 and at most 1; or one for each period, by
            its first day.
        tz: The zone by whose clock periods are cut, such as "Asia/Jakarta".
        as_of: The instant of judgement.
        week_start: The day with which a week begins; it must be named for "week".

    Returns:
        The periods in which anybody arrived.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: The zone, period or weekday is unknown, the time or a margin is none, or there is no log of leads
            or purchases.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs
        >>> day = datetime(2026, 1, 9, tzinfo=UTC)
        >>> leads = pl.DataFrame({"person_id": ["sari", "budi"], "arrived_at": [day] * 2})
        >>> bought = {"id": [1, 2], "person_id": ["sari"] * 2, "purchased_at": [day] * 2, "amount": [300, 500]}
        >>> logs = Logs(leads=leads, purchases=pl.DataFrame(bought))
        >>> month = timedelta(days=30)
        >>> print(growth(logs, within=month, margin=0.25, tz="Asia/Jakarta", as_of=datetime(2026, 3, 1, tzinfo=UTC)))
        2026-01  2 x 50.0 % x 2.00 x 400 x 25 % = 200
    """
    now, calendar, length = judgement(as_of), Calendar.of(period, tz, week_start), span(within, "within")
    within = length * MICROSECOND
    orders = orders_of(logs_of(logs))
    leads, arrivals = orders.table("leads"), orders.firsts("lead", now)
    start = started(arrivals, "first")
    if start is None:
        return Growth(instant(now), tz, period, within, ())
    periods = Periods.between(start, now, calendar)
    people = _people(leads, arrivals, orders.valid(now), length)
    placed = people.with_columns(cohort=periods.place_column("first"), had=flag(nw.col("first") <= now - length))
    counts = _counted(placed)
    found = (
        _five_ways(periods.day(place), counts[place], margin, is_partial=not periods.is_over(place, now))
        for place in sorted(counts)
    )
    return Growth(instant(now), tz, period, within, tuple(found))


def _people(leads: Frame, arrivals: Frame, bought: Frame, length: int) -> Frame:
    """Each person who arrived: when first, from which source, whether sent, and what they bought within the time."""
    told_first = leads.join(arrivals, on=PERSON, how="inner").filter(nw.col("t") == nw.col("first"))
    sources = told_first.group_by(PERSON, "first").agg(nw.col("source").min(), nw.col("referred").max())
    soon = bought.join(arrivals, on=PERSON, how="inner").filter(
        nw.col("t") >= nw.col("first"), nw.col("t") - nw.col("first") <= length
    )
    paid = soon.group_by(PERSON).agg(nw.col("t").count().alias("orders"), nw.col("net_amount").sum().alias("revenue"))
    joined = sources.join(paid, on=PERSON, how="left")
    return joined.with_columns(nw.col(name).fill_null(0).cast(nw.Int64()) for name in ("orders", "revenue"))


def _counted(people: Frame) -> Mapping[int, Mapping[str, Mapping[str, int]]]:
    """The counts of each source, by the place of the period."""
    marked = people.select(
        "cohort",
        "source",
        leads=nw.col("had"),
        pending=1 - nw.col("had"),
        referred=nw.col("had") * nw.col("referred"),
        buyers=nw.col("had") * flag(nw.col("orders") > 0),
        orders=nw.col("had") * nw.col("orders"),
        revenue=nw.col("had") * nw.col("revenue"),
    )
    sums = marked.group_by("cohort", "source").agg(*(nw.col(name).sum() for name in COUNTS))
    found: dict[int, dict[str, Mapping[str, int]]] = {}
    for place, source, *counts in sorted(told(sums, "cohort", "source", *COUNTS)):
        found.setdefault(int(place), {})[source] = dict(zip(COUNTS, map(int, counts), strict=True))
    return found


def _five_ways(
    start: date, sources: Mapping[str, Mapping[str, int]], margin: float | Mapping[date, float], *, is_partial: bool
) -> FiveWays:
    total = {name: sum(counts[name] for counts in sources.values()) for name in COUNTS}
    rates = {name: Rate(counts["buyers"], counts["leads"]) for name, counts in sources.items() if counts["leads"]}
    return FiveWays(start=start, margin=_margin(margin, start), sources=rates, is_partial=is_partial, **total)


def _margin(margin: object, start: date) -> float:
    given = cast("Mapping[object, object]", margin).get(start) if isinstance(margin, Mapping) else margin
    if isinstance(given, int | float) and 0 < given <= 1:
        return float(given)
    msg = f"margin of the period of {start} is {brief(given)}; give the share that is left after costs, above 0 up to 1"
    raise ArgumentError(msg)


def referral_rate(logs: Logs, *, as_of: datetime) -> Rate:
    """How many of those who have bought have sent another person to the shop.

    Args:
        logs: Everyone's records, with leads and purchases.
        as_of: The instant of judgement.

    Returns:
        Buyers who sent somebody who has arrived, among buyers.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: There is no log of leads or purchases.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime
        >>> from funnel import Logs
        >>> day = datetime(2026, 1, 9, tzinfo=UTC)
        >>> leads = pl.DataFrame({"person_id": ["wati"], "arrived_at": [day], "referred_by": ["sari"]})
        >>> bought = {"id": [1, 2], "person_id": ["sari", "budi"], "purchased_at": [day] * 2, "amount": [300, 500]}
        >>> referral_rate(Logs(leads=leads, purchases=pl.DataFrame(bought)), as_of=day)
        Rate(hits=1, among=2, level=0.95)
    """
    now = judgement(as_of)
    orders = orders_of(logs_of(logs))
    buyers = orders.firsts("purchase", now)
    sent = orders.table("referrals").filter(nw.col("t") <= now).select(PERSON).unique().with_columns(sent=_ONE)
    both = buyers.join(sent, on=PERSON, how="left").select(_buyer=_ONE, _sent=nw.col("sent").fill_null(0))
    ((hits, among),) = told(both.select(nw.col("_sent").sum(), nw.col("_buyer").sum()), "_sent", "_buyer")
    return Rate(whole(hits), whole(among))


_ONE = nw.lit(1, nw.Int64())
