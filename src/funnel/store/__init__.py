"""The store protocol, and one store for each kind of database."""

from __future__ import annotations

from funnel._exports import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "Alias": "store._protocol",
        "AppendResult": "store._protocol",
        "AsyncSqlAlchemyStore": "store._server",
        "Engine": "store._protocol",
        "SqlAlchemyStore": "store._server",
        "SqliteStore": "store._sqlite_store",
        "StageRecord": "store._protocol",
        "Store": "store._protocol",
        "store_tables": "store._server",
    },
)
