"""Rows of ledger tables, and tables derived from several interactions.

The derived tables are closed questions and complaints, reopenings and delivery questions.

Invariant: for every person, the rows of each table equal the rows of the person's own ledger.
"""

from __future__ import annotations

from collections.abc import Mapping

import narwhals as nw

from funnel._dataframes.adapter import Frame, distinct
from funnel._expr.to_narwhals import int_lit, to_int
from funnel._ledger.streams import RANKS, ROOTS, TABLES
from funnel._time import FOREVER, NEVER
from funnel.logs.normalize import MISSING

PERSON = "person_id"


def select_table(frame: Frame, table: str, **columns: nw.Expr) -> Frame:
    """Return rows with the columns of a table.

    Fields of own columns follow. By default, a row is valid from `t` to FOREVER and has rank 0 and empty source and id.
    """
    blank = text_literal("")
    defaults = {"start": columns["t"], "end": int_lit(FOREVER), "rank": int_lit(0), "source": blank, "id": blank}
    values = {**defaults, **columns}
    names = dict.fromkeys([*(name for name in TABLES[table] if name in values), *columns])
    return frame.select(PERSON, **{name: values[name] for name in names})


def text_literal(value: str) -> nw.Expr:
    """Return a text literal."""
    return nw.lit(value, nw.String())


def key_columns() -> dict[str, nw.Expr]:
    """Return the source and the id of a record as columns."""
    return {"source": nw.col("source"), "id": nw.col("id")}


_KEY = ("source", "id")


def refund_rows(refunds: Frame, purchases: Frame, own: Mapping[str, nw.Expr]) -> Frame:
    """Return refunds, each with the person of its purchase."""
    owners = purchases.select(PERSON, "source", purchase_id=nw.col("id"))
    owned = refunds.join(owners, on=["source", "purchase_id"], how="inner")
    return select_table(
        owned,
        "refunds",
        t=nw.col("refunded_at"),
        source=nw.col("source"),
        id=nw.col("id"),
        amount=nw.col("amount"),
        reason=nw.col("reason"),
        **own,
    )


def closed(interactions: Frame, opening: str, closing_kind: str) -> Frame:
    """Return questions or complaints with the instant of their first answer, or FOREVER."""
    answered = interactions.filter(nw.col("kind") == closing_kind)
    first = answered.group_by("source", "regarding").agg(nw.col("occurred_at").min().alias("_closed"))
    questions = interactions.filter(nw.col("kind") == opening)
    joined = questions.join(first.rename({"regarding": "id"}), on=list(_KEY), how="left")
    return joined.with_columns(nw.col("_closed").fill_null(FOREVER).cast(nw.Int64()))


def closings(interactions: Frame, opening: str, closing_kind: str, table: str) -> Frame:
    """Return closed questions and complaints: the instant of the closing, and how long it took."""
    done = closed(interactions, opening, closing_kind).filter(nw.col("_closed") < FOREVER)
    took = nw.col("_closed") - nw.col("occurred_at")
    return select_table(done, table, t=nw.col("_closed"), took=took, **key_columns())


def reopenings(interactions: Frame) -> Frame:
    """Return complaints about a purchase after the resolution of an earlier one."""
    complaints = closed(interactions, "complaint", "resolution").filter(nw.col("regarding") != "")
    righted = complaints.with_columns(_righted=nw.col("_closed").min().over(PERSON, "source", "regarding"))
    reopened = righted.filter(nw.col("_righted") < nw.col("occurred_at"))
    return select_table(reopened, "reopenings", t=nw.col("occurred_at"), **key_columns())


def delivery_questions(interactions: Frame, promises: Frame | None) -> Frame:
    """Return questions asked while a promised delivery was open.

    The number of open promises is a running sum per person.
    """
    questions = interactions.filter(nw.col("kind") == "question")
    if promises is None:
        return _delivery_steps(questions, "occurred_at", 0).drop("_change", "_is_question").head(0)
    starts, ends = (_delivery_steps(promises, at, change) for at, change in (("start", 1), ("end", -1)))
    line = nw.concat([starts, ends, _delivery_steps(questions, "occurred_at", 0)])
    line = line.with_columns(_open=nw.col("_change").cum_sum().over(PERSON, order_by=["t", "_is_question"]))
    waiting = line.filter((nw.col("_is_question") == 1) & (nw.col("_open") > 0))
    return waiting.drop("_change", "_is_question", "_open")


def _delivery_steps(rows: Frame, at: str, change: int) -> Frame:
    """Return the instants of questions, or of changes of the number of open promises."""
    counts = {"_change": int_lit(change), "_is_question": int_lit(int(change == 0))}
    return select_table(rows, "delivery_questions", t=nw.col(at), **key_columns(), **counts)


