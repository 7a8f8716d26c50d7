"""One rule, every way there is to ask it, one answer: on made-up people, until one is found who is told two things."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import narwhals as nw
from hypothesis import HealthCheck, Phase, given, settings

from funnel._computing import collected
from funnel._given import count_of
from funnel._instants import MICROSECOND
from funnel._rule import Rule
from funnel.advance.rule import Advance
from funnel.errors import LiftError
from funnel.history import History
from funnel.testing.engines import chosen_engines
from funnel.testing.people import logs_of, people
from funnel.testing.strategies import histories, instants

if TYPE_CHECKING:
    from funnel.advance.state import Running
    from funnel.logs import Logs
    from funnel.policy import Policy
    from funnel.store.protocol import Engine

P = TypeVar("P", bound="Policy")


def assert_same_everywhere(
    rule: Rule[Any, P, Any], policy: P, *, engines: Iterable[str] = (), examples: int | None = None
) -> None:
    """Make sure that a rule has one answer, however it is asked.

    Made-up people are asked on made-up days: the function as it is written, the rule for one person, for the state of a
    back end, for everyone on each engine, and for the day on which the answer changes by itself, on both sides of it by
    one microsecond. The people are then made as few and as small as still show a difference.

    Args:
        rule: The rule.
        policy: The shop's numbers.
        engines: Their names; all that are installed where none is given.
        examples: How many people, and a tenth as many tables for each engine; as many as the profile of hypothesis
            says where it is not given.

    Raises:
        AssertionError: Somebody is told two things; the message says what, by whom, and what is known of them.
        ArgumentError: `rule`, `policy`, `engines` or `examples` is something else.
        MissingExtraError: An engine is not installed.

    Example:
        >>> from funnel import Policy, is_lapsed
        >>> assert_same_everywhere(is_lapsed, Policy(), engines=["polars"], examples=3)
    """
    chosen = chosen_engines(engines)
    asked = _Asked(rule, policy, Advance(rule, policy))
    most = settings().max_examples if examples is None else count_of(examples, "examples", least=1, most=_MOST)

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
"""A table holds several people and takes an engine as long as a hundred take one by one, so there are fewer tables."""


def _together(asked: _Asked, engine: Engine, most: int) -> None:
    @settings(_STEADY, max_examples=most)
    @given(people(5, most=8), instants())
    def holds_for_all(everyone: tuple[History, ...], as_of: datetime) -> None:
        tables = asked.tables(logs_of(everyone, engine), as_of)
        for history in filter(_is_known, [_until(history, as_of) for history in everyone]):
            asked.check(asked.among(tables, engine, history, as_of), history, as_of)

    holds_for_all()


def _until(history: History, as_of: datetime) -> History:
    """The history as it was known at an instant."""
    return History.of(history.person_id, [record for record in history.records if record.happened_at <= as_of])


def _is_known(history: History) -> bool:
    return bool(history.records)


Told = Iterator[tuple[str, object, object]]
"""Who says it, what they say, and what the rule says."""


@attrs.frozen
class _Asked:
    rule: Rule[Any, Any, Any]
    policy: Any
    advance: Advance[Any, Any]

    def check(self, told: Told, history: History, as_of: datetime) -> None:
        """Compare what is said.

        Raises:
            AssertionError: Two things are said.
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
        """One person, every way."""
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

    def moved(self, history: History) -> Running:
        """The state after every record, one by one."""
        state = self.advance.begin(history.person_id)
        for record in sorted(history.records, key=lambda record: record.happened_at):
            state = self.advance(state, record) or self.advance.again(state, record, history)
        return state

    def next_change(self, facts: Any) -> object:
        """When the answer changes by itself, as far as the rule can say."""
        try:
            return self.rule.next_change.of(facts, self.policy)
        except LiftError:
            return "not known"

    def tables(self, logs: Logs, as_of: datetime) -> tuple[Rows, Rows | None]:
        """The answers of everyone, and with when they change."""
        answers = _rows(self.rule.over(logs, self.policy, as_of=as_of))
        try:
            return answers, _rows(self.rule.next_change.over(logs, self.policy, as_of=as_of))
        except LiftError:
            return answers, None

    def among(self, tables: tuple[Rows, Rows | None], engine: str, history: History, as_of: datetime) -> Told:
        """One person among everyone."""
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
    """An answer as a table holds it: the value of an enum, a span as microseconds."""
    if isinstance(answer, timedelta):
        return answer // MICROSECOND
    return answer.value if isinstance(answer, Enum) else answer
