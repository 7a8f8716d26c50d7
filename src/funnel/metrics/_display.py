"""Spans, money, shares and groups as text."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

from funnel._format import span_parts
from funnel._time import MICROSECOND
from funnel.money import SIGNS, Money, Style, decimals


def group_name(group: object) -> str:
    """Return a group as text: "(unknown)" for people without a value, and several values side by side."""
    if isinstance(group, tuple):
        return ", ".join(map(group_name, cast("tuple[object, ...]", group)))
    return "(unknown)" if group is None else str(group)


def days(span: timedelta) -> str:
    """Format a span with its two largest units, rounded down: "38 d 13 h"."""
    if not span:
        return "0 d"
    parts = span_parts(abs(span) // MICROSECOND)[:-1]
    first = next((index for index, (count, _) in enumerate(parts) if count), len(parts))
    text = " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)
    return f"-{text}" if text and span < timedelta(0) else text or "0 s"


def money(minor: int, currency: str | None, *, style: Style | None = None) -> str:
    """Format an amount: "GBP 5,810,829.42". Without a currency, the minor units. Default style: the currency's."""
    if currency is None:
        return f"{minor:,}"
    return Money.of_minor(minor, currency).format(style=style or ("id" if currency == "IDR" else "us"))


def signed_money(minor: int, currency: str | None) -> str:
    """Format a change of an amount, as `money`: "+GBP 5.00" or "-GBP 5.00"."""
    return f"{'-' if minor < 0 else '+'}{money(abs(minor), currency)}"


def percent(share: float | None) -> str:
    """Format a share as a percentage. Empty if the share is None."""
    return "" if share is None else f"{100 * share:.1f} %"


def p_text(p_value: float) -> str:
    """Format a p value with three decimals."""
    return "below 0.001" if p_value < 0.001 else f"{p_value:.3f}"  # noqa: PLR2004 - three places


def short_money(minor: int, currency: str | None) -> str:
    """Format an amount for a small bar: "GBP 5.8M", "-Rp250k". Without a currency, the minor units."""
    return f"{'-' * (minor < 0)}{unit_of_money(currency)}{short_number(abs(minor), currency)}"


def short_number(minor: int, currency: str | None) -> str:
    """Format an amount for a small cell, without its currency: "5.8M", "-250k"."""
    amount = abs(minor) if currency is None else abs(minor) / 10 ** decimals(currency)
    size, suffix = next((pair for pair in _SIZES if amount >= pair[0]), (1, ""))
    scaled = amount / size
    figures = f"{scaled:,.0f}" if scaled >= 100 or scaled == int(scaled) else f"{scaled:,.1f}"  # noqa: PLR2004
    return f"{'-' * (minor < 0)}{figures}{suffix}"


def unit_of_money(currency: str | None) -> str:
    """Return what stands before an amount: "Rp", "GBP ", or nothing for minor units."""
    return "" if currency is None else SIGNS.get(currency, f"{currency} ")


_SIZES = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k"))
