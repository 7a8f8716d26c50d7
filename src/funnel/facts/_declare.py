"""Functions that declare a fact in one line: `purchase_count: int = count("purchases")`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, cast

import attrs

from funnel._aggregate.aggregations import EVERY, GAP, LARGEST_SUM, Derived, How, Reduction, Stream
from funnel._arguments import brief, check_choice, is_function, is_one_of, kind_of, suggest
from funnel._expr.nodes import Fact
from funnel._expr.tree import Tree, not_truth, trace
from funnel._ledger.streams import stream_called
from funnel._time import EVER, FOREVER, NEVER
from funnel.errors import ArgumentError, FactsError, RuleError

Show = Literal["number", "instant", "since", "until", "span", "text", "flag"]
Never = Literal["past", "ahead"]
Condition = Callable[[Any], object]

_MOST_RECORDS = 2**31

SLOPES: Mapping[str, int] = {"since": 1, "until": -1}
"""Change of a clock-dependent span per unit of time."""


@attrs.frozen
class Declared:
    """Declared fact: its value and how it is shown; `high` bounds a number."""

    value: Reduction | Derived
    show: Show
    high: int = _MOST_RECORDS
    choices: tuple[str, ...] = ()

    def fact(self, name: str) -> Fact:
        """Return the fact as a rule reads it: its unit, range and slope with the clock."""
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


def count(stream: str, *, where: Condition | None = None) -> int:
    """Declare the number of records.

    Args:
        stream: Name of the records: `purchases`, `questions`, … (the glossary lists them).
        where: Condition on a record, a plain function; default: all records.

    Example:
        >>> from funnel import Facts
        >>> class ShopFacts(Facts):
        ...     big_purchase_count: int = count("purchases", where=lambda purchase: purchase.net_amount >= 1_000_00)
    """
    return cast("int", Declared(_reduction(stream, "sum", "", where, 0), "number"))


def exists(stream: str, *, where: Condition | None = None) -> bool:
    """Declare whether a record exists."""
    number = _reduction(stream, "sum", "", where, 0)
    return cast("bool", Declared(Derived("any", (number,)), "flag"))


def total(stream: str, field: str, *, where: Condition | None = None) -> int:
    """Declare the sum of a field, in the field's unit (money: whole minor units)."""
    return cast("int", Declared(_number(stream, "sum", field, where), "number", LARGEST_SUM))


def largest(stream: str, field: str, *, where: Condition | None = None) -> int:
    """Declare the largest value of a field; 0 if there are no records."""
    return cast("int", Declared(_number(stream, "largest", field, where), "number", LARGEST_SUM))


def mean(stream: str, field: str, *, where: Condition | None = None) -> Any:
    """Declare the average of a field, rounded down; 0 if there are no records.

    The average of a span is a span; it is infinite if there are no records.
    """
    number = _reduction(stream, "sum", "", where, 0)
    if _field(stream, field).unit == "span" and field != GAP:
        return Declared(Derived("mean_span", (_reduction(stream, "sum", field, where, 0), number)), "span")
    parts = _number(stream, "sum", field, where), number
    return Declared(Derived("mean", parts), "number", LARGEST_SUM)


def first(stream: str, *, where: Condition | None = None, never: Never = "past") -> datetime | None:
    """Declare the instant of the first record; None if there are no records.

    `never` decides what `since` means if there are no records: infinitely long ago ("past"), or
    infinitely far in the future ("ahead").
    """
    return cast("datetime | None", Declared(_time(stream, "smallest", "t", where, never), "instant"))


def last(stream: str, *, where: Condition | None = None, never: Never = "past") -> datetime | None:
    """Declare the instant of the last record; None if there are no records."""
    return cast("datetime | None", Declared(_time(stream, "largest", "t", where, never), "instant"))


def soonest(stream: str, field: str, *, where: Condition | None = None, never: Never = "ahead") -> datetime | None:
    """Declare the earliest instant in a field; None if there are no records."""
    return cast("datetime | None", Declared(_time(stream, "smallest", field, where, never), "instant"))


def earliest(stream: str, field: str, *, where: Condition | None = None) -> Any:
    """Declare a field of the first record.

    If there are no records, the value is "", 0, never, or an infinite span.
    """
    return _edge(stream, "earliest", field, where)


