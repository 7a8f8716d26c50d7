"""Charts of stages: people over time, transitions as a Sankey diagram, two rule books, and one person's way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from itertools import cycle
from typing import TYPE_CHECKING, Any, Literal

import altair as alt

from funnel._format import clock
from funnel.metrics._display import days, percent
from funnel.metrics._periods import period_label
from funnel.metrics._stage_flow.stage_flow import StageFlow, TransitionRate, Value, stages_with_people
from funnel.plots import _style as style

if TYPE_CHECKING:
    from funnel.machines._journey import Journey
    from funnel.metrics._stage_flow.difference_result import StageDifference

Show = Literal["people", "links"]

_NEW = "(new)"
_POINTS, _GAP, _MOST = 24, 0.04, 20


def flow(result: StageFlow, show: Show) -> style.Chart:
    """Return the people in each stage over time, or the transitions as a Sankey diagram."""
    if not len(result):
        return style.nothing("Nobody has arrived.")
    return _people(result) if show == "people" else _links(result)


def _people(result: StageFlow) -> style.Chart:
    visible = stages_with_people(result)
    order = [style.name_of(stage) for stage in visible]
    rows = [
        {
            "period": period_label(one.start, result.period, is_partial=one.is_partial),
            "stage": name,
            "people": one.people[stage],
            "order": number,
            "text": f"{one.people[stage]:,} · {percent(_share(one.people[stage], sum(one.people.values())))}",
        }
        for one in result
        for number, (stage, name) in enumerate(zip(visible, order, strict=True))
    ]
    several = len(result) > 1
    base = style.chart(rows)
    marked = base.mark_area(opacity=0.9) if several else base.mark_bar(size=60)
    figure = marked.encode(
        x=style.periods("period"),
        y=alt.Y(**style.numbers("people", "people"), stack="zero"),
        color=style.colors("stage", order, **_palette(result.stages)),
        order="order:O",
        tooltip=style.tips("period", "stage", "text"),
    ).properties(width=style.WIDTH, height=260)
    last = result.periods[-1]
    total = sum(last.people.values())
    parts = [f"{last.people[stage]:,} {name}" for stage, name in zip(visible, order, strict=True)]
    finding = f"{total:,} people: {', '.join(parts)}"
    star = f" A star marks the {result.period} that is not over." if last.is_partial else ""
    return style.titled(figure, finding, f"By stage at the end of each {result.period}.{star}")


def _palette(stages: Iterable[Value]) -> dict[str, str]:
    """Return the colour of each stage of a machine, the same in every chart."""
    return dict(zip(map(style.name_of, stages), cycle(style.PALETTE), strict=False))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


# ---- the Sankey diagram --------------------------------------------------------------------------------------------


def _links(result: StageFlow) -> style.Chart:
    total = sum(one.count for one in result.transitions)
    starts: list[Value | None] = [None, *result.stages]
    starts_at = _offsets(starts, result.transitions, "from_stage")
    ends_at = _offsets(result.stages, result.transitions, "to_stage")
    bands = [row for link in zip(result.transitions, starts_at, ends_at, strict=True) for row in _band(*link)]
    labels = [
        *_labels(starts, result.transitions, "from_stage"),
        *_labels(result.stages, result.transitions, "to_stage"),
    ]
    order = [_name(stage) for stage in starts]
    across = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, 1]))
    down = alt.Y("low:Q", axis=None, scale=alt.Scale(reverse=True, nice=False))
    areas = (
        style.chart(bands)
        .mark_area(opacity=0.6)
        .encode(
            x=across,
            y=down,
            y2="high:Q",
            color=style.colors("from", order, **_palette(result.stages), **{_NEW: style.LIGHT}).legend(None),
            detail="link:N",
            tooltip=style.tips("text"),
        )
    )
    layers: list[Any] = [areas]
    for at in (0, 1):
        side = style.chart([row for row in labels if row["x"] == at])
        texts = side.mark_text(align="left" if at else "right", dx=8 if at else -8, fontSize=12, color=style.INK)
        layers.append(texts.encode(x=across, y="low:Q", text="text:N"))
    figure = alt.layer(*layers).properties(width=style.WIDTH - 120, height=300)
    first = max(result.transitions, key=lambda one: (one.from_stage is not None, one.count))
    finding = (
        f"{total:,} transitions; most often {_name(first.from_stage)} to {_name(first.to_stage)} ({first.count:,})"
    )
    note = "Left: stage before. Right: stage after. A person counts once for each transition."
    return style.titled(figure, finding, note)


def _name(stage: Value | None) -> str:
    return _NEW if stage is None else style.name_of(stage)


def _offsets(stages: Sequence[Value | None], transitions: Sequence[TransitionRate], side: str) -> list[float]:
    """Return where each link starts on a side, from the top. Links of a stage are adjacent."""
    gap = _GAP * sum(one.count for one in transitions)
    offsets, below = [0.0] * len(transitions), 0.0
    for stage in stages:
        own = [index for index, one in enumerate(transitions) if getattr(one, side) == stage]
        for index in own:
            offsets[index] = below
            below += transitions[index].count
        below += gap if own else 0
    return offsets


def _band(one: TransitionRate, start: float, end: float) -> Iterator[dict[str, Any]]:
    """Yield the points of a link: its upper and lower edge, as smooth curves."""
    names = f"{_name(one.from_stage)} to {_name(one.to_stage)}"
    share = f" · {percent(one.rate.value)} of spells" if one.rate else ""
    after = "" if one.median is None else f" · median {days(one.median)}"
    for point in range(_POINTS + 1):
        x = point / _POINTS
        low = start + (end - start) * x * x * (3 - 2 * x)
        ends = {"x": x, "low": low, "high": low + one.count}
        yield {**ends, "from": _name(one.from_stage), "link": names, "text": f"{names}: {one.count:,}{share}{after}"}


def _labels(
    stages: Sequence[Value | None], transitions: Sequence[TransitionRate], side: str
) -> Iterator[dict[str, Any]]:
    """Yield the name and the count of each stage, at the middle of its links."""
    offsets = _offsets(stages, transitions, side)
    for stage in stages:
        own = [
            (offset, one.count) for offset, one in zip(offsets, transitions, strict=True) if getattr(one, side) == stage
        ]
        if own:
            count = sum(people for _, people in own)
            middle = own[0][0] + count / 2
            yield {"x": int(side == "to_stage"), "low": middle, "text": f"{_name(stage)} · {count:,}"}


# ---- two rule books, and one person --------------------------------------------------------------------------------


def difference(result: StageDifference[Any]) -> style.Chart:
    """Return how many more or fewer transitions of each kind the new rule book makes."""
    changed = sum(one.count for one in result.changes)
    finding = (
        f"{changed:,} of {changed + result.unchanged:,} people are in another stage; {result.ever:,} were at some time"
    )
    several = [one for one in result.transitions if one.more]
    if not several:
        return style.nothing(finding, "Both rule books make the same transitions.")
    visible, more = style.first(sorted(several, key=lambda one: -abs(one.more)), _MOST, "kinds of transition")
    rows = [
        {
            "label": f"{_name(one.old.from_stage)} to {_name(one.old.to_stage)}",
            "more": one.more,
            "kind": "more" if one.more > 0 else "fewer",
            "text": f"{one.more:+,} · {one.old.count:,} to {one.new.count:,}",
        }
        for one in visible
    ]
    kinds = {"more": style.BLUE, "fewer": style.RED}
    base = style.chart(rows).encode(y=style.names("label", order=[row["label"] for row in rows]))
    across = alt.X(**style.numbers("more", "more or fewer transitions by the new rule book"))
    bars = base.mark_bar(size=18).encode(x=across, color=style.colors("kind", list(kinds), **kinds))
    figure = alt.layer(bars, style.texts_beside(base)).properties(width=style.WIDTH, height=len(rows) * style.ROW)
    return style.titled(figure, finding, more)


def journey(result: Journey[Any]) -> style.Chart:
    """Return the stages of one person as a timeline."""
    if not len(result):
        return style.nothing("The person has no transitions.")
    order = list(dict.fromkeys(style.name_of(one.stage) for one in result.spells))
    stages: Any
    stages = result.spells[0].stage.__class__
    rows = [
        {
            "stage": style.name_of(one.stage),
            "start": one.started_at.isoformat(),
            "end": (one.ended_at or result.as_of).isoformat(),
            "text": f"{style.name_of(one.stage)} · {days(one.duration)}",
        }
        for one in result.spells
    ]
    across = alt.X(
        "start:T",
        title=None,
        axis=alt.Axis(format="%Y-%m-%d", labelOverlap="greedy", labelSeparation=8),
        scale=alt.Scale(type="utc"),
    )
    bars = (
        style.chart(rows)
        .mark_bar(size=16)
        .encode(
            x=across,
            x2="end:T",
            y=style.names("stage", order=order),
            color=style.colors("stage", order, **_palette([one.value for one in stages])).legend(None),
            tooltip=style.tips("text"),
        )
    )
    last = result.spells[-1]
    finding = f"{style.name_of(last.stage)} for {days(last.duration)}, after {len(result):,} transitions"
    figure = bars.properties(width=style.WIDTH, height=len(order) * style.ROW)
    return style.titled(figure, finding, f"As of {clock(result.as_of.astimezone(UTC))}.")
