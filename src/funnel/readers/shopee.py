"""Exports of Shopee.

Source: headings of orders exports that sellers have published, in Indonesian, English and Vietnamese.
"""

from funnel.readers._reader import Reader

__all__ = ["orders"]

orders: Reader = Reader("shopee.orders")
"""Reader of the orders export of the Seller Centre (xlsx or CSV)."""
