"""From canonical logs to the ledger's tables: the same rows for all people that `funnel._ledger` makes for one.

Law: for every person, the rows of each table are those of their own ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw

from funnel._instants import FOREVER, NEVER
from funnel._streams import RANKS, TABLES
from funnel.logs.canonical import MISSING

Frame = nw.LazyFrame[Any]
PERSON = "person_id"
_BOUGHT = ("source", "id")


def ledger_tables(logs: Mapping[str, Frame]) -> dict[str, Frame]:
    """The tables of the ledger that can be made from the logs that are there; a log that is not makes none."""
    tables: dict[str, Frame] = {}
    if "leads" in logs:
        tables |= _arrivals(logs["leads"])
    if "purchases" in logs:
        tables |= _buying(logs["purchases"], logs.get("refunds"), logs.get("interactions"))
    if "interactions" in logs:
        tables |= _talking(logs["interactions"], logs.get("purchases"))
    return tables


def _shaped(frame: Frame, table: str, **columns: nw.Expr) -> Frame:
    """The rows of a table in its columns: what is not said counts from `t` for ever, first in rank."""
    usual = {"start": columns["t"], "end": _whole(FOREVER), "rank": _whole(0), "source": _text(""), "id": _text("")}
    made = {**usual, **columns}
    wanted = [name for name in TABLES[table] if name in made]
    return frame.select(PERSON, **{name: made[name] for name in wanted})


def _whole(value: int) -> nw.Expr:
    return nw.lit(value, nw.Int64())


def _text(value: str) -> nw.Expr:
    return nw.lit(value, nw.String())


def _flag(condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(_whole(1)).otherwise(_whole(0))


def _smaller(a: nw.Expr, b: nw.Expr) -> nw.Expr:
    return nw.when(a < b).then(a).otherwise(b)


def _or_never_ends(column: str) -> nw.Expr:
    """An instant that may not be there, as the end of something that then does not end."""
    return nw.when(nw.col(column) == MISSING).then(_whole(FOREVER)).otherwise(nw.col(column))


# ---- arrivals ------------------------------------------------------------------------------------------------------


def _arrivals(leads: Frame) -> dict[str, Frame]:
    known = ~nw.col("referred_by").is_null()
    by_another = known & (nw.col("referred_by").cast(nw.String()) != "") if _is_text(leads) else known
    own = _shaped(
        leads,
        "leads",
        t=nw.col("arrived_at"),
        source=nw.col("source"),
        id=nw.col("campaign"),
        campaign=nw.col("campaign"),
        referred=_flag(by_another),
    )
    sent = leads.filter(by_another & (nw.col("referred_by") != nw.col(PERSON)))
    first = sent.group_by("referred_by", PERSON).agg(nw.col("arrived_at").min().alias("t"))
    turned = first.select(nw.col("t"), _sent=nw.col(PERSON).cast(nw.String()), person_id=nw.col("referred_by"))
    return {"leads": own, "referrals": _shaped(turned, "referrals", t=nw.col("t"), id=nw.col("_sent"))}


def _is_text(leads: Frame) -> bool:
    return isinstance(leads.collect_schema()["referred_by"], nw.String)


# ---- purchases -----------------------------------------------------------------------------------------------------


def _buying(purchases: Frame, refunds: Frame | None, interactions: Frame | None) -> dict[str, Frame]:
    cancelled_when = (
        nw.when(nw.col("cancelled_at") == MISSING).then(nw.col("purchased_at")).otherwise(nw.col("cancelled_at"))
    )
    cancelled = nw.when(nw.col("status") == "cancelled").then(cancelled_when).otherwise(_whole(FOREVER))
    orders = purchases.with_columns(_cancelled=cancelled, _void=_whole(FOREVER), _first_back=_whole(FOREVER))
    orders = orders.with_columns(_arrived=_or_never_ends("delivered_at"))
    tables: dict[str, Frame] = {}
    given_back = None if refunds is None else _given_back(refunds)
    if refunds is not None and given_back is not None:
        orders = _with_refunds(orders, given_back)
        tables["refunds"] = _refund_rows(refunds, purchases)
    if interactions is not None:
        orders = _with_notices(orders, interactions)
    bought = nw.col("purchased_at")
    keyed = {"source": nw.col("source"), "id": nw.col("id")}
    tables["orders"] = _shaped(orders, "orders", t=bought, amount=nw.col("amount"), **keyed)
    gone = orders.filter(nw.col("_cancelled") < FOREVER)
    tables["cancellations"] = _shaped(gone, "cancellations", t=nw.col("_cancelled"), **keyed)
    versions = [_first_versions(orders)]
    if given_back is not None:
        versions.append(_later_versions(orders, given_back))
    tables["purchases"] = nw.concat(versions)
    arrived = orders.filter(nw.col("_arrived") < FOREVER)
    promised = nw.col("promised_at") != MISSING
    late = _flag(promised & (nw.col("_arrived") > nw.col("promised_at")))
    tables["deliveries"] = _shaped(arrived, "deliveries", t=nw.col("_arrived"), late=late, **keyed)
    tables["promises"] = _promises(orders.filter(promised), keyed)
    return tables


def _promises(promised: Frame, keyed: Mapping[str, nw.Expr]) -> Frame:
    """A promise is open until the goods arrive or the purchase ceases to count; a purchase of nothing makes none."""
    over = _smaller(_smaller(nw.col("_void"), nw.col("_cancelled")), nw.col("_arrived"))
    rows = _shaped(
        promised.filter(nw.col("amount") > 0),
        "promises",
        t=nw.col("purchased_at"),
        end=over,
        due=nw.col("promised_at"),
        **keyed,
    )
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
    first = given_back.group_by(*_BOUGHT).agg(nw.col("refunded_at").min().alias("_back_from"))
    paid = orders.select(*_BOUGHT, _paid=nw.col("amount"))
    whole = given_back.join(paid, on=list(_BOUGHT), how="inner").filter(nw.col("_so_far") >= nw.col("_paid"))
    void = whole.group_by(*_BOUGHT).agg(nw.col("refunded_at").min().alias("_void_from"))
    joined = (
        orders.drop("_void", "_first_back")
        .join(first, on=list(_BOUGHT), how="left")
        .join(void, on=list(_BOUGHT), how="left")
    )
    return joined.with_columns(
        _first_back=nw.col("_back_from").fill_null(FOREVER).cast(nw.Int64()),
        _void=nw.col("_void_from").fill_null(FOREVER).cast(nw.Int64()),
    ).drop("_back_from", "_void_from")


def _refund_rows(refunds: Frame, purchases: Frame) -> Frame:
    owners = purchases.select(PERSON, "source", purchase_id=nw.col("id"))
    owned = refunds.join(owners, on=["source", "purchase_id"], how="inner")
    return _shaped(
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
    rows = _shaped(
        orders,
        "purchases",
        t=nw.col("purchased_at"),
        start=start,
        end=end,
        source=nw.col("source"),
        id=nw.col("id"),
        amount=nw.col("amount"),
        net_amount=net,
        promoted=_flag(nw.col("promotion") != ""),
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


def _talking(interactions: Frame, purchases: Frame | None) -> dict[str, Frame]:
    return {
        "open_follow_ups": _follow_ups(interactions, purchases),
        "interactions": _interaction_rows(interactions, "interactions"),
        "open_questions": _open_rows(interactions, "question", "answer", "open_questions"),
        "open_complaints": _open_rows(interactions, "complaint", "resolution", "open_complaints"),
    }


def _interaction_rows(interactions: Frame, table: str, end: nw.Expr | None = None) -> Frame:
    ends = {} if end is None else {"end": end}
    ready_by = nw.when(nw.col("latest") == MISSING).then(nw.col("until")).otherwise(nw.col("latest"))
    same = ("source", "id", "kind", "direction", "channel")
    return _shaped(
        interactions,
        table,
        t=nw.col("occurred_at"),
        rank=_rank(),
        reason=_only("reason", ("postponed", "said_no"), _text("")),
        ready_from=_only("until", ("postponed",), _whole(NEVER)),
        ready_by=nw.when(nw.col("kind") == "postponed").then(ready_by).otherwise(_whole(NEVER)),
        score=_only("score", ("feedback",), _whole(0)),
        amount=nw.when(nw.col("amount") == MISSING)
        .then(_whole(0))
        .otherwise(_only("amount", ("quote", "checkout"), _whole(0))),
        **{name: nw.col(name) for name in same},
        **ends,
    )


def _only(column: str, kinds: tuple[str, ...], otherwise: nw.Expr) -> nw.Expr:
    return nw.when(nw.col("kind").is_in(kinds)).then(nw.col(column)).otherwise(otherwise)


def _rank() -> nw.Expr:
    rank = _whole(0)
    for kind, place in RANKS.items():
        rank = nw.when(nw.col("kind") == kind).then(_whole(place)).otherwise(rank)
    return rank


def _open_rows(interactions: Frame, asks: str, closes: str, table: str) -> Frame:
    """What was asked, each until it is first answered."""
    answered = interactions.filter(nw.col("kind") == closes)
    first = answered.group_by("source", "regarding").agg(nw.col("occurred_at").min().alias("_closed"))
    asked = interactions.filter(nw.col("kind") == asks)
    joined = asked.join(first.rename({"regarding": "id"}), on=["source", "id"], how="left")
    rows = _interaction_rows(joined, table, nw.col("_closed").fill_null(FOREVER).cast(nw.Int64()))
    return rows.filter(nw.col("end") > nw.col("start"))


def _follow_ups(interactions: Frame, purchases: Frame | None) -> Frame:
    """Every follow-up, each until something next comes from the person: seen from the last instant backwards."""
    rows = _interaction_rows(interactions.filter(nw.col("kind") == "follow_up_sent"), "open_follow_ups")
    heard = [interactions.filter(nw.col("direction") == "in").select(PERSON, _at=nw.col("occurred_at"))]
    if purchases is not None:
        heard.append(purchases.select(PERSON, _at=nw.col("purchased_at")))
    sent = rows.select(PERSON, _at=nw.col("t"), _heard=_whole(FOREVER)).unique()
    told = nw.concat(heard).unique().with_columns(_heard=nw.col("_at"))
    line = nw.concat([sent, told]).with_columns(
        _back=_whole(0) - nw.col("_at"), _turn=_flag(nw.col("_heard") < FOREVER)
    )
    following = line.with_columns(_next=nw.col("_heard").cum_min().over(PERSON, order_by=["_back", "_turn"]))
    ends = following.filter(nw.col("_turn") == 0).select(PERSON, t=nw.col("_at"), _next=nw.col("_next"))
    joined = rows.drop("end").join(ends, on=[PERSON, "t"], how="inner")
    return joined.with_columns(end=nw.col("_next")).select(PERSON, *TABLES["open_follow_ups"])
