"""From a table of waits to their keys: checked, judged as of an instant, and counted by whatever engine holds them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs
import narwhals as nw

from funnel._computing import collected
from funnel._frames import Entered, enter, installed, microseconds
from funnel._given import INNER, nearest
from funnel._instants import EARLIEST, LATEST, micros
from funnel._lift.columns import flag
from funnel.errors import InstantError, LogsError
from funnel.logs.canonical import MISSING, zone_remedy
from funnel.logs.checks import Check
from funnel.logs.faults import Fault
from funnel.metrics._purchases import told, whole
from funnel.metrics.survival.curve import Curve, curve_of, curve_of_array

if TYPE_CHECKING:
    from funnel._frames import Frame

STARTED, ENDED = "started_at", "ended_at"
Group = tuple[Any, ...]
Columns = Mapping[str, str]

_KEY, _PEOPLE = f"{INNER}key", f"{INNER}people"
_EARLY = 2**62
"""The key of a wait that ended before it started."""

_LATER = _EARLY + 1
"""The key of a wait that had not started."""


@attrs.frozen
class Waits:
    """The waits of one group: their curve, and how many were left out because they ended before they started."""

    curve: Curve
    early: int


# ---- checked -------------------------------------------------------------------------------------------------------


def read(native: object, what: str, instants: Columns, others: Columns) -> Entered:
    """Let a table in with its instants as whole microseconds, `MISSING` where a cell is empty.

    Args:
        native: A frame of any engine.
        what: What its rows are, for messages.
        instants: Its columns of instants, each with what an empty cell is told to give, or nothing if it may be empty.
        others: The other columns that are read, in the same way.

    Raises:
        LogsError: A column is missing or of a wrong type, or cells are empty or lie outside the years that are kept.
    """
    entered = enter(native, {*instants, *others})
    _raise(what, list(_column_faults(what, entered, instants, others)))
    typed = [name for name in instants if name not in entered.typeless]
    frame = microseconds(entered.frame, entered.home, typed)
    frame = frame.with_columns(
        nw.col(name).fill_null(MISSING).cast(nw.Int64()) if name in typed else nw.lit(MISSING, nw.Int64()).alias(name)
        for name in instants
    )
    _raise(what, list(_row_faults(what, frame, [*_empty(instants, others), *_outside(instants)])))
    return attrs.evolve(entered, frame=frame)


def _raise(what: str, faults: Sequence[Fault]) -> None:
    if faults:
        lines = "\n".join(f"  {fault}" for fault in faults)
        msg = f"the {what} cannot be read as they are:\n{lines}"
        raise LogsError(msg, tuple(faults))


def _column_faults(what: str, entered: Entered, instants: Columns, others: Columns) -> Iterator[Fault]:
    schema = entered.frame.collect_schema()
    for name in (*instants, *others):
        if name not in schema:
            hint = f"; {nearest(name, entered.left_out)}" if entered.left_out else ""
            yield Fault(what, name, f"is missing{hint}")
        elif name in instants and name not in entered.typeless and not _is_aware(schema[name]):
            remedy = f"; {zone_remedy(entered)}" if isinstance(schema[name], nw.Datetime) else ""
            yield Fault(what, name, f"is {schema[name]}; give aware datetimes{remedy}")


def _is_aware(dtype: object) -> bool:
    return isinstance(dtype, nw.Datetime) and dtype.time_zone is not None


def _row_faults(what: str, frame: Frame, checks: Sequence[Check]) -> Iterator[Fault]:
    flags = {f"check_{number}": flag(check.bad) for number, check in enumerate(checks)}
    (counts,) = told(frame.select(**flags).select(*(nw.col(name).sum() for name in flags)), *flags)
    for check, count in zip(checks, counts, strict=True):
        if whole(count):
            yield Fault(what, check.column, check.problem, whole(count))


def _empty(instants: Columns, others: Columns) -> Iterator[Check]:
    for name, give in instants.items():
        if give:
            yield Check(name, f"is empty; give {give}", nw.col(name) == MISSING)
    for name, give in others.items():
        if give:
            yield Check(name, f"is empty; give {give}", nw.col(name).is_null())


def _outside(instants: Columns) -> Iterator[Check]:
    for name in instants:
        value = nw.col(name)
        outside = (value != MISSING) & ((value < EARLIEST) | (value >= LATEST))
        yield Check(name, "lies outside the years 1800 to 2199; give the instant it happened", outside)


# ---- judged --------------------------------------------------------------------------------------------------------


def waits_in(native: object, now: int) -> Waits:
    """The waits of a table, all together.

    Args:
        native: A frame of any engine, or pairs of start and end.
        now: The instant of judgement, in microseconds.
    """
    if isinstance(native, list | tuple):
        return _waits(_pair_counts(native, now))  # pyright: ignore[reportUnknownArgumentType]
    frame = _keyed(native, (), now)
    if _is_here(frame):
        return _waits_here(collected(frame)[_KEY].to_numpy())
    return _waits(_counted(frame, ())[()])


def waits_by(native: object, by: Sequence[str], now: int) -> Mapping[Group, Waits]:
    """The waits of a table by the values of columns, in the order of those values; empty ones last.

    Args:
        native: A frame of any engine.
        by: The columns.
        now: The instant of judgement, in microseconds.
    """
    frame = _keyed(native, by, now).filter(nw.col(_KEY) != _LATER)
    made = _grouped_here(frame, by) if frame.implementation.is_polars() and installed("numpy") else None
    if made is None:
        made = {group: _waits(counts) for group, counts in _counted(frame, by).items()}
    return {group: made[group] for group in sorted(made, key=_order)}


def _order(group: Group) -> list[tuple[bool, Any]]:
    return [(value is None, 0 if value is None else value) for value in group]


def _keyed(native: object, by: Sequence[str], now: int) -> Frame:
    entered = read(native, "waits", {STARTED: "an instant", ENDED: ""}, dict.fromkeys(by, ""))
    schema = entered.frame.collect_schema()
    groups = (_or_empty(name) if schema[name].is_float() else nw.col(name) for name in by)
    return entered.frame.select(*groups, _key_at(now).alias(_KEY))


def _or_empty(name: str) -> nw.Expr:
    """A column whose cells that hold no number are empty."""
    return nw.when(~nw.col(name).is_nan()).then(nw.col(name)).alias(name)


def _key_at(now: int) -> nw.Expr:
    started, ended = nw.col(STARTED), nw.col(ENDED)
    closed = (ended != MISSING) & (ended <= now)
    key = nw.when(closed).then(ended - started).otherwise(started - now - 1)
    key = nw.when(closed & (ended < started)).then(nw.lit(_EARLY, nw.Int64())).otherwise(key)
    return nw.when(started > now).then(nw.lit(_LATER, nw.Int64())).otherwise(key)


def _is_here(frame: Frame) -> bool:
    """Whether the rows lie in local memory, and numpy is there to take them as they lie."""
    engine = frame.implementation
    return (engine.is_polars() or engine.is_pandas()) and installed("numpy")


def _counted(frame: Frame, by: Sequence[str]) -> defaultdict[Group, Counter[int]]:
    """How many waits of each group have each key."""
    counted = frame.group_by(*by, _KEY).agg(nw.len().alias(_PEOPLE))
    empty = {f"{INNER}empty_{number}": flag(nw.col(name).is_null()) for number, name in enumerate(by)}
    counts: defaultdict[Group, Counter[int]] = defaultdict(Counter)
    for key, people, *group in told(counted.select(_KEY, _PEOPLE, *by, **empty), _KEY, _PEOPLE, *by, *empty):
        values = zip(group[: len(by)], group[len(by) :], strict=True)
        counts[tuple(None if no_value else value for value, no_value in values)][int(key)] += int(people)
    return counts


def _grouped_here(frame: Frame, by: Sequence[str]) -> dict[Group, Waits] | None:
    """The same of rows that lie here in Polars, each group as an array; None of very many groups of a few rows each."""
    here: Any = nw.to_native(collected(frame))
    groups = here.select(by).n_unique()
    if groups > _FEW and groups * _FEW > len(here):
        return None
    apart = here.partition_by(by, as_dict=True, include_key=False)
    return {group: _waits_here(rows[_KEY].to_numpy()) for group, rows in apart.items()}


_FEW = 64
"""Of so few rows a group is counted as soon one by one as in an array."""


def _waits(counts: Counter[int]) -> Waits:
    early = counts.pop(_EARLY, 0)
    counts.pop(_LATER, 0)
    return Waits(curve_of(counts.items()), early)


def _waits_here(keys: Any) -> Waits:
    """The same of keys in an array; what is left out is mostly nothing."""
    strange = keys >= _EARLY
    early = int((keys == _EARLY).sum())
    return Waits(curve_of_array(keys[~strange] if strange.any() else keys), early)


# ---- plain lists ---------------------------------------------------------------------------------------------------


def _pair_counts(pairs: Iterable[object], now: int) -> Counter[int]:
    return Counter(_key(*_pair(pair, place), now) for place, pair in enumerate(pairs))


def _pair(pair: object, place: int) -> tuple[int, int | None]:
    match pair:
        case (datetime() as started, None) if started.utcoffset() is not None:
            return _kept(started, place), None
        case (datetime() as started, datetime() as ended) if None not in (started.utcoffset(), ended.utcoffset()):
            return _kept(started, place), _kept(ended, place)
        case _:
            msg = f"wait {place} is not a pair of aware datetimes (start, end); the end is None if it has not come yet"
            raise InstantError(msg)


def _kept(moment: datetime, place: int) -> int:
    time = micros(moment)
    if not EARLIEST <= time < LATEST:
        msg = f"wait {place} lies outside the years 1800 to 2199; give the instants at which it started and ended"
        raise InstantError(msg)
    return time


def _key(started: int, ended: int | None, now: int) -> int:
    if started > now:
        return _LATER
    if ended is None or ended > now:
        return started - now - 1
    return _EARLY if ended < started else ended - started
