"""What the funnel hears of a shop with django-oscar: its own signals, and nothing of it is patched.

A record is written once the shop's own transaction is kept, so that no order stands in the funnel that the shop does
not have. Should the process end between the two, `orders_of` hands in whatever is missing: twice is once.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from funnel import Lead, Money, Purchase, Record, SqliteStore

CANCELLED = "Cancelled"
"""The status of this shop's orders that says that nothing came of them."""


@cache
def store() -> SqliteStore:
    """Open the store; every process opens its own."""
    return SqliteStore(settings.FUNNEL_STORE)


class FunnelConfig(AppConfig):
    """Listens to the shop."""

    name = "oscar_shop"
    label = "funnel"

    def ready(self) -> None:
        """Connect to the signals that django-oscar sends."""
        from oscar.apps.customer.signals import user_registered
        from oscar.apps.order.signals import order_placed, order_status_changed

        user_registered.connect(on_registered, dispatch_uid="funnel")
        order_placed.connect(on_order, dispatch_uid="funnel")
        order_status_changed.connect(on_order, dispatch_uid="funnel")


def person_of(user: Any) -> str:
    """Name a person by the shop's own number, which tells nothing of them."""
    return f"user-{user.pk}"


def on_registered(user: Any, **_: Any) -> None:
    """Somebody has made an account."""
    write(Lead(person_id=person_of(user), arrived_at=user.date_joined, source="oscar"))


def on_order(order: Any, **_: Any) -> None:
    """Somebody has placed an order, or its status has changed."""
    if order.user_id is not None:
        write(purchase_of(order))


def purchase_of(order: Any) -> Purchase:
    """Give an order of the shop as a record."""
    is_cancelled = order.status == CANCELLED
    change = order.status_changes.order_by("-date_created").first() if is_cancelled else None
    return Purchase(
        id=str(order.number),
        source="oscar",
        person_id=person_of(order.user),
        purchased_at=order.date_placed,
        amount=Money(order.total_incl_tax, order.currency),
        status="cancelled" if is_cancelled else "paid",
        cancelled_at=None if change is None else change.date_created,
    )


def orders_of(shop: Any) -> Iterator[Purchase]:
    """Give every order that the shop has, for a store that has missed some: `store().append(*orders_of(...))`."""
    yield from map(purchase_of, shop.filter(user__isnull=False).select_related("user").iterator())


def write(record: Record) -> None:
    """Write a record once the shop's own transaction is kept."""
    transaction.on_commit(partial(store().amend, record, recorded_at=timezone.now()))
