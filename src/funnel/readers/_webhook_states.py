"""Registers of the newest state of each record, and instants as text that is compared."""

from __future__ import annotations

from datetime import datetime
from threading import Lock
from typing import Protocol

from funnel._arguments import instance
from funnel._time import micros
from funnel.store._server import SqlAlchemyStore

DIGITS = 20
OFFSET = 10**17
"""Added to every instant, to make it positive."""


def sortable(at: datetime) -> str:
    """Return an instant as text that is greater if the instant is later."""
    return f"{micros(at) + OFFSET:0{DIGITS}}"


class NewestStates(Protocol):
    """A durable register of the newest state of each record.

    `SqlAlchemyStates` is one. Another database needs one table and this method.
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


class SqlAlchemyStates:
    """Register in a table beside the tables of a store: the table `webhook_states` of `store_tables`.

    Args:
        store: The store.

    Raises:
        ArgumentError: `store` is not a `SqlAlchemyStore`.

    Example:
        >>> from sqlalchemy import create_engine
        >>> from sqlalchemy.pool import StaticPool
        >>> from funnel.store import store_tables
        >>> engine = create_engine("sqlite://", poolclass=StaticPool)
        >>> store_tables().create_all(engine)
        >>> states = SqlAlchemyStates(SqlAlchemyStore(engine))
        >>> states.keep("order", "2"), states.keep("order", "1")
        ('2', '2')
    """

    def __init__(self, store: SqlAlchemyStore) -> None:
        """Use the database of the store; no query is sent yet."""
        self._store: SqlAlchemyStore = instance(store, SqlAlchemyStore, "store", "a SqlAlchemyStore")

    def keep(self, key: str, state: str) -> str:
        """Keep the greatest text under a key, in one transaction, and return it.

        Raises:
            StoreError: The database cannot be written, or the table is missing.
        """
        return self._store._keep_newest(key, state)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
