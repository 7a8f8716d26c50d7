"""Everyone's stages where the next depends on the present one: each row says where every stage leads, and is walked.

Where every stage leads is one whole number, a digit for each stage. People who rest where a row leads them rest there
until the next row, so a row is settled once, for all stages: each is followed until it leads to itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import attrs

from funnel._moves.course import BY_EVENT, BY_TIME, Course
from funnel._moves.table import MOST_STAGES

BASE = MOST_STAGES
"""A digit has room for every stage."""

MOVED, FROM, TO, BY = "moved_at", "_from", "_to", "_by"
NOBODY = -1
"""The number of no stage: where who comes in stood before."""

ENDLESS = -2
"""Where a stage leads that leads round and round."""


@attrs.frozen
class Settled:
    """Where each stage comes to rest, and by what causes the table has not every move on the way there, in bits."""

    rests: tuple[int, ...]
    missing: tuple[int, ...]


class Ways(dict[int, Settled]):
    """Where each stage comes to rest, by the number that says where each leads."""

    def __init__(self, course: Course) -> None:
        """Settle for a machine."""
        super().__init__()
        self.course = course

    def __missing__(self, number: int) -> Settled:
        """Settle a number, once."""
        onward = [number // BASE**digit % BASE for digit in range(len(self.course.stages))]
        trails = [self._trail(stage, onward) for stage in range(len(onward))]
        rests = tuple(trail[-1] if onward[trail[-1]] == trail[-1] else ENDLESS for trail in trails)
        self[number] = Settled(rests, tuple(map(self._missing, trails)))
        return self[number]

    @staticmethod
    def _trail(stage: int, onward: Sequence[int]) -> list[int]:
        trail = [stage]
        while (there := onward[trail[-1]]) not in trail:
            trail.append(there)
        return trail

    def _missing(self, trail: Sequence[int]) -> int:
        course, missing = self.course, 0
        for start, to in pairwise(trail):
            missing |= (BY_EVENT | BY_TIME) & ~course.allowed[start][to]
        return missing


def walked(course: Course, rows: Mapping[str, list[Any]], names: Sequence[str]) -> dict[str, list[int]]:
    """Walk rows in order of people and instants: of each where they stood, where they stand then, and by what.

    Raises:
        MoveError: The table has not a move that is made, or stages lead to each other without end.
    """
    ways, person, here = Ways(course), object(), NOBODY
    told: dict[str, list[int]] = {FROM: [], TO: [], BY: []}
    columns = zip(rows["person_id"], rows["_turn"], rows["_answer"], rows["_waited"], strict=True)
    for place, (one, turn, answer, waited) in enumerate(columns):
        if one != person:
            person, here = one, NOBODY
        start = course.start if here == NOBODY else here
        assert start is not None
        way = ways[answer]
        to = way.rests[start]
        by = BY_TIME if turn or (here != NOBODY and ways[waited].rests[start] == to) else BY_EVENT
        if to != here and (to == ENDLESS or way.missing[start] & by):
            values = [rows[name][place] for name in names]
            trail = course.trail(start, values, rows[MOVED][place])
            course.check(trail, by, values, rows[MOVED][place])
        told[FROM].append(here)
        told[TO].append(to)
        told[BY].append(by)
        here = to
    return told
