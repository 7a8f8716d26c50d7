"""Repeat rates: the transition from customer (konsumen) to repeat customer (pelanggan).

Three rates have separate names, because they answer different questions:

- `repeat_rate_within`: the share of people who bought again within a time, of people whose window is complete. It is
  comparable between shops and between years. A person whose window is open is pending, and never counts as lost.
- `repeat_rate`: the share of all buyers who have bought again by now. It is low in a young shop, because most buyers
  have not had enough time.
- `returning_rate`: the share of recent buyers who had bought before. It is high in a shop without new customers.

Purchases less than a day apart are one occasion, and a person has bought again from the second occasion on.

Source: the article "Repeat order". Only the first rate is not biased by open windows.
"""

from __future__ import annotations

from datetime import datetime

import attrs
import narwhals as nw

from funnel._arguments import SpanLike, parse_as_of, span
from funnel._dataframes.adapter import Frame
from funnel._dataframes.compute import to_rows, whole
from funnel._expr.to_narwhals import int_lit, to_int
from funnel._format import as_html
from funnel._results import Charted, Rows
from funnel._time import NEVER
from funnel.logs import Logs
from funnel.metrics._display import days
from funnel.metrics._purchases import ORDER, PERSON, begins_occasion, valid_purchases, with_gap
from funnel.metrics._rate import Rate
from funnel.metrics._repeat.window import RepeatRate, RepeatWindow


@attrs.frozen
class RepeatRates(Charted, Rows):
    """Result of `repeat_rates`: the three repeat rates, the comparable one first.

    Attributes:
        as_of: The evaluation time.
        within: Buyers who bought again within the time, of buyers whose window is complete.
        ever: Buyers who have bought again by now, of all buyers.
        returning: Buyers who had bought before, of buyers in the same time up to `as_of`.
        joined: Number of purchases less than a day after another one. Both are one occasion.
    """

    as_of: datetime
    within: RepeatRate
    ever: Rate
    returning: Rate
    joined: int

    _CHART = "repeats.rates"

    def to_dicts(self) -> list[dict[str, object]]:
        """Return one row per rate, ready for a dataframe."""
        rates = {"within": self.within.rate, "ever": self.ever, "returning": self.returning}
        pending = {"within": self.within.pending}
        return [{"name": name, **rate.to_dict(), "pending": pending.get(name, 0)} for name, rate in rates.items()]

    def _rows(self) -> list[tuple[str, object]]:
        length = days(self.within.within)
        return [
            (f"bought again within {length}", self.within),
            ("have bought again by now", self.ever),
            (f"bought in the last {length}, not for the first time", self.returning),
        ]

    def __str__(self) -> str:
        """Return the three rates as text, one line each, and the purchases that count with another one."""
        return "\n".join([*(f"{label}: {rate}" for label, rate in self._rows()), *self._joined()])

    def _joined(self) -> list[str]:
        """Return the sentence about purchases that are part of an earlier occasion, if there are any."""
        if not self.joined:
            return []
        subject, verb = ("purchase", "counts") if self.joined == 1 else ("purchases", "count")
        return [f"{self.joined:,} {subject} within a day of another {verb} with it"]

    def _html(self) -> str:
        return as_html(("who", "how many"), self._rows(), above="".join(self._joined()))


def repeat_rates(logs: Logs, within: SpanLike, *, as_of: datetime) -> RepeatRates:
    """Compute the three repeat rates in one pass.

    For rates by origin, first product or an own column, use `repeat_by`.

    Args:
        logs: All records.
        within: Maximum time from the first purchase to the next occasion, inclusive. `returning` looks back
            equally far.
        as_of: The evaluation time.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: `within` is not a positive span.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs
        >>> when = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
        >>> bought = {"id": [1, 2, 3], "person_id": ["a", "a", "b"], "purchased_at": when, "amount": [9, 9, 9]}
        >>> logs = Logs(purchases=pl.DataFrame(bought))
        >>> print(repeat_rates(logs, timedelta(days=60), as_of=datetime(2026, 4, 1, tzinfo=UTC)))
        bought again within 60 d: 100.0 % (1 of 1; 20.7 to 100.0 %); 1 pending
        have bought again by now: 50.0 % (1 of 2; 9.5 to 90.5 %)
        bought in the last 60 d, not for the first time: 50.0 % (1 of 2; 9.5 to 90.5 %)
    """
    window = RepeatWindow.of(within, as_of)
    people = _people(logs, window)
    if people is None:
        return RepeatRates(window.as_of, window.rate(), Rate(0, 0), Rate(0, 0), 0)
    lately, has_repeated = nw.col("last") >= window.now - window.length, nw.col("bought") > 1
    flags = {**window.flags(), "again": to_int(has_repeated), "once": int_lit(1)}
    flags |= {
        "back": to_int(lately & has_repeated),
        "lately": to_int(lately),
        "joined": nw.col("orders") - nw.col("bought"),
    }
    (row,) = to_rows(people.select(**flags).select(*(nw.col(name).sum() for name in flags)), *flags)
    hit, had, pending, successes, trials, back, buyers, joined = map(whole, row)
    within_time = window.rate(hit, had, pending)
    return RepeatRates(window.as_of, within_time, Rate(successes, trials), Rate(back, buyers), joined)


