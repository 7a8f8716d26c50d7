"""Live facts: one person kept up to date, record by record."""

from funnel._exports import lazy

__all__, __getattr__, __dir__ = lazy(__name__, {"incremental._live_facts": "FactsState LiveFacts"})
