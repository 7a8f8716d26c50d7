"""`buying_model`: how often buyers purchase and how soon they leave, estimated from all of them at once.

A fitted model is data: it holds parameters and their covariance, and forecasts with them. It changes when other people
buy, so it is not a rule.

Invariants: the order of the rows changes nothing. Weeks in place of days change only the parameters that are times. One
summary and the same row of a table have the same forecast.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import TYPE_CHECKING, Any, Literal, get_args

import attrs
import numpy as np

from funnel._arguments import SpanLike, check_choice, count_of, instance, share_of, span
from funnel._dataframes.adapter import to_native
from funnel._format import TextRepr
from funnel._time import MICROSECOND
from funnel.errors import ArgumentError
from funnel.forecast._beta_dropout import BetaDropout, Stable
from funnel.forecast._buyers import Buyers, Floats
from funnel.forecast._family import Family
from funnel.forecast._fit import Fit, fit
from funnel.forecast._forecast import Estimate, Forecast
from funnel.forecast._parameter import DAY, MIN_REPEAT_BUYERS, Parameter, check_number, parameters_of
from funnel.forecast._pareto import Pareto
from funnel.forecast._predict import Forecasts, Interval, Predictor
from funnel.forecast._summaries import Summaries, buyer_of, with_columns
from funnel.metrics._purchase_summary import PurchaseSummary
from funnel.metrics._rate import DEFAULT_CONFIDENCE

if TYPE_CHECKING:
    from funnel._dataframes.frame_types import NativeT

ModelName = Literal["mbg_nbd", "bg_nbd", "pareto_nbd", "nbd", "mbg_cnbd"]
"""The names of the models."""
MOST_EVENTS = 6
"""The largest k."""
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
        nbd_log_likelihood: The same of NBD, in which nobody leaves.
        people: The number of people.
        repeat_buyers: The number of people who purchased on two or more days.
        distinct: The number of different summaries.
        covariance: The covariance of the logarithms of the parameters, valid also if the model is wrong: it gives the
            intervals. None at an edge.
        model_covariance: The same if the model is right. None at an edge.
        at_edge: A sentence if a parameter is at an edge or the model became the NBD. None otherwise.
        is_converged: False if the maximum was not reached: then use another model.
        other_maxima: Log likelihoods of lower maxima that other starts reached.
        confidence_level: The probability that an interval contains the true value.
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

    @property
    def aic(self) -> float | None:
        """Akaike's criterion: lower is better among models of the same people. None without a likelihood."""
        return None if self.log_likelihood is None else 2 * len(self.parameters) - 2 * self.log_likelihood

    @property
    def bic(self) -> float | None:
        """Schwarz's criterion: lower is better among models of the same people. None without a likelihood."""
        if self.log_likelihood is None:
            return None
        return len(self.parameters) * log(max(self.people, 1)) - 2 * self.log_likelihood

    def of(self, summary: PurchaseSummary, *, within: SpanLike) -> Forecast:
        """Return the forecast of one buyer.

        Args:
            summary: The buyer's summary as of the evaluation time.
            within: The horizon, such as "30 days".

        Raises:
            ArgumentError: It is not a summary, the summary is impossible, or the horizon is not a span above zero.

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
        columns = self._predictor().forecasts(buyer_of(summary), horizon / DAY)
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
            summaries: A dataframe with the columns of `PurchaseSummary.over`.
            within: The horizon, such as "30 days".

        Returns:
            A dataframe of the input type with the columns of the input, in the same order of rows, and: `alive`,
            `chance`, `chance_lower`, `chance_upper`, `expected`, `expected_lower`, `expected_upper`, `count_lower`,
            `count_upper`, and the spans `earliest`, `likely` and `latest`; see `Forecast`. The ends of intervals are
            null if a parameter is at an edge. A remote table (DuckDB, Ibis, PySpark) is collected: the result is a
            dataframe of Polars, or of pandas without it.

        Raises:
            ArgumentError: A column is missing or holds no whole numbers, a row is impossible, or the horizon is not a
                span above zero.
        """
        horizon = _horizon(within)
        read = Summaries.read(summaries)
        if read.frame is None:
            raise ArgumentError("a list has no columns to return; use [model.of(one, within=...) for one in summaries]")
        predictor = self._predictor()
        columns = _columns(predictor.forecasts(read.groups.buyers, horizon / DAY))
        return to_native(with_columns(read, columns), read.frame_kind, spans=("earliest", "likely", "latest"))  # type: ignore[no-any-return]

    def to_dict(self) -> dict[str, Any]:
        """Return the model as plain data for JSON; `from_dict` reads it."""
        plain = attrs.asdict(self, recurse=False)
        return plain | {
            "parameters": {one.name: one.value for one in self.parameters},
            "covariance": None if self.covariance is None else [list(row) for row in self.covariance],
            "model_covariance": None if self.model_covariance is None else [list(row) for row in self.model_covariance],
            "other_maxima": list(self.other_maxima),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> BuyingModel:
        """Return the model that `to_dict` wrote, or one with parameters from a paper: a name and parameters suffice.

        Raises:
            ArgumentError: The name is unknown, or the parameters are not those of the model.
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
        covariance, model_covariance = (_matrix(data, key) for key in ("covariance", "model_covariance"))
        return cls(
            name=family.name,
            k=k,
            parameters=parameters_of(family.parameters, numbers, _array(covariance), _array(model_covariance)),
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
            confidence_level=data.get("confidence_level", DEFAULT_CONFIDENCE),
        )

    def _predictor(self) -> Predictor:
        return Predictor(
            family_of(self.name, self.k),
            {one.name: one.value for one in self.parameters},
            _array(self.covariance),
            self.confidence_level,
        )

    def __str__(self) -> str:
        """Format the parameters and the number of people."""
        values = ", ".join(f"{one.name} {one.value:.4g}" for one in self.parameters)
        edge = f"; {self.at_edge}" if self.at_edge else ""
        fit = "" if self.log_likelihood is None else f"; log likelihood {self.log_likelihood:,.1f}"
        return f"{self.name} of {self.people:,} buyers: {values}{fit}{edge}"


def buying_model(  # noqa: PLR0913 (keywords; docs/decisions/few-arguments.md)
    summaries: object,
    model: ModelName = "mbg_nbd",
    *,
    k: int | Literal["likelihood"] = 1,
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
        penalty: The precision of a normal prior on the logarithms of the parameters. 0 by default: an edge is an
            answer, not a failure.
        min_repeat_buyers: The minimum number of buyers with a second purchase day.
        confidence_level: The probability that an interval contains the true value.

    Returns:
        The model. If nobody leaves according to the fit, it is the NBD, and `at_edge` is a sentence about it.

    Raises:
        MissingExtraError: NumPy or SciPy is not installed.
        ArgumentError: A summary is impossible, there are too few repeat buyers, or an argument is not allowed.

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
    buyers = Summaries.read(summaries).groups.buyers
    repeat_buyers = int(buyers.people[buyers.count > 0].sum())
    if repeat_buyers < minimum:
        raise ArgumentError(
            f"not enough: {repeat_buyers} of {int(buyers.total)} buyers returned, and a model needs {minimum}; "
            "wait for more purchases, or pass min_repeat_buyers and read the intervals with care"
        )
    stable = fit(Stable(), buyers.alike[0])
    families = _by_likelihood(model, buyers) if k == "likelihood" else [family]
    results = [stable if isinstance(one, Stable) and not penalty else fit(one, buyers, penalty) for one in families]
    result = max(results, key=lambda one: one.log_likelihood)
    family = result.family
    k = family.k
    edge = _edge_of(result)
    if result.log_likelihood < stable.log_likelihood + _SAME and not isinstance(result.family, Stable) and k == 1:
        result, edge = stable, f"{family.name} became nbd: nobody leaves"
    return BuyingModel(
        name=result.family.name,
        k=k,
        parameters=parameters_of(result.family.parameters, result.values, result.covariance, result.model_covariance),
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


def family_of(name: object, k: object = 1) -> Family:
    """Return the family of a model.

    Raises:
        ArgumentError: The name is unknown, or `k` does not fit the model.
    """
    check_choice(name, get_args(ModelName), "the model")
    events = count_of(k, "k", minimum=1, most=MOST_EVENTS)
    if events > 1 and name != "mbg_cnbd":
        raise ArgumentError(f"k belongs to the model 'mbg_cnbd' (got {name})")
    families: Mapping[object, Family] = {
        "mbg_nbd": BetaDropout("mbg_nbd", leaves_at_first=True),
        "bg_nbd": BetaDropout("bg_nbd", leaves_at_first=False),
        "mbg_cnbd": BetaDropout("mbg_cnbd", leaves_at_first=True, k=events),
        "pareto_nbd": Pareto(),
        "nbd": Stable(),
    }
    return families[name]


def _edge_of(result: Fit) -> str | None:
    if result.edge is None:
        return None
    name = result.family.parameters[result.edge]
    return f"parameter {name} is at the edge of its range: a model with fewer parameters fits as well"


def _matrix(data: Mapping[str, Any], key: str) -> Matrix | None:
    return None if data.get(key) is None else tuple(tuple(map(float, row)) for row in data[key])


def _array(matrix: Matrix | None) -> Floats | None:
    return None if matrix is None else np.array(matrix)


def _tuples(matrix: Floats | None) -> Matrix | None:
    return None if matrix is None else tuple(map(tuple, matrix.tolist()))


def _horizon(within: SpanLike) -> int:
    return span(within, "within")


def _estimate(column: Interval) -> Estimate:
    ends = (None if end is None else float(end[0]) for end in (column.ci_lower, column.ci_upper))
    return Estimate(float(column.value[0]), *ends)


def _columns(forecasts: Forecasts) -> dict[str, Any]:
    earliest, likely, latest = ((DAY * column).round().astype(np.int64) for column in forecasts.until)
    missing = np.full(len(forecasts.alive), np.nan)
    return {
        "alive": forecasts.alive,
        "chance": forecasts.chance.value,
        "chance_lower": missing if forecasts.chance.ci_lower is None else forecasts.chance.ci_lower,
        "chance_upper": missing if forecasts.chance.ci_upper is None else forecasts.chance.ci_upper,
        "expected": forecasts.expected.value,
        "expected_lower": missing if forecasts.expected.ci_lower is None else forecasts.expected.ci_lower,
        "expected_upper": missing if forecasts.expected.ci_upper is None else forecasts.expected.ci_upper,
        "count_lower": forecasts.count_lower,
        "count_upper": forecasts.count_upper,
        "earliest": earliest,
        "likely": likely,
        "latest": latest,
    }
