"""Purchase summary: frequency, recency, age and amount of every buyer.

The four numbers are the input of buy-till-you-die models (BTYD: Pareto/NBD, BG/NBD, gamma-gamma).

Invariants: purchases of one day in the shop's zone count once. A purchase that is not valid at `as_of` does not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from math import fsum, log
from typing import Any

import attrs
import narwhals as nw

from funnel._aggregate.fold import END, START, T
from funnel._arguments import parse_as_of
from funnel._dataframes.adapter import Frame, installed, to_native
from funnel._dataframes.by_part import frame_by_part
from funnel._dataframes.frame_types import NativeT
from funnel._ledger.rows import number
from funnel._ledger.streams import PURCHASE_FIELDS
from funnel.history import History, check_is_history
from funnel.logs import Logs
from funnel.metrics._by_group import check_by, shown_groups
from funnel.metrics._orders import Orders, orders_of
from funnel.metrics._periods import Calendar, Periods
from funnel.metrics._purchases import PERSON, started
from funnel.records import Purchase

_NET = tuple(PURCHASE_FIELDS).index("net_amount")


@attrs.frozen
class PurchaseSummary:
    """Purchase days of one buyer, as of an instant.

    Attributes:
        repeat_count: Number of days with a purchase after the first one. BTYD: frequency, x.
        first_to_last_days: Days from the first purchase day to the last; 0 if both are the same. BTYD: recency, t_x.
        tenure_days: Days from the first purchase day to the day of `as_of`. BTYD: age, T.
        repeat_amount: Amount paid on the days after the first, less refunds, in minor units. Divided by `repeat_count`,
            it is the monetary value.
        log_gap_sum: The sum of the natural logarithms of the gaps between purchase days, in days. It measures how
            regular purchases are. None unless requested.
    """

    repeat_count: int
    first_to_last_days: int
    tenure_days: int
    repeat_amount: int
    log_gap_sum: float | None = attrs.field(default=None, repr=False)

    @classmethod
    def of(cls, history: History, *, tz: str, as_of: datetime, log_gaps: bool = False) -> PurchaseSummary | None:
        """Return one person's summary; None if they have no valid purchase.

        Args:
            history: The person's history.
            tz: The time zone of the calendar days, such as "Asia/Jakarta".
            as_of: The evaluation time.
            log_gaps: If true, set `log_gap_sum`.

        Raises:
            InstantError: `as_of` is naive.
            ArgumentError: The zone is unknown.

        Example:
            >>> from datetime import UTC, datetime
            >>> from funnel import History, Money, Purchase
            >>> bought = [
            ...     Purchase(id=id, person_id="p1", purchased_at=f"2026-03-{day}T02:00Z", amount=Money(9, "USD"))
            ...     for id, day in [("1", "01"), ("2", "01"), ("3", "08")]
            ... ]
            >>> now = datetime(2026, 4, 1, tzinfo=UTC)
            >>> PurchaseSummary.of(History.of("p1", bought), tz="UTC", as_of=now)
            PurchaseSummary(repeat_count=1, first_to_last_days=7, tenure_days=31, repeat_amount=900)
        """
        now, calendar = parse_as_of(as_of), Calendar.of("day", tz)
        days: dict[int, int] = {}
        for moment, amount in _valid(check_is_history(history), now):
            day = calendar.number_at(moment)
            days[day] = days.get(day, 0) + amount
        if not days:
            return None
        first = min(days)
        paid = sum(days.values()) - days[first]
        gaps = fsum(log(later - day) for day, later in pairwise(sorted(days))) if log_gaps else None
        return cls(len(days) - 1, max(days) - first, calendar.number_at(now) - first, paid, gaps)

    @classmethod
    def over(
        cls,
        purchases: Logs[NativeT] | NativeT | Sequence[Mapping[str, object] | Purchase],
        *,
        tz: str,
        as_of: datetime,
        log_gaps: bool = False,
        by: str | None = None,
    ) -> NativeT:
        """Return everyone's summary, one row per person with a valid purchase.

        Args:
            purchases: The logs of a shop; or a table or list of purchases, in the form that `retention` accepts.
            tz: The time zone of the calendar days, such as "Asia/Jakarta".
            as_of: The evaluation time.
            log_gaps: If true, add `log_gap_sum`, from which `buying_model` chooses `k`.
            by: For `Logs`: a grouping of people, as in `retention`, to add as a column `group`; empty if it is unknown.

        Returns:
            A dataframe of the input type: `person_id` and the four numbers, without `repeat_amount` if amounts are
            unknown, and with `log_gap_sum` and `group` if requested. For a list, a dataframe of the installed engine.

        Raises:
            InstantError: `as_of` is naive.
            LogsError: Columns or rows of a table are invalid.
            ArgumentError: The zone is unknown, the logs have no purchases, or `by` is not a grouping.

        Example:
            >>> import polars as pl
            >>> from datetime import UTC, datetime
            >>> days = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 8, 9)]
            >>> bought = pl.DataFrame({"person_id": ["a", "a", "b"], "purchased_at": days, "amount": [5, 7, 9]})
            >>> found = PurchaseSummary.over(bought, tz="UTC", as_of=datetime(2026, 4, 1, tzinfo=UTC))
            >>> found.sort("person_id").rows()
            [('a', 1, 7, 31, 7), ('b', 0, 0, 23, 0)]
        """
        now, calendar = parse_as_of(as_of), Calendar.of("day", tz)
        orders = orders_of(purchases)

        def summaries(rows: Frame | None) -> Frame:
            part = orders.of_rows(rows)
            local = _by_loops(part, now, calendar)
            frame = _by_engine(part, now, calendar) if local is None else local
            return frame.join(_log_gaps(part, now, calendar), on=PERSON, how="left") if log_gaps else frame

        frame = frame_by_part(orders.rows, PERSON, summaries)
        if by is not None:
            logs: Any = purchases
            frame = frame.join(shown_groups(logs, check_by(logs, by), now), on=PERSON, how="left")
        priced = frame if orders.is_priced else frame.drop("repeat_amount")
        result: NativeT = to_native(priced, orders.frame_kind, order=(PERSON,))
        return result


def _valid(history: History, now: int) -> Iterator[tuple[int, int]]:
    """Yield the time and the remaining amount of each valid purchase."""
    for row in history._ledger.rows.get("purchases", ()):
        if number(row[START]) <= now < number(row[END]):
            yield number(row[T]), number(row[_NET])


def _days(start: int | None, now: int, calendar: Calendar) -> Periods:
    return Periods.between(now if start is None else start, now, calendar)


def purchase_days(orders: Orders, now: int, calendar: Calendar) -> tuple[Frame, Periods]:
    """Return the purchase days of each buyer (`person_id`, `day`, `net_amount`, `first`) and the calendar of the days.

    A day is the index of a day of the calendar, and so is `first`, the buyer's first purchase day.
    """
    valid = orders.valid(now)
    days = _days(started(valid, "t"), now, calendar)
    placed = valid.select(PERSON, "net_amount", day=days.index_column("t").cast(nw.Int64()))
    daily = placed.group_by(PERSON, "day").agg(nw.col("net_amount").sum())
    return daily.with_columns(first=nw.col("day").min().over(PERSON)), days


def _by_engine(orders: Orders, now: int, calendar: Calendar) -> Frame:
    firsts, days = purchase_days(orders, now, calendar)
    later = nw.when(nw.col("day") > nw.col("first")).then(nw.col("net_amount")).otherwise(nw.lit(0, nw.Int64()))
    people = (
        firsts.with_columns(later=later)
        .group_by(PERSON)
        .agg(
            nw.col("day").count().alias("days"),
            nw.col("day").max().alias("last"),
            nw.col("first").min(),
            nw.col("later").sum(),
        )
    )
    whole = {name: nw.col(name).cast(nw.Int64()) for name in ("days", "last", "first", "later")}
    return people.select(
        PERSON,
        repeat_count=whole["days"] - 1,
        first_to_last_days=whole["last"] - whole["first"],
        tenure_days=len(days) - 1 - whole["first"],
        repeat_amount=whole["later"],
    )


def _log_gaps(orders: Orders, now: int, calendar: Calendar) -> Frame:
    """Return the sum of the logarithms of the gaps between the purchase days of each buyer."""
    rows, _ = purchase_days(orders, now, calendar)
    gap = nw.col("day") - nw.col("day").shift(1).over(PERSON, order_by="day")
    gaps = rows.with_columns(log_gap=gap.fill_null(1).cast(nw.Float64()).log())
    return gaps.group_by(PERSON).agg(nw.col("log_gap").sum().alias("log_gap_sum"))


def _by_loops(orders: Orders, now: int, calendar: Calendar) -> Frame | None:
    """Return the same by loops; None if remote or without numba."""
    if not (installed("polars") and installed("numba")):
        return None
    from funnel.metrics._purchase_loops import Purchases, summaries

    purchases = Purchases.of(orders, now)
    if purchases is None:
        return None
    return nw.from_native(summaries(purchases, _days(purchases.first, now, calendar)).lazy())
