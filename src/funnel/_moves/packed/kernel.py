"""The moves of everyone: rows in order, some people at a time, on as many threads as Polars may have."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import attrs
import narwhals as nw
import numpy as np
import polars as pl

from funnel._facts.plan import Plan
from funnel._frames import Frame
from funnel._instants import spans_at
from funnel._lift.nodes import Node
from funnel._moves.course import BY_EVENT, BY_TIME, Course
from funnel._moves.packed.lines import Block, Wanted, in_blocks, lines_of
from funnel._moves.packed.trees import Reading, node_of, numbers_of, texts_of
from funnel._moves.packed.values import Piece, values_of
from funnel._moves.walked import BASE, BY, ENDLESS, FROM, MOVED, NOBODY, TO, Ways
from funnel._packed import Flags, Places, Whole
from funnel._reduce.aggregates import PERSON


@attrs.frozen(eq=False)
class Moved:
    """Moves, by the numbers of people and stages."""

    person: Whole
    at: Whole
    start: Whole
    to: Whole
    by: Whole


_NOTHING = Moved(*(np.zeros(0, np.int64) for _ in range(5)))


def moves_packed(course: Course, tables: Mapping[str, Frame], now: int) -> Frame:
    """Every move of everyone up to and with an instant: person, instant, from, to, by what."""
    wanted = Wanted.of(course.plan, (text for tree in course.trees for text in texts_of(tree)))
    lines = lines_of(wanted, tables, now)
    found = [_NOTHING, *in_blocks(lines, Kernel(course, wanted, now).moved, stable=wanted.has_edges)]
    whole = [np.concatenate([getattr(one, field.name) for one in found]) for field in attrs.fields(Moved)]
    names = lines.names(whole[0]).alias(PERSON)
    told: Frame = nw.from_native(pl.DataFrame([names, *map(pl.Series, (MOVED, FROM, TO, BY), whole[1:])]).lazy())
    return told


@attrs.frozen(eq=False)
class Kernel:
    """What finds the moves of a piece."""

    course: Course
    wanted: Wanted
    now: int

    @cached_property
    def ways(self) -> Ways:
        """Where each stage comes to rest."""
        return Ways(self.course)

    def moved(self, block: Block) -> Moved:
        """The moves of some people."""
        piece = Piece(block)
        look = Look(self.course, self.wanted, values_of(self.wanted, piece), piece, self.now)
        return _on_path(look, self.ways) if self.course.is_path else _by_rule(look)


@attrs.frozen(eq=False)
class Look:
    """The instants of some people at which something changes or time may change the stage, in order.

    An instant at which something changes has a number; those at which time may do so stand behind it.
    """

    course: Course
    wanted: Wanted
    values: list[Whole]
    piece: Piece
    now: int

    @cached_property
    def at(self) -> Whole:
        """When something changes."""
        return self.piece.at[self.piece.firsts]

    @cached_property
    def comes_in(self) -> Flags:
        """Whether it is the first time of a person."""
        return self.piece.comes_in[self.piece.firsts]

    @cached_property
    def until(self) -> Whole:
        """Until when what is known then is known."""
        following = np.append(self.at[1:], self.now + 1)
        following[np.append(self.comes_in[1:], False)] = self.now + 1
        return following

    @cached_property
    def _dues(self) -> tuple[Places, Whole]:
        """By what is known at which number time may change the stage, and when."""
        numbers, dues = [np.zeros(0, np.intp)], [np.zeros(0, np.int64)]
        for wait in self.course.waits:
            worked = np.broadcast_to(self._node(wait), self.at.shape)
            number = np.flatnonzero((worked > 0) & (worked < self.until - self.at))
            numbers.append(number)
            dues.append(self.at[number] + worked[number])
        number, due = np.concatenate(numbers), np.concatenate(dues)
        order = np.lexsort((due, number))
        return number[order], due[order]

    @cached_property
    def _order(self) -> Places:
        number, _ = self._dues
        return np.argsort(np.concatenate([np.arange(len(self.at)), number]), kind="stable")

    @cached_property
    def number(self) -> Places:
        """By what is known at which number each instant is judged."""
        return np.concatenate([np.arange(len(self.at)), self._dues[0]])[self._order]

    @cached_property
    def moment(self) -> Whole:
        """Each instant."""
        return np.concatenate([self.at, self._dues[1]])[self._order]

    @cached_property
    def by_time(self) -> Flags:
        """Whether only time may change the stage."""
        return self._order >= len(self.at)

    @cached_property
    def enters(self) -> Flags:
        """Whether each instant is the first of a person."""
        return self.comes_in[self.number] & ~self.by_time

    def _node(self, node: Node) -> Whole:
        return node_of(node, self.read(slice(None), self.at), self.wanted.texts)

    def read(self, numbers: Places | slice, now: Whole) -> Reading:
        """How rules read facts, of these numbers at these instants."""
        plan: Plan = self.wanted.plan

        def read(name: str) -> Whole:
            place, slope = plan.run_places()[name]
            value = self.values[place][numbers]
            if slope == 0:
                return value
            spans: Whole = spans_at(value, slope, now)
            return spans

        return read

    def answers(self, numbers: Places, now: Whole) -> Whole:
        """The stage, or where every stage leads, a digit each."""
        read, texts = self.read(numbers, now), self.wanted.texts
        told = np.zeros(len(now), np.int64)
        for digit, tree in enumerate(self.course.trees):
            told += numbers_of(tree, read, texts, len(now)) * BASE**digit
        return told

    def waited(self, rows: Places) -> Whole:
        """What the rules would have answered at these instants had only time passed."""
        return self.answers(np.maximum(self.number[rows] - 1, 0), self.moment[rows])

    def told(self, rows: Places, start: Whole, to: Whole, by: Whole) -> Moved:
        """Moves at these instants."""
        firsts = self.piece.firsts[self.number[rows]]
        return Moved(self.piece.block.person[firsts], self.moment[rows], start, to, by)

    def refuse(self, row: int, start: int, by: int) -> None:
        """Find what is wrong with a move.

        Raises:
            MoveError: Always.
        """
        number, at = int(self.number[row]), int(self.moment[row])
        values = [int(value[number]) for value in self.values]
        self.course.check(self.course.trail(start, values, at), by, values, at)


def _by_rule(look: Look) -> Moved:
    """The moves of a rule that knows nothing of the stage before."""
    to = look.answers(look.number, look.moment)
    rows = np.flatnonzero(look.enters | np.append(False, to[1:] != to[:-1])[: len(to)])
    enters = look.enters[rows]
    start = np.where(enters, NOBODY, to[rows - 1])
    by = np.where(look.by_time[rows] | (~enters & (look.waited(rows) == to[rows])), BY_TIME, BY_EVENT)
    allowed = np.array(look.course.allowed)
    for row in np.flatnonzero(~enters & ((allowed[start, to[rows]] & by) == 0))[:1]:
        look.refuse(int(rows[row]), int(start[row]), int(by[row]))
    return look.told(rows, start, to[rows], by)


def _on_path(look: Look, ways: Ways) -> Moved:
    """The moves where each stage depends on the one before: walked, row by row."""
    known, way = np.unique(look.answers(look.number, look.moment), return_inverse=True)
    rows = np.flatnonzero(look.enters | np.append(True, way[1:] != way[:-1])[: len(way)])
    settled = [ways[number] for number in known.tolist()]
    start, to = _walk([one.rests for one in settled], way[rows], look.enters[rows], look.course.start or 0)
    moves = np.flatnonzero((start != to) | look.enters[rows])
    rows, start, to = rows[moves], start[moves], to[moves]
    enters = look.enters[rows]
    others, other = np.unique(look.waited(rows), return_inverse=True)
    rests = np.array([ways[number].rests for number in others.tolist()])
    by = np.where(look.by_time[rows] | (~enters & (rests[other, start] == to)), BY_TIME, BY_EVENT)
    missing = np.array([one.missing for one in settled])[way[rows], start]
    for row in np.flatnonzero((to == ENDLESS) | (missing & by != 0))[:1]:
        look.refuse(int(rows[row]), int(start[row]), int(by[row]))
    return look.told(rows, np.where(enters, NOBODY, start), to, by)


def _walk(rests: list[tuple[int, ...]], ways: Places, enters: Flags, first: int) -> tuple[Whole, Whole]:
    """Where each row finds its person, and where it leads them."""
    start, to = list[int](), list[int]()
    here: int = first
    for way, enter in zip(map(int, ways), map(bool, enters), strict=True):
        if enter:
            here = first
        start.append(here)
        here = rests[way][here]
        to.append(here)
    return np.array(start, np.int64), np.array(to, np.int64)
