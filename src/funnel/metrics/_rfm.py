"""Recency, frequency and money of buyers: segments, and ranks relative to all buyers.

Invariant: equal values get equal scores. A score is 1, plus 1 for each full class of buyers with a strictly lower
value. Ties are therefore never split, and the classes are as even as ties allow.

A rank depends on all buyers. It changes when others buy, and does not exist for one person alone. The rules of
`funnel.rules.rfm` compare with the shop's own limits instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, overload

import attrs
import narwhals as nw

from funnel._aggregate.group_by import value_name
from funnel._arguments import count_of, parse_as_of
from funnel._dataframes.adapter import Frame
from funnel._dataframes.compute import to_rows, whole
from funnel._dataframes.frame_types import FrameT
from funnel._expr.to_narwhals import tree_column
from funnel._format import Listed, Table, Tabular
from funnel._results import Charted, Rows
from funnel._time import instant
from funnel.facts import Facts
from funnel.facts._frames import fact_column, raw_facts_over
from funnel.facts._schema import narrowed
from funnel.logs import Logs
from funnel.metrics._by_group import Groups, by_group
from funnel.metrics._display import money, percent
from funnel.metrics._purchases import PERSON
from funnel.metrics._rate import Rate
from funnel.policy import Policy
from funnel.rules._rfm import Segment, frequency_score, recency_score, segment
from funnel.rules._rule import Rule

CLASSES = 5
"""Default number of classes: fifths are customary in direct marketing."""

_MOST = 100
_RANKED: Mapping[str, str] = {
    "since_last_purchase": "recency_rank",
    "occasion_count": "frequency_rank",
    "net_spent": "monetary_rank",
}


def rfm_quantiles(logs: Logs[FrameT], *, as_of: datetime, classes: int = CLASSES) -> FrameT:
    """Rank the recency, frequency and money of each buyer relative to all buyers.

    Ties are never split: a score is 1, plus 1 for each full class of buyers with a strictly lower value. If most people
    bought once, most have a `frequency_rank` of 1.

    Args:
        logs: All records.
        as_of: The evaluation time.
        classes: Number of classes, and the highest score.

    Returns:
        A dataframe of the same type as the logs, one row per buyer. Columns: `person_id`, `since_last_purchase`,
        `occasion_count`, `net_spent`, `recency_rank`, `frequency_rank` and `monetary_rank`. A rank is from 1 to
        `classes`, the best.

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
    now, into = parse_as_of(as_of), count_of(classes, "classes", minimum=2, most=_MOST)
    people = _values(logs, now)
    counts = people.group_by("_all").agg(nw.len().alias("_people"))
    ranked = people.join(counts, on="_all", how="inner")
    for name, rank in _RANKED.items():
        ranked = ranked.join(_below(people, name), on=name, how="inner")
        ranked = ranked.with_columns((into * nw.col("_below") // nw.col("_people") + 1).alias(rank)).drop("_below")
    since = nw.lit(now, nw.Int64()) - nw.col("since_last_purchase")
    result = ranked.with_columns(since_last_purchase=since).select(PERSON, *_RANKED, *_RANKED.values())
    return logs._native(result, spans=("since_last_purchase",))


def _values(logs: Logs, now: int) -> Frame:
    """Return each buyer's three values, larger is better.

    Recency is the time of the last purchase.
    """
    plan = narrowed(Facts._fact_plan, frozenset(_RANKED))
    values = {name: nw.col(value_name(plan.indices[name])) for name in _RANKED}
    people = raw_facts_over(plan, logs, now).select(PERSON, _all=nw.lit(1, nw.Int64()), **values)
    return people.filter(nw.col("occasion_count") > 0)


def _below(people: Frame, name: str) -> Frame:
    """Return each value with the number of people who have a lower one."""
    counts = people.group_by("_all", name).agg(nw.len().alias("_same")).with_columns(nw.col("_same").cast(nw.Int64()))
    so_far = counts.with_columns(_below=nw.col("_same").cum_sum().over("_all", order_by=name))
    return so_far.select(name, _below=(nw.col("_below") - nw.col("_same")).cast(nw.Int64()))


# ---- segments ------------------------------------------------------------------------------------------------------


@attrs.frozen
class SegmentShare:
    """The people of one segment.

    Attributes:
        segment: The segment.
        people: Number of people in the segment, of all people.
        purchases: Number of their valid purchases.
        net_spent: Their total spending less refunds, in minor units.
        money: Their share of all spending; None if nothing was spent.
    """

    segment: Segment
    people: Rate
    purchases: int
    net_spent: int
    money: float | None


@attrs.frozen
class ScoreCount:
    """The buyers with one recency score and one frequency score.

    Attributes:
        recency: The recency score, from 1 to 5, the most recent.
        frequency: The frequency score, from 1 up.
        people: Number of buyers with both scores.
        segment: The segment of most of these buyers; the money decides between some segments.
    """

    recency: int
    frequency: int
    people: int
    segment: Segment


@attrs.frozen
class Segments(Charted, Rows, Listed[SegmentShare], Tabular):
    """Result of `segments`: people and spending of each segment, also empty ones.

    Attributes:
        as_of: The evaluation time.
        segments: The segments, from champions to prospects.
        scores: The number of buyers by `funnel.rules.recency_score` and `frequency_score`. Scores without
            buyers are left out.
        currency: The currency of the logs. None if the logs do not name one; amounts are then shown in minor units.
    """

    as_of: datetime
    segments: tuple[SegmentShare, ...]
    scores: tuple[ScoreCount, ...] = ()
    currency: str | None = None

    _CHART = "people.segments"
    _PARTS = "segments"

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one row per segment, ready for a dataframe."""
        return [
            {
                "segment": one.segment.value,
                "people": one.people.successes,
                "share": one.people.value,
                "purchases": one.purchases,
                "net_spent": one.net_spent,
                "money": one.money,
            }
            for one in self.segments
        ]

    def _tables(self) -> Iterator[Table]:
        rows = [
            (
                one.segment.value,
                f"{one.people.successes:,}",
                percent(one.people.value),
                f"{one.purchases:,}",
                money(one.net_spent, self.currency),
                percent(one.money),
            )
            for one in self.segments
        ]
        yield "", ("segment", "people", "share", "purchases", "spent", "of all money"), rows


@overload
def segments(logs: Logs, policy: Policy, *, as_of: datetime, by: None = None) -> Segments: ...
@overload
def segments(logs: Logs, policy: Policy, *, as_of: datetime, by: str) -> Groups[Segments]: ...
def segments(logs: Logs, policy: Policy, *, as_of: datetime, by: str | None = None) -> Segments | Groups[Segments]:
    """Compute the number of people in each segment, and their purchases.

    Args:
        logs: All records.
        policy: The shop's policy, with the limits of the segments.
        as_of: The evaluation time.
        by: The grouping of people, as in `retention`. A share is then of the people and the money of the group.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: `by` is not a grouping.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime
        >>> from funnel import Logs, Policy
        >>> when = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
        >>> bought = {"id": [1, 2, 3], "person_id": ["a", "a", "b"], "purchased_at": when, "amount": [9, 9, 9]}
        >>> found = segments(Logs(purchases=pl.DataFrame(bought)), Policy(), as_of=datetime(2026, 4, 1, tzinfo=UTC))
        >>> [(one.segment.value, one.people.successes, one.net_spent) for one in found if one.people.successes]
        [('active', 1, 18), ('promising', 1, 9)]
    """
    now = parse_as_of(as_of)
    if by is None:
        return _segments(logs, policy, now)
    return by_group(logs, by, now, lambda part: _segments(part, policy, now))


def _segments(logs: Logs, policy: Policy, now: int) -> Segments:
    compiled = {name: one._compiled_rule(policy) for name, one in _SCORES.items()}
    read = frozenset[str]().union(*(one.read for one in compiled.values()))
    plan = narrowed(Facts._fact_plan, read | {"purchase_count", "net_spent"})
    column = fact_column(plan, nw.lit(now, nw.Int64()))
    sums = {name: nw.col(value_name(plan.indices[name])) for name in ("purchase_count", "net_spent")}
    scores = {name: tree_column(one.tree, column) for name, one in compiled.items()}
    people = raw_facts_over(plan, logs, now).select(PERSON, **scores, **sums)
    summed = people.group_by(*_SCORES).agg(nw.len().alias("people"), *(nw.col(name).sum() for name in sums))
    rows = [
        (Segment(name), int(recency), int(frequency), tuple(map(whole, row)))
        for name, recency, frequency, *row in to_rows(summed, *_SCORES, "people", *sums)
    ]
    by_segment = {
        one: tuple(map(sum, zip(*(row for name, _, _, row in rows if name is one), strict=True))) for one in Segment
    }
    return Segments(instant(now), tuple(_shares(by_segment)), tuple(_score_counts(rows)), logs.currency)


_SCORES: Mapping[str, Rule[Facts, Policy, Any]] = {
    "segment": segment,
    "recency": recency_score,
    "frequency": frequency_score,
}


def _score_counts(rows: Sequence[tuple[Segment, int, int, tuple[int, ...]]]) -> Iterator[ScoreCount]:
    """Yield the buyers of each pair of scores, the lowest first."""
    cells: dict[tuple[int, int], list[tuple[int, Segment]]] = {}
    for name, recency, frequency, (people, *_) in rows:
        if recency:
            cells.setdefault((recency, frequency), []).append((people, name))
    for (recency, frequency), several in sorted(cells.items()):
        yield ScoreCount(recency, frequency, sum(people for people, _ in several), max(several)[1])


def _shares(by_segment: Mapping[Segment, tuple[int, ...]]) -> Iterator[SegmentShare]:
    total, all_spent = (sum(row[index] for row in by_segment.values() if row) for index in (0, 2))
    for one in Segment:
        people, purchases, net_spent = by_segment[one] or (0, 0, 0)
        yield SegmentShare(one, Rate(people, total), purchases, net_spent, net_spent / all_spent if all_spent else None)
