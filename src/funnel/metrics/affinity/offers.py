"""What to offer next to everyone, as a table: the pairs in order of `funnel.affinity`, put to what each person bought.

Law: what the table offers a person is what `Affinity.next_after` offers them.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import narwhals as nw

from funnel._frames import Frame, kept, leave
from funnel._given import SpanLike, count_of, judgement, span
from funnel.errors import ArgumentError
from funnel.metrics._lines import SKU
from funnel.metrics._purchases import PERSON
from funnel.metrics.affinity.pairs import AMONG, OTHER, PEOPLE, THING, WHO, Held, followed, held, starts
from funnel.metrics.rate import LEAST

if TYPE_CHECKING:
    from funnel.logs import Logs

MOST = 3
"""Three things are what a message or a shelf has room for; our choice."""

_ONE = "_one"


def offers(  # noqa: PLR0913 - three of them say when, how often, how many
    logs: Logs, lines: object, within: SpanLike, *, as_of: datetime, least: int = LEAST, most: int = MOST
) -> Any:
    """What to offer next to everyone: what follows the things they bought, more often than by chance.

    Args:
        logs: Everyone's records, with the purchases.
        lines: A dataframe of the logs' engine with `purchase_id` and `sku` (and `source`, if the logs have one).
        within: The time within which one thing follows another; its end is part of it.
        as_of: The instant of judgement.
        least: The fewest times that a pair must be met to be told of.
        most: How many things for each person at most.

    Returns:
        A frame of the logs' kind: `person_id`, `place` (1 is the most certain), `sku` (what to offer), `because` (what
        they bought that it follows), and `people` of `among` who bought it after that.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: `within` is not a span above zero.
        LogsError: The lines are at fault.
        ArgumentError: `least` is not a whole number from 1 up, or the logs have no purchases.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs
        >>> when = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 8, 9, 5)]
        >>> bought = {"id": [1, 2, 3, 4, 5], "person_id": list("abaxc"), "purchased_at": when, "amount": [9] * 5}
        >>> lines = pl.DataFrame({"purchase_id": [1, 2, 3, 4, 5], "sku": ["pot", "pot", "cup", "jar", "jar"]})
        >>> logs = Logs(purchases=pl.DataFrame(bought))
        >>> offers(logs, lines, timedelta(days=10), as_of=datetime(2026, 4, 1, tzinfo=UTC), least=1).rows()
        [('b', 1, 'cup', 'pot', 1, 2)]
    """
    now, length, few = judgement(as_of), span(within, "within"), count_of(least, "least", least=1)
    count_of(most, "most", least=0)
    all_held = held(logs, lines, now)
    if all_held is None:
        raise ArgumentError("the logs have no purchases that things could follow; give them too")
    rows = all_held.rows
    started = starts(rows, length, now, few)
    owned = rows.select(WHO, THING).unique()
    worth = kept(_worth(started, followed(started, rows, length, few), few))
    possible = owned.join(worth, on=THING, how="inner")
    new = possible.join(owned.rename({THING: OTHER}), on=[WHO, OTHER], how="anti")
    best = _numbered(new, [WHO, OTHER], [THING]).filter(nw.col("place") == 1).drop("place")
    ranked = _numbered(best, [WHO], [OTHER, THING]).filter(nw.col("place") <= most)
    return leave(_named(ranked, all_held), logs.home)


def _named(ranked: Frame, all_held: Held) -> Frame:
    """The same with the names of people and things."""
    shown = (PERSON, "place", SKU, "because", PEOPLE, AMONG)
    if all_held.people is None or all_held.things is None:
        return ranked.rename({WHO: PERSON, OTHER: SKU, THING: "because"}).select(*shown)
    why = all_held.things.rename({SKU: "because"})
    named = ranked.join(all_held.people, on=WHO, how="inner").join(why, on=THING, how="inner")
    return named.join(all_held.things.rename({THING: OTHER}), on=OTHER, how="inner").select(*shown)


def _worth(started: Frame, after: Frame, least: int) -> Frame:
    """The pairs that are met often enough and more often than by chance, with what they are ranked by."""
    began = started.select(THING, AMONG).unique().with_columns(_all=nw.lit(1, nw.Int64()))
    began = began.with_columns(_asked=nw.col(AMONG).sum().over("_all").cast(nw.Int64()))
    pairs = after.filter(nw.col(PEOPLE) >= least).join(began.select(THING, "_asked"), on=THING, how="inner")
    pairs = pairs.join(began.select(_others=nw.col(AMONG), other=nw.col(THING)), on=OTHER, how="left")
    rest = nw.col("_asked") - nw.col("_others").fill_null(0)
    worth = pairs.filter(nw.col(PEOPLE) * rest > nw.col(AMONG) * nw.col("onto"))
    ranks = {"_less": 0.0 - nw.col(PEOPLE) / nw.col(AMONG), "_fewer": 0 - nw.col(PEOPLE), _ONE: nw.lit(1, nw.Int64())}
    return worth.select(THING, OTHER, PEOPLE, AMONG, **ranks)


def _numbered(rows: Frame, by: list[str], then: list[str]) -> Frame:
    """The rows of each group in their order, from the most certain: `place` from 1."""
    place = nw.col(_ONE).cum_sum().over(*by, order_by=["_less", "_fewer", *then])
    return rows.with_columns(place=place.cast(nw.Int64()))
