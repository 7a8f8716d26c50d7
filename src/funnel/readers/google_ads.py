"""Exports of Google Ads."""

from funnel.readers._reader import Reader

__all__ = ["leads"]

leads: Reader = Reader("google_ads.leads")
"""Reader of the leads of a lead form (Assets > Lead form > Download leads)."""
