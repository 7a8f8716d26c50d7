"""Lifecycle: new, retained, resurrected and dormant buyers of each period.

Invariants, in every period: active = active before + new + resurrected - dormant. Revenue = revenue before + revenue of
new and resurrected buyers + expansion of retained buyers - contraction of retained buyers - dormant revenue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args, overload

import attrs
import narwhals as nw

from funnel._arguments import check_choice, parse_as_of
from funnel._dataframes.adapter import Frame
from funnel._dataframes.compute import to_rows
from funnel._expr.to_narwhals import to_int
from funnel._format import Listed, Table, Tabular
from funnel._results import Charted, Rows, chart_of
from funnel._time import instant
from funnel.logs import Logs
from funnel.metrics._by_group import Groups, by_group
from funnel.metrics._orders import orders_of
from funnel.metrics._periods import Calendar, Period, Periods, Weekday, period_label
from funnel.metrics._purchases import PERSON, started
from funnel.records import Purchase

if TYPE_CHECKING:
    from altair.typing import ChartType
    from narwhals.typing import IntoFrame


_NONE = nw.lit(0, nw.Int64())
_NEVER = -2
"""Index of the period before a person's first and after their last; not adjacent to any period."""


@attrs.frozen
class Lifecycle:
    """One period: new, retained, resurrected and dormant buyers, with their money.

    Money is what is left of the orders of the period at `as_of`, in minor units. It is None if amounts are unknown.

    Attributes:
        start: The first day of the period, in the shop's zone.
        is_partial: Whether the period was not over. Dormant people may then still buy in it.
        new: Number of people who bought for the first time on record.
        retained: Number of people who also bought in the previous period.
        resurrected: Number of people who bought earlier, but not in the previous period.
        dormant: Number of people who bought in the previous period, but not in this one.
        new_revenue: Payments of new buyers.
        retained_revenue: Payments of retained buyers.
        resurrected_revenue: Payments of resurrected buyers.
        expanded: Increase over the previous period of the retained buyers who paid more.
        contracted: Decrease from the previous period of the retained buyers who paid less.
        dormant_revenue: Payments of dormant people in the previous period.
    """

    start: date
    is_partial: bool
    new: int
    retained: int
    resurrected: int
    dormant: int
    new_revenue: int | None
    retained_revenue: int | None
    resurrected_revenue: int | None
    expanded: int | None
    contracted: int | None
    dormant_revenue: int | None

    @property
    def active(self) -> int:
        """Return the number of people who bought in the period."""
        return self.new + self.retained + self.resurrected

    @property
    def revenue(self) -> int | None:
        """Return what all buyers of the period paid."""
        parts = (self.new_revenue, self.retained_revenue, self.resurrected_revenue)
        return None if None in parts else sum(part or 0 for part in parts)

    def to_dict(self) -> dict[str, Any]:
        """Return the period with its counts and its money by name."""
        return {**attrs.asdict(self), "active": self.active, "revenue": self.revenue}


LifecycleShow: TypeAlias = Literal["people", "revenue"]
"""The content of a chart: the number of buyers, or their money."""


