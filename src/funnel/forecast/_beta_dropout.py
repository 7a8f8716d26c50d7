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
from functools import cache

import attrs
import numpy as np
from scipy import special

from funnel.forecast._buyers import Buyers, Floats, Indices, dot, products
from funnel.forecast._family import Family, Values, bisected, log_sum

# ---- numerical integration: nodes and weights ------------------------------------------------------------------------


_NODES = 32
"""Enough for the smooth integrals of this package to about 12 digits; the tests compare with adaptive integration."""


@cache
def unit_interval() -> tuple[Floats, Floats]:
    """Return the nodes and weights of Gauss-Legendre on (0, 1)."""
    points, weights = np.polynomial.legendre.leggauss(_NODES)
    return (points + 1) / 2, weights / 2


def beta_nodes(a: Floats, b: Floats, nodes: int = 16) -> tuple[Floats, Floats]:
    """Return the nodes and weights of the mean over beta distributions: one row for each pair of parameters.

    The nodes are the eigenvalues of the Jacobi matrix (Golub, Welsch 1969, Mathematics of Computation 23, 221-230),
    whose entries follow from the canonical moments of the distribution. For parameters in the
    thousands the recursion is stable.
    """
    k = np.arange(1, nodes + 1, dtype=np.float64)
    a, b = a[:, None], b[:, None]
    odd = (a + k - 1) / (a + b + 2 * k - 2)
    even = k / (a + b + 2 * k - 1)
    first = odd * np.concatenate([np.ones_like(a), 1 - even[:, :-1]], axis=1)
    second = (1 - odd) * even
    matrix = np.zeros((len(a), nodes, nodes))
    index = np.arange(nodes)
    matrix[:, index, index] = first + np.concatenate([np.zeros_like(a), second[:, :-1]], axis=1)
    matrix[:, index[1:], index[:-1]] = np.sqrt(second[:, :-1] * first[:, :-1])
    points, vectors = np.linalg.eigh(matrix)
    return np.clip(points, 0.0, 1.0), np.asarray(vectors[:, 0, :] ** 2)


# ---- the models ------------------------------------------------------------------------------------------------------


_LAST = 1e-13
"""A chance of one more purchase below this ends a sum over purchases."""
_TINY = np.finfo(float).tiny


