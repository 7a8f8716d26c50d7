"""Exports of Shopify.

Source: headings of orders exports that merchants have published; no two of them differ but in columns at the end.
"""

from funnel.readers._reader import Reader

__all__ = ["customers", "orders"]

orders: Reader = Reader("shopify.orders")
"""Reader of the orders export (Orders > Export > plain CSV file)."""

customers: Reader = Reader("shopify.customers")
"""Reader of the customers export (Customers > Export); pass contacts=True for names and addresses."""
