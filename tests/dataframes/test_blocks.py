"""Rows of people in order, against Python's own sort."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from funnel._dataframes.packed import chunks, partition
from funnel._dataframes.packed.blocks import in_blocks
from funnel._dataframes.packed.rows import LEFT_OUT, Block, Rows

SPANS = (5, 10**6, 10**15, 12 * 10**15)
PEOPLE = {
    "near": lambda number: number - 3,
    "far apart": lambda number: number * 10**15 - 2 * 10**15,
    "texts": lambda number: f"person {number}",
}


def worth(t: int, code: int) -> int:
    """What belongs to a row: it is known from the row itself, so that it is seen whether it went with it."""
    return t * 10 + code


def told(block: Block) -> list[tuple[object, int, int, int]]:
    """The rows of a block as it has them."""
    who = block.person(block.who()).to_list()
    path = np.zeros(len(block.t), np.int64) if block.path is None else block.path
    if block.value is not None:
        assert block.value.tolist() == [worth(*row) for row in zip(block.t.tolist(), block.code.tolist(), strict=True)]
    return list(zip(who, block.t.tolist(), block.code.tolist(), path.tolist(), strict=True))


@st.composite
def rows(draw: st.DrawFn) -> tuple[list[tuple[object, int, int, int]], Rows]:
    """Rows of few people, at few instants of a short or a long time."""
    named, span, codes = (
        draw(st.sampled_from(list(PEOPLE.values()))),
        draw(st.sampled_from(SPANS)),
        draw(st.integers(1, 9)),
    )
    moments = st.integers(0, 4).map(lambda moment: moment * span // 4 - span // 2)
    row = st.tuples(st.integers(0, 5).map(named), moments, st.integers(0, codes - 1), st.integers(0, 2))
    given_rows = draw(st.lists(row, min_size=1, max_size=40))
    who, t, code, path = (list(column) for column in zip(*given_rows, strict=True))
    pathed = draw(st.booleans())
    plain = given_rows if pathed else [(*row[:3], 0) for row in given_rows]
    whole = [np.array(column, np.int64) for column in (t, path)]
    return plain, Rows(
        pl.Series(who),
        whole[0],
        np.array(code, np.uint8),
        np.arange(codes, dtype=np.uint16),
        whole[1] if pathed else None,
        np.array([worth(*row[1:3]) for row in given_rows], np.int64) if draw(st.booleans()) else None,
    )


MANY = [(f"person {number}", number * 10**15, 0, 0) for number in range(300)]


def packed_of(plain: list[tuple[Any, int, int, int]], *, valued: bool) -> Rows:
    """Such rows."""
    who, t, code, _ = (list(column) for column in zip(*plain, strict=True))
    value = np.array([worth(*row[1:3]) for row in plain], np.int64) if valued else None
    return Rows(pl.Series(who), np.array(t, np.int64), np.array(code, np.uint8), np.zeros(1, np.uint16), None, value)


@example(drawn=(MANY, packed_of(MANY, valued=True)), chunk=1 << 16, size=1 << 16, bits=63)
@example(drawn=(MANY, packed_of(MANY, valued=True)), chunk=1 << 16, size=1 << 16, bits=58)
@example(drawn=(MANY, packed_of(MANY, valued=False)), chunk=1 << 16, size=1 << 16, bits=58)
@example(drawn=(MANY[:9], packed_of(MANY[:9], valued=False)), chunk=1 << 16, size=1, bits=52)
@given(
    drawn=rows(),
    chunk=st.sampled_from([1, 3, 1 << 16]),
    size=st.sampled_from([1, 4, 1 << 16]),
    bits=st.sampled_from([52, 63]),
)
def test_rows_are_in_order_and_all_there(
    drawn: tuple[list[tuple[object, int, int, int]], Rows], chunk: int, size: int, bits: int
) -> None:
    """However they are cut, the blocks together hold every row once, each person's in one block and in order."""
    plain, packed = drawn
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "CHUNK", chunk)
        patch.setattr(partition, "ROWS", size)
        patch.setattr(partition, "BITS", bits)
        blocks = in_blocks(packed, told)

    ordered: dict[object, list[tuple[int, int, int]]] = {}
    for person, *row in sorted(plain, key=lambda row: row[1:]):
        ordered.setdefault(person, []).append(tuple(row))
    found = {person: [row[1:] for row in block if row[0] == person] for block in blocks for person, *_ in block}
    assert found == ordered
    assert sum(map(len, blocks)) == len(plain)


def test_people_of_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where two people share a hash, which another hash shows, the texts themselves are compared."""
    hashed = pl.Expr.hash
    monkeypatch.setattr(pl.Expr, "hash", lambda names, seed: hashed(names, seed) * seed)
    some = Rows(pl.Series(["b", "a", "b"]), np.array([3, 2, 1]), np.zeros(3, np.uint8), np.zeros(1, np.uint16))

    rows = sorted(row for block in in_blocks(some, told) for row in block)
    assert rows == [("a", 2, 0, 0), ("b", 1, 0, 0), ("b", 3, 0, 0)]


def test_rows_can_be_left_out() -> None:
    """Rows whose mark has no code are in no block, whoever they are of."""
    codes = np.array([LEFT_OUT, 0], np.uint16)
    for person in (pl.Series([7, 8, 7]), pl.Series(["7", "8", "7"])):
        some = Rows(person, np.array([3, 2, 1]), np.array([1, 0, 0], np.uint8), codes)
        assert [row[1:] for block in in_blocks(some, told) for row in block] == [(3, 0, 0)]


def test_no_rows_make_no_blocks() -> None:
    """There is nothing to put in order."""
    none = Rows(pl.Series([], dtype=pl.Int64), np.array([], np.int64), np.array([], np.uint8), np.zeros(1, np.uint16))

    assert in_blocks(none, told) == []


@pytest.mark.parametrize("valued", [True, False])
@pytest.mark.parametrize("bits", [63, 4])
def test_short_times_of_near_people_are_in_order(monkeypatch: pytest.MonkeyPatch, bits: int, *, valued: bool) -> None:
    """Times that are few need no mark and few bits; where there are fewer still, rows are ordered all the same."""
    monkeypatch.setattr(partition, "BITS", bits)
    t = np.array([3, 1, 2, 1], np.int32)
    some = Rows(pl.Series([7, 8, 7, 7]), t, value=t.astype(np.int64) * 10 if valued else None)

    rows = sorted(row for block in in_blocks(some, told) for row in block)
    assert rows == [(7, 1, 0, 0), (7, 2, 0, 0), (7, 3, 0, 0), (8, 1, 0, 0)]


def test_numbers_that_share_their_first_bits_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where mixing does not tell people apart, the people themselves are put in order."""
    monkeypatch.setattr(partition, "_ODD", np.uint64(1))
    some = Rows(pl.Series([10**15, 10**15 + 1, 10**15, 0]), np.array([3, 2, 1, 9]))

    rows = sorted(row for block in in_blocks(some, told) for row in block)
    assert rows == [(0, 9, 0, 0), (10**15, 1, 0, 0), (10**15, 3, 0, 0), (10**15 + 1, 2, 0, 0)]


def test_numbers_are_put_in_order_with_and_without_room() -> None:
    """The order of numbers is the same whether or not there is room for their places beside them."""
    numbers = np.array([5, 3, 9, 4])

    assert [partition.order_of(numbers, bits).tolist() for bits in (4, 62)] == [[1, 3, 0, 2]] * 2
