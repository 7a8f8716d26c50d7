"""A small made-up shop as plain rows, its tables, and which of its orders count; for metrics over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import attrs
import polars as pl
from hypothesis import strategies as st

from tests.frames import TIME
from tests.strategies import instants

PEOPLE = ("a", "b", "c")


@attrs.frozen
class Order:
    """One order, when it was cancelled, and what was given back of it and when."""

    id: str
    person: str
    at: datetime
    amount: int
    cancelled: datetime | None
    refunds: tuple[tuple[datetime, int], ...]

    def left(self, as_of: datetime) -> int:
        """The remaining amount at an instant; 0 if it does not count."""
        if self.at > as_of or self.is_cancelled(as_of):
            return 0
        return self.amount - sum(amount for at, amount in self.refunds if at <= as_of)

    def is_cancelled(self, as_of: datetime) -> bool:
        """Whether it was cancelled by an instant."""
        return self.cancelled is not None and self.cancelled <= as_of


@attrs.frozen
class Shop:
    """Orders, arrivals and visits; an arrival and a visit by whom and when."""

    orders: tuple[Order, ...]
    leads: tuple[tuple[str, datetime], ...] = ()
    visits: tuple[tuple[str, datetime], ...] = ()

    def tables(self) -> dict[str, pl.DataFrame]:
        """The logs as Polars tables."""
        back = [
            (f"{one.id}-{n}", one.id, at, amount) for one in self.orders for n, (at, amount) in enumerate(one.refunds)
        ]
        status = ["paid" if one.cancelled is None else "cancelled" for one in self.orders]
        bought = {
            **{name: [getattr(one, name) for one in self.orders] for name in ("id", "amount")},
            "person_id": [one.person for one in self.orders],
            "purchased_at": [one.at for one in self.orders],
            "cancelled_at": [one.cancelled for one in self.orders],
            "status": status,
        }
        times = {
            "purchased_at": TIME,
            "cancelled_at": TIME,
            "id": pl.String,
            "person_id": pl.String,
            "status": pl.String,
        }
        ids = [(f"v{n}", person, at, "visit") for n, (person, at) in enumerate(self.visits)]
        return {
            "purchases": pl.DataFrame(bought, schema_overrides={**times, "amount": pl.Int64}),
            "refunds": _table(back, id=pl.String, purchase_id=pl.String, refunded_at=TIME, amount=pl.Int64),
            "leads": _table(self.leads, person_id=pl.String, arrived_at=TIME),
            "interactions": _table(ids, id=pl.String, person_id=pl.String, occurred_at=TIME, kind=pl.String),
        }

    def has_started(self, person: str, first: str, as_of: datetime) -> datetime | None:
        """When a person's first event of a kind was."""
        starts: Mapping[str, Sequence[datetime]] = {
            "purchase": [one.at for one in self.orders if one.person == person and one.left(as_of)],
            "lead": [at for person_id, at in self.leads if person_id == person and at <= as_of],
            "visit": [at for person_id, at in self.visits if person_id == person and at <= as_of],
        }
        return min(starts[first], default=None)


def _table(rows: Sequence[tuple[Any, ...]], **schema: Any) -> pl.DataFrame:
    return pl.DataFrame(rows, schema, orient="row")


@st.composite
def shops(draw: st.DrawFn, most: int = 9) -> Shop:
    """Up to nine orders of three people, of the same instant too, some cancelled or given back."""
    orders = [_order(draw, str(number)) for number in range(draw(st.integers(0, most)))]
    events = st.lists(st.tuples(st.sampled_from(PEOPLE), instants()), max_size=3)
    return Shop(tuple(orders), tuple(dict.fromkeys(draw(events))), tuple(draw(events)))


def _order(draw: st.DrawFn, number: str) -> Order:
    at, amount = draw(instants()), draw(st.integers(0, 9))
    later = st.sampled_from([0, 1, 24, 40 * 24]).map(lambda hours: at + timedelta(hours=hours))
    cancelled = draw(st.none() | st.none() | later)
    back: list[tuple[datetime, int]] = []
    for moment in draw(st.lists(later, max_size=2)):
        left = amount - sum(refunded for _, refunded in back)
        if left:
            back.append((moment, draw(st.sampled_from([left, 1]))))
    return Order(number, draw(st.sampled_from(PEOPLE)), at, amount, cancelled, tuple(back))


# ---- periods, by stepping day by day -------------------------------------------------------------------------------

_BACK = {"monday": 0, "tuesday": 1, "wednesday": 2, "thursday": 3, "friday": 4, "saturday": 5, "sunday": 6}


def first_day(day: date, period: str, week_start: str | None) -> date:
    """The first day of the period of a day, stepping back day by day."""
    begins = {
        "day": lambda _: True,
        "week": lambda one: one.weekday() == _BACK[week_start or ""],
        "month": lambda one: one.day == 1,
        "quarter": lambda one: one.day == 1 and one.month in (1, 4, 7, 10),
        "year": lambda one: (one.day, one.month) == (1, 1),
    }[period]
    while not begins(day):
        day -= timedelta(days=1)
    return day
