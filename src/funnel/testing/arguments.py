"""Argument checks of the strategies, made when a strategy is created, not when it draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from hypothesis import strategies as st

from funnel._arguments import check_choice, count_of, each, instance, parse_as_of, subclass
from funnel._fields import LARGEST_AMOUNT, check_id
from funnel.errors import ArgumentError
from funnel.facts._base import BaseFacts
from funnel.history import History
from funnel.interactions import KINDS, Interaction
from funnel.money import decimals
from funnel.policy import Policy
from funnel.records import Lead, Purchase, Refund
from funnel.testing.engines import ENGINES

S = ParamSpec("S")
R = TypeVar("R")

_MOST_PEOPLE = 1_000


def check_arguments(strategy: Callable[S, R]) -> Callable[S, R]:
    """Return the function with its arguments checked by name; omitted arguments are not checked.

    Raises:
        ArgumentError: An argument is invalid. Currencies raise a MoneyError, instants an InstantError.
    """
    parameters = signature(strategy)

    @wraps(strategy)
    def call(*args: S.args, **kwargs: S.kwargs) -> R:
        for name, value in parameters.bind(*args, **kwargs).arguments.items():
            if value is not parameters.parameters[name].default:
                _CHECKS[name](value, name)
        return strategy(*args, **kwargs)

    return call


def _pool(value: object, argument: str) -> None:
    for moment in each(value, argument, "a tuple of aware datetimes"):
        parse_as_of(moment, f"an instant of {argument}")


def _refundable_purchase(value: object, argument: str) -> None:
    purchase = instance(value, Purchase, argument, "a Purchase")
    if not purchase.amount.minor:
        raise ArgumentError(f"{argument} must have an amount above 0; a refund of 0 is not a refund")


_CHECKS: Mapping[str, Callable[[Any, str], object]] = {
    "as_of": parse_as_of,
    "at": lambda value, argument: instance(value, st.SearchStrategy, argument, "a strategy of aware datetimes"),
    "count": lambda value, argument: count_of(value, argument, minimum=0, most=_MOST_PEOPLE),
    "currency": lambda value, _: decimals(value),
    "engine": lambda value, argument: check_choice(value, ENGINES, argument),
    "facts": lambda value, argument: subclass(value, BaseFacts, argument, "a class of facts"),
    "history": lambda value, argument: instance(value, History, argument, "a History"),
    "id": check_id,
    "kind": lambda value, argument: check_choice(value, KINDS, argument),
    "minimum": lambda value, argument: count_of(value, argument, minimum=-LARGEST_AMOUNT, most=LARGEST_AMOUNT),
    "remaining": lambda value, argument: count_of(value, argument, minimum=1, most=LARGEST_AMOUNT),
    "most": lambda value, argument: count_of(value, argument, minimum=0, most=LARGEST_AMOUNT),
    "now": parse_as_of,
    "number": check_id,
    "person_id": check_id,
    "policy": lambda value, argument: subclass(value, Policy, argument, "a class of policies"),
    "pool": _pool,
    "purchase": _refundable_purchase,
    "target": lambda value, argument: instance(value, (Lead, Purchase, Refund, Interaction), argument, "a record"),
}
