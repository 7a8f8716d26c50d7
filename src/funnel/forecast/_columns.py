"""`ForecastColumns`: a forecast as whole numbers in columns of people, which facts read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import attrs
import narwhals as nw

from funnel._arguments import SpanLike, instance, parse_as_of, parse_zone, span
from funnel._columns import OwnValue
from funnel._dataframes.adapter import from_native, to_native
from funnel._dataframes.frame_types import NativeT
from funnel._expr.to_narwhals import int_lit
from funnel._time import instant
from funnel.errors import ArgumentError
from funnel.forecast._buying_model import BuyingModel
from funnel.history import History
from funnel.logs import Logs
from funnel.metrics._purchase_summary import PurchaseSummary

_CHANCE, _EXPECTED, _AS_OF = "chance_permille", "expected_thousandths", "as_of"
_THOUSAND = 1000


def _model(_: ForecastColumns, __: attrs.Attribute[Any], value: object) -> None:
    model: BuyingModel = instance(value, BuyingModel, "model", "a BuyingModel, the result of buying_model")
    if model.covariates:
        raise ArgumentError(
            "model has covariates, and ForecastColumns does not read covariates; fit a model without them, or use "
            "model.over(summaries, within=...)"
        )


def _zone(_: ForecastColumns, __: attrs.Attribute[Any], value: object) -> None:
    parse_zone(value)


def _span(_: ForecastColumns, __: attrs.Attribute[Any], value: object) -> None:
    span(value, "within")


@attrs.frozen
class ForecastColumns:
    """The forecast of a model as columns of people, which facts read as `column("chance_permille", int)`.

    The columns are `chance_permille`, the chance of a purchase within the horizon in thousandths (400 is 40 %);
    `expected_thousandths`, the mean number of purchase days in thousandths; and `as_of`, the instant of the forecast.
    The numbers are rounded down. Facts that read them at another instant are an error.

    Args:
        model: The model of purchases.
        within: The horizon, such as "30 days".
        tz: The time zone of the calendar days, such as "Asia/Jakarta".

    Raises:
        ArgumentError: `model` is not a model or has covariates, the horizon is not a span above zero, or the zone is
            unknown.

    Example:
        >>> from datetime import UTC, datetime
        >>> from funnel import History, Money, Purchase
        >>> from funnel.forecast import BuyingModel, ForecastColumns
        >>> model = BuyingModel.from_dict({
        ...     "name": "bg_nbd", "parameters": {"r": 0.243, "alpha": 30.9, "a": 0.793, "b": 2.426}
        ... })
        >>> bought = [
        ...     Purchase(id=day, person_id="p1", purchased_at=f"2026-03-{day}T02:00Z", amount=Money(9, "USD"))
        ...     for day in ("01", "08", "15")
        ... ]
        >>> columns = ForecastColumns(model, within="30 days", tz="UTC")
        >>> for name, value in columns.of(History.of("p1", bought), as_of=datetime(2026, 4, 1, tzinfo=UTC)).items():
        ...     print(name, value)
        chance_permille 398
        expected_thousandths 662
        as_of 2026-04-01 00:00:00+00:00
    """

    model: BuyingModel = attrs.field(validator=_model)
    within: SpanLike = attrs.field(kw_only=True, validator=_span)
    tz: str = attrs.field(kw_only=True, validator=_zone)

    @property
    def names(self) -> Mapping[str, str]:
        """The columns of `over`, as `Logs.with_people` takes them."""
        return MappingProxyType({name: name for name in (_CHANCE, _EXPECTED, _AS_OF)})

    def of(self, history: History, *, as_of: datetime) -> Mapping[str, OwnValue]:
        """Return the columns of one person, for `Customer.columns`. People who never bought have `as_of` alone.

        Args:
            history: The person's history.
            as_of: The instant of the forecast.

        Raises:
            InstantError: `as_of` is naive.
        """
        summary = PurchaseSummary.of(history, tz=self.tz, as_of=as_of)
        at: dict[str, OwnValue] = {_AS_OF: instant(parse_as_of(as_of))}
        if summary is None:
            return at
        forecast = self.model.of(summary, within=self.within)
        chance, expected = forecast.buys_within.value, forecast.expected.value
        return {_CHANCE: int(_THOUSAND * chance), _EXPECTED: int(_THOUSAND * expected), **at}

    def over(self, logs: Logs[NativeT], *, as_of: datetime) -> NativeT:
        """Return the columns of every buyer, for `Logs.with_people`.

        Args:
            logs: The logs of a shop.
            as_of: The instant of the forecast.

        Returns:
            A dataframe of the type of the logs: `person_id` and the three columns, one row for each person with a valid
            purchase. For remote logs (DuckDB, Ibis, PySpark), a dataframe in local memory, as in `BuyingModel.over`.

        Raises:
            InstantError: `as_of` is naive.
            ArgumentError: The logs have no purchases.
        """
        now = parse_as_of(as_of)
        summaries = PurchaseSummary.over(logs, tz=self.tz, as_of=as_of)
        read = from_native(self.model.over(summaries, within=self.within))
        columns = {_CHANCE: _thousandths("chance"), _EXPECTED: _thousandths("expected"), _AS_OF: int_lit(now)}
        frame = read.frame.select("person_id", **columns)
        result: NativeT = to_native(frame, read.frame_kind, instants=[_AS_OF], order=("person_id",))
        return result


def _thousandths(name: str) -> nw.Expr:
    return (nw.col(name) * _THOUSAND).floor().cast(nw.Int64())
