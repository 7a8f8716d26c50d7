"""The moves that were made: of everyone, where the data are, or of people one by one.

Law: the moves of a person count alike, whether they are told from their history or from everyone's logs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import median_low
from typing import TYPE_CHECKING

import attrs
import narwhals as nw

from funnel._computing import collected
from funnel._frames import Frame, Home, kept, laid_down
from funnel._lift.columns import whole
from funnel._moves.many import moved_over
from funnel._moves.one import Step, steps_of
from funnel._moves.walked import BY, FROM, MOVED, NOBODY, TO
from funnel._people import histories_of
from funnel._reduce.aggregates import PERSON
from funnel.history import History

if TYPE_CHECKING:
    from funnel._moves.course import Course
    from funnel.logs import Logs
    from funnel.metrics._periods import Periods

Pair = tuple[int, int]
"""From and to, by the numbers of stages."""

Counts = Sequence[tuple[int, int, int, int, int]]
"""Place of the period, from, to, by what, how often."""


class Made(ABC):
    """The moves that were made up to an instant."""

    @abstractmethod
    def first(self) -> int | None:
        """When the first was made; None where none was."""

    @abstractmethod
    def counts(self, periods: Periods) -> Counts:
        """How often each move was made, by period and cause."""

    @abstractmethod
    def medians(self) -> Mapping[Pair, int]:
        """How long the spells lasted that ended in each move: the median, in microseconds, of two the shorter."""


@attrs.frozen
class MadeByAll(Made):
    """The moves of everyone, as a frame of where the data are."""

    moved: Frame
    home: Home

    @classmethod
    def of(cls, course: Course, logs: Logs, now: int) -> MadeByAll:
        """Find them."""
        moved, home = moved_over(course, logs, now)
        return cls(kept(laid_down(moved)), home)

    def first(self) -> int | None:
        """When the first was made; None where none was."""
        at = collected(self.moved.select(nw.col(MOVED).min())).to_dict(as_series=False)[MOVED][0]
        return None if at is None else int(at)

    def counts(self, periods: Periods) -> Counts:
        """How often each move was made, by period and cause."""
        placed = self.moved.with_columns(_place=periods.place_column(MOVED))
        counted = collected(placed.group_by("_place", FROM, TO, BY).agg(nw.len().alias("_count")))
        names = ("_place", FROM, TO, BY, "_count")
        return [tuple(map(int, row)) for row in counted.select(*names).rows()]  # type: ignore[misc]

    def medians(self) -> Mapping[Pair, int]:
        """How long the spells lasted that ended in each move."""
        began = nw.col(MOVED).shift(1).over(PERSON, order_by=MOVED)
        left = self.moved.with_columns(_began=began).filter(nw.col(FROM) != NOBODY)
        lasted = left.select(PERSON, MOVED, FROM, TO, _lasted=(nw.col(MOVED) - nw.col("_began")).cast(nw.Int64()))
        turned = lasted.with_columns(_turn=whole(1))
        turned = turned.with_columns(nw.col("_turn").cum_sum().over(FROM, TO, order_by=["_lasted", PERSON, MOVED]))
        among = lasted.group_by(FROM, TO).agg(nw.len().alias("_among"))
        middle = turned.join(among, on=[FROM, TO], how="inner").filter(nw.col("_turn") == (nw.col("_among") + 1) // 2)
        rows = collected(middle.select(FROM, TO, "_lasted")).rows()
        return {(int(start), int(to)): int(lasted) for start, to, lasted in rows}


@attrs.frozen
class MadeByEach(Made):
    """The moves of people one by one, those of each in order."""

    people: Sequence[tuple[str, Sequence[Step]]]

    @classmethod
    def of(cls, course: Course, people: Iterable[History], now: int) -> MadeByEach:
        """Find them."""
        return cls([(one.person_id, tuple(steps_of(course, one.ledger, now))) for one in people])

    def _steps(self) -> Iterator[Step]:
        return (step for _, steps in self.people for step in steps)

    def first(self) -> int | None:
        """When the first was made; None where none was."""
        return min((step.at for step in self._steps()), default=None)

    def counts(self, periods: Periods) -> Counts:
        """How often each move was made, by period and cause."""
        made = ((periods.place(step.at), start_of(step), step.to, step.by) for step in self._steps())
        return [(*which, count) for which, count in Counter(made).items()]

    def medians(self) -> Mapping[Pair, int]:
        """How long the spells lasted that ended in each move."""
        lasted: dict[Pair, list[int]] = {}
        for _, steps in self.people:
            for before, step in pairwise(steps):
                lasted.setdefault((before.to, step.to), []).append(step.at - before.at)
        return {pair: median_low(spans) for pair, spans in lasted.items()}


def start_of(step: Step) -> int:
    """The number of the stage that was left; that of none of who comes in."""
    return NOBODY if step.before is None else step.before


def each_of(people: object) -> Sequence[History]:
    """People one by one."""
    return histories_of(people)
