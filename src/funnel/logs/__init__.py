"""Everyone's records as tables: checked on entry, each once, of any dataframe engine."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from datetime import datetime
from functools import cached_property
from typing import Any

import narwhals as nw

from funnel._frames import ROW, Entered, Home, enter, joinable, kept, laid_down, recurring
from funnel._given import moment_of
from funnel.errors import ArgumentError, EngineError
from funnel.logs.aliases import alias_faults, resolved
from funnel.logs.canonical import MISSING, canonical, people_faults, people_type, schema_faults
from funnel.logs.checks import (
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
from funnel.logs.columns import LOGS, RECORDED, TIMES
from funnel.logs.faults import Fault, raise_if_any
from funnel.logs.ledger import LedgerTables
from funnel.logs.sums import sum_faults
from funnel.money import decimals

__all__ = ["Fault", "Logs"]

Frame = nw.LazyFrame[Any]


class Logs:
    """Everyone's records as dataframes: what came in, checked, each once, people under one name.

    Every argument is a dataframe of polars (eager or lazy), pandas, pyarrow, DuckDB, Ibis or PySpark. All must run on
    one engine: Polars runs pandas and pyarrow tables too, so these three may be mixed. Columns that are not read are
    left alone. Results come back as the same kind of frame, lazily if the frame was lazy; if kinds are mixed, as that
    of the first table in the order of the arguments below. The rows are looked through once, on entry, to find what
    cannot be true; for that a lazy Polars frame is worked out, and the columns that are read are held in memory.

    Args:
        leads: `person_id`, `arrived_at`; `source`, `campaign`, `referred_by` if known.
        purchases: `id`, `person_id`, `purchased_at`, `amount` (whole minor units); `source`, `currency`, `status`,
            `cancelled_at`, `promotion`, `promised_at`, `delivered_at` if known.
        refunds: `id`, `purchase_id`, `refunded_at`, `amount`; `source`, `currency`, `reason` if known.
        interactions: `id`, `person_id`, `occurred_at`, `kind`; `source`, `direction`, `channel`, `regarding` (what is
            answered, resolved, delivered or complained of), `reason`, `until`, `latest`, `score`, `amount`, `currency`
            if known.
            Each of these may say when the shop came to know of a row: `recorded_at`; empty is when it happened.
        aliases: `alias`, `person_id`: two names of one person, applied before anything is counted, also in chains.
        currency: The one currency (ISO 4217) of all amounts, if a column names currencies.

    Raises:
        LogsError: Columns or rows are at fault; every kind of fault is told at once, with exact counts. Rows are looked
            into where the columns are right, compared with each other where it is known who is who.
        EngineError: A frame cannot be read, or the frames are of different engines.

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
        """Let the frames in and check them."""
        given = {
            "leads": leads,
            "purchases": purchases,
            "refunds": refunds,
            "interactions": interactions,
            "aliases": aliases,
        }
        if currency is not None:
            decimals(currency)
        entered = {log: enter(frame, LOGS[log]) for log, frame in given.items() if frame is not None}
        self._home: Home = _one_home(entered)
        self._logs = {log: _narrowed(frame, entered[log]) for log, frame in _checked(entered, currency).items()}
        self.currency = currency

    @property
    def home(self) -> Home:
        """What the frames came in as."""
        return self._home

    @cached_property
    def tables(self) -> Mapping[str, Frame]:
        """The tables of the ledger that facts are computed from."""
        return LedgerTables(self._logs, kept)

    @cached_property
    def laid_tables(self) -> Mapping[str, Frame]:
        """The same tables for long plans: in DuckDB each is a temporary table, elsewhere they are as they are."""
        if self._home != "duckdb":
            return self.tables
        return LedgerTables({log: laid_down(frame) for log, frame in self._logs.items()}, laid_down)

    def as_known(self, at: datetime) -> Logs:
        """The logs as the shop knew them at an instant: without the rows that were recorded later.

        Facts as of an instant count what had happened by then; of `logs.as_known(day)` they count what was known, too,
        so that news which came late is not known before it came. A row is known as a whole: what it says of later
        instants (when it was cancelled, or delivered) counts from those.

        Args:
            at: The instant, an aware datetime.

        Raises:
            InstantError: `at` is naive.

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
        day = moment_of(at, "at")
        known = copy(self)
        known.__dict__.pop("tables", None)
        known.__dict__.pop("laid_tables", None)
        known._logs = {log: kept(_known(log, frame, day)) for log, frame in self._logs.items()}  # noqa: SLF001 (a copy)
        return known

    def __repr__(self) -> str:
        """Show which logs there are, and where they run."""
        return f"Logs({', '.join(self._logs)}, on {self._home})"


def checked_before(logs: Mapping[str, object], currency: str | None) -> Logs:
    """Logs of rows that were checked on their way in, each there once, people under one name; for stores.

    Args:
        logs: A frame for each log, with the columns that `Logs` names.
        currency: The currency of all amounts; None where there is none, or nobody's amounts meet another's.
    """
    entered = {log: enter(frame, LOGS[log]) for log, frame in logs.items()}
    people, made = people_type(entered), Logs.__new__(Logs)
    told = {log: _narrowed(canonical(log, one, people), one) for log, one in entered.items()}
    raise_if_any(list(sum_faults(told)))
    vars(made).update(_home=_one_home(entered), _logs=told, currency=currency)
    return made


def _one_home(entered: Mapping[str, Entered]) -> Home:
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


def _checked(entered: Mapping[str, Entered], currency: str | None) -> dict[str, Frame]:
    """The logs, each record once and people under one name.

    Raises:
        LogsError: Something is at fault. While columns are, or it is not known who is who, records are not compared.
    """
    faults = [*people_faults(entered), *(fault for log, one in entered.items() for fault in schema_faults(log, one))]
    wrong = {fault.log for fault in faults}
    people = people_type(entered)
    logs = {log: kept(canonical(log, one, people)) for log, one in entered.items() if log not in wrong}
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
    """When the shop came to know of each row of a log: as the row says, or when it happened."""
    happened = nw.col(TIMES[log])
    if RECORDED not in frame.collect_schema():
        return happened
    return nw.when(nw.col(RECORDED) == MISSING).then(happened).otherwise(nw.col(RECORDED))


def _narrowed(frame: Frame, entered: Entered) -> Frame:
    """A log without what only the checks read, and without what no row says: when it came to be known."""
    is_told = RECORDED in entered.frame.collect_schema() and RECORDED not in entered.typeless
    unread = (ROW, "currency") if is_told else (ROW, "currency", RECORDED)
    return kept(frame.drop(*(name for name in unread if name in frame.collect_schema())))


def _named(logs: Mapping[str, Frame]) -> dict[str, Frame]:
    """The logs of records, people under one name."""
    records = {log: frame for log, frame in logs.items() if log != "aliases"}
    return resolved(records, logs["aliases"]) if "aliases" in logs else records


def _compared(logs: Mapping[str, Frame], sound: Mapping[str, Frame], faults: list[Fault]) -> dict[str, Frame]:
    """The logs with every record once; rows that are sound in themselves are compared with each other.

    Raises:
        LogsError: Faults were found before, or records cannot all be true.
    """
    alike = {log: kept(recurring(frame, keys_of(log))) for log, frame in sound.items()}
    repeated = {log: frame for log, frame in alike.items() if counted(frame)}
    conflicts = [fault for log, frame in repeated.items() for fault in conflict_faults(log, frame)]
    if faults or conflicts:
        once = {log: one_of_each(log, frame) for log, frame in sound.items()}
        known = {log: one_of_each(log, frame) for log, frame in logs.items()}
        raise_if_any([*faults, *conflicts, *reference_faults(once, known)])
    once = {
        log: kept(once_each(log, frame, repeated[log])) if log in repeated else frame for log, frame in sound.items()
    }
    raise_if_any([*reference_faults(once, once), *sum_faults(once)])
    return once
