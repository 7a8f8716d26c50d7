"""The engines of a store's logs, and the types of the logs for type checkers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

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
