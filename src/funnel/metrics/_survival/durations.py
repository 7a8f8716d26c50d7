"""From events to durations: when each person's wait started and ended.

Invariant: there is one row for each person who has started. Events after `as_of` change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import attrs
import narwhals as nw

from funnel._arguments import brief, check_choice, each, instance, is_one_of, parse_as_of, suggest
from funnel._dataframes.adapter import ROW, Frame, InputFrame, distinct, to_native
from funnel._dataframes.by_part import frame_by_part
from funnel._dataframes.compute import to_rows
from funnel._dataframes.frame_types import NativeT
from funnel._expr.to_narwhals import to_int
from funnel._ledger.streams import STREAMS
from funnel._time import FOREVER
from funnel.errors import ArgumentError
from funnel.logs import Logs
from funnel.metrics._by_group import PEOPLE, own_choices, own_columns_of, people_groups
from funnel.metrics._kinds import check_kinds, no_events
from funnel.metrics._purchases import PERSON
from funnel.metrics._survival.survival import ENDED, STARTED, read

Earlier = Literal["counts", "ignored"]

_INNER = frozenset((PERSON, "_t", "start", "end", "rank"))
"""The columns of a stream that hold a row's validity and order."""

_TIME, _KIND, _OCCURRED = "_t", "kind", "occurred_at"
_TEXT_COLUMNS = {PERSON: "the person, or drop the row", _KIND: "what happened"}


@attrs.frozen
class _Events:
    """The events of two kinds, with the kept columns of the start events; no `ends` if both kinds are the same."""

    starts: Frame
    ends: Frame | None


def durations(  # noqa: PLR0913 - two of them are the kinds
    events: Logs[NativeT] | NativeT,
    start: str,
    end: str,
    *,
    as_of: datetime,
    keep: Sequence[str] = (),
    earlier: Earlier = "counts",
) -> NativeT:
    """Return each person's wait from an event of one kind to one of another.

    The wait is from the first start event to the first end event. The table is the input of `survival`. If both kinds
    are the same, the wait is from the first such event to the second.

    Args:
        events: The records of a shop as `Logs`, or a dataframe of any engine with `person_id`, `occurred_at`, `kind`.
        start: The kind of event that starts the wait; for `Logs`, the name of a stream, such as "leads".
        end: The kind of event that ends the wait, such as "purchases". Only purchases that are valid at `as_of` count.
        as_of: The evaluation time. Later events are not read.
        keep: Columns of the start event to keep, for grouping; for `Logs`, own columns and columns of people too. If
            several start events have the same instant, the first one in the order of these columns is used.
        earlier: The treatment of an end before the start. "counts": the person had converted before the start;
            `survival` excludes and counts such rows. "ignored": the person waits for the next end.

    Returns:
        A dataframe of the same type as the input, with `person_id`, `started_at`, `ended_at` (empty if there is no end)
        and the kept columns.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: A kind is not text or is empty, a kind does not occur and resembles one that does, `Logs` have no
            stream of this name, or `earlier` is invalid. Any other kind that does not occur has no events. Neither has
            a stream of `Logs` whose log is missing.
        LogsError: A column is missing or has a wrong type, or cells are empty.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime
        >>> days = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 5)]
        >>> kinds = ["lead", "lead", "order"]
        >>> events = pl.DataFrame({"person_id": ["a", "b", "a"], "occurred_at": days, "kind": kinds})
        >>> table = durations(events, "lead", "order", as_of=datetime(2026, 2, 1, tzinfo=UTC)).sort("person_id")
        >>> (table["ended_at"] - table["started_at"]).to_list()
        [datetime.timedelta(days=4), None]
    """
    for kind, label in ((start, "start"), (end, "end")):
        if not instance(kind, str, label, "a kind of event, such as 'purchase'"):
            raise ArgumentError(f"{label} must be a kind of event, such as 'purchase' (got '')")
    now, columns = parse_as_of(as_of), each(keep, "keep", "a list of columns")
    for name in columns:
        instance(name, str, "a column of keep", "text")
    check_choice(earlier, ("counts", "ignored"), "earlier")
    if isinstance(events, Logs):
        table, kind = _waits(_of_logs(events, start, end, columns, now), columns, earlier), events._frame_kind
    else:
        entered = _read_table(events, start, end, columns)
        rows, kind = entered.frame.drop(ROW, strict=False), entered.frame_kind
        table = frame_by_part(rows, PERSON, lambda part: _waits(_of_rows(part, start, end, now), columns, earlier))
    result: NativeT = to_native(table, kind, instants=(STARTED, ENDED), order=(PERSON,))
    return result


def _waits(events: _Events, columns: Sequence[str], earlier: Earlier) -> Frame:
    """Return the wait of each person who has started, with instants in microseconds."""
    firsts = _firsts(events.starts, columns)
    if events.ends is None:
        ends = _seconds(events.starts)
    else:
        ends = _ends(events.ends, firsts if earlier == "ignored" else None)
    return firsts.join(ends, on=PERSON, how="left").select(PERSON, STARTED, ENDED, *columns)


