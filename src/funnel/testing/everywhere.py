"""Check that every way to evaluate a rule gives the same answer, on generated people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import narwhals as nw
from hypothesis import HealthCheck, Phase, given, settings

from funnel._arguments import count_of
from funnel._dataframes.compute import collected
from funnel._time import MICROSECOND
from funnel.errors import RuleError
from funnel.history import History
from funnel.incremental._rule import IncrementalRule
from funnel.rules._rule import Rule
from funnel.testing.engines import chosen_engines
from funnel.testing.people import logs_of, people
from funnel.testing.strategies import histories, instants

if TYPE_CHECKING:
    from funnel.incremental._state import FactsState
    from funnel.logs import Logs
    from funnel.policy import Policy
    from funnel.store._protocol import Engine

P = TypeVar("P", bound="Policy")


def assert_same_everywhere(
    rule: Rule[Any, P, Any], policy: P, *, engines: Iterable[str] = (), examples: int | None = None
) -> None:
    """Check that a rule has the same answer in every form.

    The check evaluates the rule for generated people at generated instants: the plain function, the rule for one
    person, for the state of a back end, and for everyone on each engine. It also evaluates the rule one microsecond
    before and after the instant of the next change. Hypothesis then shrinks the people to the fewest and smallest that
    still differ.

    Args:
        rule: The rule.
        policy: The shop's policy.
        engines: Names of engines; by default all installed engines.
        examples: Number of people. Each engine gets a tenth as many tables. By default the number of the active
            hypothesis profile.

    Raises:
        AssertionError: Two forms disagree. The message has both answers, their forms, and the person's facts.
        ArgumentError: `rule`, `policy`, `engines` or `examples` has another type.
        MissingExtraError: An engine is not installed.

    Example:
        >>> from funnel import Policy, is_lapsed
        >>> assert_same_everywhere(is_lapsed, Policy(), engines=["polars"], examples=3)
    """
    chosen = chosen_engines(engines)
    asked = _Asked(rule, policy, IncrementalRule(rule, policy))
    most = settings().max_examples if examples is None else count_of(examples, "examples", minimum=1, most=_MOST)

    @settings(_STEADY, max_examples=most)
    @given(histories(), instants())
    def holds_for_one(history: History, as_of: datetime) -> None:
        known = _until(history, as_of)
        asked.check(asked.alone(known, as_of), known, as_of)

    holds_for_one()
    for engine in chosen:
        _together(asked, engine, max(most // _FEWER, 1))


_STEADY = settings(
    deadline=None,
    phases=[Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.nested_given],
)
_MOST = 1_000_000
_FEWER = 10
"""Factor by which tables are fewer than people: a table of several people takes an engine as long as a hundred people
one by one.
"""


def _together(asked: _Asked, engine: Engine, most: int) -> None:
    @settings(_STEADY, max_examples=most)
    @given(people(5, most=8), instants())
    def holds_for_all(everyone: tuple[History, ...], as_of: datetime) -> None:
        tables = asked.tables(logs_of(everyone, engine), as_of)
        for history in filter(_is_known, [_until(history, as_of) for history in everyone]):
            asked.check(asked.trials(tables, engine, history, as_of), history, as_of)

    holds_for_all()


def _until(history: History, as_of: datetime) -> History:
    """Return the history as known at an instant."""
    return History.of(history.person_id, [record for record in history.records if record.happened_at <= as_of])


def _is_known(history: History) -> bool:
    return bool(history.records)


Told = Iterator[tuple[str, object, object]]
"""Tuples of the form's name, its answer, and the rule's answer."""


@attrs.frozen
class _Asked:
    rule: Rule[Any, Any, Any]
    policy: Any
    advance: IncrementalRule[Any, Any]

    def check(self, told: Told, history: History, as_of: datetime) -> None:
        """Compare the answers.

        Raises:
            AssertionError: Two answers differ.
        """
        for who, says, said in told:
            if says != said or type(says) is not type(said):
                facts = self.rule.facts.of(history, as_of=as_of)
                msg = (
                    f"{self.rule.name} has two answers for one person: {says!r} says {who}, {said!r} says the rule\n"
                    f"{self.rule.why(facts, self.policy)}\nknown of them: {facts!r}"
                )
                raise AssertionError(msg)

    def alone(self, history: History, as_of: datetime) -> Told:
        """Yield the answers for one person in every form."""
        rule, policy = self.rule, self.policy
        facts = rule.facts.of(history, as_of=as_of)
        answer = rule.of(facts, policy)
        yield "the function as it is written", rule.as_written(facts, policy), answer
        yield "the rule of the history", rule.of(history, policy, as_of=as_of), answer
        yield "why", rule.why(facts, policy).answer, answer
        change = self.next_change(facts)
        if isinstance(change, datetime):
            yield "the rule just before the next change", rule.of(facts.at(change - MICROSECOND), policy), answer
            yield "the rule at the next change (is it another?)", rule.of(facts.at(change), policy) != answer, True
        state = self.moved(history)
        at = max(as_of, state.latest)
        yield "the state of a back end", self.advance.ask(state, as_of=at), rule.of(history, policy, as_of=at)

    def moved(self, history: History) -> FactsState:
        """Return the state after adding the records one by one."""
        state = self.advance.begin(history.person_id)
        for record in sorted(history.records, key=lambda record: record.happened_at):
            state = self.advance(state, record) or self.advance.again(state, record, history)
        return state

    def next_change(self, facts: Any) -> object:
        """Return the instant of the next change, if the rule can compute it."""
        try:
            return self.rule.next_change.of(facts, self.policy)
        except RuleError:
            return "not known"

    def tables(self, logs: Logs, as_of: datetime) -> tuple[Rows, Rows | None]:
        """Return everyone's answers, and everyone's answers with their next changes."""
        answers = _rows(self.rule.over(logs, self.policy, as_of=as_of))
        try:
            return answers, _rows(self.rule.next_change.over(logs, self.policy, as_of=as_of))
        except RuleError:
            return answers, None

    def trials(self, tables: tuple[Rows, Rows | None], engine: str, history: History, as_of: datetime) -> Told:
        """Yield the answers for one person in the table of everyone."""
        answers, changes = tables
        facts, name, person = self.rule.facts.of(history, as_of=as_of), self.rule.name, history.person_id
        answer = _plain(self.rule.of(facts, self.policy))
        yield f"{engine}, for everyone", _plain(answers[person][name]), answer
        change = self.next_change(facts)
        yield f"{engine}, of when it changes", changes[person]["next_change"] if changes else change, change


Rows = Mapping[str, Mapping[str, Any]]


def _rows(native: Any) -> Rows:
    frame: Any = nw.from_native(native)
    table = collected(frame, "polars") if isinstance(frame, nw.LazyFrame) else frame
    return {row["person_id"]: row for row in table.to_polars().to_dicts()}


def _plain(answer: object) -> object:
    """Return an answer as a table holds it: the value of an enum, a span as microseconds."""
    if isinstance(answer, timedelta):
        return answer // MICROSECOND
    return answer.value if isinstance(answer, Enum) else answer
