"""Live facts of one person, updated record by record.

Invariant: for any arrival order (a refund after its purchase), facts and answers equal those of `Facts.of` and of the
rule for the history of all records.

A back end does not need to read the history again. `add` only stores a record. A query updates only the values that it
needs: a rule needs the few facts that it reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from funnel._aggregate.fold import END, Row, T
from funnel._aggregate.running import RunningFolds, expires
from funnel._arguments import parse_as_of, subclass
from funnel._expr.next_change import first_change
from funnel._expr.nodes import Value
from funnel._expr.to_python import Run
from funnel._ledger.incremental import GrowingLedger
from funnel._ledger.incremental_derived import Change
from funnel._ledger.rows import number
from funnel._time import FOREVER, instant
from funnel.errors import FactsError
from funnel.facts._base import BaseFacts
from funnel.facts._schema import FactSchema
from funnel.history import History, check_is_history
from funnel.records import Record, record_given
from funnel.rules._rule import check_is_rule

if TYPE_CHECKING:
    from funnel.policy import Policy
    from funnel.rules._rule import Rule

F = TypeVar("F", bound=BaseFacts)
P = TypeVar("P", bound="Policy")
A = TypeVar("A")


class _Running:
    """Values that a plan needs, kept up to date with a ledger.

    A row after all other rows is one step. From the first other change of a stream on, all its rows are kept.
    """

    def __init__(self, plan: FactSchema, ledger: GrowingLedger) -> None:
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
        """Apply the changes of the ledger since the last update."""
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
        """Add rows that come after all other rows to the values."""
        step = self.plan.folds[stream].step
        for row in rows:
            if stream not in self.before:
                step(self.values, self.held, row)
                continue
            before, self.before[stream] = self.before[stream], number(row[T])
            step(self.values, self.held, (*row, 0 if before is None else number(row[T]) - before))

    def _kept(self, stream: str) -> RunningFolds:
        """Return folds over all rows that count from now on."""
        self.ledger.settle()
        return RunningFolds(self.plan.folds[stream], self.plan.empties, expires(self.ledger.rows[stream]))


def _last(ledger: GrowingLedger, stream: str) -> int | None:
    """Return the instant of the last row that counts."""
    return next((number(row[T]) for row in reversed(ledger.rows.get(stream, ())) if row[END] == FOREVER), None)


_MOST_RUNNING = 64
"""Maximum number of cached plans; rules that read the same facts share a plan."""


class LiveFacts(Generic[F]):
    """Live facts of one person: each record updates them, without a full read.

    A duplicate record is ignored. Records are not validated like in a `History` (an answer without a question, a refund
    above its purchase).

    Args:
        history: Records so far.
        facts: Facts class to keep.

    Example:
        >>> from datetime import UTC, datetime
        >>> from funnel import Facts, History, Policy, stage
        >>> from funnel.interactions import Visit
        >>> tally = LiveFacts(History(person_id="p1"), Facts)
        >>> tally.add(Visit(id="v1", person_id="p1", occurred_at=datetime(2026, 3, 1, tzinfo=UTC)))
        >>> tally.facts(as_of=datetime(2026, 3, 2, tzinfo=UTC)).inbound_count
        1
        >>> tally.ask(stage, Policy(), as_of=datetime(2026, 3, 2, tzinfo=UTC)).value
        'prospect'
    """

    def __init__(self, history: History, facts: type[F]) -> None:
        """Read the records so far."""
        subclass(facts, BaseFacts, "facts", "Facts or a class that extends it")
        ledger = check_is_history(history).fill(GrowingLedger(history.person_id))
        seen: set[tuple[object, ...]] = {(type(record), *record.key) for record in history.records}
        self.__setstate__((facts, ledger, seen))

    def __getstate__(self) -> tuple[type[F], GrowingLedger, set[tuple[object, ...]]]:
        """Return the ledger for a copy; a copy computes its values again on demand."""
        with self._lock:
            return self._class, copy(self._ledger), self._seen.copy()

    def __setstate__(self, state: tuple[type[F], GrowingLedger, set[tuple[object, ...]]]) -> None:
        """Restore the ledger of a copy."""
        self._class, self._ledger, self._seen = state
        self._facts: _Running | None = None
        self._runnings: dict[FactSchema, _Running] = {}
        self._last: tuple[object, object, _Running, Run] | None = None
        self._lock = Lock()

    def add(self, record: Record) -> None:
        """Add one record; a duplicate record changes nothing.

        Args:
            record: A lead, purchase, refund or interaction of this person.

        Raises:
            RecordError: The record is of another person, or refunds an unknown purchase.
        """
        key = (type(record), *record_given(record).key)
        with self._lock:
            if key not in self._seen:
                self._ledger.add(record)
                self._seen.add(key)

    def facts(self, *, as_of: datetime) -> F:
        """Return the facts at an instant.

        Args:
            as_of: Instant to evaluate at. It is fast at or after the latest record; before the latest record, all rows
                are read again.

        Raises:
            InstantError: `as_of` is naive.
        """
        now = parse_as_of(as_of)
        with self._lock:
            if self._facts is None:
                self._facts = _Running(self._class.fact_plan, self._ledger)
            return self._class.held_as(tuple(self._values(self._facts, now)), now)

    def ask(self, rule: Rule[Any, P, A], policy: P, *, as_of: datetime) -> A:
        """Return the answer of a rule at an instant, from the facts that it reads.

        Args:
            rule: The rule.
            policy: The shop's policy.
            as_of: Instant to evaluate at. It is fastest at or after the latest record.

        Raises:
            InstantError: `as_of` is naive.
        """
        now = parse_as_of(as_of)
        with self._lock:
            running, run = self._running(rule, policy)
            return run(self._values(running, now), now)  # type: ignore[return-value]

    def ask_on(self, rule: Rule[Any, P, A], policy: P, *, as_of: datetime) -> tuple[A, datetime | None]:
        """Return the answer of a rule at an instant, and its next change.

        The next change is the earliest instant when the answer changes if nothing happens.

        Args:
            rule: The rule.
            policy: The shop's policy.
            as_of: Instant to evaluate at. It is fastest at or after the latest record.

        Raises:
            InstantError: `as_of` is naive.
            RuleError: The rule uses the clock in a way that has no next change. For example, it returns a time span.
        """
        now = parse_as_of(as_of)
        with self._lock:
            running, run = self._running(rule, policy)
            values = self._values(running, now)
            answer, waits = run(values, now), rule.compiled_rule(policy, self._class).alone_waits
            then = first_change(run, waits(values, now), values, now)
        return answer, None if then is None else instant(then)  # type: ignore[return-value]

    def _running(self, rule: Rule[Any, P, A], policy: P) -> tuple[_Running, Run]:
        """Return the values that the rule needs, and the compiled rule."""
        last = self._last
        if last is not None and last[0] is rule and last[1] is policy:
            return last[2:]
        if not issubclass(self._class, check_is_rule(rule).facts):
            msg = f"{rule.name} was asked of {self._class.__name__}; keep a tally of {rule.facts.__name__}"
            raise FactsError(msg)
        plan, run = rule.compiled_rule(policy, self._class).alone
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
