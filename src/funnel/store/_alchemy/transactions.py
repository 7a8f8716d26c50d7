"""Transactions on a server, and what went wrong with them in this library's own errors.

A transaction that writes locks the people and the keys that it is about, and reads what others have committed; see
`docs/decisions/people-are-locked.md`. One that only reads sees one moment. SQLite lets one write at a time, and is told
so before anything is read.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from funnel.errors import FullError, FunnelError, LockedError, MissingExtraError, StoreError
from funnel.store._damage import damaged

T = TypeVar("T")

MOST_TRIES = 100
"""How often one piece of work is begun again because others wrote at the same time."""

AGAIN = frozenset({"40001", "40P01", "1213", "1020"})
"""Codes by which PostgreSQL and MySQL say that a transaction met another and is to be made again."""
_LOCKED = frozenset({"55P03", "1205", "SQLITE_BUSY", "SQLITE_LOCKED"})
_FULL = frozenset({"53100", "1021", "1114", "SQLITE_FULL"})
_HELD = "another connection has held the store for too long; nothing was written"
_NO_TABLES = "the store's tables are not there, or older; make them by your migrations: store_tables()"
_MISSING = frozenset({"42P01", "42703", "3F000", "1146", "1054"})


class AgainError(FunnelError):
    """Somebody else wrote at the same time: the work is to be done once more; it never leaves a store.

    Attributes:
        whole: Whether the next try must lock all keys, not only those that it can tell beforehand.
    """

    def __init__(self, message: str = "", *, whole: bool = False) -> None:
        """Say why."""
        super().__init__(message)
        self.whole = whole


_ONE_LEVEL = "SET TRANSACTION ISOLATION LEVEL {level}", "START TRANSACTION"
# On MySQL and MariaDB, SQLAlchemy sends four statements to set the level of a connection and to set it back.
_BEGINS: Mapping[str, tuple[Mapping[str, str], tuple[str, ...]]] = {
    "sqlite": ({"isolation_level": "AUTOCOMMIT"}, ("PRAGMA secure_delete = ON", "BEGIN{immediate}")),
    "mysql": ({}, _ONE_LEVEL),
    "mariadb": ({}, _ONE_LEVEL),
}


@contextmanager
def transaction(connection: sa.Connection, *, writes: bool) -> Generator[None, None, None]:
    """One transaction: kept at the end of the block, or never there if anything is raised."""
    level, immediate = ("READ COMMITTED", " IMMEDIATE") if writes else ("REPEATABLE READ", "")
    options, begins = _BEGINS.get(connection.dialect.name, ({"isolation_level": level}, ()))
    connection.execution_options(**options)
    with connection.begin():
        for statement in begins:
            connection.exec_driver_sql(statement.format(level=level, immediate=immediate))
        yield


def repeated(work: Callable[[bool], T], *, alone: bool = False) -> T:
    """Do work, and again as long as others write at the same time.

    Args:
        work: The work; its argument says whether to lock all keys.
        alone: Whether nobody else can write meanwhile, as in a file of SQLite: then the first time may be for want of
            locks, and the second only for tables that are damaged.

    Raises:
        LockedError: They did so every time.
        StoreError: Nobody else can have done so.
    """
    whole = False
    for _ in range(2 if alone else MOST_TRIES):
        try:
            return work(whole)
        except AgainError as error:
            whole = whole or error.whole
    if alone:
        raise damaged("a row that was looked for in vain is there")
    raise LockedError("others have written at the same time again and again; nothing was written, try later")


@contextmanager
def told(where: str = "the database") -> Generator[None, None, None]:
    """Tell of what the database could not do; no message holds a statement, a value or a password.

    Args:
        where: What a message calls the database.
    """
    try:
        yield
    except exc.DBAPIError as error:
        raise _error(error, where) from None
    except exc.NoSuchTableError:
        raise StoreError(f"{where}: {_NO_TABLES}") from None
    except exc.SQLAlchemyError as error:
        msg = f"the store cannot be used: {type(error).__name__} of {where}"
        raise StoreError(msg) from None


@contextmanager
def reached(where: str, password: str | None) -> Generator[None, None, None]:
    """Connect in this block, and tell why that was not possible; the driver's own error is the cause.

    Raises:
        StoreError: There is no such server, or it refuses; the message names it.
        MissingExtraError: What the driver needs is not installed.
    """
    try:
        yield
    except exc.DBAPIError as error:
        raise _unreached(where, error.orig or error, password) from _cause(error.orig, password)
    except (OSError, ValueError, OverflowError, TypeError) as error:  # some drivers let these through
        raise _unreached(where, error, password) from _cause(error, password)
    except ImportError as error:
        msg = f"the driver of {where} needs {error.name}; install it with: pip install {error.name}"
        raise MissingExtraError(msg) from None


def _unreached(where: str, error: BaseException, password: str | None) -> StoreError:
    code = code_of(error)
    if code.startswith(tuple(_LOCKED)):
        return LockedError(_HELD)
    reason = str(_cause(error, password) or "").strip().partition("\n")[0]
    shown = f"{type(error).__name__} {code}".rstrip()
    return StoreError(f"{where} cannot be reached: {shown}{': ' if reason else ''}{reason}")


def _cause(error: BaseException | None, password: str | None) -> BaseException | None:
    """Return a driver's error, unless its text holds the password."""
    return None if error is None or (password and password in repr(error)) else error


def _error(error: exc.DBAPIError, where: str) -> FunnelError:
    code = code_of(error.orig)
    if code in AGAIN:
        return AgainError("another transaction came between")
    if code.startswith(tuple(_LOCKED)):
        return LockedError(_HELD)
    if code in _FULL:
        return FullError("there is no room left to write; nothing was written, what was kept before is still there")
    if code in _MISSING or "no such" in str(error.orig):
        return StoreError(f"{where}: {_NO_TABLES}")
    if error.connection_invalidated:
        return StoreError(f"the connection to {where} broke; hand the records in again: twice is once")
    return StoreError(f"the store cannot be used: {type(error.orig).__name__} {code}".rstrip() + f" of {where}")


def code_of(error: Any) -> str:
    """The code of a database's own error, by whatever name its driver has it; empty where there is none."""
    for name in ("sqlstate", "pgcode", "sqlite_errorname"):
        if code := getattr(error, name, None):
            return str(code)
    given = getattr(error, "args", ())
    return str(given[0]) if given and isinstance(given[0], int) else ""
