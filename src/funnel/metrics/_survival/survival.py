"""`survival`: a table of waits in, a Kaplan-Meier curve out, for all people or for each group."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, overload

import attrs
import narwhals as nw

from funnel._arguments import INNER, each, instance, parse_as_of
from funnel._dataframes.adapter import Frame, InputFrame, from_native, installed, microseconds
from funnel._dataframes.compute import collected, to_rows
from funnel._expr.to_narwhals import int_lit, to_int
from funnel._time import EARLIEST, LATEST, micros
from funnel.errors import ArgumentError, InstantError
from funnel.logs import is_logs
from funnel.logs.normalize import MISSING
from funnel.logs.schema import Column, Issue, hint, raise_if_any, wrong_type
from funnel.logs.validate import Check, issues_of
from funnel.metrics._rate import DEFAULT_CONFIDENCE
from funnel.metrics._survival.curve import DurationKeys, curve_of, curve_of_array
from funnel.metrics._survival.logrank import SurvivalGroups
from funnel.metrics._survival.result import Survival, survival_of

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame


STARTED, ENDED = "started_at", "ended_at"
Group = tuple[Any, ...]
Columns = Mapping[str, str]

_KEY, _PEOPLE = f"{INNER}key", f"{INNER}people"
_EARLY = 2**62
"""The key of a wait that ended before it started."""

_LATER = _EARLY + 1
"""The key of a wait that had not started."""


# ---- validation ----------------------------------------------------------------------------------------------------


def read(native: object, label: str, instants: Columns, others: Columns) -> InputFrame:
    """Read a table, with instants as whole microseconds and `MISSING` for empty cells.

    Args:
        native: A dataframe of any engine.
        label: The name of its rows, for messages.
        instants: The columns of instants, each with the remedy for an empty cell, or nothing if it may be empty.
        others: The other columns to read, in the same form.

    Raises:
        LogsError: A column is missing or has a wrong type, or cells are empty or outside the supported years.
    """
    entered = from_native(native, {*instants, *others})
    raise_if_any(list(_column_issues(label, entered, instants, others)))
    typed = [name for name in instants if name not in entered.typeless]
    frame = microseconds(entered.frame, entered.frame_kind, typed)
    frame = frame.with_columns(
        nw.col(name).fill_null(MISSING).cast(nw.Int64()) if name in typed else nw.lit(MISSING, nw.Int64()).alias(name)
        for name in instants
    )
    raise_if_any(list(issues_of(label, frame, [*_empty(instants, others), *_outside(instants)])))
    return attrs.evolve(entered, frame=frame)


def _column_issues(label: str, entered: InputFrame, instants: Columns, others: Columns) -> Iterator[Issue]:
    schema = entered.frame.collect_schema()
    for name in (*instants, *others):
        if name not in schema:
            yield Issue(label, name, f"is missing{hint(name, entered.excluded)}")
        elif (
            name in instants
            and name not in entered.typeless
            and (problem := wrong_type(name, _INSTANT, schema[name], entered))
        ):
            yield Issue(label, name, f"is {schema[name]}; {problem}")


_INSTANT = Column("instant")


def _empty(instants: Columns, others: Columns) -> Iterator[Check]:
    for name, remedy in instants.items():
        if remedy:
            yield Check(name, f"is empty; give {remedy}", nw.col(name) == MISSING)
    for name, remedy in others.items():
        if remedy:
            yield Check(name, f"is empty; give {remedy}", nw.col(name).is_null())


def _outside(instants: Columns) -> Iterator[Check]:
    for name in instants:
        value = nw.col(name)
        outside = (value != MISSING) & ((value < EARLIEST) | (value >= LATEST))
        yield Check(name, "lies outside the years 1800 to 2199; give the instant it happened", outside)


# ---- keys as of an instant -----------------------------------------------------------------------------------------


def durations_in(native: object, now: int) -> DurationKeys:
    """Return all waits of a table together.

    Args:
        native: A dataframe of any engine, or pairs of start and end.
        now: The evaluation time, in microseconds.
    """
    if isinstance(native, list | tuple):
        return _waits(_pair_counts(native, now))  # pyright: ignore[reportUnknownArgumentType]
    frame = _keyed(native, (), now)
    if _is_here(frame):
        return _waits_here(collected(frame)[_KEY].to_numpy())
    return _waits(_key_counts(frame, ())[()])


def durations_by(native: object, by: Sequence[str], now: int) -> Mapping[Group, DurationKeys]:
    """Return the waits of a table by group, in order of the values, empty values last.

    Args:
        native: A dataframe of any engine.
        by: The columns.
        now: The evaluation time, in microseconds.
    """
    frame = _keyed(native, by, now).filter(nw.col(_KEY) != _LATER)
    by_group = _grouped_here(frame, by) if frame.implementation.is_polars() and installed("numpy") else None
    if by_group is None:
        by_group = {group: _waits(counts) for group, counts in _key_counts(frame, by).items()}
    return {group: by_group[group] for group in sorted(by_group, key=_order)}


def _order(group: Group) -> list[tuple[bool, Any]]:
    return [(value is None, 0 if value is None else value) for value in group]


def _keyed(native: object, by: Sequence[str], now: int) -> Frame:
    entered = read(native, "durations", {STARTED: "an instant", ENDED: ""}, dict.fromkeys(by, ""))
    schema = entered.frame.collect_schema()
    groups = (_or_empty(name) if schema[name].is_float() else nw.col(name) for name in by)
    return entered.frame.select(*groups, _key_at(now).alias(_KEY))


def _or_empty(name: str) -> nw.Expr:
    """Return a column with non-numbers (NaN) replaced by empty cells."""
    return nw.when(~nw.col(name).is_nan()).then(nw.col(name)).alias(name)


def _key_at(now: int) -> nw.Expr:
    start, end = nw.col(STARTED), nw.col(ENDED)
    closed = (end != MISSING) & (end <= now)
    key = nw.when(closed).then((end - start) * 2).otherwise((int_lit(now) - start) * 2 + 1)
    key = nw.when(closed & (end < start)).then(nw.lit(_EARLY, nw.Int64())).otherwise(key)
    return nw.when(start > now).then(nw.lit(_LATER, nw.Int64())).otherwise(key)


def _is_here(frame: Frame) -> bool:
    """Return whether the rows are in local memory and numpy is installed to read them without a copy."""
    engine = frame.implementation
    return (engine.is_polars() or engine.is_pandas()) and installed("numpy")


def _key_counts(frame: Frame, by: Sequence[str]) -> defaultdict[Group, Counter[int]]:
    """Return the number of waits with each key, for each group."""
    totals = frame.group_by(*by, _KEY).agg(nw.len().alias(_PEOPLE))
    empty = {f"{INNER}empty_{number}": to_int(nw.col(name).is_null()) for number, name in enumerate(by)}
    counts: defaultdict[Group, Counter[int]] = defaultdict(Counter)
    for key, people, *group in to_rows(totals.select(_KEY, _PEOPLE, *by, **empty), _KEY, _PEOPLE, *by, *empty):
        values = zip(group[: len(by)], group[len(by) :], strict=True)
        counts[tuple(None if no_value else value for value, no_value in values)][int(key)] += int(people)
    return counts


def _grouped_here(frame: Frame, by: Sequence[str]) -> dict[Group, DurationKeys] | None:
    """Return the waits of local Polars rows, one array for each group.

    None if there are very many small groups.
    """
    here: Any = nw.to_native(collected(frame))
    groups = here.select(by).n_unique()
    if groups > _FEW and groups * _FEW > len(here):
        return None
    rows_by_group = here.partition_by(by, as_dict=True, include_key=False)
    return {group: _waits_here(rows[_KEY].to_numpy()) for group, rows in rows_by_group.items()}


_FEW = 64
"""Up to this number of rows a group, counting one by one is as fast as in an array."""


def _waits(counts: Counter[int]) -> DurationKeys:
    early = counts.pop(_EARLY, 0)
    counts.pop(_LATER, 0)
    return DurationKeys(curve_of(counts.items()), early)


def _waits_here(keys: Any) -> DurationKeys:
    """Return the waits of an array of keys. Usually no wait is excluded."""
    strange = keys >= _EARLY
    early = int((keys == _EARLY).sum())
    return DurationKeys(curve_of_array(keys[~strange] if strange.any() else keys), early)


# ---- plain lists ---------------------------------------------------------------------------------------------------


def _pair_counts(pairs: Iterable[object], now: int) -> Counter[int]:
    return Counter(_key(*_pair(pair, index), now) for index, pair in enumerate(pairs))


def _pair(pair: object, index: int) -> tuple[int, int | None]:
    match pair:
        case (datetime() as started, None) if started.utcoffset() is not None:
            return _micros(started, index), None
        case (datetime() as started, datetime() as ended) if None not in (started.utcoffset(), ended.utcoffset()):
            return _micros(started, index), _micros(ended, index)
        case _:
            raise InstantError(
                f"duration {index} must be a pair of aware datetimes (start, end); end is None until it happens"
            )


def _micros(moment: datetime, index: int) -> int:
    time = micros(moment)
    if not EARLIEST <= time < LATEST:
        raise InstantError(
            f"duration {index} lies outside the years 1800 to 2199; pass the instants of its start and end"
        )
    return time


def _key(start: int, end: int | None, now: int) -> int:
    if start > now:
        return _LATER
    if end is None or end > now:
        return 2 * (now - start) + 1
    return _EARLY if end < start else 2 * (end - start)


# ---- `survival`: durations in, a Kaplan-Meier curve out, for all people or for each group ----------------------------


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
        durations: A dataframe of any engine with `started_at` and `ended_at` (empty until it happens), or a list
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
