"""What is asked of the events, in whole microseconds and numbers of steps: the contract between the door and a kernel.

The door (`events`, `marks`) makes a *marked frame*; a kernel (`portable`, `packed`) finds the attempts in it and gives
one row for each that counts. Steps are numbered from 1 as they were given, the optional ones among them.

A marked frame is lazy and has one row an event that matters, none of them after `as_of`, no cell of it null:

===============  =====================================================================================================
`person`         who, as given (text or whole number)
`path_1` ...     the values that stay the same on a path; rows where one is null are left out
`t`              when, in microseconds
`rank`           the number of the first step that the row matches; one more than there are steps where it matches none
`steps`          which steps it matches: bit k-1 stands for step k
`out`            which exclusions it matches: bit k-1 stands for exclusion k
`o_1` ...        what else orders rows that are alike so far
`row`            the number of the row; only where rows have one
===============  =====================================================================================================

Its total order, within a person: `t`, `rank`, `steps`, `out`, the paths, `o_1` ...; rows that are alike in all of them
can be exchanged without changing an answer. Rows that match nothing are there only where the order is strict.

A kernel gives, for each attempt that counts by the entry rule (for "first" and "any" at most one a person):

===============  =====================================================================================================
`person`         who
`row_1` ...      the number of the row at which each step was reached, -1 where it was not
`t_1` ...        when, in microseconds; NEVER where it was not; in the order "any" the k-th step that was done
`reached`        how many required steps were reached
`state`          DROPPED, PENDING or CONVERTED, at `as_of`
`settled`        1 where the window of the attempt was over at `as_of`, else 0
===============  =====================================================================================================
"""

from __future__ import annotations

from typing import Literal

import attrs

Order = Literal["ordered", "strict", "any"]
Entry = Literal["first", "any", "each"]
Ties = Literal["ranked", "later"]

DROPPED, PENDING, CONVERTED = 0, 1, 2
"""Where an attempt stands: given up, still open, or through to the last required step."""


@attrs.frozen
class PlanStep:
    """A step: the microseconds it may take after the required step before, whether it may be left out, what it asks.

    Steps of one `condition` are met by the same rows; `kind` is the kind of all rows that meet it, None for any.
    """

    number: int
    condition: int
    kind: str | None
    within: int | None = None
    optional: bool = False


@attrs.frozen
class PlanExclusion:
    """What may not come after one required step and before another; `remove` undoes the attempt."""

    number: int
    kind: str | None
    after: int
    before: int
    remove: bool


@attrs.frozen
class Plan:
    """The whole question; `paths` and `ordering` say how many of those columns the marked frame has."""

    steps: tuple[PlanStep, ...]
    within: int
    as_of: int
    order: Order = "ordered"
    entry: Entry = "first"
    ties: Ties = "ranked"
    exclusions: tuple[PlanExclusion, ...] = ()
    paths: int = 0
    ordering: int = 0

    @property
    def required(self) -> tuple[PlanStep, ...]:
        """The steps that cannot be left out."""
        return tuple(step for step in self.steps if not step.optional)

    def before(self, step: PlanStep) -> PlanStep:
        """The required step before one that is not the first."""
        return next(one for one in reversed(self.steps[: step.number - 1]) if not one.optional)

    def after(self, step: PlanStep) -> PlanStep | None:
        """The next required step; None after the last."""
        return next((one for one in self.steps[step.number :] if not one.optional), None)

    @property
    def path_columns(self) -> tuple[str, ...]:
        """The columns of the marked frame that, with the person, make a path."""
        return tuple(f"path_{number}" for number in range(1, self.paths + 1))

    @property
    def total_order(self) -> tuple[str, ...]:
        """The columns that order the rows of a person."""
        last = (f"o_{number}" for number in range(1, self.ordering + 1))
        return ("t", "rank", "steps", "out", *self.path_columns, *last)


def may_meet(a: PlanStep | PlanExclusion, b: PlanStep | PlanExclusion) -> bool:
    """Whether one row could match both; not where both ask for a kind, and not for the same one."""
    return a.kind is None or b.kind is None or a.kind == b.kind


def could_serve(plan: Plan, exclusion: PlanExclusion) -> tuple[int, ...]:
    """The numbers of the steps whose rows the exclusion could fall on: the row of a step is no exclusion."""
    inside = [step for step in plan.steps if exclusion.after < step.number < exclusion.before]
    if plan.order == "any":  # the step that is done k-th can be any of them
        return tuple(step.number for step in inside if any(may_meet(one, exclusion) for one in plan.steps))
    return tuple(step.number for step in inside if may_meet(step, exclusion))
