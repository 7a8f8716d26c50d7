"""What a rule sees while it is lifted: facts without values, and conditions whose truth is a fork.

A symbol is what the fact is wherever a rule can look: `isinstance` and `match` know it as the int, bool, timedelta or
text that it stands for. It has no readable form. What cannot be lifted is refused here by name, with the remedy, and
the tracer notes the refusal, so that a rule that catches the error is refused all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import NoReturn, Protocol

from funnel._given import nearest
from funnel._lift.nodes import Const, Fact, Node, Op, Test, bounded, checked, text, unit_of
from funnel._lift.operands import check_comparable, constant, refuse, result_unit
from funnel.errors import LiftError


class Shows(Protocol):
    """Shows the facts, and notes what was refused."""

    def show(self, fact: Fact) -> object:
        """Return what stands for a fact."""
        ...

    def end(self, refusal: LiftError) -> NoReturn:
        """Note a refusal and raise it."""
        ...


class Tracer(Shows, Protocol):
    """Decides the branches of a run."""

    def note(self, test: Test) -> None:
        """Note that a condition was made."""
        ...

    def decide(self, test: Test) -> bool:
        """Choose a branch for the test, the same one every time within a run."""
        ...


def _no_value(self: _Proxy, *_: object) -> NoReturn:
    self.__refuse__(
        f"the value of {self.__words__()} (int(), repr(), format(), an index, a copy or a loop over it)",
        "compare it, or add conditions up as 0 and 1",
    )


class _Proxy:
    """What stands for a value that is not known: it has no readable form and no copy.

    Its own names begin and end with two underscores, for a fact may have any other name.
    """

    __slots__ = ("__tracer__",)
    __tracer__: Shows

    def __refuse__(self, what: str, remedy: str) -> NoReturn:
        try:
            refuse(what, remedy)
        except LiftError as error:
            self.__tracer__.end(error)

    def __words__(self) -> str:
        return "the facts themselves"

    __int__ = __float__ = __complex__ = __index__ = __len__ = __format__ = __round__ = __contains__ = _no_value
    __trunc__ = __floor__ = __ceil__ = __getitem__ = __str__ = __repr__ = __bytes__ = __reversed__ = _no_value
    __reduce_ex__ = __sizeof__ = __dir__ = __iter__ = _no_value

    def __hash__(self) -> int:
        """Refuse to be looked up: a set or a dict cannot be asked in a table."""
        return self.__refuse__(f"{self.__words__()} looked up in a set or dict", "use a tuple, or ==")


class Symbol(_Proxy):
    """A whole number, a span or a text that has no value yet."""

    __slots__ = ("node",)
    __tracer__: Tracer
    node: Node

    def __init__(self, node: Node, tracer: Tracer) -> None:
        """Stand for the node; the tracer decides the truth of what is asked of it."""
        self.node = node
        self.__tracer__ = tracer  # pyright: ignore[reportIncompatibleVariableOverride] (it never changes)

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The class of what it stands for, as `isinstance` and `match` ask for it."""
        return _CLASSES[unit_of(self.node)]

    def __words__(self) -> str:
        return text(self.node)

    def __bool__(self) -> bool:
        """Refuse the truth of a number: a rule says what it compares with."""
        remedy = "!= ''" if unit_of(self.node) == "text" else "!= 0"
        return self.__refuse__(f"the truth of {self.__words__()}", f"write {self.__words__()} {remedy}")

    __hash__ = _Proxy.__hash__

    def __getattr__(self, name: str) -> NoReturn:
        """Refuse methods and attributes: only comparison and whole-number arithmetic run everywhere."""
        if name.startswith("__"):  # what Python itself looks for (copying, typing) is answered in Python's way
            raise AttributeError(name)
        if name in ("numerator", "denominator"):
            self.__refuse__(f"{self.__words__()} beside a Decimal or a Fraction", "scale both sides to whole numbers")
        self.__refuse__(f"{self.__words__()}.{name}", "compare the fact itself with a constant")

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
        if unit_of(self.node) == "text":
            self.__refuse__(f"+{self.__words__()}", "a text has no sign")
        return self

    def __abs__(self) -> Symbol:
        """The size of a number: a fork on its sign."""
        zero = timedelta(0) if unit_of(self.node) == "span" else 0
        return +self if self >= zero else -self

    def _divmod(self, _: object) -> NoReturn:
        self.__refuse__(f"divmod() of {self.__words__()}", "write // and % apart")

    __divmod__ = __rdivmod__ = _divmod

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Refuse: a fact is a value."""
        self.__refuse__(f"{self.__words__()}(...)", "read the fact without brackets")

    def __truediv__(self, _: object) -> NoReturn:
        """Refuse: a quotient is not exact."""
        self.__refuse__(
            f"{self.__words__()} divided by /", "multiply the other side instead, or divide by // and a constant"
        )

    __rtruediv__ = __truediv__

    def __pow__(self, _: object, __: object = None) -> NoReturn:
        """Refuse: powers do not fit a column."""
        self.__refuse__(f"a power of {self.__words__()}", "multiply by a constant")

    __rpow__ = __pow__

    def _bitwise(self, _: object) -> NoReturn:
        self.__refuse__(f"& or | on {self.__words__()}", "write `and` or `or`, which bind as they read")

    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _bitwise
    __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = _bitwise

    def __invert__(self) -> NoReturn:
        """Refuse: on one person's bool, ~True is -2."""
        self.__refuse__(f"~ on {self.__words__()}", "write `not`")

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

    def _operand(self, value: object) -> Node:
        return value.node if isinstance(value, Symbol) else constant(value, self.node)

    def _arithmetic(self, op: str, left: object, right: object) -> Symbol:
        try:
            a, b = self._operand(left), self._operand(right)
            made = Op(op, a, b, result_unit(op, a, b))
            bounded(made)
            if op in ("//", "%") and not (isinstance(b, Const) and isinstance(b.value, int) and b.value > 0):
                by = "divide by a constant above zero, or multiply the other side instead"
                refuse(f"{text(a)} {op} {text(b)}", by)
            return Symbol(checked(made), self.__tracer__)
        except LiftError as error:
            self.__tracer__.end(error)

    def _compare(self, op: str, other: object) -> Condition:
        try:
            a, b = self.node, self._operand(other)
            check_comparable(op, a, b)
            made = Test(op, a, b)
            bounded(made)
            self.__tracer__.note(made)
            return Condition(made, self.__tracer__)
        except LiftError as error:
            self.__tracer__.end(error)


