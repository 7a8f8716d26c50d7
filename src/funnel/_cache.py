"""Bounded, thread-safe cache of values compiled for a policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, cast

from funnel.errors import ArgumentError
from funnel.policy import Policy, check_is_policy

NamedValue: TypeAlias = tuple[Mapping[str, object], str, object]
"""A name of a module of the shop that a rule reads: the names of the module, the name, and its value at compilation."""


class Compiled(Protocol):
    """A value that is compiled from functions of the shop."""

    @property
    def names(self) -> tuple[NamedValue, ...]:
        """The names that the functions read."""
        ...


V = TypeVar("V", bound=Compiled)

LIMIT = 1_024
"""Policies per rule or machine that stay compiled. One compiled rule takes 10 to 130 kB."""


class PolicyCache(Generic[V]):
    """Bounded, thread-safe cache of values compiled for a policy.

    Equal policies share an entry. A full cache drops the least recently used entry. A policy object that was used
    before is looked up by identity: hashing and comparing two policies takes 9 µs, ten times as long as a rule. If a
    name that the compiled functions read has another value now, they are compiled again.

    Args:
        compile_for: Compiles for one class (of facts) and one policy. Two threads that request the same key at the
            same time may both compile; the results are equal.
    """

    def __init__(self, compile_for: Callable[[type, Policy], V]) -> None:
        self._by_value = lru_cache(maxsize=LIMIT)(compile_for)
        # Each entry holds its policy, so no other object can have the same id while the entry exists. Values that
        # depend on names of a module are not here: these names are compared at each use.
        self.by_identity: dict[tuple[type, int], tuple[Policy, V]] = {}
        self._with_names: dict[tuple[type, int], tuple[Policy, V]] = {}

    def get(self, kind: type, policy: Policy) -> V:
        """Return the value compiled for a class and a policy; compile it if needed.

        Raises:
            ArgumentError: It is not a policy, or it is mutable, so a cached result could become wrong.
        """
        key = kind, id(policy)
        entry = self.by_identity.get(key) or self._with_names.get(key)
        if entry is not None and are_unchanged(entry[1].names):
            return entry[1]
        check_constant(check_is_policy(policy))
        value = self._by_value(kind, cast("Any", policy))
        if not are_unchanged(value.names):
            self._by_value.cache_clear()
            value = self._by_value(kind, cast("Any", policy))
        entries = self._with_names if value.names else self.by_identity
        if len(entries) >= LIMIT:
            entries.clear()
        entries[key] = policy, value
        return value


def are_unchanged(names: Iterable[NamedValue]) -> bool:
    """Return whether names have the values that they had."""
    for module, name, value in names:
        now = module.get(name)
        if now is not value and not (type(now) is type(value) and isinstance(now, _PLAIN) and now == value):
            return False
    return True


_PLAIN = int | str | timedelta


def check_constant(policy: Policy) -> None:
    """Check that a policy is immutable.

    Raises:
        ArgumentError: Its class is not frozen, or a field holds a mutable value.
    """
    name = type(policy).__name__
    if not policy.model_config.get("frozen"):
        msg = f"{name} is not frozen; remove frozen=False from the class, and make a changed policy with model_copy"
        raise ArgumentError(msg)
    for field, value in policy:
        try:
            hash(value)
        except TypeError:
            kind = type(value).__name__
            msg = f"the field {field} of {name} is of type {kind}, which can change; use a tuple or a frozenset"
            raise ArgumentError(msg) from None
