"""A rate with its counts and confidence interval, and the difference of two rates.

Invariants: `ci_lower <= value <= ci_upper`. The more people a rate has, the narrower its interval. If the two rates of
a difference are swapped, the difference and its interval change sign.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from statistics import NormalDist

import attrs

from funnel._arguments import count_of, instance, share_of
from funnel._format import as_span
from funnel.errors import ArgumentError

DEFAULT_CONFIDENCE = 0.95
"""The default confidence level: 95 %, the convention since Fisher (1925)."""

DEFAULT_MIN_PEOPLE = 30
"""Below this number of people a share is not shown: a 95 % interval then spans a third of all shares."""


MOST = 10**100
"""Far above any real count. Python cannot divide integers above 10 ** 308 as floats."""


def _count(_: Rate, field: attrs.Attribute[int], value: object) -> None:
    count_of(value, f"{field.name} of a rate", minimum=0, most=MOST)


def _level(_: Rate, field: attrs.Attribute[float], value: object) -> None:
    share_of(value, f"{field.name} of a rate")


@attrs.frozen
class Rate:
    """A share of people with its counts and the confidence interval of the true share.

    The interval is Wilson's. It stays between 0 and 1, and is reliable for few people and for shares near 0 or 1.
    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    American Statistical Association 22 (1927), 209-212.

    Args:
        successes: The number of people for whom the condition holds.
        trials: The number of all people, successes included.
        confidence_level: The probability that such an interval contains the true share.

    Raises:
        ArgumentError: A count is not a whole number from 0 up, there are more successes than trials, or the level is
            not between 0 and 1.

    Example:
        >>> rate = Rate.of(1234, 3610)
        >>> print(rate)
        34.2 % (1,234 of 3,610; 32.7 to 35.7 %)
        >>> rate.is_reportable(30)
        True
    """

    successes: int = attrs.field(validator=_count)
    trials: int = attrs.field(validator=_count)
    confidence_level: float = attrs.field(default=DEFAULT_CONFIDENCE, kw_only=True, validator=_level)

    def __attrs_post_init__(self) -> None:
        """Refuse more successes than trials."""
        if self.successes > self.trials:
            msg = f"successes cannot exceed trials (got {self.successes} successes of {self.trials} trials)"
            raise ArgumentError(msg)

    @classmethod
    def of(cls, successes: int, trials: int, *, confidence_level: float = DEFAULT_CONFIDENCE) -> Rate:
        """Return the rate of `successes` among `trials`.

        Args:
            successes: The number of people for whom the condition holds.
            trials: The number of all people, successes included.
            confidence_level: The probability that such an interval contains the true share.
        """
        return cls(successes, trials, confidence_level=confidence_level)

    @property
    def value(self) -> float | None:
        """The share, 0 to 1. None if there are no trials."""
        return self.successes / self.trials if self.trials else None

    @property
    def ci_lower(self) -> float | None:
        """The lower end of the interval. None if there are no trials."""
        if not self.trials:
            return None
        return 0.0 if self.successes == 0 else self._middle - self._half

    @property
    def ci_upper(self) -> float | None:
        """The upper end of the interval. None if there are no trials."""
        if not self.trials:
            return None
        return 1.0 if self.successes == self.trials else self._middle + self._half

    @property
    def _squared(self) -> float:
        """The square of the number of standard errors from the middle to each end."""
        return NormalDist().inv_cdf((1 + self.confidence_level) / 2) ** 2

    @property
    def _middle(self) -> float:
        return (self.successes + self._squared / 2) / (self.trials + self._squared)

    @property
    def _half(self) -> float:
        spread = self.successes * (self.trials - self.successes) / self.trials + self._squared / 4
        return sqrt(self._squared * spread) / (self.trials + self._squared)

    def is_reportable(self, min_people: int) -> bool:
        """Return whether the rate has at least `min_people` trials.

        Args:
            min_people: The minimum number of people for a rate. If there are fewer, show that in place of the rate.
        """
        return self.trials >= count_of(min_people, "min_people", minimum=0)

    def minus(self, other: Rate, *, min_people: int = 1) -> Difference:
        """Return this rate minus the rate of other people, with the interval of the difference.

        Args:
            other: The rate of other people. The two rates must not share a person.
            min_people: The minimum number of people in each rate. If either has fewer, the difference is None.

        Raises:
            ArgumentError: The intervals have different confidence levels, or `min_people` is not a whole number from 1
                up.

        Example:
            >>> print(Rate(56, 70).minus(Rate(48, 80)))
            +20.0 points (56 of 70 minus 48 of 80; +5.2 to +33.4)
            >>> print(Rate(2, 3).minus(Rate(48, 80), min_people=30))
            not enough (2 of 3 minus 48 of 80; at least 30 each)
        """
        return Difference(self, instance(other, Rate, "other", "a Rate"), min_people)

    def to_dict(self) -> dict[str, int | float | None]:
        """Return the counts, the share and its interval by name."""
        names = ("successes", "trials", "value", "ci_lower", "ci_upper", "confidence_level")
        return {name: getattr(self, name) for name in names}

    def __str__(self) -> str:
        """Return the share with its counts and its interval."""
        if self.value is None or self.ci_lower is None or self.ci_upper is None:
            return "no rate (0 of 0)"
        counts = f"{self.successes:,} of {self.trials:,}"
        return f"{100 * self.value:.1f} % ({counts}; {100 * self.ci_lower:.1f} to {100 * self.ci_upper:.1f} %)"

    def _repr_html_(self) -> str:
        return as_span(self, f"Wilson's interval at {self.confidence_level:.4g}")


def rate_text(rate: Rate, min_people: int) -> str:
    """Return a rate as text, or a note that there are too few people."""
    return str(rate) if rate.is_reportable(min_people) else f"not enough: {rate.trials:,} of {min_people:,}"


def _minimum(_: Difference, __: attrs.Attribute[int], value: object) -> None:
    count_of(value, "min_people", minimum=1)


@attrs.frozen
class Difference:
    """The difference of two rates with its confidence interval; returned by `Rate.minus`.

    The two rates are of different people. The interval is Newcombe's hybrid score interval. It is built from the Wilson
    intervals of both rates and stays between -1 and 1. It is valid for rates near 0 or 1, too.
    Source: R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of
    eleven methods", Statistics in Medicine 17 (1998), 873-890, method 10.

    Args:
        rate: The rate to subtract from.
        other: The rate to subtract.
        min_people: The minimum number of people in each rate. If either has fewer, the difference is None.

    Raises:
        ArgumentError: The intervals have different confidence levels, or `min_people` is not a whole number from 1 up.

    Example:
        >>> difference = Rate(9, 10).minus(Rate(3, 10))
        >>> print(difference)
        +60.0 points (9 of 10 minus 3 of 10; +17.1 to +80.9)
        >>> Rate(9, 10).minus(Rate(3, 10), min_people=30).value is None
        True
    """

    rate: Rate
    other: Rate
    min_people: int = attrs.field(default=1, validator=_minimum)

    def __attrs_post_init__(self) -> None:
        """Refuse rates with different confidence levels."""
        if self.rate.confidence_level != self.other.confidence_level:
            one, other = self.rate.confidence_level, self.other.confidence_level
            raise ArgumentError(f"two rates must have the same confidence level (got {one} and {other})")

    @property
    def is_reportable(self) -> bool:
        """Whether both rates have at least `min_people` people."""
        return self.rate.is_reportable(self.min_people) and self.other.is_reportable(self.min_people)

    @property
    def value(self) -> float | None:
        """The difference of the two shares, -1 to 1. None if it is not reportable."""
        return self._counts(_value)

    @property
    def ci_lower(self) -> float | None:
        """The lower end of the interval. None if it is not reportable."""
        return self._counts(_low)

    @property
    def ci_upper(self) -> float | None:
        """The upper end of the interval. None if it is not reportable."""
        return self._counts(lambda one, other: -_low(other, one))

    def _counts(self, part: Callable[[_Ends, _Ends], float]) -> float | None:
        one, other = _ends(self.rate), _ends(self.other)
        return part(one, other) if self.is_reportable and one and other else None

    def to_dict(self) -> dict[str, int | float | None]:
        """Return the counts of both rates, the difference and its interval by name."""
        counts = {"successes": self.rate.successes, "trials": self.rate.trials}
        others = {"other_successes": self.other.successes, "other_trials": self.other.trials}
        interval = {name: getattr(self, name) for name in ("value", "ci_lower", "ci_upper")}
        return {
            **counts,
            **others,
            **interval,
            "confidence_level": self.rate.confidence_level,
            "min_people": self.min_people,
        }

    def __str__(self) -> str:
        """Return the difference in percentage points, with the counts of both rates and its interval."""
        counts = (
            f"{self.rate.successes:,} of {self.rate.trials:,} minus {self.other.successes:,} of {self.other.trials:,}"
        )
        if self.value is None or self.ci_lower is None or self.ci_upper is None:
            return f"not enough ({counts}; at least {self.min_people:,} each)"
        return f"{100 * self.value:+z.1f} points ({counts}; {100 * self.ci_lower:+z.1f} to {100 * self.ci_upper:+z.1f})"

    def _repr_html_(self) -> str:
        return as_span(self, f"Newcombe's interval at {self.rate.confidence_level:.4g}")


_Ends = tuple[float, float, float]


def _ends(rate: Rate) -> _Ends | None:
    """Return the share and the ends of its interval. None if there are no trials."""
    if rate.ci_lower is None or rate.value is None or rate.ci_upper is None:
        return None
    return rate.ci_lower, rate.value, rate.ci_upper


def _value(one: _Ends, other: _Ends) -> float:
    return one[1] - other[1]


def _low(one: _Ends, other: _Ends) -> float:
    """Return the lower end: the difference minus the root of two squared distances.

    The distances are from this share to its lower end, and from the other share to its upper end.
    """
    down, up = one[1] - one[0], other[2] - other[1]
    return max(-1.0, _value(one, other) - sqrt(down * down + up * up))
