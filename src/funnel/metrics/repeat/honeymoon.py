"""The honeymoon test: do those who first bought at a launch or in a promotion come back like everyone else?

A launch sells well and proves nothing (konsumen is not yet pelanggan). So the buyers are told apart by their first
purchase, given the same time, and asked twice: who bought again at all, and who bought again outside any promotion.

Source: the article "Repeat order"; the interval of the difference is Newcombe's (see `funnel.metrics.rate`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import attrs
import narwhals as nw

from funnel._given import SpanLike, judgement, span
from funnel._instants import MICROSECOND, instant
from funnel._lift.columns import flag
from funnel.metrics._purchases import PERSON
from funnel.metrics._shown import as_html, as_text, days, percent
from funnel.metrics.rate import LEAST, Difference, Rate
from funnel.metrics.repeat.numbered import added_up, judged, numbered
from funnel.metrics.repeat.rates import RepeatRate

if TYPE_CHECKING:
    from funnel._frames import Frame
    from funnel.logs import Logs

_NOT_A_CAUSE = (
    "This compares people, not the promotion itself: it drew others than those who come without one, "
    "and at another time of year."
)


@attrs.frozen
class PromotionComparison:
    """Who bought again: the buyers of a launch or promotion beside the rest, at equal follow-up.

    Attributes:
        promoted: Of those whose first purchase was part of a promotion.
        rest: Of those whose first purchase was not.
        difference: The first less the second, with its interval.
    """

    promoted: RepeatRate
    rest: RepeatRate
    difference: Difference


@attrs.frozen
class Honeymoon:
    """The honeymoon test, and what can be concluded from it.

    Attributes:
        as_of: The instant of judgement.
        within: The time they had, from their first purchase.
        again: Who bought again at all.
        unprompted: Who bought again outside any promotion: what the shop lives on when it is over.
    """

    as_of: datetime
    within: timedelta
    again: PromotionComparison
    unprompted: PromotionComparison

    @property
    def says(self) -> str:
        """What can be concluded, and what cannot."""
        return f"{self._found} {_NOT_A_CAUSE}" if self.unprompted.difference.enough else self._found

    @property
    def _found(self) -> str:
        difference = self.unprompted.difference
        low, high, value = difference.low, difference.high, difference.value
        if low is None or high is None or value is None:
            return _too_few(self.unprompted, difference.least)
        share = percent(self.unprompted.promoted.rate.value)
        start = f"{share} of the promotion's buyers came back outside a promotion within {days(self.within)}"
        between = f"{abs(100 * value):.1f} points"
        if low > 0:
            return f"{start}, {between} more than of the rest ({100 * low:.1f} to {100 * high:.1f})."
        if high < 0:
            return f"{start}, {between} fewer than of the rest ({-100 * high:.1f} to {-100 * low:.1f})."
        return (
            f"{start}; whether that is more or fewer than of the rest cannot be told "
            f"(from {-100 * low:.1f} points fewer to {100 * high:.1f} more)."
        )

    def to_dicts(self) -> list[dict[str, object]]:
        """One row for each question and group, as a dataframe takes them."""
        return [
            {"bought": name, "first_purchase": group, **repeat.to_dict()}
            for name, asked in (("again", self.again), ("unprompted", self.unprompted))
            for group, repeat in (("promoted", asked.promoted), ("rest", asked.rest))
        ]

    def _rows(self) -> list[tuple[object, ...]]:
        return [
            (name, asked.promoted, asked.rest, asked.difference)
            for name, asked in (("again", self.again), ("outside a promotion", self.unprompted))
        ]

    _HEAD = ("bought", "first in a promotion", "the rest", "difference")

    def __str__(self) -> str:
        """Write what can be concluded, over the rates it is concluded from."""
        return f"{self.says}\n{as_text(self._HEAD, self._rows())}"

    def _repr_html_(self) -> str:
        return as_html(self._HEAD, self._rows(), above=self.says)


def _too_few(asked: PromotionComparison, least: int) -> str:
    counts = f"{asked.promoted.rate.among:,} of the promotion's buyers and {asked.rest.rate.among:,} of the rest"
    return f"Not enough to tell: {counts} have had the time, and {least:,} of each are needed."


def honeymoon(logs: Logs, within: SpanLike, *, as_of: datetime, least: int = LEAST) -> Honeymoon:
    """Do those who first bought at a launch or in a promotion come back like everyone else?

    Args:
        logs: Everyone's records; the purchases that are part of one have its name in `promotion`.
        within: The time from the first purchase to the next; its end is part of it.
        as_of: The instant of judgement.
        least: The fewest people of each side of whom a share is told.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: `within` is not a span above zero.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs
        >>> when = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 2)]
        >>> rows = {"id": [1, 2, 3], "person_id": ["a", "a", "b"], "purchased_at": when, "amount": [9, 9, 9]}
        >>> bought = pl.DataFrame({**rows, "promotion": ["", "", "launch"]})
        >>> print(honeymoon(Logs(purchases=bought), timedelta(days=30), as_of=datetime(2026, 4, 1, tzinfo=UTC)).says)
        Not enough to tell: 1 of the promotion's buyers and 1 of the rest have had the time, and 30 of each are needed.
    """
    now, length = judgement(as_of), span(within, "within")
    within = length * MICROSECOND
    rows = numbered(logs, now)
    again = _again(length)
    counted = [_counted(rows, soon, length, now) for soon in (again, again & (nw.col("promoted") == 0))]
    return Honeymoon(instant(now), within, *(_comparison(counts, within, least) for counts in counted))


def _again(length: int) -> nw.Expr:
    return (nw.col("nth") > 1) & (nw.col("t") - nw.col("first") <= length)


def _counted(rows: Frame | None, soon: nw.Expr, length: int, now: int) -> dict[int, tuple[int, int, int]]:
    """The counts of those whose first purchase was promoted (1) and of the rest (0)."""
    if rows is None:
        return {}
    began = flag((nw.col("nth") == 1) & (nw.col("promoted") == 1))
    people = rows.with_columns(soon=flag(soon), began=began).group_by(PERSON)
    each = people.agg(nw.col("first").min(), nw.col("soon").sum(), nw.col("began").max())
    counts = added_up(judged(each, "first", "soon", length, now), "began")
    return {int(str(began)): counted for (began,), counted in counts.items()}


def _comparison(counts: dict[int, tuple[int, int, int]], within: timedelta, least: int) -> PromotionComparison:
    promoted, rest = (_rate(counts.get(began, (0, 0, 0)), within) for began in (1, 0))
    return PromotionComparison(promoted, rest, promoted.rate.minus(rest.rate, least=least))


def _rate(counted: tuple[int, int, int], within: timedelta) -> RepeatRate:
    hits, had, pending = counted
    return RepeatRate(within, Rate(hits, had), pending)
