"""Code that a function can reach, and the people that verify it."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import enum
import functools
import math
import operator
import types
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

import tests.expr.test_reach
from funnel._expr.reachable_code import Reach, reach_of
from funnel._expr.tree import trace
from funnel._expr.verify import people, trace_and_verify
from funnel.errors import RuleError
from tests.expr.facts import FACTS, Careful

LIMIT = 41
LIMITS = {"shop": (42, [43])}
LATER = timedelta(days=44)


class Word(enum.StrEnum):
    """Words."""

    SHOP = "a shop"


class Owner:
    """Owners: the arguments of the function."""

    limit = 45

    @property
    def half(self) -> int:
        """A number worked out."""
        return 46

    @functools.cached_property
    def third(self) -> int:
        """A number worked out once."""
        return 47

    def method(self) -> int:
        """A number of a method."""
        return 48

    @staticmethod
    def static() -> int:
        """A number of a function of the class."""
        return 49

    @classmethod
    def of_class(cls) -> int:
        """A number of a method of the class."""
        return 50


def helper(f: Any, most: int = 51) -> bool:
    """Part of a rule."""
    return bool(f.count > most)


def careful(f: Any) -> Any:
    """Catch what goes wrong."""
    try:
        return f.count
    except TypeError:
        return 3


@functools.cache
def wrapped(f: Any) -> bool:
    """Part of a rule behind a wrapper."""
    return bool(f.count > 52)


def closed(limit: int) -> Callable[[Any], object]:
    """A rule with a limit of its own."""
    return lambda f: f.count > limit


def unbound() -> Callable[[Any], object]:
    """A rule that names what is not there yet."""

    def rule(f: Any) -> bool:
        return bool(f.count > later + 56)

    if LIMIT < 0:
        later = 3
    return rule


REACHED: list[tuple[str, Callable[[Any], object], object]] = [
    ("its own", lambda f: f.count > 40, 40),
    ("inside another function", lambda f: any(f.count > limit + 39 for limit in (1, 2)), 39),
    ("a number by name", lambda f: f.count > LIMIT, 41),
    ("a tuple in a dict", lambda f: f.count in LIMITS["shop"], 42),
    ("a list in a tuple", lambda f: f.count in LIMITS["shop"], 43),
    ("a span by name", lambda f: f.since > LATER, LATER),
    ("the words of an enum", lambda f: f.source == Word.SHOP, "a shop"),
    ("a number of an owner", lambda f: f.limit, 45),
    ("a property", lambda f: f.half, 46),
    ("a cached property", lambda f: f.third, 47),
    ("a method", lambda f: f.method(), 48),
    ("a static method", lambda f: f.static(), 49),
    ("a class method", lambda f: f.of_class(), 50),
    ("a default", lambda f: helper(f), 51),  # noqa: PLW0108 (a name in a function)
    ("a wrapped function", lambda f: wrapped(f), 52),  # noqa: PLW0108 (a name in a function)
    ("a closure", closed(53), 53),
    ("a partial function", functools.partial(helper, most=54), 51),
    ("a bound method", Owner().method, 48),
    ("a function of a module", lambda f: tests.expr.test_reach.helper(f, 55), 51),
]


@pytest.mark.parametrize(("function", "constant"), [case[1:] for case in REACHED], ids=[case[0] for case in REACHED])
def test_the_constants_of_a_function_are_reached(function: Callable[[Any], object], constant: object) -> None:
    """Numbers, spans and texts that the code names, directly or through what it calls."""
    assert constant in reach_of(function, Owner()).constants


def test_what_is_not_there_yet_is_not_reached() -> None:
    """An empty cell and an object without code are passed over."""
    assert reach_of(unbound()).constants == {56}
    assert reach_of(3.5) == Reach()


class Stubborn:
    """An object whose own code raises for every name."""

    __slots__ = ("empty", "limit")

    def __init__(self) -> None:
        self.limit = 57

    def __getattr__(self, name: str) -> object:
        raise ImportError(name)


STUBBORN = {"shop": Stubborn()}


def test_objects_are_read_without_their_own_code() -> None:
    """An object that computes its attributes, such as a module loaded at first use, is not asked for any."""
    assert 57 in reach_of(lambda f: STUBBORN[f.source]).constants


def test_functions_are_followed_once_and_not_without_end() -> None:
    """Functions that call each other, long rows of them and lists that hold themselves come to an end."""
    itself: list[Any] = [58]
    itself.append(itself)

    def calls(f: Any) -> object:
        return calls(f) or itself

    row: Callable[[Any], object] = helper
    for _ in range(3000):
        row = functools.partial(row, itself)

    both = [closed(3), closed(59)]

    assert reach_of(calls).constants >= {58}
    assert reach_of(functools.partial(helper, both)).constants >= {3, 59}
    assert 51 in reach_of(functools.partial(helper, 3)).constants
    assert 58 in reach_of(row).constants


ODD: list[tuple[str, Callable[[Any], object], tuple[bool, bool]]] = [
    ("nothing", lambda f: max(f.count, 3) > 4, (False, False)),
    ("a comprehension", lambda f: sum([f.count > limit for limit in (1, 2)]), (False, False)),
    ("a generator", lambda f: any(f.count > limit for limit in (1, 2)), (False, False)),
    ("isinstance", lambda f: isinstance(f, int), (False, False)),
    ("is None", lambda f: 1 if f is None else 2, (False, False)),
    ("is", lambda f: f is LIMIT, (False, True)),
    ("type", lambda f: type(f) == int, (False, True)),  # noqa: E721 (what is looked for)
    ("id", lambda f: id(f) > 3, (False, True)),
    ("a function of C", lambda f: math.floor(f), (False, True)),  # noqa: PLW0108 (a name in a function)
    ("a helper with a try", lambda f: careful(f), (True, False)),  # noqa: PLW0108 (a name in a function)
]


@pytest.mark.parametrize(("function", "odd"), [case[1:] for case in ODD], ids=[case[0] for case in ODD])
def test_what_leaves_no_trace_is_looked_for(function: Callable[[Any], object], odd: tuple[bool, bool]) -> None:
    """The result states whether code catches errors, and whether it inspects identity or class."""
    actual = reach_of(function)

    assert (actual.catches, actual.looks) == odd


def test_with_and_try_catch() -> None:
    """A with statement may swallow an error as a try does."""

    def suppressed(f: Any) -> object:
        with contextlib.suppress(TypeError):
            return f
        return None

    def tried(f: Any) -> object:
        try:
            return f
        finally:
            f.end()

    assert reach_of(suppressed).catches
    assert reach_of(tried).catches


HIDDEN: list[tuple[str, Callable[[Any], object]]] = [
    ("a number behind type()", lambda f: type(f.visits) is int and f.visits == 77),
    ("beside a number", lambda f: type(f.visits) is int and f.visits > 77),
    ("a sum", lambda f: type(f.visits) is int and f.visits - 1000 == 77),
    ("days", lambda f: type(f.gap) is timedelta and f.gap > timedelta(microseconds=77)),
    ("a word", lambda f: type(f.source) is str and f.source == "a shop"),
    ("part of a text", lambda f: type(f.source) is str and "shop, web".find(f.source) == 6),
    ("a condition by identity", lambda f: (3 * f.count - f.visits > 7) is True),
    ("two conditions by identity", lambda f: f.count == 3 and (f.source == "web") is True),
]


@pytest.mark.parametrize("function", [case[1] for case in HIDDEN], ids=[case[0] for case in HIDDEN])
def test_what_hides_behind_a_look_is_found_out(function: Callable[[Any], object]) -> None:
    """A rule that looks at a class is proven near the numbers and words it names, and where its conditions flip."""
    with pytest.raises(RuleError, match="returns True instead of False"):
        trace_and_verify(function, FACTS)


def test_every_limit_is_met_on_both_sides() -> None:
    """For each compared fact, the people include values at, below and above the limit."""

    def rule(f: Any) -> bool:
        limits = f.visits > 77 and f.since <= timedelta(microseconds=500) and f.source == "web"
        return bool(limits and f.count + f.visits > 80 and f.net_spent // 3 > 80)

    everyone = [*people(trace(rule, FACTS), FACTS, Reach())]

    assert {77, 78, 79, 0, 2**31} <= {person.get("visits") for person in everyone}
    assert {500, 501, 502, 10**6, -(10**6)} <= {person.get("since") for person in everyone}
    assert {"web", "", "some", "other"} <= {person.get("source") for person in everyone}


def test_a_rule_without_facts_is_proven() -> None:
    """A constant needs one person."""
    assert [*people(trace(lambda _: 3, FACTS), FACTS, Reach())]


class Looking:
    """Code that looks at identities, in every place where a class can have it."""

    @staticmethod
    def static(x: Any) -> bool:
        """Look in a function of the class."""
        return x is True

    @classmethod
    def of_class(cls, x: Any) -> bool:
        """Look in a method of the class."""
        return x is True

    def method(self, x: Any) -> bool:
        """Look in a method."""
        return x is True

    def __call__(self, x: Any) -> bool:
        """Look when called."""
        return x is True


class Slotted:
    """An attribute without a `__dict__`."""

    __slots__ = ("check", "never_set")

    def __init__(self, check: Callable[[Any], bool]) -> None:
        self.check = check


@dataclasses.dataclass
class Checked:
    """A dataclass that looks after it is made."""

    value: Any
    answer: Any = None

    def __post_init__(self) -> None:
        """Look at the value."""
        self.answer = self.value is True


class Created:
    """A class that looks while it is made."""

    def __init__(self, x: Any) -> None:
        self.answer = x is True


class Pair(NamedTuple):
    """A tuple with a method."""

    left: Any

    def is_true(self) -> bool:
        """Look at the first."""
        return self.left is True


class Kind(enum.Enum):
    """Words with a method."""

    ONE = "one"

    def check(self, x: Any) -> bool:
        """Look at a value."""
        return x is True


def look(x: Any) -> bool:
    """Look at a value."""
    return x is True


def by_keyword(x: Any, *, check: Callable[[Any], bool] = look) -> bool:
    """Look with a default that only a keyword replaces."""
    return check(x)


def inside(check: Callable[[Any], Any]) -> Callable[[Any], object]:
    """A rule with a function of its own."""
    return lambda f: check(f.flag)


def imported(f: Any) -> object:
    """Import what looks, inside the function."""
    from tests.expr.test_reach import look as found

    return found(f.flag)


LOOKING = Looking()
NAMESPACE = types.SimpleNamespace(check=look)
SLOTTED = Slotted(look)
QUEUE = collections.deque([look])
PROXY = types.MappingProxyType({"check": look})
GET = {"check": look}.get
PACKAGE = types.ModuleType("package")
vars(PACKAGE)["inner"] = types.ModuleType("package.inner")
vars(PACKAGE.inner)["check_it"] = look
MODULES = {"here": PACKAGE.inner}

HIDING: list[tuple[str, Callable[[Any], object]]] = [
    ("a static method", lambda f: Looking.static(f.flag)),
    ("a class method", lambda f: Looking.of_class(f.flag)),
    ("a method of an object", lambda f: LOOKING.method(f.flag)),
    ("a bound method in a closure", inside(LOOKING.method)),
    ("an object that is called", lambda f: LOOKING(f.flag)),
    ("an object in a closure", inside(LOOKING)),
    ("a default by keyword", lambda f: by_keyword(f.flag)),
    ("a partial by keyword", inside(functools.partial(by_keyword, check=look))),
    ("a namespace", lambda f: NAMESPACE.check(f.flag)),
    ("a slot", lambda f: SLOTTED.check(f.flag)),
    ("a dataclass", lambda f: Checked(f.flag).answer),
    ("a class that is called", lambda f: Created(f.flag).answer),
    ("a tuple with a method", lambda f: Pair(f.flag).is_true()),
    ("an enum with a method", lambda f: Kind.ONE.check(f.flag)),
    ("a method given to map", lambda f: any(map(LOOKING.method, [f.flag]))),
    ("eval", lambda f: eval("x is True", {"x": f.flag})),  # noqa: S307 (what is looked for)
    ("getattr", lambda f: getattr(Looking, "sta" + "tic")(f.flag)),
    ("a package by attribute", lambda f: PACKAGE.inner.check_it(f.flag)),
    ("a module in a dict", lambda f: MODULES["here"].check_it(f.flag)),
    ("an import inside", imported),
    ("a deque", lambda f: QUEUE[0](f.flag)),
    ("a read-only dict", lambda f: PROXY["check"](f.flag)),
    ("a bound method of a dict", lambda f: (GET("check") or bool)(f.flag)),
    ("a function of an operator", inside(operator.methodcaller("__eq__", 1))),
    ("a class of operator", lambda f: operator.attrgetter("flag")(f)),  # noqa: PLW0108 (a name in a function)
]


@pytest.mark.parametrize("function", [case[1] for case in HIDING], ids=[case[0] for case in HIDING])
def test_code_behind_an_object_is_followed(function: Callable[[Any], object]) -> None:
    """Methods, attributes, defaults and modules are followed, or taken for code that may do anything."""
    assert reach_of(function).looks


def test_a_try_behind_an_object_is_followed() -> None:
    """A method that catches errors is watched, and so is code that cannot be read."""
    assert reach_of(lambda f: Careful.safe(f.source)).catches
    assert reach_of(lambda f: exec(f.source)).catches  # noqa: S102 (what is looked for)
    with pytest.raises(RuleError, match="write it without try and with"):
        trace_and_verify(lambda f: Careful.safe(f.source), FACTS)


def test_code_without_end_may_do_anything() -> None:
    """If there is more to follow than the bound, the rest may do anything."""
    assert reach_of(functools.partial(helper, [*map(str, range(30_000))])).is_odd


def test_methods_of_an_owner_without_a_name_are_followed() -> None:
    """Python calls methods such as `__eq__` without naming them."""
    assert reach_of(lambda f: f == 3, type("Equal", (), {"__eq__": named_eq, "__hash__": None})()).looks


def named_eq(self: object, other: object) -> bool:
    """Compare by identity."""
    return self is other


named_eq.__name__ = "__eq__"
