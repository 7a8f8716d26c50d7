"""Readers of shop exports: files become records, with an exact account of every row."""

from __future__ import annotations

from funnel._exports import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "AmountStyle": "readers._read_orders",
        "Columns": "readers._read_orders",
        "Entry": "readers._read_orders",
        "OrderMapping": "readers._read_orders",
        "ReadArguments": "readers._reader",
        "Reader": "readers._reader",
        "ShopData": "readers._shop_data",
        "What": "readers._read_orders",
        "read_orders": "readers._read_orders",
    },
)
