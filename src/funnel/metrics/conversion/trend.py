"""A funnel by when people entered: a person belongs to the period of the entry, whenever they convert.

Law: the periods together count everybody once; one in which nobody entered is there, with 0.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from datetime import date

import attrs
import narwhals as nw

from funnel.metrics._periods import Calendar, Period, Periods, written
from funnel.metrics._purchases import told
from funnel.metrics.conversion import shown
from funnel.metrics.conversion._found import Attempts
from funnel.metrics.conversion.counted import StepCount, counts, last_required, lines
from funnel.metrics.rate import Rate


@attrs.frozen
class FunnelPeriod:
    """Those who entered in one period.

    Attributes:
        start: The first day of the period, by the shop's clock.
        steps: The counts and rates of every step.
        is_mature: Whether nobody can enter in it any more, and the window of everyone who did is over.
    """

    start: date
    steps: tuple[StepCount, ...]
    is_mature: bool

    @property
    def rate(self) -> Rate:
        """Those who converted among those who entered, counting those alone whose window was over."""
        return last_required(self.steps).from_start


@attrs.frozen
class Trend:
    """A funnel by the periods in which people entered, the oldest first; made by `Funnel.trend`.

    Attributes:
        period: The kind of period.
        tz: The zone by whose clock it is cut.
        periods: The periods, from the first in which anybody entered to the one of `as_of`.
        enough: The fewest a rate is shown of.
    """

    period: Period
    tz: str
    periods: tuple[FunnelPeriod, ...]
    enough: int
    _calendar: Calendar = attrs.field(repr=False)

    def __len__(self) -> int:
        """How many periods."""
        return len(self.periods)

    def __iter__(self) -> Iterator[FunnelPeriod]:
        """The periods, the oldest first."""
        return iter(self.periods)

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a period and step, as a dataframe takes them."""
        return [
            {"period": one.start, "is_mature": one.is_mature, **step.to_dict()} for one in self for step in one.steps
        ]

    def __str__(self) -> str:
        """Write a line for each period; one that is not mature is marked by a star."""
        return shown.text(self._lines(), _HEADING)

    def _lines(self) -> list[tuple[str, ...]]:
        return [
            (
                f"{written(one.start, self._calendar.period)}{'' if one.is_mature else '*'}",
                f"{one.steps[0].reached:,}",
                f"{last_required(one.steps).reached:,}",
                f"{sum(step.pending or 0 for step in one.steps):,}",
                shown.rate(one.rate, self.enough),
            )
            for one in self
        ]

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{cell}</th>" for cell in _HEADING)
        rows = ("".join(f"<td>{html.escape(cell)}</td>" for cell in line) for line in self._lines())
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


_HEADING = ("entered in", "entered", "converted", "pending", "rate")


def trend(attempts: Attempts, calendar: Calendar, names: Sequence[str], level: float) -> Iterator[FunnelPeriod]:
    """The funnel of each period of entry."""
    plan = attempts.plan
    ((start,),) = told(attempts.frame.select(nw.col("t_1").min()), "t_1")
    if start is None:
        return
    periods = Periods.between(int(start), plan.as_of, calendar)
    placed = attempts.frame.with_columns(by=periods.place_column("t_1"))
    found = lines(attrs.evolve(attempts, frame=placed))
    for place in range(len(periods)):
        mature = periods.is_over(place, plan.as_of - plan.within)
        yield FunnelPeriod(periods.day(place), counts(found.get(place, ()), plan, names, level), mature)
