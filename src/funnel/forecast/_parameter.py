"""Parameters of fitted models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

import attrs
import numpy as np

from funnel._arguments import brief
from funnel.errors import ArgumentError
from funnel.forecast._buyers import Floats

MIN_REPEAT_BUYERS = 100
"""Fewer buyers who came again do not determine a model: our default."""

DAY = 86_400_000_000
"""One day in microseconds."""


@attrs.frozen
class Parameter:
    """One parameter of a model.

    Attributes:
        name: The name in the papers.
        value: The estimate. Times are in days.
        standard_error: The standard error. None at an edge.
    """

    name: str
    value: float
    standard_error: float | None


def parameters_of(
    names: Sequence[str], values: Mapping[str, float], covariance: Floats | None
) -> tuple[Parameter, ...]:
    """Return the parameters with the standard errors that the covariance of their logarithms gives."""
    errors = [None] * len(values) if covariance is None else np.sqrt(np.diag(covariance)).tolist()
    return tuple(
        Parameter(name, float(values[name]), None if error is None else error * float(values[name]))
        for name, error in zip(names, errors, strict=True)
    )


def check_number(value: object, name: str, *, zero: bool) -> float:
    """Return a finite number above zero, or zero if it is allowed.

    Raises:
        ArgumentError: It is not such a number.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < inf and (value or zero):
        return float(value)
    raise ArgumentError(f"{name} must be a number {'of zero or more' if zero else 'above zero'} (got {brief(value)})")
