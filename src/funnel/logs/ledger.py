"""Convert canonical logs into ledger tables: the same rows for all people as `funnel._ledger` gives for one.

Invariant: for every person, the rows of each table equal the rows of the person's own ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Self

import narwhals as nw

from funnel._aggregate.aggregations import ORDER, base_table, own_name, own_of_table
from funnel._aggregate.within import table_until
from funnel._dataframes.adapter import Frame, FrameKind, collect_once, distinct
from funnel._dataframes.compute import to_rows
from funnel._expr.nodes import Fact
from funnel._expr.to_narwhals import int_lit, to_int
from funnel._ledger.own import AS_OF_FIELD, OWN_LOGS, check_instant
from funnel._time import FOREVER, NEVER, instant
from funnel.errors import FactsError
from funnel.logs.derived import (
    PERSON,
    arrivals,
    closings,
    contacts,
    delivery_questions,
    follow_ups,
    interaction_rows,
    key_columns,
    open_rows,
    refund_rows,
    reopenings,
    select_table,
)
from funnel.logs.normalize import MISSING
from funnel.logs.own_columns import OwnColumns, with_fields
from funnel.logs.purchase_versions import (
    first_versions,
    later_versions,
    or_never_ends,
    refunds_to_date,
    smaller,
    with_deliveries,
    with_full_refund,
)

if TYPE_CHECKING:
    from funnel._dataframes.person_rows import PersonNumbers


class LedgerTables(Mapping[str, Frame]):
    """Ledger tables that the given logs support; each table is computed when it is first read.

    Args:
        logs: Canonical logs.
        keep: Function that caches a computed table, so that it is not computed again for every query.
        own: Own columns of the logs, and the kind of their frames.
        fields: Fields of own columns that the tables have; their logs have them too.
        people: Numbers of people, if the tables have numbers in place of people; on Polars only.
    """

    def __init__(
        self,
        logs: Mapping[str, Frame],
        keep: Callable[[Frame], Frame],
        own: tuple[OwnColumns, FrameKind] = ({}, "polars"),
        fields: Sequence[Fact] = (),
        people: PersonNumbers | None = None,
    ) -> None:
        """Store the logs; nothing is computed yet."""
        self.named_log = logs
        self.people = people
        self._logs = logs if people is None else {log: _numbered(people, log, frame) for log, frame in logs.items()}
        self._keep = keep
        self.own = own
        self._fields = fields
        self._is_checked = False
        self._tables: dict[str, Frame] = {}

    def __getitem__(self, name: str) -> Frame:
        """Return a table, which may be windowed; raise KeyError if its log is missing."""
        if name not in _BUILDERS:
            return self._derived(name)
        if name not in self._tables:
            build, needs = _BUILDERS[name]
            if needs not in self._logs:
                raise KeyError(name)
            self._tables[name] = build(self) if name in _SELECTIONS else self._stored(name, build(self))
        return self._tables[name]

    def _stored(self, name: str, table: Frame) -> Frame:
        return _sorted(table) if self.is_sorted(name) else self._keep(table)

    def is_sorted(self, name: str) -> bool:
        """Return whether a table, which may be windowed, is sorted by person and `ORDER`."""
        return self.people is not None and own_of_table(base_table(name)[0])[0] == "purchases"

    def _derived(self, name: str) -> Frame:
        """Return a windowed table, or a table with fields of own columns."""
        base, within = base_table(name)
        if within is not None:
            return table_until(self[base], within)
        plain, fields = own_of_table(name)
        if not fields:
            raise KeyError(name)
        if plain == "people" and not self._is_checked:
            check_instant(self.people_as_of, None)
        if name not in self._tables:
            self._tables[name] = self._with_fields(plain, fields)[plain]
        return self._tables[name]

    def __contains__(self, name: object) -> bool:
        """Return whether the logs support this table.

        Raises:
            FactsError: The table has own columns of people, and the logs have no people.
        """
        base, fields = (str(name), ()) if name in _BUILDERS else own_of_table(base_table(str(name))[0])
        if fields and base == "people" and base not in self._logs:
            columns = list(map(own_name, fields))
            msg = f"a fact reads {', '.join(columns)} of people, and the logs have no table of people"
            raise FactsError(f"{msg}; add it: {self._with_people(columns)}")
        return base in _BUILDERS and _BUILDERS[base][1] in self._logs

    def _with_people(self, columns: Sequence[str]) -> str:
        names = ", ".join(f"{name!r}: ..." for name in ("person_id", *columns))
        return f"logs.with_people(table, {{{names}}})"

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the supported tables that are not windowed."""
        return (name for name in _BUILDERS if name in self)

    def __len__(self) -> int:
        """Return the number of supported tables."""
        return sum(1 for _ in self)

    def _with_fields(self, table: str, fields: Sequence[Fact]) -> LedgerTables:
        """Return tables that have fields of own columns of the log of a table."""
        log = OWN_LOGS[table]
        if log not in self._logs:
            raise KeyError(table)
        frame = self._keep(self._log_with_fields(log, fields))
        return LedgerTables({**self.named_log, log: frame}, self._keep, self.own, fields, self.people)

    def _log_with_fields(self, log: str, fields: Sequence[Fact]) -> Frame:
        own, kind = self.own
        return with_fields(log, self.named_log[log], own.get(log, ()), kind, fields)

    def at(self, now: int) -> Self:
        """Return the tables for facts at one instant, which may read columns of people of that instant.

        Raises:
            FactsError: The columns of people are of another instant.
        """
        check_instant(self.people_as_of, now)
        if self.people_as_of is None:
            return self
        checked = copy(self)
        checked._is_checked = True  # noqa: SLF001 (a copy)
        return checked

    @cached_property
    def people_as_of(self) -> int | None:
        """Instant of the columns of people; None if they have none.

        Raises:
            FactsError: The column `as_of` has several instants, or is not a column of instants.
        """
        (own, kind), name = self.own, AS_OF_FIELD.name
        columns = own.get("people", ())
        if own_name(AS_OF_FIELD) not in columns:
            return None
        frame = with_fields("people", self.named_log["people"], columns, kind, [AS_OF_FIELD])
        rows = to_rows(distinct(frame.filter(nw.col(name) != NEVER).select(name)), name)
        instants = sorted(int(value) for (value,) in rows)
        if len(instants) > 1:
            ends = f"{instant(instants[0]).isoformat()} to {instant(instants[-1]).isoformat()}"
            raise FactsError(f"the table of people has columns of {len(instants)} instants ({ends}); give one as_of")
        return instants[0] if instants else None

    @property
    def without_fields(self) -> LedgerTables:
        """The tables without fields of own columns."""
        return LedgerTables(self.named_log, self._keep, self.own, people=self.people)

    @property
    def own_fields(self) -> Mapping[str, nw.Expr]:
        """Fields of own columns, as columns of their log."""
        return {field.name: nw.col(field.name) for field in self._fields}

    @property
    def log(self) -> Mapping[str, Frame]:
        """Canonical logs."""
        return self._logs

    @cached_property
    def refunds_to_date(self) -> Frame | None:
        """Refunded amount of each purchase, by instant; None without refunds."""
        return self._keep(refunds_to_date(self._logs["refunds"])) if "refunds" in self._logs else None

    @cached_property
    def orders(self) -> Frame:
        """Orders with the instants from which they count, and of cancellation; FOREVER if there is none."""
        cancelled_when = (
            nw.when(nw.col("cancelled_at") == MISSING).then(nw.col("purchased_at")).otherwise(nw.col("cancelled_at"))
        )
        cancelled = nw.when(nw.col("status") == "cancelled").then(cancelled_when).otherwise(int_lit(FOREVER))
        bought = nw.when(nw.col("paid_at") == MISSING).then(nw.col("purchased_at")).otherwise(nw.col("paid_at"))
        counts_from = nw.when(nw.col("status") == "unpaid").then(int_lit(FOREVER)).otherwise(bought)
        return self._logs["purchases"].with_columns(_bought=counts_from, _cancelled=cancelled)

    @cached_property
    def arrivals(self) -> Frame:
        """Orders with the instant of delivery; FOREVER if not delivered."""
        orders = self.orders.with_columns(_arrived=or_never_ends("delivered_at"))
        interactions = self._logs.get("interactions")
        return orders if interactions is None else self._keep(with_deliveries(orders, interactions))


