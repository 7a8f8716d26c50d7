"""Transitions, spells and past stages of one person."""

from __future__ import annotations

import html
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Generic

import attrs

from funnel._arguments import parse_as_of
from funnel._expr.explain import Explanation
from funnel._format import shown
from funnel._time import micros
from funnel.errors import InstantError
from funnel.machines._table import Cause, S


@attrs.frozen
class Transition(Generic[S]):
    """Change of stage at an exact instant, with its cause.

    Attributes:
        transitioned_at: Instant of the change, in microseconds.
        from_stage: Stage before; None for an arrival.
        to_stage: Stage from that instant on.
        cause: An event or time. The cause is time if time alone makes the same change at that instant.
        record_kind: Kind of the record that caused the change; None if the cause is time.
        record_source: Source of that record; None if its kind has no source.
        record_id: Id of that record in its source; None if its kind has no id.
        is_return: Whether a lost person comes back (won back). A returning person is not a new person.
    """

    transitioned_at: datetime
    from_stage: S | None
    to_stage: S
    cause: Cause
    record_kind: str | None = None
    record_source: str | None = None
    record_id: str | None = None
    is_return: bool = False
    _ask: Callable[[], Explanation] = attrs.field(alias="ask", eq=False, repr=False, kw_only=True)

    @cached_property
    def why(self) -> Explanation:
        """Answer of the rule at that instant, with its reasons; computed lazily."""
        return self._ask()

    def to_dict(self) -> dict[str, Any]:
        """Return the transition as a dict with the columns of `transitions.over`."""
        told = attrs.asdict(self, filter=lambda field, _: field.name != "_ask")
        return {
            **told,
            "from_stage": _value(self.from_stage),
            "to_stage": self.to_stage.value,
            "cause": str(self.cause),
        }

    def __str__(self) -> str:
        """Return the transition as one line."""
        start = "arrives as" if self.from_stage is None else f"{shown(self.from_stage.value)} ->"
        by = "time" if self.record_kind is None else self.record_kind
        back = ", won back" if self.is_return else ""
        return f"{self.transitioned_at.isoformat()}  {start} {shown(self.to_stage.value)}  by {by}{back}"


def _value(stage: Any) -> Any:
    return None if stage is None else stage.value


@attrs.frozen
class Spell(Generic[S]):
    """Time spent in one stage without a transition.

    Attributes:
        stage: The stage.
        started_at: Start of the spell.
        ended_at: End of the spell; None if it has not ended.
        duration: Length of the spell, up to `as_of` if it has not ended.
        number: 1 for the first spell in this stage, 2 for the second, and so on.
        is_return: Whether the spell began with a return.
    """

    stage: S
    started_at: datetime
    ended_at: datetime | None
    duration: timedelta
    number: int
    is_return: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the spell as a dict."""
        return {**attrs.asdict(self), "stage": self.stage.value}


@attrs.frozen
class Journey(Generic[S]):
    """Transitions of one person up to an instant, in order.

    Attributes:
        as_of: Last instant considered.
        transitions: Transitions; the first is the arrival. Empty if the person has no records.
    """

    as_of: datetime
    transitions: tuple[Transition[S], ...]

    def __len__(self) -> int:
        """Return the number of transitions."""
        return len(self.transitions)

    def __iter__(self) -> Iterator[Transition[S]]:
        """Iterate over the transitions in order."""
        return iter(self.transitions)

    def __getitem__(self, place: int) -> Transition[S]:
        """Return the transition at an index."""
        return self.transitions[place]

    @property
    def spells(self) -> tuple[Spell[S], ...]:
        """Spells between the transitions, in order; the last has no end."""
        told: list[Spell[S]] = []
        counts: Counter[S] = Counter()
        ends = [*(move.transitioned_at for move in self.transitions[1:]), None]
        for move, end in zip(self.transitions, ends, strict=False):
            counts[move.to_stage] += 1
            lasted = (end or self.as_of) - move.transitioned_at
            told.append(Spell(move.to_stage, move.transitioned_at, end, lasted, counts[move.to_stage], move.is_return))
        return tuple(told)

    def stage_at(self, day: datetime) -> S | None:
        """Return the stage at an instant; None before the arrival.

        Args:
            day: An aware datetime, not after `as_of`.

        Raises:
            InstantError: `day` is naive, or after `as_of`.
        """
        if parse_as_of(day) > micros(self.as_of):
            raise InstantError("the day lies after as_of; ask for the moves up to that day")
        place = bisect_right(self.transitions, day, key=lambda move: move.transitioned_at)
        return self.transitions[place - 1].to_stage if place else None

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dict for each transition, to build a dataframe from."""
        return [move.to_dict() for move in self.transitions]

    def __str__(self) -> str:
        """Return one line for each transition."""
        return "\n".join(map(str, self.transitions)) or "nothing is known of them yet"

    def _repr_html_(self) -> str:
        lines = "".join(f"<tr><td>{html.escape(str(move))}</td></tr>" for move in self.transitions)
        return f"<table><tbody>{lines}</tbody></table>"
