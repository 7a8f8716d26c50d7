"""Exports of Segment and RudderStack."""

from funnel.readers._reader import Reader

__all__ = ["events"]

events: Reader = Reader("segment.events")
"""Reader of track events as JSON lines, as a JSON array, or as a dataframe."""
