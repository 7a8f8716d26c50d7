"""Records with own columns: the same values for one person and in the tables of everyone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

import polars as pl

from funnel.facts import (
    column,
    count,
    earliest,
    exists,
    first,
    largest,
    last,
    latest,
    mean,
    since,
    soonest,
    total,
    until,
)
from funnel.facts._base import BaseFacts
from funnel.history import History
from funnel.logs import Logs
from funnel.records import Customer, Record
from tests.engines import on
from tests.frames import TIME, tables
from tests.shop import DAY, TICK
from tests.strategies import START

OWN: Mapping[str, type] = {"country": str, "value_1": int, "at": bool, "Mark": datetime}
"""Own columns of each log. Columns inside the library have some of these names."""

TYPES: Mapping[type, Any] = {str: pl.String, int: pl.Int64, bool: pl.Boolean, datetime: TIME}


class OwnFacts(BaseFacts):
    """Facts on own columns, one for every word and type, over every log, with and without a window."""

    purchase_count: int = count("purchases")
    uk_count: int = count("purchases", where=lambda one: one.country == "UK", columns=OWN)
    pieces: int = total("purchases", "value_1", columns=OWN)
    uk_spent: int = total("orders", "amount", where=lambda one: one.at and one.country != "UK", columns=OWN)
    largest_pieces: int = largest("orders", "value_1", columns=OWN)
    mean_pieces: int = mean("purchases", "value_1", where=lambda one: one.net_amount > 2, columns=OWN)
    last_country: str = latest("purchases", "country", columns=OWN)
    first_gift: bool = earliest("orders", "at", columns=OWN)
    soonest_mark: datetime | None = soonest("purchases", "Mark", columns=OWN)
    since_last_mark: timedelta = since(latest("purchases", "Mark", columns=OWN))
    gap_abroad: timedelta = latest("purchases", "gap", where=lambda one: one.country != "UK", columns=OWN)
    recent_uk_count: int = count("purchases", where=lambda one: one.country == "UK", within="60 days", columns=OWN)
    recent_pieces: int = total("orders", "value_1", within=timedelta(days=90), columns=OWN)
    refunded_uk: int = total("refunds", "amount", where=lambda one: one.country == "UK", columns=OWN)
    lead_pieces: int = total("leads", "value_1", columns=OWN)
    lead_country: str = earliest("leads", "country", columns=OWN)
    asked_uk: bool = exists("questions", where=lambda one: one.country == "UK", columns=OWN)
    open_pieces: int = total("open_questions", "value_1", columns=OWN)
    open_complaint_gift: bool = exists("open_complaints", where=lambda one: one.at, columns=OWN)
    follow_up_pieces: int = total("open_follow_ups", "value_1", columns=OWN)
    since_first_gift: timedelta = since(first("interactions", where=lambda one: one.at, columns=OWN))
    until_mark: timedelta = until(latest("postponements", "Mark", columns=OWN))
    visit_country: str = latest("visits", "country", within=40 * DAY, columns=OWN)
    recent_talk: int = total("interactions", "value_1", within=timedelta(days=30), columns=OWN)
    own_country: str = column("country", str)
    own_pieces: int = column("value_1", int)
    own_gift: bool = column("at", bool)
    since_own_mark: timedelta = since(column("Mark", datetime))
    is_in_the_table: bool = exists("people", where=lambda one: one.country != "FR", columns={"country": str})


class NearFacts(BaseFacts):
    """Facts on own columns in a small world, with windows of a few microseconds."""

    uk_count: int = count("purchases", where=lambda one: one.country == "UK", columns=OWN)
    recent_pieces: int = total("purchases", "value_1", within=9 * TICK, columns=OWN)
    last_country: str = latest("orders", "country", columns=OWN)
    gift_refunded: int = total("refunds", "amount", where=lambda one: one.at, columns=OWN)
    asked_uk: bool = exists("questions", where=lambda one: one.country == "UK", columns=OWN)
    talk: int = total("interactions", "value_1", where=lambda one: not one.at, columns=OWN)
    lead_pieces: int = total("leads", "value_1", columns=OWN)
    open_recently: int = count("open_questions", where=lambda one: one.at, within=9 * TICK, columns=OWN)
    since_uk: timedelta = since(last("orders", where=lambda one: one.country == "UK", columns=OWN))


def columns_of(record: Record) -> dict[str, Any]:
    """The own columns of a record: any of them may be missing."""
    return _columns(crc32(repr((type(record).__name__, record.key)).encode()))


def customer_of(person_id: str) -> Customer | None:
    """The customer record of a person, with own columns; None for some people."""
    number = crc32(person_id.encode()) // 7
    return Customer(person_id=person_id, name="Sari", columns=_columns(number)) if number % 5 else None


def _columns(number: int) -> dict[str, Any]:
    values: dict[str, Any] = {
        "country": ("UK", "FR", "", None)[number % 4],
        "value_1": (0, 1, 7, None)[number // 4 % 4],
        "at": (True, False, None)[number // 16 % 3],
        "Mark": (START, START + number % 90 * DAY, None)[number // 48 % 3],
    }
    return {name: value for name, value in values.items() if value is not None}


def with_columns(records: Sequence[Record]) -> list[Record]:
    """Records with own columns."""
    return [record.model_copy(update={"columns": columns_of(record)}) for record in records]


def owned(history: History) -> History:
    """A history of records with own columns, and of a person with own columns."""
    return History.of(history.person_id, with_columns(history.records), customer=customer_of(history.person_id))


def own_logs(engine: str, everyone: Sequence[History], currency: str | None = None) -> Logs:
    """Everyone's records with own columns on an engine."""
    plain = tables(everyone)
    every: dict[str, dict[tuple[str, ...], Mapping[str, Any]]] = {log: {} for log in plain}
    for history in everyone:
        for log in ("leads", "purchases", "refunds", "interactions"):
            of_log = (*history.leads, *history.referrals) if log == "leads" else getattr(history, log)
            every[log] |= {_key(log, record): record.columns for record in of_log}
    frames: dict[str, pl.DataFrame] = {}
    for log, frame in plain.items():
        names = _KEYS[log]
        rows = [dict(every[log][tuple(str(row[name]) for name in names)]) for row in frame.to_dicts()]
        frames[log] = frame.with_columns(**_series(engine, rows))
    customers = {history.person_id: history.customer for history in everyone} | {"nobody": customer_of("p1")}
    present = {person: dict(one.columns) for person, one in customers.items() if one is not None}
    people = pl.DataFrame({"name": list(present)}, {"name": str}).with_columns(
        **_series(engine, list(present.values()))
    )
    native = on(engine, {**frames, "people": people})
    of_people = native.pop("people")
    logs = Logs(**native, keep={log: list(OWN) for log in frames}, currency=currency)
    return logs.with_people(of_people, {"person_id": "name", **{name: name for name in OWN}})


def _series(engine: str, rows: list[dict[str, Any]]) -> dict[str, pl.Series]:
    """The own columns of rows."""
    for row in rows if engine.startswith("pandas") else ():
        row.setdefault("at", False)  # pandas has no column of bools with missing cells
    return {name: pl.Series(name, [row.get(name) for row in rows], dtype=TYPES[kind]) for name, kind in OWN.items()}


_KEYS: Mapping[str, tuple[str, ...]] = {
    "leads": ("person_id", "arrived_at", "source", "campaign"),
    "purchases": ("source", "id"),
    "refunds": ("source", "id"),
    "interactions": ("source", "id"),
}


def _key(log: str, record: Record) -> tuple[str, ...]:
    return tuple(str(getattr(record, name)) for name in _KEYS[log])
