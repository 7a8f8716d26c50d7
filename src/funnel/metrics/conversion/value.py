"""Money along a funnel: what the amounts at one step's rows come to, of those who went on, dropped or are pending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import narwhals as nw

from funnel._frames import Frame
from funnel._lift.columns import flag
from funnel.metrics._purchases import told, whole
from funnel.metrics.conversion._found import Attempts
from funnel.metrics.conversion.plan import DROPPED, PENDING, PlanStep


@attrs.frozen
class StepValue:
    """What the amounts of those who reached a step come to.

    Attributes:
        name: The name of the step.
        known: Of how many of them there is an amount.
        reached: The sum of all who reached the step.
        dropped: The sum of those who came as far and will come no further; None of an optional step.
        pending: The sum of those who came as far and still may come further; None of an optional step.
    """

    name: str
    known: int
    reached: int
    dropped: int | None
    pending: int | None

    def to_dict(self) -> dict[str, str | int | None]:
        """The sums, by name."""
        return attrs.asdict(self)


def values(attempts: Attempts, names: Sequence[str]) -> tuple[StepValue, ...]:
    """The sums of every step, of the column `value`."""
    plan = attempts.plan
    turns = {step.number: turn for turn, step in enumerate(plan.required, 1)}
    sums: dict[str, nw.Expr] = {}
    for step in plan.steps:
        there = nw.col(f"row_{step.number}") >= 0
        sums[f"known_{step.number}"] = flag(there & (nw.col("known") == 1))
        sums[f"reached_{step.number}"] = _amount(there)
        if not step.optional:
            stopped = nw.col("reached") == turns[step.number]
            sums[f"dropped_{step.number}"] = _amount(stopped & (nw.col("state") == DROPPED))
            sums[f"pending_{step.number}"] = _amount(stopped & (nw.col("state") == PENDING))
    known = attempts.frame.with_columns(
        known=flag(~nw.col("value").is_null()), value=nw.col("value").fill_null(0).cast(nw.Int64())
    )
    found = _summed(known.select(**sums), list(sums))
    return tuple(_of(step, name, found) for step, name in zip(plan.steps, names, strict=True))


def _amount(condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(nw.col("value")).otherwise(nw.lit(0, nw.Int64()))


def _summed(frame: Frame, names: Sequence[str]) -> Mapping[str, int]:
    ((*found,),) = told(frame.select(*(nw.col(name).sum() for name in names)), *names)
    return {name: whole(value) for name, value in zip(names, found, strict=True)}


def _of(step: PlanStep, name: str, found: Mapping[str, int]) -> StepValue:
    parts = (found.get(f"{part}_{step.number}") for part in ("dropped", "pending"))
    return StepValue(name, found[f"known_{step.number}"], found[f"reached_{step.number}"], *parts)
