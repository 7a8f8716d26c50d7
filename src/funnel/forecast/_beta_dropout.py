"""Models whose buyers may leave after each purchase: BG/NBD, MBG/NBD and MBG/CNBD-k; and NBD, whose buyers stay.

A buyer purchases at a rate of their own, `lambda ~ Gamma(r, alpha)`, and leaves after a purchase with a chance of their
own, `p ~ Beta(a, b)`. In the modified models (MBG) a buyer may leave after the first purchase of all. In CNBD-k each
purchase takes k events of the rate, which makes purchases regular.

Sources: Fader, Hardie, Lee 2005, Marketing Science 24, 275-284 (BG/NBD). Batislam, Denizel, Filiztekin 2007,
International Journal of Research in Marketing 24, 201-209 (MBG/NBD). Reutterer, Platzer, Schroeder 2021, International
Journal of Research in Marketing 38, 194-215 (MBG/CNBD-k). Ehrenberg 1959, Applied Statistics 8, 26-41 (NBD).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
from scipy import special

from funnel.forecast._buyers import Buyers, Floats
from funnel.forecast._family import Values, bisected, log_sum
from funnel.forecast._quadrature import beta_nodes

_LAST = 1e-13
"""A chance of one more purchase below this ends a sum over purchases."""


@attrs.frozen
class BetaDropout:
    """BG/NBD, MBG/NBD and MBG/CNBD-k.

    Attributes:
        name: The name of the model.
        leaves_at_first: True if a buyer may leave after the first purchase of all.
        k: The number of events of the rate for each purchase.
    """

    name: str
    leaves_at_first: bool
    k: int = 1

    parameters = ("r", "alpha", "a", "b")
    times = ("alpha",)

    def log_likelihood(self, values: Values, buyers: Buyers) -> tuple[Floats, Floats]:
        """Return the log likelihood of each buyer without the part that no parameter changes, and the gradient."""
        r, alpha, a, b = (values[name] for name in self.parameters)
        x, (exits, log_exit) = buyers.count, self._exits(values, buyers)
        purchases = r + self.k * x
        stayed, by_r, by_alpha = self._stayed(values, buyers, 0.0)
        left = log_exit - purchases * np.log(alpha + buyers.recency)
        mixed, left_share = log_sum(stayed, left)
        constant = (
            _by_number(x, lambda n: special.gammaln(r + self.k * n) - special.gammaln(r))
            + _by_number(exits, lambda n: special.betaln(a, b + n) - special.betaln(a, b))
            + r * np.log(alpha)
        )
        total, both = special.digamma(a + b), _by_number(exits, lambda n: special.digamma(a + b + n))
        by = (
            _by_number(x, lambda n: special.digamma(r + self.k * n) - special.digamma(r))
            + np.log(alpha)
            + (1 - left_share) * by_r
            - left_share * np.log(alpha + buyers.recency),
            r / alpha + (1 - left_share) * by_alpha - left_share * purchases / (alpha + buyers.recency),
            total - both + left_share / a,
            total
            - both
            + _by_number(exits, lambda n: special.digamma(b + n) - special.digamma(b))
            - left_share / np.maximum(b + exits - 1, np.finfo(float).tiny),
        )
        return constant + mixed, np.stack([one * values[name] for one, name in zip(by, self.parameters, strict=True)])

    def alive(self, values: Values, buyers: Buyers) -> Floats:
        """Return the chance that each buyer has not left."""
        return self._alive(values, buyers)[0]

    def at_least(self, values: Values, buyers: Buyers, horizon: float | Floats, purchases: int | Floats) -> Floats:
        """Return the chance of at least so many purchases within the horizon."""
        a, b = values["a"], values["b"]
        exits = self._exits(values, buyers)[0]
        stays = np.exp(special.betaln(a, b + exits + purchases - 1) - special.betaln(a, b + exits))
        alive, phases = self._alive(values, buyers)
        rate, length = values["r"] + self.k * buyers.count, horizon / (values["alpha"] + buyers.age)
        chances = [
            share * _at_least(self.k * np.asarray(purchases) - done, rate + done, length)
            for done, share in enumerate(phases)
        ]
        return np.asarray(alive * stays * sum(chances))

    def expected(self, values: Values, buyers: Buyers, horizon: float | Floats) -> Floats:
        """Return the mean number of purchases: an integral over the chance to leave; if k > 1, a sum over purchases."""
        if self.k > 1:
            return _sum_of_chances(self.at_least, values, buyers, horizon)
        different, index = np.unique(self._exits(values, buyers)[0], return_inverse=True)
        points, weights = beta_nodes(np.full_like(different, values["a"]), values["b"] + different)
        rate = values["r"] + buyers.count
        length = horizon / (values["alpha"] + buyers.age)
        mean = np.zeros_like(rate)
        for node, weight in zip(points.T, weights.T, strict=True):
            chance = np.maximum(node, np.finfo(float).tiny)[index]
            mean += weight[index] * -np.expm1(-rate * np.log1p(chance * length)) / chance
        return np.asarray(self.alive(values, buyers) * mean)

    def until(self, values: Values, buyers: Buyers, chance: Floats) -> Floats:
        """Return the horizon within which each buyer purchases with this chance."""
        if self.k > 1:
            return bisected(self, values, buyers, chance)
        return _until(values, buyers, chance / self.alive(values, buyers))

    def _exits(self, values: Values, buyers: Buyers) -> tuple[Floats, Floats]:
        """Return how often each buyer could have left and did not, if still there; and the log weight of leaving."""
        exits = buyers.count + self.leaves_at_first
        with np.errstate(divide="ignore"):
            weight = np.log(values["a"]) - np.log(np.where(exits > 0, values["b"] + exits - 1, np.inf))
        return exits, weight

    def _stayed(self, values: Values, buyers: Buyers, horizon: float | Floats) -> tuple[Floats, Floats, Floats]:
        """Return the log weight of no purchase until the horizon while staying, and its gradient by r and alpha."""
        alpha, purchases = values["alpha"], values["r"] + self.k * buyers.count
        age = alpha + buyers.age + horizon
        parts = self._phases(purchases, age, buyers.age - buyers.recency + horizon)
        weight = special.logsumexp(parts, axis=0)
        shares = np.exp(parts - weight)
        by_r, by_alpha = -np.log(age), -purchases / age
        for done in range(1, self.k):
            by_r = by_r + shares[done] * (special.digamma(purchases + done) - special.digamma(purchases))
            by_alpha = by_alpha - shares[done] * done / age
        return weight, by_r, by_alpha

    def _phases(self, purchases: Floats, age: Floats, silence: Floats) -> Floats:
        """Return the log weight of each number of events since the last purchase: 0 to k - 1."""
        with np.errstate(divide="ignore"):
            silent = np.log(silence)
        return np.stack(
            [
                -purchases * np.log(age)
                if not done
                else special.gammaln(purchases + done)
                - special.gammaln(purchases)
                - special.gammaln(done + 1)
                + done * silent
                - (purchases + done) * np.log(age)
                for done in range(self.k)
            ]
        )

    def _alive(self, values: Values, buyers: Buyers) -> tuple[Floats, Floats]:
        """Return the chance to be there, and of each number of events since the last purchase."""
        alpha, purchases = values["alpha"], values["r"] + self.k * buyers.count
        parts = self._phases(purchases, alpha + buyers.age, buyers.age - buyers.recency)
        stayed = special.logsumexp(parts, axis=0)
        left = self._exits(values, buyers)[1] - purchases * np.log(alpha + buyers.recency)
        return special.expit(stayed - left), np.exp(parts - stayed)


@attrs.frozen
class Stable:
    """NBD: nobody leaves."""

    name: str = "nbd"

    parameters = ("r", "alpha")
    times = ("alpha",)

    def log_likelihood(self, values: Values, buyers: Buyers) -> tuple[Floats, Floats]:
        """Return the log likelihood of each buyer, and the gradient."""
        r, alpha = values["r"], values["alpha"]
        x, age = buyers.count, np.log(alpha + buyers.age)
        value = _by_number(x, lambda n: special.gammaln(r + n) - special.gammaln(r)) + r * np.log(alpha) - (r + x) * age
        by_r = _by_number(x, lambda n: special.digamma(r + n) - special.digamma(r)) + np.log(alpha) - age
        by_alpha = r / alpha - (r + x) / (alpha + buyers.age)
        return value, np.stack([by_r * r, by_alpha * alpha])

    def alive(self, values: Values, buyers: Buyers) -> Floats:
        """Return 1 for each buyer."""
        return np.ones_like(buyers.count) + 0 * values["r"]

    def at_least(self, values: Values, buyers: Buyers, horizon: float | Floats, purchases: int | Floats) -> Floats:
        """Return the chance of at least so many purchases within the horizon."""
        return _at_least(np.asarray(purchases), values["r"] + buyers.count, horizon / (values["alpha"] + buyers.age))

    def expected(self, values: Values, buyers: Buyers, horizon: float | Floats) -> Floats:
        """Return the mean number of purchases within the horizon."""
        return np.asarray((values["r"] + buyers.count) * horizon / (values["alpha"] + buyers.age))

    def until(self, values: Values, buyers: Buyers, chance: Floats) -> Floats:
        """Return the horizon within which each buyer purchases with this chance."""
        return _until(values, buyers, chance)


def _until(values: Values, buyers: Buyers, chance: Floats) -> Floats:
    """Return the horizon within which a buyer who stays purchases with this chance."""
    rate = values["r"] + buyers.count
    return np.asarray((values["alpha"] + buyers.age) * np.expm1(-np.log1p(-chance) / rate))


def _at_least(events: Floats, rate: Floats, length: Floats) -> Floats:
    """Return the chance of at least so many events.

    Args:
        events: The number of events.
        rate: The shape of the distribution of the rate.
        length: The horizon in units of its scale.
    """
    if events.ndim == 0 and events == 1:
        return np.asarray(-np.expm1(-rate * np.log1p(length)))
    return np.asarray(special.betainc(events, rate, length / (1 + length)))


def _sum_of_chances(
    at_least: Callable[[Values, Buyers, Floats, int], Floats], values: Values, buyers: Buyers, horizon: float | Floats
) -> Floats:
    """Return the mean as the sum of the chances of one purchase or more, two or more, and so on."""
    mean = np.zeros_like(buyers.count)
    index, rest = np.arange(len(mean)), buyers
    lengths = np.broadcast_to(np.asarray(horizon, dtype=np.float64), mean.shape)
    purchases = 0
    while len(index):
        purchases += 1
        chance = at_least(values, rest, lengths[index], purchases)
        mean[index] += chance
        more = chance > _LAST
        index = index[more]
        rest = attrs.evolve(
            rest, count=rest.count[more], recency=rest.recency[more], age=rest.age[more], people=rest.people[more]
        )
    return mean


def _by_number(numbers: Floats, function: Callable[[Floats], Any]) -> Floats:
    """Return a function of whole numbers, computed once for each different number."""
    different, index = np.unique(numbers, return_inverse=True)
    return np.asarray(function(different), dtype=np.float64)[index.reshape(-1)]
