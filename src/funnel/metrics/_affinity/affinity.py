"""Product affinity: which products are bought together, and which are bought after one another.

Invariants: a pair below `min_people` is not reported. The lift of a pair bought together is the same in both
directions. `next_offers` offers a person exactly what `Affinity.next_after` offers them.

Affinity is observational: a pair says what to offer first, not that the offer causes the purchase. To measure the
effect, make the offer to some people and not to others.
Source: R. Agrawal, T. Imielinski and A. Swami, "Mining association rules between sets of items in large databases",
SIGMOD (1993), 207-216, for support and confidence. Lift is the ratio of the confidence to the rate without the first
product.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs
import narwhals as nw

from funnel._arguments import SpanLike, count_of, each, instance, parse_as_of, span
from funnel._dataframes.adapter import Frame, collect_once, distinct
from funnel._dataframes.frame_types import FrameT
from funnel._format import as_html, as_text
from funnel._people import histories_of
from funnel._results import Charted, Rows
from funnel._time import MICROSECOND, instant
from funnel.errors import ArgumentError
from funnel.history import History
from funnel.logs import Logs
from funnel.metrics._affinity.pairs import (
    OTHER_PRODUCT,
    PEOPLE,
    PERSON_KEY,
    PRODUCT,
    TRIALS,
    BoughtProducts,
    Counts,
    counts_of,
    counts_of_histories,
    followed,
    read_products,
    starts,
)
from funnel.metrics._display import days
from funnel.metrics._lines import SKU
from funnel.metrics._purchases import PERSON
from funnel.metrics._rate import DEFAULT_MIN_PEOPLE, Rate

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame


_MAX_ROWS = 10
"""Number of pairs that the text form of a table shows before it counts the rest."""


@attrs.frozen
class Pair:
    """Two products: the second is bought together with the first, or after it.

    Attributes:
        sku: The first product.
        other: The second product.
        support: How often both occur, as a share of all purchases, or of all people with a complete window.
        confidence: How often the second product occurs, given the first.
        lift: Ratio of the confidence to the rate without the first product; 1 means chance.
    """

    sku: str
    other: str
    support: Rate
    confidence: Rate
    lift: float

    def to_dict(self) -> dict[str, Any]:
        """Return both products and their figures by name."""
        return {
            "sku": self.sku,
            "other": self.other,
            "times": self.support.successes,
            "support": self.support.value,
            "confidence": self.confidence.value,
            "ci_lower": self.confidence.ci_lower,
            "ci_upper": self.confidence.ci_upper,
            "lift": self.lift,
        }

    def __str__(self) -> str:
        """Return the pair, its confidence and its lift as text."""
        return f"{self.sku}, then {self.other}: {self.confidence}, lift {self.lift:.2f}"


@attrs.frozen
class Affinity(Charted, Rows):
    """Result of `affinity`: pairs bought together and in order, most certain first.

    Attributes:
        as_of: The evaluation time.
        within: Maximum time from the first product to the second, inclusive.
        min_people: Minimum number of occurrences of a reported pair.
        together: Pairs in one purchase, each in both directions.
        in_order: Pairs whose second product was bought after the first and within the time. Only people whose window is
            complete are counted.
    """

    as_of: datetime
    within: timedelta
    min_people: int
    together: tuple[Pair, ...]
    in_order: tuple[Pair, ...]

    _CHART = "repeats.pairs"

    @classmethod
    def of(
        cls, histories: Iterable[History], within: SpanLike, *, as_of: datetime, min_people: int = DEFAULT_MIN_PEOPLE
    ) -> Affinity:
        """Compute the same from people's histories, without a dataframe.

        Args:
            histories: People's records; the products are in the lines of their purchases.
            within: Maximum time from the first product to the second, inclusive.
            as_of: The evaluation time.
            min_people: Minimum number of occurrences of a reported pair.

        Raises:
            InstantError: `as_of` is naive.
            ArgumentError: `within` is not a positive span, or `min_people` is not a whole number of at least 1.
        """
        now, length = parse_as_of(as_of), span(within, "within")
        within = length * MICROSECOND
        people, minimum = histories_of(histories), count_of(min_people, "min_people", minimum=1)
        return _affinity(counts_of_histories(people, length, now, minimum), now, within, minimum)

    def next_after(self, bought: Collection[str], most: int = 3) -> tuple[Pair, ...]:
        """Return what to offer next to a person who bought these products.

        Only products that follow a purchase more often than by chance are offered.

        Args:
            bought: The products the person bought; none of these is offered.
            most: Maximum number of products.

        Returns:
            One pair for each product to offer, most certain first. The first product of the pair is the reason.
        """
        return _best(self.in_order, bought, most)

    def beside(self, basket: Collection[str], most: int = 3) -> tuple[Pair, ...]:
        """Return what to offer beside the products of a basket.

        Only products bought together with the basket more often than by chance are offered.

        Args:
            basket: The products in the basket; none of these is offered.
            most: Maximum number of products.

        Returns:
            One pair for each product to offer, most certain first. The first product of the pair is the reason.
        """
        return _best(self.together, basket, most)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one row per pair, ready for a dataframe."""
        tables = (("together", self.together), ("in_order", self.in_order))
        return [{"how": how, **pair.to_dict()} for how, pairs in tables for pair in pairs]

    def _tables(self) -> Iterator[tuple[str, Sequence[Pair]]]:
        yield "Bought together", self.together
        yield f"Bought after, within {days(self.within)}", self.in_order

    _HEAD = ("first", "second", "of buyers of the first", "lift")

    @staticmethod
    def _rows(pairs: Sequence[Pair]) -> list[tuple[object, ...]]:
        return [(pair.sku, pair.other, pair.confidence, f"{pair.lift:.2f}") for pair in pairs]

    def _text(self, title: str, pairs: Sequence[Pair]) -> str:
        if not pairs:
            return f"{title}: no pair occurs {self.min_people:,} times."
        more = [f"and {len(pairs) - _MAX_ROWS:,} more"] if len(pairs) > _MAX_ROWS else []
        return "\n".join([f"{title}:", as_text(self._HEAD, self._rows(pairs[:_MAX_ROWS])), *more])

    def __str__(self) -> str:
        """Return the first pairs of both tables as text."""
        return "\n\n".join(self._text(title, pairs) for title, pairs in self._tables())

    def _html(self) -> str:
        return "".join(as_html(self._HEAD, self._rows(pairs), above=title) for title, pairs in self._tables())


