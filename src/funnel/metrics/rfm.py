"""How a shop's buyers stand in recency, frequency and money: by segment, and ranked among each other.

Law: equal values get equal scores. A buyer's score is 1 and 1 more for each full class of buyers who stand strictly
lower, so ties are never split, and the classes are as even as ties allow.

A rank says how a buyer stands among all others, so it changes when others buy, and cannot be asked of one person; the
rules of `funnel.rules.rfm` compare with the shop's own limits instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs
import narwhals as nw

from funnel._facts.frames import fact_column, held_over
from funnel._facts.plan import narrowed
from funnel._frames import leave
from funnel._given import count_of, judgement
from funnel._instants import instant
from funnel._lift.columns import tree_column
from funnel._reduce.aggregates import value_name
from funnel.facts import Facts
from funnel.metrics._purchases import PERSON, told, whole
from funnel.metrics._shown import as_html, as_text, money, percent
from funnel.metrics.rate import Rate
from funnel.rules.rfm import Segment, segment

if TYPE_CHECKING:
    from funnel._frames import Frame
    from funnel.logs import Logs
    from funnel.policy import Policy

CLASSES = 5
"""Fifths are the custom of direct marketing."""

_MOST = 100
_RANKED: Mapping[str, str] = {
    "since_last_purchase": "recency_rank",
    "purchase_count": "frequency_rank",
    "spent": "monetary_rank",
}


def rfm_quantiles(logs: Logs, *, as_of: datetime, classes: int = CLASSES) -> Any:
    """Every buyer's recency, frequency and money, ranked among all buyers.

    Ties are never split: a score is 1 and 1 more for each full class of buyers who stand strictly lower. Where most
    have bought once, most have a `frequency_rank` of 1.

    Args:
        logs: Everyone's records.
        as_of: The instant of judgement.
        classes: Into how many classes; the highest score.

    Returns:
        A frame of the logs' kind, a row for each buyer: `person_id`, `since_last_purchase`, `purchase_count`, `spent`,
        and `recency_rank`, `frequency_rank`, `monetary_rank` from 1 to `classes`; 5 is the best of five.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: `classes` is not a whole number from 2 to 100.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime
        >>> from funnel import Logs
        >>> when = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3, 3)]
        >>> rows = {"id": [1, 2, 3, 4], "person_id": ["a", "b", "b", "c"], "purchased_at": when, "amount": [9] * 4}
        >>> logs = Logs(purchases=pl.DataFrame(rows))
        >>> ranks = rfm_quantiles(logs, as_of=datetime(2026, 4, 1, tzinfo=UTC), classes=3).sort("person_id")
        >>> ranks.select("person_id", "recency_rank", "frequency_rank").rows()
        [('a', 1, 1), ('b', 2, 3), ('c', 2, 1)]
    """
    now, into = judgement(as_of), count_of(classes, "classes", least=2, most=_MOST)
    people = _values(logs, now)
    counts = people.group_by("_all").agg(nw.len().alias("_people"))
    ranked = people.join(counts, on="_all", how="inner")
    for name, rank in _RANKED.items():
        ranked = ranked.join(_below(people, name), on=name, how="inner")
        ranked = ranked.with_columns((into * nw.col("_below") // nw.col("_people") + 1).alias(rank)).drop("_below")
    since = nw.lit(now, nw.Int64()) - nw.col("since_last_purchase")
    shown = ranked.with_columns(since_last_purchase=since).select(PERSON, *_RANKED, *_RANKED.values())
    return leave(shown, logs.home, spans=("since_last_purchase",))


def _values(logs: Logs, now: int) -> Frame:
    """Every buyer's three values, the larger the better: of recency it is the instant of the last purchase."""
    plan = narrowed(Facts.fact_plan, frozenset(_RANKED))
    values = {name: nw.col(value_name(plan.places[name])) for name in _RANKED}
    people = held_over(plan, logs, now).select(PERSON, _all=nw.lit(1, nw.Int64()), **values)
    return people.filter(nw.col("purchase_count") > 0)


