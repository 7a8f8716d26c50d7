"""The interface of every model: its likelihood and its forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from funnel.forecast._buyers import Buyers, Floats

Values = Mapping[str, float]
"""The parameters of a model by name, each above zero."""


_HALVINGS = 52
"""Halvings until a float has no more digits."""


class Family(Protocol):
    """One kind of model: its likelihood, and the forecast of each buyer for a horizon.

    The times of buyers, parameters and horizons have the same unit.
    """

    @property
    def name(self) -> str:
        """The name that `buying_model` accepts."""
        ...

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters in order."""
        ...

    @property
    def times(self) -> tuple[str, ...]:
        """The parameters that are times."""
        ...

    def log_likelihood(self, values: Values, buyers: Buyers) -> tuple[float, Floats]:
        """Return the log likelihood of all people, and its gradient by the logarithm of each parameter."""
        ...

    def alive(self, values: Values, buyers: Buyers) -> Floats:
        """Return the chance that each buyer has not left."""
        ...

    def at_least(self, values: Values, buyers: Buyers, horizon: float | Floats, purchases: int | Floats) -> Floats:
        """Return the chance that each buyer makes this number of purchases or more within the horizon."""
        ...

    def expected(self, values: Values, buyers: Buyers, horizon: float | Floats) -> Floats:
        """Return the mean number of purchases of each buyer within the horizon."""
        ...

    def until(self, values: Values, buyers: Buyers, chance: Floats) -> Floats:
        """Return the horizon within which each buyer purchases with this chance, which is below `alive`."""
        ...


def bisected(family: Family, values: Values, buyers: Buyers, chance: Floats) -> Floats:
    """Return the horizon within which each buyer purchases with this chance, by halving."""
    lower, upper = np.zeros_like(chance), np.ones_like(chance)
    while (early := family.at_least(values, buyers, upper, 1) < chance).any():
        lower, upper = np.where(early, upper, lower), np.where(early, 2 * upper, upper)
    for _ in range(_HALVINGS):
        middle = (lower + upper) / 2
        early = family.at_least(values, buyers, middle, 1) < chance
        lower, upper = np.where(early, middle, lower), np.where(early, upper, middle)
    return upper


def log_sum(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Return the logarithm of the sum of two exponentials, and the share of the second in the sum."""
    difference = second - first
    small = np.exp(-np.abs(difference))
    share = np.where(difference > 0, 1.0, small) / (1.0 + small)
    return np.maximum(first, second) + np.log(1.0 + small), share  # NumPy has a fast log, and a slow log1p
