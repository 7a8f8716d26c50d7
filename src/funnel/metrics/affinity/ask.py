"""What to offer next: which things are bought together, and which after which.

Laws: a pair that is met too seldom is not told of; the lift of a pair bought together is the same both ways; what is
offered to one person is what the table offers them.

Only what people did is counted. That a thing follows another says what to offer first, not that the offer brings it
about: for that, offer it to some and not to others.
Source: R. Agrawal, T. Imielinski and A. Swami, "Mining association rules between sets of items in large databases",
SIGMOD (1993), 207-216, for support and confidence; lift is how many times as often as without the first thing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from funnel._given import SpanLike, count_of, each, instance, judgement, span
from funnel._instants import MICROSECOND, instant
from funnel._people import histories_of
from funnel.metrics._shown import as_html, as_text, days
from funnel.metrics.affinity.pairs import Counts, counted, counted_of, held
from funnel.metrics.rate import LEAST, Rate

if TYPE_CHECKING:
    from funnel.history import History
    from funnel.logs import Logs

_SHOWN = 10
"""A table as text shows so many pairs and says how many more there are."""


@attrs.frozen
class Pair:
    """Two things, of which the second goes with the first, or follows it.

    Attributes:
        sku: The first thing.
        other: The second thing.
        support: How often both are met, of all purchases, or of all people who have had the time.
        confidence: How often the second is met where the first is.
        lift: How many times as often that is as elsewhere; 1 is chance.
    """

    sku: str
    other: str
    support: Rate
    confidence: Rate
    lift: float

    def to_dict(self) -> dict[str, Any]:
        """Both things, and how often they are met, by name."""
        return {
            "sku": self.sku,
            "other": self.other,
            "times": self.support.hits,
            "support": self.support.value,
            "confidence": self.confidence.value,
            "low": self.confidence.low,
            "high": self.confidence.high,
            "lift": self.lift,
        }

    def __str__(self) -> str:
        """Write both, how sure it is, and the lift."""
        return f"{self.sku}, then {self.other}: {self.confidence}, lift {self.lift:.2f}"


@attrs.frozen
class Affinity:
    """Which things are bought together, and which after which; the most certain first.

    Attributes:
        as_of: The instant of judgement.
        within: The time within which one thing follows another.
        least: The fewest times that a pair must be met.
        together: Pairs in one purchase, each both ways.
        in_order: Pairs of which the second was bought after the first and within the time, of those who have had it.
    """

    as_of: datetime
    within: timedelta
    least: int
    together: tuple[Pair, ...]
    in_order: tuple[Pair, ...]

    @classmethod
    def of(cls, histories: Iterable[History], within: SpanLike, *, as_of: datetime, least: int = LEAST) -> Affinity:
        """The same of people's histories, in plain Python, with no table.

        Args:
            histories: People's records; the things stand in the lines of their purchases.
            within: The time within which one thing follows another; its end is part of it.
            as_of: The instant of judgement.
            least: The fewest times that a pair must be met.

        Raises:
            InstantError: `as_of` is naive.
            ArgumentError: `within` is not a span above zero, or `least` no whole number from 1 up.
        """
        now, length = judgement(as_of), span(within, "within")
        within = length * MICROSECOND
        people, few = histories_of(histories), count_of(least, "least", least=1)
        return _affinity(counted_of(people, length, now, few), now, within, few)

    def next_after(self, bought: Collection[str], most: int = 3) -> tuple[Pair, ...]:
        """What to offer next to somebody who has bought these things: what follows them more often than by chance.

        Args:
            bought: What they have bought; none of it is offered.
            most: How many things at most.

        Returns:
            A pair for each thing to offer, the most certain first; its first thing is why.
        """
        return _best(self.in_order, bought, most)

    def beside(self, basket: Collection[str], most: int = 3) -> tuple[Pair, ...]:
        """What to offer beside the things of a basket: what is bought together with them more often than by chance.

        Args:
            basket: What is in it; none of it is offered.
            most: How many things at most.

        Returns:
            A pair for each thing to offer, the most certain first; its first thing is why.
        """
        return _best(self.together, basket, most)

    def to_dicts(self) -> list[dict[str, Any]]:
        """One row for each pair, as a dataframe takes them."""
        named = (("together", self.together), ("in_order", self.in_order))
        return [{"how": how, **pair.to_dict()} for how, pairs in named for pair in pairs]

    def _tables(self) -> Iterator[tuple[str, Sequence[Pair]]]:
        yield "Bought together", self.together
        yield f"Bought after, within {days(self.within)}", self.in_order

    _HEAD = ("first", "second", "where the first is", "lift")

    @staticmethod
    def _rows(pairs: Sequence[Pair]) -> list[tuple[object, ...]]:
        return [(pair.sku, pair.other, pair.confidence, f"{pair.lift:.2f}") for pair in pairs]

    def _text(self, title: str, pairs: Sequence[Pair]) -> str:
        if not pairs:
            return f"{title}: no pair was met {self.least:,} times."
        more = [f"and {len(pairs) - _SHOWN:,} more"] if len(pairs) > _SHOWN else []
        return "\n".join([f"{title}:", as_text(self._HEAD, self._rows(pairs[:_SHOWN])), *more])

    def __str__(self) -> str:
        """Write the first pairs of both tables."""
        return "\n\n".join(self._text(title, pairs) for title, pairs in self._tables())

    def _repr_html_(self) -> str:
        return "".join(as_html(self._HEAD, self._rows(pairs), above=title) for title, pairs in self._tables())


def affinity(logs: Logs, lines: object, within: SpanLike, *, as_of: datetime, least: int = LEAST) -> Affinity:
    """Which things are bought together, and which after which.

    Together: of the purchases that hold the first thing, how many hold the second. In order: of the people who first
    bought the first thing at least so long ago, how many bought the second later and within that time, whatever else
    they bought. Only purchases that count are looked at; what was given back in whole was not bought.

    The lift of a pair in order compares with how often the second thing follows any of the other things.

    Args:
        logs: Everyone's records, with the purchases.
        lines: A dataframe of the logs' engine with `purchase_id` and `sku` (and `source`, if the logs have one), a row
            for each thing that a purchase held.
        within: The time within which one thing follows another; its end is part of it.
        as_of: The instant of judgement.
        least: The fewest times that a pair must be met to be told of.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: `within` is not a span above zero.
        LogsError: The lines are at fault.
        ArgumentError: `least` is not a whole number from 1 up.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs
        >>> when = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 8, 9, 5)]
        >>> bought = {"id": [1, 2, 3, 4, 5], "person_id": list("ababc"), "purchased_at": when, "amount": [9] * 5}
        >>> lines = pl.DataFrame({"purchase_id": [1, 2, 3, 4, 5], "sku": ["pot", "pot", "cup", "cup", "jar"]})
        >>> logs = Logs(purchases=pl.DataFrame(bought))
        >>> found = affinity(logs, lines, timedelta(days=10), as_of=datetime(2026, 4, 1, tzinfo=UTC), least=1)
        >>> for pair in found.next_after(["pot"]):
        ...     print(pair)
        pot, then cup: 100.0 % (2 of 2; 34.2 to 100.0 %), lift 1.50
    """
    now, length = judgement(as_of), span(within, "within")
    within = length * MICROSECOND
    few = count_of(least, "least", least=1)
    rows = held(logs, lines, now)
    counts = Counts(0, {}, {}, 0, {}, {}, {}) if rows is None else counted(rows, length, now, few)
    return _affinity(counts, now, within, least)


def _affinity(counts: Counts, now: int, within: timedelta, least: int) -> Affinity:
    together, in_order = (tuple(sorted(pairs, key=_order)) for pairs in (_together(counts), _in_order(counts)))
    return Affinity(instant(now), within, least, together, in_order)


def _order(pair: Pair) -> tuple[float, int, str, str]:
    """The most certain first; among equals the more frequent."""
    return -(pair.confidence.value or 0.0), -pair.confidence.hits, pair.other, pair.sku


def _together(counts: Counts) -> Iterator[Pair]:
    for (one, two), many in counts.together.items():
        lift = many * counts.baskets / (counts.in_baskets[one] * counts.in_baskets[two])
        for sku, other in ((one, two), (two, one)):
            yield Pair(sku, other, Rate(many, counts.baskets), Rate(many, counts.in_baskets[sku]), lift)


def _in_order(counts: Counts) -> Iterator[Pair]:
    asked = sum(counts.began.values())
    for (sku, other), many in counts.after.items():
        began = counts.began[sku]
        lift = many * (asked - counts.began.get(other, 0)) / (began * counts.onto[other])
        yield Pair(sku, other, Rate(many, counts.people), Rate(many, began), lift)


def _best(pairs: Sequence[Pair], known: Collection[str], most: int) -> tuple[Pair, ...]:
    """For each thing that is not known, the most certain pair that leads to it from one that is."""
    known, most = frozenset(_things(known)), count_of(most, "most", least=0)
    found: dict[str, Pair] = {}
    for pair in pairs:
        if pair.lift > 1 and pair.sku in known and pair.other not in known:
            found.setdefault(pair.other, pair)
    return tuple(found.values())[:most]


def _things(given: object) -> Iterator[str]:
    for one in each(given, "what they hold", "a list of skus"):
        yield instance(one, str, "a sku", "text")
