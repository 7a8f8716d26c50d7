"""The fold of a reduction: one person's rows, one step a row, in plain Python."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence

import attrs

from funnel._lift.code import Run, compiled
from funnel._lift.nodes import Value
from funnel._reduce.forms import COMMON, EVERY, GAP, MONOIDS, Reduction

Row = tuple[Value, ...]
T, START, END = (COMMON.index(name) for name in ("t", "start", "end"))

_NO_ROW = "\x00"
"""What the earliest and the latest value are before there is a row; no record holds a control character."""

_STEPS: Mapping[str, Callable[..., Value]] = {
    **{how: monoid.step for how, monoid in MONOIDS.items()},
    "earliest": lambda first, value: value if first is _NO_ROW else first,
    "latest": lambda _, value: value,
}


def _numbers(fold: Callable[..., Value]) -> Callable[[Callable[[Row], Value], Sequence[Row]], Value]:
    return lambda read, rows: fold(map(read, rows))


_WHOLES: Mapping[str, Callable[[Callable[[Row], Value], Sequence[Row]], Value]] = {
    **{how: _numbers(monoid.fold) for how, monoid in MONOIDS.items()},
    "count": lambda _, rows: len(rows),
    "earliest": lambda read, rows: read(rows[0]),
    "latest": lambda read, rows: read(rows[-1]),
}


@attrs.frozen
class Fold:
    """A reduction made ready for one person's rows; `place` is where its value stands among the others."""

    place: int
    reduction: Reduction
    keep: Run | None
    read: Callable[[Row], Value]
    step: Callable[..., Value]
    whole: Callable[[Callable[[Row], Value], Sequence[Row]], Value]
    start: Value

    def over(self, rows: Sequence[Row], at: int) -> Value:
        """Put rows together, in their order: all the steps at once."""
        kept = rows if self.keep is None else [row for row in rows if self.keep(row, at)]
        return self.whole(self.read, kept) if kept else self.start

    def on(self, so_far: Value, row: Row, at: int) -> Value:
        """Put one more row, the last in order, to what there is."""
        if self.keep is not None and not self.keep(row, at):
            return so_far
        return self.step(so_far, self.read(row))

    def value(self, so_far: Value) -> Value:
        """The value of the reduction, which is `empty` where no row was kept."""
        return self.reduction.empty if so_far == self.start else so_far


def folds(reductions: Sequence[Reduction]) -> Mapping[str, tuple[Fold, ...]]:
    """Make reductions ready for one person, by the name of their stream."""
    ready: dict[str, tuple[Fold, ...]] = {}
    for place, reduction in enumerate(reductions):
        name = reduction.stream.name
        ready[name] = (*ready.get(name, ()), _fold(place, reduction))
    return ready


def _fold(place: int, reduction: Reduction) -> Fold:
    places = {name: (position, 0) for position, name in enumerate(reduction.stream.fields)}
    keep = None if reduction.where == EVERY else compiled(reduction.where, places, reduction.stream.name)
    read: Callable[[Row], Value] = operator.itemgetter(places[reduction.field][0]) if reduction.field else _one
    monoid = MONOIDS.get(reduction.how)
    whole = _WHOLES["count" if reduction.how == "sum" and not reduction.field else reduction.how]
    return Fold(place, reduction, keep, read, _STEPS[reduction.how], whole, monoid.neutral if monoid else _NO_ROW)


def _one(_: Row) -> Value:
    return 1


def counting(rows: Sequence[Row], at: int, *, living: bool, settled: bool) -> Sequence[Row]:
    """The rows that are seen at an instant; `settled`: nothing begins or ceases to count after it."""
    if living:
        return [row for row in rows if row[START] <= at < row[END]]  # type: ignore[operator]
    return rows if settled else [row for row in rows if row[START] <= at]  # type: ignore[operator]


def with_gaps(rows: Sequence[Row]) -> Sequence[Row]:
    """Each row with how long after the one before it came, as its last field."""
    times = [row[T] for row in rows]
    return [(*row, 0 if first is None else row[T] - first) for first, row in zip([None, *times], rows, strict=False)]  # type: ignore[operator]


def seen(rows: Sequence[Row], at: int, reductions: Sequence[Fold], *, settled: bool = False) -> Sequence[Row]:
    """The rows of one stream as its folds read them at an instant."""
    stream = reductions[0].reduction.stream
    kept = counting(rows, at, living=stream.living, settled=settled)
    return with_gaps(kept) if GAP in stream.fields else kept
