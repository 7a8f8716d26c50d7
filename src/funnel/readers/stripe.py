"""Exports of Stripe."""

from funnel.readers._reader import Reader

__all__ = ["payments"]

payments: Reader = Reader("stripe.payments")
"""Reader of the payments export (Payments > Export)."""
