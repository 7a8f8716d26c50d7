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
from funnel._time import LATEST, instant_at
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
        overlapping: Stages that lead to each other for the same facts, so the stage never stays the same.
        forbidden: Transitions that the rule makes and the table does not have.
    """

    unreachable: tuple[str, ...]
    traps: tuple[str, ...]
    overlapping: tuple[str, ...]
    forbidden: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """True without unreachable stages, overlapping stages and forbidden transitions.

        Traps do not count.
        """
        return not (self.unreachable or self.overlapping or self.forbidden)

    def __str__(self) -> str:
        """Return one line for each problem."""
        lines = (
            *(f"no path leads to {one}" for one in self.unreachable),
            *(f"no path leaves {one}" for one in self.traps),
            *self.overlapping,
            *self.forbidden,
        )
        return "\n".join(lines) or "no problems found"


def check_machine(compiled: CompiledMachine) -> MachineCheck:
    """Check every possible path of the rules."""
    findings = _Findings(compiled)
    for number, tree in enumerate(compiled.trees):
        for facts in [one for one in map(witness, paths(tree)) if one is not None]:
            findings.follow(number, _values(compiled, facts))
    findings.meet()
    return MachineCheck(
        tuple(compiled.words([number]) for number in findings.unreachable()),
        tuple(compiled.words([number]) for number in findings.traps()),
        tuple(findings.overlapping),
        tuple(findings.forbidden),
    )


def _values(compiled: CompiledMachine, facts: Mapping[str, Value]) -> list[Value]:
    """Return the values for these facts; other facts are unknown."""
    values = list(compiled.plan.empties)
    for name, value in facts.items():
        index, slope = compiled.plan.run_indices()[name]
        values[index] = value if isinstance(value, str) or not slope else instant_at(value, slope, _NOW)
    return values


class _Findings:
    """Collected transitions and problems, witness by witness."""

    def __init__(self, compiled: CompiledMachine) -> None:
        self.compiled = compiled
        self.steps: set[tuple[int, int]] = set()
        self.overlapping: dict[str, None] = {}
        self.forbidden: list[str] = []
        self.reported: dict[tuple[int, int], int] = {}

    def follow(self, here: int, values: Sequence[Value]) -> None:
        """Follow the rule from a witness, and then over time."""
        compiled = self.compiled
        if compiled.is_path:
            self.steps.add((here, compiled.step(here, values, _NOW)))
        try:
            trail = compiled.trail(here if compiled.is_path else None, values, _NOW)
            self._keep(trail, BY_EVENT | BY_TIME, values, _NOW)
            for due in dues(compiled, values, _NOW, LATEST):
                trail = compiled.trail(trail[-1], values, due)
                self._keep(trail, BY_TIME, values, due)
        except TransitionError as error:
            self.overlapping[str(error)] = None

    def meet(self) -> None:
        """Follow synthetic people; skip this if stages overlap.

        With overlapping stages, the replay never ends.
        """
        compiled = self.compiled
        try:
            for one in () if self.overlapping else explore(compiled):
                trail = compiled.trail(one.step.before, one.values, one.step.at)
                self._keep(trail, one.step.by, one.values, one.step.at, f"; records: {one}")
        except TransitionError as error:
            self.overlapping[str(error)] = None

    def _keep(self, trail: Sequence[int], by: int, values: Sequence[Value], now: int, records: str = "") -> None:
        self.steps.update([(trail[0], trail[0]), *pairwise(trail)])
        for pair in pairwise(trail):
            reported = self.reported.get(pair, 0)
            if by & ~reported and not self.compiled.may(*pair, by):
                self.reported[pair] = reported | by
                self.forbidden.append(
                    f"{self._message(*pair, by)} (facts: {self.compiled.witness(values, now)}{records})"
                )

    def _message(self, start: int, to: int, by: int) -> str:
        cause = {BY_EVENT: "an event", BY_TIME: "time"}.get(by, "an event or time")
        start_text, to_text = self.compiled.words([start]), self.compiled.words([to])
        return f"the rule moves a person from {start_text} to {to_text} by {cause}, which the table does not allow"

    def unreachable(self) -> list[int]:
        """Return the stages that no path leads to."""
        start, numbers = self.compiled.start, range(len(self.compiled.stages))
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
        exited = {start for start, to in self.steps if start != to}
        rows = enumerate(self.compiled.allowed)
        return [number for number, row in rows if not any(row) or (self.compiled.is_path and number not in exited)]
