"""Each group of a funnel compared with all other groups together."""

from __future__ import annotations

import attrs

from funnel.metrics._conversion.counts import Group
from funnel.metrics._rate import Difference, Rate


@attrs.frozen
class Comparison:
    """The conversion of one group compared with all other groups.

    Attributes:
        value: The value of the group. None if the value is unknown.
        difference: The group's rate minus the rate of the other groups. The interval is widened for all comparisons.
    """

    value: Group
    difference: Difference

    def __str__(self) -> str:
        """Return the difference under the name of the group."""
        return f"{'unknown' if self.value is None else self.value}: {self.difference}"


def compared(rates: dict[Group, Rate], confidence_level: float, min_people: int) -> tuple[Comparison, ...]:
    """Compare each rate with the rate of all other groups; the intervals hold jointly (Bonferroni)."""
    each = 1 - (1 - confidence_level) / max(len(rates), 1)
    successes, trials = (sum(getattr(rate, part) for rate in rates.values()) for part in ("successes", "trials"))
    return tuple(
        Comparison(
            value,
            Rate(rate.successes, rate.trials, confidence_level=each).minus(
                Rate(successes - rate.successes, trials - rate.trials, confidence_level=each), min_people=min_people
            ),
        )
        for value, rate in rates.items()
    )
