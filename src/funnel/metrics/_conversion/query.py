"""The conversion query, validated as far as possible without reading the events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast, get_args

import attrs

from funnel._arguments import SpanLike, brief, check_choice, did_you_mean, is_one_of, parse_as_of, span
from funnel.errors import ArgumentError
from funnel.metrics._conversion.groups import GroupBy
from funnel.metrics._conversion.plan import Entry, Order, Ties
from funnel.metrics._conversion.steps import Exclusion, FunnelStep, steps_of

MOST_HELD = 3


@attrs.frozen
class ConversionQuery:
    """The validated arguments of `conversion`."""

    steps: tuple[FunnelStep, ...]
    within: int
    now: int
    order: Order
    attempts: Entry
    tie_break: Ties
    hold_constant: tuple[str, ...]
    by: GroupBy | None
    exclude: tuple[Exclusion, ...]

    @property
    def window(self) -> timedelta:
        """The window, from the entry on."""
        return timedelta(microseconds=self.within)

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the steps that are not optional."""
        return tuple(step.name for step in self.steps if not step.optional)

    def number(self, name: str) -> int:
        """Return the number of a step by its name.

        Raises:
            ArgumentError: No step has this name.
        """
        names = [step.name for step in self.steps]
        if not is_one_of(name, names):
            known = ", ".join(map(repr, names))
            msg = f"no step is called {brief(name)}; the steps are {known}{did_you_mean(name, names)}"
            raise ArgumentError(msg)
        return names.index(name) + 1

    def between(self, exclusion: Exclusion) -> tuple[int, int]:
        """Return the numbers of the steps between which an exclusion applies."""
        first, last = self.required[0], self.required[-1]
        return self.number(exclusion.after or first), self.number(exclusion.before or last)


def conversion_query(  # noqa: PLR0913 - the arguments of `conversion`
    steps: Sequence[str | FunnelStep],
    *,
    within: SpanLike,
    as_of: datetime,
    order: Order,
    attempts: Entry,
    tie_break: Ties,
    hold_constant: Sequence[str] | str,
    by: GroupBy | str | None,
    exclude: Sequence[Exclusion] | Exclusion,
) -> ConversionQuery:
    """Validate the arguments of `conversion`.

    Raises:
        ArgumentError: An argument is invalid, or two arguments do not go together.
        InstantError: `as_of` is naive.
    """
    check_choice(order, get_args(Order), "order")
    check_choice(attempts, get_args(Entry), "attempts")
    check_choice(tie_break, get_args(Ties), "tie_break")
    made = ConversionQuery(
        steps_of(steps),
        span(within, "within"),
        parse_as_of(as_of),
        order,
        attempts,
        tie_break,
        _texts(hold_constant, "hold_constant"),
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


def _by(given: object) -> GroupBy | None:
    match given:
        case None | GroupBy():
            return given
        case str():
            return GroupBy(given)
        case _:
            msg = f"by is a {type(given).__name__}; give the name of a column, GroupBy(...) or bins(...)"
            raise ArgumentError(msg)


def _exclusions(given: object) -> tuple[Exclusion, ...]:
    if isinstance(given, Exclusion):
        return (given,)
    found = _listed(given)
    if found is not None and all(isinstance(one, Exclusion) for one in found):
        return tuple(cast("Sequence[Exclusion]", found))
    msg = f"exclude is a {type(given).__name__}; give Exclusions, such as Exclusion('complaint')"
    raise ArgumentError(msg)


def _check_order(made: ConversionQuery) -> None:
    """Refuse options that have no meaning in the chosen order."""
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
    if made.tie_break == "later":
        raise ArgumentError("tie_break is 'later', and in any order equal times are in order; leave tie_break out")
    if any(one.after is not None or one.before is not None for one in made.exclude):
        raise ArgumentError("an exclusion lies between named steps, which have no order in any order; leave them out")


def _check_hold(made: ConversionQuery) -> None:
    if len(made.hold_constant) > MOST_HELD or len(set(made.hold_constant)) < len(made.hold_constant):
        msg = (
            f"hold_constant names {', '.join(map(repr, made.hold_constant))}; give up to {MOST_HELD} different columns"
        )
        raise ArgumentError(msg)
    own = {"person_id", "occurred_at", "kind"} & set(made.hold_constant)
    if own:
        msg = f"hold_constant names {min(own)!r}, which tells events apart itself; give a column such as 'sku'"
        raise ArgumentError(msg)


def _check_exclusion(made: ConversionQuery, exclusion: Exclusion) -> None:
    after, before = made.between(exclusion)
    optional = [step.name for number, step in enumerate(made.steps, 1) if number in (after, before) and step.optional]
    if optional:
        msg = f"an exclusion lies at the step {optional[0]!r}, which is optional; name required steps"
        raise ArgumentError(msg)
    if after >= before:
        names = made.steps[after - 1].name, made.steps[before - 1].name
        msg = f"an exclusion lies after {names[0]!r} and before {names[1]!r}, which is not later; swap the two"
        raise ArgumentError(msg)
