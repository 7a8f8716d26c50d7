"""Next changes of everyone in local memory: a rule over numpy arrays.

A long rule has many delays. Building the expression of an engine for each of them takes longer than evaluating the
rule for many people. Needs numpy and Polars.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import narwhals as nw
import numpy as np

from funnel._aggregate.group_by import PERSON, value_name
from funnel._dataframes.adapter import Frame
from funnel._dataframes.compute import collected
from funnel._expr.arrays import Numbers, Read, answers_of, texts_of, value_of
from funnel._expr.nodes import Fact, Node
from funnel._expr.to_narwhals import by_value, int_lit
from funnel._expr.tree import Tree
from funnel._time import FOREVER, LATEST, spans_at
from funnel.facts._schema import FactSchema

BLOCK = 1 << 16
"""Number of people whose instants are computed together, which bounds the memory."""


@attrs.frozen(eq=False)
class ChangeArrays:
    """A rule whose next changes are computed.

    Attributes:
        tree: The rule; its answers are whole numbers.
        waits: Delays until a condition may flip.
        plan: The facts that the rule reads.
        now: Instant of the evaluation.
    """

    tree: Tree
    waits: Sequence[Node]
    plan: FactSchema
    now: int

    def changes(self, raw: Frame, answer: str, soonest: str) -> Frame:
        """Return people with two columns: the present answer, and the next instant with another answer or FOREVER."""
        codes = {text: number for number, text in enumerate(dict.fromkeys(texts_of(self.tree)))}
        names = [value_name(index) for index in range(len(self.plan.empties))]
        rows = collected(raw.select(PERSON, *(self._column(index, codes) for index in range(len(names)))))
        values = [rows[name].to_numpy() for name in names]
        blocks = [slice(start, start + BLOCK) for start in range(0, max(len(rows), 1), BLOCK)]
        parts = [self._block(len(rows[block]), [one[block] for one in values], codes) for block in blocks]
        series = (
            nw.new_series(name, np.concatenate(part), nw.Int64(), backend=rows.implementation)
            for name, part in zip((answer, soonest), zip(*parts, strict=True), strict=True)
        )
        changes: Frame = rows.select(PERSON).with_columns(*series).lazy()
        return changes

    def _column(self, index: int, codes: Mapping[str, int]) -> nw.Expr:
        """Return the value of a fact; a text is a number, -1 if the rule does not name it."""
        name = value_name(index)
        if not isinstance(self.plan.empties[index], str):
            return nw.col(name)
        return by_value(name, ((text, int_lit(number)) for text, number in codes.items()), int_lit(-1)).alias(name)

    def _block(self, count: int, values: Sequence[Numbers], codes: Mapping[str, int]) -> tuple[Numbers, Numbers]:
        read = self._reader(values, np.arange(count), np.full(count, self.now))
        answers = answers_of(self.tree, read, count, codes)
        nothing: tuple[Numbers, Numbers] = (np.zeros(0, np.int64), np.zeros(0, np.int64))
        due = [nothing, *self._due(read, count, codes)]
        persons, at = (np.concatenate(part) for part in zip(*due, strict=True))
        later = answers_of(self.tree, self._reader(values, persons, at), len(at), codes)
        differs = later != answers[persons]
        soonest: Numbers = np.full(count, FOREVER)
        np.minimum.at(soonest, persons[differs], at[differs])
        return answers, soonest

    def _due(self, read: Read, count: int, codes: Mapping[str, int]) -> Iterator[tuple[Numbers, Numbers]]:
        """Yield the people and the instants at which each delay ends."""
        for wait in self.waits:
            delays = np.broadcast_to(value_of(wait, read, slice(None), codes), (count,))
            persons = np.flatnonzero((delays > 0) & (delays < LATEST - self.now))
            yield persons, self.now + delays[persons]

    def _reader(self, values: Sequence[Numbers], persons: Numbers, at: Numbers) -> Read:
        """Return a reader of the facts of some people, each at an instant."""
        indices = self.plan.run_indices()

        def read(fact: Fact, rows: Any) -> Any:
            index, slope = indices[fact.name]
            value = values[index][persons[rows]]
            return value if slope == 0 else spans_at(value, slope, at[rows])

        return read
