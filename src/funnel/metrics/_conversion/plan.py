"""The query in microseconds and step numbers: the contract with the kernels.

`events` and `label_events` build a *labelled frame*. A kernel (`narwhals_kernel`, `packed`) finds the attempts in it
and returns one row for each selected attempt. Steps are numbered from 1 in the order of the query, optional steps
included.

A labelled frame is lazy. It has one row for each relevant event, no row after `as_of`, and no null cell:

===============  =====================================================================================================
`person`         the person, as given (text or whole number)
`path_1` ...     the values that stay the same on a path; rows with a null here are left out
`t`              the instant, in microseconds
`rank`           the number of the first step that the row matches; the number of steps + 1 if it matches none
`steps`          the steps that the row matches: bit k-1 stands for step k
`out`            the exclusions that the row matches: bit k-1 stands for exclusion k
`o_1` ...        further columns that order rows which are equal so far
`row`            the number of the row; only if rows are numbered
===============  =====================================================================================================

The total order within a person is: `t`, `rank`, `steps`, `out`, the paths, `o_1` ... Swapping rows that are equal in
all of these columns never changes a result. Rows that match nothing are present only if the order is strict.

A kernel returns these columns for each attempt that `attempts` selects (for "first" and "any" at most one for
each person):

===============  =====================================================================================================
`person`         the person
`row_1` ...      the number of the row at which each step was reached, -1 if it was not
`t_1` ...        the instant, in microseconds; NEVER if not reached; in the order "any", of the k-th step that was done
`reached`        the number of required steps reached
`state`          DROPPED, PENDING or CONVERTED, at `as_of`
`settled`        1 if the window of the attempt was closed at `as_of`, else 0
===============  =====================================================================================================
"""

from __future__ import annotations

from typing import Literal

import attrs

Order = Literal["ordered", "strict", "any"]
Entry = Literal["first", "any", "each"]
Ties = Literal["ranked", "later"]

DROPPED, PENDING, CONVERTED = 0, 1, 2
"""The state of an attempt: dropped, still open, or through to the last required step."""


@attrs.frozen
class PlanStep:
    """A step. `within` is the maximum time in microseconds from the previous required step.

    `optional` says whether people may skip the step. Steps with the same `condition` match the same rows. `kind` is the
    kind of all rows that match, None for any kind.
    """

    number: int
    condition: int
    kind: str | None
    within: int | None = None
    optional: bool = False


@attrs.frozen
class PlanExclusion:
    """An event that must not come between two required steps.

    `remove` discards the whole attempt.
    """

    number: int
    kind: str | None
    after: int
    before: int
    remove: bool


@attrs.frozen
class Plan:
    """The whole query.

    `paths` and `ordering` are the numbers of those columns in the labelled frame.
    """

    steps: tuple[PlanStep, ...]
    within: int
    as_of: int
    order: Order = "ordered"
    attempts: Entry = "first"
    tie_break: Ties = "ranked"
    exclusions: tuple[PlanExclusion, ...] = ()
    paths: int = 0
    ordering: int = 0

    @property
    def required(self) -> tuple[PlanStep, ...]:
        """The steps that are not optional."""
        return tuple(step for step in self.steps if not step.optional)

    def before(self, step: PlanStep) -> PlanStep:
        """Return the required step before a step that is not the first."""
        return next(one for one in reversed(self.steps[: step.number - 1]) if not one.optional)

    def after(self, step: PlanStep) -> PlanStep | None:
        """Return the next required step; None after the last."""
        return next((one for one in self.steps[step.number :] if not one.optional), None)

    @property
    def path_columns(self) -> tuple[str, ...]:
        """The columns of the labelled frame that, with the person, identify a path."""
        return tuple(f"path_{number}" for number in range(1, self.paths + 1))

    @property
    def total_order(self) -> tuple[str, ...]:
        """The columns that order the rows of a person."""
        last = (f"o_{number}" for number in range(1, self.ordering + 1))
        return ("t", "rank", "steps", "out", *self.path_columns, *last)


def may_meet(a: PlanStep | PlanExclusion, b: PlanStep | PlanExclusion) -> bool:
    """Return whether one row could match both: false only if they require two different kinds."""
    return a.kind is None or b.kind is None or a.kind == b.kind


def could_serve(plan: Plan, exclusion: PlanExclusion) -> tuple[int, ...]:
    """Return the numbers of the steps whose rows could match the exclusion.

    The row of a step never excludes.
    """
    inside = [step for step in plan.steps if exclusion.after < step.number < exclusion.before]
    if plan.order == "any":  # the k-th completed step can be any step
        return tuple(step.number for step in inside if any(may_meet(one, exclusion) for one in plan.steps))
    return tuple(step.number for step in inside if may_meet(step, exclusion))
