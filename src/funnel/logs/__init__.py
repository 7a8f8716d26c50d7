"""Logs: the records of all people as tables of any dataframe engine, validated and without duplicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, TypeGuard

import narwhals as nw

from funnel._arguments import parse_instant
from funnel._dataframes.adapter import (
    ROW,
    FrameKind,
    InputFrame,
    collect_once,
    duplicated,
    from_native,
    joinable,
    materialize,
    to_native,
)
from funnel._dataframes.frame_types import FrameT, NativeT
from funnel.errors import ArgumentError, EngineError
from funnel.logs.aliases import alias_issues, resolve_aliases
from funnel.logs.ledger import LedgerTables
from funnel.logs.normalize import MISSING, normalize, people_issues, people_type, schema_issues
from funnel.logs.own_columns import OwnColumns, own_columns
from funnel.logs.schema import LOGS, RECORDED, TIMES, Issue, raise_if_any
from funnel.logs.sums import sum_issues
from funnel.logs.validate import (
    checks_of,
    conflict_issues,
    drop_duplicates,
    issues_of,
    keys_of,
    one_per_key,
    reference_issues,
    row_count,
    valid_rows,
)
from funnel.money import decimals

__all__ = ["Issue", "Logs"]

Frame = nw.LazyFrame[Any]


class Logs(Generic[FrameT]):
    """Records of all people as dataframes: validated, without duplicates, one name per person.

    Every argument is a dataframe of polars (eager or lazy), pandas, pyarrow, DuckDB, Ibis or PySpark. All must run on
    one engine. Polars runs pandas and pyarrow tables too: these three may be mixed. Other columns are ignored. Results
    are the same kind of frame as the input, lazy if the frame was lazy. If kinds are mixed, results have the kind of
    the first table in the order of the arguments below. All rows are validated once, when `Logs` is created. This
    collects a lazy Polars frame and keeps the columns that are read in memory.

    Args:
        leads: `person_id`, `arrived_at`; `source`, `campaign`, `referred_by` if known.
        purchases: `id`, `person_id`, `purchased_at`, `amount` (whole minor units); `source`, `currency`, `status`,
            `cancelled_at`, `promotion`, `promised_at`, `delivered_at` if known.
        refunds: `id`, `purchase_id`, `refunded_at`, `amount`; `source`, `currency`, `reason` if known.
        interactions: `id`, `person_id`, `occurred_at`, `kind`; `source`, `direction`, `channel`, `regarding` (what is
            answered, resolved, delivered or complained about), `reason`, `until`, `latest`, `score`, `amount`,
            `currency` if known.
            Each of these logs may have `recorded_at`: when the shop learned of a row; if empty, when it happened.
        aliases: `alias`, `person_id`: two names of one person, applied before anything is computed; may form chains.
        currency: The only currency (ISO 4217) of all amounts; required if a column names currencies.
        keep: The shop's own columns to keep on a log, such as `{"purchases": ["country"]}`, with their values.

    Raises:
        LogsError: Columns or rows are invalid; all issues are reported together, with exact counts. Rows are validated
            only in tables with valid columns. They are compared with each other only if all columns and aliases are
            valid.
        EngineError: A frame cannot be read, or the frames are on different engines.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime
        >>> march = datetime(2026, 3, 1, tzinfo=UTC)
        >>> orders = {"id": [1], "person_id": ["p1"], "purchased_at": [march], "amount": [900]}
        >>> Logs(purchases=pl.DataFrame(orders))
        Logs(purchases, on polars)
    """

    def __init__(  # noqa: PLR0913 - one argument a log
        self: Logs[NativeT],
        *,
        leads: NativeT | None = None,
        purchases: NativeT | None = None,
        refunds: NativeT | None = None,
        interactions: NativeT | None = None,
        aliases: NativeT | None = None,
        currency: str | None = None,
        keep: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Convert the frames and validate them."""
        frames = {
            "leads": leads,
            "purchases": purchases,
            "refunds": refunds,
            "interactions": interactions,
            "aliases": aliases,
        }
        if currency is not None:
            decimals(currency)
        present = {log: frame for log, frame in frames.items() if frame is not None}
        self._own: OwnColumns = own_columns(keep, present) if keep is not None else {}
        inputs = {log: from_native(frame, {*LOGS[log], *self._own.get(log, ())}) for log, frame in present.items()}
        self._frame_kind: FrameKind = _common_kind(inputs)
        self._logs = {
            log: _without_check_columns(frame, inputs[log])
            for log, frame in _validated(inputs, currency, self._own).items()
        }
        self.currency = currency

    @property
    def own_columns(self) -> Mapping[str, tuple[str, ...]]:
        """The shop's own columns, by log; logs without own columns are absent."""
        return self._own

    @cached_property
    def _tables(self) -> Mapping[str, Frame]:
        """Ledger tables from which facts are computed."""
        return LedgerTables(self._logs, collect_once)

    @cached_property
    def _materialized_tables(self) -> Mapping[str, Frame]:
        """Tables for long query plans: temporary tables in DuckDB, unchanged elsewhere."""
        if self._frame_kind != "duckdb":
            return self._tables
        return LedgerTables({log: materialize(frame) for log, frame in self._logs.items()}, materialize)

    def as_known(self, as_of: datetime) -> Logs[FrameT]:
        """Return the logs as known at an instant: without rows that were recorded later.

        Facts at an instant count what had happened by then. With `logs.as_known(day)` they count only what the shop
        also knew by then, so late news does not count before it arrived. A row is known as a whole: later instants in
        it (a cancellation, a delivery) count from those instants.

        Args:
            as_of: Instant, an aware datetime.

        Raises:
            InstantError: `as_of` is naive.

        Example:
            >>> import polars as pl
            >>> from datetime import UTC, datetime
            >>> from funnel import Facts
            >>> march, april = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 4))
            >>> row = {"id": [1], "person_id": ["p1"], "purchased_at": [march], "amount": [900], "recorded_at": [april]}
            >>> logs = Logs(purchases=pl.DataFrame(row))
            >>> [Facts.over(one, as_of=march).height for one in (logs, logs.as_known(march), logs.as_known(april))]
            [1, 0, 1]
        """
        at = parse_instant(as_of, "as_of")
        logs = copy(self)
        logs.__dict__.pop("_tables", None)
        logs.__dict__.pop("_materialized_tables", None)
        logs._logs = {log: collect_once(_known_by(log, frame, at)) for log, frame in self._logs.items()}  # noqa: SLF001 (a copy)
        return logs

    def _native(self, frame: Frame, *, instants: Sequence[str] = (), spans: Sequence[str] = ()) -> FrameT:
        """Internal: convert a result to the kind of frame of the input."""
        converted: FrameT = to_native(frame, self._frame_kind, instants=instants, spans=spans)
        return converted

    def __repr__(self) -> str:
        """Return the names of the logs, and their kind of frame."""
        return f"Logs({', '.join(self._logs)}, on {self._frame_kind})"


