"""Cohorts: people by when they began, and what they did in each period after; made by `retention`.

Law: a period that has not begun at `as_of` is not observed and is None; one in which nobody of the cohort bought is 0.
A rate is among those for whom it can be known, and an average is taken over cells that are over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import attrs

from funnel._given import count_of, day_of, nearest, truth
from funnel.errors import ArgumentError
from funnel.metrics._periods import Period
from funnel.metrics.rate import Rate
from funnel.metrics.retention.activity import Measure, RefundBasis
from funnel.metrics.retention.triangle import html_of, text_of


@attrs.frozen
class Ratio:
    """How many beside how many others; unlike the hits of a rate, they need not be among them.

    Attributes:
        people: How many.
        beside: How many others they are compared with.
    """

    people: int
    beside: int

    @property
    def value(self) -> float | None:
        """The first number divided by the second; None beside nobody."""
        return self.people / self.beside if self.beside else None

    def __str__(self) -> str:
        """Write both numbers with their quotient."""
        counts = f"{self.people:,} beside {self.beside:,}"
        return f"no ratio ({counts})" if self.value is None else f"{100 * self.value:.1f} % ({counts})"


@attrs.frozen
class Cohort:
    """The people who began in one period; of each period after, counted from 0, what is known.

    Attributes:
        start: The first day of the period in which they began, by the shop's clock.
        place: How many periods after that of the oldest cohort.
        size: How many people.
        is_open: Whether that period is not over, so that more may join.
        over: How many of the periods after are over for all of them.
        people: How many of them are counted in each period.
        among: For how many of them it can be known: in rolling windows, those whose window is over.
        orders: How many orders they placed in each period.
        revenue: What they paid in each, less refunds, in minor units; None where amounts are not known.
        value: What they paid up to the end of each, those alone who are in `among`; None where amounts are not known.
    """

    start: date
    place: int
    size: int
    is_open: bool
    over: int
    people: tuple[int, ...]
    among: tuple[int, ...]
    orders: tuple[int, ...]
    revenue: tuple[int, ...] | None
    value: tuple[int, ...] | None

    def after(self, periods: int) -> int | None:
        """How many of them are counted so many periods after; None where that is not observed.

        Args:
            periods: 0 is the period in which they began.
        """
        return _at(self.people, periods)

    def rate(self, periods: int, *, unfinished: bool = False) -> Rate | None:
        """Return the share of the cohort that is counted so many periods later.

        Args:
            periods: 0 is the period in which they began.
            unfinished: Whether to include a period that is not over for the whole cohort.

        Returns:
            The rate. None if the period has not begun, or if it is not over and `unfinished` is False.

        Raises:
            ArgumentError: `periods` is not a whole number, or `unfinished` is not True or False.
        """
        people = _shown(self, self.people, periods, unfinished)
        return None if people is None else Rate(people, self.among[periods])

    def of_first(self, periods: int, *, unfinished: bool = False) -> Ratio | None:
        """Return the people counted so many periods later, beside those of period 0.

        Args:
            periods: 0 is the period in which they began.
            unfinished: Whether to include a period that is not over for the whole cohort.

        Returns:
            The ratio. None if the period has not begun, or if it is not over and `unfinished` is False.
        """
        people = _shown(self, self.people, periods, unfinished)
        return None if people is None else Ratio(people, self.people[0])

    def of_before(self, periods: int, *, unfinished: bool = False) -> Ratio | None:
        """Return the people counted so many periods later, beside those of the period before.

        Args:
            periods: 0 is the period in which they began; it has none before it.
            unfinished: Whether to include a period that is not over for the whole cohort.

        Returns:
            The ratio. None for period 0, if the period has not begun, or if it is not over and `unfinished` is False.
        """
        people = _shown(self, self.people, periods, unfinished)
        return None if people is None or periods == 0 else Ratio(people, self.people[periods - 1])

    def average_order(self, periods: int, *, unfinished: bool = False) -> int | None:
        """Return the average amount of an order of that period, rounded down to a minor unit.

        Args:
            periods: 0 is the period in which they began.
            unfinished: Whether to include a period that is not over for the whole cohort.

        Returns:
            Minor units. None without orders or amounts, or if the period is not over and `unfinished` is False.
        """
        orders = _shown(self, self.orders, periods, unfinished)
        return self.revenue[periods] // orders if self.revenue is not None and orders else None

    def value_each(self, periods: int, *, unfinished: bool = False) -> int | None:
        """Return the average of what each person paid up to the end of that period, rounded down to a minor unit.

        Args:
            periods: 0 is the period in which they began.
            unfinished: Whether to include a period that is not over for the whole cohort.

        Returns:
            Minor units. None without amounts, if the period has not begun, or if it is not over and `unfinished` is
            False.
        """
        value = _shown(self, self.value or (), periods, unfinished)
        return None if value is None else value // self.among[periods]

    def is_partial(self, periods: int) -> bool:
        """Whether that period has begun and is not over for all of them.

        Args:
            periods: 0 is the period in which they began.
        """
        return self.over <= _place(periods) < len(self.people)


def _shown(cohort: Cohort, values: tuple[int, ...], periods: int, unfinished: bool) -> int | None:  # noqa: FBT001
    """Return the number of a period that is over, or of one that has begun if `unfinished` is True."""
    number = _at(values, periods)
    return number if truth(unfinished, "unfinished") or periods < cohort.over else None


def _at(values: tuple[int, ...], place: int) -> int | None:
    place = _place(place)
    return values[place] if 0 <= place < len(values) else None


def _place(periods: object) -> int:
    """Return how many periods after are asked about; below 0 nothing is counted.

    Raises:
        ArgumentError: It is not a whole number.
    """
    return count_of(periods, "periods", least=-_MOST, most=_MOST)


_MOST = 10**6
"""More periods than there are days in the years that are kept."""


@attrs.frozen
class Cohorts:
    """Cohorts at an instant, the oldest first; a period in which nobody began has none.

    Attributes:
        as_of: The instant of judgement.
        tz: The zone by whose clock periods are cut.
        period: The calendar period by which people are put into cohorts.
        window: How long each of a person's own windows is; None where the periods after are the calendar's too.
        brackets: The periods after with which brackets begin, and with which the last one ends; () for each by itself.
        measure: Whom a cell counts.
        first: The kind of event whose first one put a person into a cohort.
        refund_basis: In which period refunds are taken off.
        is_partial: Whether the calendar period of `as_of` was not over.
        cohorts: The cohorts.
    """

    as_of: datetime
    tz: str
    period: Period
    window: timedelta | None
    brackets: tuple[int, ...]
    measure: Measure
    first: str
    refund_basis: RefundBasis
    is_partial: bool
    cohorts: tuple[Cohort, ...]
    _who: Callable[[int, int], Any] = attrs.field(alias="who", eq=False, repr=False)

    def __len__(self) -> int:
        """How many cohorts."""
        return len(self.cohorts)

    def __iter__(self) -> Iterator[Cohort]:
        """The cohorts, the oldest first."""
        return iter(self.cohorts)

    @property
    def width(self) -> int:
        """How many periods the longest row has, period 0 and those that are not over among them."""
        return max((len(cohort.people) for cohort in self.cohorts), default=0)

    @property
    def horizon(self) -> int | None:
        """The last period that is over for everyone of every cohort; None where there is none."""
        over = min((cohort.over for cohort in self.cohorts), default=0)
        return over - 1 if over else None

    def label(self, periods: int) -> str:
        """The name of a column: +1, or +4-7 where a bracket holds several periods.

        Args:
            periods: Which column; 0 is the first.

        Raises:
            ArgumentError: It is not a whole number from 0 up, or there is no such bracket.
        """
        place = count_of(periods, "periods", least=0, most=len(self.brackets) - 2 if self.brackets else _MOST)
        if not self.brackets:
            return f"+{place}"
        first, last = self.brackets[place], self.brackets[place + 1] - 1
        return f"+{first}" if first == last else f"+{first}-{last}"

    def average(self, periods: int) -> Rate | None:
        """The share of everyone who is counted so many periods after, over the cohorts for which that period is over.

        Every person weighs the same, so a large cohort weighs more than a small one.

        Args:
            periods: 0 is the period in which they began.

        Returns:
            The rate; None where that period is over for no cohort.
        """
        place = _place(periods)
        over = [cohort for cohort in self.cohorts if 0 <= place < cohort.over]
        if not over:
            return None
        return Rate(sum(one.people[place] for one in over), sum(one.among[place] for one in over))

    def values(self, periods: int) -> dict[date, int | None]:
        """What each person of each cohort had paid, on average, when so many periods were over: a common horizon.

        Args:
            periods: The last period that counts; 0 is the one in which they began.

        Returns:
            Minor units by the start of the cohort; None for a cohort whose period of that number is not over.
        """
        place = _place(periods)
        return {one.start: one.value_each(place) for one in self.cohorts}

    def people_of(self, start: date, periods: int) -> Any:
        """Who is counted in a cell.

        Args:
            start: The first day of the cohort's period.
            periods: 0 is that period.

        Returns:
            Their ids: a frame with the one column `person_id`, of the kind that came in, or a list where a list did.

        Raises:
            ArgumentError: There is no such cohort, or the period is not observed.
        """
        day_of(start, "start")
        row = next((cohort for cohort in self.cohorts if cohort.start == start), None)
        if row is None:
            msg = f"no cohort begins on {start}; {nearest(str(start), (str(one.start) for one in self))}"
            raise ArgumentError(msg)
        if row.after(periods) is None:
            msg = f"period {periods} of the cohort of {start} is not observed; it has {len(row.people)}, counted from 0"
            raise ArgumentError(msg)
        return self._who(row.place, periods)

    def to_dicts(self) -> list[dict[str, Any]]:
        """The long form, one row for each cohort and period after, as a dataframe takes them; unobserved is None."""
        return [self._cell(cohort, periods) for cohort in self.cohorts for periods in range(self.width)]

    def _cell(self, cohort: Cohort, periods: int) -> dict[str, Any]:
        rate, first = cohort.rate(periods, unfinished=True), cohort.of_first(periods, unfinished=True)
        before = cohort.of_before(periods, unfinished=True)
        return {
            "cohort": cohort.start,
            "size": cohort.size,
            "periods_after": self.brackets[periods] if self.brackets else periods,
            "people": cohort.after(periods),
            "among": _at(cohort.among, periods),
            "rate": rate and rate.value,
            "low": rate and rate.low,
            "high": rate and rate.high,
            "of_first": first and first.value,
            "of_before": before and before.value,
            "orders": _at(cohort.orders, periods),
            "revenue": None if cohort.revenue is None else _at(cohort.revenue, periods),
            "average_order": cohort.average_order(periods, unfinished=True),
            "value": None if cohort.value is None else _at(cohort.value, periods),
            "is_partial": cohort.is_partial(periods),
        }

    @property
    def averages(self) -> tuple[Rate | None, ...]:
        """The average of each period after, from 0, over finished periods alone: the last row of the table."""
        return tuple(self.average(periods) for periods in range(self.width))

    def triangle(self, *, unfinished: bool = False) -> list[dict[str, Any]]:
        """The wide form, one row for each cohort, with its size and the people of each period after by `label`.

        Args:
            unfinished: Whether to include periods that are not over for the whole cohort; False: they are None, so that
                sums and averages of a column are of finished periods alone.
        """
        labels = [self.label(periods) for periods in range(self.width)]
        return [
            {
                "cohort": one.start,
                "size": one.size,
                **{label: _shown(one, one.people, at, unfinished) for at, label in enumerate(labels)},
            }
            for one in self.cohorts
        ]

    def heat(self, *, unfinished: bool = False) -> list[list[float | None]]:
        """The shares alone, one list for each cohort, as a heat-map takes them; None (grey) is not known yet.

        Args:
            unfinished: Whether to include periods that are not over for the whole cohort; False: they are None, so that
                an average of a column is of finished periods alone. `averages` has the average of every person.
        """
        rates = [[one.rate(at, unfinished=unfinished) for at in range(self.width)] for one in self.cohorts]
        return [[None if rate is None else rate.value for rate in row] for row in rates]

    def __str__(self) -> str:
        """Write the table: people by cohort and period after; a star marks what is not over for all."""
        return text_of(self)

    def _repr_html_(self) -> str:
        return html_of(self)
