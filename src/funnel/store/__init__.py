"""The store protocol, and one store for each kind of database."""

from __future__ import annotations

from funnel._exports import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "Alias": "store._results",
        "AppendResult": "store._results",
        "AsyncSqlAlchemyStore": "store._server",
        "Engine": "store._engines",
        "SqlAlchemyStore": "store._server",
        "SqliteStore": "store._sqlite_store",
        "StageRecord": "store._results",
        "Store": "store._protocol",
        "store_tables": "store._server",
    },
)
