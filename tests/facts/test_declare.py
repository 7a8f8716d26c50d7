"""The words a fact is declared with: what cannot work is refused where it is written."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from funnel.errors import ArgumentError, FactsError, RuleError
from funnel.facts import (
    Facts,
    _builtin,
    count,
    earliest,
    exists,
    first,
    largest,
    last,
    latest,
    mean,
    mean_gap,
    since,
    soonest,
    total,
    until,
)
from funnel.facts._declare import Declared
from funnel.facts._display import View
from funnel.interactions import Visit
from funnel.records import Record
from tests.shop import DAY, NOW, bought, did, facts_of


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: count("purchase"), "the stream 'purchase' is unknown; did you mean purchases"),
        (
            lambda: total("purchases", "net_amout"),
            "the stream purchases does not have the field 'net_amout'; did you mean",
        ),
        (lambda: total("purchases", "promotion"), "promotion of purchases is not an amount or a count"),
        (lambda: total("purchases", "t"), "t of purchases is not an amount or a count"),
        (lambda: largest("promises", "due"), "due of promises is not an amount or a count"),
        (lambda: mean("purchases", "gap"), "gap of purchases is not an amount or a count"),
        (lambda: soonest("purchases", "amount"), "amount of purchases is not an instant; use total, largest or latest"),
        (lambda: soonest("promises", "end"), "the stream promises does not have the field 'end'"),
        (lambda: latest("purchases", "start"), "the stream purchases does not have the field 'start'"),
        (lambda: earliest("interactions", "rank"), "the stream interactions does not have the field 'rank'"),
        (lambda: latest("views", "words"), "the stream views does not have the field 'words'"),
        (lambda: since(3), r"since\(\) needs a declared instant, such as since\(last\('purchases'\)\)"),
        (lambda: until(count("views")), r"until\(\) needs a declared instant"),
        (lambda: since(since(last("views"))), r"since\(\) needs a declared instant"),
        (lambda: count("purchases", where=lambda one: one.amount), "the condition on purchases returns a number"),
        (lambda: count("purchases", where=lambda _: "yes"), "returns a text; it must return True"),
        (lambda: exists("purchases", where=lambda _: None), "returns None; it must return True"),
        (lambda: count("purchases", where=lambda one: one.amount > 5 or None), "returns None; it must return"),
    ],
)
def test_what_cannot_be_a_fact_is_refused_where_it_is_written(declare: Callable[[], object], message: str) -> None:
    """Unknown streams and fields, a field of the wrong kind, a condition that is none: told with what to write."""
    with pytest.raises(FactsError, match=message):
        declare()


@pytest.mark.parametrize(
    "where",
    [
        lambda one: one.amout > 3,
        lambda one: one.end > 3,
        lambda one: one.amount > 1.5,
        lambda one: one.promotion.startswith("l"),
    ],
    ids=["unknown", "hidden", "float", "method"],
)
def test_a_condition_that_cannot_run_for_a_table_is_refused(where: Callable[[Any], object]) -> None:
    """A condition is traced like a rule: the error names unknown fields, floats and text methods."""
    with pytest.raises(RuleError, match=r"in the condition on purchases: .* (cannot be used|is unknown)"):
        count("purchases", where=where)


def test_an_unknown_field_may_be_an_own_column() -> None:
    """The error says how to declare the type of a column of the shop."""
    with pytest.raises(RuleError, match=r"'country' is unknown; .* column of your own: columns=\{'country': str\}"):
        count("purchases", where=lambda one: one.country == "UK")


def test_a_condition_that_is_not_a_function_is_refused() -> None:
    """A condition as text, as in other libraries, is an argument of the wrong kind."""
    with pytest.raises(ArgumentError, match=r"where must be a function of one record, such as .* \(got str\)"):
        count("purchases", where="amount > 5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", ["values", "now", "of", "over", "running", "at", "evolve", "to_dict", "as_of"])
def test_a_fact_may_not_take_a_name_that_facts_need(name: str) -> None:
    """A fact called like a method of the facts would hide it."""
    with pytest.raises(FactsError, match=f"{name} is reserved by the class of facts; give the fact another"):
        type("Bad", (Facts,), {name: count("views")})


class _Guests(Facts):
    visit_count: int = count("visits")
    net_spent: int = count("orders")


class _Debtors(Facts):
    refund_total: int = total("refunds", "amount")
    gap_before_last_visit: timedelta = since(last("visits"))


class _Both(_Guests, _Debtors):
    big_count: int = count("purchases", where=lambda purchase: purchase.amount > 8)


def test_facts_of_several_classes_come_together() -> None:
    """A class has the facts of all that it extends, and the nearest of those with one name."""
    records: list[Record] = [bought("1", NOW - DAY, 9), bought("2", NOW, 8), did(Visit, "v", NOW - DAY)]
    facts = _Both.of(facts_history(records), as_of=NOW)

    assert (facts.visit_count, facts.net_spent, facts.refund_total, facts.big_count) == (1, 2, 0, 1)
    assert (facts.gap_before_last_visit, facts.purchase_count) == (DAY, 2)
    assert facts_of(*records).net_spent == 17


def facts_history(records: list[Record]) -> Any:
    """The history of the one person of a case."""
    from funnel.history import History

    return History.of("p1", records)


@pytest.mark.parametrize(
    ("declared", "show", "unit", "low"),
    [
        (count("views"), "number", "number", 0),
        (exists("views"), "flag", "number", 0),
        (total("refunds", "amount"), "number", "number", 0),
        (first("views"), "instant", "number", 0),
        (since(first("views")), "since", "span", None),
        (until(soonest("promises", "due")), "until", "span", None),
        (mean_gap("views"), "span", "span", 0),
        (latest("views", "channel"), "text", "text", 0),
        (latest("views", "score"), "number", "number", 0),
        (latest("deliveries", "late"), "flag", "number", 0),
        (latest("promises", "due"), "instant", "number", 0),
        (latest("purchases", "gap"), "span", "span", 0),
    ],
)
def test_each_word_shows_its_fact_in_its_own_way(declared: Any, show: str, unit: str, low: int | None) -> None:
    """A count is a number, a span runs with the clock or does not, a truth is zero or one."""
    assert isinstance(declared, Declared)
    fact = declared.fact("x")

    assert (declared.show, fact.unit) == (show, unit)
    assert fact.low == low if low is not None else fact.low < 0 < fact.high
    assert fact.slope == {"since": 1, "until": -1}.get(show, 0)


def test_asked_of_the_class_a_fact_tells_how_it_was_declared() -> None:
    """The class shows the declaration, a person the value."""
    attribute: object = Facts.purchase_count

    assert isinstance(attribute, View)
    assert attribute.name == "purchase_count"


def test_conditions_of_built_in_facts_are_verified_here() -> None:
    """Conditions of built-in facts answer as their trees do; an import does not verify them again."""
    again = runpy.run_path(str(_builtin.__file__), run_name="a_shop")["Facts"]

    assert again._fact_plan.declared == Facts._fact_plan.declared


def test_schema_of_a_class_is_built_once() -> None:
    """The first use of a class builds its schema; a thread that waited for it gets the same one."""

    class Own(Facts):
        visits_seen = count("visits")

    lazy: Any = vars(Own)["_fact_plan"]

    assert Own._fact_plan is lazy.__get__(None, Own) is vars(Own)["_fact_plan"]
