"""Growth: what the people who arrived in each period brought, each person over the same time.

Invariants: a person counts once, in the period of their first arrival. Until their window is over, they count only as
`pending`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import cast, overload

import narwhals as nw

from funnel._arguments import SpanLike, brief, parse_as_of, span
from funnel._dataframes.adapter import Frame, distinct
from funnel._dataframes.compute import to_rows, whole
from funnel._expr.to_narwhals import to_int
from funnel._people import logs_of
from funnel._time import MICROSECOND, instant
from funnel.errors import ArgumentError
from funnel.logs import Logs
from funnel.metrics._by_group import PEOPLE, Groups, by_group
from funnel.metrics._growth.five_ways import COUNTS, FiveWays, Growth
from funnel.metrics._orders import Orders, orders_of
from funnel.metrics._periods import Calendar, Period, Periods, Weekday
from funnel.metrics._purchases import PERSON, started
from funnel.metrics._rate import Rate


@overload
def growth(
    logs: Logs,
    period: Period = "month",
    *,
    within: SpanLike,
    margin: float | Mapping[date, float],
    tz: str,
    as_of: datetime,
    week_start: Weekday | None = None,
    by: None = None,
) -> Growth: ...
@overload
def growth(
    logs: Logs,
    period: Period = "month",
    *,
    within: SpanLike,
    margin: float | Mapping[date, float],
    tz: str,
    as_of: datetime,
    week_start: Weekday | None = None,
    by: str,
) -> Groups[Growth]: ...
def growth(  # noqa: PLR0913 (each names one choice that is otherwise hidden)
    logs: Logs,
    period: Period = "month",
    *,
    within: SpanLike,
    margin: float | Mapping[date, float],
    tz: str,
    as_of: datetime,
    week_start: Weekday | None = None,
    by: str | None = None,
) -> Growth | Groups[Growth]:
    """Compute the five ways to grow for the people who arrived in each period.

    The five ways are leads x conversion x transactions x average sale x margin.

    Each person is observed for the same time from their first arrival, so periods are comparable. A person whose window
    is still open is pending. Purchases valid at `as_of` count, less refunds.

    Without leads, people arrive with their first purchase. The ways are then first-time buyers x transactions x average
    sale x margin: leads, conversion and referrals cannot be known from purchases (`Growth.unknown` names them).

    Args:
        logs: All records, with purchases, and with leads if the shop has them.
        period: The calendar period that groups people by their first arrival.
        within: Time from arrival in which purchases count, inclusive.
        margin: Share of revenue left after costs, above 0 and at most 1; or one share per period, by its first day.
        tz: The time zone in which periods are cut, such as "Asia/Jakarta".
        as_of: The evaluation time.
        week_start: First day of the week; required for "week".
        by: The grouping of people, as in `retention`. If the shop has leads, a column of purchases is refused: only
            buyers have one, so every group would convert completely.

    Returns:
        The periods in which at least one person arrived. With `by`: those of each group.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: The zone, period or weekday is unknown, the time or a margin is invalid, the logs have no
            purchases, or `by` is not a grouping.

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
        >>> alone = Logs(purchases=pl.DataFrame(bought))
        >>> print(growth(alone, within=month, margin=0.25, tz="Asia/Jakarta", as_of=datetime(2026, 3, 1, tzinfo=UTC)))
        2026-01  1 x 2.00 x 400 x 25 % = 200
        no leads: these are first-time buyers; leads, conversion and referrals are not known
    """
    now, calendar, length = parse_as_of(as_of), Calendar.of(period, tz, week_start), span(within, "within")
    if by is None:
        return _growth(logs_of(logs), calendar, now, length, margin)
    records = ("leads",) if "leads" in logs_of(logs)._tables else ("purchases", "interactions")
    return by_group(logs, by, now, lambda part: _growth(part, calendar, now, length, margin), (*records, PEOPLE))


def _growth(logs: Logs, calendar: Calendar, now: int, length: int, margin: float | Mapping[date, float]) -> Growth:
    within, tz, period = length * MICROSECOND, calendar.tz, calendar.period
    orders = orders_of(logs)
    leads = orders.tables.get("leads")
    arrivals = orders.firsts("purchase" if leads is None else "lead", now)
    start = started(arrivals, "first")
    if start is None:
        return Growth(instant(now), tz, period, within, (), orders.currency)
    periods = Periods.between(start, now, calendar)
    people = _people(leads, arrivals, orders.valid(now), length)
    placed = people.with_columns(cohort=periods.index_column("first"), had=to_int(nw.col("first") <= now - length))
    counts = _counts(placed)
    five_ways = (
        _five_ways(periods.day(index), counts[index], margin, orders, is_partial=not periods.is_over(index, now))
        for index in sorted(counts)
    )
    return Growth(instant(now), tz, period, within, tuple(five_ways), orders.currency)


def _people(leads: Frame | None, arrivals: Frame, bought: Frame, length: int) -> Frame:
    """Return each person's first arrival, source, referral, and purchases in time.

    Without leads, everyone arrives with the first purchase, from nowhere.
    """
    if leads is None:
        sources = arrivals.with_columns(source=nw.lit("", nw.String()), referred=nw.lit(0, nw.Int64()))
    else:
        told_first = leads.join(arrivals, on=PERSON, how="inner").filter(nw.col("t") == nw.col("first"))
        sources = told_first.group_by(PERSON, "first").agg(nw.col("source").min(), nw.col("referred").max())
    soon = bought.join(arrivals, on=PERSON, how="inner").filter(
        nw.col("t") >= nw.col("first"), nw.col("t") - nw.col("first") <= length
    )
    paid = soon.group_by(PERSON).agg(nw.col("t").count().alias("orders"), nw.col("net_amount").sum().alias("revenue"))
    joined = sources.join(paid, on=PERSON, how="left")
    return joined.with_columns(nw.col(name).fill_null(0).cast(nw.Int64()) for name in ("orders", "revenue"))


def _counts(people: Frame) -> Mapping[int, Mapping[str, Mapping[str, int]]]:
    """Return the counts of each source, by the index of the period."""
    marked = people.select(
        "cohort",
        "source",
        leads=nw.col("had"),
        pending=1 - nw.col("had"),
        referred=nw.col("had") * nw.col("referred"),
        buyers=nw.col("had") * to_int(nw.col("orders") > 0),
        orders=nw.col("had") * nw.col("orders"),
        revenue=nw.col("had") * nw.col("revenue"),
    )
    sums = marked.group_by("cohort", "source").agg(*(nw.col(name).sum() for name in COUNTS))
    by_period: dict[int, dict[str, Mapping[str, int]]] = {}
    for index, source, *counts in sorted(to_rows(sums, "cohort", "source", *COUNTS)):
        by_period.setdefault(int(index), {})[source] = dict(zip(COUNTS, map(int, counts), strict=True))
    return by_period


def _five_ways(
    start: date,
    sources: Mapping[str, Mapping[str, int]],
    margin: float | Mapping[date, float],
    orders: Orders,
    *,
    is_partial: bool,
) -> FiveWays:
    has_leads = "leads" in orders.tables
    total = {name: sum(counts[name] for counts in sources.values()) for name in COUNTS}
    trials = {name: counts for name, counts in sources.items() if counts["leads"] and has_leads}
    rates = {name or None: Rate(counts["buyers"], counts["leads"]) for name, counts in trials.items()}
    return FiveWays(
        start=start,
        margin=_margin(margin, start),
        sources=rates,
        is_partial=is_partial,
        has_leads=has_leads,
        currency=orders.currency,
        **total,
    )


def _margin(margin: object, start: date) -> float:
    share = cast("Mapping[object, object]", margin).get(start) if isinstance(margin, Mapping) else margin
    if isinstance(share, int | float) and 0 < share <= 1:
        return float(share)
    raise ArgumentError(f"margin must be a share above 0 and at most 1 (got {brief(share)} for the period of {start})")


def referral_rate(logs: Logs, *, as_of: datetime) -> Rate:
    """Return the rate of buyers who referred another person to the shop.

    Args:
        logs: All records, with leads and purchases.
        as_of: The evaluation time.

    Returns:
        Buyers who referred a person who arrived, as a rate of all buyers.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: The logs have no leads or no purchases.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime
        >>> from funnel import Logs
        >>> day = datetime(2026, 1, 9, tzinfo=UTC)
        >>> leads = pl.DataFrame({"person_id": ["wati"], "arrived_at": [day], "referred_by": ["sari"]})
        >>> bought = {"id": [1, 2], "person_id": ["sari", "budi"], "purchased_at": [day] * 2, "amount": [300, 500]}
        >>> referral_rate(Logs(leads=leads, purchases=pl.DataFrame(bought)), as_of=day)
        Rate(successes=1, trials=2, confidence_level=0.95)
    """
    now = parse_as_of(as_of)
    orders = orders_of(logs_of(logs))
    buyers = orders.firsts("purchase", now)
    sent = distinct(orders.table("referrals").filter(nw.col("t") <= now).select(PERSON)).with_columns(sent=_ONE)
    both = buyers.join(sent, on=PERSON, how="left").select(_buyer=_ONE, _sent=nw.col("sent").fill_null(0))
    ((successes, trials),) = to_rows(both.select(nw.col("_sent").sum(), nw.col("_buyer").sum()), "_sent", "_buyer")
    return Rate(whole(successes), whole(trials))


_ONE = nw.lit(1, nw.Int64())
