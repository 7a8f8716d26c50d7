"""Read events: any dataframe, the logs of a shop, or a plain list become one table.

Invariant: an internal table has `person_id` and `kind` without nulls, `t` in whole microseconds, and the other columns
unchanged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Generic

import attrs
import narwhals as nw

from funnel._arguments import brief, is_one_of, kind_of
from funnel._dataframes.adapter import (
    ROW,
    Frame,
    FrameKind,
    InputFrame,
    collect_once,
    column_types,
    frame_from_rows,
    from_native,
    installed,
    microseconds,
)
from funnel._dataframes.compute import collected
from funnel._dataframes.frame_types import FrameT
from funnel._time import EARLIEST, LATEST
from funnel.errors import ArgumentError, EngineError
from funnel.interactions import Interaction
from funnel.logs import Issue, Logs
from funnel.logs.normalize import MISSING
from funnel.logs.schema import WIDE, Column, hint, raise_if_any, wrong_type
from funnel.logs.validate import Check, id_check, issues_of
from funnel.metrics._conversion.conditions import LARGEST, Types
from funnel.metrics._conversion.events_of_logs import FROM_LOGS, OWN_TYPES, T, events_of_logs, own_kinds_of

NEEDED: Mapping[str, Column] = {
    "person_id": Column("id", required=True),
    "occurred_at": Column("instant", required=True),
    "kind": Column("text", required=True),
}


@attrs.frozen
class Source:
    """Events as an internal table, with the kind of the input.

    `types` are the types of all available columns. `people` are the `People` of the rows, if they are numbered.
    """

    frame: Frame
    frame_kind: FrameKind
    types: Types
    is_logs: bool = False
    people: Any = None


def as_table(events: object) -> object:
    """Convert a list of records or mappings to a dataframe of an installed engine.

    Other input stays unchanged.

    Raises:
        ArgumentError: An entry is neither a mapping nor an interaction.
        MissingExtraError: Neither Polars nor pandas is installed.
    """
    if not isinstance(events, Sequence):
        return events
    rows = [_row(number, one) for number, one in enumerate(events, 1)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    names = dict.fromkeys(name for row in rows for name in row) or dict.fromkeys(NEEDED)
    return frame_from_rows([{name: row.get(name) for name in names} for row in rows], tuple(names))


def _row(number: int, one: object) -> dict[str, Any]:
    match one:
        case Interaction():
            row = one.model_dump()
            amount = getattr(one, "amount", None)
            row = {**row.pop("columns", {}), **row}
            return row if amount is None else {**row, "amount": amount.minor}
        case Mapping():
            return dict(one)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        case _:
            raise ArgumentError(
                f"event {number} must be a mapping or an interaction (got {kind_of(one)}); or pass Logs"
            )


def types_of(events: object) -> Types:
    """Return the available columns with their types.

    Pandas stores whole numbers as floats if some are missing. Such columns are typed as whole numbers again and
    checked.
    """
    if isinstance(events, Events):
        return events._source.types  # pyright: ignore[reportUnknownMemberType] (any engine)
    if isinstance(events, Logs):
        return {**FROM_LOGS, **{name: OWN_TYPES[kind] for name, kind in own_kinds_of(events).items()}}  # pyright: ignore[reportUnknownArgumentType] (any engine)
    types = column_types(events)
    return {name: nw.Int64() if _from_pandas(events, dtype) else dtype for name, dtype in types.items()}


def _from_pandas(events: object, dtype: nw.dtypes.DType) -> bool:
    return dtype.is_float() and type(events).__module__.partition(".")[0] == "pandas"


def read_events(
    events: object, read: Collection[str], now: int, compared: Collection[str] = (), *, is_checked: bool = False
) -> Source:
    """Read the events, with the requested columns.

    Args:
        events: The events as passed to `conversion`, with a list already converted to a table.
        read: The columns to read, besides those that every event has.
        now: The evaluation time, in microseconds.
        compared: The columns of whole numbers that conditions read. Their values must lie in a range.
        is_checked: Whether the rows were checked before.

    Raises:
        LogsError: A required column is missing or has a wrong type, or a person or a time is missing.
        EngineError: The input is not a dataframe that can be read.
    """
    if isinstance(events, Logs):
        frame = events_of_logs(events, now, read)  # pyright: ignore[reportUnknownArgumentType] (any engine)
        return Source(frame, events._frame_kind, types_of(events), is_logs=True)  # pyright: ignore[reportUnknownArgumentType] (any engine)
    checks: list[Check] = []
    if isinstance(events, Events):
        source: Source = events._source  # pyright: ignore[reportUnknownMemberType] (any engine)
    else:
        source, checks = _source(events, {*NEEDED, *read}, is_checked=is_checked)
    if not is_checked:
        checks += _value_checks(source, read, compared)
        raise_if_any(list(issues_of("events", source.frame, checks)) if checks else [])
    return source


@attrs.frozen(eq=False)
class Events(Generic[FrameT]):
    """Events that are read, validated and grouped by person once, for several funnels.

    Answers are those of the dataframe itself. All its columns are read; select the needed columns first. A lazy Polars
    frame is read into memory.

    Args:
        frame: A dataframe of any engine with `person_id`, `occurred_at` (aware), `kind` and any other columns, as for
            `conversion`.

    Raises:
        LogsError: A required column is missing or has a wrong type, or a person or an instant is missing.
        EngineError: The dataframe cannot be read.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> import polars as pl
        >>> from funnel import conversion
        >>> may = datetime(2026, 5, 1, tzinfo=UTC)
        >>> columns = {"person_id": [1, 1, 2], "occurred_at": [may] * 3, "kind": ["view", "purchase", "view"]}
        >>> events = Events(pl.DataFrame(columns))
        >>> for days in (7, 30):
        ...     window = timedelta(days=days)
        ...     print(conversion(events, ["view", "purchase"], within=window, as_of=may + window).converted)
        1
        1
    """

    frame: FrameT = attrs.field(repr=False)
    _source: Source = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Read, validate and group the events."""
        source, checks = _source(self.frame, None)
        source = attrs.evolve(source, frame=collect_once(source.frame))
        raise_if_any(list(issues_of("events", source.frame, checks)))
        object.__setattr__(self, "_source", _grouped(source))

    def __reduce__(self) -> tuple[type[Events[FrameT]], tuple[FrameT]]:
        """Copy the dataframe; the copy reads it again."""
        return type(self), (self.frame,)


