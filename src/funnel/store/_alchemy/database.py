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
from funnel.store._alchemy.transactions import reached, repeated, told, transaction
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
        raise StoreError(
            "the address is not that of a database; write it as postgresql+psycopg://host:port/name"
        ) from None
    except ImportError as error:
        msg = f"the driver of the address is not installed: pip install {error.name}"
        raise MissingExtraError(msg) from None


def place_of(url: sa.URL) -> str:
    """Return a database's name for messages: kind, host, port and name, never a user or a password.

    Example:
        >>> place_of(sa.make_url("postgresql+psycopg://shop:secret@db.example:5432/crm"))
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
    is_known: Event = attrs.field(factory=Event)
    process: int = attrs.field(factory=os.getpid)

    @classmethod
    def of(cls, engine: object, schema: str | None, prefix: str) -> Database:
        """Wrap the shop's own engine.

        Raises:
            ArgumentError: `engine` is not an engine.
        """
        if isinstance(engine, AsyncEngine):
            engine = engine.sync_engine
        given: sa.Engine = instance(engine, sa.Engine, "engine", "what sqlalchemy.create_engine(...) has made")
        return cls(given, tables_in(sa.MetaData(), schema, prefix))

    def over(self, connection: sa.Connection) -> Database:
        """Return the same tables over one connection."""
        return attrs.evolve(self, source=connection)

    def write(self, work: Callable[[Tables], T]) -> T:
        """Run work in one transaction, and repeat it after a conflict."""
        alone = self.source.engine.dialect.name == "sqlite"
        return repeated(lambda whole: self._written(work, whole=whole), alone=alone)

    def _written(self, work: Callable[[Tables], T], *, whole: bool) -> T:
        with told(self.place), self._connected() as connection:
            tables = AlchemyTables(connection, self.tables, whole=whole)
            try:
                with transaction(connection, writes=True):
                    self._check(connection)
                    done = work(tables)
                    tables.finish()
            except exc.IntegrityError:
                raise tables.taken() from None
            return done

    @contextmanager
    def reading(self) -> Generator[Tables, None, None]:
        """Yield the tables as of one moment."""
        with told(self.place), self._connected() as connection, transaction(connection, writes=False):
            self._check(connection)
            yield AlchemyTables(connection, self.tables)

    @property
    def place(self) -> str:
        """The database's name for messages."""
        return place_of(self.source.engine.url)

    def reached(self) -> AbstractContextManager[None]:
        """Connect in a block, and explain a failure."""
        return reached(self.place, self.source.engine.url.password)

    def _check(self, connection: sa.Connection) -> None:
        """Check once that the tables have this library's version."""
        if not self.is_known.is_set():
            refuse_other_version(connection, self.tables.records)
            self.is_known.set()

    @contextmanager
    def _connected(self) -> Generator[sa.Connection, None, None]:
        if isinstance(self.source, sa.Connection):
            yield self.source
        else:
            with self.reached():
                connection = self.source.connect()
            with connection:
                yield connection

    def wipe(self) -> None:
        """Empty SQLite's write-ahead log; files of a server belong to its operator."""
        with told(self.place), self._connected() as connection:
            if connection.dialect.name == "sqlite":
                connection.execution_options(isolation_level="AUTOCOMMIT")
                busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
                if busy:
                    raise LockedError(STILL_READ)
