"""Exports of WooCommerce."""

from funnel.readers._reader import Reader

__all__ = ["orders"]

orders: Reader = Reader("woocommerce.orders")
"""Reader of the CSV files of the common exporters of orders."""