_CLASSES: Mapping[str, type] = {"number": int, "span": timedelta, "text": str}


class Condition(Symbol):
    """A comparison whose truth is a fork; in arithmetic it counts as 1 where it holds and 0 where it does not."""

    __slots__ = ()
    node: Test  # pyright: ignore[reportIncompatibleVariableOverride] (a condition's node never changes)

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        """A condition is a truth."""
        return bool

    def __bool__(self) -> bool:
        """Take one branch now; the other one is taken in another run."""
        return self.__tracer__.decide(self.node)

    __hash__ = Symbol.__hash__

    def __pos__(self) -> Symbol:
        """The truth as 0 or 1."""
        return Symbol(self.node, self.__tracer__)


def _whole(facts: Symbols, *_: object) -> NoReturn:
    facts.__refuse__("the values or the clock of the facts", "read each fact by its name, and time as a span since")


class Symbols(_Proxy):
    """What stands for everything known of one person, or for one row: every attribute is what its tracer shows."""

    __slots__ = ("__readable__", "__refused__")
    __readable__: Mapping[str, Fact]
    __refused__: Mapping[str, str]

    def __init__(self, facts: Mapping[str, Fact], refused: Mapping[str, str], tracer: Shows) -> None:
        """Hold the facts a rule may read, for those it may not the remedy, and what shows a fact."""
        for name, value in (("__tracer__", tracer), ("__readable__", facts), ("__refused__", refused)):
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> object:
        """What stands for a fact.

        Raises:
            LiftError: No such fact, or one that a rule may not read.
        """
        if name in self.__readable__:
            return self.__tracer__.show(self.__readable__[name])
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self.__refused__:
            self.__refuse__(f"the fact {name}", self.__refused__[name])
        return self.__tracer__.end(LiftError(f"no fact is called {name!r}; {nearest(name, self.__readable__)}"))

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse to change a fact."""
        self.__refuse__(f"setting {name}", "a rule reads facts and changes nothing")

    def __bool__(self) -> bool:
        """Refuse: a person is never nobody."""
        return self.__refuse__(f"the truth of {self.__words__()}", "compare one of them")

    def __iter__(self) -> NoReturn:  # type: ignore[override]
        """Refuse: facts are read by name."""
        self.__refuse__("a loop over the facts", "read each by its name")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __getitem__ = __index__ = __reduce_ex__ = _whole
    __hash__ = _Proxy.__hash__


def symbol(fact: Fact, tracer: Tracer) -> Symbol:
    """A fact that is a truth is shown as a condition, so that `if f.was_referred` reads as it should."""
    if is_truth(fact):
        return Condition(Test("==", fact, Const(1)), tracer)
    return Symbol(fact, tracer)


def is_truth(fact: Fact) -> bool:
    """Whether a fact is true or false."""
    return fact.unit == "number" and (fact.low, fact.high) == (0, 1)
