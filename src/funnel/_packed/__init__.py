"""Rows of people put in order in local memory: one sort of packed numbers a block of people.

Knows nothing of shops. Needs numpy and Polars; import it only where both are installed.
"""

from funnel._packed.blocks import in_blocks, slice_by_slice
from funnel._packed.rows import LEFT_OUT, Array, Block, Codes, Flags, Places, Rows, Whole, starts_of

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
