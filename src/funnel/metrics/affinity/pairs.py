"""Which things were bought together, and which after which: counted by an engine, or person by person.

Law: both ways give the same counts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, TypeVar

import attrs
import narwhals as nw

from funnel._frames import Frame, kept
from funnel._instants import micros
from funnel._people import logs_of
from funnel.metrics._lines import SKU, held_by, lines_beside
from funnel.metrics._purchases import PERSON, told, whole

if TYPE_CHECKING:
    from funnel.history import History
    from funnel.logs import Logs

WHO, THING, OTHER, PEOPLE, AMONG = "who", "thing", "other", "people", "among"
_KEYS = ("source", "id")
Pairs = Mapping[tuple[str, str], int]


@attrs.frozen
class Counts:
    """What affinity is worked out from; only things and pairs that are met often enough.

    Attributes:
        baskets: How many purchases hold anything.
        in_baskets: How many of them hold each thing.
        together: How many of them hold both things, the first before the second in the order of their names.
        people: How many people have had the time since they first bought anything.
        began: How many have had the time since they first bought each thing.
        after: How many of those then bought the second thing within the time.
        onto: How many times each thing followed within the time on any of the others, all of these pairs together.
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
    """Every thing of every purchase that counts.

    In local memory people and things go by number, which is several times faster to join and count than their names;
    the numbers stand in the order of the names. Elsewhere they keep their names, for each number is one more query.

    Attributes:
        rows: `who`, `t`, `source`, `id`, `thing`.
        people: `who` and `person_id`; None where they keep their names.
        things: `thing` and `sku`; None where they keep their names.
    """

    rows: Frame
    people: Frame | None
    things: Frame | None

    @property
    def names(self) -> Mapping[object, str]:
        """The names of things by their numbers; empty where they keep their names."""
        return {} if self.things is None else dict(told(self.things, THING, SKU))


def held(logs: Logs, lines: object, now: int) -> Held | None:
    """Every thing of every purchase that counts at an instant; None where there is no log of purchases."""
    checked = lines_beside(logs, lines)
    table = logs_of(logs).tables.get("purchases")
    if table is None:
        return None
    bought = table.filter((nw.col("start") <= now) & (nw.col("end") > now)).select(PERSON, "t", *_KEYS)
    rows = bought.join(checked, on=list(_KEYS), how="inner")
    if not rows.implementation.is_polars():
        return Held(rows.rename({PERSON: WHO, SKU: THING}), None, None)
    people, things = (kept(_by_number(rows, name, of)) for name, of in ((WHO, PERSON), (THING, SKU)))
    by_number = rows.join(people, on=PERSON, how="inner").join(things, on=SKU, how="inner")
    return Held(kept(by_number.select(WHO, "t", *_KEYS, THING)), people, things)


def _by_number(rows: Frame, name: str, of: str) -> Frame:
    return rows.select(of).unique().with_row_index(name, order_by=of).with_columns(nw.col(name).cast(nw.Int64()))


def counted(all_held: Held, span: int, now: int, least: int) -> Counts:
    """The counts of everyone's things.

    Args:
        all_held: What `held` gives.
        span: The time within which one thing follows another, in microseconds.
        now: The instant of judgement, in microseconds.
        least: How often a thing, and a pair, must be met.
    """
    rows, names = all_held.rows, all_held.names
    often = _often(rows, PEOPLE, least)
    started = starts(rows, span, now, least)
    after = kept(followed(started, rows, span, least))
    return Counts(
        baskets=_many(rows.select(*_KEYS).unique()),
        in_baskets=_by_thing(often.select(THING, PEOPLE).unique(), PEOPLE, names),
        together=_by_pair(_together(often, least), names),
        people=_many(rows.filter(nw.col("t") <= now - span).select(WHO).unique()),
        began=_by_thing(started.select(THING, AMONG).unique(), AMONG, names),
        after=_by_pair(after.filter(nw.col(PEOPLE) >= least), names),
        onto=_by_thing(after.select(nw.col(OTHER).alias(THING), "onto").unique(), "onto", names),
    )


def _often(rows: Frame, name: str, least: int) -> Frame:
    """The rows of each thing that is met often enough, and how often that is."""
    turned = rows.with_columns(_one=nw.lit(1, nw.Int64()))
    counts = turned.with_columns(nw.col("_one").sum().over(THING).cast(nw.Int64()).alias(name)).drop("_one")
    return counts.filter(nw.col(name) >= least)


