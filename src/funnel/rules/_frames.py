"""Compiled rules over dataframes: answers and next changes for everyone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cached_property, lru_cache, reduce
from typing import TYPE_CHECKING, Any

import attrs
import narwhals as nw

from funnel._aggregate.group_by import PERSON
from funnel._aggregate.window import AT
from funnel._arguments import INNER, instance, is_listed, kind_of, suggest
from funnel._dataframes.adapter import ROW, FrameKind, InputFrame, from_native, installed, is_remote
from funnel._dataframes.compute import collected
from funnel._dataframes.frame_types import FrameT
from funnel._dataframes.output import with_added
from funnel._dataframes.repeat_rows import REPEAT, repeat_rows
from funnel._expr.nodes import Const, Fact, Node, Test
from funnel._expr.to_narwhals import Column, ColumnOf, by_value, column_of, int_lit, node_column, to_int, tree_column
from funnel._expr.tree import Answer, Fork, Leaf, Tree, leaves
from funnel._time import EVER, FOREVER, LATEST, span_at
from funnel.errors import FactsError
from funnel.facts._base import BaseFacts
from funnel.facts._compiled_rule import CompiledRule
from funnel.facts._declare import SLOPES, Declared
from funnel.facts._frames import fact_column, future_facts, raw_facts, raw_facts_over, with_waits
from funnel.logs import is_logs

if TYPE_CHECKING:
    from funnel.logs import Logs

Frame = nw.LazyFrame[Any]


def _spans(ready: CompiledRule, name: str) -> list[str]:
    return [name] if ready.is_span else []


def answers_of_logs(ready: CompiledRule, logs: Logs[FrameT], now: int, name: str) -> FrameT:
    """Return the answer for everyone in the logs at an instant."""
    raw = raw_facts(ready.narrowed, logs._fact_tables, now).with_columns(nw.lit(now, nw.Int64()).alias(AT))
    answered = _with_each(raw, _answer_steps(ready)).select(PERSON, nw.col(_RULE_ANSWER).alias(name))
    return logs._native(answered, spans=_spans(ready, name))


@lru_cache(maxsize=256)
def _answer_steps(ready: CompiledRule) -> Sequence[Sequence[nw.Expr]]:
    """Return the columns that lead from raw facts at the instant `AT` to the answer, one group after another."""
    groups, read = _steps(ready, moving(ready), fact_column(ready.narrowed, nw.col(AT)))
    return [*groups, [tree_column(ready.steps.tree, read).alias(_RULE_ANSWER)]]


def _with_each(frame: Frame, groups: Iterable[Sequence[nw.Expr]]) -> Frame:
    """Add several groups of columns; each group may read those before it."""
    return reduce(lambda before, columns: before.with_columns(*columns), groups, frame)


_RULE_ANSWER = "_shown"
"""Internal name of the answer column; the shop's rule name could clash with other columns."""


def moving(ready: CompiledRule) -> list[Fact]:
    """Return the facts of a rule that change with the clock."""
    return [fact for fact in _facts(ready) if fact.slope]


def _facts(ready: CompiledRule) -> list[Fact]:
    return [ready.plan.declared[name].fact(name) for name in sorted(ready.read)]


def with_facts(ready: CompiledRule, frame: Frame, facts: Sequence[Fact], column: Column) -> tuple[Frame, Column]:
    """Add facts and the repeated arithmetic of a rule as columns, and return how its steps read them."""
    groups, read = _steps(ready, facts, column)
    return _with_each(frame, groups), read


def _steps(ready: CompiledRule, facts: Sequence[Fact], column: Column) -> tuple[list[list[nw.Expr]], Column]:
    """Return facts and the repeated arithmetic of a rule as columns, and how its steps read them.

    Other facts are read as before. A large rule reads a fact some hundred times, and narwhals builds the expression of
    each reading anew.
    """
    names = {fact.name: f"{INNER}fact_{fact.name}" for fact in facts}

    def read(fact: Fact) -> nw.Expr:
        return nw.col(names[fact.name]) if fact.name in names else column(fact)

    groups = [[column(fact).alias(names[fact.name]) for fact in facts]] if facts else []
    for level in ready.steps.levels:
        groups.append([node_column(node, read).alias(name) for name, node in level.items()])
        names |= {name: name for name in level}
    return groups, read


