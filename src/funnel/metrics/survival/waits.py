"""From events to waits: when each person started to wait for something, and when they got there.

Law: one row for each person who has started; what happens after `as_of` changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import attrs
import narwhals as nw

from funnel._frames import Frame, Home, leave
from funnel._given import brief, each, instance, is_one_of, judgement, nearest, one_of
from funnel._instants import FOREVER
from funnel._lift.columns import flag
from funnel._streams import STREAMS
from funnel.errors import ArgumentError
from funnel.logs import Logs
from funnel.metrics._kinds import check_kinds, no_events
from funnel.metrics._purchases import PERSON, told
from funnel.metrics.survival.waiting import ENDED, STARTED, read

Earlier = Literal["counts", "ignored"]

_INNER = frozenset((PERSON, "_t", "start", "end", "rank"))
"""The columns of a stream that say for how long a row counts, and where it stands."""

_TIME, _KIND, _OCCURRED = "_t", "kind", "occurred_at"
_NAMED = {PERSON: "the person, leave the row out if nobody knows", _KIND: "what happened"}


@attrs.frozen
class _Events:
    """The events of two kinds, each with its person and time, and the columns that are kept of the starts."""

    starts: Frame
    ends: Frame
    home: Home


def waits(  # noqa: PLR0913 - two of them are the kinds
    events: object,
    start: str,
    end: str,
    *,
    as_of: datetime,
    keep: Sequence[str] = (),
    earlier: Earlier = "counts",
) -> Any:
    """Everyone's wait from their first event of one kind to their first of another: the table `survival` reads.

    Of the same kind twice, it is the wait from the first such event to the second.

    Args:
        events: The records of a shop as `Logs`, or a dataframe of any engine with `person_id`, `occurred_at`, `kind`.
        start: The kind of event with which the wait starts; of `Logs` the name of a stream, such as "leads".
        end: The kind with which it ends, such as "purchases"; only purchases that count at `as_of` are looked at.
        as_of: The instant of judgement; events after it are not looked at.
        keep: Columns of the starting event that are kept, to make groups of; of several events at that instant, those
            of the one that comes first by these columns.
        earlier: What an end before the start is. It "counts": they had got there before they started, and `survival`
            leaves them out and counts them; or it is "ignored": they wait for the next one.

    Returns:
        `person_id`, `started_at`, `ended_at` (empty where there is none) and the columns that are kept, as the same
        kind of frame that came in.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: A kind is not text or is empty, a kind does not occur and looks like one that does, no stream of
            `Logs` has such a name, or `earlier` is neither of the two. Any other kind that does not occur has no event,
            and neither has a stream of `Logs` whose log is not there.
        LogsError: A column is missing or of a wrong type, or cells are empty.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime
        >>> days = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 5)]
        >>> kinds = ["lead", "lead", "order"]
        >>> events = pl.DataFrame({"person_id": ["a", "b", "a"], "occurred_at": days, "kind": kinds})
        >>> table = waits(events, "lead", "order", as_of=datetime(2026, 2, 1, tzinfo=UTC)).sort("person_id")
        >>> (table["ended_at"] - table["started_at"]).to_list()
        [datetime.timedelta(days=4), None]
    """
    for kind, what in ((start, "start"), (end, "end")):
        if not instance(kind, str, what, "a kind of event, such as 'purchase'"):
            msg = f"{what} must be a kind of event, such as 'purchase' (got '')"
            raise ArgumentError(msg)
    now, kept = judgement(as_of), each(keep, "keep", "a list of columns")
    for name in kept:
        instance(name, str, "a column of keep", "text")
    one_of(earlier, ("counts", "ignored"), "earlier")
    found = (
        _of_logs(events, start, end, kept, now)
        if isinstance(events, Logs)
        else _of_table(events, start, end, kept, now)
    )
    firsts = _firsts(found.starts, kept)
    ends = _seconds(found.starts) if start == end else _ends(found.ends, firsts if earlier == "ignored" else None)
    table = firsts.join(ends, on=PERSON, how="left").select(PERSON, STARTED, ENDED, *kept)
    return leave(table, found.home, instants=(STARTED, ENDED))


def _of_table(table: object, start: str, end: str, kept: Sequence[str], now: int) -> _Events:
    entered = read(table, "events", {_OCCURRED: "an instant"}, {**dict.fromkeys(kept, ""), **_NAMED})
    kinds = {str(kind) for (kind,) in told(entered.frame.select(_KIND).unique(), _KIND)}
    check_kinds((start, end), kinds)
    known = entered.frame.filter(nw.col(_OCCURRED) <= now).rename({_OCCURRED: _TIME})
    return _Events(known.filter(nw.col(_KIND) == start), known.filter(nw.col(_KIND) == end), entered.home)


def _of_logs(logs: Logs, start: str, end: str, kept: Sequence[str], now: int) -> _Events:
    starts, ends = _stream(logs, start, now), _stream(logs, end, now)
    if starts is None:
        starts = no_events(logs.tables, **{_TIME: nw.Int64(), **dict.fromkeys(kept, nw.String())})
    columns = {*starts.collect_schema()} - _INNER
    for name in kept:
        if name not in columns:
            msg = f"{start} have no column {brief(name)} to keep; {nearest(name, columns)}"
            raise ArgumentError(msg)
    return _Events(starts, no_events(logs.tables, **{_TIME: nw.Int64()}) if ends is None else ends, logs.home)


def _stream(logs: Logs, name: str, now: int) -> Frame | None:
    """The rows of a stream up to an instant; None if the log that would hold them is not there."""
    if not is_one_of(name, STREAMS):
        msg = f"no stream of records is called {brief(name)}; {nearest(name, STREAMS)}"
        raise ArgumentError(msg)
    stream = STREAMS[name]
    if stream.table not in logs.tables:
        return None
    rows = logs.tables[stream.table].filter(nw.col("start") <= now).rename({"t": _TIME})
    if stream.living:
        rows = rows.filter(nw.col("end") > now)
    return rows.filter(nw.col(_KIND) == stream.kind) if stream.kind else rows


def _firsts(starts: Frame, kept: Sequence[str]) -> Frame:
    """Each person's first start, with what is kept of it."""
    firsts = starts.group_by(PERSON).agg(nw.col(_TIME).min().alias(STARTED))
    if not kept:
        return firsts
    there = starts.join(firsts, on=PERSON, how="inner").filter(nw.col(_TIME) == nw.col(STARTED))
    empty = {f"_empty_{number}": flag(nw.col(name).is_null()) for number, name in enumerate(kept)}
    order = [name for pair in zip(empty, kept, strict=True) for name in pair]
    return there.with_columns(**empty).unique(subset=[PERSON], keep="first", order_by=order)


