"""The steps of a funnel and the exclusions between them, as declared by the caller."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, Literal

import attrs

from funnel._arguments import brief, check_choice, span
from funnel._copies import OfFunctions
from funnel._time import MICROSECOND
from funnel.errors import ArgumentError

Where = Callable[[Any], object]

MOST_STEPS = 16
"""This many steps and exclusions fit the label of a row with room to spare. Longer funnels are not readable."""


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
    """A step of a funnel: a kind of event or a condition on its columns, with a name.

    A row matches if it is of the kind and the condition holds. If a column that the condition reads is null, the
    condition does not hold. The condition is a plain function of one event. It compares columns (whole numbers, texts,
    booleans) with constants and runs on the engine that holds the events.

    Args:
        name: The name of the step. It is also the kind if neither a kind nor a condition is passed.
        kind: The kind of event; None for any kind.
        where: The condition.
        within: Maximum time from the previous required step, inclusive. The first row that matches the step counts: if
            that row is too late, no later row is tried.
        optional: Whether people may skip the step. An optional step counts the people who took it and stops nobody.

    Raises:
        ArgumentError: The name or the kind is not text, the condition is not a function, or the window is not above
            zero.

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
        """Validate the step, and use the name as the kind if there is no kind and no condition."""
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
    """An event that must not happen between two steps of an attempt, and the consequence if it does.

    The exclusion applies after the row of one step and before the row of another, or until the window ends if the
    second step was not reached. A row that serves as a step of the attempt never excludes it.

    Args:
        kind: The kind of event that excludes; None for any kind.
        where: A condition on the columns, as in `FunnelStep`.
        after: The name of the required step after which the exclusion applies; None for the first.
        before: The name of the required step before which the exclusion applies; None for the last.
        then: "drop": the attempt ends there, as entered and dropped. "remove": the attempt is discarded.

    Raises:
        ArgumentError: There is neither a kind nor a condition, an argument has a wrong type, or `then` is another word.

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
        """Validate the exclusion."""
        _asked(self.kind, self.where, "an exclusion")
        if self.kind is None and self.where is None:
            raise ArgumentError("an exclusion asks for nothing; give a kind, a condition (where=...), or both")
        check_choice(self.then, ("drop", "remove"), "then of an exclusion")

    def _functions(self) -> tuple[Where | None]:
        return (self.where,)


def steps_of(given: object) -> tuple[FunnelStep, ...]:
    """Return the steps with unique names: a repeated kind gets its number, such as "purchase 2".

    Raises:
        ArgumentError: There are fewer than two or too many steps, an item is neither a kind nor a `FunnelStep`, two
            steps have the same name, or the first step is optional or has a window.
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
