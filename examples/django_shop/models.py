"""The shop's own table of orders, as any shop with Django has one, and the orders that wait for the funnel."""

from django.db import models


class Order(models.Model):
    """An order, and what has become of it."""

    user_id = models.IntegerField()
    placed_at = models.DateTimeField()
    total = models.DecimalField(max_digits=12, decimal_places=2)
    status = models.CharField(max_length=20, default="paid")
    cancelled_at = models.DateTimeField(null=True)

    class Meta:
        """Where it belongs."""

        app_label = "django_shop"

    def __str__(self) -> str:
        """Name it by its number."""
        return f"order {self.pk}"


class Unwritten(models.Model):
    """Note that an order waits for the funnel: one row each time that it is saved."""

    order_id = models.BigIntegerField(db_index=True)

    class Meta:
        """Where it belongs."""

        app_label = "django_shop"

    def __str__(self) -> str:
        """Name it by its order."""
        return f"order {self.order_id} waits"
