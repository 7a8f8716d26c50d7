"""Charts of people: segments, worklists, and reasons why people left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import altair as alt

from funnel.metrics._display import percent
from funnel.plots import _style as style

if TYPE_CHECKING:
    from funnel.metrics._churn_reasons.churn_reasons import ChurnReasons
    from funnel.metrics._rfm import Segments
    from funnel.worklists._tasks import Worklist

_MOST_REASONS, _DARK = 12, 0.5


def segments(result: Segments) -> style.Chart:
    """Return the buyers by recency and frequency as a grid, and the people and money of each segment."""
    buyers = sum(one.people for one in result.scores)
    if not buyers:
        return style.nothing("Nobody has bought.")
    most = max(one.people for one in result.scores)
    rows = [
        {
            "recency": one.recency,
            "frequency": one.frequency,
            "people": one.people,
            "text": f"{one.people:,}",
            "share": percent(one.people / buyers),
            "name": style.name_of(one.segment),
            "is_dark": one.people > _DARK * most,
        }
        for one in result.scores
    ]
    base = style.chart(rows).encode(
        x=alt.X("recency:O", title="recency score (most recent at the right)", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("frequency:O", sort="descending", title="frequency score"),
        tooltip=style.tips("name", "text", "share"),
    )
    color = alt.Color("people:Q", scale=alt.Scale(domain=[0, most], range=list(style.HEAT)), legend=None)
    ink = style.ink("is_dark")
    grid = alt.layer(
        base.mark_rect(stroke="white", strokeWidth=2).encode(color=color),
        base.mark_text(dy=-7, fontSize=12).encode(text="text:N", color=ink),
        base.mark_text(dy=8, fontSize=10).encode(text="name:N", color=ink),
    )
    figure = alt.vconcat(
        grid.properties(width=style.WIDTH, height=44 * len({one.frequency for one in result.scores})),
        _segment_bars(result),
        spacing=24,
    )
    top = max((one for one in result if one.net_spent), key=lambda one: one.net_spent, default=None)
    finding = f"{buyers:,} buyers by recency and frequency"
    if top is not None:
        finding = f"{finding}; {style.name_of(top.segment)} brought {percent(top.money)} of all money"
    return style.titled(figure, finding, f"Scores by the limits of the policy, as of {result.as_of:%Y-%m-%d}.")


def _segment_bars(result: Segments) -> style.Chart:
    rows = [
        {
            "label": style.name_of(one.segment),
            "people": one.people.successes,
            "text": " · ".join(
                (f"{one.people.successes:,}", percent(one.people.value), style.money(one.net_spent, result.currency))
            ),
        }
        for one in result
        if one.people.successes
    ]
    return _bars(rows, "people", "people in the segment, with share and money")


def _bars(rows: Sequence[style.Row], field: str, heading: str) -> style.Chart:
    """Return bars with texts at their ends."""
    base = style.chart(rows).encode(y=style.names("label", order=[str(row["label"]) for row in rows]))
    across = alt.X(**style.numbers(field, heading))
    bars = base.mark_bar(color=style.BLUE, size=18).encode(x=across, tooltip=style.tips("text"))
    return alt.layer(bars, style.texts_beside(base)).properties(width=style.WIDTH, height=len(rows) * style.ROW)


def worklist(result: Worklist) -> style.Chart:
    """Return the number of tasks by action, most urgent first, with the money at stake."""
    if not len(result):
        return style.nothing("Nobody needs a message now.")
    counts = Counter(task.action for task in result)
    rows: list[dict[str, object]] = []
    for action, people in counts.items():
        amounts = [task.value for task in result if task.action == action and task.value is not None]
        currencies = {one.currency for one in amounts}
        stake = [
            f"{style.money(sum(one.minor for one in amounts if one.currency == code), code)}"
            for code in sorted(currencies)
        ]
        text = f"{people:,} · {percent(people / len(result))}{''.join(f' · {one} at stake' for one in stake)}"
        rows.append({"label": style.name_of(action), "people": people, "text": text})
    figure = _bars(rows, "people", "people")
    first = style.name_of(next(iter(counts)))
    finding = f"{len(result):,} people to write to; the most urgent action is {first}"
    note = f"By action, most urgent first, as of {result.as_of.astimezone(result.tz):%Y-%m-%d %H:%M}."
    return style.titled(figure, finding, note)


def churn_reasons(result: ChurnReasons) -> style.Chart:
    """Return the share of lapsed people by reason: the known share, and the bounds of the true share."""
    if not result.reasons:
        return style.nothing(result.summary)
    visible, more = style.first(result.reasons, _MOST_REASONS, "reasons")
    rows = [
        style.row(
            f"{style.name_of(one.answer)}: {style.name_of(one.reason)}",
            (one.rate.value, one.lower_bound, one.upper_bound),
            f"{percent(one.rate.value)} · {one.rate.successes:,} of {one.rate.trials:,}",
        )
        for one in visible
    ]
    figure = style.intervals(rows, "share of lapsed people", domain=[0, 1])
    note = (
        "Points: share of the people whose reason is known. Lines: between all silent people leaving for another "
        "reason and all leaving for this one."
    )
    finding, limits = style.sentences(result.summary)
    return style.titled(figure, finding, limits, note, more)
