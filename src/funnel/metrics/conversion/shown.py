"""A funnel as text and as HTML: one small table, the rates with what they are of."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import timedelta

from funnel.metrics._shown import days
from funnel.metrics.conversion.counted import StepCount
from funnel.metrics.conversion.times import StepTime
from funnel.metrics.rate import Rate

_WIDE = 12
_COUNTED = ("reached", "dropped", "pending", "median", "entered", "converted")
HEADING = ("step", "", "reached", "dropped", "pending", "median", "from the start", "from the step before")


def table(steps: Sequence[StepCount], times: Sequence[StepTime], enough: int) -> list[tuple[str, ...]]:
    """The cells of the table: a line for each step."""
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
            rate(step.from_start, enough),
            "" if step.from_before is None else rate(step.from_before, enough),
        )
        for step in steps
    ]


def rate(one: Rate, enough: int) -> str:
    """A rate as text, or that there are too few for one."""
    return str(one) if one.enough(enough) else f"not enough: {one.among:,} of {enough:,}"


def _bar(count: int, most: int) -> str:
    return "█" * -(-_WIDE * count // most) if count else ""


def _count(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _span(took: timedelta | None) -> str:
    if took is None:
        return ""
    return days(took) if took else "0 s"


def text(lines: Sequence[Sequence[str]], heading: Sequence[str] = HEADING) -> str:
    """Lines of cells under each other; what is counted ends at the right, the other columns begin at the left."""
    every = [tuple(heading), *lines]
    widths = [max(map(len, cells)) for cells in zip(*every, strict=True)]
    told = (
        "  ".join(
            cell.rjust(wide) if name in _COUNTED else cell.ljust(wide)
            for name, cell, wide in zip(heading, line, widths, strict=True)
        )
        for line in every
    )
    return "\n".join(line.rstrip() for line in told)


def page(caption: str, lines: Sequence[Sequence[str]], heading: Sequence[str] = HEADING) -> str:
    """The same as a table of HTML."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in heading)
    rows = ("".join(f"<td>{html.escape(cell)}</td>" for cell in line) for line in lines)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    told = f"<caption>{html.escape(caption)}</caption>"
    return f"<table>{told}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
