"""What a rule sees while it is lifted: facts without values, and conditions whose truth is a fork.

What cannot be lifted is refused here by name, with the remedy; nothing is ever guessed.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, NoReturn, Protocol, cast

from funnel._given import nearest
from funnel._instants import MICROSECOND
from funnel._lift.nodes import LIMIT, Const, Fact, Node, Op, Test, Unit, checked, text
from funnel.errors import LiftError


class Tracer(Protocol):
    """Who is asked when a rule wants to know whether a condition holds."""

    def decide(self, test: Test) -> bool:
        """Choose a branch for the test, the same one every time within a run."""
        ...


class Symbol:
    """A whole number, a span or a text that has no value yet."""

    __slots__ = ("_tracer", "node")
    node: Node
    _tracer: Tracer

    def __init__(self, node: Node, tracer: Tracer) -> None:
        """Stand for the node; the tracer decides the truth of what is asked of it."""
        self.node = node
        self._tracer = tracer

    def __repr__(self) -> str:
        """Show the expression this stands for."""
        return text(self.node)

    def __bool__(self) -> bool:
        """Refuse the truth of a number: a rule says what it compares with."""
        remedy = "!= ''" if _unit(self.node) == "text" else "!= 0"
        return _refuse(f"the truth of {self!r}", f"write {self!r} {remedy}")

    def __hash__(self) -> int:
        """Refuse to be looked up: a set or a dict cannot be asked in a table."""
        return _refuse(f"{self!r} looked up in a set or dict", "use a tuple, or ==")

    def _no_value(self, *_: object) -> NoReturn:
        _refuse(
            f"the value of {self!r} (int(), float(), format(), an index or a loop over it)",
            "compare it, or add conditions up as 0 and 1",
        )

    __int__ = __float__ = __complex__ = __index__ = __iter__ = __len__ = __format__ = __round__ = __contains__ = (
        _no_value
    )
    __trunc__ = __floor__ = __ceil__ = __getitem__ = __str__ = _no_value

    def __getattr__(self, name: str) -> NoReturn:
        """Refuse methods and attributes: only comparison and whole-number arithmetic run everywhere."""
        if name.startswith("__"):  # what Python itself looks for (copying, typing) is answered in Python's way
            raise AttributeError(name)
        _refuse(f"{self!r}.{name}", "compare the fact itself with a constant")

    def __add__(self, other: object) -> Symbol:
        """Add."""
        return self._arithmetic("+", self, other)

    def __radd__(self, other: object) -> Symbol:
        """Add, from the right."""
        return self._arithmetic("+", other, self)

    def __sub__(self, other: object) -> Symbol:
        """Subtract."""
        return self._arithmetic("-", self, other)

    def __rsub__(self, other: object) -> Symbol:
        """Subtract from."""
        return self._arithmetic("-", other, self)

    def __mul__(self, other: object) -> Symbol:
        """Multiply."""
        return self._arithmetic("*", self, other)

    def __rmul__(self, other: object) -> Symbol:
        """Multiply, from the right."""
        return self._arithmetic("*", other, self)

    def __floordiv__(self, other: object) -> Symbol:
        """Divide by a constant, rounding down."""
        return self._arithmetic("//", self, other)

    def __rfloordiv__(self, other: object) -> Symbol:
        """Refuse: a divisor must be a constant."""
        return self._arithmetic("//", other, self)

    def __mod__(self, other: object) -> Symbol:
        """The rest of a division by a constant."""
        return self._arithmetic("%", self, other)

    def __rmod__(self, other: object) -> Symbol:
        """Refuse: a divisor must be a constant."""
        return self._arithmetic("%", other, self)

    def __neg__(self) -> Symbol:
        """The opposite number."""
        return self._arithmetic("*", self, -1)

    def __pos__(self) -> Symbol:
        """The number itself."""
        return self

    def __abs__(self) -> Symbol:
        """The size of a number: a fork on its sign."""
        zero = timedelta(0) if _unit(self.node) == "span" else 0
        return +self if self >= zero else -self

    def _divmod(self, _: object) -> NoReturn:
        _refuse(f"divmod() of {self!r}", "write // and % apart")

    __divmod__ = __rdivmod__ = _divmod

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Refuse: a fact is a value."""
        _refuse(f"{self!r}(...)", "read the fact without brackets")

    def __truediv__(self, _: object) -> NoReturn:
        """Refuse: a quotient is not exact."""
        _refuse(f"{self!r} divided by /", "multiply the other side instead, or divide by // and a constant")

    __rtruediv__ = __truediv__

    def __pow__(self, _: object) -> NoReturn:
        """Refuse: powers do not fit a column."""
        _refuse(f"a power of {self!r}", "multiply by a constant")

    __rpow__ = __pow__

    def _bitwise(self, _: object) -> NoReturn:
        _refuse(f"& or | on {self!r}", "write `and` or `or`, which bind as they read")

    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __lshift__ = __rshift__ = _bitwise

    def __invert__(self) -> NoReturn:
        """Refuse: on one person's bool, ~True is -2."""
        _refuse(f"~ on {self!r}", "write `not`")

    def __gt__(self, other: object) -> Condition:
        """Compare."""
        return self._compare(">", other)

    def __ge__(self, other: object) -> Condition:
        """Compare."""
        return self._compare(">=", other)

    def __lt__(self, other: object) -> Condition:
        """Compare."""
        return self._compare("<", other)

    def __le__(self, other: object) -> Condition:
        """Compare."""
        return self._compare("<=", other)

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]
        """Compare."""
        return self._compare("==", other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]
        """Compare."""
        return self._compare("!=", other)

    def _arithmetic(self, op: str, left: object, right: object) -> Symbol:
        a, b = _operand(left, self), _operand(right, self)
        unit = _unit_of(op, a, b)
        if op in ("//", "%") and not (isinstance(b, Const) and isinstance(b.value, int) and b.value > 0):
            _refuse(f"{text(a)} {op} {text(b)}", "divide by a constant above zero, or multiply the other side instead")
        return Symbol(checked(Op(op, a, b, unit)), self._tracer)

    def _compare(self, op: str, other: object) -> Condition:
        a, b = self.node, _operand(other, self)
        _check_comparable(op, a, b)
        return Condition(Test(op, a, b), self._tracer)


