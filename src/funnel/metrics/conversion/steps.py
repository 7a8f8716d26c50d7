"""The steps of a funnel and what may not come between them, as they are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, Literal

import attrs

from funnel._copies import OfFunctions
from funnel._given import brief, one_of, span
from funnel._instants import MICROSECOND
from funnel.errors import ArgumentError

Where = Callable[[Any], object]

MOST_STEPS = 16
"""So many steps and exclusions fit the marks of a row with room to spare; nobody reads a longer funnel."""


def _named(given: object, what: str) -> None:
    if not isinstance(given, str) or not given:
        msg = f"{what} is {brief(given)}; give a text that is not empty"
        raise ArgumentError(msg)


def _asked(kind: object, where: object, what: str) -> None:
    if kind is not None:
        _named(kind, f"the kind of {what}")
    if where is not None and not callable(where):
        msg = f"where of {what} is a {type(where).__name__}; give a function of one event, such as a lambda"
        raise ArgumentError(msg)


@attrs.frozen
class FunnelStep(OfFunctions):
    """A step of a funnel: a kind of event, or a condition on its columns, under a name.

    A row meets it where it is of the kind and the condition holds; where a column that the condition reads is null, it
    does not hold. The condition is a plain function of one event that compares its columns (whole numbers, texts,
    truths) with constants, run on the engine that holds the events.

    Args:
        name: What it is called; it is the kind too, where neither a kind nor a condition is given.
        kind: The kind of event; None for any.
        where: The condition.
        within: The time it may take after the required step before; its end is part of it. The first row that meets the
            step counts: if that one is too late, no later one is looked for.
        optional: Whether people may go on without it; it then counts who took it, and stops nobody.

    Raises:
        ArgumentError: The name or the kind is no text, the condition no function, or the window no span above zero.

    Example:
        >>> from datetime import timedelta
        >>> large = FunnelStep("large order", kind="purchase", where=lambda e: e.amount >= 100_000)
        >>> again = FunnelStep("purchase", within=timedelta(days=30))
        >>> again.kind
        'purchase'
    """

    name: str
    kind: str | None = attrs.field(default=None, kw_only=True)
    where: Where | None = attrs.field(default=None, kw_only=True)
    within: timedelta | None = attrs.field(default=None, kw_only=True)
    optional: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Check it, and take the name for the kind where nothing else is asked."""
        _named(self.name, "the name of a step")
        _asked(self.kind, self.where, f"the step {self.name!r}")
        if self.within is not None:
            length = span(self.within, f"within of the step {self.name!r}") * MICROSECOND
            object.__setattr__(self, "within", length)
        if self.kind is None and self.where is None:
            object.__setattr__(self, "kind", self.name)

    def _functions(self) -> tuple[Where | None]:
        return (self.where,)


@attrs.frozen
class Exclusion(OfFunctions):
    """What may not happen between two steps of an attempt, and what becomes of the attempt if it does.

    It is looked for after the row of one step and before the row of another, or, where that was not reached, until the
    window ends. A row that serves as a step of the attempt is no exclusion of it.

    Args:
        kind: The kind of event that excludes; None for any.
        where: A condition on its columns, as of a `FunnelStep`.
        after: The name of the required step after which it counts; None for the first.
        before: The name of the required step before which it counts; None for the last.
        then: "drop": the attempt ends there, entered and dropped. "remove": it is as if there had been no attempt.

    Raises:
        ArgumentError: Neither a kind nor a condition is given, one is of a wrong type, or `then` is another word.

    Example:
        >>> Exclusion("complaint", then="remove").then
        'remove'
    """

    kind: str | None = None
    where: Where | None = attrs.field(default=None, kw_only=True)
    after: str | None = attrs.field(default=None, kw_only=True)
    before: str | None = attrs.field(default=None, kw_only=True)
    then: Literal["drop", "remove"] = attrs.field(default="drop", kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Check it."""
        _asked(self.kind, self.where, "an exclusion")
        if self.kind is None and self.where is None:
            raise ArgumentError("an exclusion asks for nothing; give a kind, a condition (where=...), or both")
        one_of(self.then, ("drop", "remove"), "then of an exclusion")

    def _functions(self) -> tuple[Where | None]:
        return (self.where,)


def steps_of(given: object) -> tuple[FunnelStep, ...]:
    """The steps, each under a name of its own: a kind that comes again is called by its turn, "purchase 2".

    Raises:
        ArgumentError: There are fewer than two or too many, one is neither a kind nor a `FunnelStep`, two have one
            name, or an optional one stands where it cannot.
    """
    if isinstance(given, str) or not isinstance(given, Sequence):
        msg = f"steps is a {type(given).__name__}; give a list of at least two kinds or FunnelSteps, in order"
        raise ArgumentError(msg)
    steps = tuple(_each(given))  # pyright: ignore[reportUnknownArgumentType] (each is checked)
    _check(steps)
    return steps


def _each(given: Sequence[object]) -> Iterator[FunnelStep]:
    times: Counter[str] = Counter()
    for one in given:
        match one:
            case FunnelStep():
                yield one
            case str():
                times[one] += 1
                turn = times[one]
                yield FunnelStep(one if turn == 1 else f"{one} {turn}", kind=one)
            case _:
                msg = f"a step is a {type(one).__name__}; give a kind of event, such as 'purchase', or a FunnelStep"
                raise ArgumentError(msg)


def _check(steps: Sequence[FunnelStep]) -> None:
    required = [step for step in steps if not step.optional]
    if len(required) < 2 or len(steps) > MOST_STEPS:  # noqa: PLR2004 (from one step to the next)
        msg = f"{len(steps)} steps were given, {len(required)} of them required; give 2 to {MOST_STEPS}"
        raise ArgumentError(msg)
    twice = [name for name, times in Counter(step.name for step in steps).items() if times > 1]
    if twice:
        msg = f"two steps are called {twice[0]!r}; give each a name of its own"
        raise ArgumentError(msg)
    if steps[0].optional:
        msg = f"the first step, {steps[0].name!r}, is optional; an attempt begins with a required one"
        raise ArgumentError(msg)
    if steps[0].within is not None:
        msg = f"the first step, {steps[0].name!r}, has a window; the clock starts there, so give it to later steps"
        raise ArgumentError(msg)
