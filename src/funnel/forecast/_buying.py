"""`buying_model`: how often buyers purchase and how soon they leave, estimated from all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Literal

import numpy as np

from funnel._arguments import count_of, share_of
from funnel.errors import ArgumentError
from funnel.forecast._beta_dropout import Stable
from funnel.forecast._buyers import MIN_REPEAT_BUYERS, Buyers, Floats, check_number, parameters_of
from funnel.forecast._buying_model import BuyingModel, Matrix
from funnel.forecast._covariates import covariates_of, tests_of
from funnel.forecast._families import MOST_EVENTS, ModelName, family_of
from funnel.forecast._family import Family
from funnel.forecast._fit import Fit
from funnel.forecast._summaries import Summaries
from funnel.forecast._with_covariates import fit_with
from funnel.metrics._rate import DEFAULT_CONFIDENCE


def buying_model(  # noqa: PLR0913 (keywords; docs/decisions/few-arguments.md)
    summaries: object,
    model: ModelName = "mbg_nbd",
    *,
    k: int | Literal["likelihood"] = 1,
    covariates: Sequence[str] = (),
    penalty: float = 0.0,
    min_repeat_buyers: int = MIN_REPEAT_BUYERS,
    confidence_level: float = DEFAULT_CONFIDENCE,
) -> BuyingModel:
    """Fit a model of the purchases of all buyers by maximum likelihood.

    Give all buyers, also those who bought once. `as_of` of the summaries must be the end of the data, not the last
    purchase.

    Args:
        summaries: A dataframe with the columns of `PurchaseSummary.over`, or a list of `PurchaseSummary`.
        model: The model. "mbg_nbd": a buyer may leave after each purchase, the first included. "bg_nbd": after each
            purchase but the first. "pareto_nbd": at any moment. "nbd": never. "mbg_cnbd": as "mbg_nbd", with purchases
            more regular as `k` grows.
        k: The number of events of the rate for each purchase, 1 to 6, for "mbg_cnbd" only. 1: no
            regularity. "likelihood": the k with the highest likelihood; it needs `log_gap_sum`. This k is
            not always the best for forecasts: compare both with `check_model`.
        covariates: Columns of the summaries with attributes of buyers that are known at the first purchase, as texts or
            booleans, such as `["source"]`. Each level changes how often buyers purchase and how soon they leave: the
            parameters `alpha`, `a`, `b` and `beta`, not `r` and `s`. At most 256 combinations of levels (our default).
            An attribute that changes later, such as a tier, is a result of the purchases that the model explains.
        penalty: The precision of a normal prior on the logarithms of the parameters and of the factors of covariates. 0
            by default: an edge is an answer, not a failure.
        min_repeat_buyers: The minimum number of buyers with a second purchase day. Each level of a covariate needs 30
            of them (our default), or this number if it is lower.
        confidence_level: The probability that an interval contains the true value.

    Returns:
        The model. If nobody leaves according to the fit, it is the NBD, and `at_edge` is a sentence about it.

    Raises:
        MissingExtraError: NumPy or SciPy is not installed.
        ArgumentError: A summary is impossible, there are too few repeat buyers, or an argument is not allowed. A
            covariate is missing, has numbers, missing values, one level or a rare one, or follows from others.

    Example:
        >>> import polars as pl
        >>> summaries = pl.DataFrame({
        ...     "repeat_count": [0, 1, 2, 5] * 60, "first_to_last_days": [0, 20, 90, 170] * 60,
        ...     "tenure_days": [180, 190, 120, 200] * 60,
        ... })
        >>> print(buying_model(summaries, "nbd"))
        nbd of 240 buyers: r 2.3, alpha 198.1; log likelihood -2,597.6
    """
    family = family_of(model, 1 if k == "likelihood" else k)
    share_of(confidence_level, "confidence_level")
    minimum = count_of(min_repeat_buyers, "min_repeat_buyers", minimum=1)
    check_number(penalty, "penalty", zero=True)
    read = Summaries.read(summaries)
    buyers = read.groups.buyers
    repeat_buyers = int(buyers.people[buyers.count > 0].sum())
    if repeat_buyers < minimum:
        raise ArgumentError(
            f"not enough: {repeat_buyers} of {int(buyers.total)} buyers returned, and a model needs {minimum}; "
            "wait for more purchases, or pass min_repeat_buyers and read the intervals with care"
        )
    levels = read.levels(covariates, minimum)
    buyers = read.divided(levels).groups.buyers
    stable = fit_with(Stable(), levels, buyers.alike[0])
    families = _by_likelihood(model, buyers) if k == "likelihood" else [family]
    results = [
        stable if isinstance(one, Stable) and not penalty else fit_with(one, levels, buyers, penalty)
        for one in families
    ]
    result = max(results, key=lambda one: one.log_likelihood)
    family = result.family
    k, name = family.k, family.name
    edge = _edge_of(result)
    if result.log_likelihood < stable.log_likelihood + _SAME and name != stable.family.name and k == 1:
        result, edge = stable, f"{name} became nbd: nobody leaves"
    family, values, tests = result.family, result.values, tests_of(result, is_penalized=penalty > 0)
    return BuyingModel(
        name=family.name,
        k=k,
        parameters=parameters_of(family.parameters[: family.steps], values, result.covariance, result.model_covariance),
        log_likelihood=result.log_likelihood,
        nbd_log_likelihood=stable.log_likelihood,
        people=int(buyers.total),
        repeat_buyers=repeat_buyers,
        distinct=len(buyers),
        covariance=_tuples(result.covariance),
        model_covariance=_tuples(result.model_covariance),
        at_edge=edge,
        is_converged=result.is_converged,
        other_maxima=result.starts,
        confidence_level=confidence_level,
        covariates=covariates_of(family, values, result.covariance, confidence_level, tests),
    )


def _by_likelihood(model: str, buyers: Buyers) -> list[Family]:
    if model != "mbg_cnbd" or buyers.log_gaps is None:
        raise ArgumentError(
            "k='likelihood' needs the model 'mbg_cnbd' and summaries with log_gap_sum; "
            "make them with PurchaseSummary.over(purchases, log_gaps=True, ...)"
        )
    return [family_of(model, number) for number in range(1, MOST_EVENTS + 1)]


_SAME = 1e-3
"""A model whose log likelihood is above that of NBD by less is NBD."""


_MOST = log(100)
"""A fit with a factor above 100 or below 0.01 that has no maximum is at an edge: our default."""


def _edge_of(result: Fit) -> str | None:
    edge, factors = result.edge, np.abs(result.logs[result.family.steps :])
    if edge is None and not result.is_converged and factors.max(initial=0.0) > _MOST:
        edge = result.family.steps + int(factors.argmax())
    if edge is None:
        return None if result.is_converged else "the likelihood is flat: a model with fewer parameters fits as well"
    name = result.family.parameters[edge]
    return f"parameter {name} is at the edge of its range: a model with fewer parameters fits as well"


def _tuples(matrix: Floats | None) -> Matrix | None:
    return None if matrix is None else tuple(map(tuple, matrix.tolist()))
