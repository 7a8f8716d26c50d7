"""Pareto/NBD: buyers purchase at a rate of their own and leave at a moment of their own, not only after a purchase.

Sources: Schmittlein, Morrison, Colombo 1987, Management Science 33, 1-24. Fader, Hardie 2005, "A note on deriving the
Pareto/NBD model and related expressions".
"""

from __future__ import annotations

import attrs
import numpy as np
from scipy import special

from funnel.forecast._beta_dropout import unit_interval
from funnel.forecast._buyers import Buyers, Floats
from funnel.forecast._family import Family, Values, bisected, log_sum

_DECAY = 45.0
"""Beyond exp(-45) of its height the integrand adds nothing to a float."""


@attrs.frozen
class Pareto(Family):
    """Pareto/NBD."""

    name: str = "pareto_nbd"

    parameters = ("r", "alpha", "s", "beta")
    times = ("alpha", "beta")
    varying = ("alpha", "beta")

    def rows(self, values: Values, buyers: Buyers) -> tuple[Floats, Floats]:
        """Return the log likelihood of each buyer, and its gradient."""
        r, alpha, s, beta = (values[name] for name in self.parameters)
        rate, age = r + buyers.count, buyers.age
        stayed = -rate * np.log(alpha + age) - s * np.log(beta + age)
        left_weight, inner = _exit_weight(values, buyers)
        mixed, left = log_sum(stayed, left_weight)
        still = 1 - left
        value = special.gammaln(rate) - special.gammaln(r) + r * np.log(alpha) + s * np.log(beta) + mixed
        gradient = (
            special.digamma(rate) + np.log(alpha) - special.digamma(r) - still * np.log(alpha + age),
            r / alpha - still * rate / (alpha + age),
            np.log(beta) - still * np.log(beta + age),
            s / beta - still * s / (beta + age),
        )
        names = zip(gradient, inner, self.parameters, strict=True)
        return value, np.stack([(one + left * part) * values[name] for one, part, name in names])

    def alive(self, values: Values, buyers: Buyers) -> Floats:
        """Return the chance that each buyer has not left."""
        rate = values["r"] + buyers.count
        stayed = -rate * np.log(values["alpha"] + buyers.age) - values["s"] * np.log(values["beta"] + buyers.age)
        return np.asarray(special.expit(stayed - _exit_weight(values, buyers)[0]))

    def at_least_if_alive(
        self, values: Values, buyers: Buyers, horizon: float | Floats, purchases: int | Floats
    ) -> Floats:
        """Return the chance that the last of these purchases is within the horizon and before the buyer leaves.

        The integral over the moment of that purchase, in equal steps of the logarithm of the time since the beginning.
        """
        rate, age, stay = values["r"] + buyers.count, values["alpha"] + buyers.age, values["beta"] + buyers.age
        number = np.asarray(purchases, dtype=np.float64)
        constant = special.gammaln(rate + number) - special.gammaln(rate) - special.gammaln(number)
        end = np.minimum(np.log1p(horizon / age), (number + 10 * np.sqrt(number) + _DECAY) / rate)
        chance = np.zeros_like(rate)
        for point, weight in zip(*unit_interval(), strict=True):
            step = point * end
            time = np.expm1(step)
            arrival = constant + (number - 1) * np.log(time) - (rate + number - 1) * step
            chance += weight * end * np.exp(arrival - values["s"] * np.log1p(age * time / stay))
        return np.asarray(chance)

    def ever_if_alive(self, values: Values, buyers: Buyers) -> Floats:
        """Return the chance of a purchase before the buyer leaves, if the buyer has not left."""
        return self.at_least_if_alive(values, buyers, np.inf, 1)

    def expected_if_alive(self, values: Values, buyers: Buyers, horizon: float | Floats) -> Floats:
        """Return the mean number of purchases within the horizon, if the buyer has not left."""
        r, alpha, s, beta = (values[name] for name in self.parameters)
        log = np.log1p(np.asarray(horizon) / (beta + buyers.age))
        mean = log * special.exprel(-(s - 1) * log)
        return np.asarray((r + buyers.count) * (beta + buyers.age) / (alpha + buyers.age) * mean)

    def until_if_alive(self, values: Values, buyers: Buyers, chance: Floats) -> Floats:
        """Return the horizon within which a buyer purchases with this chance, if the buyer has not left."""
        return bisected(self, values, buyers, chance)


def _exit_weight(values: Values, buyers: Buyers) -> tuple[Floats, list[Floats]]:
    """Return the log weight of having left since the last purchase, and its gradient by each parameter.

    The weight is the integral over the moment y at which the buyer left, of `s (alpha + y) ** -(r + x)
    (beta + y) ** -(s + 1)`, in equal steps of `log(alpha + y)`.
    """
    r, alpha, s, beta = (values[name] for name in Pareto.parameters)
    rate = r + buyers.count
    start = np.log(alpha + buyers.recency)
    length = np.minimum(np.log((alpha + buyers.age) / (alpha + buyers.recency)), _DECAY / rate)
    points, weights = unit_interval()
    parts, others = np.empty((len(points), len(rate))), np.empty((len(points), len(rate)))
    with np.errstate(divide="ignore"):
        for row, (point, weight) in enumerate(zip(points, weights, strict=True)):
            time = start + point * length
            others[row] = beta - alpha + np.exp(time)
            parts[row] = np.log(weight) + np.log(length) + (1 - rate) * time - (s + 1) * np.log(others[row])
        weight_sum = special.logsumexp(parts, axis=0)
    shares = np.exp(parts - np.where(np.isfinite(weight_sum), weight_sum, 0.0))
    times = start + points[:, None] * length
    gradient = [
        -(shares * times).sum(0),
        -rate * (shares / np.exp(times)).sum(0),
        1 / s - (shares * np.log(others)).sum(0),
        -(s + 1) * (shares / others).sum(0),
    ]
    return np.log(s) + weight_sum, gradient
