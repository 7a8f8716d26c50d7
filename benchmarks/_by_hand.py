"""All default facts, stage and next change, written by hand in Polars as an expert would for one shop.

The version has the same deduplication, valid purchases and facts, and none of the validation. Ties of one instant are
broken by the kind only. `tests/test_benchmarks.py` requires the same answers from both.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from funnel.interactions import KINDS

_OUTWARD = ["quote", "answer", "delivery", "resolution", "follow_up"]
_KIND = pl.Enum(KINDS)
_PERSON = "person_id"
_DAY = timedelta(days=1)
_HOUR = 3_600_000_000
c = pl.col


def facts(logs: dict[str, pl.DataFrame], as_of: datetime) -> pl.DataFrame:
    """Everyone's facts."""
    return _facts(logs, as_of).collect()


def facts_and_stage(logs: dict[str, pl.DataFrame], as_of: datetime, lapse_after: timedelta) -> pl.DataFrame:
    """Everyone's facts, stage and the instant at which it changes by itself."""
    return with_stage(_facts(logs, as_of), as_of, lapse_after).collect()


def stage_and_change(logs: dict[str, pl.DataFrame], as_of: datetime, lapse_after: timedelta) -> pl.DataFrame:
    """Stage and next change only; only the facts that they need are computed."""
    back = logs["refunds"].lazy().unique().filter(c("refunded_at") <= as_of)
    orders = (
        logs["purchases"]
        .lazy()
        .unique()
        .filter(c("purchased_at") <= as_of)
        .join(
            back.group_by("purchase_id").agg(back=c("amount").sum()), left_on="id", right_on="purchase_id", how="left"
        )
    )
    removed = (c("status") == "cancelled") & (c("cancelled_at").fill_null(c("purchased_at")) <= as_of)
    valid = (c("amount") > c("back").fill_null(0)) & ~removed
    at = c("purchased_at")
    bought = (
        orders.filter(valid)
        .select(_PERSON, at)
        .sort(_PERSON, at)
        .with_columns(returns=(c(_PERSON) == c(_PERSON).shift()) & (at.diff() >= _DAY))
        .group_by(_PERSON)
        .agg(purchase_count=pl.len(), occasion_count=c("returns").sum() + 1, last_purchase_at=at.last())
    )
    ordered = orders.group_by(_PERSON).agg(order_count=pl.len()).join(bought, on=_PERSON, how="left")
    known_rows = logs["interactions"].lazy().filter(c("occurred_at") <= as_of)
    inward = known_rows.group_by(_PERSON).agg(inbound_count=(~c("kind").is_in(_OUTWARD)).sum())
    people = inward.join(ordered, on=_PERSON, how="full", coalesce=True)
    stages = people.with_columns(c("inbound_count", "order_count", "purchase_count").fill_null(0))
    return with_stage(stages, as_of, lapse_after).select(_PERSON, "stage", "next_change").collect()


def with_stage(people: pl.LazyFrame, as_of: datetime, lapse_after: timedelta) -> pl.LazyFrame:
    """The stage and its next change beside the facts."""
    engaged = (c("inbound_count") > 0) | (c("order_count") > 0)
    lapses = c("last_purchase_at") + lapse_after
    lapsed = pl.lit(as_of) > lapses
    bought = c("purchase_count") > 0
    stage = (
        pl.when(~bought)
        .then(pl.when(engaged).then(pl.lit("prospect")).otherwise(pl.lit("lead")))
        .when(lapsed)
        .then(pl.lit("lapsed"))
        .when(c("occasion_count") > 1)
        .then(pl.lit("repeat_customer"))
        .otherwise(pl.lit("customer"))
    )
    change = pl.when(bought & ~lapsed).then(lapses + timedelta(microseconds=1))
    return people.with_columns(stage=stage, next_change=change)


