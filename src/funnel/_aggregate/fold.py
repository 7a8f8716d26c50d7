"""The fold of a reduction: one person's rows, in plain Python.

For speed, the folds of a stream are compiled to two functions of straight statements, as rules are
(`funnel._expr.to_python`). One combines all rows at once; the other adds one row to the present values. Folds that keep
the same rows share one condition.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from operator import itemgetter

import attrs

from funnel._aggregate.aggregations import (
    COMBINES,
    COMMON,
    EVERY,
    GAP_FIELDS,
    HOUR,
    LARGEST_SUM,
    TOO_LARGE,
    Reduction,
    Stream,
)
from funnel._expr.nodes import LIMIT, Value
from funnel._expr.to_python import condition, function
from funnel._expr.tree import Tree, facts_read
from funnel.errors import RecordError

Row = tuple[Value, ...]
Rows = Sequence[Row]
Fill = Callable[[list[Value], list[bool], Rows, int], None]
Step = Callable[[list[Value], list[bool], Row], None]
Keeps = Callable[[Row], bool]
T, START, END = (COMMON.index(name) for name in ("t", "start", "end"))


@attrs.frozen
class Fold:
    """A reduction of one person's rows: the index of its value and its field."""

    index: int
    how: str
    field: int | None
    is_started: bool
    """Whether combining with `empty` changes nothing. Then the first row needs no special case."""

    @property
    def edge(self) -> int | None:
        """The index of the row that has the value: 0, or -1; None if the value is not that of one row.

        The rows are ordered by `t`, so its extremes are in the first and the last row.
        """
        if self.how == "earliest" or (self.how == "smallest" and self.field == T):
            return 0
        if self.how == "latest" or (self.how == "largest" and self.field == T):
            return -1
        return None


@attrs.frozen
class Group:
    """The folds that keep the same rows; `number` is the index in `has_row`."""

    number: int
    where: Tree
    folds: tuple[Fold, ...]


@attrs.frozen
class StreamFold:
    """The folds of one stream, compiled for one person.

    All values are in one list, at the indexes of their reductions. They are `empty` before the first row. `has_row`
    states for every group of folds whether it has had a row.
    """

    stream: Stream
    groups: tuple[Group, ...]
    gapped: bool

    @cached_property
    def fill(self) -> Fill:
        """Write the value of every fold with a row, as of an instant.

        The rows are given in order. For a windowed stream, only the rows in the window are given.
        """
        return _fill(self.stream, self.groups, gapped=self.gapped)

    @cached_property
    def step(self) -> Step:
        """Add one row, the last in order, to the present values."""
        return _step(self.stream, self.groups)

    @cached_property
    def read(self) -> tuple[int, ...]:
        """The indexes of `t` and of all fields that the folds read, sorted."""
        names = {fact.name for group in self.groups for fact in facts_read(group.where)}
        read = {index for index, name in enumerate(self.stream.fields) if name in names}
        return tuple(sorted(read | {T} | {index for group in self.groups for index in _fields(group)}))

    @cached_property
    def keeps(self) -> tuple[Keeps | None, ...]:
        """A function per group that returns whether it keeps a row.

        It expects the row with its gap, if it has one. None if the group keeps every row.
        """
        return tuple(None if group.where == EVERY else _keeps(self.stream, group) for group in self.groups)


def with_gaps(rows: Rows) -> Rows:
    """Append to each row the fields that depend on the previous row."""
    times = [row[T] for row in rows]
    return [(*row, *gap_fields(row[T] - first)) for first, row in zip([*times[:1], *times], rows, strict=False)]  # type: ignore[operator]


def gap_fields(gap: int) -> tuple[int, int, int]:
    """Return the values of `GAP_FIELDS`, from the time since the previous row."""
    hours = gap // HOUR
    return gap, hours, hours * hours


def folds(reductions: Sequence[Reduction]) -> Mapping[str, StreamFold]:
    """Compile reductions for one person, by the name of their stream."""
    same: dict[Stream, dict[Tree, list[int]]] = {}
    for index, one in enumerate(reductions):
        same.setdefault(one.stream, {}).setdefault(one.where, []).append(index)
    numbers = iter(range(len(reductions)))

    def ready(stream: Stream, alike: Mapping[Tree, Sequence[int]]) -> StreamFold:
        groups = tuple(
            Group(next(numbers), where, tuple(_fold(index, reductions[index]) for index in indices))
            for where, indices in alike.items()
        )
        return StreamFold(stream, groups, any(_reads_gap(stream, group) for group in groups))

    return {stream.name: ready(stream, alike) for stream, alike in same.items()}


