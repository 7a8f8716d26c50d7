"""Asking: events and steps in, a funnel out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from funnel._given import SpanLike, count_of
from funnel._instants import instant
from funnel.metrics.conversion._found import Found
from funnel.metrics.conversion.asked import Asked, asked
from funnel.metrics.conversion.counted import Group, Line, counts, lines
from funnel.metrics.conversion.groups import By
from funnel.metrics.conversion.plan import Entry, Order, Plan, Ties
from funnel.metrics.conversion.result import Funnel, FunnelGroup
from funnel.metrics.conversion.steps import Exclusion, FunnelStep
from funnel.metrics.rate import LEAST, LEVEL, Rate


def conversion(  # noqa: PLR0913 - a question has many sides
    events: object,
    steps: Sequence[str | FunnelStep],
    *,
    within: SpanLike,
    as_of: datetime,
    order: Order = "ordered",
    entry: Entry = "first",
    ties: Ties = "ranked",
    hold: Sequence[str] | str = (),
    by: By | str | None = None,
    exclude: Sequence[Exclusion] | Exclusion = (),
    level: float = LEVEL,
    enough: int = LEAST,
) -> Funnel:
    """How far people come along steps, in order and in time.

    An attempt begins at a row that meets the first step. Each next step is done at the first row after that meets it;
    one row serves one step. A window includes its end. Who may still convert at `as_of` is pending, not dropped.

    Args:
        events: A frame of any engine with `person_id`, `occurred_at` (aware), `kind` and any other columns; the `Logs`
            of a shop (kinds "lead", "purchase" and those of interactions, valid purchases alone); or a list of mappings
            or interactions.
        steps: At least two, each a kind of event or a `FunnelStep`. A kind that comes again is called "purchase 2".
        within: The time from the entry to the last step.
        as_of: The instant of judgement; what happened later is not read.
        order: "ordered": other events may lie between. "strict": each step is the very next event. "any": the steps in
            whatever order they come, beginning with any of them.
        entry: "first": a person's first entry alone. "any": of a person's attempts whose window is over, the one that
            came furthest, of equals the earliest; an open attempt counts only if no window is over. "each": every
            attempt; the next begins after the exit of the one before. Intervals of rates then treat the attempts of one
            person as independent, which is too narrow if a few people make many of them.
        ties: "ranked": of events of one instant, those of earlier steps come first. "later": each step is at a later
            instant than the one before.
        hold: Up to three columns whose values stay the same through all steps of an attempt; rows where one is null
            are not read.
        by: A column to split by, read at the entry; or `By(...)`, `bands(...)`.
        exclude: What may not happen between two steps.
        level: How often the intervals of rates hold the true share.
        enough: The fewest a rate is shown of in text.

    Returns:
        The funnel.

    Raises:
        ArgumentError: An argument is not allowed, or a kind that does not occur looks like one that does: it is
            misspelt. Any other kind that does not occur counts 0.
        ArgumentError: A list holds something else than mappings and interactions, or a row is two steps of any order.
        InstantError: `as_of` is naive.
        LogsError: A person or an instant is missing, or a column is of a wrong type.
        EngineError: The events cannot be read, or a column is not there.
        LiftError: A condition cannot be run for a table.
        MissingExtraError: A list was given, and no engine is installed.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> def at(day):
        ...     return datetime(2026, 3, day, tzinfo=UTC)
        >>> events = [
        ...     {"person_id": "sari", "occurred_at": at(1), "kind": "view"},
        ...     {"person_id": "sari", "occurred_at": at(3), "kind": "purchase"},
        ...     {"person_id": "budi", "occurred_at": at(2), "kind": "view"},
        ... ]
        >>> funnel = conversion(events, ["view", "purchase"], within=timedelta(days=7), as_of=at(31))
        >>> funnel.entered, funnel.converted, funnel.dropped, funnel.pending
        (2, 1, 1, 0)
        >>> print(funnel.rate)
        50.0 % (1 of 2; 9.5 to 90.5 %)
    """
    question = asked(
        steps,
        within=within,
        as_of=as_of,
        order=order,
        entry=entry,
        ties=ties,
        hold=hold,
        by=by,
        exclude=exclude,
    )
    Rate(0, 0, level=level)
    count_of(enough, "enough", least=1)
    return _answered(Found(events, question), question, level, enough)


def _answered(found: Found, question: Asked, level: float, enough: int) -> Funnel:
    plan = found.attempts.plan
    groups = lines(found.attempts)
    names = [step.name for step in question.steps]
    every = [line for part in groups.values() for line in part]
    steps = counts(every, plan, names, level)
    if question.exclude or any(step.reached == 0 for step in steps):
        found.check_kinds()
    each = () if question.by is None else _groups(question.by, groups, plan, names, level)
    return Funnel(instant(question.now), question.window, steps, tuple(each), enough, found)


def _groups(
    by: By, groups: Mapping[Group, Sequence[Line]], plan: Plan, names: Sequence[str], level: float
) -> Sequence[FunnelGroup]:
    """The groups, the largest first and the unknown one last; bands in their order."""

    def place(value: Group) -> tuple[bool, int, str]:
        size = 0 if value is None else int(value) if by.edges else -sum(line.count for line in groups[value])
        return value is None, size, str(value)

    ordered = sorted(groups, key=place)
    label = {value: by.labels[int(value)] if by.edges and value is not None else value for value in ordered}
    return [FunnelGroup(label[value], counts(groups[value], plan, names, level)) for value in ordered]
