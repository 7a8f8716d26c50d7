"""Made-up people for the metrics: their histories as tables, and which of their purchases count, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import polars as pl
from hypothesis import settings
from hypothesis import strategies as st

from funnel.history import History
from funnel.logs import Logs
from funnel.records import Purchase
from tests.engines import ENGINES
from tests.frames import TIME, tables
from tests.strategies import histories

FEW = settings(max_examples=max((settings.default or settings()).max_examples // 3, 1))
"""For a law whose every example runs a dataframe engine several times."""


@st.composite
def crowds(draw: st.DrawFn, most: int = 3) -> list[History]:
    """A few people, some of whom have done nothing."""
    return [draw(histories(f"p{number}", most=8)) for number in range(draw(st.integers(1, most)))]


def orders_of(people: Sequence[History]) -> dict[str, pl.DataFrame]:
    """The purchases and refunds of all as tables; two people's purchases have different numbers."""
    each = [tables([person]) for person in people]
    return {log: pl.concat(_told_apart(one[log], number) for number, one in enumerate(each)) for log in _NUMBERS}


_NUMBERS = {"purchases": ["id"], "refunds": ["id", "purchase_id"]}


def _told_apart(table: pl.DataFrame, number: int) -> pl.DataFrame:
    ids = [name for name in ("id", "purchase_id") if name in table.columns]
    return table.with_columns(pl.col(name) + f"-{number}" for name in ids)


def logs_of(people: Sequence[History]) -> Logs:
    """Purchases and refunds of people, on Polars."""
    return Logs(**orders_of(people))


AS_OF = datetime(2026, 12, 5, 12, tzinfo=UTC)
"""When the made-up shop is looked at."""


def shop_on(engine: str) -> Logs:
    """A made-up shop of two years and some forty people, the same on each engine; some of it lies after `AS_OF`."""
    return Logs(**ENGINES[engine](shop_tables()))


def shop_tables() -> dict[str, pl.DataFrame]:
    """Purchases and refunds of that shop, as Polars tables."""
    return _shop(Random(7))


def _shop(chance: Random) -> dict[str, pl.DataFrame]:
    start = datetime(2024, 12, 31, 12, tzinfo=UTC)
    times = [start + timedelta(hours=chance.randrange(24 * 720)) for _ in range(200)]
    rows = [(f"{n}", f"p{chance.randrange(40)}", moment, chance.randrange(4)) for n, moment in enumerate(times)]
    purchases = pl.DataFrame(rows, {**_KEYS, "purchased_at": TIME, "amount": pl.Int64}, orient="row")
    refunds = [
        (f"r{n}", n, moment + timedelta(days=chance.randrange(90)), 1) for n, _, moment, amount in rows if amount
    ]
    back = chance.sample(refunds, 60)
    schema = {"id": pl.String, "purchase_id": pl.String, "refunded_at": TIME, "amount": pl.Int64}
    return {"purchases": purchases, "refunds": pl.DataFrame(back, schema, orient="row")}


_KEYS = {"id": pl.String, "person_id": pl.String}


def bought_by(person: History, as_of: datetime) -> list[datetime]:
    """When the purchases were paid that count at an instant: not cancelled, not refunded in whole, not of nothing."""
    return sorted(one.paid_at or one.purchased_at for one in person.purchases if _counts(person, one, as_of))


def _counts(person: History, purchase: Purchase, as_of: datetime) -> bool:
    if purchase.status == "unpaid" or (purchase.paid_at or purchase.purchased_at) > as_of:
        return False
    if purchase.status == "cancelled" and (purchase.cancelled_at or purchase.purchased_at) <= as_of:
        return False
    back = [one for one in person.refunds if (one.source, one.purchase_id) == purchase.key]
    return purchase.amount.minor > sum(one.amount.minor for one in back if one.refunded_at <= as_of)
