"""A lifted rule over frames: answers for everyone in the logs, for a frame of facts, and when they change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
import narwhals as nw

from funnel._computing import collected
from funnel._facts.declare import SLOPES, Declared
from funnel._facts.frames import fact_column, held_over
from funnel._facts.lifted import Lifted
from funnel._frames import ROW, Entered, enter, leave, stays_elsewhere
from funnel._given import nearest
from funnel._instants import EVER, FOREVER, LATEST, span_at
from funnel._lift.clock import waits
from funnel._lift.columns import Column, node_column, tree_column, whole
from funnel._lift.nodes import Fact, Node
from funnel._lift.tree import Answer, Fork, Leaf, Tree, answer_kind, leaves
from funnel._reduce.aggregates import PERSON
from funnel._turns import TURN, repeated
from funnel.errors import FactsError

if TYPE_CHECKING:
    from funnel.logs import Logs

Frame = nw.LazyFrame[Any]


def _spans(tree: Tree, name: str) -> list[str]:
    return [name] if answer_kind(tree) == "span" else []


def answers_of_logs(ready: Lifted, logs: Logs, now: int, name: str) -> Any:
    """The answer of everyone in the logs at an instant."""
    plan = ready.narrowed()
    column = fact_column(plan, nw.lit(now, nw.Int64()))
    answered = held_over(plan, logs, now).select(PERSON, tree_column(ready.tree, column).alias(name))
    return leave(answered, logs.home, spans=_spans(ready.tree, name))


def changes_of_logs(ready: Lifted, logs: Logs, now: int, name: str) -> Any:
    """The answer of everyone at an instant, and when it changes by itself."""
    plan = ready.narrowed()
    present = nw.lit(now, nw.Int64())
    answer = tree_column(ready.tree, fact_column(plan, present)).alias(_SHOWN)
    asked = _Asked(_coded(ready.tree), waits(ready.tree), lambda moment: fact_column(plan, moment), now)
    held = held_over(plan, logs, now).with_columns(answer, _answer=asked.answer(asked.present))
    soonest = (_by_rows if stays_elsewhere(logs.home) and asked.waits else _by_columns)(asked, held)
    change = nw.when(nw.col("_soonest") < FOREVER).then(nw.col("_soonest"))
    told = soonest.select(PERSON, nw.col(_SHOWN).alias(name), next_change=change)
    return leave(told, logs.home, instants=["next_change"], spans=_spans(ready.tree, name))


_SHOWN = "_shown"
"""The answer as it is shown; the shop's name for it stands beside no other column."""


@attrs.frozen
class _Asked:
    """A rule whose answers are numbers, how long to wait for each of its conditions, and how it reads facts."""

    tree: Tree
    waits: tuple[Node, ...]
    reading: Callable[[nw.Expr], Column]
    now: int

    @property
    def present(self) -> nw.Expr:
        """The instant that is asked about."""
        return nw.lit(self.now, nw.Int64())

    def answer(self, moment: nw.Expr) -> nw.Expr:
        """What the rule answers at an instant."""
        return tree_column(self.tree, self.reading(moment))

    def wait(self, node: Node) -> nw.Expr:
        """How long it is from now until a condition may flip; not above 0 where that is past."""
        return node_column(node, self.reading(self.present))

    def after(self, wait: str) -> nw.Expr:
        """The instant so long from now as a column says; now itself where that is past or beyond the years read."""
        ahead = (nw.col(wait) > 0) & (nw.col(wait) < LATEST - self.now)
        return nw.when(ahead).then(self.present + nw.col(wait)).otherwise(self.present)

    def soonest(self, moment: str, before: nw.Expr) -> nw.Expr:
        """The instant of a column if it lies before another and the answer is another then; else that other one."""
        differs = self.answer(nw.col(moment)) != nw.col("_answer")
        return nw.when(differs & (nw.col(moment) < before)).then(nw.col(moment)).otherwise(before)


def _by_columns(asked: _Asked, held: Frame) -> Frame:
    """The soonest change of each, one wait after another: a column each, and no more rows than there are people."""
    soonest = asked.soonest("_then", nw.col("_soonest"))
    held = held.with_columns(_soonest=nw.lit(FOREVER, nw.Int64()))
    for wait in asked.waits:
        held = held.with_columns(_wait=asked.wait(wait)).with_columns(_then=asked.after("_wait"))
        held = held.with_columns(_soonest=soonest)
    return held


def _by_rows(asked: _Asked, held: Frame) -> Frame:
    """The same with a row for each wait, for a database plans long for a long question and runs through rows fast."""
    waiting = asked.wait(asked.waits[0])
    for number, wait in enumerate(asked.waits[1:], 1):
        waiting = nw.when(nw.col(TURN) == number).then(asked.wait(wait)).otherwise(waiting)
    each = repeated(held, len(asked.waits)).with_columns(_wait=waiting).with_columns(_then=asked.after("_wait"))
    each = each.with_columns(_soonest=asked.soonest("_then", nw.lit(FOREVER, nw.Int64())))
    return each.group_by(PERSON).agg(nw.col(_SHOWN).max(), nw.col("_soonest").min())


