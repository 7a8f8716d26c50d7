"""Code that a function can reach: the constants it names, and operations that leave no trace in a tree.

The result only decides how carefully a function is traced and verified. Code that catches errors is watched during
tracing. Code that can inspect an object's identity or class is verified with more samples, near its constants.
"""

from __future__ import annotations

import builtins
import dis
import enum
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from functools import cached_property, partial
from inspect import getattr_static, getmro
from itertools import chain
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any, cast

import attrs

from funnel._expr.nodes import Test

_MOST_VALUES = 20_000
"""The maximum number of names and constants to follow."""
_CATCHES, _IS, _IMPORTS = dis.opmap["PUSH_EXC_INFO"], dis.opmap["IS_OP"], dis.opmap["IMPORT_NAME"]
_CODE: tuple[type, ...] = (FunctionType, MethodType, staticmethod, classmethod, property, cached_property, partial)
_LOOKS = frozenset(
    ("type", "id", "vars", "dir", "callable", "locals", "globals", "print", "__import__", "repr", "hash")
)
_HIDES = frozenset(("eval", "exec", "compile", "getattr", "__import__", "globals", "locals", "vars"))
"""These functions reach code that no name refers to."""
_LIBRARY = frozenset((*sys.stdlib_module_names, "funnel", "pydantic", "pydantic_core", "attr", "attrs"))
"""The methods of classes in these packages are not followed."""


@attrs.define
class Reach:
    """The code that a function can reach, including the function itself.

    Attributes:
        owners: The arguments of the call. Their methods and numbers count if the code names them.
        constants: The numbers, spans and texts that the code names.
        catches: True if the code catches errors. Then Python's own error about a proxy could go unnoticed.
        looks: True if the code can inspect an object's identity or class.
        undecided: Filled by tracing: conditions that were made and not decided, each after the conditions of its path.
        globals_read: The names of the shop's modules that the code reads, each with the module's names and the value.
    """

    owners: tuple[object, ...] = ()
    constants: set[int | str | timedelta] = attrs.field(factory=set[int | str | timedelta])
    catches: bool = False
    looks: bool = False
    undecided: list[tuple[Test, ...]] = attrs.field(factory=list[tuple[Test, ...]])
    globals_read: list[tuple[Mapping[str, object], str, object]] = attrs.field(
        factory=list[tuple[Mapping[str, object], str, object]], eq=False
    )
    _followed: set[CodeType] = attrs.field(factory=set[CodeType])
    _modules: dict[str, ModuleType] = attrs.field(factory=dict[str, ModuleType], eq=False)
    _names: dict[str, None] = attrs.field(factory=dict[str, None], eq=False)

    @property
    def is_odd(self) -> bool:
        """True if the code can do something that leaves no trace in a tree."""
        return self.catches or self.looks

    def enter(self, value: Any) -> None:
        """Follow a value and everything that it names in turn.

        A value is a constant, code, or an object with code.
        """
        todo, met = [value], dict[int, object]()
        while todo and len(met) < _MOST_VALUES:
            one = todo.pop()
            if id(one) not in met:
                met[id(one)] = one
                todo.extend(self._take(one))
            if not todo:
                todo.extend(self._of_modules(met))
        if todo:
            self._give_up()

    def _give_up(self) -> None:
        """Assume the worst about code that cannot be followed."""
        self.catches = self.looks = True

    def _of_modules(self, met: Mapping[int, object]) -> list[Any]:
        """Return the values read from modules that were not followed yet."""
        # Most names are in few modules: the test takes a twentieth of the time of getattr_static.
        values = (
            getattr_static(module, name, None)
            for module in self._modules.values()
            for name in self._names
            if name in vars(module) or hasattr(type(module), name)
        )
        return [one for one in values if id(one) not in met]

    def _take(self, value: Any) -> Iterable[Any]:
        if isinstance(value, ModuleType):
            self._modules[value.__name__] = value
            return ()
        if isinstance(value, type):
            return self._take_class(cast("type[object]", value))
        if isinstance(value, _CODE):
            return self._follow(value)
        if isinstance(value, BuiltinFunctionType):
            return self._take_builtin(value)
        return chain(self._parts(value), () if _is_library(type(value)) else self._take_object(value))  # pyright: ignore[reportUnknownArgumentType]

    def _take_builtin(self, value: Any) -> Iterable[Any]:
        owner = getattr(value, "__self__", None)
        self.looks |= owner is not builtins or value.__name__ in _LOOKS
        if owner is builtins and value.__name__ in _HIDES:
            self._give_up()
        return () if owner is builtins or isinstance(owner, ModuleType) else (owner,)

    def _parts(self, value: Any) -> Iterable[Any]:
        """Return the contents of a value of a known kind."""
        if isinstance(value, enum.Enum):
            return (value.value,)
        if isinstance(value, tuple | list | set | frozenset | deque):
            return cast("Iterable[Any]", value)
        if isinstance(value, dict | MappingProxyType):
            return chain.from_iterable(cast("Mapping[Any, Any]", value).items())
        if isinstance(value, int | str | timedelta):
            self.constants.add(value)
        elif (wrapped := getattr_static(value, "__wrapped__", None)) is not None:
            return (wrapped,)
        elif _is_library(type(value)):  # pyright: ignore[reportUnknownArgumentType]
            self.looks |= callable(value) and _root(type(value)) != "funnel"
            return _attributes(value) if _root(type(value)) != "funnel" else ()  # pyright: ignore[reportUnknownArgumentType]
        return ()

    def _take_object(self, value: Any) -> Iterable[Any]:
        """Return the class of an object and its attributes, with or without a `__dict__`."""
        kinds = [kind for kind in type(value).__mro__ if not _is_library(kind)]
        slots = (one for kind in kinds for one in vars(kind).values() if isinstance(one, MemberDescriptorType))
        filled = (_slot(value, one) for one in slots)
        return chain((type(value),), () if isinstance(value, enum.Enum) else _attributes(value), filled)  # pyright: ignore[reportUnknownArgumentType]

    def _take_class(self, kind: type) -> Iterable[Any]:
        self.looks |= kind is type or _root(kind) == "operator"
        members = cast("Iterable[enum.Enum]", kind) if isinstance(kind, enum.EnumMeta) else ()
        classes: tuple[type, ...] = (*getmro(kind), *getmro(type(cast("object", kind))))
        own = (one for one in classes if not _is_library(one))
        return chain((one.value for one in members), chain.from_iterable(_members(one) for one in own))

    def _follow(self, code: Any) -> Iterable[Any]:
        if isinstance(code, FunctionType):
            cells = filter(_is_filled, code.__closure__ or ())
            defaults = (*(code.__defaults__ or ()), *(code.__kwdefaults__ or {}).values())
            closed = (*defaults, *(cell.cell_contents for cell in cells), *vars(code).values())
            return chain(closed, self._read(code.__code__, code.__globals__))
        parts = (getattr(code, name, None) for name in ("__func__", "__self__", "fget", "fset", "func"))
        keywords: dict[str, Any] = getattr(code, "keywords", {})
        return chain(parts, getattr(code, "args", ()), keywords.values())

    def _read(self, code: CodeType, names: Mapping[str, Any]) -> Iterator[Any]:
        """Read a code object once: its operations and the values that it names."""
        if code in self._followed:
            return
        self._followed.add(code)
        steps = {*code.co_code[::2]}
        self.catches |= _CATCHES in steps
        self.looks |= _IS in steps
        self._names.update(dict.fromkeys(code.co_names))
        if _IMPORTS in steps:
            # An import that cannot be followed may load any code.
            self._give_up()
            yield from (sys.modules.get(name) for name in code.co_names)
        if str(names.get("__name__")).partition(".")[0] not in _LIBRARY:
            read = ((name, names[name]) for name in code.co_names if name in names)
            self.globals_read += [(names, name, value) for name, value in read if not _is_of_library(value)]
        for name in code.co_names:
            yield names.get(name, getattr(builtins, name, None))
            yield from (getattr_static(owner, name, None) for owner in self.owners)
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                yield from self._read(constant, names)
            else:
                yield constant


