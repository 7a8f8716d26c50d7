"""Valid operands of an expression: constants as columns hold them, matching units, and refusals with a remedy.

This module evaluates nothing. It only checks what an expression may contain.
"""

from __future__ import annotations

import enum
from datetime import date, timedelta
from typing import Any, NoReturn, cast

from funnel._arguments import a_kind_of
from funnel._expr.nodes import LIMIT, Const, Fact, Node, Unit, text, unit_of
from funnel._time import MICROSECOND
from funnel.errors import RuleError

# ---- constants that store the name of their policy field, so that reasons can name it --------------------------------

# In every other way a named constant is like the plain number, span or text: it has the same equality, hash, repr and
# class.


class _NamedInt(int):
    @property  # type: ignore[misc]
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The class of the plain number."""
        return int


class _NamedSpan(timedelta):
    @property  # type: ignore[misc]
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The class of the plain span."""
        return timedelta

    def __repr__(self) -> str:
        """Return the repr of the plain span."""
        return repr(+self)


class _NamedText(str):  # noqa: SLOT000 (it carries its name in a plain attribute)
    @property  # type: ignore[misc]
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The class of the plain text."""
        return str


def with_name(value: object, name: str) -> object:
    """Return a constant with the name of its policy field; other values unchanged."""
    constant: Any
    if type(value) is tuple:
        return tuple(with_name(one, name) for one in cast("tuple[object, ...]", value))
    if type(value) is int:
        constant = _NamedInt(value)
    elif type(value) is timedelta:
        constant = _NamedSpan(value.days, value.seconds, value.microseconds)
    elif type(value) is str:
        constant = _NamedText(value)
    else:
        return value
    constant.policy_field = name
    return constant


def name_of(value: object) -> str:
    """Return the policy field of a constant; "" if it has none."""
    return str(vars(value)["policy_field"]) if type(value) in (_NamedInt, _NamedSpan, _NamedText) else ""


def plain(value: object) -> object:
    """Return a constant without its name.

    None if a column cannot hold the value exactly: its class may define its own comparison, arithmetic or text.
    """
    kind = type(value)
    if kind is _NamedInt or (isinstance(value, int) and isinstance(value, enum.Enum)):
        return int(cast("int", value))
    if kind is _NamedSpan:
        return +cast("timedelta", value)
    if kind is _NamedText or (isinstance(value, str) and isinstance(value, enum.Enum)):
        return str.__str__(cast("str", value))
    return value if kind in (int, bool, timedelta, str) else None


# ---- operands --------------------------------------------------------------------------------------------------------


def constant(value: object, beside: Node) -> Const:
    """Return a constant of a rule as a column holds it."""
    match plain(value):
        case int() as number:
            return _bounded(Const(int(number), "number", name_of(value)))
        case timedelta() as span:
            return _bounded(Const(span // MICROSECOND, "span", name_of(value)))
        case str() as words:
            return Const(words, "text", name_of(value))
        case _ if isinstance(value, enum.Enum):
            return refuse(f"{text(beside)} with {value}", "a fact never equals it; use a StrEnum or an IntEnum")
        case _:
            kind = "None" if value is None else a_kind_of(value)
            return refuse(f"{text(beside)} with {kind}", _remedy(value))


def _bounded(const: Const) -> Const:
    assert isinstance(const.value, int)
    if abs(const.value) <= LIMIT:
        return const
    bits = f"a constant of {const.value.bit_length()} bits, more than the 64 bits of a column,"
    return refuse(bits, "use a limit that a fact can reach")


def _remedy(value: object) -> str:
    if value is None:
        return "facts are never missing inside a rule: compare a count with 0, or the span since with a timedelta"
    if isinstance(value, float):
        return "floats are not exact: scale both sides to whole numbers, such as 2 * a > 3 * b for a > 1.5 * b"
    if isinstance(value, date):
        return "compare the span since it with a timedelta: a rule must work for any day"
    if isinstance(value, int | str | timedelta):
        return "its class may define its own comparison: convert it to a plain int, str or timedelta first"
    if hasattr(value, "minor"):
        return "compare with a whole number of minor units, such as Money(...).minor"
    return "use a whole number, a timedelta, a text or a member of a StrEnum"


def result_unit(op: str, a: Node, b: Node) -> Unit:
    """Return the unit of a result, as for timedelta.

    Spans add up, scale by numbers and divide by spans.
    """
    units = unit_of(a), unit_of(b)
    match op, units:
        case _, ("number", "number"):
            return "number"
        case (("+" | "-" | "%"), ("span", "span")):
            return "span"
        case (("*" | "//"), ("span", "number")):
            return "span"
        case "*", ("number", "span"):
            return "span"
        case "//", ("span", "span"):
            return "number"
        case _:
            return refuse(f"{text(a)} {op} {text(b)} ({units[0]} {op} {units[1]})", "convert both sides to one unit")


def check_comparable(op: str, a: Node, b: Node) -> None:
    """Check that two operands have one unit and can be compared.

    A text can only be compared for equality with a constant.
    """
    if unit_of(a) != unit_of(b):
        refuse(f"{text(a)} {op} {text(b)} ({unit_of(a)} with {unit_of(b)})", "compare two values of one unit")
    if unit_of(a) != "text":
        return
    if op not in ("==", "!="):
        refuse(f"{text(a)} {op} {text(b)}", "texts can only be equal or not; engines sort them differently")
    if not isinstance(b, Const):
        refuse(f"{text(a)} {op} {text(b)}", "compare a text with a constant")
    if isinstance(a, Fact) and a.choices and b.value not in a.choices:
        refuse(f"{text(a)} {op} {text(b)}", f"use one of {', '.join(map(repr, a.choices))}")


def refuse(expression: str, remedy: str) -> NoReturn:
    """Raise the error for an expression that cannot be traced, with the remedy."""
    raise RuleError(f"{expression} cannot be used in a rule; {remedy}")
