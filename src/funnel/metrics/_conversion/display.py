"""The table that displays a funnel, with the counts behind each rate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from funnel.metrics._conversion.attempts import StepCount
from funnel.metrics._conversion.times import StepTime
from funnel.metrics._display import days
from funnel.metrics._rate import rate_text

_WIDE = 12
HEADING = ("step", "", "reached", "dropped", "pending", "median", "from the start", "from the step before")
LEFT = (0, 1, 6, 7)


def rows(steps: Sequence[StepCount], times: Sequence[StepTime], min_people: int) -> list[tuple[str, ...]]:
    """Return the rows of the table, one line for each step."""
    took = {one.name: one.from_start for one in times}
    most = max((step.reached for step in steps), default=0)
    return [
        (
            f"{step.name} (optional)" if step.is_optional else step.name,
            _bar(step.reached, most),
            f"{step.reached:,}",
            _count(step.dropped),
            _count(step.pending),
            "" if step.name not in took else _span(took[step.name]),
            rate_text(step.from_start, min_people),
            "" if step.from_before is None else rate_text(step.from_before, min_people),
        )
        for step in steps
    ]


def _bar(count: int, most: int) -> str:
    return "█" * -(-_WIDE * count // most) if count else ""


def _count(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _span(took: timedelta | None) -> str:
    if took is None:
        return ""
    return days(took) if took else "0 s"
