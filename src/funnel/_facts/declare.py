"""The words a fact is declared with, one line a fact: `purchase_count: int = count("purchases")`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, cast

import attrs

from funnel._given import brief, is_one_of, nearest, one_of
from funnel._instants import EVER, FOREVER, NEVER
from funnel._lift.nodes import Fact
from funnel._lift.proof import proven
from funnel._lift.tree import Tree, not_truth
from funnel._reduce.forms import EVERY, GAP, LARGEST_SUM, Derived, How, Reduction, Stream
from funnel._streams import stream_called
from funnel.errors import FactsError

Show = Literal["number", "instant", "since", "until", "span", "text", "flag"]
Never = Literal["past", "ahead"]
Where = Callable[[Any], object]

_COUNTED = 2**31

SLOPES: Mapping[str, int] = {"since": 1, "until": -1}
"""How the spans that run with the clock run."""


@attrs.frozen
class Declared:
    """A fact as it was declared: the value it holds and how it is shown; `high` bounds a number."""

    value: Reduction | Derived
    show: Show
    high: int = _COUNTED
    choices: tuple[str, ...] = ()

    def fact(self, name: str) -> Fact:
        """The fact as a rule sees it: its unit, its range and how it runs with the clock."""
        match self.show:
            case "since" | "until":
                return Fact(name, "span", -EVER, EVER, slope=SLOPES[self.show])
            case "span":
                return Fact(name, "span", 0, EVER)
            case "text":
                return Fact(name, "text", choices=("", *self.choices) if self.choices else ())
            case "flag":
                return Fact(name, high=1)
            case _:
                return Fact(name, high=self.high)


def count(stream: str, *, where: Where | None = None) -> int:
    """How many records there are.

    Args:
        stream: The records: `purchases`, `questions`, … (the glossary lists them).
        where: Only records that meet a condition, a plain function of one record.

    Example:
        >>> from funnel import Facts
        >>> class ShopFacts(Facts):
        ...     big_purchase_count: int = count("purchases", where=lambda purchase: purchase.net_amount >= 1_000_00)
    """
    return cast("int", Declared(_reduction(stream, "sum", "", where, 0), "number"))


def exists(stream: str, *, where: Where | None = None) -> bool:
    """Whether there is such a record."""
    counted = _reduction(stream, "sum", "", where, 0)
    return cast("bool", Declared(Derived("any", (counted,)), "flag"))


def total(stream: str, field: str, *, where: Where | None = None) -> int:
    """The sum of a field of the records, in the field's unit (money: whole minor units)."""
    return cast("int", Declared(_number(stream, "sum", field, where), "number", LARGEST_SUM))


def largest(stream: str, field: str, *, where: Where | None = None) -> int:
    """The largest value of a field; 0 where there is no record."""
    return cast("int", Declared(_number(stream, "largest", field, where), "number", LARGEST_SUM))


def mean(stream: str, field: str, *, where: Where | None = None) -> Any:
    """The average of a field, rounded down to a whole unit; 0 where there is no record.

    The average of a span is a span: for ever where there is no record.
    """
    counted = _reduction(stream, "sum", "", where, 0)
    if _field(stream, field).unit == "span" and field != GAP:
        return Declared(Derived("mean_span", (_reduction(stream, "sum", field, where, 0), counted)), "span")
    parts = _number(stream, "sum", field, where), counted
    return Declared(Derived("mean", parts), "number", LARGEST_SUM)


def first(stream: str, *, where: Where | None = None, never: Never = "past") -> datetime | None:
    """When the first record happened; None where there is none.

    `never` says where a time that never came lies for a rule that asks how long it is since: for ever ago, or ahead.
    """
    return cast("datetime | None", Declared(_time(stream, "smallest", "t", where, never), "instant"))


def last(stream: str, *, where: Where | None = None, never: Never = "past") -> datetime | None:
    """When the last record happened; None where there is none."""
    return cast("datetime | None", Declared(_time(stream, "largest", "t", where, never), "instant"))


