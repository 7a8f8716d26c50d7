"""Proxies that a rule receives during tracing: facts without values, and conditions whose truth is a fork.

`isinstance` and `match` see a proxy as the int, bool, timedelta or text that it stands for. A proxy has no readable
form. Operations that cannot be traced are refused by name, with the remedy. The tracer records each refusal, so a rule
that catches the error is refused too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import NoReturn, Protocol, TypeAlias

from funnel._arguments import brief, suggest
from funnel._expr.nodes import Const, Fact, Node, Op, Test, bounded, checked, text, unit_of
from funnel._expr.operands import check_comparable, constant, refuse, result_unit
from funnel.errors import RuleError


class Shows(Protocol):
    """Supplies facts, and records refusals."""

    def show(self, fact: Fact) -> object:
        """Return the proxy or the value of a fact."""
        ...

    def end(self, refusal: RuleError) -> NoReturn:
        """Record a refusal and raise it."""
        ...


class Tracer(Shows, Protocol):
    """Decides the branches of a run."""

    def note(self, test: Test) -> None:
        """Record that a condition was made."""
        ...

    def decide(self, test: Test) -> bool:
        """Choose a branch for the test; always the same branch within a run."""
        ...


def _no_value(self: _Proxy, *_: object) -> NoReturn:
    self.__refuse__(
        f"the value of {self.__words__()} (int(), repr(), format(), an index, a copy or a loop over it)",
        "compare it, or add conditions up as 0 and 1",
    )


class _Proxy:
    """Proxy of an unknown value: it has no readable form and cannot be copied.

    Its own names begin and end with two underscores, because a fact may have any other name.
    """

    __slots__ = ("__tracer__",)
    __tracer__: Shows

    def __refuse__(self, expression: str, remedy: str) -> NoReturn:
        try:
            refuse(expression, remedy)
        except RuleError as error:
            self.__tracer__.end(error)

    def __words__(self) -> str:
        return "the facts themselves"

    __int__ = __float__ = __complex__ = __index__ = __len__ = __format__ = __round__ = __contains__ = _no_value
    __trunc__ = __floor__ = __ceil__ = __getitem__ = __str__ = __repr__ = __bytes__ = __reversed__ = _no_value
    __reduce_ex__ = __sizeof__ = __dir__ = __iter__ = _no_value

    def __hash__(self) -> int:
        """Refuse hashing: tables have no lookup in a set or a dict."""
        return self.__refuse__(f"{self.__words__()} looked up in a set or dict", "use a tuple, or ==")


Operation: TypeAlias = "Callable[[FactProxy, object], FactProxy]"


def _operation(op: str) -> tuple[Operation, Operation]:
    """Return the methods of an operator: with the fact at the left, and at the right."""

    def left(self: FactProxy, other: object) -> FactProxy:
        return self._arithmetic(op, self, other)

    def right(self: FactProxy, other: object) -> FactProxy:
        return self._arithmetic(op, other, self)

    return left, right


class FactProxy(_Proxy):
    """Proxy of a number, a span or a text without a value."""

    __slots__ = ("node",)
    __tracer__: Tracer
    node: Node

    def __init__(self, node: Node, tracer: Tracer) -> None:
        """Create a proxy of the node; the tracer decides the truth of its conditions."""
        self.node = node
        self.__tracer__ = tracer  # pyright: ignore[reportIncompatibleVariableOverride] (it never changes)

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The class of the value, for `isinstance` and `match`."""
        return _CLASSES[unit_of(self.node)]

    def __words__(self) -> str:
        return text(self.node)

    def __bool__(self) -> bool:
        """Refuse the truth of a number: a rule must compare it."""
        remedy = "!= ''" if unit_of(self.node) == "text" else "!= 0"
        return self.__refuse__(f"the truth of {self.__words__()}", f"write {self.__words__()} {remedy}")

    __hash__ = _Proxy.__hash__

    def __getattr__(self, name: str) -> NoReturn:
        """Refuse methods and attributes; only comparison and arithmetic run everywhere."""
        if name.startswith("__"):  # Python itself looks these up (for copying and typing) and expects AttributeError
            raise AttributeError(name)
        if name in ("numerator", "denominator"):
            self.__refuse__(f"{self.__words__()} with a Decimal or a Fraction", "scale both sides to whole numbers")
        self.__refuse__(f"{self.__words__()}.{name}", "compare the fact itself with a constant")

    __add__, __radd__ = _operation("+")
    __sub__, __rsub__ = _operation("-")
    __mul__, __rmul__ = _operation("*")
    __floordiv__, __rfloordiv__ = _operation("//")
    __mod__, __rmod__ = _operation("%")

    def __neg__(self) -> FactProxy:
        """Negate."""
        return self._arithmetic("*", self, -1)

    def __pos__(self) -> FactProxy:
        """Return the number itself."""
        if unit_of(self.node) == "text":
            self.__refuse__(f"+{self.__words__()}", "a text has no sign")
        return self

    def __abs__(self) -> FactProxy:
        """Return the absolute value; this forks on the sign."""
        zero = timedelta(0) if unit_of(self.node) == "span" else 0
        return +self if self >= zero else -self

    def _divmod(self, _: object) -> NoReturn:
        self.__refuse__(f"divmod() of {self.__words__()}", "use // and % separately")

    __divmod__ = __rdivmod__ = _divmod

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Refuse: a fact is a value."""
        self.__refuse__(f"{self.__words__()}(...)", "read the fact without parentheses")

    def __truediv__(self, _: object) -> NoReturn:
        """Refuse: a quotient is not exact."""
        self.__refuse__(
            f"{self.__words__()} divided with /", "multiply the other side instead, or divide with // by a constant"
        )

    __rtruediv__ = __truediv__

    def __pow__(self, _: object, __: object = None) -> NoReturn:
        """Refuse: a power does not fit a column."""
        self.__refuse__(f"a power of {self.__words__()}", "multiply by a constant")

    __rpow__ = __pow__

    def _bitwise(self, _: object) -> NoReturn:
        self.__refuse__(f"& or | on {self.__words__()}", "write `and` or `or`")

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
        return value.node if isinstance(value, FactProxy) else constant(value, self.node)

    def _arithmetic(self, op: str, left: object, right: object) -> FactProxy:
        try:
            a, b = self._operand(left), self._operand(right)
            node = Op(op, a, b, result_unit(op, a, b))
            bounded(node)
            if op in ("//", "%") and not (isinstance(b, Const) and isinstance(b.value, int) and b.value > 0):
                by = "divide by a constant above zero, or multiply the other side instead"
                refuse(f"{text(a)} {op} {text(b)}", by)
            return FactProxy(checked(node), self.__tracer__)
        except RuleError as error:
            self.__tracer__.end(error)

    def _compare(self, op: str, other: object) -> Condition:
        try:
            a, b = self.node, self._operand(other)
            check_comparable(op, a, b)
            node = Test(op, a, b)
            bounded(node)
            self.__tracer__.note(node)
            return Condition(node, self.__tracer__)
        except RuleError as error:
            self.__tracer__.end(error)


_CLASSES: Mapping[str, type] = {"number": int, "span": timedelta, "text": str}


class Condition(FactProxy):
    """A comparison whose truth is a fork.

    In arithmetic it counts as 1 if it holds, otherwise as 0.
    """

    __slots__ = ()
    node: Test  # pyright: ignore[reportIncompatibleVariableOverride] (a condition's node never changes)

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The class of a condition is bool."""
        return bool

    def __bool__(self) -> bool:
        """Take one branch; another run takes the other branch."""
        return self.__tracer__.decide(self.node)

    __hash__ = FactProxy.__hash__

    def __pos__(self) -> FactProxy:
        """Return the truth as 0 or 1."""
        return FactProxy(self.node, self.__tracer__)


