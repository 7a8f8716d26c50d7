"""Direct update of running values with one more record that comes after all previous records.

Invariant: the values equal those computed from the record's rows. No row is built. Each kind of record has one
generated function of straight-line statements that reads only the needed fields of the record.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from funnel._aggregate.aggregations import GAP
from funnel._aggregate.fold import StreamFold, step_body
from funnel._expr.nodes import Value
from funnel._expr.to_python import function
from funnel._ledger.rows import details
from funnel._ledger.streams import KIND_STREAMS, RANKS
from funnel._time import EPOCH, FOREVER, MICROSECOND, NEVER
from funnel.interactions import Answer, Interaction, Resolution
from funnel.records import Lead, Purchase, Record, Refund

Put = Callable[[list[Value], datetime, Mapping[str, Any], Record], None]
"""Function that updates the values at an instant from a record's fields."""

OPENED: Mapping[str, str] = {
    "question": "open_questions",
    "complaint": "open_complaints",
    "follow_up": "open_follow_ups",
}
"""Stream in which a kind of interaction stays open until something else happens."""

CLOSED: Mapping[type[Record], tuple[str, str]] = {
    Answer: ("open_questions", "question_id"),
    Resolution: ("open_complaints", "complaint_id"),
}
"""Stream in which a record closes another, and the field that names the other."""

HEARD = "open_follow_ups"
"""Stream that any contact from the person closes."""

DELIVERY = frozenset({"deliveries", "promises", "delivery_questions"})
"""Streams that depend on a purchase and on later news of it."""

TOGETHER: Mapping[str, frozenset[str]] = {
    "question": frozenset({"delivery_questions"}),
    "answer": frozenset({"replies"}),
    "complaint": frozenset({"reopenings"}),
    "resolution": frozenset({"repairs", "reopenings"}),
    "delivery": DELIVERY,
    "follow_up": frozenset({"contacts"}),
}
"""Streams in which a row depends on an interaction of a kind together with earlier records."""

_LATER: Mapping[str, frozenset[str]] = {"question": frozenset({"replies"}), "complaint": frozenset({"repairs"})}
"""Streams that get a row when a later record comes."""

_OF_PURCHASES = frozenset({"orders", "purchases", "cancellations", HEARD}) | DELIVERY
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
    closed = [stream for closing, (stream, _) in CLOSED.items() if issubclass(kind, closing)]
    own = frozenset(["interactions", KIND_STREAMS[name], HEARD, *closed, OPENED.get(name, HEARD)])
    return own | together(kind) | _LATER.get(name, frozenset())


def together(kind: type[Record]) -> frozenset[str]:
    """Return the streams that need the history when a record of a kind comes."""
    return TOGETHER.get(_kind_name(kind), frozenset())


def _kind_name(kind: type[Record]) -> str:
    assert issubclass(kind, Interaction)
    return str(kind.model_fields["kind"].default)


def put_of(kind: type[Record], folds: Mapping[str, StreamFold], empties: Sequence[Value], last: int | None) -> Put:
    """Generate the function that updates the values with a record of a kind.

    Args:
        kind: Class of the record.
        folds: Folds of each stream.
        empties: Values without any row. In the list of values, flags follow after them: whether a group of folds has a
            row.
        last: Index of the instant of the last purchase, if a gap is needed.
    """
    put = _Put(folds, empties, last)
    if issubclass(kind, Purchase):
        body = [*put.closing(), *put.stream("orders", _ORDER), *put.purchase()]
    elif issubclass(kind, Lead):
        body = list(put.stream("leads", _LEAD))
    else:
        body = list(put.interaction(_kind_name(kind)))
    made: Put = function(kind.__name__.lower(), ("values", "moment", "told", "record"), _timed(body), _KNOWN)
    return made


def _timed(body: list[ast.stmt]) -> list[ast.stmt]:
    """Prepend the instant in microseconds if the statements read it.

    Its computation takes longer than the rest.
    """
    if not any(isinstance(node, ast.Name) and node.id == "t" for statement in body for node in ast.walk(statement)):
        return body or [ast.Pass()]
    span = ast.BinOp(_name("moment"), ast.Sub(), _name("EPOCH"))
    return [ast.Assign([_name("t", ast.Store())], ast.BinOp(span, ast.FloorDiv(), _name("MICROSECOND"))), *body]


_KNOWN: Mapping[str, object] = {"details": details, "EPOCH": EPOCH, "MICROSECOND": MICROSECOND}


