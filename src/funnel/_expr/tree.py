"""Decision trees of plain functions, built by running a function until both branches of every fork are known."""

from __future__ import annotations

import enum
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from types import FrameType, NoneType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, get_args, get_origin

import attrs

from funnel._arguments import a_kind_of
from funnel._expr.constraints import PathConstraints
from funnel._expr.linear import Question, question
from funnel._expr.nodes import LIMIT, Const, Fact, Node, Test, facts_of, opposite, text
from funnel._expr.operands import plain
from funnel._expr.tracer import Condition, FactProxy, FactsProxy, symbol
from funnel._time import MICROSECOND
from funnel.errors import RuleError

if TYPE_CHECKING:
    from funnel._expr.reachable_code import Reach  # noqa: TC004 (only type checkers read the type of this field)

MOST_PATHS = 256

MOST_CONDITIONS = 128
"""The maximum number of conditions on one path. Beyond it, nested choices exceed the stack of engines."""

Answer = bool | int | str | enum.Enum | timedelta | None


@attrs.frozen
class Leaf:
    """An answer: a constant, or a node to evaluate (a score, a sum, a span)."""

    answer: Answer = None
    node: Node | None = None


@attrs.frozen
class Fork:
    """A condition, and the subtrees for when it holds and when it does not."""

    test: Test
    yes: Tree
    no: Tree


Tree = Fork | Leaf


class _EndedError(BaseException):
    """Ends a function that caught a refusal and continued."""


@attrs.define
class _Run:
    """One run of the function: script, branches taken, and refusal."""

    script: tuple[bool, ...]
    questions: dict[Test, tuple[Question, bool]]
    constraints: PathConstraints = attrs.field(factory=PathConstraints)
    decided: list[tuple[Test, Question, bool]] = attrs.field(factory=list[tuple[Test, Question, bool]])
    conditions: dict[Test, None] = attrs.field(factory=dict[Test, None])
    refusal: RuleError | None = None
    is_over: bool = False

    def show(self, fact: Fact) -> FactProxy:
        """Return the proxy of a fact."""
        return symbol(fact, self)

    def note(self, test: Test) -> None:
        """Record a condition that the function made."""
        self.conditions[test] = None

    @property
    def undecided(self) -> Iterator[tuple[Test, ...]]:
        """The conditions made and not decided, each after the decided conditions."""
        path = tuple(test if holds else opposite(test) for test, _, holds in self.decided)
        done = {test for test, _, _ in self.decided}
        return ((*path, test) for test in self.conditions if test not in done)

    def end(self, refusal: RuleError) -> NoReturn:
        """Refuse the function, even if it catches the error and continues.

        A proxy that outlives the run is refused again, for example when a debugger shows it.
        """
        if self.is_over or self.refusal is None:
            self.refusal = refusal
            raise refusal
        raise _EndedError

    def decide(self, test: Test) -> bool:
        """Return the implied branch, or the scripted branch, or else True."""
        if self.refusal is not None:
            self.end(self.refusal)
        one, expected = self.questions.get(test) or self.questions.setdefault(test, question(test))
        implied = self.constraints.implied(one)
        if implied is not None:
            return implied is expected
        if len(self.decided) >= MOST_CONDITIONS:
            self.end(_too_many(f"more than {MOST_CONDITIONS} conditions in a row"))
        number = len(self.decided)
        holds = self.script[number] if number < len(self.script) else True
        self.constraints.settle(one, holds is expected)
        self.decided.append((test, one, holds))
        return holds


def trace(
    function: Callable[[FactsProxy], object],
    facts: Mapping[str, Fact],
    refused: Mapping[str, str] | None = None,
    reach: Reach | None = None,
) -> Tree:
    """Build the decision tree of a function of facts.

    Args:
        function: A plain function of one argument, the facts.
        facts: The facts it may read.
        refused: The facts it may not read, each with the remedy.
        reach: The code it can reach. It decides whether caught errors are watched, and collects undecided conditions.
            By default, the function is trusted to do neither.

    Raises:
        RuleError: The function does something that cannot run on a table, has too many paths, or gives different
            answers in two runs (it reads a clock, chance, or state that it changes).
    """
    grower = _Grower(function, facts, refused or {}, reach)
    tree = grower.grow((), ())
    _check_answers(tree)
    return tree


