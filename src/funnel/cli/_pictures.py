"""Charts of results as static pictures; none without the extra `plots`."""

from __future__ import annotations

import re
from typing import Any, cast

from funnel._dataframes.adapter import installed
from funnel._results import Charted
from funnel.cli._words import Words


def has_pictures() -> bool:
    """Return whether the extra `plots` is installed."""
    return installed("altair") and installed("vl_convert")


def picture(result: Charted, words: Words) -> str:
    """Return the chart of a result as SVG, in the language of the report; empty without the extra.

    The title of the chart is left out: the section says it.
    """
    if not has_pictures():
        return ""
    from funnel.plots._render import specification, svg_of

    spec = specification(result)
    del spec["title"]
    if words.language == "en":
        return svg_of(spec)
    return svg_of(_translated(spec, words), _INDONESIAN)


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
