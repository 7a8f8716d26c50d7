"""Short forms of what a reader returns, for exact comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from tests.readers.exports import SAMPLES

if TYPE_CHECKING:
    from funnel.readers import ShopData


def bought(data: ShopData) -> list[tuple[Any, ...]]:
    """Return id, person, amount and status of each purchase."""
    return data.purchases.select("id", "person_id", "amount", "status").rows()


def lines(data: ShopData) -> list[tuple[Any, ...]]:
    """Return order, article, pieces and amount of each order line."""
    return data.order_lines.select("purchase_id", "sku", pl.col("quantity").cast(pl.Int64), "amount").rows()


def account(data: ShopData, kind: str) -> dict[str, tuple[int, tuple[int, ...]]]:
    """Return count and first rows of each entry of one kind, by its reason."""
    return {entry.reason: (entry.count, tuple(entry.rows)) for entry in data.account if entry.what == kind}


def frame(sample: str, *rows: Mapping[str, str]) -> pl.DataFrame:
    """Return a dataframe with the heading of a sample; each row is the sample's first row with other cells."""
    heading, cells = SAMPLES[sample].rows()
    names = [name for name in heading if name]
    first = {name: cell for name, cell in zip(heading, cells[0], strict=True) if name}
    return pl.DataFrame([{**first, **row} for row in rows], schema=dict.fromkeys(names, pl.String))
