"""Exports of ERPNext."""

from funnel.readers._reader import Reader

__all__ = ["orders"]

orders: Reader = Reader("erpnext.orders")
"""Reader of sales orders (Data Export, or Sales Order list > Menu > Export)."""
