"""One more record put to running values directly, for one that comes after all that are in them already.

Law: the values are those that the record's rows would make of them. No row is made: for each kind of record there is
one function of straight statements that reads the record's own fields, and only those that are needed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from funnel._instants import EPOCH, FOREVER, MICROSECOND, NEVER
from funnel._ledger.rows import details
from funnel._lift.code import function
from funnel._lift.nodes import Value
from funnel._reduce.folds import Ready, step_body
from funnel._reduce.forms import GAP
from funnel._streams import KIND_STREAMS, RANKS
from funnel.interactions import Answer, Interaction, Resolution
from funnel.records import Lead, Purchase, Record, Refund

Put = Callable[[list[Value], datetime, Mapping[str, Any], Record], None]
"""Put to the values, at an instant, what a record's own fields say."""

OPENED: Mapping[str, str] = {
    "question": "open_questions",
    "complaint": "open_complaints",
    "follow_up_sent": "open_follow_ups",
}
"""The stream in which a kind of interaction stays open until something else happens."""

CLOSED: Mapping[type[Record], tuple[str, str]] = {
    Answer: ("open_questions", "question_id"),
    Resolution: ("open_complaints", "complaint_id"),
}
"""The stream in which a record closes another, and the field that names the other."""

HEARD = "open_follow_ups"
"""The stream that anything from the person closes."""

DELIVERY = frozenset({"deliveries", "promises", "delivery_questions"})
"""The streams that follow from a purchase together with what is told of it later."""

TOGETHER: Mapping[str, frozenset[str]] = {
    "question": frozenset({"delivery_questions"}),
    "answer": frozenset({"replies"}),
    "complaint": frozenset({"reopenings"}),
    "resolution": frozenset({"repairs", "reopenings"}),
    "delivered": DELIVERY,
    "follow_up_sent": frozenset({"contacts"}),
}
"""The streams in which a row follows from an interaction of a kind together with others that came before."""

_LATER: Mapping[str, frozenset[str]] = {"question": frozenset({"replies"}), "complaint": frozenset({"repairs"})}
"""The streams in which a row will follow when another record comes."""

_OF_PURCHASES = frozenset({"orders", "purchases", "cancellations", HEARD}) | DELIVERY
_OF_LEADS = frozenset({"leads", "referrals"})
_OF_REFUNDS = frozenset({"refunds", "purchases", "promises", "delivery_questions"})


def streams_of(kind: type[Record]) -> frozenset[str]:
    """The streams that a record of a kind may change."""
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
    """The streams for which the history has to be read when a record of a kind comes."""
    return TOGETHER.get(_kind_name(kind), frozenset())


def _kind_name(kind: type[Record]) -> str:
    assert issubclass(kind, Interaction)
    return str(kind.model_fields["kind"].default)


def put_of(kind: type[Record], folds: Mapping[str, Ready], empties: Sequence[Value], last: int | None) -> Put:
    """Make the function that puts a record of a kind to the values.

    Args:
        kind: The class of the record.
        folds: What is put together of each stream.
        empties: The values where there is no row; in the list of values, whether a group of folds has a row follows
            after them.
        last: Where the instant of the last purchase stands, if a gap is asked for.
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
    """The statements, after the instant in microseconds if they read it: to work it out takes longer than the rest."""
    if not any(isinstance(node, ast.Name) and node.id == "t" for statement in body for node in ast.walk(statement)):
        return body or [ast.Pass()]
    span = ast.BinOp(_name("moment"), ast.Sub(), _name("EPOCH"))
    return [ast.Assign([_name("t", ast.Store())], ast.BinOp(span, ast.FloorDiv(), _name("MICROSECOND"))), *body]


_KNOWN: Mapping[str, object] = {"details": details, "EPOCH": EPOCH, "MICROSECOND": MICROSECOND}


class _Put:
    def __init__(self, folds: Mapping[str, Ready], empties: Sequence[Value], last: int | None) -> None:
        self.folds, self.empties, self.last = folds, empties, last

    def stream(self, name: str, fields: Mapping[str, ast.expr]) -> Iterator[ast.stmt]:
        """One more row of a stream, its fields read from the record."""
        if name in self.folds:
            ready = self.folds[name]
            direct = _Direct([fields[field] for field in ready.stream.fields], len(self.empties))
            yield from (direct.visit(statement) for statement in step_body(ready.stream, ready.groups))

    def purchase(self) -> Iterator[ast.stmt]:
        """A purchase counts where it comes to something."""
        put = list(self.stream("purchases", _PURCHASE))
        if put and self.last is not None:
            before = _item("values", self.last)
            since = ast.BinOp(_name("t"), ast.Sub(), before)
            first = ast.Compare(before, [ast.Eq()], [ast.Constant(NEVER)])
            put.insert(0, ast.Assign([_name(GAP, ast.Store())], ast.IfExp(first, ast.Constant(0), since)))
        if put:
            yield ast.If(_MINOR, put, [])

    def interaction(self, kind: str) -> Iterator[ast.stmt]:
        """What passed between them and the shop; something from them closes the follow-ups sent before."""
        closing = list(self.closing())
        if closing:
            inbound = ast.Compare(_told("direction"), [ast.Eq()], [ast.Constant("in")])
            yield ast.If(inbound, closing, [])
        fields = _interaction(kind)
        for name in ("interactions", KIND_STREAMS[kind], OPENED.get(kind, "")):
            yield from self.stream(name, fields)

    def closing(self) -> Iterator[ast.stmt]:
        """No follow-up is without an answer any more."""
        if HEARD in self.folds:
            for group in self.folds[HEARD].groups:
                places = [fold.place for fold in group.folds]
                empty = [(place, self.empties[place]) for place in places]
                for place, value in [*empty, (len(self.empties) + group.number, 0)]:
                    yield ast.Assign([_item("values", place, ast.Store())], ast.Constant(value))


class _Direct(ast.NodeTransformer):
    """A row's field is read where the record has it; whether there was a row stands after the values."""

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


# ---- where a record has the fields of its rows ----


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
