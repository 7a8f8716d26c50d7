"""Conversion between raw values and the typed values that users see."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, cast, dataclass_transform

from funnel._expr.nodes import Value
from funnel._expr.tracer import FactsProxy
from funnel._time import EARLIEST, EVER, FOREVER, LATEST, MICROSECOND, NEVER, instant, instant_at, micros, span_at
from funnel.errors import FactsError
from funnel.facts._declare import SLOPES, Declared


@dataclass_transform(frozen_default=True, kw_only_default=True, eq_default=True)
class RawFacts:
    """Raw values of facts (integers and texts), and their instant in microseconds."""

    __slots__ = ("now", "values")

    now: int
    values: tuple[Value, ...]


class View:
    """Descriptor of one fact: reads the raw value and returns it in the fact's type."""

    def __init__(self, name: str, declared: Declared, owner: type[Any]) -> None:
        """Create the view of one fact of a class."""
        self.name = name
        self.declared = declared
        self.owner = owner

    @cached_property
    def index(self) -> int:
        """Index of the value."""
        index: int = self.owner._fact_plan.indices[self.name]
        return index

    def __get__(self, facts: RawFacts | None, owner: type[RawFacts]) -> Any:
        """Return the fact of one person; on the class, return the view."""
        if facts is None:
            return self
        values = cast("object", facts.values)
        if type(values) is FactsProxy:
            return getattr(values, self.name)
        return typed_value(self.declared, facts.values[self.index], facts.now)

    def __set__(self, facts: RawFacts, value: object) -> None:
        """Refuse assignment: facts cannot change, but other facts can be created."""
        msg = f"{self.name} cannot be set, because facts are immutable; evolve(...) returns changed facts"
        raise AttributeError(msg)


def typed_value(declared: Declared, value: Value, now: int) -> Any:
    """Convert a raw value to what the author of a rule sees."""
    if isinstance(value, str):
        return value
    match declared.show:
        case "instant":
            return None if value in (NEVER, FOREVER) else instant(value)
        case "since" | "until":
            return timedelta(microseconds=span_at(value, SLOPES[declared.show], now))
        case "span":
            return timedelta(microseconds=value)
        case "flag":
            return bool(value)
        case _:
            return value


def output_value(declared: Declared, value: Value, now: int) -> Any:
    """Convert a raw value to output: None if it is unknown."""
    if value in ("", NEVER, FOREVER) or (declared.show == "span" and value == EVER):
        return None
    return typed_value(declared, value, now)


def raw_value(name: str, declared: Declared, value: object, now: int) -> Value:
    """Convert a fact given by hand to its raw value.

    Raises:
        FactsError: The fact has another type, or is out of range.
    """
    match declared.show, value:
        case "instant", None:
            return getattr(declared.value, "empty", NEVER)
        case "instant", datetime() if value.utcoffset() is not None and EARLIEST <= micros(value) < LATEST:
            return micros(value)
        case ("since" | "until") as show, timedelta() if _is_kept(span := value // MICROSECOND, SLOPES[show], now):
            return instant_at(span, SLOPES[show], now)
        case "span", timedelta() if 0 <= value // MICROSECOND <= EVER:
            return value // MICROSECOND
        case "text", str() if not declared.choices or value in ("", *declared.choices):
            return str(value)
        case "flag", bool():
            return int(value)
        case "number", int() if not isinstance(value, bool) and 0 <= value <= declared.high:
            return value
        case _:
            raise FactsError(f"{name} must be {_allowed(declared)} (got {type(value).__name__})")


def _is_kept(span: int, slope: int, now: int) -> bool:
    """Return whether a span leads to a storable instant or to never."""
    return abs(span) == EVER or NEVER < now - slope * span < FOREVER


def _allowed(declared: Declared) -> str:
    return {
        "instant": "an aware datetime of the years 1800 to 2199, or None",
        "since": "a timedelta of less than 400 years",
        "until": "a timedelta of less than 400 years",
        "span": "a timedelta of zero or more, and less than 400 years",
        "text": f"one of {', '.join(map(repr, declared.choices))}" if declared.choices else "text",
        "flag": "True or False",
        "number": f"a whole number from 0 to {declared.high}",
    }[declared.show]
