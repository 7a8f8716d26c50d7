"""The rhythm of a shop's buyers: how long it typically is from one purchase to the next, and how regular that is.

Law: the time between purchases is told in times that were seen, never between two of them: the quarter marks are the
smallest times that at least so large a share of all does not exceed.

Only times that have ended are seen, and who buys often has many of them; how long it takes a buyer to come back, with
those who never did, is another question (`purchase_steps`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import attrs
import narwhals as nw

from funnel._frames import kept
from funnel._given import count_of, judgement
from funnel._instants import MICROSECOND, instant
from funnel.metrics._purchases import PERSON, told, whole
from funnel.metrics._shown import as_html, days
from funnel.metrics.rate import LEAST
from funnel.metrics.repeat.numbered import numbered

if TYPE_CHECKING:
    from funnel._frames import Frame
    from funnel.logs import Logs

_QUARTERS = (1, 2, 3)
_SECOND = 1_000_000
_FINE = 10_000
"""The share that the first of two times is of both is kept in ten-thousandths, so that every engine adds up alike."""


@attrs.frozen
class Rhythm:
    """How long it is from one purchase to the next, and how regular that is.

    Attributes:
        as_of: The instant of judgement.
        people: How many people have bought twice or more.
        gaps: How many times from one purchase to the next there are.
        quarters: The times that a quarter, half and three quarters of them do not exceed; None where there is none.
        pairs: How many people have two such times to compare, not both of less than a second.
        regularity: Wheat and Morrison's k: about 1 where purchases come at random, larger where they are regular, near
            0 where they come in bursts. None where too few have two times, or all of them are alike.
        least: The fewest people of whom the regularity is told.
    """

    as_of: datetime
    people: int
    gaps: int
    quarters: tuple[timedelta, timedelta, timedelta] | None
    pairs: int
    regularity: float | None
    least: int

    @property
    def typical(self) -> timedelta | None:
        """The time that half of all times do not exceed: their median; None where there is none."""
        return None if self.quarters is None else self.quarters[1]

    def to_dict(self) -> dict[str, object]:
        """Every part by name."""
        told: dict[str, object] = attrs.asdict(self, recurse=False)
        return {**told, "typical": self.typical}

    def _rows(self) -> list[tuple[str, object]]:
        if self.quarters is None:
            return [("from one purchase to the next", "nobody has bought twice")]
        short, typical, long = map(days, self.quarters)
        between = f"{typical} (the middle half: {short} to {long}; {self.gaps:,} times of {self.people:,} people)"
        return [("from one purchase to the next", between), ("regularity", self._regular)]

    @property
    def _regular(self) -> str:
        if self.regularity is not None:
            return f"k = {self.regularity:.2f} of {self.pairs:,} people; 1 is chance, more is regular"
        few = self.pairs < self.least
        return f"not enough: {self.pairs:,} of {self.least:,}" if few else f"all alike, of {self.pairs:,} people"

    def __str__(self) -> str:
        """Write both, a line each."""
        return "\n".join(f"{what}: {said}" for what, said in self._rows())

    def _repr_html_(self) -> str:
        return as_html(("what", "how long"), self._rows())


def purchase_rhythm(logs: Logs, *, as_of: datetime, least: int = LEAST) -> Rhythm:
    """How long it is from one purchase to the next, and how regular that is.

    The regularity is k = (1 - 4V) / 8V, where V is the variance of the share that a person's first time between
    purchases is of their first two. Source: R. D. Wheat and D. G. Morrison, "Estimating purchase regularity with two
    interpurchase times", Journal of Marketing Research 27 (1990), 87-93.

    Args:
        logs: Everyone's records.
        as_of: The instant of judgement.
        least: The fewest people, each with three purchases or more, of whom the regularity is told.

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
    now = judgement(as_of)
    count_of(least, "least", least=1)
    rows = numbered(logs, now)
    if rows is None:
        return Rhythm(instant(now), 0, 0, None, 0, None, least)
    gaps = kept(_gaps(rows))
    counted = gaps.select(gaps=nw.len(), people=(nw.col("nth") == 2).cast(nw.Int64()).sum())  # noqa: PLR2004 - the first
    ((many, people),) = told(counted, "gaps", "people")
    shares = _shares(gaps)
    pairs = sum(shares.values())
    regularity = _regularity(shares, pairs) if pairs >= max(least, 2) else None
    return Rhythm(instant(now), whole(people), whole(many), _quarters(gaps, whole(many)), pairs, regularity, least)


def _gaps(rows: Frame) -> Frame:
    """Every purchase but the first of each person, with how long after the one before it came."""
    before = rows.with_columns(_before=nw.col("t").shift(1).over(PERSON, order_by="nth")).filter(nw.col("nth") > 1)
    return before.select(PERSON, "nth", gap=(nw.col("t") - nw.col("_before")).cast(nw.Int64()))


def _quarters(gaps: Frame, many: int) -> tuple[timedelta, timedelta, timedelta] | None:
    """The smallest times that a quarter, half and three quarters of all do not exceed."""
    if many == 0:
        return None
    places = [-(-quarter * many // 4) - 1 for quarter in _QUARTERS]
    placed = gaps.with_row_index("_place", order_by=("gap", PERSON, "nth"))
    found = dict(told(placed.filter(nw.col("_place").is_in(places)), "_place", "gap"))
    short, typical, long = (int(found[place]) * MICROSECOND for place in places)
    return short, typical, long


def _shares(gaps: Frame) -> Mapping[int, int]:
    """How many people by the share, in ten-thousandths, that their first time is of their first two."""
    first, second = (
        nw.when(nw.col("nth") == nth).then(nw.col("gap")).otherwise(nw.lit(0, nw.Int64())) for nth in (2, 3)
    )
    parts = gaps.filter(nw.col("nth") <= 3).with_columns(_first=first, _second=second)  # noqa: PLR2004 - of two times
    sums = (nw.col("_first").sum(), nw.col("_second").sum(), nw.col("nth").max().alias("_last"))
    both = parts.group_by(PERSON).agg(*sums).filter(nw.col("_last") == 3)  # noqa: PLR2004 - who has two
    seconds = both.with_columns(
        _part=nw.col("_first").cast(nw.Int64()) // _SECOND,
        _whole=(nw.col("_first") + nw.col("_second")).cast(nw.Int64()) // _SECOND,
    ).filter(nw.col("_whole") > 0)
    shares = seconds.select(PERSON, share=_FINE * nw.col("_part") // nw.col("_whole"))
    counts = told(shares.group_by("share").agg(nw.col(PERSON).count().alias("people")), "share", "people")
    return {int(share): int(people) for share, people in counts}


def _regularity(shares: Mapping[int, int], pairs: int) -> float | None:
    """Wheat and Morrison's k; None where all shares are alike."""
    total = sum(share * people for share, people in shares.items())
    squares = sum(share * share * people for share, people in shares.items())
    spread = squares * pairs - total * total
    if spread == 0:
        return None
    variance = spread / (pairs * (pairs - 1) * _FINE * _FINE)
    return max((1 - 4 * variance) / (8 * variance), 0.0)
