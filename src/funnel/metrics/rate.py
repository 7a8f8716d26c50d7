"""A rate that is never a number alone: how many of how many, and how sure that makes it; and how two rates differ.

Laws: `low <= value <= high`, and the more people a rate is among, the narrower its interval; turned around, a
difference and its interval have the other sign.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from math import sqrt
from statistics import NormalDist

import attrs

from funnel._given import count_of, instance, share_of
from funnel.errors import ArgumentError

LEVEL = 0.95
"""How often such an interval holds the truth: nineteen times in twenty, the custom since Fisher (1925)."""

LEAST = 30
"""Of fewer people a share is told as too few to say: an interval at 95 % then spans a third of all shares."""


MOST = 10**100
"""Far more than anybody counts. Python does not divide numbers above 10 ** 308."""


def _count(_: Rate, field: attrs.Attribute[int], given: object) -> None:
    count_of(given, f"{field.name} of a rate", least=0, most=MOST)


def _level(_: Rate, field: attrs.Attribute[float], given: object) -> None:
    share_of(given, f"{field.name} of a rate")


@attrs.frozen
class Rate:
    """How many of how many, with the interval in which the true share lies.

    The interval is Wilson's: it stays between 0 and 1, and tells the truth of few people and of shares near 0 or 1 too.
    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    American Statistical Association 22 (1927), 209-212.

    Args:
        hits: Those of whom it is so.
        among: All who were asked, the hits among them.
        level: How often such an interval holds the true share.

    Raises:
        ArgumentError: A count is no whole number of people, there are more hits than people, or the level is no share.

    Example:
        >>> rate = Rate.of(1234, 3610)
        >>> print(rate)
        34.2 % (1,234 of 3,610; 32.7 to 35.7 %)
        >>> rate.enough(30)
        True
    """

    hits: int = attrs.field(validator=_count)
    among: int = attrs.field(validator=_count)
    level: float = attrs.field(default=LEVEL, kw_only=True, validator=_level)

    def __attrs_post_init__(self) -> None:
        """Refuse more hits than people."""
        if self.hits > self.among:
            msg = f"a rate has {self.hits} hits among {self.among}; the hits are part of those they are among"
            raise ArgumentError(msg)

    @classmethod
    def of(cls, hits: int, among: int, *, level: float = LEVEL) -> Rate:
        """Make the rate of so many among so many.

        Args:
            hits: Those of whom it is so.
            among: All who were asked.
            level: How often such an interval holds the true share.
        """
        return cls(hits, among, level=level)

    @property
    def value(self) -> float | None:
        """The share, 0 to 1; None of nobody."""
        return self.hits / self.among if self.among else None

    @property
    def low(self) -> float | None:
        """The lower end of the interval; None of nobody."""
        if not self.among:
            return None
        return 0.0 if self.hits == 0 else self._middle - self._half

    @property
    def high(self) -> float | None:
        """The upper end of the interval; None of nobody."""
        if not self.among:
            return None
        return 1.0 if self.hits == self.among else self._middle + self._half

    @property
    def _squared(self) -> float:
        """The square of how many standard errors the interval reaches to each side."""
        return NormalDist().inv_cdf((1 + self.level) / 2) ** 2

    @property
    def _middle(self) -> float:
        return (self.hits + self._squared / 2) / (self.among + self._squared)

    @property
    def _half(self) -> float:
        spread = self.hits * (self.among - self.hits) / self.among + self._squared / 4
        return sqrt(self._squared * spread) / (self.among + self._squared)

    def enough(self, least: int) -> bool:
        """Whether the rate is among at least so many people; with fewer, say so in place of the rate.

        Args:
            least: The fewest people that the shop takes a rate of.
        """
        return self.among >= count_of(least, "least", least=0)

    def minus(self, other: Rate, *, least: int = 1) -> Difference:
        """How much larger this rate is than another of other people, with the interval of the difference.

        Args:
            other: The rate of the people to compare with; none of them is among the people of this one.
            least: The fewest people that the shop takes a rate of; with fewer in either, there is no difference.

        Raises:
            ArgumentError: The two have intervals of different levels, or `least` is not a whole number from 1 up.

        Example:
            >>> print(Rate(56, 70).minus(Rate(48, 80)))
            +20.0 points (56 of 70 less 48 of 80; +5.2 to +33.4)
            >>> print(Rate(2, 3).minus(Rate(48, 80), least=30))
            not enough (2 of 3 less 48 of 80; at least 30 each)
        """
        return Difference(self, instance(other, Rate, "other", "a Rate"), least)

    def to_dict(self) -> dict[str, int | float | None]:
        """The counts, the share and its interval, by name."""
        names = ("hits", "among", "value", "low", "high", "level")
        return {name: getattr(self, name) for name in names}

    def __str__(self) -> str:
        """Write the share with what it is a share of, and its interval."""
        if self.value is None or self.low is None or self.high is None:
            return "no rate (0 of 0)"
        counts = f"{self.hits:,} of {self.among:,}"
        return f"{100 * self.value:.1f} % ({counts}; {100 * self.low:.1f} to {100 * self.high:.1f} %)"

    def _repr_html_(self) -> str:
        told = f"Wilson's interval at {self.level:.4g}"
        return f'<span title="{html.escape(told)}">{html.escape(str(self))}</span>'


def _least(_: Difference, __: attrs.Attribute[int], given: object) -> None:
    count_of(given, "least", least=1)


@attrs.frozen
class Difference:
    """One rate less another, with the interval in which the true difference lies; made by `Rate.minus`.

    The two rates are of different people. The interval is Newcombe's hybrid score interval: it is built from the Wilson
    intervals of both, stays between -1 and 1, and needs no rate to be far from 0 or 1.
    Source: R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of
    eleven methods", Statistics in Medicine 17 (1998), 873-890, method 10.

    Args:
        rate: The rate from which the other is taken away.
        other: The rate that is taken away.
        least: The fewest people that the shop takes a rate of; with fewer in either, there is no difference.

    Raises:
        ArgumentError: The two have intervals of different levels, or `least` is not a whole number from 1 up.

    Example:
        >>> difference = Rate(9, 10).minus(Rate(3, 10))
        >>> print(difference)
        +60.0 points (9 of 10 less 3 of 10; +17.1 to +80.9)
        >>> Rate(9, 10).minus(Rate(3, 10), least=30).value is None
        True
    """

    rate: Rate
    other: Rate
    least: int = attrs.field(default=1, validator=_least)

    def __attrs_post_init__(self) -> None:
        """Refuse intervals that do not say the same."""
        if self.rate.level != self.other.level:
            msg = f"the levels of the two rates are {self.rate.level} and {self.other.level}; give both the same level"
            raise ArgumentError(msg)

    @property
    def enough(self) -> bool:
        """Whether both rates are among the fewest people that the shop takes a rate of."""
        return self.rate.enough(self.least) and self.other.enough(self.least)

    @property
    def value(self) -> float | None:
        """The difference of the two shares, -1 to 1; None where there is not enough."""
        return self._told(_value)

    @property
    def low(self) -> float | None:
        """The lower end of the interval; None where there is not enough."""
        return self._told(_low)

    @property
    def high(self) -> float | None:
        """The upper end of the interval; None where there is not enough."""
        return self._told(lambda one, other: -_low(other, one))

    def _told(self, part: Callable[[_Ends, _Ends], float]) -> float | None:
        one, other = _ends(self.rate), _ends(self.other)
        return part(one, other) if self.enough and one and other else None

    def to_dict(self) -> dict[str, int | float | None]:
        """The counts of both, the difference and its interval, by name."""
        counts = {"hits": self.rate.hits, "among": self.rate.among}
        others = {"other_hits": self.other.hits, "other_among": self.other.among}
        interval = {name: getattr(self, name) for name in ("value", "low", "high")}
        return {**counts, **others, **interval, "level": self.rate.level, "least": self.least}

    def __str__(self) -> str:
        """Write the difference in points of a hundred, with the counts of both and its interval."""
        counts = f"{self.rate.hits:,} of {self.rate.among:,} less {self.other.hits:,} of {self.other.among:,}"
        if self.value is None or self.low is None or self.high is None:
            return f"not enough ({counts}; at least {self.least:,} each)"
        return f"{100 * self.value:+z.1f} points ({counts}; {100 * self.low:+z.1f} to {100 * self.high:+z.1f})"

    def _repr_html_(self) -> str:
        told = f"Newcombe's interval at {self.rate.level:.4g}"
        return f'<span title="{html.escape(told)}">{html.escape(str(self))}</span>'


_Ends = tuple[float, float, float]


def _ends(rate: Rate) -> _Ends | None:
    """The share between the ends of its interval; None of nobody."""
    if rate.low is None or rate.value is None or rate.high is None:
        return None
    return rate.low, rate.value, rate.high


def _value(one: _Ends, other: _Ends) -> float:
    return one[1] - other[1]


def _low(one: _Ends, other: _Ends) -> float:
    """As far below as the square of both ways down: this share to its lower end, the other share to its upper end."""
    down, up = one[1] - one[0], other[2] - other[1]
    return max(-1.0, _value(one, other) - sqrt(down * down + up * up))
