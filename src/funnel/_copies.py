"""Copies and pickles. Copied records and policies are validated like new ones; functions are pickled by name."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from copy import copy, deepcopy
from functools import cached_property, partial
from threading import RLock
from types import FunctionType
from typing import TYPE_CHECKING, Any, Self, SupportsIndex, TypeVar, cast

from pydantic import BaseModel

from funnel._arguments import instance, truth
from funnel.errors import ArgumentError

M = TypeVar("M", bound=BaseModel)

_BUILDING = RLock()


class Checked(BaseModel, defer_build=True):
    """Base of all models of the library. Every copy is validated.

    Example:
        >>> from funnel.interactions import Visit
        >>> visit = Visit(id="v1", person_id="p1", occurred_at="2026-03-01T02:00Z")
        >>> visit.model_copy(update={"id": "v2"}).id
        'v2'
        >>> visit.model_copy(update={"chanel": "phone"})
        Traceback (most recent call last):
        funnel.errors.FieldsError: Visit has 1 fault:
          chanel: is not a field; did you mean channel?
    """

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with some fields changed.

        The copy is validated like a new model, and raises the same errors. Fields that are not in `update` are
        unchanged. A purchase keeps its amount even if its lines change.

        Args:
            update: Values by field name.
            deep: If True, copy the values of the fields too.
        """
        source = deepcopy(self) if truth(deep, "deep") else self
        if update is not None:
            check_update(update)
        fields = {**_fields(source), **(source.model_extra or {}), **(update or {})}
        copied = _create(type(self), fields, self.model_fields_set | set(update or {}))
        object.__setattr__(copied, "__pydantic_private__", copy(source.__pydantic_private__))
        return copied

    if not TYPE_CHECKING:  # pragma: no branch - pydantic's plugin and its deprecations have signatures of their own

        @classmethod
        def model_rebuild(cls, *, _parent_namespace_depth: int = 2, **options: Any) -> bool | None:
            """Build the model, which happens when it is first used.

            One thread builds at a time. Before pydantic 2.14, two threads could remove each other's validator.
            """
            with _BUILDING:
                return super().model_rebuild(_parent_namespace_depth=_parent_namespace_depth + 1, **options)

        @classmethod
        def model_construct(cls, _fields_set: set[str] | None = None, **values: Any) -> Self:
            """Make a record from its fields.

            Unlike in other pydantic models, the fields are validated.
            """
            return _create(cls, values, _fields_set)

        def copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
            """Return a copy, like `model_copy`."""
            return self.model_copy(update=update, deep=deep)

    def __copy__(self) -> Self:
        """Return a copy without cached values."""
        copied = super().__copy__()
        object.__setattr__(copied, "__dict__", _fields(self))
        return copied

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Return a deep copy without cached values."""
        memo_dict = {} if memo is None else memo
        copied = memo_dict[id(self)] = type(self).__new__(type(self))
        copied.__setstate__(deepcopy(self.__getstate__(), memo_dict))
        return copied

    def __getstate__(self) -> dict[Any, Any]:
        """Return the pickled state: everything but cached values."""
        return {**super().__getstate__(), "__dict__": _fields(self)}


def unchecked(model: type[M], fields: Mapping[str, Any]) -> M:
    """Make a record from validated fields, such as the fields a store reads."""
    return cast("M", BaseModel.model_construct.__func__(model, **fields))  # type: ignore[attr-defined]


def all_fields(value: Any) -> Any:
    """Return the fields of a model and its nested models; other values unchanged."""
    if isinstance(value, Checked):
        return {name: all_fields(field) for name, field in _fields(value).items()}
    if isinstance(value, tuple):
        return tuple(map(all_fields, value))  # pyright: ignore[reportUnknownArgumentType]
    return value


def _create(model: type[M], fields: Mapping[str, Any], fields_set: set[str] | None) -> M:
    """Make a model from its fields by name, even if the class has aliases."""
    if model.__pydantic_custom_init__:
        created = model(**fields)
    else:  # by alias if there is one: pydantic before 2.14 takes the name for an extra field if those are allowed
        created = model.model_validate({_key(model, name): value for name, value in fields.items()}, by_name=True)
    if fields_set is not None:
        object.__setattr__(created, "__pydantic_fields_set__", fields_set)
    return created


def _key(model: type[BaseModel], name: str) -> str:
    alias = model.model_fields[name].validation_alias if name in model.model_fields else None
    return alias if isinstance(alias, str) else name


def _fields(model: BaseModel) -> dict[str, Any]:
    """Return the values of a model by name, without cached values."""
    attributes, kind = vars(model), type(model)
    others = attributes.keys() - kind.model_fields.keys()
    cached = {name for name in others if isinstance(getattr(kind, name, None), cached_property)}
    return {name: value for name, value in attributes.items() if name not in cached}


def check_update(update: object) -> None:
    """Check that an argument is a mapping of field names.

    Raises:
        ArgumentError: It is not a mapping, or a name is not text.
    """
    for name in instance(update, Mapping, "update", "a mapping of values by field name"):
        instance(name, str, "a name in update", "text")


class OfFunctions:
    """Base of immutable objects that hold functions.

    A copy is the object itself. Functions are pickled by name.
    """

    __slots__ = ()

    @abstractmethod
    def _functions(self) -> Iterable[object]:
        """Return the objects that are pickled by name; None is skipped."""

    def __copy__(self) -> Self:
        """Return the object itself."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return the object itself."""
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """Return the pickled state.

        Raises:
            ArgumentError: A function is not found in its module.
        """
        for function in self._functions():
            _check_name(function)
        return super().__reduce_ex__(protocol)


def _check_name(function: object) -> None:
    while isinstance(function, partial):
        function = function.func
    if not isinstance(function, FunctionType | OfFunctions):
        return
    name, module = str(getattr(function, "__qualname__", "")), str(function.__module__)
    target: Any = sys.modules.get(module)
    for part in name.split("."):
        target = getattr(target, part, None)
    if target is not function:
        raise ArgumentError(
            f"the function {name} cannot be pickled: the module {module} does not contain it; "
            "define it with def at the top level of a module"
        )
