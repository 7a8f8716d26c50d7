"""Tables derived from several interactions: closed questions and complaints, reopenings, delivery questions.

Invariant: for every person, the rows of each table equal the rows of the person's own ledger.
"""

from __future__ import annotations

from collections.abc import Mapping

import narwhals as nw

from funnel._expr.to_narwhals import int_lit
from funnel._ledger.streams import ROOTS, TABLES
from funnel._time import FOREVER, NEVER
from funnel.logs.tables import PERSON, Frame, keyed, shaped

_KEY = ("source", "id")


def closed(interactions: Frame, asks: str, closes: str) -> Frame:
    """Return questions or complaints with the instant of their first answer, or FOREVER."""
    answered = interactions.filter(nw.col("kind") == closes)
    first = answered.group_by("source", "regarding").agg(nw.col("occurred_at").min().alias("_closed"))
    asked = interactions.filter(nw.col("kind") == asks)
    joined = asked.join(first.rename({"regarding": "id"}), on=list(_KEY), how="left")
    return joined.with_columns(nw.col("_closed").fill_null(FOREVER).cast(nw.Int64()))


def closings(interactions: Frame, asks: str, closes: str, table: str) -> Frame:
    """Return closed questions and complaints: the instant of the closing, and how long it took."""
    done = closed(interactions, asks, closes).filter(nw.col("_closed") < FOREVER)
    rows = shaped(done, table, t=nw.col("_closed"), **keyed())
    took = done.select(*_KEY, took=nw.col("_closed") - nw.col("occurred_at"))
    return rows.join(took, on=list(_KEY), how="inner").select(PERSON, *TABLES[table])


def reopenings(interactions: Frame) -> Frame:
    """Return complaints about a purchase after the resolution of an earlier one."""
    complaints = closed(interactions, "complaint", "resolution").filter(nw.col("regarding") != "")
    about = (PERSON, "source", "regarding")
    first = complaints.group_by(*about).agg(nw.col("_closed").min().alias("_righted"))
    again = complaints.join(first, on=list(about), how="inner").filter(nw.col("_righted") < nw.col("occurred_at"))
    return shaped(again, "reopenings", t=nw.col("occurred_at"), **keyed())


def delivery_questions(interactions: Frame, promises: Frame | None) -> Frame:
    """Return questions asked while a promised delivery was open.

    The number of open promises is a running sum per person.
    """
    questions = interactions.filter(nw.col("kind") == "question")
    rows = shaped(questions, "delivery_questions", t=nw.col("occurred_at"), **keyed())
    if promises is None:
        return rows.head(0)
    begun = promises.select(PERSON, _at=nw.col("start"), _change=int_lit(1))
    over = promises.select(PERSON, _at=nw.col("end"), _change=int_lit(-1))
    changes = nw.concat([begun, over]).group_by(PERSON, "_at").agg(nw.col("_change").sum().alias("_change"))
    moved = changes.select(PERSON, "_at", _turn=int_lit(0), _change=nw.col("_change").cast(nw.Int64()))
    asked = rows.select(PERSON, _at=nw.col("t")).unique().select(PERSON, "_at", _turn=int_lit(1), _change=int_lit(0))
    line = nw.concat([moved, asked]).with_columns(
        _open=nw.col("_change").cum_sum().over(PERSON, order_by=["_at", "_turn"])
    )
    waiting = line.filter((nw.col("_turn") == 1) & (nw.col("_open") > 0)).select(PERSON, t=nw.col("_at"))
    return rows.join(waiting, on=[PERSON, "t"], how="inner").select(PERSON, *TABLES["delivery_questions"])


def contacts(interactions: Frame) -> Frame:
    """Return follow-ups with the instants of the two follow-ups before each of them."""
    sent = interactions.filter(nw.col("kind") == "follow_up")
    rows = shaped(sent, "contacts", t=nw.col("occurred_at"), **keyed())
    order = ["t", *_KEY]
    told = rows.with_columns(
        second=nw.col("t").shift(1).over(PERSON, order_by=order),
        third=nw.col("t").shift(2).over(PERSON, order_by=order),
    )
    return told.with_columns(nw.col(name).fill_null(NEVER).cast(nw.Int64()) for name in ("second", "third"))


def arrivals(tables: Mapping[str, Frame]) -> Frame:
    """Return the instant of each person's first record, as a table without fields."""
    there = [tables[name].select(PERSON, "start") for name in ROOTS if name in tables]
    first = nw.concat(there).group_by(PERSON).agg(nw.col("start").min())
    return first.with_columns(end=int_lit(FOREVER))
