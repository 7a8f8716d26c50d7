"""Rows of people person by person, compared with Python's own sort."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests import kernels
from tests.engines import FULL
from tests.kernels import COMPILED, UNCOMPILED, Block, in_blocks

PEOPLE = {
    "near": lambda number: number - 3,
    "far apart": lambda number: number * 10**15 - 2 * 10**15,
    "texts": lambda number: f"person {number}",
}
MANY = [(number % 7, number * 37 % 101, number) for number in range(300)]
ROWS = st.lists(st.tuples(st.integers(0, 5), st.integers(-3, 3), st.integers(-(10**12), 10**12)), min_size=1)


def rows_of(block: Block) -> list[tuple[object, int, int]]:
    """Return the rows of a block; the value is 0 if rows have none."""
    person_id = block.person(np.repeat(np.arange(len(block.starts) - 1), np.diff(block.starts)))
    value = np.zeros(len(block.t), np.int64) if block.value is None else block.value
    return list(zip(person_id.to_list(), block.t.tolist(), value.tolist(), strict=True))


def blocks_of(rows: list[tuple[int, int, int]], names: str, run: Any, *, valued: bool) -> list[Any]:
    """Return the rows of each block."""
    person_id, t, value = zip(*rows, strict=True)
    column = np.array(value, np.int64) if valued else None
    people = pl.Series([PEOPLE[names](number) for number in person_id])
    return in_blocks(people, np.array(t, np.int64), column, rows_of, run)


@example(rows=MANY, names="texts", valued=True, bucket=1, size=1 << 16, short=24)
@example(rows=[(1, t // 2, t) for t in range(60)], names="near", valued=True, bucket=1 << 16, size=1 << 16, short=24)
@example(rows=MANY, names="far apart", valued=False, bucket=1 << 16, size=4, short=2)
@example(rows=MANY[::-1], names="near", valued=True, bucket=3, size=4, short=2)
@given(
    rows=ROWS,
    names=st.sampled_from(list(PEOPLE)),
    valued=st.booleans(),
    bucket=st.sampled_from([1, 3, 1 << 16]),
    size=st.sampled_from([1, 4, 1 << 16]),
    short=st.sampled_from([1, 2, 24]),
)
def test_blocks_have_all_rows_in_order(  # noqa: PLR0913 (every size of the split)
    rows: list[tuple[int, int, int]], names: str, bucket: int, size: int, short: int, *, valued: bool
) -> None:
    """However people are split, the blocks have every row once, and each person's rows in one block and in order."""
    with pytest.MonkeyPatch.context() as patch:
        kernels.cut(patch, bucket=bucket, rows=size, short=short)
        kernels.threads_from(patch, 1)
        blocks = blocks_of(rows, names, UNCOMPILED, valued=valued)

    there = [(PEOPLE[names](person_id), t, value if valued else 0) for person_id, t, value in rows]
    assert sorted(row for block in blocks for row in block) == sorted(there)
    people = [list(dict.fromkeys(person_id for person_id, *_ in block)) for block in blocks]
    assert sum(map(len, people)) == len({person_id for person_id, *_ in there})
    for block in blocks:
        order = list(dict.fromkeys(person_id for person_id, *_ in block))
        assert block == sorted(block, key=lambda row: (order.index(row[0]), *row[1:]))


@pytest.mark.skipif(not FULL, reason="make test-full compiles every loop")
def test_compiled_loops_sort_alike() -> None:
    """Compiled and uncompiled, the blocks are the same."""
    for names in PEOPLE:
        assert blocks_of(MANY, names, COMPILED, valued=True) == blocks_of(MANY, names, UNCOMPILED, valued=True)


def test_a_compiled_loop_gives_the_same() -> None:
    """One small loop, compiled in a process of its own, sorts the rows of each person as the uncompiled loop does."""
    compiled, uncompiled = kernels.compiled_elsewhere()

    assert compiled == uncompiled == "[1 2 2 3 8 9] [1 3 9 0 5 4]"


FACTOR = 2


def _doubled(number: int) -> int:
    return FACTOR * number


def _sum_of_doubled(numbers: list[int]) -> int:
    return sum(map(_doubled, numbers))


def _half(numbers: list[int]) -> int:
    return _sum_of_doubled(numbers) // 2


def test_a_loop_is_compiled_with_the_functions_that_it_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions that a loop calls, directly or not, are compiled into it."""
    called = kernels.recorded_numba(monkeypatch)

    assert COMPILED(_half, [3, 4]) == 7
    assert called[:2] == ["_doubled", "_sum_of_doubled"]


def test_stored_machine_code_is_found_only_for_the_same_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop is stored under another name if a number or a function that it reads has changed, in any file."""
    called = kernels.recorded_numba(monkeypatch)
    for factor in (2, 2, 3):
        monkeypatch.setattr(sys.modules[__name__], "FACTOR", factor)
        kernels.forget_compiled()
        COMPILED(_half, [1])
    monkeypatch.setitem(globals(), "_doubled", lambda number: number + number)
    kernels.forget_compiled()
    COMPILED(_half, [1])

    first, same, other, changed = (name for name in called if name.startswith("_half"))
    assert first == same
    assert len({first, other, changed}) == 3


def test_no_rows_make_no_blocks() -> None:
    """There is nothing to sort."""
    none = pl.Series([], dtype=pl.Int64)

    assert in_blocks(none, np.array([], np.int64), None, rows_of, UNCOMPILED) == []
