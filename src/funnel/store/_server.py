"""Stores over SQLAlchemy (PostgreSQL, MySQL, MariaDB, SQLite), synchronous and async.

The shop passes the engine and creates the tables by its own migrations. This module never changes a database's tables.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, overload

from funnel._arguments import instance
from funnel.errors import MissingExtraError, StoreError
from funnel.history import History
from funnel.policy import Policy
from funnel.records import Customer, Record
from funnel.rules._rule import Rule
from funnel.store._base import ProcessBound, TableStore
from funnel.store._results import Alias, AppendResult, Engine, StageRecord
from funnel.store._tables import Tables

if TYPE_CHECKING:
    from types import TracebackType

    import sqlalchemy
    from sqlalchemy.ext.asyncio import AsyncEngine

    from funnel.logs import Logs
    from funnel.rates import Rates
    from funnel.store._alchemy.database import Database
    from funnel.store._results import ArrowLogs, DuckdbLogs, PandasLogs, PolarsLogs

T = TypeVar("T")

PREFIX = "funnel_"
"""Default prefix of the table names, which sets them apart from the shop's own tables."""

SERVER_BATCH = 2_000
"""Maximum number of records or people in one transaction of a bulk write on a server."""


def store_tables(
    metadata: sqlalchemy.MetaData | None = None, *, schema: str | None = None, prefix: str = PREFIX
) -> sqlalchemy.MetaData:
    """Declare the tables of a store, for the shop's migrations or `create_all`.

    Args:
        metadata: The metadata to declare the tables in, beside the shop's own tables; None for a new one.
        schema: The schema of the tables; None for the database's default.
        prefix: Prefix of the table names.

    Returns:
        The metadata. Alembic takes it as `target_metadata`.

    Raises:
        MissingExtraError: SQLAlchemy is not installed.

    Example:
        >>> sorted(store_tables(prefix="shop_").tables)[:4]
        ['shop_customers', 'shop_locks', 'shop_merges', 'shop_people']
    """
    _need_sqlalchemy()
    import sqlalchemy

    from funnel.store._alchemy.schema import tables_in

    target = sqlalchemy.MetaData() if metadata is None else metadata
    instance(target, sqlalchemy.MetaData, "metadata", "a MetaData of SQLAlchemy or None")
    tables_in(target, schema, prefix)
    return target


def _need_sqlalchemy() -> None:
    if find_spec("sqlalchemy") is None:
        msg = 'SqlAlchemyStore needs SQLAlchemy; install it with: pip install "shopfunnel[sqlalchemy]"'
        raise MissingExtraError(msg)


class SqlAlchemyStore(TableStore):
    """A shop's records in a SQLAlchemy database: PostgreSQL, MySQL, MariaDB or SQLite.

    Any number of threads may use the store. Each call takes a connection of the engine's pool and is one transaction.
    Writes are isolated from each other; if two of them conflict, the store repeats one. If the server may be restarted,
    let the engine check its connections (`pool_pre_ping=True`).

    Args:
        engine: The shop's own engine. MariaDB needs a `mariadb+...` address, so that text is compared exactly.
        schema: The schema of the tables, as in `store_tables`.
        prefix: Prefix of the table names, as in `store_tables`.
        stage: The rule whose answer is stored as each person's stage; `funnel.stage` if None.
        policy: The shop's policy.
        rates: The shop's exchange rates. With them, amounts may have several currencies: each is stored as it came in,
            and converted to the reporting currency when it is read.

    Raises:
        MissingExtraError: SQLAlchemy is not installed.
        ArgumentError: `engine` is not an engine.

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
        ...     result = store.append(lead, lead, recorded_at=march)
        >>> result.added, result.skipped, result.stage_records[0].stage
        (1, 1, 'lead')
        >>> engine.dispose()
    """

    def __init__(  # noqa: PLR0913 - the database, and what its stages and amounts are computed with
        self,
        engine: sqlalchemy.Engine,
        *,
        schema: str | None = None,
        prefix: str = PREFIX,
        stage: Rule[Any, Any, Any] | None = None,
        policy: Policy | None = None,
        rates: Rates | None = None,
    ) -> None:
        """Store the engine; no query is sent yet."""
        super().__init__(stage, policy, rates)
        _need_sqlalchemy()
        from funnel.store._alchemy.database import Database

        self._database: Database | None = Database.of(engine, schema, prefix)

    def __repr__(self) -> str:
        """Return the class and the database only."""
        return f"SqlAlchemyStore({'closed' if self._database is None else 'open'})"

    def close(self) -> None:
        """Close the store; every later call raises an error. The engine is the shop's and stays open."""
        self._database = None

    def _open(self) -> Database:
        if self._database is None:
            raise StoreError("the store is closed; open it again")
        if os.getpid() != self._database.process:  # both processes would write to the same connection
            raise StoreError("the store was opened in another process; open it again in this one, with a new engine")
        return self._database

    def _write(self, work: Callable[[Tables], T]) -> T:
        return self._open().write(work)

    def _reading(self) -> AbstractContextManager[Tables]:
        return self._open().reading()

    def _wipe(self) -> None:
        self._open().wipe()

    @property
    def _batch(self) -> int:
        """Return a smaller batch than for a file: on a server others wait for the people of a transaction."""
        return min(super()._batch, SERVER_BATCH)


