"""What is asked of a funnel, checked as far as it can be without looking at the events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast, get_args

import attrs

from funnel._given import SpanLike, brief, is_one_of, judgement, meant, one_of, span
from funnel.errors import ArgumentError
from funnel.metrics.conversion.groups import By
from funnel.metrics.conversion.plan import Entry, Order, Ties
from funnel.metrics.conversion.steps import Exclusion, FunnelStep, steps_of

MOST_HELD = 3


@attrs.frozen
class Asked:
    """A question to events: the arguments of `conversion`, checked."""

    steps: tuple[FunnelStep, ...]
    within: int
    now: int
    order: Order
    entry: Entry
    ties: Ties
    hold: tuple[str, ...]
    by: By | None
    exclude: tuple[Exclusion, ...]

    @property
    def window(self) -> timedelta:
        """The window, from the entry on."""
        return timedelta(microseconds=self.within)

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the steps that cannot be left out."""
        return tuple(step.name for step in self.steps if not step.optional)

    def number(self, name: str) -> int:
        """The number of a step by its name.

        Raises:
            ArgumentError: No step is called so.
        """
        names = [step.name for step in self.steps]
        if not is_one_of(name, names):
            msg = f"no step is called {brief(name)}; the steps are {', '.join(map(repr, names))}{meant(name, names)}"
            raise ArgumentError(msg)
        return names.index(name) + 1

    def between(self, exclusion: Exclusion) -> tuple[int, int]:
        """The numbers of the steps between which an exclusion counts."""
        first, last = self.required[0], self.required[-1]
        return self.number(exclusion.after or first), self.number(exclusion.before or last)


def asked(  # noqa: PLR0913 - the arguments of `conversion`
    steps: Sequence[str | FunnelStep],
    *,
    within: SpanLike,
    as_of: datetime,
    order: Order,
    entry: Entry,
    ties: Ties,
    hold: Sequence[str] | str,
    by: By | str | None,
    exclude: Sequence[Exclusion] | Exclusion,
) -> Asked:
    """Check the arguments of `conversion`.

    Raises:
        ArgumentError: One of them is not allowed, or two of them do not go together.
        InstantError: `as_of` is naive.
    """
    one_of(order, get_args(Order), "order")
    one_of(entry, get_args(Entry), "entry")
    one_of(ties, get_args(Ties), "ties")
    made = Asked(
        steps_of(steps),
        span(within, "within"),
        judgement(as_of),
        order,
        entry,
        ties,
        _texts(hold, "hold"),
        _by(by),
        _exclusions(exclude),
    )
    _check_order(made)
    _check_hold(made)
    for exclusion in made.exclude:
        _check_exclusion(made, exclusion)
    if made.by is not None and made.by.at not in ("first", "last"):
        made.number(made.by.at)
    return made


def _texts(given: object, what: str) -> tuple[str, ...]:
    if isinstance(given, str):
        return (given,)
    names = _listed(given)
    if names is not None and all(isinstance(one, str) for one in names):
        return tuple(cast("Sequence[str]", names))
    msg = f"{what} is a {type(given).__name__}; give the names of columns"
    raise ArgumentError(msg)


def _listed(given: object) -> Sequence[object] | None:
    return cast("Sequence[object]", given) if isinstance(given, Sequence) else None


def _by(given: object) -> By | None:
    match given:
        case None | By():
            return given
        case str():
            return By(given)
        case _:
            msg = f"by is a {type(given).__name__}; give the name of a column, By(...) or bands(...)"
            raise ArgumentError(msg)


def _exclusions(given: object) -> tuple[Exclusion, ...]:
    if isinstance(given, Exclusion):
        return (given,)
    found = _listed(given)
    if found is not None and all(isinstance(one, Exclusion) for one in found):
        return tuple(cast("Sequence[Exclusion]", found))
    msg = f"exclude is a {type(given).__name__}; give Exclusions, such as Exclusion('complaint')"
    raise ArgumentError(msg)


def _check_order(made: Asked) -> None:
    """Refuse what an order gives no meaning to."""
    if made.order != "ordered":
        optional = [step.name for step in made.steps if step.optional]
        if optional:
            msg = f"the step {optional[0]!r} is optional, which only order='ordered' knows"
            raise ArgumentError(msg)
    if made.order != "any":
        return
    timed = [step.name for step in made.steps if step.within is not None]
    if timed:
        msg = f"the step {timed[0]!r} has a window of its own, and in any order no step is before it; drop it"
        raise ArgumentError(msg)
    if made.ties == "later":
        raise ArgumentError("ties is 'later', and in any order equal times are in order; leave ties out")
    if any(one.after is not None or one.before is not None for one in made.exclude):
        raise ArgumentError("an exclusion lies between named steps, which have no order in any order; leave them out")


def _check_hold(made: Asked) -> None:
    if len(made.hold) > MOST_HELD or len(set(made.hold)) < len(made.hold):
        msg = f"hold names {', '.join(map(repr, made.hold))}; give up to {MOST_HELD} different columns"
        raise ArgumentError(msg)
    own = {"person_id", "occurred_at", "kind"} & set(made.hold)
    if own:
        msg = f"hold names {min(own)!r}, which tells events apart itself; give a column such as 'sku'"
        raise ArgumentError(msg)


def _check_exclusion(made: Asked, exclusion: Exclusion) -> None:
    after, before = made.between(exclusion)
    optional = [step.name for number, step in enumerate(made.steps, 1) if number in (after, before) and step.optional]
    if optional:
        msg = f"an exclusion lies at the step {optional[0]!r}, which is optional; name required steps"
        raise ArgumentError(msg)
    if after >= before:
        names = made.steps[after - 1].name, made.steps[before - 1].name
        msg = f"an exclusion lies after {names[0]!r} and before {names[1]!r}, which is not later; swap the two"
        raise ArgumentError(msg)
