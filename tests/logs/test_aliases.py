"""Aliases: several names of one person count as one person."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funnel.logs import Logs
from tests.engines import ENGINES
from tests.frames import read
from tests.logs.shop import AT, FEW, ORDERED, FewFacts, faults, rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

Pairs = list[tuple[str, str]]
BOUGHT = rows("purchases", {"person_id": "a"}, {"person_id": "b"}, {"person_id": "c"}, {"person_id": "z"})


def names(pairs: Sequence[tuple[object, object]]) -> pl.DataFrame:
    """A table of aliases."""
    return pl.DataFrame(pairs, schema={"alias": pl.String, "person_id": pl.String}, orient="row")


def bought(engine: str, pairs: Pairs) -> dict[str, int]:
    """Return how often each person bought, after aliases are applied."""
    logs = Logs(**ENGINES[engine]({"purchases": BOUGHT, "aliases": names(pairs)}))
    return {row["person_id"]: row["purchase_count"] for row in read(FewFacts.over(logs, as_of=AT))}


@pytest.mark.parametrize(
    ("pairs", "result"),
    [
        ([], {"a": 1, "b": 1, "c": 1, "z": 1}),
        ([("a", "b")], {"b": 2, "c": 1, "z": 1}),
        ([("a", "b"), ("a", "b")], {"b": 2, "c": 1, "z": 1}),
        ([("a", "b"), ("b", "c"), ("c", "d")], {"d": 3, "z": 1}),
        ([("c", "d"), ("b", "c"), ("a", "b")], {"d": 3, "z": 1}),
        ([("a", "z"), ("b", "z"), ("nobody", "z")], {"c": 1, "z": 3}),
    ],
)
@pytest.mark.parametrize("engine", FEW)
def test_aliases_lead_to_one_person(engine: str, pairs: Pairs, result: dict[str, int]) -> None:
    """In chains, in any order, repeated: everyone is counted under the final name."""
    assert bought(engine, pairs) == result


@settings(max_examples=max(5, settings.default.max_examples // 5))
@given(st.permutations(range(9)), st.integers(0, 8))
def test_a_chain_of_any_length_is_one_person(order: list[int], length: int) -> None:
    """The length of the chain and the order of its rows do not matter."""
    chain = [(f"n{number}", f"n{number + 1}") for number in order if number < length]
    table = rows("purchases", *({"person_id": f"n{number}"} for number in range(length + 1)))
    logs = Logs(purchases=table, aliases=names(chain))

    assert [(row["person_id"], row["purchase_count"]) for row in read(FewFacts.over(logs, as_of=AT))] == [
        (f"n{length}", length + 1)
    ]


@settings(max_examples=max(5, settings.default.max_examples // 5))
@given(st.lists(st.integers(1, 9), max_size=9), st.randoms(use_true_random=False))
def test_every_alias_leads_to_the_end_of_its_chain(steps: list[int], pick: Random) -> None:
    """In a forest of aliases everyone is counted under the name that a step-by-step search finds."""
    last = len(steps)
    next_stage = {f"n{number}": f"n{min(number + step, last)}" for number, step in enumerate(steps)}
    pairs = list(next_stage.items())
    pick.shuffle(pairs)

    def end(name: str) -> str:
        return end(next_stage[name]) if name in next_stage else name

    table = rows("purchases", *({"person_id": f"n{number}"} for number in range(last + 1)))
    logs = Logs(purchases=table, aliases=names(pairs))
    result = {row["person_id"]: row["purchase_count"] for row in read(FewFacts.over(logs, as_of=AT))}

    assert result == dict(Counter(end(f"n{number}") for number in range(last + 1)))


@pytest.mark.parametrize(
    ("pairs", "column", "message", "numbers"),
    [
        ([("a", "a")], "alias", "is its own person_id", (1,)),
        ([("x", "y"), ("a", "b"), ("a", "c"), ("a", "b")], "alias", "names more than one person", (2, 3, 4)),
        ([("z", "y"), ("a", "b"), ("b", "a")], "alias", "leads back to itself", (2, 3)),
        ([("c", "a"), ("a", "b"), ("b", "x"), ("x", "a"), ("z", "y")], "alias", "leads back to itself", (1, 2, 3, 4)),
        ([("a", None), ("b", "c")], "person_id", "is empty", (1,)),
        ([("", "a")], "alias", "is blank", (1,)),
    ],
)
@pytest.mark.parametrize("engine", FEW)
def test_invalid_aliases_are_refused(
    engine: str, pairs: Pairs, column: str, message: str, numbers: tuple[int, ...]
) -> None:
    """A circle, two people under one alias, an alias of itself, an empty name: each row is counted once."""
    (fault,) = faults(engine, purchases=BOUGHT, aliases=names(pairs))

    assert (fault.log, fault.column, fault.count, message in fault.problem) == ("aliases", column, len(numbers), True)
    assert fault.rows == (numbers[:5] if engine in ORDERED else ())


def test_chains_are_resolved_in_a_database() -> None:
    """DuckDB gives the same results as the other engines."""
    assert bought("duckdb", [("c", "d"), ("b", "c"), ("a", "b")]) == {"d": 3, "z": 1}


def test_a_circle_is_counted_without_row_numbers() -> None:
    """An engine whose rows have no order gives no row numbers."""
    (fault,) = faults("duckdb", purchases=BOUGHT, aliases=names([("a", "b"), ("b", "a"), ("z", "y")]))

    assert (fault.count, fault.rows) == (2, ())


@pytest.mark.parametrize("engine", ORDERED)
def test_a_circle_among_many_aliases_is_found(engine: str) -> None:
    """A hundred thousand aliases and one circle: only the rows of the circle are reported."""
    many = [(f"n{number}", f"m{number}") for number in range(100_000)]
    (fault,) = faults(engine, purchases=BOUGHT, aliases=names([*many, ("a", "b"), ("b", "c"), ("c", "a")]))

    assert (fault.count, fault.rows) == (3, (100_001, 100_002, 100_003))


def test_people_are_not_compared_while_aliases_are_invalid() -> None:
    """An answer by an invalid alias is not reported as another person's; other issues of rows are reported."""
    talk = rows(
        "interactions", {"kind": "question"}, {"kind": "answer", "regarding": "1", "person_id": "a"}, {"kind": "x"}
    )
    result = faults(interactions=talk, aliases=names([("a", "p1"), ("b", "b")]))

    assert [(fault.log, fault.column) for fault in result] == [("interactions", "kind"), ("aliases", "alias")]


def test_a_record_under_two_names_is_one_record() -> None:
    """A record that comes once under each name counts once, and an answer to an alias is an answer to the person."""
    table = rows("purchases", {"id": "1", "person_id": "a"}, {"id": "1", "person_id": "b"})
    talk = rows(
        "interactions", {"kind": "question", "person_id": "a"}, {"kind": "answer", "regarding": "1", "person_id": "b"}
    )
    logs = Logs(purchases=table, interactions=talk, aliases=names([("a", "b")]))
    (row,) = read(FewFacts.over(logs, as_of=AT))

    assert (row["person_id"], row["purchase_count"], row["open_question_count"]) == ("b", 1, 0)


def test_a_referrer_may_be_an_alias() -> None:
    """A lead that an alias referred counts for the person."""
    leads = rows("leads", {"referred_by": "a"}, {"person_id": "b", "referred_by": None})
    result = {
        row["person_id"]: row for row in read(FewFacts.over(Logs(leads=leads, aliases=names([("a", "b")])), as_of=AT))
    }

    assert result["b"]["referral_count"] == 1