def numbered_tables(tables: LedgerTables) -> LedgerTables:
    """Return tables with a number in place of each person; the same tables if they are not on Polars."""
    logs = tables.named_log
    if not all(frame.implementation.is_polars() for frame in logs.values()):
        return tables
    from funnel._dataframes.person_rows import PersonNumbers

    referrers = [logs["leads"].filter(_has_referrer()).select(person_id="referred_by")] if "leads" in logs else []
    people = PersonNumbers.of(PERSON, [*(frame for log, frame in logs.items() if log != "refunds"), *referrers])
    return LedgerTables(logs, collect_once, tables.own, people=people)


def _numbered(people: PersonNumbers, log: str, frame: Frame) -> Frame:
    return frame if log == "refunds" else people.numbered(frame)


def _sorted(table: Frame) -> Frame:
    from funnel._dataframes.person_rows import sort_by_person

    return sort_by_person(table, PERSON, ORDER)


# ---- arrivals ------------------------------------------------------------------------------------------------------


def _has_referrer() -> nw.Expr:
    return ~nw.col("referred_by").is_null() & (nw.col("referred_by") != "")


def _leads(tables: LedgerTables) -> Frame:
    leads = tables.log["leads"]
    return select_table(
        leads,
        "leads",
        t=nw.col("arrived_at"),
        source=nw.col("source"),
        id=nw.col("campaign"),
        campaign=nw.col("campaign"),
        referred=to_int(_has_referrer()),
        **tables.own_fields,
    )


