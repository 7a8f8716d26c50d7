"""Base class of facts: stores integers, shows typed values, and is created in three ways."""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from threading import RLock
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from funnel._arguments import SpanLike, name_problem, parse_as_of, span
from funnel._expr.nodes import Value
from funnel._expr.tracer import FactsProxy
from funnel._time import MICROSECOND, instant, instant_at
from funnel.errors import FactsError, InstantError
from funnel.facts._by_hand import changed
from funnel.facts._declare import Declared, with_occasion
from funnel.facts._display import RawFacts, View, output_value
from funnel.policy import OCCASION

if TYPE_CHECKING:
    from funnel._dataframes.frame_types import FrameT
    from funnel._dataframes.ibis_dialects import Dialect
    from funnel.facts._schema import FactSchema
    from funnel.history import History
    from funnel.logs import Logs


_new = object.__new__
_set_now, _set_values = (vars(RawFacts)[slot].__set__ for slot in ("now", "values"))
"""Setters of the slots. Facts refuse assignment; construction writes the slots directly, which is also fastest."""


class _LazySchema:
    """Schema of a class of facts, built when it is first used and then stored in the class."""

    def __init__(self, declared: Mapping[str, Declared]) -> None:
        self.declared = declared
        self.lock = RLock()

    def __get__(self, facts: object, owner: type[BaseFacts]) -> FactSchema:
        from funnel.facts._schema import fact_schema

        with self.lock:
            if vars(owner)["_fact_plan"] is self:
                owner._fact_plan = fact_schema(self.declared)
        return owner._fact_plan


class AnyLiveFacts:
    """Base of live facts, by which a rule recognises them without loading their module."""


