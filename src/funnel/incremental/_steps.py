"""Steps of incremental rules: how one record of each kind changes a state.

A step returns None if the history must be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import attrs

from funnel._arguments import instance
from funnel._expr.nodes import Value
from funnel._ledger.rows import interaction_row
from funnel._ledger.steps import CLOSED, DELIVERY, OPENED, put_of, streams_of, together
from funnel.errors import FactsError, RecordError
from funnel.facts._schema import FactSchema
from funnel.incremental._open_rows import Waiting
from funnel.incremental._state import FactsState, Row, running
from funnel.interactions import Answer, Complaint, Delivery, Interaction, Question, Resolution
from funnel.records import Lead, Purchase, Record, Refund

Step = Callable[[FactsState, Record], FactsState | None]
"""Returns the next state; None if the values are not sufficient."""


@attrs.frozen
class Steps:
    """Steps of a plan.

    Attributes:
        plan: Facts that the rule reads.
        last: Index of the instant of the last purchase, if a fact reads a gap.
        facts: Digest of the facts of the states.
        name: Name of the rule.
    """

    plan: FactSchema
    last: int | None
    facts: str
    name: str

    @property
    def streams(self) -> frozenset[str]:
        """Streams that the plan reads."""
        return frozenset(self.plan.folds)

    def of(self, kind: type[Record]) -> Step:
        """Return the step of a kind of record.

        Raises:
            RecordError: A history cannot have this kind of record.
        """
        read = streams_of(kind) & self.streams
        if issubclass(kind, Refund):
            return self._none if read else self._same
        if issubclass(kind, Lead):
            return self._of_leads(kind)
        if not read:
            return self._awaited if self._may_be_awaited(kind) else self._unread
        if issubclass(kind, Purchase):
            return self._put(kind, "purchased_at", self._is_told)
        if together(kind) & self.streams:
            return self._put(kind, "occurred_at", _never)
        return self._talk(kind)

    def _put(self, kind: type[Record], moment: str, can_be: Callable[[Any], bool] | None = None) -> Step:
        """Return the step that adds a record, if it is later than the state."""
        facts, finish = self.facts, None if self.plan.is_finished else self.plan.finish
        put = put_of(kind, self.plan.folds, self.plan.empties, self.last)

        def step(state: FactsState, record: Record) -> FactsState | None:
            told, person_id = record.__dict__, state.person_id
            if told["person_id"] != person_id or state.facts != facts:
                self._refuse(state, record)
            latest = told[moment]
            if latest <= state.latest or (can_be is not None and not can_be(record)):
                return None
            values: list[Value] = [*state.values]
            put(values, latest, told, record)
            if finish is not None:
                finish(values)
            return running(facts, person_id, latest, tuple(values), state.waiting)

        return step

    def _is_told(self, order: Purchase) -> bool:
        """Return whether a purchase is complete: not cancelled, no delivery to read."""
        if order.status == "cancelled":
            return False
        return (order.promised_at is None and order.delivered_at is None) or self.streams.isdisjoint(DELIVERY)

    def _of_leads(self, kind: type[Record]) -> Step:
        """Return the step of leads.

        The person's own arrival updates the values. A referral counts once for each friend, which only the history
        shows.
        """
        own = self._put(kind, "arrived_at") if "leads" in self.streams else self._unread
        sent = self._none if "referrals" in self.streams else self._same

        def step(state: FactsState, record: Record) -> FactsState | None:
            assert isinstance(record, Lead)
            is_sent = record.person_id != state.person_id and record.referred_by == state.person_id
            return sent(state, record) if is_sent else own(state, record)

        return step

    def _talk(self, kind: type[Record]) -> Step:
        put = self._put(kind, "occurred_at")
        closes, names = next((how for closing, how in CLOSED.items() if issubclass(kind, closing)), ("", ""))
        if closes in self.streams:
            return self._closing(put, closes, names)
        assert issubclass(kind, Interaction)
        opens = OPENED.get(str(kind.model_fields["kind"].default), "")
        return _opening(put, opens) if opens in self.streams and opens in WAITING else put

    def _closing(self, put: Step, stream: str, names: str) -> Step:
        """Return the step that closes an open row and folds the remaining rows."""

        def step(state: FactsState, record: Record) -> FactsState | None:
            after = put(state, record)
            if after is None:
                return None
            waiting = after.waiting.without(stream, (record.key[0], getattr(record, names)))
            if waiting is after.waiting:
                return after
            values = self._again(list(after.values), stream, waiting)
            return running(after.facts, after.person_id, after.latest, values, waiting)

        return step

    def _again(self, values: list[Value], stream: str, waiting: Waiting) -> Row:
        """Return the values, with one stream computed again from its open rows."""
        ready, empties = self.plan.folds[stream], self.plan.empties
        for group in ready.groups:
            for fold in group.folds:
                values[fold.place] = empties[fold.place]
        held = waiting.write(stream, ready, values)
        for group, is_held in zip(ready.groups, held, strict=True):
            is_read = any(not fold.is_started for fold in group.folds)
            values[len(empties) + group.number] = int(is_held and is_read)
        self.plan.finish(values)
        return tuple(values)

    # ---- steps without values ----

    def check(self, state: FactsState) -> None:
        """Check that a state is of these facts.

        Raises:
            FactsError: The state is of other facts, or of another format version.
        """
        instance(state, FactsState, "state", "a Running, such as of(history) gives")
        if state.facts != self.facts:
            msg = (
                f"the state holds the facts {state.facts}, and {self.name} reads {self.facts}; "
                "make a new one with of(history)"
            )
            raise FactsError(msg)

    def _refuse(self, state: FactsState, record: Record) -> NoReturn:
        self.check(state)
        msg = f"the {type(record).__name__.lower()} is of another person than the state; give each person their own"
        raise RecordError(msg)

    def _unread(self, state: FactsState, record: Record) -> FactsState:
        """Return the same state: the rule does not read such a record."""
        if record.__dict__["person_id"] != state.person_id:
            self._refuse(state, record)
        return self._same(state, record)

    def _may_be_awaited(self, kind: type[Record]) -> bool:
        """Return whether a record of the rule may name, and wait for, this kind."""
        named_by = (waiter for awaited, waiters in _NAMED_BY.items() if issubclass(kind, awaited) for waiter in waiters)
        return any(streams_of(waiter) & self.streams for waiter in named_by)

    def _awaited(self, state: FactsState, record: Record) -> FactsState | None:
        """Return the same state, or None if an earlier record may have waited.

        The rule does not read the record itself.
        """
        same = self._unread(state, record)
        return None if record.happened_at <= state.latest else same

    def _same(self, state: FactsState, _: Record) -> FactsState:
        self.check(state)
        return state

    def _none(self, state: FactsState, _: Record) -> None:
        self.check(state)


WAITING = frozenset(stream for stream, _ in CLOSED.values())
"""Streams whose open rows a state keeps."""

_NAMED_BY: Mapping[type[Record], tuple[type[Record], ...]] = {
    Purchase: (Refund, Complaint, Delivery),
    Question: (Answer,),
    Complaint: (Resolution,),
}
"""Kinds of record that name, and may wait for, a record of another kind."""


def _opening(put: Step, stream: str) -> Step:
    """Return the step that adds an open row, which waits for its answer."""

    def step(state: FactsState, record: Record) -> FactsState | None:
        after = put(state, record)
        if after is None:
            return None
        assert isinstance(record, Interaction)
        waiting = after.waiting.put(stream, interaction_row(record))
        return running(after.facts, after.person_id, after.latest, after.values, waiting)

    return step


def _never(_: Record) -> bool:
    return False
