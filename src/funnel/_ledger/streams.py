"""Streams of rows from which facts are computed, with the columns of each table.

The rows of one person and the tables of all people have the same streams and columns. Every computation of a fact
reads only these. A table is `living` if its rows may stop to count.
"""

from __future__ import annotations

from collections.abc import Mapping

from funnel._aggregate.aggregations import COMMON, GAP_FIELDS, HOUR, Stream
from funnel._arguments import brief, is_one_of, suggest
from funnel._expr.nodes import Fact
from funnel._time import FOREVER, NEVER
from funnel.errors import FactsError

LARGEST_AMOUNT = 10**14
"""Largest amount in minor units. The sum of a person's amounts has its own check."""

_MOST_HOURS = (FOREVER - NEVER) // HOUR
KIND_STREAMS: Mapping[str, str] = {
    "visit": "visits",
    "view": "views",
    "question": "questions",
    "cart": "carts",
    "checkout": "checkouts",
    "quote": "quotes",
    "answer": "answers",
    "ready_signal": "ready_signals",
    "postponement": "postponements",
    "meeting": "meetings",
    "delivery": "delivery_notices",
    "complaint": "complaints",
    "resolution": "resolutions",
    "feedback": "feedback",
    "opt_out": "opt_outs",
    "declined": "declines",
    "follow_up": "follow_ups",
}
"""Stream of each kind of interaction, in the order of `funnel.interactions.KINDS`."""

KINDS = tuple(KIND_STREAMS)
_DIRECTIONS = ("in", "out")

_COMMON: Mapping[str, Fact] = {
    name: Fact(name, "text") if name in ("source", "id") else Fact(name, low=NEVER, high=FOREVER) for name in COMMON
}


def _amount(name: str) -> Fact:
    return Fact(name, high=LARGEST_AMOUNT)


def _flag(name: str) -> Fact:
    return Fact(name, high=1)


def _moment(name: str) -> Fact:
    return Fact(name, low=NEVER, high=FOREVER)


def _wait(name: str) -> Fact:
    return Fact(name, "span", high=FOREVER - NEVER)


def _text(name: str, choices: tuple[str, ...] = ()) -> Fact:
    return Fact(name, "text", choices=choices)


def _fields(*facts: Fact) -> Mapping[str, Fact]:
    return {**_COMMON, **{fact.name: fact for fact in facts}}


INTERACTION_FIELDS = _fields(
    _text("kind", KINDS),
    _text("direction", _DIRECTIONS),
    _text("channel"),
    _text("reason"),
    _moment("ready_from"),
    _moment("ready_by"),
    Fact("score", high=5),
    _amount("amount"),
)
PURCHASE_FIELDS = _fields(
    _amount("amount"),
    _amount("net_amount"),
    _flag("promoted"),
    _text("promotion"),
    _amount("cost"),
    _amount("fees"),
    _flag("has_cost"),
    _wait(GAP_FIELDS[0]),
    Fact(GAP_FIELDS[1], high=_MOST_HOURS),
    Fact(GAP_FIELDS[2], high=_MOST_HOURS**2),
)

TABLES: Mapping[str, Mapping[str, Fact]] = {
    "leads": _fields(_text("campaign"), _flag("referred")),
    "referrals": _fields(),
    "orders": _fields(_amount("amount")),
    "purchases": PURCHASE_FIELDS,
    "refunds": _fields(_amount("amount"), _text("reason")),
    "payments": _fields(),
    "cancellations": _fields(),
    "deliveries": _fields(_flag("late"), _flag("promised")),
    "promises": _fields(_moment("due")),
    "delivery_questions": _fields(),
    "interactions": INTERACTION_FIELDS,
    "open_questions": INTERACTION_FIELDS,
    "open_complaints": INTERACTION_FIELDS,
    "open_follow_ups": INTERACTION_FIELDS,
    "replies": _fields(_wait("took")),
    "repairs": _fields(_wait("took")),
    "reopenings": _fields(),
    "contacts": _fields(_moment("second"), _moment("third")),
    "people": _fields(),
}
"""Columns of each table of the ledger, in order."""

LIVING = frozenset({"purchases", "promises", "open_questions", "open_complaints", "open_follow_ups"})
"""Tables whose rows may stop to count: a purchase that is fully refunded, a promise that is kept, a question that is
answered, a follow-up after which the person made contact or bought."""

ROOTS = ("leads", "referrals", "orders", "interactions")
"""Tables that contain every person: a person with a row in another table has one here, not later."""

STREAMS: Mapping[str, Stream] = {
    **{name: Stream(name, name, fields, living=name in LIVING) for name, fields in TABLES.items()},
    **{name: Stream(name, "interactions", INTERACTION_FIELDS, kind=kind) for kind, name in KIND_STREAMS.items()},
}
"""Every stream by its name."""

RANKS: Mapping[str, int] = {kind: rank for rank, kind in enumerate(KINDS)}
"""Order of the kinds of interaction at the same instant."""


def stream_called(name: str) -> Stream:
    """Return a stream by name.

    Raises:
        FactsError: The stream is unknown.
    """
    if is_one_of(name, STREAMS):
        return STREAMS[name]
    raise FactsError(f"the stream {brief(name)} is unknown; {suggest(name, STREAMS)}")
