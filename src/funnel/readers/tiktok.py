"""Exports of TikTok Shop and Tokopedia, which share one seller centre.

Source: headings of orders exports that sellers have published; they are English in every language of the seller centre.
"""

from funnel.readers._reader import Reader

__all__ = ["orders"]

orders: Reader = Reader("tiktok.orders")
"""Reader of the export of all orders (xlsx or CSV)."""
