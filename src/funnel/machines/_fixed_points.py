"""Fixed points of path-dependent machines: final stage by present stage.

One integer encodes the next stage of every stage, with a digit for each. A person who reaches a final stage stays there
until the next row. Each row is therefore resolved once for all stages: each stage is followed until it leads to itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import attrs

from funnel.machines._compiled import BY_EVENT, BY_TIME, CompiledMachine
from funnel.machines._table import MOST_STAGES

BASE = MOST_STAGES
"""Base of the digits: each digit can hold every stage."""

MOVED, FROM, TO, BY = "transitioned_at", "_from", "_to", "_by"
NOBODY = -1
"""The number of no stage, before an arrival."""

CYCLE = -2
"""The final stage of a stage that leads into a cycle."""


@attrs.frozen
class Resolved:
    """Final stage of each stage.

    `missing` has, as bits, the causes for which a transition on the way is not in the table.
    """

    rests: tuple[int, ...]
    missing: tuple[int, ...]


class FixedPoints(dict[int, Resolved]):
    """Cache of final stages, by the integer of the next stages."""

    def __init__(self, compiled: CompiledMachine) -> None:
        """Create the cache for a machine."""
        super().__init__()
        self.compiled = compiled

    def __missing__(self, number: int) -> Resolved:
        """Resolve an integer once."""
        next_stage = [number // BASE**digit % BASE for digit in range(len(self.compiled.stages))]
        trails = [self._trail(stage, next_stage) for stage in range(len(next_stage))]
        rests = tuple(trail[-1] if next_stage[trail[-1]] == trail[-1] else CYCLE for trail in trails)
        self[number] = Resolved(rests, tuple(map(self._missing, trails)))
        return self[number]

    @staticmethod
    def _trail(stage: int, next_stage: Sequence[int]) -> list[int]:
        trail = [stage]
        while (there := next_stage[trail[-1]]) not in trail:
            trail.append(there)
        return trail

    def _missing(self, trail: Sequence[int]) -> int:
        compiled, missing = self.compiled, 0
        for start, to in pairwise(trail):
            missing |= (BY_EVENT | BY_TIME) & ~compiled.allowed[start][to]
        return missing


def fixed_points(
    compiled: CompiledMachine, rows: Mapping[str, list[Any]], names: Sequence[str]
) -> dict[str, list[int]]:
    """Return stage before, stage after and cause for each row.

    Rows must be sorted by person and instant.

    Raises:
        TransitionError: A transition is not in the table, or the stages form a cycle.
    """
    resolved, person, here = FixedPoints(compiled), object(), NOBODY
    result: dict[str, list[int]] = {FROM: [], TO: [], BY: []}
    columns = zip(rows["person_id"], rows["_turn"], rows["_answer"], rows["_waited"], strict=True)
    for row, (one, delay_number, answer, waited) in enumerate(columns):
        if one != person:
            person, here = one, NOBODY
        start = compiled.start if here == NOBODY else here
        assert start is not None
        step = resolved[answer]
        to = step.rests[start]
        by = BY_TIME if delay_number or (here != NOBODY and resolved[waited].rests[start] == to) else BY_EVENT
        if to != here and (to == CYCLE or step.missing[start] & by):
            values = [rows[name][row] for name in names]
            trail = compiled.trail(start, values, rows[MOVED][row])
            compiled.check(trail, by, values, rows[MOVED][row])
        result[FROM].append(here)
        result[TO].append(to)
        result[BY].append(by)
        here = to
    return result
