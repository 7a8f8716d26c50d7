"""Own columns of generated people: those that a class of facts reads, with a few values for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import attrs
from hypothesis import strategies as st

from funnel._aggregate.aggregations import own_kind, own_name
from funnel._expr.nodes import Const
from funnel._expr.tree import Tree, forks
from funnel._ledger.own import AS_OF_FIELD, OWN_LOGS
from funnel.facts._base import BaseFacts
from funnel.history import History
from funnel.interactions import View
from funnel.money import Money
from funnel.records import Lead, Purchase, Record, Refund

_LOGS: Mapping[type[Record], str] = {Lead: "leads", Purchase: "purchases", Refund: "refunds"}
_WORDS = ("", "other")
"""Texts besides those that the rule and its facts compare with."""
_INSTANTS = tuple(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in (0, 1, 30, 90))
_VALUES: Mapping[str, Sequence[Any]] = {"whole": (0, 1, 2, 7, 100), "truth": (False, True), "instant": _INSTANTS}
_SPECIMEN = "specimen"

Kinds = Mapping[str, str]
"""The kind of each own column of a log, by its name."""


@attrs.frozen
class OwnColumns:
    """Own columns of each log, and the texts that they may hold."""

    kinds: Mapping[str, Kinds]
    words: Sequence[str] = _WORDS

    @classmethod
    def of(cls, facts: type[BaseFacts], trees: Iterable[Tree] = ()) -> OwnColumns:
        """Return the own columns that facts read. Trees of rules name further texts."""
        reductions = facts._fact_plan.reductions
        kinds: dict[str, dict[str, str]] = {}
        for stream in dict.fromkeys(one.stream for one in reductions):
            own = {own_name(field): own_kind(field) for field in stream.origin.own if field != AS_OF_FIELD}
            if own:
                kinds.setdefault(OWN_LOGS[stream.plain_table], {}).update(own)
        words = [word for tree in (*(one.where for one in reductions), *trees) for word in _texts(tree)]
        return cls(kinds, tuple(dict.fromkeys((*words, *_WORDS))))

    def added(self, people: Sequence[History]) -> st.SearchStrategy[tuple[History, ...]]:
        """Return a strategy for the same people, whose records have own columns."""
        if not self.kinds:
            return st.just(tuple(people))
        records = dict.fromkeys(record for history in people for record in history.records)
        of_records = st.fixed_dictionaries({record: self._columns(_log(record)) for record in records})
        of_people = st.tuples(*(self._columns("people") for _ in people))

        def joined(columns: Mapping[Record, Any], rows: Sequence[Mapping[str, Any]]) -> tuple[History, ...]:
            return tuple(map(partial(_with, columns), people, rows))

        return st.builds(joined, of_records, of_people)

    def _columns(self, log: str) -> st.SearchStrategy[dict[str, Any]]:
        """Return a strategy for the own columns of one record. Only truths are always there: pandas needs them."""
        kinds = self.kinds.get(log, {})
        values = {name: st.sampled_from(_VALUES.get(kind, self.words)) for name, kind in kinds.items()}
        needed = {name: values.pop(name) for name, kind in kinds.items() if kind == "truth"}
        return st.fixed_dictionaries(needed, optional=values)

    def specimens(self) -> Iterator[Record]:
        """Yield a record of each log with every own column, so that every table has all of them."""
        if not self.kinds:
            return
        start, one = _INSTANTS[0], Money.of_minor(1, "USD")
        for record in (
            Lead(person_id=_SPECIMEN, arrived_at=start),
            Purchase(person_id=_SPECIMEN, id=_SPECIMEN, purchased_at=start, amount=one),
            Refund(purchase_id=_SPECIMEN, id=_SPECIMEN, refunded_at=start, amount=one),
            View(person_id=_SPECIMEN, id=_SPECIMEN, occurred_at=start),
        ):
            yield record.model_copy(update={"columns": self._filled(_log(record))})

    def _filled(self, log: str) -> dict[str, Any]:
        return {name: _VALUES.get(kind, self.words)[0] for name, kind in self.kinds.get(log, {}).items()}

    def rows_of(self, people: Iterable[History]) -> list[dict[str, Any]]:
        """Return the rows of the table of people; none if the facts read no column of people."""
        if "people" not in self.kinds:
            return []
        rows = [{"person_id": one.person_id, **one.customer.columns} for one in people if one.customer is not None]
        return [{"person_id": _SPECIMEN, **self._filled("people")}, *rows]


def _log(record: Record) -> str:
    return _LOGS.get(type(record), "interactions")


def _with(columns: Mapping[Record, Any], history: History, of_person: Mapping[str, Any]) -> History:
    records = [record.model_copy(update={"columns": columns[record]}) for record in history.records]
    customer = history.customer and history.customer.model_copy(update={"columns": of_person})
    return History.of(history.person_id, records, customer=customer)


def _texts(tree: Tree) -> Iterator[str]:
    """Yield the texts that a tree compares with."""
    for fork in forks(tree):
        for side in (fork.test.a, fork.test.b):
            if isinstance(side, Const) and isinstance(side.value, str):
                yield side.value
