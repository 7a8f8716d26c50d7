"""Where a shop's records are kept: one protocol, and a store for each kind of database."""

from funnel.store.protocol import Alias, Engine, Receipt, Standing, Store
from funnel.store.sqlite import SqliteStore

__all__ = ["Alias", "Engine", "Receipt", "SqliteStore", "Standing", "Store"]
