"""Expressions that cannot be traced are refused; the message has the expression and the remedy."""

from __future__ import annotations

import contextlib
import copy
import enum
import functools
import itertools
import json
import math
import operator
import pickle
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from funnel._expr.combinators import all_of
from funnel._expr.nodes import LIMIT, Fact, text
from funnel._expr.operands import name_of, plain, with_name
from funnel._expr.tree import MOST_CONDITIONS, MOST_PATHS, Fork, Leaf, leaves, trace
from funnel._expr.verify import trace_and_verify
from funnel.errors import RuleError
from funnel.money import Money
from tests.expr.facts import FACTS, REFUSED, WIDE, compiled_rule, numbered, person, run_of
from tests.random_rules import plain_facts

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Plain(enum.Enum):
    """Members that equal no text and no number."""

    RED = "red"
    ONE = 1
    HALF = 0.5


class Red(enum.StrEnum):
    """Another enum of texts."""

    RED = "red"


class One(enum.IntEnum):
    """An enum of numbers."""

    ONE = 1


class Weird(int):
    """Numbers with an order of their own."""

    def __lt__(self, other: object) -> bool:
        """Be less than everything."""
        return True


def endless(f: Any) -> Any:
    """Call itself."""
    return endless(f)


@functools.cache
def cached(number: Any) -> bool:
    """Look its argument up before it works."""
    return number > 3


