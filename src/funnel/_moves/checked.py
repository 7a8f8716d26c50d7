"""What is odd about a machine, found before anybody walks it: by one person for each way through its rules.

A way through a rule that somebody can take has a witness: facts that lead there. From each witness time is let run. Of
moves by events the witnesses are made-up people with a few records (`searched`). So what is found is real; that nothing
is found proves nothing of longer histories, whose moves are checked as they are made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import attrs

from funnel._instants import LATEST, held_at
from funnel._lift.nodes import Value
from funnel._lift.paths import paths
from funnel._lift.witness import witness
from funnel._moves.course import BY_EVENT, BY_TIME, Course, dues
from funnel._moves.searched import seen
from funnel.errors import MoveError

_NOW = 0
"""Witnesses are judged at any instant: their spans are counted from it."""


@attrs.frozen
class MachineCheck:
    """What is odd about a machine; each is told in a sentence, with the facts that show it.

    Attributes:
        unreachable: Stages that no way through the rule leads to.
        traps: Stages that nobody leaves, by the table or by the rule; some are meant.
        overlapping: Stages that hold of the same facts, so that nobody would rest in any of them.
        forbidden: Moves that the rule makes and the table has not.
    """

    unreachable: tuple[str, ...]
    traps: tuple[str, ...]
    overlapping: tuple[str, ...]
    forbidden: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Whether every stage can be reached, no stages overlap, and no move was found that the table has not."""
        return not (self.unreachable or self.overlapping or self.forbidden)

    def __str__(self) -> str:
        """Write a line for each."""
        lines = (
            *(f"nobody can come to {one}" for one in self.unreachable),
            *(f"nobody leaves {one}" for one in self.traps),
            *self.overlapping,
            *self.forbidden,
        )
        return "\n".join(lines) or "nothing is odd"


def checked(course: Course) -> MachineCheck:
    """Look at every way through the rules that somebody can take."""
    look = _Look(course)
    for number, tree in enumerate(course.trees):
        for found in [one for one in map(witness, paths(tree)) if one is not None]:
            look.follow(number, _values(course, found))
    look.meet()
    return MachineCheck(
        tuple(course.words([number]) for number in look.unreachable()),
        tuple(course.words([number]) for number in look.traps()),
        tuple(look.overlapping),
        tuple(look.forbidden),
    )


def _values(course: Course, found: Mapping[str, Value]) -> list[Value]:
    """The values from which these facts are read; of others nothing is known."""
    values = list(course.plan.empties)
    for name, value in found.items():
        place, slope = course.plan.run_places()[name]
        values[place] = value if isinstance(value, str) or not slope else held_at(value, slope, _NOW)
    return values


class _Look:
    """What is found, witness by witness: every step of a way, and what is odd."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.steps: set[tuple[int, int]] = set()
        self.overlapping: dict[str, None] = {}
        self.forbidden: list[str] = []
        self.told: dict[tuple[int, int], int] = {}

    def follow(self, here: int, values: Sequence[Value]) -> None:
        """Go where the rule leads, and on with time."""
        course = self.course
        if course.is_path:
            self.steps.add((here, course.step(here, values, _NOW)))
        try:
            trail = course.trail(here if course.is_path else None, values, _NOW)
            self._keep(trail, BY_EVENT | BY_TIME, values, _NOW)
            for due in dues(course, values, _NOW, LATEST):
                trail = course.trail(trail[-1], values, due)
                self._keep(trail, BY_TIME, values, due)
        except MoveError as error:
            self.overlapping[str(error)] = None

    def meet(self) -> None:
        """Look at what made-up people do; where stages overlap, they would never rest."""
        course = self.course
        try:
            for one in () if self.overlapping else seen(course):
                trail = course.trail(one.step.before, one.values, one.step.at)
                self._keep(trail, one.step.by, one.values, one.step.at, f", as by: {one}")
        except MoveError as error:
            self.overlapping[str(error)] = None

    def _keep(self, trail: Sequence[int], by: int, values: Sequence[Value], now: int, who: str = "") -> None:
        self.steps.update([(trail[0], trail[0]), *pairwise(trail)])
        for pair in pairwise(trail):
            told = self.told.get(pair, 0)
            if by & ~told and not self.course.may(*pair, by):
                self.told[pair] = told | by
                self.forbidden.append(f"{self._said(*pair, by)}, where {self.course.witness(values, now)}{who}")

    def _said(self, start: int, to: int, by: int) -> str:
        what = {BY_EVENT: "an event", BY_TIME: "time"}.get(by, "an event or time")
        start_words, to_words = self.course.words([start]), self.course.words([to])
        return f"the rule moves somebody from {start_words} to {to_words} by {what}, which the table has not"

    def unreachable(self) -> list[int]:
        """The stages that no way leads to."""
        start, numbers = self.course.start, range(len(self.course.stages))
        if start is None:
            return [number for number in numbers if not any(to == number for _, to in self.steps)]
        reached = {start}
        while more := {to for one, to in self.steps if one in reached} - reached:
            reached |= more
        return [number for number in numbers if number not in reached]

    def traps(self) -> list[int]:
        """The stages with an empty row; of a path, those from which no way leads elsewhere too."""
        left = {start for start, to in self.steps if start != to}
        rows = enumerate(self.course.allowed)
        return [number for number, row in rows if not any(row) or (self.course.is_path and number not in left)]