class BaseFacts(RawFacts):
    """Facts of one person at one instant; a class of facts declares each fact in one line.

    A fact has its declared type: a count or a sum is an int, a span is a timedelta, an instant is a datetime or None.
    If facts are created by hand (to test a rule), every fact that is not given has the value of an unknown person.
    """

    __slots__ = ()

    as_of: datetime
    """Instant of the facts."""

    _own: ClassVar[Mapping[str, Declared]] = {}
    _occasion: ClassVar[int] = OCCASION // MICROSECOND
    _fact_plan: ClassVar[FactSchema]

    def __init_subclass__(cls, *, occasion: SpanLike | None = None, **kwargs: object) -> None:
        """Collect the facts that the class and its base classes declare.

        Args:
            occasion: Shortest time between two occasions, a timedelta or text such as "3 hours". A purchase that comes
                sooner after the previous one belongs to its occasion. By default the time of the base class: one day.
            kwargs: Arguments of other base classes.

        Raises:
            FactsError: A fact has a reserved name.
            ArgumentError: `occasion` is not a span above zero.
        """
        super().__init_subclass__(**kwargs)
        if occasion is not None:
            cls._occasion = span(occasion, "occasion")
        cls._own = {name: value for name, value in vars(cls).items() if isinstance(value, Declared)}
        reserved = [name for name in cls._own if hasattr(BaseFacts, name) or hasattr(FactsProxy, name)]
        if reserved:
            raise FactsError(f"{reserved[0]} is reserved by the class of facts; give the fact another name")
        declared: dict[str, Declared] = {}
        for base in reversed(cls.__mro__):
            declared |= vars(base).get("_own", {})
        declared = {name: with_occasion(one, cls._occasion) for name, one in declared.items()}
        _check_names(declared)
        cls._fact_plan = cast("FactSchema", _LazySchema(declared))
        for name, one in declared.items():
            setattr(cls, name, View(name, one, cls))

    if not TYPE_CHECKING:  # pragma: no branch - type checkers read the facts that a class declares

        def __init__(self, /, *, as_of: datetime, **values: object) -> None:
            now = parse_as_of(as_of)
            _set_now(self, now)
            _set_values(self, tuple(changed(self._fact_plan, self._fact_plan.unknown, values, now)))

        as_of = property(lambda facts: instant(operator.index(facts.now)), doc="Instant of the facts.")

        def __getattr__(self, name: str) -> object:
            if name not in RawFacts.__slots__ and type(self.values) is FactsProxy:
                return getattr(self.values, name)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        def __setattr__(self, name: str, value: object) -> None:
            msg = f"{name} cannot be set, because facts are immutable; evolve(...) returns changed facts"
            raise AttributeError(msg)

        def __delattr__(self, name: str) -> None:
            raise AttributeError(f"{name} cannot be deleted, because facts are immutable")

    @classmethod
    def of(cls, history: History, *, as_of: datetime) -> Self:
        """Return the facts of one person from all records up to and including `as_of`.

        Args:
            history: Records of the person.
            as_of: Instant of the facts, an aware datetime.

        Raises:
            InstantError: `as_of` is naive.
        """
        from funnel.history import check_is_history

        now = parse_as_of(as_of)
        return cls._from_raw(cls._fact_plan.values(check_is_history(history)._ledger, now), now)

    @classmethod
    def over(cls, logs: Logs[FrameT], *, as_of: datetime) -> FrameT:
        """Return the facts of every person with a record by `as_of`.

        There is one row a person and one column a fact.

        Args:
            logs: Records of all people.
            as_of: Instant of the facts, an aware datetime.

        Returns:
            A frame of the same kind as the logs, lazy if the logs are lazy. Rows of eager frames are sorted by
            `person_id`; other rows have no order. A missing value is null. Spans are durations. On DuckDB, Ibis and
            Spark, which have no durations in microseconds, spans are integers of microseconds.

        Raises:
            InstantError: `as_of` is naive.
        """
        from funnel.facts._frames import facts_over

        return facts_over(cls._fact_plan, logs, parse_as_of(as_of))

    @classmethod
    def running(cls, logs: Logs[FrameT], *, as_of: datetime) -> FrameT:
        """Return everyone's facts at each instant when a record starts or stops to count.

        Instants after `as_of` are left out.

        Args:
            logs: Records of all people.
            as_of: Last instant, an aware datetime.

        Returns:
            A frame as from `over`, with the column `known_at`: one row for each person and instant, with the facts
            then. Rows of eager frames are sorted by both.

        Raises:
            InstantError: `as_of` is naive.
        """
        from funnel.facts._frames import facts_running

        return facts_running(cls._fact_plan, logs, parse_as_of(as_of))

    @classmethod
    def sql(
        cls,
        tables: Mapping[str, Collection[str]],
        *,
        as_of: datetime,
        dialect: Dialect,
        facts: Collection[str] | None = None,
    ) -> str:
        """Return the SQL that computes the facts in a database, to keep in a dbt model.

        The tables have the names, columns and types of `Logs`: texts, timestamps with a zone, and whole minor units.
        Nothing is validated and duplicates are not dropped, because there are no rows yet.

        Args:
            tables: Columns of each table: `{"purchases": ["id", "person_id", "purchased_at", "amount"]}`, with the own
                columns that the facts declare. Columns of people are in the table `people`, with one row for each
                `person_id`: `{"people": ["person_id", "tier"]}`.
            as_of: Instant of the facts, an aware datetime. It stands in the SQL as microseconds since 1970.
            dialect: SQL dialect: bigquery, databricks, duckdb, postgres, snowflake or trino. ClickHouse is not
                supported, because its window functions return 0 instead of null.
            facts: Names of the facts to compute; by default all, which is a long query.

        Returns:
            A query with `person_id` and one column a fact. Spans are whole microseconds. A missing value is null.

        Raises:
            ArgumentError: The dialect, a table or a column is unknown, or a required column is missing.
            FactsError: A fact is unknown, or reads an own column that is not in `tables`.
            InstantError: `as_of` is naive.
            MissingExtraError: Ibis, which writes the SQL, is not installed.
        """
        from funnel.facts._frames import facts_sql

        return facts_sql(cls._fact_plan, tables, parse_as_of(as_of), dialect, facts)

    @classmethod
    def _from_raw(cls, values: tuple[Value, ...], now: int) -> Self:
        """Internal: build facts from raw values."""
        facts = _new(cls)
        _set_now(facts, now)
        _set_values(facts, values)
        return facts

    @classmethod
    def _from_values(cls, values: Mapping[str, Value], as_of: datetime) -> Self:
        """Internal: build facts from raw integers by name; other facts get defaults."""
        plan, now = cls._fact_plan, parse_as_of(as_of)
        slope = {name: slope for name, (_, slope) in plan.run_indices().items()}
        raw = {
            name: instant_at(int(value), slope[name], now) if slope[name] else value for name, value in values.items()
        }
        typed = {
            name: value if isinstance(value, str) else output_value(plan.declared[name], value, now)
            for name, value in raw.items()
            if not slope[name] or value != plan.empties[plan.indices[name]]
        }
        return cls._from_raw(tuple(changed(plan, plan.unknown, typed, now, is_solved=True)), now)

    def at(self, as_of: datetime) -> Self:
        """Return the facts at a later instant if nothing happens: spans change, and records leave windows.

        Raises:
            InstantError: `as_of` is naive, or earlier than these facts.
            FactsError: A fact with a window was set by hand, so the records in the window are unknown.
        """
        now = parse_as_of(as_of)
        if now < self.now:
            raise InstantError("as_of is before the instant of these facts; use Facts.of(history, as_of=...)")
        plan = self._fact_plan
        return self._from_raw(plan.later(self.values, now, plan.windows), now)

    def evolve(self, /, **changes: object) -> Self:
        """Return a copy with some facts changed, for the tests of a rule."""
        values = changed(self._fact_plan, list(self.values), changes, self.now)
        return self._from_raw(tuple(values), self.now)

    def to_dict(self) -> dict[str, Any]:
        """Return every fact by name; None if it is unknown."""
        facts = self._fact_plan.declared.items()
        return {name: output_value(one, self.values[self._fact_plan.indices[name]], self.now) for name, one in facts}

    @property
    def _visible(self) -> object:
        """Internal: the values of the facts, without the sums behind them and the rows of the windows."""
        return self._fact_plan.compared(self.values)

    def __eq__(self, other: object) -> bool:
        """Return whether both have the same values at the same instant."""
        if not isinstance(other, BaseFacts) or type(other) is not type(self):
            return NotImplemented
        return self.now == other.now and self._visible == other._visible

    def __hash__(self) -> int:
        """Return a hash of type, instant and values."""
        identity = hash((type(self), self.now))  # first: facts of a rule that is traced refuse it
        return hash((identity, self._visible))

    def __reduce__(self) -> tuple[object, ...]:
        """Support copying and pickling."""
        return self._from_raw, (self.values, self.now)

    def __repr__(self) -> str:
        """Return the facts that differ from their defaults."""
        empty, indices, declared = self._fact_plan.empties, self._fact_plan.indices, self._fact_plan.declared
        instants = {indices[name] for name, one in declared.items() if one.show == "instant"}
        texts = [
            f"{name}={output_value(one, self.values[index], self.now)!r}"
            for name, one in declared.items()
            if self.values[index := indices[name]] != empty[index]
            and not (one.show in ("since", "until") and index in instants)
        ]
        return f"{type(self).__name__}({', '.join([f'as_of={self.as_of.isoformat()}', *texts])})"


def _check_names(names: Iterable[str]) -> None:
    """Check that each fact can be a column.

    Raises:
        FactsError: A name cannot be a column.
    """
    by_folded_name: dict[str, str] = {}
    for name in names:
        problem, other = name_problem(name, _ADDED), by_folded_name.setdefault(name.casefold(), name)
        if not name.isidentifier():
            problem = "is not a name that Python allows"
        if other != name:
            problem = f"differs from {other} only in upper case, which a database ignores"
        if problem:
            raise FactsError(f"the fact {name} {problem}; give it another name")


_ADDED = frozenset({"person_id", "known_at"})
