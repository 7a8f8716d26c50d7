"""A store in one SQLite file or in memory: no server, no installation, safe for threads and processes.

Invariants: an acknowledged record survives the killing of the process at any moment. No record is stored twice or in
part.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from threading import RLock
from typing import Any, Literal

from funnel._arguments import SpanLike, brief, check_choice, span
from funnel._paths import path_of
from funnel.errors import ArgumentError, LockedError, StorageFullError, StoreError
from funnel.policy import Policy
from funnel.rates import Rates
from funnel.rules._rule import Rule
from funnel.store import _schema
from funnel.store._base import T, TableStore
from funnel.store._damage import damaged
from funnel.store._sqlite import SqliteTables
from funnel.store._tables import DISK_FULL, STILL_READ, Tables

OLDEST = (3, 37)
"""The first SQLite version with STRICT tables."""

_SECOND = timedelta(seconds=1)


class SqliteStore(TableStore):
    """A shop's records in one SQLite file or in memory.

    A store has one connection behind a lock: any number of threads may use it, one at a time. Each process opens its
    own store. SQLite lets one process write while all processes read.

    Args:
        path: The file; created if it does not exist. None keeps everything in memory until the store is closed.
        stage: The rule whose answer is stored as each person's stage; `funnel.stage` if None.
        policy: The shop's policy.
        rates: The shop's exchange rates. With them, amounts may have several currencies: each is stored as it came in,
            and converted to the reporting currency when it is read.
        timeout: Maximum time to wait for another process that is writing.
        flush: "full": each record is on the disk before it is acknowledged. "normal": many times faster. The last
            moments before a power cut may be lost, but the file stays consistent. A killed process loses nothing in
            either mode.

    Raises:
        ArgumentError: The path is empty, the timeout is not a timedelta, or another argument is invalid.
        StoreError: The file is not a store, is of a newer version of this library, or cannot be opened.
        LockedError: Another process holds the file longer than `timeout`.

    Example:
        >>> from datetime import UTC, datetime
        >>> from funnel import Lead
        >>> with SqliteStore() as store:
        ...     march = datetime(2026, 3, 1, tzinfo=UTC)
        ...     lead = Lead(person_id="p1", arrived_at=march, source="fair")
        ...     result = store.append(lead, lead, recorded_at=march)
        >>> result.added, result.skipped, result.stage_records[0].stage
        (1, 1, 'lead')
    """

    def __init__(  # noqa: PLR0913 - the database, and what its stages and amounts are computed with
        self,
        path: str | Path | None = None,
        *,
        stage: Rule[Any, Any, Any] | None = None,
        policy: Policy | None = None,
        rates: Rates | None = None,
        timeout: SpanLike = 5 * _SECOND,
        flush: Literal["full", "normal"] = "full",
    ) -> None:
        """Open the file, or create it."""
        super().__init__(stage, policy, rates)
        if sqlite3.sqlite_version_info < OLDEST:
            msg = f"this Python has SQLite {sqlite3.sqlite_version}; a store needs 3.37 or newer; use a newer Python"
            raise StoreError(msg)
        self._lock = RLock()
        self._process = os.getpid()
        self._path = _path_of(path)
        self._connection: sqlite3.Connection | None = None
        with _convert_errors(self._path):
            connection = _connected(self._path, _seconds_of(timeout), _flush_of(flush))
            try:
                _prepare(connection)
            except BaseException:
                connection.close()
                raise
        self._connection = connection

    def __repr__(self) -> str:
        """Return the class and the path only."""
        return f"SqliteStore({'closed' if self._connection is None else 'open'})"

    def close(self) -> None:
        """Close the file. Every later call raises an error. In another process the store is unchanged."""
        if os.getpid() != self._process:
            return  # closing a connection in a fork would release the locks of the process that opened it
        with self._lock, _convert_errors(self._path):
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection, None, None]:
        """Yield the connection for one call.

        Raises:
            StoreError: The store is closed, or was opened in another process.
        """
        if os.getpid() != self._process:  # before the lock: in a fork, no thread may exist that releases it
            raise StoreError("the store was opened in another process; open it again in this one")
        with self._lock, _convert_errors(self._path):
            if self._connection is None:
                raise StoreError("the store is closed; open it again")
            yield self._connection

    def _write(self, work: Callable[[Tables], T]) -> T:
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                done = work(SqliteTables(connection))
                connection.execute("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise
            return done

    @contextmanager
    def _reading(self) -> Generator[SqliteTables, None, None]:
        with self._open() as connection:
            connection.execute("BEGIN")
            try:
                yield SqliteTables(connection)
            finally:
                _roll_back(connection)

    def _wipe(self) -> None:
        """Move the write-ahead log into the file and empty it, so that neither holds erased data."""
        with self._open() as connection:
            (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise LockedError(STILL_READ)


def _path_of(path: object) -> str:
    """Return the path of a file; the path of an in-memory store if None.

    Raises:
        ArgumentError: `path` is not the path of a file.
    """
    if path is None:
        return ":memory:"
    text = path_of(path, "; leave it out to keep everything in memory")
    # Some builds of SQLite read URIs in any path, and URI options change what SQLite stores.
    if text.casefold().startswith("file:"):
        raise ArgumentError(
            "path must be the path of a file (got a URI); pass the path without file: and without options"
        )
    return text


def _seconds_of(timeout: object) -> float:
    return span(timeout, "timeout", minimum=0) / 1_000_000


def _flush_of(flush: object) -> str:
    check_choice(flush, ("full", "normal"), "flush")
    return str(flush)


def _connected(path: str, seconds: float, flush: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=seconds, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    for pragma in (f"synchronous = {flush}", "secure_delete = ON", "cache_size = -65536", "trusted_schema = OFF"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """Create missing tables, upgrade older tables, and switch to write-ahead logging.

    Raises:
        StoreError: The file is not a store, or is of a newer version.
    """
    if _version(connection) != _schema.VERSION:
        _upgrade(connection)
    (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    if journal == "delete":
        with suppress(sqlite3.OperationalError):  # another process opens the file too; the next open switches it
            connection.execute("PRAGMA journal_mode = WAL")


def _upgrade(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in _steps(_version(connection)):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_schema.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_schema.VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise


def _version(connection: sqlite3.Connection) -> int:
    """Return the version of the tables; 0 if the file is empty."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != _schema.APPLICATION_ID and tables:
        raise StoreError("the file is a SQLite database of another program; pass the path of a store or of a new file")
    if version > _schema.VERSION:
        needed = f"this library needs version {_schema.VERSION}"
        raise StoreError(f"the tables have version {version}, {needed}; install a newer shopfunnel")
    if tables and version < 1:
        raise damaged(f"its tables have version {version}, which does not exist")
    return version if tables else 0


