"""What follows from several interactions: what was closed, asked again, or asked while goods were on their way.

Law: for every person, the rows of each table are those of their own ledger.
"""

from __future__ import annotations

import narwhals as nw

from funnel._instants import FOREVER, NEVER
from funnel._lift.columns import whole
from funnel._streams import TABLES
from funnel.logs.shapes import PERSON, Frame, keyed, shaped

_KEY = ("source", "id")


def closed(interactions: Frame, asks: str, closes: str) -> Frame:
    """What was asked, each with when it was first answered; for ever ahead where it was not."""
    answered = interactions.filter(nw.col("kind") == closes)
    first = answered.group_by("source", "regarding").agg(nw.col("occurred_at").min().alias("_closed"))
    asked = interactions.filter(nw.col("kind") == asks)
    joined = asked.join(first.rename({"regarding": "id"}), on=list(_KEY), how="left")
    return joined.with_columns(nw.col("_closed").fill_null(FOREVER).cast(nw.Int64()))


def closings(interactions: Frame, asks: str, closes: str, table: str) -> Frame:
    """What was asked and closed: from when, and how long that took."""
    done = closed(interactions, asks, closes).filter(nw.col("_closed") < FOREVER)
    rows = shaped(done, table, t=nw.col("_closed"), **keyed())
    took = done.select(*_KEY, took=nw.col("_closed") - nw.col("occurred_at"))
    return rows.join(took, on=list(_KEY), how="inner").select(PERSON, *TABLES[table])


def reopenings(interactions: Frame) -> Frame:
    """Complaints of a purchase of which an earlier complaint had been put right."""
    complaints = closed(interactions, "complaint", "resolution").filter(nw.col("regarding") != "")
    about = (PERSON, "source", "regarding")
    first = complaints.group_by(*about).agg(nw.col("_closed").min().alias("_righted"))
    again = complaints.join(first, on=list(about), how="inner").filter(nw.col("_righted") < nw.col("occurred_at"))
    return shaped(again, "reopenings", t=nw.col("occurred_at"), **keyed())


def delivery_questions(interactions: Frame, promises: Frame | None) -> Frame:
    """Questions that were asked while goods with a promised day were on their way: counted along each person's line."""
    questions = interactions.filter(nw.col("kind") == "question")
    rows = shaped(questions, "delivery_questions", t=nw.col("occurred_at"), **keyed())
    if promises is None:
        return rows.head(0)
    begun = promises.select(PERSON, _at=nw.col("start"), _change=whole(1))
    over = promises.select(PERSON, _at=nw.col("end"), _change=whole(-1))
    changes = nw.concat([begun, over]).group_by(PERSON, "_at").agg(nw.col("_change").sum().alias("_change"))
    moved = changes.select(PERSON, "_at", _turn=whole(0), _change=nw.col("_change").cast(nw.Int64()))
    asked = rows.select(PERSON, _at=nw.col("t")).unique().select(PERSON, "_at", _turn=whole(1), _change=whole(0))
    line = nw.concat([moved, asked]).with_columns(
        _open=nw.col("_change").cum_sum().over(PERSON, order_by=["_at", "_turn"])
    )
    waiting = line.filter((nw.col("_turn") == 1) & (nw.col("_open") > 0)).select(PERSON, t=nw.col("_at"))
    return rows.join(waiting, on=[PERSON, "t"], how="inner").select(PERSON, *TABLES["delivery_questions"])


def contacts(interactions: Frame) -> Frame:
    """Each follow-up, with when the one before it and the one before that were sent."""
    sent = interactions.filter(nw.col("kind") == "follow_up_sent")
    rows = shaped(sent, "contacts", t=nw.col("occurred_at"), **keyed())
    order = ["t", *_KEY]
    told = rows.with_columns(
        second=nw.col("t").shift(1).over(PERSON, order_by=order),
        third=nw.col("t").shift(2).over(PERSON, order_by=order),
    )
    return told.with_columns(nw.col(name).fill_null(NEVER).cast(nw.Int64()) for name in ("second", "third"))
