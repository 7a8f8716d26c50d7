"""The door of purchases: the logs of a shop, a plain table of any engine or a plain list become the same tables.

Law: a table of purchases gives what `Logs` would give of it; where its rows have no `id`, each is a purchase.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import narwhals as nw

from funnel._frames import Frame, Home, column_types, enter, framed
from funnel.errors import ArgumentError, MoneyError
from funnel.interactions import KINDS
from funnel.logs import Logs
from funnel.logs.canonical import canonical, people_type, schema_faults
from funnel.logs.checks import checks_of, faults_of
from funnel.logs.columns import LOGS
from funnel.logs.faults import raise_if_any
from funnel.logs.ledger import LedgerTables
from funnel.logs.sums import sum_faults
from funnel.metrics._kinds import no_events
from funnel.metrics._purchases import PERSON
from funnel.records import Purchase

RECURRING = "recurring"
FIRSTS = ("purchase", RECURRING, "lead", *KINDS)
"""The kinds of event whose first one can put a person into a cohort; or the first purchase of each period."""

_READ = ("person_id", "purchased_at", "amount", "id", "source", "status", "cancelled_at")


@attrs.frozen
class Orders:
    """What was bought, inside the door.

    Attributes:
        tables: The tables of the ledger.
        home: What the purchases came in as.
        is_list: Whether they came as a plain list.
        is_priced: Whether it is known what was paid.
        is_shop: Whether they came as logs of a shop: a log that is not there then has no event.
    """

    tables: LedgerTables
    home: Home
    is_list: bool = False
    is_priced: bool = True
    is_shop: bool = False

    def valid(self, now: int) -> Frame:
        """The purchases that count at an instant, and what is left of each: `person_id`, `t`, `net_amount`.

        Raises:
            ArgumentError: There is no log of purchases.
        """
        counting = (nw.col("start") <= now) & (nw.col("end") > now)
        return self.table("purchases").filter(counting).select(PERSON, "t", "net_amount")

    def marked(self, now: int) -> Frame | None:
        """Every order, `person_id`, `t`, `net_amount`, with whether it `counts` at an instant.

        None where money was given back, so that what counts is not told by the order alone, or where none was bought.
        """
        if "purchases" not in self.tables or self.tables.given_back is not None:
            return None
        counts = (nw.col("purchased_at") <= now) & (nw.col("_cancelled") > now) & (nw.col("amount") > 0)
        return self.tables.orders.select(PERSON, t=nw.col("purchased_at"), net_amount=nw.col("amount"), counts=counts)

    def firsts(self, kind: str, now: int) -> Frame:
        """When each person's first event of a kind (one of `FIRSTS`) happened: `person_id`, `first`.

        Raises:
            ArgumentError: A table of purchases alone cannot hold that kind of event.
        """
        return self._events(kind, now).group_by(PERSON).agg(nw.col("t").min().alias("first"))

    def _events(self, kind: str, now: int) -> Frame:
        if kind in ("purchase", RECURRING):
            return self.valid(now)
        table = "leads" if kind == "lead" else "interactions"
        if self.is_shop and table not in self.tables:
            return no_events(self.tables, t=nw.Int64())
        rows = self.table(table).filter(nw.col("t") <= now)
        return rows if kind == "lead" else rows.filter(nw.col("kind") == kind)

    def table(self, name: str) -> Frame:
        """A table of the ledger.

        Raises:
            ArgumentError: There is no log from which it is made.
        """
        if name in self.tables:
            return self.tables[name]
        log = "leads" if name == "referrals" else name
        msg = f"there is no log of {log}, which this is counted from; give Logs({log}=...) with the others"
        raise ArgumentError(msg)


def orders_of(purchases: object) -> Orders:
    """Let purchases in.

    Raises:
        LogsError: Columns or rows are at fault.
        EngineError: It is nothing that can be read.
        ArgumentError: An entry of a list is neither a mapping nor a `Purchase`.
        MoneyError: Two currencies meet in a list.
        MissingExtraError: A list was given, and neither Polars nor pandas is installed.
    """
    if isinstance(purchases, Logs):
        return Orders(_ledger(purchases), purchases.home, is_shop=True)
    is_list = isinstance(purchases, Sequence)
    native = _listed(purchases) if isinstance(purchases, Sequence) else purchases  # pyright: ignore[reportUnknownArgumentType]
    types = column_types(native)
    is_priced = "amount" in types
    if "id" in types:
        logs = Logs(purchases=native if is_priced else _with_amount(native))
        return Orders(_ledger(logs), logs.home, is_list, is_priced)
    return attrs.evolve(_bare(native, is_priced=is_priced), is_list=is_list)


def _ledger(logs: Logs) -> LedgerTables:
    tables = logs.tables
    assert isinstance(tables, LedgerTables)
    return tables


def _listed(rows: Sequence[object]) -> object:
    currencies = sorted({one.amount.currency for one in rows if isinstance(one, Purchase)})
    if len(currencies) > 1:
        msg = f"{' and '.join(currencies)} meet in the list; change them into one currency first"
        raise MoneyError(msg)
    told = [_row(place, one) for place, one in enumerate(rows, 1)]
    names = [name for name in _READ if any(name in row for row in told)] or ["person_id", "purchased_at"]
    return framed([{name: row.get(name) for name in names} for row in told], names)


def _row(place: int, one: object) -> Mapping[str, Any]:
    match one:
        case Purchase():
            kept = {name: getattr(one, name) for name in _READ if name != "amount"}
            return {**kept, "amount": one.amount.minor}
        case Mapping():
            return one  # pyright: ignore[reportUnknownVariableType]
        case _:
            msg = f"purchase {place} of the list is a {type(one).__name__}; give mappings or Purchase, or give Logs"
            raise ArgumentError(msg)


def _with_amount(native: object) -> object:
    """The table with an amount that is above nothing; it is never shown."""
    return nw.to_native(nw.from_native(native).with_columns(amount=nw.lit(1, nw.Int64())))  # type: ignore[call-overload]


def _bare(native: object, *, is_priced: bool) -> Orders:
    """A table whose rows have no `id`: each is a purchase."""
    entered = enter(native, LOGS["purchases"])
    absent = {"id": nw.lit("?"), **({} if is_priced else {"amount": nw.lit(1, nw.Int64())})}
    entered = attrs.evolve(entered, frame=entered.frame.with_columns(**absent))
    raise_if_any(list(schema_faults("purchases", entered)))
    frame = canonical("purchases", entered, people_type({"purchases": entered}))
    raise_if_any(list(faults_of("purchases", frame, checks_of("purchases", None, entered))))
    raise_if_any(list(sum_faults({"purchases": frame})))
    return Orders(LedgerTables({"purchases": frame}, lambda table: table), entered.home, is_priced=is_priced)
