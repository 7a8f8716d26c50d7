"""Validation of arguments of a store's calls: names of people, limits, versions, records and customers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import BaseModel, TypeAdapter, ValidationError

from funnel._arguments import count_of, instance, is_listed, kind_of
from funnel._fields import Frozen, Id
from funnel.errors import ArgumentError, RecordError
from funnel.policy import Policy
from funnel.records import Customer
from funnel.rules._rule import Rule
from funnel.stages import stage as default_stage

if TYPE_CHECKING:
    from funnel.rates import Rates

T = TypeVar("T")

_NAME: TypeAdapter[str] = TypeAdapter(Id)


def limit_of(limit: object) -> int | None:
    """Return the maximum number of people in a list; None for no limit.

    Raises:
        ArgumentError: The limit is not a whole number from 0 up that a database can hold.
    """
    return None if limit is None else count_of(limit, "limit", minimum=0)


def name_of(argument: str, value: object) -> str:
    """Return a validated name of a person.

    Raises:
        ArgumentError: The name is not text, is blank or too long, or has control characters.
    """
    if not isinstance(value, str):
        msg = f"{argument} must be text (got {type(value).__name__}); pass the person id as in the records"
        raise ArgumentError(msg)
    try:
        return _NAME.validate_python(value)
    except ValidationError as error:
        reason = error.errors(include_url=False, include_input=False)[0]["msg"].removeprefix("Value error, ")
    raise ArgumentError(f"{argument} is not a valid person id: {reason}")


def names_of_people(argument: str, names: Iterable[object]) -> list[str]:
    """Return validated names of people.

    Raises:
        ArgumentError: One of them is not a valid person id.
    """
    return [name_of(argument, name) for name in names]


def versions_of(expected: object) -> Mapping[str, int]:
    """Return the expected versions of people; empty if there are none.

    Raises:
        ArgumentError: A name is not a valid person id, or a version is not a whole number.
    """
    if expected is None:
        return {}
    if not isinstance(expected, Mapping):
        msg = f"expected must map person ids to versions (got {type(expected).__name__}); pass {{person_id: version}}"
        raise ArgumentError(msg)
    versions = cast("Mapping[object, object]", expected)
    for name, version in versions.items():
        name_of("a key of expected", name)
        if isinstance(version, bool) or not isinstance(version, int):
            raise ArgumentError(
                f"a version in expected must be a whole number (got {type(version).__name__}); pass StageRecord.version"
            )
    return cast("Mapping[str, int]", versions)


def each_of(argument: str, items: Iterable[T]) -> Iterator[T]:
    """Return an iterator over an argument.

    Raises:
        ArgumentError: The argument is not iterable, or is a single object, such as text or a dataframe.
    """
    if is_listed(items):
        return iter(items)
    msg = f"{argument} must be iterable (got {kind_of(items)}); pass a list, or anything that yields records"
    raise ArgumentError(msg)


def rule_and_policy(stage: object, policy: object) -> tuple[Rule[Any, Any, Any], Policy]:
    """Return the rule and policy of a store; the library's defaults if None.

    Raises:
        ArgumentError: One of them has another type.
    """
    rule: object = default_stage if stage is None else stage
    if not isinstance(rule, Rule):
        raise ArgumentError(f"stage must be a rule (got {type(stage).__name__}); decorate the function with @rule")
    if policy is not None and not isinstance(policy, Policy):
        raise ArgumentError(f"policy must be a Policy (got {type(policy).__name__}); pass Policy(...)")
    return rule, policy or Policy()  # pyright: ignore[reportUnknownVariableType] - any rule


def rates_of(rates: object) -> Rates | None:
    """Return the rates of a store.

    Raises:
        ArgumentError: The argument is not `Rates`.
    """
    if rates is None:
        return None
    from funnel.rates import Rates

    checked: Rates = instance(rates, Rates, "rates", "Rates of the shop or None")
    return checked


# ---- records and customers ----


def validate_record(record: T) -> T:
    """Return a record or a customer, validated again field by field.

    `model_construct` and `model_copy(update=...)` may skip validation, so a record may have a misspelt status.

    Raises:
        RecordError: A field is invalid; the message never shows the value.
    """
    if not isinstance(record, Frozen):
        return record  # an object that is not a record is refused when it is converted to a row
    try:
        return type(record).model_validate(_fields_of(record))
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False, include_context=False)
        kind = type(record).__name__
    details = "; ".join(f"{'.'.join(map(str, one['loc'])) or kind}: {one['msg']}" for one in errors)
    raise RecordError(f"{kind} is not valid: {details}; correct the record")


def validate_customer(customer: object) -> Customer:
    """Return a validated customer.

    Raises:
        ArgumentError: The argument is not a customer.
        RecordError: A field is invalid, or the customer has own columns.
    """
    if not isinstance(customer, Customer):
        raise ArgumentError(f"customer must be a Customer (got {type(customer).__name__}); pass records to append")
    if customer.columns:
        msg = "a store does not keep own columns of people; leave columns out of the customer"
        raise RecordError(f"{msg}, and join the shop's own table: store.logs().with_people(table, columns)")
    return validate_record(customer)


def _fields_of(model: BaseModel) -> dict[str, object]:
    """Return the fields of a model and its nested models, as pydantic does not validate a model again."""
    return {name: _plain(value) for name, value in vars(model).items()}


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return _fields_of(value)
    return tuple(map(_plain, cast("tuple[object, ...]", value))) if isinstance(value, tuple) else value
