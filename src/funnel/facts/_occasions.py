"""Indices of the values of occasions, which facts set by hand keep consistent."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from funnel._aggregate.aggregations import GAP_FIELDS, Derived, Reduction
from funnel._time import NEVER


@attrs.frozen
class Occasions:
    """Indices of the number of occasions and of the values behind it; None if a class of facts does not have one."""

    count: int
    purchases: int
    returns: int
    first: int | None
    last: int | None
    gap: int | None
    squares: tuple[int, ...]
    """The sums behind the spread."""


def occasions_of(reductions: Sequence[Reduction], derived: Sequence[Derived]) -> Occasions | None:
    """Return the indices of the occasions; None if a class of facts does not declare their number."""
    one = next((one for one in derived if one.how == "occasions"), None)
    if one is None:
        return None
    purchases, returns = one.parts
    indices = {reduction: index for index, reduction in enumerate(reductions)}
    first, last = (
        indices.get(attrs.evolve(purchases, how=how, field="t", empty=NEVER)) for how in ("smallest", "largest")
    )
    gap, *squares = (indices.get(attrs.evolve(returns, field=field)) for field in GAP_FIELDS)
    return Occasions(
        len(reductions) + derived.index(one),
        indices[purchases],
        indices[returns],
        first,
        last,
        gap,
        tuple(index for index in squares if index is not None),
    )