def _read_table(table: object, start: str, end: str, columns: Sequence[str]) -> InputFrame:
    entered = read(table, "events", {_OCCURRED: "an instant"}, {**dict.fromkeys(columns, ""), **_TEXT_COLUMNS})
    kinds = {str(kind) for (kind,) in to_rows(distinct(entered.frame.select(_KIND)), _KIND)}
    check_kinds((start, end), kinds)
    return entered


def _of_rows(rows: Frame, start: str, end: str, now: int) -> _Events:
    past = rows.filter(nw.col(_OCCURRED) <= now).rename({_OCCURRED: _TIME})
    return _Events(past.filter(nw.col(_KIND) == start), None if start == end else past.filter(nw.col(_KIND) == end))


def _of_logs(logs: Logs, start: str, end: str, carried: Sequence[str], now: int) -> _Events:
    starts, ends = _stream(logs, start, now, carried), _stream(logs, end, now)
    if starts is None:
        starts = no_events(logs._tables, **{_TIME: nw.Int64(), **dict.fromkeys(carried, nw.String())})
    columns, of_people = {*starts.collect_schema()} - _INNER, own_choices(logs, (PEOPLE,))
    for name in carried:
        if name in columns:
            continue
        if name not in of_people:
            choices = suggest(name, {*columns, *of_people})
            raise ArgumentError(f"keep must name columns of {start} or of people (got {brief(name)}); {choices}")
        people = people_groups(logs, name, now, (PEOPLE,)).rename({"group": name})
        starts = starts.join(people, on=PERSON, how="inner")
    texts = [name for name in carried if starts.collect_schema()[name] == nw.String]
    starts = starts.with_columns(nw.when(nw.col(name) != "").then(nw.col(name)).alias(name) for name in texts)
    if start == end:
        return _Events(starts, None)
    return _Events(starts, no_events(logs._tables, **{_TIME: nw.Int64()}) if ends is None else ends)


def _stream(logs: Logs, name: str, now: int, own: Sequence[str] = ()) -> Frame | None:
    """Return the rows of a stream up to an instant, with own columns of its log.

    None if the log of the stream is missing.
    """
    if not is_one_of(name, STREAMS):
        raise ArgumentError(f"start and end must be records of the logs (got {brief(name)}); {suggest(name, STREAMS)}")
    stream = STREAMS[name]
    if stream.table not in logs._tables:
        return None
    table, fields = own_columns_of(logs, name, own)
    rows = logs._tables[table].filter(nw.col("start") <= now).rename({"t": _TIME, **fields})
    if stream.living:
        rows = rows.filter(nw.col("end") > now)
    return rows.filter(nw.col(_KIND) == stream.kind) if stream.kind else rows


def _firsts(starts: Frame, columns: Sequence[str]) -> Frame:
    """Return each person's first start, with the kept columns."""
    firsts = starts.group_by(PERSON).agg(nw.col(_TIME).min().alias(STARTED))
    if not columns:
        return firsts
    there = starts.join(firsts, on=PERSON, how="inner").filter(nw.col(_TIME) == nw.col(STARTED))
    empty = {f"_empty_{number}": to_int(nw.col(name).is_null()) for number, name in enumerate(columns)}
    order = [name for pair in zip(empty, columns, strict=True) for name in pair]
    return there.with_columns(**empty).unique(subset=[PERSON], keep="first", order_by=order)


def _ends(ends: Frame, firsts: Frame | None) -> Frame:
    """Return each person's first end.

    With starts: the first end at or after the person's start.
    """
    if firsts is not None:
        started = firsts.select(PERSON, STARTED)
        ends = ends.join(started, on=PERSON, how="inner").filter(nw.col(_TIME) >= nw.col(STARTED))
    return ends.group_by(PERSON).agg(nw.col(_TIME).min().alias(ENDED))


def _seconds(events: Frame) -> Frame:
    """Return each person's second event, which may be at the same instant as the first."""
    firsts = events.group_by(PERSON).agg(nw.col(_TIME).min().alias(STARTED))
    is_first = nw.col(_TIME) == nw.col(STARTED)
    rows = events.join(firsts, on=PERSON, how="inner").select(
        PERSON,
        STARTED,
        _first=to_int(is_first),
        _later=nw.when(is_first).then(nw.lit(FOREVER, nw.Int64())).otherwise(nw.col(_TIME)),
    )
    people = rows.group_by(PERSON).agg(nw.col("_first").sum(), nw.col("_later").min(), nw.col(STARTED).min())
    second = nw.when(nw.col("_first") > 1).then(nw.col(STARTED)).otherwise(nw.col("_later"))
    return people.select(PERSON, second.alias(ENDED)).filter(nw.col(ENDED) < FOREVER)
