"""A Django app that writes a django-oscar shop's orders into the store, by oscar's own signals and without patches.

A record is made and written once the shop's own transaction is committed, so the store has no order that the shop does
not have, and a bad order never stops the checkout: the error is logged. `write_all` writes the orders that are missing.
Writing an order twice changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from funnel import FunnelError, Lead, Money, Purchase, SqliteStore
from funnel.records import Record

logger = logging.getLogger(__name__)

CANCELLED = "Cancelled"
"""The status of a cancelled order in this shop."""


@cache
def store() -> SqliteStore:
    """Open the store; every process opens its own."""
    return SqliteStore(settings.FUNNEL_STORE)


class FunnelConfig(AppConfig):
    """The app, connected to the shop's signals."""

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
    """Return the person id: the shop's own number, which is not personal data."""
    return f"user-{user.pk}"


def on_registered(user: Any, **_: Any) -> None:
    """Write a new account as a lead."""
    write_later(lead_of, user)


def on_order(order: Any, **_: Any) -> None:
    """Write an order that was placed or changed its status."""
    if order.user_id is not None:
        write_later(purchase_of, order)


def lead_of(user: Any) -> Lead:
    """Return an account of the shop as a record."""
    return Lead(person_id=person_of(user), arrived_at=user.date_joined, source="oscar")


def purchase_of(order: Any) -> Purchase:
    """Return an order of the shop as a record."""
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


def write_later(record_of: Callable[[Any], Record], row: Any) -> None:
    """Write a row of the shop after the commit. `robust` logs an error instead of raising it."""
    transaction.on_commit(lambda: write(record_of, row), robust=True)


def write(record_of: Callable[[Any], Record], row: Any) -> int:
    """Make the record of a row and write it; return how many records are new or changed."""
    return store().amend(record_of(row), recorded_at=timezone.now()).added


def write_all(orders: Any) -> tuple[int, int]:
    """Write orders that the store may have missed; return the numbers of changed and of failed orders."""
    changed, failed = 0, 0
    for order in orders.filter(user__isnull=False).select_related("user").iterator():
        try:
            changed += write(purchase_of, order)
        except FunnelError:
            logger.exception("order %s cannot be written into the store", order.number)
            failed += 1
    return changed, failed
