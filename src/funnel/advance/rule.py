"""A rule as a back end asks it, from the running values of one person.

Law: whatever the order in which records come, and however often, moving on record by record gives the state of the
whole history, and its answers.

A record that comes after all that are in the state is put to its values. One that does not (it is late, it came before,
or it shares their instant) can only be placed among the others; so can a refund, a cancelled order, a friend who was
sent, and a delivery, where the rule reads what follows from them. Then there is no new state, and the history is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from funnel._facts.declare import Declared
from funnel._facts.plan import Plan, plan_of
from funnel._fields import given_id
from funnel._given import judgement
from funnel._instants import EARLIEST, LATEST, instant, micros
from funnel._ledger.steps import DELIVERY, streams_of
from funnel._lift.clock import first_change
from funnel._lift.code import Run, Told, compiled, compiled_at, worked_out
from funnel._reduce.folds import END
from funnel._rule import rule_given
from funnel.advance.state import Running, digest, running
from funnel.advance.steps import WAITING, Step, Steps
from funnel.advance.waiting import NONE, Open, Waiting
from funnel.errors import ArgumentError, InstantError
from funnel.facts import last
from funnel.history import history_given
from funnel.policy import policy_given
from funnel.records import Lead, Purchase, Record, record_given

if TYPE_CHECKING:
    from funnel._rule import Rule
    from funnel.history import History
    from funnel.policy import Policy

P = TypeVar("P", bound="Policy")
A = TypeVar("A")

_END = instant(LATEST)


class Advance(Generic[P, A]):
    """A rule for a back end: a state and one event in, the next state out, and the answer from it.

    It is made once and kept, and threads may share it. `of` a history it costs what reading the history costs; after
    that an event costs some microseconds.

    Args:
        rule: The rule, such as `stage`.
        policy: The shop's numbers.

    Example:
        >>> from datetime import UTC, datetime
        >>> from funnel import History, Money, Policy, Purchase, Visit, stage
        >>> advance = Advance(stage, Policy())
        >>> came = Visit(id="v1", person_id="p1", occurred_at="2026-03-01T09:00Z")
        >>> bought = Purchase(id="1", person_id="p1", purchased_at="2026-03-02T09:00Z", amount=Money(9, "USD"))
        >>> state = advance.of(History.of("p1", [came]))
        >>> state = advance(state, bought) or advance.again(state, bought, History.of("p1", [came, bought]))
        >>> advance.ask(state, as_of=datetime(2026, 3, 3, tzinfo=UTC)).value
        'customer'
    """

    def __init__(self, rule: Rule[Any, P, A], policy: P) -> None:
        """Take the rule with the shop's numbers."""
        self.rule: Rule[Any, P, A] = rule_given(rule)
        self.policy: P = policy_given(policy)
        self._ready = rule.lifted(policy)
        self._plan, place = _plan(self._ready.narrowed())
        self._places = self._plan.run_places()
        self._answer = compiled_at(self._ready.tree, self._places, "advance")
        self.facts: str = digest(self._plan)
        self._streams = frozenset(self._plan.folds)
        self._steps = Steps(self._plan, place, self.facts, rule.name)
        self._step_of: dict[type[Record], Step] = {}

    def __reduce__(self) -> tuple[object, ...]:
        """Copy the rule with the policy; what is compiled is compiled again."""
        return type(self), (self.rule, self.policy)

    def __repr__(self) -> str:
        """Show the rule."""
        return f"<advance of {self.rule.name}>"

    # ---- states ----

    def begin(self, person_id: str) -> Running:
        """The state of a person of whom nothing is known yet.

        Raises:
            ArgumentError: `person_id` is not an id.
        """
        known_as = given_id(person_id)
        values = (*self._plan.empties, *[0] * len(self._plan.reductions))
        return running(self.facts, known_as, instant(EARLIEST), values, NONE)

    def of(self, history: History) -> Running:
        """The state of a person, from all their records.

        Args:
            history: What is known so far.
        """
        plan, rows = self._plan, history_given(history).ledger.rows
        person_id = history.person_id
        latest = max((at for record in history.records for at in self._moments(record, person_id)), default=EARLIEST)
        values, held = list(plan.empties), [False] * len(plan.reductions)
        for stream in plan.folds.keys() & rows.keys():
            plan.folds[stream].fill(values, held, rows[stream], latest)
        plan.finish(values)
        waiting = Waiting.of(self._waiting(history, latest))
        return running(self.facts, person_id, instant(latest), (*values, *map(int, held)), waiting)

    def again(self, state: Running, record: Record, history: History) -> Running:
        """The state after a record that could not be put to the values, by reading the history.

        Args:
            state: The state before.
            record: The record.
            history: What is known by now. Of a record that waits for another (a refund that came before its purchase)
                it has nothing yet; the state knows by its instant that what comes before may still come.

        Raises:
            ArgumentError: The history is of another person.
        """
        self._steps.check(state)
        if history_given(history).person_id != state.person_id:
            raise ArgumentError("the history is of another person than the state; give each person their own")
        after = self.of(history)
        moments = self._moments(record_given(record), state.person_id)
        latest = max(state.latest, after.latest, *map(instant, moments))
        return running(after.facts, after.person_id, latest, after.values, after.waiting)

    def _moments(self, record: Record, person_id: str) -> Iterator[int]:
        """The instants at which a record changes what is read."""
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

    def __call__(self, state: Running, record: Record) -> Running | None:
        """The state after one more record.

        Args:
            state: The state before; it stays as it is.
            record: A lead, purchase, refund or interaction of the same person.

        Returns:
            The state with the record in it; the same state where the rule reads nothing of such a record. None where
            the values cannot say: ask `again` then, with the history.

        Raises:
            FactsError: The state is of other facts, or was written in another form.
            RecordError: The record is of another person.
        """
        try:
            step = self._step_of[type(record)]
        except KeyError:
            step = self._step_of[type(record)] = self._steps.of(type(record_given(record)))
        if type(state) is not Running:
            self._steps.check(state)
        return step(state, record)

    # ---- questions ----

    def ask(self, state: Running, *, as_of: datetime) -> A:
        """The answer of the rule, as of an instant at or after the latest that is in the state.

        Args:
            state: The state of the person.
            as_of: The instant of judgement.

        Raises:
            FactsError: The state is of other facts, or was written in another form.
            InstantError: `as_of` is naive, or lies before what is in the state.
        """
        try:
            is_known = type(state) is Running and type(as_of) is datetime
            is_good = is_known and state.latest <= as_of < _END and state.facts == self.facts
        except Exception:  # noqa: BLE001 (it is naive, or its zone fails: a zone is anybody's code)
            is_good = False
        if not is_good:
            self._now(state, as_of)
        return self._answer(state.values, as_of)  # type: ignore[return-value]

    def next_change(self, state: Running, *, as_of: datetime) -> datetime | None:
        """The earliest instant at which the answer changes if nothing happens; None is not before the year 2200.

        Args:
            state: The state of the person.
            as_of: The instant of judgement.

        Raises:
            LiftError: The rule uses the clock in a way that has no next change.
        """
        now = self._now(state, as_of)
        then = first_change(self._run, self._waits(state.values, now), state.values, now)
        return None if then is None else instant(then)

    @cached_property
    def _run(self) -> Run:
        return compiled(self._ready.tree, self._places, "advance")

    @cached_property
    def _waits(self) -> Told:
        return worked_out(self._ready.waits, self._places, "waits")

    def _now(self, state: Running, as_of: datetime) -> int:
        """The instant in microseconds, if the state can be asked of it; or what is wrong."""
        self._steps.check(state)
        now = judgement(as_of)
        if as_of < state.latest:
            msg = "as_of lies before what is in the state; ask the rule of the history: rule.of(history, ...)"
            raise InstantError(msg)
        return now


def _streams_of(record: Record, person_id: str) -> frozenset[str]:
    """The streams that a record may change; an arrival is their own, or that of a friend."""
    if isinstance(record, Lead):
        return frozenset({"leads" if record.person_id == person_id else "referrals"})
    return streams_of(type(record))


def _plan(needed: Plan) -> tuple[Plan, int | None]:
    """The plan of what is needed; with the instant of the last purchase, and its place, where a gap is read."""
    if not any(ready.gapped for ready in needed.folds.values()):
        return needed, None
    name = "last purchase"
    plan = plan_of({**needed.declared, name: cast("Declared", last("purchases"))})
    return plan, plan.places[name]