def _ends(ends: Frame, firsts: Frame | None) -> Frame:
    """Each person's first end; where the starts are given, at or after their start."""
    if firsts is not None:
        started = firsts.select(PERSON, STARTED)
        ends = ends.join(started, on=PERSON, how="inner").filter(nw.col(_TIME) >= nw.col(STARTED))
    return ends.group_by(PERSON).agg(nw.col(_TIME).min().alias(ENDED))


def _seconds(events: Frame) -> Frame:
    """Each person's second event, which may be at the same instant as the first."""
    firsts = events.group_by(PERSON).agg(nw.col(_TIME).min().alias(STARTED))
    is_first = nw.col(_TIME) == nw.col(STARTED)
    rows = events.join(firsts, on=PERSON, how="inner").select(
        PERSON,
        STARTED,
        _first=flag(is_first),
        _later=nw.when(is_first).then(nw.lit(FOREVER, nw.Int64())).otherwise(nw.col(_TIME)),
    )
    people = rows.group_by(PERSON).agg(nw.col("_first").sum(), nw.col("_later").min(), nw.col(STARTED).min())
    second = nw.when(nw.col("_first") > 1).then(nw.col(STARTED)).otherwise(nw.col("_later"))
    return people.select(PERSON, second.alias(ENDED)).filter(nw.col(ENDED) < FOREVER)