def repeat_rate_within(logs: Logs, within: SpanLike, *, as_of: datetime) -> RepeatRate:
    """Compute the share of buyers who bought again within a time.

    Buyers whose window is still open are excluded from the rate.

    Args:
        logs: All records.
        within: Maximum time from the first purchase to the next occasion, inclusive.
        as_of: The evaluation time.

    Returns:
        The rate and the number of pending people.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: `within` is not a positive span.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs
        >>> when = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
        >>> bought = {"id": [1, 2, 3], "person_id": ["a", "a", "b"], "purchased_at": when, "amount": [9, 9, 9]}
        >>> logs = Logs(purchases=pl.DataFrame(bought))
        >>> print(repeat_rate_within(logs, timedelta(days=60), as_of=datetime(2026, 4, 1, tzinfo=UTC)))
        100.0 % (1 of 1; 20.7 to 100.0 %); 1 pending
    """
    return repeat_rates(logs, within, as_of=as_of).within


def repeat_rate(logs: Logs, *, as_of: datetime) -> Rate:
    """Compute the share of buyers who have bought again by now.

    Args:
        logs: All records.
        as_of: The evaluation time.

    Returns:
        People with at least two occasions (repeat customers), of people with at least one.

    Raises:
        InstantError: `as_of` is naive.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime
        >>> from funnel import Logs
        >>> when = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
        >>> bought = {"id": [1, 2, 3], "person_id": ["a", "a", "b"], "purchased_at": when, "amount": [9, 9, 9]}
        >>> repeat_rate(Logs(purchases=pl.DataFrame(bought)), as_of=datetime(2026, 4, 1, tzinfo=UTC))
        Rate(successes=1, trials=2, confidence_level=0.95)
    """
    return _rate_since(logs, NEVER, parse_as_of(as_of))


def returning_rate(logs: Logs, within: SpanLike, *, as_of: datetime) -> Rate:
    """Compute the share of recent buyers who had bought before.

    Other tools call this the returning customer rate. It describes who shops now, not whether new customers return: it
    rises when fewer new customers arrive.

    Args:
        logs: All records.
        within: How far back to look, including its start.
        as_of: The evaluation time and end of the time.

    Returns:
        People with a purchase in the time and at least two occasions by now, of people with a purchase in it.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: `within` is not a positive span.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs
        >>> when = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
        >>> bought = {"id": [1, 2, 3], "person_id": ["a", "a", "b"], "purchased_at": when, "amount": [9, 9, 9]}
        >>> logs = Logs(purchases=pl.DataFrame(bought))
        >>> print(returning_rate(logs, timedelta(days=60), as_of=datetime(2026, 4, 1, tzinfo=UTC)))
        50.0 % (1 of 2; 9.5 to 90.5 %)
    """
    now = parse_as_of(as_of)
    return _rate_since(logs, now - span(within, "within"), now)


def _people(logs: Logs, window: RepeatWindow) -> Frame | None:
    """Return each buyer's first and last purchase, numbers of occasions and orders, and of repeats within the time."""
    valid = valid_purchases(logs, window.now)
    if valid is None:
        return None
    firsts = valid.group_by(PERSON).agg(nw.col("t").min().alias("first"))
    rows = with_gap(valid.select(PERSON, *ORDER)).join(firsts, on=PERSON, how="inner")
    in_time = nw.col("t") - nw.col("first") <= window.length
    soon = rows.with_columns(bought=to_int(begins_occasion()), soon=to_int(begins_occasion() & in_time))
    edges = (
        nw.col("first").min(),
        nw.col("t").max().alias("last"),
        nw.col("bought").sum(),
        nw.col("t").count().alias("orders"),
    )
    return soon.group_by(PERSON).agg(*edges, nw.col("soon").sum()).with_columns(soon=nw.col("soon") - 1)


def _rate_since(logs: Logs, start: int, now: int) -> Rate:
    """Return how many buyers since an instant have bought on at least two occasions."""
    rows = valid_purchases(logs, now)
    if rows is None:
        return Rate(0, 0)
    flagged = with_gap(rows.select(PERSON, *ORDER)).with_columns(bought=to_int(begins_occasion()))
    people = flagged.group_by(PERSON).agg(nw.col("t").max().alias("last"), nw.col("bought").sum())
    flags = people.filter(nw.col("last") >= start).select(again=to_int(nw.col("bought") > 1), once=int_lit(1))
    ((successes, trials),) = to_rows(flags.select(nw.col("again").sum(), nw.col("once").sum()), "again", "once")
    return Rate(whole(successes), whole(trials))
