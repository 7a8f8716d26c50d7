"""A stateful test of a shop's own stages: every stage and every transition is checked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from funnel._time import MICROSECOND
from funnel.errors import RuleError
from funnel.history import History
from funnel.incremental._rule import IncrementalRule
from funnel.incremental._state import FactsState
from funnel.machines._table import Cause
from funnel.policy import Policy
from funnel.stages import SHOP_MACHINE, Machine
from funnel.testing.strategies import START, next_records

_SPANS = st.sampled_from([MICROSECOND, timedelta(hours=1), *map(timedelta, (1, 3, 7, 14, 30, 90, 180, 365))])


class FunnelMachine(RuleBasedStateMachine):
    """A stateful test of a machine: one person's events, in any order that hypothesis generates.

    After each event the test checks four things. The stage is in the table. The transition is in the table, with its
    cause. The stage changed by time alone at exactly the predicted instant, and at no other. The state of a back end
    gives the same stage. A shop subclasses it with its own `machine` and `policy`, and pytest runs its `TestCase`.

    Example:
        >>> class Shop(FunnelMachine):
        ...     policy = Policy(lapse_after=timedelta(days=60))
        >>> TestShop = Shop.TestCase
    """

    machine: ClassVar[Machine[Any]] = SHOP_MACHINE
    """The stages, with their rule and their table."""
    policy: ClassVar[Policy] = Policy()
    """The shop's policy."""

    def __init__(self) -> None:
        """Start with a person without records."""
        super().__init__()
        self.now: datetime = START
        self.count: int = 0
        self.history: History = History(person_id="p1")
        self.advance: IncrementalRule[Any, Any] = IncrementalRule(self.machine.stage, self.policy)
        self.state: FactsState = self.advance.begin("p1")
        self.stage: Any = self._judged()

    @rule(span=_SPANS)
    def time_passes(self, span: timedelta) -> None:
        """Let time pass without events; check that every change was predicted."""
        end = self.now + span
        while (change := self._foretold()) is not None and change <= end:
            self.now = change - MICROSECOND
            assert self._judged() == self.stage, "the stage changed before the instant that was foretold"
            self.now = change
            self._move(Cause.TIME)
        self.now = end
        assert self._judged() == self.stage, "the stage changed at an instant that was not foretold"

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        """Add any record that a history may hold: an arrival, a question, a purchase, a refund."""
        self.count += 1
        record = data.draw(next_records(self.history, str(self.count), self.now))
        self.history = self.history.add(record)
        self.state = self.advance(self.state, record) or self.advance.again(self.state, record, self.history)
        self._move(Cause.EVENT)

    @invariant()
    def the_stage_is_in_the_table(self) -> None:
        """Check that the current stage is in the table."""
        assert self.stage in self.machine.table, f"somebody is {self.stage!r}, for which the table has no row"

    @invariant()
    def a_back_end_says_the_same(self) -> None:
        """Check that the state updated event by event equals the state from the history."""
        if self.state.latest <= self.now:
            assert self.advance.ask(self.state, as_of=self.now) == self.stage

    def _judged(self) -> Any:
        return self.machine.stage.of(self.history, self.policy, as_of=self.now)

    def _foretold(self) -> datetime | None:
        try:
            return self.machine.stage.next_change.of(self.history, self.policy, as_of=self.now)
        except RuleError:
            return None

    def _move(self, cause: Cause) -> None:
        before, self.stage = self.stage, self._judged()
        if before == self.stage:
            return
        known = self.machine.table.get(before, {}).get(self.stage)
        move = f"somebody moved from {before.value} to {self.stage.value} by {cause.value}"
        assert known is not None, f"{move}; the table does not have that move"
        assert known in (cause, Cause.EITHER), f"{move}; the table has it by {known.value}"
