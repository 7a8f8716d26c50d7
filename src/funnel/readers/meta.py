"""Exports of Meta."""

from funnel.readers._reader import Reader

__all__ = ["leads"]

leads: Reader = Reader("meta.leads")
"""Reader of the leads of a lead form (Leads Center > Download), and of the Google Sheet that Meta fills."""
