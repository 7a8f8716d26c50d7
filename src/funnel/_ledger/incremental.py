"""Ledger of one person that grows: it records what each new record changes in each stream.

Invariant, for each followed stream: if its rows never end, the rows at the start plus all changes since equal the rows
of the ledger. If its rows may end, they equal the rows that never end.

A stream is followed from the first query that reads it, so that nothing is computed that nobody reads.

A query about the present reads only the changes, so its cost does not depend on the length of the history. A query
about the past settles the ledger and reads its rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from funnel._aggregate.fold import END, START, Row, T
from funnel._aggregate.running import order_of
from funnel._expr.nodes import Value
from funnel._ledger.derived import (
    arrived,
    cancelled,
    closing,
    counts_from,
    delivery,
    net_amount,
    over,
    person,
    promise,
    versions,
)
from funnel._ledger.incremental_derived import Change, Changes, DeliveryQuestions, FollowUps, Reopenings
from funnel._ledger.ledger import CLOSED_IN, OPENS, Ledger
from funnel._ledger.rows import DIRECTION, KIND, Key, common, key, number, order_row
from funnel._ledger.streams import KIND_STREAMS, PURCHASE_FIELDS
from funnel._time import FOREVER, NEVER, micros
from funnel.interactions import Delivery, Interaction
from funnel.records import Lead, Purchase, Record, Refund

_NET_AMOUNT = list(PURCHASE_FIELDS).index("net_amount")
_CLOSING = frozenset({*CLOSED_IN, *CLOSED_IN.values(), "reopenings"})
_PROMISES = frozenset({"promises", "delivery_questions"})
_FOLLOW_UPS = frozenset({"open_follow_ups", "contacts"})


class GrowingLedger(Ledger):
    """Rows of one person, with the changes of each stream.

    `changes` has a list for each followed stream: a row that comes after all others is stored as it is; every other
    change is a `Change`.
    """

    __slots__ = (
        *("_ends", "_follow_ups", "_followed", "_promised", "_questions"),
        *("_remaining", "_reopenings", "_requests", "_returned", "changes"),
    )

    def __init__(self, person_id: str) -> None:
        """Start empty, without followed streams."""
        super().__init__(person_id)
        self._follow_none()

    def __getstate__(self) -> dict[str, Any]:
        """Return the stored data without the changes."""
        self.settle()
        return super().__getstate__()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a copy; it follows no stream."""
        super().__setstate__(state)
        self._follow_none()

    def _follow_none(self) -> None:
        self.changes: dict[str, list[Row | Change]] = {}
        self._followed: set[str] = set()
        self._ends: dict[str, tuple[Value, ...]] = {}
        self._remaining: dict[Key, Row | None] = {}
        self._requests: dict[tuple[str, Key], Row] | None = None
        self._promised: dict[Key, int] = {}
        self._returned: dict[Key, int] = {}
        self._questions: DeliveryQuestions | None = None
        self._follow_ups: FollowUps | None = None
        self._reopenings: Reopenings | None = None

    def follow(self, streams: Collection[str]) -> None:
        """Record the changes of these streams from now on."""
        new = set(streams) - self._followed
        if not new:
            return
        self.settle()
        rows = self.rows
        if not self._followed:
            self._returned = {of: sum(refund.amount.minor for refund in some) for of, some in self.refunds.items()}
        self._followed |= new
        self._ends |= {stream: order_of(rows[stream][-1]) for stream in new if rows.get(stream)}
        if self._requests is None and not _CLOSING.isdisjoint(new):
            self._requests = {
                (OPENS[str(row[KIND])][0], key(row)): row
                for stream in ("questions", "complaints")
                for row in rows.get(stream, ())
            }
        if self._questions is None and not _PROMISES.isdisjoint(new):
            self._promised = {key(row): number(row[END]) for row in rows.get("promises", ())}
            self._questions = DeliveryQuestions(rows.get("promises", ()), rows.get("questions", ()))
        if self._follow_ups is None and not _FOLLOW_UPS.isdisjoint(new):
            heard = max((number(row[T]) for row in self._inbound()), default=NEVER)
            self._follow_ups = FollowUps(rows.get("follow_ups", ()), heard)
        if "reopenings" in new:
            self._reopenings = Reopenings()
            for row in rows.get("complaints", ()):
                list(self._complaint(self._reopenings, row))

    def _inbound(self) -> Iterable[Row]:
        yield from self.rows.get("orders", ())
        yield from (row for row in self.rows.get("interactions", ()) if row[DIRECTION] == "in")

    # ---- changes ----

    def write(self, stream: str, row: Row) -> None:
        """Write a row that counts from its own instant."""
        super().write(stream, row)
        self._put(stream, row)

    def _put(self, stream: str, row: Row) -> None:
        if stream not in self._followed:
            return
        order, end = order_of(row), self._ends.get(stream)
        if end is None or order > end:
            self._ends[stream] = order
            self.changes.setdefault(stream, []).append(row)
        else:
            self.changes.setdefault(stream, []).append(Change(row, is_added=True))

    def _note(self, stream: str, changes: Changes) -> None:
        for change in changes:
            if change.is_added:
                self._put(stream, change.row)
            elif stream in self._followed:
                self.changes.setdefault(stream, []).append(change)

    def _replace(self, stream: str, before: Row | None, after: Row | None) -> None:
        """Replace one row by another."""
        if before == after or stream not in self._followed:
            return
        if before is not None:
            self.changes.setdefault(stream, []).append(Change(before, is_added=False))
        if after is not None:
            self._put(stream, after)

    # ---- records ----

    def add(self, record: Record) -> None:
        """Add one record; the own columns of the person count from the first record."""
        before = self._person()
        super().add(record)
        self._replace("people", before, self._person())

    def _person(self) -> Row | None:
        return person(self) if "people" in self._followed else None

    def add_lead(self, lead: Lead) -> None:
        """Write a lead. A referred person counts once, from the first arrival."""
        before = self.sent.get(lead.person_id)
        super().add_lead(lead)
        after = self.sent.get(lead.person_id)
        self._replace("referrals", *(None if t is None else common(t, "", lead.person_id) for t in (before, after)))

    def add_purchase(self, order: Purchase) -> Row:
        """Write an order and its derived rows; return the order's row."""
        row = super().add_purchase(order)
        if "purchases" in self._followed:
            self._replace("purchases", None, self._living(order, row))
        if "deliveries" in self._followed:
            for moment in arrived(self, order):
                self._put("deliveries", delivery(order, moment))
        self._promise(order)
        if self._follow_ups is not None:
            self._note("open_follow_ups", self._follow_ups.heard(number(row[T])))
        return row

    def add_refund(self, refund: Refund) -> None:
        """Write a refund of a known purchase."""
        order = self.purchases.get((refund.source, refund.purchase_id))
        before = None if order is None or not self._followed else self._living(order)
        super().add_refund(refund)
        if order is None or not self._followed:
            return
        self._returned[order.key] = self._returned.get(order.key, 0) + refund.amount.minor
        if before is not None:
            after = self._remaining[order.key] = _less(order, before, self._returned[order.key], refund)
            self._replace("purchases", before, after)
        self._promise(order)

    def write_interaction(self, record: Interaction, row: Row) -> None:
        """Write an interaction and its derived rows."""
        order = self.purchases.get((record.source, record.purchase_id)) if isinstance(record, Delivery) else None
        before = None if order is None else self._delivery(order)
        super().write_interaction(record, row)
        self._put("interactions", row)
        self._put(KIND_STREAMS[record.kind], row)
        match record.kind:
            case "question" if self._questions is not None:
                self._note("delivery_questions", self._questions.add_question(row))
            case "complaint" if self._reopenings is not None:
                self._note("reopenings", self._complaint(self._reopenings, row))
            case "follow_up" if self._follow_ups is not None:
                self._note("contacts", self._follow_ups.sent(row))
                self._note("open_follow_ups", self._follow_ups.waits(row))
            case "delivery" if order is not None:
                self._replace("deliveries", before, self._delivery(order))
                self._promise(order)
            case _:
                pass
        if row[DIRECTION] == "in" and self._follow_ups is not None:
            self._note("open_follow_ups", self._follow_ups.heard(number(row[T])))

    # ---- what follows ----

    def open_request(self, row: Row) -> None:
        """Open a request until it is answered."""
        super().open_request(row)
        if self._requests is None:
            return
        stream, closed_in = OPENS[str(row[KIND])]
        self._requests[stream, key(row)] = row
        closed = self.closed.get((stream, key(row)))
        if closed is None:
            self._put(stream, row)
        else:
            self._put(closed_in, closing(row, closed))

    def close(self, stream: str, request: Key, t: int) -> None:
        """Close a request."""
        before = self.closed.get((stream, request))
        super().close(stream, request, t)
        after, row = (
            self.closed[stream, request],
            None if self._requests is None else self._requests.get((stream, request)),
        )
        if row is None or before == after:
            return
        if before is None:
            self._replace(stream, row, None)
        self._replace(CLOSED_IN[stream], None if before is None else closing(row, before), closing(row, after))
        if self._reopenings is not None and stream == "open_complaints" and request in self.about:
            self._note("reopenings", self._reopenings.righted(self.about[request], after))

    def _complaint(self, reopenings: Reopenings, row: Row) -> Changes:
        about, closed = self.about.get(key(row)), self.closed.get(("open_complaints", key(row)), FOREVER)
        return iter(()) if about is None else reopenings.complained(about, row, closed)

    def _living(self, order: Purchase, row: Row | None = None) -> Row | None:
        """Return the purchase as it counts from now on.

        The result is None if no amount is left, or if the purchase ends.
        """
        if order.key in self._remaining:
            return self._remaining[order.key]
        if order.status in ("cancelled", "unpaid"):
            return None
        rows = versions(order, row or order_row(order), self.refunds.get(order.key, ()))
        return rows[-1] if rows and rows[-1][END] == FOREVER else None

    def _over(self, order: Purchase) -> int:
        """Return the instant when a purchase is cancelled or has no amount left.

        Later refunds are not read again.
        """
        if order.status == "cancelled" and self._returned.get(order.key, 0) < order.amount.minor:
            return cancelled(order)
        return over(order, versions(order, order_row(order), self.refunds.get(order.key, ())))

    def _delivery(self, order: Purchase) -> Row | None:
        return next((delivery(order, moment) for moment in arrived(self, order)), None)

    def _promise(self, order: Purchase) -> None:
        """Update a promise: it ends at delivery, or when no amount is left."""
        if order.promised_at is None or self._questions is None:
            return
        before = self._promised.get(order.key)
        row = promise(self, order, FOREVER if self._living(order) is not None else self._over(order))
        after = None if row is None else number(row[END])
        if before == after:
            return
        whole = (*common(counts_from(order), *order.key), micros(order.promised_at))
        self._replace("promises", *(whole if end == FOREVER else None for end in (before, after)))
        self._note("delivery_questions", self._questions.promised(order.key, number(whole[T]), after))
        if after is None:
            del self._promised[order.key]
        else:
            self._promised[order.key] = after


def _less(order: Purchase, row: Row, returned: int, refund: Refund) -> Row | None:
    """Return a purchase after one more refund; None if no amount is left."""
    remaining = order.amount.minor - returned
    start = max(number(row[START]), micros(refund.refunded_at))
    changed = row[T], start, *row[END:_NET_AMOUNT], net_amount(order, remaining), *row[_NET_AMOUNT + 1 :]
    return changed if remaining > 0 else None
