"""The loops of a replay give what a person would count by hand at each instant."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests import kernels
from tests.engines import FULL
from tests.kernels import Run

FOREVER = 1_000
"""The end of rows that do not end."""

NOW = 40
"""The last instant of the events."""

Array = npt.NDArray[Any]
Row = tuple[int, int, int, int]
"""`t`, start, end and a field."""


def rows_of(chance: Random) -> list[Row]:
    """Rows in order of `t`: some begin late, as the successors of other rows do, and some end."""
    rows: list[Row] = []
    for t in sorted(chance.randrange(20) for _ in range(chance.randrange(1, 14))):
        start = t + chance.choice([0, 0, 0, 5, 10])
        end = chance.choice([FOREVER, start + 1 + chance.randrange(25), start + 25 - t])
        rows.append((t, start, end, chance.randrange(9)))
        if end <= NOW and chance.random() < 0.5:
            rows.append((t, end, FOREVER, chance.randrange(9)))
    return rows


def events_of(people: Sequence[Sequence[Row]]) -> tuple[list[int], list[int], list[int]]:
    """The starts, instants and codes of the events of people."""
    starts, at, codes, first = [0], list[int](), list[int](), 0
    for rows in people:
        begins = [(start, 2 * row) for row, (_, start, _, _) in enumerate(rows, first)]
        ends = [(end, 2 * row + 1) for row, (_, _, end, _) in enumerate(rows, first) if end <= NOW]
        for instant, code in sorted(begins + ends):
            at.append(instant)
            codes.append(code)
        starts.append(len(at))
        first += len(rows)
    return starts, at, codes


PEOPLE = [rows_of(Random(seed)) for seed in range(60)]
EVERY = [row for rows in PEOPLE for row in rows]
STARTS, AT, CODES = (np.array(column, np.int64) for column in events_of(PEOPLE))


def living(rows: Sequence[Row], now: int) -> list[int]:
    """The indexes of the rows that count at an instant."""
    return [index for index, (_, start, end, _) in enumerate(rows) if start <= now < end]


def spans_by(run: Run) -> Array:
    """The spans of all rows."""
    t, end = (np.array([row[column] for row in EVERY], np.int64) for column in (0, 2))
    spans = np.empty((3 * len(AT), 4), np.int64)
    before, after, span = np.empty((3, len(EVERY)), np.int64)
    chain = kernels.Chain(t, end, before, after, span)
    count: int = run(kernels.gap_spans, STARTS, AT, CODES, chain, spans)
    return spans[:count]


def test_each_row_has_one_span_for_each_row_before_it() -> None:
    """At any instant, the span of a row names the `t` of the row before it; the first row has its own."""
    spans = spans_by(kernels.UNCOMPILED)

    for now in range(NOW + 1):
        expected, first = [], 0
        for rows in PEOPLE:
            there = living(rows, now)
            others = [there[0], *there] if there else []
            expected += [(first + row, rows[other][0]) for row, other in zip(there, others, strict=False)]
            first += len(rows)
        assert sorted((row, t) for row, t, start, until in spans.tolist() if start <= now < until) == expected


REDUCTIONS = np.array([[0, 0, 0], [0, 2, 2], [1, 2, 2], [-1, 2, 2], [1, 3, 2], [-1, 3, 2]], np.int64)
"""The count of the rows, the sum of even fields, the largest and smallest value, that of the last row and the first."""


def by_hand(rows: Sequence[Row], now: int) -> list[int]:
    """The six values at an instant; the last four are 9 if no row counts."""
    fields = [rows[index][3] for index in living(rows, now)]
    extremes = [max(fields), min(fields), fields[-1], fields[0]] if fields else [9] * 4
    return [len(fields), sum(field for field in fields if field % 2 == 0), *extremes]


def values_by(run: Run) -> kernels.Instants:
    """The values at each instant of each person."""
    columns = np.array([(63 - 2 * (field % 2), end, field, t) for t, _, end, field in EVERY], np.int64)
    size = len(AT), len(REDUCTIONS)
    persons, instants = np.empty((2, size[0]), np.int64)
    out = kernels.Instants(persons, instants, np.empty((size[1], size[0]), np.int64))
    empties, heaps = np.array([0, 0, 9, 9, 9, 9], np.int64), np.empty((size[1], 40), np.int64)
    count: int = run(kernels.running_values, STARTS, AT, CODES, columns[CODES >> 1], REDUCTIONS, empties, heaps, out)
    return kernels.Instants(persons[:count], instants[:count], out.values[:, :count])


def test_values_are_those_of_the_rows_that_count() -> None:
    """At each instant of each person, every reduction has the value of the rows that count then."""
    out = values_by(kernels.UNCOMPILED)

    result = zip(out.persons.tolist(), out.at.tolist(), out.values.T.tolist(), strict=True)
    assert [*result] == [
        (person, now, by_hand(rows, now))
        for person, rows in enumerate(PEOPLE)
        for now in sorted({*AT[STARTS[person] : STARTS[person + 1]].tolist()})
    ]


@pytest.mark.skipif(not FULL, reason="make test-full compiles every loop")
def test_compiled_loops_give_the_same() -> None:
    """Compiled and uncompiled, the spans and the values are the same."""
    compiled, uncompiled = values_by(kernels.COMPILED), values_by(kernels.UNCOMPILED)

    assert np.array_equal(spans_by(kernels.COMPILED), spans_by(kernels.UNCOMPILED))
    assert all(np.array_equal(one, other) for one, other in zip(compiled, uncompiled, strict=True))
