"""Base class of facts: stores integers, shows typed values, and is created in three ways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from operator import index
from typing import TYPE_CHECKING, Any, ClassVar, Self

from funnel._arguments import name_problem, parse_as_of, suggest
from funnel._expr.nodes import Value
from funnel._expr.tracer import FactsProxy
from funnel._time import instant
from funnel.errors import FactsError, InstantError
from funnel.facts._declare import Declared
from funnel.facts._display import Held, View, held, known
from funnel.facts._schema import FactSchema, fact_schema
from funnel.history import History, check_is_history

if TYPE_CHECKING:
    from funnel.logs import Logs


_new = object.__new__
_set_now, _set_values = (vars(Held)[slot].__set__ for slot in ("now", "values"))
"""Setters of the slots. Facts refuse assignment; construction writes the slots directly, which is also fastest."""


class BaseFacts(Held):
    """Facts of one person at one instant; a class of facts declares each fact in one line.

    A fact has its declared type: a count or a sum is an int, a span is a timedelta, an instant is a datetime or None.
    If facts are created by hand (to test a rule), every fact that is not given has the value of an unknown person.
    """

    __slots__ = ()

    as_of: datetime
    """Instant of the facts."""

    _own: ClassVar[Mapping[str, Declared]] = {}
    fact_plan: ClassVar[FactSchema]

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Collect the facts that the class and its base classes declare.

        Raises:
            FactsError: A fact has a reserved name.
        """
        super().__init_subclass__(**kwargs)
        cls._own = {name: value for name, value in vars(cls).items() if isinstance(value, Declared)}
        taken = [name for name in cls._own if hasattr(BaseFacts, name) or hasattr(FactsProxy, name)]
        if taken:
            msg = f"{taken[0]} is a name that the facts themselves need; give the fact another"
            raise FactsError(msg)
        declared: dict[str, Declared] = {}
        for base in reversed(cls.__mro__):
            declared |= vars(base).get("_own", {})
        _check_names(declared)
        cls.fact_plan = fact_schema(declared)
        for name, one in declared.items():
            setattr(cls, name, View(name, one, cls.fact_plan.places[name]))

    if not TYPE_CHECKING:  # pragma: no branch - type checkers read the facts that a class declares

        def __init__(self, /, *, as_of: datetime, **given: object) -> None:
            now = parse_as_of(as_of)
            _set_now(self, now)
            _set_values(self, _by_hand(self.fact_plan, given, now))

        as_of = property(lambda facts: instant(index(facts.now)), doc="The instant of judgement.")

        def __getattr__(self, name: str) -> object:
            if name not in Held.__slots__ and type(self.values) is FactsProxy:
                return getattr(self.values, name)
            msg = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(msg)

        def __setattr__(self, name: str, value: object) -> None:
            msg = f"{name} cannot be set; facts are what is known at one instant, evolve(...) makes others"
            raise AttributeError(msg)

        def __delattr__(self, name: str) -> None:
            msg = f"{name} cannot be deleted; facts are what is known at one instant"
            raise AttributeError(msg)

    @classmethod
    def of(cls, history: History, *, as_of: datetime) -> Self:
        """Return the facts of one person from all records up to and including `as_of`.

        Args:
            history: Records of the person.
            as_of: Instant of the facts, an aware datetime.

        Raises:
            InstantError: `as_of` is naive.
        """
        now = parse_as_of(as_of)
        return cls.held_as(cls.fact_plan.values(check_is_history(history).ledger, now), now)

    @classmethod
    def over(cls, logs: Logs, *, as_of: datetime) -> Any:
        """Return the facts of every person with a record by `as_of`.

        There is one row a person and one column a fact.

        Args:
            logs: Records of all people.
            as_of: Instant of the facts, an aware datetime.

        Returns:
            A frame of the same kind as the logs, lazy if the logs are lazy. A missing value is null. Spans are
            durations. On DuckDB, Ibis and Spark, which have no durations in microseconds, spans are integers of
            microseconds.

        Raises:
            InstantError: `as_of` is naive.
        """
        from funnel.facts._frames import facts_over

        return facts_over(cls.fact_plan, logs, parse_as_of(as_of))

    @classmethod
    def running(cls, logs: Logs, *, as_of: datetime) -> Any:
        """Return everyone's facts at each instant when a record starts or stops to count.

        Instants after `as_of` are left out.

        Args:
            logs: Records of all people.
            as_of: Last instant, an aware datetime.

        Returns:
            A frame as from `over`, with the column `known_at`: one row for each person and instant, with the facts
            then.

        Raises:
            InstantError: `as_of` is naive.
        """
        from funnel.facts._frames import facts_running

        return facts_running(cls.fact_plan, logs, parse_as_of(as_of))

    @classmethod
    def held_as(cls, values: tuple[Value, ...], now: int) -> Self:
        """Internal: build facts from raw values."""
        facts = _new(cls)
        _set_now(facts, now)
        _set_values(facts, values)
        return facts

    def at(self, as_of: datetime) -> Self:
        """Return the facts at a later instant if nothing happens: only spans change.

        Raises:
            InstantError: `as_of` is naive, or earlier than these facts.
        """
        now = parse_as_of(as_of)
        if now < self.now:
            msg = "facts cannot be turned back, for later records are in them; take Facts.of(history, as_of=...)"
            raise InstantError(msg)
        return self.held_as(self.values, now)

    def evolve(self, /, **changes: object) -> Self:
        """Return a copy with some facts changed, for the tests of a rule."""
        values = _changed(self.fact_plan, list(self.values), changes, self.now)
        return self.held_as(tuple(values), self.now)

    def to_dict(self) -> dict[str, Any]:
        """Return every fact by name; None if it is unknown."""
        named = self.fact_plan.declared.items()
        return {name: known(one, self.values[self.fact_plan.places[name]], self.now) for name, one in named}

    def __eq__(self, other: object) -> bool:
        """Return whether both have the same values at the same instant."""
        if not isinstance(other, BaseFacts) or type(other) is not type(self):
            return NotImplemented
        return self.now == other.now and self.values == other.values

    def __hash__(self) -> int:
        """Return a hash of type, instant and values."""
        return hash((type(self), self.now, self.values))

    def __reduce__(self) -> tuple[object, ...]:
        """Support copying and pickling."""
        return self.held_as, (self.values, self.now)

    def __repr__(self) -> str:
        """Return the facts that differ from their defaults."""
        empty = self.fact_plan.empties
        told = [
            f"{name}={known(one, self.values[place], self.now)!r}"
            for name, one in self.fact_plan.declared.items()
            if self.values[place := self.fact_plan.places[name]] != empty[place] and one.show not in ("since", "until")
        ]
        return f"{type(self).__name__}({', '.join([f'as_of={self.as_of.isoformat()}', *told])})"


