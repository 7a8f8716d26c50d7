"""Exact integer division, even on engines that divide as floats with 53 bits (Ibis, Spark).

Below 2 ** 53 such a quotient, rounded down, is exact. Above, it is an approximation. The remainder is then small enough
for an exact division, which gives the correction. This holds for divisors below 2 ** 52.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import narwhals as nw

SURE = 2**53
"""Every integer up to this one is exact as a float."""


def divided(a: nw.Expr, b: nw.Expr) -> nw.Expr:
    """Return the quotient of two integer columns, rounded down."""
    near = a // b
    return near + (a - near * b) // b
