"""Made-up events of a shop's site: heavy-tailed people, a tenth as many as events, within one year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

WITHIN = timedelta(days=7)
AS_OF = datetime(2025, 1, 1, tzinfo=UTC) + WITHIN  # every window is over: the peers do not know pending people
STEPS = ("view", "cart", "checkout", "purchase")
_SHARES = {"view": 0.40, "cart": 0.15, "checkout": 0.10, "purchase": 0.05, "search": 0.20, "visit": 0.10}
_FIRST, _SPAN = datetime(2024, 1, 1, tzinfo=UTC), 366 * 86_400_000_000


def events(number: int, *, seed: int = 7) -> pl.DataFrame:
    """Return unordered events: `person_id`, an integer, and `name`, the same person as text."""
    rng = np.random.default_rng(seed)
    people = max(number // 10, 2)
    bounds = np.cumsum(rng.lognormal(0.0, 1.3, people))
    columns = np.minimum(np.searchsorted(bounds / bounds[-1], rng.random(number)), people - 1)
    person = (rng.permutation(people) + 1)[columns]
    frame = pl.DataFrame(
        {
            "person_id": person,
            "occurred_at": rng.integers(0, _SPAN, number),
            "kind": pl.Series(rng.choice(len(_SHARES), number, p=list(_SHARES.values())), dtype=pl.UInt8),
        }
    )
    kinds = pl.col("kind").replace_strict(dict(enumerate(_SHARES)), return_dtype=pl.String)
    times = pl.lit(_FIRST).dt.cast_time_unit("us") + pl.col("occurred_at").cast(pl.Duration("us"))
    name = pl.format("customer-{}", pl.col("person_id").cast(pl.String).str.zfill(9))
    return frame.select("person_id", name=name, occurred_at=times, kind=kinds)