@attrs.define
class _Grower:
    function: Callable[[FactsProxy], object]
    facts: Mapping[str, Fact]
    refused: Mapping[str, str]
    reach: Reach | None
    paths_left: int = MOST_PATHS
    questions: dict[Test, tuple[Question, bool]] = attrs.field(factory=dict[Test, tuple[Question, bool]])

    def grow(self, script: tuple[bool, ...], prefix: tuple[Test, ...]) -> Tree:
        """Return the tree below the branches of the script."""
        self.paths_left -= 1
        if self.paths_left < 0:
            raise _too_many(f"more than {MOST_PATHS} paths")
        run = _Run(script, self.questions)
        tree: Tree = leaf_of(self._call(run))
        tests = tuple(test for test, _, _ in run.decided)
        if self.reach is not None and self.reach.is_odd:
            self.reach.undecided.extend(run.undecided)
        if tests[: len(prefix)] != prefix:
            msg = "the rule takes another path in a second call; it must not read a clock, randomness or changing state"
            raise RuleError(msg)
        branches = tuple(holds for _, _, holds in run.decided)
        for number in range(len(branches) - 1, len(script) - 1, -1):
            tree = Fork(tests[number], tree, self.grow((*branches[:number], False), tests[: number + 1]))
        return tree

    def _call(self, run: _Run) -> object:
        try:
            call = _watched if self.reach is not None and self.reach.catches else _called
            answer = call(lambda: self.function(FactsProxy(self.facts, self.refused, run)), run)
            answer = bool(answer) if isinstance(answer, Condition) else answer
        except (Exception, _EndedError) as error:  # noqa: BLE001 (the refusal names any error)
            refusal = run.refusal or _fault(error)
            raise refusal from (error if refusal is not error else None)
        finally:
            run.is_over = True
        if run.refusal is not None:
            raise run.refusal
        return answer


def _called(function: Callable[[], object], _: _Run) -> object:
    return function()


def _watched(function: Callable[[], object], run: _Run) -> object:
    """Call the function and record Python's own errors about a proxy.

    The function may catch such an error.
    """

    def inside(_: FrameType, event: str, error: Any) -> Any:  # pragma: no cover - not traced itself
        if event == "exception" and issubclass(error[0], TypeError) and not issubclass(error[0], RuleError):
            msg = f"the rule catches an error ({error[1]}), which cannot be compiled; write it without try and with"
            run.refusal = run.refusal or RuleError(msg)
        return inside

    def entered(frame: FrameType, _: str, __: object) -> Any:  # pragma: no cover - not traced itself
        frame.f_trace_lines = False
        return inside

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        return function()
    finally:
        sys.settrace(before)


def _fault(error: BaseException) -> RuleError:
    """Return the error for the author when the function itself raises an error."""
    match error:
        case RuleError():
            return error
        case TypeError():
            msg = f"the rule uses an operation that facts do not have ({error}); use comparison, + - *, and if"
        case _:
            msg = f"the rule raises {type(error).__name__} ({error}); it must return an answer for every person"
    return RuleError(msg)


def _too_many(excess: str) -> RuleError:
    return RuleError(
        f"the rule has {excess}; add conditions up instead of branching on each, "
        "e.g. 2 * (f.purchase_count >= 2) + (f.open_question_count == 0)"
    )


