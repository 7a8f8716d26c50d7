"""Made-up orders of a shop: heavy-tailed people, a fifth as many as orders, within three years."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
ZONE = "Asia/Jakarta"
_FIRST, _SPAN = datetime(2023, 1, 1, tzinfo=UTC), 1095 * 86_400_000_000


def orders(number: int, *, seed: int = 7) -> pl.DataFrame:
    """Return unordered orders: `person_id`, an integer, `name`, the same person as text, time and amount."""
    rng = np.random.default_rng(seed)
    people = max(number // 5, 2)
    bounds = np.cumsum(rng.lognormal(0.0, 1.3, people))
    columns = np.minimum(np.searchsorted(bounds / bounds[-1], rng.random(number)), people - 1)
    frame = pl.DataFrame(
        {
            "person_id": (rng.permutation(people) + 1)[columns],
            "purchased_at": rng.integers(0, _SPAN, number),
            "amount": rng.lognormal(11.0, 0.8, number).astype(np.int64) + 1,
        }
    )
    times = pl.lit(_FIRST).dt.cast_time_unit("us") + pl.col("purchased_at").cast(pl.Duration("us"))
    name = pl.format("customer-{}", pl.col("person_id").cast(pl.String).str.zfill(9))
    return frame.select("person_id", name=name, purchased_at=times, amount="amount")
