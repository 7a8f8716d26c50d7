"""Results of the calls of a store, and the engines of its logs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs


@attrs.frozen
class StageRecord:
    """Stage of a person at the last evaluation, and when to evaluate again.

    Attributes:
        person_id: The person, by their current name.
        version: Number of changes. Pass it as `expected` to write only if nobody else has changed the person.
        stage: The stage; None if the person was not evaluated yet by this store's rule and policy.
        previous_stage: The stage at the evaluation before; None if there was none.
        evaluated_at: The instant of the last evaluation.
        next_change: The earliest instant at which the stage changes if nothing happens, or at which a future-dated
            record becomes effective; None if there is no such instant.

    Example:
        >>> StageRecord("p1", 3, "customer", "prospect", None, None).has_changed
        True
    """

    person_id: str
    version: int
    stage: str | None
    previous_stage: str | None
    evaluated_at: datetime | None
    next_change: datetime | None

    @property
    def has_changed(self) -> bool:
        """Whether the stage differs from the stage at the evaluation before."""
        return self.stage != self.previous_stage


@attrs.frozen
class AppendResult:
    """Result of adding records to a store.

    Attributes:
        added: Number of new records.
        skipped: Number of records that the store already had.
        stage_records: Stage records of the people whose history changed.

    Example:
        >>> AppendResult(added=2, skipped=1)
        AppendResult(added=2, skipped=1, stage_records=())
    """

    added: int
    skipped: int
    stage_records: tuple[StageRecord, ...] = ()


@attrs.frozen
class Alias:
    """Another name of a person, with the time of its merge.

    Attributes:
        alias: The other name.
        person_id: The name that the alias leads to. It may be an alias itself.
        merged_at: When the two names were merged.
        unmerged_at: When the merge was undone; None if it is in effect.
    """

    alias: str
    person_id: str
    merged_at: datetime
    unmerged_at: datetime | None = None


# ---- the engines of a store's logs, and the types of the logs for type checkers --------------------------------------


if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import polars as pl

    from funnel.logs import Logs

    # Classes, not aliases: with an alias, pyright reports each call of `logs` as partially unknown in a project that
    # has not installed all three engines. The logs of pyarrow are of any type, because pyarrow has no types.
    class PolarsLogs(Logs[pl.DataFrame]): ...

    class PandasLogs(Logs[pd.DataFrame]): ...

    class DuckdbLogs(Logs[duckdb.DuckDBPyRelation]): ...

    ArrowLogs: TypeAlias = Logs[Any]

Engine: TypeAlias = Literal["polars", "pandas", "pyarrow", "duckdb"]
"""The kind of dataframes that a store returns."""