def affinity(
    logs: Logs, lines: IntoFrame, within: SpanLike, *, as_of: datetime, min_people: int = DEFAULT_MIN_PEOPLE
) -> Affinity:
    """Compute which products are bought together, and which one after another.

    Together: the share of purchases with the first product that also contain the second. In order: the share of people
    who bought the second product later than the first and within the time, whatever else they bought. Only people whose
    first purchase of the first product is at least `within` ago are counted. Only valid purchases count. A fully
    refunded purchase does not count.

    The lift of a pair in order compares with how often the second product follows any other product.

    Args:
        logs: All records, with the purchases.
        lines: A dataframe of the same engine as the logs, with `purchase_id` and `sku` (and `source`, if the logs have
            that column). One row for each product of a purchase.
        within: Maximum time from the first product to the second, inclusive.
        as_of: The evaluation time.
        min_people: Minimum number of occurrences of a reported pair.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: `within` is not a positive span.
        LogsError: The lines are invalid.
        ArgumentError: `min_people` is not a whole number of at least 1.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs
        >>> when = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 8, 9, 5)]
        >>> bought = {"id": [1, 2, 3, 4, 5], "person_id": list("ababc"), "purchased_at": when, "amount": [9] * 5}
        >>> lines = pl.DataFrame({"purchase_id": [1, 2, 3, 4, 5], "sku": ["pot", "pot", "cup", "cup", "jar"]})
        >>> logs = Logs(purchases=pl.DataFrame(bought))
        >>> found = affinity(logs, lines, timedelta(days=10), as_of=datetime(2026, 4, 1, tzinfo=UTC), min_people=1)
        >>> for pair in found.next_after(["pot"]):
        ...     print(pair)
        pot, then cup: 100.0 % (2 of 2; 34.2 to 100.0 %), lift 1.50
    """
    now, length = parse_as_of(as_of), span(within, "within")
    within = length * MICROSECOND
    minimum = count_of(min_people, "min_people", minimum=1)
    rows = read_products(logs, lines, now)
    counts = Counts(0, {}, {}, 0, {}, {}, {}) if rows is None else counts_of(rows, length, now, minimum)
    return _affinity(counts, now, within, min_people)


