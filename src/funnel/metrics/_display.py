"""Spans, money and shares as text."""

from __future__ import annotations

from datetime import timedelta

from funnel.money import Money

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def days(span: timedelta) -> str:
    """Format a span with its two largest units, rounded down: "38 d 13 h"."""
    if not span:
        return "0 d"
    rest, parts = abs(span) // timedelta(seconds=1), list[tuple[int, str]]()
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        parts.append((count, unit))
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