def _fold(index: int, reduction: Reduction) -> Fold:
    fields = list(reduction.stream.fields)
    field = fields.index(reduction.field) if reduction.field else None
    return Fold(index, reduction.how, field, _is_started(reduction))


def _is_started(reduction: Reduction) -> bool:
    """Return whether `empty` combined with the first value gives the first value."""
    read, empty = reduction.stream.fields.get(reduction.field), reduction.empty
    match reduction.how:
        case "earliest":
            return False
        case "smallest" if read is not None and isinstance(empty, int):
            return empty >= read.high
        case "largest" if read is not None and isinstance(empty, int):
            return empty <= read.low
        case _:
            return True


def _reads_gap(stream: Stream, group: Group) -> bool:
    names = {fact.name for fact in facts_read(group.where)}
    gaps = [index for index, name in enumerate(stream.fields) if name in GAP_FIELDS]
    return not names.isdisjoint(GAP_FIELDS) or any(fold.field in gaps for fold in group.folds)


# ---- all rows at once ----


def _fill(stream: Stream, groups: Sequence[Group], *, gapped: bool) -> Fill:
    put = [statement for group in groups for statement in _whole_group(stream, group)]
    if gapped:
        put.insert(0, _assign(_name("rows", ast.Store()), ast.Call(_name("with_gaps"), [_name("rows")], [])))
    body: list[ast.stmt] = [ast.If(_name("rows"), put, [])]
    if stream.within is None:
        body.insert(0, _present_rows(living=stream.living))
    fields = {f"field_{index}": itemgetter(index) for group in groups for index in _fields(group)}
    fill: Fill = function(stream.name, ("values", "has_row", "rows", "at"), body, {**_FUNCTIONS, **fields})
    return fill


def _present_rows(*, living: bool) -> ast.stmt:
    """Keep the rows that are valid at the instant, or all rows that have started."""
    rows, at = _name("rows", ast.Store()), _name("at")
    if living:
        counts = ast.Compare(_item("v", START), [ast.LtE(), ast.Lt()], [at, _item("v", END)])
        return _assign(rows, _each("rows", counts))
    return _assign(rows, ast.Call(_name("started"), [_name("rows"), at], []))


def _started(rows: Rows, at: int) -> Rows:
    """Return the rows that have started.

    In a stream that is not living, a row starts at its `t`.
    """
    if not rows or rows[-1][T] <= at:  # type: ignore[operator]
        return rows
    return rows[: bisect_right(rows, at, key=itemgetter(T))]


def _whole_group(stream: Stream, group: Group) -> Iterator[ast.stmt]:
    """Yield the statements that filter the rows and write the value of each fold."""
    put = [_put(fold.index, _of_rows(fold)) for fold in group.folds]
    if any(not fold.is_started for fold in group.folds):
        put.append(_assign(_item("has_row", group.number, ast.Store()), ast.Constant(value=True)))
    if group.where == EVERY:
        yield _assign(_name("matching", ast.Store()), _name("rows"))
        yield from put
        return
    yield _assign(_name("matching", ast.Store()), _each("rows", _condition(stream, group)))
    yield ast.If(_name("matching"), put, [])


def _of_rows(fold: Fold) -> ast.expr:
    """Return the value over the kept rows."""
    if fold.field is None:
        return ast.Call(_name("len"), [_name("matching")], [])
    if fold.edge is not None:
        return _item_of(_item("matching", fold.edge), fold.field)
    read = ast.Call(_name("map"), [_name(f"field_{fold.field}"), _name("matching")], [])
    return ast.Call(_name(fold.how), [read], [])


_FUNCTIONS: Mapping[str, object] = {
    "len": len,
    "map": map,
    "with_gaps": with_gaps,
    "started": _started,
    **{how: monoid.fold for how, monoid in COMBINES.items()},
}


# ---- one more row ----


def _step(stream: Stream, groups: Sequence[Group]) -> Step:
    step: Step = function(stream.name, ("values", "has_row", "v"), list(step_body(stream, groups)), {})
    return step


