"""Streams derived from several records, each computed from the stored rows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter

from funnel._aggregate.fold import END, START, Row, T
from funnel._ledger.rows import ID, RANK, SOURCE, Key, common, ending, key, number
from funnel._ledger.state import LedgerState
from funnel._time import FOREVER, NEVER, micros
from funnel.records import Purchase, Refund


def cancelled(order: Purchase) -> int:
    return micros(order.cancelled_at or order.purchased_at)


def counts_from(order: Purchase) -> int:
    """Return the instant from which an order counts as bought; FOREVER if it is unpaid."""
    return FOREVER if order.status == "unpaid" else micros(order.paid_at or order.purchased_at)


def versions(order: Purchase, row: Row, refunds: Sequence[Refund]) -> list[Row]:
    """Return the versions of a purchase that count, one from each refund to the next."""
    if not refunds and order.paid_at is None and order.status not in ("cancelled", "unpaid"):
        return [whole(order, row)] if order.amount.minor else []
    return list(_cut(order, number(row[T]), refunds))


def whole(order: Purchase, row: Row) -> Row:
    """Return the purchase as it counts before any refund."""
    return (*row, net_amount(order, order.amount.minor), *_unchanged(order))


def net_amount(order: Purchase, remaining: int) -> int:
    """Return the money of an order after refunds, without the part that a gift card paid."""
    return remaining if order.prepaid is None else max(remaining - order.prepaid.minor, 0)


def _unchanged(order: Purchase) -> tuple[int, str, int, int, int]:
    """Return the fields of a purchase that a refund does not change."""
    promotion, cost, fees = order.promotion, order.cost, order.fees
    return (
        1 if promotion else 0,
        promotion,
        0 if cost is None else cost.minor,
        0 if fees is None else fees.minor,
        0 if cost is None else 1,
    )


def _cut(order: Purchase, t: int, refunds: Iterable[Refund]) -> Iterator[Row]:
    remaining = order.amount.minor
    end_of_order = cancelled(order) if order.status == "cancelled" else FOREVER
    refunded: dict[int, int] = {}
    for refund in refunds:
        moment = micros(refund.refunded_at)
        refunded[moment] = refunded.get(moment, 0) + refund.amount.minor
    identity = (0, *order.key, order.amount.minor)
    unchanged, bought = _unchanged(order), counts_from(order)
    times = sorted({t, *refunded})
    for moment, following in zip(times, [*times[1:], FOREVER], strict=True):
        remaining -= refunded.get(moment, 0)
        start, end = max(moment, bought), min(following, end_of_order)
        if remaining > 0 and start < end:
            yield (bought, start, end, *identity, net_amount(order, remaining), *unchanged)


def _every_version(ledger: LedgerState) -> Iterator[tuple[Purchase, list[Row]]]:
    for row in ledger.rows.get("orders", ()):
        order = ledger.purchases[key(row)]
        yield order, versions(order, row, ledger.refunds.get(order.key, ()))


def _purchases(ledger: LedgerState) -> list[Row]:
    rows = (version for _, versions in _every_version(ledger) for version in versions)
    return sorted(rows, key=itemgetter(T, RANK, SOURCE, ID))  # an order may count from later than another


def _promises(ledger: LedgerState) -> list[Row]:
    rows_found = (promise(ledger, order, over(order, versions)) for order, versions in _every_version(ledger))
    return [row for row in rows_found if row is not None]


def over(order: Purchase, versions: Sequence[Row]) -> int:
    """Return the instant from which a purchase does not count any more."""
    return number(versions[-1][END]) if versions else micros(order.purchased_at)


def promise(ledger: LedgerState, order: Purchase, over: int) -> Row | None:
    """Return the promise until delivery or the end of the purchase.

    The result is None if the promise never counts.
    """
    if order.promised_at is None:
        return None
    t = counts_from(order)
    end = min(over, *arrived(ledger, order), FOREVER)
    return (*common(t, *order.key, end=end), micros(order.promised_at)) if end > t else None


def _deliveries(ledger: LedgerState) -> list[Row]:
    return sorted(delivery(order, t) for order in ledger.purchases.values() for t in arrived(ledger, order))


def delivery(order: Purchase, t: int) -> Row:
    """Return the delivery of the goods, and whether it was late."""
    late = order.promised_at is not None and t > micros(order.promised_at)
    return (*common(t, *order.key), int(late), int(order.promised_at is not None))


def arrived(ledger: LedgerState, order: Purchase) -> list[int]:
    """Return the instant of delivery, from the first source that has it.

    The list is empty if the goods are not delivered.
    """
    notices = [ledger.notices[order.key]] if order.key in ledger.notices else []
    recorded = [micros(order.delivered_at)] if order.delivered_at is not None else []
    return sorted(notices + recorded)[:1]


def _referrals(ledger: LedgerState) -> list[Row]:
    return sorted(common(t, "", person) for person, t in ledger.sent.items())


def _open(stream: str, opened: str) -> Callable[[LedgerState], list[Row]]:
    def rows(ledger: LedgerState) -> list[Row]:
        """Return questions or complaints, each open until its first answer."""
        closed = ledger.closed
        ends = [(row, closed.get((stream, key(row)), FOREVER)) for row in ledger.rows.get(opened, ())]
        return [ending(row, end) for row, end in ends if end > row[T]]  # type: ignore[operator]

    return rows


def _open_follow_ups(ledger: LedgerState) -> list[Row]:
    """Return follow-ups, each open until the next contact of the person."""
    heard = ledger.heard()

    def next_heard(row: Row) -> int:
        index = bisect_right(heard, number(row[T]))
        return heard[index] if index < len(heard) else FOREVER

    return [ending(row, next_heard(row)) for row in ledger.rows.get("follow_ups", ())]


def _closings(stream: str, opened: str) -> Callable[[LedgerState], list[Row]]:
    def rows(ledger: LedgerState) -> list[Row]:
        """Return closed questions and complaints: the instant of the closing, and how long it took."""
        rows_found: list[Row] = []
        for row in ledger.rows.get(opened, ()):
            closed = ledger.closed.get((stream, key(row)))
            if closed is not None:
                rows_found.append(closing(row, closed))
        return sorted(rows_found)

    return rows


def closing(row: Row, closed: int) -> Row:
    """Return a closed request: the instant of the closing, and how long it took."""
    return (*common(closed, *key(row)), closed - number(row[T]))


def _reopenings(ledger: LedgerState) -> list[Row]:
    """Return complaints about a purchase after the resolution of an earlier one."""
    righted: dict[Key, int] = {}
    for row in ledger.rows.get("complaints", ()):
        about, closed = ledger.about.get(key(row)), ledger.closed.get(("open_complaints", key(row)))
        if about is not None and closed is not None:
            righted[about] = min(closed, righted.get(about, FOREVER))
    reopened: list[Row] = []
    for row in ledger.rows.get("complaints", ()):
        about = ledger.about.get(key(row))
        if about in righted and righted[about] < number(row[T]):
            reopened.append(common(number(row[T]), *key(row)))
    return sorted(reopened)


def _delivery_questions(ledger: LedgerState) -> list[Row]:
    """Return questions asked while a promised delivery was open."""
    promises = _promises(ledger)
    starts, ends = (sorted(number(row[column]) for row in promises) for column in (START, END))
    times = ((number(row[T]), key(row)) for row in ledger.rows.get("questions", ()))
    return sorted(common(t, *identity) for t, identity in times if bisect_right(starts, t) > bisect_right(ends, t))


def _contacts(ledger: LedgerState) -> list[Row]:
    """Return follow-ups with the instants of the two follow-ups before each of them."""
    sent = [common(number(row[T]), *key(row)) for row in ledger.rows.get("follow_ups", ())]
    times = [NEVER, NEVER, *(number(row[T]) for row in sent)]
    return [(*row, second, third) for row, second, third in zip(sent, times[1:], times, strict=False)]


def arrival(ledger: LedgerState) -> int:
    """Return the instant of the first record of a person; FOREVER without records."""
    rows = (row for name in ("leads", "orders", "interactions") for row in ledger.rows.get(name, ())[:1])
    late = (row for name in ("leads", "orders", "interactions") for row in ledger.late.get(name, ()))
    return min([*(number(row[T]) for row in (*rows, *late)), *ledger.sent.values()], default=FOREVER)


def person(ledger: LedgerState) -> Row | None:
    """Return the row of the person's own columns; None without own columns or records."""
    first = arrival(ledger) if ledger.columns else FOREVER
    return None if first == FOREVER else common(first, "", "")


def _people(ledger: LedgerState) -> list[Row]:
    return [*filter(None, [person(ledger)])]


DERIVED: Mapping[str, Callable[[LedgerState], list[Row]]] = {
    "referrals": _referrals,
    "purchases": _purchases,
    "deliveries": _deliveries,
    "promises": _promises,
    "open_questions": _open("open_questions", "questions"),
    "open_complaints": _open("open_complaints", "complaints"),
    "open_follow_ups": _open_follow_ups,
    "replies": _closings("open_questions", "questions"),
    "repairs": _closings("open_complaints", "complaints"),
    "reopenings": _reopenings,
    "delivery_questions": _delivery_questions,
    "contacts": _contacts,
    "people": _people,
}
"""Function of each derived stream; it computes the stream from the stored rows."""
