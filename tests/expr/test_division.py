"""Whole numbers are divided exactly, by an engine that divides them as floats too."""

from __future__ import annotations

import math
from typing import Any

import attrs
import pytest

from funnel._expr.division import SURE, divided


@attrs.frozen
class Rough:
    """A whole number of an engine whose quotient is that of two floats, rounded down."""

    value: int

    def __add__(self, other: Rough) -> Rough:
        """Add exactly."""
        return Rough(self.value + other.value)

    def __sub__(self, other: Rough) -> Rough:
        """Subtract exactly."""
        return Rough(self.value - other.value)

    def __mul__(self, other: Rough) -> Rough:
        """Multiply exactly."""
        return Rough(self.value * other.value)

    def __floordiv__(self, other: Rough) -> Rough:
        """Divide as floats."""
        return Rough(math.floor(float(self.value) / float(other.value)))


@pytest.mark.parametrize("by", [1, 2, 3, 7, 1000, 86_400_000_000])
@pytest.mark.parametrize("near", [0, 1, 10**6, SURE, 10**17, 2**62])
def test_a_quotient_of_floats_is_put_right(near: int, by: int) -> None:
    """Beyond the 53 bits of a float too, above zero and below."""
    for size in range(near - 3, near + 4):
        for number in (size, -size):
            one, other = Rough(number), Rough(by)
            quotient: Any = divided(one, other)  # type: ignore[arg-type]

            assert quotient.value == number // by


def test_up_to_the_limit_a_float_holds_every_whole_number() -> None:
    """And no further."""
    assert float(SURE) - float(SURE - 1) == 1
    assert float(SURE + 1) == float(SURE)
