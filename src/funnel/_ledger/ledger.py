"""One person's ledger: records become rows of the streams, in order, each counting from an instant until another.

Law: the rows depend on which records came, never on the order in which they came (a refund after its purchase).

What happened is written down as it comes; what follows from several records (what is left of a purchase,
which question is open) is worked out from what is written, when somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TypeVar

from funnel._instants import FOREVER, micros
from funnel._ledger.kept import Kept
from funnel._ledger.rows import (
    DIRECTION,
    KIND,
    InOrder,
    Key,
    common,
    interaction_row,
    key,
    number,
    order_row,
)
from funnel._ledger.worked_out import WORKED_OUT, cancelled
from funnel._reduce.folds import Row, T
from funnel._streams import KIND_STREAMS
from funnel.errors import ArgumentError, RecordError
from funnel.interactions import Answer, Complaint, Delivered, Interaction, Resolution
from funnel.records import Lead, Purchase, Record, Refund

L = TypeVar("L", bound="Ledger")


class Ledger(Kept):
    """One person's rows, written as records come."""

    __slots__ = ()

    def add(self, record: Record) -> None:
        """Take one record in; the caller has seen to it that it is not in yet.

        Raises:
            RecordError: It is not a record of this person.
        """
        getattr(self, _writer_of(type(record)))(record)
        if self.settled:
            self.unsettle()

    def settle(self) -> None:
        """Put late rows in their places, and work out what is stale."""
        for stream, late in self.late.items():
            self.rows[stream] = sorted([*self.rows[stream], *late])
        self.late.clear()
        for stream in self.stale:
            self.rows[stream] = WORKED_OUT[stream](self)
        self.stale.clear()

    # ---- rows ----

    def write(self, stream: str, row: Row) -> None:
        """Put a row that counts from when it happened, for ever, at its place in the order."""
        self._place(stream, row)

    def _place(self, stream: str, row: Row) -> None:
        self.reach(number(row[T]))
        rows = self.rows.get(stream)
        if rows is None:
            self.rows[stream] = [row]
        elif rows[-1] < row:
            rows.append(row)
        else:
            self.late.setdefault(stream, []).append(row)

    def own(self, person_id: str) -> None:
        """See that a record is of this person."""
        if person_id != self.person_id:
            msg = (
                f"a record of {person_id!r} was given to the history of {self.person_id!r}; give each person their own"
            )
            raise RecordError(msg)

    # ---- records ----

    def add_lead(self, lead: Lead) -> None:
        """Their own arrival, or that of a person whom they sent, who counts once, from the first time."""
        t = micros(lead.arrived_at)
        if lead.person_id == self.person_id:
            row = (*common(t, lead.source, lead.campaign), lead.campaign, int(lead.referred_by is not None))
            self.write("leads", row)
            return
        self.own(lead.referred_by or "")
        self.sent[lead.person_id] = min(t, self.sent.get(lead.person_id, FOREVER))
        self.reach(t)
        self.stale.add("referrals")

    def add_purchase(self, order: Purchase) -> Row:
        """Write an order, and what follows from it; return its row."""
        if order.person_id != self.person_id:
            self.own(order.person_id)
        row = order_row(order)
        key = order.key
        self.purchases[key] = order
        self.write("orders", row)
        if order.status == "cancelled":
            self.write("cancellations", common(cancelled(order), *key))
        self.stale.add("purchases")
        if key in self.notices or order.delivered_at is not None or order.promised_at is not None:
            self._promised_otherwise("deliveries")
        if order.delivered_at is not None:
            self.reach(micros(order.delivered_at))
        self.hear()
        return row

    def add_refund(self, refund: Refund) -> None:
        """Money given back for a purchase that is there."""
        bought = (refund.source, refund.purchase_id)
        if bought not in self.purchases:
            msg = f"refund {refund.id!r} is of purchase {refund.purchase_id!r}, which is not here; add it first"
            raise RecordError(msg)
        self.refunds.setdefault(bought, []).append(refund)
        row = (*common(micros(refund.refunded_at), *refund.key), refund.amount.minor, refund.reason)
        self.write("refunds", row)
        self._promised_otherwise("purchases")

    def add_interaction(self, record: Interaction) -> None:
        """What passed between them and the shop, and what follows from it."""
        if record.person_id != self.person_id:
            self.own(record.person_id)
        self.talked(record, interaction_row(record))

    def talked(self, record: Interaction, row: Row) -> None:
        """An interaction as its row, and what follows from it."""
        kind, rows = record.kind, self.rows
        stream = KIND_STREAMS[kind]
        if stream in rows and rows["interactions"][-1] < row:
            rows["interactions"].append(row)
            rows[stream].append(row)
            self.reach(number(row[T]))
        else:
            self._place("interactions", row)
            self._place(stream, row)
        if kind in _FOLLOWING:
            _FOLLOWING[kind](self, record, row)
        if row[DIRECTION] == "in":
            self.hear()

    # ---- what follows ----

    def hear(self) -> None:
        """Something came from them: follow-ups sent before are in vain no longer."""
        if "follow_ups" in self.rows:
            self.stale.add("open_follow_ups")

    def await_word(self, _: Interaction, __: Row) -> None:
        """A follow-up is in vain until something comes from them."""
        self.stale.update(("open_follow_ups", "contacts"))

    def asked(self, row: Row) -> None:
        """What was asked is open until it is answered."""
        stream, closed = OPENS[str(row[KIND])]
        self.stale.add(stream)
        if (stream, key(row)) in self.closed:
            self.stale.add(closed)

    def inquired(self, _: Interaction, row: Row) -> None:
        """A question is open until it is answered; it may be about goods that are on their way."""
        self.asked(row)
        if "promises" in self.stale or self.rows.get("promises"):
            self.stale.add("delivery_questions")

    def complained(self, record: Interaction, row: Row) -> None:
        """A complaint is open until it is put right; it may be the second one of a purchase."""
        assert isinstance(record, Complaint)
        self.asked(row)
        if record.purchase_id is not None:
            self.about[record.key] = (record.source, record.purchase_id)
            self.stale.add("reopenings")

    def answered(self, record: Interaction, row: Row) -> None:
        """A question has its answer."""
        assert isinstance(record, Answer)
        self.close("open_questions", (record.source, record.question_id), number(row[T]))

    def resolved(self, record: Interaction, row: Row) -> None:
        """A complaint is put right."""
        assert isinstance(record, Resolution)
        self.close("open_complaints", (record.source, record.complaint_id), number(row[T]))

    def close(self, stream: str, asked: Key, t: int) -> None:
        """What was asked is open no longer, from the first answer on."""
        if t < self.closed.get((stream, asked), FOREVER):
            self.closed[stream, asked] = t
            self.stale.update((stream, CLOSED_IN[stream]))
            if self.about:
                self.stale.add("reopenings")

    def delivered(self, record: Interaction, row: Row) -> None:
        """Goods have arrived, as somebody tells; the purchase may not be known yet."""
        assert isinstance(record, Delivered)
        bought = (record.source, record.purchase_id)
        self.notices[bought] = min(number(row[T]), self.notices.get(bought, FOREVER))
        if bought in self.purchases:
            self._promised_otherwise("deliveries")

    def _promised_otherwise(self, *streams: str) -> None:
        """What is promised has changed, and so have these streams."""
        self.stale.update(streams, ["promises"], ["delivery_questions"] if "questions" in self.rows else [])


