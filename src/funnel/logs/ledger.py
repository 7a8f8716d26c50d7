"""From canonical logs to the ledger's tables: the same rows for all people that `funnel._ledger` makes for one.

Law: for every person, the rows of each table are those of their own ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

import narwhals as nw

from funnel._instants import FOREVER, NEVER
from funnel._lift.columns import flag, whole
from funnel._streams import RANKS, TABLES
from funnel.logs.canonical import MISSING
from funnel.logs.followed import closed, closings, contacts, delivery_questions, reopenings
from funnel.logs.shapes import PERSON, Frame, keyed, shaped, words

_BOUGHT = ("source", "id")


class LedgerTables(Mapping[str, Frame]):
    """The tables of the ledger that can be made from the logs that are there, each made when it is first read.

    Args:
        logs: The canonical logs.
        keep: What to do with a table that has been made, so that it is not worked out again for every question.
    """

    def __init__(self, logs: Mapping[str, Frame], keep: Callable[[Frame], Frame]) -> None:
        """Take the logs up; nothing is worked out yet."""
        self._logs = logs
        self._keep = keep
        self._made: dict[str, Frame] = {}

    def __getitem__(self, name: str) -> Frame:
        """A table; a log that is not there makes none."""
        if name not in self._made:
            maker, needs = _MAKERS[name]
            if needs not in self._logs:
                raise KeyError(name)
            self._made[name] = maker(self) if name in _AS_THEY_ARE else self._keep(maker(self))
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        """Whether the logs make such a table."""
        return name in _MAKERS and _MAKERS[str(name)][1] in self._logs

    def __iter__(self) -> Iterator[str]:
        """The names of the tables that the logs make."""
        return (name for name in _MAKERS if name in self)

    def __len__(self) -> int:
        """How many there are."""
        return sum(1 for _ in self)

    @property
    def log(self) -> Mapping[str, Frame]:
        """The canonical logs."""
        return self._logs

    @cached_property
    def given_back(self) -> Frame | None:
        """What was given back of each purchase, instant by instant."""
        return self._keep(_given_back(self._logs["refunds"])) if "refunds" in self._logs else None

    @cached_property
    def orders(self) -> Frame:
        """Every order with when it was cancelled, and when money first and last went back."""
        cancelled_when = (
            nw.when(nw.col("cancelled_at") == MISSING).then(nw.col("purchased_at")).otherwise(nw.col("cancelled_at"))
        )
        cancelled = nw.when(nw.col("status") == "cancelled").then(cancelled_when).otherwise(whole(FOREVER))
        orders = self._logs["purchases"].with_columns(
            _cancelled=cancelled, _void=whole(FOREVER), _first_back=whole(FOREVER)
        )
        return orders if self.given_back is None else self._keep(_with_refunds(orders, self.given_back))

    @cached_property
    def arrivals(self) -> Frame:
        """Every order with when its goods arrived, for ever ahead where they have not."""
        orders = self.orders.with_columns(_arrived=_or_never_ends("delivered_at"))
        told = self._logs.get("interactions")
        return orders if told is None else self._keep(_with_notices(orders, told))


def _smaller(a: nw.Expr, b: nw.Expr) -> nw.Expr:
    return nw.when(a < b).then(a).otherwise(b)


def _or_never_ends(column: str) -> nw.Expr:
    """An instant that may not be there, as the end of something that then does not end."""
    return nw.when(nw.col(column) == MISSING).then(whole(FOREVER)).otherwise(nw.col(column))


# ---- arrivals ------------------------------------------------------------------------------------------------------


def _by_another(leads: Frame) -> nw.Expr:
    known = ~nw.col("referred_by").is_null()
    return known & (nw.col("referred_by").cast(nw.String()) != "") if _is_text(leads) else known


def _leads(tables: LedgerTables) -> Frame:
    leads = tables.log["leads"]
    return shaped(
        leads,
        "leads",
        t=nw.col("arrived_at"),
        source=nw.col("source"),
        id=nw.col("campaign"),
        campaign=nw.col("campaign"),
        referred=flag(_by_another(leads)),
    )


def _referrals(tables: LedgerTables) -> Frame:
    """A person who was sent counts once for whoever sent them, from the first time that they arrived."""
    leads = tables.log["leads"]
    sent = leads.filter(_by_another(leads) & (nw.col("referred_by") != nw.col(PERSON)))
    first = sent.group_by("referred_by", PERSON).agg(nw.col("arrived_at").min().alias("t"))
    turned = first.select(nw.col("t"), _sent=nw.col(PERSON).cast(nw.String()), person_id=nw.col("referred_by"))
    return shaped(turned, "referrals", t=nw.col("t"), id=nw.col("_sent"))


def _is_text(leads: Frame) -> bool:
    return isinstance(leads.collect_schema()["referred_by"], nw.String)


# ---- purchases -----------------------------------------------------------------------------------------------------


def _orders(tables: LedgerTables) -> Frame:
    orders = tables.log["purchases"]
    return shaped(orders, "orders", t=nw.col("purchased_at"), amount=nw.col("amount"), **keyed())


def _purchases(tables: LedgerTables) -> Frame:
    first = _first_versions(tables.orders)
    if tables.given_back is None:
        return first
    return nw.concat([first, _later_versions(tables.orders, tables.given_back)])


def _cancellations(tables: LedgerTables) -> Frame:
    gone = tables.orders.filter(nw.col("_cancelled") < FOREVER)
    return shaped(gone, "cancellations", t=nw.col("_cancelled"), **keyed())


def _refunds(tables: LedgerTables) -> Frame:
    return _refund_rows(tables.log["refunds"], tables.log["purchases"])


def _deliveries(tables: LedgerTables) -> Frame:
    arrived = tables.arrivals.filter(nw.col("_arrived") < FOREVER)
    promised = nw.col("promised_at") != MISSING
    late = flag(promised & (nw.col("_arrived") > nw.col("promised_at")))
    return shaped(arrived, "deliveries", t=nw.col("_arrived"), late=late, promised=flag(promised), **keyed())


def _promises(tables: LedgerTables) -> Frame:
    """A promise is open until the goods arrive or the purchase ceases to count; a purchase of nothing makes none."""
    promised = tables.arrivals.filter((nw.col("promised_at") != MISSING) & (nw.col("amount") > 0))
    over = _smaller(_smaller(nw.col("_void"), nw.col("_cancelled")), nw.col("_arrived"))
    rows = shaped(promised, "promises", t=nw.col("purchased_at"), end=over, due=nw.col("promised_at"), **keyed())
    return rows.filter(nw.col("end") > nw.col("start"))


def _given_back(refunds: Frame) -> Frame:
    """What was given back of each purchase, instant by instant: in all so far, and when the next time is."""
    key = ("source", "purchase_id")
    at_once = refunds.group_by(*key, "refunded_at").agg(nw.col("amount").sum().alias("_back"))
    at_once = at_once.with_columns(nw.col("_back").cast(nw.Int64()))
    so_far = at_once.with_columns(
        _so_far=nw.col("_back").cum_sum().over(*key, order_by="refunded_at"),
        _next=nw.col("refunded_at").shift(-1).over(*key, order_by="refunded_at"),
    )
    told = so_far.with_columns(nw.col("_so_far").cast(nw.Int64()), nw.col("_next").fill_null(FOREVER).cast(nw.Int64()))
    return told.rename({"purchase_id": "id"})


def _with_refunds(orders: Frame, given_back: Frame) -> Frame:
    """Each order with when money first went back, and when the last of it did."""
    paid = orders.select(*_BOUGHT, _paid=nw.col("amount"))
    spent = given_back.join(paid, on=list(_BOUGHT), how="inner").with_columns(
        _done=nw.when(nw.col("_so_far") >= nw.col("_paid")).then(nw.col("refunded_at")).otherwise(whole(FOREVER))
    )
    back = spent.group_by(*_BOUGHT).agg(
        nw.col("refunded_at").min().alias("_back_from"), nw.col("_done").min().alias("_void_from")
    )
    joined = orders.drop("_void", "_first_back").join(back, on=list(_BOUGHT), how="left")
    return joined.with_columns(
        _first_back=nw.col("_back_from").fill_null(FOREVER).cast(nw.Int64()),
        _void=nw.col("_void_from").fill_null(FOREVER).cast(nw.Int64()),
    ).drop("_back_from", "_void_from")


def _refund_rows(refunds: Frame, purchases: Frame) -> Frame:
    owners = purchases.select(PERSON, "source", purchase_id=nw.col("id"))
    owned = refunds.join(owners, on=["source", "purchase_id"], how="inner")
    return shaped(
        owned,
        "refunds",
        t=nw.col("refunded_at"),
        source=nw.col("source"),
        id=nw.col("id"),
        amount=nw.col("amount"),
        reason=nw.col("reason"),
    )


def _first_versions(orders: Frame) -> Frame:
    """Each order as it counts until money first goes back."""
    end = _smaller(nw.col("_first_back"), nw.col("_cancelled"))
    return _versions(orders, start=nw.col("purchased_at"), end=end, net=nw.col("amount"))


def _later_versions(orders: Frame, given_back: Frame) -> Frame:
    """Each order as it counts from one refund to the next, while something is left of it."""
    kept = orders.drop("_void", "_first_back")
    joined = given_back.join(kept, on=list(_BOUGHT), how="inner")
    end = _smaller(nw.col("_next"), nw.col("_cancelled"))
    return _versions(joined, start=nw.col("refunded_at"), end=end, net=nw.col("amount") - nw.col("_so_far"))


def _versions(orders: Frame, *, start: nw.Expr, end: nw.Expr, net: nw.Expr) -> Frame:
    rows = shaped(
        orders,
        "purchases",
        t=nw.col("purchased_at"),
        start=start,
        end=end,
        source=nw.col("source"),
        id=nw.col("id"),
        amount=nw.col("amount"),
        net_amount=net,
        promoted=flag(nw.col("promotion") != ""),
        promotion=nw.col("promotion"),
    )
    return rows.filter((nw.col("end") > nw.col("start")) & (nw.col("net_amount") > 0))


def _with_notices(orders: Frame, interactions: Frame) -> Frame:
    """Each order with when its goods arrived: as it says itself, or as an interaction tells, whichever is first."""
    told = interactions.filter(nw.col("kind") == "delivered")
    first = told.group_by("source", "regarding").agg(nw.col("occurred_at").min().alias("_told"))
    joined = orders.join(first.rename({"regarding": "id"}), on=list(_BOUGHT), how="left")
    notice = nw.col("_told").fill_null(FOREVER).cast(nw.Int64())
    return joined.with_columns(_arrived=_smaller(nw.col("_arrived"), notice)).drop("_told")


# ---- interactions --------------------------------------------------------------------------------------------------


def _interactions(tables: LedgerTables) -> Frame:
    return _interaction_rows(tables.log["interactions"], "interactions")


def _open_questions(tables: LedgerTables) -> Frame:
    return _open_rows(tables.log["interactions"], "question", "answer", "open_questions")


def _open_complaints(tables: LedgerTables) -> Frame:
    return _open_rows(tables.log["interactions"], "complaint", "resolution", "open_complaints")


def _open_follow_ups(tables: LedgerTables) -> Frame:
    return _follow_ups(tables.log["interactions"], tables.log.get("purchases"))


def _replies(tables: LedgerTables) -> Frame:
    return closings(tables.log["interactions"], "question", "answer", "replies")


def _repairs(tables: LedgerTables) -> Frame:
    return closings(tables.log["interactions"], "complaint", "resolution", "repairs")


def _reopenings(tables: LedgerTables) -> Frame:
    return reopenings(tables.log["interactions"])


def _delivery_questions(tables: LedgerTables) -> Frame:
    return delivery_questions(tables.log["interactions"], tables.get("promises"))


def _contacts(tables: LedgerTables) -> Frame:
    return contacts(tables.log["interactions"])


def _interaction_rows(interactions: Frame, table: str, end: nw.Expr | None = None) -> Frame:
    ends = {} if end is None else {"end": end}
    ready_by = nw.when(nw.col("latest") == MISSING).then(nw.col("until")).otherwise(nw.col("latest"))
    same = ("source", "id", "kind", "direction", "channel")
    return shaped(
        interactions,
        table,
        t=nw.col("occurred_at"),
        rank=_rank(),
        reason=_only("reason", ("postponed", "said_no"), words("")),
        ready_from=_only("until", ("postponed",), whole(NEVER)),
        ready_by=nw.when(nw.col("kind") == "postponed").then(ready_by).otherwise(whole(NEVER)),
        score=_only("score", ("feedback",), whole(0)),
        amount=nw.when(nw.col("amount") == MISSING)
        .then(whole(0))
        .otherwise(_only("amount", ("quote", "checkout"), whole(0))),
        **{name: nw.col(name) for name in same},
        **ends,
    )


def _only(column: str, kinds: tuple[str, ...], otherwise: nw.Expr) -> nw.Expr:
    return nw.when(nw.col("kind").is_in(kinds)).then(nw.col(column)).otherwise(otherwise)


def _rank() -> nw.Expr:
    rank = whole(0)
    for kind, place in RANKS.items():
        rank = nw.when(nw.col("kind") == kind).then(whole(place)).otherwise(rank)
    return rank


def _open_rows(interactions: Frame, asks: str, closes: str, table: str) -> Frame:
    """What was asked, each until it is first answered."""
    rows = _interaction_rows(closed(interactions, asks, closes), table, nw.col("_closed"))
    return rows.filter(nw.col("end") > nw.col("start"))


def _follow_ups(interactions: Frame, purchases: Frame | None) -> Frame:
    """Every follow-up, each until something next comes from the person: seen from the last instant backwards."""
    rows = _interaction_rows(interactions.filter(nw.col("kind") == "follow_up_sent"), "open_follow_ups")
    heard = [interactions.filter(nw.col("direction") == "in").select(PERSON, _at=nw.col("occurred_at"))]
    if purchases is not None:
        heard.append(purchases.select(PERSON, _at=nw.col("purchased_at")))
    sent = rows.select(PERSON, _at=nw.col("t"), _heard=whole(FOREVER)).unique()
    first = sent.group_by(PERSON).agg(nw.col("_at").min().alias("_first"))
    after = nw.concat(heard).join(first, on=PERSON, how="inner").filter(nw.col("_at") > nw.col("_first"))
    told = after.select(PERSON, "_at", _heard=nw.col("_at"))
    line = nw.concat([sent, told]).with_columns(_back=whole(0) - nw.col("_at"), _turn=flag(nw.col("_heard") < FOREVER))
    following = line.with_columns(_next=nw.col("_heard").cum_min().over(PERSON, order_by=["_back", "_turn"]))
    ends = following.filter(nw.col("_turn") == 0).select(PERSON, t=nw.col("_at"), _next=nw.col("_next"))
    joined = rows.drop("end").join(ends, on=[PERSON, "t"], how="inner")
    return joined.with_columns(end=nw.col("_next")).select(PERSON, *TABLES["open_follow_ups"])


_AS_THEY_ARE = frozenset({"leads", "orders", "interactions"})
"""The tables that are their log, column by column: worked out for what is read of them, as often as it is read."""

_MAKERS: Mapping[str, tuple[Callable[[LedgerTables], Frame], str]] = {
    "leads": (_leads, "leads"),
    "referrals": (_referrals, "leads"),
    "orders": (_orders, "purchases"),
    "purchases": (_purchases, "purchases"),
    "refunds": (_refunds, "refunds"),
    "cancellations": (_cancellations, "purchases"),
    "deliveries": (_deliveries, "purchases"),
    "promises": (_promises, "purchases"),
    "interactions": (_interactions, "interactions"),
    "open_questions": (_open_questions, "interactions"),
    "open_complaints": (_open_complaints, "interactions"),
    "open_follow_ups": (_open_follow_ups, "interactions"),
    "replies": (_replies, "interactions"),
    "repairs": (_repairs, "interactions"),
    "reopenings": (_reopenings, "interactions"),
    "delivery_questions": (_delivery_questions, "interactions"),
    "contacts": (_contacts, "interactions"),
}
"""How each table is made, and the log without which there is none."""