def _affinity(counts: Counts, now: int, within: timedelta, min_people: int) -> Affinity:
    together, in_order = (tuple(sorted(pairs, key=_order)) for pairs in (_together(counts), _in_order(counts)))
    return Affinity(instant(now), within, min_people, together, in_order)


def _order(pair: Pair) -> tuple[float, int, str, str]:
    """Return the sort key: confidence first, then frequency, both descending."""
    return -(pair.confidence.value or 0.0), -pair.confidence.successes, pair.other, pair.sku


def _together(counts: Counts) -> Iterator[Pair]:
    for (one, two), many in counts.together.items():
        lift = many * counts.baskets / (counts.in_baskets[one] * counts.in_baskets[two])
        for sku, other in ((one, two), (two, one)):
            yield Pair(sku, other, Rate(many, counts.baskets), Rate(many, counts.in_baskets[sku]), lift)


def _in_order(counts: Counts) -> Iterator[Pair]:
    people = sum(counts.began.values())
    for (sku, other), many in counts.after.items():
        began = counts.began[sku]
        lift = many * (people - counts.began.get(other, 0)) / (began * counts.onto[other])
        yield Pair(sku, other, Rate(many, counts.people), Rate(many, began), lift)


def _best(pairs: Sequence[Pair], bought: Collection[str], most: int) -> tuple[Pair, ...]:
    """Return the most certain pair from a known product to each unknown product."""
    bought, most = frozenset(_skus(bought)), count_of(most, "most", minimum=0)
    best: dict[str, Pair] = {}
    for pair in pairs:
        if pair.lift > 1 and pair.sku in bought and pair.other not in bought:
            best.setdefault(pair.other, pair)
    return tuple(best.values())[:most]


def _skus(basket: object) -> Iterator[str]:
    for one in each(basket, "basket", "a list of skus"):
        yield instance(one, str, "a sku", "text")


# ---- next offers for every person as a table -------------------------------------------------------------------------

# Invariant: the table offers each person exactly what `Affinity.next_after` offers them.


MOST = 3
"""Default number of offers per person: a message or a shelf has room for three. Our choice."""

_ONE = "_one"


