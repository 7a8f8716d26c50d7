"""Rows of people sorted in local memory: one sort of packed integers per block of people.

This package does not depend on shops. It needs numpy and Polars; import it only if both are installed.
"""

from funnel._dataframes.packed.blocks import in_blocks, slice_by_slice
from funnel._dataframes.packed.rows import LEFT_OUT, Array, Block, Codes, Flags, Places, Rows, Whole, starts_of

__all__ = [
    "LEFT_OUT",
    "Array",
    "Block",
    "Codes",
    "Flags",
    "Places",
    "Rows",
    "Whole",
    "in_blocks",
    "slice_by_slice",
    "starts_of",
]
