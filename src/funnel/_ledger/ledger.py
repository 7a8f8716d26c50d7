"""Ledger of one person: records become sorted rows of the streams; each row counts from one instant until another.

Invariant: the rows depend on the records, never on their order of arrival (a refund must follow its purchase).

Each record is stored as a row when it comes. Streams derived from several records (the rest of a purchase, the open
questions) are computed from the stored rows when they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TypeVar

from funnel._aggregate.fold import Row, T
from funnel._format import quoted_id
from funnel._ledger.derived import DERIVED, cancelled, counts_from
from funnel._ledger.rows import DIRECTION, KIND, InOrder, Key, common, interaction_row, key, number, order_row
from funnel._ledger.state import LedgerState
from funnel._ledger.streams import KIND_STREAMS
from funnel._time import FOREVER, micros
from funnel.errors import ArgumentError, RecordError
from funnel.interactions import Answer, Complaint, Delivery, Interaction, Resolution
from funnel.records import Lead, Purchase, Record, Refund

L = TypeVar("L", bound="Ledger")


class Ledger(LedgerState):
    """Rows of one person, written as records come."""

    __slots__ = ()

    def add(self, record: Record) -> None:
        """Add one record; the caller guarantees that it is new.

        Raises:
            RecordError: The record belongs to another person.
        """
        getattr(self, _writer_of(type(record)))(record)
        if self.columns:
            self.stale.add("people")
        if self.cached_values:
            self.clear_cache()

    def settle(self) -> None:
        """Sort late rows into their streams, and recompute stale streams."""
        for stream, late in self.late.items():
            self.rows[stream] = sorted([*self.rows[stream], *late])
        self.late.clear()
        for stream in self.stale:
            self.rows[stream] = DERIVED[stream](self)
        self.stale.clear()

    # ---- rows ----

    def write(self, stream: str, row: Row) -> None:
        """Insert a row that counts from its own instant, without end."""
        self._insert(stream, row)

    def _insert(self, stream: str, row: Row) -> None:
        self.reach(number(row[T]))
        rows = self.rows.get(stream)
        if rows is None:
            self.rows[stream] = [row]
        elif rows[-1] < row:
            rows.append(row)
        else:
            self.late.setdefault(stream, []).append(row)

    def check_person(self, person_id: str) -> None:
        """Check that a record belongs to this person."""
        if person_id != self.person_id:
            names = f"{quoted_id(person_id)} is in the history of {quoted_id(self.person_id)}"
            raise RecordError(f"a record of {names}; use one history per person")

    # ---- records ----

    def add_lead(self, lead: Lead) -> None:
        """Write a lead of this person, or a referral.

        A referred person counts once, from the first arrival.
        """
        t = micros(lead.arrived_at)
        if lead.person_id == self.person_id:
            row = (*common(t, lead.source, lead.campaign), lead.campaign, int(lead.referred_by is not None))
            self.write("leads", row)
            if lead.columns:
                self.own["leads", (t, lead.source, lead.campaign)] = lead.columns
            return
        self.check_person(lead.referred_by or "")
        self.sent[lead.person_id] = min(t, self.sent.get(lead.person_id, FOREVER))
        self.reach(t)
        self.stale.add("referrals")

    def add_purchase(self, order: Purchase) -> Row:
        """Write an order and its derived rows; return the order's row."""
        if order.person_id != self.person_id:
            self.check_person(order.person_id)
        row = order_row(order)
        key = order.key
        self.purchases[key] = order
        if order.columns:
            for start in {number(row[T]), counts_from(order)}:
                self.own["purchases", (start, *key)] = order.columns
        self.write("orders", row)
        if order.status == "cancelled":
            self.write("cancellations", common(cancelled(order), *key))
        self.stale.add("purchases")
        if key in self.notices or order.delivered_at is not None or order.promised_at is not None:
            self._mark_promises("deliveries")
        if order.paid_at is not None:
            self.write("payments", common(micros(order.paid_at), *key))
        if order.delivered_at is not None:
            self.reach(micros(order.delivered_at))
        self.hear()
        return row

    def add_refund(self, refund: Refund) -> None:
        """Write a refund of a known purchase."""
        bought = (refund.source, refund.purchase_id)
        if bought not in self.purchases:
            msg = f"refund {refund.id!r} refers to the unknown purchase {refund.purchase_id!r}; add the purchase first"
            raise RecordError(msg)
        self.refunds.setdefault(bought, []).append(refund)
        row = (*common(micros(refund.refunded_at), *refund.key), refund.amount.minor, refund.reason)
        if refund.columns:
            self.own["refunds", (row[T], *refund.key)] = refund.columns
        self.write("refunds", row)
        self._mark_promises("purchases")

    def add_interaction(self, record: Interaction) -> None:
        """Write an interaction and its derived rows."""
        if record.person_id != self.person_id:
            self.check_person(record.person_id)
        self.write_interaction(record, interaction_row(record))

    def write_interaction(self, record: Interaction, row: Row) -> None:
        """Write an interaction as its row, and its derived rows."""
        kind, rows = record.kind, self.rows
        if record.columns:
            self.own["interactions", (row[T], *record.key)] = record.columns
        stream = KIND_STREAMS[kind]
        if stream in rows and rows["interactions"][-1] < row:
            rows["interactions"].append(row)
            rows[stream].append(row)
            self.reach(number(row[T]))
        else:
            self._insert("interactions", row)
            self._insert(stream, row)
        if kind in _FOLLOWING:
            _FOLLOWING[kind](self, record, row)
        if row[DIRECTION] == "in":
            self.hear()

    # ---- what follows ----

    def hear(self) -> None:
        """Handle a contact from the person: earlier follow-ups are not open any more."""
        if "follow_ups" in self.rows:
            self.stale.add("open_follow_ups")

    def add_follow_up(self, _: Interaction, __: Row) -> None:
        """Handle a follow-up: it is open until the person's next contact."""
        self.stale.update(("open_follow_ups", "contacts"))

    def open_request(self, row: Row) -> None:
        """Open a request until it is answered."""
        stream, closed = OPENS[str(row[KIND])]
        self.stale.add(stream)
        if (stream, key(row)) in self.closed:
            self.stale.add(closed)

    def add_question(self, _: Interaction, row: Row) -> None:
        """Open a question until it is answered.

        It may be about goods that are not delivered yet.
        """
        self.open_request(row)
        if "promises" in self.stale or self.rows.get("promises"):
            self.stale.add("delivery_questions")

    def add_complaint(self, record: Interaction, row: Row) -> None:
        """Open a complaint until it is resolved; it may reopen an earlier one."""
        assert isinstance(record, Complaint)
        self.open_request(row)
        if record.purchase_id is not None:
            self.about[record.key] = (record.source, record.purchase_id)
            self.stale.add("reopenings")

    def add_answer(self, record: Interaction, row: Row) -> None:
        """Close a question."""
        assert isinstance(record, Answer)
        self.close("open_questions", (record.source, record.question_id), number(row[T]))

    def add_resolution(self, record: Interaction, row: Row) -> None:
        """Close a complaint."""
        assert isinstance(record, Resolution)
        self.close("open_complaints", (record.source, record.complaint_id), number(row[T]))

    def close(self, stream: str, request: Key, t: int) -> None:
        """Close a request at its first answer."""
        if t < self.closed.get((stream, request), FOREVER):
            self.closed[stream, request] = t
            self.stale.update((stream, CLOSED_IN[stream]))
            if self.about:
                self.stale.add("reopenings")

    def add_delivery_notice(self, record: Interaction, row: Row) -> None:
        """Record a delivery notice; the purchase may still be unknown."""
        assert isinstance(record, Delivery)
        bought = (record.source, record.purchase_id)
        self.notices[bought] = min(number(row[T]), self.notices.get(bought, FOREVER))
        if bought in self.purchases:
            self._mark_promises("deliveries")

    def _mark_promises(self, *streams: str) -> None:
        """Mark the promises and these streams as stale."""
        self.stale.update(streams, ["promises"], ["delivery_questions"] if "questions" in self.rows else [])


