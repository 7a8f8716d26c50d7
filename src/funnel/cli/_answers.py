"""The answers of the report: one or two sentences for each question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import attrs

from funnel.cli._findings import Findings
from funnel.cli._words import Words
from funnel.metrics._conversion.trend import FunnelPeriod
from funnel.money import Money

if TYPE_CHECKING:
    from funnel.forecast import Prediction, ShopForecast

_WIDE = 10
"""An end above this multiple of the expected number says that the past does not show the number; our default."""

MIN_PEOPLE = 30
"""Minimum number of people in each of two compared rates; our default."""


@attrs.frozen
class Answers:
    """Answers from the findings.

    Args:
        findings: The contents of the report.
        words: The language.
    """

    findings: Findings
    words: Words

    def conversion(self) -> Iterator[str]:
        """Yield the conversion of the last month whose windows are closed, and the month before."""
        words, buying = self.words, self.findings.buying
        within = words.span(self.findings.query.within)
        closed = [one for one in buying.trend if one.is_mature and one.steps[0].reached]
        if not closed:
            yield words("conversion_open", within=within)
            return
        last = closed[-1]
        key = "lead_conversion" if buying.has_leads else "buyer_conversion"
        yield words(key, month=words.month(last.start), rate=words.rate(last.rate), within=within)
        if len(closed) > 1:
            yield self._compared(last, closed[-2])

    def _compared(self, last: FunnelPeriod, before: FunnelPeriod) -> str:
        words, month = self.words, self.words.month(before.start)
        change = last.rate.minus(before.rate, min_people=MIN_PEOPLE)
        if change.value is None or change.ci_lower is None or change.ci_upper is None:
            return words("conversion_few", month=month)
        low, high = words.points(change.ci_lower), words.points(change.ci_upper)
        points = words.difference(last.rate.value or 0, before.rate.value or 0)
        interval = {"low": low, "high": high, "month": month, "points": points}
        if change.ci_lower > 0:
            return words("conversion_up", **interval)
        if change.ci_upper < 0:
            return words("conversion_down", **interval)
        return words("conversion_same", share=words.percent(before.rate.value), **interval)

    def repeat(self) -> Iterator[str]:
        """Yield the share of first-time buyers who bought again."""
        words, within = self.words, self.findings.buying.rates.within
        key = "repeat_within" if within.rate.trials else "repeat_none"
        yield words(key, within=words.span(within.within), rate=words.rate(within.rate))
        if within.pending:
            yield words("repeat_pending", people=words.people(within.pending))

    def overdue(self) -> Iterator[str]:
        """Yield the share of buyers who are overdue."""
        words, policy = self.words, self.findings.query.policy
        yield words(
            "overdue_rate" if self.findings.buying.late.trials else "overdue_none",
            purchases=policy.rhythm_purchases,
            interval=words.span(policy.rhythm_interval),
            rate=words.rate(self.findings.buying.late),
            percent=policy.overdue_percent,
        )

    def growth(self) -> Iterator[str]:
        """Yield the buyers and their money of the last two months that are over."""
        words, periods = self.words, self.findings.buying.lifecycle.periods
        over = [one for one in periods if not one.is_partial]
        if len(over) > 1:
            before, last = over[-2:]
            yield words(
                "grown" if before.active else "grown_from_none",
                month=words.month(last.start),
                before=words.month(before.start),
                people=words.people(last.active),
                buyers_change=words.change(before.active, last.active),
                revenue=self.money(last.revenue),
                revenue_change=words.change(before.revenue or 0, last.revenue or 0),
            )
        else:
            yield words("no_growth")
        for one in periods[-1:]:
            if one.is_partial:
                yield words("grown_open", month=words.month(one.start), people=words.people(one.active))

    def expected(self) -> Iterator[str]:
        """Yield what is expected of the next four weeks, or the reason for a missing forecast."""
        words, expected = self.words, self.findings.expected
        if expected.min_repeat_buyers is None:
            yield words("no_forecast")
        elif expected.forecast is None:
            yield words(
                "forecast_few",
                least=words.people(expected.min_repeat_buyers),
                day=words.day(expected.since),
                people=words.people(expected.repeat_buyers),
            )
        else:
            total, numbers = expected.forecast.total, self.predictions(expected.forecast)
            bought, new, *paid = (words("value_to", value=one, low=low, high=high) for one, low, high in numbers)
            yield words("expected_counts", first=total.first_day, last=total.last_day, purchases=bought, new=new)
            yield from (words("expected_paid", paid=one) for one in paid)

    def predictions(self, forecast: ShopForecast) -> Iterator[Sequence[str]]:
        """Yield the value and both ends of each expected number, as text; amounts have three figures."""
        total = forecast.total
        for one in (total.purchases, total.new_buyers):
            yield [self.words.number(round(end)) for end in _ends(one)]
        if total.revenue is not None:
            yield [self.money(int(float(f"{end:.3g}"))) for end in _ends(total.revenue)]

    def past_forecasts(self, forecast: ShopForecast) -> Iterator[str]:
        """Yield how well the same forecast did on past days, and whether it has a season."""
        yield self.words("past_inside", inside=forecast.past_inside, count=len(forecast.past))
        total = forecast.total
        if any(one.upper > _WIDE * one.value for one in (total.purchases, total.new_buyers, total.revenue) if one):
            yield self.words("interval_wide")
        yield self.words({None: "season_untested", True: "season_used", False: "season_unseen"}[forecast.has_season])

    def money(self, minor: int | None) -> str:
        """Return an amount of the shop's currency."""
        currency = self.findings.currency
        return self.words.money(None if minor is None or currency is None else Money.of_minor(minor, currency))


def _ends(one: Prediction) -> tuple[float, float, float]:
    return one.value, one.lower, one.upper
