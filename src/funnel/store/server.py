"""A store on a database server, or wherever SQLAlchemy reaches: PostgreSQL, MySQL, MariaDB, SQLite; and its async twin.

The shop brings the engine and makes the tables by its own migrations; nothing here changes a database's tables.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self, TypeVar

from funnel._given import instance
from funnel._rule import Rule
from funnel.errors import MissingExtraError, StoreError
from funnel.history import History
from funnel.policy import Policy
from funnel.records import Customer, Record
from funnel.store._base import KeptStore, OfOneProcess
from funnel.store._tables import Tables
from funnel.store.protocol import Alias, Engine, Receipt, Standing

if TYPE_CHECKING:
    from types import TracebackType

    import sqlalchemy
    from sqlalchemy.ext.asyncio import AsyncEngine

    from funnel.logs import Logs
    from funnel.store._alchemy.database import Database

T = TypeVar("T")

PREFIX = "funnel_"
"""What the names of the tables begin with, so that they lie beside the shop's own."""

SERVER_BATCH = 2_000
"""How many records, or people, are written in one transaction on a server where there are very many."""


def store_tables(
    metadata: sqlalchemy.MetaData | None = None, *, schema: str | None = None, prefix: str = PREFIX
) -> sqlalchemy.MetaData:
    """Declare the tables of a store, for the shop's own migrations or for `create_all`.

    Args:
        metadata: Where to declare them beside the shop's own tables; None for a new one.
        schema: The schema that they lie in; None for the one that the database takes by itself.
        prefix: What their names begin with.

    Returns:
        The metadata: what Alembic takes as `target_metadata`.

    Raises:
        MissingExtraError: SQLAlchemy is not installed.

    Example:
        >>> sorted(store_tables(prefix="shop_").tables)
        ['shop_apart', 'shop_customers', 'shop_links', 'shop_locks', 'shop_people', 'shop_records']
    """
    _need_sqlalchemy()
    import sqlalchemy

    from funnel.store._alchemy.schema import tables_in

    given = sqlalchemy.MetaData() if metadata is None else metadata
    instance(given, sqlalchemy.MetaData, "metadata", "a MetaData of SQLAlchemy or None")
    tables_in(given, schema, prefix)
    return given


def _need_sqlalchemy() -> None:
    if find_spec("sqlalchemy") is None:
        msg = 'a store on a server needs SQLAlchemy; install it with: pip install "shopfunnel[sqlalchemy]"'
        raise MissingExtraError(msg)


class SqlAlchemyStore(KeptStore):
    """A shop's records in a database that SQLAlchemy reaches: PostgreSQL, MySQL, MariaDB or SQLite.

    It may be used by any number of threads; each call takes a connection of the engine's pool and is one transaction.
    Who writes does so as if nobody else did; where two meet, one of them is done once more. Have the engine ask whether
    a connection still holds (`pool_pre_ping=True`) where the server may be restarted.

    Args:
        engine: The shop's own engine. MariaDB needs a `mariadb+...` address, so that text is compared exactly.
        schema: The schema that the tables lie in, as in `store_tables`.
        prefix: What their names begin with, as in `store_tables`.
        stage: The rule whose answer is kept as everyone's stage; `funnel.stage` where None.
        policy: The shop's numbers.

    Raises:
        MissingExtraError: SQLAlchemy is not installed.
        ArgumentError: What was given is no engine.

    Example:
        >>> from datetime import UTC, datetime
        >>> from sqlalchemy import create_engine
        >>> from sqlalchemy.pool import StaticPool
        >>> from funnel import Lead
        >>> engine = create_engine("sqlite://", poolclass=StaticPool)
        >>> store_tables().create_all(engine)
        >>> march = datetime(2026, 3, 1, tzinfo=UTC)
        >>> lead = Lead(person_id="p1", arrived_at=march, source="fair")
        >>> with SqlAlchemyStore(engine) as store:
        ...     receipt = store.append(lead, lead, recorded_at=march)
        >>> receipt.added, receipt.repeated, receipt.standings[0].stage
        (1, 1, 'lead')
        >>> engine.dispose()
    """

    def __init__(
        self,
        engine: sqlalchemy.Engine,
        *,
        schema: str | None = None,
        prefix: str = PREFIX,
        stage: Rule[Any, Any, Any] | None = None,
        policy: Policy | None = None,
    ) -> None:
        """Use an engine; nothing is asked of the database yet."""
        super().__init__(stage, policy)
        _need_sqlalchemy()
        from funnel.store._alchemy.database import Database

        self._database: Database | None = Database.of(engine, schema, prefix)

    def __repr__(self) -> str:
        """Show no more than what it is."""
        return f"SqlAlchemyStore({'closed' if self._database is None else 'open'})"

    def close(self) -> None:
        """Let go of the engine, which is the shop's own and stays as it is; a closed store answers nothing."""
        self._database = None

    def _open(self) -> Database:
        if self._database is None:
            raise StoreError("the store is closed; open it again")
        if os.getpid() != self._database.process:  # both processes would write to the same connection
            msg = "the store was opened in another process; open it again in this one, with a new engine"
            raise StoreError(msg)
        return self._database

    def _write(self, work: Callable[[Tables], T]) -> T:
        return self._open().write(work)

    def _reading(self) -> AbstractContextManager[Tables]:
        return self._open().reading()

    def _wipe(self) -> None:
        self._open().wipe()

    @property
    def _batch(self) -> int:
        """Return fewer than a file takes: on a server others wait for the people of a transaction."""
        return min(super()._batch, SERVER_BATCH)


