"""The fold of a reduction: one person's rows, one step a row, in plain Python."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence

import attrs

from funnel._lift.code import Run, compiled
from funnel._lift.nodes import Value
from funnel._lift.tree import Tree
from funnel._reduce.forms import COMMON, EVERY, GAP, MONOIDS, Reduction, Stream

Row = tuple[Value, ...]
T, START, END = (COMMON.index(name) for name in ("t", "start", "end"))

_NO_ROW = "\x00"
"""What the earliest and the latest value are before there is a row; no record holds a control character."""


def _earliest(first: Value, value: Value) -> Value:
    return value if first is _NO_ROW else first


def _latest(_: Value, value: Value) -> Value:
    return value


_STEPS: Mapping[str, Callable[..., Value]] = {
    **{how: monoid.step for how, monoid in MONOIDS.items()},
    "earliest": _earliest,
    "latest": _latest,
}


Rows = Sequence[Row]
Whole = Callable[[Rows], Value]


@attrs.frozen
class Fold:
    """A reduction made ready for one person's rows; `place` is where its value stands among the others.

    `whole` is every step over one row or more, in their order; `start` is the value before the first step.
    """

    place: int
    reduction: Reduction
    keep: Run | None
    read: Callable[[Row], Value]
    step: Callable[..., Value]
    whole: Whole
    start: Value

    def over(self, rows: Rows, at: int) -> Value:
        """Put rows together, in their order: all the steps at once."""
        kept = rows if self.keep is None else [row for row in rows if self.keep(row, at)]
        return self.whole(kept) if kept else self.start

    def value(self, so_far: Value) -> Value:
        """The value of the reduction, which is `empty` where no row was kept."""
        return self.reduction.empty if so_far == self.start else so_far


Group = tuple[Run | None, tuple[Fold, ...], tuple[tuple[int, Whole], ...]]
"""The folds that keep the same rows: which rows these are, the folds, and where the whole of each goes."""


@attrs.frozen
class Ready:
    """The folds of one stream, made ready for one person."""

    folds: tuple[Fold, ...]
    groups: tuple[Group, ...]
    living: bool
    gapped: bool

    def fill(self, values: list[Value], rows: Rows, at: int, *, settled: bool) -> None:
        """Put the value of every fold that has a row in its place."""
        shown = self.seen(rows, at, settled=settled) if self.living or not settled else rows
        for keep, _, wholes in self.groups:
            kept = shown if keep is None else [row for row in shown if keep(row, at)]
            if kept:
                for place, whole in wholes:
                    values[place] = whole(kept)

    def step(self, held: dict[int, Value], values: list[Value], row: Row) -> None:
        """Put one more row, the last in order, to the values that are there; `held` has those before any row too."""
        for keep, alike, _ in self.groups:
            if keep is None or keep(row, 0):
                for fold in alike:
                    held[fold.place] = values[fold.place] = fold.step(held[fold.place], fold.read(row))

    def seen(self, rows: Rows, at: int, *, settled: bool) -> Rows:
        """The rows of the stream as its folds read them at an instant; `settled`: nothing happens after it."""
        if self.living:
            rows = [row for row in rows if row[START] <= at < row[END]]  # type: ignore[operator]
        elif not settled:
            rows = [row for row in rows if row[START] <= at]  # type: ignore[operator]
        return with_gaps(rows) if self.gapped else rows


def folds(reductions: Sequence[Reduction]) -> Mapping[str, Ready]:
    """Make reductions ready for one person, by the name of their stream."""
    ready: dict[str, list[Fold]] = {}
    for place, reduction in enumerate(reductions):
        ready.setdefault(reduction.stream.name, []).append(_fold(place, reduction))
    return {name: _ready(some[0].reduction.stream, some) for name, some in ready.items()}


def _ready(stream: Stream, some: Sequence[Fold]) -> Ready:
    return Ready(tuple(some), _groups(some), stream.living, stream.living and GAP in stream.fields)


def _groups(some: Sequence[Fold]) -> tuple[Group, ...]:
    same: dict[Tree, list[Fold]] = {}
    for fold in some:
        same.setdefault(fold.reduction.where, []).append(fold)
    return tuple(map(_group, same.values()))


def _group(alike: Sequence[Fold]) -> Group:
    return alike[0].keep, tuple(alike), tuple((fold.place, fold.whole) for fold in alike)


def _fold(place: int, reduction: Reduction) -> Fold:
    places = {name: (position, 0) for position, name in enumerate(reduction.stream.fields)}
    keep = None if reduction.where == EVERY else compiled(reduction.where, places, reduction.stream.name)
    position = places[reduction.field][0] if reduction.field else None
    read: Callable[[Row], Value] = _one if position is None else operator.itemgetter(position)
    monoid = MONOIDS.get(reduction.how)
    start = monoid.neutral if monoid else _NO_ROW
    return Fold(place, reduction, keep, read, _STEPS[reduction.how], _whole(reduction.how, position), start)


def _one(_: Row) -> Value:
    return 1


def _whole(how: str, position: int | None) -> Whole:
    """Every step over rows in their order: they are ordered by `t`, so its ends are those of the rows."""
    if position is None:
        return len
    if how == "latest" or (how == "largest" and position == T):
        return lambda rows: rows[-1][position]
    if how == "earliest" or (how == "smallest" and position == T):
        return lambda rows: rows[0][position]
    fold = MONOIDS[how].fold
    return lambda rows: fold([row[position] for row in rows])  # type: ignore[misc]


def with_gaps(rows: Sequence[Row]) -> Sequence[Row]:
    """Each row with how long after the one before it came, as its last field."""
    times = [row[T] for row in rows]
    return [(*row, 0 if first is None else row[T] - first) for first, row in zip([None, *times], rows, strict=False)]  # type: ignore[operator]
