"""A stateful test of a shop's own stages: every stage and every transition is checked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from funnel._time import MICROSECOND
from funnel.errors import RuleError
from funnel.history import History
from funnel.incremental._live_facts import LiveFacts
from funnel.machines._table import Cause
from funnel.policy import Policy
from funnel.stages import SHOP_MACHINE, Machine
from funnel.testing.strategies import START, next_records

_SPANS = st.sampled_from([MICROSECOND, timedelta(hours=1), *map(timedelta, (1, 3, 7, 14, 30, 90, 180, 365))])


class FunnelMachine(RuleBasedStateMachine):
    """A stateful test of a machine: one person's events, in any order that hypothesis generates.

    After each event the test checks four things. The stage is in the table. The transition is in the table, with its
    cause. The stage changed by time alone at exactly the predicted instant, and at no other. Live facts
    give the same stage. A shop subclasses it with its own `machine` and `policy`, and pytest runs its `TestCase`.

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
        self.live: LiveFacts[Any] = LiveFacts(self.history, self.machine.stage.facts)
        self.stage: Any = self._evaluated_stage()

    @rule(span=_SPANS)
    def time_passes(self, span: timedelta) -> None:
        """Let time pass without events; check that every change was predicted."""
        end = self.now + span
        while (change := self._predicted_change()) is not None and change <= end:
            self.now = change - MICROSECOND
            assert self._evaluated_stage() == self.stage, "the stage changed before the predicted instant"
            self.now = change
            self._check_transition(Cause.TIME)
        self.now = end
        assert self._evaluated_stage() == self.stage, "the stage changed at an instant that was not predicted"

    @rule(data=st.data())
    def a_record_is_added(self, data: st.DataObject) -> None:
        """Add any record that a history may hold: an arrival, a question, a purchase, a refund."""
        self.count += 1
        record = data.draw(next_records(self.history, str(self.count), self.now))
        self.history = self.history.add(record)
        self.live.add(record)
        self._check_transition(Cause.EVENT)

    @invariant()
    def the_stage_is_in_the_table(self) -> None:
        """Check that the current stage is in the table."""
        assert self.stage in self.machine.table, f"the table has no row for {self.stage!r}; add it to the machine"

    @invariant()
    def live_facts_have_the_same_stage(self) -> None:
        """Check that the stage from live facts, updated event by event, equals the stage from the history."""
        assert self.machine.stage.of(self.live, self.policy, as_of=self.now) == self.stage

    def _evaluated_stage(self) -> Any:
        return self.machine.stage.of(self.history, self.policy, as_of=self.now)

    def _predicted_change(self) -> datetime | None:
        try:
            return self.machine.stage.next_change.of(self.history, self.policy, as_of=self.now)
        except RuleError:
            return None

    def _check_transition(self, cause: Cause) -> None:
        before, self.stage = self.stage, self._evaluated_stage()
        if before == self.stage:
            return
        allowed_cause = self.machine.table.get(before, {}).get(self.stage)
        transition = f"a person moved from {before.value} to {self.stage.value} by {cause.value}"
        assert allowed_cause is not None, f"{transition}; the table does not have this transition"
        assert allowed_cause in (cause, Cause.EITHER), (
            f"{transition}; the table allows it by {allowed_cause.value} only"
        )
