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
from funnel.incremental._live_facts import LiveFacts
from funnel.policy import Policy, check_is_policy
from funnel.records import Refund
from funnel.rules._check import check_is_rule
from funnel.rules._rule import Rule
from funnel.store._results import Engine
from funnel.testing.engines import chosen_engines
from funnel.testing.own_columns import OwnColumns
from funnel.testing.people import logs_of, people
from funnel.testing.strategies import histories, instants

if TYPE_CHECKING:
    from funnel.logs import Logs

P = TypeVar("P", bound="Policy")


def assert_same_everywhere(
    rule: Rule[Any, P, Any], policy: P, *, engines: Iterable[str] = (), examples: int | None = None
) -> None:
    """Check that a rule has the same answer in every form.

    The check evaluates the rule for generated people at generated instants, with the own columns that its facts read,
    filled with the texts that the rule and its facts compare with: the plain function, the rule for one
    person, for live facts, and for everyone on each engine. It also evaluates the rule one microsecond
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
    comparison = _Comparison(check_is_rule(rule), check_is_policy(policy))
    own = OwnColumns.of(rule.facts, [rule._compiled_rule(policy).tree])
    max_examples = (
        settings().max_examples if examples is None else count_of(examples, "examples", minimum=1, most=_MOST)
    )

    @settings(_STEADY, max_examples=max_examples)
    @given(histories().flatmap(lambda history: own.added([history])), instants())
    def holds_for_one(histories_drawn: tuple[History, ...], as_of: datetime) -> None:
        (history,) = histories_drawn
        history_then = _history_at(history, as_of)
        comparison.check(comparison.for_one(history_then, as_of), history_then, as_of)

    holds_for_one()
    for engine in chosen:
        _check_engine(comparison, own, engine, max(max_examples // _FEWER, 1))


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


def _check_engine(comparison: _Comparison, own: OwnColumns, engine: Engine, max_examples: int) -> None:
    @settings(_STEADY, max_examples=max_examples)
    @given(people(5, most=8).flatmap(own.added), instants())
    def holds_for_all(histories_drawn: tuple[History, ...], as_of: datetime) -> None:
        tables = comparison.tables(logs_of(histories_drawn, engine, own), as_of)
        for history in filter(_has_records, [_history_at(history, as_of) for history in histories_drawn]):
            comparison.check(comparison.for_everyone(tables, engine, history, as_of), history, as_of)

    holds_for_all()


def _history_at(history: History, as_of: datetime) -> History:
    """Return the history as known at an instant."""
    return History.of(
        history.person_id,
        [record for record in history.records if record.happened_at <= as_of],
        customer=history.customer,
    )


def _has_records(history: History) -> bool:
    return bool(history.records)


Comparisons = Iterator[tuple[str, object, object]]
"""Tuples of the form's name, its answer, and the rule's answer."""


@attrs.frozen
class _Comparison:
    rule: Rule[Any, Any, Any]
    policy: Any

    def check(self, comparisons: Comparisons, history: History, as_of: datetime) -> None:
        """Compare the answers.

        Raises:
            AssertionError: Two answers differ.
        """
        for form, answer, expected in comparisons:
            if answer != expected or type(answer) is not type(expected):
                facts = self.rule.facts.of(history, as_of=as_of)
                raise AssertionError(
                    f"{self.rule.name} has two answers for one person: {answer!r} from {form}, "
                    f"{expected!r} from the rule\n{self.rule.why(facts, self.policy)}\nfacts: {facts!r}"
                )

    def for_one(self, history: History, as_of: datetime) -> Comparisons:
        """Yield the answers for one person in every form."""
        rule, policy = self.rule, self.policy
        facts = rule.facts.of(history, as_of=as_of)
        answer = rule.of(facts, policy)
        yield "the plain function", rule._as_written(facts, policy), answer
        yield "the rule for the history", rule.of(history, policy, as_of=as_of), answer
        yield "why", rule.why(facts, policy).answer, answer
        change = self.next_change(facts)
        if isinstance(change, datetime):
            yield "the rule just before the next change", rule.of(facts.at(change - MICROSECOND), policy), answer
            yield "the rule at the next change (is it another?)", rule.of(facts.at(change), policy) != answer, True
        live = self.live(history)
        yield "live facts", rule.of(live, policy, as_of=as_of), answer
        restored = LiveFacts.from_state(live.state, rule.facts, lambda: history)
        yield "live facts, restored from their state", rule.of(restored, policy, as_of=as_of), answer

    def live(self, history: History) -> LiveFacts[Any]:
        """Return live facts to which the records were added one by one; the rule is evaluated after each."""
        live = LiveFacts(History(person_id=history.person_id, customer=history.customer), self.rule.facts)
        for record in sorted(history.records, key=lambda record: (record.happened_at, isinstance(record, Refund))):
            live.add(record)
            self.rule.of(live, self.policy, as_of=record.happened_at)
        return live

    def next_change(self, facts: Any) -> object:
        """Return the instant of the next change, if the rule can compute it."""
        try:
            return self.rule.next_change.of(facts, self.policy)
        except RuleError:
            return "unknown"

    def tables(self, logs: Logs, as_of: datetime) -> tuple[Rows, Rows | None]:
        """Return everyone's answers, and everyone's answers with their next changes."""
        answers = _rows(self.rule.over(logs, self.policy, as_of=as_of))
        try:
            return answers, _rows(self.rule.next_change.over(logs, self.policy, as_of=as_of))
        except RuleError:
            return answers, None

    def for_everyone(
        self, tables: tuple[Rows, Rows | None], engine: str, history: History, as_of: datetime
    ) -> Comparisons:
        """Yield the answers for one person in the table of everyone."""
        answers, changes = tables
        facts, name, person = self.rule.facts.of(history, as_of=as_of), self.rule.name, history.person_id
        answer = _plain(self.rule.of(facts, self.policy))
        yield f"{engine}, for everyone", _plain(answers[person][name]), answer
        change = self.next_change(facts)
        yield f"{engine}, the next change", changes[person]["next_change"] if changes else change, change


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
