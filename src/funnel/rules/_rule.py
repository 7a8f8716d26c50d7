"""Rules: plain typed functions of facts and policy.

A function under `@rule` is traced once for each policy (see `funnel._expr`). Every method reads the same decision tree,
so the answers for one person, for everyone and for future instants cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from datetime import datetime, timedelta
from functools import cached_property, update_wrapper
from inspect import isroutine, signature, unwrap
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast, get_type_hints

import attrs

from funnel._arguments import instance, is_function, kind_of, name_problem, parse_as_of
from funnel._cache import PolicyCache
from funnel._copies import OfFunctions
from funnel._expr.explain import DecisionTable, Explanation, Reason, RulePath
from funnel._expr.named_constants import named
from funnel._expr.next_change import first_change
from funnel._expr.nodes import Value, evaluate
from funnel._expr.reachable_code import reach_of
from funnel._expr.solver import witness
from funnel._expr.to_python import compiled
from funnel._expr.tree import is_none, leaves, may_be_none, no_answer
from funnel._expr.verify import SampleGap, trace_and_verify
from funnel._time import held_at, instant, span_at
from funnel.errors import ArgumentError, FactsError, RuleError
from funnel.facts import Facts
from funnel.facts._base import BaseFacts
from funnel.facts._compiled_rule import CompiledRule
from funnel.facts._declare import SLOPES
from funnel.facts._traced import is_lifting, made_up, plainly, reader, traced
from funnel.history import History
from funnel.policy import Policy

if TYPE_CHECKING:
    from funnel.logs import Logs

__all__ = ["DecisionTable", "Explanation", "NextChange", "Reason", "Rule", "RulePath", "rule"]

F = TypeVar("F", bound=BaseFacts)
P = TypeVar("P", bound=Policy)
A = TypeVar("A")


_ADDED = frozenset({"person_id", "known_at", "next_change"})
"""Columns of a result beside the answer; a rule cannot have these names."""


def _named_policy(policy: P) -> P:
    """Return an equal copy of the policy whose numbers carry their field name."""
    shown = copy(policy)
    vars(shown).update({name: named(getattr(policy, name), name) for name in type(policy).model_fields})
    return shown


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
            msg = f"a rule is made of a function (got {kind_of(function)}); decorate a function of facts and policy"
            raise ArgumentError(msg)
        if not isroutine(unwrap(function)):
            msg = f"a rule is made of a function written as a def (got {kind_of(function)}); write a def that calls it"
            raise ArgumentError(msg)
        update_wrapper(cast("Callable[..., object]", self), function)
        self.name: str = getattr(function, "__name__", "rule")
        if problem := name_problem(self.name, _ADDED):
            msg = f"the rule {self.name} {problem}; give it another name"
            raise ArgumentError(msg)
        self._function = function
        self._compiled: PolicyCache[CompiledRule] = PolicyCache(self._lift)

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
        if is_lifting(f):
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
            msg = f"the annotations of {self.name} name {error.name!r}, which is not found; import it beside the rule"
            raise FactsError(msg) from None

    def _check_policy(self, policy: Policy) -> None:
        """Check the policy against the annotation of the second argument.

        Raises:
            ArgumentError: The annotation is another policy class.
        """
        wanted = [self._hints.get(name, Policy) for name in (*signature(self._function).parameters,)[1:2]]
        for kind in wanted:
            if isinstance(kind, type) and issubclass(kind, Policy) and not isinstance(policy, kind):
                name = kind.__name__
                msg = f"the policy of {self.name} must be a {name} (got {kind_of(policy)}); give a {name}"
                raise ArgumentError(msg)

    @cached_property
    def facts(self) -> type[F]:
        """Facts class annotated on the first argument; `Facts` if not annotated.

        Raises:
            FactsError: The annotation is not a facts class, or its name cannot be found.
        """
        found = next((hint for name, hint in self._hints.items() if name != "return"), Facts)
        if not (isinstance(found, type) and issubclass(found, BaseFacts)):
            msg = f"the first argument of {self.name} is {found!r}; annotate it with Facts or a class that extends it"
            raise FactsError(msg)
        return cast("type[F]", found)

    def as_written(self, f: F, policy: P) -> A:
        """Return the answer of the function and its inner rules, in plain Python.

        Raises:
            RuleError: The answer is None, and the annotation does not allow None.
        """
        return self._answered(plainly(f), policy)

    def compiled_rule(self, policy: P, facts: type[BaseFacts] | None = None) -> CompiledRule:
        """Return the compiled rule, cached for each policy and facts class.

        Raises:
            RuleError: The function cannot run for a table.
        """
        return self._compiled.get(facts or self.facts, policy)

    def _lift(self, facts: type[BaseFacts], policy: Policy) -> CompiledRule:
        plan = facts.fact_plan
        ask, shown, places = (
            cast("Callable[[BaseFacts, Policy], object]", self._function),
            _named_policy(policy),
            plan.run_places(),
        )

        def meet(person: Mapping[str, Value]) -> SampleGap:
            known = made_up(facts, person)
            return SampleGap(lambda: ask(known, policy), reader(places, known))

        try:
            tree = trace_and_verify(
                lambda symbols: ask(traced(facts, symbols), shown),
                plan.readable,
                plan.refused,
                meet,
                reach_of(ask, policy, facts),
            )
        except RuleError as error:
            if isinstance(error.__cause__, AttributeError):
                self._check_policy(policy)
            msg = f"in the rule {self.name}: {error}"
            raise RuleError(msg) from error.__cause__
        made = CompiledRule(tree, plan, compiled(tree, places, self.name))
        if not self._may_be_none and any(map(is_none, leaves(tree))):
            path = next(path for path in made.ways if is_none(path.leaf))
            raise no_answer(self.name, f"where {path.words}")
        return made

    # ---- one person ----

    def of(self, person: F | History, policy: P, *, as_of: datetime | None = None) -> A:
        """Return the answer for one person.

        Args:
            person: Facts or history of the person.
            policy: The shop's policy.
            as_of: Instant to evaluate at. Allowed with a history only; facts have their own instant.

        Raises:
            ArgumentError: The facts are of another class, or facts and `as_of` were passed together.
            RuleError: The function cannot run for a table.
        """
        seen = self._compiled.by_identity.get((type(person), id(policy)))
        if as_of is None and seen is not None:
            known = cast("BaseFacts", person)
            return cast("A", seen[1].run(known.values, known.now))
        facts = self.facts_from(person, as_of)
        return cast("A", self.compiled_rule(policy, type(facts)).run(facts.values, facts.now))

    def facts_from(self, person: object, as_of: datetime | None) -> F:
        """Return the facts of a history, or the facts themselves."""
        if isinstance(person, History):
            return self.facts.of(person, as_of=cast("datetime", as_of))
        if not isinstance(person, self.facts):
            msg = f"{self.name} was given {kind_of(person)}; give {self.facts.__name__} or a History"
            raise ArgumentError(msg)
        if as_of is not None:
            raise ArgumentError(
                "facts were given with as_of; they are of their own instant, facts.at(...) makes them of a later one"
            )
        return person

    def why(self, person: F | History, policy: P, *, as_of: datetime | None = None) -> Explanation:
        """Return the answer and its conditions, each with actual and required value.

        Args:
            person: Facts or history of the person.
            policy: The shop's policy.
            as_of: Instant to evaluate at. Allowed with a history only.
        """
        seen = self._compiled.by_identity.get((type(person), id(policy)))
        if as_of is None and seen is not None:
            return seen[1].why(cast("BaseFacts", person))
        facts = self.facts_from(person, as_of)
        return self.compiled_rule(policy, type(facts)).why(facts)

    @property
    def next_change(self) -> NextChange[F, P, A]:
        """When the answer changes if nothing happens: `of` one or `over` everyone."""
        return NextChange(self)

    # ---- everyone ----

    def over(self, people: Logs | Any, policy: P, *, as_of: datetime | None = None) -> Any:
        """Return the answer for everyone, computed by the engine of the data.

        Args:
            people: Logs, or a dataframe with a column for each fact that the rule reads, such as from `Facts.over`.
            policy: The shop's policy.
            as_of: Instant to evaluate at. Required with logs, not allowed with a dataframe of facts.

        Returns:
            For logs, a dataframe of the same type with `person_id` and the answer, in a column named like the rule.
            For a dataframe, the same dataframe with that column added.

        Raises:
            ArgumentError: `as_of` is missing for logs, or was passed with a dataframe.
            FactsError: A column is missing.
            RuleError: The function cannot run for a table.
        """
        from funnel.logs import Logs
        from funnel.rules._frames import answers_of_facts, answers_of_logs

        ready = self.compiled_rule(policy)
        if isinstance(people, Logs):
            return answers_of_logs(ready, people, parse_as_of(as_of), self.name)
        if as_of is not None:
            msg = "a frame of facts was given with as_of; it is of its own instant, leave as_of out"
            raise ArgumentError(f"{msg}; a table of records goes in as Logs, such as Logs(purchases=table)")
        return answers_of_facts(ready, people, self.name)

    # ---- the rule itself ----

    def table(self, policy: P) -> DecisionTable:
        """Return every path through the rule as a decision table.

        Args:
            policy: The shop's policy.
        """
        return DecisionTable(self.name, self.compiled_rule(policy).ways)

    def witnesses(self, policy: P, *, as_of: datetime) -> tuple[F, ...]:
        """Return example facts for each path of the rule that is possible.

        Args:
            policy: The shop's policy.
            as_of: Instant of the facts.
        """
        ready = self.compiled_rule(policy)
        found = (witness(path) for path in ready.ways)
        return tuple(self.person(values, as_of) for values in found if values is not None)

    def person(self, values: Mapping[str, Value], as_of: datetime) -> F:
        """Internal: build facts from raw integers; other facts get defaults."""
        declared, now = self.facts.fact_plan.declared, parse_as_of(as_of)
        given = {name: _given(declared[name].show, value, now) for name, value in values.items()}
        return self.facts(as_of=as_of).evolve(**given)


def _given(show: str, value: Value, now: int) -> object:
    if isinstance(value, str):
        return value
    if show in SLOPES:
        value = span_at(held_at(value, SLOPES[show], now), SLOPES[show], now)
    if show in ("since", "until", "span"):
        return timedelta(microseconds=value)
    return bool(value) if show == "flag" else value


@attrs.frozen
class NextChange(Generic[F, P, A]):
    """Earliest instant when the answer of a rule changes if nothing happens."""

    rule: Rule[F, P, A]

    def __call__(self, person: F | History, policy: P, *, as_of: datetime | None = None) -> datetime | None:
        """Return the same as `of`."""
        return self.of(person, policy, as_of=as_of)

    def of(self, person: F | History, policy: P, *, as_of: datetime | None = None) -> datetime | None:
        """Return the next change for one person; None if none before 2200.

        Args:
            person: Facts or history of the person.
            policy: The shop's policy.
            as_of: Instant to evaluate at. Allowed with a history only.

        Raises:
            RuleError: The rule uses the clock in a way that has no next change. For example, it returns a time span.
        """
        facts = self.rule.facts_from(person, as_of)
        ready = self.rule.compiled_rule(policy, type(facts))
        read = ready.reader(facts)
        then = first_change(ready.run, (evaluate(node, read) for node in ready.waits), facts.values, facts.now)
        return None if then is None else instant(then)

    def over(self, logs: Logs, policy: P, *, as_of: datetime) -> Any:
        """Return the next change for everyone; null if none before 2200.

        Args:
            logs: Records of everyone.
            policy: The shop's policy.
            as_of: Instant to evaluate at.

        Returns:
            A dataframe from the logs' engine: `person_id`, the present answer (named like the rule), `next_change`.

        Raises:
            RuleError: The rule uses the clock in a way that has no next change.
        """
        from funnel.rules._frames import changes_of_logs

        return changes_of_logs(self.rule.compiled_rule(policy), logs, parse_as_of(as_of), self.rule.name)


def check_is_rule(given: object, what: str = "rule") -> Rule[Any, Any, Any]:
    """Return a rule that was passed as an argument.

    Raises:
        ArgumentError: The argument is not a rule, such as a function without `@rule`.
    """
    checked: Rule[Any, Any, Any] = instance(given, Rule, what, "a rule, a function under @rule")
    return checked


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
