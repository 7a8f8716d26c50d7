"""Rules: plain typed functions of facts and policy.

A function under `@rule` is traced once for each policy (see `funnel._expr`). Every method reads the same decision tree,
so the answers for one person, for everyone and for future instants cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cached_property, update_wrapper
from inspect import isroutine, signature, unwrap
from typing import TYPE_CHECKING, Any, Generic, Self, TypeAlias, TypeVar, cast, get_type_hints, overload

import attrs

from funnel._arguments import is_function, kind_of, name_problem, parse_as_of
from funnel._cache import PolicyCache
from funnel._copies import OfFunctions
from funnel._expr.tree import may_be_none, no_answer
from funnel._time import instant
from funnel.errors import ArgumentError, FactsError, RuleError
from funnel.facts import Facts
from funnel.facts._base import AnyLiveFacts, BaseFacts
from funnel.facts._traced import as_plain, is_tracing, refuse_method
from funnel.policy import Policy

if TYPE_CHECKING:
    from funnel._dataframes.frame_types import FrameT
    from funnel._dataframes.ibis_dialects import Dialect
    from funnel._expr.explain import DecisionTable, Explanation
    from funnel.facts._compiled_rule import CompiledRule
    from funnel.history import History
    from funnel.incremental._live_facts import LiveFacts
    from funnel.logs import Logs

__all__ = ["NextChange", "Rule", "rule"]

F = TypeVar("F", bound=BaseFacts)
P = TypeVar("P", bound=Policy)
A = TypeVar("A")

if TYPE_CHECKING:
    Person: TypeAlias = F | History | LiveFacts[Any]
    """One person: facts, a history or live facts."""
else:
    LiveFacts = AnyLiveFacts  # the class itself loads the models of every record

_ADDED = frozenset({"person_id", "known_at", "next_change"})
"""Columns of a result beside the answer; a rule cannot have these names."""


class Rule(OfFunctions, Generic[F, P, A]):
    """Rule of facts and policy, with the same answer in every method.

    `@rule` makes it from a function. A call with facts and policy returns what the function returns. Inside another
    rule, a rule is an ordinary function.
    """

    def __init__(self, function: Callable[[F, P], A]) -> None:
        """Wrap a plain typed function of facts and policy.

        Raises:
            ArgumentError: The argument is not a function, or its name is not a valid column name.
        """
        if not is_function(function):
            msg = f"a rule must be a function of facts and policy (got {kind_of(function)}); write @rule above a def"
            raise ArgumentError(msg)
        if not isroutine(unwrap(function)):
            msg = f"a rule must be a function written with def (got {kind_of(function)}); write a def that calls it"
            raise ArgumentError(msg)
        update_wrapper(cast("Callable[..., object]", self), function)
        self.name: str = getattr(function, "__name__", "rule")
        if problem := name_problem(self.name, _ADDED):
            raise ArgumentError(f"the rule {self.name} {problem}; give it another name")
        self._function = function
        self._compiled: PolicyCache[CompiledRule] = PolicyCache(self._compile)

    def __repr__(self) -> str:
        """Return the name of the rule."""
        return f"<rule {self.name}>"

    def _functions(self) -> tuple[Self]:
        return (self,)

    def __reduce__(self) -> str:
        """Pickle by qualified name, like a function."""
        return getattr(self, "__qualname__", self.name)

    def __call__(self, f: F, policy: P) -> A:
        """Return the answer for facts; inside another rule, trace this rule."""
        if is_tracing(f):
            return self._answered(f, policy)
        return self.of(f, policy)

    def _answered(self, f: F, policy: P) -> A:
        """Return the answer of the function itself.

        Raises:
            RuleError: The answer is None, and the annotation does not allow None.
        """
        answer = self._function(f, policy)
        if answer is None and not self._may_be_none:
            raise no_answer(self.name, "in a branch")
        return answer

    @cached_property
    def _may_be_none(self) -> bool:
        """Return whether None is allowed as an answer, or nothing is annotated."""
        return may_be_none(self._hints.get("return", object))

    @cached_property
    def _hints(self) -> dict[str, Any]:
        try:
            return get_type_hints(self._function)
        except NameError as error:
            msg = f"the annotations of {self.name} use {error.name!r}, which is not defined; import it"
            raise FactsError(msg) from None

    def _check_policy(self, policy: Policy) -> None:
        """Check the policy against the annotation of the second argument.

        Raises:
            ArgumentError: The annotation is another policy class.
        """
        kind = self._policy_class
        if not isinstance(policy, kind):
            raise ArgumentError(f"the policy of {self.name} must be a {kind.__name__} (got {kind_of(policy)})")

    @property
    def _policy_class(self) -> type[Policy]:
        """Policy class annotated on the second argument; `Policy` if not annotated."""
        annotations = [self._hints.get(name) for name in (*signature(self._function).parameters,)[1:2]]
        return next((kind for kind in annotations if isinstance(kind, type) and issubclass(kind, Policy)), Policy)

    @cached_property
    def facts(self) -> type[F]:
        """Facts class annotated on the first argument; `Facts` if not annotated.

        Raises:
            FactsError: The annotation is not a facts class, or its name cannot be found.
        """
        annotation = next((hint for name, hint in self._hints.items() if name != "return"), Facts)
        if not (isinstance(annotation, type) and issubclass(annotation, BaseFacts)):
            msg = f"the first argument of {self.name} is annotated with {annotation!r}; use Facts or a subclass"
            raise FactsError(msg)
        return cast("type[F]", annotation)

    def _as_written(self, f: F, policy: P) -> A:
        """Return the answer of the function and its inner rules, in plain Python.

        Raises:
            RuleError: The answer is None, and the annotation does not allow None.
        """
        return self._answered(as_plain(f), policy)

    def _compiled_rule(self, policy: P, facts: type[BaseFacts] | None = None) -> CompiledRule:
        """Return the compiled rule, cached for each policy and facts class.

        Raises:
            RuleError: The function cannot run for a table.
        """
        kind = facts or self.facts
        cached = self._compiled.by_identity.get((kind, id(policy)))
        return self._compiled.get(kind, policy) if cached is None else cached[1]

    def _compile(self, facts: type[BaseFacts], policy: Policy) -> CompiledRule:
        from funnel.rules._compile import check_parameters, compile_rule

        function = cast("Callable[[BaseFacts, Policy], object]", self._function)
        try:
            return compile_rule(self.name, function, facts, policy, may_be_none=self._may_be_none)
        except RuleError as error:
            if isinstance(error.__cause__, AttributeError):
                self._check_policy(policy)
            if isinstance(error.__cause__, TypeError):
                check_parameters(self.name, self._function)
            raise

    # ---- one person ----

    @overload
    def of(self, person: History | LiveFacts[F], policy: P, *, as_of: datetime) -> A: ...
    @overload
    def of(self, person: F, policy: P) -> A: ...
    def of(self, person: Person[F], policy: P, *, as_of: datetime | None = None) -> A:
        """Return the answer for one person.

        Args:
            person: Facts, history or live facts of the person.
            policy: The shop's policy.
            as_of: Instant to evaluate at. Not allowed with facts, which have their own instant.

        Raises:
            ArgumentError: The facts are of another class, or facts and `as_of` were passed together.
            FactsError: The live facts are of another class.
            RuleError: The function cannot run for a table.
        """
        cached = self._compiled.by_identity
        if as_of is None:
            entry = cached.get((type(person), id(policy)))
            if entry is not None:
                return entry[1].run(person.values, person.now)  # type: ignore[return-value, union-attr]
        elif isinstance(person, LiveFacts):
            entry = cached.get((person.facts_class, id(policy)))
            compiled = entry[1] if entry else self._compiled_rule(policy, person._class_for(self.name, self.facts))
            plan, run = compiled.alone
            return person._evaluate(plan, run, as_of)  # type: ignore[return-value]
        facts = self._facts_from(person, as_of)
        return cast("A", self._compiled_rule(policy, type(facts)).run(facts.values, facts.now))

    def _facts_from(self, person: object, as_of: datetime | None) -> F:
        """Return the facts of a history or of live facts, or the facts themselves."""
        refuse_method(person, self.name)
        if isinstance(person, self.facts):
            if as_of is None:
                return person
            raise ArgumentError(
                "as_of was passed with facts, which have their own instant; use facts.at(...) for a later instant"
            )
        if isinstance(person, LiveFacts):
            person._class_for(self.name, self.facts)
            return cast("F", person.facts(as_of=cast("datetime", as_of)))
        from funnel.history import History

        if isinstance(person, History):
            return self.facts.of(person, as_of=cast("datetime", as_of))
        from funnel.rules._frames import not_one_person

        raise ArgumentError(f"{self.name} {not_one_person(person, self.facts.__name__)}")

    @overload
    def why(self, person: History | LiveFacts[F], policy: P, *, as_of: datetime) -> Explanation: ...
    @overload
    def why(self, person: F, policy: P) -> Explanation: ...
    def why(self, person: Person[F], policy: P, *, as_of: datetime | None = None) -> Explanation:
        """Return the answer and its conditions, each with actual and required value.

        Args:
            person: Facts, history or live facts of the person.
            policy: The shop's policy.
            as_of: Instant to evaluate at. Not allowed with facts.
        """
        entry = self._compiled.by_identity.get((type(person), id(policy)))
        if as_of is None and entry is not None:
            return entry[1].why(cast("BaseFacts", person))
        facts = self._facts_from(person, as_of)
        return self._compiled_rule(policy, type(facts)).why(facts)

    @property
    def next_change(self) -> NextChange[F, P, A]:
        """When the answer changes if nothing happens: `of` one or `over` everyone."""
        return NextChange(self)

    # ---- everyone ----

    @overload
    def over(self, people: Logs[FrameT], policy: P, *, as_of: datetime) -> FrameT: ...
    @overload
    def over(self, people: FrameT, policy: P) -> FrameT: ...
    def over(self, people: Any, policy: P, *, as_of: datetime | None = None) -> Any:
        """Return the answer for everyone, computed by the engine of the data.

        Args:
            people: Logs, or a dataframe with a column for each fact that the rule reads, such as from `Facts.over`.
            policy: The shop's policy.
            as_of: Instant to evaluate at. Required with logs, not allowed with a dataframe of facts.

        Returns:
            For logs, a dataframe of the same type, sorted if it is eager: `person_id` and the answer, named like the
            rule. For a dataframe, the same rows in the same order with that column; a pandas frame keeps its index.

        Raises:
            ArgumentError: `as_of` is missing for logs, or was passed with a dataframe.
            FactsError: A column is missing.
            RuleError: The function cannot run for a table.
        """
        from funnel._people import remedy
        from funnel.logs import is_logs
        from funnel.rules._frames import answers_of_facts, answers_of_logs

        ready = self._compiled_rule(policy)
        if is_logs(people):
            return answers_of_logs(ready, people, parse_as_of(as_of), self.name)
        if as_of is not None:
            msg = f"as_of needs Logs (got {kind_of(people)}); {remedy(people)}"
            raise ArgumentError(f"{msg}, or leave as_of out with a dataframe of facts, which has its own instant")
        return answers_of_facts(ready, people, self.name)

    # ---- the rule itself ----

    def table(self, policy: P) -> DecisionTable:
        """Return every path through the rule as a decision table.

        Args:
            policy: The shop's policy.
        """
        from funnel._expr.explain import DecisionTable

        return DecisionTable(self.name, self._compiled_rule(policy).paths)

    def sql(self, policy: P, *, dialect: Dialect, table: str = "facts") -> str:
        """Return the SQL of the rule for a dbt model: a query with `person_id` and the answer.

        Args:
            policy: The shop's policy.
            dialect: bigquery, clickhouse, databricks, duckdb, postgres, snowflake or trino.
            table: Table with `person_id` and the columns of `Facts.sql`.
        """
        from funnel.rules._frames import sql_of_facts

        return sql_of_facts(self._compiled_rule(policy), self.name, table, dialect)

    def witnesses(self, policy: P, *, as_of: datetime) -> tuple[F, ...]:
        """Return example facts for each path of the rule that is possible.

        Args:
            policy: The shop's policy.
            as_of: Instant of the facts.
        """
        from funnel._expr.solver import witness

        ready = self._compiled_rule(policy)
        samples = (witness(path) for path in ready.paths)
        return tuple(self.facts._from_values(values, as_of) for values in samples if values is not None)


@attrs.frozen
class NextChange(Generic[F, P, A]):
    """Earliest instant when the answer of a rule changes if nothing happens."""

    rule: Rule[F, P, A]

    @overload
    def of(self, person: History | LiveFacts[F], policy: P, *, as_of: datetime) -> datetime | None: ...
    @overload
    def of(self, person: F, policy: P) -> datetime | None: ...
    def of(self, person: Person[F], policy: P, *, as_of: datetime | None = None) -> datetime | None:
        """Return the next change for one person; None if none before 2200.

        Args:
            person: Facts, history or live facts of the person.
            policy: The shop's policy.
            as_of: Instant to evaluate at. Not allowed with facts.

        Raises:
            FactsError: The rule reads a fact with a window that was set by hand, so the records in it are unknown.
            RuleError: The rule uses the clock in a way that has no next change. For example, it returns a time span.
        """
        if isinstance(person, LiveFacts):
            kind = person._class_for(self.rule.name, self.rule.facts)
            then = person._evaluate(*self.rule._compiled_rule(policy, kind).alone_change, cast("datetime", as_of))
        else:
            facts = self.rule._facts_from(person, as_of)
            then = self.rule._compiled_rule(policy, type(facts)).change(facts.values, facts.now)
        return None if then is None else instant(then)

    __call__ = of

    def over(self, logs: Logs[FrameT], policy: P, *, as_of: datetime) -> FrameT:
        """Return the next change for everyone; null if none before 2200.

        Args:
            logs: Records of everyone.
            policy: The shop's policy.
            as_of: Instant to evaluate at.

        Returns:
            A dataframe like that of `Rule.over`: `person_id`, the answer (named like the rule), `next_change`.

        Raises:
            RuleError: The rule uses the clock in a way that has no next change.
        """
        from funnel.rules._frames import changes_of_logs

        return changes_of_logs(self.rule._compiled_rule(policy), logs, parse_as_of(as_of), self.rule.name)


def rule(function: Callable[[F, P], A]) -> Rule[F, P, A]:
    """Make a rule from a plain typed function of facts and policy.

    The function may compare facts with constants, policy numbers and other facts, and add, subtract and scale them. It
    may branch with `if`, `and`, `or`, `not`, `in`, `match`, `min`, `max`. It may call other rules and helpers, and use
    classes, properties and methods of facts and policy. It must not read a clock or change anything. If it cannot run
    for a table, the first use raises `RuleError` with the remedy. A function that catches the error raises it too.

    Args:
        function: `(f: Facts, policy: Policy) -> answer`. The answer is a bool, an int, a str, an enum member or a
            timedelta.

    Example:
        >>> from datetime import UTC, datetime
        >>> from funnel import Facts, Policy
        >>> @rule
        ... def is_vip(f: Facts, policy: Policy) -> bool:
        ...     return f.purchase_count >= 5
        >>> is_vip.of(Facts(as_of=datetime(2026, 3, 1, tzinfo=UTC), purchase_count=5), Policy())
        True
    """
    return Rule(function)
