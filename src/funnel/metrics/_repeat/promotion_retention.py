"""Promotion retention: do people who first bought in a launch or promotion return like the rest?

A launch sells well and proves nothing (konsumen is not yet pelanggan). The buyers are therefore split by their first
purchase and given equal follow-up. Two rates are compared: who bought again at all, and who bought again outside any
promotion.

Source: the article "Repeat order"; the interval of the difference is Newcombe's (see `funnel.metrics._rate`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import attrs
import narwhals as nw

from funnel._arguments import SpanLike
from funnel._dataframes.adapter import Frame
from funnel._expr.to_narwhals import to_int
from funnel._format import Table, Tabular
from funnel._results import Charted, Rows
from funnel.logs import Logs
from funnel.metrics._display import days, percent
from funnel.metrics._purchases import PERSON
from funnel.metrics._rate import DEFAULT_MIN_PEOPLE, Difference
from funnel.metrics._repeat.window import RepeatRate, RepeatWindow, numbered_occasions

_CAVEAT = (
    "This compares people, not the promotion itself: a promotion attracts different people, "
    "at a different time of year."
)


@attrs.frozen
class PromotionComparison:
    """Repeat rates of promotion buyers and of the rest, at equal follow-up.

    Attributes:
        promoted: Repeat rate of people whose first purchase was part of a promotion.
        rest: Repeat rate of people whose first purchase was not.
        difference: `promoted` less `rest`, with its interval.
    """

    promoted: RepeatRate
    rest: RepeatRate
    difference: Difference


@attrs.frozen
class PromotionRetention(Charted, Rows, Tabular):
    """Result of `promotion_retention`: two comparisons and their conclusion.

    Attributes:
        as_of: The evaluation time.
        within: Time from the first purchase in which a next purchase counts.
        repeat: Comparison by any next purchase.
        unprompted: Comparison by a next purchase outside any promotion: the business that remains after the promotion.
    """

    as_of: datetime
    within: timedelta
    repeat: PromotionComparison
    unprompted: PromotionComparison

    _CHART = "repeats.promotions"

    @property
    def summary(self) -> str:
        """Return the conclusion and its limits, as text."""
        return f"{self._conclusion} {_CAVEAT}" if self.unprompted.difference.is_reportable else self._conclusion

    @property
    def _conclusion(self) -> str:
        difference = self.unprompted.difference
        low, high, value = difference.ci_lower, difference.ci_upper, difference.value
        if low is None or high is None or value is None:
            return _too_few(self.unprompted, difference.min_people)
        share = percent(self.unprompted.promoted.rate.value)
        start = f"{share} of the promotion's buyers came back outside a promotion within {days(self.within)}"
        between = f"{abs(100 * value):.1f} points"
        if low > 0:
            return f"{start}, {between} more than of the rest ({100 * low:.1f} to {100 * high:.1f})."
        if high < 0:
            return f"{start}, {between} fewer than of the rest ({-100 * high:.1f} to {-100 * low:.1f})."
        return (
            f"{start}; the data do not show whether that is more or fewer than of the rest "
            f"(from {-100 * low:.1f} points fewer to {100 * high:.1f} more)."
        )

    def to_dicts(self) -> list[dict[str, object]]:
        """Return one row per comparison and group, ready for a dataframe."""
        return [
            {"bought": name, "first_purchase": group, **repeat.to_dict()}
            for name, comparison in (("repeat", self.repeat), ("unprompted", self.unprompted))
            for group, repeat in (("promoted", comparison.promoted), ("rest", comparison.rest))
        ]

    def _tables(self) -> Iterator[Table]:
        rows = [
            (name, comparison.promoted, comparison.rest, comparison.difference)
            for name, comparison in (("again", self.repeat), ("outside a promotion", self.unprompted))
        ]
        yield self.summary, ("bought", "first in a promotion", "the rest", "difference"), rows


def _too_few(comparison: PromotionComparison, min_people: int) -> str:
    counts = (
        f"{comparison.promoted.rate.trials:,} of the promotion's buyers and {comparison.rest.rate.trials:,} of the rest"
    )
    return f"Not enough people: {counts} have a closed window, each group needs {min_people:,}."


def promotion_retention(
    logs: Logs, within: SpanLike, *, as_of: datetime, min_people: int = DEFAULT_MIN_PEOPLE
) -> PromotionRetention:
    """Compare the repeat rates of promotion buyers with those of all other buyers.

    Args:
        logs: All records; `promotion` holds the name of the promotion of a purchase.
        within: Maximum time from the first purchase to the next occasion, inclusive.
        as_of: The evaluation time.
        min_people: Minimum number of people on each side for a conclusion.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: `within` is not a positive span.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs
        >>> when = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 2)]
        >>> rows = {"id": [1, 2, 3], "person_id": ["a", "a", "b"], "purchased_at": when, "amount": [9, 9, 9]}
        >>> bought = pl.DataFrame({**rows, "promotion": ["", "", "launch"]})
        >>> april = datetime(2026, 4, 1, tzinfo=UTC)
        >>> print(promotion_retention(Logs(purchases=bought), timedelta(days=30), as_of=april).summary)
        Not enough people: 1 of the promotion's buyers and 1 of the rest have a closed window, each group needs 30.
    """
    window = RepeatWindow.of(within, as_of)
    rows = numbered_occasions(logs, window.now)
    both = (window.is_repeat, window.is_repeat & (nw.col("promoted") == 0))
    comparisons = (_comparison(_rates(rows, soon, window), window, min_people) for soon in both)
    return PromotionRetention(window.as_of, window.within, *comparisons)


def _rates(rows: Frame | None, soon: nw.Expr, window: RepeatWindow) -> Mapping[int, RepeatRate]:
    """Return the rates by first purchase: promoted (1) or not (0)."""
    if rows is None:
        return {}
    began = to_int((nw.col("nth") == 1) & (nw.col("promoted") == 1))
    people = rows.with_columns(soon=to_int(soon), began=began).group_by(PERSON)
    each = people.agg(nw.col("first").min(), nw.col("soon").sum(), nw.col("began").max())
    return {int(began): rate for began, rate in window.rates(each, "began").items()}


def _comparison(rates: Mapping[int, RepeatRate], window: RepeatWindow, min_people: int) -> PromotionComparison:
    promoted, rest = (rates.get(began, window.rate()) for began in (1, 0))
    return PromotionComparison(promoted, rest, promoted.rate.minus(rest.rate, min_people=min_people))