class Condition(Symbol):
    """A comparison whose truth is a fork; in arithmetic it counts as 1 where it holds and 0 where it does not."""

    __slots__ = ()
    node: Test  # pyright: ignore[reportIncompatibleVariableOverride] (a condition's node never changes)

    def __bool__(self) -> bool:
        """Take one branch now; the other one is taken in another run."""
        return self._tracer.decide(self.node)

    __hash__ = Symbol.__hash__

    def __pos__(self) -> Symbol:
        """The truth as 0 or 1."""
        return Symbol(self.node, self._tracer)


class NamedInt(int):
    """A whole number that knows which policy field it is."""

    name: str = ""


class NamedSpan(timedelta):
    """A span that knows which policy field it is."""

    name: str = ""


class NamedText(str):  # noqa: SLOT000 (it carries its name in a plain attribute)
    """A text that knows which policy field it is."""

    name: str = ""


def named(value: object, name: str) -> object:
    """Give a constant its name, so that reasons can say where a limit stands; other values pass as they are."""
    if isinstance(value, bool | enum.Enum):
        return value
    if type(value) is tuple:
        return tuple(named(one, name) for one in cast("tuple[object, ...]", value))
    made: Any
    match value:
        case int():
            made = NamedInt(value)
        case timedelta():
            made = NamedSpan(value.days, value.seconds, value.microseconds)
        case str():
            made = NamedText(value)
        case _:
            return value
    made.name = name
    return made


