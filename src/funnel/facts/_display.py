"""Conversion between raw values and the typed values that users see."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast, dataclass_transform

from funnel._expr.nodes import Value
from funnel._expr.tracer import FactsProxy
from funnel._time import EARLIEST, EVER, FOREVER, LATEST, MICROSECOND, NEVER, held_at, instant, micros, span_at
from funnel.errors import FactsError
from funnel.facts._declare import SLOPES, Declared


@dataclass_transform(frozen_default=True, kw_only_default=True, eq_default=True)
class Held:
    """Raw values of facts (integers and texts), and their instant in microseconds."""

    __slots__ = ("now", "values")

    now: int
    values: tuple[Value, ...]


class View:
    """Descriptor of one fact: reads the raw value and returns it in the fact's type."""

    def __init__(self, name: str, declared: Declared, place: int) -> None:
        """Create the view of one index."""
        self.name = name
        self.declared = declared
        self.place = place

    def __get__(self, facts: Held | None, owner: type[Held]) -> Any:
        """Return the fact of one person; on the class, return the view."""
        if facts is None:
            return self
        values = cast("object", facts.values)
        if type(values) is FactsProxy:
            return getattr(values, self.name)
        return shown(self.declared, facts.values[self.place], facts.now)

    def __set__(self, facts: Held, value: object) -> None:
        """Refuse assignment: facts cannot change, but other facts can be created."""
        msg = f"{self.name} cannot be set; facts are what is known at one instant, evolve(...) makes others"
        raise AttributeError(msg)


def shown(declared: Declared, value: Value, now: int) -> Any:
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


def known(declared: Declared, value: Value, now: int) -> Any:
    """Convert a raw value to output: None if it is unknown."""
    if value in ("", NEVER, FOREVER) or (declared.show == "span" and value == EVER):
        return None
    return shown(declared, value, now)


def held(name: str, declared: Declared, given: object, now: int) -> Value:
    """Convert a fact given by hand to its raw value.

    Raises:
        FactsError: The fact has another type, or is out of range.
    """
    match declared.show, given:
        case "instant", None:
            return getattr(declared.value, "empty", NEVER)
        case "instant", datetime() if given.utcoffset() is not None and EARLIEST <= micros(given) < LATEST:
            return micros(given)
        case ("since" | "until") as show, timedelta() if _is_kept(span := given // MICROSECOND, SLOPES[show], now):
            return held_at(span, SLOPES[show], now)
        case "span", timedelta() if 0 <= given // MICROSECOND <= EVER:
            return given // MICROSECOND
        case "text", str() if not declared.choices or given in ("", *declared.choices):
            return str(given)
        case "flag", bool():
            return int(given)
        case "number", int() if not isinstance(given, bool) and 0 <= given <= declared.high:
            return given
        case _:
            msg = f"{name} was given as {type(given).__name__}; {_allowed(declared)}"
            raise FactsError(msg)


def _is_kept(span: int, slope: int, now: int) -> bool:
    """Return whether a span leads to a storable instant or to never."""
    return abs(span) == EVER or NEVER < now - slope * span < FOREVER


def _allowed(declared: Declared) -> str:
    return {
        "instant": "give an aware datetime of the years 1800 to 2199, or None",
        "since": "give a timedelta of less than 400 years",
        "until": "give a timedelta of less than 400 years",
        "span": "give a timedelta of zero or more, and less than 400 years",
        "text": f"give {' or '.join(map(repr, declared.choices)) if declared.choices else 'text'}",
        "flag": "give True or False",
        "number": f"give a whole number from 0 to {declared.high}",
    }[declared.show]
