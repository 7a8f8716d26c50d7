"""Incremental rules for back ends: a state and one event in, the next state out.

Invariant: for any arrival order and any duplicates, updates record by record give the same state and answers as the
whole history.

A record after all records of the state updates the values. Another record (late, duplicate, or at the same instant)
needs the full history. A refund, a cancelled order, a referral and a delivery need the history too, if the rule reads
what follows from them. In these cases there is no new state, and the caller reads the history.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from funnel._aggregate.fold import END
from funnel._arguments import parse_as_of
from funnel._expr.next_change import first_change
from funnel._expr.to_python import Evaluator, Run, compile_expressions, compiled, compiled_at
from funnel._fields import given_id
from funnel._ledger.steps import DELIVERY, streams_of
from funnel._time import EARLIEST, LATEST, instant, micros
from funnel.errors import ArgumentError, InstantError
from funnel.facts import last
from funnel.facts._declare import Declared
from funnel.facts._schema import FactSchema, fact_schema
from funnel.history import check_is_history
from funnel.incremental._open_rows import NONE, Open, Waiting
from funnel.incremental._state import FactsState, digest, running
from funnel.incremental._steps import WAITING, Step, Steps
from funnel.policy import check_is_policy
from funnel.records import Lead, Purchase, Record, record_given
from funnel.rules._rule import check_is_rule

if TYPE_CHECKING:
    from funnel.history import History
    from funnel.policy import Policy
    from funnel.rules._rule import Rule

P = TypeVar("P", bound="Policy")
A = TypeVar("A")

_END = instant(LATEST)


class IncrementalRule(Generic[P, A]):
    """Incremental rule: a state and one event in, the next state and answer out.

    Create it once and reuse it; it is thread-safe. `of` costs as much as a read of the history. After that, an event
    costs a few microseconds.

    Args:
        rule: The rule, such as `stage`.
        policy: The shop's policy.

    Example:
        >>> from datetime import UTC, datetime
        >>> from funnel import History, Money, Policy, Purchase, stage
        >>> from funnel.interactions import Visit
        >>> advance = IncrementalRule(stage, Policy())
        >>> came = Visit(id="v1", person_id="p1", occurred_at="2026-03-01T09:00Z")
        >>> bought = Purchase(id="1", person_id="p1", purchased_at="2026-03-02T09:00Z", amount=Money(9, "USD"))
        >>> state = advance.of(History.of("p1", [came]))
        >>> state = advance(state, bought) or advance.again(state, bought, History.of("p1", [came, bought]))
        >>> advance.ask(state, as_of=datetime(2026, 3, 3, tzinfo=UTC)).value
        'customer'
    """

    def __init__(self, rule: Rule[Any, P, A], policy: P) -> None:
        """Compile the rule for the policy."""
        self.rule: Rule[Any, P, A] = check_is_rule(rule)
        self.policy: P = check_is_policy(policy)
        self._ready = rule.compiled_rule(policy)
        self._plan, place = _plan(self._ready.narrowed())
        self._places = self._plan.run_places()
        self._answer = compiled_at(self._ready.tree, self._places, "advance")
        self.facts: str = digest(self._plan)
        self._streams = frozenset(self._plan.folds)
        self._steps = Steps(self._plan, place, self.facts, rule.name)
        self._step_of: dict[type[Record], Step] = {}

    def __reduce__(self) -> tuple[object, ...]:
        """Copy the rule and the policy; a copy compiles again."""
        return type(self), (self.rule, self.policy)

    def __repr__(self) -> str:
        """Return the name of the rule."""
        return f"<IncrementalRule of {self.rule.name}>"

    # ---- states ----

    def begin(self, person_id: str) -> FactsState:
        """Return the state of a person without records.

        Raises:
            ArgumentError: `person_id` is not a valid id.
        """
        known_as = given_id(person_id)
        values = (*self._plan.empties, *[0] * len(self._plan.reductions))
        return running(self.facts, known_as, instant(EARLIEST), values, NONE)

    def of(self, history: History) -> FactsState:
        """Return the state of a person from all records.

        Args:
            history: Records so far.
        """
        plan, rows = self._plan, check_is_history(history).ledger.rows
        person_id = history.person_id
        latest = max((at for record in history.records for at in self._moments(record, person_id)), default=EARLIEST)
        values, held = list(plan.empties), [False] * len(plan.reductions)
        for stream in plan.folds.keys() & rows.keys():
            plan.folds[stream].fill(values, held, rows[stream], latest)
        plan.finish(values)
        waiting = Waiting.of(self._waiting(history, latest))
        return running(self.facts, person_id, instant(latest), (*values, *map(int, held)), waiting)

    def again(self, state: FactsState, record: Record, history: History) -> FactsState:
        """Return the state after a record that needs the full history.

        Args:
            state: State before the record.
            record: The record.
            history: Records so far. A record that waits for another record (a refund before its purchase) may be
                missing from it. The new state covers the instant of the record, so an earlier record can still arrive.

        Raises:
            ArgumentError: The history is of another person.
        """
        self._steps.check(state)
        if check_is_history(history).person_id != state.person_id:
            raise ArgumentError("the history is of another person than the state; give each person their own")
        after = self.of(history)
        moments = self._moments(record_given(record), state.person_id)
        latest = max(state.latest, after.latest, *map(instant, moments))
        return running(after.facts, after.person_id, latest, after.values, after.waiting)

    def _moments(self, record: Record, person_id: str) -> Iterator[int]:
        """Yield the instants when a record changes the facts of the rule."""
        streams = self._streams & _streams_of(record, person_id)
        if not streams:
            return
        yield micros(record.happened_at)
        if isinstance(record, Purchase):
            if record.cancelled_at is not None:
                yield micros(record.cancelled_at)
            if record.delivered_at is not None and streams & DELIVERY:
                yield micros(record.delivered_at)

    def _waiting(self, history: History, latest: int) -> Iterator[Open]:
        for stream in sorted(WAITING & self._streams):
            rows = history.ledger.rows.get(stream, ())
            yield from ((stream, row) for row in rows if cast("int", row[END]) > latest)

    # ---- one event ----

    def __call__(self, state: FactsState, record: Record) -> FactsState | None:
        """Return the state after one more record.

        Args:
            state: State before the record; it is not changed.
            record: A lead, purchase, refund or interaction of the same person.

        Returns:
            The state with the record; the same state if the rule does not read such a record. None if the values are
            not sufficient: call `again` with the history then.

        Raises:
            FactsError: The state is of other facts, or of another format version.
            RecordError: The record is of another person.
        """
        try:
            step = self._step_of[type(record)]
        except KeyError:
            step = self._step_of[type(record)] = self._steps.of(type(record_given(record)))
        if type(state) is not FactsState:
            self._steps.check(state)
        return step(state, record)

    # ---- answers ----

    def ask(self, state: FactsState, *, as_of: datetime) -> A:
        """Return the answer of the rule at an instant.

        Args:
            state: State of the person.
            as_of: Instant to evaluate at, not before the latest instant of the state.

        Raises:
            FactsError: The state is of other facts, or of another format version.
            InstantError: `as_of` is naive, or before the latest instant of the state.
        """
        try:
            is_known = type(state) is FactsState and type(as_of) is datetime
            is_good = is_known and state.latest <= as_of < _END and state.facts == self.facts
        except Exception:  # noqa: BLE001 (it is naive, or its zone fails: a zone is anybody's code)
            is_good = False
        if not is_good:
            self._now(state, as_of)
        return self._answer(state.values, as_of)  # type: ignore[return-value]

    def next_change(self, state: FactsState, *, as_of: datetime) -> datetime | None:
        """Return the earliest instant when the answer changes if nothing happens.

        None if the answer does not change before the year 2200.

        Args:
            state: State of the person.
            as_of: Instant to evaluate at.

        Raises:
            RuleError: The rule uses the clock in a way that has no next change.
        """
        now = self._now(state, as_of)
        then = first_change(self._run, self._waits(state.values, now), state.values, now)
        return None if then is None else instant(then)

    @cached_property
    def _run(self) -> Run:
        return compiled(self._ready.tree, self._places, "advance")

    @cached_property
    def _waits(self) -> Evaluator:
        return compile_expressions(self._ready.waits, self._places, "waits")

    def _now(self, state: FactsState, as_of: datetime) -> int:
        """Return the instant in microseconds, or raise if it does not fit the state."""
        self._steps.check(state)
        now = parse_as_of(as_of)
        if as_of < state.latest:
            msg = "as_of lies before what is in the state; ask the rule of the history: rule.of(history, ...)"
            raise InstantError(msg)
        return now


def _streams_of(record: Record, person_id: str) -> frozenset[str]:
    """Return the streams that a record may change.

    A lead is the person's own arrival or a referral.
    """
    if isinstance(record, Lead):
        return frozenset({"leads" if record.person_id == person_id else "referrals"})
    return streams_of(type(record))


def _plan(needed: FactSchema) -> tuple[FactSchema, int | None]:
    """Return the plan of the needed facts.

    If a fact reads a gap, add the instant of the last purchase, and return its index.
    """
    if not any(ready.gapped for ready in needed.folds.values()):
        return needed, None
    name = "last purchase"
    plan = fact_schema({**needed.declared, name: cast("Declared", last("purchases"))})
    return plan, plan.places[name]
