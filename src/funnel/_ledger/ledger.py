"""One person's ledger: records become rows of the streams, in order, each counting from an instant until another.

Law: the rows depend on which records came, never on the order in which they came (a refund after its purchase).

What happened is written down as it comes; what follows from several records (what is left of a purchase,
which question is open) is worked out from what is written, when somebody asks.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from funnel._instants import FOREVER, NEVER, micros
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
    order_of,
    order_row,
)
from funnel._ledger.worked_out import WORKED_OUT, cancelled, whole
from funnel._reduce.folds import END, Row, T
from funnel._streams import KIND_STREAMS
from funnel.errors import RecordError
from funnel.interactions import Answer, Complaint, Delivered, Interaction, Resolution
from funnel.records import Lead, Purchase, Record, Refund


class Ledger(Kept):
    """One person's rows, written as records come."""

    __slots__ = ()

    def add(self, record: Record) -> None:
        """Take one record in; the caller has seen to it that it is not in yet.

        Raises:
            RecordError: It is not a record of this person.
        """
        _writer_of(type(record))(self, record)
        if self.settled:
            self.settled = {}

    def settle(self, wanted: Iterable[str] | None = None) -> None:
        """Work out what is stale: all of it, or some streams."""
        for stream in self.stale.copy() if wanted is None else self.stale.intersection(wanted):
            self.rows[stream] = WORKED_OUT[stream](self)
            self.stale.remove(stream)

    # ---- rows ----

    def write(self, stream: str, row: Row) -> None:
        """Put a row that counts from when it happened, for ever, at its place in the order."""
        self.reach(number(row[T]))
        rows = self.rows.get(stream)
        if rows is None:
            self.rows[stream] = [row]
        elif rows[-1] < row:
            rows.append(row)
        else:
            self.rows[stream] = sorted([*rows, row])

    def _goes_on(self, stream: str, row: Row) -> None:
        """Put a row at the end of a stream that is worked out; one that belongs elsewhere makes the stream stale."""
        if stream in self.stale:
            return
        rows = self.rows.setdefault(stream, [])
        if not rows or rows[-1][T] < row[T] or order_of(rows[-1]) < order_of(row):  # type: ignore[operator]
            rows.append(row)
        else:
            self.stale.add(stream)

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

    def add_purchase(self, order: Purchase) -> None:
        """An order, and what follows from it."""
        if order.person_id != self.person_id:
            self.own(order.person_id)
        row = order_row(order)
        key, t = order.key, number(row[T])
        self.purchases[key] = order
        self.write("orders", row)
        if order.status == "cancelled":
            self.write("cancellations", common(cancelled(order), *key))
            self.stale.add("purchases")
        elif row[-1]:
            self._goes_on("purchases", whole(order, row))
        if key in self.notices or order.delivered_at is not None or order.promised_at is not None:
            self._promised_otherwise("deliveries")
        if order.delivered_at is not None:
            self.reach(micros(order.delivered_at))
        if self._heard is not None:
            self.hear(self._heard, t)

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
        row, kind = interaction_row(record), record.kind
        stream, rows = KIND_STREAMS[kind], self.rows
        if stream in rows and rows["interactions"][-1] < row:
            rows["interactions"].append(row)
            rows[stream].append(row)
            self.reach(number(row[T]))
        else:
            self.write("interactions", row)
            self.write(stream, row)
        if kind in _FOLLOWING:
            _FOLLOWING[kind](self, record, row)
        if self._heard is not None and row[DIRECTION] == "in":
            self.hear(self._heard, number(row[T]))

    # ---- what follows ----

    def hear(self, heard: list[int], t: int) -> None:
        """Something came from them: follow-ups sent before are in vain no longer."""
        if not heard or t >= heard[-1]:
            heard.append(t)
        else:
            insort(heard, t)
        waiting = self.rows.get("open_follow_ups", ()) if "open_follow_ups" not in self.stale else ()
        if waiting and (waiting[-1][END] > t or heard[-1] > t):  # type: ignore[operator]
            self.stale.add("open_follow_ups")

    def await_word(self, _: Interaction, row: Row) -> None:
        """A follow-up is in vain until something comes from them."""
        heard = self._heard
        if heard is None or (heard and heard[-1] > row[T]):  # type: ignore[operator]
            self.stale.add("open_follow_ups")
        else:
            self._goes_on("open_follow_ups", row)
        before = self.rows.get("contacts", ())
        second, third = (number(before[-1][T]), number(before[-1][END + 4])) if before else (NEVER, NEVER)
        self._goes_on("contacts", (*common(number(row[T]), *key(row)), second, third))

    def asked(self, _: Interaction, row: Row) -> None:
        """What was asked is open until it is answered."""
        stream, closed = _OPENS[str(row[KIND])]
        if (stream, key(row)) in self.closed:
            self.stale.update((stream, closed))
        else:
            self._goes_on(stream, row)

    def inquired(self, record: Interaction, row: Row) -> None:
        """A question is open until it is answered; it may be about goods that are on their way."""
        self.asked(record, row)
        if "promises" in self.stale or self.rows.get("promises"):
            self.stale.add("delivery_questions")

    def complained(self, record: Interaction, row: Row) -> None:
        """A complaint is open until it is put right; it may be the second one of a purchase."""
        assert isinstance(record, Complaint)
        self.asked(record, row)
        if record.purchase_id is not None:
            self.about[record.key] = (record.source, record.purchase_id)
            self.stale.add("reopenings")

    def answered(self, record: Interaction, row: Row) -> None:
        """A question has its answer."""
        assert isinstance(record, Answer)
        self._close("open_questions", (record.source, record.question_id), number(row[T]))

    def resolved(self, record: Interaction, row: Row) -> None:
        """A complaint is put right."""
        assert isinstance(record, Resolution)
        self._close("open_complaints", (record.source, record.complaint_id), number(row[T]))

    def _close(self, stream: str, key: Key, t: int) -> None:
        if t < self.closed.get((stream, key), FOREVER):
            self.closed[stream, key] = t
            self.stale.update((stream, _CLOSED[stream]))
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


_CLOSED = {"open_questions": "replies", "open_complaints": "repairs"}
"""The stream in which what was open is closed."""

_OPENS = {"question": ("open_questions", "replies"), "complaint": ("open_complaints", "repairs")}
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

_WRITERS: Mapping[type[Record], Callable[[Ledger, Any], None]] = {
    Interaction: Ledger.add_interaction,
    Purchase: Ledger.add_purchase,
    Refund: Ledger.add_refund,
    Lead: Ledger.add_lead,
}


@lru_cache(maxsize=64)
def _writer_of(kind: type[Record]) -> Callable[[Ledger, Any], None]:
    for known, writer in _WRITERS.items():
        if issubclass(kind, known):
            return writer
    msg = f"a {kind.__name__} is no record of a history; give leads, purchases, refunds, interactions"
    raise RecordError(msg)


def ledger_of(person_id: str, records: Iterable[Record]) -> Ledger:
    """The ledger of one person from all of their records (each once)."""
    given = list(records)
    talk = [record for record in given if isinstance(record, Interaction)]
    return ledger_from(person_id, InOrder.of(talk), [record for record in given if not isinstance(record, Interaction)])


def ledger_from(person_id: str, talk: tuple[Interaction, ...], others: Iterable[Record]) -> Ledger:
    """The ledger of one person from all of their interactions and all other records (each once)."""
    ledger = Ledger(person_id)
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
