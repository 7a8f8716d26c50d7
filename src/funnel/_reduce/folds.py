"""The fold of a reduction: one person's rows, in plain Python.

For speed the folds of a stream are made into two functions of straight statements, as rules are (`funnel._lift.code`):
one that puts together all rows at once, and one that puts one more row to what is there. Folds that keep the same rows
stand under one condition.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from operator import itemgetter

import attrs

from funnel._lift.code import condition, function
from funnel._lift.nodes import Value, facts_of
from funnel._lift.tree import Tree, forks
from funnel._reduce.forms import COMMON, EVERY, GAP, MONOIDS, Reduction, Stream

Row = tuple[Value, ...]
Rows = Sequence[Row]
Fill = Callable[[list[Value], list[bool], Rows, int], None]
Step = Callable[[list[Value], list[bool], Row], None]
Keeps = Callable[[Row], bool]
T, START, END = (COMMON.index(name) for name in ("t", "start", "end"))


@attrs.frozen
class Fold:
    """A reduction of one person's rows: where its value stands among the others, and which field it reads."""

    place: int
    how: str
    field: int | None
    is_started: bool
    """Whether its `empty` changes nothing: then the first row needs no care."""


@attrs.frozen
class Group:
    """The folds that keep the same rows; `number` is where it is held that there was a row."""

    number: int
    where: Tree
    folds: tuple[Fold, ...]


@attrs.frozen
class Ready:
    """The folds of one stream, made ready for one person.

    Values stand in one list, at the places of their reductions, and are `empty` before there is a row. `held` says of
    every group of folds whether there was a row.
    """

    stream: Stream
    groups: tuple[Group, ...]
    gapped: bool

    @cached_property
    def fill(self) -> Fill:
        """Put the value of every fold that has a row in its place: of all the rows, in order, at an instant."""
        return _fill(self.stream, self.groups, gapped=self.gapped)

    @cached_property
    def step(self) -> Step:
        """Put one more row, the last in order, to the values that are there."""
        return _step(self.stream, self.groups)

    @cached_property
    def keeps(self) -> tuple[Keeps | None, ...]:
        """Whether each group keeps a row, with its gap if it has one; None if the group keeps every row."""
        return tuple(None if group.where == EVERY else _keeps(self.stream, group) for group in self.groups)


def with_gaps(rows: Rows) -> Rows:
    """Each row with how long after the one before it came, as its last field."""
    times = [row[T] for row in rows]
    return [(*row, row[T] - first) for first, row in zip([*times[:1], *times], rows, strict=False)]  # type: ignore[operator]


def folds(reductions: Sequence[Reduction]) -> Mapping[str, Ready]:
    """Make reductions ready for one person, by the name of their stream."""
    same: dict[Stream, dict[Tree, list[int]]] = {}
    for place, one in enumerate(reductions):
        same.setdefault(one.stream, {}).setdefault(one.where, []).append(place)
    numbers = iter(range(len(reductions)))

    def ready(stream: Stream, alike: Mapping[Tree, Sequence[int]]) -> Ready:
        groups = tuple(
            Group(next(numbers), where, tuple(_fold(place, reductions[place]) for place in places))
            for where, places in alike.items()
        )
        return Ready(stream, groups, any(_reads_gap(stream, group) for group in groups))

    return {stream.name: ready(stream, alike) for stream, alike in same.items()}


def _fold(place: int, reduction: Reduction) -> Fold:
    fields = list(reduction.stream.fields)
    field = fields.index(reduction.field) if reduction.field else None
    return Fold(place, reduction.how, field, _is_started(reduction))


def _is_started(reduction: Reduction) -> bool:
    """Whether the value where there is no row may be put together with that of the first."""
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
    if GAP not in stream.fields:
        return False
    asked = {fact.name for fork in forks(group.where) for fact in facts_of(fork.test)}
    gap = list(stream.fields).index(GAP)
    return GAP in asked or any(fold.field == gap for fold in group.folds)


# ---- all rows at once ----


def _fill(stream: Stream, groups: Sequence[Group], *, gapped: bool) -> Fill:
    put = [statement for group in groups for statement in _whole_group(stream, group)]
    if gapped:
        put.insert(0, _assign(_name("rows", ast.Store()), ast.Call(_name("with_gaps"), [_name("rows")], [])))
    body = [_seen(living=stream.living), ast.If(_name("rows"), put, [])]
    fields = {f"field_{place}": itemgetter(place) for group in groups for place in _fields(group)}
    made: Fill = function(stream.name, ("values", "held", "rows", "at"), body, {**_KNOWN, **fields})
    return made


def _seen(*, living: bool) -> ast.stmt:
    """Keep the rows that count at the instant, or all that have started."""
    rows, at = _name("rows", ast.Store()), _name("at")
    if living:
        counts = ast.Compare(_item("v", START), [ast.LtE(), ast.Lt()], [at, _item("v", END)])
        return _assign(rows, _each("rows", counts))
    return _assign(rows, ast.Call(_name("started"), [_name("rows"), at], []))


def _started(rows: Rows, at: int) -> Rows:
    """The rows that have started; of a stream that is not living a row starts when it happened."""
    if not rows or rows[-1][T] <= at:  # type: ignore[operator]
        return rows
    return rows[: bisect_right(rows, at, key=itemgetter(T))]