def _operand(value: object, beside: Symbol) -> Node:
    """A constant of a rule as what a column holds."""
    if isinstance(value, Symbol):
        return value.node
    name = str(getattr(value, "name", "")) if isinstance(value, NamedInt | NamedSpan | NamedText) else ""
    match value:
        case enum.Enum() if not isinstance(value, int | str):
            return _refuse(f"{beside!r} beside {value}", "no fact equals it; use a StrEnum or an IntEnum")
        case bool() | int():
            return _held(Const(int(value), "number", name))
        case timedelta():
            return _held(Const(value // MICROSECOND, "span", name))
        case str():
            return Const(str.__str__(value), "text", name)
        case _:
            return _refuse(f"{beside!r} beside {_kind(value)}", _remedy(value))


def _held(const: Const) -> Const:
    assert isinstance(const.value, int)
    if abs(const.value) <= LIMIT:
        return const
    return _refuse(f"{text(const)}, more than the 64 bits of a column hold,", "use a limit that a fact can reach")


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _remedy(value: object) -> str:
    if value is None:
        return "facts are never missing inside a rule: compare a count with 0, or the span since with a timedelta"
    if isinstance(value, float):
        return "floats are not exact: scale both sides to whole numbers, e.g. 2 * a > 3 * b for a > 1.5 * b"
    if isinstance(value, date):
        return "compare the span since it with a timedelta, so that the answer is known for any day"
    return "use a whole number, a timedelta, a text or a member of a StrEnum"


def _unit_of(op: str, a: Node, b: Node) -> Unit:
    """The unit of a result, by the rules of timedelta: spans add up, are scaled by numbers and divided by spans."""
    units = _unit(a), _unit(b)
    match op, units:
        case _, ("number", "number"):
            return "number"
        case (("+" | "-" | "%"), ("span", "span")):
            return "span"
        case (("*" | "//"), ("span", "number")):
            return "span"
        case "*", ("number", "span"):
            return "span"
        case "//", ("span", "span"):
            return "number"
        case _:
            return _refuse(f"{text(a)} {op} {text(b)} ({units[0]} {op} {units[1]})", "bring both sides to one unit")


def _unit(node: Node) -> Unit:
    return "number" if isinstance(node, Test) else node.unit


def _check_comparable(op: str, a: Node, b: Node) -> None:
    if _unit(a) != _unit(b):
        _refuse(f"{text(a)} {op} {text(b)} ({_unit(a)} beside {_unit(b)})", "compare like with like")
    if _unit(a) != "text":
        return
    if op not in ("==", "!="):
        _refuse(f"{text(a)} {op} {text(b)}", "texts can only be equal or not; engines sort them differently")
    if not isinstance(b, Const):
        _refuse(f"{text(a)} {op} {text(b)}", "compare a text with a constant")
    if isinstance(a, Fact) and a.choices and b.value not in a.choices:
        _refuse(f"{text(a)} {op} {text(b)}", f"it is one of {', '.join(map(repr, a.choices))}")


def _refuse(what: str, remedy: str) -> NoReturn:
    msg = f"{what} cannot be lifted; {remedy}"
    raise LiftError(msg)


class Symbols:
    """The facts a rule is called with while it is lifted: every attribute is a symbol (or plain, in a proof)."""

    __slots__ = ("_facts", "_refused", "_show")

    def __init__(self, facts: Mapping[str, Fact], refused: Mapping[str, str], show: Callable[[Fact], object]) -> None:
        """Hold the facts a rule may read, for those it may not the remedy, and what stands for a fact."""
        self._facts = facts
        self._refused = refused
        self._show = show

    def __getattr__(self, name: str) -> object:
        """What stands for a fact.

        Raises:
            LiftError: No such fact, or one that a rule may not read.
        """
        if name in self._facts:
            return self._show(self._facts[name])
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self._refused:
            _refuse(f"the fact {name}", self._refused[name])
        msg = f"no fact is called {name!r}; {nearest(name, self._facts)}"
        raise LiftError(msg)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse to change a fact."""
        if name in Symbols.__slots__:
            object.__setattr__(self, name, value)
            return
        _refuse(f"setting {name}", "a rule reads facts and changes nothing")

    def __bool__(self) -> bool:
        """Refuse: a person is never nobody."""
        return _refuse("the truth of the facts themselves", "compare one of them")

    def __iter__(self) -> Iterator[object]:
        """Refuse: facts are read by name."""
        return _refuse("a loop over the facts", "read each by its name")


def symbol(fact: Fact, tracer: Tracer) -> Symbol:
    """A fact that is a truth is shown as a condition, so that `if f.was_referred` reads as it should."""
    if is_truth(fact):
        return Condition(Test("==", fact, Const(1)), tracer)
    return Symbol(fact, tracer)


def is_truth(fact: Fact) -> bool:
    """Whether a fact is true or false."""
    return fact.unit == "number" and (fact.low, fact.high) == (0, 1)
