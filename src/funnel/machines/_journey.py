"""Transitions, spells and past stages of one person."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any, Generic

import attrs

from funnel._arguments import parse_as_of
from funnel._expr.explain import Explanation
from funnel._format import Listed, as_html, clock, one_line
from funnel._results import Charted, Rows
from funnel._time import instant, micros
from funnel.errors import InstantError
from funnel.history import History, check_is_history
from funnel.machines._causes import Record, record_of
from funnel.machines._compiled import BY_TIME, CompiledMachine
from funnel.machines._replay import Step, steps_of
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
        is_return: True if a lost person comes back (won back). A returning person is not a new person.
    """

    transitioned_at: datetime
    from_stage: S | None
    to_stage: S
    cause: Cause
    record_kind: str | None = None
    record_source: str | None = None
    record_id: str | None = None
    is_return: bool = False
    _explain: Callable[[], Explanation] = attrs.field(alias="explain", eq=False, repr=False, kw_only=True)

    @cached_property
    def why(self) -> Explanation:
        """Answer of the rule at that instant, with its reasons; computed lazily."""
        return self._explain()

    def to_dict(self) -> dict[str, Any]:
        """Return the transition as a dict with the columns of `transitions.over`."""
        fields = attrs.asdict(self, filter=lambda field, _: field.name != "_explain")
        return {
            **fields,
            "from_stage": _value(self.from_stage),
            "to_stage": self.to_stage.value,
            "cause": str(self.cause),
        }

    def __str__(self) -> str:
        """Return the transition as one line, with its instant to the minute in UTC."""
        start = "arrives as" if self.from_stage is None else f"{one_line(self.from_stage.value)} ->"
        by = "time" if self.record_kind is None else self.record_kind
        back = ", won back" if self.is_return else ""
        return f"{clock(self.transitioned_at)}  {start} {one_line(self.to_stage.value)}  by {by}{back}"


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
        is_return: True if the spell began with a return.
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
class Journey(Charted, Rows, Listed[Transition[S]], Generic[S]):
    """Transitions of one person up to an instant, in order.

    Attributes:
        as_of: Last instant considered.
        transitions: Transitions; the first is the arrival. Empty if the person has no records.
    """

    as_of: datetime
    transitions: tuple[Transition[S], ...]

    _CHART = "stages.journey"
    _PARTS = "transitions"

    def __getitem__(self, index: int) -> Transition[S]:
        """Return the transition at an index."""
        return self.transitions[index]

    @property
    def spells(self) -> tuple[Spell[S], ...]:
        """Spells between the transitions, in order; the last has no end."""
        spells: list[Spell[S]] = []
        counts: Counter[S] = Counter()
        ends = [*(transition.transitioned_at for transition in self.transitions[1:]), None]
        for transition, end in zip(self.transitions, ends, strict=False):
            stage, start = transition.to_stage, transition.transitioned_at
            counts[stage] += 1
            duration = (end or self.as_of) - start
            spells.append(Spell(stage, start, end, duration, counts[stage], transition.is_return))
        return tuple(spells)

    def stage_at(self, day: datetime) -> S | None:
        """Return the stage at an instant; None before the arrival.

        Args:
            day: An aware datetime, not after `as_of`.

        Raises:
            InstantError: `day` is naive, or after `as_of`.
        """
        if parse_as_of(day) > micros(self.as_of):
            raise InstantError("the day is after as_of; compute the transitions with a later as_of")
        index = bisect_right(self.transitions, day, key=lambda transition: transition.transitioned_at)
        return self.transitions[index - 1].to_stage if index else None

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dict for each transition, to build a dataframe from."""
        return [move.to_dict() for move in self.transitions]

    def __str__(self) -> str:
        """Return one line for each transition."""
        return "\n".join(map(str, self.transitions)) or "no transitions"

    def _html(self) -> str:
        return as_html(("transition",), ([str(move)] for move in self.transitions))


def journey_of(
    compiled: CompiledMachine, history: History, as_of: datetime, why: Callable[[Any, datetime], Explanation]
) -> Journey[Any]:
    """Return the transitions of one person up to and including `as_of`.

    Args:
        compiled: Compiled machine.
        history: Records of the person.
        as_of: Last instant to consider.
        why: Explains the answer of the rule, from the stage and the instant of a transition.
    """
    ledger = check_is_history(history)._ledger
    stages: Any = compiled.stages

    def transition(step: Step) -> Transition[Any]:
        by_time, moment = step.by == BY_TIME, instant(step.at)
        record = Record() if by_time else record_of(compiled.plan, ledger, step.at)
        return Transition(
            moment,
            None if step.before is None else stages[step.before],
            stages[step.to],
            Cause.TIME if by_time else Cause.EVENT,
            record.kind,
            record.source,
            record.id,
            is_return=(step.before, step.to) in compiled.returns,
            explain=partial(why, stages[step.last], moment),
        )

    return Journey(as_of, tuple(map(transition, steps_of(compiled, ledger, parse_as_of(as_of)))))
