"""Spans, money and shares as text."""

from __future__ import annotations

from datetime import timedelta

from funnel._format import span_parts
from funnel._time import MICROSECOND
from funnel.money import Money


def days(span: timedelta) -> str:
    """Format a span with its two largest units, rounded down: "38 d 13 h"."""
    if not span:
        return "0 d"
    parts = span_parts(abs(span) // MICROSECOND)[:-1]
    first = next((index for index, (count, _) in enumerate(parts) if count), len(parts))
    text = " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)
    return f"-{text}" if text and span < timedelta(0) else text or "0 s"


def money(minor: int, currency: str | None) -> str:
    """Format an amount: "GBP 5,810,829.42". Without a currency, the minor units."""
    if currency is None:
        return f"{minor:,}"
    return Money.of_minor(minor, currency).format(style="id" if currency == "IDR" else "us")


def percent(share: float | None) -> str:
    """Format a share as a percentage. Empty if the share is None."""
    return "" if share is None else f"{100 * share:.1f} %"
