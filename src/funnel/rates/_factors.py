"""Factors of a shop's rates: what converts one minor unit into another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import attrs

SCALE = 16
"""Decimals of a factor: those of a rate, and up to 4 that two currencies differ by."""


@attrs.frozen
class Factors:
    """Factors by currency and day.

    Attributes:
        currency: Reporting currency.
        tz: Zone that decides the day of an instant.
        by_day: Minor units of the reporting currency for one minor unit, times 10 ** `SCALE`.
    """

    currency: str
    tz: str
    by_day: Mapping[tuple[str, date], int]
