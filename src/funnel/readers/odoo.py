"""Exports of Odoo."""

from funnel.readers._reader import Reader

__all__ = ["orders"]

orders: Reader = Reader("odoo.orders")
"""Reader of sales orders (Sales > Orders > select > Action > Export), as CSV or xlsx."""
