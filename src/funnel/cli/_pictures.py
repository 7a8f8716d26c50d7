"""Charts of results as static pictures; none without the extra `plots`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from funnel._dataframes.adapter import installed
from funnel._results import Charted
from funnel.cli._words import Words


def has_pictures() -> bool:
    """Return whether the extra `plots` is installed."""
    return installed("altair") and installed("vl_convert")


def pictures(result: Charted, words: Words) -> tuple[str, str] | None:
    """Return the chart of a result as SVG, wide and for a phone, in the language of the report.

    The title of the chart is left out: the section says it. None without the extra.
    """
    if not has_pictures():
        return None
    from funnel.plots._render import specification, svg_of

    spec, numbers = specification(result), None
    del spec["title"]
    if words.language != "en":
        spec, numbers = _translated(spec, words), _INDONESIAN
    wide = svg_of(spec, numbers)
    plot = max(_widths(spec))
    around = int(wide.partition('width="')[2].partition('"')[0]) - plot
    return wide, svg_of(_narrowed(spec, max(_PHONE - around, _NARROWEST) / plot), numbers)


_PHONE, _NARROWEST = 360, 100
"""The width of a picture on a phone, and of the plot in it if the texts beside the plot are long."""


def _widths(part: Any) -> Iterator[float]:
    """Yield the widths of the plots of a specification."""
    if isinstance(part.get("width"), int | float):
        yield part["width"]
    for one in part.get("vconcat", ()):
        yield from _widths(one)


def _narrowed(part: object, ratio: float) -> Any:
    """Return a part of a specification with narrower plots, short texts in cells, and short rows of legends."""
    if isinstance(part, list):
        return [_narrowed(one, ratio) for one in cast("list[object]", part)]
    if isinstance(part, str):
        return _CELL.sub(r"\1\2", part)
    if not isinstance(part, dict):
        return part
    fields = {name: _narrowed(value, ratio) for name, value in cast("dict[str, Any]", part).items()}
    if "width" in fields:
        fields["width"] *= ratio
    if "columns" in fields:
        fields["columns"] = min(fields["columns"], _COLUMNS)
    if fields.get("type") == "text" and "align" not in fields:
        fields["fontSize"] *= _SMALLER
    if "value" in fields.get("x", ()):
        fields["x"]["value"] *= ratio
    return fields


_COLUMNS, _SMALLER = 3, 0.85

_CELL = re.compile(r"^([\d.,]+) %(\*?)$")
"""The share in a cell of a heat map."""


def _translated(part: object, words: Words) -> Any:
    """Return a part of a specification with its texts in the language of the report."""
    if isinstance(part, dict):
        fields = cast("dict[str, object]", part)
        return {name: value if name in _NAMES else _translated(value, words) for name, value in fields.items()}
    if isinstance(part, list):
        return [_translated(one, words) for one in cast("list[object]", part)]
    if not isinstance(part, str):
        return part
    if "datum." in part:
        return _QUOTED.sub(lambda text: f"'{words.chart(text[1])}'", part)
    return words.chart(part)


_INDONESIAN = {"decimal": ",", "thousands": ".", "grouping": [3], "currency": ["Rp", ""]}
"""How Vega writes the numbers of an axis."""

_NAMES = ("field", "type", "mark", "shorthand")
"""The parts of a specification whose texts are names of Vega-Lite or of a column."""

_QUOTED = re.compile("'([^']*)'")
"""A text in an expression of Vega."""
