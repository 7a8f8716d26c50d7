"""One person's ledger: records become rows of the streams, in order, each counting from an instant until another.

Law: the rows depend on which records came, never on the order in which they came (a refund after its purchase).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Mapping

import attrs

from funnel._instants import FOREVER, NEVER, micros
from funnel._reduce.folds import END, START, Row, T
from funnel._streams import KIND_STREAMS, RANKS
from funnel.errors import RecordError
from funnel.interactions import (
    Answer,
    Checkout,
    Delivered,
    Feedback,
    Interaction,
    Postponed,
    Quote,
    Resolution,
    SaidNo,
)
from funnel.records import Lead, Purchase, Record, Refund

_RANK, _SOURCE, _ID = 3, 4, 5
Key = tuple[str, str]


def order_of(row: Row) -> tuple[int | str, ...]:
    """Where a row stands among the rows of its stream; two versions of one row by when they count from."""
    return row[T], row[_RANK], row[_SOURCE], row[_ID], row[START]


@attrs.define
class Ledger:
    """The rows of one person, by stream.

    `added` holds rows that were put at the end of their stream, `changed` the streams in which more than that happened,
    `latest` the last instant at which a row begins or ceases to count. Only `wanted` streams are kept (None: all).
    """

    person_id: str
    rows: dict[str, list[Row]] = attrs.field(factory=dict[str, list[Row]])
    changed: set[str] = attrs.field(factory=set[str])
    added: list[tuple[str, Row]] = attrs.field(factory=list[tuple[str, Row]])
    latest: int = NEVER
    wanted: frozenset[str] | None = None
    _purchases: dict[Key, Purchase] = attrs.field(factory=dict[Key, Purchase])
    _refunds: dict[Key, dict[Key, Refund]] = attrs.field(factory=dict[Key, dict[Key, Refund]])
    _notices: dict[Key, int] = attrs.field(factory=dict[Key, int])
    _closed: dict[tuple[str, Key], int] = attrs.field(factory=dict[tuple[str, Key], int])
    _heard: list[int] = attrs.field(factory=list[int])
    _waiting: list[Row] = attrs.field(factory=list[Row])
    _by_key: dict[tuple[str, Key], list[Row]] = attrs.field(factory=dict[tuple[str, Key], list[Row]])

    def add(self, record: Record) -> None:
        """Take one record in; the caller has seen to it that it is not in yet.

        Raises:
            RecordError: It is not a record of this person.
        """
        match record:
            case Interaction():
                self._add_interaction(record)
            case Purchase():
                self._own(record.person_id)
                self._purchases[record.key] = record
                self._add_order(record)
                self._count_again(record.key)
            case Refund():
                self._add_refund(record)
            case Lead():
                self._add_lead(record)
            case _:
                msg = (
                    f"a {type(record).__name__} is no record of a history; give leads, purchases, refunds, interactions"
                )
                raise RecordError(msg)

    def _own(self, person_id: str) -> None:
        if person_id != self.person_id:
            msg = (
                f"a record of {person_id!r} was given to the history of {self.person_id!r}; give each person their own"
            )
            raise RecordError(msg)

    # ---- rows ----

    def _put(self, stream: str, row: Row) -> None:
        """Add a row at its place in the order."""
        if self.wanted is not None and stream not in self.wanted:
            return
        last = row[START] if row[END] == FOREVER else row[END]
        if last > self.latest:  # type: ignore[operator]
            self.latest = _number(last)
        rows = self.rows.get(stream)
        if rows is None:
            rows = self.rows[stream] = []
        if not rows or rows[-1][T] < row[T] or order_of(rows[-1]) <= order_of(row):  # type: ignore[operator]
            rows.append(row)
            self.added.append((stream, row))
            return
        rows.insert(bisect_right(rows, order_of(row), key=order_of), row)
        self.changed.add(stream)

    def _replace(self, stream: str, key: Key, new: list[Row]) -> None:
        """Replace every row of a key by new ones."""
        old = self._by_key.get((stream, key), [])
        if old == new:
            return
        self._by_key[stream, key] = new
        rows = self.rows.get(stream, [])
        for row in old if rows else ():
            rows.remove(row)
            self.changed.add(stream)
        for row in new:
            self._put(stream, row)

    # ---- arrivals ----

    def _add_lead(self, lead: Lead) -> None:
        t = micros(lead.arrived_at)
        if lead.person_id != self.person_id:
            self._own(lead.referred_by or "")
            self._add_referral(lead.person_id, t)
            return
        self._put("leads", (*_common(t, lead.source, lead.campaign), lead.campaign, int(lead.referred_by is not None)))

    def _add_referral(self, referred: str, t: int) -> None:
        """A person who was sent counts once, from the first time that they arrived."""
        earlier = self._by_key.get(("referrals", ("", referred)), [])
        first = min([t, *(_number(row[T]) for row in earlier)])
        self._replace("referrals", ("", referred), [_common(first, "", referred)])

    # ---- purchases ----

    def _add_order(self, order: Purchase) -> None:
        t = micros(order.purchased_at)
        self._put("orders", (*_common(t, *order.key), order.amount.minor))
        self._hear(t)
        if order.status == "cancelled":
            self._put("cancellations", _common(micros(order.cancelled_at or order.purchased_at), *order.key))

    def _add_refund(self, refund: Refund) -> None:
        bought = (refund.source, refund.purchase_id)
        if bought not in self._purchases:
            msg = f"refund {refund.id!r} is of purchase {refund.purchase_id!r}, which is not here; add it first"
            raise RecordError(msg)
        self._refunds.setdefault(bought, {})[refund.key] = refund
        row = (*_common(micros(refund.refunded_at), *refund.key), refund.amount.minor, refund.reason)
        self._put("refunds", row)
        self._count_again(bought)

    def _count_again(self, key: Key) -> None:
        """Write the rows of a purchase again, from it and from what was refunded and delivered."""
        order = self._purchases[key]
        versions = list(self._versions(order))
        over = _number(versions[-1][END]) if versions else micros(order.purchased_at)
        self._replace("purchases", key, versions)
        arrived = self._arrived(order)
        late = order.promised_at is not None and arrived is not None and arrived > micros(order.promised_at)
        self._replace("deliveries", key, [] if arrived is None else [(*_common(arrived, *key), int(late))])
        if order.promised_at is not None:
            end = min(over, FOREVER if arrived is None else arrived)
            t = micros(order.purchased_at)
            promise = [(*_common(t, *key, end=end), micros(order.promised_at))] if end > t else []
            self._replace("promises", key, promise)

    def _versions(self, order: Purchase) -> Iterable[Row]:
        """The purchase as it counts from each refund to the next, while something is left of it."""
        t, left = micros(order.purchased_at), order.amount.minor
        cancelled = micros(order.cancelled_at or order.purchased_at) if order.status == "cancelled" else FOREVER
        refunded: dict[int, int] = {}
        for refund in self._refunds.get(order.key, {}).values():
            moment = micros(refund.refunded_at)
            refunded[moment] = refunded.get(moment, 0) + refund.amount.minor
        starts = sorted({t, *refunded})
        for start, following in zip(starts, [*starts[1:], FOREVER], strict=True):
            left -= refunded.get(start, 0)
            end = min(following, cancelled)
            if left > 0 and start < end:
                common = (t, start, end, 0, *order.key)
                yield (*common, order.amount.minor, left, int(order.promotion != ""), order.promotion)

    def _arrived(self, order: Purchase) -> int | None:
        told = [self._notices[order.key]] if order.key in self._notices else []
        known = [micros(order.delivered_at)] if order.delivered_at is not None else []
        return min(told + known, default=None)

    # ---- interactions ----

    def _add_interaction(self, record: Interaction) -> None:
        self._own(record.person_id)
        row, kind = interaction_row(record), record.kind
        self._put("interactions", row)
        self._put(KIND_STREAMS[kind], row)
        if record.direction == "in":
            self._hear(_number(row[T]))
        if kind in _OPENS:
            self._open(_OPENS[kind], row)
        elif kind in _FOLLOWING:
            _FOLLOWING[kind](self, record, row)

    def answered(self, record: Interaction, row: Row) -> None:
        """A question has its answer."""
        assert isinstance(record, Answer)
        self._close("open_questions", (record.source, record.question_id), _number(row[T]))

    def resolved(self, record: Interaction, row: Row) -> None:
        """A complaint is put right."""
        assert isinstance(record, Resolution)
        self._close("open_complaints", (record.source, record.complaint_id), _number(row[T]))

    def delivered(self, record: Interaction, row: Row) -> None:
        """Goods have arrived, as somebody tells; the purchase may not be known yet."""
        assert isinstance(record, Delivered)
        bought = (record.source, record.purchase_id)
        self._notices[bought] = min(_number(row[T]), self._notices.get(bought, FOREVER))
        if bought in self._purchases:
            self._count_again(bought)

    def _next_heard(self, t: int) -> int:
        """When something next came from them after an instant."""
        place = bisect_right(self._heard, t)
        return self._heard[place] if place < len(self._heard) else FOREVER

    def await_word(self, _: Interaction, row: Row) -> None:
        """A follow-up is in vain until something comes from them."""
        waiting = _ending(row, self._next_heard(_number(row[T])))
        self._replace("open_follow_ups", _key(row), [waiting])
        if waiting[END] == FOREVER:
            self._waiting.append(waiting)

    def _hear(self, t: int) -> None:
        """Something came from them: follow-ups sent before are in vain no longer."""
        last = not self._heard or t >= self._heard[-1]
        insort(self._heard, t)
        for row in self._waiting if last else list(self.rows.get("open_follow_ups", ())):
            if _number(row[T]) < t < _number(row[END]):
                self._replace("open_follow_ups", _key(row), [_ending(row, t)])
        if self._waiting:
            self._waiting = [row for row in self._waiting if _number(row[T]) >= t]

    def _open(self, stream: str, row: Row) -> None:
        end = self._closed.get((stream, _key(row)), FOREVER)
        if end > _number(row[T]):
            self._replace(stream, _key(row), [_ending(row, end)])

    def _close(self, stream: str, key: Key, t: int) -> None:
        """What was asked is open until it is first answered."""
        if t >= self._closed.get((stream, key), FOREVER):
            return
        self._closed[stream, key] = t
        asked = self._by_key.get((stream, key), [])
        self._replace(stream, key, [_ending(row, t) for row in asked if t > _number(row[T])])


_OPENS = {"question": "open_questions", "complaint": "open_complaints"}
"""The stream in which what is asked stays open."""

_FOLLOWING: Mapping[str, Callable[[Ledger, Interaction, Row], None]] = {
    "answer": Ledger.answered,
    "resolution": Ledger.resolved,
    "delivered": Ledger.delivered,
    "follow_up_sent": Ledger.await_word,
}
"""What else follows from an interaction of a kind."""


def _key(row: Row) -> Key:
    return str(row[_SOURCE]), str(row[_ID])


def _ending(row: Row, end: int) -> Row:
    return (*row[:END], end, *row[END + 1 :])


def _number(value: int | str) -> int:
    assert isinstance(value, int)
    return value


def _common(t: int, source: str, key: str, *, rank: int = 0, end: int = FOREVER) -> Row:
    return t, t, end, rank, source, key


def interaction_row(record: Interaction) -> Row:
    """An interaction as a row of the ledger; what its kind does not have is 0, never or nothing."""
    common = _common(micros(record.occurred_at), *record.key, rank=RANKS[record.kind])
    told = _DETAILS.get(record.kind, _nothing)(record)
    return (*common, record.kind, record.direction, record.channel, *told)


Details = tuple[str, int, int, int, int]


def _nothing(_: Interaction) -> Details:
    return "", NEVER, NEVER, 0, 0


def _postponed(record: Interaction) -> Details:
    assert isinstance(record, Postponed)
    return str(record.reason), micros(record.until), micros(record.latest or record.until), 0, 0


def _refused(record: Interaction) -> Details:
    assert isinstance(record, SaidNo)
    return str(record.reason), NEVER, NEVER, 0, 0


def _scored(record: Interaction) -> Details:
    assert isinstance(record, Feedback)
    return "", NEVER, NEVER, record.score, 0


def _priced(record: Interaction) -> Details:
    assert isinstance(record, Quote | Checkout)
    return "", NEVER, NEVER, 0, record.amount.minor if record.amount else 0


_DETAILS: Mapping[str, Callable[[Interaction], Details]] = {
    "postponed": _postponed,
    "said_no": _refused,
    "feedback": _scored,
    "quote": _priced,
    "checkout": _priced,
}


def ledger_of(person_id: str, records: Iterable[Record]) -> Ledger:
    """The ledger of one person from all of their records (each once)."""
    ledger = Ledger(person_id)
    later: list[Refund] = []
    for record in records:
        if isinstance(record, Refund):
            later.append(record)
        else:
            ledger.add(record)
    for refund in later:
        ledger.add(refund)
    return ledger
