"""A funnel as text and as HTML: one small table, with the counts behind each rate."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import timedelta

from funnel.metrics._conversion.attempts import StepCount
from funnel.metrics._conversion.times import StepTime
from funnel.metrics._display import days
from funnel.metrics._rate import Rate

_WIDE = 12
_NUMERIC = ("reached", "dropped", "pending", "median", "entered", "converted")
HEADING = ("step", "", "reached", "dropped", "pending", "median", "from the start", "from the step before")


def table(steps: Sequence[StepCount], times: Sequence[StepTime], min_people: int) -> list[tuple[str, ...]]:
    """Return the cells of the table, one line for each step."""
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
            rate(step.from_start, min_people),
            "" if step.from_before is None else rate(step.from_before, min_people),
        )
        for step in steps
    ]


def rate(one: Rate, min_people: int) -> str:
    """Return a rate as text, or a note that there are too few people."""
    return str(one) if one.is_reportable(min_people) else f"not enough: {one.trials:,} of {min_people:,}"


def _bar(count: int, most: int) -> str:
    return "█" * -(-_WIDE * count // most) if count else ""


def _count(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _span(took: timedelta | None) -> str:
    if took is None:
        return ""
    return days(took) if took else "0 s"


def text(lines: Sequence[Sequence[str]], heading: Sequence[str] = HEADING) -> str:
    """Align lines of cells: numbers to the right, the other columns to the left."""
    every = [tuple(heading), *lines]
    widths = [max(map(len, cells)) for cells in zip(*every, strict=True)]
    aligned = (
        "  ".join(
            cell.rjust(wide) if name in _NUMERIC else cell.ljust(wide)
            for name, cell, wide in zip(heading, line, widths, strict=True)
        )
        for line in every
    )
    return "\n".join(line.rstrip() for line in aligned)


def page(caption: str, lines: Sequence[Sequence[str]], heading: Sequence[str] = HEADING) -> str:
    """Return the same table as HTML."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in heading)
    rows = ("".join(f"<td>{html.escape(cell)}</td>" for cell in line) for line in lines)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    caption_cell = f"<caption>{html.escape(caption)}</caption>"
    return f"<table>{caption_cell}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
