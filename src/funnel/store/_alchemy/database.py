"""A database behind SQLAlchemy: connections and transactions of a store on a server."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from threading import Event
from typing import TypeVar

import attrs
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from funnel._arguments import instance
from funnel.errors import LockedError, MissingExtraError, StoreError
from funnel.store._alchemy.schema import StoreTables, refuse_other_version, tables_in
from funnel.store._alchemy.tables import AlchemyTables
from funnel.store._alchemy.transactions import connection_errors, convert_errors, retry_conflicts, transaction
from funnel.store._tables import STILL_READ, Tables

T = TypeVar("T")


def engine_at(address: str) -> sa.Engine:
    """Return an engine for an address. Messages never show the address's password.

    Raises:
        MissingExtraError: The driver is not installed.
        StoreError: The address is not a database address.
    """
    try:
        return sa.create_engine(address, poolclass=sa.NullPool)
    except (exc.ArgumentError, ValueError, TypeError):
        msg = "the address is not a database address; write it as postgresql+psycopg://host:port/name"
        raise StoreError(msg) from None
    except ImportError as error:
        raise MissingExtraError(f"the driver of the address is not installed: pip install {error.name}") from None


def database_label(url: sa.URL) -> str:
    """Return a database's name for messages: kind, host, port and name, never a user or a password.

    Example:
        >>> database_label(sa.make_url("postgresql+psycopg://shop:secret@db.example:5432/crm"))
        'the database postgresql://db.example:5432/crm'
    """
    sockets = (url.query.get(name) for name in ("host", "unix_socket"))
    host = url.host or next((text for text in sockets if isinstance(text, str)), "")
    port = "" if url.port is None else f":{url.port}"
    return f"the database {url.get_backend_name()}://{host}{port}/{url.database or ''}"


@attrs.frozen
class Database:
    """An engine, or one of its connections, with the tables of a store."""

    source: sa.Engine | sa.Connection
    tables: StoreTables
    is_version_checked: Event = attrs.field(factory=Event)
    process: int = attrs.field(factory=os.getpid)

    @classmethod
    def of(cls, engine: object, schema: str | None, prefix: str) -> Database:
        """Wrap the shop's own engine.

        Raises:
            ArgumentError: `engine` is not an engine.
        """
        if isinstance(engine, AsyncEngine):
            engine = engine.sync_engine
        sync_engine: sa.Engine = instance(engine, sa.Engine, "engine", "an engine of sqlalchemy.create_engine(...)")
        return cls(sync_engine, tables_in(sa.MetaData(), schema, prefix))

    def over(self, connection: sa.Connection) -> Database:
        """Return the same tables over one connection."""
        return attrs.evolve(self, source=connection)

    def write(self, work: Callable[[AlchemyTables], T]) -> T:
        """Run work in one transaction, and repeat it after a conflict."""
        is_only_writer = self.source.engine.dialect.name == "sqlite"
        return retry_conflicts(
            lambda lock_all: self._write_once(work, lock_all_keys=lock_all), is_only_writer=is_only_writer
        )

    def _write_once(self, work: Callable[[AlchemyTables], T], *, lock_all_keys: bool) -> T:
        with convert_errors(self.label), self._connected() as connection:
            tables = AlchemyTables(connection, self.tables, lock_all_keys=lock_all_keys)
            try:
                with transaction(connection, writes=True):
                    self._check(connection)
                    done = work(tables)
                    tables.finish()
            except exc.IntegrityError:
                raise tables.duplicate_error() from None
            return done

    @contextmanager
    def reading(self) -> Generator[Tables, None, None]:
        """Yield the tables as of one moment."""
        with convert_errors(self.label), self._connected() as connection, transaction(connection, writes=False):
            self._check(connection)
            yield AlchemyTables(connection, self.tables)

    @property
    def label(self) -> str:
        """The database's name for messages."""
        return database_label(self.source.engine.url)

    def connection_errors(self) -> AbstractContextManager[None]:
        """Connect in a block, and explain a failure."""
        return connection_errors(self.label, self.source.engine.url.password)

    def _check(self, connection: sa.Connection) -> None:
        """Check once that the tables have this library's version."""
        if not self.is_version_checked.is_set():
            refuse_other_version(connection, self.tables.records)
            self.is_version_checked.set()

    @contextmanager
    def _connected(self) -> Generator[sa.Connection, None, None]:
        if isinstance(self.source, sa.Connection):
            yield self.source
        else:
            with self.connection_errors():
                connection = self.source.connect()
            with connection:
                yield connection

    def wipe(self) -> None:
        """Empty SQLite's write-ahead log; files of a server belong to its operator."""
        with convert_errors(self.label), self._connected() as connection:
            if connection.dialect.name == "sqlite":
                connection.execution_options(isolation_level="AUTOCOMMIT")
                busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
                if busy:
                    raise LockedError(STILL_READ)
