"""Exports of Square."""

from funnel.readers._reader import Reader

__all__ = ["transactions"]

transactions: Reader = Reader("square.transactions")
"""Reader of the transactions export (Dashboard > Transactions > Export > Transactions CSV)."""
