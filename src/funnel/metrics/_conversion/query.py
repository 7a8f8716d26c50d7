"""The conversion query: steps, exclusions and matching rules, validated as far as possible without reading events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar, cast, get_args

import attrs

from funnel._arguments import (
    SpanLike,
    brief,
    check_choice,
    did_you_mean,
    instance,
    is_one_of,
    kind_of,
    parse_as_of,
    span,
)
from funnel._copies import OfFunctions
from funnel._time import EPOCH, MICROSECOND
from funnel.errors import ArgumentError
from funnel.metrics._conversion.groups import GroupBy

T = TypeVar("T")

EventCondition = Callable[[Any], object]
Order = Literal["ordered", "strict", "any"]
Entry = Literal["first", "any", "each"]
Ties = Literal["ranked", "later"]

MOST_STEPS = 16
"""This many steps and exclusions fit the label of a row with room to spare. Longer funnels are not readable."""


def _check_text(value: object, label: str) -> None:
    if not isinstance(value, str) or not value:
        raise ArgumentError(f"{label} must be a non-empty text (got {brief(value)})")


def _check_condition(kind: object, where: object, label: str) -> None:
    if kind is not None:
        _check_text(kind, f"the kind of {label}")
    if where is not None and not callable(where):
        raise ArgumentError(
            f"where of {label} must be a function of one event, such as a lambda (got {kind_of(where)})"
        )


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
    where: EventCondition | None = attrs.field(default=None, kw_only=True)
    within: timedelta | None = attrs.field(default=None, kw_only=True)
    optional: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Validate the step, and use the name as the kind if there is no kind and no condition."""
        _check_text(self.name, "the name of a step")
        _check_condition(self.kind, self.where, f"the step {self.name!r}")
        if self.within is not None:
            length = span(self.within, f"within of the step {self.name!r}") * MICROSECOND
            object.__setattr__(self, "within", length)
        if self.kind is None and self.where is None:
            object.__setattr__(self, "kind", self.name)

    def _functions(self) -> tuple[EventCondition | None]:
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
    where: EventCondition | None = attrs.field(default=None, kw_only=True)
    after: str | None = attrs.field(default=None, kw_only=True)
    before: str | None = attrs.field(default=None, kw_only=True)
    then: Literal["drop", "remove"] = attrs.field(default="drop", kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Validate the exclusion."""
        _check_condition(self.kind, self.where, "an exclusion")
        if self.kind is None and self.where is None:
            raise ArgumentError("an Exclusion requires a kind, a condition (where=...), or both (got neither)")
        check_choice(self.then, ("drop", "remove"), "then of an exclusion")

    def _functions(self) -> tuple[EventCondition | None]:
        return (self.where,)


def steps_of(steps_or_kinds: object) -> tuple[FunnelStep, ...]:
    """Return the steps with unique names: a repeated kind gets its number, such as "purchase 2".

    Raises:
        ArgumentError: There are fewer than two or too many steps, an item is neither a kind nor a `FunnelStep`, two
            steps have the same name, or the first step is optional or has a window.
    """
    if isinstance(steps_or_kinds, str) or not isinstance(steps_or_kinds, Sequence):
        raise ArgumentError(
            f"steps must be a list of at least two kinds or FunnelSteps, in order (got {kind_of(steps_or_kinds)})"
        )
    steps = tuple(_each(steps_or_kinds))  # pyright: ignore[reportUnknownArgumentType] (each is checked)
    _check(steps)
    return steps


def _each(items: Sequence[object]) -> Iterator[FunnelStep]:
    times: Counter[str] = Counter()
    for item in items:
        match item:
            case FunnelStep():
                yield item
            case str():
                times[item] += 1
                count = times[item]
                yield FunnelStep(item if count == 1 else f"{item} {count}", kind=item)
            case _:
                raise ArgumentError(
                    f"a step must be a kind of event, such as 'purchase', or a FunnelStep (got {kind_of(item)})"
                )


def _check(steps: Sequence[FunnelStep]) -> None:
    required = [step for step in steps if not step.optional]
    if len(required) < 2 or len(steps) > MOST_STEPS:  # noqa: PLR2004 (from one step to the next)
        raise ArgumentError(
            f"steps must be 2 to {MOST_STEPS}, at least 2 required (got {len(steps)}, {len(required)} required)"
        )
    twice = [name for name, times in Counter(step.name for step in steps).items() if times > 1]
    if twice:
        raise ArgumentError(f"names of steps must be unique (got {twice[0]!r} twice); rename one of the steps")
    if steps[0].optional:
        raise ArgumentError(
            f"the first step must be required because an attempt starts there (got the optional step {steps[0].name!r})"
        )
    if steps[0].within is not None:
        raise ArgumentError(f"the first step cannot have a window (got {steps[0].name!r}); set within of a later step")


MAX_CONSTANT_COLUMNS = 3


def _column_names(columns: Sequence[str] | str) -> tuple[str, ...]:
    expected = "a column name or a list of column names"
    return (columns,) if isinstance(columns, str) else _all_of(columns, str, f"hold_constant must be {expected}")


def _exclusions(exclude: Sequence[Exclusion] | Exclusion) -> tuple[Exclusion, ...]:
    expected = "an Exclusion or a list of them, such as Exclusion('complaint')"
    return (exclude,) if isinstance(exclude, Exclusion) else _all_of(exclude, Exclusion, f"exclude must be {expected}")


def _all_of(items: object, kind: type[T], message: str) -> tuple[T, ...]:
    error = ArgumentError(f"{message} (got {kind_of(items)})")
    listed = cast("Sequence[object]", items) if isinstance(items, Sequence) else (None,)
    if not all(isinstance(item, kind) for item in listed):
        raise error
    return tuple(cast("Sequence[T]", listed))


@attrs.frozen(kw_only=True)
class Matching:
    """The rules by which events are matched to the steps of a funnel.

    Args:
        order: "ordered": other events may lie between steps. "strict": each step is the very next event. "any": the
            steps may come in any order and start with any step.
        attempts: "first": only a person's first entry. "any": the person's deepest attempt among those with a closed
            window, the earliest of equals; an open attempt counts only if no window is closed. "each": every attempt;
            the next one starts after the exit of the previous one. The intervals of rates then treat the attempts of
            one person as independent, which is too narrow if a few people make many attempts.
        tie_break: "ranked": at one instant, events of earlier steps come first. "later": each step is at a later
            instant than the previous step.
        hold_constant: Up to three columns whose values stay the same through all steps of an attempt. Rows with a null
            in one of these columns are skipped.
        exclude: Events that must not happen between two steps.

    Raises:
        ArgumentError: An argument is invalid, or two arguments contradict each other.

    Example:
        >>> from funnel import Exclusion
        >>> strict = Matching(order="strict", exclude=Exclusion("complaint"))
        >>> strict.order, strict.attempts, len(strict.exclude)
        ('strict', 'first', 1)
    """

    order: Order = "ordered"
    attempts: Entry = "first"
    tie_break: Ties = "ranked"
    hold_constant: tuple[str, ...] = attrs.field(default=(), converter=_column_names)
    exclude: tuple[Exclusion, ...] = attrs.field(default=(), converter=_exclusions)

    def __attrs_post_init__(self) -> None:
        """Validate the rules."""
        check_choice(self.order, get_args(Order), "order")
        check_choice(self.attempts, get_args(Entry), "attempts")
        check_choice(self.tie_break, get_args(Ties), "tie_break")
        self._check_columns()
        if self.order == "any":
            self._check_any_order()

    def _check_columns(self) -> None:
        columns = self.hold_constant
        if len(columns) > MAX_CONSTANT_COLUMNS or len(set(columns)) < len(columns):
            names = ", ".join(map(repr, columns))
            raise ArgumentError(f"hold_constant must name up to {MAX_CONSTANT_COLUMNS} different columns (got {names})")
        reserved = {"person_id", "occurred_at", "kind"} & set(columns)
        if reserved:
            raise ArgumentError(
                f"hold_constant cannot be {min(reserved)!r}; pass a column that describes events, such as 'sku'"
            )

    def _check_any_order(self) -> None:
        if self.tie_break == "later":
            raise ArgumentError("tie_break='later' requires an order of steps (got order='any'); omit tie_break")
        if any(exclusion.after is not None or exclusion.before is not None for exclusion in self.exclude):
            raise ArgumentError(
                "after and before of an Exclusion require an order of steps (got order='any'); omit after and before"
            )


DEFAULT_MATCHING = Matching()
"""The rules if a caller passes none."""


@attrs.frozen
class ConversionQuery:
    """The validated arguments of `conversion`."""

    steps: tuple[FunnelStep, ...]
    within: int
    now: int
    by: GroupBy | None
    matching: Matching

    @property
    def as_of(self) -> datetime:
        """The evaluation time, in UTC."""
        return EPOCH + self.now * MICROSECOND

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
            listed = ", ".join(map(repr, names))
            raise ArgumentError(f"no step is called {brief(name)}; the steps are {listed}{did_you_mean(name, names)}")
        return names.index(name) + 1

    def between(self, exclusion: Exclusion) -> tuple[int, int]:
        """Return the numbers of the steps between which an exclusion applies."""
        first, last = self.required[0], self.required[-1]
        return self.number(exclusion.after or first), self.number(exclusion.before or last)


def conversion_query(
    steps: Sequence[str | FunnelStep],
    *,
    within: SpanLike,
    as_of: datetime,
    by: GroupBy | str | None = None,
    matching: Matching = DEFAULT_MATCHING,
) -> ConversionQuery:
    """Validate the arguments of `conversion`.

    Raises:
        ArgumentError: An argument is invalid, or two arguments contradict each other.
        InstantError: `as_of` is naive.
    """
    instance(matching, Matching, "matching", "a Matching, such as Matching(order='strict')")
    query = ConversionQuery(steps_of(steps), span(within, "within"), parse_as_of(as_of), _group_by(by), matching)
    _check_order(query)
    for exclusion in matching.exclude:
        _check_exclusion(query, exclusion)
    if query.by is not None and query.by.at not in ("first", "last"):
        query.number(query.by.at)
    return query


def _group_by(by: object) -> GroupBy | None:
    match by:
        case None | GroupBy():
            return by
        case str():
            return GroupBy(by)
        case _:
            raise ArgumentError(f"by must be a column name, GroupBy(...) or bins(...) (got {kind_of(by)})")


def _check_order(query: ConversionQuery) -> None:
    """Refuse steps that have no meaning in the order of the query."""
    order = query.matching.order
    optional = [step.name for step in query.steps if step.optional]
    if order != "ordered" and optional:
        raise ArgumentError(
            f"optional steps require order='ordered' (got order={order!r} and the optional step {optional[0]!r})"
        )
    timed = [step.name for step in query.steps if step.within is not None]
    if order == "any" and timed:
        raise ArgumentError(
            f"within of a step requires an order of steps (got order='any' and the step {timed[0]!r} with a window); "
            f"omit within of the step"
        )


def _check_exclusion(query: ConversionQuery, exclusion: Exclusion) -> None:
    numbers = query.between(exclusion)
    after, before = (query.steps[number - 1] for number in numbers)
    optional = [step.name for step in (after, before) if step.optional]
    if optional:
        raise ArgumentError(f"an Exclusion must lie between required steps (got the optional step {optional[0]!r})")
    if numbers[0] >= numbers[1]:
        raise ArgumentError(
            f"before of an Exclusion must be a later step than after (got after={after.name!r}, before="
            f"{before.name!r}); swap the two"
        )
