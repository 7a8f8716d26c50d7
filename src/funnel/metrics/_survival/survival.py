"""`survival`: durations in, a Kaplan-Meier curve out, for all people or for each group."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, overload

from funnel._arguments import each, instance, parse_as_of
from funnel.errors import ArgumentError
from funnel.logs import is_logs
from funnel.metrics._rate import DEFAULT_CONFIDENCE
from funnel.metrics._survival.input import durations_by, durations_in
from funnel.metrics._survival.logrank import SurvivalGroups
from funnel.metrics._survival.result import Survival, survival_of

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame


@overload
def survival(
    durations: IntoFrame | Sequence[tuple[datetime, datetime | None]],
    *,
    as_of: datetime,
    by: None = None,
    confidence_level: float = DEFAULT_CONFIDENCE,
    min_people: int = 1,
) -> Survival: ...
@overload
def survival(
    durations: IntoFrame,
    *,
    as_of: datetime,
    by: str | Sequence[str],
    confidence_level: float = DEFAULT_CONFIDENCE,
    min_people: int = 1,
) -> SurvivalGroups: ...
def survival(
    durations: IntoFrame | Sequence[tuple[datetime, datetime | None]],
    *,
    as_of: datetime,
    by: str | Sequence[str] | None = None,
    confidence_level: float = DEFAULT_CONFIDENCE,
    min_people: int = 1,
) -> Survival | SurvivalGroups:
    """Estimate how long people wait until they convert; open waits count for the watched time.

    A person who started after `as_of` is left out. A person whose end is after `as_of` still waits. A wait that ended
    before it started is excluded and counted. Each row is one wait. Several rows of one person are not independent and
    make the intervals too narrow.

    Args:
        durations: A dataframe of any engine with `started_at` and `ended_at` (empty if there is no end yet), or a list
            of such pairs. `funnel.metrics.durations` builds the table from events.
        as_of: The evaluation time.
        by: The column, or columns, to group by; the durations are then a dataframe. None: all people together.
        confidence_level: The probability that an interval contains the true value.
        min_people: The minimum number of people for any estimate. With fewer people, every estimate is None, and a
            group is not tested.

    Returns:
        The curve with its estimates. With `by`: the curve of each group, and a test whether the groups differ.

    Raises:
        InstantError: `as_of` or a time of a pair is naive.
        LogsError: A column is missing or does not hold aware datetimes, or a start is empty.
        EngineError: The dataframe cannot be read.
        ArgumentError: The durations are `Logs`, the level is not between 0 and 1, `min_people` is not a whole number
            from 1 up, or `by` is empty.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> day, start = timedelta(days=1), datetime(2026, 1, 1, tzinfo=UTC)
        >>> durations = [(start, start + 2 * day), (start, start + 5 * day), (start + 4 * day, None)]
        >>> curve = survival(durations, as_of=start + 10 * day)
        >>> print(curve)
        3 people, 2 converted, 1 still waiting; watched for up to 6 d; median 5 d (2 d to not reached)
        >>> print(curve.at(3 * day))
        33.3 % within 3 d (1 of 3 converted, 2 waited so long; 5.5 to 94.6 %)
        >>> curve.at(30 * day).value is None
        True
        >>> import polars as pl
        >>> ended = [start + day, start + 2 * day, start + 9 * day, None]
        >>> columns = {"started_at": [start] * 4, "ended_at": ended, "source": ["ad", "ad", "shop", "shop"]}
        >>> groups = survival(pl.DataFrame(columns), as_of=start + 20 * day, by="source")
        >>> print(groups["ad"].median)
        1 d (1 d to not reached)
        >>> groups.logrank_test.degrees
        1
    """
    now = parse_as_of(as_of)
    if is_logs(durations):
        msg = "survival needs the waits of people (got Logs); compute them first"
        raise ArgumentError(f'{msg}, such as with funnel.metrics.durations(logs, "leads", "purchases", as_of=...)')
    if by is None:
        return survival_of(durations_in(durations, now), as_of, confidence_level, min_people)
    columns = (by,) if isinstance(by, str) else tuple(each(by, "by", "a column or a list of columns"))
    for column in columns:
        instance(column, str, "a column of by", "text")
    if not columns:
        raise ArgumentError("by must name at least one column (got an empty list); omit by for one curve of all people")
    groups = durations_by(durations, columns, now)
    return SurvivalGroups(
        columns,
        tuple(
            (group[0] if len(columns) == 1 else group, survival_of(waits, as_of, confidence_level, min_people))
            for group, waits in groups.items()
        ),
    )
