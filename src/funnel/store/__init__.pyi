# Written by `make stubs`.
from funnel.store._protocol import Store as Store
from funnel.store._results import Alias as Alias
from funnel.store._results import AppendResult as AppendResult
from funnel.store._results import Engine as Engine
from funnel.store._results import StageRecord as StageRecord
from funnel.store._server import AsyncSqlAlchemyStore as AsyncSqlAlchemyStore
from funnel.store._server import SqlAlchemyStore as SqlAlchemyStore
from funnel.store._server import store_tables as store_tables
from funnel.store._sqlite_store import SqliteStore as SqliteStore
