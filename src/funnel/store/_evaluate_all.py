"""Everyone's stage, computed in one pass over tables instead of one history each.

Invariant: stage and next evaluation equal those from evaluating each person by history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from funnel._time import instant, micros
from funnel.store._evaluator import Evaluator, stage_text
from funnel.store._frames import logs_in
from funnel.store._tables import Evaluation

if TYPE_CHECKING:
    import polars as pl

_INSTANTS: Mapping[str, tuple[str, ...]] = {
    "leads": ("arrived_at",),
    "purchases": ("purchased_at", "cancelled_at", "delivered_at", "paid_at"),
    "refunds": ("refunded_at",),
    "interactions": ("occurred_at",),
}
"""The columns of instants at which records become or cease to be effective."""


def evaluate_all(
    frames: Mapping[str, pl.DataFrame], versions: Sequence[tuple[str, str, int]], evaluator: Evaluator, at: int
) -> Iterator[Evaluation]:
    """Yield the stage of everyone at an instant.

    Args:
        frames: The logs, as Polars tables.
        versions: Group, name and version of everyone to evaluate; names as in the logs.
        evaluator: The rule and the policy.
        at: The evaluation time.
    """
    import polars as pl

    logs = logs_in(frames, evaluator.rates)
    changes: pl.DataFrame = evaluator.rule.next_change.over(logs, evaluator.policy, as_of=instant(at))
    changes = changes.select(
        "person_id", pl.lit(value=True).alias("has_facts"), evaluator.rule.name, _int("next_change")
    )
    people = pl.DataFrame(versions, _PEOPLE, orient="row").join(changes, on="person_id", how="left")
    return _evaluations(people.join(_next_record_changes(frames, at), on="person_id", how="left"), evaluator, at)


_PEOPLE: Any = {"group_id": str, "person_id": str, "version": int}


def _int(name: str) -> pl.Expr:
    import polars as pl

    return pl.col(name).cast(pl.Int64)


def _next_record_changes(frames: Mapping[str, pl.DataFrame], at: int) -> pl.DataFrame:
    """Return each person's first future instant at which a record becomes or ceases to be effective."""
    import polars as pl

    buyers = frames["purchases"].select("source", "person_id", purchase_id="id")
    logs = {**frames, "refunds": frames["refunds"].join(buyers, on=["source", "purchase_id"])}
    instants = [logs[log].select("person_id", at=_int(name)) for log in logs for name in _INSTANTS[log]]
    referrals = frames["leads"].select(person_id="referred_by", at=_int("arrived_at"))
    future = pl.concat([*instants, referrals]).filter(pl.col("at") > at)
    return future.group_by("person_id").agg(pl.col("at").min())


def _evaluations(people: pl.DataFrame, evaluator: Evaluator, at: int) -> Iterator[Evaluation]:
    """Yield the stages of people; a person without facts has the stage of empty facts."""
    rule, policy, empty = evaluator.rule, evaluator.policy, evaluator.rule.facts(as_of=instant(at))
    default_stage, default_change = rule.of(empty, policy), rule.next_change.of(empty, policy)
    for group_id, _, version, has_facts, stage, change, next_record_at in people.iter_rows():
        next_change = change if has_facts or default_change is None else micros(default_change)
        times = [time for time in (next_change, next_record_at) if time is not None]
        yield Evaluation(group_id, version, stage_text(stage if has_facts else default_stage), min(times, default=None))
