"""Own columns of a store's records as columns of a table.

The store has them as one JSON text for each record: names and values by kind.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from funnel._columns import name_of_column
from funnel._fields import LARGEST_AMOUNT
from funnel._time import EARLIEST, LATEST
from funnel.errors import LogsError
from funnel.store._damage import damaged

if TYPE_CHECKING:
    import polars as pl

OWN_TEXT = "own_columns"
_NAMES = {"text": "texts", "whole": "whole numbers", "truth": "truths", "instant": "instants"}
_UNREADABLE = "own columns of a record cannot be read"


def with_own_columns(log: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the table of a log with a typed column for each own column, in place of their JSON.

    Raises:
        LogsError: A column has values of two kinds, or two names differ only in upper and lower case.
        StoreError: A text was not written by a store.
    """
    import polars as pl

    rows = frame.select(OWN_TEXT).with_row_index("_row").drop_nulls()
    frame = frame.drop(OWN_TEXT)
    if rows.is_empty():
        return frame
    by_kind = pl.read_ndjson(BytesIO("\n".join(rows[OWN_TEXT]).encode()), infer_schema_length=None)
    columns: dict[str, pl.Series] = {}
    kinds: dict[str, str] = {}
    every = [(column, kind) for kind in by_kind.columns for column in _columns(kind, by_kind[kind])]
    # Sorted, so that an error does not depend on the order in which a database returns its rows.
    for column, kind in sorted(every, key=lambda one: (one[0].name, [*_NAMES].index(one[1]))):
        _check_name(log, column.name, kind, kinds)
        columns[column.name], kinds[column.name] = column, kind
    if not columns.keys().isdisjoint(frame.columns):
        raise damaged(_UNREADABLE)
    own = pl.DataFrame([rows["_row"], *columns.values()])
    return frame.with_row_index("_row").join(own, on="_row", how="left", maintain_order="left").drop("_row")


def _columns(kind: str, values: pl.Series) -> list[pl.Series]:
    """Return the own columns of a kind, typed."""
    import polars as pl

    types: dict[str, Any] = {"text": pl.String, "whole": pl.Int64, "truth": pl.Boolean, "instant": pl.Int64}
    is_struct = isinstance(values.dtype, pl.Struct)
    columns = values.struct.unnest().get_columns() if is_struct else []
    if not columns or any(column.dtype != types.get(kind) or name_of_column(column.name) for column in columns):
        raise damaged(_UNREADABLE)
    if kind in _BOUNDS and not all(column.drop_nulls().is_between(*_BOUNDS[kind]).all() for column in columns):
        raise damaged("an own column of a record is out of range")
    return [column.cast(pl.Datetime("us", "UTC")) if kind == "instant" else column for column in columns]


_BOUNDS = {"whole": (0, LARGEST_AMOUNT), "instant": (EARLIEST, LATEST - 1)}


def _check_name(log: str, name: str, kind: str, kinds: dict[str, str]) -> None:
    """Check that no other own column of the log has this name.

    Raises:
        LogsError: One has.
    """
    other = next((one for one in kinds if one.casefold() == name.casefold()), name)
    if other != name:
        msg = f"{log} have own columns that differ only in upper and lower case: {other} and {name}"
        raise LogsError(f"{msg}; amend the records, so that they have one name")
    if name in kinds:
        msg = f"the own column {name} of {log} has {_NAMES[kinds[name]]} and {_NAMES[kind]}"
        raise LogsError(f"{msg}; amend the records, so that it has one type")
