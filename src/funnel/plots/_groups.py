"""Charts of results by group: one chart for each of the largest groups, one below another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import altair as alt

from funnel.plots import _style as style

if TYPE_CHECKING:
    from funnel.metrics._by_group import Groups

_MOST = 8
_KINDS: Mapping[str, tuple[Callable[[Any], int], Mapping[str, Any]]] = {
    "Cohorts": (lambda one: sum(cohort.size for cohort in one), {"color": "independent"}),
    "Lifecycles": (lambda one: sum(period.new for period in one), {"y": "shared"}),
    "Growth": (lambda one: sum(period.leads for period in one), {}),
    "Segments": (lambda one: sum(score.people for score in one.scores), {"color": "independent"}),
}
"""By the class of a group's result: the people of the group, and the scales that groups share or do not share."""


def multiples(result: Groups[Any], **options: str) -> style.Chart:
    """Return the charts of the largest groups, largest first. Bars of buyers have the same scale in each group."""
    by = ", ".join(result.by)
    if not result:
        return style.nothing(f"The result has no groups by {by}.")
    people, scales = _KINDS[type(result.groups[0][1]).__name__]
    ordered = sorted(result.groups, key=lambda one: -people(one[1]))
    visible, more = style.first(ordered, _MOST, "groups")
    charts: list[Any] = [one.plot(**options) for _, one in visible]
    titles = [one.title for one in charts]
    notes: list[str] = list(titles[0].subtitle)
    parts = [
        one.properties(title=style.title(f"{style.name_of(group)}: {' '.join(title.text)}", *_own(title, notes)))
        for one, title, (group, _) in zip(charts, titles, visible, strict=True)
    ]
    column: Any = alt.vconcat(*parts, spacing=32)
    return style.titled(
        column.resolve_scale(**scales),
        f"{len(result):,} group{'s' * (len(result) != 1)} by {by}, largest first",
        more,
        *notes,
    )


def _own(title: Any, common: list[str]) -> list[str]:
    """Return the notes of a chart that are not those of every chart."""
    notes: list[str] = title.subtitle
    return [] if notes == common else notes
