"""Records as they come to a back end, and a state moved on by them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from funnel.history import History
from funnel.incremental._rule import IncrementalRule
from funnel.incremental._state import FactsState
from funnel.policy import Policy
from funnel.records import Record


def delivered(data: st.DataObject, records: list[Record]) -> list[Record]:
    """Records as they come: near their order, or in any, and some of them again."""
    again = data.draw(st.lists(st.sampled_from(records), max_size=4)) if records else []
    whole = [*records, *again]
    if data.draw(st.booleans()):
        return sorted(whole, key=lambda record: record.happened_at)
    return data.draw(st.permutations(whole))


def known(records: list[Record]) -> History:
    """The history of what has come; a record that names one that has not come waits, as in a store."""
    there = {record.key for record in records}
    kept = [one for one in records if all((one.key[0], number) in there for number in _named(one))]
    return History.of("p1", kept) if len(kept) == len(records) else known(kept)


def _named(record: Record) -> list[str]:
    names = ("purchase_id", "question_id", "complaint_id")
    return [number for name in names if (number := getattr(record, name, None)) is not None]


def moved(advance: IncrementalRule[Policy, Any], coming: list[Record]) -> FactsState:
    """The state after every delivery, kept as JSON in between; the history is read where the state cannot say."""
    text, come = advance.begin("p1").to_json(), list[Record]()
    for record in coming:
        come.append(record)
        before = FactsState.from_json(text)
        state = advance(before, record) or advance.again(before, record, known(come))
        text = state.to_json()
        assert FactsState.from_json(text) == state
        assert before.latest <= state.latest
    return FactsState.from_json(text)
