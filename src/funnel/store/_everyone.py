"""Everyone's stage, computed in one pass over tables instead of one history each.

Invariant: stage and next evaluation equal those from evaluating each person by history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from funnel._time import instant, micros
from funnel.store._judge import Judge, said
from funnel.store._tables import Found

if TYPE_CHECKING:
    import polars as pl

_MOMENTS: Mapping[str, tuple[str, ...]] = {
    "leads": ("arrived_at",),
    "purchases": ("purchased_at", "cancelled_at", "delivered_at"),
    "refunds": ("refunded_at",),
    "interactions": ("occurred_at",),
}
"""The columns of instants at which records become or cease to be effective."""


def everyone(
    frames: Mapping[str, pl.DataFrame], versions: Sequence[tuple[str, str, int]], judge: Judge, at: int
) -> Iterator[Found]:
    """Yield the stage of everyone at an instant.

    Args:
        frames: The logs, as Polars tables.
        versions: Root, name and version of everyone to evaluate, as in the logs.
        judge: The rule and the policy.
        at: The instant of evaluation.
    """
    import polars as pl

    from funnel.logs import trusted

    logs = trusted(frames, currency=None)  # a person has one currency, and amounts of different people are not added
    told: pl.DataFrame = judge.rule.next_change.over(logs, judge.policy, as_of=instant(at))
    told = told.select("person_id", pl.lit(value=True).alias("is_told"), judge.rule.name, _whole("next_change"))
    people = pl.DataFrame(versions, _PEOPLE, orient="row")
    joined = people.join(told, on="person_id", how="left").join(_ahead(frames, at), on="person_id", how="left")
    return _found(joined, judge, at)


_PEOPLE: Any = {"root": str, "person_id": str, "version": int}


def _whole(name: str) -> pl.Expr:
    import polars as pl

    return pl.col(name).cast(pl.Int64)


def _ahead(frames: Mapping[str, pl.DataFrame], at: int) -> pl.DataFrame:
    """Return each person's first future instant at which a record becomes or ceases to be effective."""
    import polars as pl

    leads, bought = frames["leads"], frames["purchases"].select("source", "person_id", purchase_id="id")
    whose = {**frames, "refunds": frames["refunds"].join(bought, on=["source", "purchase_id"])}
    of_each = [whose[log].select("person_id", _whole(name).alias("ahead")) for log in whose for name in _MOMENTS[log]]
    sent = leads.select(_whole("arrived_at").alias("ahead"), person_id="referred_by").select("person_id", "ahead")
    told = pl.concat([*of_each, sent]).filter(pl.col("ahead") > at)
    return told.group_by("person_id").agg(pl.col("ahead").min())


def _found(joined: pl.DataFrame, judge: Judge, at: int) -> Iterator[Found]:
    nobody = judge.rule.facts(as_of=instant(at))
    alone, change = judge.rule.of(nobody, judge.policy), judge.rule.next_change.of(nobody, judge.policy)
    for root, _, version, is_told, answer, then, ahead in joined.iter_rows():
        moment = then if is_told or change is None else micros(change)
        times = [time for time in (moment, ahead) if time is not None]
        yield Found(root, version, said(answer if is_told else alone), min(times, default=None))
