"""Maximum likelihood: the parameters that make the buyers' purchases most likely."""

from __future__ import annotations

from math import exp, log

import attrs
import numpy as np
from scipy import optimize, special

from funnel.forecast._beta_dropout import BetaDropout
from funnel.forecast._buyers import Buyers, Floats
from funnel.forecast._family import Family, Values

_BOUND = 12.0
"""Logarithms of parameters stay within this bound, in tenths of the mean age; beyond it a model is another, simpler one."""
_NEAR = 0.01
"""A logarithm this close to the bound is at it."""
_STEP = 1e-4
"""The step of differences of the exact gradient: its error is 1e-8 of the third derivative."""
_FLAT = 1e-6
"""A gradient for each person below this is zero."""
_DIFFERENT = 0.01
"""Log likelihoods of two starts that differ by more are different maxima."""
_ROUNDING = 1e-12
_NEWTON_STEPS = 2
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
        edge: The parameter at its bound. None if there is none.
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
    unit = max(float(buyers.people @ buyers.age) / buyers.total / 10, _SHORTEST)
    loss = _Loss(family, buyers.scaled(unit), penalty)
    runs = [_minimum(loss, start) for start in _starts(family, loss.buyers)]
    logs, least = min(runs, key=lambda run: run[1])
    edge = next((name for name, value in zip(family.parameters, logs, strict=True) if abs(value) > _BOUND - _NEAR), None)
    if edge is None:
        logs = _polished(loss, logs)
    hessian = loss.hessian(logs)
    is_sharp = edge is None and float(np.linalg.eigvalsh(hessian)[0]) > 0
    shift = np.array([log(unit) if name in family.times else 0.0 for name in family.parameters])
    values = as_values(family, logs + shift)
    return Fit(
        family,
        values,
        log_likelihood(family, values, buyers),
        np.linalg.inv(hessian) / buyers.total if is_sharp else None,
        is_sharp and bool(np.linalg.norm(loss(logs)[1]) < _FLAT),
        edge,
        tuple(-run[1] * buyers.total for run in runs if (run[1] - least) * buyers.total > _DIFFERENT),
    )


def as_values(family: Family, logs: Floats) -> Values:
    """Return the parameters of a family from their logarithms."""
    return {name: exp(value) for name, value in zip(family.parameters, logs, strict=True)}


def log_likelihood(family: Family, values: Values, buyers: Buyers) -> float:
    """Return the log likelihood of all people, with the parts that depend on no parameter."""
    total = float(buyers.people @ family.log_likelihood(values, buyers)[0])
    k = family.k if isinstance(family, BetaDropout) else 1
    if k == 1:
        return total
    constant = float(buyers.people @ buyers.count) * float(special.gammaln(k))
    return total - constant + (k - 1) * (buyers.log_gaps or 0.0)


@attrs.frozen(eq=False)
class _Loss:
    """Minus the mean log likelihood, by the logarithms of the parameters."""

    family: Family
    buyers: Buyers
    penalty: float

    def __call__(self, logs: Floats) -> tuple[float, Floats]:
        """Return the loss and its gradient."""
        values, gradient = self.family.log_likelihood(as_values(self.family, logs), self.buyers)
        people, total = self.buyers.people, self.buyers.total
        prior = self.penalty * logs / total
        return float(prior @ logs) / 2 - float(people @ values) / total, prior - gradient @ people / total

    def hessian(self, logs: Floats) -> Floats:
        """Return the second derivatives, by central differences of the exact gradient."""
        steps = _STEP * np.eye(len(logs))
        rows = np.stack([(self(logs + step)[1] - self(logs - step)[1]) / (2 * _STEP) for step in steps])
        return np.asarray((rows + rows.T) / 2)


def _minimum(loss: _Loss, start: Floats) -> tuple[Floats, float]:
    options = {"maxiter": 500, "ftol": 1e-12, "gtol": 1e-7}
    bounds = [(-_BOUND, _BOUND)] * len(start)
    result = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return np.asarray(result.x), float(result.fun)


def _polished(loss: _Loss, logs: Floats) -> Floats:
    """Return the minimum after Newton steps, as long as they go down."""
    value, gradient = loss(logs)
    for _ in range(_NEWTON_STEPS):
        hessian = loss.hessian(logs)
        if float(np.linalg.eigvalsh(hessian)[0]) <= 0:
            break
        further = logs - np.linalg.solve(hessian, gradient)
        lower, slope = loss(np.clip(further, -_BOUND, _BOUND))
        if not lower <= value + _ROUNDING:
            break
        logs, value, gradient = further, lower, slope
    return logs


def _starts(family: Family, buyers: Buyers) -> list[Floats]:
    """Return three starts: the rate of purchases is right in each, and buyers leave sooner or later."""
    rate = max(float(buyers.people @ buyers.count), 1.0) / max(float(buyers.people @ buyers.age), 1.0)
    k = family.k if isinstance(family, BetaDropout) else 1
    starts = (
        {"r": 0.5, "a": 0.5, "b": 2.0, "s": 0.5, "beta": 5.0},
        {"r": 1.0, "a": 1.0, "b": 3.0, "s": 1.0, "beta": 10.0},
        {"r": 0.25, "a": 0.1, "b": 1.0, "s": 0.2, "beta": 20.0},
    )
    return [np.array([log(one.get(name, one["r"] * k / rate)) for name in family.parameters]) for one in starts]