CLOSED_IN = {"open_questions": "replies", "open_complaints": "repairs"}
"""Stream of the closings, by open stream."""

OPENS = {"question": ("open_questions", "replies"), "complaint": ("open_complaints", "repairs")}
"""Open stream and closing stream, by kind of request."""

_FOLLOWING: Mapping[str, Callable[[Ledger, Interaction, Row], None]] = {
    "question": Ledger.add_question,
    "complaint": Ledger.add_complaint,
    "answer": Ledger.add_answer,
    "resolution": Ledger.add_resolution,
    "delivery": Ledger.add_delivery_notice,
    "follow_up": Ledger.add_follow_up,
}
"""Handler of the consequences of an interaction, by kind."""

_FOLLOWS = {
    "questions": ("open_questions",),
    "complaints": ("open_complaints", "reopenings"),
    "follow_ups": ("open_follow_ups", "contacts"),
}
"""Derived streams to recompute if a stream has rows."""

_WRITERS: Mapping[type[Record], str] = {
    Interaction: "add_interaction",
    Purchase: "add_purchase",
    Refund: "add_refund",
    Lead: "add_lead",
}


@lru_cache(maxsize=64)
def _writer_of(kind: type[Record]) -> str:
    for base, writer in _WRITERS.items():
        if issubclass(kind, base):
            return writer
    msg = f"{kind.__name__} is not a record of a history; give leads, purchases, refunds and interactions"
    raise ArgumentError(msg)


def ledger_of(person_id: str, records: Iterable[Record]) -> Ledger:
    """Return the ledger of one person from all records, without duplicates."""
    all_records = list(records)
    talk = [record for record in all_records if isinstance(record, Interaction)]
    return ledger_from(
        person_id, InOrder.of(talk), [record for record in all_records if not isinstance(record, Interaction)]
    )


def ledger_from(person_id: str, talk: tuple[Interaction, ...], others: Iterable[Record]) -> Ledger:
    """Return one person's ledger from interactions and other records, each once."""
    return fill_ledger(Ledger(person_id), talk, others)


def fill_ledger(ledger: L, talk: tuple[Interaction, ...], others: Iterable[Record]) -> L:
    """Write interactions and other records, each once, into an empty ledger."""
    if talk:
        _write_interactions(ledger, talk if isinstance(talk, InOrder) else InOrder.of(talk))
    refunds: list[Refund] = []
    for record in others:
        if isinstance(record, Refund):
            refunds.append(record)
        else:
            ledger.add(record)
    for refund in refunds:
        ledger.add(refund)
    if ledger.columns:
        ledger.stale.add("people")
    ledger.settle()
    return ledger


def _write_interactions(ledger: Ledger, talk: InOrder) -> None:
    """Write all interactions into an empty ledger at once."""
    ledger.rows = {stream: rows.copy() for stream, rows in talk.streams.items()}
    ledger.latest = number(ledger.rows["interactions"][-1][T])
    for row, record in talk.closing:
        _FOLLOWING[record.kind](ledger, record, row)
    ledger.about.update(talk.about)
    ledger.own.update(talk.own)
    ledger.stale.update(*(worked for stream, worked in _FOLLOWS.items() if stream in talk.streams))
