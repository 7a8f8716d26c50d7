"""One person's facts at one instant: whole numbers held, typed values shown, and three ways to come to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from operator import index
from typing import TYPE_CHECKING, Any, ClassVar, Self, dataclass_transform

from funnel._facts.declare import Declared
from funnel._facts.plan import Plan, plan_of
from funnel._facts.views import View, held, known
from funnel._given import judgement, name_problem, nearest
from funnel._instants import instant
from funnel._lift.nodes import Value
from funnel._lift.symbols import Symbols
from funnel.errors import FactsError, InstantError
from funnel.history import History, history_given

if TYPE_CHECKING:
    from funnel.logs import Logs


@dataclass_transform(frozen_default=True, kw_only_default=True, eq_default=True)
class Held:
    """The whole numbers and texts that facts are read from, and the instant they are read at, in microseconds."""

    __slots__ = ("now", "values")

    now: int
    values: tuple[Value, ...]


_new = object.__new__
_set_now, _set_values = (vars(Held)[slot].__set__ for slot in ("now", "values"))
"""Facts refuse to be set; what makes them writes to their slots directly, which is also the fastest way."""


class BaseFacts(Held):
    """What is known of one person at one instant; a class of facts is one line a fact.

    A fact reads as its author declared it: a count or a sum as int, a span as timedelta, an instant as datetime or
    None. Made by hand (for the tests of a rule) every fact that is not given is that of a person of whom nothing is
    known.
    """

    __slots__ = ()

    as_of: datetime
    """The instant of judgement."""

    _own: ClassVar[Mapping[str, Declared]] = {}
    fact_plan: ClassVar[Plan]

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Collect the facts that the class declares, and those of all the classes it extends.

        Raises:
            FactsError: A fact has a name that the facts themselves need.
        """
        super().__init_subclass__(**kwargs)
        cls._own = {name: value for name, value in vars(cls).items() if isinstance(value, Declared)}
        taken = [name for name in cls._own if hasattr(BaseFacts, name) or hasattr(Symbols, name)]
        if taken:
            msg = f"{taken[0]} is a name that the facts themselves need; give the fact another"
            raise FactsError(msg)
        declared: dict[str, Declared] = {}
        for base in reversed(cls.__mro__):
            declared |= vars(base).get("_own", {})
        _check_names(declared)
        cls.fact_plan = plan_of(declared)
        for name, one in declared.items():
            setattr(cls, name, View(name, one, cls.fact_plan.places[name]))

    if not TYPE_CHECKING:  # pragma: no branch - type checkers read the facts that a class declares

        def __init__(self, /, *, as_of: datetime, **given: object) -> None:
            now = judgement(as_of)
            _set_now(self, now)
            _set_values(self, _by_hand(self.fact_plan, given, now))

        as_of = property(lambda facts: instant(index(facts.now)), doc="The instant of judgement.")

        def __getattr__(self, name: str) -> object:
            if name not in Held.__slots__ and type(self.values) is Symbols:
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
        """The facts of one person, from everything recorded with a time up to and including `as_of`.

        Args:
            history: The person's records.
            as_of: The instant of judgement, an aware datetime.

        Raises:
            InstantError: `as_of` is naive.
        """
        now = judgement(as_of)
        return cls.held_as(cls.fact_plan.values(history_given(history).ledger, now), now)

    @classmethod
    def over(cls, logs: Logs, *, as_of: datetime) -> Any:
        """The facts of everyone of whom anything is recorded by `as_of`: one row a person, one column a fact.

        Args:
            logs: Everyone's records.
            as_of: The instant of judgement, an aware datetime.

        Returns:
            A frame of the kind the logs came in as, lazy where they were. What never came is null. Spans are durations;
            on DuckDB, Ibis and Spark, which have none of microseconds, they are whole microseconds.

        Raises:
            InstantError: `as_of` is naive.
        """
        from funnel._facts.frames import facts_over

        return facts_over(cls.fact_plan, logs, judgement(as_of))

    @classmethod
    def running(cls, logs: Logs, *, as_of: datetime) -> Any:
        """The facts of everyone at each instant of their own at which something counts or ceases to, up to `as_of`.

        Args:
            logs: Everyone's records.
            as_of: The last instant to look at, an aware datetime.

        Returns:
            A frame as from `over`, with the column `known_at`; one row a person and instant, the facts as known then.

        Raises:
            InstantError: `as_of` is naive.
        """
        from funnel._facts.frames import facts_running

        return facts_running(cls.fact_plan, logs, judgement(as_of))

    @classmethod
    def held_as(cls, values: tuple[Value, ...], now: int) -> Self:
        """Facts of values that are held already; for the parts of this library."""
        facts = _new(cls)
        _set_now(facts, now)
        _set_values(facts, values)
        return facts

    def at(self, as_of: datetime) -> Self:
        """The facts at a later instant if nothing happens until then: spans have grown, nothing else has changed.

        Raises:
            InstantError: `as_of` is naive, or earlier than these facts.
        """
        now = judgement(as_of)
        if now < self.now:
            msg = "facts cannot be turned back, for later records are in them; take Facts.of(history, as_of=...)"
            raise InstantError(msg)
        return self.held_as(self.values, now)

    def evolve(self, /, **changes: object) -> Self:
        """The same facts with some of them changed, for the tests of a rule."""
        values = _changed(self.fact_plan, list(self.values), changes, self.now)
        return self.held_as(tuple(values), self.now)

    def to_dict(self) -> dict[str, Any]:
        """Every fact by its name; None where nothing is known."""
        named = self.fact_plan.declared.items()
        return {name: known(one, self.values[self.fact_plan.places[name]], self.now) for name, one in named}

    def __eq__(self, other: object) -> bool:
        """Equal where the same is known at the same instant."""
        if not isinstance(other, BaseFacts) or type(other) is not type(self):
            return NotImplemented
        return self.now == other.now and self.values == other.values

    def __hash__(self) -> int:
        """Facts are values."""
        return hash((type(self), self.now, self.values))

    def __reduce__(self) -> tuple[object, ...]:
        """Copied, or carried to another process, they are the same facts."""
        return self.held_as, (self.values, self.now)

    def __repr__(self) -> str:
        """Show the facts that say something."""
        empty = self.fact_plan.empties
        told = [
            f"{name}={known(one, self.values[place], self.now)!r}"
            for name, one in self.fact_plan.declared.items()
            if self.values[place := self.fact_plan.places[name]] != empty[place] and one.show not in ("since", "until")
        ]
        return f"{type(self).__name__}({', '.join([f'as_of={self.as_of.isoformat()}', *told])})"


def _check_names(names: Iterable[str]) -> None:
    """See that each fact can be a column.

    Raises:
        FactsError: One cannot.
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


def _by_hand(plan: Plan, given: Mapping[str, object], now: int) -> tuple[Value, ...]:
    return tuple(_changed(plan, list(plan.empties), given, now))


def _changed(plan: Plan, values: list[Value], given: Mapping[str, object], now: int) -> list[Value]:
    """The values with some facts given by hand; what is derived follows, unless it is given too."""
    told: dict[int, str] = {}
    before = list(values)
    for name, fact in given.items():
        if name not in plan.declared:
            msg = f"no fact is called {name!r}; {nearest(name, plan.declared)}"
            raise FactsError(msg)
        place, value = plan.places[name], held(name, plan.declared[name], fact, now)
        if place in told and values[place] != value:
            msg = f"{told[place]} and {name} tell of the same and do not agree; give one of them"
            raise FactsError(msg)
        values[place], told[place] = value, name
    return _derived(plan, before, values, set(told))


def _derived(plan: Plan, before: list[Value], values: list[Value], told: set[int]) -> list[Value]:
    """Work out what is derived from values that have changed: all of them known, or one of them known no longer."""
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
