"""Logs without rows: tables of a database, known by their names and columns, of which only SQL is written."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, cast

import narwhals as nw

from funnel._arguments import brief, check_choice, instance, is_listed, is_one_of, kind_of, suggest
from funnel._dataframes.adapter import InputFrame, installed
from funnel._dataframes.ibis_dialects import CLICKHOUSE, DIALECTS, looking_ahead, to_instants, to_microseconds
from funnel.errors import ArgumentError, MissingExtraError
from funnel.logs import Logs
from funnel.logs.assemble import without_check_columns
from funnel.logs.normalize import normalize
from funnel.logs.schema import LOGS, NOT_RECORDS, RECORDED

Frame = nw.LazyFrame[Any]
_TYPES: Mapping[str, str] = {"instant": "timestamp('UTC')", "amount": "int64", "whole": "int64"}
_UNREAD = ("currency", RECORDED)


class SqlLogs(Logs[Any]):
    """Logs of tables in a database that is not connected.

    Nothing is validated: the database has rows, and this has none.
    """

    def __init__(self, tables: Mapping[str, Collection[str]], dialect: str) -> None:
        """Declare the tables of the logs.

        Raises:
            ArgumentError: A table or a column is not one of `Logs`, or a required column is missing.
            MissingExtraError: Ibis is not installed.
        """
        check_dialect(dialect, [one for one in DIALECTS if one != CLICKHOUSE])
        self._dialect = dialect
        logs = {log: self._log(log, columns) for log, columns in _checked(tables).items()}
        vars(self).update(_frame_kind="ibis", _logs=logs, currency=None)
        vars(self).update(_own={}, _issues=(), _notes=(), _left_out=0, _alias_frames=(), _is_resolved=True)

    def _log(self, log: str, columns: Collection[str]) -> Frame:
        read = {name: one for name, one in LOGS[log].items() if name in columns and name not in _UNREAD}
        table = unbound({name: _TYPES.get(one.kind, "string") for name, one in read.items()}, log)
        instants = [name for name, one in read.items() if one.kind == "instant"]
        source = InputFrame(nw.from_native(to_microseconds(table, instants, self._dialect)).lazy(), "ibis")
        return without_check_columns(normalize(log, source), source)

    def _native(self, frame: Frame, *, instants: Sequence[str] = (), spans: Sequence[str] = ()) -> Any:  # noqa: ARG002 (of `Logs`)
        """Return a result as an Ibis table; spans stay whole microseconds."""
        return to_instants(looking_ahead(nw.to_native(frame)), instants, self._dialect)


def check_dialect(dialect: object, allowed: Sequence[str] = DIALECTS) -> None:
    """Check the name of a dialect, and that Ibis, which writes the SQL, is installed.

    Raises:
        ArgumentError: The dialect is not supported.
        MissingExtraError: Ibis is not installed.
    """
    check_choice(dialect, allowed, "dialect")
    if not installed("ibis"):
        raise MissingExtraError("SQL needs Ibis, which is not installed; run: pip install 'shopfunnel[ibis]'")


def unbound(types: Mapping[str, str], name: str) -> Any:
    """Return an Ibis table of a database that is not connected."""
    ibis: Any = importlib.import_module("ibis")
    return ibis.table(dict(types), name=name)


def to_sql(native: Any, dialect: str) -> str:
    """Return the SQL of an Ibis table."""
    ibis: Any = importlib.import_module("ibis")
    return str(ibis.to_sql(native, dialect=dialect))


def words_of(value: object, name: str) -> tuple[str, ...]:
    """Return an argument that lists names.

    Raises:
        ArgumentError: It is not a list, or holds something else than texts.
    """
    words: tuple[object, ...] = tuple(cast("Iterable[object]", value)) if is_listed(value) else ()
    if not is_listed(value) or not all(isinstance(word, str) for word in words):
        raise ArgumentError(f"{name} must be a list of names (got {kind_of(value)}); write it as ['id', ...]")
    return cast("tuple[str, ...]", words)


def _checked(tables: object) -> dict[str, tuple[str, ...]]:
    records = [log for log in LOGS if log not in NOT_RECORDS]
    columns_by_table = instance(
        tables, Mapping, "tables", "the columns of each table, such as {'leads': ['person_id', ...]}"
    )
    for log in columns_by_table:
        if not is_one_of(log, records):
            raise ArgumentError(f"tables has an unknown table {brief(log)}; {suggest(log, records)}")
    if not columns_by_table:
        raise ArgumentError(f"tables is empty; give the columns of at least one of {', '.join(records)}")
    return {log: _columns(log, columns) for log, columns in columns_by_table.items()}


def _columns(log: str, value: object) -> tuple[str, ...]:
    columns = words_of(value, f"the table {log}")
    unknown = [name for name in columns if name not in LOGS[log]]
    if unknown:
        hint = suggest(unknown[0], LOGS[log])
        raise ArgumentError(f"the table {log} has an unknown column {brief(unknown[0])}; {hint}")
    missing = [name for name, one in LOGS[log].items() if one.required and name not in columns]
    if missing:
        raise ArgumentError(f"the table {log} needs the columns {', '.join(missing)}; add them to the table first")
    return columns
