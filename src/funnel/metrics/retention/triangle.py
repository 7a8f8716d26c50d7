"""The triangle of cohorts as text and as a table for a notebook, from what `Cohorts` holds alone."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import TYPE_CHECKING

from funnel.metrics._periods import written

if TYPE_CHECKING:
    from funnel.metrics.rate import Rate
    from funnel.metrics.retention.cohorts import Cohort, Cohorts

_GREY = "#ddd"
_HEAT = "46, 125, 50"


def text_of(cohorts: Cohorts) -> str:
    """The triangle with people, and a last line with the average of what is over."""
    lines = [_heading(cohorts), *(_line(cohorts, cohort) for cohort in cohorts)]
    if _is_any_over(cohorts):
        lines.append(_averages(cohorts))
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    told = ("  ".join(cell.rjust(wide) for cell, wide in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in told)


def _is_any_over(cohorts: Cohorts) -> bool:
    return any(cohort.over for cohort in cohorts)


def _columns(cohorts: Cohorts) -> range:
    """The columns that are shown: the first purchase is itself in period 0, so all of the cohort are."""
    return range(1 if cohorts.first == "purchase" else 0, cohorts.width)


def _heading(cohorts: Cohorts) -> list[str]:
    return ["cohort", "people", *(cohorts.label(place) for place in _columns(cohorts))]


def _line(cohorts: Cohorts, cohort: Cohort) -> list[str]:
    size = f"{cohort.size:,}{'*' * cohort.is_open}"
    return [written(cohort.start, cohorts.period), size, *(_cell(cohort, place) for place in _columns(cohorts))]


def _cell(cohort: Cohort, place: int) -> str:
    people = cohort.after(place)
    return "" if people is None else f"{people:,}{'*' * cohort.is_partial(place)}"


def _averages(cohorts: Cohorts) -> list[str]:
    return ["average", "", *(_share(cohorts.average(place)) for place in _columns(cohorts))]


def _share(rate: Rate | None) -> str:
    return f"{100 * rate.value:.1f} %" if rate and rate.value is not None else ""


def html_of(cohorts: Cohorts) -> str:
    """The triangle as a heat-map: the greener, the larger the share; grey is not observed, a star not over for all."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in _heading(cohorts))
    body = "".join(f"<tr>{''.join(_cells(cohorts, cohort))}</tr>" for cohort in cohorts)
    foot = f"<tfoot><tr>{''.join(_average_cells(cohorts))}</tr></tfoot>" if _is_any_over(cohorts) else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>{foot}</table>"


def _average_cells(cohorts: Cohorts) -> Iterator[str]:
    yield "<th>average</th><td></td>"
    for place in _columns(cohorts):
        rate = cohorts.average(place)
        told = "no period is over" if rate is None else str(rate)
        yield f'<td title="{html.escape(told)}">{_share(rate)}</td>'


def _cells(cohorts: Cohorts, cohort: Cohort) -> Iterator[str]:
    start, size, *_ = _line(cohorts, cohort)
    yield f"<td>{start}</td><td>{size}</td>"
    for place in _columns(cohorts):
        rate = cohort.rate(place, unfinished=True)
        if rate is None or rate.value is None:
            yield f'<td style="background: {_GREY}" title="not observed"></td>'
        else:
            shade = f"background: rgba({_HEAT}, {rate.value:.2f})"
            yield f'<td style="{shade}" title="{html.escape(str(rate))}">{_cell(cohort, place)}</td>'
