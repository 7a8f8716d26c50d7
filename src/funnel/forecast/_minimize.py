"""The minimum of a function with a gradient, with its second derivatives there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
from scipy import optimize

from funnel.forecast._buyers import Floats

Loss = Callable[[Floats], tuple[float, Floats]]
"""A function of some numbers with its gradient."""
Second = Callable[[Floats], Floats]
"""Its second derivatives."""

BOUND = 12.0
"""Logarithms of parameters stay within this bound: beyond it a model is another, simpler one."""

_NEAR = 0.01
"""A number this close to the bound is at it."""
_STEP = 1e-4
"""The step of differences of the exact gradient: its error is 1e-8 of the third derivative."""
_FLAT = 1e-6
"""A gradient shorter than this is zero."""
_CLOSE = 5e-3
"""Second derivatives this close serve as well: standard errors differ by less than a hundredth."""
_ROUNDING = 1e-12
_NEWTON_STEPS = 12
_QUASI_NEWTON_STEPS = 12


@attrs.frozen(eq=False)
class Minimum:
    """A minimum.

    Attributes:
        at: The numbers.
        value: The value of the function.
        inverse: The inverse of the second derivatives. None at an edge or if the minimum is not sharp.
        edge: The index of a number at the bound. None if all are inside.
        is_converged: True if the minimum is sharp and the gradient is zero.
    """

    at: Floats
    value: float
    inverse: Floats | None
    edge: int | None
    is_converged: bool


def descend(loss: Loss, start: Floats) -> tuple[Floats, float]:
    """Return the minimum that a truncated Newton method reaches from a start, and the value there."""
    # L-BFGS-B of SciPy needs half the calls, but calls BLAS, whose threads wait in a loop: 10x the processor time.
    minimize: Any = optimize.minimize
    options = {"maxfun": 500, "ftol": 1e-11, "gtol": 1e-8, "xtol": 0}
    bounds = [(-BOUND, BOUND)] * len(start)
    result = minimize(loss, start, jac=True, method="TNC", bounds=bounds, options=options)
    return np.asarray(result.x, dtype=np.float64), float(result.fun)


def near_minimum(loss: Loss, start: Floats, second: Floats) -> Floats:
    """Return the minimum close to a start.

    Newton steps with the second derivatives of a similar function need few calls. `descend` is used if they do not
    converge.

    Args:
        loss: The function.
        start: The minimum of the similar function.
        second: The second derivatives of the similar function there.
    """
    near = start
    for _ in range(_QUASI_NEWTON_STEPS if _is_sharp(second) else 0):
        slope = loss(near)[1]
        if np.linalg.norm(slope) < _FLAT / 100:
            return near
        near = np.clip(near - np.linalg.solve(second, slope), -BOUND, BOUND)
    return descend(loss, start)[0]


def minimum(loss: Loss, near: Floats, second: Second) -> Minimum:
    """Return the minimum near a point: at the bound, or after Newton steps while the value falls.

    Args:
        loss: The function.
        near: The point.
        second: Its second derivatives.
    """
    edge = next((index for index, number in enumerate(near) if abs(number) > BOUND - _NEAR), None)
    value, gradient = loss(near)
    if edge is not None:
        return Minimum(near, value, None, edge, is_converged=False)

    curved = second(near)
    for _ in range(_NEWTON_STEPS):
        if np.linalg.norm(gradient) < _FLAT / 100 or not _is_sharp(curved):
            break
        further = np.clip(near - np.linalg.solve(curved, gradient), -BOUND, BOUND)
        lower, slope = loss(further)
        if lower > value + _ROUNDING:
            break
        is_far = np.linalg.norm(further - near) > _CLOSE
        near, value, gradient = further, lower, slope
        curved = second(near) if is_far else curved
    is_flat = bool(np.linalg.norm(gradient) < _FLAT)
    inverse = np.asarray(np.linalg.inv(curved), dtype=np.float64) if _is_sharp(curved) else None
    return Minimum(near, value, inverse, None, is_converged=is_flat and inverse is not None)


def second_derivatives(loss: Loss, at: Floats) -> Floats:
    """Return the second derivatives, by central differences of the exact gradient."""
    steps = _STEP * np.eye(len(at))
    rows = np.stack([(loss(at + step)[1] - loss(at - step)[1]) / (2 * _STEP) for step in steps])
    return np.asarray((rows + rows.T) / 2, dtype=np.float64)


def _is_sharp(second: Floats) -> bool:
    return float(np.linalg.eigvalsh(second)[0]) > 0
