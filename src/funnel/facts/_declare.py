"""Functions that declare a fact in one line: `purchase_count: int = count("purchases")`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

import attrs

from funnel._aggregate.aggregations import (
    EVERY,
    GAP,
    GAP_FIELDS,
    LARGEST_SUM,
    Derived,
    How,
    Reduction,
    Stream,
    windowed,
    with_own,
)
from funnel._arguments import SpanLike, brief, check_choice, is_one_of, span, suggest
from funnel._expr.nodes import Const, Fact, Test
from funnel._expr.tree import Fork, Leaf, Tree, facts_read
from funnel._ledger.streams import stream_called
from funnel._time import EVER, FOREVER, MICROSECOND, NEVER
from funnel.errors import FactsError
from funnel.facts._conditions import Condition, condition, record_fields
from funnel.policy import OCCASION

if TYPE_CHECKING:
    from funnel.facts._columns import ColumnTypes

Show = Literal["number", "instant", "since", "until", "span", "text", "flag"]
Never = Literal["past", "ahead"]

_MOST_RECORDS = 2**31

SLOPES: Mapping[str, int] = {"since": 1, "until": -1}
"""Change of a clock-dependent span per unit of time."""


@attrs.frozen
class Declared:
    """Declared fact: its value, how it is shown, the bound of a number, and whether it depends on occasions."""

    value: Reduction | Derived
    show: Show
    high: int = _MOST_RECORDS
    choices: tuple[str, ...] = ()
    per_occasion: bool = False

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


def count(
    stream: str, *, where: Condition | None = None, within: SpanLike | None = None, columns: ColumnTypes | None = None
) -> int:
    """Declare the number of records.

    Args:
        stream: Name of the records: `purchases`, `questions`, … (the glossary lists them).
        where: Condition on a record, a plain function; default: all records.
        within: Maximum age of a record at `as_of`, inclusive: a timedelta, or text such as "90 days"; default: no
            limit.
        columns: The shop's own columns that may be read, each with its type: str, int, bool or datetime.

    Example:
        >>> from datetime import timedelta
        >>> from funnel import Facts
        >>> class ShopFacts(Facts):
        ...     big_purchase_count: int = count("purchases", where=lambda purchase: purchase.net_amount >= 1_000_00)
        ...     recent_purchase_count: int = count("purchases", within=timedelta(days=90))
    """
    return cast("int", Declared(_Records.of(stream, where, within, columns).count, "number"))


def exists(
    stream: str, *, where: Condition | None = None, within: SpanLike | None = None, columns: ColumnTypes | None = None
) -> bool:
    """Declare whether a record exists."""
    return cast("bool", Declared(Derived("any", (_Records.of(stream, where, within, columns).count,)), "flag"))


def total(
    stream: str,
    field: str,
    *,
    where: Condition | None = None,
    within: SpanLike | None = None,
    columns: ColumnTypes | None = None,
) -> int:
    """Declare the sum of a field, in the field's unit (money: whole minor units)."""
    return cast(
        "int", Declared(_Records.of(stream, where, within, columns).number("sum", field), "number", LARGEST_SUM)
    )


def largest(
    stream: str,
    field: str,
    *,
    where: Condition | None = None,
    within: SpanLike | None = None,
    columns: ColumnTypes | None = None,
) -> int:
    """Declare the largest value of a field; 0 if there are no records."""
    return cast(
        "int", Declared(_Records.of(stream, where, within, columns).number("largest", field), "number", LARGEST_SUM)
    )


def mean(
    stream: str,
    field: str,
    *,
    where: Condition | None = None,
    within: SpanLike | None = None,
    columns: ColumnTypes | None = None,
) -> Any:
    """Declare the average of a field, rounded down; 0 if there are no records.

    The average of a span is a span; it is infinite if there are no records.
    """
    records = _Records.of(stream, where, within, columns)
    if records.field(field).unit == "span" and field != GAP:
        return Declared(Derived("mean_span", (records.reduction("sum", field, 0), records.count)), "span")
    return Declared(Derived("mean", (records.number("sum", field), records.count)), "number", LARGEST_SUM)


