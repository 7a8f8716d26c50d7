"""Made-up shops of any size: heavy-tailed people, a tenth as many as events, as the frames that a shop would have.

68 % of the events are interactions, 30 % purchases, 2 % refunds. Half a percent of the rows are duplicates, and one in
twenty is after `AS_OF`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from funnel.interactions import DeclineReason, PostponementReason

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
_FIRST, _SPAN = 1_672_531_200_000_000, 1153 * 86_400_000_000
_DAY = 86_400_000_000
_SHARES = {
    "visit": 12,
    "view": 34,
    "cart": 8,
    "checkout": 5,
    "quote": 2,
    "question": 10,
    "answer": 8,
    "postponement": 4,
    "ready_signal": 1,
    "meeting": 1,
    "delivery": 4,
    "complaint": 2,
    "resolution": 1.5,
    "feedback": 1.5,
    "opt_out": 0.2,
    "declined": 0.8,
    "follow_up": 5,
}
Columns = dict[str, Any]


def shop(events: int, *, seed: int = 7, repeated: float = 0.005) -> dict[str, pl.DataFrame]:
    """The logs of a shop: `purchases`, `refunds`, `interactions`."""
    rng = np.random.default_rng(seed)
    refunded, bought = events * 2 // 100, events * 30 // 100
    people = _People(rng, max(events // 10, 2))
    purchases = _purchases(rng, people, bought)
    interactions = _interactions(rng, people, purchases, events - refunded - bought)
    frames = {
        "purchases": _frame(purchases),
        "refunds": _frame(_refunds(rng, purchases, refunded)),
        "interactions": _frame(interactions),
    }
    return {log: _repeating(frame, repeated, seed) for log, frame in frames.items()}


class _People:
    """People of whom a few do much, and most do little."""

    def __init__(self, rng: np.random.Generator, number: int) -> None:
        weights = rng.lognormal(0.0, 1.3, number)
        self._bounds = np.cumsum(weights) / weights.sum()
        self._names = rng.permutation(number) + 1
        self._rng = rng

    def draw(self, size: int) -> np.ndarray:
        columns = np.searchsorted(self._bounds, self._rng.random(size))
        return self._names[np.minimum(columns, len(self._names) - 1)]


def _purchases(rng: np.random.Generator, people: _People, size: int) -> Columns:
    at = _FIRST + rng.integers(0, _SPAN, size)
    cancelled = rng.random(size) < 0.03
    promised = at + rng.integers(2, 10, size) * _DAY
    delivered = at + rng.integers(_DAY, 12 * _DAY, size)
    return {
        "id": np.arange(1, size + 1),
        "person_id": people.draw(size),
        "purchased_at": at,
        "amount": (rng.lognormal(8.0, 1.0, size) + 1).astype(np.int64),
        "status": np.where(cancelled, "cancelled", "paid"),
        "cancelled_at": _some(at + rng.integers(0, 3 * _DAY, size), cancelled),
        "promotion": np.where(rng.random(size) < 0.1, "launch", ""),
        "promised_at": _some(promised, rng.random(size) < 0.8),
        "delivered_at": _some(delivered, (rng.random(size) < 0.5) & ~cancelled),
    }


def _refunds(rng: np.random.Generator, purchases: Columns, size: int) -> Columns:
    """Refunds of different purchases, half of them full."""
    of = rng.permutation(len(purchases["id"]))[:size]
    paid = purchases["amount"][of]
    return {
        "id": np.arange(1, size + 1),
        "purchase_id": purchases["id"][of],
        "refunded_at": purchases["purchased_at"][of] + rng.integers(_DAY, 60 * _DAY, size),
        "amount": np.where(rng.random(size) < 0.5, paid, np.maximum(paid // 3, 1)),
    }


def _interactions(rng: np.random.Generator, people: _People, purchases: Columns, size: int) -> Columns:
    shares = np.array(list(_SHARES.values()))
    kind = rng.choice(np.array(list(_SHARES)), size, p=shares / shares.sum())
    person, at, of = people.draw(size), _FIRST + rng.integers(0, _SPAN, size), np.full(size, -1)
    for closing, opening in (("answer", "question"), ("resolution", "complaint")):
        closes, opens = np.flatnonzero(kind == closing), np.flatnonzero(kind == opening)
        kind[closes[len(opens) :]] = "visit"
        closes, opens = closes[: len(opens)], opens[: len(closes)]
        _after(rng, (person, at, of), closes, (opens + 1, person[opens], at[opens]))
    interactions = np.flatnonzero(kind == "delivery")
    kind[interactions[len(purchases["id"]) :]] = "visit"
    interactions = interactions[: len(purchases["id"])]
    which = rng.permutation(len(purchases["id"]))[: len(interactions)]
    _after(
        rng,
        (person, at, of),
        interactions,
        tuple(purchases[name][which] for name in ("id", "person_id", "purchased_at")),
    )
    postponed, quoted = kind == "postponement", kind == "quote"
    until = at + rng.integers(_DAY, 120 * _DAY, size)
    return {
        "id": np.arange(1, size + 1),
        "person_id": person,
        "occurred_at": at,
        "kind": kind,
        "regarding": _some(of, of >= 0),
        "reason": _reasons(rng, kind),
        "until": _some(until, postponed),
        "score": _some(rng.integers(1, 6, size), kind == "feedback"),
        "amount": _some(rng.integers(1_00, 900_00, size), quoted),
    }


def _after(
    rng: np.random.Generator, columns: tuple[np.ndarray, ...], rows: np.ndarray, first: tuple[np.ndarray, ...]
) -> None:
    """Make rows refer to earlier records of the same person."""
    person, at, of = columns
    of[rows], person[rows] = first[0], first[1]
    at[rows] = first[2] + rng.integers(_DAY // 24, 8 * _DAY, len(rows))


def _reasons(rng: np.random.Generator, kind: np.ndarray) -> np.ndarray:
    later = rng.choice(np.array([str(one) for one in PostponementReason]), len(kind))
    never = rng.choice(np.array([str(one) for one in DeclineReason]), len(kind))
    return np.where(kind == "postponement", later, np.where(kind == "declined", never, ""))


def _some(values: np.ndarray, there: np.ndarray) -> pl.Series:
    return pl.Series(values).set(pl.Series(~there), None)


def _frame(columns: Columns) -> pl.DataFrame:
    frame = {name: values if isinstance(values, pl.Series) else pl.Series(values) for name, values in columns.items()}
    times = [pl.col(name).cast(pl.Datetime("us", "UTC")) for name in frame if name.endswith("_at") or name == "until"]
    people = [pl.col(name).cast(pl.String) for name in frame if name == "person_id"]
    return pl.DataFrame(frame).with_columns(*times, *people)


def _repeating(frame: pl.DataFrame, share: float, seed: int) -> pl.DataFrame:
    """Return the rows in a random order, some of them twice."""
    repeated_rows = frame.sample(fraction=share, seed=seed)
    return pl.concat([frame, repeated_rows]).sample(fraction=1.0, shuffle=True, seed=seed)