def store_at(address: str, rates: Rates | None = None) -> SqlAlchemyStore:
    """Return a store at the address of a database, with the default table names.

    Raises:
        MissingExtraError: SQLAlchemy is not installed.
        StoreError: The address is invalid, or its driver is not installed.
    """
    _need_sqlalchemy()
    from funnel.store._alchemy.database import engine_at

    return SqlAlchemyStore(engine_at(address), rates=rates)


class _OnOneConnection(SqlAlchemyStore):
    """A store for one call, over an existing connection."""

    def __init__(self, store: SqlAlchemyStore, connection: sqlalchemy.Connection) -> None:
        """Use the rule and policy of the store."""
        self._evaluator = store._evaluator  # noqa: SLF001 - the same store, for one call
        self._database = store._open().over(connection)  # noqa: SLF001


class AsyncSqlAlchemyStore(ProcessBound):
    """Async version of `SqlAlchemyStore`: the same calls, awaited. The event loop is not blocked.

    Args:
        engine: The shop's own async engine.
        schema: The schema of the tables, as in `store_tables`.
        prefix: Prefix of the table names, as in `store_tables`.
        stage: The rule whose answer is stored as each person's stage; `funnel.stage` if None.
        policy: The shop's policy.
        rates: The shop's exchange rates. With them, amounts may have several currencies: each is stored as it came in,
            and converted to the reporting currency when it is read.

    Raises:
        MissingExtraError: SQLAlchemy is not installed.
        ArgumentError: `engine` is not an async engine.

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
        ...     result = await store.append(lead, recorded_at=march)
        ...     await engine.dispose()
        ...     return result.stage_records[0].stage
        >>> asyncio.run(main())
        'lead'
    """

    def __init__(  # noqa: PLR0913 - the database, and what its stages and amounts are computed with
        self,
        engine: AsyncEngine,
        *,
        schema: str | None = None,
        prefix: str = PREFIX,
        stage: Rule[Any, Any, Any] | None = None,
        policy: Policy | None = None,
        rates: Rates | None = None,
    ) -> None:
        """Store the engine; no query is sent yet."""
        _need_sqlalchemy()
        from sqlalchemy.ext.asyncio import AsyncEngine

        expected = "an engine of sqlalchemy.ext.asyncio.create_async_engine(...)"
        sync: Any = instance(engine, AsyncEngine, "engine", expected)
        self._engine = engine
        self._store = SqlAlchemyStore(sync, schema=schema, prefix=prefix, stage=stage, policy=policy, rates=rates)

    def __repr__(self) -> str:
        """Return the class and the database only."""
        return f"Async{self._store!r}"

    @property
    def policy(self) -> Policy:
        """The policy that the store was opened with."""
        return self._store.policy

    async def __aenter__(self) -> Self:
        """Return the store, for use in an `async with` block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the store."""
        await self.close()

    async def close(self) -> None:
        """Close the store; every later call raises an error. The engine is the shop's and stays open."""
        self._store.close()

    async def _done(self, call: Callable[[SqlAlchemyStore], T]) -> T:
        """Run a call of the synchronous store over an async connection."""
        from funnel.store._alchemy.transactions import convert_errors

        database = self._store._open()  # noqa: SLF001 - the twin's own store # pyright: ignore[reportPrivateUsage]
        with convert_errors(database.label):
            connection = self._engine.connect()
            with database.connection_errors():
                await connection.start()
            try:
                return await connection.run_sync(lambda plain: call(_OnOneConnection(self._store, plain)))
            finally:
                await connection.close()

    async def append(
        self, *records: Record, recorded_at: datetime, expected: Mapping[str, int] | None = None
    ) -> AppendResult:
        """Add records and evaluate their people; see `Store.append`."""
        return await self._done(lambda store: store.append(*records, recorded_at=recorded_at, expected=expected))

    async def amend(
        self, *records: Record, recorded_at: datetime, expected: Mapping[str, int] | None = None
    ) -> AppendResult:
        """Replace records with the same source and id; see `Store.amend`."""
        return await self._done(lambda store: store.amend(*records, recorded_at=recorded_at, expected=expected))

    async def load(self, records: Iterable[Record], *, recorded_at: datetime) -> AppendResult:
        """Add very many records without evaluating anyone; see `Store.load`."""
        return await self._done(lambda store: store.load(records, recorded_at=recorded_at))

    async def put_customer(
        self,
        customer: Customer,
        *,
        recorded_at: datetime,
        expected: Mapping[str, int] | None = None,
        after_erasure: bool = False,
    ) -> StageRecord:
        """Write a customer into the customer book; see `Store.put_customer`."""
        return await self._done(
            lambda store: store.put_customer(
                customer, recorded_at=recorded_at, expected=expected, after_erasure=after_erasure
            )
        )

    async def history(self, person_id: str) -> History:
        """Return all records of one person; see `Store.history`."""
        return await self._done(lambda store: store.history(person_id))

    async def stage_record(self, person_id: str) -> StageRecord | None:
        """Return a person's stage at the last evaluation; see `Store.stage_record`."""
        return await self._done(lambda store: store.stage_record(person_id))

    async def due(self, *, before: datetime, limit: int | None = None) -> list[str]:
        """Return the people whose stage may have changed by time alone; see `Store.due`."""
        return await self._done(lambda store: store.due(before=before, limit=limit))

    async def refresh(self, *people: str, as_of: datetime) -> list[StageRecord]:
        """Evaluate people again and store their stages; see `Store.refresh`."""
        return await self._done(lambda store: store.refresh(*people, as_of=as_of))

    async def refresh_all(self, *, as_of: datetime) -> int:
        """Evaluate everyone in one pass; see `Store.refresh_all`."""
        return await self._done(lambda store: store.refresh_all(as_of=as_of))

    async def merge(self, alias: str, *, into: str, merged_at: datetime) -> StageRecord:
        """Merge two names of one person; see `Store.merge`."""
        return await self._done(lambda store: store.merge(alias, into=into, merged_at=merged_at))

    async def unmerge(self, alias: str, *, unmerged_at: datetime) -> tuple[StageRecord, StageRecord]:
        """Undo a merge; see `Store.unmerge`."""
        return await self._done(lambda store: store.unmerge(alias, unmerged_at=unmerged_at))

    async def aliases(self, person_id: str) -> list[Alias]:
        """Return all other names of a person; see `Store.aliases`."""
        return await self._done(lambda store: store.aliases(person_id))

    async def unresolved(self) -> list[tuple[str, str, str]]:
        """Return every record that refers to a missing record; see `Store.unresolved`."""
        return await self._done(lambda store: store.unresolved())

    async def export(self, person_id: str) -> str:
        """Return all stored data of one person as JSON; see `Store.export`."""
        return await self._done(lambda store: store.export(person_id))

    async def erase(self, person_id: str, *, new_id: str | None = None) -> int:
        """Erase a person's personal data permanently; see `Store.erase`."""
        return await self._done(lambda store: store.erase(person_id, new_id=new_id))

    @overload
    async def logs(self, *, engine: Literal["polars"] = "polars", currency: str | None = None) -> PolarsLogs: ...
    @overload
    async def logs(self, *, engine: Literal["pandas"], currency: str | None = None) -> PandasLogs: ...
    @overload
    async def logs(self, *, engine: Literal["pyarrow"], currency: str | None = None) -> ArrowLogs: ...
    @overload
    async def logs(self, *, engine: Literal["duckdb"], currency: str | None = None) -> DuckdbLogs: ...
    async def logs(self, *, engine: Engine = "polars", currency: str | None = None) -> Logs:
        """Return everyone's records as tables; see `Store.logs`."""
        return await self._done(lambda store: store.logs(engine=engine, currency=currency))
