"""Validation of arguments of a store's calls: names of people, limits, versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from funnel._arguments import count_of, is_listed, kind_of
from funnel._fields import Id
from funnel.errors import ArgumentError
from funnel.policy import Policy
from funnel.rules._rule import Rule
from funnel.stages import stage as stage_of_the_funnel

T = TypeVar("T")

_NAME: TypeAdapter[str] = TypeAdapter(Id)


def limit_of(given: object) -> int | None:
    """Return the maximum number of people in a list; None for no limit.

    Raises:
        ArgumentError: The limit is not a whole number from 0 up that a database can hold.
    """
    return None if given is None else count_of(given, "limit", minimum=0)


def name_of(argument: str, given: object) -> str:
    """Return a validated name of a person.

    Raises:
        ArgumentError: The name is not text, is blank or too long, or has control characters.
    """
    if not isinstance(given, str):
        msg = f"{argument} must be text (got {type(given).__name__}); give str(...) of it, as in the records"
        raise ArgumentError(msg)
    try:
        return _NAME.validate_python(given)
    except ValidationError as error:
        reason = error.errors(include_url=False, include_input=False)[0]["msg"].removeprefix("Value error, ")
    raise ArgumentError(f"{argument} is not the id of a person: {reason}")


def names_given(argument: str, given: Iterable[object]) -> list[str]:
    """Return validated names of people.

    Raises:
        ArgumentError: One of them is not a valid person id.
    """
    return [name_of(argument, name) for name in given]


def versions_of(expected: object) -> Mapping[str, int]:
    """Return the expected versions of people; empty if there are none.

    Raises:
        ArgumentError: A name is not a valid person id, or a version is not a whole number.
    """
    if expected is None:
        return {}
    if not isinstance(expected, Mapping):
        msg = f"expected must map the ids of people to versions (got {type(expected).__name__})"
        raise ArgumentError(msg)
    versions = cast("Mapping[object, object]", expected)
    for name, version in versions.items():
        name_of("a key of expected", name)
        if isinstance(version, bool) or not isinstance(version, int):
            msg = f"a version in expected must be a whole number (got {type(version).__name__}); read it from standing"
            raise ArgumentError(msg)
    return cast("Mapping[str, int]", versions)


def each_of(argument: str, given: Iterable[T]) -> Iterator[T]:
    """Return an iterator over an argument.

    Raises:
        ArgumentError: The argument is not iterable, or is a single object, such as text or a dataframe.
    """
    if is_listed(given):
        return iter(given)
    msg = f"{argument} must be iterable (got {kind_of(given)}); pass a list, or anything that yields records"
    raise ArgumentError(msg)


def asked_by(stage: object, policy: object) -> tuple[Rule[Any, Any, Any], Policy]:
    """Return the rule and policy of a store; the library's defaults if None.

    Raises:
        ArgumentError: One of them has another type.
    """
    rule: object = stage_of_the_funnel if stage is None else stage
    if not isinstance(rule, Rule):
        msg = f"stage must be a rule (got {type(stage).__name__}); decorate the function with @rule"
        raise ArgumentError(msg)
    if policy is not None and not isinstance(policy, Policy):
        msg = f"policy must be a Policy (got {type(policy).__name__}); pass Policy(...)"
        raise ArgumentError(msg)
    return rule, policy or Policy()  # pyright: ignore[reportUnknownVariableType] - any rule
