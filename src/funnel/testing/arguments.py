"""The arguments of the strategies, checked when a strategy is made and not when something is drawn from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from hypothesis import strategies as st

from funnel._facts.base import BaseFacts
from funnel._fields import LARGEST_AMOUNT, given_id
from funnel._given import count_of, each, instance, judgement, one_of, subclass
from funnel.errors import ArgumentError
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
    """Return the function with its arguments checked by their names; those that are left out are not.

    Raises:
        ArgumentError: An argument is not what it must be. Currencies raise a MoneyError, instants an InstantError.
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
        judgement(moment, f"an instant of {what}")


def _bought(given: object, what: str) -> None:
    purchase = instance(given, Purchase, what, "a Purchase")
    if not purchase.amount.minor:
        raise ArgumentError(f"{what} must have an amount above 0; a refund of nothing is no refund")


_CHECKS: Mapping[str, Callable[[Any, str], object]] = {
    "as_of": judgement,
    "at": lambda given, what: instance(given, st.SearchStrategy, what, "a strategy of aware datetimes"),
    "count": lambda given, what: count_of(given, what, least=0, most=_MOST_PEOPLE),
    "currency": lambda given, _: decimals(given),
    "engine": lambda given, what: one_of(given, ENGINES, what),
    "facts": lambda given, what: subclass(given, BaseFacts, what, "a class of facts"),
    "history": lambda given, what: instance(given, History, what, "a History"),
    "id": given_id,
    "kind": lambda given, what: one_of(given, KINDS, what),
    "least": lambda given, what: count_of(given, what, least=-LARGEST_AMOUNT, most=LARGEST_AMOUNT),
    "left": lambda given, what: count_of(given, what, least=1, most=LARGEST_AMOUNT),
    "most": lambda given, what: count_of(given, what, least=0, most=LARGEST_AMOUNT),
    "now": judgement,
    "number": given_id,
    "person_id": given_id,
    "policy": lambda given, what: subclass(given, Policy, what, "a class of policies"),
    "pool": _pool,
    "purchase": _bought,
    "target": lambda given, what: instance(given, (Lead, Purchase, Refund, Interaction), what, "a record"),
}