def first(
    stream: str,
    *,
    where: Condition | None = None,
    within: SpanLike | None = None,
    columns: ColumnTypes | None = None,
    never: Never = "past",
) -> datetime | None:
    """Declare the instant of the first record; None if there are no records.

    `never` decides what `since` means if there are no records: infinitely long ago ("past"), or
    infinitely far in the future ("ahead").
    """
    return cast(
        "datetime | None", Declared(_Records.of(stream, where, within, columns).time("smallest", "t", never), "instant")
    )


def last(
    stream: str,
    *,
    where: Condition | None = None,
    within: SpanLike | None = None,
    columns: ColumnTypes | None = None,
    never: Never = "past",
) -> datetime | None:
    """Declare the instant of the last record; None if there are no records."""
    return cast(
        "datetime | None", Declared(_Records.of(stream, where, within, columns).time("largest", "t", never), "instant")
    )


def soonest(  # noqa: PLR0913 (each says one thing of the records)
    stream: str,
    field: str,
    *,
    where: Condition | None = None,
    within: SpanLike | None = None,
    columns: ColumnTypes | None = None,
    never: Never = "ahead",
) -> datetime | None:
    """Declare the earliest instant in a field; None if there are no records."""
    reduction = _Records.of(stream, where, within, columns).time("smallest", field, never)
    return cast("datetime | None", Declared(reduction, "instant"))


def earliest(
    stream: str,
    field: str,
    *,
    where: Condition | None = None,
    within: SpanLike | None = None,
    columns: ColumnTypes | None = None,
) -> Any:
    """Declare a field of the first record.

    If there are no records, the value is "", 0, never, or an infinite span.
    """
    return _Records.of(stream, where, within, columns).edge("earliest", field)


def latest(
    stream: str,
    field: str,
    *,
    where: Condition | None = None,
    within: SpanLike | None = None,
    columns: ColumnTypes | None = None,
) -> Any:
    """Declare a field of the last record.

    If there are no records, the value is "", 0, never, or an infinite span.
    """
    return _Records.of(stream, where, within, columns).edge("latest", field)


def mean_gap(
    stream: str, *, where: Condition | None = None, within: SpanLike | None = None, columns: ColumnTypes | None = None
) -> timedelta:
    """Declare the average time between records; infinite if there are fewer than two."""
    records = _Records.of(stream, where, within, columns)
    parts = records.time("smallest", "t", "past"), records.time("largest", "t", "past"), records.count
    return cast("timedelta", Declared(Derived("mean_gap", parts), "span"))


def occasions() -> int:
    """Declare the number of occasions: an occasion begins a day or more after the previous purchase.

    A class of facts may state another time: `class ShopFacts(Facts, occasion=timedelta(hours=3))`.
    """
    parts = _Records.of("purchases", None, None, None).count, _returns().count
    return cast("int", Declared(Derived("occasions", parts), "number", per_occasion=True))


def mean_interval() -> timedelta:
    """Declare the average time between occasions; infinite for fewer than two occasions."""
    returns = _returns()
    value = Derived("mean_span", (returns.reduction("sum", GAP, 0), returns.count))
    return cast("timedelta", Declared(value, "span", per_occasion=True))


def gap_spread() -> timedelta:
    """Declare the standard deviation of the times between occasions; infinite for fewer than three occasions."""
    returns = _returns()
    sums = (returns.reduction("sum", field, 0) for field in GAP_FIELDS[1:])
    return cast("timedelta", Declared(Derived("spread", (*sums, returns.count)), "span", per_occasion=True))


def last_interval() -> timedelta:
    """Declare the time between the last two occasions; 0 for fewer than two occasions."""
    return cast("timedelta", attrs.evolve(_returns().edge("latest", GAP), per_occasion=True))


