"""Exports of Etsy."""

from funnel.readers._reader import Reader

__all__ = ["orders"]

orders: Reader = Reader("etsy.orders")
"""Reader of the sold orders export (Shop Manager > Settings > Options > Download Data)."""