class _Put:
    def __init__(self, folds: Mapping[str, StreamFold], empties: Sequence[Value], last: int | None) -> None:
        self.folds, self.empties, self.last = folds, empties, last

    def stream(self, name: str, fields: Mapping[str, ast.expr]) -> Iterator[ast.stmt]:
        """Yield the statements for one more row, with fields read from the record."""
        if name in self.folds:
            ready = self.folds[name]
            direct = _Direct([fields[field] for field in ready.stream.fields], len(self.empties))
            yield from (direct.visit(statement) for statement in step_body(ready.stream, ready.groups))

    def purchase(self) -> Iterator[ast.stmt]:
        """Yield the statements for a purchase; it counts only if its amount is above 0."""
        put = list(self.stream("purchases", _PURCHASE))
        if put and self.last is not None:
            before = _item("values", self.last)
            since = ast.BinOp(_name("t"), ast.Sub(), before)
            first = ast.Compare(before, [ast.Eq()], [ast.Constant(NEVER)])
            put.insert(0, ast.Assign([_name(GAP, ast.Store())], ast.IfExp(first, ast.Constant(0), since)))
        if put:
            yield ast.If(_MINOR, put, [])

    def interaction(self, kind: str) -> Iterator[ast.stmt]:
        """Yield the statements for an interaction.

        A contact from the person closes earlier follow-ups.
        """
        closing = list(self.closing())
        if closing:
            inbound = ast.Compare(_told("direction"), [ast.Eq()], [ast.Constant("in")])
            yield ast.If(inbound, closing, [])
        fields = _interaction(kind)
        for name in ("interactions", KIND_STREAMS[kind], OPENED.get(kind, "")):
            yield from self.stream(name, fields)

    def closing(self) -> Iterator[ast.stmt]:
        """Yield the statements that close all open follow-ups."""
        if HEARD in self.folds:
            for group in self.folds[HEARD].groups:
                places = [fold.place for fold in group.folds]
                empty = [(place, self.empties[place]) for place in places]
                for place, value in [*empty, (len(self.empties) + group.number, 0)]:
                    yield ast.Assign([_item("values", place, ast.Store())], ast.Constant(value))


class _Direct(ast.NodeTransformer):
    """Replace the fields of a row by the fields of the record; the flags of the groups follow the values."""

    def __init__(self, fields: Sequence[ast.expr], width: int) -> None:
        self.fields, self.width = fields, width

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        match node:
            case ast.Subscript(value=ast.Name(id="v"), slice=ast.Constant(value=int(place))):
                return self.fields[place]
            case ast.Subscript(value=ast.Name(id="held"), slice=ast.Constant(value=int(place))):
                return _item("values", self.width + place, node.ctx)
            case _:
                return node


# ---- the record's fields for each field of a row ----


def _name(name: str, context: ast.expr_context | None = None) -> ast.expr:
    return ast.Name(name, context or ast.Load())


def _item(name: str, place: int | str, context: ast.expr_context | None = None) -> ast.expr:
    return ast.Subscript(_name(name), ast.Constant(place), context or ast.Load())


def _constant(value: str | None) -> ast.expr:
    return ast.Constant(value)


def _told(field: str) -> ast.expr:
    return _item("told", field)


def _flag(field: str, compare: ast.cmpop, nothing: str | None) -> ast.expr:
    asked = ast.Compare(_told(field), [compare], [_constant(nothing)])
    return ast.IfExp(asked, ast.Constant(1), ast.Constant(0))


def _common(source: str, key: str, rank: int = 0) -> Mapping[str, ast.expr]:
    t = _name("t")
    ends = {"t": t, "start": t, "end": ast.Constant(FOREVER), "rank": ast.Constant(rank)}
    return {**ends, "source": _told(source), "id": _told(key)}


_MINOR = ast.Attribute(_told("amount"), "minor", ast.Load())
_ORDER: Mapping[str, ast.expr] = {**_common("source", "id"), "amount": _MINOR}
_PURCHASE: Mapping[str, ast.expr] = {
    **_ORDER,
    "net_amount": _MINOR,
    "promoted": _flag("promotion", ast.NotEq(), ""),
    "promotion": _told("promotion"),
    GAP: _name(GAP),
}
_LEAD: Mapping[str, ast.expr] = {
    **_common("source", "campaign"),
    "campaign": _told("campaign"),
    "referred": _flag("referred_by", ast.IsNot(), None),
}
_DETAILS = ("reason", "ready_from", "ready_by", "score", "amount")


def _interaction(kind: str) -> Mapping[str, ast.expr]:
    whole = ast.Call(_name("details"), [_name("record")], [])
    rest = {name: ast.Subscript(whole, ast.Constant(place), ast.Load()) for place, name in enumerate(_DETAILS)}
    named = {"kind": ast.Constant(kind), "direction": _told("direction"), "channel": _told("channel")}
    return {**_common("source", "id", RANKS[kind]), **named, **rest}
