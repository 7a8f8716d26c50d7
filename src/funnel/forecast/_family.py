"""The interface of every model: its likelihood and its forecasts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import exp
from typing import ClassVar

import numpy as np

from funnel.forecast._buyers import Buyers, Floats, Indices, dot
from funnel.forecast._minimize import second_derivatives

Values = Mapping[str, float]
"""The parameters of a model by name, each above zero."""


_HALVINGS = 52
"""Halvings until a float has no more digits."""


class Family(ABC):
    """One kind of model: its likelihood, and the forecast of each buyer for a horizon.

    The times of buyers, parameters and horizons have the same unit.
    """

    name: str
    """The name that `buying_model` accepts."""
    parameters: tuple[str, ...]
    """The names of the parameters in order."""
    times: tuple[str, ...]
    """The parameters that are times."""
    varying: ClassVar[tuple[str, ...]]
    """The parameters that differ by covariates."""
    k: int = 1
    """The number of events of the rate for each purchase."""

    @abstractmethod
    def rows(self, values: Values, buyers: Buyers) -> tuple[Floats, Floats]:
        """Return the log likelihood of each buyer without the part that no parameter changes, and its gradient.

        The gradient is by the logarithms of the parameters: one row for each parameter, one column for each buyer.
        """

    def total(self, values: Values, buyers: Buyers) -> tuple[float, Floats]:
        """Return the log likelihood of all people, and its gradient."""
        value, scores = self.rows(values, buyers)
        return dot(buyers.people, value), np.array([dot(buyers.people, score) for score in scores])

    @property
    def has_formula(self) -> bool:
        """True if the second derivatives have a formula, which is as fast as the gradient."""
        return False

    def curvature(self, values: Values, buyers: Buyers) -> Floats:
        """Return the second derivatives of the log likelihood of all people by the logarithms of the parameters."""

        def total(logs: Floats) -> tuple[float, Floats]:
            return self.total(as_values(self, logs), buyers)

        return second_derivatives(total, np.log([values[name] for name in self.parameters]))

    @abstractmethod
    def alive(self, values: Values, buyers: Buyers) -> Floats:
        """Return the chance that each buyer has not left."""

    @abstractmethod
    def at_least_if_alive(
        self, values: Values, buyers: Buyers, horizon: float | Floats, purchases: int | Floats
    ) -> Floats:
        """Return the chance of this number of purchases or more within the horizon, if the buyer has not left."""

    @abstractmethod
    def expected_if_alive(self, values: Values, buyers: Buyers, horizon: float | Floats) -> Floats:
        """Return the mean number of purchases within the horizon, if the buyer has not left."""

    @abstractmethod
    def until_if_alive(self, values: Values, buyers: Buyers, chance: Floats) -> Floats:
        """Return the horizon within which a buyer purchases with this chance, if the buyer has not left."""

    def ever_if_alive(self, values: Values, buyers: Buyers) -> Floats:  # noqa: ARG002 (depends on the model)
        """Return the chance of another purchase, however late, if the buyer has not left."""
        return np.ones(len(buyers))

    def alike(self, buyers: Buyers) -> tuple[Buyers, Indices]:
        """Return buyers with different forecasts if nobody has left, and the index among them of each buyer."""
        return buyers.alike

    def along(self, directions: Floats, changes: Floats, buyers: Buyers) -> Floats:  # noqa: ARG002 (depends on the model)
        """Return how a statistic of buyers changes along directions (rows).

        Args:
            directions: The directions: changes of the logarithms of the parameters.
            changes: The change of the statistic of each buyer by the logarithms of the first parameters (rows).
            buyers: The buyers.
        """
        return np.stack([np.einsum("i,in->n", one, changes) for one in directions])

    @property
    def steps(self) -> int:
        """The number of parameters, from the first, by which `along` has the changes."""
        return len(self.parameters)

    def at_least(self, values: Values, buyers: Buyers, horizon: float | Floats, purchases: int | Floats) -> Floats:
        """Return the chance that each buyer makes this number of purchases or more within the horizon."""
        return self.alive(values, buyers) * self.at_least_if_alive(values, buyers, horizon, purchases)

    def expected(self, values: Values, buyers: Buyers, horizon: float | Floats) -> Floats:
        """Return the mean number of purchases of each buyer within the horizon."""
        return self.alive(values, buyers) * self.expected_if_alive(values, buyers, horizon)


def as_values(family: Family, logs: Floats) -> Values:
    """Return the parameters of a family from their logarithms."""
    return {name: exp(value) for name, value in zip(family.parameters, logs, strict=True)}


def bisected(family: Family, values: Values, buyers: Buyers, chance: Floats) -> Floats:
    """Return the horizon within which a buyer purchases with this chance, if the buyer has not left, by halving."""
    lower, upper = np.zeros_like(chance), np.ones_like(chance)
    while (early := family.at_least_if_alive(values, buyers, upper, 1) < chance).any():
        lower, upper = np.where(early, upper, lower), np.where(early, 2 * upper, upper)
    for _ in range(_HALVINGS):
        middle = (lower + upper) / 2
        early = family.at_least_if_alive(values, buyers, middle, 1) < chance
        lower, upper = np.where(early, middle, lower), np.where(early, upper, middle)
    return upper


def log_sum(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Return the logarithm of the sum of two exponentials, and the share of the second in the sum."""
    difference = second - first
    small = np.exp(-np.abs(difference))
    share = np.where(difference > 0, 1.0, small) / (1.0 + small)
    return np.maximum(first, second) + np.log(1.0 + small), share  # NumPy has a fast log, and a slow log1p
