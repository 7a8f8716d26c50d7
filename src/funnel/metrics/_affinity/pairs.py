"""Counts of products bought together or in order, by an engine or person by person.

Invariant: both ways give the same counts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, TypeVar

import attrs
import narwhals as nw

from funnel._dataframes.adapter import Frame, collect_once
from funnel._people import logs_of
from funnel._time import micros
from funnel.metrics._lines import SKU, held_by, lines_beside
from funnel.metrics._purchases import PERSON, to_rows, whole

if TYPE_CHECKING:
    from funnel.history import History
    from funnel.logs import Logs

WHO, THING, OTHER, PEOPLE, AMONG = "who", "thing", "other", "people", "trials"
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
class Held:
    """Every product of every valid purchase.

    In local memory, people and products are numbers in the order of their names. Joins and counts on numbers are
    several times faster. On other engines the names stay, because each numbering costs one more query.

    Attributes:
        rows: `who`, `t`, `source`, `id`, `thing`.
        people: `who` and `person_id`; None if the rows use names.
        things: `thing` and `sku`; None if the rows use names.
    """

    rows: Frame
    people: Frame | None
    things: Frame | None

    @property
    def names(self) -> Mapping[object, str]:
        """Return the product names by number; empty if the rows use names."""
        return {} if self.things is None else dict(to_rows(self.things, THING, SKU))


def held(logs: Logs, lines: object, now: int) -> Held | None:
    """Return every product of every valid purchase; None without a purchase log."""
    checked = lines_beside(logs, lines)
    table = logs_of(logs).tables.get("purchases")
    if table is None:
        return None
    bought = table.filter((nw.col("start") <= now) & (nw.col("end") > now)).select(PERSON, "t", *_KEYS)
    rows = bought.join(checked, on=list(_KEYS), how="inner")
    if not rows.implementation.is_polars():
        return Held(rows.rename({PERSON: WHO, SKU: THING}), None, None)
    people, things = (collect_once(_by_number(rows, name, of)) for name, of in ((WHO, PERSON), (THING, SKU)))
    by_number = rows.join(people, on=PERSON, how="inner").join(things, on=SKU, how="inner")
    return Held(collect_once(by_number.select(WHO, "t", *_KEYS, THING)), people, things)


def _by_number(rows: Frame, name: str, of: str) -> Frame:
    return rows.select(of).unique().with_row_index(name, order_by=of).with_columns(nw.col(name).cast(nw.Int64()))


def counted(all_held: Held, span: int, now: int, min_people: int) -> Counts:
    """Count the products and pairs of all people.

    Args:
        all_held: The result of `held`.
        span: Maximum time from the first product to the second, in microseconds.
        now: The evaluation time, in microseconds.
        min_people: Minimum number of occurrences of a product and of a pair.
    """
    rows, names = all_held.rows, all_held.names
    often = _often(rows, PEOPLE, min_people)
    started = starts(rows, span, now, min_people)
    after = collect_once(followed(started, rows, span, min_people))
    return Counts(
        baskets=_many(rows.select(*_KEYS).unique()),
        in_baskets=_by_thing(often.select(THING, PEOPLE).unique(), PEOPLE, names),
        together=_by_pair(_together(often, min_people), names),
        people=_many(rows.filter(nw.col("t") <= now - span).select(WHO).unique()),
        began=_by_thing(started.select(THING, AMONG).unique(), AMONG, names),
        after=_by_pair(after.filter(nw.col(PEOPLE) >= min_people), names),
        onto=_by_thing(after.select(nw.col(OTHER).alias(THING), "onto").unique(), "onto", names),
    )


def _often(rows: Frame, name: str, min_people: int) -> Frame:
    """Return the rows of each product that is frequent enough, with its count."""
    turned = rows.with_columns(_one=nw.lit(1, nw.Int64()))
    counts = turned.with_columns(nw.col("_one").sum().over(THING).cast(nw.Int64()).alias(name)).drop("_one")
    return counts.filter(nw.col(name) >= min_people)


def _together(often: Frame, min_people: int) -> Frame:
    rows = often.select(*_KEYS, THING)
    pairs = rows.join(rows.rename({THING: OTHER}), on=list(_KEYS), how="inner").filter(nw.col(THING) < nw.col(OTHER))
    return pairs.group_by(THING, OTHER).agg(nw.len().alias(PEOPLE)).filter(nw.col(PEOPLE) >= min_people)


def starts(rows: Frame, span: int, now: int, min_people: int) -> Frame:
    """Return when each person with a complete window first bought each product."""
    firsts = rows.group_by(WHO, THING).agg(nw.col("t").min().alias("_first"))
    return _often(firsts.filter(nw.col("_first") <= now - span), AMONG, min_people)


def followed(started: Frame, rows: Frame, span: int, min_people: int) -> Frame:
    """Return which product followed which within the span.

    Columns: `people` of `trials`, and how often the second product follows any other. The second product must have
    enough buyers: no other pair can be frequent enough.
    """
    later = rows.select(WHO, "t", other=nw.col(THING)).unique()
    buyers = later.select(WHO, OTHER).unique().group_by(OTHER).agg(nw.len().alias("_buyers"))
    later = later.join(buyers.filter(nw.col("_buyers") >= min_people).select(OTHER), on=OTHER, how="semi")
    wait = nw.col("t") - nw.col("_first")
    met = started.join(later, on=WHO, how="inner").filter(
        (nw.col(THING) != nw.col(OTHER)) & (wait > 0) & (wait <= span)
    )
    pairs = met.select(WHO, THING, OTHER, AMONG).unique().group_by(THING, OTHER, AMONG)
    after = pairs.agg(nw.len().cast(nw.Int64()).alias(PEOPLE))
    return after.with_columns(onto=nw.col(PEOPLE).sum().over(OTHER).cast(nw.Int64()))


def _many(rows: Frame) -> int:
    ((many,),) = to_rows(rows.select(nw.len().alias(PEOPLE)), PEOPLE)
    return whole(many)


def _by_thing(counts: Frame, column: str, names: Mapping[object, str]) -> dict[str, int]:
    return {names.get(thing, thing): whole(many) for thing, many in to_rows(counts, THING, column)}


def _by_pair(counts: Frame, names: Mapping[object, str]) -> dict[tuple[str, str], int]:
    rows = to_rows(counts, THING, OTHER, PEOPLE)
    return {(names.get(thing, thing), names.get(other, other)): whole(many) for thing, other, many in rows}


# ---- person by person ----------------------------------------------------------------------------------------------


def counted_of(histories: Iterable[History], span: int, now: int, min_people: int) -> Counts:
    """Compute the same counts from histories.

    Args:
        histories: People's records.
        span: Maximum time from the first product to the second, in microseconds.
        now: The evaluation time, in microseconds.
        min_people: Minimum number of occurrences of a product and of a pair.
    """
    people = [[(micros(one.purchased_at), skus) for one, skus in held_by(person, now)] for person in histories]
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
            place = bisect_right(times, first)
            if other != sku and place < len(times) and times[place] - first <= span:
                yield sku, other


K = TypeVar("K", str, tuple[str, str])


def _enough(counts: Mapping[K, int], min_people: int) -> dict[K, int]:
    return {key: many for key, many in counts.items() if many >= min_people}
