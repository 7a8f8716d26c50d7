"""Facts: what is known about one person at one instant, and the functions that declare a fact."""

from funnel.facts._builtin import Facts, column
from funnel.facts._declare import (
    count,
    earliest,
    exists,
    first,
    largest,
    last,
    latest,
    mean,
    mean_gap,
    since,
    soonest,
    total,
    until,
)

__all__ = [
    "Facts",
    "column",
    "count",
    "earliest",
    "exists",
    "first",
    "largest",
    "last",
    "latest",
    "mean",
    "mean_gap",
    "since",
    "soonest",
    "total",
    "until",
]
