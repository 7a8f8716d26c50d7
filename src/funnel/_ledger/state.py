"""Data of a ledger."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

from funnel._aggregate.fold import Row, T
from funnel._columns import OwnValue
from funnel._expr.nodes import Value
from funnel._ledger.rows import DIRECTION, Key, number
from funnel._time import NEVER
from funnel.records import Purchase, Refund

_MOST_SCHEMAS = 16
"""Largest number of schemas whose values are cached."""


class LedgerState:
    """Data of a ledger: the rows of one person by stream, each stream sorted.

    A list of rows only grows at its end; any other change creates a new list. `late` are rows that are not sorted into
    their stream yet. `stale` are the streams to recompute. `latest` is the last instant at which a row starts or stops
    to count. `notices` maps a purchase to the instant of its delivery, `closed` a request to its first answer, `sent` a
    referred person to the first arrival, `about` a complaint to its purchase, `own` a row (by log; instant, source and
    id) to the own columns of its record. `columns` are the own columns of the person. `cached_values` maps a schema to
    the values after the latest instant. These values are the same at every later instant, because spans are stored as
    their start instants. A copy shares no list with the original, and has no cached values.
    """

    __slots__ = (
        *("about", "cached_values", "closed", "columns", "late", "latest", "notices", "own", "person_id"),
        *("purchases", "refunds", "rows", "sent", "stale"),
    )

    def __init__(self, person_id: str) -> None:
        """Start empty."""
        self.person_id: str = person_id
        self.rows: dict[str, list[Row]] = {}
        self.late: dict[str, list[Row]] = {}
        self.stale: set[str] = set()
        self.latest: int = NEVER
        self.cached_values: dict[object, tuple[Value, ...]] = {}
        self.purchases: dict[Key, Purchase] = {}
        self.refunds: dict[Key, list[Refund]] = {}
        self.notices: dict[Key, int] = {}
        self.closed: dict[tuple[str, Key], int] = {}
        self.sent: dict[str, int] = {}
        self.about: dict[Key, Key] = {}
        self.own: dict[tuple[str, Row], Mapping[str, OwnValue]] = {}
        self.columns: Mapping[str, OwnValue] = {}

    def cache_values(self, plan: object, values: tuple[Value, ...]) -> None:
        """Cache the values of a schema; clear a full cache first.

        Few schemas are used for one person.
        """
        if len(self.cached_values) >= _MOST_SCHEMAS:
            self.cached_values = {}
        self.cached_values[plan] = values

    def clear_cache(self) -> None:
        """Drop the cached values. A reader in progress keeps its reference."""
        self.cached_values = {}

    def __getstate__(self) -> dict[str, Any]:
        """Return copies of all data without the cached values."""
        return {name: _detached(getattr(self, name)) for name in LedgerState.__slots__ if name != "cached_values"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the data of a copy."""
        self.cached_values = {}
        for name, value in state.items():
            setattr(self, name, value)

    def reach(self, t: int) -> None:
        """Note an instant at which a row starts or stops to count."""
        self.latest = max(self.latest, t)

    def heard(self) -> list[int]:
        """Return every instant of a contact from the person, sorted."""
        talk = [row for row in self.rows.get("interactions", ()) if row[DIRECTION] == "in"]
        return sorted([number(row[T]) for row in [*talk, *self.rows.get("orders", ())]])


def _detached(value: Any) -> Any:
    """Copy lists, dictionaries and sets at every depth; their items are immutable."""
    kind = type(value)  # pyright: ignore[reportUnknownVariableType]
    if kind is dict:
        return {key: _detached(item) for key, item in value.items()}
    return copy(value) if kind in (list, set) else value
