"""The verbs of moves: of one person, and over everyone."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Generic

import attrs

from funnel._facts.base import judgement
from funnel._instants import instant
from funnel._lift.paths import Why
from funnel._moves.course import BY_TIME, Course
from funnel._moves.one import Step, steps_of
from funnel._moves.records import Record, record_of
from funnel._moves.table import Cause, S, Tabled
from funnel._moves.told import Journey, Move
from funnel.history import History
from funnel.policy import Policy

if TYPE_CHECKING:
    from funnel.logs import Logs


@attrs.frozen
class Moves(Generic[S]):
    """Every move of a machine: ask it `of` one person or `over` everyone."""

    machine: Tabled[S]

    def of(self, history: History, policy: Policy, *, as_of: datetime) -> Journey[S]:
        """Every move of one person up to and with an instant.

        Each stage is as the facts were at its own instant: a refund moves somebody when the money goes back, not when
        they bought; a record that is delivered late counts from when it happened.

        Args:
            history: The person's records.
            policy: The shop's numbers.
            as_of: The last instant to look at, an aware datetime.

        Raises:
            InstantError: `as_of` is naive.
            MoveError: The rule makes a move that the table has not, or the stages of a path never rest.
        """
        course = self.machine.course(policy)
        steps = steps_of(course, history.ledger, judgement(as_of))
        return Journey(as_of, tuple(self._told(course, history, policy, step) for step in steps))

    def _told(self, course: Course, history: History, policy: Policy, step: Step) -> Move[S]:
        stages: Any = course.stages
        by_time = step.by == BY_TIME
        record = Record() if by_time else record_of(course.plan, history.ledger, step.at)
        return Move(
            instant(step.at),
            None if step.before is None else stages[step.before],
            stages[step.to],
            Cause.TIME if by_time else Cause.EVENT,
            record.kind,
            record.source,
            record.id,
            is_return=(step.before, step.to) in course.returns,
            ask=partial(self._why, stages[step.last], history, policy, instant(step.at)),
        )

    def _why(self, stage: S, history: History, policy: Policy, as_of: datetime) -> Why:
        return self.machine.asked(stage).why(history, policy, as_of=as_of)

    def over(self, logs: Logs, policy: Policy, *, as_of: datetime) -> Any:
        """Every move of everyone up to and with an instant, computed by the engine that holds the data.

        Args:
            logs: Everyone's records.
            policy: The shop's numbers.
            as_of: The last instant to look at, an aware datetime.

        Returns:
            A frame of the logs' kind, a row a move, in no order: `person_id`, `moved_at`, `from_stage` (null for who
            comes in), `to_stage`, `cause` ("event" or "time"), `record_kind`, `record_source`, `record_id` (null where
            time did it) and `is_return`.

        Raises:
            InstantError: `as_of` is naive.
            MoveError: The rule makes a move that the table has not, or the stages of a path never rest.
        """
        from funnel._moves.many import moves_over

        return moves_over(self.machine.course(policy), logs, judgement(as_of))
