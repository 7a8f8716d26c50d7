"""Records as rows of the ledger, independent of other records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter

from funnel._aggregate.fold import END, Row, T
from funnel._columns import OwnValue
from funnel._ledger.streams import KIND_STREAMS, RANKS
from funnel._time import FOREVER, NEVER, micros
from funnel.interactions import Checkout, Complaint, Declined, Feedback, Interaction, Postponement, Quote
from funnel.records import Purchase

RANK, SOURCE, ID, KIND, DIRECTION = 3, 4, 5, 6, 7
Key = tuple[str, str]

CLOSING = frozenset({"answer", "resolution", "delivery"})
"""Kinds of interactions that may close another record."""


def key(row: Row) -> Key:
    return row[SOURCE], row[ID]  # type: ignore[return-value]


def ending(row: Row, end: int) -> Row:
    return row if end == FOREVER else (*row[:END], end, *row[END + 1 :])


def number(value: int | str) -> int:
    assert isinstance(value, int)
    return value


def common(t: int, source: str, key: str, *, end: int = FOREVER) -> Row:
    return t, t, end, 0, source, key


def order_row(order: Purchase) -> Row:
    t = micros(order.purchased_at)
    return t, t, FOREVER, 0, order.source, order.id, order.amount.minor


def interaction_row(record: Interaction) -> Row:
    """Return an interaction as a row.

    Fields that its kind does not have are 0, NEVER or empty.
    """
    kind, t = record.kind, micros(record.occurred_at)
    return (
        t,
        t,
        FOREVER,
        RANKS[kind],
        record.source,
        record.id,
        kind,
        record.direction,
        record.channel,
        *details(record),
    )


def details(record: Interaction) -> Details:
    """Return the fields of special kinds."""
    special = _DETAILS.get(record.kind)
    return _NOTHING if special is None else special(record)


DETAILS = ("reason", "ready_from", "ready_by", "score", "amount")
"""Fields of special kinds, in order."""

Details = tuple[str, int, int, int, int]
_NOTHING: Details = ("", NEVER, NEVER, 0, 0)


def _postponed(record: Interaction) -> Details:
    assert isinstance(record, Postponement)
    return str(record.reason), micros(record.until), micros(record.latest or record.until), 0, 0


def _refused(record: Interaction) -> Details:
    assert isinstance(record, Declined)
    return str(record.reason), NEVER, NEVER, 0, 0


def _scored(record: Interaction) -> Details:
    assert isinstance(record, Feedback)
    return "", NEVER, NEVER, record.score, 0


def _priced(record: Interaction) -> Details:
    assert isinstance(record, Quote | Checkout)
    return "", NEVER, NEVER, 0, record.amount.minor if record.amount else 0


_DETAILS: Mapping[str, Callable[[Interaction], Details]] = {
    "postponement": _postponed,
    "declined": _refused,
    "feedback": _scored,
    "quote": _priced,
    "checkout": _priced,
}


def _about(records: Iterable[Interaction]) -> Iterable[tuple[Key, Key]]:
    for record in records:
        if isinstance(record, Complaint) and record.purchase_id is not None:
            yield record.key, (record.source, record.purchase_id)


class InOrder(tuple[Interaction, ...]):  # noqa: SLOT001 (a tuple can have none)
    """Interactions in order. Their rows are the sort keys; they are kept for the ledger.

    `streams` are the rows by stream. `closing` are the interactions that may close others, with their rows. `about`
    maps complaints to their purchases. `own` are the own columns, as in a ledger.
    """

    streams: dict[str, list[Row]]
    closing: list[tuple[Row, Interaction]]
    about: dict[Key, Key]
    own: dict[tuple[str, Row], Mapping[str, OwnValue]]

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle only the records; the rows are built again."""
        return self.of, (tuple(self),)

    @classmethod
    def of(cls, records: Iterable[Interaction]) -> InOrder:
        """Sort records by instant, rank of their kind, source and id."""
        pairs = sorted([(interaction_row(record), record) for record in records], key=itemgetter(0))
        ordered = cls([record for _, record in pairs])
        ordered.closing = [pair for pair in pairs if pair[0][KIND] in CLOSING]
        ordered.about = dict(_about(record for _, record in pairs))
        ordered.own = {("interactions", (row[T], *one.key)): one.columns for row, one in pairs if one.columns}
        ordered.streams = {"interactions": [row for row, _ in pairs]} if pairs else {}
        for row, _ in pairs:
            ordered.streams.setdefault(KIND_STREAMS[str(row[KIND])], []).append(row)
        return ordered
