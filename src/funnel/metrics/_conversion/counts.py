"""The counts and rates of each step, for everybody and for each group.

Invariants: entered = reached the last step + dropped + pending. A required step is never reached by more people than
the required step before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import attrs
import narwhals as nw

from funnel._expr.to_narwhals import to_int
from funnel.metrics._conversion.attempt_columns import Attempts
from funnel.metrics._conversion.plan import DROPPED, PENDING, Plan
from funnel.metrics._purchases import to_rows, whole
from funnel.metrics._rate import Rate


@attrs.frozen
class StepCount:
    """The number of people who reached a step, and the outcome of those who got no further.

    Attributes:
        name: The name of the step.
        is_optional: Whether people may skip the step.
        reached: The number of people who reached the step.
        dropped: The number of people who got exactly this far and can get no further. None for an optional step, 0 for
            the last step.
        pending: The number of people who got exactly this far and may still get further. None for an optional step, 0
            for the last step.
        from_start: The share of people who entered that reached this step. Only people with a closed window count.
        from_before: The share of people who reached the previous required step that reached this step. None for the
            first step.
    """

    name: str
    is_optional: bool
    reached: int
    dropped: int | None
    pending: int | None
    from_start: Rate
    from_before: Rate | None

    def to_dict(self) -> dict[str, object]:
        """Return the counts and the rates by name."""
        return {
            "step": self.name,
            "is_optional": self.is_optional,
            "reached": self.reached,
            "dropped": self.dropped,
            "pending": self.pending,
            **_flat("from_start", self.from_start),
            **_flat("from_before", self.from_before),
        }


def _flat(name: str, rate: Rate | None) -> dict[str, object]:
    parts = ("successes", "trials", "value", "ci_lower", "ci_upper")
    return {f"{name}_{part}": None if rate is None else getattr(rate, part) for part in parts}


@attrs.frozen
class Line:
    """The count of identical attempts, and how many of them took each optional step."""

    reached: int
    state: int
    settled: bool
    count: int
    optional: Mapping[int, int]


Group = str | int | bool | None


def lines(attempts: Attempts) -> Mapping[Group, Sequence[Line]]:
    """Return the attempts of each group, with identical attempts counted.

    Without groups, the only group is None.
    """
    numbers = [step.number for step in attempts.plan.steps if step.optional]
    frame = attempts.frame
    if "by" not in frame.collect_schema():
        frame = frame.with_columns(by=nw.lit(0, nw.Int64()))
    frame = frame.with_columns(one=nw.lit(1, nw.Int64()))
    frame = (
        frame.with_columns(to_int(nw.col(f"row_{n}") >= 0).alias(f"took_{n}") for n in numbers) if numbers else frame
    )
    sums = ["one", *(f"took_{n}" for n in numbers)]
    table = frame.group_by("by", "reached", "state", "settled").agg(*(nw.col(name).sum() for name in sums))
    found: dict[Group, list[Line]] = {}
    for by, reached, state, settled, count, *took in to_rows(table, "by", "reached", "state", "settled", *sums):
        optional = dict(zip(numbers, map(whole, took), strict=True))
        line = Line(int(reached), int(state), bool(settled), int(count), optional)
        found.setdefault(_key(by), []).append(line)
    return found


def _key(value: Any) -> Group:
    """Return the value of a group.

    Pandas stores whole numbers as floats if some are missing.
    """
    if isinstance(value, float):
        return int(value) if value == value else None  # noqa: PLR0124 (not a number is not itself)
    return cast("Group", value)


def counts(lines: Sequence[Line], plan: Plan, names: Sequence[str], confidence_level: float) -> tuple[StepCount, ...]:
    """Return the counts and rates of every step."""
    settled = [line for line in lines if line.settled]
    made: list[StepCount] = []
    for step, name in zip(plan.steps, names, strict=True):
        before = None if step.number == 1 else plan.before(step).number
        successes = _reached(settled, plan, step.number)
        turn = None if step.optional else _turn(plan, step.number)
        made.append(
            StepCount(
                name,
                step.optional,
                _reached(lines, plan, step.number),
                None if turn is None else _stopped(lines, turn, DROPPED),
                None if turn is None else _stopped(lines, turn, PENDING),
                Rate(successes, _reached(settled, plan, 1), confidence_level=confidence_level),
                None
                if before is None
                else Rate(successes, _reached(settled, plan, before), confidence_level=confidence_level),
            )
        )
    return tuple(made)


def last_required(steps: Sequence[StepCount]) -> StepCount:
    """Return the step that counts as conversion: the last required step."""
    return next(step for step in reversed(steps) if not step.is_optional)


def _turn(plan: Plan, number: int) -> int:
    """Return the position of a step among the required steps, from 1."""
    return [step.number for step in plan.required].index(number) + 1


def _reached(lines: Iterable[Line], plan: Plan, number: int) -> int:
    if plan.steps[number - 1].optional:
        return sum(line.optional[number] for line in lines)
    turn = _turn(plan, number)
    return sum(line.count for line in lines if line.reached >= turn)


def _stopped(lines: Iterable[Line], turn: int, state: int) -> int:
    return sum(line.count for line in lines if line.reached == turn and line.state == state)
