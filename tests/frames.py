"""Histories as tables, and frames of every engine as plain rows: the one place that knows how engines differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from funnel.history import History
from funnel.interactions import (
    Answer,
    Checkout,
    Complaint,
    Declined,
    Delivery,
    Feedback,
    Interaction,
    Postponement,
    Quote,
    Resolution,
)
from funnel.money import Money

TIME = pl.Datetime("us", "UTC")

SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "leads": {
        "person_id": pl.String,
        "arrived_at": TIME,
        "source": pl.String,
        "campaign": pl.String,
        "referred_by": pl.String,
    },
    "purchases": {
        "id": pl.String,
        "source": pl.String,
        "person_id": pl.String,
        "purchased_at": TIME,
        "amount": pl.Int64,
        "status": pl.String,
        "cancelled_at": TIME,
        "promotion": pl.String,
        "promised_at": TIME,
        "delivered_at": TIME,
        "paid_at": TIME,
        "prepaid": pl.Int64,
        "fees": pl.Int64,
        "cost": pl.Int64,
    },
    "refunds": {
        "id": pl.String,
        "source": pl.String,
        "purchase_id": pl.String,
        "refunded_at": TIME,
        "amount": pl.Int64,
        "reason": pl.String,
    },
    "interactions": {
        "id": pl.String,
        "source": pl.String,
        "person_id": pl.String,
        "occurred_at": TIME,
        "kind": pl.String,
        "direction": pl.String,
        "channel": pl.String,
        "regarding": pl.String,
        "reason": pl.String,
        "until": TIME,
        "latest": TIME,
        "score": pl.Int64,
        "amount": pl.Int64,
    },
}


def _interaction(record: Interaction) -> dict[str, object]:
    row: dict[str, object] = {
        name: getattr(record, name)
        for name in ("id", "source", "person_id", "occurred_at", "kind", "direction", "channel")
    }
    match record:
        case Answer():
            row["regarding"] = record.question_id
        case Resolution():
            row["regarding"] = record.complaint_id
        case Delivery() | Complaint():
            row["regarding"] = record.purchase_id
        case Postponement():
            row |= {"reason": str(record.reason), "until": record.until, "latest": record.latest}
        case Declined():
            row["reason"] = str(record.reason)
        case Feedback():
            row["score"] = record.score
        case Quote() | Checkout():
            row["amount"] = None if record.amount is None else record.amount.minor
        case _:
            pass
    return row


def _plain(record: Any, names: Iterable[str]) -> dict[str, object]:
    values = {name: getattr(record, name) for name in names}
    return {name: value.minor if isinstance(value, Money) else value for name, value in values.items()}


def tables(histories: Sequence[History]) -> dict[str, pl.DataFrame]:
    """The records of histories as Polars tables; a lead that two histories tell of stands in them once."""
    rows: dict[str, list[dict[str, object]]] = {log: [] for log in SCHEMAS}
    leads = dict.fromkeys(lead for history in histories for lead in (*history.leads, *history.referrals))
    rows["leads"] = [_plain(lead, SCHEMAS["leads"]) for lead in leads]
    for history in histories:
        rows["purchases"] += [_plain(one, SCHEMAS["purchases"]) for one in history.purchases]
        rows["refunds"] += [_plain(one, SCHEMAS["refunds"]) for one in history.refunds]
        rows["interactions"] += [_interaction(one) for one in history.interactions]
    return {log: pl.DataFrame(rows[log], schema=dict(schema)) for log, schema in SCHEMAS.items()}


def read(native: Any) -> list[dict[str, Any]]:
    """The rows of a frame of any engine, ordered by person and instant, with values as Python has them."""
    return sorted(in_order(native), key=lambda row: (row["person_id"], row.get("known_at") or 0))


def answered(native: Any) -> dict[str, dict[str, Any]]:
    """Return the facts of each person from a frame of any engine."""
    rows = {row.pop("person_id"): row for row in read(native)}
    return {person: {name: as_instant(value) for name, value in row.items()} for person, row in rows.items()}


def in_order(native: Any) -> list[dict[str, Any]]:
    """The rows of a frame of any engine as it has them, with values as Python has them."""
    return _ROWS[type(native).__module__.split(".")[0]](native)


def _polars_rows(native: Any) -> list[dict[str, Any]]:
    return native.lazy().collect().to_dicts()


def _pandas_rows(native: Any) -> list[dict[str, Any]]:
    return [{name: _value(value) for name, value in row.items()} for row in native.to_dict("records")]


def _value(value: Any) -> Any:
    import pandas as pd

    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    if isinstance(value, pd.Timedelta):
        return value.to_pytimedelta()
    return value.item() if hasattr(value, "item") else value


def _arrow_rows(native: Any) -> list[dict[str, Any]]:
    return pl.from_arrow(native).to_dicts()  # type: ignore[union-attr]


_ROWS: Mapping[str, Callable[[Any], list[dict[str, Any]]]] = {
    "polars": _polars_rows,
    "pandas": _pandas_rows,
    "pyarrow": _arrow_rows,
    "_duckdb": lambda native: native.pl().to_dicts(),
    "duckdb": lambda native: native.pl().to_dicts(),
    "ibis": lambda native: native.to_polars().to_dicts(),
    "pyspark": lambda native: [row.asDict() for row in native.collect()],
}


def as_span(value: Any) -> Any:
    """A span as the engine has it (whole microseconds where it has no durations) as a timedelta."""
    return timedelta(microseconds=value) if isinstance(value, int) and not isinstance(value, bool) else value


def as_instant(value: Any) -> Any:
    """An instant as the engine has it as an aware datetime in UTC."""
    if not isinstance(value, datetime):
        return value
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
