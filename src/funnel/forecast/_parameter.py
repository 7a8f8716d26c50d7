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
        standard_error: The standard error, valid also if the model is wrong (White 1982, Econometrica 50, 1-25). None
            at an edge.
        model_standard_error: The standard error if the model is right, as other packages have it. It is too small if
            buyers differ more than the model allows. None at an edge.
    """

    name: str
    value: float
    standard_error: float | None
    model_standard_error: float | None


def parameters_of(
    names: Sequence[str], values: Mapping[str, float], covariance: Floats | None, model_covariance: Floats | None
) -> tuple[Parameter, ...]:
    """Return the parameters with the standard errors that the covariances of their logarithms give."""
    errors, others = (
        [None if square is None else np.sqrt(square[index, index]) * values[name] for index, name in enumerate(names)]
        for square in (covariance, model_covariance)
    )
    return tuple(
        Parameter(name, float(values[name]), *(None if error is None else float(error) for error in pair))
        for name, *pair in zip(names, errors, others, strict=True)
    )


def check_number(value: object, name: str, *, zero: bool) -> float:
    """Return a finite number above zero, or zero if it is allowed.

    Raises:
        ArgumentError: It is not such a number.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < inf and (value or zero):
        return float(value)
    raise ArgumentError(f"{name} must be a number {'of zero or more' if zero else 'above zero'} (got {brief(value)})")
