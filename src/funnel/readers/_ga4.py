"""Events of the GA4 export to BigQuery, as Parquet, as JSON, or as a dataframe.

Rules:

- `event_timestamp` is in microseconds UTC. `event_date`, which is in the zone of the property, is not read.
- The person is `user_id`, else `user_pseudo_id`, the id of a browser or a device.
- The export has no event id: events with the same `user_pseudo_id`, `event_timestamp`, `event_name` and
  `batch_event_index` are one event.
- The amount is `ecommerce.purchase_revenue` or `ecommerce.refund_value`, else the parameter `value`.
- Read are purchase, refund, generate_lead, view_item, add_to_cart and begin_checkout.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from funnel.readers._export import Export
from funnel.readers._json_rows import cell, listed, mapping, value_of
from funnel.readers._read_events import LINES, WHEN, event_data, with_events

if TYPE_CHECKING:
    import polars as pl

_EVENTS = {
    "purchase": "purchase",
    "refund": "refund",
    "generate_lead": "lead",
    "view_item": "view",
    "add_to_cart": "cart",
    "begin_checkout": "checkout",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES = (
    "event_name",
    "event_timestamp",
    "user_id",
    "user_pseudo_id",
    "batch",
    "params",
    "ecommerce",
    "items",
    "traffic",
)


def _prepared(rows: pl.DataFrame) -> pl.DataFrame:
    return with_events(rows, _NAMES, _event)


def _event(row: dict[str, str | None]) -> dict[str, Any]:
    kind = _EVENTS.get(row["event_name"] or "")
    key = [row[name] or "" for name in ("user_pseudo_id", "event_timestamp", "event_name", "batch")]
    event: dict[str, Any] = {
        "id": hashlib.sha256("\x1f".join(key).encode()).hexdigest()[:32],  # short, and without the id of the device
        "event": kind,
        "customer_id": row["user_id"] or row["user_pseudo_id"],
        WHEN: _instant(row["event_timestamp"]),
    }
    if kind == "lead":
        traffic = mapping(value_of(row["traffic"]))
        event |= {"origin": cell(traffic.get("source")), "campaign": cell(traffic.get("name"))}
    if kind in ("view", "cart"):
        items = listed(value_of(row["items"]))
        event |= {"sku": cell(items[0].get("item_id"))} if len(items) == 1 else {}
    if kind in ("purchase", "refund"):
        shop, params = mapping(value_of(row["ecommerce"])), _params(value_of(row["params"]))
        amount = shop.get("purchase_revenue" if kind == "purchase" else "refund_value")
        order = shop.get("transaction_id")
        event |= {
            "order_id": cell(order if order not in (None, "(not set)") else params.get("transaction_id")),
            "amount": cell(amount if amount is not None else params.get("value")),
            "currency": cell(params.get("currency")),
            "promotion": cell(params.get("coupon")),
            LINES: [_line(item) for item in listed(value_of(row["items"]))],
        }
    return event


def _params(value: object) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for param in listed(value):
        typed = mapping(param.get("value"))
        kinds = ("string_value", "int_value", "float_value", "double_value")
        params[str(param.get("key"))] = next((typed[kind] for kind in kinds if typed.get(kind) is not None), None)
    return params


def _line(item: dict[str, Any]) -> dict[str, str | None]:
    names = {"sku": "item_id", "product": "item_name", "quantity": "quantity", "price": "price"}
    return {name: cell(item.get(key)) for name, key in names.items()}


def _instant(text: str | None) -> str | None:
    """Return microseconds since 1970 as ISO 8601; other text as it is, which is then refused."""
    try:
        return None if text is None else (_EPOCH + timedelta(microseconds=int(text))).isoformat()
    except (ValueError, OverflowError):
        return text


_EXPORT = Export(
    name="ga4.events",
    title="GA4 export to BigQuery",
    columns={
        "event_name": ("event_name",),
        "event_timestamp": ("event_timestamp",),
        "user_id": ("user_id",),
        "user_pseudo_id": ("user_pseudo_id",),
        "batch": ("batch_event_index",),
        "params": ("event_params",),
        "ecommerce": ("ecommerce",),
        "items": ("items",),
        "traffic": ("traffic_source",),
    },
    required=("event_name", "event_timestamp", "user_pseudo_id", "params"),
    zone="in the text",
    amount_style="number",
    source="ga4",
    prepare=_prepared,
    combine=event_data,
)

EVENTS = (_EXPORT,)
"""Events of GA4."""
