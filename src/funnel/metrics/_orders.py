"""Read purchases: logs, a plain table of any engine or a plain list.

Invariant: a table of purchases gives the same result as `Logs` with that table. If its rows have no `id`, each row is a
purchase.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import narwhals as nw

from funnel._aggregate.aggregations import own_field, with_own
from funnel._arguments import check_choice, kind_of
from funnel._dataframes.adapter import ROW, Frame, FrameKind, InputFrame, column_types, from_native
from funnel._dataframes.compute import to_rows
from funnel._dataframes.output import frame_from_rows
from funnel._ledger.streams import STREAMS
from funnel.errors import ArgumentError, MoneyError
from funnel.interactions import KINDS
from funnel.logs import Logs, is_logs
from funnel.logs.ledger import LedgerTables
from funnel.logs.normalize import normalize, schema_issues
from funnel.logs.own_columns import own_kinds
from funnel.logs.purchase_versions import or_zero
from funnel.logs.schema import LOGS, raise_if_any
from funnel.logs.sums import sum_issues
from funnel.logs.validate import checks_of, issues_of
from funnel.metrics._kinds import no_events
from funnel.metrics._purchases import PERSON, is_valid
from funnel.money import Money
from funnel.records import Purchase

REVENUE, MARGIN = "revenue", "margin"
RECURRING = "recurring"
FIRSTS = ("purchase", RECURRING, "lead", *KINDS)
"""The kinds of event that can start a cohort for a person; "recurring" uses the first purchase of each period."""

_READ = ("person_id", "purchased_at", "amount", "id", "source", "status", "cancelled_at", "paid_at", "prepaid")


@attrs.frozen
class Orders:
    """Purchases as internal tables.

    Attributes:
        tables: The tables of the ledger.
        frame_kind: The kind of dataframe that the purchases came in.
        is_list: Whether the purchases came as a plain list.
        is_priced: Whether amounts are known.
        is_shop: Whether the purchases came as logs of a shop. A missing log then has no events.
        currency: The currency of the logs, or of a list of purchases. None if it is not known.
        measure: The number that is summed as money: "revenue", "margin", or an own column of purchases.
        source: A table without `id`, as it came. None for other input.
    """

    tables: LedgerTables
    frame_kind: FrameKind
    is_list: bool = False
    is_priced: bool = True
    is_shop: bool = False
    currency: str | None = None
    measure: str = REVENUE
    source: InputFrame | None = None

    @property
    def rows(self) -> Frame | None:
        """The rows of the source, for `by_part`."""
        return None if self.source is None else self.source.frame

    def of_rows(self, rows: Frame | None) -> Orders:
        """Return the orders in some rows of the source, or these orders if they are all rows."""
        if self.source is None or rows is None or rows is self.source.frame:
            return self
        source = _complete(attrs.evolve(self.source, frame=rows), is_priced=self.is_priced)
        return attrs.evolve(self, tables=_tables(normalize("purchases", source)))

    def measured_by(self, measure: str) -> Orders:
        """Return the orders with another number as their money.

        Raises:
            ArgumentError: It is not an own column of whole numbers, or no purchase has a cost.
        """
        if measure == REVENUE:
            return self
        kinds = own_kinds(self.tables.log, *self.tables.own).get("purchases", {})
        own = [name for name, kind in kinds.items() if kind == "whole"]
        check_choice(measure, (REVENUE, MARGIN, *own), "amount")
        if measure == MARGIN:
            check_costs(self.table("purchases"))
            return attrs.evolve(self, measure=measure)
        return attrs.evolve(self, measure=measure, currency=None)

    def valid(self, now: int) -> Frame:
        """Return the purchases valid at an instant, with their money: `person_id`, `t`, `net_amount`.

        Raises:
            ArgumentError: There is no log of purchases.
        """
        table, money = "purchases", nw.col("net_amount")
        if self.measure == MARGIN:
            money = margin_column()
        elif self.measure != REVENUE:
            field = own_field(self.measure, "whole")
            table, money = with_own(STREAMS["purchases"], [field]).table, nw.col(field.name)
        return self.table(table).filter(is_valid(now)).select(PERSON, "t", net_amount=money)

    def marked(self, now: int) -> Frame | None:
        """Return every order (`person_id`, `t`, `net_amount`) with whether it `counts` at an instant.

        None if there are refunds, because an order alone then does not show whether it counts; None if there are no
        purchases.
        """
        if "purchases" not in self.tables or self.tables.refunds_to_date is not None:
            return None
        counts = (nw.col("_bought") <= now) & (nw.col("_cancelled") > now) & (nw.col("amount") > 0)
        net = nw.col("amount") - or_zero("prepaid")
        return self.tables.orders.select(PERSON, t=nw.col("_bought"), net_amount=net, counts=counts)

    def firsts(self, kind: str, now: int) -> Frame:
        """Return the instant of each person's first event of a kind (one of `FIRSTS`): `person_id`, `first`.

        Raises:
            ArgumentError: A table of purchases cannot hold that kind of event.
        """
        return self.events(kind, now).group_by(PERSON).agg(nw.col("t").min().alias("first"))

    def events(self, kind: str, now: int) -> Frame:
        """Return the events of a kind (one of `FIRSTS`) up to an instant, with the column `t`.

        Raises:
            ArgumentError: A table of purchases cannot hold that kind of event.
        """
        if kind in ("purchase", RECURRING):
            return self.valid(now)
        table = "leads" if kind == "lead" else "interactions"
        if self.is_shop and table not in self.tables:
            return no_events(self.tables, t=nw.Int64())
        rows = self.table(table).filter(nw.col("t") <= now)
        return rows if kind == "lead" else rows.filter(nw.col("kind") == kind)

    def table(self, name: str) -> Frame:
        """Return a table of the ledger.

        Raises:
            ArgumentError: The log that the table is made from is missing.
        """
        if name in self.tables:
            return self.tables[name]
        log = "leads" if name == "referrals" else name
        raise ArgumentError(f"the logs have no {log}, which this metric requires; pass Logs({log}=...) too")


def margin_column() -> nw.Expr:
    """Return the margin of each row of purchases; 0 if the cost is not known."""
    return nw.col("has_cost") * (nw.col("net_amount") - nw.col("cost") - nw.col("fees"))


def check_costs(purchases: Frame) -> None:
    """Check that a purchase has a cost.

    Raises:
        ArgumentError: There are purchases, and none has a cost.
    """
    ((has_cost,),) = to_rows(purchases.select(nw.col("has_cost").max()), "has_cost")
    if has_cost == 0:
        raise ArgumentError(
            "the margin is not known, because no purchase has a cost; pass the column cost of purchases"
        )


def orders_of(purchases: Any) -> Orders:
    """Read purchases.

    Raises:
        LogsError: Columns or rows are invalid.
        EngineError: The input is not a dataframe that can be read.
        ArgumentError: An entry of a list is neither a mapping nor a `Purchase`.
        MoneyError: A list mixes two currencies.
        MissingExtraError: A list was passed, and neither Polars nor pandas is installed.
    """
    if is_logs(purchases):
        return Orders(_ledger(purchases), purchases._frame_kind, is_shop=True, currency=purchases.currency)
    is_list = isinstance(purchases, Sequence)
    native: Any = _listed(purchases) if isinstance(purchases, Sequence) else purchases  # pyright: ignore[reportUnknownArgumentType]
    types = column_types(native)
    is_priced = "amount" in types
    if "id" in types:
        logs = Logs(purchases=native if is_priced else _with_amount(native))
        return Orders(_ledger(logs), logs._frame_kind, is_list, is_priced)
    return attrs.evolve(_bare(native, is_priced=is_priced), is_list=is_list)


def _ledger(logs: Logs) -> LedgerTables:
    tables = logs._tables
    assert isinstance(tables, LedgerTables)
    return tables


def _listed(rows: Sequence[object]) -> Any:
    currencies = sorted({one.amount.currency for one in rows if isinstance(one, Purchase)})
    if len(currencies) > 1:
        msg = f"all purchases of a list must have one currency (got {' and '.join(currencies)}); convert them first"
        raise MoneyError(msg)
    mappings = [_row(number, one) for number, one in enumerate(rows, 1)]
    names = [name for name in _READ if any(name in row for row in mappings)] or ["person_id", "purchased_at"]
    return frame_from_rows([{name: row.get(name) for name in names} for row in mappings], names)


def _row(number: int, one: object) -> Mapping[str, Any]:
    match one:
        case Purchase():
            values = {name: getattr(one, name) for name in _READ}
            return {name: value.minor if isinstance(value, Money) else value for name, value in values.items()}
        case Mapping():
            return one  # pyright: ignore[reportUnknownVariableType]
        case _:
            raise ArgumentError(f"purchase {number} must be a mapping or a Purchase (got {kind_of(one)}); or pass Logs")


def _with_amount(native: object) -> Any:
    """Return the table with a placeholder amount above zero, which is never shown."""
    return nw.to_native(nw.from_native(native).with_columns(amount=nw.lit(1, nw.Int64())))  # type: ignore[call-overload]


def _bare(native: object, *, is_priced: bool) -> Orders:
    """Read a table whose rows have no `id`: each row is a purchase."""
    entered = from_native(native, LOGS["purchases"])
    complete = _complete(entered, is_priced=is_priced)
    raise_if_any(list(schema_issues("purchases", complete, alone=True)))
    frame = normalize("purchases", complete)
    raise_if_any(list(issues_of("purchases", frame, checks_of("purchases", None, complete))))
    raise_if_any(list(sum_issues({"purchases": frame})))
    source = attrs.evolve(entered, frame=entered.frame.drop(ROW, strict=False))
    return Orders(_tables(frame), entered.frame_kind, is_priced=is_priced, source=source)


def _complete(source: InputFrame, *, is_priced: bool) -> InputFrame:
    """Add placeholders, which are never shown, for the columns that every log of purchases has."""
    absent = {"id": nw.lit("?"), **({} if is_priced else {"amount": nw.lit(1, nw.Int64())})}
    return attrs.evolve(source, frame=source.frame.with_columns(**absent))


def _tables(purchases: Frame) -> LedgerTables:
    return LedgerTables({"purchases": purchases}, lambda table: table)
