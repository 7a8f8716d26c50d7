"""Next offers for every person as a table: the pairs of `affinity` joined to each person's purchases.

Invariant: the table offers each person exactly what `Affinity.next_after` offers them.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import narwhals as nw

from funnel._arguments import SpanLike, count_of, parse_as_of, span
from funnel._dataframes.adapter import Frame, collect_once, to_native
from funnel.errors import ArgumentError
from funnel.metrics._affinity.pairs import AMONG, OTHER, PEOPLE, THING, WHO, Held, followed, held, starts
from funnel.metrics._lines import SKU
from funnel.metrics._purchases import PERSON
from funnel.metrics._rate import LEAST

if TYPE_CHECKING:
    from funnel.logs import Logs

MOST = 3
"""Default number of offers per person: a message or a shelf has room for three. Our choice."""

_ONE = "_one"


def next_offers(  # noqa: PLR0913 - three of them say when, how often, how many
    logs: Logs, lines: object, within: SpanLike, *, as_of: datetime, min_people: int = LEAST, most: int = MOST
) -> Any:
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
        A dataframe of the same type as the logs. Columns: `person_id`, `place` (1 is the most certain), `sku` (the
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
    now, length, few = parse_as_of(as_of), span(within, "within"), count_of(min_people, "min_people", minimum=1)
    count_of(most, "most", minimum=0)
    all_held = held(logs, lines, now)
    if all_held is None:
        raise ArgumentError("the logs have no purchases that things could follow; give them too")
    rows = all_held.rows
    started = starts(rows, length, now, few)
    owned = rows.select(WHO, THING).unique()
    worth = collect_once(_worth(started, followed(started, rows, length, few), few))
    possible = owned.join(worth, on=THING, how="inner")
    new = possible.join(owned.rename({THING: OTHER}), on=[WHO, OTHER], how="anti")
    best = _numbered(new, [WHO, OTHER], [THING]).filter(nw.col("place") == 1).drop("place")
    ranked = _numbered(best, [WHO], [OTHER, THING]).filter(nw.col("place") <= most)
    return to_native(_named(ranked, all_held), logs.home)


def _named(ranked: Frame, all_held: Held) -> Frame:
    """Replace the numbers of people and products with their names."""
    shown = (PERSON, "place", SKU, "because", PEOPLE, AMONG)
    if all_held.people is None or all_held.things is None:
        return ranked.rename({WHO: PERSON, OTHER: SKU, THING: "because"}).select(*shown)
    why = all_held.things.rename({SKU: "because"})
    named = ranked.join(all_held.people, on=WHO, how="inner").join(why, on=THING, how="inner")
    return named.join(all_held.things.rename({THING: OTHER}), on=OTHER, how="inner").select(*shown)


def _worth(started: Frame, after: Frame, min_people: int) -> Frame:
    """Return frequent pairs above chance, with their ranking keys."""
    began = started.select(THING, AMONG).unique().with_columns(_all=nw.lit(1, nw.Int64()))
    began = began.with_columns(_asked=nw.col(AMONG).sum().over("_all").cast(nw.Int64()))
    pairs = after.filter(nw.col(PEOPLE) >= min_people).join(began.select(THING, "_asked"), on=THING, how="inner")
    pairs = pairs.join(began.select(_others=nw.col(AMONG), other=nw.col(THING)), on=OTHER, how="left")
    rest = nw.col("_asked") - nw.col("_others").fill_null(0)
    worth = pairs.filter(nw.col(PEOPLE) * rest > nw.col(AMONG) * nw.col("onto"))
    ranks = {"_less": 0.0 - nw.col(PEOPLE) / nw.col(AMONG), "_fewer": 0 - nw.col(PEOPLE), _ONE: nw.lit(1, nw.Int64())}
    return worth.select(THING, OTHER, PEOPLE, AMONG, **ranks)


def _numbered(rows: Frame, by: list[str], then: list[str]) -> Frame:
    """Number the rows of each group in order as `place`, from 1 for the most certain."""
    place = nw.col(_ONE).cum_sum().over(*by, order_by=["_less", "_fewer", *then])
    return rows.with_columns(place=place.cast(nw.Int64()))
