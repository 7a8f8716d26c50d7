"""Limits of facts: round numbers near the quantiles of their values."""

from __future__ import annotations

from datetime import timedelta

import attrs
import numpy as np

from funnel.backtest._figures import Flags, Floats, Indices

LONGEST = 10_000
"""Days. A span longer than 27 years is unknown: nothing of the kind happened."""

_UNITS = (1.0, 24.0, 1440.0)
"""Days, hours and minutes, in a day."""
_EXACT = 100


@attrs.frozen(eq=False)
class FactLevels:
    """The levels of one fact.

    Attributes:
        name: Name of the fact.
        limits: Limits, each stricter than the limit before; spans in days.
        is_span: Whether a span: it meets a limit that it does not exceed.
        met: For each row, the number of limits that it meets.
    """

    name: str
    limits: tuple[float, ...]
    is_span: bool
    met: Indices

    @classmethod
    def of(cls, name: str, values: Floats, bought: Flags, *, is_span: bool, most: int) -> FactLevels:
        """Choose the limits of a fact: round numbers near the quantiles of buyers and of the other people."""
        chosen = _quantiles(values, bought, is_span=is_span, most=most)
        limits = {_round(one, is_span=is_span) for one in chosen} | _edge(values, chosen, is_span=is_span)
        met, separating, before = np.zeros(len(values), np.intp), list[float](), len(values)
        for limit in sorted(limits, reverse=is_span):
            rows = _meets(values, limit, is_span=is_span)
            # A limit that separates nobody from the limit before it has no weight of its own.
            if 0 < (count := int(rows.sum())) < before:
                met, before = met + rows, count
                separating.append(limit)
        return cls(name, tuple(separating), is_span, met)

    @property
    def typed_limits(self) -> tuple[int | timedelta, ...]:
        """The limits as a policy has them."""
        return tuple(timedelta(minutes=round(1440 * one)) if self.is_span else round(one) for one in self.limits)


def _meets(values: Floats, limit: float, *, is_span: bool) -> Flags:
    return values <= limit if is_span else values >= limit


def _quantiles(values: Floats, bought: Flags, *, is_span: bool, most: int) -> list[float]:
    """Return values that split the people, buyers and the other people weighted alike."""
    # The lowest number cannot be a limit: everybody reaches it.
    is_usable = np.isfinite(values) & (is_span | (values > values.min()))
    usable, buyers = values[is_usable], bought[is_usable]
    if not len(usable):
        return []
    share = np.where(buyers, 1 / max(1, buyers.sum()), 1 / max(1, (~buyers).sum()))
    order = np.argsort(usable, kind="stable")
    weights = share[order].cumsum()
    shares = weights[-1] * np.arange(1, most + 1) / (most + 1)
    chosen: Floats = usable[order][np.searchsorted(weights, shares)]
    return [float(one) for one in chosen]


def _edge(values: Floats, chosen: list[float], *, is_span: bool) -> set[float]:
    """Return the limit that separates people for whom a span is unknown; none if another limit does it."""
    if not is_span:
        return set()
    finite = values[np.isfinite(values)]
    has_later = len(finite) > 0 and bool((finite > max(chosen)).any())
    after = {float(LONGEST)} if np.isposinf(values).any() and has_later else set[float]()
    return after | ({-float(LONGEST)} if np.isneginf(values).any() else set())


def _round(value: float, *, is_span: bool) -> float:
    """Return a round number: two digits, of days, hours or minutes for a span."""
    if not is_span and abs(value) < _EXACT:
        return value
    unit = next((one for one in _UNITS if abs(value) * one >= 1), _UNITS[-1]) if is_span else 1.0
    digits = float(f"{value * unit:.2g}")
    return max(round(1440 * digits / unit), 1) / 1440 if is_span else digits
