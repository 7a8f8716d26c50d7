"""Whole numbers divided exactly, also by an engine that divides as floats (Ibis, Spark), which have 53 bits.

Below 2 ** 53 such a quotient, rounded down, is right. Beyond, it is near: what is left over is small enough to be
divided rightly, and says by how much the first was off. That holds for divisors below 2 ** 52.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import narwhals as nw

SURE = 2**53
"""Up to this a float holds every whole number."""


def divided(a: nw.Expr, b: nw.Expr) -> nw.Expr:
    """The quotient of two columns of whole numbers, rounded down."""
    near = a // b
    return near + (a - near * b) // b
