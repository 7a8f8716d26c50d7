"""Constants that store the name of their policy field, so that reasons can name it.

In every other way a named constant is like the plain number, span or text: it has the same equality, hash, repr and
class.
"""

from __future__ import annotations

import enum
from datetime import timedelta
from typing import Any, cast


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
