"""Validation of incoming records and customers, however they were made."""

from __future__ import annotations

from typing import TypeVar, cast

from pydantic import BaseModel, ValidationError

from funnel._fields import Frozen
from funnel.errors import ArgumentError, RecordError
from funnel.records import Customer

T = TypeVar("T")


def checked(given: T) -> T:
    """Return a record or a customer, validated again field by field.

    `model_construct` and `model_copy(update=...)` may skip validation, so a record may have a misspelt status.

    Raises:
        RecordError: A field is invalid; the message never shows the value.
    """
    if not isinstance(given, Frozen):
        return given  # an object that is not a record is refused when it is converted to a row
    try:
        return type(given).model_validate(_fields_of(given))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        kind = type(given).__name__
    faults = "; ".join(f"{'.'.join(map(str, one['loc'])) or kind}: {one['msg']}" for one in found)
    raise RecordError(f"a {kind} cannot be kept: {faults}")


def checked_customer(given: object) -> Customer:
    """Return a validated customer.

    Raises:
        ArgumentError: The argument is not a customer.
        RecordError: A field is invalid.
    """
    if not isinstance(given, Customer):
        msg = f"customer must be a Customer (got {type(given).__name__}); records go to append"
        raise ArgumentError(msg)
    return checked(given)


def _fields_of(given: BaseModel) -> dict[str, object]:
    """Return the fields of a model and its nested models, as pydantic does not validate a model again."""
    return {name: _plain(value) for name, value in vars(given).items()}


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return _fields_of(value)
    return tuple(map(_plain, cast("tuple[object, ...]", value))) if isinstance(value, tuple) else value