@attrs.frozen
class Lifecycles(Charted, Rows, Listed[Lifecycle], Tabular):
    """Result of `lifecycle`: periods from the first purchase to `as_of`.

    The oldest period comes first. As text, a star marks the period that is not over.

    Attributes:
        as_of: The evaluation time.
        tz: The time zone in which periods are cut.
        period: The kind of period.
        periods: The periods, including periods without a purchase.
        currency: The currency of the amounts. None if it is not known; amounts are then in minor units.
    """

    as_of: datetime
    tz: str
    period: Period
    periods: tuple[Lifecycle, ...]
    currency: str | None = None

    _CHART = "periodic.lifecycle"
    _PARTS = "periods"
    _LEFT = ()

    def plot(self, *, show: LifecycleShow = "people") -> ChartType:
        """Return the periods as bars above and below zero, as an Altair chart, which can be changed and saved.

        Args:
            show: "people", or "revenue" of each kind of buyer.

        Raises:
            ArgumentError: `show` is another word.
            MissingExtraError: The extra `plots` is not installed.
        """
        check_choice(show, get_args(LifecycleShow), "show")
        return chart_of(self, show=show)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one row per period, ready for a dataframe."""
        return [one.to_dict() for one in self.periods]

    def _tables(self) -> Iterator[Table]:
        yield "", ("period", "active", "new", "retained", "resurrected", "dormant"), map(self._line, self.periods)

    def _line(self, one: Lifecycle) -> list[str]:
        counts = (one.active, one.new, one.retained, one.resurrected, -one.dormant)
        return [period_label(one.start, self.period, is_partial=one.is_partial), *(f"{count:,}" for count in counts)]


@overload
def lifecycle(
    purchases: Logs | IntoFrame | Sequence[Mapping[str, object] | Purchase],
    period: Period = "month",
    *,
    tz: str,
    as_of: datetime,
    week_start: Weekday | None = None,
    by: None = None,
) -> Lifecycles: ...
@overload
def lifecycle(
    purchases: Logs, period: Period = "month", *, tz: str, as_of: datetime, week_start: Weekday | None = None, by: str
) -> Groups[Lifecycles]: ...
def lifecycle(  # noqa: PLR0913 (keywords; docs/decisions/few-arguments.md)
    purchases: Logs | IntoFrame | Sequence[Mapping[str, object] | Purchase],
    period: Period = "month",
    *,
    tz: str,
    as_of: datetime,
    week_start: Weekday | None = None,
    by: str | None = None,
) -> Lifecycles | Groups[Lifecycles]:
    """Count the new, retained, resurrected and dormant buyers of each period.

    Purchases valid at `as_of` count. Money belongs to the period of its order, less refunds made by then. A person is
    new at their first purchase on record, even if they bought before the records begin.

    Args:
        purchases: The logs of a shop, or a table of any engine or a list, in the form that `retention` accepts.
        period: The calendar period.
        tz: The time zone in which periods are cut, such as "Asia/Jakarta".
        as_of: The evaluation time.
        week_start: First day of the week; required for "week".
        by: For `Logs`: the grouping of people, as in `retention`.

    Returns:
        The periods from the first purchase to `as_of`; empty if nobody bought. With `by`: those of each group.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: The zone, period or weekday is unknown, the logs have no purchases, or `by` is not a grouping.
        LogsError: Columns or rows of a table are invalid.

    Example:
        >>> from datetime import UTC, datetime
        >>> bought = [("sari", 1), ("sari", 2), ("budi", 2), ("budi", 4)]
        >>> rows = [{"person_id": name, "purchased_at": datetime(2026, month, 9, tzinfo=UTC)} for name, month in bought]
        >>> print(lifecycle(rows, tz="Asia/Jakarta", as_of=datetime(2026, 4, 20, tzinfo=UTC)))
          period  active  new  retained  resurrected  dormant
         2026-01       1    1         0            0        0
         2026-02       2    1         1            0        0
         2026-03       0    0         0            0       -2
        2026-04*       1    0         0            1        0
    """
    now, calendar = parse_as_of(as_of), Calendar.of(period, tz, week_start)
    if by is None:
        return _lifecycles(purchases, calendar, now)
    logs: Any = purchases
    return by_group(logs, by, now, lambda part: _lifecycles(part, calendar, now))


def _lifecycles(purchases: object, calendar: Calendar, now: int) -> Lifecycles:
    orders = orders_of(purchases)
    rows = orders.valid(now)
    start, tz, period = started(rows, "t"), calendar.tz, calendar.period
    if start is None:
        return Lifecycles(instant(now), tz, period, (), orders.currency)
    periods = Periods.between(start, now, calendar)
    counts = _counts(_person_periods(rows, periods))
    return Lifecycles(
        instant(now),
        tz,
        period,
        tuple(_period(index, counts, periods, now, is_priced=orders.is_priced) for index in range(len(periods))),
        orders.currency,
    )


def _person_periods(rows: Frame, periods: Periods) -> Frame:
    """Return each person's periods with their payments, beside the adjacent periods."""
    placed = rows.select(PERSON, "net_amount", place=periods.index_column("t").cast(nw.Int64()))
    each = placed.group_by(PERSON, "place").agg(nw.col("net_amount").sum().alias("paid"))
    each = each.with_columns(nw.col("paid").cast(nw.Int64()))
    beside = each.with_columns(
        before=nw.col("place").shift(1).over(PERSON, order_by="place"),
        paid_before=nw.col("paid").shift(1).over(PERSON, order_by="place"),
        following=nw.col("place").shift(-1).over(PERSON, order_by="place"),
    )
    return beside.with_columns(
        nw.col("before").fill_null(_NEVER).cast(nw.Int64()),
        nw.col("paid_before").fill_null(0).cast(nw.Int64()),
        nw.col("following").fill_null(_NEVER).cast(nw.Int64()),
    )


def _counts(person_periods: Frame) -> Mapping[int, Mapping[str, int]]:
    """Return the people and money of each kind, by period index.

    `leaving` people are dormant in the next period.
    """
    is_new, is_retained = nw.col("before") == _NEVER, nw.col("before") == nw.col("place") - 1
    kinds = person_periods.with_columns(
        new=to_int(is_new),
        retained=to_int(is_retained),
        resurrected=to_int(~is_new & ~is_retained),
        leaving=to_int(nw.col("following") != nw.col("place") + 1),
        more=nw.col("paid") - nw.col("paid_before"),
    )
    moneys = kinds.with_columns(
        **{f"{name}_revenue": nw.col(name) * nw.col("paid") for name in _KINDS},
        expanded=nw.when(nw.col("more") > 0).then(nw.col("more") * nw.col("retained")).otherwise(_NONE),
        contracted=nw.when(nw.col("more") < 0).then(0 - nw.col("more") * nw.col("retained")).otherwise(_NONE),
    )
    sums = moneys.group_by("place").agg(*(nw.col(name).sum() for name in _SUMMED))
    rows = to_rows(sums, "place", *_SUMMED)
    return {int(index): dict(zip(_SUMMED, map(int, values), strict=True)) for index, *values in rows}


_KINDS = ("new", "retained", "resurrected", "leaving")
_SUMMED = (*_KINDS, *(f"{kind}_revenue" for kind in _KINDS), "expanded", "contracted")


def _period(
    index: int, counts: Mapping[int, Mapping[str, int]], periods: Periods, now: int, *, is_priced: bool
) -> Lifecycle:
    here, before = counts.get(index, {}), counts.get(index - 1, {})

    def paid(name: str, of: Mapping[str, int] = here) -> int | None:
        return of.get(name, 0) if is_priced else None

    return Lifecycle(
        start=periods.day(index),
        is_partial=not periods.is_over(index, now),
        new=here.get("new", 0),
        retained=here.get("retained", 0),
        resurrected=here.get("resurrected", 0),
        dormant=before.get("leaving", 0),
        new_revenue=paid("new_revenue"),
        retained_revenue=paid("retained_revenue"),
        resurrected_revenue=paid("resurrected_revenue"),
        expanded=paid("expanded"),
        contracted=paid("contracted"),
        dormant_revenue=paid("leaving_revenue", before),
    )
