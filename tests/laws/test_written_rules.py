"""Random rules as people write them, and as they should not: refused, or answered as the plain function answers."""

from __future__ import annotations

import contextlib
import enum
import io
from datetime import timedelta
from random import Random
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.errors import FunnelError
from tests.written_rules import POLICIES, ShopFacts, WrittenRule, person, written_rule

pytestmark = [pytest.mark.no_cover, pytest.mark.filterwarnings("ignore")]

RANDOM = st.randoms(use_true_random=False)
MICROSECOND = timedelta(microseconds=1)


@given(RANDOM)
def test_a_rule_is_refused_or_answers_as_the_plain_function(random: Random) -> None:
    """Tracing raises an error of the library, or every answer is the plain function's, of its type."""
    with contextlib.redirect_stdout(io.StringIO()):
        rule, policy = written_rule(random), random.choice(POLICIES)
        try:
            rule.rule._compiled_rule(policy)
        except FunnelError:
            return
        for _ in range(20):
            facts = person(random)
            assert_same(rule, rule.rule.of(facts, policy), rule.rule._as_written(facts, policy))


def assert_same(rule: WrittenRule, answer: object, expected: object) -> None:
    """Equal, and of one type."""
    assert (type(answer), answer) == (type(expected), expected), rule.source


@given(RANDOM)
def test_a_table_answers_as_one_person(random: Random) -> None:
    """A frame of facts is answered by every local engine as each person alone, up to the largest numbers."""
    with contextlib.redirect_stdout(io.StringIO()):
        rule, policy = written_rule(random), random.choice(POLICIES)
        try:
            read = sorted(rule.rule._compiled_rule(policy).read) or ["purchase_count"]
        except FunnelError:
            return
    crowd = [person(random) for _ in range(12)]
    expected = [stored(rule.rule.of(facts, policy)) for facts in crowd]
    columns = {name: [getattr(facts, name) for facts in crowd] for name in read}
    frame = pl.DataFrame(columns)
    whole = pl.DataFrame({name: list(map(stored, values)) for name, values in columns.items()})
    relation = duckdb.from_arrow(whole.to_arrow())
    polars: pl.DataFrame = rule.rule.over(frame, policy)
    pandas: pd.DataFrame = rule.rule.over(frame.to_pandas(), policy)
    rows: Any = rule.rule.over(relation, policy).select("drawn").fetchall()

    assert [stored(answer) for answer in polars["drawn"]] == expected, rule.source
    assert [None if pd.isna(answer) else stored(answer) for answer in pandas["drawn"]] == expected, rule.source
    assert [stored(answer) for (answer,) in rows] == expected, rule.source


def stored(answer: Any) -> Any:
    """An answer or a fact as a column holds it."""
    if isinstance(answer, timedelta):
        return answer // MICROSECOND
    return answer.value if isinstance(answer, enum.Enum) else answer


def test_people_of_the_grammar_are_facts() -> None:
    """Rules are verified with facts of the shop's own class."""
    assert type(person(Random(1))) is ShopFacts