def _whole_group(stream: Stream, group: Group) -> Iterator[ast.stmt]:
    """What is kept, and where anything is, the value of each fold."""
    put = [_put(fold.place, _of_rows(fold)) for fold in group.folds]
    if any(not fold.is_started for fold in group.folds):
        put.append(_assign(_item("held", group.number, ast.Store()), ast.Constant(value=True)))
    if group.where == EVERY:
        yield _assign(_name("kept", ast.Store()), _name("rows"))
        yield from put
        return
    yield _assign(_name("kept", ast.Store()), _each("rows", _condition(stream, group)))
    yield ast.If(_name("kept"), put, [])


def _of_rows(fold: Fold) -> ast.expr:
    """The value over the rows that are kept; they are ordered by `t`, so its ends are those of the rows."""
    if fold.field is None:
        return ast.Call(_name("len"), [_name("kept")], [])
    if fold.how == "latest" or (fold.how == "largest" and fold.field == T):
        return _item_of(_item("kept", -1), fold.field)
    if fold.how == "earliest" or (fold.how == "smallest" and fold.field == T):
        return _item_of(_item("kept", 0), fold.field)
    read = ast.Call(_name("map"), [_name(f"field_{fold.field}"), _name("kept")], [])
    return ast.Call(_name(fold.how), [read], [])


_KNOWN: Mapping[str, object] = {
    "len": len,
    "map": map,
    "with_gaps": with_gaps,
    "started": _started,
    **{how: monoid.fold for how, monoid in MONOIDS.items()},
}


# ---- one more row ----


def _step(stream: Stream, groups: Sequence[Group]) -> Step:
    made: Step = function(stream.name, ("values", "held", "v"), list(step_body(stream, groups)), {})
    return made


def _keeps(stream: Stream, group: Group) -> Keeps:
    made: Keeps = function(stream.name, ("v",), [ast.Return(_condition(stream, group))], {})
    return made


def step_body(stream: Stream, groups: Sequence[Group]) -> Iterator[ast.stmt]:
    """One more row `v`, as statements on `values` and `held`."""
    for group in groups:
        put = list(step_group(group))
        yield from put if group.where == EVERY else [ast.If(_condition(stream, group), put, [])]


def step_group(group: Group) -> Iterator[ast.stmt]:
    """One row that is kept: the first is the value itself, where what is there would not leave it as it is."""
    first = [_put(fold.place, _of_row(fold)) for fold in group.folds if not fold.is_started]
    if first:
        more = [_put(fold.place, _stepped(fold)) for fold in group.folds if not fold.is_started and _moves(fold)]
        told = _assign(_item("held", group.number, ast.Store()), ast.Constant(value=True))
        yield ast.If(ast.UnaryOp(ast.Not(), _item("held", group.number)), [*first, told], more)
    yield from (_put(fold.place, _stepped(fold)) for fold in group.folds if fold.is_started)


def _fields(group: Group) -> Iterator[int]:
    return (fold.field for fold in group.folds if fold.field is not None)


def _moves(fold: Fold) -> bool:
    """Whether a later row can change the value."""
    return fold.how != "earliest" and not (fold.how == "smallest" and fold.field == T)


def _of_row(fold: Fold) -> ast.expr:
    return ast.Constant(1) if fold.field is None else _item("v", fold.field)


def _stepped(fold: Fold) -> ast.expr:
    """The value with one more row."""
    value, there = _of_row(fold), _item("values", fold.place)
    if fold.how == "sum":
        return ast.BinOp(there, ast.Add(), value)
    if fold.how == "latest" or (fold.how == "largest" and fold.field == T):
        return value
    compare = ast.Lt() if fold.how == "smallest" else ast.Gt()
    return ast.IfExp(ast.Compare(value, [compare], [there]), value, there)


# ---- what is worked out from others ----


def finishing(
    finishes: Sequence[tuple[Callable[..., int], Sequence[int]]], first: int
) -> Callable[[list[Value]], None]:
    """One function that works out, from `first` on, the values that are derived from others at their places."""
    body: list[ast.stmt] = [ast.Pass()]
    for place, (_, parts) in enumerate(finishes):
        worked = ast.Call(_name(f"finish_{place}"), [_item("values", part) for part in parts], [])
        body.append(_put(first + place, worked))
    known = {f"finish_{place}": finish for place, (finish, _) in enumerate(finishes)}
    made: Callable[[list[Value]], None] = function("finish", ("values",), body, known)
    return made


# ---- syntax ----


def _condition(stream: Stream, group: Group) -> ast.expr:
    return condition(group.where, {name: place for place, name in enumerate(stream.fields)})


def _name(name: str, context: ast.expr_context | None = None) -> ast.expr:
    return ast.Name(name, context or ast.Load())


def _item(name: str, place: int, context: ast.expr_context | None = None) -> ast.expr:
    return ast.Subscript(_name(name), ast.Constant(place), context or ast.Load())


def _item_of(value: ast.expr, place: int) -> ast.expr:
    return ast.Subscript(value, ast.Constant(place), ast.Load())


def _assign(target: ast.expr, value: ast.expr) -> ast.stmt:
    return ast.Assign([target], value)


def _put(place: int, value: ast.expr) -> ast.stmt:
    return _assign(_item("values", place, ast.Store()), value)


def _each(rows: str, kept: ast.expr) -> ast.expr:
    """The rows that are kept."""
    return ast.ListComp(_name("v"), [ast.comprehension(_name("v", ast.Store()), _name(rows), [kept], 0)])
