"""Each group of a funnel against all the others, and a rate that no change of their mix moves."""

from __future__ import annotations

import attrs

from funnel.metrics.conversion.counted import Group
from funnel.metrics.rate import Difference, Rate


@attrs.frozen
class Comparison:
    """How one group converts beside all others.

    Attributes:
        value: The value of the group; None where it is not known.
        difference: Its rate less that of the others, with an interval as wide as all comparisons together ask for.
    """

    value: Group
    difference: Difference

    def __str__(self) -> str:
        """Write the difference under the name of the group."""
        return f"{'unknown' if self.value is None else self.value}: {self.difference}"


def compared(rates: dict[Group, Rate], level: float, enough: int) -> tuple[Comparison, ...]:
    """Compare each rate with that of all others; the intervals together hold the truth at the level (Bonferroni)."""
    each = 1 - (1 - level) / max(len(rates), 1)
    hits, among = (sum(getattr(rate, part) for rate in rates.values()) for part in ("hits", "among"))
    return tuple(
        Comparison(
            value,
            Rate(rate.hits, rate.among, level=each).minus(
                Rate(hits - rate.hits, among - rate.among, level=each), least=enough
            ),
        )
        for value, rate in rates.items()
    )
