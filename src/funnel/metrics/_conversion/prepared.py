"""Events that are read, validated and grouped by person once, for several funnels."""

from __future__ import annotations

from typing import Any, Generic

import attrs
import narwhals as nw

from funnel._dataframes.adapter import collect_once
from funnel._dataframes.compute import collected
from funnel._dataframes.frame_types import FrameT
from funnel.logs.schema import raise_if_any
from funnel.logs.validate import issues_of
from funnel.metrics._conversion.events import Source, T, can_loop, source_of


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
        source, checks = source_of(self.frame, None)
        source = attrs.evolve(source, frame=collect_once(source.frame))
        raise_if_any(list(issues_of("events", source.frame, checks)))
        object.__setattr__(self, "_source", _grouped(source))

    def __reduce__(self) -> tuple[type[Events[FrameT]], tuple[FrameT]]:
        """Copy the dataframe; the copy reads it again."""
        return type(self), (self.frame,)


def _grouped(source: Source) -> Source:
    """Return the events with the rows of each person together, if loops can run."""
    if not can_loop(source):
        return source
    from funnel._dataframes.by_person import People
    from funnel._dataframes.loops import runner
    from funnel.metrics._conversion.local_kernel import together

    rows: Any = collected(nw.to_native(source.frame)).rechunk()
    run = runner(len(rows)) if len(rows) else None
    if run is None:
        return source
    people = source.people or People.of(rows["person_id"], run)
    order, people = together(people, rows[T].to_numpy(), run)
    return attrs.evolve(source, frame=nw.from_native(rows[order].lazy()), people=people)