def changes_of_logs(ready: CompiledRule, logs: Logs[FrameT], now: int, name: str) -> FrameT:
    """Return the answer for everyone at an instant, and its next change."""
    plan = ready.narrowed
    query = _ChangeQuery(ready, now)
    if plan.windows:
        soonest = _by_instants(query, future_facts(plan, logs, now))
    elif _is_on_arrays(ready.tree, raw := raw_facts_over(plan, logs, now)):
        soonest = _by_arrays(query, raw)
    else:
        by = _by_rows if is_remote(logs._frame_kind) and query.waits else _by_columns
        soonest = by(query, query.answered(raw))
    change = nw.when(nw.col("_soonest") < FOREVER).then(nw.col("_soonest"))
    result = soonest.select(PERSON, nw.col(_RULE_ANSWER).alias(name), next_change=change)
    return logs._native(result, instants=["next_change"], spans=_spans(ready, name))


@attrs.frozen
class _ChangeQuery:
    """Next change of a rule after an instant, by columns of raw facts."""

    rule: CompiledRule
    now: int

    @property
    def waits(self) -> tuple[Node, ...]:
        """Delays until conditions may flip."""
        return self.rule.waits

    @cached_property
    def numbered(self) -> ColumnOf:
        """Answer as a number."""
        return column_of(_coded(self.rule.steps.tree))

    @property
    def present(self) -> nw.Expr:
        """Instant of the evaluation."""
        return nw.lit(self.now, nw.Int64())

    def answered(self, raw: Frame) -> Frame:
        """Add the present answer, as it is shown and as a number."""
        raw, column = with_facts(self.rule, raw, moving(self.rule), fact_column(self.rule.narrowed, self.present))
        return raw.with_columns(
            tree_column(self.rule.steps.tree, column).alias(_RULE_ANSWER), _answer=self.numbered(column)
        )

    def wait(self, node: Node) -> nw.Expr:
        """Return the delay until a condition may flip; at most 0 if past."""
        return node_column(node, fact_column(self.rule.narrowed, self.present))

    def after(self, wait: str) -> nw.Expr:
        """Return now plus the delay in a column.

        Return now itself if the result is past or after the supported years.
        """
        is_future = (nw.col(wait) > 0) & (nw.col(wait) < LATEST - self.now)
        return nw.when(is_future).then(self.present + nw.col(wait)).otherwise(self.present)

    def soonest(self, rows: Frame, before: nw.Expr) -> Frame:
        """Add the earlier instant at which the answer differs.

        This is the instant `_then` if it is before `before` and the answer differs then; else `before`.
        """
        moment = nw.col("_then")
        rows, column = with_facts(self.rule, rows, moving(self.rule), fact_column(self.rule.narrowed, moment))
        differs = self.numbered(column) != nw.col("_answer")
        return rows.with_columns(_soonest=nw.when(differs & (moment < before)).then(moment).otherwise(before))


def _by_columns(query: _ChangeQuery, raw: Frame) -> Frame:
    """Return the earliest change of each person, with one row for each person.

    Delays are checked one after another, in columns.
    """
    raw = raw.with_columns(_soonest=nw.lit(FOREVER, nw.Int64()))
    for wait in query.waits:
        raw = raw.with_columns(_wait=query.wait(wait)).with_columns(_then=query.after("_wait"))
        raw = query.soonest(raw, nw.col("_soonest"))
    return raw


def _is_on_arrays(tree: Tree, raw: Frame) -> bool:
    """Return whether numpy can compute the changes: the rule chooses between constants, and Polars holds the facts."""
    is_local = raw.implementation.is_polars() and installed("numpy")
    return is_local and all(leaf.node is None for leaf in leaves(tree))


def _by_arrays(query: _ChangeQuery, raw: Frame) -> Frame:
    """Return the earliest change of each person, computed by numpy."""
    from funnel.rules._change_arrays import ChangeArrays

    rule = query.rule
    arrays = ChangeArrays(_coded(rule.tree), rule.waits, rule.narrowed, query.now)
    changes = arrays.changes(raw, "_answer", "_soonest")
    return changes.with_columns(tree_column(_choice(rule.tree), lambda _: nw.col("_answer")).alias(_RULE_ANSWER))


def _choice(tree: Tree) -> Tree:
    """Return a tree that chooses the answer by its number."""
    choice: Tree = Leaf()
    for (_, answer), number in _numbers(tree).items():
        choice = Fork(Test("==", Fact("_answer"), Const(number)), Leaf(answer), choice) if number else Leaf(answer)
    return choice


def _numbers(tree: Tree) -> dict[tuple[str, Answer], int]:
    """Return a number for each constant answer."""
    constants = dict.fromkeys((type(leaf.answer).__name__, leaf.answer) for leaf in leaves(tree))
    return {constant: number for number, constant in enumerate(constants)}


