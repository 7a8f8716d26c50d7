"""The store protocol, and one store for each kind of database."""

from funnel._exports import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "store._protocol": "Store",
        "store._results": "Alias AppendResult Engine StageRecord",
        "store._server": "AsyncSqlAlchemyStore SqlAlchemyStore store_tables",
        "store._sqlite_store": "SqliteStore",
    },
)