def _coded(tree: Tree) -> Tree:
    """The same choices with a whole number for each answer, so that no answer is null and all can be compared."""
    codes: dict[tuple[str, Answer], int] = {}
    if any(leaf.node is not None for leaf in leaves(tree)):
        return without_none(tree, -(2**62))

    def code(leaf: Leaf) -> Leaf:
        return Leaf(codes.setdefault((type(leaf.answer).__name__, leaf.answer), len(codes)))

    return _mapped(tree, code)


def without_none(tree: Tree, number: int) -> Tree:
    """The same choices with a number where the answer is None, so that no answer is null."""
    return _mapped(tree, lambda leaf: Leaf(number) if leaf == Leaf() else leaf)


def _mapped(tree: Tree, change: Callable[[Leaf], Leaf]) -> Tree:
    if isinstance(tree, Leaf):
        return change(tree)
    return Fork(tree.test, _mapped(tree.yes, change), _mapped(tree.no, change))


# ---- a frame of facts ----------------------------------------------------------------------------------------------


def answers_of_facts(ready: Lifted, native: object, name: str) -> Any:
    """A frame of facts with the answer of every row in one more column."""
    entered = enter(native)
    schema = entered.frame.collect_schema()
    missing = sorted(ready.read - set(schema))
    if missing:
        given = [column for column in schema if column != ROW]
        hints = "; ".join(f"{fact}: {nearest(fact, given)}" for fact in missing)
        msg = f"the frame has no column for {', '.join(missing)}, which the rule {name} reads ({hints})"
        raise FactsError(f"{msg}; give a frame that Facts.over made, or Logs")
    _check_name(ready, schema, name)
    _check_types(ready, schema)
    column = _facts_reader(ready, entered)
    _check_ranges(ready, entered.frame, column)
    answered = entered.frame.with_columns(tree_column(ready.tree, column).alias(name))
    left = answered.drop(ROW) if ROW in schema else answered
    return leave(left, entered.home, spans=_spans(ready.tree, name))


def _check_name(ready: Lifted, schema: nw.Schema, name: str) -> None:
    """See that the answers can stand beside the columns of a frame; those of the same rule are replaced.

    Raises:
        FactsError: They cannot.
    """
    alike = [column for column in schema if column.casefold() == name.casefold()]
    if any(column != name or column in ready.plan.declared for column in alike):
        msg = f"the frame has a column {alike[0]}, which the answers of {name} would replace; rename one of the two"
        raise FactsError(msg)


def _check_types(ready: Lifted, schema: nw.Schema) -> None:
    """A count with a fraction, or a number that is text, has been through something else: nothing is cut off to fit.

    Raises:
        FactsError: A column is of a type that its fact cannot be.
    """
    for name in sorted(ready.read):
        is_text = ready.plan.declared[name].show == "text"
        if not isinstance(schema[name], _TEXTS if is_text else _NUMBERS):
            allowed = "text" if is_text else "whole numbers, truths or durations"
            msg = f"the column {name} of the frame is {schema[name]}; give {allowed}, as Facts.over does"
            raise FactsError(msg)


def _check_ranges(ready: Lifted, frame: Frame, column: Column) -> None:
    """See that every number is one that its fact can be: only for those is the arithmetic of a rule known to fit.

    Raises:
        FactsError: One is not.
    """
    facts = [ready.plan.declared[name].fact(name) for name in sorted(ready.read)]
    read = {f"fact_{place}": fact for place, fact in enumerate(facts) if fact.unit != "text"}
    if not read:
        return
    numbers = frame.select(**{name: column(fact) for name, fact in read.items()})
    ends = {f"{end}_{name}": getattr(nw.col(name), end)() for name in read for end in ("min", "max")}
    found = collected(numbers.select(**ends, rows=nw.len())).to_dict(as_series=False)
    for name, fact in read.items() if found["rows"][0] else ():
        if not fact.low <= found[f"min_{name}"][0] <= found[f"max_{name}"][0] <= fact.high:
            allowed = "a span of less than 400 years" if fact.unit == "span" else f"whole numbers to {fact.high}"
            msg = f"the column {fact.name} of the frame has values outside the range of the fact; give {allowed}"
            raise FactsError(msg)


_TEXTS = (nw.String, nw.Categorical, nw.Enum, nw.Unknown)
_NUMBERS = (nw.dtypes.IntegerType, nw.Boolean, nw.Duration, nw.Unknown)


def _facts_reader(ready: Lifted, entered: Entered) -> Column:
    schema = entered.frame.collect_schema()

    def read(fact: Fact) -> nw.Expr:
        declared, column = ready.plan.declared[fact.name], nw.col(fact.name)
        if isinstance(schema[fact.name], nw.Duration):
            # pandas makes floats of durations of which one is missing
            known = column.fill_null(timedelta(0)).dt.total_microseconds().cast(nw.Int64())
            return nw.when(column.is_null()).then(whole(_absent(declared))).otherwise(known)
        if fact.unit == "text":
            return column.cast(nw.String()).fill_null("")
        return column.cast(nw.Int64()).fill_null(_absent(declared)).cast(nw.Int64())

    return read


def _absent(declared: Declared) -> int:
    """What a rule reads where a fact of a frame is null: as for a person of whom it is not known."""
    never = getattr(declared.value, "empty", EVER)
    match declared.show:
        case "since" | "until":
            return span_at(never, SLOPES[declared.show], 0)
        case "span":
            return int(never)
        case _:
            return 0
