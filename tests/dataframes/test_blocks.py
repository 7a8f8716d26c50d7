"""Sorted rows of people, compared with Python's own sort."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests import kernels
from tests.kernels import LEFT_OUT, Block, Rows, in_blocks

SPANS = (5, 10**6, 10**15, 12 * 10**15)
PEOPLE = {
    "near": lambda number: number - 3,
    "far apart": lambda number: number * 10**15 - 2 * 10**15,
    "texts": lambda number: f"person {number}",
}


def value_of(t: int, code: int) -> int:
    """Return a value computed from the row, which shows whether it moved with the row."""
    return t * 10 + code


def rows_of_block(block: Block) -> list[tuple[object, int, int, int]]:
    """Return the rows of a block."""
    people_ids = block.person(block.who()).to_list()
    path = np.zeros(len(block.t), np.int64) if block.path is None else block.path
    if block.value is not None:
        assert block.value.tolist() == [
            value_of(*row) for row in zip(block.t.tolist(), block.code.tolist(), strict=True)
        ]
    return list(zip(people_ids, block.t.tolist(), block.code.tolist(), path.tolist(), strict=True))


@st.composite
def rows(draw: st.DrawFn) -> tuple[list[tuple[object, int, int, int]], Rows]:
    """Rows of few people, at few instants of a short or a long time."""
    names, span, codes = (
        draw(st.sampled_from(list(PEOPLE.values()))),
        draw(st.sampled_from(SPANS)),
        draw(st.integers(1, 9)),
    )
    moments = st.integers(0, 4).map(lambda moment: moment * span // 4 - span // 2)
    row = st.tuples(st.integers(0, 5).map(names), moments, st.integers(0, codes - 1), st.integers(0, 2))
    given_rows = draw(st.lists(row, min_size=1, max_size=40))
    people_ids, t, code, path = (list(column) for column in zip(*given_rows, strict=True))
    pathed = draw(st.booleans())
    plain = given_rows if pathed else [(*row[:3], 0) for row in given_rows]
    whole = [np.array(column, np.int64) for column in (t, path)]
    return plain, Rows(
        pl.Series(people_ids),
        whole[0],
        np.array(code, np.uint8),
        np.arange(codes, dtype=np.uint16),
        whole[1] if pathed else None,
        np.array([value_of(*row[1:3]) for row in given_rows], np.int64) if draw(st.booleans()) else None,
    )


MANY = [(f"person {number}", number * 10**15, 0, 0) for number in range(300)]


def packed_of(plain: list[tuple[Any, int, int, int]], *, valued: bool) -> Rows:
    """Return packed rows."""
    people_ids, t, code, _ = (list(column) for column in zip(*plain, strict=True))
    value = np.array([value_of(*row[1:3]) for row in plain], np.int64) if valued else None
    return Rows(
        pl.Series(people_ids), np.array(t, np.int64), np.array(code, np.uint8), np.zeros(1, np.uint16), None, value
    )


@example(generated=(MANY, packed_of(MANY, valued=True)), chunk=1 << 16, size=1 << 16, bits=63)
@example(generated=(MANY, packed_of(MANY, valued=True)), chunk=1 << 16, size=1 << 16, bits=58)
@example(generated=(MANY, packed_of(MANY, valued=False)), chunk=1 << 16, size=1 << 16, bits=58)
@example(generated=(MANY[:9], packed_of(MANY[:9], valued=False)), chunk=1 << 16, size=1, bits=52)
@given(
    generated=rows(),
    chunk=st.sampled_from([1, 3, 1 << 16]),
    size=st.sampled_from([1, 4, 1 << 16]),
    bits=st.sampled_from([52, 63]),
)
def test_blocks_have_all_rows_in_order(
    generated: tuple[list[tuple[object, int, int, int]], Rows], chunk: int, size: int, bits: int
) -> None:
    """However they are cut, the blocks have every row once, and each person's rows in one block and in order."""
    plain, packed = generated
    with pytest.MonkeyPatch.context() as patch:
        kernels.cut(patch, chunk=chunk, rows=size)
        kernels.room(patch, bits)
        blocks = in_blocks(packed, rows_of_block)

    ordered: dict[object, list[tuple[int, int, int]]] = {}
    for person, *row in sorted(plain, key=lambda row: row[1:]):
        ordered.setdefault(person, []).append(tuple(row))
    result = {person: [row[1:] for row in block if row[0] == person] for block in blocks for person, *_ in block}
    assert result == ordered
    assert sum(map(len, blocks)) == len(plain)


def test_people_with_one_hash_are_separated(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a second hash shows that two people share a hash, the texts are compared."""
    hashed = pl.Expr.hash
    monkeypatch.setattr(pl.Expr, "hash", lambda names, seed: hashed(names, seed) * seed)
    some = Rows(pl.Series(["b", "a", "b"]), np.array([3, 2, 1]), np.zeros(3, np.uint8), np.zeros(1, np.uint16))

    rows = sorted(row for block in in_blocks(some, rows_of_block) for row in block)
    assert rows == [("a", 2, 0, 0), ("b", 1, 0, 0), ("b", 3, 0, 0)]


def test_rows_without_a_code_are_left_out() -> None:
    """They are in no block."""
    codes = np.array([LEFT_OUT, 0], np.uint16)
    for person in (pl.Series([7, 8, 7]), pl.Series(["7", "8", "7"])):
        some = Rows(person, np.array([3, 2, 1]), np.array([1, 0, 0], np.uint8), codes)
        assert [row[1:] for block in in_blocks(some, rows_of_block) for row in block] == [(3, 0, 0)]


def test_no_rows_make_no_blocks() -> None:
    """There is nothing to sort."""
    none = Rows(pl.Series([], dtype=pl.Int64), np.array([], np.int64), np.array([], np.uint8), np.zeros(1, np.uint16))

    assert in_blocks(none, rows_of_block) == []


@pytest.mark.parametrize("valued", [True, False])
@pytest.mark.parametrize("bits", [63, 4])
def test_few_bits_keep_the_order(monkeypatch: pytest.MonkeyPatch, bits: int, *, valued: bool) -> None:
    """Few different times need few bits, and rows are sorted with even fewer."""
    kernels.room(monkeypatch, bits)
    t = np.array([3, 1, 2, 1], np.int32)
    some = Rows(pl.Series([7, 8, 7, 7]), t, value=t.astype(np.int64) * 10 if valued else None)

    rows = sorted(row for block in in_blocks(some, rows_of_block) for row in block)
    assert rows == [(7, 1, 0, 0), (7, 2, 0, 0), (7, 3, 0, 0), (8, 1, 0, 0)]


def test_integers_with_equal_first_bits_are_separated(monkeypatch: pytest.MonkeyPatch) -> None:
    """If mixing does not separate people, the ids themselves are sorted."""
    kernels.unmixed(monkeypatch)
    some = Rows(pl.Series([10**15, 10**15 + 1, 10**15, 0]), np.array([3, 2, 1, 9]))

    rows = sorted(row for block in in_blocks(some, rows_of_block) for row in block)
    assert rows == [(0, 9, 0, 0), (10**15, 1, 0, 0), (10**15, 3, 0, 0), (10**15 + 1, 2, 0, 0)]


def test_integers_are_sorted_with_and_without_room() -> None:
    """The order does not depend on the room for positions beside them."""
    numbers = np.array([5, 3, 9, 4])

    assert [kernels.order_of(numbers, bits).tolist() for bits in (4, 62)] == [[1, 3, 0, 2]] * 2