def _source(events: object, read: Collection[str] | None, *, is_checked: bool = False) -> tuple[Source, list[Check]]:
    """Return the events of a dataframe, and the checks of people and instants that are left."""
    entered = from_native(events, read)
    raise_if_any(_schema_faults(entered))
    source = Source(_canonical(entered), entered.frame_kind, types_of(events))
    if is_checked:
        return source, []
    people, checks = _people_of_texts(source), _checks(entered)
    if people is not None and not any(issues_of("events", nw.from_native(people.ids.to_frame().lazy()), [_ID_CHECK])):
        checks.remove(_ID_CHECK)  # a text occurs in many rows: a check of the distinct ones takes a tenth of the time
    return attrs.evolve(source, people=people), checks


def _people_of_texts(source: Source) -> Any:
    """Return the `People` of the rows. None if ids are not texts in local memory, or if loops cannot run."""
    is_text = isinstance(source.frame.collect_schema()["person_id"], nw.String)
    if not (is_text and _can_loop(source)) or source.frame_kind == "polars lazy":
        return None
    from funnel._dataframes.by_person import People
    from funnel._dataframes.loops import runner

    person = collected(nw.to_native(source.frame.select("person_id")))["person_id"].rechunk()
    run = runner(len(person))
    return None if run is None else People.of(person, run)


def _can_loop(source: Source) -> bool:
    return source.frame.implementation.is_polars() and installed("numba")


