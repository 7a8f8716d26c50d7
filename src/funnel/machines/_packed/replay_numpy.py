"""Transitions of everyone, in blocks of people, on as many threads as Polars has."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import attrs
import narwhals as nw
import numpy as np
import numpy.typing as npt
import polars as pl

from funnel._aggregate.group_by import PERSON
from funnel._dataframes.adapter import Frame
from funnel._dataframes.loops import Whole, runner
from funnel._expr.arrays import Read, answers_of, texts_of, value_of
from funnel._expr.nodes import Fact, Node
from funnel._time import spans_at
from funnel.machines._compiled import BY_EVENT, BY_TIME, CompiledMachine
from funnel.machines._fixed_points import BASE, BY, CYCLE, FROM, MOVED, NOBODY, TO, FixedPoints
from funnel.machines._packed.event_rows import EventRows, Values, read_tables

Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]


def moves_packed(compiled: CompiledMachine, tables: Mapping[str, Frame], now: int) -> Frame | None:
    """Return every transition of everyone up to and including an instant.

    Columns: person, instant, from, to, cause. None if numba is not imported and its import would take too long.
    """
    read = read_tables(compiled.plan, tables, now)
    run = runner(sum(map(len, read.values())))
    if run is None:
        return None
    literals = (text for tree in compiled.trees for text in texts_of(tree))
    texts = {text: number for number, text in enumerate(dict.fromkeys(["", *literals]))}
    points = FixedPoints(compiled)

    def moved(values: Values) -> pl.DataFrame:
        look = Look(compiled, texts, values, now)
        return _on_path(look, points) if compiled.is_path else _by_rule(look)

    parts = EventRows.of(compiled.plan, read, texts, now, run).in_blocks(moved, run)
    person = next(iter(read.values()))[PERSON].dtype
    none = pl.DataFrame(schema={PERSON: person, **dict.fromkeys((MOVED, FROM, TO, BY), pl.Int64)})
    frame: Frame = nw.from_native(pl.concat([none, *parts]).lazy())
    return frame


@attrs.frozen(eq=False)
class Look:
    """Instants of some people when facts change or time may change the stage, sorted.

    Each instant when facts change has a number. The instants when time may change the stage follow it.
    """

    compiled: CompiledMachine
    texts: Mapping[str, int]
    values: Values
    now: int

    @property
    def at(self) -> Whole:
        """Instants when facts change."""
        return self.values.at

    @cached_property
    def comes_in(self) -> Flags:
        """Whether each instant is the first of a person."""
        return np.append(True, np.diff(self.values.persons) != 0)

    @cached_property
    def until(self) -> Whole:
        """End of the validity of the facts at each instant."""
        following = np.append(self.at[1:], self.now + 1)
        following[np.append(self.comes_in[1:], False)] = self.now + 1
        return following

    @cached_property
    def _dues(self) -> tuple[Indices, Whole]:
        """Numbers whose facts let time change the stage, and the instants."""
        numbers, dues = [np.zeros(0, np.intp)], [np.zeros(0, np.int64)]
        for wait in self.compiled.waits:
            worked = np.broadcast_to(self._node(wait), self.at.shape)
            number = np.flatnonzero((worked > 0) & (worked < self.until - self.at))
            numbers.append(number)
            dues.append(self.at[number] + worked[number])
        number, due = np.concatenate(numbers), np.concatenate(dues)
        order = np.lexsort((due, number))
        return number[order], due[order]

    @cached_property
    def _order(self) -> Indices:
        number, _ = self._dues
        return np.argsort(np.concatenate([np.arange(len(self.at)), number]), kind="stable")

    @cached_property
    def number(self) -> Indices:
        """Number whose facts apply at each instant."""
        return np.concatenate([np.arange(len(self.at)), self._dues[0]])[self._order]

    @cached_property
    def moment(self) -> Whole:
        """All instants, sorted."""
        return np.concatenate([self.at, self._dues[1]])[self._order]

    @cached_property
    def by_time(self) -> Flags:
        """Whether only time may change the stage at each instant."""
        return self._order >= len(self.at)

    @cached_property
    def enters(self) -> Flags:
        """Whether each instant is the arrival of a person."""
        return self.comes_in[self.number] & ~self.by_time

    def _node(self, node: Node) -> Whole:
        everyone = np.arange(len(self.at))
        value: Whole = value_of(node, self.read(everyone, self.at), slice(None), self.texts)
        return value

    def read(self, numbers: Indices, now: Whole) -> Read:
        """Return the fact reader for these numbers at these instants."""
        indices = self.compiled.plan.run_indices()

        def read(fact: Fact, rows: Indices | slice) -> Whole:
            index, slope = indices[fact.name]
            value = self.values.values[index][numbers[rows]]
            if slope == 0:
                return value
            spans: Whole = spans_at(value, slope, now[rows])
            return spans

        return read

    def answers(self, numbers: Indices, now: Whole, compiled: CompiledMachine | None = None) -> Whole:
        """Return the stage; for several trees, the next stages as digits."""
        read, texts = self.read(numbers, now), self.texts
        answers = np.zeros(len(now), np.int64)
        for digit, tree in enumerate((compiled or self.compiled).trees):
            answers += answers_of(tree, read, len(now), texts) * BASE**digit
        return answers

    def waited(self, rows: Indices) -> Whole:
        """Return the answers that time alone would have given at these instants."""
        return self.answers(np.maximum(self.number[rows] - 1, 0), self.moment[rows], self.compiled.waiting)

    def transitions(self, rows: Indices, start: Whole, to: Whole, by: Whole) -> pl.DataFrame:
        """Return transitions at these instants."""
        person = self.values.names(self.values.persons[self.number[rows]])
        return pl.DataFrame({PERSON: person, MOVED: self.moment[rows], FROM: start, TO: to, BY: by})

    def refuse(self, row: int, start: int, by: int) -> None:
        """Raise the error for a forbidden transition or a cycle.

        Raises:
            TransitionError: Always.
        """
        number, at = int(self.number[row]), int(self.moment[row])
        values = [int(value[number]) for value in self.values.values]
        self.compiled.check(self.compiled.trail(start, values, at), by, values, at)


def _by_rule(look: Look) -> pl.DataFrame:
    """Return the transitions of a rule that does not depend on the stage before."""
    to = look.answers(look.number, look.moment)
    rows = np.flatnonzero(look.enters | np.append(False, to[1:] != to[:-1])[: len(to)])
    enters = look.enters[rows]
    start = np.where(enters, NOBODY, to[rows - 1])
    by = np.where(look.by_time[rows] | (~enters & (look.waited(rows) == to[rows])), BY_TIME, BY_EVENT)
    allowed = np.array(look.compiled.allowed)
    for row in np.flatnonzero(~enters & ((allowed[start, to[rows]] & by) == 0))[:1]:
        look.refuse(int(rows[row]), int(start[row]), int(by[row]))
    return look.transitions(rows, start, to[rows], by)


def _on_path(look: Look, points: FixedPoints) -> pl.DataFrame:
    """Return the transitions of a path-dependent machine, replayed row by row."""
    different, answer = np.unique(look.answers(look.number, look.moment), return_inverse=True)
    rows = np.flatnonzero(look.enters | np.append(True, answer[1:] != answer[:-1])[: len(answer)])
    fixed = [points[number] for number in different.tolist()]
    start, to = _replayed([one.rests for one in fixed], answer[rows], look.enters[rows], look.compiled.start or 0)
    moves = np.flatnonzero((start != to) | look.enters[rows])
    rows, start, to = rows[moves], start[moves], to[moves]
    enters = look.enters[rows]
    others, other = np.unique(look.waited(rows), return_inverse=True)
    rests = np.array([points[number].rests for number in others.tolist()])
    by = np.where(look.by_time[rows] | (~enters & (rests[other, start] == to)), BY_TIME, BY_EVENT)
    missing = np.array([one.missing for one in fixed])[answer[rows], start]
    for row in np.flatnonzero((to == CYCLE) | (missing & by != 0))[:1]:
        look.refuse(int(rows[row]), int(start[row]), int(by[row]))
    return look.transitions(rows, np.where(enters, NOBODY, start), to, by)


def _replayed(rests: list[tuple[int, ...]], answers: Indices, enters: Flags, first: int) -> tuple[Whole, Whole]:
    """Return the stage before and after each row."""
    start, to = list[int](), list[int]()
    here: int = first
    for answer, enter in zip(map(int, answers), map(bool, enters), strict=True):
        if enter:
            here = first
        start.append(here)
        here = rests[answer][here]
        to.append(here)
    return np.array(start, np.int64), np.array(to, np.int64)
