"""Everyone's records as tables: checked on entry, each once, of any dataframe engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import narwhals as nw

from funnel._frames import Entered, Home, enter
from funnel.errors import EngineError, RecordError
from funnel.logs.aliases import resolved
from funnel.logs.canonical import canonical, schema_faults
from funnel.logs.checks import checks_of, conflict_faults, currency_faults, faults_of, reference_faults, repeats
from funnel.logs.columns import LOGS
from funnel.logs.faults import Fault, raise_if_any
from funnel.logs.ledger import ledger_tables
from funnel.money import decimals

__all__ = ["Fault", "Logs"]

Frame = nw.LazyFrame[Any]


class Logs:
    """Everyone's records as dataframes: what came in, checked, each once, people under one name.

    Every argument is a dataframe of polars (eager or lazy), pandas, pyarrow, DuckDB, Ibis or PySpark, all of one engine;
    columns that are not read are left alone. What is computed from the logs comes back as the same kind of frame, lazily
    where the frame was lazy. The rows are looked through once, on entry, to find what cannot be true.

    Args:
        leads: `person_id`, `arrived_at`; `source`, `campaign`, `referred_by` if known.
        purchases: `id`, `person_id`, `purchased_at`, `amount` (whole minor units); `source`, `currency`, `status`,
            `cancelled_at`, `promotion`, `promised_at`, `delivered_at` if known.
        refunds: `id`, `purchase_id`, `refunded_at`, `amount`; `source`, `currency`, `reason` if known.
        interactions: `id`, `person_id`, `occurred_at`, `kind`; `source`, `direction`, `channel`, `regarding` (what is
            answered, resolved or delivered), `reason`, `until`, `latest`, `score`, `amount`, `currency` if known.
        aliases: `alias`, `person_id`: two names of one person, applied before anything is counted, also in chains.
        currency: The one currency (ISO 4217) of all amounts, if a column names currencies.

    Raises:
        LogsError: Columns or rows are at fault; every kind of fault is told at once, with exact counts.
        EngineError: A frame cannot be read, or the frames are of different engines.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime
        >>> orders = {"id": [1], "person_id": ["p1"], "purchased_at": [datetime(2026, 3, 1, tzinfo=UTC)], "amount": [900]}
        >>> Logs(purchases=pl.DataFrame(orders))
        Logs(purchases, on polars)
    """

    def __init__(
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
        entered = {log: enter(frame) for log, frame in given.items() if frame is not None}
        self._home = _one_home(entered)
        raise_if_any([fault for log, frame in entered.items() for fault in schema_faults(log, frame)])
        self._logs = _checked({log: canonical(log, frame) for log, frame in entered.items()}, currency)
        self.currency = currency

    @property
    def home(self) -> Home:
        """What the frames came in as."""
        return self._home

    @cached_property
    def tables(self) -> Mapping[str, Frame]:
        """The tables of the ledger that facts are computed from."""
        return ledger_tables(self._logs)

    def __repr__(self) -> str:
        """Show which logs there are, and where they run."""
        return f"Logs({', '.join(self._logs)}, on {self._home})"


def _one_home(entered: Mapping[str, Entered]) -> Home:
    if not set(entered) - {"aliases"}:
        msg = f"no log was given; give at least one of {', '.join(name for name in LOGS if name != 'aliases')}"
        raise RecordError(msg)
    engines = {frame.engine: log for log, frame in entered.items()}
    if len(engines) > 1:
        found = ", ".join(f"{log} on {engine}" for engine, log in engines.items())
        msg = f"the logs are of different engines ({found}); bring them all to one"
        raise EngineError(msg)
    return next(iter(entered.values())).home


def _checked(logs: Mapping[str, Frame], currency: str | None) -> dict[str, Frame]:
    raise_if_any([fault for log, frame in logs.items() for fault in _row_faults(log, frame, currency)])
    aliases = logs.get("aliases")
    named = {log: frame for log, frame in logs.items() if log != "aliases"}
    if aliases is not None:
        named = resolved(named, aliases)
    once = {log: _once(log, frame) for log, frame in named.items()}
    raise_if_any(list(reference_faults(once)))
    return once


def _row_faults(log: str, frame: Frame, currency: str | None) -> Iterator[Fault]:
    yield from faults_of(log, frame, checks_of(log))
    if "currency" in LOGS[log]:
        yield from currency_faults(log, frame, currency)


def _once(log: str, frame: Frame) -> Frame:
    """The log with every record once.

    Raises:
        LogsError: A record came twice with different content.
    """
    if not repeats(log, frame):
        return frame
    raise_if_any(list(conflict_faults(log, frame)))
    return frame.select(*LOGS[log]).unique()