def is_logs(value: object) -> TypeGuard[Logs[Any]]:
    """Return whether an object is `Logs`, of any kind of frame."""
    return isinstance(value, Logs)


def trusted(logs: Mapping[str, object], currency: str | None) -> Logs:
    """Return logs of validated rows without duplicates and aliases; for stores.

    Args:
        logs: Frame of each log, with the columns that `Logs` names.
        currency: Currency of all amounts; None if there is none, or if no amounts of two people are combined.
    """
    inputs = {log: from_native(frame, LOGS[log]) for log, frame in logs.items()}
    people, result = people_type(inputs), Logs.__new__(Logs)
    normalized = {log: _without_check_columns(normalize(log, source, people), source) for log, source in inputs.items()}
    raise_if_any(list(sum_issues(normalized)))
    vars(result).update(_frame_kind=_common_kind(inputs), _logs=normalized, currency=currency, _own={})
    return result


def _common_kind(inputs: Mapping[str, InputFrame]) -> FrameKind:
    if not set(inputs) - {"aliases"}:
        msg = f"Logs has no log; pass at least one of {', '.join(name for name in LOGS if name != 'aliases')}"
        raise ArgumentError(msg)
    engines = {frame.engine: log for log, frame in inputs.items()}
    if len(engines) > 1:
        engines_text = ", ".join(f"{log} on {engine}" for engine, log in engines.items())
        msg = f"the logs are on different engines ({engines_text}); convert them to one engine"
        raise EngineError(msg)
    if not joinable(inputs.values()):
        msg = f"the logs ({', '.join(inputs)}) are on different DuckDB connections; use one connection for all"
        raise EngineError(msg)
    return next(iter(inputs.values())).frame_kind


