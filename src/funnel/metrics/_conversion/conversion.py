"""`conversion`: events and steps in, a funnel result out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from funnel._arguments import SpanLike, count_of
from funnel._dataframes.frame_types import NativeT
from funnel.interactions import Interaction
from funnel.logs import Logs
from funnel.metrics._conversion.attempts import AttemptColumns, Group, Line, counts, lines
from funnel.metrics._conversion.groups import GroupBy
from funnel.metrics._conversion.label_events import Plan
from funnel.metrics._conversion.prepared import Events
from funnel.metrics._conversion.query import DEFAULT_MATCHING, ConversionQuery, FunnelStep, Matching, conversion_query
from funnel.metrics._conversion.result import FunnelGroup, FunnelResult
from funnel.metrics._rate import DEFAULT_CONFIDENCE, DEFAULT_MIN_PEOPLE, Rate


def conversion(  # noqa: PLR0913 (keywords; docs/decisions/few-arguments.md)
    events: Logs[NativeT] | Events[NativeT] | NativeT | Sequence[Mapping[str, object] | Interaction],
    steps: Sequence[str | FunnelStep],
    *,
    within: SpanLike,
    as_of: datetime,
    by: GroupBy | str | None = None,
    matching: Matching = DEFAULT_MATCHING,
    confidence_level: float = DEFAULT_CONFIDENCE,
    min_people: int = DEFAULT_MIN_PEOPLE,
) -> FunnelResult[NativeT]:
    """Count how far people get along steps, in order and in time.

    An attempt starts at a row that matches the first step. Each next step is done at the first later row that matches
    it. One row serves one step. A window includes its end. A person who may still convert at `as_of` is pending, not
    dropped.

    Args:
        events: A dataframe of any engine with `person_id`, `occurred_at` (aware), `kind` and any other columns; the
            `Logs` of a shop (the kinds "lead", "purchase" and those of interactions; valid purchases only); a list of
            mappings or interactions; or `Events`, which are validated and grouped once for several funnels.
        steps: At least two steps, each a kind of event or a `FunnelStep`. A repeated kind is named "purchase 2".
        within: Maximum time from the first to the last step, inclusive.
        as_of: The evaluation time. Later events are not read.
        by: A column to group by, read at the entry; or `GroupBy(...)`, `bins(...)`.
        matching: The order of the steps, the attempts that count, and the events that exclude. By default, other events
            may lie between the steps, and only a person's first entry counts.
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
    query = conversion_query(steps, within=within, as_of=as_of, by=by, matching=matching)
    Rate(0, 0, confidence_level=confidence_level)
    count_of(min_people, "min_people", minimum=1)
    return _result(AttemptColumns(events, query), query, confidence_level, min_people)


def _result(
    columns: AttemptColumns, query: ConversionQuery, confidence_level: float, min_people: int
) -> FunnelResult[NativeT]:
    plan = columns.attempts.plan
    groups = lines(columns.attempts)
    names = [step.name for step in query.steps]
    every = [line for part in groups.values() for line in part]
    steps = counts(every, plan, names, confidence_level)
    if query.matching.exclude or any(step.reached == 0 for step in steps):
        columns.check_kinds()
    each = () if query.by is None else _groups(query.by, groups, plan, names, confidence_level)
    return FunnelResult(query.as_of, query.window, steps, tuple(each), min_people, columns)


def _groups(
    by: GroupBy, groups: Mapping[Group, Sequence[Line]], plan: Plan, names: Sequence[str], confidence_level: float
) -> Sequence[FunnelGroup]:
    """Return the groups, largest first and the unknown group last.

    Bins keep their order.
    """

    def sort_key(value: Group) -> tuple[bool, int, str]:
        size = 0 if value is None else int(value) if by.edges else -sum(line.count for line in groups[value])
        return value is None, size, str(value)

    ordered = sorted(groups, key=sort_key)
    label = {value: by.labels[int(value)] if by.edges and value is not None else value for value in ordered}
    return [FunnelGroup(label[value], counts(groups[value], plan, names, confidence_level)) for value in ordered]
