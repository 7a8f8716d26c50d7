"""Exports of Lazada.

Source: headings of orders exports that sellers have published.
"""

from funnel.readers._reader import Reader

__all__ = ["orders"]

orders: Reader = Reader("lazada.orders")
"""Reader of the orders export of the Seller Center (xlsx or CSV)."""
