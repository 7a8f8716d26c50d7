"""Charts of results as static pictures; none without the extra `plots`."""

from __future__ import annotations

from typing import Any

from funnel._dataframes.adapter import installed
from funnel._report_messages import CHARTS
from funnel.cli._words import Words


def has_pictures() -> bool:
    """Return whether the extra `plots` is installed."""
    return installed("altair") and installed("vl_convert")


def picture(result: Any, words: Words) -> str:
    """Return the chart of a result as SVG, in the language of the report; empty without a chart.

    The title of the chart is left out: the section says it.
    """
    if result is None or not has_pictures() or not hasattr(result, "plot") or not list(result):
        return ""
    from funnel.plots import to_svg

    chart = result.plot()
    chart.title = _nothing()
    return to_svg(chart)


def _nothing() -> Any:
    import altair as alt

    return alt.Undefined
