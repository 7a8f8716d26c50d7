"""How long steps take: exact quantiles of the times of the people who reached them.

A quantile is an observed time: the smallest time within which at least that share of people was done (the inverse of
the empirical distribution). It is read from the sorted times, so that every engine returns the same value.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import accumulate
from math import ceil

import attrs
import narwhals as nw

from funnel._arguments import brief, count_of
from funnel._dataframes.adapter import Frame
from funnel._dataframes.compute import to_rows, whole
from funnel._expr.to_narwhals import to_int
from funnel._format import as_html
from funnel._results import Charted, Rows
from funnel._time import MICROSECOND
from funnel.errors import ArgumentError
from funnel.metrics._conversion.attempts import Attempts
from funnel.metrics._conversion.lookahead import FAR
from funnel.metrics._display import days


@attrs.frozen
class StepTime:
    """The time that a step took the people who reached it.

    Attributes:
        name: The name of the step.
        quantile: The share of people who took no longer; 0.5 is the median.
        reached: The number of people who reached the step.
        from_start: The time from the first step. None if nobody reached the step.
        from_before: The time from the previous required step. None if nobody reached the step.
    """

    name: str
    quantile: float
    reached: int
    from_start: timedelta | None
    from_before: timedelta | None


@attrs.frozen
class TimeHistogram(Charted, Rows):
    """The times from the entry to a step, in spans of equal length; returned by `FunnelResult.time_histogram`.

    Attributes:
        step: The name of the step.
        width: The length of each span.
        counts: The number of people in each span; the first begins at 0. Empty if nobody reached the step.
    """

    step: str
    width: timedelta
    counts: tuple[int, ...]

    _CHART = "funnels.times"

    @property
    def people(self) -> int:
        """The number of people who reached the step."""
        return sum(self.counts)

    @property
    def median(self) -> timedelta:
        """The end of the span in which half of the people have reached the step; 0 without people."""
        sums = enumerate(accumulate(self.counts), 1)
        return next((index * self.width for index, count in sums if 2 * count >= self.people), timedelta(0))

    def to_dicts(self) -> list[dict[str, object]]:
        """Return one row for each span."""
        return [
            {"step": self.step, "start": index * self.width, "end": (index + 1) * self.width, "people": count}
            for index, count in enumerate(self.counts)
        ]

    def _html(self) -> str:
        rows = ((days(index * self.width), f"{count:,}") for index, count in enumerate(self.counts))
        return as_html(("from", "people"), rows, above=f"{self.people:,} people reached {self.step}")


_MOST_BINS = 1000


def time_histogram(attempts: Attempts, step: str, number: int, bins: int) -> TimeHistogram:
    """Return the histogram of the times from the entry to a step.

    Raises:
        ArgumentError: `bins` is not a whole number from 1 to 1,000.
    """
    count_of(bins, "bins", minimum=1, most=_MOST_BINS)
    reached = attempts.frame.filter(nw.col(f"row_{number}") >= 0)
    spans = reached.select(_wait=nw.col(f"t_{number}") - nw.col("t_1"))
    ((longest,),) = to_rows(spans.select(nw.col("_wait").max()), "_wait")
    if longest is None:
        return TimeHistogram(step, timedelta(0), ())
    width = whole(longest) // bins + 1
    placed = spans.select(_bin=nw.col("_wait") // width, _one=nw.lit(1, nw.Int64()))
    counts = to_rows(placed.group_by("_bin").agg(nw.col("_one").sum()), "_bin", "_one")
    by_bin = {int(index): whole(people) for index, people in counts}
    return TimeHistogram(step, width * MICROSECOND, tuple(by_bin.get(index, 0) for index in range(bins)))


def times(attempts: Attempts, names: Sequence[str], quantile: object) -> tuple[StepTime, ...]:
    """Return the times of every step after the first.

    Raises:
        ArgumentError: `quantile` is not above 0 and up to 1.
    """
    if not isinstance(quantile, float) or not 0 < quantile <= 1:
        raise ArgumentError(f"quantile must be a float above 0 and at most 1, such as 0.5 (got {brief(quantile)})")
    plan = attempts.plan
    frame = attempts.frame.select(*(f"t_{n}" for n in range(1, len(names) + 1)), *_reached(len(names)))
    waits: dict[str, tuple[int, int]] = {}
    for step in plan.steps[1:]:
        waits[f"all_{step.number}"] = (step.number, 1)
        waits[f"last_{step.number}"] = (step.number, plan.before(step).number)
    quantiles = _quantiles(frame, waits, quantile)
    return tuple(
        StepTime(name, quantile, quantiles[f"all_{n}"][0], quantiles[f"all_{n}"][1], quantiles[f"last_{n}"][1])
        for n, name in enumerate(names[1:], 2)
    )


def _reached(steps: int) -> list[nw.Expr]:
    return [to_int(nw.col(f"row_{n}") >= 0).alias(f"ok_{n}") for n in range(1, steps + 1)]


def _quantiles(
    frame: Frame, waits: dict[str, tuple[int, int]], quantile: float
) -> dict[str, tuple[int, timedelta | None]]:
    """Return the count and the quantile of each duration from one step to another."""
    spans = {
        name: nw.when(nw.col(f"ok_{to}") == 1).then(nw.col(f"t_{to}") - nw.col(f"t_{of}")).otherwise(nw.lit(FAR))
        for name, (to, of) in waits.items()
    }
    frame = frame.with_columns(one=nw.lit(1, nw.Int64()), **spans)
    ((*some,),) = to_rows(
        frame.select(*(nw.col(f"ok_{to}").sum().alias(name) for name, (to, _) in waits.items())), *waits
    )
    counts = dict(zip(waits, map(whole, some), strict=True))
    indexes = {f"place_{name}": nw.col("one").cum_sum().over("one", order_by=name) for name in waits}
    at = {name: nw.col(f"place_{name}") == ceil(quantile * count - 1e-9) for name, count in counts.items()}
    ranked = frame.with_columns(**indexes).select(
        **{name: nw.when(at[name]).then(nw.col(name)).otherwise(nw.lit(-1, nw.Int64())) for name in waits}
    )
    ((*durations,),) = to_rows(ranked.select(*(nw.col(name).max() for name in waits)), *waits)
    return {name: (counts[name], _span(value)) for name, value in zip(waits, durations, strict=True)}


def _span(durations: object) -> timedelta | None:
    count = whole(durations)
    return None if durations is None or count < 0 else timedelta(microseconds=count)
