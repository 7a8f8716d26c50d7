"""Result of reading the files of a shop: its records as tables, and the account of every row."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import attrs
import polars as pl

from funnel.errors import LogsError
from funnel.logs import Logs
from funnel.rates import Rates
from funnel.readers._account import Entry, lost_rows
from funnel.store._frames import check_engine, in_engine
from funnel.store._results import Engine

if TYPE_CHECKING:
    from funnel.store._results import ArrowLogs, DuckdbLogs, PandasLogs

_UTC = pl.Datetime("us", "UTC")

Schema: TypeAlias = dict[str, "pl.DataType | type[pl.DataType]"]
"""Columns of a table with their types."""

PURCHASES: Schema = {
    "id": pl.String,
    "source": pl.String,
    "person_id": pl.String,
    "purchased_at": _UTC,
    "amount": pl.Int64,
    "currency": pl.String,
    "status": pl.String,
    "cancelled_at": _UTC,
    "promotion": pl.String,
}
REFUNDS: Schema = {
    "id": pl.String,
    "source": pl.String,
    "purchase_id": pl.String,
    "refunded_at": _UTC,
    "amount": pl.Int64,
    "currency": pl.String,
    "reason": pl.String,
}
ORDER_LINES: Schema = {
    "purchase_id": pl.String,
    "source": pl.String,
    "sku": pl.String,
    "product": pl.String,
    "quantity": pl.Decimal(18, 6),
    "amount": pl.Int64,
    "currency": pl.String,
}
LEADS: Schema = {"person_id": pl.String, "arrived_at": _UTC, "source": pl.String, "campaign": pl.String}
INTERACTIONS: Schema = {
    "id": pl.String,
    "source": pl.String,
    "person_id": pl.String,
    "occurred_at": _UTC,
    "kind": pl.String,
    "direction": pl.String,
    "channel": pl.String,
    "regarding": pl.String,
    "sku": pl.String,
    "text": pl.String,
}
ORDER_NAMES: Schema = {"purchase_id": pl.String, "source": pl.String, "name": pl.String}
CUSTOMERS: Schema = {
    "person_id": pl.String,
    "name": pl.String,
    "email": pl.String,
    "phone": pl.String,
    "address": pl.String,
}


@attrs.frozen(eq=False, kw_only=True)
class ShopData:
    """Result of reading the files of a shop. Tables that the files do not fill are empty.

    Attributes:
        export: The name of the reader, such as "shopify.orders"; "mapping" for a file that was read with a mapping.
        currency: The currency of every amount; None if there are no amounts. With `rates`, it is that of `logs()`, and
            the tables have each amount in its own currency.
        purchases: One row for each order: id, source, person_id, purchased_at, amount (minor units), currency, status
            ("placed", "paid", "shipped" or "cancelled"), cancelled_at (null if unknown), promotion ("" if none); then
            the columns of `keep`, as text (null if no row of the order has one).
        refunds: One row for each refund of a purchase: id, source, purchase_id, refunded_at, amount (above zero; the
            refunds of a purchase never exceed it), currency, reason.
        order_lines: One row for each line of an order: purchase_id, source, sku ("" if none), product, quantity,
            amount (minor units; null if the file does not say), currency.
        order_names: The name that the shop knows an order by, such as "#1461", if the file has one beside the id:
            purchase_id, source, name. Orders of two shops may have the same name.
        leads: One row for each lead: person_id, arrived_at, source, campaign.
        interactions: One row for each interaction: id, source, person_id, occurred_at, kind, direction, channel,
            regarding, sku ("" if the file names no product, or several), text ("" unless the reader was asked for
            texts).
        customers: Contact details, one row for each person: person_id, name, email, phone, address. Empty unless the
            reader was asked for contacts.
        account: The rows read, merged, refused and noted. It holds no value from a file.
        rates: The shop's exchange rates; None if there is only one currency.
    """

    export: str
    currency: str | None
    account: tuple[Entry, ...] = attrs.field(repr=False)
    purchases: pl.DataFrame = attrs.field(factory=partial(pl.DataFrame, schema=PURCHASES), repr=False)
    refunds: pl.DataFrame = attrs.field(factory=partial(pl.DataFrame, schema=REFUNDS), repr=False)
    order_lines: pl.DataFrame = attrs.field(factory=partial(pl.DataFrame, schema=ORDER_LINES), repr=False)
    order_names: pl.DataFrame = attrs.field(factory=partial(pl.DataFrame, schema=ORDER_NAMES), repr=False)
    leads: pl.DataFrame = attrs.field(factory=partial(pl.DataFrame, schema=LEADS), repr=False)
    interactions: pl.DataFrame = attrs.field(factory=partial(pl.DataFrame, schema=INTERACTIONS), repr=False)
    customers: pl.DataFrame = attrs.field(factory=partial(pl.DataFrame, schema=CUSTOMERS), repr=False)
    rates: Rates | None = attrs.field(default=None, repr=False)

    def __str__(self) -> str:
        """Return the account, one entry per line."""
        return "\n".join(map(str, self.account))

    @overload
    def logs(self, *, engine: Literal["polars"] = "polars") -> Logs[pl.DataFrame]: ...
    @overload
    def logs(self, *, engine: Literal["pandas"]) -> PandasLogs: ...
    @overload
    def logs(self, *, engine: Literal["pyarrow"]) -> ArrowLogs: ...
    @overload
    def logs(self, *, engine: Literal["duckdb"]) -> DuckdbLogs: ...
    def logs(self, *, engine: Engine = "polars") -> Logs:
        """Return the records as logs; with rates, converted as `Rates.over` does it.

        Args:
            engine: The kind of dataframes, and of the results.

        Raises:
            ArgumentError: The engine is unknown.
            MissingExtraError: The engine is not installed.
            LogsError: Every row was refused, although rows were orders, leads or events; or a day has no rate.
        """
        check_engine(engine)
        tables: dict[str, Any] = {
            "leads": self.leads,
            "purchases": self.purchases,
            "refunds": self.refunds,
            "interactions": self.interactions.drop("sku", "text"),
        }
        filled = {name: frame for name, frame in tables.items() if frame.height}
        if not filled and (lost := lost_rows(self.account)):
            raise LogsError(f"every row of the files was refused, so metrics would be empty:\n{lost}")
        filled = in_engine(filled or {"purchases": self.purchases}, engine)
        own = [name for name in self.purchases.columns if name not in PURCHASES]
        keep = {"purchases": own} if own and "purchases" in filled else {}
        if self.rates is not None:
            return self.rates.over(**filled, keep=keep)
        return Logs(**filled, currency=self.currency, keep=keep)
