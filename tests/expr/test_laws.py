"""Invariants of tracing, with random rules and random people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
import narwhals as nw
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from funnel._expr import nodes
from funnel._expr.explain import path_of, paths
from funnel._expr.next_change import flip_delays
from funnel._expr.nodes import Value, evaluate, holds, span_of
from funnel._expr.solver import witness
from funnel._expr.to_narwhals import tree_column
from funnel._expr.tree import Tree, forks, leaf_value, leaves, trace
from funnel._expr.verify import answer_of
from tests.expr.facts import FACTS, compiled_rule, in_order, later, person, run_of
from tests.random_rules import RandomRule, people, rules

HORIZON = 60
"""Microseconds in which every condition of these rules has flipped, for these people."""

RULES = rules(FACTS, answers=("bool", "enum", "level", "number", "text", "span"))
CLOCK_RULES = rules(FACTS)
PEOPLE = people(FACTS)


def same(stated: Any, expected: Any) -> bool:
    """Equal, and of one type."""
    return type(stated) is type(expected) and stated == expected


@given(RULES, st.lists(PEOPLE, min_size=3, max_size=10))
def test_a_rule_answers_alike_in_every_form(rule: RandomRule, crowd: list[dict[str, Value]]) -> None:
    """The function on plain values, the tree that is walked and the compiled tree give one answer of one type."""
    tree = compiled_rule(rule.function)
    run = run_of(tree)

    for values in crowd:
        expected = rule.plain(values)
        read = values.__getitem__
        assert same(answer_of(path_of(tree, read).leaf, read), expected)
        assert same(run(values, 0), expected)


@given(RULES, st.lists(PEOPLE, min_size=1, max_size=12))
def test_a_table_answers_as_one_person(rule: RandomRule, crowd: list[dict[str, Value]]) -> None:
    """Columns of Polars, eager and lazy, and of DuckDB equal the answers for single persons."""
    tree = compiled_rule(rule.function)
    expected = [stored(tree, values) for values in crowd]
    column = tree_column(tree, lambda fact: nw.col(fact.name)).alias("answer")
    frame = pl.DataFrame(
        crowd, schema={name: pl.String if fact.unit == "text" else pl.Int64 for name, fact in FACTS.items()}
    )
    relation = duckdb.sql("select * from frame")

    assert nw.from_native(frame).with_columns(column)["answer"].to_list() == expected
    assert nw.from_native(frame.lazy()).with_columns(column).collect()["answer"].to_list() == expected
    assert [answer for _, answer in nw.from_native(relation).select("count", column).to_native().fetchall()] == expected


def stored(tree: Tree, values: Mapping[str, Value]) -> Value | None:
    """The answer for one person as a column holds it."""
    leaf = path_of(tree, values.__getitem__).leaf
    return leaf_value(leaf) if leaf.node is None else evaluate(leaf.node, values.__getitem__)


@given(CLOCK_RULES, PEOPLE)
def test_the_clock_changes_an_answer_only_where_it_was_foretold(rule: RandomRule, values: dict[str, Value]) -> None:
    """Asked again every microsecond, no condition flips and no answer changes but at the end of a wait."""
    tree = compiled_rule(rule.function)
    run, read = run_of(tree), values.__getitem__
    ends = {evaluate(wait, read) for wait in flip_delays(tree)}
    tests = [test for fork in forks(tree) for test in nodes.tests_of(fork.test)]

    before, answer = values, run(values, 0)
    for wait in range(1, HORIZON):
        now = later(values, wait)
        if wait not in ends:
            assert run(values, wait) == answer
            assert all(holds(test, now.__getitem__) == holds(test, before.__getitem__) for test in tests)
        before, answer = now, run(values, wait)


@given(CLOCK_RULES, PEOPLE)
def test_the_first_change_is_the_first_of_all(rule: RandomRule, values: dict[str, Value]) -> None:
    """The first wait after which the answer differs is the one found by asking the plain function every microsecond."""
    tree = compiled_rule(rule.function)
    run, read = run_of(tree), values.__getitem__
    ends = sorted(int(evaluate(wait, read)) for wait in flip_delays(tree))
    answer = rule.plain(values)
    foretold = next((wait for wait in ends if 0 < wait < HORIZON and run(values, wait) != answer), None)
    flips = (wait for wait in range(1, HORIZON) if rule.plain(later(values, wait)) != answer)

    assert foretold == next(flips, None)


@given(RULES)
def test_a_witness_takes_its_path(rule: RandomRule) -> None:
    """The person made for a path takes it, and lives inside the ranges of the facts."""
    tree = compiled_rule(rule.function)

    for path in paths(tree):
        actual = witness(path)
        if actual is not None:
            values = {**person(), **actual}
            assert path_of(tree, values.__getitem__) == path
            assert all(inside(name, value) for name, value in actual.items())


def inside(name: str, value: Value) -> bool:
    """Return whether a fact can have this value."""
    fact = FACTS[name]
    if isinstance(value, str):
        return not fact.choices or value in fact.choices
    return fact.low <= value <= fact.high


@given(RULES, st.lists(PEOPLE, min_size=3, max_size=10))
def test_a_path_that_somebody_takes_has_a_witness(rule: RandomRule, crowd: list[dict[str, Value]]) -> None:
    """No path that a random person takes is left without a made-up one."""
    tree = compiled_rule(rule.function)

    for path in {path_of(tree, values.__getitem__) for values in crowd}:
        assert witness(path) is not None


@given(RULES)
def test_a_second_trace_gives_the_same_tree(rule: RandomRule) -> None:
    """A tree depends on the function alone."""
    assert trace(rule.function, FACTS) == trace(rule.function, FACTS)


@given(RULES, PEOPLE)
def test_a_node_stays_inside_its_range(rule: RandomRule, values: dict[str, Value]) -> None:
    """The computed range of a node contains its value for every person."""
    tree = compiled_rule(rule.function)
    worked_out = [leaf.node for leaf in leaves(tree) if leaf.node is not None]

    for node in worked_out:
        worked = evaluate(node, values.__getitem__)
        if isinstance(worked, int):
            low, high = span_of(node)
            assert low <= worked <= high


def test_held_values_are_read_back() -> None:
    """The helper of these tests and the compiled rule mean the same by a span that runs."""
    run = run_of(compiled_rule(lambda f: f.until))

    assert in_order(person(since=3, until=4))[5:8] == [-3, 0, 4]
    assert run(person(until=4), 0).microseconds == 4
    assert run(person(until=4), 1).microseconds == 3
