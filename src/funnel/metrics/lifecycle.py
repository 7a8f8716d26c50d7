"""Lifecycle: of those who bought in a period, who was new, who stayed, who came back; and who did not.

Law: active = active before + new + resurrected - dormant, in every period; revenue = revenue before + that of the new
and the resurrected + what the retained paid more - what they paid less - what the dormant had paid.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import attrs
import narwhals as nw

from funnel._given import judgement
from funnel._instants import instant
from funnel._lift.columns import flag
from funnel.metrics._orders import orders_of
from funnel.metrics._periods import Calendar, Period, Periods, Weekday, written
from funnel.metrics._purchases import PERSON, started, told

if TYPE_CHECKING:
    from funnel._frames import Frame

_NONE = nw.lit(0, nw.Int64())
_NEVER = -2
"""The place of the period before the first and after the last in which a person bought; next to no other."""


@attrs.frozen
class Lifecycle:
    """One period: who bought in it, by whether they had bought before, and who of the period before did not.

    Money is what is left of the orders of the period, in minor units, as of the instant of judgement; None where
    amounts are not known.

    Attributes:
        start: The first day of the period, by the shop's clock.
        is_partial: Whether it was not over: who is dormant in it may still buy.
        new: Those who bought for the first time on record.
        retained: Those who bought in the period before too.
        resurrected: Those who had bought before, and not in the period before.
        dormant: Those who bought in the period before, and not in this one.
        new_revenue: What the new paid.
        retained_revenue: What the retained paid.
        resurrected_revenue: What the resurrected paid.
        expanded: What those of the retained paid more than in the period before who paid more.
        contracted: What those of the retained paid less than in the period before who paid less.
        dormant_revenue: What the dormant had paid in the period before.
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
        """How many bought in the period."""
        return self.new + self.retained + self.resurrected

    @property
    def revenue(self) -> int | None:
        """What all of them paid."""
        parts = (self.new_revenue, self.retained_revenue, self.resurrected_revenue)
        return None if None in parts else sum(part or 0 for part in parts)

    def to_dict(self) -> dict[str, Any]:
        """The period with its counts and its money, by name."""
        return {**attrs.asdict(self), "active": self.active, "revenue": self.revenue}


@attrs.frozen
class Lifecycles:
    """Every period from that of the first purchase to that of `as_of`, the oldest first.

    Attributes:
        as_of: The instant of judgement.
        tz: The zone by whose clock periods are cut.
        period: The kind of period.
        periods: The periods, those in which nobody bought among them.
    """

    as_of: datetime
    tz: str
    period: Period
    periods: tuple[Lifecycle, ...]

    def __len__(self) -> int:
        """How many periods."""
        return len(self.periods)

    def __iter__(self) -> Iterator[Lifecycle]:
        """The periods, the oldest first."""
        return iter(self.periods)

    def to_dicts(self) -> list[dict[str, Any]]:
        """One row for each period, as a dataframe takes them."""
        return [one.to_dict() for one in self.periods]

    def __str__(self) -> str:
        """Write the table of people; a star marks the period that is not over."""
        lines = [_HEADING, *(self._line(one) for one in self.periods)]
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        told = ("  ".join(cell.rjust(wide) for cell, wide in zip(line, widths, strict=True)) for line in lines)
        return "\n".join(told)

    def _line(self, one: Lifecycle) -> list[str]:
        counts = (one.active, one.new, one.retained, one.resurrected, -one.dormant)
        return [f"{written(one.start, self.period)}{'*' * one.is_partial}", *(f"{count:,}" for count in counts)]

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{cell}</th>" for cell in _HEADING)
        rows = ("".join(f"<td>{html.escape(cell)}</td>" for cell in self._line(one)) for one in self.periods)
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


_HEADING = ["period", "active", "new", "retained", "resurrected", "dormant"]


