"""One cohort: people who started in one period, and their activity in each later period."""

from __future__ import annotations

from datetime import date

import attrs

from funnel._arguments import count_of, truth
from funnel.metrics._rate import Rate


@attrs.frozen
class Ratio:
    """A ratio of two counts of people.

    Unlike the successes of a rate, the first need not be part of the second.

    Attributes:
        people: The first number.
        beside: The number to compare with.
    """

    people: int
    beside: int

    @property
    def value(self) -> float | None:
        """The first number divided by the second. None if the second is 0."""
        return self.people / self.beside if self.beside else None

    def __str__(self) -> str:
        """Return both numbers with their quotient."""
        counts = f"{self.people:,} beside {self.beside:,}"
        return f"no ratio ({counts})" if self.value is None else f"{100 * self.value:.1f} % ({counts})"


@attrs.frozen
class Cohort:
    """The people who started in one period, with the numbers of each later period, counted from 0.

    Attributes:
        start: The first day of the period in which they started, in the shop's time zone.
        index: The number of periods between the oldest cohort and this one.
        size: The number of people.
        is_open: Whether the first period is not over, so that more people may join.
        over: The number of periods that are over for the whole cohort.
        people: The number of people counted in each period.
        trials: The number of people observed in each period. In rolling windows: people whose window is over.
        orders: The number of orders in each period.
        revenue: The amount paid in each period, less refunds, in minor units. None if amounts are not known.
        value: The amount paid up to the end of each period by the people in `trials`, in minor units. None if amounts
            are not known.
    """

    start: date
    index: int
    size: int
    is_open: bool
    over: int
    people: tuple[int, ...]
    trials: tuple[int, ...]
    orders: tuple[int, ...]
    revenue: tuple[int, ...] | None
    value: tuple[int, ...] | None

    def after(self, periods: int) -> int | None:
        """Return the number of people counted this many periods later; None if unobserved.

        Args:
            periods: 0 is the first period of the cohort.
        """
        return number_at(self.people, periods)

    def rate(self, periods: int, *, unfinished: bool = False) -> Rate | None:
        """Return the share of the cohort that is counted this many periods later.

        Args:
            periods: 0 is the first period of the cohort.
            unfinished: Whether to include a period that is not over for the whole cohort.

        Returns:
            The rate. None if the period has not begun, or if it is not over and `unfinished` is False.

        Raises:
            ArgumentError: `periods` is not a whole number, or `unfinished` is not True or False.
        """
        people = shown_number(self, self.people, periods, unfinished)
        return None if people is None else Rate(people, self.trials[periods])

    def of_first(self, periods: int, *, unfinished: bool = False) -> Ratio | None:
        """Return the people counted this many periods later, beside those of period 0.

        Args:
            periods: 0 is the first period of the cohort.
            unfinished: Whether to include a period that is not over for the whole cohort.

        Returns:
            The ratio. None if the period has not begun, or if it is not over and `unfinished` is False.
        """
        people = shown_number(self, self.people, periods, unfinished)
        return None if people is None else Ratio(people, self.people[0])

    def of_before(self, periods: int, *, unfinished: bool = False) -> Ratio | None:
        """Return the people counted this many periods later, beside those of the period before.

        Args:
            periods: 0 is the first period of the cohort; there is no period before it.
            unfinished: Whether to include a period that is not over for the whole cohort.

        Returns:
            The ratio. None for period 0, if the period has not begun, or if it is not over and `unfinished` is False.
        """
        people = shown_number(self, self.people, periods, unfinished)
        return None if people is None or periods == 0 else Ratio(people, self.people[periods - 1])

    def average_order(self, periods: int, *, unfinished: bool = False) -> int | None:
        """Return the average amount of an order of that period, rounded down to a minor unit.

        Args:
            periods: 0 is the first period of the cohort.
            unfinished: Whether to include a period that is not over for the whole cohort.

        Returns:
            Minor units. None without orders or amounts, or if the period is not over and `unfinished` is False.
        """
        orders = shown_number(self, self.orders, periods, unfinished)
        return self.revenue[periods] // orders if self.revenue is not None and orders else None

    def value_each(self, periods: int, *, unfinished: bool = False) -> int | None:
        """Return the average amount paid by a person up to that period, rounded down.

        Args:
            periods: 0 is the first period of the cohort.
            unfinished: Whether to include a period that is not over for the whole cohort.

        Returns:
            Minor units. None without amounts, if the period has not begun, or if it is not over and `unfinished` is
            False.
        """
        value = shown_number(self, self.value or (), periods, unfinished)
        return None if value is None else value // self.trials[periods]

    def is_partial(self, periods: int) -> bool:
        """Return whether that period is not over for the whole cohort; it may not have begun.

        Args:
            periods: 0 is the first period of the cohort.
        """
        return periods_of(periods) >= self.over


def shown_number(cohort: Cohort, values: tuple[int, ...], periods: int, unfinished: bool) -> int | None:  # noqa: FBT001
    """Return the number of a period that is over, or has begun if `unfinished` is True."""
    number = number_at(values, periods)
    return number if truth(unfinished, "unfinished") or periods < cohort.over else None


def number_at(values: tuple[int, ...], index: int) -> int | None:
    index = periods_of(index)
    return values[index] if 0 <= index < len(values) else None


def periods_of(periods: object) -> int:
    """Return the validated number of periods. Below 0 nothing is counted.

    Raises:
        ArgumentError: `periods` is not a whole number.
    """
    return count_of(periods, "periods", minimum=-MAX_PERIODS, most=MAX_PERIODS)


MAX_PERIODS = 10**6
"""More periods than there are days in the supported years."""
