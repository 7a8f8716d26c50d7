"""A rule: a plain typed function of facts and policy, answered for one person, for everyone, and for the days to come.

A function under `@rule` is lifted once for each policy (see `funnel._lift`); whatever the rule is asked is read from
the one tree, so the answers cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from datetime import datetime, timedelta
from functools import cached_property, update_wrapper
from inspect import isroutine, signature, unwrap
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast, get_type_hints

import attrs

from funnel._cache import PolicyCache
from funnel._copies import OfFunctions
from funnel._facts.base import BaseFacts
from funnel._facts.declare import SLOPES
from funnel._facts.lifted import Lifted
from funnel._facts.traced import is_lifting, made_up, plainly, reader, traced
from funnel._given import instance, is_function, judgement, kind_of, name_problem
from funnel._instants import held_at, instant, span_at
from funnel._lift.clock import first_change
from funnel._lift.code import compiled
from funnel._lift.constants import named
from funnel._lift.nodes import Value, evaluate
from funnel._lift.paths import Path, Reason, Table, Why
from funnel._lift.proof import Met, proven
from funnel._lift.reach import reach_of
from funnel._lift.tree import is_none, leaves, may_be_none, no_answer
from funnel._lift.witness import witness
from funnel.errors import ArgumentError, FactsError, LiftError
from funnel.facts import Facts
from funnel.history import History
from funnel.policy import Policy

if TYPE_CHECKING:
    from funnel.logs import Logs

__all__ = ["NextChange", "Path", "Reason", "Rule", "Table", "Why", "rule"]

F = TypeVar("F", bound=BaseFacts)
P = TypeVar("P", bound=Policy)
A = TypeVar("A")


_ADDED = frozenset({"person_id", "known_at", "next_change"})
"""The columns that stand beside the answers of a rule."""


def _named_policy(policy: P) -> P:
    """The same policy, of the same class and equal, whose numbers know which field they are."""
    shown = copy(policy)
    vars(shown).update({name: named(getattr(policy, name), name) for name in type(policy).model_fields})
    return shown


class Rule(OfFunctions, Generic[F, P, A]):
    """A question that the shop asks of a person, with one answer everywhere.

    Made by `@rule`. Called with facts and policy it answers like the function it was made from; inside another rule
    it is an ordinary function.
    """

    def __init__(self, function: Callable[[F, P], A]) -> None:
        """Wrap a plain typed function of facts and policy.

        Raises:
            ArgumentError: It is not a function, or has a name that no column can have.
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
        self._compiled: PolicyCache[Lifted] = PolicyCache(self._lift)

    def __repr__(self) -> str:
        """Show the name."""
        return f"<rule {self.name}>"

    def _functions(self) -> tuple[Self]:
        return (self,)

    def __reduce__(self) -> str:
        """Pickle by qualified name, as functions are."""
        return getattr(self, "__qualname__", self.name)

    def __call__(self, f: F, policy: P) -> A:
        """Answer for one person's facts; inside another rule, be part of it."""
        if is_lifting(f):
            return self._answered(f, policy)
        return self.of(f, policy)

    def _answered(self, f: F, policy: P) -> A:
        """Return the answer of the function itself.

        Raises:
            LiftError: It is None, and the annotation does not allow None.
        """
        answer = self._function(f, policy)
        if answer is None and not self._may_be_none:
            raise no_answer(self.name, "in a branch")
        return answer

    @cached_property
    def _may_be_none(self) -> bool:
        """Return whether the annotation allows None as an answer, or there is none."""
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
        """The class of facts that the rule reads, as its first argument says; `Facts` where it does not say.

        Raises:
            FactsError: The annotation is no class of facts, or its name cannot be found.
        """
        found = next((hint for name, hint in self._hints.items() if name != "return"), Facts)
        if not (isinstance(found, type) and issubclass(found, BaseFacts)):
            msg = f"the first argument of {self.name} is {found!r}; annotate it with Facts or a class that extends it"
            raise FactsError(msg)
        return cast("type[F]", found)

    def as_written(self, f: F, policy: P) -> A:
        """What the function itself says of facts, as plain Python, and so do the rules that it calls.

        Raises:
            LiftError: It answers with None, and its annotation does not allow None.
        """
        return self._answered(plainly(f), policy)

    def lifted(self, policy: P, facts: type[BaseFacts] | None = None) -> Lifted:
        """The rule as a tree, made once for each policy and class of facts.

        Raises:
            LiftError: The function does what cannot be run for a table.
        """
        return self._compiled.get(facts or self.facts, policy)

    def _lift(self, facts: type[BaseFacts], policy: Policy) -> Lifted:
        plan = facts.fact_plan
        ask, shown, places = (
            cast("Callable[[BaseFacts, Policy], object]", self._function),
            _named_policy(policy),
            plan.run_places(),
        )

        def meet(person: Mapping[str, Value]) -> Met:
            known = made_up(facts, person)
            return Met(lambda: ask(known, policy), reader(places, known))

        try:
            tree = proven(
                lambda symbols: ask(traced(facts, symbols), shown),
                plan.readable,
                plan.refused,
                meet,
                reach_of(ask, policy, facts),
            )
        except LiftError as error:
            if isinstance(error.__cause__, AttributeError):
                self._check_policy(policy)
            msg = f"in the rule {self.name}: {error}"
            raise LiftError(msg) from error.__cause__
        made = Lifted(tree, plan, compiled(tree, places, self.name))
        if not self._may_be_none and any(map(is_none, leaves(tree))):
            path = next(path for path in made.ways if is_none(path.leaf))
            raise no_answer(self.name, f"where {path.words}")
        return made

    # ---- one person ----

    def of(self, person: F | History, policy: P, *, as_of: datetime | None = None) -> A:
        """The answer for one person.

        Args:
            person: Their facts, or their history.
            policy: The shop's numbers.
            as_of: The instant of judgement; with a history only, facts have their own.

        Raises:
            ArgumentError: Facts of another class, or facts and `as_of` together.
            LiftError: The function does what cannot be run for a table.
        """
        seen = self._compiled.by_identity.get((type(person), id(policy)))
        if as_of is None and seen is not None:
            known = cast("BaseFacts", person)
            return cast("A", seen[1].run(known.values, known.now))
        facts = self.facts_from(person, as_of)
        return cast("A", self.lifted(policy, type(facts)).run(facts.values, facts.now))

    def facts_from(self, person: object, as_of: datetime | None) -> F:
        """The facts of a history, or the facts themselves."""
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

    def why(self, person: F | History, policy: P, *, as_of: datetime | None = None) -> Why:
        """The answer, and the conditions that decided it: actual beside required.

        Args:
            person: Their facts, or their history.
            policy: The shop's numbers.
            as_of: The instant of judgement; with a history only.
        """
        seen = self._compiled.by_identity.get((type(person), id(policy)))
        if as_of is None and seen is not None:
            return seen[1].why(cast("BaseFacts", person))
        facts = self.facts_from(person, as_of)
        return self.lifted(policy, type(facts)).why(facts)

    @property
    def next_change(self) -> NextChange[F, P, A]:
        """The earliest instant at which the answer changes if nothing happens; ask it `of` one or `over` many."""
        return NextChange(self)

    # ---- everyone ----

    def over(self, people: Logs | Any, policy: P, *, as_of: datetime | None = None) -> Any:
        """The answer for everyone, computed by the engine that holds the data.

        Args:
            people: Logs; or a frame with a column for each fact that the rule reads, such as `Facts.over` gives.
            policy: The shop's numbers.
            as_of: The instant of judgement; required with logs, not allowed with a frame of facts.

        Returns:
            A frame of the logs' kind with `person_id` and the answer, in a column named as the rule; where a frame was
            given, the same frame with that column added.

        Raises:
            ArgumentError: `as_of` does not go with what was given.
            FactsError: A column is missing.
            LiftError: The function does what cannot be run for a table.
        """
        from funnel._rule_frames import answers_of_facts, answers_of_logs
        from funnel.logs import Logs

        ready = self.lifted(policy)
        if isinstance(people, Logs):
            return answers_of_logs(ready, people, judgement(as_of), self.name)
        if as_of is not None:
            msg = "a frame of facts was given with as_of; it is of its own instant, leave as_of out"
            raise ArgumentError(f"{msg}; a table of records goes in as Logs, such as Logs(purchases=table)")
        return answers_of_facts(ready, people, self.name)

    # ---- the rule itself ----

    def table(self, policy: P) -> Table:
        """Every path through the rule as a decision table.

        Args:
            policy: The shop's numbers.
        """
        return Table(self.name, self.lifted(policy).ways)

    def witnesses(self, policy: P, *, as_of: datetime) -> tuple[F, ...]:
        """One person's facts for each path through the rule that somebody can take.

        Args:
            policy: The shop's numbers.
            as_of: The instant that the facts are of.
        """
        ready = self.lifted(policy)
        found = (witness(path) for path in ready.ways)
        return tuple(self.person(values, as_of) for values in found if values is not None)

    def person(self, values: Mapping[str, Value], as_of: datetime) -> F:
        """The facts of a person of whom only so much is known, as whole numbers; for the parts of this library."""
        declared, now = self.facts.fact_plan.declared, judgement(as_of)
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
    """When the answer of a rule changes by itself: the earliest instant at which it differs if nothing happens."""

    rule: Rule[F, P, A]

    def __call__(self, person: F | History, policy: P, *, as_of: datetime | None = None) -> datetime | None:
        """The same as `of`."""
        return self.of(person, policy, as_of=as_of)

    def of(self, person: F | History, policy: P, *, as_of: datetime | None = None) -> datetime | None:
        """For one person; None where the answer will not change before the year 2200.

        Args:
            person: Their facts, or their history.
            policy: The shop's numbers.
            as_of: The instant of judgement; with a history only.

        Raises:
            LiftError: The rule uses the clock in a way that has no next change, such as answering with a span.
        """
        facts = self.rule.facts_from(person, as_of)
        ready = self.rule.lifted(policy, type(facts))
        read = ready.reader(facts)
        then = first_change(ready.run, (evaluate(node, read) for node in ready.waits), facts.values, facts.now)
        return None if then is None else instant(then)

    def over(self, logs: Logs, policy: P, *, as_of: datetime) -> Any:
        """For everyone, computed by the engine that holds the data; null where nothing will change before 2200.

        Args:
            logs: Everyone's records.
            policy: The shop's numbers.
            as_of: The instant of judgement.

        Returns:
            A frame of the logs' kind with `person_id`, the answer now in a column named as the rule, and `next_change`.

        Raises:
            LiftError: The rule uses the clock in a way that has no next change.
        """
        from funnel._rule_frames import changes_of_logs

        return changes_of_logs(self.rule.lifted(policy), logs, judgement(as_of), self.rule.name)


def rule_given(given: object, what: str = "rule") -> Rule[Any, Any, Any]:
    """Return a rule that was passed as an argument.

    Raises:
        ArgumentError: It is something else, such as a function without `@rule`.
    """
    checked: Rule[Any, Any, Any] = instance(given, Rule, what, "a rule, a function under @rule")
    return checked


def rule(function: Callable[[F, P], A]) -> Rule[F, P, A]:
    """Make a rule of a plain typed function of facts and policy.

    The function may compare facts with constants, policy numbers and each other, add, subtract and scale them, and
    choose by `if`, `and`, `or`, `not`, `in`, `match`, `min`, `max`. It may call other rules and helpers, and ask facts
    and policy for their classes, properties and methods. It reads no clock and changes nothing. What cannot run for a
    table is refused when the rule is first used, with the remedy. A rule that catches the refusal is refused too.

    Args:
        function: `(f: Facts, policy: Policy) -> answer`; the answer is a bool, a whole number, a text, a member of an
            enum or a timedelta.

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