def _referrals(tables: LedgerTables) -> Frame:
    """Return referrals.

    A referred person counts once per referrer, from the first arrival.
    """
    leads = tables.named_log["leads"]
    sent = leads.filter(_has_referrer() & (nw.col("referred_by") != nw.col(PERSON)))
    first = sent.group_by("referred_by", PERSON).agg(nw.col("arrived_at").min().alias("t"))
    turned = first.select(nw.col("t"), _sent=nw.col(PERSON).cast(nw.String()), person_id=nw.col("referred_by"))
    referrals = select_table(turned, "referrals", t=nw.col("t"), id=nw.col("_sent"))
    return referrals if tables.people is None else tables.people.numbered(referrals)


def _people(tables: LedgerTables) -> Frame:
    """Return the people with a record, each from the first record."""
    first = arrivals(tables.without_fields).select(PERSON, t=nw.col("start"))
    people = tables.log["people"].join(first, on=PERSON, how="inner")
    return select_table(people, "people", t=nw.col("t"), **tables.own_fields)


# ---- purchases -----------------------------------------------------------------------------------------------------


def _orders(tables: LedgerTables) -> Frame:
    orders = tables.log["purchases"]
    columns = {**key_columns(), **tables.own_fields}
    return select_table(orders, "orders", t=nw.col("purchased_at"), amount=nw.col("amount"), **columns)


def _purchases(tables: LedgerTables) -> Frame:
    first = first_versions(tables.orders, tables.log.get("refunds"), tables.own_fields)
    if tables.refunds_to_date is None:
        return first
    return nw.concat([first, later_versions(tables.orders, tables.refunds_to_date, tables.own_fields)])


def _payments(tables: LedgerTables) -> Frame:
    paid = tables.log["purchases"].filter(nw.col("paid_at") != MISSING)
    return select_table(paid, "payments", t=nw.col("paid_at"), **key_columns())


