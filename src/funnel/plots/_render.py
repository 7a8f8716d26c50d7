"""Static pictures of charts, rendered by vl-convert."""

from __future__ import annotations

import hashlib
import io
import re
from typing import TYPE_CHECKING, Any

import altair as alt
import vl_convert as _vl_convert  # noqa: F401  # pyright: ignore[reportUnusedImport] - if missing, it is named

from funnel._arguments import brief, kind_of
from funnel.errors import ArgumentError

if TYPE_CHECKING:
    from altair.typing import ChartType

    from funnel._results import Charted

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
    return svg_of(_chart(chart))


def svg_of(figure: Any, **embed_options: object) -> str:
    """Return an Altair chart as SVG, with the options of Vega's embedding, such as `formatLocale`."""
    with io.StringIO() as text:
        figure.save(text, format="svg", embed_options=embed_options or None)
        svg = text.getvalue()
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
    with io.BytesIO() as picture:
        _chart(chart).save(picture, format="png", scale_factor=scale)
        return picture.getvalue()


_LARGEST = 10


def _check_scale(scale: object) -> None:
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale <= _LARGEST:
        raise ArgumentError(f"scale must be a number above 0 and at most {_LARGEST} (got {brief(scale)})")


def _chart(of: Any) -> Any:
    figure = of.plot() if hasattr(of, "plot") else of
    if not isinstance(figure, alt.TopLevelMixin):
        raise ArgumentError(f"chart must be a result with a chart, or an Altair chart (got {kind_of(of)})")
    return figure