def _steps(version: int) -> list[str]:
    if version == 0:
        return list(_schema.TABLES)
    return [step for older in range(version, _schema.VERSION) for step in _schema.UPGRADES[older]]


def _roll_back(connection: sqlite3.Connection) -> None:
    """Roll back a transaction, unless SQLite has already done so."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


@contextmanager
def _convert_errors(path: str) -> Generator[None, None, None]:
    """Convert SQLite errors in this block into this library's errors."""
    try:
        yield
    except UnicodeDecodeError:
        raise damaged("a text is not UTF-8") from None
    except sqlite3.Error as error:
        if "decode" in str(error) or getattr(error, "sqlite_errorname", "").startswith("SQLITE_CORRUPT"):
            raise damaged("a text or a page cannot be read") from None  # the message may hold stored values
        raise _error(error, path) from error


_DAMAGED = ("SQLITE_ERROR", "SQLITE_MISMATCH", "SQLITE_SCHEMA", "SQLITE_CONSTRAINT", "SQLITE_FORMAT")
"""SQLite error names that mean: a table or the file was not written by a store."""


def _error(error: sqlite3.Error, path: str) -> StoreError:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return LockedError("another connection locked the store for longer than the timeout; nothing was written")
    if name.startswith("SQLITE_FULL"):
        return StorageFullError(DISK_FULL)
    if name.startswith("SQLITE_NOTADB"):
        return StoreError(f"{brief(path)} is not a SQLite database; pass the path of a store or of a new file")
    if name.startswith(_DAMAGED):
        return damaged(f"{brief(path)} cannot be used, {name}: {error}")
    return StoreError(f"the store {brief(path)} cannot be used: {name or type(error).__name__}: {error}")
