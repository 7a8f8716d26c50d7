"""A Django app that writes the shop's orders into the store, by the signals of Django's own ORM.

Saving an order notes, in the shop's own transaction, that the order is to be written into the store. Once the
transaction is committed, the record is made and written. An order that cannot be written never stops the checkout: the
error is logged and the note stays. `write_all` writes all noted orders; run it every few minutes. `QuerySet.update` and
raw SQL send no signal: pass the ids of their orders to `note`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import cache
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db import transaction
from django.db.models.signals import post_save
from django.utils import timezone

from funnel import FunnelError, Money, Purchase, SqliteStore

logger = logging.getLogger(__name__)


@cache
def store() -> SqliteStore:
    """Open the store; every process opens its own, after it has forked."""
    return SqliteStore(settings.FUNNEL_STORE)


class FunnelConfig(AppConfig):
    """The app, connected to the shop's orders."""

    name = "django_shop"

    def ready(self) -> None:
        """Connect to Django's signal."""
        post_save.connect(on_order, sender=self.get_model("Order"), dispatch_uid="funnel")


def on_order(instance: Any, **_: Any) -> None:
    """Note an order that was saved, and write it after the commit. `robust` logs an error instead of raising it."""
    note([instance.pk])
    transaction.on_commit(lambda: write(instance.pk), robust=True)


def note(order_ids: Iterable[int]) -> None:
    """Note orders that the store does not have yet, or has in an earlier state."""
    from django_shop.models import Unwritten

    Unwritten.objects.bulk_create(Unwritten(order_id=order_id) for order_id in order_ids)


def write(order_id: int) -> None:
    """Write an order as it is now. The notes are deleted first: a second process that writes the order waits there."""
    from django_shop.models import Order, Unwritten

    with transaction.atomic():
        deleted, _ = Unwritten.objects.filter(order_id=order_id).delete()
        if deleted:
            store().amend(purchase_of(Order.objects.get(pk=order_id)), recorded_at=timezone.now())


def write_all() -> list[int]:
    """Write every noted order, and return the orders that cannot be written; the log has the errors."""
    from django_shop.models import Unwritten

    failed: list[int] = []
    for order_id in Unwritten.objects.order_by("order_id").values_list("order_id", flat=True).distinct():
        try:
            write(order_id)
        except FunnelError:
            logger.exception("order %s cannot be written into the store", order_id)
            failed.append(order_id)
    return failed


def purchase_of(order: Any) -> Purchase:
    """Return an order as a record."""
    return Purchase(
        id=str(order.pk),
        source="shop",
        person_id=f"user-{order.user_id}",
        purchased_at=order.placed_at,
        amount=Money(order.total, "USD"),
        status=order.status,
        cancelled_at=order.cancelled_at,
    )
