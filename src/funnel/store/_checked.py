"""Records and customers, checked again as they come in: whatever made them, a store keeps what can be true."""

from __future__ import annotations

from typing import TypeVar, cast

from pydantic import BaseModel, ValidationError

from funnel._fields import Frozen
from funnel.errors import ArgumentError, RecordError
from funnel.records import Customer

T = TypeVar("T")


def checked(given: T) -> T:
    """Return a record or a customer as its own class reads it, field by field.

    `model_construct` and `model_copy(update=...)` check nothing, so a record may come with a misspelt status.

    Raises:
        RecordError: A field holds what its class does not allow; the message never shows the value.
    """
    if not isinstance(given, Frozen):
        return given  # what is not a record is refused where it becomes a row
    try:
        return type(given).model_validate(_fields_of(given))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        kind = type(given).__name__
    faults = "; ".join(f"{'.'.join(map(str, one['loc'])) or kind}: {one['msg']}" for one in found)
    raise RecordError(f"a {kind} cannot be kept: {faults}")


def checked_customer(given: object) -> Customer:
    """Return a customer, checked.

    Raises:
        ArgumentError: It is not a customer.
        RecordError: A field holds what a customer does not allow.
    """
    if not isinstance(given, Customer):
        msg = f"customer must be a Customer (got {type(given).__name__}); records go to append"
        raise ArgumentError(msg)
    return checked(given)


def _fields_of(given: BaseModel) -> dict[str, object]:
    """Return the fields of a model and of the models inside it, for pydantic takes a model as checked already."""
    return {name: _plain(value) for name, value in vars(given).items()}


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return _fields_of(value)
    return tuple(map(_plain, cast("tuple[object, ...]", value))) if isinstance(value, tuple) else value
