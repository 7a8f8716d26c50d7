"""A rate that is never a number alone: how many of how many, and how sure that makes it.

Law: `low <= value <= high`, and the more people a rate is among, the narrower its interval.
"""

from __future__ import annotations

import html
from math import sqrt
from statistics import NormalDist

import attrs

from funnel.errors import RecordError

LEVEL = 0.95
"""How often such an interval holds the truth: nineteen times in twenty, the custom since Fisher (1925)."""


def _count(_: Rate, field: attrs.Attribute[int], given: object) -> None:
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        msg = f"{field.name} of a rate is {given!r}; give a whole number of people, 0 or more"
        raise RecordError(msg)


def _level(_: Rate, field: attrs.Attribute[float], given: object) -> None:
    if not isinstance(given, float) or not 0 < given < 1:
        msg = f"{field.name} of a rate is {given!r}; give a float between 0 and 1, such as 0.95"
        raise RecordError(msg)


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
        RecordError: A count is no whole number of people, there are more hits than people, or the level is no share.

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
            raise RecordError(msg)

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
        return self.among >= least

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
