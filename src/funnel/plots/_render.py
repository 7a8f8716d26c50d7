"""Static pictures of charts, rendered by vl-convert."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, cast

import altair as alt
import vl_convert

from funnel._arguments import brief, kind_of
from funnel.errors import ArgumentError

if TYPE_CHECKING:
    from altair.typing import ChartType
    from vl_convert import FormatLocale

    from funnel._results import Charted

_VERSION = "_".join(alt.SCHEMA_VERSION.split(".")[:2])
_ID = re.compile(r'(\bid="|url\(#|href="#)')


def to_svg(chart: ChartType | Charted) -> str:
    """Return a chart as SVG: text, without scripts.

    Args:
        chart: A result, or its chart.

    Raises:
        ArgumentError: The argument is neither a result with a chart nor an Altair chart.
        MissingExtraError: The extra `plots` is not installed.

    Example:
        >>> from datetime import UTC, datetime
        >>> from funnel import lifecycle
        >>> rows = [{"person_id": "sari", "purchased_at": datetime(2026, 3, 9, tzinfo=UTC)}]
        >>> to_svg(lifecycle(rows, tz="Asia/Jakarta", as_of=datetime(2026, 4, 20, tzinfo=UTC)))[:4]
        '<svg'
    """
    return svg_of(specification(chart))


def specification(chart: ChartType | Charted) -> dict[str, Any]:
    """Return the Vega-Lite specification of a chart, with its data.

    The parts of a chart of a result were validated when they were made, so it is not validated again.
    """
    figure, transformers = _chart(chart), cast("Any", alt.data_transformers)
    with transformers.disable_max_rows():
        specified: dict[str, Any] = figure.to_dict(validate=figure is chart)
    return specified


def svg_of(specified: dict[str, Any], numbers: FormatLocale | None = None) -> str:
    """Return a specification as SVG; `numbers` says how to write the numbers of an axis."""
    svg = vl_convert.vegalite_to_svg(specified, vl_version=_VERSION, format_locale=numbers)
    # Ids must be unique on a page with several pictures.
    prefix = hashlib.sha256(svg.encode()).hexdigest()[:8]
    return _ID.sub(rf"\g<1>p{prefix}-", svg)


def to_png(chart: ChartType | Charted, *, scale: float = 2.0) -> bytes:
    """Return a chart as PNG.

    Args:
        chart: A result, or its chart.
        scale: Pixels for each unit of the chart; 2 is sharp on most screens.

    Raises:
        ArgumentError: The argument is neither a result with a chart nor an Altair chart, or `scale` is not between 0
            and 10.
        MissingExtraError: The extra `plots` is not installed.

    Example:
        >>> from datetime import UTC, datetime
        >>> from funnel import lifecycle
        >>> rows = [{"person_id": "sari", "purchased_at": datetime(2026, 3, 9, tzinfo=UTC)}]
        >>> to_png(lifecycle(rows, tz="Asia/Jakarta", as_of=datetime(2026, 4, 20, tzinfo=UTC)))[1:4]
        b'PNG'
    """
    _check_scale(scale)
    return vl_convert.vegalite_to_png(specification(chart), vl_version=_VERSION, scale=scale)


_LARGEST = 10


def _check_scale(scale: object) -> None:
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale <= _LARGEST:
        raise ArgumentError(f"scale must be a number above 0 and at most {_LARGEST} (got {brief(scale)})")


def _chart(of: Any) -> Any:
    figure = of.plot() if hasattr(of, "plot") else of
    if not isinstance(figure, alt.TopLevelMixin):
        raise ArgumentError(f"chart must be a result with a chart, or an Altair chart (got {kind_of(of)})")
    return figure
