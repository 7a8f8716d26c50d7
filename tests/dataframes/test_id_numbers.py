"""Numbers of people by their ids: the same number for the same id, and for no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from funnel._fields import MANGLED, MANGLED_STARTS
from tests import kernels
from tests.engines import FULL
from tests.kernels import COMPILED, UNCOMPILED, People, Run

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

LONG = "x" * 65
FORMS: list[SearchStrategy[str]] = [
    st.from_regex(r"customer-[0-9]{9}", fullmatch=True),
    st.from_regex(r"C[0-9]{1,4}", fullmatch=True),
    st.from_regex(r"[a-f0-9]{32}", fullmatch=True),
    st.from_regex(r"gid://shopify/Customer/[1-9][0-9]{12}", fullmatch=True),
    st.text(max_size=20),
    st.sampled_from(["", "a", "a\0", "twelve bytes", "thirteen bytes", "thirteen byte!", LONG, f"{LONG}y"]),
]
IDS = st.sampled_from(FORMS).flatmap(lambda form: st.lists(form, min_size=1, max_size=40))


def check(ids: list[str], run: Run = UNCOMPILED) -> People:
    """Number the ids, and compare the numbers with the ids."""
    column = pl.concat([pl.Series(["another", *ids])], rechunk=True)[1:]
    people = People.of(column, run)
    numbers = people.numbers - people.first

    assert people.names(numbers).to_list() == ids
    assert len(set(numbers.tolist())) == len(set(ids))
    assert numbers.max() < people.count
    assert set(people.ids.to_list()) == set(ids)
    return people


@example(ids=["c10", "c9", "c10", "c7"], sample=1, samples=4, part=1, threads=1)
@example(ids=["c10", "c9", "d10", "e", "-1"], sample=1, samples=2, part=4, threads=100)
@example(ids=["12345678", "1234567", "12345679"], sample=1, samples=4, part=4, threads=100)
@example(ids=["12345678901", "1234567890a", "12345678901"], sample=4, samples=4, part=4, threads=100)
@example(ids=["0123456789abcdef" * 2, "fedcba9876543210" * 2], sample=4, samples=1, part=4, threads=100)
@example(ids=[LONG, "a"], sample=4, samples=1, part=4, threads=100)
@example(ids=["no-012345678", "no-112345679", "no-01234567:", "no-01234567x"], sample=1, samples=4, part=4, threads=100)
@given(
    ids=IDS,
    sample=st.sampled_from([1, 4, 512]),
    samples=st.sampled_from([1, 4]),
    part=st.sampled_from([1, 4, 1 << 14]),
    threads=st.sampled_from([1, 100]),
)
def test_an_id_has_one_number(ids: list[str], sample: int, samples: int, part: int, threads: int) -> None:
    """Texts of any form have a number of their own, however few of them are looked at first."""
    with pytest.MonkeyPatch.context() as patch:
        kernels.number_by_loops(patch, sample=sample, samples=samples, part=part)
        kernels.threads_from(patch, threads)
        check(ids)
    check(ids)


@pytest.mark.parametrize(
    ("ids", "start"),
    [
        (["C-1", "C-2", "C-10"], "C"),
        (["customer-1", "customer-2"], "c"),
        (["C-1", "D-1"], ""),
        (["C 1", "C 2"], ""),
        (["1", "1"], ""),
        (["C\x7f", "C1"], ""),
        ([""], ""),
        (["C", ""], ""),
    ],
)
def test_the_first_character_of_all_ids_is_known(ids: list[str], start: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids of visible characters that begin with the same one need no further check."""
    kernels.number_by_loops(monkeypatch, sample=512, samples=1, part=1)

    assert check(ids).start == start


@given(st.from_regex(MANGLED, fullmatch=True))
def test_a_mangled_id_begins_with_a_known_character(text: str) -> None:
    """A text that a program writes in place of a missing id begins with one of a few characters."""
    assert text[0] in MANGLED_STARTS


@pytest.mark.parametrize("part", [1, 1 << 14])
def test_integers_far_apart_have_a_number_each(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Integers of a range with many gaps are numbered by a table, in which some of them meet."""
    kernels.number_by_loops(monkeypatch, sample=1, samples=1, part=part)
    ids = [number**3 % 10_007 * 10**14 for number in range(500)] * 2
    people = People.of(pl.Series(ids), UNCOMPILED)

    assert people.count == len(set(ids))
    assert people.names(people.numbers).to_list() == ids


def test_texts_in_another_form_are_numbered_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """If Polars keeps texts elsewhere, their hashes have numbers."""
    kernels.number_by_loops(monkeypatch, sample=1, samples=1, part=1)
    kernels.without_views(monkeypatch)

    check(["b", "a", "b"])


def test_people_with_one_hash_are_separated(monkeypatch: pytest.MonkeyPatch) -> None:
    """If two texts share a hash, they are compared whole."""
    kernels.number_by_loops(monkeypatch, sample=1, samples=0, part=1)
    monkeypatch.setattr(pl.Series, "hash", lambda names: (names.str.len_bytes() * 0).cast(pl.UInt64))

    check(["b", "a", "b"])


@pytest.mark.skipif(not FULL, reason="make test-full compiles every loop")
def test_compiled_loops_number_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled and uncompiled, texts have the same numbers."""
    kernels.number_by_loops(monkeypatch, sample=4, samples=4, part=4)
    for ids in (["c10", "c9", "c10", "c7"] * 9, [f"customer-{number:09}" for number in range(40)], [LONG, "a"] * 9):
        assert check(ids, COMPILED).numbers.tolist() == check(ids).numbers.tolist()
