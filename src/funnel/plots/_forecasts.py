"""The chart of a shop's forecast: what the next weeks are expected to bring, beside past forecasts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import altair as alt

from funnel.plots import _style as style

if TYPE_CHECKING:
    from funnel.forecast._shop import ShopForecast

_BAR, _POINT = "purchases made", "purchases expected"
_DAY = timedelta(days=1)


def shop_forecast(result: ShopForecast) -> style.Chart:
    """Return the purchases of past spans as bars, what was expected as points, and the next span with its interval."""
    rows = list(_rows(result))
    base = style.chart(rows).encode(x=style.periods("span", "first day"), tooltip=[alt.Tooltip("text:N")])
    up = style.numbers("actual", "purchases", zero=True)
    kinds = {_BAR: style.LIGHT, _POINT: style.BLUE}
    bars = base.mark_bar().encode(y=alt.Y(**up), color=style.colors("bar", list(kinds), **kinds))
    line = base.mark_rule(size=3, opacity=0.5, color=style.BLUE).encode(
        y=alt.Y(**style.with_field(up, "lower")), y2="upper:Q"
    )
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
