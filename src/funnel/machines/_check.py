"""Static checks of a machine: reachability, traps, overlaps, table.

Each possible path of a rule has a witness: example facts that lead there. The check lets time pass from each witness.
For transitions by events, the witnesses are synthetic people with a few records (`explore`). Every problem found is
real. A check without findings does not cover longer histories, whose transitions are checked when they happen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import attrs

from funnel._expr.explain import paths
from funnel._expr.nodes import Value
from funnel._expr.solver import witness
from funnel._time import LATEST, held_at
from funnel.errors import TransitionError
from funnel.machines._compiled import BY_EVENT, BY_TIME, CompiledMachine, dues
from funnel.machines._explore import explore

_NOW = 0
"""Any instant works for witnesses: their spans are relative to it."""


@attrs.frozen
class MachineCheck:
    """Problems of a machine; each is a sentence with the facts that show it.

    Attributes:
        unreachable: Stages that no path of the rule leads to.
        traps: Stages without exit, by the table or by the rule; some are intended.
        overlapping: Stages that lead to each other for the same facts, so nobody comes to rest.
        forbidden: Transitions that the rule makes and the table does not have.
    """

    unreachable: tuple[str, ...]
    traps: tuple[str, ...]
    overlapping: tuple[str, ...]
    forbidden: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Whether the check found no unreachable, overlapping or forbidden case.

        Forbidden means a transition that is not in the table. Traps do not count.
        """
        return not (self.unreachable or self.overlapping or self.forbidden)

    def __str__(self) -> str:
        """Return one line for each problem."""
        lines = (
            *(f"nobody can come to {one}" for one in self.unreachable),
            *(f"nobody leaves {one}" for one in self.traps),
            *self.overlapping,
            *self.forbidden,
        )
        return "\n".join(lines) or "nothing is odd"


def check_machine(course: CompiledMachine) -> MachineCheck:
    """Check every possible path of the rules."""
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


def _values(course: CompiledMachine, found: Mapping[str, Value]) -> list[Value]:
    """Return the values for these facts; other facts are unknown."""
    values = list(course.plan.empties)
    for name, value in found.items():
        place, slope = course.plan.run_places()[name]
        values[place] = value if isinstance(value, str) or not slope else held_at(value, slope, _NOW)
    return values


class _Look:
    """Collected transitions and problems, witness by witness."""

    def __init__(self, course: CompiledMachine) -> None:
        self.course = course
        self.steps: set[tuple[int, int]] = set()
        self.overlapping: dict[str, None] = {}
        self.forbidden: list[str] = []
        self.told: dict[tuple[int, int], int] = {}

    def follow(self, here: int, values: Sequence[Value]) -> None:
        """Follow the rule from a witness, and then over time."""
        course = self.course
        if course.is_path:
            self.steps.add((here, course.step(here, values, _NOW)))
        try:
            trail = course.trail(here if course.is_path else None, values, _NOW)
            self._keep(trail, BY_EVENT | BY_TIME, values, _NOW)
            for due in dues(course, values, _NOW, LATEST):
                trail = course.trail(trail[-1], values, due)
                self._keep(trail, BY_TIME, values, due)
        except TransitionError as error:
            self.overlapping[str(error)] = None

    def meet(self) -> None:
        """Follow synthetic people; skip this if stages overlap.

        With overlapping stages, the replay never ends.
        """
        course = self.course
        try:
            for one in () if self.overlapping else explore(course):
                trail = course.trail(one.step.before, one.values, one.step.at)
                self._keep(trail, one.step.by, one.values, one.step.at, f", as by: {one}")
        except TransitionError as error:
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
        """Return the stages that no path leads to."""
        start, numbers = self.course.start, range(len(self.course.stages))
        if start is None:
            return [number for number in numbers if not any(to == number for _, to in self.steps)]
        reached = {start}
        while more := {to for one, to in self.steps if one in reached} - reached:
            reached |= more
        return [number for number in numbers if number not in reached]

    def traps(self) -> list[int]:
        """Return the stages with an empty row.

        For a path-dependent machine, include the stages that no path of the rule leaves.
        """
        left = {start for start, to in self.steps if start != to}
        rows = enumerate(self.course.allowed)
        return [number for number, row in rows if not any(row) or (self.course.is_path and number not in left)]
