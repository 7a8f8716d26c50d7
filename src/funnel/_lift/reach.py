"""What the code of a function can reach: the constants it names, and whether it does what leaves no trace in a tree.

It says how carefully a function is lifted and proven, and decides nothing else: code that catches errors is watched
while it is lifted; code that can look at an object's identity or class is proven with more people, near its constants.
"""

from __future__ import annotations

import builtins
import dis
import enum
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from functools import cached_property, partial
from inspect import getattr_static
from itertools import chain
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, cast

import attrs

from funnel._lift.nodes import Test

_MOST_VALUES = 20_000
"""So many names and constants are taken at most."""
_CATCHES, _IS = dis.opmap["PUSH_EXC_INFO"], dis.opmap["IS_OP"]
_CODE: tuple[type, ...] = (FunctionType, MethodType, staticmethod, classmethod, property, cached_property, partial)
_LOOKS = frozenset(
    ("type", "id", "vars", "dir", "callable", "locals", "globals", "print", "__import__", "repr", "hash")
)


@attrs.define
class Reach:
    """What a function can reach, itself included.

    Attributes:
        owners: What it is called with: their methods and numbers count if the code names them.
        constants: The numbers, spans and texts that its code names.
        catches: Whether it catches errors, so that an error of Python's own about a symbol could go unseen.
        looks: Whether it can look at an object's identity or class.
        unasked: Once it was lifted, conditions that it made and did not ask, each after the conditions of its path.
    """

    owners: tuple[object, ...] = ()
    constants: set[int | str | timedelta] = attrs.field(factory=set[int | str | timedelta])
    catches: bool = False
    looks: bool = False
    unasked: list[tuple[Test, ...]] = attrs.field(factory=list[tuple[Test, ...]])
    _seen: set[CodeType] = attrs.field(factory=set[CodeType])

    @property
    def is_odd(self) -> bool:
        """Whether it can do what leaves no trace."""
        return self.catches or self.looks

    def enter(self, value: Any) -> None:
        """Take what a name stands for, a constant or code, and what that names in turn."""
        todo, met = [value], dict[int, object]()
        while todo and len(met) < _MOST_VALUES:
            one = todo.pop()
            if id(one) not in met:
                met[id(one)] = one
                todo.extend(self._take(one))

    def _take(self, value: Any) -> Iterable[Any]:
        if isinstance(value, _CODE):
            return self._follow(value)
        if isinstance(value, BuiltinFunctionType):
            self.looks |= getattr(value, "__self__", None) is not builtins or value.__name__ in _LOOKS
        elif isinstance(value, enum.EnumMeta):
            return (member.value for member in cast("Iterable[enum.Enum]", value))
        elif isinstance(value, tuple | list | set | frozenset):
            return cast("Iterable[Any]", value)
        elif isinstance(value, dict):
            return chain.from_iterable(cast("Mapping[Any, Any]", value).items())
        elif isinstance(value, int | str | timedelta):
            self.constants.add(value)
        elif value is type:
            self.looks = True
        elif hasattr(value, "__wrapped__"):
            return (value.__wrapped__,)
        return ()

    def _follow(self, code: Any) -> Iterable[Any]:
        if isinstance(code, FunctionType):
            cells = filter(_is_filled, code.__closure__ or ())
            closed = (*(code.__defaults__ or ()), *(cell.cell_contents for cell in cells))
            return chain(closed, self._read(code.__code__, code.__globals__))
        inner = next(name for name in ("__func__", "fget", "func") if hasattr(code, name))
        return (getattr(code, inner), *getattr(code, "args", ()))

    def _read(self, code: CodeType, known: Mapping[str, Any]) -> Iterator[Any]:
        """Read a piece of code, once: what it does, and what it names."""
        if code in self._seen:
            return
        self._seen.add(code)
        steps = {*code.co_code[::2]}
        self.catches |= _CATCHES in steps
        self.looks |= _IS in steps
        modules = [known[name] for name in code.co_names if isinstance(known.get(name), ModuleType)]
        for name in code.co_names:
            yield known.get(name, getattr(builtins, name, None))
            yield from (getattr_static(owner, name, None) for owner in (*self.owners, *modules))
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                yield from self._read(constant, known)
            else:
                yield constant


def reach_of(function: object, *owners: object) -> Reach:
    """What a function can reach that is called with these owners."""
    reach = Reach(owners)
    reach.enter(function)
    return reach


def _is_filled(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 (reading an empty one raises)
    except ValueError:
        return False
    return True
