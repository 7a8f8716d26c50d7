"""Exports of Google Analytics 4."""

from funnel.readers._reader import Reader

__all__ = ["events"]

events: Reader = Reader("ga4.events")
"""Reader of the events that GA4 exports to BigQuery: a dataframe, Parquet or JSON."""