def contacts(interactions: Frame) -> Frame:
    """Return follow-ups with the instants of the two follow-ups before each of them."""
    sent = interactions.filter(nw.col("kind") == "follow_up")
    rows = select_table(sent, "contacts", t=nw.col("occurred_at"), **key_columns())
    order = ["t", *_KEY]
    rows_before = rows.with_columns(
        second=nw.col("t").shift(1).over(PERSON, order_by=order),
        third=nw.col("t").shift(2).over(PERSON, order_by=order),
    )
    return rows_before.with_columns(nw.col(name).fill_null(NEVER).cast(nw.Int64()) for name in ("second", "third"))


def arrivals(tables: Mapping[str, Frame]) -> Frame:
    """Return the instant of each person's first record, as a table without fields."""
    there = [tables[name].select(PERSON, "start") for name in ROOTS if name in tables]
    first = nw.concat(there).group_by(PERSON).agg(nw.col("start").min())
    return first.with_columns(end=int_lit(FOREVER))


def interaction_rows(
    interactions: Frame, table: str, kind: str | None = None, end: nw.Expr | None = None, *, own: Mapping[str, nw.Expr]
) -> Frame:
    """Return interactions, all of one kind if it is given.

    They never end unless `end` is given, and `own` are fields of own columns.
    """
    ends = {} if end is None else {"end": end}
    ready_by = nw.when(nw.col("latest") == MISSING).then(nw.col("until")).otherwise(nw.col("latest"))
    amount = nw.when(nw.col("amount") == MISSING).then(int_lit(0)).otherwise(nw.col("amount"))
    same = ("source", "id", "kind", "direction", "channel")
    return select_table(
        interactions,
        table,
        t=nw.col("occurred_at"),
        rank=_rank(RANKS if kind is None else {kind: RANKS[kind]}),
        reason=_only(kind, ("postponement", "declined"), nw.col("reason"), text_literal("")),
        ready_from=_only(kind, ("postponement",), nw.col("until"), int_lit(NEVER)),
        ready_by=_only(kind, ("postponement",), ready_by, int_lit(NEVER)),
        score=_only(kind, ("feedback",), nw.col("score"), int_lit(0)),
        amount=_only(kind, ("quote", "checkout"), amount, int_lit(0)),
        **{name: nw.col(name) for name in same},
        **ends,
        **own,
    )


def _only(kind: str | None, kinds: tuple[str, ...], value: nw.Expr, otherwise: nw.Expr) -> nw.Expr:
    """Return the value for these kinds; `kind` is that of all rows, or None."""
    if kind is not None:
        return value if kind in kinds else otherwise
    return nw.when(nw.col("kind").is_in(kinds)).then(value).otherwise(otherwise)


def _rank(ranks: Mapping[str, int]) -> nw.Expr:
    (_, rank), *others = ((kind, int_lit(number)) for kind, number in ranks.items())
    for kind, rank_of_kind in others:
        rank = nw.when(nw.col("kind") == kind).then(rank_of_kind).otherwise(rank)
    return rank


def open_rows(interactions: Frame, opening: str, closing_kind: str, table: str, own: Mapping[str, nw.Expr]) -> Frame:
    """Return questions or complaints, each open until its first answer."""
    opened = closed(interactions, opening, closing_kind)
    rows = interaction_rows(opened, table, opening, nw.col("_closed"), own=own)
    return rows.filter(nw.col("end") > nw.col("start"))


def follow_ups(interactions: Frame, purchases: Frame | None, own: Mapping[str, nw.Expr]) -> Frame:
    """Return follow-ups, each open until the person's next contact.

    The instant is a running minimum, backwards in time.
    """
    sent = interactions.filter(nw.col("kind") == "follow_up")
    rows = interaction_rows(sent, "open_follow_ups", "follow_up", own=own)
    inbound = [interactions.filter(nw.col("direction") == "in").select(PERSON, _at=nw.col("occurred_at"))]
    if purchases is not None:
        inbound.append(purchases.select(PERSON, _at=nw.col("purchased_at")))
    open_since = distinct(rows.select(PERSON, _at=nw.col("t"), _answered=int_lit(FOREVER)))
    first = open_since.group_by(PERSON).agg(nw.col("_at").min().alias("_first"))
    after = nw.concat(inbound).join(first, on=PERSON, how="inner").filter(nw.col("_at") > nw.col("_first"))
    answers = after.select(PERSON, "_at", _answered=nw.col("_at"))
    line = nw.concat([open_since, answers]).with_columns(
        _back=int_lit(0) - nw.col("_at"), _order=to_int(nw.col("_answered") < FOREVER)
    )
    following = line.with_columns(_next=nw.col("_answered").cum_min().over(PERSON, order_by=["_back", "_order"]))
    ends = following.filter(nw.col("_order") == 0).select(PERSON, t=nw.col("_at"), _next=nw.col("_next"))
    joined = rows.drop("end").join(ends, on=[PERSON, "t"], how="inner")
    return joined.with_columns(end=nw.col("_next")).select(PERSON, *TABLES["open_follow_ups"], *own)
