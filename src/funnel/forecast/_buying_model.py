"""A fitted model of how often buyers purchase and how soon they leave, and its forecasts.

A fitted model is data: it holds parameters and their covariance, and forecasts with them. It changes when other people
buy, so it is not a rule.

Invariants: the order of the rows changes nothing. Weeks in place of days change only the parameters that are times. One
summary and the same row of a table have the same forecast.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Any, get_args

import attrs
import numpy as np

from funnel._arguments import SpanLike, check_choice, instance, span
from funnel._dataframes.frame_types import NativeT
from funnel._dataframes.output import with_added
from funnel._format import TextRepr
from funnel._time import MICROSECOND
from funnel.errors import ArgumentError
from funnel.forecast._buyers import DAY, Buyers, Floats, Parameter, check_number, parameters_of
from funnel.forecast._covariates import Covariate, covariates_from, covariates_of
from funnel.forecast._families import family_of
from funnel.forecast._predict import BuyerGroup, Estimate, Forecast, Forecasts, Interval, NextPurchase, Predictor
from funnel.forecast._summaries import Level, Summaries, buyer_of, with_columns
from funnel.forecast._with_covariates import WithCovariates
from funnel.metrics._purchase_summary import PurchaseSummary
from funnel.metrics._rate import DEFAULT_CONFIDENCE

SPANS = ("earliest", "likely", "latest")
"""The columns that are spans."""
Matrix = tuple[tuple[float, ...], ...]
"""A square table of numbers."""


@attrs.frozen
class BuyingModel(TextRepr):
    """A model of how often buyers purchase and how soon they leave.

    Attributes:
        name: The name of the model.
        k: The number of events of the rate for each purchase: 1, or more for regular purchases (`mbg_cnbd`).
        parameters: The parameters. Times are in days.
        log_likelihood: The log likelihood of all people. None if the parameters come from elsewhere.
        nbd_log_likelihood: The same of NBD, in which nobody leaves, with the same covariates.
        people: The number of people.
        repeat_buyers: The number of people who purchased on two or more days.
        distinct: The number of different summaries.
        covariance: The covariance of the logarithms of the parameters, valid also if the model is wrong: it gives the
            intervals. None at an edge.
        model_covariance: The same if the model is right. None at an edge.
        at_edge: A sentence if a parameter is at an edge, the likelihood is flat, or the model became the NBD. None
            otherwise.
        is_converged: False if the maximum was not reached: then use another model.
        other_maxima: Log likelihoods of lower maxima that other starts reached.
        confidence_level: The probability that an interval contains the true value.
        covariates: The covariates with their effects. The parameters are those of the average buyer: the geometric mean
            of all buyers.
    """

    name: str
    k: int
    parameters: tuple[Parameter, ...]
    log_likelihood: float | None
    nbd_log_likelihood: float | None
    people: int
    repeat_buyers: int
    distinct: int
    covariance: Matrix | None = attrs.field(repr=False)
    model_covariance: Matrix | None = attrs.field(repr=False)
    at_edge: str | None
    is_converged: bool
    other_maxima: tuple[float, ...]
    confidence_level: float
    covariates: tuple[Covariate, ...] = ()

    @property
    def aic(self) -> float | None:
        """Akaike's criterion: lower is better among models of the same people. None without a likelihood."""
        return None if self.log_likelihood is None else 2 * self._size - 2 * self.log_likelihood

    @property
    def bic(self) -> float | None:
        """Schwarz's criterion: lower is better among models of the same people. None without a likelihood."""
        if self.log_likelihood is None:
            return None
        return self._size * log(max(self.people, 1)) - 2 * self.log_likelihood

    @property
    def _size(self) -> int:
        return len(self.parameters) + sum(len(one.effects) for one in self.covariates)

    def of(
        self, summary: PurchaseSummary, *, within: SpanLike, covariates: Mapping[str, Level] | None = None
    ) -> Forecast:
        """Return the forecast of one buyer.

        Args:
            summary: The buyer's summary as of the evaluation time.
            within: The horizon, such as "30 days".
            covariates: The level of each covariate of the model, such as `{"source": "ads"}`.

        Raises:
            ArgumentError: It is not a summary, the summary is impossible, the horizon is not a span above zero, or a
                covariate is missing or has another level.

        Example:
            >>> from funnel.forecast import BuyingModel
            >>> from funnel.metrics import PurchaseSummary
            >>> model = BuyingModel.from_dict({
            ...     "name": "bg_nbd", "parameters": {"r": 0.243, "alpha": 30.9, "a": 0.793, "b": 2.426}
            ... })
            >>> summary = PurchaseSummary(
            ...     repeat_count=2, first_to_last_days=213, tenure_days=272, repeat_amount=9_000
            ... )
            >>> print(model.of(summary, within="39 weeks"))
            of 100 buyers like this one, 55 buy within 273 d
            >>> round(model.of(summary, within="39 weeks").expected.value, 2)
            1.23
        """
        horizon = _horizon(within)
        columns = self._predictor().forecasts(buyer_of(summary, self.covariates, covariates), horizon / DAY)
        earliest, likely, latest = (round(float(column[0]) * DAY) * MICROSECOND for column in columns.until)
        return Forecast(
            horizon * MICROSECOND,
            float(columns.alive[0]),
            _estimate(columns.chance),
            _estimate(columns.expected),
            int(columns.count_lower[0]),
            int(columns.count_upper[0]),
            earliest,
            likely,
            latest,
            self.name,
            self.confidence_level,
        )

    def over(self, summaries: NativeT, *, within: SpanLike) -> NativeT:
        """Return the forecast of every row of a table.

        Args:
            summaries: A dataframe with the columns of `PurchaseSummary.over`, and those of the covariates of the model.
            within: The horizon, such as "30 days".

        Returns:
            A dataframe of the input type with the columns of the input, in the same order, and: `alive`,
            `chance`, `chance_lower`, `chance_upper`, `expected`, `expected_lower`, `expected_upper`, `count_lower`,
            `count_upper`, and the spans `earliest`, `likely` and `latest`; see `Forecast`. The ends of intervals are
            null if a parameter is at an edge. A remote table (DuckDB, Ibis, PySpark) is collected: the result is a
            dataframe of Polars, or of pandas without it.

        Raises:
            ArgumentError: A column is missing or holds no whole numbers, a row is impossible, the horizon is not a
                span above zero, or a covariate has a missing value or another level.
        """
        horizon = _horizon(within)
        read = self._table(summaries)
        columns = _columns(self._predictor().forecasts(read.groups.buyers, horizon / DAY))
        extended = with_columns(read, columns, spans=SPANS)
        return with_added(summaries, extended, read.frame_kind, list(columns), spans=SPANS)

    def next_purchase(
        self, summary: PurchaseSummary, *, buyers: BuyerGroup = "all", covariates: Mapping[str, Level] | None = None
    ) -> NextPurchase:
        """Return when one buyer purchases next, and the chance that they never do.

        Args:
            summary: The buyer's summary as of the evaluation time.
            buyers: The buyers whose shares the times are. "all": of all buyers like this one; a time is None if fewer
                return. "returning": of those who return, as in the windows of `until_earliest`, `until_likely` and
                `until_latest`.
            covariates: The level of each covariate of the model, as in `of`.

        Raises:
            ArgumentError: It is not a summary, the summary is impossible, `buyers` is another word, or a covariate is
                missing or has another level.

        Example:
            >>> from funnel.forecast import BuyingModel
            >>> from funnel.metrics import PurchaseSummary
            >>> model = BuyingModel.from_dict({
            ...     "name": "bg_nbd", "parameters": {"r": 0.243, "alpha": 30.9, "a": 0.793, "b": 2.426}
            ... })
            >>> summary = PurchaseSummary(
            ...     repeat_count=2, first_to_last_days=213, tenure_days=272, repeat_amount=9_000
            ... )
            >>> print(model.next_purchase(summary))
            of 100 buyers like this one, 27 never return; half have returned within 206 d 7 h
            >>> print(model.next_purchase(summary, buyers="returning"))
            of 100 buyers like this one, 27 never return; half of those who return do so within 109 d 16 h
        """
        never, times = self._next_purchases(buyer_of(summary, self.covariates, covariates), buyers)
        spans = (None if np.isnan(column[0]) else round(float(column[0]) * DAY) * MICROSECOND for column in times)
        return NextPurchase(
            _estimate(never), *spans, buyers=buyers, model=self.name, confidence_level=self.confidence_level
        )

    def next_purchases(self, summaries: NativeT, *, buyers: BuyerGroup = "all") -> NativeT:
        """Return when the buyer of every row purchases next.

        Args:
            summaries: A dataframe with the columns of `PurchaseSummary.over`, and those of the covariates of the model.
            buyers: The buyers whose shares the times are, as in `next_purchase`.

        Returns:
            A dataframe of the input type with the columns of the input, in the same order, and: `never`,
            `never_lower`, `never_upper`, and the spans `earliest`, `likely` and `latest`, null if fewer buyers return;
            see `NextPurchase`. Otherwise as in `over`.

        Raises:
            ArgumentError: A column is missing or holds no whole numbers, a row is impossible, `buyers` is another word,
                or a covariate has a missing value or another level.
        """
        read = self._table(summaries)
        never, times = self._next_purchases(read.groups.buyers, buyers)
        columns = _interval_columns("never", never) | {
            name: DAY * column for name, column in zip(SPANS, times, strict=True)
        }
        extended = with_columns(read, columns, spans=SPANS)
        return with_added(summaries, extended, read.frame_kind, list(columns), spans=SPANS)

    def to_dict(self) -> dict[str, Any]:
        """Return the model as plain data for JSON; `from_dict` reads it."""
        plain = attrs.asdict(self, recurse=False)
        return plain | {
            "parameters": {one.name: one.value for one in self.parameters},
            "covariance": None if self.covariance is None else [list(row) for row in self.covariance],
            "model_covariance": None if self.model_covariance is None else [list(row) for row in self.model_covariance],
            "other_maxima": list(self.other_maxima),
            "covariates": [one.to_dict() for one in self.covariates],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> BuyingModel:
        """Return the model that `to_dict` wrote, or one with parameters from a paper: a name and parameters suffice.

        Raises:
            ArgumentError: The name is unknown, or the parameters or covariates are not those of the model.
        """
        instance(data, Mapping, "data", "a mapping, such as to_dict returns")
        name, k = data.get("name"), data.get("k", 1)
        family = family_of(name, k)
        values: object = data.get("parameters")
        by_name: Mapping[Any, object] = values if isinstance(values, Mapping) else {}  # pyright: ignore[reportUnknownVariableType]
        if set(by_name) != set(family.parameters):
            raise ArgumentError(
                f"{name} needs the parameters {', '.join(family.parameters)}, all of them and no others"
            )
        numbers = {key: check_number(by_name[key], f"parameter {key}", zero=False) for key in family.parameters}
        levels, factors, tests = covariates_from(data.get("covariates", ()), family.varying)
        family = WithCovariates.of(family, levels)
        every = dict(zip(family.parameters, (*numbers.values(), *factors), strict=True))
        confidence = data.get("confidence_level", DEFAULT_CONFIDENCE)
        covariance, model_covariance = (_matrix(data, key) for key in ("covariance", "model_covariance"))
        return cls(
            name=family.name,
            k=k,
            parameters=parameters_of(tuple(numbers), numbers, _array(covariance), _array(model_covariance)),
            log_likelihood=data.get("log_likelihood"),
            nbd_log_likelihood=data.get("nbd_log_likelihood"),
            people=data.get("people", 0),
            repeat_buyers=data.get("repeat_buyers", 0),
            distinct=data.get("distinct", 0),
            covariance=covariance,
            model_covariance=model_covariance,
            other_maxima=tuple(data.get("other_maxima", ())),
            at_edge=data.get("at_edge"),
            is_converged=data.get("is_converged", True),
            confidence_level=confidence,
            covariates=covariates_of(family, every, _array(covariance), confidence, tests),
        )

    def _next_purchases(self, rows: Buyers, group: BuyerGroup) -> tuple[Interval, tuple[Floats, ...]]:
        check_choice(group, get_args(BuyerGroup), "buyers")
        predictor = self._predictor()
        return predictor.never(rows), predictor.until(rows, returning=group == "returning")

    def _table(self, summaries: object) -> Summaries:
        read = Summaries.read(summaries)
        if read.frame is None:
            raise ArgumentError("a list has no columns to return; use [model.of(one, within=...) for one in summaries]")
        return read.divided(self.covariates)

    def _predictor(self) -> Predictor:
        family = WithCovariates.of(family_of(self.name, self.k), self.covariates)
        factors = (effect.factor.value for one in self.covariates for effect in one.effects)
        numbers = (*(one.value for one in self.parameters), *factors)
        return Predictor(
            family, dict(zip(family.parameters, numbers, strict=True)), _array(self.covariance), self.confidence_level
        )

    def __str__(self) -> str:
        """Format the parameters and the number of people."""
        values = ", ".join(f"{one.name} {one.value:.4g}" for one in self.parameters)
        edge = f"; {self.at_edge}" if self.at_edge else ""
        fit = "" if self.log_likelihood is None else f"; log likelihood {self.log_likelihood:,.1f}"
        covariates = f"; covariates {', '.join(one.name for one in self.covariates)}" if self.covariates else ""
        return f"{self.name} of {self.people:,} buyers: {values}{covariates}{fit}{edge}"


def _matrix(data: Mapping[str, Any], key: str) -> Matrix | None:
    return None if data.get(key) is None else tuple(tuple(map(float, row)) for row in data[key])


def _array(matrix: Matrix | None) -> Floats | None:
    return None if matrix is None else np.array(matrix)


def _horizon(within: SpanLike) -> int:
    return span(within, "within")


def _estimate(column: Interval) -> Estimate:
    ends = (None if end is None else float(end[0]) for end in (column.ci_lower, column.ci_upper))
    return Estimate(float(column.value[0]), *ends)


def _columns(forecasts: Forecasts) -> dict[str, Any]:
    until = zip(SPANS, forecasts.until, strict=True)
    return (
        {"alive": forecasts.alive}
        | _interval_columns("chance", forecasts.chance)
        | _interval_columns("expected", forecasts.expected)
        | {"count_lower": forecasts.count_lower, "count_upper": forecasts.count_upper}
        | {name: DAY * column for name, column in until}
    )


def _interval_columns(name: str, column: Interval) -> dict[str, Floats]:
    missing = np.full(len(column.value), np.nan)
    ends = (missing if end is None else end for end in (column.ci_lower, column.ci_upper))
    return dict(zip((name, f"{name}_lower", f"{name}_upper"), (column.value, *ends), strict=True))