def _root(kind: type) -> str:
    return str(kind.__module__).partition(".")[0]


def _is_library(kind: type) -> bool:
    return _root(kind) in _LIBRARY


def _is_of_library(value: Any) -> bool:
    """Return whether a value is a module, class, function or rule of a library."""
    if isinstance(value, ModuleType):
        return value.__name__.partition(".")[0] in _LIBRARY
    if isinstance(value, type):
        return _is_library(value)  # pyright: ignore[reportUnknownArgumentType]
    code = value if isinstance(value, _CODE) else getattr_static(value, "__wrapped__", None)
    return str(getattr_static(code, "__module__", None)).partition(".")[0] in _LIBRARY


def _slot(value: Any, slot: MemberDescriptorType) -> Any:
    """Return the value of a slot without the object's own code; None if it is empty."""
    try:
        return slot.__get__(value)
    except AttributeError:
        return None


def _attributes(value: Any) -> Iterable[Any]:
    """Return the values of the attributes of an object, without running its own code."""
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return ()
    return [*cast("dict[str, Any]", attributes).values()] if isinstance(attributes, dict) else ()


def _members(kind: type) -> list[Any]:
    """Return the code and values of a class.

    Names with two underscores count only if they are the class's own functions.
    """
    return [
        one
        for name, one in vars(kind).items()
        if (isinstance(one, _CODE) or not name.startswith("__")) and not isinstance(one, enum.Enum)
        if not isinstance(one, FunctionType) or one.__globals__.get("__name__") not in sys.stdlib_module_names
    ]


def reach_of(function: object, *owners: object) -> Reach:
    """Return what a function can reach when it is called with these owners."""
    reach = Reach(owners)
    reach.enter((function, [_implicit(kind) for owner in owners for kind in _kinds(owner)]))
    return reach


def _kinds(owner: object) -> Iterator[type]:
    """Return the classes of an owner that the shop wrote."""
    kind = cast("type[object]", owner) if isinstance(owner, type) else type(owner)
    return (one for one in kind.__mro__ if not _is_library(one))


def _implicit(kind: type) -> list[Any]:
    """Return the methods of a class that Python calls implicitly, such as `__eq__`."""
    return [one for one in _members(kind) if isinstance(one, FunctionType) and one.__name__.startswith("__")]


def _is_filled(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 (reading an empty one raises)
    except ValueError:
        return False
    return True
