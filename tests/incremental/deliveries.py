"""Records in the order in which a back end receives them, and live facts that are restored before each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from funnel.errors import RecordError
from funnel.history import History
from funnel.incremental import FactsState, LiveFacts
from funnel.policy import Policy
from funnel.records import Customer, Record
from funnel.rules._rule import Rule

POLICY = Policy()


def delivered(data: st.DataObject, records: list[Record]) -> list[Record]:
    """Records as they come: near their order, or in any, and some of them again."""
    again = data.draw(st.lists(st.sampled_from(records), max_size=4)) if records else []
    whole = [*records, *again]
    if data.draw(st.booleans()):
        return sorted(whole, key=lambda record: record.happened_at)
    return data.draw(st.permutations(whole))


def history_of(records: Sequence[Record], customer: Customer | None = None) -> History:
    """The history of the records so far; a record that names an unknown one waits, as in a store."""
    there = {record.key for record in records}
    remaining = [one for one in records if all((one.key[0], number) in there for number in _references(one))]
    whole = len(remaining) == len(records)
    return History.of("p1", remaining, customer=customer) if whole else history_of(remaining, customer)


def _references(record: Record) -> list[str]:
    names = ("purchase_id", "question_id", "complaint_id")
    return [number for name in names if (number := getattr(record, name, None)) is not None]


class BackEnd:
    """A back end that stores the state of one person as JSON, and restores live facts for each record.

    Attributes:
        rule: The rule that is evaluated after each record.
        policy: The policy of the rule.
        customer: The customer record of the person.
        state: The stored state.
        come: All records so far.
        reads: How often the history was read.
    """

    def __init__(self, rule: Rule[Any, Any, Any], policy: Policy = POLICY, customer: Customer | None = None) -> None:
        self.rule, self.policy, self.customer = rule, policy, customer
        self.come: list[Record] = []
        self.waiting: list[Record] = []
        self.reads = 0
        live = LiveFacts(History(person_id="p1", customer=customer), rule.facts)
        self.state = self.evaluated(live)

    def live(self) -> LiveFacts[Any]:
        """The live facts of the stored state."""
        state = FactsState.model_validate_json(self.state.model_dump_json())
        assert state == self.state
        return LiveFacts.from_state(state, self.rule.facts, self._history)

    def _history(self) -> History:
        self.reads += 1
        return history_of(self.come, self.customer)

    def evaluated(self, live: LiveFacts[Any]) -> FactsState:
        """The state after the rule was evaluated."""
        self.rule.of(live, self.policy, as_of=live.state.latest)
        return live.state

    def add(self, *records: Record) -> BackEnd:
        """Take one record after another; a refund before its purchase is added again later."""
        for record in records:
            live, before = self.live(), self.state.latest
            self.come.append(record)
            self.waiting = [one for one in (record, *self.waiting) if not _is_accepted(live, one)]
            self.state = self.evaluated(live)
            assert before <= self.state.latest
        return self

    def of_history(self) -> FactsState:
        """The state of the history of all records, by the same rule."""
        return self.evaluated(LiveFacts(self._history(), self.rule.facts))


def _is_accepted(live: LiveFacts[Any], record: Record) -> bool:
    try:
        live.add(record)
    except RecordError:
        return False
    return True
