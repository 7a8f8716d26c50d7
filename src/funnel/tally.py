"""One person kept up to date, record by record, for a back end that does not want to read the history again.

Law: whatever the order in which records come (a refund after its purchase), facts and answers are those of `Facts.of`
and of the rule for the history of all of them.

A record is written down when it comes; what is asked is brought up to date when it is asked, and only that: a rule
needs the few facts that it reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from funnel._facts.base import BaseFacts
from funnel._facts.plan import Plan
from funnel._given import judgement, subclass
from funnel._instants import FOREVER, instant
from funnel._ledger.following import Change
from funnel._ledger.growing import GrowingLedger
from funnel._ledger.rows import number
from funnel._lift.clock import first_change
from funnel._lift.code import Run
from funnel._lift.nodes import Value
from funnel._reduce.folds import END, Row, T
from funnel._reduce.running import RunningFolds, living
from funnel._rule import rule_given
from funnel.errors import FactsError
from funnel.history import History, history_given
from funnel.records import Record, record_given

if TYPE_CHECKING:
    from funnel._rule import Rule
    from funnel.policy import Policy

F = TypeVar("F", bound=BaseFacts)
P = TypeVar("P", bound="Policy")
A = TypeVar("A")


class _Running:
    """The values that a plan needs, kept up to date with a ledger.

    A row that comes after all others is one step. From the first other change of a stream on, its rows are kept.
    """

    def __init__(self, plan: Plan, ledger: GrowingLedger) -> None:
        self.plan = plan
        self.ledger = ledger
        self.values = list(plan.empties)
        self.held = [False] * len(plan.reductions)
        ledger.follow(plan.folds)
        self.taken = {stream: len(ledger.changes.get(stream, ())) for stream in plan.folds}
        self.folds: dict[str, RunningFolds] = {}
        ledger.settle()
        for stream, ready in plan.folds.items():
            ready.fill(self.values, self.held, ledger.rows.get(stream, ()), ledger.latest)
        self.before = {stream: _last(ledger, stream) for stream, ready in plan.folds.items() if ready.gapped}
        plan.finish(self.values)

    def catch_up(self) -> None:
        """Put to the values what was written since."""
        moved = False
        for stream, count in self.taken.items():
            changes = self.ledger.changes.get(stream, ())
            if len(changes) > count:
                self.taken[stream] = len(changes)
                self._go_on(stream, changes[count:])
                moved = True
        if moved:
            self.plan.finish(self.values)

    def _go_on(self, stream: str, changes: Sequence[Row | Change]) -> None:
        if stream not in self.folds:
            if Change not in map(type, changes):
                self._step(stream, cast("Sequence[Row]", changes))
                return
            self.folds[stream] = self._kept(stream)
        else:
            folds = self.folds[stream]
            for change in changes:
                if not isinstance(change, Change):
                    folds.add(change)
                elif change.is_added:
                    folds.add(change.row)
                else:
                    folds.remove(change.row)
        self.folds[stream].write(self.values, self.held)

    def _step(self, stream: str, rows: Sequence[Row]) -> None:
        """Put rows that come after all others to the values."""
        step = self.plan.folds[stream].step
        for row in rows:
            if stream not in self.before:
                step(self.values, self.held, row)
                continue
            before, self.before[stream] = self.before[stream], number(row[T])
            step(self.values, self.held, (*row, 0 if before is None else number(row[T]) - before))

    def _kept(self, stream: str) -> RunningFolds:
        """The folds over all the rows that count from now on."""
        self.ledger.settle()
        return RunningFolds(self.plan.folds[stream], self.plan.empties, living(self.ledger.rows[stream]))


def _last(ledger: GrowingLedger, stream: str) -> int | None:
    """When the last row that counts happened."""
    return next((number(row[T]) for row in reversed(ledger.rows.get(stream, ())) if row[END] == FOREVER), None)


_MOST_RUNNING = 64
"""Plans of which a tally keeps running values. Policies and rules that read the same facts share one plan."""


class Tally(Generic[F]):
    """The running facts of one person: each record is put to what is there, and nothing is read again.

    Records are taken as they are, each once: the checks of a `History` (an answer to nothing, a refund above its
    purchase) are made where a history is made.

    Args:
        history: What is known so far.
        facts: The class of facts to keep.

    Example:
        >>> from datetime import UTC, datetime
        >>> from funnel import Facts, History, Policy, Visit, stage
        >>> tally = Tally(History(person_id="p1"), Facts)
        >>> tally.add(Visit(id="v1", person_id="p1", occurred_at=datetime(2026, 3, 1, tzinfo=UTC)))
        >>> tally.facts(as_of=datetime(2026, 3, 2, tzinfo=UTC)).inbound_count
        1
        >>> tally.ask(stage, Policy(), as_of=datetime(2026, 3, 2, tzinfo=UTC)).value
        'prospect'
    """

    def __init__(self, history: History, facts: type[F]) -> None:
        """Take up what is known so far."""
        subclass(facts, BaseFacts, "facts", "Facts or a class that extends it")
        ledger = history_given(history).fill(GrowingLedger(history.person_id))
        seen: set[tuple[object, ...]] = {(type(record), *record.key) for record in history.records}
        self.__setstate__((facts, ledger, seen))

    def __getstate__(self) -> tuple[type[F], GrowingLedger, set[tuple[object, ...]]]:
        """Return the ledger for a copy; the running values are made again when they are asked for."""
        with self._lock:
            return self._class, copy(self._ledger), self._seen.copy()

    def __setstate__(self, state: tuple[type[F], GrowingLedger, set[tuple[object, ...]]]) -> None:
        """Take the ledger of a copy."""
        self._class, self._ledger, self._seen = state
        self._facts: _Running | None = None
        self._runnings: dict[Plan, _Running] = {}
        self._last: tuple[object, object, _Running, Run] | None = None
        self._lock = Lock()

    def add(self, record: Record) -> None:
        """Put one record to what is there; one that is there already changes nothing.

        Args:
            record: A lead, purchase, refund or interaction of this person.

        Raises:
            RecordError: It is of another person, or a refund of a purchase that is not there.
        """
        key = (type(record), *record_given(record).key)
        with self._lock:
            if key not in self._seen:
                self._ledger.add(record)
                self._seen.add(key)

    def facts(self, *, as_of: datetime) -> F:
        """The facts at an instant.

        Args:
            as_of: The instant of judgement. At or after the latest record it costs little; before it, the rows are
            read again.

        Raises:
            InstantError: `as_of` is naive.
        """
        now = judgement(as_of)
        with self._lock:
            if self._facts is None:
                self._facts = _Running(self._class.fact_plan, self._ledger)
            return self._class.held_as(tuple(self._values(self._facts, now)), now)

    def ask(self, rule: Rule[Any, P, A], policy: P, *, as_of: datetime) -> A:
        """The answer of a rule at an instant, from the facts that it reads.

        Args:
            rule: The rule.
            policy: The shop's numbers.
            as_of: The instant of judgement; at or after the latest record it costs least.

        Raises:
            InstantError: `as_of` is naive.
        """
        now = judgement(as_of)
        with self._lock:
            running, run = self._running(rule, policy)
            return run(self._values(running, now), now)  # type: ignore[return-value]

    def ask_on(self, rule: Rule[Any, P, A], policy: P, *, as_of: datetime) -> tuple[A, datetime | None]:
        """The answer of a rule at an instant, and the earliest instant at which it changes if nothing happens.

        Args:
            rule: The rule.
            policy: The shop's numbers.
            as_of: The instant of judgement; at or after the latest record it costs least.

        Raises:
            InstantError: `as_of` is naive.
            LiftError: The rule uses the clock in a way that has no next change, such as answering with a span.
        """
        now = judgement(as_of)
        with self._lock:
            running, run = self._running(rule, policy)
            values = self._values(running, now)
            answer, waits = run(values, now), rule.lifted(policy, self._class).alone_waits
            then = first_change(run, waits(values, now), values, now)
        return answer, None if then is None else instant(then)  # type: ignore[return-value]

    def _running(self, rule: Rule[Any, P, A], policy: P) -> tuple[_Running, Run]:
        """The values that the rule needs, and the rule as it reads them."""
        last = self._last
        if last is not None and last[0] is rule and last[1] is policy:
            return last[2:]
        if not issubclass(self._class, rule_given(rule).facts):
            msg = f"{rule.name} was asked of {self._class.__name__}; keep a tally of {rule.facts.__name__}"
            raise FactsError(msg)
        plan, run = rule.lifted(policy, self._class).alone
        if plan not in self._runnings:
            if len(self._runnings) >= _MOST_RUNNING:
                self._runnings.clear()
            self._runnings[plan] = _Running(plan, self._ledger)
        running = self._runnings[plan]
        self._last = (rule, policy, running, run)
        return running, run

    def _values(self, running: _Running, now: int) -> list[Value]:
        if now < self._ledger.latest:
            self._ledger.settle()
            return list(running.plan.values(self._ledger, now))
        running.catch_up()
        return running.values