def _below(people: Frame, name: str) -> Frame:
    """Each value with how many people have a lower one."""
    counts = people.group_by("_all", name).agg(nw.len().cast(nw.Int64()).alias("_same"))
    so_far = counts.with_columns(_below=nw.col("_same").cum_sum().over("_all", order_by=name))
    return so_far.select(name, _below=(nw.col("_below") - nw.col("_same")).cast(nw.Int64()))


# ---- segments ------------------------------------------------------------------------------------------------------


@attrs.frozen
class SegmentShare:
    """The people of one segment.

    Attributes:
        segment: The segment.
        people: How many they are, of all people.
        purchases: How many valid purchases they have made.
        spent: What they have spent in all, net of what went back, in minor units.
        money: Their share of all that was spent; None where nothing was.
    """

    segment: Segment
    people: Rate
    purchases: int
    spent: int
    money: float | None


@attrs.frozen
class Segments:
    """How many people there are in each segment, and what they have spent; those that nobody is in among them.

    Attributes:
        as_of: The instant of judgement.
        segments: The segments, from champions to prospects.
        currency: The currency of the logs; None if they name none, and amounts are then shown in minor units.
    """

    as_of: datetime
    segments: tuple[SegmentShare, ...]
    currency: str | None = None

    def __len__(self) -> int:
        """How many segments."""
        return len(self.segments)

    def __iter__(self) -> Iterator[SegmentShare]:
        """The segments, from champions to prospects."""
        return iter(self.segments)

    def to_dicts(self) -> list[dict[str, Any]]:
        """One row for each segment, as a dataframe takes them."""
        return [
            {
                "segment": one.segment.value,
                "people": one.people.hits,
                "share": one.people.value,
                "purchases": one.purchases,
                "spent": one.spent,
                "money": one.money,
            }
            for one in self.segments
        ]

    _HEAD = ("segment", "people", "share", "purchases", "spent", "of all money")

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                one.segment.value,
                f"{one.people.hits:,}",
                percent(one.people.value),
                f"{one.purchases:,}",
                money(one.spent, self.currency),
                percent(one.money),
            )
            for one in self.segments
        ]

    def __str__(self) -> str:
        """Write the table."""
        return as_text(self._HEAD, self._rows())

    def _repr_html_(self) -> str:
        return as_html(self._HEAD, self._rows())


def segments(logs: Logs, policy: Policy, *, as_of: datetime) -> Segments:
    """How many people there are in each segment, and what they have bought.

    Args:
        logs: Everyone's records.
        policy: The shop's numbers, with the limits that the segments are made of.
        as_of: The instant of judgement.

    Raises:
        InstantError: `as_of` is naive.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime
        >>> from funnel import Logs, Policy
        >>> when = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
        >>> bought = {"id": [1, 2, 3], "person_id": ["a", "a", "b"], "purchased_at": when, "amount": [9, 9, 9]}
        >>> found = segments(Logs(purchases=pl.DataFrame(bought)), Policy(), as_of=datetime(2026, 4, 1, tzinfo=UTC))
        >>> [(one.segment.value, one.people.hits, one.spent) for one in found if one.people.hits]
        [('active', 1, 18), ('promising', 1, 9)]
    """
    now = judgement(as_of)
    ready = segment.lifted(policy)
    plan = narrowed(Facts.fact_plan, ready.read | {"purchase_count", "spent"})
    column = fact_column(plan, nw.lit(now, nw.Int64()))
    sums = {name: nw.col(value_name(plan.places[name])) for name in ("purchase_count", "spent")}
    people = held_over(plan, logs, now).select(PERSON, segment=tree_column(ready.tree, column), **sums)
    counted = people.group_by("segment").agg(nw.len().alias("people"), *(nw.col(name).sum() for name in sums))
    found = {str(name): tuple(map(whole, row)) for name, *row in told(counted, "segment", "people", *sums)}
    return Segments(instant(now), tuple(_shares(found)), logs.currency)


def _shares(found: Mapping[str, tuple[int, ...]]) -> Iterator[SegmentShare]:
    everyone, all_spent = (sum(row[place] for row in found.values()) for place in (0, 2))
    for one in Segment:
        people, purchases, spent = found.get(one.value, (0, 0, 0))
        yield SegmentShare(one, Rate(people, everyone), purchases, spent, spent / all_spent if all_spent else None)
