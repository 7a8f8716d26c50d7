"""Made-up people for the metrics: their histories as tables, and which of their purchases count, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl
from hypothesis import strategies as st

from funnel.history import History
from funnel.logs import Logs
from funnel.records import Purchase
from tests.engines import Convert
from tests.frames import tables
from tests.strategies import histories


@st.composite
def crowds(draw: st.DrawFn, most: int = 4) -> list[History]:
    """A few people, some of whom have done nothing."""
    return [draw(histories(f"p{number}", most=9)) for number in range(draw(st.integers(1, most)))]


def orders_of(people: Sequence[History]) -> dict[str, pl.DataFrame]:
    """The purchases and refunds of all as tables; two people's purchases have different numbers."""
    each = [tables([person]) for person in people]
    return {log: pl.concat(_told_apart(one[log], number) for number, one in enumerate(each)) for log in _NUMBERS}


_NUMBERS = {"purchases": ["id"], "refunds": ["id", "purchase_id"]}


def _told_apart(table: pl.DataFrame, number: int) -> pl.DataFrame:
    ids = [name for name in ("id", "purchase_id") if name in table.columns]
    return table.with_columns(pl.col(name) + f"-{number}" for name in ids)


def logs_of(people: Sequence[History], convert: Convert = dict) -> Logs:
    """What people bought and gave back, on an engine."""
    return Logs(**convert(orders_of(people)))


def bought_by(person: History, as_of: datetime) -> list[datetime]:
    """When the purchases were made that count at an instant: not cancelled, not refunded in whole, not of nothing."""
    return sorted(one.purchased_at for one in person.purchases if _counts(person, one, as_of))


def _counts(person: History, purchase: Purchase, as_of: datetime) -> bool:
    if purchase.purchased_at > as_of:
        return False
    if purchase.status == "cancelled" and (purchase.cancelled_at or purchase.purchased_at) <= as_of:
        return False
    back = [one for one in person.refunds if (one.source, one.purchase_id) == purchase.key]
    return purchase.amount.minor > sum(one.amount.minor for one in back if one.refunded_at <= as_of)
