"""How many came how far: the counts and rates of each step, of everybody and of each group.

Laws: entered = reached the last step + dropped + pending; no required step is reached by more than the one before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import attrs
import narwhals as nw

from funnel._lift.columns import flag
from funnel.metrics._purchases import told, whole
from funnel.metrics.conversion._found import Attempts
from funnel.metrics.conversion.plan import DROPPED, PENDING, Plan
from funnel.metrics.rate import Rate


@attrs.frozen
class StepCount:
    """How many reached a step, and what became of those who came no further.

    Attributes:
        name: The name of the step.
        is_optional: Whether people may go on without it.
        reached: How many reached it.
        dropped: How many came as far and will come no further; None of an optional step, and 0 of the last.
        pending: How many came as far and still may come further; None of an optional step, and 0 of the last.
        from_start: Those who reached it among all who entered, counting those alone whose window was over.
        from_before: The same among those who reached the required step before; None of the first step.
    """

    name: str
    is_optional: bool
    reached: int
    dropped: int | None
    pending: int | None
    from_start: Rate
    from_before: Rate | None

    def to_dict(self) -> dict[str, object]:
        """The counts and the rates, by name."""
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
    parts = ("hits", "among", "value", "low", "high")
    return {f"{name}_{part}": None if rate is None else getattr(rate, part) for part in parts}


@attrs.frozen
class Line:
    """So many attempts that are alike, and how many of them took each optional step."""

    reached: int
    state: int
    settled: bool
    count: int
    optional: Mapping[int, int]


Group = str | int | bool | None


def lines(attempts: Attempts) -> Mapping[Group, Sequence[Line]]:
    """The attempts of each group, alike ones counted; one group, None, where no groups were asked for."""
    numbers = [step.number for step in attempts.plan.steps if step.optional]
    frame = attempts.frame
    if "by" not in frame.collect_schema():
        frame = frame.with_columns(by=nw.lit(0, nw.Int64()))
    frame = frame.with_columns(one=nw.lit(1, nw.Int64()))
    frame = frame.with_columns(flag(nw.col(f"row_{n}") >= 0).alias(f"took_{n}") for n in numbers) if numbers else frame
    sums = ["one", *(f"took_{n}" for n in numbers)]
    table = frame.group_by("by", "reached", "state", "settled").agg(*(nw.col(name).sum() for name in sums))
    found: dict[Group, list[Line]] = {}
    for by, reached, state, settled, count, *took in told(table, "by", "reached", "state", "settled", *sums):
        optional = dict(zip(numbers, map(whole, took), strict=True))
        line = Line(int(reached), int(state), bool(settled), int(count), optional)
        found.setdefault(_key(by), []).append(line)
    return found


def _key(value: Any) -> Group:
    """The value of a group; pandas makes floats of whole numbers where some are missing."""
    if isinstance(value, float):
        return int(value) if value == value else None  # noqa: PLR0124 (not a number is not itself)
    return cast("Group", value)


def counts(lines: Sequence[Line], plan: Plan, names: Sequence[str], level: float) -> tuple[StepCount, ...]:
    """The counts and rates of every step."""
    settled = [line for line in lines if line.settled]
    made: list[StepCount] = []
    for step, name in zip(plan.steps, names, strict=True):
        before = None if step.number == 1 else plan.before(step).number
        hits = _reached(settled, plan, step.number)
        turn = None if step.optional else _turn(plan, step.number)
        made.append(
            StepCount(
                name,
                step.optional,
                _reached(lines, plan, step.number),
                None if turn is None else _stopped(lines, turn, DROPPED),
                None if turn is None else _stopped(lines, turn, PENDING),
                Rate(hits, _reached(settled, plan, 1), level=level),
                None if before is None else Rate(hits, _reached(settled, plan, before), level=level),
            )
        )
    return tuple(made)


def last_required(steps: Sequence[StepCount]) -> StepCount:
    """The step at which people have converted."""
    return next(step for step in reversed(steps) if not step.is_optional)


def _turn(plan: Plan, number: int) -> int:
    """Which required step it is, the first being 1."""
    return [step.number for step in plan.required].index(number) + 1


def _reached(lines: Iterable[Line], plan: Plan, number: int) -> int:
    if plan.steps[number - 1].optional:
        return sum(line.optional[number] for line in lines)
    turn = _turn(plan, number)
    return sum(line.count for line in lines if line.reached >= turn)


def _stopped(lines: Iterable[Line], turn: int, state: int) -> int:
    return sum(line.count for line in lines if line.reached == turn and line.state == state)