def _keeps(stream: Stream, group: Group) -> Keeps:
    keeps: Keeps = function(stream.name, ("v",), [ast.Return(_condition(stream, group))], {})
    return keeps


def step_body(stream: Stream, groups: Sequence[Group]) -> Iterator[ast.stmt]:
    """Yield the statements that add one row `v` to `values` and `has_row`."""
    for group in groups:
        put = list(step_group(group))
        yield from put if group.where == EVERY else [ast.If(_condition(stream, group), put, [])]


def step_group(group: Group) -> Iterator[ast.stmt]:
    """Yield the statements that add one kept row.

    The first row sets a value that `empty` would otherwise change.
    """
    first = [_put(fold.index, _of_row(fold)) for fold in group.folds if not fold.is_started]
    if first:
        more = [_put(fold.index, _stepped(fold)) for fold in group.folds if not fold.is_started and fold.edge != 0]
        flag = _assign(_item("has_row", group.number, ast.Store()), ast.Constant(value=True))
        yield ast.If(ast.UnaryOp(ast.Not(), _item("has_row", group.number)), [*first, flag], more)
    yield from (_put(fold.index, _stepped(fold)) for fold in group.folds if fold.is_started)


def _fields(group: Group) -> Iterator[int]:
    return (fold.field for fold in group.folds if fold.field is not None)


def _of_row(fold: Fold) -> ast.expr:
    return ast.Constant(1) if fold.field is None else _item("v", fold.field)


def _stepped(fold: Fold) -> ast.expr:
    """Return the value with one more row."""
    value, there = _of_row(fold), _item("values", fold.index)
    if fold.how == "sum":
        return ast.BinOp(there, ast.Add(), value)
    if fold.edge == -1:
        return value
    compare = ast.Lt() if fold.how == "smallest" else ast.Gt()
    return ast.IfExp(ast.Compare(value, [compare], [there]), value, there)


# ---- values derived from others ----


def finishing(
    finishes: Sequence[tuple[Callable[..., int], Sequence[int]]], reductions: Sequence[Reduction]
) -> Callable[[list[Value]], None]:
    """Return one function that computes the derived values at their indexes.

    It refuses a sum that a column cannot hold, like the aggregate of a table.
    """
    body, first = list(_refusals(reductions)), len(reductions)
    for index, (_, parts) in enumerate(finishes):
        worked = ast.Call(_name(f"finish_{index}"), [_item("values", part) for part in parts], [])
        body.append(_put(first + index, worked))
    functions = {f"finish_{index}": finish for index, (finish, _) in enumerate(finishes)}
    finish: Callable[[list[Value]], None] = function(
        "finish", ("values",), body or [ast.Pass()], {**functions, "refuse": _refuse}
    )
    return finish


def _refusals(reductions: Sequence[Reduction]) -> Iterator[ast.stmt]:
    for index, one in enumerate(reductions):
        if one.is_large:
            most = LIMIT if one.stream.fields[one.field].unit == "span" else LARGEST_SUM
            is_large = ast.Compare(_item("values", index), [ast.Gt()], [ast.Constant(most)])
            yield ast.If(is_large, [ast.Expr(ast.Call(_name("refuse"), [], []))], [])


def _refuse() -> None:
    msg = f"the records of one person cannot be added up: {TOO_LARGE}"
    raise RecordError(msg)


# ---- syntax ----


def _condition(stream: Stream, group: Group) -> ast.expr:
    return condition(group.where, {name: index for index, name in enumerate(stream.fields)})


def _name(name: str, context: ast.expr_context | None = None) -> ast.expr:
    return ast.Name(name, context or ast.Load())


def _item(name: str, index: int, context: ast.expr_context | None = None) -> ast.expr:
    return ast.Subscript(_name(name), ast.Constant(index), context or ast.Load())


def _item_of(value: ast.expr, index: int) -> ast.expr:
    return ast.Subscript(value, ast.Constant(index), ast.Load())


def _assign(target: ast.expr, value: ast.expr) -> ast.stmt:
    return ast.Assign([target], value)


def _put(index: int, value: ast.expr) -> ast.stmt:
    return _assign(_item("values", index, ast.Store()), value)


def _each(rows: str, test: ast.expr) -> ast.expr:
    """Return the rows that meet the condition."""
    return ast.ListComp(_name("v"), [ast.comprehension(_name("v", ast.Store()), _name(rows), [test], 0)])
