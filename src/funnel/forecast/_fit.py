"""Maximum likelihood: the parameters that make the buyers' purchases most likely."""

from __future__ import annotations

from math import exp, log

import attrs
import numpy as np
from scipy import special

from funnel.forecast._beta_dropout import BetaDropout
from funnel.forecast._buyers import Buyers, Floats, dot
from funnel.forecast._family import Family, Values
from funnel.forecast._minimize import descend, minimum, near_minimum, second_derivatives

_DIFFERENT = 0.01
"""Log likelihoods of two starts that differ by more are different maxima."""
_ENOUGH = 2_000
"""The number of different buyers from which the starts begin."""
_SHORTEST = 1e-6


@attrs.frozen(eq=False)
class Fit:
    """A fitted family.

    Attributes:
        family: The family.
        values: Its parameters, in the unit of time of the buyers.
        log_likelihood: The log likelihood of all people.
        covariance: The covariance of the logarithms of the parameters. None at an edge.
        is_converged: True if the gradient is zero.
        edge: The parameter at its bound. None if all are inside.
        starts: The log likelihoods from different starts that differ from the best.
    """

    family: Family
    values: Values
    log_likelihood: float
    covariance: Floats | None
    is_converged: bool
    edge: str | None
    starts: tuple[float, ...]


def fit(family: Family, buyers: Buyers, penalty: float = 0.0) -> Fit:
    """Fit a family to buyers.

    Args:
        family: The family.
        buyers: The buyers.
        penalty: The precision of a normal prior on the logarithms of the parameters, in tenths of the mean age.
    """
    unit = max(dot(buyers.people, buyers.age) / buyers.total / 10, _SHORTEST)
    loss = _Loss(family, buyers.scaled(unit), penalty)
    some = _Loss(family, _sample(loss.buyers), penalty)
    ends = [descend(some, start) for start in _starts(family, loss.buyers)]
    near, lowest = min(ends, key=lambda end: end[1])
    if some.buyers is not loss.buyers:
        near = near_minimum(loss, near, second_derivatives(some, near))
    best = minimum(loss, near)
    shift = np.array([log(unit) if name in family.times else 0.0 for name in family.parameters])
    values = as_values(family, best.at + shift)
    return Fit(
        family,
        values,
        log_likelihood(family, values, buyers),
        None if best.covariance is None else best.covariance / buyers.total,
        best.is_converged,
        None if best.edge is None else family.parameters[best.edge],
        tuple(-end[1] * buyers.total for end in ends if (end[1] - lowest) * buyers.total > _DIFFERENT),
    )


def _sample(buyers: Buyers) -> Buyers:
    """Return enough of the different buyers, at even distances, to find the highest of several maxima."""
    step = len(buyers.count) // _ENOUGH
    return buyers.take(np.arange(0, len(buyers.count), step)) if step > 1 else buyers


def as_values(family: Family, logs: Floats) -> Values:
    """Return the parameters of a family from their logarithms."""
    return {name: exp(value) for name, value in zip(family.parameters, logs, strict=True)}


def log_likelihood(family: Family, values: Values, buyers: Buyers) -> float:
    """Return the log likelihood of all people, including the terms without parameters."""
    total = family.log_likelihood(values, buyers)[0]
    k = family.k if isinstance(family, BetaDropout) else 1
    if k == 1:
        return total
    constant = dot(buyers.people, buyers.count) * float(special.gammaln(k))
    return total - constant + (k - 1) * (buyers.log_gaps or 0.0)


@attrs.frozen(eq=False)
class _Loss:
    """Minus the mean log likelihood, by the logarithms of the parameters."""

    family: Family
    buyers: Buyers
    penalty: float

    def __call__(self, logs: Floats) -> tuple[float, Floats]:
        """Return the loss and its gradient."""
        values = as_values(self.family, logs)
        parts = [self.family.log_likelihood(values, block) for block in self.buyers.blocks]
        value, gradient = sum(part[0] for part in parts), np.sum([part[1] for part in parts], axis=0)
        total, prior = self.buyers.total, self.penalty * logs
        return (float(prior @ logs) / 2 - value) / total, (prior - gradient) / total


def _starts(family: Family, buyers: Buyers) -> list[Floats]:
    """Return three starts. The rate of purchases is right in each; buyers leave early or late."""
    rate = max(dot(buyers.people, buyers.count), 1.0) / max(dot(buyers.people, buyers.age), 1.0)
    k = family.k if isinstance(family, BetaDropout) else 1
    starts = (
        {"r": 0.5, "a": 0.5, "b": 2.0, "s": 0.5, "beta": 5.0},
        {"r": 1.0, "a": 1.0, "b": 3.0, "s": 1.0, "beta": 10.0},
        {"r": 0.25, "a": 0.1, "b": 1.0, "s": 0.2, "beta": 20.0},
    )
    return [np.array([log(one.get(name, one["r"] * k / rate)) for name in family.parameters]) for one in starts]