@attrs.frozen
class BetaDropout(Family):
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
    varying = ("alpha", "a", "b")

    def rows(self, values: Values, buyers: Buyers) -> tuple[Floats, Floats]:
        """Return the log likelihood of each buyer without the part that no parameter changes, and its gradient."""
        r, alpha, a, b = (values[name] for name in self.parameters)
        counts = buyers.counts
        exits, log_exit = self._exits(values, counts.values)
        rate = r + counts.values * self.k
        events = counts.each(rate)
        stayed, by_r, by_alpha = self._stayed(values, buyers, events)
        last = alpha + buyers.recencies.values
        log_last = buyers.recencies.each(np.log(last))
        mixed, left = log_sum(stayed, counts.each(log_exit) - events * log_last)
        constant = special.gammaln(rate) - special.gammaln(r) + special.betaln(a, b + exits) - special.betaln(a, b)
        both = special.digamma(a + b) - special.digamma(a + b + exits)
        own = special.digamma(rate) - special.digamma(r) + np.log(alpha)
        gradient = (
            counts.each(own) + by_r - left * (log_last + by_r),
            r / alpha + by_alpha - left * (events * buyers.recencies.each(1 / last) + by_alpha),
            counts.each(both) + left / a,
            counts.each(both + special.digamma(b + exits) - special.digamma(b))
            - left * counts.each(self._stay(b, exits)),
        )
        value = counts.each(constant + r * np.log(alpha)) + mixed
        return value, np.stack([one * values[name] for one, name in zip(gradient, self.parameters, strict=True)])

    @property
    def has_formula(self) -> bool:
        """True if a purchase is one event of the rate."""
        return self.k == 1

    def curvature(self, values: Values, buyers: Buyers) -> Floats:
        """Return the second derivatives of the log likelihood of all people by the logarithms of the parameters.

        A buyer either stayed or left: the second derivatives of both, by their shares, and the spread between them.
        """
        if self.k > 1:
            return super().curvature(values, buyers)
        r, alpha, a, b = (values[name] for name in self.parameters)
        counts, recencies, ages = buyers.counts, buyers.recencies, buyers.ages
        exits, log_exit = self._exits(values, counts.values)
        rate = r + counts.values
        events, age, last = counts.each(rate), alpha + ages.values, alpha + recencies.values
        log_age, log_last = ages.each(np.log(age)), recencies.each(np.log(last))
        per_age, per_last = ages.each(1 / age), recencies.each(1 / last)
        share = special.expit(counts.each(log_exit) - events * (log_last - log_age))
        left = buyers.people * share
        stay, mixed = self._stay(b, exits), left * (1 - share)
        exit_spread = np.full(len(buyers), 1 / a)
        spread = np.stack([log_age - log_last, events * (per_age - per_last), exit_spread, -counts.each(stay)])
        second = products(mixed, spread)
        people, left_people = (np.bincount(counts.index, some, len(rate)) for some in (buyers.people, left))
        still = buyers.people - left
        second[0, 1] += buyers.total / alpha - dot(still, per_age) - dot(left, per_last)
        second[1, 1] += dot(still * events, per_age**2) + dot(left * events, per_last**2) - buyers.total * r / alpha**2
        both = _trigamma(a + b) - _trigamma(a + b + exits)
        second[0, 0] += dot(people, _trigamma(rate) - _trigamma(r))
        second[2, 2] += dot(people, both) - left.sum() / a**2
        second[2, 3] += dot(people, both)
        second[3, 3] += dot(people, both + _trigamma(b + exits) - _trigamma(b))
        second[3, 3] += dot(left_people, stay**2)
        second[1, 0], second[3, 2] = second[0, 1], second[2, 3]
        own = special.digamma(rate) - special.digamma(r) + np.log(alpha)
        by_exit = special.digamma(a + b) - special.digamma(a + b + exits)
        first = (
            dot(people, own) - dot(still, log_age) - dot(left, log_last),
            buyers.total * r / alpha - dot(still * events, per_age) - dot(left * events, per_last),
            dot(people, by_exit) + left.sum() / a,
            dot(people, by_exit + special.digamma(b + exits) - special.digamma(b)) - dot(left_people, stay),
        )
        scale = np.array([values[name] for name in self.parameters])
        return np.asarray(second * np.outer(scale, scale) + np.diag(scale * np.array(first)))

    def alive(self, values: Values, buyers: Buyers) -> Floats:
        """Return the chance that each buyer has not left."""
        counts, recencies, ages = buyers.counts, buyers.recencies, buyers.ages
        left = counts.each(self._exits(values, counts.values)[1])
        events = counts.each(values["r"] + self.k * counts.values)
        log_last = recencies.each(np.log(values["alpha"] + recencies.values))
        if self.k == 1:
            log_age = ages.each(np.log(values["alpha"] + ages.values))
            return np.asarray(special.expit(events * (log_last - log_age) - left))
        return np.asarray(
            special.expit(special.logsumexp(self._phases(values, buyers), axis=0) - left + events * log_last)
        )

    def alike(self, buyers: Buyers) -> tuple[Buyers, Indices]:
        """Return buyers with different forecasts if nobody has left, and the index among them of each buyer."""
        # The silence of a regular buyer says how soon the next purchase is.
        return buyers.alike if self.k == 1 else (buyers, np.arange(len(buyers)))

    def at_least_if_alive(
        self, values: Values, buyers: Buyers, horizon: float | Floats, purchases: int | Floats
    ) -> Floats:
        """Return the chance of this number of purchases or more within the horizon, if the buyer has not left."""
        a, b = values["a"], values["b"]
        exits, further = buyers.count + self.leaves_at_first, np.asarray(purchases) - 1
        stays = np.exp(special.betaln(a, b + exits + further) - special.betaln(a, b + exits)) if further.any() else 1.0
        rate, length = values["r"] + self.k * buyers.count, horizon / (values["alpha"] + buyers.age)
        parts = self._phases(values, buyers) if self.k > 1 else np.zeros((1, 1))
        shares = np.exp(parts - special.logsumexp(parts, axis=0))
        chances = [
            share * _at_least(self.k * np.asarray(purchases) - done, rate + done, length)
            for done, share in enumerate(shares)
        ]
        return np.asarray(stays * sum(chances))

    def expected_if_alive(self, values: Values, buyers: Buyers, horizon: float | Floats) -> Floats:
        """Return the mean number of purchases: an integral over the chance to leave; if k > 1, a sum over purchases."""
        if self.k > 1:
            return _sum_of_chances(self.at_least_if_alive, values, buyers, horizon)
        counts, rate = buyers.counts, values["r"] + buyers.count
        exits = counts.values + self.leaves_at_first
        points, weights = beta_nodes(np.full_like(exits, values["a"]), values["b"] + exits)
        length = horizon / (values["alpha"] + buyers.age)
        mean = np.zeros_like(rate)
        for node, weight in zip(points.T, weights.T, strict=True):
            chance = counts.each(np.maximum(node, _TINY))
            mean -= counts.each(weight) * np.expm1(-rate * np.log1p(chance * length)) / chance
        return mean

    def until_if_alive(self, values: Values, buyers: Buyers, chance: Floats) -> Floats:
        """Return the horizon within which a buyer purchases with this chance, if the buyer has not left."""
        return bisected(self, values, buyers, chance) if self.k > 1 else _until(values, buyers, chance)

    def _exits(self, values: Values, count: Floats) -> tuple[Floats, Floats]:
        """Return the number of times at which a buyer could leave and stayed, and the log weight of leaving."""
        exits = count + self.leaves_at_first
        with np.errstate(divide="ignore"):
            return exits, np.log(values["a"] * self._stay(values["b"], exits))

    @staticmethod
    def _stay(b: float, exits: Floats) -> Floats:
        """Return the derivative of the log weight of staying at the last exit by b: 0 without an exit."""
        return np.asarray(1 / np.where(exits > 0, b + exits - 1, np.inf))

    def _stayed(self, values: Values, buyers: Buyers, events: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the log weight of the silence of a buyer who stays, and its gradient by r and alpha."""
        age = values["alpha"] + buyers.ages.values
        log_age, share = buyers.ages.each(np.log(age)), buyers.ages.each(1 / age)
        if self.k == 1:
            return -events * log_age, -log_age, -events * share
        parts = self._phases(values, buyers)
        weight = special.logsumexp(parts, axis=0)
        shares = np.exp(parts - weight)
        by_r: Floats = -log_age
        done = np.arange(self.k)
        for number in done[1:]:
            by_r = by_r + shares[number] * (_digamma(events + number) - _digamma(events))
        return weight, by_r, -(events + done @ shares) * share

    def _phases(self, values: Values, buyers: Buyers) -> Floats:
        """Return the log weight of each number of events since the last purchase: 0 to k - 1."""
        events = values["r"] + self.k * buyers.count
        log_age = np.log(values["alpha"] + buyers.age)
        with np.errstate(divide="ignore"):
            silence = np.log(buyers.age - buyers.recency)
        return np.stack(
            [-events * log_age]
            + [
                special.gammaln(events + done)
                - special.gammaln(events)
                - special.gammaln(done + 1)
                + done * silence
                - (events + done) * log_age
                for done in range(1, self.k)
            ]
        )


@attrs.frozen
class Stable(Family):
    """NBD: nobody leaves. The limit of the other models as `a` or `s` becomes 0."""

    name: str = "nbd"

    parameters = ("r", "alpha")
    times = ("alpha",)
    varying = ("alpha",)

    def rows(self, values: Values, buyers: Buyers) -> tuple[Floats, Floats]:
        """Return the log likelihood of each buyer, and its gradient."""
        r, alpha, counts, ages = values["r"], values["alpha"], buyers.counts, buyers.ages
        rate, age = r + counts.values, alpha + ages.values
        events, log_age = counts.each(rate), ages.each(np.log(age))
        constant = special.gammaln(rate) - special.gammaln(r) + r * np.log(alpha)
        by_r = counts.each(special.digamma(rate) - special.digamma(r) + np.log(alpha)) - log_age
        gradient = np.stack([r * by_r, r - events * ages.each(alpha / age)])
        return counts.each(constant) - events * log_age, gradient

    def alive(self, values: Values, buyers: Buyers) -> Floats:
        """Return 1 for each buyer."""
        return np.ones(len(buyers)) + 0 * values["r"]

    def at_least_if_alive(
        self, values: Values, buyers: Buyers, horizon: float | Floats, purchases: int | Floats
    ) -> Floats:
        """Return the chance of this number of purchases or more within the horizon."""
        return _at_least(np.asarray(purchases), values["r"] + buyers.count, horizon / (values["alpha"] + buyers.age))

    def expected_if_alive(self, values: Values, buyers: Buyers, horizon: float | Floats) -> Floats:
        """Return the mean number of purchases within the horizon."""
        return np.asarray((values["r"] + buyers.count) * horizon / (values["alpha"] + buyers.age))

    def until_if_alive(self, values: Values, buyers: Buyers, chance: Floats) -> Floats:
        """Return the horizon within which each buyer purchases with this chance."""
        return _until(values, buyers, chance)


def _trigamma(column: float | Floats) -> Floats:
    return np.asarray(special.polygamma(1, column), dtype=np.float64)


def _digamma(column: Floats) -> Floats:
    return np.asarray(special.digamma(column), dtype=np.float64)


def _until(values: Values, buyers: Buyers, chance: Floats) -> Floats:
    """Return the horizon within which a buyer who stays purchases with this chance."""
    rate = values["r"] + buyers.count
    return np.asarray((values["alpha"] + buyers.age) * np.expm1(-np.log1p(-chance) / rate))


def _at_least(events: Floats, rate: Floats, length: Floats) -> Floats:
    """Return the chance of this number of events or more.

    Args:
        events: The number of events.
        rate: The shape of the distribution of the rate.
        length: The horizon in units of its scale.
    """
    if events.ndim == 0 and events == 1:
        return np.asarray(-np.expm1(-rate * np.log1p(length)))
    return np.asarray(special.betainc(events, rate, length / (1 + length)), dtype=np.float64)


def _sum_of_chances(
    at_least: Callable[[Values, Buyers, Floats, int], Floats], values: Values, buyers: Buyers, horizon: float | Floats
) -> Floats:
    """Return the mean as the sum of the chances of one purchase or more, two or more, and so on."""
    mean = np.zeros(len(buyers))
    rows = np.arange(len(mean))
    lengths = np.broadcast_to(np.asarray(horizon, dtype=np.float64), mean.shape)
    purchases = 0
    while len(rows):
        purchases += 1
        chance = at_least(values, buyers.take(rows), lengths[rows], purchases)
        mean[rows] += chance
        rows = rows[chance > _LAST]
    return mean
