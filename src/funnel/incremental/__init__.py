"""Incremental facts: update one person record by record."""

from __future__ import annotations

from funnel._exports import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "FactsState": "incremental._state",
        "IncrementalRule": "incremental._rule",
        "LiveFacts": "incremental._live_facts",
    },
)
