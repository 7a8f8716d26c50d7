"""Charts of periods: the lifecycle of buyers, growth and its parts, and a shop's forecast."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Literal

import altair as alt

from funnel.metrics._display import percent, short_money
from funnel.metrics._periods import period_label
from funnel.plots import _style as style

if TYPE_CHECKING:
    from funnel.forecast._shop import ShopForecast
    from funnel.metrics._growth.five_ways import Growth, GrowthChange
    from funnel.metrics._lifecycle import Lifecycle, Lifecycles


LifecycleShow = Literal["people", "revenue"]

_KINDS = {"retained": style.BLUE, "resurrected": style.SKY, "new": style.GREEN, "dormant": style.RED}
_PARTIAL_NOTE = "A light bar with a star is a period that is not over."


def lifecycle(result: Lifecycles, show: LifecycleShow) -> style.Chart:
    """Return the buyers of each period above zero, and the dormant people below."""
    if not len(result):
        return style.nothing("Nobody has bought.")
    if show == "revenue" and result.periods[0].revenue is None:
        return style.nothing("The amounts are not known.")
    rows = [row for one in result for row in _kinds(result, one, show)]
    people = style.numbers("amount", "buyers")
    across = people if show == "people" else style.amounts("amount", "paid", result.currency)
    bars = (
        style.chart(rows)
        .mark_bar()
        .encode(
            x=style.periods("period"),
            y=alt.Y(**across, stack="zero"),
            color=style.colors("kind", list(_KINDS), **_KINDS),
            order="order:O",
            opacity=alt.condition(alt.datum.is_partial, alt.value(0.5), alt.value(1)),
            tooltip=style.tips("period", "kind", "text"),
        )
    )
    zero = style.chart([{"zero": 0}]).mark_rule(color=style.INK).encode(y="zero:Q")
    figure = alt.layer(bars, zero).properties(width=style.WIDTH, height=260)
    return style.titled(figure, _lifecycle_finding(result, show), _DORMANT_NOTE, _PARTIAL_NOTE)


_DORMANT_NOTE = "Dormant people bought in the period before and not in this one; they are below zero."


def _kinds(result: Lifecycles, one: Lifecycle, show: LifecycleShow) -> Iterator[dict[str, Any]]:
    label = period_label(one.start, result.period, is_partial=one.is_partial)
    for order, kind in enumerate(_KINDS):
        amount: int = getattr(one, kind if show == "people" else f"{kind}_revenue")
        text = f"{amount:,} people" if show == "people" else style.money(amount, result.currency)
        sign = -1 if kind == "dormant" else 1
        yield {
            "period": label,
            "kind": kind,
            "amount": sign * (amount if show == "people" else _major(amount, result.currency)),
            "order": order,
            "text": text,
            "is_partial": one.is_partial,
        }


def _lifecycle_finding(result: Lifecycles, show: LifecycleShow) -> str:
    over = [one for one in result if not one.is_partial] or list(result)
    last = over[-1]
    when = period_label(last.start, result.period, is_partial=last.is_partial)
    if show == "revenue":
        paid, new = (style.money(amount or 0, result.currency) for amount in (last.revenue, last.new_revenue))
        return f"{when}: {paid} paid, {new} of it by new buyers"
    repeat = last.retained + last.resurrected
    share = f" ({percent(repeat / last.active)})" if last.active else ""
    buyers = f"{last.active:,} buyers, {last.new:,} new and {repeat:,} returned{share}"
    return f"{when}: {buyers}; {last.dormant:,} became dormant"


def _major(minor: float, currency: str | None) -> float:
    from funnel.money import decimals

    return minor if currency is None else minor / 10 ** decimals(currency)


# ---- growth --------------------------------------------------------------------------------------------------------


def growth(result: Growth) -> style.Chart:
    """Return the profit of each period of arrival, and the people who arrived below."""
    if not len(result):
        return style.nothing("Nobody has arrived.")
    rows = [
        {
            "period": period_label(one.start, result.period, is_partial=one.is_partial),
            "profit": _major(one.profit, result.currency),
            "state": "with pending people" if one.pending or one.is_partial else "complete",
            "leads": one.leads,
            "pending": one.pending,
            "text": f"{style.money(one.profit, result.currency)} · {one.buyers:,} of {one.leads:,} leads bought",
        }
        for one in result
    ]
    states = {"complete": style.BLUE, "with pending people": style.SKY}
    tips = style.tips("period", "text", "pending")
    base = style.chart(rows).encode(x=style.periods("period"), tooltip=tips)
    profits = base.mark_bar().encode(
        y=alt.Y(**style.amounts("profit", "profit", result.currency)),
        color=style.colors("state", list(states), **states),
    )
    leads = base.mark_bar(color=style.LIGHT).encode(y=alt.Y(**style.numbers("leads", "leads")))
    figure = alt.vconcat(
        profits.properties(width=style.WIDTH, height=200), leads.properties(width=style.WIDTH, height=60), spacing=10
    )
    total, people = sum(one.profit for one in result), sum(one.leads for one in result)
    finding = f"{style.money(total, result.currency)} of profit from {people:,} leads"
    pending = sum(one.pending for one in result)
    note = f"By period of arrival. {pending:,} people are pending and in no number." if pending else _ARRIVAL_NOTE
    return style.titled(figure, finding, note)


_ARRIVAL_NOTE = "By period of arrival."


def waterfall(result: GrowthChange) -> style.Chart:
    """Return the profit of two periods, and between them the part of each way."""
    names = [f"{one.start:%Y-%m-%d}" for one in (result.before, result.after)]
    visible, currency = (
        [style.money(one.profit, result.currency) for one in (result.before, result.after)],
        result.currency,
    )
    finding = f"Profit went from {visible[0]} to {visible[1]}"
    if result.parts is None:
        return style.nothing(f"{finding}.", "The change cannot be split: a factor is zero in one of the periods.")
    ends = list(accumulate(result.parts.values(), initial=result.before.profit))
    rows = [_bar(names[0], 0, result.before.profit, currency, "profit")]
    for part, (start, end) in zip(result.parts, pairwise(ends), strict=True):
        rows.append(_bar(style.name_of(part), start, end, currency, "more" if end >= start else "less"))
    rows.append(_bar(f"{names[1]} ", 0, result.after.profit, currency, "profit"))
    order = [row["label"] for row in rows]
    kinds = {"profit": style.BLACK, "more": style.BLUE, "less": style.RED}
    axis = alt.Axis(labelAngle=0, ticks=False, labelPadding=6, labelLimit=110)
    base = style.chart(rows).encode(x=alt.X("label:N", sort=order, title=None, axis=axis))
    across = style.amounts("start", "profit", currency)
    bars = base.mark_bar().encode(
        y=alt.Y(**across), y2="end:Q", color=style.colors("kind", list(kinds), **kinds), tooltip=style.tips("text")
    )
    texts = base.mark_text(dy=-8, fontSize=11, color=style.INK).encode(y="top:Q", text="text:N")
    figure = alt.layer(bars, texts).properties(width=max(style.WIDTH, len(rows) * 80), height=260)
    note = f"{result.before.arrived:,} people arrived before and {result.after.arrived:,} after."
    return style.titled(figure, finding, note, _unfinished(result))


def _bar(label: str, start: int, end: int, currency: str | None, kind: str) -> dict[str, Any]:
    sign = "-" if end < start else "" if kind == "profit" else "+"
    return {
        "label": label,
        "start": _major(start, currency),
        "end": _major(end, currency),
        "top": _major(max(start, end), currency),
        "kind": kind,
        "text": f"{sign}{short_money(abs(end - start), currency)}",
    }


def _unfinished(result: GrowthChange) -> str:
    pending = result.before.pending + result.after.pending
    return f"{pending:,} people are pending; the split will change." if pending else ""


# ---- the chart of a shop's forecast ----------------------------------------------------------------------------------


_BAR, _POINT = "purchases made", "purchases expected"
_DAY = timedelta(days=1)


def shop_forecast(result: ShopForecast) -> style.Chart:
    """Return the purchases of past spans as bars, what was expected as points, and the next span with its interval."""
    rows = list(_rows(result))
    base = style.chart(rows).encode(x=style.periods("span", "first day"), tooltip=style.tips("text"))
    up = style.numbers("actual", "purchases", zero=True)
    kinds = {_BAR: style.LIGHT, _POINT: style.BLUE}
    bars = base.mark_bar().encode(y=alt.Y(**up), color=style.colors("bar", list(kinds), **kinds))
    line = base.mark_rule(size=3, opacity=0.5, color=style.BLUE).encode(**style.between(up))
    points = base.mark_point(filled=True, size=80, opacity=1).encode(
        y=alt.Y(**style.with_field(up, "expected")), color=alt.Color("point:N")
    )
    figure = alt.layer(bars, line, points).properties(width=style.WIDTH, height=220)
    total = result.total
    ends = f"{total.purchases.lower:,.0f} to {total.purchases.upper:,.0f}"
    finding = f"{total.purchases.value:,.0f} purchases expected from {total.first_day} to {total.last_day} ({ends})"
    length = (total.last_day - total.first_day + _DAY).days
    inside = f"{result.past_inside} of {len(result.past)} past forecasts were inside."
    note = f"Each bar is {length} days. The line is the interval at {100 * result.confidence_level:.4g} %; {inside}"
    return style.titled(figure, finding, note)


def _rows(result: ShopForecast) -> Iterator[dict[str, Any]]:
    for one in result.past:
        text = f"expected {one.expected_purchases:,.0f} · made {one.actual_purchases:,}"
        yield _row(one.first_day, one.actual_purchases, (one.expected_purchases, None, None), text)
    coming = result.total.purchases
    text = f"expected {coming.value:,.0f} · {coming.lower:,.0f} to {coming.upper:,.0f}"
    yield _row(result.total.first_day, None, (coming.value, coming.lower, coming.upper), text)


def _row(first_day: date, actual: int | None, ends: Sequence[float | None], text: str) -> dict[str, Any]:
    """Return the row of a span; one decimal is enough for a picture."""
    expected, lower, upper = (None if one is None else round(one, 1) for one in ends)
    counts = {"actual": actual, "expected": expected, "lower": lower, "upper": upper}
    return {"span": f"{first_day}", **counts, "text": text, "bar": _BAR, "point": _POINT}
