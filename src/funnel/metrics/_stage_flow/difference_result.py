"""Differences between two rule books: people, transitions with share and time, and stage counts.

Invariants: a rule book does not differ from itself. Swapping the two changes the sign of every difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, Generic

import attrs

from funnel._dataframes.frame_types import PeopleT
from funnel._format import as_html, as_text
from funnel._results import Charted, Rows
from funnel.metrics._display import days, percent
from funnel.metrics._periods import period_label
from funnel.metrics._rate import Rate
from funnel.metrics._stage_flow.stage_flow import StageFlow, TransitionRate, Value


@attrs.frozen
class StageChange:
    """Number of people with one stage by the old rule book and one by the new.

    Attributes:
        old_stage: Stage by the old rule book.
        new_stage: Stage by the new rule book.
        count: Number of people.
    """

    old_stage: Value
    new_stage: Value
    count: int


@attrs.frozen
class TransitionChange:
    """One kind of transition by both rule books: count, share and median time.

    Attributes:
        old: The transition by the old rule book; its count is 0 if it never occurs.
        new: The transition by the new rule book; its count is 0 if it never occurs.
    """

    old: TransitionRate
    new: TransitionRate

    @property
    def more(self) -> int:
        """Return the change of the count; below 0 if the new count is smaller."""
        return self.new.count - self.old.count

    def to_dict(self) -> dict[str, Any]:
        """Return the transition by name, with both shares and their intervals."""
        sides = {"old": self.old.to_dict(), "new": self.new.to_dict()}
        figures = {f"{which}_{name}": side[name] for name in _FIGURES for which, side in sides.items()}
        counts = {"old": self.old.count, "new": self.new.count, "more": self.more}
        return {"from_stage": self.old.from_stage, "to_stage": self.old.to_stage, **counts, **figures}


_FIGURES = ("trials", "value", "ci_lower", "ci_upper", "median")


def _row(one: TransitionChange) -> Sequence[object]:
    shares = ["" if side.rate is None else percent(side.rate.value) for side in (one.old, one.new)]
    spans = ["" if side.median is None else days(side.median) for side in (one.old, one.new)]
    start = "(new)" if one.old.from_stage is None else one.old.from_stage
    counts = [f"{one.old.count:,}", f"{one.new.count:,}", f"{one.more:+,}"]
    return [f"{start} -> {one.old.to_stage}", *counts, _both(shares), _both(spans)]


def _both(sides: Sequence[str]) -> str:
    """Return both texts, or one text if both are the same."""
    old, new = sides
    return old if old == new else f"{old or 'none'} -> {new or 'none'}"


@attrs.frozen
class StageCountChange:
    """Number of people in a stage at the end of a period, by both rule books.

    Attributes:
        start: First day of the period, in the shop's zone.
        is_partial: Whether the period was not over. Its end is then `as_of`.
        stage: The stage.
        old: Number of people by the old rule book.
        new: Number of people by the new rule book.
    """

    start: date
    is_partial: bool
    stage: Value
    old: int
    new: int

    @property
    def more(self) -> int:
        """Return the change of the number of people; below 0 if there are fewer."""
        return self.new - self.old

    def to_dict(self) -> dict[str, Any]:
        """Return the stage count by name."""
        return {**attrs.asdict(self), "more": self.more}


@attrs.frozen
class StageDifference(Charted, Rows, Generic[PeopleT]):
    """Result of `stage_difference`: what a new rule book changes, up to an instant.

    Attributes:
        as_of: The evaluation time.
        changes: Number of people whose stage differs at `as_of`, by the stages of both rule books.
        unchanged: Number of people whose stage is the same.
        ever: Number of people whose stage differed at any time.
        old: The stage flow by the old rule book.
        new: The stage flow by the new rule book, in the same periods.
        people: All people whose stage differed at any time: `person_id`, `differs_from` (the first instant of a
            difference), `old_stage` and `new_stage` at `as_of`. A dataframe of the same type as the logs; a list of
            rows for histories.
    """

    as_of: datetime
    changes: tuple[StageChange, ...]
    unchanged: int
    ever: int
    old: StageFlow
    new: StageFlow
    people: PeopleT = attrs.field(eq=False, repr=False)

    _CHART = "stages.difference"

    @property
    def stages(self) -> tuple[Value, ...]:
        """Return the distinct stages of both rule books."""
        return tuple(dict.fromkeys([*self.old.stages, *self.new.stages]))

    @property
    def transitions(self) -> tuple[TransitionChange, ...]:
        """Return every kind of transition that either makes, in the order of the stages."""
        kinds = {(one.from_stage, one.to_stage) for flow in (self.old, self.new) for one in flow.transitions}
        positions = {stage: position for position, stage in enumerate([None, *self.stages])}
        ordered = sorted(kinds, key=lambda pair: (positions[pair[0]], positions[pair[1]]))
        return tuple(TransitionChange(_transition(self.old, *pair), _transition(self.new, *pair)) for pair in ordered)

    @property
    def stage_counts(self) -> tuple[StageCountChange, ...]:
        """Return the people in each stage at the end of each period, by both rule books."""
        return tuple(
            StageCountChange(old.start, old.is_partial, stage, old.people.get(stage, 0), new.people.get(stage, 0))
            for old, new in zip(self.old, self.new, strict=True)
            for stage in self.stages
        )

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one row per kind of transition, ready for a dataframe."""
        return [one.to_dict() for one in self.transitions]

    def _title(self) -> str:
        changed = sum(one.count for one in self.changes)
        return (
            f"{changed:,} of {changed + self.unchanged:,} people are in another stage, {self.ever:,} were at some time"
        )

    def _tables(self) -> Iterator[tuple[Sequence[str], Sequence[Sequence[object]]]]:
        yield _TRANSITION_HEAD, [_row(one) for one in self.transitions]
        rows: Sequence[Sequence[object]] = [
            [_period(self.old, one), one.stage, f"{one.old:,}", f"{one.new:,}", f"{one.more:+,}"]
            for one in self.stage_counts
            if one.more
        ]
        if rows:
            yield _STAGE_HEAD, rows

    def __str__(self) -> str:
        """Return changed people, all transitions and changed stage counts as text."""
        lines = [f"{one.count:,} from {one.old_stage} to {one.new_stage}" for one in self.changes]
        tables = [as_text(head, rows) for head, rows in self._tables()]
        return "\n\n".join(["\n".join([self._title(), *lines]), *tables])

    def _html(self) -> str:
        first, *others = self._tables()
        return as_html(*first, above=self._title()) + "".join(as_html(*one) for one in others)


_TRANSITION_HEAD = ("transition", "old", "new", "more", "of spells", "median time before")
_STAGE_HEAD = ("period", "stage", "old", "new", "more")


def _period(flow: StageFlow, one: StageCountChange) -> str:
    return f"{period_label(one.start, flow.period)}{'*' * one.is_partial}"


def _transition(flow: StageFlow, start: Value | None, to: Value) -> TransitionRate:
    """Return all transitions of a kind; count 0 if there are none."""
    for one in flow.transitions:
        if (one.from_stage, one.to_stage) == (start, to):
            return one
    return TransitionRate(start, to, 0, 0, None if start is None else Rate(0, flow.spells(start)), None)
