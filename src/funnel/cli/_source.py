"""The source of a report: an order file with its mapping, or a store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import polars as pl

from funnel._dataframes.compute import collected
from funnel._format import quoted_id
from funnel.errors import ArgumentError, RecordError
from funnel.history import History
from funnel.logs import Logs
from funnel.rates import Rates
from funnel.readers._export import PersonIds
from funnel.readers._read_orders import Entry
from funnel.readers._reader import exports_of
from funnel.readers._shop_data import PURCHASES, ShopData
from funnel.records import Customer
from funnel.store._protocol import Store
from funnel.store._server import store_at
from funnel.store._sqlite_store import SqliteStore

_HEAD = b"SQLite format 3\x00"

CONTACT_COLUMNS = ("name", "phone", "email", "address")
"""The contact details of a person, in this order."""

Contacts = Callable[[Sequence[str]], Mapping[str, Sequence[str]]]
"""Return the contact details of people by id."""


@attrs.frozen
class Source:
    """The records of a report.

    Attributes:
        logs: The records.
        currency: The currency of every amount; None without amounts.
        account: The outcome of the rows of the file.
        contacts: Reads the contact details of people, which are shown only on request.
        ids: Kind of the person ids; see `Export.ids`.
        order_names: The name that the shop knows an order by, by the id of the order.
    """

    logs: Logs
    currency: str | None
    account: tuple[Entry, ...]
    contacts: Contacts
    ids: PersonIds = "key"
    order_names: Mapping[str, str] = attrs.field(factory=dict[str, str])

    @property
    def purchased(self) -> pl.Series:
        """Return the time of each purchase, including cancelled ones, in microseconds."""
        if "orders" not in self.logs._tables:
            return pl.Series(dtype=pl.Int64)
        return pl.Series(collected(self.logs._tables["orders"].select("t"))["t"].to_native())

    @property
    def leads(self) -> pl.DataFrame:
        """Return the source, the person and the time of each lead, in microseconds."""
        if "leads" not in self.logs._tables:
            return pl.DataFrame(schema={"source": pl.String, "person_id": pl.String, "t": pl.Int64})
        leads: pl.DataFrame = collected(self.logs._tables["leads"].select("source", "person_id", "t")).to_native()
        return leads

    @property
    def buyers(self) -> Logs:
        """Return the records for the metrics of purchases; leads alone have an empty table of purchases."""
        return self.logs if "orders" in self.logs._tables else Logs(purchases=pl.DataFrame(schema=PURCHASES))


def of_orders(orders: ShopData) -> Source:
    """Return the source for an order file.

    Raises:
        RecordError: Rows were refused, and none was kept.
    """
    refused = [entry for entry in orders.account if entry.what == "refused"]
    if refused and not any(entry.reason == "rows kept" and entry.count for entry in orders.account):
        lines = "\n".join(f"  {entry}" for entry in refused)
        raise RecordError(f"no row was kept, and there is nothing to report:\n{lines}")

    def contacts(people: Sequence[str]) -> Mapping[str, Sequence[str]]:
        rows = orders.customers.filter(pl.col("person_id").is_in(list(people)))
        cells = rows.select("person_id", *CONTACT_COLUMNS).fill_null("").iter_rows()
        return {person_id: details for person_id, *details in cells}

    ids = "key" if orders.export == "mapping" else exports_of(orders.export)[0].ids
    names = dict(orders.order_names.select("purchase_id", "name").iter_rows())
    return Source(orders.logs(), orders.currency, orders.account, contacts, ids, names)


def is_store(argument: str) -> bool:
    """Return whether an argument names a store: a database address or a SQLite file."""
    if "://" in argument:
        return True
    path = Path(argument)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_HEAD)) == _HEAD


@attrs.frozen
class MoneyOptions:
    """The amounts to read: in one currency, or in all currencies and converted with rates."""

    currency: str | None = None
    rates: Rates | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any], tz: str) -> MoneyOptions:
        """Return the money of the options of a command.

        Raises:
            ArgumentError: There is a file of rates and no reporting currency.
            MoneyError: The file is not a table of rates.
        """
        currency, file = options.get("currency"), options.get("rates")
        if file is None:
            return cls(currency)
        if currency is None:
            raise ArgumentError("rates need the reporting currency; pass it too, such as --currency IDR")
        return cls(None, Rates.from_csv(file, currency, tz=tz))


def of_store(argument: str, money: MoneyOptions) -> Source:
    """Return the source for a store.

    Raises:
        StoreError: The store cannot be read, or the argument is not a store.
        MissingExtraError: SQLAlchemy is not installed, and the argument is a database address.
        LogsError: The amounts are in more than one currency, or a day has no rate.
    """
    with _opened(argument, money.rates) as store:
        logs, unresolved = store.logs(currency=money.currency), len(store.unresolved())
    account = [Entry("read", "records in histories", sum(logs_sizes(logs)))]
    if unresolved:
        account.append(Entry("noted", "unresolved records, which refer to a missing record", unresolved))

    def contacts(people: Sequence[str]) -> Mapping[str, Sequence[str]]:
        with _opened(argument, money.rates) as store:
            return {person_id: _details(store.history(person_id).customer) for person_id in people}

    return Source(logs, logs.currency, tuple(account), contacts)


def _opened(argument: str, rates: Rates | None) -> Store:
    return store_at(argument, rates) if "://" in argument else SqliteStore(argument, rates=rates)


def _details(customer: Customer | None) -> Sequence[str]:
    if customer is None:
        return ()
    return (customer.name, customer.contact.phone, customer.contact.email, customer.address)


def stored_history(argument: str, money: MoneyOptions, person: str) -> History:
    """Return the history of a person in a store, by any name.

    Raises:
        ArgumentError: The store has no record of the person, or only a currency is chosen.
        StoreError: The store cannot be read.
    """
    if money.currency is not None:
        raise ArgumentError("a person of a store is shown in all currencies; pass --rates too, or leave out --currency")
    with _opened(argument, money.rates) as store:
        history = store.history(person)
    if not history.records:
        raise ArgumentError(f"the store has no record of {quoted_id(person)}; pass the id of a person in the store")
    return history


def logs_sizes(logs: Logs) -> list[int]:
    """Return the number of rows of each log."""
    return [
        collected(logs._tables[name].select("t")).shape[0] for name in ("leads", "orders", "refunds", "interactions")
    ]


def name_of(argument: str) -> str:
    """Return the name on the page; for an address only the name of the database."""
    return argument.rpartition("/")[2].partition("?")[0] if "://" in argument else Path(argument).name
