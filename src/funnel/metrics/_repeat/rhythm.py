"""Purchase rhythm: the typical time between occasions, and its regularity.

Purchases less than a day apart are one occasion. A time is from the last purchase of one occasion to the first of the
next.

Invariant: a reported time is an observed time, never an interpolation. A quartile is the smallest time that at least
that share of all times does not exceed.

Only completed times are observed, and a frequent buyer has many of them. `purchase_steps` answers another question: how
long a buyer takes to return, including buyers who never did.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import attrs
import narwhals as nw

from funnel._arguments import count_of, parse_as_of
from funnel._dataframes.adapter import Frame, collect_once
from funnel._dataframes.compute import to_rows, whole
from funnel._format import as_html
from funnel._results import Charted
from funnel._time import MICROSECOND, instant
from funnel.logs import Logs
from funnel.metrics._display import days
from funnel.metrics._purchases import PERSON
from funnel.metrics._rate import DEFAULT_MIN_PEOPLE
from funnel.metrics._repeat.window import numbered_occasions

_QUARTERS = (1, 2, 3)
_SECOND = 1_000_000
_FINE = 10_000
"""Resolution of a share: the first time divided by both times, in ten-thousandths, so every engine gives the same sum.
"""


@attrs.frozen
class Rhythm(Charted):
    """Typical time between occasions and its regularity.

    Attributes:
        as_of: The evaluation time.
        people: Number of people with at least two occasions.
        gaps: Number of times between consecutive occasions.
        quarters: The times that a quarter, half and three quarters of the gaps do not exceed; None without gaps.
        pairs: Number of people with two gaps to compare.
        regularity: Wheat and Morrison's k: about 1 if purchases come at random, larger if they are regular, near 0 if
            they come in bursts. None if too few people have two gaps, or all gaps are alike.
        min_people: Minimum number of people for a reported regularity.
    """

    as_of: datetime
    people: int
    gaps: int
    quarters: tuple[timedelta, timedelta, timedelta] | None
    pairs: int
    regularity: float | None
    min_people: int

    _CHART = "repeats.rhythm"

    @property
    def typical(self) -> timedelta | None:
        """Return the median time between occasions; None without gaps."""
        return None if self.quarters is None else self.quarters[1]

    def to_dict(self) -> dict[str, object]:
        """Return every field by name."""
        figures: dict[str, object] = attrs.asdict(self, recurse=False)
        return {**figures, "typical": self.typical}

    def _rows(self) -> list[tuple[str, object]]:
        if self.quarters is None:
            return [("from one purchase to the next", "nobody has bought twice")]
        short, typical, long = map(days, self.quarters)
        between = f"{typical} (the middle half: {short} to {long}; {self.gaps:,} times of {self.people:,} people)"
        return [("from one purchase to the next", between), ("regularity", self._regular)]

    @property
    def _regular(self) -> str:
        if self.regularity is not None:
            return f"k = {self.regularity:.2f} of {self.pairs:,} people; 1 is random, more is regular"
        few = self.pairs < self.min_people
        return (
            f"not enough: {self.pairs:,} of {self.min_people:,}" if few else f"all gaps equal, of {self.pairs:,} people"
        )

    def __str__(self) -> str:
        """Return the times and the regularity as text, one line each."""
        return "\n".join(f"{label}: {text}" for label, text in self._rows())

    def _html(self) -> str:
        return as_html(("what", "how long"), self._rows())


def purchase_rhythm(logs: Logs, *, as_of: datetime, min_people: int = DEFAULT_MIN_PEOPLE) -> Rhythm:
    """Compute the typical time between occasions, and its regularity.

    The regularity is k = (1 - 4V) / 8V. V is the variance of a person's first gap as a share of their first two gaps.
    Source: R. D. Wheat and D. G. Morrison, "Estimating purchase regularity with two interpurchase times", Journal of
    Marketing Research 27 (1990), 87-93.

    Args:
        logs: All records.
        as_of: The evaluation time.
        min_people: Minimum number of people with at least three occasions for a reported regularity.

    Raises:
        InstantError: `as_of` is naive.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime
        >>> from funnel import Logs
        >>> when = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 8, 16, 2)]
        >>> rows = {"id": [1, 2, 3, 4], "person_id": ["a", "a", "a", "b"], "purchased_at": when, "amount": [9] * 4}
        >>> print(purchase_rhythm(Logs(purchases=pl.DataFrame(rows)), as_of=datetime(2026, 4, 1, tzinfo=UTC)))
        from one purchase to the next: 7 d (the middle half: 7 d to 8 d; 2 times of 1 people)
        regularity: not enough: 1 of 30
    """
    now = parse_as_of(as_of)
    count_of(min_people, "min_people", minimum=1)
    rows = numbered_occasions(logs, now)
    if rows is None:
        return Rhythm(instant(now), 0, 0, None, 0, None, min_people)
    gaps = collect_once(_gaps(rows))
    totals = gaps.select(gaps=nw.len(), people=(nw.col("nth") == 2).cast(nw.Int64()).sum())  # noqa: PLR2004 - the first
    ((gap_count, people),) = to_rows(totals, "gaps", "people")
    shares = _shares(gaps)
    pairs = sum(shares.values())
    regularity = _regularity(shares, pairs) if pairs >= max(min_people, 2) else None
    return Rhythm(
        instant(now), whole(people), whole(gap_count), _quarters(gaps, whole(gap_count)), pairs, regularity, min_people
    )


def _gaps(rows: Frame) -> Frame:
    """Return all occasions but the first, with the time since the previous purchase."""
    return rows.filter(nw.col("nth") > 1).select(PERSON, "nth", "gap")


def _quarters(gaps: Frame, many: int) -> tuple[timedelta, timedelta, timedelta] | None:
    """Return the smallest times that 25 %, 50 % and 75 % of gaps do not exceed."""
    if many == 0:
        return None
    indexes = [-(-quarter * many // 4) - 1 for quarter in _QUARTERS]
    placed = gaps.with_row_index("_place", order_by=("gap", PERSON, "nth"))
    gap_by_index = dict(to_rows(placed.filter(nw.col("_place").is_in(indexes)), "_place", "gap"))
    short, typical, long = (int(gap_by_index[index]) * MICROSECOND for index in indexes)
    return short, typical, long


def _shares(gaps: Frame) -> Mapping[int, int]:
    """Count people by first gap as a share of the first two, in ten-thousandths."""
    first, second = (
        nw.when(nw.col("nth") == nth).then(nw.col("gap")).otherwise(nw.lit(0, nw.Int64())) for nth in (2, 3)
    )
    parts = gaps.filter(nw.col("nth") <= 3).with_columns(_first=first, _second=second)  # noqa: PLR2004 - of two times
    sums = (nw.col("_first").sum(), nw.col("_second").sum(), nw.col("nth").max().alias("_last"))
    both = parts.group_by(PERSON).agg(*sums).filter(nw.col("_last") == 3)  # noqa: PLR2004 - who has two
    seconds = both.with_columns(
        _part=nw.col("_first").cast(nw.Int64()) // _SECOND,
        _whole=(nw.col("_first") + nw.col("_second")).cast(nw.Int64()) // _SECOND,
    )
    shares = seconds.select(PERSON, share=_FINE * nw.col("_part") // nw.col("_whole"))
    counts = to_rows(shares.group_by("share").agg(nw.col(PERSON).count().alias("people")), "share", "people")
    return {int(share): int(people) for share, people in counts}


def _regularity(shares: Mapping[int, int], pairs: int) -> float | None:
    """Return Wheat and Morrison's k; None if all shares are alike."""
    total = sum(share * people for share, people in shares.items())
    squares = sum(share * share * people for share, people in shares.items())
    spread = squares * pairs - total * total
    if spread == 0:
        return None
    variance = spread / (pairs * (pairs - 1) * _FINE * _FINE)
    return max((1 - 4 * variance) / (8 * variance), 0.0)