def _whole(facts: FactsProxy, *_: object) -> NoReturn:
    facts.__refuse__("the values or the clock of the facts", "read each fact by its name, and time as a span since")


class UnknownFactError(RuleError):
    """A rule reads a fact that does not exist, or a condition a field.

    Its arguments are the problem, and a hint with similar names or with all names.
    """

    def __str__(self) -> str:
        """Return the problem and the hint."""
        return "; ".join(self.args)

    def with_remedy(self, remedy: str, *, only_similar: bool = False) -> str:
        """Return the problem with a remedy before the hint; a hint with all names is left out if asked."""
        problem, hint = self.args
        return f"{problem}; {remedy}" if only_similar and not hint.endswith("?") else f"{problem}; {remedy}; or {hint}"


class FactsProxy(_Proxy):
    """Proxy of the facts of one person or one row.

    Every attribute is a proxy or a value from the tracer.
    """

    __slots__ = ("__readable__", "__refused__")
    __readable__: Mapping[str, Fact]
    __refused__: Mapping[str, str]

    def __init__(self, facts: Mapping[str, Fact], refused: Mapping[str, str], tracer: Shows) -> None:
        """Store the readable facts, the remedy for each refused fact, and the tracer."""
        for name, value in (("__tracer__", tracer), ("__readable__", facts), ("__refused__", refused)):
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> object:
        """Return the proxy or the value of a fact.

        Raises:
            RuleError: The fact does not exist, or a rule may not read it.
        """
        if name in self.__readable__:
            return self.__tracer__.show(self.__readable__[name])
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self.__refused__:
            self.__refuse__(f"the fact {name}", self.__refused__[name])
        hint = suggest(name, self.__readable__)
        return self.__tracer__.end(UnknownFactError(f"the fact {brief(name)} is unknown", hint))

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse to change a fact."""
        self.__refuse__(f"setting {name}", "a rule reads facts and changes nothing")

    def __bool__(self) -> bool:
        """Refuse: the truth of all facts has no meaning."""
        return self.__refuse__(f"the truth of {self.__words__()}", "compare one fact")

    def __iter__(self) -> NoReturn:  # type: ignore[override]
        """Refuse: facts are read by name."""
        self.__refuse__("a loop over the facts", "read each fact by its name")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __getitem__ = __index__ = __reduce_ex__ = _whole
    __hash__ = _Proxy.__hash__


def symbol(fact: Fact, tracer: Tracer) -> FactProxy:
    """Return the proxy of a fact.

    The proxy of a bool is a condition, so that `if f.was_referred` works.
    """
    if is_truth(fact):
        return Condition(Test("==", fact, Const(1)), tracer)
    return FactProxy(fact, tracer)


def is_truth(fact: Fact) -> bool:
    """Return whether a fact is a bool."""
    return fact.unit == "number" and (fact.low, fact.high) == (0, 1)
