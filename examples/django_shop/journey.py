"""The orders of one person: two are placed a month apart, one is rolled back, SQL cancels two, one has a wrong status.

    python examples/django_shop/journey.py

It creates a shop in memory, and prints the person's stage after each step.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import django
from django.conf import settings


def main() -> None:
    """Run the example."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    settings.configure(
        INSTALLED_APPS=["django_shop.funnel_app.FunnelConfig"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        USE_TZ=True,
        FUNNEL_STORE=None,  # in memory; a real shop passes the path of a file
    )
    django.setup()
    from django.db import connection

    from django_shop.funnel_app import store
    from django_shop.models import Order, Unwritten

    with connection.schema_editor() as editor:
        editor.create_model(Order)
        editor.create_model(Unwritten)
    run_journey(Order)
    store().close()


def run_journey(orders: Any) -> None:
    """Place orders, roll one back, cancel two by SQL, and place one with a misspelt status."""
    from django.db import transaction
    from django.utils import timezone

    from django_shop.funnel_app import note, write_all

    now = timezone.now()
    orders.objects.create(user_id=1, placed_at=now - timedelta(days=30), total=25)
    print_stage("ordered")
    with transaction.atomic():
        orders.objects.create(user_id=1, placed_at=now, total=25)
        transaction.set_rollback(True)
    print_stage("rolled back")
    orders.objects.create(user_id=1, placed_at=now, total=30).save()
    print_stage("ordered again")
    orders.objects.update(status="cancelled", cancelled_at=now)
    print_stage("cancelled by SQL")
    note(orders.objects.values_list("pk", flat=True))
    write_all()
    print_stage("noted and written")
    bad = orders.objects.create(user_id=1, placed_at=now, total=20, status="payed")
    print_stage(f"a bad order is saved, {len(write_all())} waits")
    bad.status = "paid"
    bad.save()
    print_stage(f"the order is corrected, {len(write_all())} wait")


def print_stage(event: str) -> None:
    """Print the person's stage."""
    from django_shop.funnel_app import store

    print(f"{event}: {store().stage_record('user-1').stage}")


if __name__ == "__main__":
    main()