CLOSED_IN = {"open_questions": "replies", "open_complaints": "repairs"}
"""The stream in which what was open is closed."""

OPENS = {"question": ("open_questions", "replies"), "complaint": ("open_complaints", "repairs")}
"""The stream in which what is asked stays open, and the one in which it is closed."""

_FOLLOWING: Mapping[str, Callable[[Ledger, Interaction, Row], None]] = {
    "question": Ledger.inquired,
    "complaint": Ledger.complained,
    "answer": Ledger.answered,
    "resolution": Ledger.resolved,
    "delivered": Ledger.delivered,
    "follow_up_sent": Ledger.await_word,
}
"""What else follows from an interaction of a kind."""

_FOLLOWS = {
    "questions": ("open_questions",),
    "complaints": ("open_complaints", "reopenings"),
    "follow_ups": ("open_follow_ups", "contacts"),
}
"""What is to be worked out where there are rows of a stream."""

_WRITERS: Mapping[type[Record], str] = {
    Interaction: "add_interaction",
    Purchase: "add_purchase",
    Refund: "add_refund",
    Lead: "add_lead",
}


@lru_cache(maxsize=64)
def _writer_of(kind: type[Record]) -> str:
    for known, writer in _WRITERS.items():
        if issubclass(kind, known):
            return writer
    msg = f"a {kind.__name__} is not a record of a history; give leads, purchases, refunds, interactions"
    raise ArgumentError(msg)


def ledger_of(person_id: str, records: Iterable[Record]) -> Ledger:
    """The ledger of one person from all of their records (each once)."""
    given = list(records)
    talk = [record for record in given if isinstance(record, Interaction)]
    return ledger_from(person_id, InOrder.of(talk), [record for record in given if not isinstance(record, Interaction)])


def ledger_from(person_id: str, talk: tuple[Interaction, ...], others: Iterable[Record]) -> Ledger:
    """The ledger of one person from all of their interactions and all other records (each once)."""
    return filled(Ledger(person_id), talk, others)


def filled(ledger: L, talk: tuple[Interaction, ...], others: Iterable[Record]) -> L:
    """Write all interactions and all other records (each once) into an empty ledger."""
    if talk:
        _take_up(ledger, talk if isinstance(talk, InOrder) else InOrder.of(talk))
    refunds: list[Refund] = []
    for record in others:
        if isinstance(record, Refund):
            refunds.append(record)
        else:
            ledger.add(record)
    for refund in refunds:
        ledger.add(refund)
    ledger.settle()
    return ledger


def _take_up(ledger: Ledger, talk: InOrder) -> None:
    """Write all interactions into an empty ledger at once."""
    ledger.rows = {stream: rows.copy() for stream, rows in talk.streams.items()}
    ledger.latest = number(ledger.rows["interactions"][-1][T])
    for row, record in talk.closing:
        _FOLLOWING[record.kind](ledger, record, row)
    ledger.about.update(talk.about)
    ledger.stale.update(*(worked for stream, worked in _FOLLOWS.items() if stream in talk.streams))
