"""What is done with one more record of each kind: a state in, a state out, or none where the history is to be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import attrs

from funnel._facts.plan import Plan
from funnel._given import instance
from funnel._ledger.rows import interaction_row
from funnel._ledger.steps import CLOSED, DELIVERY, OPENED, put_of, streams_of, together
from funnel._lift.nodes import Value
from funnel.advance.state import Row, Running, running
from funnel.advance.waiting import Waiting
from funnel.errors import FactsError, RecordError
from funnel.interactions import Answer, Complaint, Delivered, Interaction, Question, Resolution
from funnel.records import Lead, Purchase, Record, Refund

Step = Callable[[Running, Record], Running | None]
"""The next state; None where the values cannot say it."""


@attrs.frozen
class Steps:
    """The steps of a plan.

    Attributes:
        plan: What is read.
        last: Where the instant of the last purchase stands, if a gap is asked for.
        facts: The facts that states hold.
        name: The name of the rule.
    """

    plan: Plan
    last: int | None
    facts: str
    name: str

    @property
    def streams(self) -> frozenset[str]:
        """The streams that are read."""
        return frozenset(self.plan.folds)

    def of(self, kind: type[Record]) -> Step:
        """The step of a kind of record.

        Raises:
            RecordError: It is no kind of record that a history has.
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
        """Put a record to the values, if it comes after what is in them and can be put."""
        facts, finish = self.facts, None if self.plan.is_finished else self.plan.finish
        put = put_of(kind, self.plan.folds, self.plan.empties, self.last)

        def step(state: Running, record: Record) -> Running | None:
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
        """Whether a purchase says by itself all that follows from it: it is neither cancelled nor delivered."""
        if order.status == "cancelled":
            return False
        return (order.promised_at is None and order.delivered_at is None) or self.streams.isdisjoint(DELIVERY)

    def _of_leads(self, kind: type[Record]) -> Step:
        """Their own arrival is put to the values; that of a friend counts once, which only the history can say."""
        own = self._put(kind, "arrived_at") if "leads" in self.streams else self._unread
        sent = self._none if "referrals" in self.streams else self._same

        def step(state: Running, record: Record) -> Running | None:
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
        """What is answered waits no longer; what waits is put together anew."""

        def step(state: Running, record: Record) -> Running | None:
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
        """The values with those of one stream put together anew, from its open rows."""
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

    # ---- what needs no values ----

    def check(self, state: Running) -> None:
        """See that a state is of these facts.

        Raises:
            FactsError: It is of others, or was written in another form.
        """
        instance(state, Running, "state", "a Running, such as of(history) gives")
        if state.facts != self.facts:
            msg = (
                f"the state holds the facts {state.facts}, and {self.name} reads {self.facts}; "
                "make a new one with of(history)"
            )
            raise FactsError(msg)

    def _refuse(self, state: Running, record: Record) -> NoReturn:
        self.check(state)
        msg = f"the {type(record).__name__.lower()} is of another person than the state; give each person their own"
        raise RecordError(msg)

    def _unread(self, state: Running, record: Record) -> Running:
        """The rule reads nothing of such a record."""
        if record.__dict__["person_id"] != state.person_id:
            self._refuse(state, record)
        return self._same(state, record)

    def _may_be_awaited(self, kind: type[Record]) -> bool:
        """Return whether a record that the rule reads may wait for one of this kind, which it names."""
        named_by = (waiter for awaited, waiters in _NAMED_BY.items() if issubclass(kind, awaited) for waiter in waiters)
        return any(streams_of(waiter) & self.streams for waiter in named_by)

    def _awaited(self, state: Running, record: Record) -> Running | None:
        """The rule does not read the record, but what came before it may have waited for it: the history knows."""
        same = self._unread(state, record)
        return None if record.happened_at <= state.latest else same

    def _same(self, state: Running, _: Record) -> Running:
        self.check(state)
        return state

    def _none(self, state: Running, _: Record) -> None:
        self.check(state)


WAITING = frozenset(stream for stream, _ in CLOSED.values())
"""The streams whose open rows a state keeps."""

_NAMED_BY: Mapping[type[Record], tuple[type[Record], ...]] = {
    Purchase: (Refund, Complaint, Delivered),
    Question: (Answer,),
    Complaint: (Resolution,),
}
"""The kinds of record that name one of another kind, and wait for it if they come first."""


def _opening(put: Step, stream: str) -> Step:
    """What is asked waits until it is answered."""

    def step(state: Running, record: Record) -> Running | None:
        after = put(state, record)
        if after is None:
            return None
        assert isinstance(record, Interaction)
        waiting = after.waiting.put(stream, interaction_row(record))
        return running(after.facts, after.person_id, after.latest, after.values, waiting)

    return step


def _never(_: Record) -> bool:
    return False