def next_offers(  # noqa: PLR0913 - three of them say when, how often, how many
    logs: Logs[FrameT],
    lines: IntoFrame,
    within: SpanLike,
    *,
    as_of: datetime,
    min_people: int = DEFAULT_MIN_PEOPLE,
    most: int = MOST,
) -> FrameT:
    """Return what to offer next to every person.

    Only products that follow the person's purchases more often than by chance are offered.

    Args:
        logs: All records, with the purchases.
        lines: A dataframe of the same engine as the logs, with `purchase_id` and `sku` (and `source`, if the logs have
            that column).
        within: Maximum time from the first product to the second, inclusive.
        as_of: The evaluation time.
        min_people: Minimum number of occurrences of a reported pair.
        most: Maximum number of products per person.

    Returns:
        A dataframe of the same type as the logs. Columns: `person_id`, `rank` (1 is the most certain), `sku` (the
        product to offer), `because` (the product the person bought), and `people` of `trials`: how many of the people
        who bought `because` then bought `sku`.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: `within` is not a positive span.
        LogsError: The lines are invalid.
        ArgumentError: `min_people` is not a whole number of at least 1, or the logs have no purchases.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs
        >>> when = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 8, 9, 5)]
        >>> bought = {"id": [1, 2, 3, 4, 5], "person_id": list("abaxc"), "purchased_at": when, "amount": [9] * 5}
        >>> lines = pl.DataFrame({"purchase_id": [1, 2, 3, 4, 5], "sku": ["pot", "pot", "cup", "jar", "jar"]})
        >>> logs = Logs(purchases=pl.DataFrame(bought))
        >>> next_offers(logs, lines, timedelta(days=10), as_of=datetime(2026, 4, 1, tzinfo=UTC), min_people=1).rows()
        [('b', 1, 'cup', 'pot', 1, 2)]
    """
    now, length, minimum = parse_as_of(as_of), span(within, "within"), count_of(min_people, "min_people", minimum=1)
    count_of(most, "most", minimum=0)
    bought_products = read_products(logs, lines, now)
    if bought_products is None:
        raise ArgumentError("next_offers requires purchases (got logs without them); pass Logs(purchases=...)")
    rows = bought_products.rows
    started = starts(rows, length, now, minimum)
    owned = distinct(rows.select(PERSON_KEY, PRODUCT))
    offers = collect_once(_frequent_pairs(started, followed(started, rows, length, minimum), minimum))
    possible = owned.join(offers, on=PRODUCT, how="inner")
    new = possible.join(owned.rename({PRODUCT: OTHER_PRODUCT}), on=[PERSON_KEY, OTHER_PRODUCT], how="anti")
    best = _ranked(new, [PERSON_KEY, OTHER_PRODUCT], [PRODUCT]).filter(nw.col("rank") == 1).drop("rank")
    ranked = _ranked(best, [PERSON_KEY], [OTHER_PRODUCT, PRODUCT]).filter(nw.col("rank") <= most)
    return logs._native(_with_names(ranked, bought_products), order=(PERSON, "rank"))


def _with_names(ranked: Frame, bought_products: BoughtProducts) -> Frame:
    """Replace the numbers of people and products with their names."""
    columns = (PERSON, "rank", SKU, "because", PEOPLE, TRIALS)
    if bought_products.people is None or bought_products.products is None:
        return ranked.rename({PERSON_KEY: PERSON, OTHER_PRODUCT: SKU, PRODUCT: "because"}).select(*columns)
    why = bought_products.products.rename({SKU: "because"})
    with_people = ranked.join(bought_products.people, on=PERSON_KEY, how="inner").join(why, on=PRODUCT, how="inner")
    return with_people.join(
        bought_products.products.rename({PRODUCT: OTHER_PRODUCT}), on=OTHER_PRODUCT, how="inner"
    ).select(*columns)


def _frequent_pairs(started: Frame, after: Frame, min_people: int) -> Frame:
    """Return frequent pairs above chance, with their ranking keys."""
    began = distinct(started.select(PRODUCT, TRIALS)).with_columns(_all=nw.lit(1, nw.Int64()))
    began = began.with_columns(_asked=nw.col(TRIALS).sum().over("_all").cast(nw.Int64()))
    pairs = after.filter(nw.col(PEOPLE) >= min_people).join(began.select(PRODUCT, "_asked"), on=PRODUCT, how="inner")
    pairs = pairs.join(began.select(_others=nw.col(TRIALS), other=nw.col(PRODUCT)), on=OTHER_PRODUCT, how="left")
    rest = nw.col("_asked") - nw.col("_others").fill_null(0)
    above_chance = pairs.filter(nw.col(PEOPLE) * rest > nw.col(TRIALS) * nw.col("onto"))
    ranks = {"_less": 0.0 - nw.col(PEOPLE) / nw.col(TRIALS), "_fewer": 0 - nw.col(PEOPLE), _ONE: nw.lit(1, nw.Int64())}
    return above_chance.select(PRODUCT, OTHER_PRODUCT, PEOPLE, TRIALS, **ranks)


def _ranked(rows: Frame, by: list[str], then: list[str]) -> Frame:
    """Number the rows of each group in order as `rank`, from 1 for the most certain."""
    rank = nw.col(_ONE).cum_sum().over(*by, order_by=["_less", "_fewer", *then])
    return rows.with_columns(rank=rank.cast(nw.Int64()))
