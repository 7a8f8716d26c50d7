"""A held whole number as what the author of a rule and the user of a snapshot see, and back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from funnel._facts.declare import SLOPES, Declared
from funnel._instants import (
    EARLIEST,
    EVER,
    FOREVER,
    LATEST,
    MICROSECOND,
    NEVER,
    held_at,
    instant,
    micros,
    span_at,
)
from funnel._lift.nodes import Value
from funnel._lift.symbols import Symbols
from funnel.errors import FactsError

if TYPE_CHECKING:
    from funnel._facts.base import Held


class View:
    """One fact of a class: reads the held value and shows it in the fact's own type."""

    def __init__(self, name: str, declared: Declared, place: int) -> None:
        """Show the value at a place."""
        self.name = name
        self.declared = declared
        self.place = place

    def __get__(self, facts: Held | None, owner: type[Held]) -> Any:
        """The fact of one person; asked of the class, the view itself."""
        if facts is None:
            return self
        values = cast("object", facts.values)
        if type(values) is Symbols:
            return getattr(values, self.name)
        return shown(self.declared, facts.values[self.place], facts.now)

    def __set__(self, facts: Held, value: object) -> None:
        """Refuse: facts do not change, they are known at another instant."""
        msg = f"{self.name} cannot be set; facts are what is known at one instant, evolve(...) makes others"
        raise AttributeError(msg)


def shown(declared: Declared, value: Value, now: int) -> Any:
    """The held value as the author of a rule sees it."""
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
    """The held value as it leaves the library: None where nothing is known."""
    if value in ("", NEVER, FOREVER) or (declared.show == "span" and value == EVER):
        return None
    return shown(declared, value, now)


def held(name: str, declared: Declared, given: object, now: int) -> Value:
    """A fact that somebody gives by hand as the value that is held.

    Raises:
        FactsError: It is of another type, or cannot be.
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
    """Whether a span is that of an instant that can be held, or of a time that never came."""
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
