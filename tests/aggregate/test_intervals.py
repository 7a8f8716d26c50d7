"""Rows that begin and cease to count in any order: at every instant the window has what is read off the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import narwhals as nw
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel._aggregate.aggregations import GAP_FIELDS
from funnel._aggregate.fold import Row, with_gaps
from funnel._aggregate.group_by import PERSON, value_name
from funnel._aggregate.window import running
from funnel._ledger.streams import TABLES
from funnel._time import FOREVER
from tests.aggregate.test_reduce import by_hand, row
from tests.aggregate.test_tables import QUERIES
from tests.shop import fewer

PURCHASES = tuple(one for one in QUERIES if one.stream.table == "purchases")


@st.composite
def _people(draw: st.DrawFn) -> Mapping[str, Sequence[Row]]:
    """Some rows of two people: most count from when they happened, some from later, and some cease to count."""
    counts = st.tuples(st.integers(0, 12), st.sampled_from([0, 0, 1, 3]), st.integers(1, 9), st.booleans())
    expected: dict[str, list[Row]] = {}
    for name in ("p1", "p2"):
        rows: list[Row] = []
        for number, (t, later, long, ends) in enumerate(draw(st.lists(counts, min_size=1, max_size=12))):
            start = t + later
            rows.append(row(t, start, start + long if ends else FOREVER, f"k{number}", draw(st.integers(0, 9))))
        expected[name] = sorted(rows, key=lambda one: (one[0], one[3:6]))
    return expected


def _table(engine: str, people: Mapping[str, Sequence[Row]]) -> Any:
    names = [name for name in TABLES["purchases"] if name not in GAP_FIELDS]
    rows = [{PERSON: name, **dict(zip(names, one, strict=False))} for name, those in people.items() for one in those]
    frame = pl.DataFrame(rows)
    return nw.from_native(frame.lazy() if engine == "polars" else duckdb.from_arrow(frame.to_arrow()))


def _windows(engine: str, people: Mapping[str, Sequence[Row]], at: int) -> Mapping[object, Sequence[object]]:
    names = map(value_name, range(len(PURCHASES)))
    rows = running({"purchases": _table(engine, people)}, PURCHASES, at).select(PERSON, "t", *names).collect().rows()
    answers = {one[:2]: one[2:] for one in rows}
    assert len(answers) == len(rows)
    return answers


def _read_off(people: Mapping[str, Sequence[Row]], at: int) -> Mapping[object, Sequence[object]]:
    instants = {(name, int(x)) for name, rows in people.items() for one in rows for x in one[1:3] if int(x) <= at}
    result: dict[object, Sequence[object]] = {}
    for name, x in instants:
        there = with_gaps([one for one in people[name] if int(one[1]) <= x < int(one[2])])
        result[name, x] = tuple(by_hand(one, list(there)) for one in PURCHASES)
    return result


@given(people=_people(), at=st.integers(0, 20))
@fewer
def test_a_window_is_what_one_reads_off_the_rows_of_each_instant(people: Mapping[str, Sequence[Row]], at: int) -> None:
    """Sums, extremes, first and last rows and the gaps between rows, whatever rows overlap."""
    result = _read_off({name: [one for one in rows if int(one[1]) <= at] for name, rows in people.items()}, at)

    assert _windows("polars", people, at) == result


NESTED = {"p1": [row(t, t, 20 - t, f"k{t}", t % 4) for t in range(9)]}
ONE_BY_ONE = {"p1": [row(t, t, 9 + t, f"k{t}", t % 4) for t in range(9)]}
LATER_VERSIONS = {"p1": [row(0, 0, 3, "a", 5), row(0, 3, 6, "a", 4), row(0, 6, FOREVER, "a", 1), row(2, 2, 5, "b", 9)]}


@pytest.mark.parametrize("people", [NESTED, ONE_BY_ONE, LATER_VERSIONS], ids=["nested", "one by one", "versions"])
def test_duckdb_has_the_same_windows(people: Mapping[str, Sequence[Row]]) -> None:
    """Rows that end in the order in which they began, or in the other, and versions of one record."""
    assert _windows("duckdb", people, 19) == _windows("polars", people, 19) == _read_off(people, 19)
