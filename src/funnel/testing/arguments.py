"""Argument checks of the strategies, made when a strategy is created, not when it draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from hypothesis import strategies as st

from funnel._arguments import check_choice, count_of, each, instance, parse_as_of, subclass
from funnel._fields import LARGEST_AMOUNT, given_id
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


def checked(strategy: Callable[S, R]) -> Callable[S, R]:
    """Return the function with its arguments checked by name; omitted arguments are not checked.

    Raises:
        ArgumentError: An argument is invalid. Currencies raise a MoneyError, instants an InstantError.
    """
    known = signature(strategy)

    @wraps(strategy)
    def made(*args: S.args, **kwargs: S.kwargs) -> R:
        for name, value in known.bind(*args, **kwargs).arguments.items():
            if value is not known.parameters[name].default:
                _CHECKS[name](value, name)
        return strategy(*args, **kwargs)

    return made


def _pool(given: object, what: str) -> None:
    for moment in each(given, what, "a tuple of aware datetimes"):
        parse_as_of(moment, f"an instant of {what}")


def _bought(given: object, what: str) -> None:
    purchase = instance(given, Purchase, what, "a Purchase")
    if not purchase.amount.minor:
        raise ArgumentError(f"{what} must have an amount above 0; a refund of nothing is no refund")


_CHECKS: Mapping[str, Callable[[Any, str], object]] = {
    "as_of": parse_as_of,
    "at": lambda given, what: instance(given, st.SearchStrategy, what, "a strategy of aware datetimes"),
    "count": lambda given, what: count_of(given, what, minimum=0, most=_MOST_PEOPLE),
    "currency": lambda given, _: decimals(given),
    "engine": lambda given, what: check_choice(given, ENGINES, what),
    "facts": lambda given, what: subclass(given, BaseFacts, what, "a class of facts"),
    "history": lambda given, what: instance(given, History, what, "a History"),
    "id": given_id,
    "kind": lambda given, what: check_choice(given, KINDS, what),
    "minimum": lambda given, what: count_of(given, what, minimum=-LARGEST_AMOUNT, most=LARGEST_AMOUNT),
    "left": lambda given, what: count_of(given, what, minimum=1, most=LARGEST_AMOUNT),
    "most": lambda given, what: count_of(given, what, minimum=0, most=LARGEST_AMOUNT),
    "now": parse_as_of,
    "number": given_id,
    "person_id": given_id,
    "policy": lambda given, what: subclass(given, Policy, what, "a class of policies"),
    "pool": _pool,
    "purchase": _bought,
    "target": lambda given, what: instance(given, (Lead, Purchase, Refund, Interaction), what, "a record"),
}
