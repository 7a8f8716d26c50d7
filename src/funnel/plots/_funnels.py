"""Charts of funnels: steps and groups, periods of entry, times of steps, and drivers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import altair as alt

from funnel.metrics._display import days, percent
from funnel.metrics._periods import period_label
from funnel.plots import _style as style

if TYPE_CHECKING:
    from funnel.metrics._conversion.attempts import StepCount
    from funnel.metrics._conversion.drivers import Drivers
    from funnel.metrics._conversion.result import FunnelResult
    from funnel.metrics._conversion.times import TimeHistogram
    from funnel.metrics._conversion.trend import Trend

_STATES = {"went on": style.BLUE, "pending here": style.ORANGE, "dropped here": style.GREY}
_MOST_GROUPS, _MOST_DRIVERS = 6, 20


def steps(result: FunnelResult[Any]) -> style.Chart:
    """Return the steps as bars: people who went on, dropped or are pending; or the rates of groups side by side."""
    if not result.entered:
        return style.nothing("Nobody entered.")
    return _groups(result) if result.groups else _bars(result)


def _finding(result: FunnelResult[Any]) -> str:
    rate, unit = result.rate, result.unit
    if rate.value is None or not rate.is_reportable(result.min_people):
        return f"Too few {unit} with a closed window for a rate: {rate.trials:,} of {result.entered:,}"
    return (
        f"{percent(rate.value)} of {rate.trials:,} {unit} converted within {days(result.within)} "
        f"({percent(rate.ci_lower)} to {percent(rate.ci_upper)})"
    )


def _notes(result: FunnelResult[Any]) -> list[str]:
    pending = f"{result.pending:,} of {result.entered:,} {result.unit} are pending; " if result.pending else ""
    level = f"Intervals at {100 * result.rate.confidence_level:.4g} %"
    return [f"{pending}rates count only closed windows. {level}, as of {result.as_of:%Y-%m-%d}."]


def _bars(result: FunnelResult[Any]) -> style.Chart:
    order = [_label(step) for step in result]
    base = style.chart(_parts(result)).encode(y=style.names("step", order=order))
    across = alt.X(**style.numbers("people", f"{result.unit} who reached the step"), stack="zero")
    tips = style.tips("step", "state", "people")
    color = style.colors("state", list(_STATES), **_STATES)
    bars = base.mark_bar(size=20).encode(x=across, color=color, order="order:O", tooltip=tips)
    ends = [{"step": _label(step), "people": step.reached, "text": f"{step.reached:,}"} for step in result]
    texts = style.chart(ends).mark_text(align="left", dx=6, fontSize=12, color=style.INK)
    labels = texts.encode(x="people:Q", y=style.names("step", order=order), text="text:N")
    room = alt.Scale(domain=[0, 1.15 * result.entered])
    counts = alt.layer(bars.encode(x=across.scale(room)), labels).properties(
        width=style.WIDTH * 2 // 3, height=len(order) * style.ROW
    )
    rates = [style.rate_row(_label(step), step.from_start, result.min_people) for step in result]
    shares = style.intervals(rates, "share of all who entered", width=style.WIDTH // 3, domain=[0, 1])
    both = alt.hconcat(counts, shares, spacing=16)
    return style.titled(both, _finding(result), *_notes(result))


def _label(step: StepCount) -> str:
    return f"{step.name} (optional)" if step.is_optional else step.name


def _parts(result: FunnelResult[Any]) -> Iterator[dict[str, Any]]:
    for step in result:
        dropped, pending = step.dropped or 0, step.pending or 0
        parts = (step.reached - dropped - pending, pending, dropped)
        for order, (state, people) in enumerate(zip(_STATES, parts, strict=True)):
            yield {"step": _label(step), "state": state, "people": people, "order": order}


def _groups(result: FunnelResult[Any]) -> style.Chart:
    """Return the rates of the largest groups, step by step."""
    visible, more = style.first(result.groups, _MOST_GROUPS, "groups")
    groups = [style.name_of(group.value) for group in visible]
    rows = [
        style.rate_row(_label(step), step.from_start, result.min_people, group=name)
        for name, group in zip(groups, visible, strict=True)
        for step in group.steps[1:]
    ]
    order = [_label(step) for step in result.steps[1:]]
    base = style.chart(rows).encode(
        y=style.names("label", order=order),
        yOffset=alt.YOffset("group:N", sort=groups, scale=alt.Scale(paddingInner=0.15)),
        tooltip=style.tips("group", "label", "text"),
    )
    across = style.numbers("value", f"share of all {result.unit} of the group who entered", form="%", domain=[0, 1])
    bars = base.mark_bar().encode(x=alt.X(**across), color=style.colors("group", groups, result.by))
    lines = base.mark_rule(color=style.INK).encode(x="lower:Q", x2="upper:Q")
    labels = style.texts_beside(base, size=11)
    height = max(len(order) * len(groups) * 22, 60)
    figure = alt.layer(bars, lines, labels).properties(width=style.WIDTH, height=height)
    notes = [*_notes(result), more]
    return style.titled(figure, f"{_finding(result)}, by {result.by}", *notes)


# ---- by period -----------------------------------------------------------------------------------------------------


def trend(result: Trend) -> style.Chart:
    """Return the rate of each period of entry with its interval, and the people who entered below."""
    if not len(result):
        return style.nothing("Nobody entered.")
    rows = [
        style.rate_row(
            period_label(one.start, result.period),
            one.rate,
            result.min_people,
            entered=one.steps[0].reached,
            state=_MATURE if one.is_mature else _OPEN,
        )
        for one in result
    ]
    base = style.chart(rows).encode(x=style.periods("label"))
    tips = style.tips("label", "text", "entered", "state")
    across = style.numbers("value", "converted", form="%", zero=True)
    band = base.mark_area(opacity=0.15, color=style.BLUE).encode(**style.between(across))
    line = base.mark_line(color=style.BLUE, opacity=0.6).encode(y=alt.Y(**across))
    fill = alt.Color(
        "state:N",
        title=None,
        scale=alt.Scale(domain=[_MATURE, _OPEN], range=[style.BLUE, "white"]),
        legend=alt.Legend(orient="bottom", symbolStrokeColor=style.BLUE, symbolType="circle"),
    )
    points = base.mark_point(filled=True, size=70, stroke=style.BLUE, strokeWidth=1.5, opacity=1)
    top = alt.layer(band, line, points.encode(y=alt.Y(**across), color=fill, tooltip=tips))
    entered = base.mark_bar(color=style.LIGHT).encode(y=alt.Y(**style.numbers("entered", "entered")), tooltip=tips)
    opacity = alt.condition(alt.datum.state == _MATURE, alt.value(1), alt.value(0.5))
    figure = alt.vconcat(
        top.properties(width=style.WIDTH, height=200),
        entered.encode(opacity=opacity).properties(width=style.WIDTH, height=60),
        spacing=10,
    )
    few = f"A {result.period} with fewer than {result.min_people:,} people whose window is closed has no point."
    is_cut = any(row["value"] is None for row in rows)
    return style.titled(figure, _trend_finding(result), _TREND_NOTE, few if is_cut else "")


_MATURE, _OPEN = "every window is closed", "some windows are open"
_TREND_NOTE = (
    "By period of entry. Rates of hollow points will still change: some windows are open. Bands are intervals."
)


def _trend_finding(result: Trend) -> str:
    entered = sum(one.steps[0].reached for one in result)
    mature = [one for one in result if one.is_mature and one.rate.is_reportable(max(result.min_people, 1))]
    if not mature:
        return f"No {result.period} is complete yet; {entered:,} entered"
    first, last = mature[0], mature[-1]
    names = [f"{percent(one.rate.value)} in {period_label(one.start, result.period)}" for one in (first, last)]
    return f"Conversion: {' and '.join(dict.fromkeys(names))} (complete {result.period}s); {entered:,} entered"


# ---- times ---------------------------------------------------------------------------------------------------------


def times(result: TimeHistogram) -> style.Chart:
    """Return how long a step took: a histogram, and the cumulative share below."""
    if not result.people:
        return style.nothing(f"Nobody reached {result.step}.")
    size, unit = style.unit_of(result.width * len(result.counts))
    done = list(accumulate(result.counts))
    rows = [
        {
            "start": index * (result.width / size),
            "end": (index + 1) * (result.width / size),
            "people": people,
            "share": so_far / result.people,
            "text": f"{people:,} people · {percent(so_far / result.people)} by then",
        }
        for index, (people, so_far) in enumerate(zip(result.counts, done, strict=True))
    ]
    base = style.chart(rows)
    tips = style.tips("text")
    across = alt.X(**style.numbers("start", None, form=",.4~r", nice=False))
    bars = base.mark_bar(color=style.BLUE, binSpacing=1).encode(
        x=across.bin("binned"), x2="end:Q", y=alt.Y(**style.numbers("people", "people")), tooltip=tips
    )
    curve = style.chart([{"end": 0, "share": 0}, *rows]).mark_line(color=style.ORANGE, strokeWidth=2.5)
    share = alt.Y(**style.numbers("share", "done by then", form="%", domain=[0, 1]))
    shares = curve.encode(x=alt.X(**style.numbers("end", f"{unit} since entry", form=",.4~r", nice=False)), y=share)
    figure: Any = alt.vconcat(
        bars.properties(width=style.WIDTH, height=160), shares.properties(width=style.WIDTH, height=110), spacing=10
    )
    note = "Only people who reached the step. People who may still reach it are not shown: their times are longer."
    finding = f"Half of the {result.people:,} people who reached {result.step} took up to {days(result.median)}"
    return style.titled(figure.resolve_scale(x="shared"), finding, note)


# ---- drivers -------------------------------------------------------------------------------------------------------


def drivers(result: Drivers) -> style.Chart:
    """Return the odds ratio of each value with its interval, on a logarithmic scale."""
    if not len(result):
        return style.nothing(f"No value of {result.column} was frequent enough to compare.")
    visible, more = style.first(list(result), _MOST_DRIVERS, "values")
    rows = [
        style.row(
            style.name_of(one.value),
            (one.odds_ratio, one.ci_lower, one.ci_upper),
            f"{_odds(one.odds_ratio)} · {one.converted_with + one.others_with:,} people",
        )
        for one in visible
    ]
    figure = style.intervals(rows, "odds ratio of converting", form=",.4~r", even=1, type="log")
    values = f"{len(result):,} value{'s' * (len(result) != 1)} of {result.column}"
    finding = f"{rows[0]['label']} has the highest odds of converting of {values}"
    people = f"{result.converted:,} converted and {result.others:,} other people."
    level = f"Simultaneous intervals at {100 * result.confidence_level:.4g} %. Association is not causation."
    return style.titled(figure, finding, f"{people} {level}", more)


def _odds(ratio: float) -> str:
    return f"{ratio:,.2f}" if ratio < _LARGE else f"{ratio:,.0f}"


_LARGE = 100