def _facts(logs: dict[str, pl.DataFrame], as_of: datetime) -> pl.LazyFrame:
    """Compute in stages: one lazy query would compute the shared parts repeatedly."""
    lazy = {log: frame.lazy().unique() for log, frame in logs.items()}
    collected_logs = dict(zip(lazy, (frame.lazy() for frame in pl.collect_all(list(lazy.values()))), strict=True))
    talk = collected_logs["interactions"].with_columns(c("kind").cast(_KIND)).collect().lazy()
    orders = _orders(collected_logs["purchases"], collected_logs["refunds"], talk, as_of).collect().lazy()
    known_rows = talk.filter(c("occurred_at") <= as_of)
    parts = pl.collect_all(
        [
            _bought(orders, as_of),
            _refunded(collected_logs["refunds"], collected_logs["purchases"], as_of),
            _delivered(orders, as_of),
            _talked(known_rows),
            _open(known_rows, "question", "answer"),
            _open(known_rows, "complaint", "resolution"),
            _follow_ups(known_rows, _heard(known_rows, orders)),
        ]
    )
    people = pl.concat([part.select(_PERSON) for part in parts]).unique().lazy()
    for part in parts:
        people = people.join(part.lazy(), on=_PERSON, how="left")
    return people.select(_PERSON, **_show(pl.lit(as_of)))


# ---- purchases -----------------------------------------------------------------------------------------------------


def _orders(purchases: pl.LazyFrame, refunds: pl.LazyFrame, talk: pl.LazyFrame, as_of: datetime) -> pl.LazyFrame:
    """Return every order as of the instant, with its net amount and its delivery."""
    back = refunds.filter(c("refunded_at") <= as_of).group_by("purchase_id").agg(back=c("amount").sum())
    notices = talk.filter(c("kind") == "delivery").group_by("regarding").agg(notice=c("occurred_at").min())
    removed = (c("status") == "cancelled") & (c("cancelled_at").fill_null(c("purchased_at")) <= as_of)
    return (
        purchases.filter(c("purchased_at") <= as_of)
        .join(back, left_on="id", right_on="purchase_id", how="left")
        .join(notices, left_on="id", right_on="regarding", how="left")
        .with_columns(
            removed=removed,
            net=c("amount") - c("back").fill_null(0),
            arrived=pl.min_horizontal("delivered_at", "notice"),
            promoted=(c("promotion") != "").fill_null(value=False),
        )
        .with_columns(valid=(c("net") > 0) & ~c("removed"))
    )


def _bought(orders: pl.LazyFrame, as_of: datetime) -> pl.LazyFrame:
    at, net, valid, gap = c("purchased_at"), c("net"), c("valid"), c("gap")
    returns, hours = gap >= _DAY, gap.dt.total_hours()
    every = orders.group_by(_PERSON).agg(order_count=pl.len(), cancellation_count=c("removed").sum())
    bought = (
        orders.filter(valid)
        .select(_PERSON, at, net, "promoted")
        .sort(_PERSON, at)
        .with_columns(gap=pl.when(c(_PERSON) == c(_PERSON).shift()).then(at.diff()))
        .with_columns(returns=returns.fill_null(value=False), hours=hours, hours_squared=hours * hours)
        .group_by(_PERSON)
        .agg(
            purchase_count=pl.len(),
            first_purchase_at=at.first(),
            last_purchase_at=at.last(),
            return_count=c("returns").sum(),
            between=gap.filter("returns").dt.total_microseconds().sum(),
            hours=c("hours").filter("returns").sum(),
            hours_squared=c("hours_squared").filter("returns").sum(),
            gap_before_last_purchase=gap.filter("returns").last(),
            net_spent=net.sum(),
            largest_purchase=net.max(),
            last_purchase_amount=net.last(),
            promoted_purchase_count=c("promoted").sum(),
            first_purchase_was_promoted=c("promoted").first(),
        )
    )
    due = orders.filter(c("promised_at").is_not_null() & valid & ~(c("arrived") <= as_of).fill_null(value=False))
    promised = due.group_by(_PERSON).agg(open_promise_count=pl.len(), promise_due=c("promised_at").min())
    return every.join(bought, on=_PERSON, how="left").join(promised, on=_PERSON, how="left")