def _validated(inputs: Mapping[str, InputFrame], currency: str | None, own: OwnColumns) -> dict[str, Frame]:
    """Return the logs without duplicates, with one name per person.

    Raises:
        LogsError: There are issues. Records are not compared while columns or aliases are invalid.
    """
    issues = [
        *people_issues(inputs),
        *(issue for log, source in inputs.items() for issue in schema_issues(log, source)),
    ]
    invalid_logs = {issue.log for issue in issues}
    people = people_type(inputs)
    logs = {
        log: collect_once(normalize(log, source, people, own.get(log, ())))
        for log, source in inputs.items()
        if log not in invalid_logs
    }
    valid: dict[str, Frame] = {}
    for log, frame in logs.items():
        checks = checks_of(log, currency, inputs[log])
        row_issues = list(issues_of(log, frame, checks))
        valid[log] = valid_rows(frame, checks) if row_issues else frame
        issues += row_issues
    if "aliases" in valid:
        issues += alias_issues(valid["aliases"])
    if invalid_logs or any(issue.log == "aliases" for issue in issues):
        raise_if_any(issues)
    return _without_duplicates(_with_current_names(logs), _with_current_names(valid), issues)


def _known_by(log: str, frame: Frame, at: int) -> Frame:
    return frame.filter(known_since(log, frame) <= at)


def known_since(log: str, frame: Frame) -> nw.Expr:
    """Return when the shop learned of each row, or when it happened if unknown."""
    happened = nw.col(TIMES[log])
    if RECORDED not in frame.collect_schema():
        return happened
    return nw.when(nw.col(RECORDED) == MISSING).then(happened).otherwise(nw.col(RECORDED))


def _without_check_columns(frame: Frame, source: InputFrame) -> Frame:
    """Drop columns that only the checks read, and a `recorded_at` without input."""
    has_recorded = RECORDED in source.frame.collect_schema() and RECORDED not in source.typeless
    unread = (ROW, "currency") if has_recorded else (ROW, "currency", RECORDED)
    return collect_once(frame.drop(*(name for name in unread if name in frame.collect_schema())))


def _with_current_names(logs: Mapping[str, Frame]) -> dict[str, Frame]:
    """Return the logs of records, with one name per person."""
    records = {log: frame for log, frame in logs.items() if log != "aliases"}
    return resolve_aliases(records, logs["aliases"]) if "aliases" in logs else records


def _without_duplicates(logs: Mapping[str, Frame], valid: Mapping[str, Frame], issues: list[Issue]) -> dict[str, Frame]:
    """Return the logs without duplicates; compare only valid rows with each other.

    Raises:
        LogsError: There were issues before, or records contradict each other.
    """
    duplicates = {log: collect_once(duplicated(frame, keys_of(log))) for log, frame in valid.items()}
    repeated = {log: frame for log, frame in duplicates.items() if row_count(frame)}
    conflicts = [issue for log, frame in repeated.items() for issue in conflict_issues(log, frame)]
    if issues or conflicts:
        unique = {log: one_per_key(log, frame) for log, frame in valid.items()}
        all_rows = {log: one_per_key(log, frame) for log, frame in logs.items()}
        raise_if_any([*issues, *conflicts, *reference_issues(unique, all_rows)])
    unique = {
        log: collect_once(drop_duplicates(frame, repeated[log])) if log in repeated else frame
        for log, frame in valid.items()
    }
    raise_if_any([*reference_issues(unique, unique), *sum_issues(unique)])
    return unique
