"""Logs: the records of all people as tables of any dataframe engine, validated and without duplicates."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from datetime import datetime
from functools import cached_property
from typing import Any

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
)
from funnel.errors import ArgumentError, EngineError
from funnel.logs.aliases import alias_faults, resolved
from funnel.logs.issues import Issue, raise_if_any
from funnel.logs.ledger import LedgerTables
from funnel.logs.normalize import MISSING, canonical, people_faults, people_type, schema_faults
from funnel.logs.schema import LOGS, RECORDED, TIMES
from funnel.logs.sums import sum_faults
from funnel.logs.validate import (
    checks_of,
    conflict_faults,
    counted,
    faults_of,
    keys_of,
    once_each,
    one_of_each,
    reference_faults,
    without_faults,
)
from funnel.money import decimals

__all__ = ["Issue", "Logs"]

Frame = nw.LazyFrame[Any]


class Logs:
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
        self,
        *,
        leads: object = None,
        purchases: object = None,
        refunds: object = None,
        interactions: object = None,
        aliases: object = None,
        currency: str | None = None,
    ) -> None:
        """Convert the frames and validate them."""
        given = {
            "leads": leads,
            "purchases": purchases,
            "refunds": refunds,
            "interactions": interactions,
            "aliases": aliases,
        }
        if currency is not None:
            decimals(currency)
        entered = {log: from_native(frame, LOGS[log]) for log, frame in given.items() if frame is not None}
        self._home: FrameKind = _one_home(entered)
        self._logs = {log: _narrowed(frame, entered[log]) for log, frame in _checked(entered, currency).items()}
        self.currency = currency

    @property
    def home(self) -> FrameKind:
        """Kind of frame of the input."""
        return self._home

    @cached_property
    def tables(self) -> Mapping[str, Frame]:
        """Ledger tables from which facts are computed."""
        return LedgerTables(self._logs, collect_once)

    @cached_property
    def laid_tables(self) -> Mapping[str, Frame]:
        """Tables for long query plans: temporary tables in DuckDB, unchanged elsewhere."""
        if self._home != "duckdb":
            return self.tables
        return LedgerTables({log: materialize(frame) for log, frame in self._logs.items()}, materialize)

    def as_known(self, as_of: datetime) -> Logs:
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
        day = parse_instant(as_of, "as_of")
        known = copy(self)
        known.__dict__.pop("tables", None)
        known.__dict__.pop("laid_tables", None)
        known._logs = {log: collect_once(_known(log, frame, day)) for log, frame in self._logs.items()}  # noqa: SLF001 (a copy)
        return known

    def __repr__(self) -> str:
        """Return the names of the logs, and their kind of frame."""
        return f"Logs({', '.join(self._logs)}, on {self._home})"


def trusted(logs: Mapping[str, object], currency: str | None) -> Logs:
    """Return logs of validated rows without duplicates and aliases; for stores.

    Args:
        logs: Frame of each log, with the columns that `Logs` names.
        currency: Currency of all amounts; None if there is none, or if no amounts of two people are combined.
    """
    entered = {log: from_native(frame, LOGS[log]) for log, frame in logs.items()}
    people, made = people_type(entered), Logs.__new__(Logs)
    told = {log: _narrowed(canonical(log, one, people), one) for log, one in entered.items()}
    raise_if_any(list(sum_faults(told)))
    vars(made).update(_home=_one_home(entered), _logs=told, currency=currency)
    return made


def _one_home(entered: Mapping[str, InputFrame]) -> FrameKind:
    if not set(entered) - {"aliases"}:
        msg = f"no log was given; give at least one of {', '.join(name for name in LOGS if name != 'aliases')}"
        raise ArgumentError(msg)
    engines = {frame.engine: log for log, frame in entered.items()}
    if len(engines) > 1:
        found = ", ".join(f"{log} on {engine}" for engine, log in engines.items())
        msg = f"the logs are of different engines ({found}); bring them all to one"
        raise EngineError(msg)
    if not joinable(entered.values()):
        msg = f"the logs ({', '.join(entered)}) are of different DuckDB connections; take them all from one connection"
        raise EngineError(msg)
    return next(iter(entered.values())).home


def _checked(entered: Mapping[str, InputFrame], currency: str | None) -> dict[str, Frame]:
    """Return the logs without duplicates, with one name per person.

    Raises:
        LogsError: There are issues. Records are not compared while columns or aliases are invalid.
    """
    faults = [*people_faults(entered), *(fault for log, one in entered.items() for fault in schema_faults(log, one))]
    wrong = {fault.log for fault in faults}
    people = people_type(entered)
    logs = {log: collect_once(canonical(log, one, people)) for log, one in entered.items() if log not in wrong}
    sound: dict[str, Frame] = {}
    for log, frame in logs.items():
        checks = checks_of(log, currency, entered[log])
        found = list(faults_of(log, frame, checks))
        sound[log] = without_faults(frame, checks) if found else frame
        faults += found
    if "aliases" in sound:
        faults += alias_faults(sound["aliases"])
    if wrong or any(fault.log == "aliases" for fault in faults):
        raise_if_any(faults)
    return _compared(_named(logs), _named(sound), faults)


def _known(log: str, frame: Frame, at: int) -> Frame:
    return frame.filter(known_since(log, frame) <= at)


def known_since(log: str, frame: Frame) -> nw.Expr:
    """Return when the shop learned of each row, or when it happened if unknown."""
    happened = nw.col(TIMES[log])
    if RECORDED not in frame.collect_schema():
        return happened
    return nw.when(nw.col(RECORDED) == MISSING).then(happened).otherwise(nw.col(RECORDED))


def _narrowed(frame: Frame, entered: InputFrame) -> Frame:
    """Drop columns that only the checks read, and a `recorded_at` without input."""
    is_told = RECORDED in entered.frame.collect_schema() and RECORDED not in entered.typeless
    unread = (ROW, "currency") if is_told else (ROW, "currency", RECORDED)
    return collect_once(frame.drop(*(name for name in unread if name in frame.collect_schema())))


def _named(logs: Mapping[str, Frame]) -> dict[str, Frame]:
    """Return the logs of records, with one name per person."""
    records = {log: frame for log, frame in logs.items() if log != "aliases"}
    return resolved(records, logs["aliases"]) if "aliases" in logs else records


def _compared(logs: Mapping[str, Frame], sound: Mapping[str, Frame], faults: list[Issue]) -> dict[str, Frame]:
    """Return the logs without duplicates; compare only valid rows with each other.

    Raises:
        LogsError: There were issues before, or records contradict each other.
    """
    alike = {log: collect_once(duplicated(frame, keys_of(log))) for log, frame in sound.items()}
    repeated = {log: frame for log, frame in alike.items() if counted(frame)}
    conflicts = [fault for log, frame in repeated.items() for fault in conflict_faults(log, frame)]
    if faults or conflicts:
        once = {log: one_of_each(log, frame) for log, frame in sound.items()}
        known = {log: one_of_each(log, frame) for log, frame in logs.items()}
        raise_if_any([*faults, *conflicts, *reference_faults(once, known)])
    once = {
        log: collect_once(once_each(log, frame, repeated[log])) if log in repeated else frame
        for log, frame in sound.items()
    }
    raise_if_any([*reference_faults(once, once), *sum_faults(once)])
    return once