def soonest(stream: str, field: str, *, where: Where | None = None, never: Never = "ahead") -> datetime | None:
    """The soonest instant that a field of the records names; None where there is none."""
    return cast("datetime | None", Declared(_time(stream, "smallest", field, where, never), "instant"))


def earliest(stream: str, field: str, *, where: Where | None = None) -> Any:
    """What a field of the first record says; "", 0 or never where there is no record, for ever for a span."""
    return _edge(stream, "earliest", field, where)


def latest(stream: str, field: str, *, where: Where | None = None) -> Any:
    """What a field of the last record says; "", 0 or never where there is no record, for ever for a span."""
    return _edge(stream, "latest", field, where)


def mean_gap(stream: str, *, where: Where | None = None) -> timedelta:
    """The average time from one record to the next; for ever where there are fewer than two."""
    parts = (
        _time(stream, "smallest", "t", where, "past"),
        _time(stream, "largest", "t", where, "past"),
        _reduction(stream, "sum", "", where, 0),
    )
    return cast("timedelta", Declared(Derived("mean_gap", parts), "span"))


def since(moment: datetime | None) -> timedelta:
    """How long it is since an instant, at `as_of`; for ever where it never came."""
    return cast("timedelta", _span(moment, "since"))


def until(moment: datetime | None) -> timedelta:
    """How long it is until an instant, at `as_of`; below zero where it is over, far below where it never was named."""
    return cast("timedelta", _span(moment, "until"))


def _span(moment: object, show: Show) -> Declared:
    if not isinstance(moment, Declared) or moment.show != "instant":
        msg = f"{show}() takes an instant that is declared, such as {show}(last('purchases'))"
        raise FactsError(msg)
    return attrs.evolve(moment, show=show)


def _reduction(stream: str, how: How, field: str, where: Where | None, empty: int | str) -> Reduction:
    found = stream_called(stream)
    return Reduction(found, how, field, _condition(found, where), empty)


def _condition(stream: Stream, where: Where | None) -> Tree:
    if where is None:
        return EVERY
    tree = proven(where, _told(stream))
    if other := not_truth(tree):
        msg = f"the condition on {stream.name} answers with {other}; it must be true or false"
        raise FactsError(msg)
    return tree


def _told(stream: Stream) -> Mapping[str, Fact]:
    """The fields that tell of the record itself; until when a row counts is decided by records that come later."""
    return {name: fact for name, fact in stream.fields.items() if name not in ("start", "end", "rank")}


def _field(stream: str, field: str) -> Fact:
    fields = _told(stream_called(stream))
    if is_one_of(field, fields):
        return fields[field]
    msg = f"{stream} have no field {brief(field)}; {nearest(field, fields)}"
    raise FactsError(msg)


def _number(stream: str, how: How, field: str, where: Where | None) -> Reduction:
    found = _field(stream, field)
    if found.unit != "number" or found.low < 0:
        msg = (
            f"{field} of {stream} is not an amount or a count; for instants use first, last or soonest, for text latest"
        )
        raise FactsError(msg)
    return _reduction(stream, how, field, where, 0)


def _time(stream: str, how: How, field: str, where: Where | None, never: Never) -> Reduction:
    if _field(stream, field).low != NEVER:
        msg = f"{field} of {stream} is not an instant; use total, largest or latest"
        raise FactsError(msg)
    one_of(never, ("past", "ahead"), "never")
    return _reduction(stream, how, field, where, NEVER if never == "past" else FOREVER)


def _edge(stream: str, how: How, field: str, where: Where | None) -> Declared:
    found = _field(stream, field)
    if found.unit == "text":
        return Declared(_reduction(stream, how, field, where, ""), "text", choices=found.choices)
    if found.low == NEVER:
        return Declared(_reduction(stream, how, field, where, NEVER), "instant")
    if found.unit == "span":
        return Declared(_reduction(stream, how, field, where, 0 if field == GAP else EVER), "span")
    return Declared(_reduction(stream, how, field, where, 0), "flag" if found.high == 1 else "number", found.high)
