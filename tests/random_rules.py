"""Random rules: plain Python functions of facts, made of closures, with an evaluator that knows nothing of lifting.

A rule is drawn from the names, units and ranges of facts alone, so it can be asked of symbols, of real facts and of
plain values. Numbers and spans may be policy constants that know their names.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import attrs
from hypothesis import strategies as st

from funnel._expr.nodes import Fact
from funnel._expr.tree import trace
from funnel.errors import RuleError

Value = int | str
Draw = st.DrawFn


class Light(enum.StrEnum):
    """An answer that is one of a few words."""

    RED = "red"
    AMBER = "amber"
    GREEN = "green"


class Level(enum.IntEnum):
    """An answer that is one of a few numbers."""

    LOW = 1
    HIGH = 2


@attrs.frozen
class Part:
    """A piece of a rule: how it reads, and what it does."""

    words: str
    run: Callable[[Any], Any] = attrs.field(eq=False)


@attrs.frozen(repr=False)
class RandomRule:
    """A plain function of facts, and the same function on plain values."""

    words: str
    function: Callable[[Any], Any] = attrs.field(eq=False)
    facts: Mapping[str, Fact] = attrs.field(eq=False)

    def __repr__(self) -> str:
        """Show the rule as it would be written."""
        return self.words

    def _repr_pretty_(self, printer: Any, _: bool) -> None:  # noqa: FBT001 (as hypothesis calls it)
        printer.text(self.words)

    def plain(self, values: Mapping[str, Value]) -> Any:
        """Call the function with whole numbers, truths, spans and texts; `values` holds spans in microseconds."""
        return self.function(plain_facts(self.facts, values))


def plain_facts(facts: Mapping[str, Fact], values: Mapping[str, Value]) -> SimpleNamespace:
    """Show held values as their author means them."""
    return SimpleNamespace(**{name: _as_fact_value(fact, values[name]) for name, fact in facts.items()})


def _as_fact_value(fact: Fact, value: Value) -> Any:
    if fact.unit == "span":
        return timedelta(microseconds=int(value))
    return bool(value) if fact.unit == "number" and fact.low == 0 and fact.high == 1 else value


@attrs.frozen
class Pools:
    """Values that drawn rules compare with."""

    facts: Mapping[str, Fact]
    numbers: Sequence[int] = (0, 1, 2, 3)
    spans: Sequence[timedelta] = tuple(timedelta(microseconds=count) for count in (0, 1, 3, 7, 10))
    texts: Sequence[str] = ("", "shop", "web")

    def called(self, unit: str, *, truths: bool = False) -> list[str]:
        """The names of the facts of a unit."""
        return [name for name, fact in self.facts.items() if fact.unit == unit and (fact.high == 1) is truths]


def rules(
    facts: Mapping[str, Fact],
    *,
    answers: Sequence[str] = ("bool", "enum", "level", "number", "text"),
    pools: Pools | None = None,
) -> st.SearchStrategy[RandomRule]:
    """Draw rules of the given facts; `answers` also knows "span", which has no next change."""
    choices = pools or Pools(facts)
    parts = st.tuples(st.sampled_from(answers), st.integers(0, 3)).flatmap(lambda one: _choice(choices, *one))
    return parts.filter(lambda part: _fits(part, facts)).map(lambda part: RandomRule(part.words, part.run, facts))


def _fits(part: Part, facts: Mapping[str, Fact]) -> bool:
    """Whether a rule has few enough paths; every other refusal is a fault of these strategies."""
    try:
        trace(part.run, facts)
    except RuleError as error:
        if "add conditions up" not in str(error):
            raise
        return False
    return True


def people(facts: Mapping[str, Fact], pools: Pools | None = None) -> st.SearchStrategy[dict[str, Value]]:
    """Draw the values of every fact, most of them on or beside what rules compare with; spans in microseconds."""
    pools = pools or Pools(facts)
    return st.fixed_dictionaries({name: _values(fact, pools) for name, fact in facts.items()})


def _values(fact: Fact, pools: Pools) -> st.SearchStrategy[Value]:
    if fact.unit == "text":
        return st.sampled_from(fact.choices or (*pools.texts, "unheard of"))
    choices = pools.numbers if fact.unit == "number" else [span // timedelta(microseconds=1) for span in pools.spans]
    near = [limit + step for limit in choices for step in (-1, 0, 1)]
    inside = [value for value in (*near, fact.low, fact.high) if fact.low <= value <= fact.high]
    return st.sampled_from(inside)


# ---- what a rule is made of ------------------------------------------------------------------------------------------


def _both(words: str, a: Part, b: Part, run: Callable[[Any, Any], Any]) -> Part:
    return Part(f"({a.words} {words} {b.words})", lambda f: run(a.run(f), b.run(f)))


def _constant(value: object) -> Part:
    return Part(repr(value), lambda _: value)


def _fact(name: str) -> Part:
    return Part(f"f.{name}", lambda f: getattr(f, name))


@st.composite
def _number(draw: Draw, pools: Pools, depth: int = 1) -> Part:
    how = draw(st.integers(0, 9)) if depth else 0
    if how < 3:
        return _fact(draw(st.sampled_from(pools.called("number"))))
    a = draw(_number(pools, depth - 1))
    constant, above_zero = draw(st.sampled_from(pools.numbers)), draw(st.integers(1, 3))
    match how:
        case 3:
            return _both("+", a, draw(_number(pools, 0)), lambda x, y: x + y)
        case 4:
            return _both("-", a, _constant(constant), lambda x, y: x - y)
        case 5:
            return _both("*", _constant(constant), a, lambda x, y: x * y)
        case 6:
            return _both("//", a, _constant(above_zero), lambda x, y: x // y)
        case 7:
            return _both("%", a, _constant(above_zero), lambda x, y: x % y)
        case 8:
            chooses = draw(st.sampled_from([min, max]))
            return Part(f"{chooses.__name__}({a.words}, {constant})", lambda f: chooses(a.run(f), constant))
        case _:
            return draw(_score(pools))


@st.composite
def _score(draw: Draw, pools: Pools) -> Part:
    terms = draw(st.lists(st.tuples(st.integers(-3, 9), _comparison(pools)), min_size=1, max_size=4))
    words = " + ".join(f"{points} * {test.words}" for points, test in terms)
    return Part(f"({words})", lambda f: sum(points * test.run(f) for points, test in terms))


@st.composite
def _span(draw: Draw, pools: Pools, depth: int = 1) -> Part:
    how = draw(st.integers(0, 6)) if depth else 0
    if how < 3:
        return _fact(draw(st.sampled_from(pools.called("span"))))
    a, constant = draw(_span(pools, depth - 1)), draw(st.sampled_from(pools.spans))
    match how:
        case 3:
            return _both("+", a, _constant(constant), lambda x, y: x + y)
        case 4:
            return _both("-", a, draw(_span(pools, 0)), lambda x, y: x - y)
        case 5:
            return _both("*", _constant(draw(st.integers(-2, 3))), a, lambda x, y: x * y)
        case _:
            chooses = draw(st.sampled_from([min, max]))
            return Part(f"{chooses.__name__}({a.words}, {constant!r})", lambda f: chooses(a.run(f), constant))


COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    ">": lambda x, y: x > y,
    ">=": lambda x, y: x >= y,
    "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y,
    "==": lambda x, y: x == y,
    "!=": lambda x, y: x != y,
}


@st.composite
def _comparison(draw: Draw, pools: Pools) -> Part:
    """One condition, without a choice of its own."""
    how = draw(st.sampled_from(_KINDS)) if pools.called("text") and pools.called("number", truths=True) else "span"
    op = draw(st.sampled_from(sorted(COMPARISONS)))
    limits: st.SearchStrategy[Part]
    match how:
        case "truth":
            return _fact(draw(st.sampled_from(pools.called("number", truths=True))))
        case "text":
            name = draw(st.sampled_from(pools.called("text")))
            word = draw(st.sampled_from(pools.facts[name].choices or pools.texts))
            op = draw(st.sampled_from(["==", "!="]))
            return _both(op, _fact(name), _constant(word), COMPARISONS[op])
        case "number":
            limits = st.one_of(st.sampled_from(pools.numbers).map(_constant), _number(pools, 0))
            return _both(op, draw(_plain_number(pools)), draw(limits), COMPARISONS[op])
        case _:
            limits = st.one_of(st.sampled_from(pools.spans).map(_constant), _span(pools, 0))
            return _both(op, draw(_plain_span(pools)), draw(limits), COMPARISONS[op])


_KINDS = ("truth", "text", "number", "number", "span", "span", "span")


def _plain_number(pools: Pools) -> st.SearchStrategy[Part]:
    return st.one_of(_number(pools, 0), _number(pools, 0).map(lambda a: Part(f"-{a.words}", lambda f: -a.run(f))))


@st.composite
def _plain_span(draw: Draw, pools: Pools) -> Part:
    a, times = draw(_span(pools, 0)), draw(st.integers(1, 3))
    return _both("*", _constant(times), a, lambda x, y: x * y)


@st.composite
def _condition(draw: Draw, pools: Pools, depth: int = 2) -> Part:
    how = draw(st.integers(0, 11)) if depth else 0
    if how < 4:
        return draw(_comparison(pools))
    a = draw(_condition(pools, depth - 1)) if how < 9 else _constant(None)
    match how:
        case 4:
            return Part(f"(not {a.words})", lambda f: not a.run(f))
        case 5:
            b = draw(_condition(pools, depth - 1))
            return Part(f"({a.words} and {b.words})", lambda f: a.run(f) and b.run(f))
        case 6:
            b = draw(_condition(pools, depth - 1))
            return Part(f"({a.words} or {b.words})", lambda f: a.run(f) or b.run(f))
        case 7:
            return _both("==", draw(_comparison(pools)), draw(_comparison(pools)), lambda x, y: x == y)
        case 8:
            several = [a, draw(_comparison(pools))]
            one_is = draw(st.sampled_from([any, all]))
            words = ", ".join(part.words for part in several)
            return Part(f"{one_is.__name__}([{words}])", lambda f: one_is(part.run(f) for part in several))
        case 9:
            return draw(_chained(pools))
        case 10:
            return draw(_within(pools))
        case _:
            op = draw(st.sampled_from(sorted(COMPARISONS)))
            limit = _constant(draw(st.sampled_from(pools.numbers)))
            return _both(op, draw(_number(pools)), limit, COMPARISONS[op])


@st.composite
def _chained(draw: Draw, pools: Pools) -> Part:
    a, low, high = draw(_span(pools)), draw(st.sampled_from(pools.spans)), draw(st.sampled_from(pools.spans))
    return Part(f"({low!r} < {a.words} <= {high!r})", lambda f: low < a.run(f) <= high)


@st.composite
def _within(draw: Draw, pools: Pools) -> Part:
    name = draw(st.sampled_from([*pools.called("text"), *pools.called("number")]))
    fact = pools.facts[name]
    trials = (fact.choices or pools.texts) if fact.unit == "text" else pools.numbers
    some = tuple(draw(st.lists(st.sampled_from(list(trials)), max_size=3)))
    return Part(f"(f.{name} in {some})", lambda f: getattr(f, name) in some)


@st.composite
def _choice(draw: Draw, pools: Pools, kind: str, depth: int) -> Part:
    if depth == 0:
        return draw(_answer(pools, kind))
    yes, no = draw(_choice(pools, kind, depth - 1)), draw(_choice(pools, kind, draw(st.integers(0, depth - 1))))
    if pools.called("text") and draw(st.integers(0, 4)) == 0:
        name = draw(st.sampled_from(pools.called("text")))
        word = draw(st.sampled_from(pools.facts[name].choices or pools.texts))
        return Part(f"match f.{name} case {word!r}: {yes.words} case _: {no.words}", _matched(name, word, yes, no))
    test = draw(_condition(pools))
    return Part(f"({yes.words} if {test.words} else {no.words})", lambda f: (yes if test.run(f) else no).run(f))


def _matched(name: str, word: str, yes: Part, no: Part) -> Callable[[Any], Any]:
    expected = SimpleNamespace(word=word)

    def run(f: Any) -> Any:
        match getattr(f, name):
            case expected.word:
                return yes.run(f)
            case _:
                return no.run(f)

    return run


def _answer(pools: Pools, kind: str) -> st.SearchStrategy[Part]:
    nothing = st.just(_constant(None))
    match kind:
        case "bool":
            return st.one_of(st.booleans().map(_constant), _condition(pools, 1), nothing)
        case "enum":
            return st.one_of(st.sampled_from(Light).map(_constant), nothing)
        case "level":
            return st.sampled_from(Level).map(_constant)
        case "number":
            return st.one_of(_number(pools), _score(pools), st.sampled_from(pools.numbers).map(_constant))
        case "span":
            return st.one_of(_span(pools), st.sampled_from(pools.spans).map(_constant))
        case _:
            return st.one_of(
                st.sampled_from(pools.texts).map(_constant), st.sampled_from(pools.called("text")).map(_fact)
            )