def _returns() -> _Records:
    """Return the purchases that begin another occasion."""
    return _Records(stream_called("purchases"), None, _begins_another(OCCASION // MICROSECOND), {})


def _begins_another(occasion: int) -> Tree:
    """Return the condition that a purchase comes so many microseconds or more after the previous purchase."""
    gap = stream_called("purchases").fields[GAP]
    return Fork(Test(">=", gap, Const(occasion)), EVERY, Leaf(answer=False))


def with_occasion(declared: Declared, occasion: int) -> Declared:
    """Return a declared fact with another shortest time between occasions, in microseconds."""

    def changed(one: Reduction) -> Reduction:
        return one if one.where == EVERY else attrs.evolve(one, where=_begins_another(occasion))

    if not declared.per_occasion:
        return declared
    value = declared.value
    if isinstance(value, Derived):
        return attrs.evolve(declared, value=attrs.evolve(value, parts=tuple(map(changed, value.parts))))
    return attrs.evolve(declared, value=changed(value))


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
        raise FactsError(f"{show}() needs a declared instant, such as {show}(last('purchases'))")
    return attrs.evolve(moment, show=show)


@attrs.frozen
class _Records:
    """The records of a declaration: a stream, the length of its window, a condition, and own columns by their names."""

    stream: Stream
    within: int | None
    where: Tree
    own: dict[str, Fact]

    @classmethod
    def of(cls, stream: str, where: Condition | None, within: SpanLike | None, columns: ColumnTypes | None) -> _Records:
        """Check the arguments of a declaration.

        Raises:
            FactsError: The stream or an own column is unknown, or the condition cannot be used.
            ArgumentError: `within` is not a span above zero, or `columns` does not have names and types.
        """
        described = stream_called(stream)
        own = {} if columns is None else _own_fields(described, columns)
        tree = condition(described, where, own)
        records = cls(described, None if within is None else span(within, "within"), tree, own)
        if GAP in (fact.name for fact in facts_read(records.where)):
            records.check_gap()
        return records

    def check_gap(self) -> None:
        """Check that the time since the record before is known.

        Raises:
            FactsError: The records are in a window.
        """
        if self.within is not None:
            msg = f"{GAP} of {self.stream.name} cannot be used with within, because the record before may be too old"
            raise FactsError(f"{msg}; leave within out, or declare mean_gap")

    def field(self, name: str) -> Fact:
        """Return a field of the records."""
        fields = record_fields(self.stream) | self.own
        if not is_one_of(name, fields):
            msg = f"the stream {self.stream.name} does not have the field {brief(name)}; {suggest(name, fields)}"
            raise FactsError(msg)
        if name == GAP:
            self.check_gap()
        return fields[name]

    def reduction(self, how: How, field: str, empty: int | str, where: Tree | None = None) -> Reduction:
        """Return a reduction of the records."""
        tree = self.where if where is None else where
        read = {field, *(fact.name for fact in facts_read(tree))}
        stream = with_own(self.stream, (one for one in self.own.values() if one.name in read))
        return Reduction(stream if self.within is None else windowed(stream, self.within), how, field, tree, empty)

    @property
    def count(self) -> Reduction:
        """The number of records."""
        return self.reduction("sum", "", 0)

    def number(self, how: How, field: str) -> Reduction:
        """Return a reduction of an amount or a count."""
        described = self.field(field)
        if described.unit != "number" or described.low < 0:
            msg = f"{field} of {self.stream.name} is not an amount or a count"
            raise FactsError(f"{msg}; for instants use first, last or soonest, for text latest")
        return self.reduction(how, described.name, 0)

    def time(self, how: How, field: str, never: Never) -> Reduction:
        """Return a reduction of an instant."""
        described = self.field(field)
        if described.low != NEVER:
            raise FactsError(f"{field} of {self.stream.name} is not an instant; use total, largest or latest")
        check_choice(never, ("past", "ahead"), "never")
        is_set = Test(">", described, Const(NEVER))
        where = Fork(is_set, self.where, Leaf(answer=False)) if field in self.own else self.where
        return self.reduction(how, described.name, NEVER if never == "past" else FOREVER, where)

    def edge(self, how: How, name: str) -> Declared:
        """Return a field of the first or the last record."""
        described = self.field(name)
        field = described.name
        if described.unit == "text":
            return Declared(self.reduction(how, field, ""), "text", choices=described.choices)
        if described.low == NEVER:
            return Declared(self.reduction(how, field, NEVER), "instant")
        if described.unit == "span":
            return Declared(self.reduction(how, field, 0 if field == GAP else EVER), "span")
        return Declared(self.reduction(how, field, 0), "flag" if described.high == 1 else "number", described.high)


def _own_fields(stream: Stream, columns: ColumnTypes) -> dict[str, Fact]:
    from funnel.facts._columns import own_fields  # only classes of facts on own columns load it

    return own_fields(stream, columns)