REFUSALS: list[tuple[str, Callable[[Any], object], str]] = [
    ("truth of a number", lambda f: 1 if f.count else 2, r"the truth of count .*; write count != 0"),
    ("truth of a text", lambda f: not f.source, r"the truth of source .*; write source != ''"),
    ("number or default", lambda f: f.count or 3, r"the truth of count"),
    ("truth of the facts", bool, r"the truth of the facts.*; compare one fact"),
    ("loop over the facts", lambda f: [*f], r"a loop over the facts.*; read each fact by its name"),
    ("setting a fact", lambda f: setattr(f, "count", 3), r"setting count.*; a rule reads facts and changes nothing"),
    ("unknown fact", lambda f: f.cuont > 3, r"the fact 'cuont' is unknown; did you mean count"),
    ("very unknown fact", lambda f: f.zzz > 3, r"the fact 'zzz' is unknown; use one of count, gap, net_spent, reason"),
    ("unknown fact by default", lambda f: getattr(f, "zzz", 0), r"the fact 'zzz' is unknown"),
    (
        "nullable fact",
        lambda f: f.bought_at > NOON,
        r"the fact bought_at cannot be used in a rule; it may be missing; read since",
    ),
    ("set", lambda f: f.count in {1, 2}, r"count looked up in a set or dict .*; use a tuple, or =="),
    ("dict", lambda f: {1: "a"}.get(f.count, "b"), r"count looked up in a set or dict"),
    ("dict of truths", lambda f: {True: "a", False: "b"}[f.count > 3], r"count > 3 looked up in a set or dict"),
    ("cached helper", lambda f: cached(f.count), r"count looked up in a set or dict"),
    ("int", lambda f: int(f.count), r"the value of count .*; compare it, or add conditions up as 0 and 1"),
    ("float", lambda f: float(f.count), r"the value of count"),
    ("complex", lambda f: complex(f.count), r"the value of count"),
    ("index", lambda f: ["a", "b"][f.count > 3], r"the value of count > 3"),
    ("range", lambda f: list(range(f.count)), r"the value of count"),
    ("loop", lambda f: list(f.source), r"the value of source"),
    ("len", lambda f: len(f.source) > 3, r"the value of source"),
    ("f-string", lambda f: f"{f.count} times", r"the value of count"),
    ("percent", lambda f: "%s" % f.source, r"the value of source"),  # noqa: UP031 (what is refused)
    ("str", lambda f: str(f.count), r"the value of count"),
    ("repr", lambda f: repr(f.count), r"the value of count"),
    ("repr in an f-string", lambda f: f"{f.count!r}", r"the value of count"),
    ("ascii", lambda f: ascii(f.count), r"the value of count"),
    ("percent r", lambda f: "%r" % (f.count,), r"the value of count"),  # noqa: UP031 (what is refused)
    ("str of a list", lambda f: str([f.count]), r"the value of count"),
    ("format", "{}".format, r"the value of the facts themselves"),
    ("json by repr", lambda f: json.dumps(f.count, default=repr), r"the value of count"),
    ("joined", lambda f: "".join([f.source, "x"][:1]), r"an operation that facts do not have \(.*expected str"),
    ("print", lambda f: print(f.count), r"the value of count"),  # noqa: T201 (what is refused)
    ("bytes", lambda f: bytes(f.count), r"the value of count"),
    ("reversed", lambda f: [*reversed(f.source)], r"the value of source"),
    ("copy", lambda f: copy.copy(f.count), r"the value of count"),
    ("deep copy", lambda f: copy.deepcopy(f.count) > 3, r"the value of count"),
    ("pickle", lambda f: pickle.dumps(f.count), r"the value of count"),
    ("copied facts", lambda f: copy.copy(f).count > 3, r"the values or the clock of the facts"),
    ("size in memory", lambda f: sys.getsizeof(f.count) > 28, r"the value of count"),
    ("names", lambda f: "real" in dir(f.count), r"the value of count"),
    ("sorted in a set", lambda f: len({f.count, 3}), r"count looked up in a set or dict"),
    ("facts in a set", lambda f: len({f, f}), r"the facts themselves looked up in a set or dict"),
    ("equal facts", lambda f: f == f, r"the values or the clock of the facts"),  # noqa: PLR0124 (what is refused)
    ("shift from the right", lambda f: 1 << f.count, r"& or \| on count"),
    ("plus on a text", lambda f: +f.source, r"\+source cannot be used in a rule; a text has no sign"),
    ("number by numpy", lambda f: f.count > np.int64(3), r"count with an int64"),
    ("span by pandas", lambda f: f.since > pd.Timedelta(3), r"since with a Timedelta .*; its class may define"),
    ("a class of numbers", lambda f: f.count > Weird(3), r"count with a Weird .*; its class may define"),
    ("answer of a class of numbers", lambda _: Weird(3), r"returned a Weird"),
    ("long constant", lambda f: f.net_spent > 10**5000, r"a constant of 16610 bits, more than the 64 bits"),
    (
        "an error of its own",
        lambda f: {}["none"] if f.count > 3 else 1,
        r"the rule raises KeyError \('none'\); it must return",
    ),
    ("no end", endless, r"the rule raises RecursionError"),
    ("round", lambda f: round(f.count, -1), r"the value of count"),
    ("trunc", lambda f: math.trunc(f.count), r"the value of count"),
    ("floor", lambda f: math.floor(f.count), r"the value of count"),
    ("ceil", lambda f: math.ceil(f.count), r"the value of count"),
    ("letters of a text", lambda f: "a" in f.source, r"the value of source"),
    ("first letter", lambda f: f.source[0] == "a", r"the value of source"),
    ("inside a text", lambda f: f.source in "shop,web", r"an operation that facts do not have \(.*left operand"),
    ("text method", lambda f: f.source.startswith("a"), r"source.startswith .*; compare the fact itself"),
    ("span part", lambda f: f.since.days > 3, r"since.days .*; compare the fact itself with a constant"),
    ("member's value", lambda f: f.source.value == "a", r"source.value"),
    ("asking for a method", lambda f: hasattr(f.source, "lower"), r"source.lower"),
    ("brackets", lambda f: f.count() > 3, r"count\(...\) .*; read the fact without parentheses"),
    ("division", lambda f: f.count / 2 > 1, r"count divided with / .*; multiply the other side"),
    ("division of a constant", lambda f: 6 / f.count > 1, r"count divided with /"),
    ("divmod", lambda f: divmod(f.count, 2)[0], r"divmod\(\) of count .*; use // and %"),
    ("divmod of a constant", lambda f: divmod(7, f.count)[0], r"divmod\(\) of count"),
    ("power", lambda f: f.count**2 > 4, r"a power of count .*; multiply by a constant"),
    ("power of a constant", lambda f: 2**f.count > 4, r"a power of count"),
    ("power with a modulus", lambda f: pow(f.count, 2, 5), r"a power of count"),
    ("and sign", lambda f: (f.count > 3) & (f.visits > 3), r"& or \| on count > 3 .*; write `and` or `or`"),
    ("or sign", lambda f: True | (f.count > 3), r"& or \| on count > 3"),
    ("exclusive or", lambda f: (f.count > 3) ^ (f.visits > 3), r"& or \| on count > 3"),
    ("shift", lambda f: f.count << 1, r"& or \| on count"),
    ("tilde", lambda f: ~(f.count > 3), r"~ on count > 3 .*; write `not`"),
    ("none", lambda f: f.count == None, r"count with None .*; facts are never missing"),  # noqa: E711 (what is refused)
    ("none among others", lambda f: f.source in ("a", None), r"source with None"),
    ("float limit", lambda f: f.count > 1.5, r"count with a float .*; floats are not exact: scale both sides"),
    ("float factor", lambda f: 1.5 * f.count > 3, r"count with a float"),
    ("decimal", lambda f: f.net_spent > Decimal("1.50"), r"net_spent with a Decimal .*; use a whole number"),
    (
        "money",
        lambda f: f.net_spent > Money(1, "USD"),
        r"net_spent with a Money .*; compare with .* Money\(...\)\.minor",
    ),
    ("decimal first", lambda f: Decimal("1.50") < f.net_spent, r"net_spent with a Decimal or a Fraction .*; scale"),
    ("decimal of a fact", lambda f: Decimal(f.net_spent), r"an operation that facts do not have"),
    ("fraction", lambda f: Fraction(1, 2) * f.net_spent > 3, r"net_spent with a Decimal or a Fraction .*; scale"),
    ("date", lambda f: f.since > NOON, r"since with a datetime .*; compare the span since it with a timedelta"),
    ("date less a span", lambda f: NOON - f.since, r"since with a datetime"),
    ("list", lambda f: f.count == [3], r"count with a list"),
    ("repetition", lambda f: [1] * f.count, r"count with a list"),
    ("plain enum", lambda f: f.source == Plain.RED, r"source with Plain.RED .*; a fact never equals it; use a StrEnum"),
    ("text with text", lambda f: f.source == f.reason, r"source == reason .*; compare a text with a constant"),
    ("order of texts", lambda f: f.source < "b", r"source < 'b' .*; texts can only be equal or not"),
    ("unknown word", lambda f: f.reason == "pay day", r"reason == 'pay day' .*; use one of '', 'payday', 'travel'"),
    (
        "text and number",
        lambda f: f.source == 3,
        r"source == 3 \(text with number\) .*; compare two values of one unit",
    ),
    ("span and number", lambda f: f.since > 30, r"since > 30 \(span with number\)"),
    ("number and span", lambda f: f.count > DAY, r"count > 1 d \(number with span\)"),
    ("span plus number", lambda f: f.since + 1, r"since \+ 1 \(span \+ number\) .*; convert both sides to one unit"),
    ("span by span", lambda f: f.since * f.since, r"since \* since \(span \* span\)"),
    ("sum of spans", lambda f: sum([f.since, f.until]), r"0 \+ since \(number \+ span\)"),
    ("texts added", lambda f: "a" + f.source, r"'a' \+ source \(text \+ text\)"),
    ("negative text", lambda f: -f.source, r"source \* -1 \(text \* number\)"),
    ("size of a text", lambda f: abs(f.source), r"source >= 0 \(text with number\)"),
    ("division by zero", lambda f: f.count // 0, r"count // 0 .*; divide by a constant above zero"),
    ("division by less", lambda f: f.count % -3, r"count % -3 .*; divide by a constant above zero"),
    ("division by a fact", lambda f: f.count // f.visits, r"count // visits .*; divide by a constant above zero"),
    ("constant by a fact", lambda f: 7 // f.count, r"7 // count"),
    ("rest by a fact", lambda f: 7 % f.count, r"7 % count"),
    (
        "product too large",
        lambda f: f.net_spent * f.net_spent > 3,
        r"net_spent \* net_spent can reach 8.1e\+31, more than the 64 bits",
    ),
    ("factor too large", lambda f: -(10**4) * f.net_spent, r"can reach 9.0e\+19, more than the 64 bits"),
    ("limit too large", lambda f: f.net_spent > 2**70, r"more than the 64 bits of a column"),
    ("span too large", lambda f: f.since > timedelta.max, r"more than the 64 bits of a column"),
    ("answer too large", lambda f: 2**70 if f.count > 3 else 0, r"returned a number of more than 64 bits"),
    ("longest answer", lambda _: timedelta.max, r"returned a number of more than 64 bits"),
    ("answer of a float", lambda _: 0.5, r"returned a float, which a column cannot hold; return a bool"),
    ("answer of a list", lambda f: [f.count], r"returned a list"),
    ("answer of a date", lambda _: NOON, r"returned a datetime"),
    (
        "two kinds",
        lambda f: 1 if f.count > 3 else "one",
        r"returns 2 kinds of answers \(number, text\); a column holds one kind",
    ),
    ("truth and number", lambda f: f.count > 3 and 3, r"returns 2 kinds of answers \(bool, number\)"),
    (
        "number and span answers",
        lambda f: f.since if f.count > 3 else f.count,
        r"returns 2 kinds of answers \(number, span\)",
    ),
    ("two enums", lambda f: Red.RED if f.count > 3 else One.ONE, r"returns 2 kinds of answers \(.*One, .*Red\)"),
    ("enum and its text", lambda f: Red.RED if f.count > 3 else "red", r"returns 2 kinds of answers"),
    (
        "mixed members",
        lambda f: Plain.RED if f.count > 3 else Plain.ONE,
        r"must all have text values, or all whole numbers",
    ),
    ("member of a half", lambda _: Plain.HALF, r"must all have text values"),
]


@pytest.mark.parametrize(("rule", "message"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS])
def test_expressions_that_cannot_be_traced_are_refused(rule: Callable[[Any], object], message: str) -> None:
    """The error names the expression and the remedy before any person is evaluated."""
    with pytest.raises(RuleError, match=message):
        trace(rule, FACTS, REFUSED)


@pytest.mark.parametrize("most", [LIMIT, -LIMIT, LIMIT * TICK, -LIMIT * TICK])
def test_what_64_bits_hold_is_taken(most: Any) -> None:
    """The largest number or span may be answered and compared with, and the next one may not."""
    beyond, fact = most + most // LIMIT, "net_spent" if isinstance(most, int) else "gap"

    assert trace(lambda _: most, FACTS) == Leaf(most)
    assert trace(lambda f: getattr(f, fact) == most, FACTS) == Leaf(answer=False)
    with pytest.raises(RuleError, match="returned a number of more than 64 bits"):
        trace(lambda _: beyond, FACTS)
    with pytest.raises(RuleError, match="more than the 64 bits of a column"):
        trace(lambda f: getattr(f, fact) == beyond, FACTS)


def matched(f: Any) -> int:
    """Match by identity: `case True` asks `is`."""
    match f.referred:
        case True:
            return 1
        case _:
            return 2


UNTRACED: list[tuple[str, Callable[[Any], object], str]] = [
    ("is True", lambda f: 1 if f.referred is True else 2, "returns 1 instead of 2"),
    ("is not False", lambda f: 1 if (f.count > 3) is not False else 2, "returns 2 instead of 1"),
    ("case True", matched, "returns 1 instead of 2"),
    ("type", lambda f: type(f.source).__name__, "returns 'str' instead of 'FactProxy'"),
    ("callable", lambda f: callable(f.count), "returns False instead of True"),
    ("an error behind is", lambda f: 1 // 0 if f.referred is True else 2, r"raises ZeroDivisionError \(integer"),
    (
        "a refusal behind is",
        lambda f: f.zzz if f.referred is True else 2,
        "raises RuleError .the fact 'zzz' is unknown",
    ),
]


@pytest.mark.parametrize(("rule", "message"), [case[1:] for case in UNTRACED], ids=[case[0] for case in UNTRACED])
def test_what_leaves_no_trace_is_found_out(rule: Callable[[Any], object], message: str) -> None:
    """A rule whose tree differs from its plain Python answers is refused by the verification."""
    with pytest.raises(RuleError, match=message):
        trace_and_verify(rule, FACTS, REFUSED)


LIES: list[tuple[str, object]] = [
    *(("count", number) for number in (0, 1, 2, 6)),
    *(("since", number * TICK) for number in (0, 1, 2, WIDE, -WIDE)),
    *(("source", word) for word in ("", "some", "other")),
    *(("reason", word) for word in ("", "payday", "travel")),
    *(("referred", truth) for truth in (False, True)),
]


@pytest.mark.parametrize(("name", "value"), LIES, ids=[f"{name} {value}" for name, value in LIES])
def test_a_proof_asks_people_of_every_kind(name: str, value: object) -> None:
    """Somebody with none, the least, the most, one and two of everything, and with every word."""

    def lies(f: Any) -> bool:
        actual = getattr(f, name)
        return type(actual) is type(value) and bool(actual == value)

    with pytest.raises(RuleError, match="returns True instead of False"):
        trace_and_verify(lies, FACTS)


def test_a_proof_asks_people_on_the_paths_of_the_rule() -> None:
    """If the usual values reach no path, a person is generated for it, for the first and the last path."""
    with pytest.raises(RuleError, match="if visits == 77, the rule returns 1 instead of 2"):
        trace_and_verify(lambda f: (1 if type(f.visits) is int else 2) if f.visits == 77 else 0, FACTS)
    with pytest.raises(RuleError, match="if count > 2 and visits == 77, the rule returns 1 instead of 2"):
        trace_and_verify(
            lambda f: (1 if type(f.gap) is timedelta else 2) if f.count > 2 and f.visits == 77 else 0, FACTS
        )


def test_a_proof_says_what_to_avoid() -> None:
    """The message tells where the answers part, and what leaves no trace."""
    with pytest.raises(RuleError, match=r"if count > 3, the rule returns .* clock, randomness, changing state, `is`"):
        compiled_rule(lambda f: 1 if f.count > 3 and type(f.visits) is int else 2)


def test_a_rule_that_changes_its_mind_is_refused() -> None:
    """State that moves from call to call is found out, whether or not it decides on a path."""
    calls = itertools.count()

    with pytest.raises(RuleError, match="clock, randomness, changing state"):
        compiled_rule(lambda _: next(calls))


def test_a_rule_that_takes_another_path_is_refused() -> None:
    """State that decides the conditions is detected while the tree grows."""
    calls = itertools.count()

    with pytest.raises(RuleError, match="takes another path in a second call"):
        trace(lambda f: f.count > 3 if next(calls) % 2 else f.visits > 3, FACTS)


def test_paths_are_counted() -> None:
    """A rule may have 256 paths and not one more."""
    bits = [Fact(f"bit_{number}", high=1) for number in range(9)]
    facts = {bit.name: bit for bit in bits}

    def branching(many: int) -> Callable[[Any], object]:
        return lambda f: sum([1 for bit in bits[:many] if getattr(f, bit.name)])

    assert len([*leaves(trace(branching(8), facts))]) == MOST_PATHS
    with pytest.raises(RuleError, match="more than 256 paths; add conditions up"):
        trace(branching(9), facts)


@pytest.mark.no_cover
def test_conditions_one_after_another_are_counted() -> None:
    """A path may ask 128 conditions and not one more, or engines would run out of stack."""
    assert len([*leaves(trace(lambda f: f.visits in range(MOST_CONDITIONS), FACTS))]) == MOST_CONDITIONS + 1
    with pytest.raises(RuleError, match="more than 128 conditions in a row; add conditions up"):
        trace(lambda f: f.visits in range(MOST_CONDITIONS + 1), FACTS)


def test_a_loop_without_an_end_is_stopped() -> None:
    """A rule that counts up to a fact does not hang."""

    def recorded(f: Any) -> int:
        number = 0
        while f.visits > number:
            number += 1
        return number

    with pytest.raises(RuleError, match="more than 128 conditions"):
        trace(recorded, FACTS)


def test_a_fault_of_the_rule_itself_is_told_with_its_cause() -> None:
    """An error that is not about tracing reaches the author as the cause of the refusal."""
    with pytest.raises(RuleError, match="the rule raises ZeroDivisionError") as caught:
        trace(lambda f: 1 if f.count > 3 else 1 // 0, FACTS)

    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_what_stops_a_program_stops_a_rule(stop: type[BaseException]) -> None:
    """An interrupt is not an error of the rule."""

    def stopped(_: Any) -> None:
        raise stop

    with pytest.raises(stop):
        trace(stopped, FACTS)


def test_the_facts_look_like_an_object_to_python() -> None:
    """Attributes that Python itself looks up on proxies raise AttributeError."""
    calls: list[Any] = []
    trace(lambda f: calls.extend([hasattr(f, "__no__"), hasattr(f.count, "__no__"), +f.count, +f.referred]), FACTS)

    assert calls[:2] == [False, False]
    assert [text(one.node) for one in calls[2:]] == ["count", "referred == 1"]


def test_a_rule_may_refuse_by_itself() -> None:
    """A RuleError of the rule's own reaches its author as it is."""

    def refuses(_: Any) -> None:
        raise RuleError("not for tables")

    with pytest.raises(RuleError, match=r"^not for tables$"):
        trace(refuses, FACTS)


def by_class(expected: Any) -> str:
    """Match by class."""
    match expected:
        case bool():
            return "truth"
        case int():
            return "number"
        case timedelta():
            return "span"
        case str():
            return "text"
        case _:
            return "nothing"


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        (lambda f: f.count, "number"),
        (lambda f: f.count + 1, "number"),
        (lambda f: f.referred, "truth"),
        (lambda f: f.count > 3, "truth"),
        (lambda f: +f.referred, "number"),
        (lambda f: f.since, "span"),
        (lambda f: f.source, "text"),
    ],
    ids=numbered(range(7)),
)
def test_a_symbol_is_of_the_class_that_it_stands_for(rule: Callable[[Any], object], kind: str) -> None:
    """A rule that matches by class, or asks isinstance, takes the branch that it takes with a value."""
    assert compiled_rule(lambda f: by_class(rule(f))) == Leaf(kind)
    assert compiled_rule(lambda f: rule(f).__class__.__name__) == Leaf(
        type(rule(plain_facts(FACTS, person()))).__name__
    )


def with_suppress(error: type[BaseException]) -> Callable[[Any], object]:
    """Suppress an error around the value of a fact."""

    def suppressed(f: Any) -> str:
        with contextlib.suppress(error):
            return "many" if int(f.count) > 3 else "few"
        return "none"

    return suppressed


def with_try(error: type[BaseException]) -> Callable[[Any], object]:
    """Catch an error around the value of a fact."""

    def caught(f: Any) -> str:
        try:
            return "many" if int(f.count) > 3 else "few"
        except error:
            return "none"

    return caught


def with_finally(_: type[BaseException]) -> Callable[[Any], object]:
    """Leave by finally."""

    def left(f: Any) -> str:
        try:
            return "many" if int(f.count) > 3 else "few"
        finally:
            return "none"  # noqa: B012, SIM107 (what is refused)

    return left


def with_another(error: type[BaseException]) -> Callable[[Any], object]:
    """Raise another error in place of the first."""

    def replaced(f: Any) -> str:
        try:
            return "many" if int(f.count) > 3 else "few"
        except error:
            raise ValueError from None

    return replaced


def with_patience(error: type[BaseException]) -> Callable[[Any], object]:
    """Try again and again."""

    def patient(f: Any) -> str:
        while True:
            try:
                return "many" if int(f.count) > 3 or f.visits > 3 else "few"
            except error:
                if f.visits > 2:
                    continue

    return patient


CAUGHT = [
    *product((with_suppress, with_try, with_finally, with_another), (RuleError, TypeError, Exception, BaseException)),
    *product((with_patience,), (RuleError, TypeError, Exception)),
]


@pytest.mark.parametrize(("wrap", "error"), CAUGHT, ids=numbered(CAUGHT))
def test_a_refusal_cannot_be_caught(
    wrap: Callable[[type[BaseException]], Callable[[Any], object]], error: type[BaseException]
) -> None:
    """Whatever the rule does with the error, it is refused with the first one."""
    with pytest.raises(RuleError, match="the value of count"):
        trace(wrap(error), FACTS)


def in_words(f: Any) -> bool:
    """Catch Python's own error about a value that is not text."""
    try:
        return "shop, web".find(f.source) == 6
    except TypeError:
        return False


def test_an_error_of_python_itself_cannot_be_caught() -> None:
    """Python itself refuses a proxy as text; this is detected if the code catches errors."""
    with pytest.raises(RuleError, match=r"the rule catches an error \(.*must be str.*write it without try"):
        compiled_rule(in_words)


def test_an_error_that_has_nothing_to_do_with_facts_may_be_caught() -> None:
    """A rule with try is traced if it catches only its own errors."""

    def looked_up(f: Any) -> int:
        try:
            limit = {"web": 3}["shop"]
        except KeyError:
            limit = 2
        return 1 if f.count > limit else 0

    before = sys.gettrace()
    assert compiled_rule(looked_up) == compiled_rule(lambda f: 1 if f.count > 2 else 0)
    assert sys.gettrace() is before


def test_a_symbol_that_was_kept_is_still_no_value() -> None:
    """A debugger that shows what a rule kept is refused, and the rule is what it was."""
    calls: list[Any] = []

    def keeps(f: Any) -> bool:
        calls.append(f.count)
        return bool(f.count > 3)

    tree = trace(keeps, FACTS)
    for _ in range(2):
        with pytest.raises(RuleError, match="the value of count"):
            repr(calls[0])
    assert trace(keeps, FACTS) == tree


def added(times: int, start: Any) -> Any:
    """Add a value to itself many times."""
    return functools.reduce(operator.add, [start] * times)


def test_what_adds_up_too_much_is_refused() -> None:
    """A long sum of facts or conditions, and one that doubles, is refused at once with the remedy."""
    message = "an expression with more than 256 nested operations.*declare a fact that adds up"

    def doubling(f: Any) -> Any:
        return functools.reduce(lambda total, _: total + total, range(60), f.count)

    for rule in (
        lambda f: added(2000, f.count) > 3,
        lambda f: sum(f.count > limit for limit in range(2000)),
        lambda f: all_of(*[f.count > limit for limit in range(2000)]),
        lambda f: (added(256, f.count) > 3) == (added(255, f.count) > 2),
        doubling,
    ):
        with pytest.raises(RuleError, match=message):
            trace(rule, FACTS)


def test_a_long_sum_is_traced() -> None:
    """The longest sums work in every form."""
    tree = compiled_rule(lambda f: added(255, f.count) > 3)

    assert run_of(tree)(person(count=1), 0) is True
    assert isinstance(tree, Fork)
    assert "count + count" in text(tree.test)


@pytest.mark.parametrize("value", [3, DAY, "web"])
def test_a_named_constant_stays_what_it_is(value: object) -> None:
    """A constant with the name of its policy field is like the one without, and its name can be asked for."""
    created: Any = with_name(value, "limit")

    assert created == value
    assert hash(created) == hash(value)
    assert repr(created) == repr(value)
    assert isinstance(created, type(value))
    assert created.__class__ is type(value)
    assert name_of(created) == "limit"
    assert type(plain(created)) is type(value)
    assert not hasattr(created, "name")


@pytest.mark.parametrize("value", [True, Red.RED, One.ONE, 0.5, None, [1, 2], Weird(3)])
def test_other_constants_have_no_name(value: object) -> None:
    """Truths, members of enums, numbers of other classes and what no column holds pass as they are."""
    assert with_name(value, "limit") is value
    assert name_of(value) == ""


def test_the_constants_of_a_tuple_have_its_name() -> None:
    """Several limits share the name of their policy field."""
    created: Any = with_name((1, timedelta(days=2)), "limits")

    assert created == (1, timedelta(days=2))
    assert [name_of(one) for one in created] == ["limits", "limits"]
