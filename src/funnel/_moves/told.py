"""What is told of one person: their moves, their spells, and where they stood on any past day."""

from __future__ import annotations

import html
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Generic

import attrs

from funnel._given import judgement
from funnel._instants import micros
from funnel._lift.paths import Why
from funnel._moves.table import Cause, S
from funnel._tables import shown
from funnel.errors import InstantError


@attrs.frozen
class Move(Generic[S]):
    """One change of stage, at its exact instant, with what brought it about.

    Attributes:
        moved_at: When, to the microsecond.
        from_stage: Where they stood until then; None for who comes in.
        to_stage: Where they stand from then on.
        cause: An event or time. What time had done in any case at that instant is by time.
        record_kind: The kind of the record that brought it about; None where time did.
        record_source: Where that record came from; None where the kind has none.
        record_id: Its id there; None where the kind has none.
        is_return: Whether it brings back somebody who was lost (won back), which is not the same as new.
    """

    moved_at: datetime
    from_stage: S | None
    to_stage: S
    cause: Cause
    record_kind: str | None = None
    record_source: str | None = None
    record_id: str | None = None
    is_return: bool = False
    _ask: Callable[[], Why] = attrs.field(alias="ask", eq=False, repr=False, kw_only=True)

    @cached_property
    def why(self) -> Why:
        """The answer of the rule at that instant, with the conditions that decided it; worked out when it is read."""
        return self._ask()

    def to_dict(self) -> dict[str, Any]:
        """The move by the names of the columns that `moves.over` gives."""
        told = attrs.asdict(self, filter=lambda field, _: field.name != "_ask")
        return {
            **told,
            "from_stage": _value(self.from_stage),
            "to_stage": self.to_stage.value,
            "cause": str(self.cause),
        }

    def __str__(self) -> str:
        """Write it as a line."""
        start = "arrives as" if self.from_stage is None else f"{shown(self.from_stage.value)} ->"
        by = "time" if self.record_kind is None else self.record_kind
        back = ", won back" if self.is_return else ""
        return f"{self.moved_at.isoformat()}  {start} {shown(self.to_stage.value)}  by {by}{back}"


def _value(stage: Any) -> Any:
    return None if stage is None else stage.value


@attrs.frozen
class Spell(Generic[S]):
    """A time without a move: in which stage, from when until when.

    Attributes:
        stage: The stage.
        started_at: When they came into it.
        ended_at: When they left it; None where they are in it still.
        duration: How long it lasted, or has lasted so far.
        number: The how manieth time it is that they are in this stage, from 1.
        is_return: Whether it began by their coming back.
    """

    stage: S
    started_at: datetime
    ended_at: datetime | None
    duration: timedelta
    number: int
    is_return: bool

    def to_dict(self) -> dict[str, Any]:
        """The spell by name."""
        return {**attrs.asdict(self), "stage": self.stage.value}


@attrs.frozen
class Journey(Generic[S]):
    """Every move of one person up to an instant, in order.

    Attributes:
        as_of: The instant of judgement.
        moves: The moves; the first is their arrival. Empty where nothing is known of them.
    """

    as_of: datetime
    moves: tuple[Move[S], ...]

    def __len__(self) -> int:
        """How many moves."""
        return len(self.moves)

    def __iter__(self) -> Iterator[Move[S]]:
        """The moves in order."""
        return iter(self.moves)

    def __getitem__(self, place: int) -> Move[S]:
        """The move at a place."""
        return self.moves[place]

    @property
    def spells(self) -> tuple[Spell[S], ...]:
        """The times between the moves, in order; the last has no end."""
        told: list[Spell[S]] = []
        counts: Counter[S] = Counter()
        ends = [*(move.moved_at for move in self.moves[1:]), None]
        for move, end in zip(self.moves, ends, strict=False):
            counts[move.to_stage] += 1
            lasted = (end or self.as_of) - move.moved_at
            told.append(Spell(move.to_stage, move.moved_at, end, lasted, counts[move.to_stage], move.is_return))
        return tuple(told)

    def stage_at(self, day: datetime) -> S | None:
        """Where they stood at an instant; None before they arrived.

        Args:
            day: An aware datetime up to and with `as_of`.

        Raises:
            InstantError: It is naive, or after `as_of`, of which nothing is known.
        """
        if judgement(day) > micros(self.as_of):
            raise InstantError("the day lies after as_of; ask for the moves up to that day")
        place = bisect_right(self.moves, day, key=lambda move: move.moved_at)
        return self.moves[place - 1].to_stage if place else None

    def to_dicts(self) -> list[dict[str, Any]]:
        """A row a move, as a dataframe takes them."""
        return [move.to_dict() for move in self.moves]

    def __str__(self) -> str:
        """Write a line a move."""
        return "\n".join(map(str, self.moves)) or "nothing is known of them yet"

    def _repr_html_(self) -> str:
        lines = "".join(f"<tr><td>{html.escape(str(move))}</td></tr>" for move in self.moves)
        return f"<table><tbody>{lines}</tbody></table>"