def _by_rows(query: _ChangeQuery, raw: Frame) -> Frame:
    """Return the earliest change of each person, with one row for each delay."""
    # A database plans a long query slowly and reads many rows fast.
    first, *others = map(query.wait, query.waits)
    waiting = by_value(REPEAT, enumerate(others, 1), first)
    each = repeat_rows(raw, len(query.waits)).with_columns(_wait=waiting).with_columns(_then=query.after("_wait"))
    return _earliest(query.soonest(each, int_lit(FOREVER)))


def _by_instants(query: _ChangeQuery, future: Frame) -> Frame:
    """Return the earliest change of each person, with one row for each instant at which the answer may change."""
    present = query.answered(future.filter(nw.col(AT) == query.now)).select(PERSON, _RULE_ANSWER, "_answer")
    each = with_waits(query.rule.narrowed, future, query.waits, "_then").join(present, on=PERSON, how="inner")
    return _earliest(query.soonest(each, int_lit(FOREVER)))


def _earliest(each: Frame) -> Frame:
    return each.group_by(PERSON).agg(nw.col(_RULE_ANSWER).max(), nw.col("_soonest").min())


def _coded(tree: Tree) -> Tree:
    """Return the tree with a number for each answer.

    No answer is null then, and all answers are comparable.
    """
    if any(leaf.node is not None for leaf in leaves(tree)):
        return without_none(tree, -(2**62))
    numbers = _numbers(tree)
    return _mapped(tree, lambda leaf: Leaf(numbers[type(leaf.answer).__name__, leaf.answer]))


def without_none(tree: Tree, number: int) -> Tree:
    """Return the tree with a number in place of None, so no answer is null."""
    return _mapped(tree, lambda leaf: Leaf(number) if leaf == Leaf() else leaf)


def _mapped(tree: Tree, change: Callable[[Leaf], Leaf]) -> Tree:
    if isinstance(tree, Leaf):
        return change(tree)
    return Fork(tree.test, _mapped(tree.yes, change), _mapped(tree.no, change))


# ---- a frame of facts ----------------------------------------------------------------------------------------------


def answers_of_facts(ready: CompiledRule, native: FrameT, name: str) -> FrameT:
    """Return a dataframe of facts with the answers in an added column."""
    facts = from_native(native)
    schema = facts.frame.collect_schema()
    missing = sorted(ready.read - set(schema))
    if missing:
        columns = [column for column in schema if column != ROW]
        hints = "; ".join(f"{fact}: {suggest(fact, columns)}" for fact in missing)
        msg = f"the dataframe does not have the columns that the rule {name} reads: {', '.join(missing)} ({hints})"
        raise FactsError(f"{msg}; pass a dataframe from Facts.over, or Logs")
    _check_name(ready, schema, name)
    _check_types(ready, schema, facts.frame_kind)
    numbers, column = with_facts(ready, facts.frame, _facts(ready), _facts_reader(ready, facts))
    _check_ranges(_facts(ready), numbers, column)
    answered = numbers.with_columns(tree_column(ready.steps.tree, column).alias(name))
    result = answered.select(*(one for one in schema if one not in (ROW, name)), name)
    return with_added(native, result, facts.frame_kind, [name], spans=_spans(ready, name))


def sql_of_facts(ready: CompiledRule, name: str, table: str, dialect: str) -> str:
    """Return the SQL of the answers for a table of facts."""
    from funnel.logs.sql_tables import check_dialect, to_sql, unbound

    check_dialect(dialect)
    instance(table, str, "table", "the name of a table")
    types = {fact: _SQL_TYPES.get(ready.plan.declared[fact].show, "int64") for fact in sorted(ready.read)}
    facts = InputFrame(nw.from_native(unbound({PERSON: "string", **types}, table)).lazy(), "ibis")
    answer = ready.answer(_facts_reader(ready, facts)).alias(name)
    return to_sql(nw.to_native(facts.frame.select(PERSON, answer)), dialect)


_SQL_TYPES = {"text": "string", "flag": "boolean"}


def _check_name(ready: CompiledRule, schema: nw.Schema, name: str) -> None:
    """Check that the answer column does not clash with another column.

    An older answer column of the same rule is replaced.

    Raises:
        FactsError: The name clashes.
    """
    alike = [column for column in schema if column.casefold() == name.casefold()]
    if any(column != name or column in ready.plan.declared for column in alike):
        msg = f"the dataframe has a column {alike[0]}, which the answers of {name} would overwrite; rename the column"
        raise FactsError(msg)