def _cancellations(tables: LedgerTables) -> Frame:
    cancelled = tables.orders.filter(nw.col("_cancelled") < FOREVER)
    return select_table(cancelled, "cancellations", t=nw.col("_cancelled"), **key_columns())


def _refunds(tables: LedgerTables) -> Frame:
    return refund_rows(tables.log["refunds"], tables.log["purchases"], tables.own_fields)


def _deliveries(tables: LedgerTables) -> Frame:
    arrived = tables.arrivals.filter(nw.col("_arrived") < FOREVER)
    promised = nw.col("promised_at") != MISSING
    late = to_int(promised & (nw.col("_arrived") > nw.col("promised_at")))
    return select_table(
        arrived, "deliveries", t=nw.col("_arrived"), late=late, promised=to_int(promised), **key_columns()
    )


def _promises(tables: LedgerTables) -> Frame:
    """Return promises.

    A promise is open until delivery, or until the purchase does not count any more. A purchase of 0 has none.
    """
    promised = tables.arrivals.filter((nw.col("promised_at") != MISSING) & (nw.col("amount") > 0))
    over = smaller(nw.col("_cancelled"), nw.col("_arrived"))
    if tables.refunds_to_date is not None:
        promised, over = with_full_refund(promised, tables.refunds_to_date), smaller(nw.col("_void"), over)
    rows = select_table(promised, "promises", t=nw.col("_bought"), end=over, due=nw.col("promised_at"), **key_columns())
    return rows.filter(nw.col("end") > nw.col("start"))


# ---- interactions --------------------------------------------------------------------------------------------------


def _interactions(tables: LedgerTables) -> Frame:
    return interaction_rows(tables.log["interactions"], "interactions", own=tables.own_fields)


def _open_questions(tables: LedgerTables) -> Frame:
    return open_rows(tables.log["interactions"], "question", "answer", "open_questions", tables.own_fields)


def _open_complaints(tables: LedgerTables) -> Frame:
    return open_rows(tables.log["interactions"], "complaint", "resolution", "open_complaints", tables.own_fields)


def _open_follow_ups(tables: LedgerTables) -> Frame:
    return follow_ups(tables.log["interactions"], tables.log.get("purchases"), tables.own_fields)


def _replies(tables: LedgerTables) -> Frame:
    return closings(tables.log["interactions"], "question", "answer", "replies")


def _repairs(tables: LedgerTables) -> Frame:
    return closings(tables.log["interactions"], "complaint", "resolution", "repairs")


def _delivery_questions(tables: LedgerTables) -> Frame:
    return delivery_questions(tables.log["interactions"], tables.get("promises"))


_SELECTIONS = frozenset({"leads", "orders", "interactions"})
"""Tables that are views of their log: not cached, because they are only a selection of its columns."""

_BUILDERS: Mapping[str, tuple[Callable[[LedgerTables], Frame], str]] = {
    "leads": (_leads, "leads"),
    "referrals": (_referrals, "leads"),
    "orders": (_orders, "purchases"),
    "purchases": (_purchases, "purchases"),
    "refunds": (_refunds, "refunds"),
    "payments": (_payments, "purchases"),
    "cancellations": (_cancellations, "purchases"),
    "deliveries": (_deliveries, "purchases"),
    "promises": (_promises, "purchases"),
    "interactions": (_interactions, "interactions"),
    "open_questions": (_open_questions, "interactions"),
    "open_complaints": (_open_complaints, "interactions"),
    "open_follow_ups": (_open_follow_ups, "interactions"),
    "replies": (_replies, "interactions"),
    "repairs": (_repairs, "interactions"),
    "reopenings": (lambda tables: reopenings(tables.log["interactions"]), "interactions"),
    "delivery_questions": (_delivery_questions, "interactions"),
    "contacts": (lambda tables: contacts(tables.log["interactions"]), "interactions"),
    "people": (_people, "people"),
}
"""Function that computes each table, and the log that it needs."""