def _grouped(source: Source) -> Source:
    """Return the events with the rows of each person together, if loops can run."""
    if not _can_loop(source):
        return source
    from funnel._dataframes.by_person import People, together
    from funnel._dataframes.loops import runner

    rows: Any = collected(nw.to_native(source.frame)).rechunk()
    run = runner(len(rows)) if len(rows) else None
    if run is None:
        return source
    people = source.people or People.of(rows["person_id"], run)
    order, people = together(people, rows[T].to_numpy(), run)
    return attrs.evolve(source, frame=nw.from_native(rows[order].lazy()), people=people)


def _schema_faults(entered: InputFrame) -> list[Issue]:
    schema = entered.frame.collect_schema()
    faults: list[Issue] = []
    for name, column in NEEDED.items():
        if name not in schema:
            faults.append(Issue("events", name, f"is missing{hint(name, entered.excluded)}"))
        elif name not in entered.typeless and (problem := wrong_type(name, column, schema[name], entered)):
            faults.append(Issue("events", name, f"is {schema[name]}; {problem}"))
    return faults


def _canonical(entered: InputFrame) -> Frame:
    """Return the columns under the library's names.

    A column with only empty cells has no type and gets none.
    """
    schema = entered.frame.collect_schema()
    typed = [name for name in ("occurred_at",) if name not in entered.typeless]
    frame = microseconds(entered.frame, entered.frame_kind, typed)
    when = nw.col("occurred_at").fill_null(MISSING).cast(nw.Int64()) if typed else nw.lit(MISSING, nw.Int64())
    kind = nw.lit("") if "kind" in entered.typeless else nw.col("kind").cast(nw.String()).fill_null("")
    others = [name for name in schema if name not in NEEDED]
    return frame.select(_person(entered), *others, when.alias(T), kind=kind)


def _person(entered: InputFrame) -> nw.Expr:
    if "person_id" in entered.typeless:
        return nw.lit(None, nw.String()).alias("person_id")
    dtype = entered.frame.collect_schema()["person_id"]
    return nw.col("person_id").cast(
        nw.String() if isinstance(dtype, WIDE) else nw.Int64() if dtype.is_integer() else dtype
    )


_ID_CHECK = id_check("person_id", nw.col("person_id").cast(nw.String()), "is blank; give the person")


def _checks(entered: InputFrame) -> list[Check]:
    person, when = nw.col("person_id"), nw.col(T)
    checks = [
        Check("person_id", "is empty; pass the person, or drop the row", person.is_null()),
        Check("occurred_at", "is empty; give the instant it happened", when == MISSING),
        Check(
            "occurred_at",
            "lies outside the years 1800 to 2199; give the instant it happened",
            (when != MISSING) & ((when < EARLIEST) | (when >= LATEST)),
        ),
    ]
    return checks if entered.frame.collect_schema()["person_id"].is_integer() else [*checks, _ID_CHECK]


def _value_checks(source: Source, read: Collection[str], compared: Collection[str]) -> Iterator[Check]:
    schema = source.frame.collect_schema()
    floats = [name for name in schema if name in read and schema[name].is_float()]
    for name in floats if source.frame_kind == "pandas" else ():
        broken = ~nw.col(name).is_null() & (nw.col(name) != nw.col(name).round(0))
        yield Check(name, "is not a whole number; give whole minor units, or round them", broken)
    for name in sorted(compared):
        outside = (nw.col(name) < -LARGEST) | (nw.col(name) > LARGEST)
        problem = f"lies outside the numbers that a condition compares; give {-LARGEST} to {LARGEST}"
        yield Check(name, problem, outside)


def absent(names: Collection[str], types: Types) -> None:
    """Refuse columns that are missing.

    Raises:
        EngineError: A column is missing.
    """
    for name in names:
        if not is_one_of(name, types):
            raise EngineError(
                f"the events have no column {brief(name)}{hint(name, [one for one in types if one != ROW])}"
            )
