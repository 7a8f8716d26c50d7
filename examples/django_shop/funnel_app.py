"""What feeds the funnel: one Django app that listens to the signals of Django's own ORM.

A row that is saved again says what is true now, so its record is amended; and it is written once the shop's own
transaction is kept. `QuerySet.update` and raw SQL send no signal: after those, and at any doubt, hand in the rows anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db import transaction
from django.db.models.signals import post_save
from django.utils import timezone

from funnel import Money, Purchase, SqliteStore


@cache
def store() -> SqliteStore:
    """Open the store; every process opens its own, after it has forked."""
    return SqliteStore(settings.FUNNEL_STORE)


class FunnelConfig(AppConfig):
    """Listens to the orders."""

    name = "django_shop"

    def ready(self) -> None:
        """Connect to Django's signal."""
        post_save.connect(on_order, sender=self.get_model("Order"), dispatch_uid="funnel")


def on_order(instance: Any, **_: Any) -> None:
    """Write an order once it is kept; it was placed, or something has become of it."""
    transaction.on_commit(partial(store().amend, purchase_of(instance), recorded_at=timezone.now()))


def purchase_of(order: Any) -> Purchase:
    """Say an order in the words of the funnel."""
    return Purchase(
        id=str(order.pk),
        source="shop",
        person_id=f"user-{order.user_id}",
        purchased_at=order.placed_at,
        amount=Money(order.total, "USD"),
        status=order.status,
        cancelled_at=order.cancelled_at,
    )


def orders_of(shop: Any) -> Iterator[Purchase]:
    """Give every order that the shop has, for a store that has missed some: `store().amend(*orders_of(...))`."""
    yield from map(purchase_of, shop.iterator())
