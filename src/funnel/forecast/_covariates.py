"""Effects of covariates on a model of purchases, with a test of each covariate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import exp, sqrt
from statistics import NormalDist
from typing import Any, cast

import attrs
from scipy import special

from funnel._arguments import brief, count_of, each, instance, is_listed
from funnel._format import TextRepr
from funnel._results import Rows
from funnel.errors import ArgumentError
from funnel.forecast._buyers import Floats, check_number
from funnel.forecast._family import Family, Values
from funnel.forecast._fit import Fit
from funnel.forecast._levels import Level, Levels
from funnel.forecast._predict import Estimate
from funnel.forecast._with_covariates import WithCovariates
from funnel.metrics._display import p_text


@attrs.frozen
class CovariateEffect:
    """The effect of one level of a covariate on one parameter.

    Attributes:
        level: The level.
        parameter: The name of the parameter.
        factor: The parameter of buyers with this level, divided by that of buyers with the most common level and the
            same levels of other covariates. 1: the level has no effect.
    """

    level: Level
    parameter: str
    factor: Estimate


@attrs.frozen
class Covariate(Levels, Rows, TextRepr):
    """An attribute of buyers, known at the first purchase, and its effects in a model.

    A table of the result has one row for each effect. An effect is not a cause: buyers of two levels differ in other
    ways too.

    Attributes:
        name: The name of the column.
        levels: The levels, the most common one first. Effects are compared with it.
        people: The number of people with each level.
        effects: The effects of each level but the first on each parameter.
        chi_square: The statistic of the likelihood-ratio test: twice the difference of the log likelihoods with and
            without the covariate. None if a fit has a parameter at an edge or did not converge, or with a penalty.
        degrees: The degrees of freedom: the number of effects.
        p_value: The probability of a statistic this large by chance if the covariate has no effect and the model is
            right. It is too small if buyers differ more than the model allows. None without a statistic.
    """

    effects: tuple[CovariateEffect, ...]
    chi_square: float | None
    degrees: int
    p_value: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the covariate as plain data for JSON: its levels, the factors of each parameter, and the test."""
        factors: dict[str, list[float]] = {}
        for one in self.effects:
            factors.setdefault(one.parameter, []).append(one.factor.value)
        return {
            "name": self.name,
            "levels": list(self.levels),
            "people": list(self.people),
            "factors": factors,
            "chi_square": self.chi_square,
            "p_value": self.p_value,
        }

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one row for each effect: level, people, parameter, and the factor with the ends of its interval."""
        people = dict(zip(self.levels, self.people, strict=True))
        return [
            {
                "level": one.level,
                "people": people[one.level],
                "parameter": one.parameter,
                "factor": one.factor.value,
                "factor_lower": one.factor.ci_lower,
                "factor_upper": one.factor.ci_upper,
            }
            for one in self.effects
        ]

    def __str__(self) -> str:
        """Format the levels and the test."""
        levels = ", ".join(f"{level} ({people:,})" for level, people in zip(self.levels, self.people, strict=True))
        if self.chi_square is None or self.p_value is None:
            return f"{self.name}: {levels}; no test"
        figures = f"chi square {self.chi_square:.2f}, degrees {self.degrees}, p {p_text(self.p_value)}"
        return f"{self.name}: {levels}; {figures}"


Test = tuple[float | None, float | None]
"""The statistic and the p value of a test."""


def covariates_of(
    family: Family, values: Values, covariance: Floats | None, confidence_level: float, tests: Sequence[Test]
) -> tuple[Covariate, ...]:
    """Return the covariates of a model with their effects.

    Args:
        family: The model.
        values: Its parameters.
        covariance: The covariance of their logarithms. None at an edge.
        confidence_level: The probability that an interval contains the true value.
        tests: The statistic and the p value of each covariate.
    """
    if not isinstance(family, WithCovariates):
        return ()
    width = NormalDist().inv_cdf((1 + confidence_level) / 2)
    factors = (
        _factor(values[name], None if covariance is None else width * sqrt(covariance[index, index]))
        for index, name in enumerate(family.parameters[family.steps :], start=family.steps)
    )
    varying = family.base.varying
    return tuple(
        Covariate(
            one.name,
            one.levels,
            one.people,
            effects=tuple(CovariateEffect(level, name, next(factors)) for level in one.levels[1:] for name in varying),
            chi_square=chi_square,
            degrees=(len(one.levels) - 1) * len(varying),
            p_value=p_value,
        )
        for one, (chi_square, p_value) in zip(family.levels, tests, strict=True)
    )


def covariates_from(data: object, varying: Sequence[str]) -> tuple[list[Levels], list[float], list[Test]]:
    """Return the levels, the factors in the order of the parameters, and the tests of stored covariates.

    Raises:
        ArgumentError: The data are not what `Covariate.to_dict` returns for a model with these parameters.
    """
    levels, factors, tests = list[Levels](), list[float](), list[Test]()
    for one in each(data, "covariates", "a list of mappings, such as to_dict returns"):
        stored: Mapping[str, Any] = instance(
            one, Mapping, "each of the covariates", "a mapping, such as to_dict returns"
        )
        name, by_parameter = stored.get("name"), _mapping(stored.get("factors"))
        values, people, *columns = map(
            _list, (stored.get("levels"), stored.get("people"), *(by_parameter.get(key) for key in varying))
        )
        if not (
            isinstance(name, str)
            and all(isinstance(value, str | bool) for value in values)
            and len(set(values)) == len(values) == len(people) > 1
            and len(by_parameter) == len(varying)
            and all(len(column) == len(values) - 1 for column in columns)
        ):
            raise ArgumentError(
                f"covariate {brief(name)} needs two levels or more, as texts or booleans, people of each level, and "
                f"factors of {', '.join(varying)}: of each, one for every level but the first"
            )
        numbers = tuple(count_of(count, f"people of covariate {name}", minimum=1) for count in people)
        levels.append(Levels(name, tuple(values), numbers))
        for level in zip(*columns, strict=True):
            factors += [check_number(factor, f"a factor of covariate {name}", zero=False) for factor in level]
        tests.append((stored.get("chi_square"), stored.get("p_value")))
    return levels, factors, tests


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return list(cast("Iterable[Any]", value)) if is_listed(value) else []


def tests_of(full: Fit, *, is_penalized: bool) -> list[Test]:
    """Return the statistic and the p value of the likelihood-ratio test of each covariate."""
    return [
        (None, None)
        if is_penalized or not (full.is_converged and one.is_converged)
        else _test(2 * (full.log_likelihood - one.log_likelihood), len(full.logs) - len(one.logs))
        for one in full.without
    ]


def _test(chi_square: float, degrees: int) -> tuple[float, float]:
    return chi_square, float(special.chdtrc(degrees, max(chi_square, 0.0)))


def _factor(value: float, half: float | None) -> Estimate:
    """Return a factor with its interval, which is symmetric in the logarithm."""
    return Estimate(value, None, None) if half is None else Estimate(value, value / exp(half), value * exp(half))
