"""The shop's own table of orders, and the table of orders that the store does not have yet."""

from django.db import models


class Order(models.Model):
    """An order and its status."""

    user_id = models.IntegerField()
    placed_at = models.DateTimeField()
    total = models.DecimalField(max_digits=12, decimal_places=2)
    status = models.CharField(max_length=20, default="paid")
    cancelled_at = models.DateTimeField(null=True)

    class Meta:
        """Django's options."""

        app_label = "django_shop"

    def __str__(self) -> str:
        """Return the order's number."""
        return f"order {self.pk}"


class Unwritten(models.Model):
    """An order that is not written into the store yet: one row each time that the order is saved."""

    order_id = models.BigIntegerField(db_index=True)

    class Meta:
        """Django's options."""

        app_label = "django_shop"

    def __str__(self) -> str:
        """Return the order's number."""
        return f"order {self.order_id} waits"
