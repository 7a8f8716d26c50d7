"""The orders of one person, placed by the shop's own code: register, order, order again after a month, and cancel.

    python examples/oscar_shop/journey.py

It creates a shop in memory, and prints the person's stage after each step.
"""

from __future__ import annotations

import os
import sys
import tempfile
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import django


def main() -> None:
    """Run the example."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    os.environ["DJANGO_SETTINGS_MODULE"] = "oscar_shop.settings"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FUNNEL_STORE"] = str(Path(folder) / "funnel.db")
        django.setup()
        from django.apps import apps
        from django.conf import settings
        from django.core.management import call_command

        settings.MIGRATION_MODULES = {
            app.label: None for app in apps.get_app_configs()
        }  # a shop for a minute needs none
        call_command("migrate", run_syncdb=True, verbosity=0)
        run_journey()
        from oscar_shop.funnel_app import store

        store().close()


def run_journey() -> None:
    """Register, order, order again, and cancel both."""
    from django.contrib.auth import get_user_model
    from django.utils import timezone
    from oscar.apps.customer.signals import user_registered

    from oscar_shop.funnel_app import person_of, store, write_all

    now = timezone.now()
    month_ago = now - timedelta(days=30)
    user = get_user_model().objects.create_user("sari", "sari@example.com", "x", date_joined=month_ago)
    user_registered.send_robust(sender=None, request=None, user=user)  # as the shop's page for a new account does
    print_stage("registered", user)
    orders = [place_order(user, month_ago)]
    print_stage("ordered", user)
    orders.append(place_order(user, now))
    print_stage("ordered again", user)
    type(orders[0]).objects.filter(pk=orders[1].pk).update(currency="no money")  # a bug of the shop
    orders[1].refresh_from_db()
    changed, failed = write_all(type(orders[0]).objects)
    print(f"written again: {changed} changed, {failed} cannot be written")
    type(orders[0]).objects.filter(pk=orders[1].pk).update(currency="GBP")
    orders[1].refresh_from_db()
    for order in orders:
        order.set_status("Cancelled")
        print_stage("cancelled one", user)
    print(store().history(person_of(user)))


def place_order(user: Any, placed_at: datetime) -> Any:
    """Place an order as the shop's checkout does, at an instant."""
    from oscar.apps.basket.models import Basket
    from oscar.apps.order.utils import OrderCreator, OrderNumberGenerator
    from oscar.apps.partner.strategy import Default
    from oscar.apps.shipping.methods import Free
    from oscar.core.prices import Price
    from oscar.test.factories import create_product

    basket = Basket.objects.create(owner=user)
    basket.strategy = Default()
    basket.add_product(create_product(price=Decimal("25.00"), num_in_stock=9))
    method = Free()
    total = Price("GBP", excl_tax=basket.total_excl_tax, incl_tax=basket.total_incl_tax)
    number = OrderNumberGenerator().order_number(basket)
    return OrderCreator().place_order(
        basket=basket,
        total=total,
        shipping_method=method,
        shipping_charge=method.calculate(basket),
        user=user,
        order_number=number,
        date_placed=placed_at,
    )


def print_stage(event: str, user: Any) -> None:
    """Print a person's stage."""
    from oscar_shop.funnel_app import person_of, store

    record = store().stage_record(person_of(user))
    print(f"{event}: {record.stage}")


if __name__ == "__main__":
    main()
