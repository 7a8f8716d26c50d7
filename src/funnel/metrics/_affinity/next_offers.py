"""Next offers for every person as a table: the pairs of `affinity` joined to each person's purchases.

Invariant: the table offers each person exactly what `Affinity.next_after` offers them.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import narwhals as nw

from funnel._arguments import SpanLike, count_of, parse_as_of, span
from funnel._dataframes.adapter import Frame, collect_once, distinct
from funnel._dataframes.frame_types import FrameT
from funnel.errors import ArgumentError
from funnel.metrics._affinity.pairs import (
    OTHER_PRODUCT,
    PEOPLE,
    PERSON_KEY,
    PRODUCT,
    TRIALS,
    BoughtProducts,
    followed,
    read_products,
    starts,
)
from funnel.metrics._lines import SKU
from funnel.metrics._purchases import PERSON
from funnel.metrics._rate import DEFAULT_MIN_PEOPLE

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame

    from funnel.logs import Logs

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