def lifecycle(
    purchases: object, period: Period = "month", *, tz: str, as_of: datetime, week_start: Weekday | None = None
) -> Lifecycles:
    """Of those who bought in each period, who was new, stayed, came back; and who had bought before it and did not.

    Counted are valid purchases as of the instant. Money is booked in the period of its order, less what was refunded by
    then. The records begin where they begin: who bought before they do is new in them.

    Args:
        purchases: The logs of a shop, or a table of any engine or a list, as `retention` takes them.
        period: The calendar period.
        tz: The zone by whose clock periods are cut, such as "Asia/Jakarta".
        as_of: The instant of judgement.
        week_start: The day with which a week begins; it must be named for "week".

    Returns:
        The periods, from that of the first purchase to that of `as_of`; none where nobody has bought.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: The zone, period or weekday is unknown, or there is no log of purchases.
        LogsError: Columns or rows of a table are at fault.

    Example:
        >>> from datetime import UTC, datetime
        >>> bought = [("sari", 1), ("sari", 2), ("budi", 2), ("budi", 4)]
        >>> rows = [{"person_id": who, "purchased_at": datetime(2026, month, 9, tzinfo=UTC)} for who, month in bought]
        >>> print(lifecycle(rows, tz="Asia/Jakarta", as_of=datetime(2026, 4, 20, tzinfo=UTC)))
          period  active  new  retained  resurrected  dormant
         2026-01       1    1         0            0        0
         2026-02       2    1         1            0        0
         2026-03       0    0         0            0       -2
        2026-04*       1    0         0            1        0
    """
    now, calendar = judgement(as_of), Calendar.of(period, tz, week_start)
    orders = orders_of(purchases)
    rows = orders.valid(now)
    start = started(rows, "t")
    if start is None:
        return Lifecycles(instant(now), tz, period, ())
    periods = Periods.between(start, now, calendar)
    counts = _counts(_moves(rows, periods))
    return Lifecycles(
        instant(now),
        tz,
        period,
        tuple(_period(place, counts, periods, now, is_priced=orders.is_priced) for place in range(len(periods))),
    )


def _moves(rows: Frame, periods: Periods) -> Frame:
    """Each person and period in which they bought, with what they paid, beside the periods before and after."""
    placed = rows.select(PERSON, "net_amount", place=periods.place_column("t").cast(nw.Int64()))
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


def _counts(moves: Frame) -> Mapping[int, Mapping[str, int]]:
    """The people and the money of each kind, by the place of the period; `leaving` are dormant in the next one."""
    is_new, is_retained = nw.col("before") == _NEVER, nw.col("before") == nw.col("place") - 1
    kinds = moves.with_columns(
        new=flag(is_new),
        retained=flag(is_retained),
        resurrected=flag(~is_new & ~is_retained),
        leaving=flag(nw.col("following") != nw.col("place") + 1),
        more=nw.col("paid") - nw.col("paid_before"),
    )
    moneys = kinds.with_columns(
        **{f"{name}_revenue": nw.col(name) * nw.col("paid") for name in _KINDS},
        expanded=nw.when(nw.col("more") > 0).then(nw.col("more") * nw.col("retained")).otherwise(_NONE),
        contracted=nw.when(nw.col("more") < 0).then(0 - nw.col("more") * nw.col("retained")).otherwise(_NONE),
    )
    sums = moneys.group_by("place").agg(*(nw.col(name).sum() for name in _SUMMED))
    rows = told(sums, "place", *_SUMMED)
    return {int(place): dict(zip(_SUMMED, map(int, values), strict=True)) for place, *values in rows}


_KINDS = ("new", "retained", "resurrected", "leaving")
_SUMMED = (*_KINDS, *(f"{kind}_revenue" for kind in _KINDS), "expanded", "contracted")


def _period(
    place: int, counts: Mapping[int, Mapping[str, int]], periods: Periods, now: int, *, is_priced: bool
) -> Lifecycle:
    here, before = counts.get(place, {}), counts.get(place - 1, {})

    def paid(name: str, of: Mapping[str, int] = here) -> int | None:
        return of.get(name, 0) if is_priced else None

    return Lifecycle(
        start=periods.day(place),
        is_partial=not periods.is_over(place, now),
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