def leaf_of(answer: object) -> Leaf:
    """Return an answer as a leaf, without the name of its policy field.

    A constant keeps its type.
    """
    if isinstance(answer, FactProxy):
        return Leaf(node=answer.node)
    if answer is None or isinstance(answer, enum.Enum):
        return Leaf(answer)
    match plain(answer):
        case bool() | str() as constant:
            return Leaf(constant)
        case int() as number if abs(number) <= LIMIT:
            return Leaf(number)
        case timedelta() as span if abs(span // MICROSECOND) <= LIMIT:
            return Leaf(span)
        case int() | timedelta():
            msg = "a rule returned a number of more than 64 bits, the size of a column; return a smaller number"
            raise RuleError(msg)
        case _:
            raise RuleError(
                f"a rule returned {a_kind_of(answer)}, which a column cannot hold; "
                "return a bool, a whole number, a text, a member of an enum, a timedelta or None"
            )


def leaves(tree: Tree) -> Iterator[Leaf]:
    """Yield every leaf, from the first branch to the last."""
    if isinstance(tree, Leaf):
        yield tree
    else:
        yield from leaves(tree.yes)
        yield from leaves(tree.no)


def forks(tree: Tree) -> Iterator[Fork]:
    """Yield every fork, from the root down."""
    if isinstance(tree, Fork):
        yield tree
        yield from forks(tree.yes)
        yield from forks(tree.no)


def facts_read(tree: Tree) -> Iterator[Fact]:
    """Yield the facts that a tree reads, once for each time it reads them."""
    for fork in forks(tree):
        yield from facts_of(fork.test)
    for leaf in leaves(tree):
        if leaf.node is not None:
            yield from facts_of(leaf.node)


def kind_of(leaf: Leaf) -> str:
    """Return the kind of answer of a leaf.

    It is bool, number, span, text, nothing, or the name of an enum.
    """
    if leaf.node is not None:
        return "number" if isinstance(leaf.node, Test) else leaf.node.unit
    match leaf.answer:
        case None:
            return "nothing"
        case enum.Enum():
            return f"{type(leaf.answer).__module__}.{type(leaf.answer).__qualname__}"
        case bool():
            return "bool"
        case int():
            return "number"
        case timedelta():
            return "span"
        case _:
            return "text"


def answer_kind(tree: Tree) -> str:
    """Return the only kind of answer of a tree, ignoring nothing."""
    kinds = {kind_of(leaf) for leaf in leaves(tree)} - {"nothing"}
    return min(kinds, default="nothing")


def enum_values(tree: Tree) -> list[int | str]:
    """Return the values of the enum that a tree answers with, in its order. Empty for other answers."""
    kinds = {type(leaf.answer) for leaf in leaves(tree) if isinstance(leaf.answer, enum.Enum)}
    return [member.value for kind in kinds for member in kind]


def is_none(leaf: Leaf) -> bool:
    """Return whether the answer of a leaf is None."""
    return leaf.node is None and leaf.answer is None


def may_be_none(annotation: Any) -> bool:
    """Return whether a return annotation allows None; True if that is unknown."""
    annotation = getattr(annotation, "__value__", annotation)  # of a `type` statement
    match get_origin(annotation):
        case None:
            return not isinstance(annotation, type) or annotation in (Any, object, NoneType)
        case typing.Union | types.UnionType:
            return any(map(may_be_none, get_args(annotation)))
        case origin:
            return origin is not Literal or None in get_args(annotation)


def no_answer(name: str, location: str) -> RuleError:
    """Return the error of a rule that has no answer in one of its branches."""
    return RuleError(
        f"the rule {name} returns None {location}, but its annotation does not allow None; "
        "return an answer in every branch, or add `| None` to the annotation"
    )


def not_truth(tree: Tree) -> str | None:
    """Return the kind of an answer that is not a bool; None if all are bools."""
    others = sorted({kind_of(leaf) for leaf in leaves(tree)} - {"bool"})
    return next((f"a {kind}" if kind != "nothing" else "None" for kind in others), None)


def _check_answers(tree: Tree) -> None:
    kinds = {kind_of(leaf) for leaf in leaves(tree)} - {"nothing"}
    if len(kinds) > 1:
        msg = f"the rule returns {len(kinds)} kinds of answers ({', '.join(sorted(kinds))}); a column holds one kind"
        raise RuleError(msg)
    values: set[type] = {type(leaf.answer.value) for leaf in leaves(tree) if isinstance(leaf.answer, enum.Enum)}
    if not values <= {str} and not values <= {int}:
        raise RuleError("the members of an enum that a rule returns must all have text values, or all whole numbers")


def leaf_value(leaf: Leaf) -> int | str | bool | None:
    """Return the constant of a leaf as a column holds it.

    It is the value of an enum, and a span in microseconds.
    """
    match leaf.answer:
        case enum.Enum():
            value = leaf.answer.value
            assert isinstance(value, int | str)
            return value
        case timedelta():
            return leaf.answer // MICROSECOND
        case _:
            return leaf.answer


def describe(leaf: Leaf) -> str:
    """Return an answer as text."""
    if leaf.node is not None:
        return text(leaf.node)
    if isinstance(leaf.answer, timedelta):
        return text(Const(leaf.answer // MICROSECOND, "span"))
    if isinstance(leaf.answer, enum.Enum):
        return str(leaf.answer.value)
    return str(leaf.answer)


def numbered(tree: Tree) -> Tree:
    """Return the tree with each leaf replaced by its number, in order."""
    count = iter(range(MOST_PATHS))

    def of(part: Tree) -> Tree:
        if isinstance(part, Leaf):
            return Leaf(next(count))
        return Fork(part.test, of(part.yes), of(part.no))

    return of(tree)
