"""A tree as a column: whole-number arithmetic and kinds are Python's, in every engine."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import duckdb
import narwhals as nw
import polars as pl
import pytest

from funnel._expr.explain import path_of
from funnel._expr.nodes import Fact, evaluate
from funnel._expr.to_narwhals import node_column, steps_of, to_int, tree_column
from funnel._expr.tree import Leaf, Tree, leaf_value, leaves, numbered, trace
from tests.engines import HERE, on

MOST = 2**62
FACTS = {
    fact.name: fact
    for fact in (
        Fact("balance", low=-MOST, high=MOST),
        Fact("known", high=1),
        Fact("gap", "span", -MOST, MOST),
        Fact("source", "text"),
    )
}
EXACT = 2**53 + 1
PEOPLE = [
    {"balance": balance, "known": balance % 2, "gap": balance, "source": f"{balance % 3}"}
    for balance in (-MOST, -EXACT, -8, -7, -6, -1, 0, 1, 6, 7, 8, EXACT, MOST)
]
WEEK = timedelta(microseconds=7)


class Light(enum.StrEnum):
    """An answer by text."""

    RED = "red"


class Level(enum.IntEnum):
    """An answer by number."""

    LOW = 1
    HIGH = 2


RULES: list[tuple[Callable[[Any], object], Any]] = [
    (lambda f: f.balance // 7, pl.Int64),
    (lambda f: f.balance % 7, pl.Int64),
    (lambda f: f.balance // 1 + f.balance % 1, pl.Int64),
    (lambda f: (9 * f.known - 5) // 4, pl.Int64),
    (lambda f: (9 * f.known - 5) % 4, pl.Int64),
    (lambda f: -f.balance - 1, pl.Int64),
    (lambda f: f.balance, pl.Int64),
    (lambda f: 3 * (f.balance > 0) - f.known, pl.Int64),
    (lambda f: +(f.balance > 0), pl.Int64),
    (lambda f: (f.balance > 0) == f.known, pl.Boolean),
    (lambda f: (f.balance > 0) + f.known == 2, pl.Boolean),
    (lambda f: f.balance > EXACT - 1, pl.Boolean),
    (lambda f: f.known, pl.Boolean),
    (lambda f: True if f.known else None, pl.Boolean),
    (lambda f: f.source, pl.String),
    (lambda f: f.source if f.source != "1" else None, pl.String),
    (lambda f: "one" if f.source == "1" else f.source, pl.String),
    (lambda f: Level.HIGH if f.known else Level.LOW, pl.Int64),
    (lambda f: Level.HIGH if f.known else None, pl.Int64),
    (lambda f: Light.RED if f.known else None, pl.String),
    (lambda f: None if f.known else Light.RED, pl.String),
    (lambda f: f.gap, pl.Int64),
    (lambda f: WEEK if f.gap > WEEK else f.gap % WEEK, pl.Int64),
    (lambda f: WEEK * f.known, pl.Int64),
    (lambda _: None, pl.String),
    (lambda _: "always", pl.String),
]


@pytest.mark.parametrize(("rule", "dtype"), RULES, ids=[str(number) for number in range(len(RULES))])
def test_a_column_holds_what_python_works_out(rule: Callable[[Any], Any], dtype: Any) -> None:
    """Division and rest round as Python's do below zero and beyond a float's 53 bits; the column has one kind."""
    tree = trace(rule, FACTS)
    expected = [told_one(tree, values) for values in PEOPLE]
    column = tree_column(tree, lambda fact: nw.col(fact.name)).alias("answer")
    frame = pl.DataFrame(PEOPLE)
    relation = nw.from_native(duckdb.sql("select * from frame")).select("balance", column).to_native()
    actual = nw.from_native(frame).with_columns(column).to_native()["answer"]

    assert actual.dtype == dtype
    assert actual.to_list() == expected
    assert [answer for _, answer in relation.fetchall()] == expected


def test_a_flag_counts() -> None:
    """One where it is so, 0 where not."""
    frame: Any = nw.from_native(pl.DataFrame({"x": [1, 2, 3]}))

    assert frame.select(to_int(nw.col("x") > 2))["literal"].to_list() == [0, 0, 1]


@pytest.mark.parametrize("engine", sorted({*HERE, "ibis"}))
def test_every_engine_works_it_out_to_the_last_unit(engine: str) -> None:
    """Also one that divides as floats: no quotient and no rest is off, however large the number."""
    trees = {f"rule_{number}": trace(rule, FACTS) for number, (rule, _) in enumerate(RULES)}
    columns = {name: tree_column(tree, lambda fact: nw.col(fact.name)) for name, tree in trees.items()}
    native = on(engine, {"people": pl.DataFrame(PEOPLE)})["people"]
    actual = nw.from_native(native).lazy().select(person="balance", **columns).collect("pyarrow").rows(named=True)

    assert {row.pop("person"): row for row in actual} == {
        values["balance"]: {name: told_one(tree, values) for name, tree in trees.items()} for values in PEOPLE
    }


def told_one(tree: Tree, values: Mapping[str, Any]) -> Any:
    """Return the answer for one person as a column stores it."""
    leaf = path_of(tree, values.__getitem__).leaf
    return leaf_value(leaf) if leaf.node is None else evaluate(leaf.node, values.__getitem__)


def test_leaves_can_be_numbered() -> None:
    """A tree whose leaves are numbers makes the same choices."""
    tree = numbered(trace(lambda f: "a" if f.known else "b" if f.source == "x" else "a", FACTS))

    assert [*leaves(tree)] == [Leaf(0), Leaf(1), Leaf(2)]


def _nested(facts: Any) -> Any:
    small = facts.known * 3 + facts.known // 2 - facts.known % 5 + 7 * (facts.source == "1") + facts.known * 11
    terms = [small * number + small // number for number in range(2, 6)]
    large = sum(terms[1:], terms[0])
    return large * 2 if large % 3 > 0 or small > 4 else large + large // 5


def test_repeated_arithmetic_is_computed_once() -> None:
    """Columns computed first, each after those that it reads, give the answers of the whole tree."""
    tree = trace(_nested, FACTS)
    steps = steps_of(tree, "part_")
    frame = nw.from_native(pl.DataFrame(PEOPLE)).lazy()
    for level in steps.levels:
        columns = {name: node_column(node, lambda fact: nw.col(fact.name)) for name, node in level.items()}
        frame = frame.with_columns(**columns)
    whole, by_steps = (tree_column(one, lambda fact: nw.col(fact.name)) for one in (tree, steps.tree))
    answers = frame.select(whole=whole, by_steps=by_steps).collect()

    assert len(steps.levels) == 3
    assert answers["whole"].to_list() == answers["by_steps"].to_list()
    assert answers["whole"].n_unique() > 1
