"""Readers of shop exports: files become records, with an exact account of every row."""

from funnel._exports import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "readers._read_orders": "AmountStyle Columns Entry OrderMapping What read_orders",
        "readers._reader": "ReadArguments Reader",
        "readers._shop_data": "ShopData",
    },
)
