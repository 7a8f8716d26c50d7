"""Maximum likelihood: the parameters that make the buyers' purchases most likely."""

from __future__ import annotations

from math import log

import attrs
import numpy as np
from scipy import special

from funnel.forecast._buyers import Buyers, Floats, dot, products
from funnel.forecast._family import Family, Minimum, Values, as_values, descend, minimum, near_minimum

_DIFFERENT = 0.01
"""Log likelihoods of two starts that differ by more are different maxima."""
_ENOUGH = 2_000
"""The number of people for the starts."""
_MORE = 20_000
"""The number of people for the next steps: some 3 % from the end, at a fiftieth of the time of a million."""
_INSIDE = 8.0
"""A start is this far from the bounds, where the likelihood is flat: our default."""
_SHORTEST = 1e-6


@attrs.frozen(eq=False)
class Fit:
    """A fitted family.

    Attributes:
        family: The family.
        logs: The logarithms of its parameters in days.
        log_likelihood: The log likelihood of all people.
        covariance: The covariance of these logarithms, valid also if the model is wrong (White 1982). None at an edge.
        model_covariance: Their covariance if the model is right: the inverse of the second derivatives.
        is_converged: True if the gradient is zero.
        edge: The index of the parameter at its bound. None if all are inside.
        starts: The log likelihoods from different starts that differ from the best.
        without: The same model without each of its covariates.
    """

    family: Family
    logs: Floats
    log_likelihood: float
    covariance: Floats | None
    model_covariance: Floats | None
    is_converged: bool
    edge: int | None
    starts: tuple[float, ...]
    without: tuple[Fit, ...] = ()

    @property
    def values(self) -> Values:
        """The parameters by name."""
        return as_values(self.family, self.logs)


def fit(family: Family, buyers: Buyers, penalty: float = 0.0, start: Floats | None = None) -> Fit:
    """Fit a family to buyers.

    Args:
        family: The family.
        buyers: The buyers.
        penalty: The precision of a normal prior on the logarithms of the parameters, in tenths of the mean age.
        start: The logarithms of the parameters of a similar fit, in days, to begin with. None: three starts.
    """
    unit = log(max(dot(buyers.people, buyers.age) / buyers.total / 10, _SHORTEST))
    units = np.array([unit * (name in family.times) for name in family.parameters])
    loss = _Loss(family, buyers, units, penalty)
    if start is None:
        best, others = _first(loss)
    else:
        best, others = _end(loss, np.clip(start - units, -_INSIDE, _INSIDE)), ()
    inverse, total = best.inverse, buyers.total
    return Fit(
        family,
        best.at + units,
        loss.log_likelihood(best),
        None if inverse is None else np.asarray(inverse @ loss.spread(best.at) @ inverse / total),
        None if inverse is None else inverse / total,
        best.is_converged,
        best.edge,
        others,
    )


def _first(loss: _Loss) -> tuple[Minimum, tuple[float, ...]]:
    """Return the minimum from three starts, and the log likelihoods of those that end elsewhere."""
    some = loss.sample(_ENOUGH)
    ends = [descend(some, one) for one in loss.starts()]
    near, lowest = min(ends, key=lambda end: end[1])
    total = loss.buyers.total
    others = tuple(-end[1] * total for end in ends if (end[1] - lowest) * total > _DIFFERENT)
    return _best(loss, some, near), others


def _best(loss: _Loss, some: _Loss, near: Floats) -> Minimum:
    """Return the minimum of all buyers near that of some of them."""
    if some is loss:
        return minimum(loss, near, loss.second)
    if loss.family.has_formula:
        more = loss.sample(_MORE)
        near = minimum(more, near, more.second).at
    else:
        near = near_minimum(loss, near, some.second(near))
    return _end(loss, near)


def _end(loss: _Loss, near: Floats) -> Minimum:
    """Return the minimum by Newton steps; by a descent if these do not converge."""
    best = minimum(loss, near, loss.second)
    return best if best.is_converged else minimum(loss, descend(loss, near)[0], loss.second)


def _sample(buyers: Buyers, step: float) -> Buyers:
    """Return people at even distances, in the order of the different buyers."""
    ends = np.cumsum(buyers.people)
    rows = np.searchsorted(ends, np.arange(step / 2, ends[-1], step))
    index, people = np.unique(rows, return_counts=True)
    return attrs.evolve(buyers.take(index), people=people.astype(np.float64))


@attrs.frozen(eq=False)
class _Loss:
    """Minus the mean log likelihood, by the logarithms of the parameters in another unit of time.

    Attributes:
        family: The family.
        buyers: The buyers.
        units: The logarithm of the unit of each parameter in days.
        penalty: The precision of the prior.
    """

    family: Family
    buyers: Buyers
    units: Floats
    penalty: float

    def __call__(self, logs: Floats) -> tuple[float, Floats]:
        """Return the loss and its gradient."""
        values, value, gradient = self._values(logs), 0.0, np.zeros_like(logs)
        for block in self.buyers.blocks:
            likelihood, score = self.family.total(values, block)
            value, gradient = value + likelihood, gradient + score
        total, prior = self.buyers.total, self.penalty * logs
        return (float(prior @ logs) / 2 - value) / total, (prior - gradient) / total

    def second(self, logs: Floats) -> Floats:
        """Return the second derivatives."""
        values, prior = self._values(logs), self.penalty * np.eye(len(logs))
        parts = [self.family.curvature(values, block) for block in self.buyers.blocks]
        return np.asarray((prior - np.sum(parts, axis=0)) / self.buyers.total)

    def spread(self, logs: Floats) -> Floats:
        """Return the mean over people of the products of their gradients."""
        values = self._values(logs)
        parts = [products(block.people, self.family.rows(values, block)[1]) for block in self.buyers.blocks]
        return np.asarray(np.sum(parts, axis=0) / self.buyers.total)

    def log_likelihood(self, best: Minimum) -> float:
        """Return the log likelihood of all people, with the terms that no parameter changes."""
        k, buyers = self.family.k, self.buyers
        total = self.penalty * float(best.at @ best.at) / 2 - best.value * buyers.total
        if k == 1:
            return total
        constant = dot(buyers.people, buyers.count) * float(special.gammaln(k))
        return total - constant + (k - 1) * (buyers.log_gaps or 0.0)

    def sample(self, people: int) -> _Loss:
        """Return the loss of some people. All, if there are not many more different buyers."""
        if len(self.buyers) <= 2 * people:
            return self
        return attrs.evolve(self, buyers=_sample(self.buyers, self.buyers.total / people))

    def starts(self) -> list[Floats]:
        """Return three starts. The rate of purchases is right in each; buyers leave early or late."""
        people, buyers = self.buyers.people, self.buyers
        rate = max(dot(people, buyers.count), 1.0) / max(dot(people, buyers.age), _SHORTEST)
        starts = (
            {"r": 0.5, "a": 0.5, "b": 2.0, "s": 0.5},
            {"r": 1.0, "a": 1.0, "b": 3.0, "s": 1.0},
            {"r": 0.25, "a": 0.1, "b": 1.0, "s": 0.2},
        )
        betas = (5.0, 10.0, 20.0)  # in tenths of the mean age, as the loss has it
        return [
            np.array(
                [
                    log(beta if name == "beta" else one.get(name, one["r"] * self.family.k / rate))
                    - unit * (name == "alpha")
                    for name, unit in zip(self.family.parameters, self.units, strict=True)
                ]
            )
            for one, beta in zip(starts, betas, strict=True)
        ]

    def _values(self, logs: Floats) -> Values:
        return as_values(self.family, logs + self.units)