def _check_types(ready: CompiledRule, schema: nw.Schema, frame_kind: FrameKind) -> None:
    """Check the column types; values are never truncated to fit.

    A number has no unit. A span is therefore a duration, except on engines where `Facts.over` has no type for spans.

    Raises:
        FactsError: The type of a column does not fit its fact, such as a float or a text for a count.
    """
    for name in sorted(ready.read):
        types, allowed = _types_of(ready.plan.declared[name].show, frame_kind)
        if not isinstance(schema[name], types):
            raise FactsError(f"the column {name} must hold {allowed}, as from Facts.over (got {schema[name]})")


def _types_of(show: str, frame_kind: FrameKind) -> tuple[tuple[type[nw.dtypes.DType], ...], str]:
    if show not in ("since", "until", "span"):
        return (_TEXTS, "text") if show == "text" else (_NUMBERS, "whole numbers or booleans")
    if frame_kind in _DURATIONS:
        return (nw.Duration, nw.Unknown), f"durations, such as {_DURATIONS[frame_kind]}"
    return (nw.dtypes.IntegerType, nw.Duration, nw.Unknown), "whole microseconds"


def _check_ranges(facts: Sequence[Fact], frame: Frame, column: Column) -> None:
    """Check that every number is in the range of its fact.

    Rule arithmetic is verified to fit for that range only.

    Raises:
        FactsError: A number is out of range.
    """
    read = [fact for fact in facts if fact.unit != "text"]
    if not read:
        return
    ends = {
        f"{end}_{number}": getattr(column(fact), end)() for number, fact in enumerate(read) for end in ("min", "max")
    }
    extremes = collected(frame.select(**ends, rows=nw.len())).to_dict(as_series=False)
    for number, fact in enumerate(read) if extremes["rows"][0] else ():
        if not fact.low <= extremes[f"min_{number}"][0] <= extremes[f"max_{number}"][0] <= fact.high:
            allowed = (
                "spans of less than 400 years"
                if fact.unit == "span"
                else f"whole numbers from {fact.low} to {fact.high}"
            )
            raise FactsError(f"the column {fact.name} has values outside the range of the fact; it must hold {allowed}")


_TEXTS = (nw.String, nw.Categorical, nw.Enum, nw.Unknown)
_NUMBERS = (nw.dtypes.IntegerType, nw.Boolean, nw.Unknown)
_DURATIONS: Mapping[FrameKind, str] = {
    "polars": "pl.duration(days=...)",
    "polars lazy": "pl.duration(days=...)",
    "pandas": 'pd.to_timedelta(..., unit="D")',
    "pyarrow": 'pa.duration("s")',
}
"""A column of spans on each engine that has a type for them."""


def _facts_reader(ready: CompiledRule, facts: InputFrame) -> Column:
    schema = facts.frame.collect_schema()

    def read(fact: Fact) -> nw.Expr:
        declared, column = ready.plan.declared[fact.name], nw.col(fact.name)
        if isinstance(schema[fact.name], nw.Duration):
            # pandas converts durations to floats if one is missing.
            micros = column.fill_null(timedelta(0)).dt.total_microseconds().cast(nw.Int64())
            return nw.when(column.is_null()).then(int_lit(_absent(declared))).otherwise(micros)
        if fact.unit == "text":
            return column.cast(nw.String()).fill_null("")
        if isinstance(schema[fact.name], nw.Boolean):
            return to_int(column.fill_null(value=False))
        return column.cast(nw.Int64()).fill_null(_absent(declared)).cast(nw.Int64())

    return read


def _absent(declared: Declared) -> int:
    """Return the value of a null fact: the same as for an unknown fact."""
    never = getattr(declared.value, "empty", EVER)
    match declared.show:
        case "since" | "until":
            return span_at(never, SLOPES[declared.show], 0)
        case "span":
            return int(never)
        case _:
            return 0


def not_one_person(value: object, facts: str) -> str:
    """Return what a rule needs in place of an argument that is not one person, and the call that takes the argument."""
    if isinstance(value, BaseFacts):
        remedy = f"; make them with {facts}.of(history, as_of=...)"
    elif is_logs(value) or hasattr(type(value), "columns"):
        remedy = "; for everyone, call over(...)"
    elif isinstance(value, str):
        remedy = "; for a person of Logs, pass logs.history(person_id)"
    else:
        remedy = "; call it for each person, or over(...) with Logs" if is_listed(value) else ""
    return f"needs {facts} or a History (got {kind_of(value)}){remedy}"