def _refunded(refunds: pl.LazyFrame, purchases: pl.LazyFrame, as_of: datetime) -> pl.LazyFrame:
    owners = purchases.select(_PERSON, purchase_id="id")
    owned = refunds.filter(c("refunded_at") <= as_of).join(owners, on="purchase_id", how="inner")
    return owned.group_by(_PERSON).agg(
        refund_count=pl.len(), refunded=c("amount").sum(), last_refund_at=c("refunded_at").max()
    )


def _delivered(orders: pl.LazyFrame, as_of: datetime) -> pl.LazyFrame:
    late = (c("arrived") > c("promised_at")).fill_null(value=False)
    return (
        orders.filter(c("arrived") <= as_of)
        .group_by(_PERSON)
        .agg(delivery_count=pl.len(), late_delivery_count=late.sum(), last_delivery_at=c("arrived").max())
    )


# ---- interactions --------------------------------------------------------------------------------------------------

_COUNT_FACTS = {
    "view_count": "view",
    "postponement_count": "postponement",
    "question_count": "question",
    "complaint_count": "complaint",
    "feedback_count": "feedback",
    "meeting_count": "meeting",
    "follow_up_count": "follow_up",
    "decline_count": "declined",
}
_LAST = {
    "last_question_at": "question",
    "last_quote_at": "quote",
    "last_cart_at": "cart",
    "last_checkout_at": "checkout",
    "said_ready_at": "ready_signal",
    "last_postponement_at": "postponement",
    "last_complaint_at": "complaint",
    "last_resolution_at": "resolution",
    "last_feedback_at": "feedback",
    "last_follow_up_at": "follow_up",
    "last_refusal_at": "declined",
}


def _talked(known_rows: pl.LazyFrame) -> pl.LazyFrame:
    kind, at = c("kind"), c("occurred_at")
    inward = ~kind.is_in(_OUTWARD)
    whole = known_rows.group_by(_PERSON).agg(
        inbound_count=inward.sum(),
        last_interaction_at=at.max(),
        last_interaction_kind=kind.max_by(at),
        last_inbound_at=at.filter(inward).max(),
        last_outbound_at=at.filter(~inward).max(),
        last_visit_at=at.filter(kind.is_in(["visit", "view"])).max(),
        has_opted_out=(kind == "opt_out").any(),
        **{name: (kind == one).sum() for name, one in _COUNT_FACTS.items()},
        **{name: at.filter(kind == one).max() for name, one in _LAST.items()},
    )
    for one, renamed in _NAMED_KINDS.items():
        spoken = (
            known_rows.filter(kind == one)
            .group_by(_PERSON)
            .agg(**{name: c(of).max_by(at) for name, of in renamed.items()})
        )
        whole = whole.join(spoken, on=_PERSON, how="left")
    return whole


_NAMED_KINDS = {
    "quote": {"last_quote_amount": "amount"},
    "postponement": {"postponed_until": "until", "postponement_reason": "reason"},
    "feedback": {"last_feedback_score": "score"},
    "declined": {"decline_reason": "reason"},
}


def _open(known_rows: pl.LazyFrame, opening: str, closes: str) -> pl.LazyFrame:
    closed = known_rows.filter(c("kind") == closes).select(id="regarding").unique()
    remaining = known_rows.filter(c("kind") == opening).join(closed, on="id", how="anti")
    return remaining.group_by(_PERSON).agg(
        **{f"open_{opening}_count": pl.len(), f"oldest_open_{opening}_at": c("occurred_at").min()}
    )


def _heard(known_rows: pl.LazyFrame, orders: pl.LazyFrame) -> pl.LazyFrame:
    """Return the last inbound contact of each person."""
    talk = known_rows.filter(~c("kind").is_in(_OUTWARD)).select(_PERSON, at="occurred_at")
    return pl.concat([talk, orders.select(_PERSON, at="purchased_at")]).group_by(_PERSON).agg(heard=c("at").max())


