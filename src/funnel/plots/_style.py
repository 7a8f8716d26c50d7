"""Parts of all charts: the palette, sizes, titles, and rows with intervals.

A chart has no Vega-Lite `config`, so that charts can be put side by side.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import cycle, islice
from textwrap import wrap
from typing import Any, TypeAlias, cast

import altair as alt
from altair.typing import ChartType

from funnel.metrics import _display
from funnel.metrics._display import percent
from funnel.metrics._rate import Rate

Row: TypeAlias = Mapping[str, Any]
Chart: TypeAlias = ChartType

# Okabe and Ito, "Color universal design" (2008): distinct with every kind of colour vision.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, BROWN, BLACK = "#CC79A7", "#56B4E9", "#8C6D31", "#333333"
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED, BROWN, BLACK)
GREY, LIGHT, MUTED, INK = "#E2E2E2", "#B9B9B9", "#666666", "#222222"
HEAT = ("#EAF3FA", "#08417A")
"""The lightest and the darkest colour of a heat map."""

COUNTS = ",.0f"
"""The format of an axis of counts."""

WIDTH = 520
ROW = 30
"""The height of a bar with the space around it."""

FEW = 0.35
"""The opacity of what is not complete."""

_LINE = 74
"""Letters in a line of a title."""


def title(finding: str, *notes: str) -> alt.TitleParams:
    """Return a title: the finding, and notes below it. Long lines are broken."""
    lines = [line for note in notes if note for line in wrap(_with_units(note), _LINE + 18)]
    return alt.TitleParams(
        wrap(_with_units(finding), _LINE),
        subtitle=lines,
        anchor="start",
        frame="bounds",
        fontSize=14,
        color=INK,
        subtitleColor=MUTED,
        subtitleFontSize=12,
        offset=12,
    )


def _with_units(text: str) -> str:
    """Return a text in which a line is not broken between a number and its unit."""
    return _UNIT.sub("\\1\u00a0\\2", text)


_UNIT = re.compile(r"(\d) (%|d|h|min|s)(?![\w])")


def sentences(text: str) -> tuple[str, str]:
    """Split a text into its first sentence and the rest."""
    first_one, _, rest = text.partition(". ")
    return first_one.removesuffix("."), rest


def titled(figure: Any, finding: str, *notes: str) -> Chart:
    """Return a chart with its title."""
    result: Chart = figure.properties(title=title(finding, *notes))
    return result


def chart(rows: Iterable[Row]) -> alt.Chart:
    """Return a chart of rows, which become part of the chart."""
    return alt.Chart(alt.InlineData(values=[dict(row) for row in rows]))


def nothing(finding: str, *notes: str) -> Chart:
    """Return a chart that has only a title."""
    empty = chart([{}]).mark_point(opacity=0)
    return titled(empty.properties(width=WIDTH, height=10), finding, *notes)


def names(field: str, heading: str | None = None, *, order: Sequence[str] | None = None) -> alt.Y:
    """Return a vertical axis of names in the order of the rows."""
    axis = alt.Axis(labelLimit=260, ticks=False, domain=False, labelPadding=8, labelFontSize=12)
    return alt.Y(f"{field}:N", sort=list(order) if order is not None else None, title=heading, axis=axis)


def periods(field: str, heading: str | None = None) -> alt.X:
    """Return a horizontal axis of periods in the order of the rows."""
    axis = alt.Axis(labelAngle=0, labelOverlap="greedy", labelSeparation=6, ticks=False, labelPadding=6)
    return alt.X(f"{field}:O", sort=None, title=heading, axis=axis)


def numbers(field: str, heading: str | None, *, form: str = COUNTS, grid: bool = True, **scale: Any) -> dict[str, Any]:
    """Return the parts of an axis of numbers."""
    smallest_step: Any = 1 if form == COUNTS else alt.Undefined
    axis = alt.Axis(
        format=form, grid=grid, gridColor="#EEEEEE", domain=False, ticks=False, tickCount=6, tickMinStep=smallest_step
    )
    return {"shorthand": f"{field}:Q", "title": heading, "axis": axis, "scale": alt.Scale(**scale)}


def amounts(field: str, heading: str, currency: str | None) -> dict[str, Any]:
    """Return the parts of an axis of money, with the sign of the currency in the heading and the suffixes of a cell."""
    parts = numbers(field, with_unit(heading, currency), form="~s")
    parts["axis"]["labelExpr"] = "replace(datum.label, 'G', 'B')"
    return parts


def with_unit(heading: str, currency: str | None) -> str:
    """Return a heading of amounts with their unit: "revenue (Rp)"."""
    return f"{heading} ({money_unit(currency)})"


def money_unit(currency: str | None) -> str:
    """Return the unit of amounts that are written without it: "Rp", "GBP", or "minor units"."""
    return _display.unit_of_money(currency).strip() or "minor units"


def money(minor: int, currency: str | None) -> str:
    """Return an amount in the style of English texts, as axes and cells have it: "Rp3,388,500", "-USD 5.00"."""
    return f"{'-' * (minor < 0)}{_display.money(abs(minor), currency, style='us')}"


def with_field(axis: dict[str, Any], field: str) -> dict[str, Any]:
    """Return the parts of an axis for another field."""
    return {**axis, "shorthand": f"{field}:Q"}


def between(axis: dict[str, Any]) -> dict[str, Any]:
    """Return the vertical ends of an interval, from the parts of an axis of its value."""
    return {"y": alt.Y(**with_field(axis, "lower")), "y2": "upper:Q"}


def tips(*fields: str) -> list[alt.Tooltip]:
    """Return the texts that a chart shows under the pointer."""
    return [alt.Tooltip(f"{name}:N") for name in fields]


def ink(is_dark: str) -> Any:
    """Return the colour of a text on a cell: white on a dark cell."""
    return alt.condition(getattr(alt.datum, is_dark), alt.value("white"), alt.value(INK))


def row(label: str, ends: tuple[Any, Any, Any], text: str, **more: object) -> dict[str, Any]:
    """Return a row with an interval: its value, and the lower and the upper end."""
    return {"label": label, **more, **dict(zip(("value", "lower", "upper"), ends, strict=True)), "text": text}


def colors(field: str, order: Sequence[str], heading: str | None = None, **palette: str) -> alt.Color:
    """Return the colours of names, in order. A name in `palette` has that colour."""
    rest = cycle(PALETTE)
    range_ = [palette.get(name) or next(rest) for name in order]
    columns = len(order) if sum(map(len, order)) + 4 * len(order) < _LINE else 3
    legend = alt.Legend(orient="bottom", direction="horizontal", columns=columns, labelLimit=220, symbolOpacity=1)
    return alt.Color(f"{field}:N", title=heading, scale=alt.Scale(domain=list(order), range=range_), legend=legend)


def name_of(value: object) -> str:
    """Return a value as a person says it."""
    if isinstance(value, tuple):
        return ", ".join(map(name_of, cast("tuple[object, ...]", value)))
    return _display.group_name(getattr(value, "value", value)).replace("_", " ")


def unit_of(longest: timedelta) -> tuple[timedelta, str]:
    """Return the unit in which spans up to the longest are shown, with its name."""
    return next(((size, name) for size, name in _SIZES if longest >= 2 * size), _SIZES[-1])


_SIZES = (
    (timedelta(days=1), "days"),
    (timedelta(hours=1), "hours"),
    (timedelta(minutes=1), "minutes"),
    (timedelta(seconds=1), "seconds"),
)


def rate_row(label: str, rate: Rate, min_people: int = 1, **more: object) -> dict[str, Any]:
    """Return the row of a rate with its interval. A rate of too few people has only its counts."""
    counts = f"{rate.successes:,} of {rate.trials:,}"
    if not rate.trials or not rate.is_reportable(min_people):
        return row(label, (None, None, None), f"not enough: {counts}", counts=counts, **more)
    ends = rate.value, rate.ci_lower, rate.ci_upper
    return row(label, ends, f"{percent(rate.value)} · {counts}", counts=counts, **more)


def intervals(
    rows: Sequence[Row], heading: str, *, form: str = "%", even: float | None = None, width: int = WIDTH, **scale: Any
) -> Chart:
    """Return points with intervals, one for each row, with texts at the right.

    Args:
        rows: `label`, `value`, `lower`, `upper` and `text`.
        heading: The heading of the axis.
        form: The format of the axis.
        even: A value to compare with, shown as a vertical line.
        width: The width of the chart. A narrow chart has no names, because it stands beside a chart that has them.
        scale: The parts of the scale.
    """
    order = [row["label"] for row in rows]
    down = names("label", order=order) if width == WIDTH else alt.Y("label:N", sort=order, axis=None)
    base = chart(rows).encode(y=down)
    across = numbers("value", heading, form=form, **scale)
    lines = base.mark_rule(size=3, opacity=0.5, color=BLUE).encode(
        x=alt.X(**with_field(across, "lower")), x2="upper:Q", tooltip=tips(*("label", "text")[: 2 * bool(rows)])
    )
    points = base.mark_point(filled=True, size=50, opacity=1, color=BLUE).encode(
        x=alt.X(**across), tooltip=tips(*("label", "text")[: 2 * bool(rows)])
    )
    layers = [lines, points, texts_beside(base, width)]
    if even is not None:
        layers.insert(0, chart([{"even": even}]).mark_rule(strokeDash=[4, 4], color=MUTED).encode(x="even:Q"))
    return alt.layer(*layers).properties(width=width, height=max(len(rows), 1) * ROW)


def texts_beside(base: alt.Chart, width: int = WIDTH, size: int = 12) -> Chart:
    """Return the texts of rows at the right of a plot. The space before them stays if the plot gets narrower."""
    texts = base.mark_text(align="left", dx=10, fontSize=size, color=INK)
    placed: Chart = texts.encode(x=alt.value(width), text="text:N")
    return placed


def first(items: Sequence[Any], most: int, unit: str) -> tuple[list[Any], str]:
    """Return the first items, and a note how many there are more."""
    rest = len(items) - most
    return list(islice(items, most)), f"{rest:,} more {unit} not shown." if rest > 0 else ""
