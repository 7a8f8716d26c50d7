"""Streams that a record of each kind may change."""

from __future__ import annotations

from collections.abc import Mapping

from funnel._ledger.streams import KIND_STREAMS
from funnel.interactions import Interaction
from funnel.records import Lead, Purchase, Record, Refund

HEARD = "open_follow_ups"
"""Stream that any contact from the person closes."""

_DELIVERY = frozenset({"deliveries", "promises", "delivery_questions"})
_DERIVED: Mapping[str, frozenset[str]] = {
    "question": frozenset({"open_questions", "replies", "delivery_questions"}),
    "answer": frozenset({"open_questions", "replies"}),
    "complaint": frozenset({"open_complaints", "repairs", "reopenings"}),
    "resolution": frozenset({"open_complaints", "repairs", "reopenings"}),
    "delivery": _DELIVERY,
    "follow_up": frozenset({"contacts"}),
}
"""Streams in which a row depends on an interaction of a kind together with other records."""

_OF_PURCHASES = frozenset({"orders", "purchases", "payments", "cancellations", HEARD}) | _DELIVERY
_OF_LEADS = frozenset({"leads", "referrals"})
_OF_REFUNDS = frozenset({"refunds", "purchases", "promises", "delivery_questions"})


def streams_of(kind: type[Record]) -> frozenset[str]:
    """Return the streams that a record of a kind may change."""
    if issubclass(kind, Purchase):
        return _OF_PURCHASES
    if issubclass(kind, Refund):
        return _OF_REFUNDS
    if issubclass(kind, Lead):
        return _OF_LEADS
    name = _kind_name(kind)
    return frozenset({"interactions", KIND_STREAMS[name], HEARD}) | _DERIVED.get(name, frozenset())


def own_streams(kind: type[Record]) -> tuple[str, ...]:
    """Return the streams to which an interaction or a purchase adds a row of its own fields."""
    if issubclass(kind, Purchase):
        return "orders", "purchases"
    name = _kind_name(kind)
    return "interactions", KIND_STREAMS[name], *((HEARD,) if name == "follow_up" else ())


def _kind_name(kind: type[Record]) -> str:
    assert issubclass(kind, Interaction)
    return str(kind.model_fields["kind"].default)
