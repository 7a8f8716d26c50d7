"""Counts of products bought together or in order, by an engine or person by person.

Invariant: both ways give the same counts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import TypeVar

import attrs
import narwhals as nw

from funnel._dataframes.adapter import Frame, collect_once, distinct
from funnel._dataframes.compute import to_rows, whole
from funnel._time import micros
from funnel.history import History
from funnel.logs import Logs
from funnel.metrics._lines import SKU, baskets_of, lines_beside
from funnel.metrics._purchases import PERSON, valid_purchases

PERSON_KEY, PRODUCT, OTHER_PRODUCT, PEOPLE, TRIALS = "person", "product", "other", "people", "trials"
_KEYS = ("source", "id")
Pairs = Mapping[tuple[str, str], int]


@attrs.frozen
class Counts:
    """Counts behind the affinity figures; only frequent products and pairs.

    Attributes:
        baskets: Number of purchases with at least one product.
        in_baskets: Number of purchases with each product.
        together: Number of purchases with both products; the first product comes first by name.
        people: Number of people whose window since their first product is complete.
        began: For each product, number of people whose window since they first bought it is complete.
        after: For each pair, number of the `began` people who then bought the second product within the time.
        onto: For each product, how often it followed any other product within the time, summed over those pairs.
    """

    baskets: int
    in_baskets: Mapping[str, int]
    together: Pairs
    people: int
    began: Mapping[str, int]
    after: Pairs
    onto: Mapping[str, int]


# ---- by an engine --------------------------------------------------------------------------------------------------


@attrs.frozen
class BoughtProducts:
    """Every product of every valid purchase.

    In local memory, people and products are numbers in the order of their names. Joins and counts on numbers are
    several times faster. On other engines the names stay, because each numbering costs one more query.

    Attributes:
        rows: `person`, `t`, `source`, `id`, `product`.
        people: `person` and `person_id`; None if the rows use names.
        products: `product` and `sku`; None if the rows use names.
    """

    rows: Frame
    people: Frame | None
    products: Frame | None

    @property
    def names(self) -> Mapping[object, str]:
        """Return the product names by number; empty if the rows use names."""
        return {} if self.products is None else dict(to_rows(self.products, PRODUCT, SKU))


def read_products(logs: Logs, lines: object, now: int) -> BoughtProducts | None:
    """Return every product of every valid purchase; None without a purchase log."""
    checked = lines_beside(logs, lines)
    valid = valid_purchases(logs, now)
    if valid is None:
        return None
    rows = valid.select(PERSON, "t", *_KEYS).join(checked, on=list(_KEYS), how="inner")
    if not rows.implementation.is_polars():
        return BoughtProducts(rows.rename({PERSON: PERSON_KEY, SKU: PRODUCT}), None, None)
    people, products = (collect_once(_by_number(rows, name, of)) for name, of in ((PERSON_KEY, PERSON), (PRODUCT, SKU)))
    by_number = rows.join(people, on=PERSON, how="inner").join(products, on=SKU, how="inner")
    return BoughtProducts(collect_once(by_number.select(PERSON_KEY, "t", *_KEYS, PRODUCT)), people, products)


def _by_number(rows: Frame, name: str, of: str) -> Frame:
    return rows.select(of).unique().with_row_index(name, order_by=of).with_columns(nw.col(name).cast(nw.Int64()))


def counts_of(bought_products: BoughtProducts, span: int, now: int, min_people: int) -> Counts:
    """Count the products and pairs of all people.

    Args:
        bought_products: The result of `read_products`.
        span: Maximum time from the first product to the second, in microseconds.
        now: The evaluation time, in microseconds.
        min_people: Minimum number of occurrences of a product and of a pair.
    """
    rows, names = bought_products.rows, bought_products.names
    often = _often(rows, PEOPLE, min_people)
    started = starts(rows, span, now, min_people)
    after = collect_once(followed(started, rows, span, min_people))
    return Counts(
        baskets=_many(distinct(rows.select(*_KEYS))),
        in_baskets=_by_product(distinct(often.select(PRODUCT, PEOPLE)), PEOPLE, names),
        together=_by_pair(_together(often, min_people), names),
        people=_many(distinct(rows.filter(nw.col("t") <= now - span).select(PERSON_KEY))),
        began=_by_product(distinct(started.select(PRODUCT, TRIALS)), TRIALS, names),
        after=_by_pair(after.filter(nw.col(PEOPLE) >= min_people), names),
        onto=_by_product(distinct(after.select(nw.col(OTHER_PRODUCT).alias(PRODUCT), "onto")), "onto", names),
    )


def _often(rows: Frame, name: str, min_people: int) -> Frame:
    """Return the rows of each product that is frequent enough, with its count."""
    turned = rows.with_columns(_one=nw.lit(1, nw.Int64()))
    counts = turned.with_columns(nw.col("_one").sum().over(PRODUCT).cast(nw.Int64()).alias(name)).drop("_one")
    return counts.filter(nw.col(name) >= min_people)


def _together(often: Frame, min_people: int) -> Frame:
    rows = often.select(*_KEYS, PRODUCT)
    pairs = rows.join(rows.rename({PRODUCT: OTHER_PRODUCT}), on=list(_KEYS), how="inner").filter(
        nw.col(PRODUCT) < nw.col(OTHER_PRODUCT)
    )
    return pairs.group_by(PRODUCT, OTHER_PRODUCT).agg(nw.len().alias(PEOPLE)).filter(nw.col(PEOPLE) >= min_people)


def starts(rows: Frame, span: int, now: int, min_people: int) -> Frame:
    """Return when each person with a complete window first bought each product."""
    firsts = rows.group_by(PERSON_KEY, PRODUCT).agg(nw.col("t").min().alias("_first"))
    return _often(firsts.filter(nw.col("_first") <= now - span), TRIALS, min_people)


def followed(started: Frame, rows: Frame, span: int, min_people: int) -> Frame:
    """Return which product followed which within the span.

    Columns: `people` of `trials`, and how often the second product follows any other. The second product must have
    enough buyers: no other pair can be frequent enough.
    """
    later = distinct(rows.select(PERSON_KEY, "t", other=nw.col(PRODUCT)))
    buyers = distinct(later.select(PERSON_KEY, OTHER_PRODUCT)).group_by(OTHER_PRODUCT).agg(nw.len().alias("_buyers"))
    later = later.join(
        buyers.filter(nw.col("_buyers") >= min_people).select(OTHER_PRODUCT), on=OTHER_PRODUCT, how="semi"
    )
    wait = nw.col("t") - nw.col("_first")
    met = started.join(later, on=PERSON_KEY, how="inner").filter(
        (nw.col(PRODUCT) != nw.col(OTHER_PRODUCT)) & (wait > 0) & (wait <= span)
    )
    pairs = distinct(met.select(PERSON_KEY, PRODUCT, OTHER_PRODUCT, TRIALS)).group_by(PRODUCT, OTHER_PRODUCT, TRIALS)
    after = pairs.agg(nw.len().alias(PEOPLE)).with_columns(nw.col(PEOPLE).cast(nw.Int64()))
    return after.with_columns(onto=nw.col(PEOPLE).sum().over(OTHER_PRODUCT).cast(nw.Int64()))


def _many(rows: Frame) -> int:
    ((many,),) = to_rows(rows.select(nw.len().alias(PEOPLE)), PEOPLE)
    return whole(many)


def _by_product(counts: Frame, column: str, names: Mapping[object, str]) -> dict[str, int]:
    return {names.get(product, product): whole(many) for product, many in to_rows(counts, PRODUCT, column)}


def _by_pair(counts: Frame, names: Mapping[object, str]) -> dict[tuple[str, str], int]:
    rows = to_rows(counts, PRODUCT, OTHER_PRODUCT, PEOPLE)
    return {(names.get(product, product), names.get(other, other)): whole(many) for product, other, many in rows}


# ---- person by person ----------------------------------------------------------------------------------------------


def counts_of_histories(histories: Iterable[History], span: int, now: int, min_people: int) -> Counts:
    """Compute the same counts from histories.

    Args:
        histories: People's records.
        span: Maximum time from the first product to the second, in microseconds.
        now: The evaluation time, in microseconds.
        min_people: Minimum number of occurrences of a product and of a pair.
    """
    people = [[(micros(one.purchased_at), skus) for one, skus in baskets_of(person, now)] for person in histories]
    baskets = [skus for baskets in people for _, skus in baskets]
    in_baskets = Counter(sku for skus in baskets for sku in skus)
    paired = [sorted(sku for sku in skus if in_baskets[sku] >= min_people) for skus in baskets]
    pairs = Counter(pair for skus in paired for pair in combinations(skus, 2))
    firsts = [_firsts(baskets) for baskets in people]
    began = Counter(sku for times in firsts for sku, first in times.items() if first <= now - span)
    often = {sku for sku, many in began.items() if many >= min_people}
    buyers = Counter(sku for times in firsts for sku in times)
    second = {sku for sku, many in buyers.items() if many >= min_people}
    after = Counter(
        pair
        for baskets, times in zip(people, firsts, strict=True)
        for pair in _followed(
            [(t, skus & second) for t, skus in baskets],
            {sku: first for sku, first in times.items() if first <= now - span and sku in often},
            span,
        )
    )
    onto: Counter[str] = Counter()
    for (_, other), many in after.items():
        onto[other] += many
    return Counts(
        baskets=len(baskets),
        in_baskets=_enough(in_baskets, min_people),
        together=_enough(pairs, min_people),
        people=sum(min(times.values(), default=now) <= now - span for times in firsts),
        began=_enough(began, min_people),
        after=_enough(after, min_people),
        onto=dict(onto),
    )


def _firsts(baskets: Sequence[tuple[int, frozenset[str]]]) -> dict[str, int]:
    """Return when a person first bought each product."""
    times: dict[str, int] = {}
    for t, skus in baskets:
        for sku in skus:
            times[sku] = min(t, times.get(sku, t))
    return times


def _followed(
    baskets: Sequence[tuple[int, frozenset[str]]], firsts: Mapping[str, int], span: int
) -> Iterator[tuple[str, str]]:
    """Yield each pair of products that one person bought in order, within the time.

    The time starts at the first purchase of the first product.
    """
    bought: defaultdict[str, list[int]] = defaultdict(list)
    for t, skus in baskets:
        for sku in skus:
            bought[sku].append(t)
    for sku, first in firsts.items():
        for other, times in bought.items():
            index = bisect_right(times, first)
            if other != sku and index < len(times) and times[index] - first <= span:
                yield sku, other


K = TypeVar("K", str, tuple[str, str])


def _enough(counts: Mapping[K, int], min_people: int) -> dict[K, int]:
    return {key: many for key, many in counts.items() if many >= min_people}
