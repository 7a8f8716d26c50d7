"""Money along a funnel: sums of amounts for people who went on, dropped or are pending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import narwhals as nw

from funnel._dataframes.adapter import Frame
from funnel._dataframes.compute import to_rows, whole
from funnel._expr.division import divided
from funnel._expr.nodes import LIMIT
from funnel._expr.to_narwhals import to_int
from funnel.metrics._conversion.attempts import Attempts
from funnel.metrics._conversion.label_events import DROPPED, PENDING, PlanStep


@attrs.frozen
class StepValue:
    """The sums of the amounts of people at a step.

    Attributes:
        name: The name of the step.
        with_amount: The number of people who reached the step and have an amount.
        reached: The sum for people who reached the step.
        dropped: The sum for people who got exactly this far and can get no further. None for an optional step.
        pending: The sum for people who got exactly this far and may still get further. None for an optional step.
    """

    name: str
    with_amount: int
    reached: int
    dropped: int | None
    pending: int | None

    def to_dict(self) -> dict[str, str | int | None]:
        """Return the sums by name."""
        return attrs.asdict(self)


def values(attempts: Attempts, names: Sequence[str]) -> tuple[StepValue, ...]:
    """Return the sums of the column `value` for every step."""
    plan = attempts.plan
    positions = {step.number: position for position, step in enumerate(plan.required, 1)}
    sums: dict[str, nw.Expr] = {}
    for step in plan.steps:
        there = nw.col(f"row_{step.number}") >= 0
        sums[f"with_amount_{step.number}"] = to_int(there & (nw.col("with_amount") == 1))
        sums[f"reached_{step.number}"] = _amount(there)
        if not step.optional:
            stopped = nw.col("reached") == positions[step.number]
            sums[f"dropped_{step.number}"] = _amount(stopped & (nw.col("state") == DROPPED))
            sums[f"pending_{step.number}"] = _amount(stopped & (nw.col("state") == PENDING))
    has_value = attempts.frame.with_columns(
        with_amount=to_int(~nw.col("value").is_null()), value=nw.col("value").fill_null(0).cast(nw.Int64())
    )
    totals = _summed(has_value.select(**sums), list(sums), is_small=_is_small(has_value))
    return tuple(_of(step, name, totals) for step, name in zip(plan.steps, names, strict=True))


def _amount(condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(nw.col("value")).otherwise(nw.lit(0, nw.Int64()))


_HALF = 2**32
"""A sum that may exceed 64 bits is computed in two parts."""


def _is_small(frame: Frame) -> bool:
    """Return whether every sum of the amounts fits 64 bits, whichever rows are chosen."""
    value = nw.col("value")
    ((rows, low, high),) = to_rows(
        frame.select(rows=nw.len(), low=value.min(), high=value.max()), "rows", "low", "high"
    )
    return not rows or whole(rows) * max(-whole(low), whole(high)) <= LIMIT


def _summed(frame: Frame, names: Sequence[str], *, is_small: bool) -> Mapping[str, int]:
    if is_small:
        ((*sums,),) = to_rows(frame.select(*(nw.col(name).sum() for name in names)), *names)
        return {name: whole(value) for name, value in zip(names, sums, strict=True)}
    times = {name: divided(nw.col(name), nw.lit(_HALF, nw.Int64())) for name in names}
    rest = {name: nw.col(name) - times[name] * _HALF for name in names}
    high, low = (_summed(frame.select(**part), names, is_small=True) for part in (times, rest))
    return {name: high[name] * _HALF + low[name] for name in names}


def _of(step: PlanStep, name: str, row: Mapping[str, int]) -> StepValue:
    parts = (row.get(f"{part}_{step.number}") for part in ("dropped", "pending"))
    return StepValue(name, row[f"with_amount_{step.number}"], row[f"reached_{step.number}"], *parts)
