"""What a report is of: a file of orders with its mapping, or a store as it is."""

from __future__ import annotations

from pathlib import Path

import attrs
import polars as pl

from funnel._computing import collected
from funnel.logs import Logs
from funnel.readers.orders import Entry, Orders
from funnel.store.protocol import Store
from funnel.store.server import store_at
from funnel.store.sqlite import SqliteStore

_HEAD = b"SQLite format 3\x00"


@attrs.frozen
class Source:
    """Records to tell of.

    Attributes:
        logs: The records.
        currency: The currency of every amount; None where there is none.
        account: What became of the rows that were read.
    """

    logs: Logs
    currency: str | None
    account: tuple[Entry, ...]

    @property
    def purchased(self) -> pl.Series:
        """When each purchase was made, cancelled ones too, in microseconds."""
        return pl.Series(collected(self.logs.tables["orders"].select("t"))["t"].to_native())


def of_orders(orders: Orders) -> Source:
    """What a file says."""
    logs = Logs(purchases=orders.purchases, refunds=orders.refunds, currency=orders.currency)
    return Source(logs, orders.currency, orders.account)


def is_store(given: str) -> bool:
    """Whether an argument names a store: the address of a database, or a SQLite file."""
    if "://" in given:
        return True
    path = Path(given)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_HEAD)) == _HEAD


def of_store(given: str) -> Source:
    """What a store keeps.

    Raises:
        StoreError: It cannot be read, or is none.
        MissingExtraError: SQLAlchemy is not installed, and the address of a database is given.
        LogsError: The amounts are of more than one currency.
    """
    store: Store = store_at(given) if "://" in given else SqliteStore(given)
    with store:
        logs, waiting = store.logs(), len(store.waiting())
    account = [Entry("read", "records in somebody's history", sum(logs_sizes(logs)))]
    if waiting:
        account.append(Entry("noted", "records that wait for what they refer to", waiting))
    return Source(logs, logs.currency, tuple(account))


def logs_sizes(logs: Logs) -> list[int]:
    """How many rows each log has."""
    return [
        collected(logs.tables[name].select("t")).shape[0] for name in ("leads", "orders", "refunds", "interactions")
    ]


def name_of(given: str) -> str:
    """What the page calls it; of an address no more than the name of the database."""
    return given.rpartition("/")[2].partition("?")[0] if "://" in given else Path(given).name