def latest(stream: str, field: str, *, where: Condition | None = None) -> Any:
    """Declare a field of the last record.

    If there are no records, the value is "", 0, never, or an infinite span.
    """
    return _edge(stream, "latest", field, where)


def mean_gap(stream: str, *, where: Condition | None = None) -> timedelta:
    """Declare the average time between records; infinite if there are fewer than two."""
    parts = (
        _time(stream, "smallest", "t", where, "past"),
        _time(stream, "largest", "t", where, "past"),
        _reduction(stream, "sum", "", where, 0),
    )
    return cast("timedelta", Declared(Derived("mean_gap", parts), "span"))


def since(moment: datetime | None) -> timedelta:
    """Declare the time since an instant, at `as_of`; infinite if the instant is not set."""
    return cast("timedelta", _span(moment, "since"))


def until(moment: datetime | None) -> timedelta:
    """Declare the time until an instant, at `as_of`; negative if it is past.

    It is minus infinite if the instant is not set.
    """
    return cast("timedelta", _span(moment, "until"))


def _span(moment: object, show: Show) -> Declared:
    if not isinstance(moment, Declared) or moment.show != "instant":
        msg = f"{show}() needs a declared instant, such as {show}(last('purchases'))"
        raise FactsError(msg)
    return attrs.evolve(moment, show=show)


def _reduction(stream: str, how: How, field: str, where: Condition | None, empty: int | str) -> Reduction:
    described = stream_called(stream)
    return Reduction(described, how, field, _condition(described, where), empty)


def _condition(stream: Stream, where: Condition | None) -> Tree:
    if where is None:
        return EVERY
    if not is_function(where):
        msg = f"where must be a function of one record, such as lambda one: one.source == 'shop' (got {kind_of(where)})"
        raise ArgumentError(msg)
    try:
        tree = _trace(where)(where, _record_fields(stream))
    except RuleError as error:
        msg = f"in the condition on {stream.name}: {error}"
        raise RuleError(msg) from error.__cause__
    if other := not_truth(tree):
        msg = f"the condition on {stream.name} returns {other}; it must return True or False"
        raise FactsError(msg)
    return tree


def _trace(where: Condition) -> Callable[[Condition, Mapping[str, Fact]], Tree]:
    # Verifying the conditions of the library's own facts takes 6 ms: a test verifies them, not every import.
    if where.__module__ == "funnel.facts._builtin":
        return trace
    from funnel._expr.verify import trace_and_verify

    return trace_and_verify


def _record_fields(stream: Stream) -> Mapping[str, Fact]:
    """Return the fields of the record itself, without the validity of its row."""
    return {name: fact for name, fact in stream.fields.items() if name not in ("start", "end", "rank")}


def _field(stream: str, field: str) -> Fact:
    fields = _record_fields(stream_called(stream))
    if is_one_of(field, fields):
        return fields[field]
    msg = f"the stream {stream} does not have the field {brief(field)}; {suggest(field, fields)}"
    raise FactsError(msg)


def _number(stream: str, how: How, field: str, where: Condition | None) -> Reduction:
    described = _field(stream, field)
    if described.unit != "number" or described.low < 0:
        msg = (
            f"{field} of {stream} is not an amount or a count; for instants use first, last or soonest, for text latest"
        )
        raise FactsError(msg)
    return _reduction(stream, how, field, where, 0)


def _time(stream: str, how: How, field: str, where: Condition | None, never: Never) -> Reduction:
    if _field(stream, field).low != NEVER:
        msg = f"{field} of {stream} is not an instant; use total, largest or latest"
        raise FactsError(msg)
    check_choice(never, ("past", "ahead"), "never")
    return _reduction(stream, how, field, where, NEVER if never == "past" else FOREVER)


def _edge(stream: str, how: How, field: str, where: Condition | None) -> Declared:
    described = _field(stream, field)
    if described.unit == "text":
        return Declared(_reduction(stream, how, field, where, ""), "text", choices=described.choices)
    if described.low == NEVER:
        return Declared(_reduction(stream, how, field, where, NEVER), "instant")
    if described.unit == "span":
        return Declared(_reduction(stream, how, field, where, 0 if field == GAP else EVER), "span")
    return Declared(
        _reduction(stream, how, field, where, 0), "flag" if described.high == 1 else "number", described.high
    )
