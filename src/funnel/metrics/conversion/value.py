"""Money along a funnel: what the amounts at one step's rows come to, of those who went on, dropped or are pending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import narwhals as nw

from funnel._frames import Frame
from funnel._lift.columns import flag
from funnel._lift.division import divided
from funnel._lift.nodes import LIMIT
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
    found = _summed(known.select(**sums), list(sums), is_small=_is_small(known))
    return tuple(_of(step, name, found) for step, name in zip(plan.steps, names, strict=True))


def _amount(condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(nw.col("value")).otherwise(nw.lit(0, nw.Int64()))


_HALF = 2**32
"""A sum that may be larger than 64 bits is found in two parts."""


def _is_small(frame: Frame) -> bool:
    """Whether every sum of the amounts fits 64 bits, however the rows are chosen."""
    value = nw.col("value")
    ((rows, low, high),) = told(frame.select(rows=nw.len(), low=value.min(), high=value.max()), "rows", "low", "high")
    return not rows or whole(rows) * max(-whole(low), whole(high)) <= LIMIT


def _summed(frame: Frame, names: Sequence[str], *, is_small: bool) -> Mapping[str, int]:
    if is_small:
        ((*found,),) = told(frame.select(*(nw.col(name).sum() for name in names)), *names)
        return {name: whole(value) for name, value in zip(names, found, strict=True)}
    times = {name: divided(nw.col(name), nw.lit(_HALF, nw.Int64())) for name in names}
    rest = {name: nw.col(name) - times[name] * _HALF for name in names}
    high, low = (_summed(frame.select(**part), names, is_small=True) for part in (times, rest))
    return {name: high[name] * _HALF + low[name] for name in names}


def _of(step: PlanStep, name: str, found: Mapping[str, int]) -> StepValue:
    parts = (found.get(f"{part}_{step.number}") for part in ("dropped", "pending"))
    return StepValue(name, found[f"known_{step.number}"], found[f"reached_{step.number}"], *parts)