def _follow_ups(known_rows: pl.LazyFrame, heard: pl.LazyFrame) -> pl.LazyFrame:
    sent = known_rows.filter(c("kind") == "follow_up").join(heard, on=_PERSON, how="left")
    vain = sent.filter(c("heard").is_null() | (c("occurred_at") >= c("heard")))
    return vain.group_by(_PERSON).agg(unanswered_follow_up_count=pl.len())


# ---- what is shown -------------------------------------------------------------------------------------------------

_COUNTS = (
    "order_count",
    "purchase_count",
    "net_spent",
    "largest_purchase",
    "last_purchase_amount",
    "promoted_purchase_count",
    "refund_count",
    "refunded",
    "cancellation_count",
    "inbound_count",
    "view_count",
    "last_quote_amount",
    "postponement_count",
    "question_count",
    "open_question_count",
    "complaint_count",
    "open_complaint_count",
    "delivery_count",
    "late_delivery_count",
    "open_promise_count",
    "feedback_count",
    "last_feedback_score",
    "meeting_count",
    "follow_up_count",
    "unanswered_follow_up_count",
    "decline_count",
)
_SINCE = {
    "since_first_purchase": "first_purchase_at",
    "since_last_purchase": "last_purchase_at",
    "since_last_refund": "last_refund_at",
    "since_last_inbound": "last_inbound_at",
    "since_last_outbound": "last_outbound_at",
    "since_last_visit": "last_visit_at",
    "since_last_question": "last_question_at",
    "since_last_quote": "last_quote_at",
    "since_last_cart": "last_cart_at",
    "since_last_checkout": "last_checkout_at",
    "since_last_ready_signal": "said_ready_at",
    "since_last_postponement": "last_postponement_at",
    "oldest_open_question": "oldest_open_question_at",
    "oldest_open_complaint": "oldest_open_complaint_at",
    "since_last_complaint": "last_complaint_at",
    "since_last_resolution": "last_resolution_at",
    "since_last_delivery": "last_delivery_at",
    "since_promise_was_due": "promise_due",
    "since_last_feedback": "last_feedback_at",
    "since_last_follow_up": "last_follow_up_at",
    "since_last_decline": "last_refusal_at",
}
_AS_THEY_ARE = (
    "first_purchase_at",
    "last_purchase_at",
    "last_interaction_at",
    "postponed_until",
    "postponement_reason",
    "last_delivery_at",
    "decline_reason",
)


def _show(now: pl.Expr) -> dict[str, pl.Expr]:
    bought, kind = c("purchase_count").fill_null(0).cast(pl.Int64), c("last_interaction_kind")
    returns = c("return_count").fill_null(0).cast(pl.Int64)
    gaps, several = pl.when(returns > 0).then(returns), pl.when(returns > 1).then(returns)
    variance = (several * c("hours_squared") - c("hours") * c("hours")) // (several * several)
    outward = kind.is_in(_OUTWARD)
    return {
        **{name: c(name).fill_null(0).cast(pl.Int64) for name in _COUNTS},
        **{name: now - c(of) for name, of in _SINCE.items()},
        **{name: c(name) for name in _AS_THEY_ARE},
        "occasion_count": returns + (bought > 0).cast(pl.Int64),
        "purchase_interval": (c("between") // gaps).cast(pl.Duration("us")),
        "interval_spread": (variance.sqrt().floor().cast(pl.Int64) * _HOUR).cast(pl.Duration("us")),
        "gap_before_last_purchase": c("gap_before_last_purchase").fill_null(timedelta(0)),
        "average_purchase": pl.when(bought > 0).then(c("net_spent") // bought).otherwise(0),
        "first_purchase_was_promoted": c("first_purchase_was_promoted").fill_null(value=False),
        "last_interaction_kind": kind.cast(pl.String),
        "last_interaction_direction": pl.when(outward).then(pl.lit("out")).when(~outward).then(pl.lit("in")),
        "until_ready": c("postponed_until") - now,
        "until_ready_at_latest": c("postponed_until") - now,
        "has_opted_out": c("has_opted_out").fill_null(value=False),
    }
