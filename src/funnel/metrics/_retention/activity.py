"""The activity of each person in each period after the start.

People and periods are joined only here. Invariants: each instant after a person's start lies in one calendar period,
and in one window of that person. A window includes its end. The first window also includes its beginning. A row is one
person in one period, with the activity in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import attrs
import narwhals as nw

from funnel._dataframes.adapter import Frame
from funnel._expr.to_narwhals import stepped
from funnel.logs.purchase_versions import or_zero
from funnel.metrics._orders import Orders
from funnel.metrics._periods import Periods
from funnel.metrics._purchases import PERSON

Measure: TypeAlias = Literal["on", "on_or_after", "cumulative", "streak"]
"""The people that a cell counts. "on": bought in that period. "on_or_after": in that or a later period.
"cumulative": in any period from the second to that one. "streak": in every period from the first to that one."""

RefundBasis: TypeAlias = Literal["order", "refund"]
"""The period from which a refund is subtracted: the period of its order, or of the refund itself."""

_ONE = nw.lit(1, nw.Int64())
_NONE = nw.lit(0, nw.Int64())


@attrs.frozen
class Plan:
    """How people and periods are joined.

    Attributes:
        now: The evaluation time, in microseconds.
        periods: The calendar periods from the first start to `now`.
        window: The length of each person's own windows, in microseconds. None for calendar periods.
        brackets: The first period of each bracket, counted from the start, and the end of the last bracket. () if each
            period is its own bracket.
        basis: The period from which refunds are subtracted.
    """

    now: int
    periods: Periods
    window: int | None
    brackets: tuple[int, ...]
    basis: RefundBasis

    def first(self, index: int) -> int:
        """Return the first period of the bracket at an index."""
        return self.brackets[index] if self.brackets else index

    def end(self, index: int) -> int:
        """Return the period before which the bracket at an index ends."""
        return self.first(index + 1)

    def bracketed(self, name: str) -> nw.Expr:
        """Return the index of the bracket of a period.

        After the last bracket: the number of brackets.
        """
        return stepped(name, list(enumerate(self.brackets))) if self.brackets else nw.col(name)

    def started_brackets(self, periods: int) -> int:
        """Return the number of brackets that have begun when this number of consecutive periods has begun."""
        return sum(1 for start in self.brackets[:-1] if start < periods) if self.brackets else periods


def people(firsts: Frame, plan: Plan) -> Frame:
    """Return each person with the period index of the start, and the number of brackets that are over.

    Columns: `person_id`, `first`, `cohort`, and `done`, the number of brackets that are over. In calendar periods
    `done` is 0, because the number depends only on the cohort.
    """
    placed = firsts.with_columns(cohort=plan.periods.index_column("first"))
    if plan.window is None:
        return placed.with_columns(done=_NONE)
    over = placed.with_columns(_over=(plan.now - nw.col("first")) // plan.window)
    return over.with_columns(done=plan.bracketed("_over").cast(nw.Int64())).drop("_over")


def activity(orders: Orders, starts: Frame, plan: Plan) -> Frame:
    """Return the activity of each person in each bracket after the start.

    Columns: `person_id`, `cohort`, `done`, `place` (the index of the bracket), `orders` and `revenue`. A bracket with
    money but without orders has a row, too.
    """
    rows = _rows(orders, plan).join(starts, on=PERSON, how="inner").filter(nw.col("bought") >= nw.col("first"))
    placed = _placed(rows, plan).with_columns(place=plan.bracketed("_after").cast(nw.Int64()))
    if plan.brackets:
        placed = placed.filter(nw.col("place") < len(plan.brackets) - 1)
    keys = (PERSON, "cohort", "done", "place")
    return placed.group_by(*keys).agg(nw.col("orders").sum(), nw.col("revenue").sum())


def _placed(rows: Frame, plan: Plan) -> Frame:
    """Return each row with the number of periods between the start and the row."""
    if plan.window is None:
        in_period = rows.with_columns(_period=plan.periods.index_column("t"))
        return in_period.with_columns(_after=nw.col("_period") - nw.col("cohort"))
    since = rows.with_columns(_since=nw.col("t") - nw.col("first"))
    later = (nw.col("_since") - 1) // plan.window
    return since.with_columns(_after=nw.when(nw.col("_since") > 0).then(later).otherwise(_NONE))


def _rows(orders: Orders, plan: Plan) -> Frame:
    """Return orders and money by instant; `bought` is the instant of the order.

    Columns: `person_id`, `t`, `bought`, `orders`, `revenue`.
    """
    bought = orders.valid(plan.now)
    if plan.basis == "order":
        return bought.select(PERSON, "t", bought=nw.col("t"), orders=_ONE, revenue=nw.col("net_amount"))
    order_rows = bought.select(PERSON, "t", bought=nw.col("t"), orders=_ONE, revenue=_NONE)
    return nw.concat([order_rows, *_booked(orders, plan.now)])


def _booked(orders: Orders, now: int) -> Sequence[Frame]:
    """Return payments at their instants and refunds at theirs, for orders that are not cancelled.

    The part that a gift card paid is left out, and refunds take the other money first, as in `net_amount`.
    """
    ledger = orders.tables
    valid = ledger.orders.filter((nw.col("_bought") <= now) & (nw.col("_cancelled") > now))
    valid = valid.select(PERSON, "source", "id", bought=nw.col("_bought"), paid=nw.col("amount") - or_zero("prepaid"))
    paid = valid.select(PERSON, t=nw.col("bought"), bought=nw.col("bought"), orders=_NONE, revenue=nw.col("paid"))
    if ledger.refunds_to_date is None:
        return [paid]
    back = ledger.refunds_to_date.filter(nw.col("refunded_at") <= now).join(valid, on=["source", "id"], how="inner")
    before, after = (_above_zero(nw.col("paid") - so_far) for so_far in (_SO_FAR - nw.col("_back"), _SO_FAR))
    at = nw.when(nw.col("refunded_at") < nw.col("bought")).then(nw.col("bought")).otherwise(nw.col("refunded_at"))
    return [paid, back.select(PERSON, t=at, bought=nw.col("bought"), orders=_NONE, revenue=after - before)]


_SO_FAR = nw.col("_so_far")


def _above_zero(money: nw.Expr) -> nw.Expr:
    return nw.when(money > 0).then(money).otherwise(_NONE)


# ---- people that a cell counts -------------------------------------------------------------------------------------


def spans(rows: Frame, measure: Measure, plan: Plan) -> Frame:
    """Return the cells in which each person is counted: from `low` to `high`.

    Columns: `person_id`, `cohort`, `low`, `high`. In rolling windows, a cell that is not over for a person does not
    count that person. In calendar periods, a cell that has not begun may or may not lie beyond `high`.
    """
    active = rows.filter(nw.col("orders") > 0)
    cells = _SPANS[measure](active)
    if plan.window is not None:
        last = nw.col("done") - 1
        cells = cells.with_columns(high=nw.when(nw.col("high") < last).then(nw.col("high")).otherwise(last))
    return cells.filter(nw.col("low") <= nw.col("high")).select(PERSON, "cohort", "low", "high")


def _on(active: Frame) -> Frame:
    return active.with_columns(low=nw.col("place"), high=nw.col("place"))


def _on_or_after(active: Frame) -> Frame:
    return active.group_by(*_PERSON).agg(nw.col("place").max().alias("high")).with_columns(low=_NONE)


def _cumulative(active: Frame) -> Frame:
    """Return a span for the first period, and one from the first later purchase."""
    at_first = active.filter(nw.col("place") == 0).select(*_PERSON, low=_NONE, high=_NONE)
    after = active.filter(nw.col("place") > 0).group_by(*_PERSON).agg(nw.col("place").min().alias("low"))
    return nw.concat([at_first, after.select(*_PERSON, "low", high=nw.lit(FAR, nw.Int64()))])


def _streak(active: Frame) -> Frame:
    """Return the span without a gap: an index equals its rank if no period was skipped."""
    numbered = active.with_columns(_one=_ONE)
    numbered = numbered.with_columns(_number=nw.col("_one").cum_sum().over(PERSON, "cohort", order_by="place"))
    unbroken = numbered.filter(nw.col("_number") == nw.col("place") + 1)
    return unbroken.group_by(*_PERSON).agg(nw.col("place").max().alias("high")).with_columns(low=_NONE)


_PERSON = (PERSON, "cohort", "done")
FAR = 10**6
"""After every bracket."""

_SPANS: Mapping[Measure, Callable[[Frame], Frame]] = {
    "on": _on,
    "on_or_after": _on_or_after,
    "cumulative": _cumulative,
    "streak": _streak,
}
"""How each measure is computed from the periods in which a person bought."""
