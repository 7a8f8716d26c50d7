"""Five ways: leads x conversion x transactions x average sale x margin, for the people who arrived in each period.

Law: the five multiplied are the profit, and the parts of a change add up to it, to the minor unit.
Source: the article "Repeat order"; the split by logarithms is B. W. Ang's, "The LMDI approach to decomposition
analysis", Energy Policy 33 (2005), 867-871: it leaves nothing over and does not depend on the order of the factors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import accumulate, pairwise
from math import log

import attrs

from funnel._given import brief, day_of, one_of
from funnel.errors import ArgumentError
from funnel.metrics._periods import Period, written
from funnel.metrics.rate import Rate

WAYS = ("leads", "conversion", "transactions", "average_sale", "margin")
"""The five ways to grow, in the order in which a person goes through them."""

PENDING = "pending"
"""The part of a change that is due to people who have not had the time yet."""

COUNTS = ("leads", "pending", "referred", "buyers", "orders", "revenue")


_MOST = 10**6
"""A share that anybody asks about is far below; a product above it may not be a number any more."""


def _is_share(by: object) -> bool:
    return isinstance(by, int | float) and not isinstance(by, bool) and -1 <= by <= _MOST


@attrs.frozen
class FiveWays:
    """The people who arrived in one period, and what came of them within the same time from their arrival.

    Attributes:
        start: The first day of the period, by the shop's clock.
        leads: How many people arrived and have had that time.
        pending: How many arrived and have not had it yet; they are in no other number.
        referred: How many of the leads were sent by another person.
        buyers: How many of the leads bought within the time.
        orders: How many orders they placed within it.
        revenue: What they paid for these, less refunds, in minor units.
        margin: The share of what is paid that is left after costs, 0 to 1, as the shop says.
        sources: The conversion of the leads of each source.
        is_partial: Whether the period is not over, so that more people may arrive in it.
    """

    start: date
    leads: int
    pending: int
    referred: int
    buyers: int
    orders: int
    revenue: int
    margin: float
    sources: Mapping[str, Rate]
    is_partial: bool = False

    @property
    def arrived(self) -> int:
        """How many people arrived, those who are pending among them."""
        return self.leads + self.pending

    @property
    def conversion(self) -> Rate:
        """Buyers among leads."""
        return Rate(self.buyers, self.leads)

    @property
    def referral(self) -> Rate:
        """Leads who were sent by another person among leads."""
        return Rate(self.referred, self.leads)

    @property
    def transactions(self) -> float | None:
        """Orders of a buyer, on average; None without buyers."""
        return self.orders / self.buyers if self.buyers else None

    @property
    def average_sale(self) -> float | None:
        """What was paid for an order, on average, in minor units; None without orders."""
        return self.revenue / self.orders if self.orders else None

    @property
    def profit(self) -> int:
        """What is left after costs, rounded to a minor unit: the five ways multiplied."""
        return round(self.revenue * self.margin)

    def factors(self) -> tuple[float, ...] | None:
        """The five ways in the order of `WAYS`; None where one is not known or nothing, so that no part can be told."""
        ways = (float(self.leads), self.conversion.value, self.transactions, self.average_sale, self.margin)
        known = tuple(way for way in ways if way)
        return known if len(known) == len(ways) else None

    def what_if(self, way: str, by: float) -> WhatIf:
        """What would have been earned had one way been larger or smaller, the others as they were.

        Args:
            way: One of `WAYS`.
            by: How much larger, as a share: 0.1 is a tenth more. Nobody converts more than all leads, and no margin is
                above 1.

        Raises:
            ArgumentError: The way is none of the five, or the share is below -1.
        """
        one_of(way, WAYS, "way")
        if not _is_share(by):
            msg = f"by is {brief(by)}; give a share from -1 up, such as 0.1 for a tenth more"
            raise ArgumentError(msg)
        rate, share = self.conversion, {"conversion": self.conversion.value, "margin": self.margin}.get(way)
        gained = self.profit * (min(1 + by, 1 / share) - 1 if share else by)
        low, high = None, None
        if rate.value and rate.low is not None and rate.high is not None:
            low, high = sorted(round(gained * end / rate.value) for end in (rate.low, rate.high))
        return WhatIf(way, by, round(gained), low, high, self.pending, self.is_partial)


@attrs.frozen
class WhatIf:
    """What one way would have brought, had it been larger.

    The interval is that of the conversion rate: it says how far chance alone may have moved how many leads bought.

    Attributes:
        way: Which of the five.
        by: How much larger, as a share.
        gained: How much more would be left after costs, in minor units.
        low: The smaller of the same at the two ends of the interval of the conversion rate; None where nobody bought.
        high: The larger.
        pending: How many people of the period have not had the time yet; what they will bring is not included.
        is_partial: Whether the period is not over, so that more people may arrive in it.
    """

    way: str
    by: float
    gained: int
    low: int | None
    high: int | None
    pending: int = 0
    is_partial: bool = False

    def __str__(self) -> str:
        """Write what would be gained, and between what it lies; then how many are pending, if any."""
        doubt = "" if self.low is None or self.high is None else f" ({self.low:,} to {self.high:,})"
        pending = f"; {self.pending:,} pending" if self.pending else ""
        open_ = "; the period is not over" if self.is_partial else ""
        return f"{self.way} {100 * self.by:+.0f} %: {self.gained:+,}{doubt}{pending}{open_}"


@attrs.frozen
class Change:
    """Why one period earned more or less than another.

    Attributes:
        before: The earlier of the two.
        after: The later.
        parts: What each of the five ways brought, in minor units; they add up to `total`. If anybody is pending in one
            of the two periods, `leads` is the part of all who arrived, and `pending` the part of those who have not had
            the time yet: it disappears when they have. None if a way is nothing in one of the two, so that it has no
            share.
    """

    before: FiveWays
    after: FiveWays
    parts: Mapping[str, int] | None

    @property
    def total(self) -> int:
        """How much more was left after costs, in minor units."""
        return self.after.profit - self.before.profit

    def __str__(self) -> str:
        """Write the whole, its parts, how many people are pending, and which period is not over."""
        told = "not enough to say why (a way is nothing in one of the two)"
        if self.parts is not None:
            told = ", ".join(f"{way} {part:+,}" for way, part in self.parts.items())
        return f"{self.total:+,}: {told}{_unfinished(self.before, self.after)}"


def _unfinished(before: FiveWays, after: FiveWays) -> str:
    """Write how many people of two periods are pending, and which period is not over; nothing if there are none."""
    people = [
        f"{one.pending:,} of {one.arrived:,} pending {which}" for one, which in ((before, "before"), (after, "after"))
    ]
    pending = f"; {', '.join(people)}" if before.pending or after.pending else ""
    return pending + "".join(f"; the period of {one.start} is not over" for one in (before, after) if one.is_partial)


@attrs.frozen
class FixedMix:
    """The conversion of a period as it would be had the leads come from the same sources as in another.

    Attributes:
        before: The conversion of the period whose sources are kept.
        after: The conversion of the other.
        value: The conversion of the other with the sources of the first; None where they have no source in common.
        covered: How many of the leads of the first are of a source that the other has too.
        periods: The two periods, with how many people are `pending` in each; they are in no rate.
    """

    before: Rate
    after: Rate
    value: float | None
    covered: Rate
    periods: tuple[FiveWays, FiveWays]

    def __str__(self) -> str:
        """Write the three rates, how many people are pending, and which period is not over."""
        fixed = "not known" if self.value is None else f"{100 * self.value:.1f} %"
        rates = f"{self.before} then {self.after}; with the same sources {fixed} (of {self.covered})"
        return rates + _unfinished(*self.periods)


@attrs.frozen
class Growth:
    """The five ways of each period, the oldest first; a period in which nobody arrived has none.

    Attributes:
        as_of: The instant of judgement.
        tz: The zone by whose clock periods are cut.
        period: The kind of period.
        within: The time from their arrival in which people are looked at; its end is part of it.
        periods: The periods.
    """

    as_of: datetime
    tz: str
    period: Period
    within: timedelta
    periods: tuple[FiveWays, ...]

    def __len__(self) -> int:
        """How many periods."""
        return len(self.periods)

    def __iter__(self) -> Iterator[FiveWays]:
        """The periods, the oldest first."""
        return iter(self.periods)

    def of(self, start: date) -> FiveWays:
        """The five ways of a period.

        Args:
            start: Its first day.

        Raises:
            ArgumentError: Nobody arrived in a period that begins then.
        """
        day = day_of(start, "the first day of a period")
        for one in self.periods:
            if one.start == day:
                return one
        msg = f"nobody arrived in a {self.period} that begins on {day}; give the first day of one of the periods"
        raise ArgumentError(msg)

    def change(self, before: date, after: date) -> Change:
        """Why a period earned more or less than another: what each of the five ways brought, and what is pending.

        Args:
            before: The first day of the one.
            after: The first day of the other.

        Raises:
            ArgumentError: Nobody arrived in one of them.
        """
        one, other = self.of(before), self.of(after)
        return Change(one, other, _parts(one, other))

    def fixed_mix(self, before: date, after: date) -> FixedMix:
        """The conversion of a period had its leads come from the same sources as those of another.

        A conversion rate falls when more leads come from a source that was always worse, though none became worse.

        Args:
            before: The first day of the period whose sources are kept.
            after: The first day of the other.

        Raises:
            ArgumentError: Nobody arrived in one of them.
        """
        one, other = self.of(before), self.of(after)
        common = [
            (rate.among, other.sources[name].value) for name, rate in one.sources.items() if name in other.sources
        ]
        known = [(leads, value) for leads, value in common if value is not None]
        covered = sum(leads for leads, _ in known)
        value = sum(leads * rate for leads, rate in known) / covered if covered else None
        return FixedMix(one.conversion, other.conversion, value, Rate(covered, one.leads), (one, other))

    def to_dicts(self) -> list[dict[str, object]]:
        """One row for each period, as a dataframe takes them."""
        names = ("start", "is_partial", *COUNTS, "transactions", "average_sale", "margin", "profit")
        return [{**{name: getattr(one, name) for name in names}, "conversion": one.conversion.value} for one in self]

    def __str__(self) -> str:
        """Write one line for each period; a star marks a period that is not over."""
        starts = [f"{written(one.start, self.period)}{'*' * one.is_partial}" for one in self.periods]
        wide = max(map(len, starts), default=0)
        return "\n".join(f"{start.rjust(wide)}  {_told(one)}" for start, one in zip(starts, self.periods, strict=True))


def _told(one: FiveWays) -> str:
    ways = one.factors()
    pending = f"; {one.pending:,} pending" if one.pending else ""
    if ways is None:
        return f"{one.leads:,} leads, {one.buyers:,} buyers: profit {one.profit:,}{pending}"
    leads, conversion, transactions, sale, margin = ways
    told = f"{leads:,.0f} x {100 * conversion:.1f} % x {transactions:.2f} x {sale:,.0f} x {100 * margin:.0f} %"
    return f"{told} = {one.profit:,}{pending}"


def _parts(before: FiveWays, after: FiveWays) -> Mapping[str, int] | None:
    """What each way brought: the change times its share of the change of the logarithm, in whole minor units.

    The parts are rounded one after another, so that so far they are never more than half a unit away from the exact
    ones, and the last makes them whole. Leads are all who arrived times the share of them who have had the time; if
    anybody has not, the two have parts of their own.
    """
    was, is_now = before.factors(), after.factors()
    if was is None or is_now is None:
        return None
    names: tuple[str, ...] = WAYS
    if before.pending or after.pending:
        names = (*WAYS, PENDING)
        was = (before.arrived, *was[1:], before.leads / before.arrived)
        is_now = (after.arrived, *is_now[1:], after.leads / after.arrived)
    steps = [log(new / old) for old, new in zip(was, is_now, strict=True)]
    old, new = before.revenue * before.margin, after.revenue * after.margin
    grown = log(new / old)
    unit = (new - old) / grown if grown else old
    sums = [round(unit * step) for step in accumulate(steps)]
    edges = [0, *sums[:-1], after.profit - before.profit]
    return dict(zip(names, (b - a for a, b in pairwise(edges)), strict=True))
