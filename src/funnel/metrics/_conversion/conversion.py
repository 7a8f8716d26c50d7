"""`conversion`: events and steps in, a funnel result out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from funnel._arguments import SpanLike, count_of
from funnel._time import instant
from funnel.metrics._conversion.attempt_columns import AttemptColumns
from funnel.metrics._conversion.counts import Group, Line, counts, lines
from funnel.metrics._conversion.groups import GroupBy
from funnel.metrics._conversion.plan import Entry, Order, Plan, Ties
from funnel.metrics._conversion.query import ConversionQuery, conversion_query
from funnel.metrics._conversion.result import FunnelGroup, FunnelResult
from funnel.metrics._conversion.steps import Exclusion, FunnelStep
from funnel.metrics._rate import LEAST, LEVEL, Rate


def conversion(  # noqa: PLR0913 - a question has many sides
    events: object,
    steps: Sequence[str | FunnelStep],
    *,
    within: SpanLike,
    as_of: datetime,
    order: Order = "ordered",
    attempts: Entry = "first",
    tie_break: Ties = "ranked",
    hold_constant: Sequence[str] | str = (),
    by: GroupBy | str | None = None,
    exclude: Sequence[Exclusion] | Exclusion = (),
    confidence_level: float = LEVEL,
    min_people: int = LEAST,
) -> FunnelResult:
    """Count how far people get along steps, in order and in time.

    An attempt starts at a row that matches the first step. Each next step is done at the first later row that matches
    it. One row serves one step. A window includes its end. A person who may still convert at `as_of` is pending, not
    dropped.

    Args:
        events: A dataframe of any engine with `person_id`, `occurred_at` (aware), `kind` and any other columns; the
            `Logs` of a shop (the kinds "lead", "purchase" and those of interactions; valid purchases only); or a list
            of mappings or interactions.
        steps: At least two steps, each a kind of event or a `FunnelStep`. A repeated kind is named "purchase 2".
        within: Maximum time from the first to the last step, inclusive.
        as_of: The instant of judgement. Later events are not read.
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
        by: A column to group by, read at the entry; or `GroupBy(...)`, `bins(...)`.
        exclude: Events that must not happen between two steps.
        confidence_level: The confidence level of the intervals of rates.
        min_people: The minimum number of people for a rate to be shown in text.

    Returns:
        The funnel.

    Raises:
        ArgumentError: An argument is invalid, or a kind that does not occur resembles one that does and so is misspelt.
            Any other kind that does not occur counts 0.
        ArgumentError: A list holds something other than mappings and interactions, or a row matches two steps when
            `order` is "any".
        InstantError: `as_of` is naive.
        LogsError: A person or an instant is missing, or a column has a wrong type.
        EngineError: The events cannot be read, or a column is missing.
        RuleError: A condition cannot run for a table.
        MissingExtraError: A list was passed, and no engine is installed.

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
    question = conversion_query(
        steps,
        within=within,
        as_of=as_of,
        order=order,
        attempts=attempts,
        tie_break=tie_break,
        hold_constant=hold_constant,
        by=by,
        exclude=exclude,
    )
    Rate(0, 0, confidence_level=confidence_level)
    count_of(min_people, "min_people", minimum=1)
    return _answered(AttemptColumns(events, question), question, confidence_level, min_people)


def _answered(
    found: AttemptColumns, question: ConversionQuery, confidence_level: float, min_people: int
) -> FunnelResult:
    plan = found.attempts.plan
    groups = lines(found.attempts)
    names = [step.name for step in question.steps]
    every = [line for part in groups.values() for line in part]
    steps = counts(every, plan, names, confidence_level)
    if question.exclude or any(step.reached == 0 for step in steps):
        found.check_kinds()
    each = () if question.by is None else _groups(question.by, groups, plan, names, confidence_level)
    return FunnelResult(instant(question.now), question.window, steps, tuple(each), min_people, found)


def _groups(
    by: GroupBy, groups: Mapping[Group, Sequence[Line]], plan: Plan, names: Sequence[str], confidence_level: float
) -> Sequence[FunnelGroup]:
    """Return the groups, largest first and the unknown group last.

    Bins keep their order.
    """

    def place(value: Group) -> tuple[bool, int, str]:
        size = 0 if value is None else int(value) if by.edges else -sum(line.count for line in groups[value])
        return value is None, size, str(value)

    ordered = sorted(groups, key=place)
    label = {value: by.labels[int(value)] if by.edges and value is not None else value for value in ordered}
    return [FunnelGroup(label[value], counts(groups[value], plan, names, confidence_level)) for value in ordered]