def _together(often: Frame, least: int) -> Frame:
    rows = often.select(*_KEYS, THING)
    pairs = rows.join(rows.rename({THING: OTHER}), on=list(_KEYS), how="inner").filter(nw.col(THING) < nw.col(OTHER))
    return pairs.group_by(THING, OTHER).agg(nw.len().alias(PEOPLE)).filter(nw.col(PEOPLE) >= least)


def starts(rows: Frame, span: int, now: int, least: int) -> Frame:
    """When each person who has had the time first bought each thing, and `among` how many they are of that thing."""
    firsts = rows.group_by(WHO, THING).agg(nw.col("t").min().alias("_first"))
    return _often(firsts.filter(nw.col("_first") <= now - span), AMONG, least)


def followed(started: Frame, rows: Frame, span: int, least: int) -> Frame:
    """Which thing followed which within the span: `people` of `among`, and how often the second follows any.

    The second thing is one that enough people bought: no other pair is met often enough.
    """
    later = rows.select(WHO, "t", other=nw.col(THING)).unique()
    buyers = later.select(WHO, OTHER).unique().group_by(OTHER).agg(nw.len().alias("_buyers"))
    later = later.join(buyers.filter(nw.col("_buyers") >= least).select(OTHER), on=OTHER, how="semi")
    wait = nw.col("t") - nw.col("_first")
    met = started.join(later, on=WHO, how="inner").filter(
        (nw.col(THING) != nw.col(OTHER)) & (wait > 0) & (wait <= span)
    )
    pairs = met.select(WHO, THING, OTHER, AMONG).unique().group_by(THING, OTHER, AMONG)
    after = pairs.agg(nw.len().cast(nw.Int64()).alias(PEOPLE))
    return after.with_columns(onto=nw.col(PEOPLE).sum().over(OTHER).cast(nw.Int64()))


def _many(rows: Frame) -> int:
    ((many,),) = told(rows.select(nw.len().alias(PEOPLE)), PEOPLE)
    return whole(many)


def _by_thing(counts: Frame, column: str, names: Mapping[object, str]) -> dict[str, int]:
    return {names.get(thing, thing): whole(many) for thing, many in told(counts, THING, column)}


def _by_pair(counts: Frame, names: Mapping[object, str]) -> dict[tuple[str, str], int]:
    rows = told(counts, THING, OTHER, PEOPLE)
    return {(names.get(thing, thing), names.get(other, other)): whole(many) for thing, other, many in rows}


# ---- person by person ----------------------------------------------------------------------------------------------


def counted_of(histories: Iterable[History], span: int, now: int, least: int) -> Counts:
    """The same counts of histories.

    Args:
        histories: People's records.
        span: The time within which one thing follows another, in microseconds.
        now: The instant of judgement, in microseconds.
        least: How often a thing, and a pair, must be met.
    """
    people = [[(micros(one.purchased_at), skus) for one, skus in held_by(person, now)] for person in histories]
    baskets = [skus for baskets in people for _, skus in baskets]
    in_baskets = Counter(sku for skus in baskets for sku in skus)
    paired = [sorted(sku for sku in skus if in_baskets[sku] >= least) for skus in baskets]
    pairs = Counter(pair for skus in paired for pair in combinations(skus, 2))
    firsts = [_firsts(baskets) for baskets in people]
    began = Counter(sku for times in firsts for sku, first in times.items() if first <= now - span)
    often = {sku for sku, many in began.items() if many >= least}
    buyers = Counter(sku for times in firsts for sku in times)
    second = {sku for sku, many in buyers.items() if many >= least}
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
        in_baskets=_enough(in_baskets, least),
        together=_enough(pairs, least),
        people=sum(min(times.values(), default=now) <= now - span for times in firsts),
        began=_enough(began, least),
        after=_enough(after, least),
        onto=dict(onto),
    )


def _firsts(baskets: Sequence[tuple[int, frozenset[str]]]) -> dict[str, int]:
    """When somebody first bought each thing."""
    times: dict[str, int] = {}
    for t, skus in baskets:
        for sku in skus:
            times[sku] = min(t, times.get(sku, t))
    return times


def _followed(
    baskets: Sequence[tuple[int, frozenset[str]]], firsts: Mapping[str, int], span: int
) -> Iterator[tuple[str, str]]:
    """Each pair of things of which one person bought the second within the time of first buying the first."""
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


def _enough(counts: Mapping[K, int], least: int) -> dict[K, int]:
    return {key: many for key, many in counts.items() if many >= least}
