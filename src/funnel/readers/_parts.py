"""Rows of several files or sheets under one mapping, as rows of one shop.

Rules:

- An order that several files have is one order. A row that another file has too, in everything but its status, its
  refund and its cancellation, is merged with it; of the two, the one with the furthest state is kept.
- If the rows of an order still differ, and no file has all of them, nothing says which are right: they are refused.
- Credits are never refused for that: an order may get its money back in two parts, which are in two files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from funnel.readers._export_columns import FILE
from funnel.readers._raw import ROW, RawRows
from funnel.readers._rows import WHY, read_rows
from funnel.readers._values import CODE
from funnel.records import STATUSES

if TYPE_CHECKING:
    from funnel.readers._files import Part

ONE_WAY = ["id", "is_credit"]
"""Keys of the bought pieces and of the returned pieces under one order number."""

TWIN = "is_twin"
"""Whether another file has the row too."""

_SAME = (
    "person_id",
    "purchased_at",
    CODE,
    "sku",
    "pieces",
    "minor",
    "finer",
    "is_below",
    "is_discount",
    "is_charge",
    "is_bare",
)
_RANKS = {status: rank for rank, status in enumerate(STATUSES)}
_DIFFER = "order whose rows differ between the files"


def combined(parts: Sequence[Part], *, mixed: bool) -> tuple[pl.DataFrame, RawRows]:
    """Parse the rows of each part, and number the rows over all parts.

    Args:
        parts: The parts.
        mixed: Whether rows in other currencies than the mapping's are kept.

    Returns:
        The parsed rows, with `FILE`; and the copies, the short rows and the lines around the rows of all parts.
    """
    frames: list[pl.DataFrame] = []
    copies: list[pl.Series] = []
    short: list[pl.Series] = []
    count = 0
    for number, part in enumerate(parts):
        rows = read_rows(part.raw.frame, part.mapping, mixed=mixed)
        frames.append(rows.with_columns(pl.col(ROW) + count, pl.lit(number).alias(FILE)))
        copies.append(part.raw.copies.cast(pl.Int64) + count)
        short.append(part.raw.short + count)
        count += rows.height
    rows = pl.concat(frames)
    of_all = RawRows(
        rows.select(ROW),
        pl.concat(copies),
        pl.concat(short),
        below=sum(part.raw.below for part in parts),
        above=sum(part.raw.above for part in parts),
        blank=sum(part.raw.blank for part in parts),
        other_sheets=sum(part.raw.other_sheets for part in parts),
    )
    return rows, of_all


def with_twins(rows: pl.DataFrame) -> pl.DataFrame:
    """Find the rows that another file has too, and refuse the orders whose rows differ between files.

    Args:
        rows: The valid rows without exact copies, with `FILE`.

    Returns:
        The rows, with `TWIN` and `WHY`.
    """
    if rows[FILE].n_unique() < 2:  # noqa: PLR2004 (one file, or none)
        return rows.with_columns(pl.lit(value=False).alias(TWIN))
    rows = rows.with_columns(pl.int_range(pl.len()).over(FILE, *ONE_WAY, *_SAME).alias("copy"))
    furthest = [
        ~pl.col("is_cancelled"),
        -pl.col("state").replace_strict(_RANKS, default=0, return_dtype=pl.Int64),
        -(pl.col("refunded") + pl.col("reduced")),
        pl.col("cancelled_at"),
        pl.col("refunded_at"),
        pl.col(FILE),
        pl.col(ROW),
    ]
    twin = pl.int_range(pl.len()).over(*ONE_WAY, *_SAME, "copy", order_by=furthest) > 0
    rows = rows.with_columns(twin.alias(TWIN))
    in_all = (~pl.col(TWIN)).sum().over(ONE_WAY)
    in_file = pl.len().over(FILE, *ONE_WAY).max().over(ONE_WAY)
    differ = (in_file < in_all) & ~pl.col("is_credit")
    return rows.with_columns(
        pl.when(differ).then(pl.lit(_DIFFER)).alias(WHY), (pl.col(TWIN) & ~differ).alias(TWIN)
    ).drop("copy")
