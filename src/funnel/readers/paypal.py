"""Exports of PayPal."""

from funnel.readers._reader import Reader

__all__ = ["payments"]

payments: Reader = Reader("paypal.payments")
"""Reader of the activity download (Activity > Download)."""
