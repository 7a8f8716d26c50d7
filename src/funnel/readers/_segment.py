"""Track events of Segment and RudderStack, as JSON or as a dataframe.

Rules:

- `messageId` is the idempotency key: events with the same key are one event.
- The person is `userId`, else `anonymousId`. The instant is `timestamp`, which has its offset.
- Read are Order Completed, Order Updated, Order Refunded, Order Cancelled, Product Viewed, Product Added and Checkout
  Started. The amount of an order is `total`, taxes and shipping included, else `revenue`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funnel.readers._export import Export
from funnel.readers._json_rows import cell, listed, mapping, value_of
from funnel.readers._read_events import LINES, WHEN, event_data, with_events

if TYPE_CHECKING:
    import polars as pl

_EVENTS = {
    "order completed": "purchase",
    "order updated": "update",
    "order refunded": "refund",
    "order cancelled": "cancel",
    "product viewed": "view",
    "product added": "cart",
    "checkout started": "checkout",
}
_NAMES = ("message", "event_name", "timestamp", "user_id", "anonymous_id", "properties")
_ABOUT_ORDERS = ("purchase", "update", "refund", "cancel")


def _prepared(rows: pl.DataFrame) -> pl.DataFrame:
    return with_events(rows, _NAMES, _event)


def _event(row: dict[str, str | None]) -> dict[str, Any]:
    kind = _EVENTS.get((row["event_name"] or "").casefold())
    event: dict[str, Any] = {
        "id": row["message"],
        "event": kind,
        "customer_id": row["user_id"] or row["anonymous_id"],
        WHEN: row["timestamp"],
    }
    if kind in ("view", "cart"):
        event |= {"sku": _line(mapping(value_of(row["properties"])))["sku"]}
    if kind in _ABOUT_ORDERS:
        about = mapping(value_of(row["properties"]))
        total = about.get("total")
        event |= {
            "order_id": cell(about.get("order_id")),
            "amount": cell(total if total is not None else about.get("revenue")),
            "currency": cell(about.get("currency")),
            "promotion": cell(about.get("coupon")),
            LINES: [_line(product) for product in listed(about.get("products"))],
        }
    return event


def _line(product: dict[str, Any]) -> dict[str, str | None]:
    sku = product.get("sku")
    return {
        "sku": cell(sku if sku is not None else product.get("product_id")),
        **{
            name: cell(product.get(key))
            for name, key in (("product", "name"), ("quantity", "quantity"), ("price", "price"))
        },
    }


_EXPORT = Export(
    name="segment.events",
    title="Segment or RudderStack events",
    columns={
        "message": ("messageId", "message_id"),
        "event_name": ("event",),
        "timestamp": ("timestamp",),
        "user_id": ("userId", "user_id"),
        "anonymous_id": ("anonymousId", "anonymous_id"),
        "properties": ("properties",),
    },
    required=("message", "event_name", "timestamp", "properties"),
    zone="in the text",
    amount_style="number",
    source="segment",
    prepare=_prepared,
    combine=event_data,
)

EVENTS = (_EXPORT,)
"""Events of Segment and RudderStack."""
