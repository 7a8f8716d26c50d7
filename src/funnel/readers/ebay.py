"""Exports of eBay."""

from funnel.readers._reader import Reader

__all__ = ["orders"]

orders: Reader = Reader("ebay.orders")
"""Reader of the orders report (Seller Hub > Orders > Download report)."""
