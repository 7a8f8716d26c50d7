"""Five ways: leads x conversion x transactions x average sale x margin, for the people who arrived in each period.

Invariants: the product of the five is the profit. The parts of a change add up to the change, to the minor unit.
Source: the article "Repeat order". The split by logarithms is from B. W. Ang, "The LMDI approach to decomposition
analysis", Energy Policy 33 (2005), 867-871. It leaves no remainder and does not depend on the order of the factors.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from itertools import accumulate, pairwise
from math import log

import attrs

from funnel._arguments import brief, check_choice, day_of
from funnel._format import Listed, as_html, as_span
from funnel._results import Charted, Rows
from funnel.errors import ArgumentError
from funnel.metrics._display import money, signed_money
from funnel.metrics._periods import Period, period_label
from funnel.metrics._rate import Rate

WAYS = ("leads", "conversion", "transactions", "average_sale", "margin")
"""The five ways to grow, in the order in which a person goes through them."""

BUYER_WAYS = ("leads", *WAYS[2:])
"""The ways that purchases alone show; `leads` are then first-time buyers."""

PENDING = "pending"
"""The part of a change that is due to people whose window is not over."""

COUNTS = ("leads", "pending", "referred", "buyers", "orders", "revenue")
_UNKNOWN = ("leads", "referred", "conversion")


_MOST = 10**6
"""Upper limit of a share. No useful share is near it; a product above it may overflow."""


def _is_share(by: object) -> bool:
    return isinstance(by, int | float) and not isinstance(by, bool) and -1 <= by <= _MOST


@attrs.frozen
class FiveWays:
    """The people who arrived in one period, and their results within a fixed time.

    Attributes:
        start: The first day of the period, in the shop's zone.
        leads: Number of people who arrived and whose window is complete. If the logs have no leads, people arrive with
            their first purchase.
        pending: Number of people who arrived and whose window is still open. No other number includes them.
        referred: Number of leads who were referred by another person.
        buyers: Number of leads who bought within the time.
        orders: Number of orders that the leads placed within the time.
        revenue: Payments of the leads for these orders, less refunds, in minor units.
        margin: Share of revenue left after costs, 0 to 1, as given by the shop.
        sources: Conversion of the leads of each source; None for leads without a source.
        is_partial: Whether the period is not over, so that more people may arrive in it.
        has_leads: Whether the logs have leads. If not, conversion and referrals are not known.
        currency: The currency of the amounts. None if it is not known; amounts are then in minor units.
    """

    start: date
    leads: int
    pending: int
    referred: int
    buyers: int
    orders: int
    revenue: int
    margin: float
    sources: Mapping[str | None, Rate]
    is_partial: bool = False
    has_leads: bool = True
    currency: str | None = None

    @property
    def factor_names(self) -> tuple[str, ...]:
        """Return the names of the known ways: `WAYS`, without "conversion" if the logs have no leads."""
        return WAYS if self.has_leads else BUYER_WAYS

    @property
    def arrived(self) -> int:
        """Return the number of people who arrived, including pending people."""
        return self.leads + self.pending

    @property
    def conversion(self) -> Rate:
        """Return the rate of buyers in leads; without leads, a rate of nobody."""
        return Rate(self.buyers, self.leads) if self.has_leads else Rate(0, 0)

    @property
    def referral(self) -> Rate:
        """Return the rate of referred leads in leads; without leads, a rate of nobody."""
        return Rate(self.referred, self.leads) if self.has_leads else Rate(0, 0)

    @property
    def transactions(self) -> float | None:
        """Return the average number of orders per buyer; None without buyers."""
        return self.orders / self.buyers if self.buyers else None

    @property
    def average_sale(self) -> float | None:
        """Return the average order value in minor units; None without orders."""
        return self.revenue / self.orders if self.orders else None

    @property
    def profit(self) -> int:
        """Return the profit, rounded to a minor unit: the product of the five ways."""
        return round(self.revenue * self.margin)

    def factors(self) -> tuple[float, ...] | None:
        """Return the known ways in the order of `factor_names`; None if one has no value or is zero."""
        rate = [self.conversion.value] if self.has_leads else []
        values = (float(self.leads), *rate, self.transactions, self.average_sale, self.margin)
        factors = tuple(way for way in values if way)
        return factors if len(factors) == len(values) else None

    def what_if(self, way: str, by: float) -> WhatIf:
        """Return what the period would have earned if one way had been larger or smaller.

        The other four ways stay as they were.

        Args:
            way: One of `factor_names`.
            by: Relative change: 0.1 is 10 % more. Conversion is capped at all leads, and margin at 1.

        Raises:
            ArgumentError: `way` is not a known way, or `by` is below -1.
        """
        check_choice(way, self.factor_names, "way")
        if not _is_share(by):
            raise ArgumentError(f"by must be a number from -1 up, such as 0.1 for 10 % more (got {brief(by)})")
        rate, share = self.conversion, {"conversion": self.conversion.value, "margin": self.margin}.get(way)
        gained = self.profit * (min(1 + by, 1 / share) - 1 if share else by)
        ci_lower, ci_upper = None, None
        if rate.value and rate.ci_lower is not None and rate.ci_upper is not None:
            ci_lower, ci_upper = sorted(round(gained * end / rate.value) for end in (rate.ci_lower, rate.ci_upper))
        return WhatIf(way, by, round(gained), ci_lower, ci_upper, self.pending, self.is_partial, self.currency)

    def __str__(self) -> str:
        """Return the known ways and their product, the profit, with the number of pending people."""
        factors, profit = self.factors(), money(self.profit, self.currency)
        pending = f"; {self.pending:,} pending" if self.pending else ""
        if factors is None:
            leads = f"{self.leads:,} leads, " if self.has_leads else ""
            return f"{leads}{self.buyers:,} buyers: profit {profit}{pending}"
        (people, *rate), (transactions, sale, margin) = factors[:-3], factors[-3:]
        conversion = "".join(f"{100 * value:.1f} % x " for value in rate)
        average = money(round(sale), self.currency)
        return f"{people:,.0f} x {conversion}{transactions:.2f} x {average} x {100 * margin:.0f} % = {profit}{pending}"


@attrs.frozen
class WhatIf:
    """Result of `what_if`: the profit that a change of one way would have added.

    The interval is that of the conversion rate: how far chance alone may have changed the number of leads who bought.

    Attributes:
        way: One of the five ways.
        by: Relative change.
        gained: Additional profit, in minor units.
        ci_lower: The smaller gain at the two ends of the interval of the conversion rate; None if nobody bought.
        ci_upper: The larger gain.
        pending: Number of people of the period whose window is still open. Their purchases are not included.
        is_partial: Whether the period is not over, so that more people may arrive in it.
        currency: The currency of the amounts. None if it is not known; amounts are then in minor units.
    """

    way: str
    by: float
    gained: int
    ci_lower: int | None
    ci_upper: int | None
    pending: int = 0
    is_partial: bool = False
    currency: str | None = None

    def __str__(self) -> str:
        """Return the gain, its interval and the number of pending people as text."""
        ends = [money(end, self.currency) for end in (self.ci_lower, self.ci_upper) if end is not None]
        doubt = f" ({' to '.join(ends)})" if ends else ""
        pending = f"; {self.pending:,} pending" if self.pending else ""
        open_ = "; the period is not over" if self.is_partial else ""
        return f"{self.way} {100 * self.by:+.0f} %: {signed_money(self.gained, self.currency)}{doubt}{pending}{open_}"


@attrs.frozen
class GrowthChange(Charted):
    """Why one period earned more or less than another.

    Attributes:
        before: The earlier period.
        after: The later period.
        parts: Contribution of each of the five ways, in minor units. The parts add up to `total`. If either period has
            pending people, `leads` is the part of all people who arrived, and `pending` is the part of people whose
            window is still open. The pending part disappears when every window is complete. None if a way is zero in
            either period, because its share is then undefined.
        currency: The currency of the amounts. None if it is not known; amounts are then in minor units.
    """

    before: FiveWays
    after: FiveWays
    parts: Mapping[str, int] | None
    currency: str | None = None

    _CHART = "periodic.waterfall"

    @property
    def total(self) -> int:
        """Return the change of profit, in minor units."""
        return self.after.profit - self.before.profit

    def __str__(self) -> str:
        """Return the total, its parts, pending people and unfinished periods as text."""
        parts_text = "cannot be decomposed (a factor is zero in one of the periods)"
        if self.parts is not None:
            parts_text = ", ".join(f"{way} {signed_money(part, self.currency)}" for way, part in self.parts.items())
        return f"{signed_money(self.total, self.currency)}: {parts_text}{_unfinished(self.before, self.after)}"

    def _html(self) -> str:
        return as_span(self)


def _unfinished(before: FiveWays, after: FiveWays) -> str:
    """Return pending people and any unfinished period as text; may be empty."""
    people = [
        f"{one.pending:,} of {one.arrived:,} pending {which}" for one, which in ((before, "before"), (after, "after"))
    ]
    pending = f"; {', '.join(people)}" if before.pending or after.pending else ""
    return pending + "".join(f"; the period of {one.start} is not over" for one in (before, after) if one.is_partial)


@attrs.frozen
class FixedMix:
    """Conversion of one period, adjusted to the source mix of another.

    Attributes:
        before: Conversion of the period whose source mix is kept.
        after: Conversion of the other period.
        value: Conversion of the other period with the source mix of the first; None if the two have no source in
            common.
        covered: How many leads of the first period have a source that the other period has too.
        periods: The two periods, with the number of `pending` people in each. Pending people are in no rate.
    """

    before: Rate
    after: Rate
    value: float | None
    covered: Rate
    periods: tuple[FiveWays, FiveWays]

    def __str__(self) -> str:
        """Return the three rates, the pending people and any unfinished period as text."""
        fixed = "not known" if self.value is None else f"{100 * self.value:.1f} %"
        rates = f"{self.before} then {self.after}; with the same sources {fixed} (of {self.covered})"
        return rates + _unfinished(*self.periods)


@attrs.frozen
class Growth(Charted, Rows, Listed[FiveWays]):
    """Result of `growth`: the five ways of each period, oldest first.

    A period in which nobody arrived is left out.

    Attributes:
        as_of: The evaluation time.
        tz: The time zone in which periods are cut.
        period: The kind of period.
        within: Time from a person's arrival in which results count, inclusive.
        periods: The periods.
        currency: The currency of the amounts. None if it is not known; amounts are then in minor units.
    """

    as_of: datetime
    tz: str
    period: Period
    within: timedelta
    periods: tuple[FiveWays, ...]
    currency: str | None = None

    _CHART = "periodic.growth"
    _PARTS = "periods"

    @property
    def unknown(self) -> tuple[str, ...]:
        """Return the numbers that cannot be known, because the logs have no leads; empty if they have."""
        return () if all(one.has_leads for one in self.periods) else _UNKNOWN

    def of(self, start: date) -> FiveWays:
        """Return the five ways of a period.

        Args:
            start: First day of the period.

        Raises:
            ArgumentError: Nobody arrived in a period that begins on that day.
        """
        day = day_of(start, "the first day of a period")
        for one in self.periods:
            if one.start == day:
                return one
        raise ArgumentError(f"start must be the first day of a {self.period} with arrivals (got {day})")

    def change(self, before: date, after: date) -> GrowthChange:
        """Split the change of profit between two periods into its parts.

        The parts are the five ways and the part of pending people.

        Args:
            before: First day of the earlier period.
            after: First day of the later period.

        Raises:
            ArgumentError: Nobody arrived in one of the periods.
        """
        one, other = self.of(before), self.of(after)
        return GrowthChange(one, other, _parts(one, other), self.currency)

    def fixed_mix(self, before: date, after: date) -> FixedMix:
        """Return the conversion of a period, adjusted to the source mix of another.

        A conversion rate falls when more leads come from a source that always converted worse, even if no source became
        worse.

        Args:
            before: First day of the period whose source mix is kept.
            after: First day of the other period.

        Raises:
            ArgumentError: Nobody arrived in one of the periods, or the logs have no leads.
        """
        one, other = self.of(before), self.of(after)
        if self.unknown:
            raise ArgumentError("conversion is not known, because the logs have no leads; pass Logs(leads=...) too")
        common = [
            (rate.trials, other.sources[name].value) for name, rate in one.sources.items() if name in other.sources
        ]
        shared = [(leads, value) for leads, value in common if value is not None]
        covered = sum(leads for leads, _ in shared)
        value = sum(leads * rate for leads, rate in shared) / covered if covered else None
        return FixedMix(one.conversion, other.conversion, value, Rate(covered, one.leads), (one, other))

    def to_dicts(self) -> list[dict[str, object]]:
        """Return one row per period, ready for a dataframe; what is not known is None."""
        names = ("start", "is_partial", *COUNTS, "transactions", "average_sale", "margin", "profit")
        hidden = dict.fromkeys(self.unknown)
        rows = ({**{name: getattr(one, name) for name in names}, "conversion": one.conversion.value} for one in self)
        return [{**row, **hidden} for row in rows]

    def __str__(self) -> str:
        """Return one line per period as text; a star marks a period that is not over."""
        starts = [f"{period_label(one.start, self.period)}{'*' * one.is_partial}" for one in self.periods]
        wide = max(map(len, starts), default=0)
        lines = [f"{start.rjust(wide)}  {one}" for start, one in zip(starts, self.periods, strict=True)]
        note = ["no leads: these are first-time buyers; leads, conversion and referrals are not known"]
        return "\n".join([*lines, *(note if self.unknown else [])])

    def _html(self) -> str:
        head = ("period", "leads", "pending", "buyers", "conversion", "orders", "revenue", "profit")
        rows = (
            (
                period_label(one.start, self.period, is_partial=one.is_partial),
                *(f"{count:,}" for count in (one.leads, one.pending, one.buyers)),
                one.conversion,
                f"{one.orders:,}",
                *(money(amount, self.currency) for amount in (one.revenue, one.profit)),
            )
            for one in self
        )
        return as_html(head, rows)


def _parts(before: FiveWays, after: FiveWays) -> Mapping[str, int] | None:
    """Return the contribution of each way, in whole minor units.

    A part is the change of profit times the share of the way in the change of the logarithm. Rounding is cumulative: a
    running sum is never more than half a unit from the exact sum, and the last part completes the total. Leads are all
    people who arrived times the share whose window is complete. If any window is open, these two factors have separate
    parts.
    """
    was, is_now = before.factors(), after.factors()
    if was is None or is_now is None:
        return None
    names = before.factor_names
    if before.pending or after.pending:
        names = (*names, PENDING)
        was = (before.arrived, *was[1:], before.leads / before.arrived)
        is_now = (after.arrived, *is_now[1:], after.leads / after.arrived)
    steps = [log(new / old) for old, new in zip(was, is_now, strict=True)]
    old, new = before.revenue * before.margin, after.revenue * after.margin
    grown = log(new / old)
    unit = (new - old) / grown if grown else old
    sums = [round(unit * step) for step in accumulate(steps)]
    edges = [0, *sums[:-1], after.profit - before.profit]
    return dict(zip(names, (b - a for a, b in pairwise(edges)), strict=True))
