"""Bodies of webhooks in the shape of each platform, with invented people."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from funnel import Customer, Purchase
from funnel.readers import webhooks
from funnel.readers._formats import Unpaid
from funnel.readers.webhooks import BuyerKey, Webhook

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def shopify_order(**changes: Any) -> dict[str, Any]:
    """An order of Shopify."""
    return {
        "id": 5001,
        "name": "#1001",
        "email": "Sari@Example.com",
        "phone": None,
        "created_at": "2026-03-01T09:00:00+07:00",
        "updated_at": "2026-03-01T09:00:00+07:00",
        "cancelled_at": None,
        "currency": "USD",
        "total_price": "25.00",
        "financial_status": "pending",
        "fulfillment_status": None,
        "customer": {"id": 77, "email": "sari@example.com", "phone": None, "first_name": "S.", "last_name": "D."},
        "billing_address": {"name": "Sari Dewi", "phone": "+62 812-000-2222", "address1": "Jl. Kebun 1"},
        "shipping_address": {"name": "Ibu Dewi", "address1": "Jl. Melati 5", "city": "Solo", "country": "Indonesia"},
        "line_items": [
            shopify_line(discount_allocations=[{"amount": "1.00"}, {"amount": "0.50"}]),
            shopify_line(sku=None, title="Gift card", quantity=1, price="7.50", total_discount="0.00"),
        ],
        "refunds": [],
        **changes,
    }


def shopify_line(**changes: Any) -> dict[str, Any]:
    """A line of an order of Shopify."""
    return {"id": 31, "sku": "mug", "title": "Mug", "quantity": 2, "price": "9.50", "total_discount": "3.00", **changes}


def shopify_customer(**changes: Any) -> dict[str, Any]:
    """A customer of Shopify."""
    return {
        "id": 77,
        "email": "Sari@Example.com",
        "phone": None,
        "first_name": "Sari",
        "last_name": "Dewi",
        "created_at": "2026-02-01T09:00:00Z",
        "updated_at": "2026-03-03T09:00:00Z",
        "default_address": {"phone": "+62 812-000-3333", "address1": "Jl. Mawar 7", "city": "Solo"},
        **changes,
    }


def shopify_refund(amount: str = "10.00", **changes: Any) -> dict[str, Any]:
    """A refund of Shopify."""
    part = {"kind": "refund", "status": "success", "amount": amount, "currency": "USD"}
    return {"id": 9, "order_id": 5001, "created_at": "2026-03-02T09:00:00Z", "transactions": [part], **changes}


def woo_order(**changes: Any) -> dict[str, Any]:
    """An order of WooCommerce."""
    return {
        "id": 812,
        "status": "processing",
        "currency": "JPY",
        "total": "2500.00",
        "date_created_gmt": "2026-03-01T02:00:00",
        "date_modified_gmt": "2026-03-01T02:00:05",
        "customer_id": 0,
        "billing": {
            "first_name": "Budi",
            "last_name": "Jaya",
            "email": "budi@example.com",
            "phone": "0812-000-1111",
            "address_1": "Jl. Anggrek 2",
            "city": "Bandung",
            "country": "ID",
        },
        "line_items": [woo_line(), woo_line(sku="", name="Pot", quantity=3, subtotal="1000", total="900")],
        "refunds": [],
        **changes,
    }


def woo_line(**changes: Any) -> dict[str, Any]:
    """A line of an order of WooCommerce."""
    return {"id": 1, "sku": "mug", "name": "Mug", "quantity": 2, "subtotal": "1600", "total": "1600", **changes}


def woo_customer(**changes: Any) -> dict[str, Any]:
    """A customer of WooCommerce."""
    return {
        "id": 5,
        "email": "budi@example.com",
        "first_name": "Budi",
        "last_name": "Jaya",
        "date_created_gmt": "2026-02-01T02:00:00",
        "date_modified_gmt": None,
        "billing": [],
        **changes,
    }


def stripe_event(obj: dict[str, Any], created: int = 1_772_330_400, kind: str = "charge.updated") -> str:
    """An event of Stripe."""
    return json.dumps({"id": "evt_1", "object": "event", "type": kind, "created": created, "data": {"object": obj}})


def stripe_customer(**changes: Any) -> dict[str, Any]:
    """A customer of Stripe."""
    return {
        "id": "cus_1",
        "object": "customer",
        "created": 1_772_000_000,
        "email": "sari@example.com",
        "name": "Sari Dewi",
        "phone": None,
        "address": {"line1": "Jl. Melati 5", "city": "Solo", "country": "ID"},
        **changes,
    }


def charge(**changes: Any) -> dict[str, Any]:
    """A charge of Stripe."""
    return {
        "id": "ch_1",
        "object": "charge",
        "amount": 2500,
        "amount_captured": 2500,
        "captured": True,
        "created": 1_772_330_400,
        "currency": "usd",
        "customer": "cus_1",
        "billing_details": {"email": "sari@example.com", "phone": None},
        "status": "succeeded",
        **changes,
    }


def refund(**changes: Any) -> dict[str, Any]:
    """A refund of Stripe."""
    return {
        "id": "re_1",
        "object": "refund",
        "amount": 500,
        "charge": "ch_1",
        "created": 1_772_340_400,
        "currency": "usd",
        "status": "succeeded",
        **changes,
    }


def read(
    body: dict[str, Any],
    topic: str = "orders/updated",
    *,
    contacts: bool = False,
    unpaid: Unpaid = "sent",
    **keys: Any,
) -> Webhook:
    """Read a webhook of Shopify."""
    return webhooks.shopify(topic, json.dumps(body), buyer=BuyerKey(**keys), contacts=contacts, unpaid=unpaid)


def woo(
    body: dict[str, Any],
    topic: str = "order.updated",
    *,
    contacts: bool = False,
    unpaid: Unpaid = "sent",
    **keys: Any,
) -> Webhook:
    """Read a webhook of WooCommerce."""
    return webhooks.woocommerce(topic, json.dumps(body), buyer=BuyerKey(**keys), contacts=contacts, unpaid=unpaid)


def read_event(
    one: dict[str, Any],
    kind: str = "charge.updated",
    *,
    contacts: bool = False,
    created: int = 1_772_330_400,
    unpaid: Unpaid = "sent",
) -> Webhook:
    """Read an event of Stripe."""
    return webhooks.stripe(stripe_event(one, created, kind), contacts=contacts, unpaid=unpaid)


def purchase_of(webhook: Webhook) -> Purchase:
    """Return the purchase of a webhook that has one."""
    assert webhook.purchase is not None
    return webhook.purchase


def customer_of(webhook: Webhook) -> Customer:
    """Return the customer of a webhook that has one."""
    assert webhook.customer is not None
    return webhook.customer
