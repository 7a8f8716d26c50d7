"""Backtests the long way, in plain Python: every pair compared, every draw of a tie imagined."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import product

from funnel.history import History
from tests.metrics.people import bought_by

Row = tuple[int, bool]
"""A score, and whether they bought."""


def pairs_in_order(rows: Sequence[Row]) -> tuple[Fraction, int]:
    """How many pairs of one who bought and one who did not have the buyer above, ties half; and how many there are."""
    buyers = [score for score, bought in rows if bought]
    others = [score for score, bought in rows if not bought]
    above = sum(
        (Fraction(mine > other) + Fraction(mine == other, 2) for mine, other in product(buyers, others)), Fraction()
    )
    return above, len(buyers) * len(others)


def top_tenth(rows: Sequence[Row]) -> tuple[Fraction, Fraction]:
    """How many are in the top tenth, and how many buyers it holds, where those of one score go in by equal parts."""
    room = size = Fraction(len(rows), 10)
    buyers = Fraction()
    for score in sorted({score for score, _ in rows}, reverse=True):
        tied = [bought for other, bought in rows if other == score]
        selected = min(room, Fraction(len(tied)))
        buyers += selected * Fraction(sum(tied), len(tied))
        room -= selected
    return size, buyers


def buys_within(person: History, day: datetime, horizon: timedelta, as_of: datetime) -> bool:
    """Whether a purchase that counts at the end lies after the day, within the horizon."""
    return any(timedelta(0) < moment - day <= horizon for moment in bought_by(person, as_of))


def never_falling(rows: Sequence[tuple[int, int]]) -> list[Fraction]:
    """The best steps that never fall, by the formula of minima and maxima of means; a row is (people, bought)."""

    def mean(first: int, last: int) -> Fraction:
        part = rows[first : last + 1]
        return Fraction(sum(bought for _, bought in part), sum(people for people, _ in part))

    count = range(len(rows))
    return [min(max(mean(first, last) for first in count[: index + 1]) for last in count[index:]) for index in count]
