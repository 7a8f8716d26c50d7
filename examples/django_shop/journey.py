"""One person's way through the shop: an order, one that is rolled back, a second, and what SQL and a bug do to them.

    python examples/django_shop/journey.py

It makes a shop in memory, and prints where the person stands after each step.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import django
from django.conf import settings


def main() -> None:
    """Walk the way."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    settings.configure(
        INSTALLED_APPS=["django_shop.funnel_app.FunnelConfig"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        USE_TZ=True,
        FUNNEL_STORE=None,  # in memory; a real shop gives the path of a file
    )
    django.setup()
    from django.db import connection

    from django_shop.funnel_app import store
    from django_shop.models import Order, Unwritten

    with connection.schema_editor() as editor:
        editor.create_model(Order)
        editor.create_model(Unwritten)
    walk(Order)
    store().close()


def walk(orders: Any) -> None:
    """Order, order in vain, order again, cancel both behind Django's back, and order with a status that is misspelt."""
    from django.db import transaction
    from django.utils import timezone

    from django_shop.funnel_app import note, write_all

    now = timezone.now()
    orders.objects.create(user_id=1, placed_at=now, total=25)
    tell("ordered")
    with transaction.atomic():
        orders.objects.create(user_id=1, placed_at=now, total=25)
        transaction.set_rollback(True)
    tell("rolled back")
    orders.objects.create(user_id=1, placed_at=now, total=30).save()
    tell("ordered again")
    orders.objects.update(status="cancelled", cancelled_at=now)
    tell("cancelled by SQL")
    note(orders.objects.values_list("pk", flat=True))
    write_all()
    tell("noted and written")
    bad = orders.objects.create(user_id=1, placed_at=now, total=20, status="payed")
    tell(f"a bad order is saved, {len(write_all())} waits")
    bad.status = "paid"
    bad.save()
    tell(f"the order is mended, {len(write_all())} wait")


def tell(what: str) -> None:
    """Print where the person stands."""
    from django_shop.funnel_app import store

    print(f"{what}: {store().stage_record('user-1').stage}")


if __name__ == "__main__":
    main()
