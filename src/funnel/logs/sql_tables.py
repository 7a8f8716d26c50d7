"""Logs without rows: tables of a database, known by their names and columns, of which only SQL is written."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, cast

import narwhals as nw

from funnel._aggregate.aggregations import own_name
from funnel._arguments import brief, check_choice, instance, is_listed, is_one_of, kind_of, suggest
from funnel._dataframes.adapter import Frame, InputFrame, collect_once, installed
from funnel._dataframes.ibis_dialects import CLICKHOUSE, DIALECTS, looking_ahead, to_instants, to_microseconds
from funnel._expr.nodes import Fact
from funnel.errors import ArgumentError, FactsError, MissingExtraError
from funnel.logs import Logs
from funnel.logs.assemble import without_check_columns
from funnel.logs.ledger import LedgerTables
from funnel.logs.normalize import normalize
from funnel.logs.own_columns import copied_fields, filled_fields
from funnel.logs.schema import LOGS, NOT_RECORDS, RECORDED

_TYPES: Mapping[str, str] = {"instant": "timestamp('UTC')", "amount": "int64", "whole": "int64", "truth": "boolean"}
_UNREAD = ("currency", RECORDED)


class SqlLogs(Logs[Any]):
    """Logs of tables in a database that is not connected.

    Nothing is validated: the database has rows, and this has none.
    """

    def __init__(
        self, tables: Mapping[str, Collection[str]], dialect: str, own: Mapping[str, Mapping[str, str]]
    ) -> None:
        """Declare the tables of the logs, with the own columns of each log that facts declare, and their kinds.

        Raises:
            ArgumentError: A table or a column is not one of `Logs`, or a required column is missing.
            MissingExtraError: Ibis is not installed.
        """
        check_dialect(dialect, [one for one in DIALECTS if one != CLICKHOUSE])
        self._dialect = dialect
        columns_by_table = _checked(tables, own)
        present = {
            log: [name for name in own.get(log, ()) if name in columns] for log, columns in columns_by_table.items()
        }
        logs = {log: self._log(log, columns, own.get(log, {})) for log, columns in columns_by_table.items()}
        vars(self).update(_frame_kind="ibis", _logs=logs, currency=None)
        vars(self).update(_own=present, _issues=(), _notes=(), _left_out=0, _alias_frames=(), _is_resolved=True)

    @cached_property
    def _tables(self) -> LedgerTables:
        return _UncheckedTables(self._logs, collect_once, (self._own, "ibis"))

    def _log(self, log: str, columns: Collection[str], own: Mapping[str, str]) -> Frame:
        kinds = {**{name: one.kind for name, one in LOGS[log].items() if name not in _UNREAD}, **own}
        read = {name: kind for name, kind in kinds.items() if name in columns}
        table = unbound({name: _TYPES.get(kind, "string") for name, kind in read.items()}, log)
        instants = [name for name, kind in read.items() if kind == "instant"]
        source = InputFrame(nw.from_native(to_microseconds(table, instants, self._dialect)).lazy(), "ibis")
        return without_check_columns(normalize(log, source, [name for name in own if name in columns]), source)

    def _native(self, frame: Frame, *, instants: Sequence[str] = (), **_: Sequence[str]) -> Any:
        """Return a result as an Ibis table; spans stay whole microseconds."""
        return to_instants(looking_ahead(nw.to_native(frame)), instants, self._dialect)


class _UncheckedTables(LedgerTables):
    """Ledger tables without rows, so that no value of an own column can be checked."""

    def _log_with_fields(self, log: str, fields: Sequence[Fact]) -> Frame:
        missing = [own_name(field) for field in fields if own_name(field) not in self.own[0][log]]
        if missing:
            msg = f"a fact reads {', '.join(missing)} of {log}, which the table does not have"
            raise FactsError(f"{msg}; add it: tables={{{log!r}: [..., {', '.join(map(repr, missing))}]}}")
        return filled_fields(copied_fields(self.named_log[log], fields), fields)

    def _with_people(self, columns: Sequence[str]) -> str:
        return f"tables={{'people': {['person_id', *columns]!r}}}"


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


def _checked(tables: object, own: Mapping[str, Mapping[str, str]]) -> dict[str, tuple[str, ...]]:
    records = [log for log in LOGS if log not in NOT_RECORDS]
    allowed = [*records, "people"]
    columns_by_table = instance(
        tables, Mapping, "tables", "the columns of each table, such as {'leads': ['person_id', ...]}"
    )
    for log in columns_by_table:
        if not is_one_of(log, allowed):
            raise ArgumentError(f"tables has an unknown table {brief(log)}; {suggest(log, allowed)}")
    if not any(log in columns_by_table for log in records):
        raise ArgumentError(f"tables has no records; give the columns of at least one of {', '.join(records)}")
    return {log: _columns(log, columns, own.get(log, ())) for log, columns in columns_by_table.items()}


def _columns(log: str, value: object, own: Collection[str]) -> tuple[str, ...]:
    columns, names = words_of(value, f"the table {log}"), [*LOGS[log], *own]
    unknown = [name for name in columns if name not in names]
    if unknown:
        hint = suggest(unknown[0], names)
        raise ArgumentError(f"the table {log} has an unknown column {brief(unknown[0])}; {hint}")
    missing = [name for name, one in LOGS[log].items() if one.required and name not in columns]
    if missing:
        raise ArgumentError(f"the table {log} needs the columns {', '.join(missing)}; add them to the table first")
    return columns