def store_at(address: str) -> SqlAlchemyStore:
    """A store at the address of a database, under its usual names.

    Raises:
        MissingExtraError: SQLAlchemy is not installed.
        StoreError: It is no address, or its driver is not installed.
    """
    _need_sqlalchemy()
    from funnel.store._alchemy.database import engine_at

    return SqlAlchemyStore(engine_at(address))


class _OnOneConnection(SqlAlchemyStore):
    """A store for one call, over a connection that somebody else holds."""

    def __init__(self, store: SqlAlchemyStore, connection: sqlalchemy.Connection) -> None:
        """Judge as the store does."""
        self._judge = store._judge  # noqa: SLF001 - the same store, for one call
        self._database = store._open().over(connection)  # noqa: SLF001


class AsyncSqlAlchemyStore(OfOneProcess):
    """The async twin of `SqlAlchemyStore`: the same calls, to be awaited; the loop goes on while the database works.

    Args:
        engine: The shop's own async engine.
        schema: The schema that the tables lie in, as in `store_tables`.
        prefix: What their names begin with, as in `store_tables`.
        stage: The rule whose answer is kept as everyone's stage; `funnel.stage` where None.
        policy: The shop's numbers.

    Raises:
        MissingExtraError: SQLAlchemy is not installed.
        ArgumentError: What was given is no engine.

    Example:
        >>> import asyncio
        >>> from datetime import UTC, datetime
        >>> from sqlalchemy.ext.asyncio import create_async_engine
        >>> from sqlalchemy.pool import StaticPool
        >>> from funnel import Lead
        >>> march = datetime(2026, 3, 1, tzinfo=UTC)
        >>> async def main():
        ...     engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
        ...     async with engine.begin() as connection:
        ...         await connection.run_sync(store_tables().create_all)
        ...     store = AsyncSqlAlchemyStore(engine)
        ...     lead = Lead(person_id="p1", arrived_at=march, source="fair")
        ...     receipt = await store.append(lead, recorded_at=march)
        ...     await engine.dispose()
        ...     return receipt.standings[0].stage
        >>> asyncio.run(main())
        'lead'
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        schema: str | None = None,
        prefix: str = PREFIX,
        stage: Rule[Any, Any, Any] | None = None,
        policy: Policy | None = None,
    ) -> None:
        """Use an engine; nothing is asked of the database yet."""
        _need_sqlalchemy()
        from sqlalchemy.ext.asyncio import AsyncEngine

        made = "what sqlalchemy.ext.asyncio.create_async_engine(...) has made"
        sync: Any = instance(engine, AsyncEngine, "engine", made)
        self._engine = engine
        self._store = SqlAlchemyStore(sync, schema=schema, prefix=prefix, stage=stage, policy=policy)

    def __repr__(self) -> str:
        """Show no more than what it is."""
        return f"Async{self._store!r}"

    async def __aenter__(self) -> Self:
        """Use the store until the end of the block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Let go of the engine, which is the shop's own and stays as it is; a closed store answers nothing."""
        self._store.close()

    async def _done(self, call: Callable[[SqlAlchemyStore], T]) -> T:
        """Make a call of the plain store over an async connection."""
        from funnel.store._alchemy.transactions import told

        database = self._store._open()  # noqa: SLF001 - the twin's own store # pyright: ignore[reportPrivateUsage]
        with told(database.place):
            connection = self._engine.connect()
            with database.reached():
                await connection.start()
            try:
                return await connection.run_sync(lambda plain: call(_OnOneConnection(self._store, plain)))
            finally:
                await connection.close()

    async def append(
        self, *records: Record, recorded_at: datetime, expected: Mapping[str, int] | None = None
    ) -> Receipt:
        """Add records and judge whom they are of; see `Store.append`."""
        return await self._done(lambda store: store.append(*records, recorded_at=recorded_at, expected=expected))

    async def amend(
        self, *records: Record, recorded_at: datetime, expected: Mapping[str, int] | None = None
    ) -> Receipt:
        """Put records in the place of those with the same source and id; see `Store.amend`."""
        return await self._done(lambda store: store.amend(*records, recorded_at=recorded_at, expected=expected))

    async def load(self, records: Iterable[Record], *, recorded_at: datetime) -> Receipt:
        """Add very many records without judging anyone; see `Store.load`."""
        return await self._done(lambda store: store.load(records, recorded_at=recorded_at))

    async def enter(
        self,
        customer: Customer,
        *,
        recorded_at: datetime,
        expected: Mapping[str, int] | None = None,
        after_erasure: bool = False,
    ) -> Standing:
        """Write a customer into the shop's book; see `Store.enter`."""
        return await self._done(
            lambda store: store.enter(customer, recorded_at=recorded_at, expected=expected, after_erasure=after_erasure)
        )

    async def history(self, person_id: str) -> History:
        """Everything on record of one person; see `Store.history`."""
        return await self._done(lambda store: store.history(person_id))

    async def standing(self, person_id: str) -> Standing | None:
        """Where a person stood at the last judgement; see `Store.standing`."""
        return await self._done(lambda store: store.standing(person_id))

    async def due(self, *, before: datetime, limit: int | None = None) -> list[str]:
        """Whose stage may have changed by itself before an instant; see `Store.due`."""
        return await self._done(lambda store: store.due(before=before, limit=limit))

    async def judge(self, *people: str, as_of: datetime) -> list[Standing]:
        """Judge people again, and keep where they stand; see `Store.judge`."""
        return await self._done(lambda store: store.judge(*people, as_of=as_of))

    async def judge_everyone(self, *, as_of: datetime) -> int:
        """Judge everyone in one pass over all records; see `Store.judge_everyone`."""
        return await self._done(lambda store: store.judge_everyone(as_of=as_of))

    async def merge(self, alias: str, *, into: str, merged_at: datetime) -> Standing:
        """Two names are one person; see `Store.merge`."""
        return await self._done(lambda store: store.merge(alias, into=into, merged_at=merged_at))

    async def part(self, alias: str, *, parted_at: datetime) -> tuple[Standing, Standing]:
        """A merge was wrong; see `Store.part`."""
        return await self._done(lambda store: store.part(alias, parted_at=parted_at))

    async def aliases(self, person_id: str) -> list[Alias]:
        """Every other name that a person goes by; see `Store.aliases`."""
        return await self._done(lambda store: store.aliases(person_id))

    async def waiting(self) -> list[tuple[str, str, str]]:
        """Every record that waits for what it refers to; see `Store.waiting`."""
        return await self._done(lambda store: store.waiting())

    async def export(self, person_id: str) -> str:
        """All that is kept of one person as JSON; see `Store.export`."""
        return await self._done(lambda store: store.export(person_id))

    async def erase(self, person_id: str) -> int:
        """Take away a person's name, address, contacts and words for good; see `Store.erase`."""
        return await self._done(lambda store: store.erase(person_id))

    async def logs(self, *, engine: Engine = "polars") -> Logs:
        """Everyone's records as tables; see `Store.logs`."""
        return await self._done(lambda store: store.logs(engine=engine))
