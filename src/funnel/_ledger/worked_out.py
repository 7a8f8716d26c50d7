"""The streams that follow from several records, each worked out from what is written."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from funnel._instants import FOREVER, micros
from funnel._ledger.rows import common, ending, key, number
from funnel._reduce.folds import END, Row, T
from funnel.records import Purchase, Refund

if TYPE_CHECKING:
    from funnel._ledger.ledger import Ledger


def cancelled(order: Purchase) -> int:
    return micros(order.cancelled_at or order.purchased_at)


def versions(order: Purchase, row: Row, refunds: Sequence[Refund]) -> list[Row]:
    """The purchase as it counts from each refund to the next, while something is left of it."""
    t, left = number(row[T]), order.amount.minor
    if not refunds and order.status != "cancelled":
        return [whole(order, row)] if left else []
    return list(_cut(order, t, refunds))


def whole(order: Purchase, row: Row) -> Row:
    """The purchase as it counts while nothing of it went back."""
    promotion = order.promotion
    return (*row, row[-1], 1 if promotion else 0, promotion)


def _cut(order: Purchase, t: int, refunds: Iterable[Refund]) -> Iterator[Row]:
    left = order.amount.minor
    over = cancelled(order) if order.status == "cancelled" else FOREVER
    refunded: dict[int, int] = {}
    for refund in refunds:
        moment = micros(refund.refunded_at)
        refunded[moment] = refunded.get(moment, 0) + refund.amount.minor
    told = (0, *order.key, order.amount.minor)
    promotion = int(order.promotion != ""), order.promotion
    starts = sorted({t, *refunded})
    for start, following in zip(starts, [*starts[1:], FOREVER], strict=True):
        left -= refunded.get(start, 0)
        end = min(following, over)
        if left > 0 and start < end:
            yield (t, start, end, *told, left, *promotion)


def _every_version(ledger: Ledger) -> Iterator[tuple[Purchase, list[Row]]]:
    for row in ledger.rows.get("orders", ()):
        order = ledger.purchases[key(row)]
        yield order, versions(order, row, ledger.refunds.get(order.key, ()))


def _purchases(ledger: Ledger) -> list[Row]:
    return [version for _, versions in _every_version(ledger) for version in versions]


def _promises(ledger: Ledger) -> list[Row]:
    """What was promised, until it arrived or nothing was left of the purchase."""
    rows: list[Row] = []
    for order, versions in _every_version(ledger):
        if order.promised_at is not None:
            t = micros(order.purchased_at)
            over = number(versions[-1][END]) if versions else t
            end = min(over, *arrived(ledger, order), FOREVER)
            rows += [(*common(t, *order.key, end=end), micros(order.promised_at))] if end > t else []
    return rows


def _deliveries(ledger: Ledger) -> list[Row]:
    rows: list[Row] = []
    for order in ledger.purchases.values():
        for moment in arrived(ledger, order):
            late = order.promised_at is not None and moment > micros(order.promised_at)
            rows.append((*common(moment, *order.key), int(late)))
    return sorted(rows)


def arrived(ledger: Ledger, order: Purchase) -> list[int]:
    """When the goods arrived, by whatever told it first; nothing where they did not."""
    told = [ledger.notices[order.key]] if order.key in ledger.notices else []
    known = [micros(order.delivered_at)] if order.delivered_at is not None else []
    return sorted(told + known)[:1]


def _referrals(ledger: Ledger) -> list[Row]:
    return sorted(common(t, "", person) for person, t in ledger.sent.items())


def _open(stream: str, asked: str) -> Callable[[Ledger], list[Row]]:
    def rows(ledger: Ledger) -> list[Row]:
        """What was asked, until it was first answered."""
        closed = ledger.closed
        ends = [(row, closed.get((stream, key(row)), FOREVER)) for row in ledger.rows.get(asked, ())]
        return [ending(row, end) for row, end in ends if end > row[T]]  # type: ignore[operator]

    return rows


def _open_follow_ups(ledger: Ledger) -> list[Row]:
    """Each follow-up, until something next came from them."""
    heard = ledger.heard()

    def next_heard(row: Row) -> int:
        place = bisect_right(heard, number(row[T]))
        return heard[place] if place < len(heard) else FOREVER

    return [ending(row, next_heard(row)) for row in ledger.rows.get("follow_ups", ())]


WORKED_OUT: Mapping[str, Callable[[Ledger], list[Row]]] = {
    "referrals": _referrals,
    "purchases": _purchases,
    "deliveries": _deliveries,
    "promises": _promises,
    "open_questions": _open("open_questions", "questions"),
    "open_complaints": _open("open_complaints", "complaints"),
    "open_follow_ups": _open_follow_ups,
}
"""The streams that follow from several records, each from what is written."""
