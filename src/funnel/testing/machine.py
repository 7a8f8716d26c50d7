"""A test that walks through a shop's own funnel: people come, buy, ask, wait; each stage and each move is looked at."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from funnel._instants import MICROSECOND
from funnel._moves.table import Cause
from funnel.advance.rule import Advance
from funnel.advance.state import Running
from funnel.errors import LiftError
from funnel.history import History
from funnel.policy import Policy
from funnel.stages import FUNNEL, Machine
from funnel.testing.strategies import START, next_records

_SPANS = st.sampled_from([MICROSECOND, timedelta(hours=1), *map(timedelta, (1, 3, 7, 14, 30, 90, 180, 365))])


class FunnelMachine(RuleBasedStateMachine):
    """A test of a funnel: one person's life, one thing after another, in whatever order hypothesis thinks of.

    After each thing: the stage is one of the table; the move is in the table, with its cause; the stage changed by
    itself at the very instant that was foretold, and at no other; the state of a back end says the same. A shop extends
    it with its own `machine` and `policy`, and pytest runs its `TestCase`.

    Example:
        >>> class Shop(FunnelMachine):
        ...     policy = Policy(lapse_after=timedelta(days=60))
        >>> TestShop = Shop.TestCase
    """

    machine: ClassVar[Machine[Any]] = FUNNEL
    """The stages, with their rule and their table."""
    policy: ClassVar[Policy] = Policy()
    """The shop's numbers."""

    def __init__(self) -> None:
        """Begin with a person of whom nothing is known."""
        super().__init__()
        self.now: datetime = START
        self.count: int = 0
        self.history: History = History(person_id="p1")
        self.advance: Advance[Any, Any] = Advance(self.machine.stage, self.policy)
        self.state: Running = self.advance.begin("p1")
        self.stage: Any = self._judged()

    @rule(span=_SPANS)
    def time_passes(self, span: timedelta) -> None:
        """Nothing happens for a while; every change on the way was foretold."""
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
        """They arrive, ask, buy, send something back; whatever a history may hold."""
        self.count += 1
        record = data.draw(next_records(self.history, str(self.count), self.now))
        self.history = self.history.add(record)
        self.state = self.advance(self.state, record) or self.advance.again(self.state, record, self.history)
        self._move(Cause.EVENT)

    @invariant()
    def the_stage_is_in_the_table(self) -> None:
        """Wherever they stand, the table knows of it."""
        assert self.stage in self.machine.table, f"somebody is {self.stage!r}, for which the table has no row"

    @invariant()
    def a_back_end_says_the_same(self) -> None:
        """What was moved on event by event is what the history says."""
        if self.state.latest <= self.now:
            assert self.advance.ask(self.state, as_of=self.now) == self.stage

    def _judged(self) -> Any:
        return self.machine.stage.of(self.history, self.policy, as_of=self.now)

    def _foretold(self) -> datetime | None:
        try:
            return self.machine.stage.next_change.of(self.history, self.policy, as_of=self.now)
        except LiftError:
            return None

    def _move(self, cause: Cause) -> None:
        before, self.stage = self.stage, self._judged()
        if before == self.stage:
            return
        known = self.machine.table.get(before, {}).get(self.stage)
        move = f"somebody moved from {before.value} to {self.stage.value} by {cause.value}"
        assert known is not None, f"{move}; the table does not have that move"
        assert known in (cause, Cause.EITHER), f"{move}; the table has it by {known.value}"
