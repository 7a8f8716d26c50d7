"""Tables of a few rows, as text and as a notebook shows them; spans and shares as people write them."""

from __future__ import annotations

from datetime import timedelta

from funnel._instants import MICROSECOND
from funnel._lift.nodes import written
from funnel._tables import Row, as_html, as_text

__all__ = ["Row", "as_html", "as_text", "days", "percent"]


def days(span: timedelta) -> str:
    """A span in days, hours and less."""
    return written(span // MICROSECOND, "span")


def percent(share: float | None) -> str:
    """A share of a hundred; nothing where there is none."""
    return "" if share is None else f"{100 * share:.1f} %"
