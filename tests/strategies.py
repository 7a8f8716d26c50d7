"""The made-up people of the library itself, under the name that its tests know them by."""

from __future__ import annotations

from funnel.testing.strategies import (
    CANARY,
    CURRENCIES,
    HOURS,
    SOURCES,
    START,
    contacts,
    customers,
    histories,
    instants,
    interactions,
    leads,
    lines,
    moneys,
    purchases,
    record_lists,
    refunds,
)

__all__ = [
    "CANARY",
    "CURRENCIES",
    "HOURS",
    "SOURCES",
    "START",
    "contacts",
    "customers",
    "histories",
    "instants",
    "interactions",
    "leads",
    "lines",
    "moneys",
    "purchases",
    "record_lists",
    "refunds",
]
