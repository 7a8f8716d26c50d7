"""Exports of Amazon for sellers.

Source: headings of order reports that sellers have published.
"""

from funnel.readers._reader import Reader

__all__ = ["orders"]

orders: Reader = Reader("amazon.orders")
"""Reader of the order reports of the Seller Central: new orders, shipments of Amazon, and all orders."""
