"""A funnel by period of entry, whenever the person converts.

Invariant: the periods together count everybody once. A period without entries is present, with 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import attrs
import narwhals as nw

from funnel._dataframes.compute import to_rows
from funnel._format import Listed, Table, Tabular
from funnel._results import Charted, Rows
from funnel.metrics._conversion.attempts import Attempts, StepCount, counts, last_required, lines
from funnel.metrics._periods import Calendar, Period, Periods, period_label
from funnel.metrics._rate import Rate, rate_text


@attrs.frozen
class FunnelPeriod:
    """The people who entered in one period.

    Attributes:
        start: The first day of the period, in the shop's time zone.
        steps: The counts and rates of every step.
        is_mature: Whether the period is over and every window that started in it is closed.
    """

    start: date
    steps: tuple[StepCount, ...]
    is_mature: bool

    @property
    def rate(self) -> Rate:
        """The share of people who entered that converted.

        Only people with a closed window count.
        """
        return last_required(self.steps).from_start


@attrs.frozen
class Trend(Charted, Rows, Listed[FunnelPeriod], Tabular):
    """A funnel by period of entry, oldest first; returned by `FunnelResult.trend`.

    As text, a star marks a period that is not mature.

    Attributes:
        period: The kind of period.
        tz: The time zone in which periods are cut.
        periods: The periods, from the first with an entry to the period of `as_of`.
        min_people: The minimum number of people for a rate to be shown in text.
    """

    period: Period
    tz: str
    periods: tuple[FunnelPeriod, ...]
    min_people: int
    _calendar: Calendar = attrs.field(repr=False)

    _CHART = "funnels.trend"
    _PARTS = "periods"
    _LEFT = (0, 4)

    def to_dicts(self) -> list[dict[str, object]]:
        """Return one row for each period and step, ready for a dataframe."""
        return [
            {"period": one.start, "is_mature": one.is_mature, **step.to_dict()} for one in self for step in one.steps
        ]

    def _tables(self) -> Iterator[Table]:
        rows = [
            (
                period_label(one.start, self.period, is_partial=not one.is_mature),
                f"{one.steps[0].reached:,}",
                f"{last_required(one.steps).reached:,}",
                f"{sum(step.pending or 0 for step in one.steps):,}",
                rate_text(one.rate, self.min_people),
            )
            for one in self
        ]
        yield "", ("entered in", "entered", "converted", "pending", "rate"), rows


def trend(
    attempts: Attempts, calendar: Calendar, names: Sequence[str], confidence_level: float
) -> Iterator[FunnelPeriod]:
    """Yield the funnel of each period of entry."""
    plan = attempts.plan
    ((start,),) = to_rows(attempts.frame.select(nw.col("t_1").min()), "t_1")
    if start is None:
        return
    periods = Periods.between(int(start), plan.as_of, calendar)
    placed = attempts.frame.with_columns(by=periods.index_column("t_1"))
    periods_found = lines(attrs.evolve(attempts, frame=placed))
    for index in range(len(periods)):
        mature = periods.is_over(index, plan.as_of - plan.within)
        yield FunnelPeriod(
            periods.day(index), counts(periods_found.get(index, ()), plan, names, confidence_level), mature
        )
