"""Who bought in which period after their start: the one place where people and periods are brought together.

Law: each instant after a person's start lies in one calendar period, and in one window of their own; a window includes
its end, and the first one its beginning too. A row here is a person and a period, once, with what they did in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import attrs
import narwhals as nw

from funnel._frames import Frame
from funnel.metrics._orders import Orders
from funnel.metrics._periods import Periods, stepped
from funnel.metrics._purchases import PERSON

Measure: TypeAlias = Literal["on", "on_or_after", "cumulative", "streak"]
"""Whom a cell counts: those who bought in that period, in that or a later one, in any from the second period to that
one, or in every one from the first to that one."""

RefundBasis: TypeAlias = Literal["order", "refund"]
"""In which period a refund is taken off: that of the order it is of, or that in which it was given."""

_ONCE = nw.lit(1, nw.Int64())
_NONE = nw.lit(0, nw.Int64())


@attrs.frozen
class Plan:
    """How people and periods are brought together.

    Attributes:
        now: The instant of judgement, in microseconds.
        periods: The calendar periods from the first start to `now`.
        window: How long each of a person's own windows is, in microseconds; None where periods are the calendar's.
        brackets: The periods after the start with which brackets begin, and with which the last one ends; () for each
            period by itself.
        basis: In which period refunds are taken off.
    """

    now: int
    periods: Periods
    window: int | None
    brackets: tuple[int, ...]
    basis: RefundBasis

    def first(self, place: int) -> int:
        """The first period of the bracket at a place."""
        return self.brackets[place] if self.brackets else place

    def end(self, place: int) -> int:
        """The period before which the bracket at a place ends."""
        return self.first(place + 1)

    def bracketed(self, name: str) -> nw.Expr:
        """The place of the bracket of a period; of one after them all, how many brackets there are."""
        return stepped(name, list(enumerate(self.brackets))) if self.brackets else nw.col(name)

    def begun(self, periods: int) -> int:
        """How many brackets have begun of those that follow one another, where so many periods have."""
        return sum(1 for start in self.brackets[:-1] if start < periods) if self.brackets else periods


def people(firsts: Frame, plan: Plan) -> Frame:
    """Each person with the place of the period of their start, and how many of their own windows are over.

    Columns: `person_id`, `first`, `cohort`, and `done`, the number of brackets that are over; 0 in calendar periods,
    where that depends on the cohort alone.
    """
    placed = firsts.with_columns(cohort=plan.periods.place_column("first"))
    if plan.window is None:
        return placed.with_columns(done=_NONE)
    over = placed.with_columns(_over=(plan.now - nw.col("first")) // plan.window)
    return over.with_columns(done=plan.bracketed("_over").cast(nw.Int64())).drop("_over")


def activity(orders: Orders, starts: Frame, plan: Plan) -> Frame:
    """What each person did in each bracket after their start.

    Columns: `person_id`, `cohort`, `done`, `place`, the bracket's, and `orders` and `revenue`. There is a row where
    money moved too, with no order.
    """
    rows = _rows(orders, plan).join(starts, on=PERSON, how="inner").filter(nw.col("bought") >= nw.col("first"))
    placed = _placed(rows, plan).with_columns(place=plan.bracketed("_after").cast(nw.Int64()))
    if plan.brackets:
        placed = placed.filter(nw.col("place") < len(plan.brackets) - 1)
    keys = (PERSON, "cohort", "done", "place")
    return placed.group_by(*keys).agg(nw.col("orders").sum(), nw.col("revenue").sum())


def _placed(rows: Frame, plan: Plan) -> Frame:
    """How many periods after the start each row lies."""
    if plan.window is None:
        in_period = rows.with_columns(_period=plan.periods.place_column("t"))
        return in_period.with_columns(_after=nw.col("_period") - nw.col("cohort"))
    since = rows.with_columns(_since=nw.col("t") - nw.col("first"))
    later = (nw.col("_since") - 1) // plan.window
    return since.with_columns(_after=nw.when(nw.col("_since") > 0).then(later).otherwise(_NONE))


def _rows(orders: Orders, plan: Plan) -> Frame:
    """Orders and money by instant: `person_id`, `t`, `bought`, when the order was placed, `orders`, `revenue`."""
    bought = orders.valid(plan.now)
    if plan.basis == "order":
        return bought.select(PERSON, "t", bought=nw.col("t"), orders=_ONCE, revenue=nw.col("net_amount"))
    counted = bought.select(PERSON, "t", bought=nw.col("t"), orders=_ONCE, revenue=_NONE)
    return nw.concat([counted, *_booked(orders, plan.now)])


def _booked(orders: Orders, now: int) -> Sequence[Frame]:
    """What was paid, when it was, and what was given back, when it was; of orders that are not cancelled."""
    ledger = orders.tables
    stand = ledger.orders.filter((nw.col("purchased_at") <= now) & (nw.col("_cancelled") > now))
    paid = stand.select(
        PERSON, t=nw.col("purchased_at"), bought=nw.col("purchased_at"), orders=_NONE, revenue=nw.col("amount")
    )
    if "refunds" not in ledger.log:
        return [paid]
    of = stand.select(PERSON, "source", purchase_id=nw.col("id"), bought=nw.col("purchased_at"))
    given = ledger.log["refunds"].filter(nw.col("refunded_at") <= now)
    back = given.join(of, on=["source", "purchase_id"], how="inner")
    taken = back.select(
        PERSON, t=nw.col("refunded_at"), bought=nw.col("bought"), orders=_NONE, revenue=0 - nw.col("amount")
    )
    return [paid, taken]


# ---- whom a cell counts --------------------------------------------------------------------------------------------


def spans(rows: Frame, measure: Measure, plan: Plan) -> Frame:
    """In which cells of their cohort's row each person is counted: from the one at `low` to the one at `high`.

    Columns: `person_id`, `cohort`, `low`, `high`. A cell that is not over for a person of rolling windows counts them
    not; one of calendar periods that has not begun may be beyond `high` or not.
    """
    active = rows.filter(nw.col("orders") > 0)
    found = _SPANS[measure](active)
    if plan.window is not None:
        last = nw.col("done") - 1
        found = found.with_columns(high=nw.when(nw.col("high") < last).then(nw.col("high")).otherwise(last))
    return found.filter(nw.col("low") <= nw.col("high")).select(PERSON, "cohort", "low", "high")


def _on(active: Frame) -> Frame:
    return active.with_columns(low=nw.col("place"), high=nw.col("place"))


def _on_or_after(active: Frame) -> Frame:
    return active.group_by(*_PERSON).agg(nw.col("place").max().alias("high")).with_columns(low=_NONE)


def _cumulative(active: Frame) -> Frame:
    """Those of the first period in it; of the others, each from the first period after it in which they bought."""
    at_first = active.filter(nw.col("place") == 0).select(*_PERSON, low=_NONE, high=_NONE)
    after = active.filter(nw.col("place") > 0).group_by(*_PERSON).agg(nw.col("place").min().alias("low"))
    return nw.concat([at_first, after.select(*_PERSON, "low", high=nw.lit(FAR, nw.Int64()))])


def _streak(active: Frame) -> Frame:
    """Those who bought in each: the period at a place is the one of that number as long as none was left out."""
    numbered = active.with_columns(_one=_ONCE)
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
"""How each measure is made from the periods in which a person bought."""
