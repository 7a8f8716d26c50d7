"""Orders in a spreadsheet that a shop keeps by hand."""

from funnel.readers._reader import Reader

__all__ = ["orders"]

orders: Reader = Reader("sheet.orders")
"""Reader of a spreadsheet (xlsx or CSV) with one row for each line of an order."""
