"""Registers of the newest state of each record, and instants as text that is compared."""

from __future__ import annotations

from datetime import datetime
from threading import Lock
from typing import Protocol

from funnel._time import micros
from funnel.store._base import TableStore
from funnel.store._register import DIGITS

OFFSET = 10**17
"""Added to every instant, to make it positive."""


def sortable(at: datetime) -> str:
    """Return an instant as text that is greater if the instant is later."""
    return f"{micros(at) + OFFSET:0{DIGITS}}"


class NewestStates(Protocol):
    """A durable register of the newest state of each record.

    The stores of this library have one in their own database. A store of the shop's own needs one table and this
    method. The states have the person ids of the orders, so they must be erased with the person.
    """

    def keep(self, key: str, state: str) -> str:
        """Keep the greatest text under a key, in one transaction, and return it.

        Args:
            key: The record, with at most 430 characters.
            state: The state. States are compared as text; a newer state is greater.
        """
        ...


class MemoryStates:
    """Register in memory, for tests. A restart empties it.

    Example:
        >>> states = MemoryStates()
        >>> states.keep("order", "2"), states.keep("order", "1")
        ('2', '2')
    """

    def __init__(self) -> None:
        """Create an empty register."""
        self._lock = Lock()
        self._states: dict[str, str] = {}

    def keep(self, key: str, state: str) -> str:
        """Keep the greatest text under a key, and return it."""
        with self._lock:
            newest = max(self._states.get(key, ""), state)
            self._states[key] = newest
            return newest


class StoreStates:
    """Register in the database of a store of this library, in its table `webhook_states`."""

    def __init__(self, store: TableStore) -> None:
        """Use the database of the store; no query is sent yet."""
        self._store = store

    def keep(self, key: str, state: str) -> str:
        """Keep the greatest text under a key, in one transaction, and return it.

        Raises:
            StoreError: The database cannot be written, or the table is missing.
        """
        return self._store._keep_newest(key, state)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
