"""Heat maps of cohorts: shares, revenue or value by cohort and later period."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import altair as alt

from funnel.metrics._display import short_money, short_number
from funnel.metrics._periods import period_label
from funnel.money import decimals
from funnel.plots import _style as style

if TYPE_CHECKING:
    from funnel.metrics._retention.cohort import Cohort
    from funnel.metrics._retention.cohorts import Cohorts

Show = Literal["share", "revenue", "value"]

_AVERAGE = "average"
_MOST_TEXTS, _DARK, _CELL, _NARROW, _HEIGHT = 36, 0.55, 44, 16, 24


def heat_map(result: Cohorts[Any], show: Show) -> style.Chart:
    """Return the cells of cohorts as a heat map; unobserved cells are grey, unfinished cells light with a star."""
    if not len(result):
        return style.nothing("The result has no cohorts.")
    if show != "share" and result.cohorts[0].revenue is None:
        return style.nothing("The amounts are not known.")
    rows = list(_rows(result, show))
    amounts = [row["value"] for row in rows if row["value"] is not None]
    most = max(amounts, default=0) or 1
    for row in rows:
        row["dark"] = row["value"] is not None and not row["is_partial"] and row["value"] > _DARK * most
    columns, cohorts = _columns(result, show), list(dict.fromkeys(row["cohort"] for row in rows))
    has_texts = len(columns) <= _MOST_TEXTS
    base: Any = style.chart(rows).encode(
        x=alt.X(
            "after:O",
            sort=None,
            title=f"{result.period}s later",
            axis=alt.Axis(
                orient="top", labelAngle=0, labelOverlap="parity", labelSeparation=4, ticks=False, domain=False
            ),
        ),
        y=style.names("cohort", "cohort (people)", order=cohorts),
        tooltip=style.tips("cohort", "after", "text", "detail"),
    )
    heat = alt.Color(
        "value:Q",
        scale=alt.Scale(domain=[0, most], range=list(style.HEAT)),
        legend=None if has_texts else _legend(result, show),
    )
    opacity = alt.condition(alt.datum.is_partial, alt.value(style.FEW), alt.value(1))
    cells = base.mark_rect(stroke="white", strokeWidth=1.5).encode(color=heat, opacity=opacity)
    ink = style.ink("dark")
    unknown = style.chart(row for row in rows if row["value"] is None).encode(x=base.encoding.x, y=base.encoding.y)
    grey = unknown.mark_rect(stroke="white", strokeWidth=1.5, color=style.GREY).encode(tooltip=base.encoding.tooltip)
    layers: list[Any] = [cells, grey, base.mark_text(fontSize=11).encode(text="text:N", color=ink)][: 2 + has_texts]
    size = {"width": len(columns) * (_CELL if has_texts else _NARROW), "height": len(cohorts) * _HEIGHT}
    figure = alt.layer(*layers).properties(**size)
    return style.titled(figure, _finding(result, show), *_notes(result, show))


def _legend(result: Cohorts[Any], show: Show) -> alt.Legend:
    """Return the legend of the colours, for cells without texts."""
    heading = "share of people" if show == "share" else style.with_unit(show, result.currency)
    size = 1 if show == "share" or result.currency is None else 10 ** decimals(result.currency)
    labels = f"replace(format(datum.value / {size}, '{'.0%' if show == 'share' else '.2~s'}'), 'G', 'B')"
    return alt.Legend(title=heading, labelExpr=labels, gradientLength=120)


def _columns(result: Cohorts[Any], show: Show) -> range:
    return range(1 if show == "share" and result.first == "purchase" and result.width > 1 else 0, result.width)


def _rows(result: Cohorts[Any], show: Show) -> Iterator[dict[str, Any]]:
    for cohort in result:
        name = f"{period_label(cohort.start, result.period)}{'*' * cohort.is_open} ({cohort.size:,})"
        for index in _columns(result, show):
            value = _value(cohort, index, show)
            is_partial = value is not None and cohort.is_partial(index)
            text = "" if value is None else f"{_text(value, result, show)}{'*' * is_partial}"
            rate = cohort.rate(index, unfinished=True)
            yield {
                "cohort": name,
                "after": result.label(index),
                "value": value,
                "text": text,
                "detail": "not observed" if rate is None else str(rate),
                "is_partial": is_partial,
            }
    if any(cohort.over for cohort in result):
        yield from _averages(result, show)


def _averages(result: Cohorts[Any], show: Show) -> Iterator[dict[str, Any]]:
    """Yield the last row: averages over finished periods, in which every person has the same weight."""
    for index in _columns(result, show):
        over = [cohort for cohort in result if index < cohort.over]
        value = _average(over, index, show)
        yield {
            "cohort": _AVERAGE,
            "after": result.label(index),
            "value": value,
            "text": "" if value is None else _text(value, result, show),
            "detail": f"{len(over)} finished cohort{'s' * (len(over) != 1)}",
            "is_partial": False,
        }


def _value(cohort: Cohort, index: int, show: Show) -> float | None:
    if show == "share":
        rate = cohort.rate(index, unfinished=True)
        return None if rate is None else rate.value
    if show == "value":
        return cohort.value_each(index, unfinished=True)
    return cohort.revenue[index] if cohort.revenue is not None and index < len(cohort.revenue) else None


def _average(over: list[Cohort], index: int, show: Show) -> float | None:
    people = sum(one.trials[index] for one in over)
    if not people:
        return None
    if show == "share":
        return sum(one.people[index] for one in over) / people
    if show == "value":
        return sum((one.value or ())[index] for one in over) // people
    return sum((one.revenue or ())[index] for one in over) // len(over)


def _text(value: float, result: Cohorts[Any], show: Show) -> str:
    if show == "share":
        return f"{100 * value:.0f} %" if value == 0 or value >= 0.1 else f"{100 * value:.1f} %"  # noqa: PLR2004 - a tenth
    return short_number(int(value), result.currency)


def _finding(result: Cohorts[Any], show: Show) -> str:
    people = sum(cohort.size for cohort in result)
    last = min(1, result.width - 1)
    over = [cohort for cohort in result if last < cohort.over]
    average = _average(over, last, show) if over else None
    cohorts = f"{people:,} people in {len(result)} cohort{'s' * (len(result) != 1)}"
    if average is None:
        return f"{cohorts}; no later {result.period} is over yet"
    is_repeat = last and (result.first, result.measure) == ("purchase", "on")
    meaning = {
        "share": f"of {'buyers bought again' if is_repeat else 'people counted'} {last} {result.period} later",
        "revenue": f"of revenue of a cohort {last} {result.period} later",
        "value": f"paid by each person up to {last} {result.period} later",
    }[show]
    figure = _text(average, result, show) if show == "share" else short_money(int(average), result.currency)
    return f"{figure} {meaning}, on average; {cohorts}"


def _notes(result: Cohorts[Any], show: Show) -> list[str]:
    unit = "" if show == "share" else f"Amounts are in {style.money_unit(result.currency)}."
    grey = "Grey is not observed. A light cell with a star is not over. The average counts only finished periods."
    return [f"{grey} {unit}".strip()]
