"""Charts of survival: the share that has converted by each time, with interval and number at risk."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import altair as alt

from funnel._time import MICROSECOND
from funnel.metrics._display import days, p_text, percent
from funnel.plots import _style as style

if TYPE_CHECKING:
    from funnel.metrics._survival.logrank import SurvivalGroups
    from funnel.metrics._survival.result import Survival

_POINTS, _TICKS, _MOST_GROUPS = 300, 6, 6
_ALL = "everybody"
_RISK_AXIS = alt.Axis(labelLimit=180, ticks=False, domain=False, labelPadding=24)


def curve(result: Survival) -> style.Chart:
    """Return the curve with its interval, the median, and the number at risk below."""
    if not result.is_reportable:
        return style.nothing(f"Too few people: {result.people:,} of {result.min_people:,}.")
    median = result.median.value
    half = "fewer than half" if median is None else f"half of them within {days(median)}"
    finding = f"{result.converted:,} of {result.people:,} people converted, {half}"
    figure = _curves([(_ALL, result)], median)
    return style.titled(figure, finding, _note(result))


def groups(result: SurvivalGroups) -> style.Chart:
    """Return the curves of the groups, and the numbers at risk below."""
    enough = [(style.name_of(group), one) for group, one in result.groups if one.is_reportable]
    visible, more = style.first(enough, _MOST_GROUPS, "groups")
    few = len(result.groups) - len(enough)
    left_out = f"{few} groups with too few people not shown." if few else ""
    if not visible:
        return style.nothing("No group has enough people.", left_out)
    p_value = result.logrank_test.p_value
    test = "groups cannot be tested" if p_value is None else f"log-rank test p {p_text(p_value)}"
    people = sum(one.people for _, one in visible)
    finding = f"Share that converted, by {style.name_of(tuple(result.by))}: {people:,} people; {test}"
    return style.titled(_curves(visible, None), finding, _note(visible[0][1]), f"{more} {left_out}".strip())


def _note(result: Survival) -> str:
    return (
        "Kaplan-Meier: people who still wait count for the time they were watched. Bands are intervals at "
        f"{100 * result.confidence_level:.4g} %, as of {result.as_of:%Y-%m-%d}."
    )


def _curves(curves: Sequence[tuple[str, Survival]], median: timedelta | None) -> style.Chart:
    longest = max(one.longest or timedelta(0) for _, one in curves)
    size, unit = style.unit_of(longest)
    order = [name for name, _ in curves]
    rows = [row for name, one in curves for row in _rows(name, one, size)]
    color = style.colors("group", order)
    base = style.chart(rows).encode(color=color.legend(None) if len(order) == 1 else color)
    ends = [0, max(longest / size, 0.001)]
    across = alt.X(**style.numbers("time", None, form=",.4~r", domain=ends, nice=False))
    share = style.numbers("converted", "converted", form="%", domain=[0, 1])
    band = base.mark_area(interpolate="step-after", opacity=0.15).encode(x=across, **style.between(share))
    line = base.mark_line(interpolate="step-after", strokeWidth=2.5).encode(
        x=across, y=alt.Y(**share), tooltip=style.tips("group", "text")
    )
    layers: list[Any] = [band, line]
    if median is not None:
        line_at = style.chart([{"time": median / size, "text": f"median {days(median)}"}])
        layers.append(line_at.mark_rule(strokeDash=[4, 4], color=style.MUTED).encode(x="time:Q"))
        label = line_at.mark_text(align="left", dx=5, color=style.MUTED)
        layers.append(label.encode(x="time:Q", y=alt.value(8), text="text:N"))
    risk = style.chart(_at_risk(curves, longest, size)).mark_text(fontSize=11, color=style.INK)
    title = alt.TitleParams("people at risk", fontSize=11, color=style.MUTED, anchor="start", offset=2)
    table = risk.encode(
        x=alt.X(**style.numbers("time", f"{unit} since the start", form=",.4~r", domain=ends, nice=False)),
        y=style.names("group", order=order).axis(_RISK_AXIS if len(order) > 1 else None),
        text="people:N",
    )
    return alt.vconcat(
        alt.layer(*layers).properties(width=style.WIDTH, height=230),
        table.properties(width=style.WIDTH, height=max(len(order), 1) * 18, title=title),
        spacing=6,
    )


def _rows(name: str, one: Survival, size: timedelta) -> Iterator[dict[str, Any]]:
    """Yield the steps, at most some hundred of them, and the end of the curve."""
    steps, times = one.steps, one.curve.times
    indexes: Sequence[int] = range(len(steps))
    longest = one.longest or timedelta(0)
    if len(steps) > _POINTS:
        grid = (longest // MICROSECOND * number // _POINTS for number in range(_POINTS + 1))
        indexes = sorted({bisect_right(times, at) for at in grid})
    row: dict[str, Any] = {}
    for index in indexes:
        step = steps[index]
        value = step.conversion
        lower = value if step.ci_upper is None else 1 - step.ci_upper
        upper = value if step.ci_lower is None else 1 - step.ci_lower
        text = f"{percent(value)} within {days(step.wait)} · {step.at_risk:,} at risk"
        row = {
            "group": name,
            "time": step.wait / size,
            "converted": value,
            "lower": lower,
            "upper": upper,
            "text": text,
        }
        yield row
    yield {**row, "time": longest / size}


def _at_risk(curves: Sequence[tuple[str, Survival]], longest: timedelta, size: timedelta) -> Iterator[dict[str, Any]]:
    for name, one in curves:
        for tick in range(_TICKS):
            at = longest * tick // _TICKS
            yield {"group": name, "time": at / size, "people": f"{one.curve.waiting_at(at // MICROSECOND):,}"}
