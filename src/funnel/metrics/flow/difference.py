"""What two rule books differ in: people, moves with their share and their time, and how many stand where.

Law: a rule book differs from itself in nobody; turned around, each difference has the other sign.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

import attrs

from funnel.metrics._periods import written
from funnel.metrics._shown import as_html, as_text, days, percent
from funnel.metrics.flow.result import StageFlow, Transition, Value
from funnel.metrics.rate import Rate


@attrs.frozen
class StageChange:
    """How many people stand in one stage by the old rule book, and in another by the new one.

    Attributes:
        old_stage: Where they stand by the old one.
        new_stage: Where they stand by the new one.
        count: How many people.
    """

    old_stage: Value
    new_stage: Value
    count: int


@attrs.frozen
class MoveChange:
    """One kind of move by both rule books: how often, of how many spells, and after how long.

    Attributes:
        old: The move as it was made by the old one; made never, if it was not.
        new: The move as it was made by the new one.
    """

    old: Transition
    new: Transition

    @property
    def more(self) -> int:
        """How much more often the new rule book makes it; less than 0 where less often."""
        return self.new.count - self.old.count

    def to_dict(self) -> dict[str, Any]:
        """The move by name, with both shares and their intervals."""
        sides = {"old": self.old.to_dict(), "new": self.new.to_dict()}
        told = {f"{which}_{name}": side[name] for name in _TOLD for which, side in sides.items()}
        counts = {"old": self.old.count, "new": self.new.count, "more": self.more}
        return {"from_stage": self.old.from_stage, "to_stage": self.old.to_stage, **counts, **told}


_TOLD = ("among", "value", "low", "high", "median")


def _row(one: MoveChange) -> Sequence[object]:
    shares = ["" if side.rate is None else percent(side.rate.value) for side in (one.old, one.new)]
    spans = ["" if side.median is None else days(side.median) for side in (one.old, one.new)]
    start = "(new)" if one.old.from_stage is None else one.old.from_stage
    counts = [f"{one.old.count:,}", f"{one.new.count:,}", f"{one.more:+,}"]
    return [f"{start} -> {one.old.to_stage}", *counts, _both(shares), _both(spans)]


def _both(sides: Sequence[str]) -> str:
    """What both say; once where it is the same."""
    old, new = sides
    return old if old == new else f"{old or 'none'} -> {new or 'none'}"


@attrs.frozen
class StandingChange:
    """How many people stood in a stage at the end of a period, by both rule books.

    Attributes:
        start: The first day of the period, by the shop's clock.
        is_partial: Whether it was not over; then its end is `as_of`.
        stage: The stage.
        old: How many people by the old one.
        new: How many people by the new one.
    """

    start: date
    is_partial: bool
    stage: Value
    old: int
    new: int

    @property
    def more(self) -> int:
        """How many people more by the new one; less than 0 where there are fewer."""
        return self.new - self.old

    def to_dict(self) -> dict[str, Any]:
        """The standing by name."""
        return {**attrs.asdict(self), "more": self.more}


@attrs.frozen
class StageDifference:
    """What a new rule book changes, up to an instant.

    Attributes:
        as_of: The instant of judgement.
        changes: Who stands elsewhere at the instant, by the stages of both.
        unchanged: How many people stand where they stood.
        ever: How many people stood elsewhere at any time.
        old: The flow by the old rule book.
        new: The flow by the new one, by the same periods.
        people: Everyone who stood elsewhere at any time: `person_id`, `differs_from` (the first instant at which they
            did), `old_stage` and `new_stage` at `as_of`. A frame of the logs' kind; of histories a list of rows.
    """

    as_of: datetime
    changes: tuple[StageChange, ...]
    unchanged: int
    ever: int
    old: StageFlow
    new: StageFlow
    people: Any = attrs.field(eq=False, repr=False)

    @property
    def stages(self) -> tuple[Value, ...]:
        """The stages of both rule books, each once."""
        return tuple(dict.fromkeys([*self.old.stages, *self.new.stages]))

    @property
    def moves(self) -> tuple[MoveChange, ...]:
        """Every kind of move that either makes, in the order of the stages."""
        made = {(one.from_stage, one.to_stage) for flow in (self.old, self.new) for one in flow.transitions}
        places = {stage: place for place, stage in enumerate([None, *self.stages])}
        ordered = sorted(made, key=lambda pair: (places[pair[0]], places[pair[1]]))
        return tuple(MoveChange(_made(self.old, *pair), _made(self.new, *pair)) for pair in ordered)

    @property
    def standing(self) -> tuple[StandingChange, ...]:
        """How many people stood in each stage at the end of each period; the periods of both are the same."""
        return tuple(
            StandingChange(old.start, old.is_partial, stage, old.standing.get(stage, 0), new.standing.get(stage, 0))
            for old, new in zip(self.old, self.new, strict=True)
            for stage in self.stages
        )

    def to_dicts(self) -> list[dict[str, Any]]:
        """A row a kind of move, as a dataframe takes them."""
        return [one.to_dict() for one in self.moves]

    def _said(self) -> str:
        moved = sum(one.count for one in self.changes)
        return f"{moved:,} of {moved + self.unchanged:,} people stand elsewhere, {self.ever:,} did at some time"

    def _tables(self) -> Iterator[tuple[Sequence[str], Sequence[Sequence[object]]]]:
        yield _MOVES, [_row(one) for one in self.moves]
        rows: Sequence[Sequence[object]] = [
            [_period(self.old, one), one.stage, f"{one.old:,}", f"{one.new:,}", f"{one.more:+,}"]
            for one in self.standing
            if one.more
        ]
        if rows:
            yield _STANDING, rows

    def __str__(self) -> str:
        """Write who stands elsewhere, every kind of move, and where more or fewer people stood."""
        lines = [f"{one.count:,} from {one.old_stage} to {one.new_stage}" for one in self.changes]
        tables = [as_text(head, rows) for head, rows in self._tables()]
        return "\n\n".join(["\n".join([self._said(), *lines]), *tables])

    def _repr_html_(self) -> str:
        first, *others = self._tables()
        return as_html(*first, above=self._said()) + "".join(as_html(*one) for one in others)


_MOVES = ("move", "old", "new", "more", "of its spells", "median time before")
_STANDING = ("period", "stage", "old", "new", "more")


def _period(flow: StageFlow, one: StandingChange) -> str:
    return f"{written(one.start, flow.period)}{'*' * one.is_partial}"


def _made(flow: StageFlow, start: Value | None, to: Value) -> Transition:
    """All moves of a kind, or that there were none."""
    for one in flow.transitions:
        if (one.from_stage, one.to_stage) == (start, to):
            return one
    return Transition(start, to, 0, 0, None if start is None else Rate(0, flow.spells(start)), None)