def _check_names(names: Iterable[str]) -> None:
    """Check that each fact can be a column.

    Raises:
        FactsError: A name cannot be a column.
    """
    seen: dict[str, str] = {}
    for name in names:
        problem, other = name_problem(name, _ADDED), seen.setdefault(name.casefold(), name)
        if not name.isidentifier():
            problem = "is not a name that Python allows"
        if other != name:
            problem = f"differs from {other} in upper case alone, which a database does not tell apart"
        if problem:
            msg = f"the fact {name} {problem}; give it another name"
            raise FactsError(msg)


_ADDED = frozenset({"person_id", "known_at"})


def _by_hand(plan: FactSchema, given: Mapping[str, object], now: int) -> tuple[Value, ...]:
    return tuple(_changed(plan, list(plan.empties), given, now))


def _changed(plan: FactSchema, values: list[Value], given: Mapping[str, object], now: int) -> list[Value]:
    """Return the values after changes by hand, with derived values that are not given."""
    told: dict[int, str] = {}
    before = list(values)
    for name, fact in given.items():
        if name not in plan.declared:
            msg = f"no fact is called {name!r}; {suggest(name, plan.declared)}"
            raise FactsError(msg)
        place, value = plan.places[name], held(name, plan.declared[name], fact, now)
        if place in told and values[place] != value:
            msg = f"{told[place]} and {name} tell of the same and do not agree; give one of them"
            raise FactsError(msg)
        values[place], told[place] = value, name
    return _derived(plan, before, values, set(told))


def _derived(plan: FactSchema, before: list[Value], values: list[Value], told: set[int]) -> list[Value]:
    """Update derived values whose parts changed.

    They are computed if all parts are known, and reset if a part became unknown.
    """
    first, empty = len(plan.reductions), plan.empties
    worked = list(values)
    plan.finish(worked)
    for place, (_, parts) in enumerate(plan.finishes, first):
        if place in told or all(before[part] == values[part] for part in parts):
            continue
        if all(values[part] != empty[part] for part in parts):
            values[place] = worked[place]
        elif all(before[part] != empty[part] for part in parts):
            values[place] = empty[place]
    return values
