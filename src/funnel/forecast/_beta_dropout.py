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

import attrs
import numpy as np
from scipy import special

from funnel.forecast._buyers import Buyers, Floats, dot
from funnel.forecast._family import Values, bisected, log_sum
from funnel.forecast._quadrature import beta_nodes

_LAST = 1e-13
"""A chance of one more purchase below this ends a sum over purchases."""
_TINY = np.finfo(float).tiny


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

    def log_likelihood(self, values: Values, buyers: Buyers) -> tuple[float, Floats]:
        """Return the log likelihood without the part that no parameter changes, and its gradient."""
        r, alpha, a, b = (values[name] for name in self.parameters)
        counts, people = buyers.counts, buyers.people
        exits, log_exit = self._exits(values, counts.values)
        rate, events = r + counts.values * self.k, counts.each(r + counts.values * self.k)
        stayed, by_r, by_alpha = self._stayed(values, buyers, events)
        last = alpha + buyers.recencies.values
        log_last = buyers.recencies.each(np.log(last))
        mixed, left_share = log_sum(stayed, counts.each(log_exit) - events * log_last)
        left = people * left_share
        still = people - left
        constant = special.gammaln(rate) - special.gammaln(r) + special.betaln(a, b + exits) - special.betaln(a, b)
        both = special.digamma(a + b) - special.digamma(a + b + exits)
        exit_shares = np.bincount(counts.index, left, len(exits)) / np.maximum(b + exits - 1, _TINY)
        gradient = (
            dot(counts.people, special.digamma(rate) - special.digamma(r) + np.log(alpha))
            + dot(still, by_r)
            - dot(left, log_last),
            buyers.total * r / alpha + dot(still, by_alpha) - dot(left * events, buyers.recencies.each(1 / last)),
            dot(counts.people, both) + left.sum() / a,
            dot(counts.people, both + special.digamma(b + exits) - special.digamma(b)) - exit_shares.sum(),
        )
        total = dot(counts.people, constant + r * np.log(alpha)) + dot(people, mixed)
        return total, np.array([one * values[name] for one, name in zip(gradient, self.parameters, strict=True)])

    def alive(self, values: Values, buyers: Buyers) -> Floats:
        """Return the chance that each buyer has not left."""
        return self._alive(values, buyers)[0]

    def at_least(self, values: Values, buyers: Buyers, horizon: float | Floats, purchases: int | Floats) -> Floats:
        """Return the chance of this number of purchases or more within the horizon."""
        a, b = values["a"], values["b"]
        exits, further = buyers.count + self.leaves_at_first, np.asarray(purchases) - 1
        stays = np.exp(special.betaln(a, b + exits + further) - special.betaln(a, b + exits)) if further.any() else 1.0
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
        counts, rate = buyers.counts, values["r"] + buyers.count
        exits = counts.values + self.leaves_at_first
        points, weights = beta_nodes(np.full_like(exits, values["a"]), values["b"] + exits)
        length = horizon / (values["alpha"] + buyers.age)
        mean = np.zeros_like(rate)
        for node, weight in zip(points.T, weights.T, strict=True):
            chance = counts.each(np.maximum(node, _TINY))
            mean -= counts.each(weight) * np.expm1(-rate * np.log1p(chance * length)) / chance
        return np.asarray(self.alive(values, buyers) * mean)

    def until(self, values: Values, buyers: Buyers, chance: Floats) -> Floats:
        """Return the horizon within which each buyer purchases with this chance."""
        if self.k > 1:
            return bisected(self, values, buyers, chance)
        return _until(values, buyers, chance / self.alive(values, buyers))

    def _exits(self, values: Values, count: Floats) -> tuple[Floats, Floats]:
        """Return the number of times at which a buyer could leave and stayed, and the log weight of leaving."""
        exits = count + self.leaves_at_first
        with np.errstate(divide="ignore"):
            return exits, np.log(values["a"]) - np.log(np.where(exits > 0, values["b"] + exits - 1, np.inf))

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

    def _alive(self, values: Values, buyers: Buyers) -> tuple[Floats, Floats]:
        """Return the chance that each buyer has not left, and of each number of events since the last purchase."""
        counts, recencies, ages = buyers.counts, buyers.recencies, buyers.ages
        events = counts.each(values["r"] + self.k * counts.values)
        left = counts.each(self._exits(values, counts.values)[1])
        left = left - events * recencies.each(np.log(values["alpha"] + recencies.values))
        if self.k == 1:
            return special.expit(-events * ages.each(np.log(values["alpha"] + ages.values)) - left), np.ones((1, 1))
        parts = self._phases(values, buyers)
        stayed = special.logsumexp(parts, axis=0)
        return special.expit(stayed - left), np.exp(parts - stayed)


@attrs.frozen
class Stable:
    """NBD: nobody leaves. The limit of the other models as `a` or `s` becomes 0."""

    name: str = "nbd"

    parameters = ("r", "alpha")
    times = ("alpha",)

    def log_likelihood(self, values: Values, buyers: Buyers) -> tuple[float, Floats]:
        """Return the log likelihood of all people, and its gradient."""
        r, alpha, counts, ages = values["r"], values["alpha"], buyers.counts, buyers.ages
        age, events = alpha + ages.values, r + counts.values
        at_age = np.bincount(ages.index, buyers.people * counts.each(events), len(age))
        constant = special.gammaln(events) - special.gammaln(r) + r * np.log(alpha)
        by_r = dot(counts.people, special.digamma(events) - special.digamma(r) + np.log(alpha))
        by_r -= dot(ages.people, np.log(age))
        by_alpha = buyers.total * r / alpha - dot(at_age, 1 / age)
        return dot(counts.people, constant) - dot(at_age, np.log(age)), np.array([by_r * r, by_alpha * alpha])

    def alive(self, values: Values, buyers: Buyers) -> Floats:
        """Return 1 for each buyer."""
        return np.ones_like(buyers.count) + 0 * values["r"]

    def at_least(self, values: Values, buyers: Buyers, horizon: float | Floats, purchases: int | Floats) -> Floats:
        """Return the chance of this number of purchases or more within the horizon."""
        return _at_least(np.asarray(purchases), values["r"] + buyers.count, horizon / (values["alpha"] + buyers.age))

    def expected(self, values: Values, buyers: Buyers, horizon: float | Floats) -> Floats:
        """Return the mean number of purchases within the horizon."""
        return np.asarray((values["r"] + buyers.count) * horizon / (values["alpha"] + buyers.age))

    def until(self, values: Values, buyers: Buyers, chance: Floats) -> Floats:
        """Return the horizon within which each buyer purchases with this chance."""
        return _until(values, buyers, chance)


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
    mean = np.zeros_like(buyers.count)
    rows = np.arange(len(mean))
    lengths = np.broadcast_to(np.asarray(horizon, dtype=np.float64), mean.shape)
    purchases = 0
    while len(rows):
        purchases += 1
        chance = at_least(values, buyers.take(rows), lengths[rows], purchases)
        mean[rows] += chance
        rows = rows[chance > _LAST]
    return mean
