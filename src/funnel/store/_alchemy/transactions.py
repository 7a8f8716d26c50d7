"""Transactions on a server, with failures as this library's own errors.

A transaction that writes locks the people and keys that it affects, and reads committed data of others; see
`docs/decisions/people-are-locked.md`. A transaction that only reads sees one moment. SQLite allows one writer at a
time, so a writing transaction announces itself before it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from funnel.errors import FunnelError, LockedError, MissingExtraError, StorageFullError, StoreError
from funnel.store._damage import damaged
from funnel.store._tables import DISK_FULL

T = TypeVar("T")

MAX_TRIES = 100
"""Maximum number of tries of one piece of work while others write at the same time."""

RETRY_CODES = frozenset({"40001", "40P01", "1213", "1020"})
"""Codes of PostgreSQL and MySQL for a conflict after which the transaction must be repeated."""
_LOCKED = frozenset({"55P03", "1205", "SQLITE_BUSY", "SQLITE_LOCKED"})
_FULL = frozenset({"53100", "1021", "1114", "SQLITE_FULL"})
_LOCK_TIMEOUT = "another connection locked the store for too long; nothing was written, try again later"
_NO_TABLES = (
    "the store's tables are missing or outdated; create or change them by your migrations, from store_tables(); in an "
    "empty database, store_tables().create_all(engine) creates them"
)
_MISSING = frozenset({"42P01", "42703", "3F000", "1146", "1054"})


class RetryTransactionError(FunnelError):
    """Another writer interfered and the work must be repeated; never leaves a store.

    Attributes:
        lock_all_keys: Whether the next try must lock all keys, not only the keys known beforehand.
    """

    def __init__(self, message: str = "", *, lock_all_keys: bool = False) -> None:
        """Keep the reason."""
        super().__init__(message)
        self.lock_all_keys = lock_all_keys


_ONE_LEVEL = "SET TRANSACTION ISOLATION LEVEL {level}", "START TRANSACTION"
# On MySQL and MariaDB, SQLAlchemy sends four statements to set and reset the isolation level of a connection.
_BEGINS: Mapping[str, tuple[Mapping[str, str], tuple[str, ...]]] = {
    "sqlite": ({"isolation_level": "AUTOCOMMIT"}, ("PRAGMA secure_delete = ON", "BEGIN{immediate}")),
    "mysql": ({}, _ONE_LEVEL),
    "mariadb": ({}, _ONE_LEVEL),
}


@contextmanager
def transaction(connection: sa.Connection, *, writes: bool) -> Generator[None, None, None]:
    """Run a block in one transaction: commit at its end, or roll back if it raises."""
    level, immediate = ("READ COMMITTED", " IMMEDIATE") if writes else ("REPEATABLE READ", "")
    options, begins = _BEGINS.get(connection.dialect.name, ({"isolation_level": level}, ()))
    connection.execution_options(**options)
    with connection.begin():
        for statement in begins:
            connection.exec_driver_sql(statement.format(level=level, immediate=immediate))
        yield


def retry_conflicts(work: Callable[[bool], T], *, is_only_writer: bool = False) -> T:
    """Run work, and repeat it while other transactions interfere.

    Args:
        work: The work; its argument says whether to lock all keys.
        is_only_writer: Whether no other transaction can write meanwhile, as in a SQLite file. Then a first conflict may
            mean missing locks, and a second one can only mean damaged tables.

    Raises:
        LockedError: Other transactions interfered every time.
        StoreError: No other transaction can have interfered.
    """
    lock_all_keys = False
    for _ in range(2 if is_only_writer else MAX_TRIES):
        try:
            return work(lock_all_keys)
        except RetryTransactionError as error:
            lock_all_keys = lock_all_keys or error.lock_all_keys
    if is_only_writer:
        raise damaged("a row exists that a query did not return")
    raise LockedError(f"other transactions interfered {MAX_TRIES} times; nothing was written, try again later")


@contextmanager
def convert_errors(database: str = "the database") -> Generator[None, None, None]:
    """Convert database errors in this block; no message holds a statement, a value or a password.

    Args:
        database: The database's name for messages.
    """
    try:
        yield
    except exc.DBAPIError as error:
        raise _error(error, database) from None
    except exc.NoSuchTableError:
        raise StoreError(f"{database}: {_NO_TABLES}") from None
    except exc.SQLAlchemyError as error:
        raise StoreError(f"the store cannot be used: {database} raised {type(error).__name__}") from None


@contextmanager
def connection_errors(database: str, password: str | None) -> Generator[None, None, None]:
    """Connect in this block and explain a failure; the driver's error is the cause.

    Raises:
        StoreError: The server does not exist, or it refuses; the message names it.
        MissingExtraError: A package that the driver needs is not installed.
    """
    try:
        yield
    except exc.DBAPIError as error:
        raise _unreached(database, error.orig or error, password) from _cause(error.orig, password)
    except (OSError, ValueError, OverflowError, TypeError) as error:  # some drivers do not wrap these errors
        raise _unreached(database, error, password) from _cause(error, password)
    except ImportError as error:
        msg = f"the driver of {database} needs {error.name}; install it with: pip install {error.name}"
        raise MissingExtraError(msg) from None


def _unreached(database: str, error: BaseException, password: str | None) -> StoreError:
    code = code_of(error)
    if code.startswith(tuple(_LOCKED)):
        return LockedError(_LOCK_TIMEOUT)
    reason = str(_cause(error, password) or "").strip().partition("\n")[0]
    name = f"{type(error).__name__} {code}".rstrip()
    return StoreError(f"{database} cannot be reached: {name}{': ' if reason else ''}{reason}")


def _cause(error: BaseException | None, password: str | None) -> BaseException | None:
    """Return a driver's error, unless its text holds the password."""
    return None if error is None or (password and password in repr(error)) else error


def _error(error: exc.DBAPIError, database: str) -> FunnelError:
    code = code_of(error.orig)
    if code in RETRY_CODES:
        return RetryTransactionError("another transaction interfered")
    if code.startswith(tuple(_LOCKED)):
        return LockedError(_LOCK_TIMEOUT)
    if code in _FULL:
        return StorageFullError(DISK_FULL)
    if code in _MISSING or "no such" in str(error.orig):
        return StoreError(f"{database}: {_NO_TABLES}")
    if error.connection_invalidated:
        msg = f"the connection to {database} was lost; repeat the call: records that are stored already are skipped"
        return StoreError(msg)
    return StoreError(f"the store cannot be used: {database} raised {type(error.orig).__name__} {code}".rstrip())


def code_of(error: Any) -> str:
    """Return the code of a database error, under any driver's attribute; empty if there is none."""
    for name in ("sqlstate", "pgcode", "sqlite_errorname"):
        if code := getattr(error, name, None):
            return str(code)
    arguments = getattr(error, "args", ())
    return str(arguments[0]) if arguments and isinstance(arguments[0], int) else ""
