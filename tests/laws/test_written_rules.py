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

from funnel.errors import FunnelError, RuleError
from tests.written_rules import POLICIES, ShopFacts, WrittenRule, person, written

pytestmark = [pytest.mark.no_cover, pytest.mark.filterwarnings("ignore")]

RANDOM = st.randoms(use_true_random=False)
MICROSECOND = timedelta(microseconds=1)


@given(RANDOM)
def test_a_rule_is_refused_or_answers_as_the_plain_function(random: Random) -> None:
    """Whatever it does, lifting raises a RuleError, or every answer is the plain function's, of its type."""
    with contextlib.redirect_stdout(io.StringIO()):
        drawn, policy = written(random), random.choice(POLICIES)
        try:
            drawn.rule.compiled_rule(policy)
        except RuleError:
            return
        for _ in range(20):
            facts = person(random)
            assert_same(drawn, drawn.rule.of(facts, policy), drawn.rule.as_written(facts, policy))


def assert_same(drawn: WrittenRule, answer: object, wanted: object) -> None:
    """Equal, and of one type."""
    assert (type(answer), answer) == (type(wanted), wanted), drawn.source


@given(RANDOM)
def test_a_table_answers_as_one_person(random: Random) -> None:
    """A frame of facts is answered by every local engine as each person alone, up to the largest numbers."""
    with contextlib.redirect_stdout(io.StringIO()):
        drawn, policy = written(random), random.choice(POLICIES)
        try:
            read = sorted(drawn.rule.compiled_rule(policy).read) or ["purchase_count"]
        except FunnelError:
            return
    crowd = [person(random) for _ in range(12)]
    wanted = [stored(drawn.rule.of(facts, policy)) for facts in crowd]
    frame = pl.DataFrame({name: [stored(getattr(facts, name)) for facts in crowd] for name in read})
    relation = duckdb.sql("select * from frame")
    polars: pl.DataFrame = drawn.rule.over(frame, policy)
    pandas: pd.DataFrame = drawn.rule.over(frame.to_pandas(), policy)
    rows: Any = drawn.rule.over(relation, policy).select("drawn").fetchall()

    assert [stored(answer) for answer in polars["drawn"]] == wanted, drawn.source
    assert [None if pd.isna(answer) else stored(answer) for answer in pandas["drawn"]] == wanted, drawn.source
    assert [stored(answer) for (answer,) in rows] == wanted, drawn.source


def stored(answer: Any) -> Any:
    """An answer or a fact as a column holds it."""
    if isinstance(answer, timedelta):
        return answer // MICROSECOND
    return answer.value if isinstance(answer, enum.Enum) else answer


def test_people_of_the_grammar_are_facts() -> None:
    """The people are asked with facts of the shop's own class."""
    assert type(person(Random(1))) is ShopFacts
