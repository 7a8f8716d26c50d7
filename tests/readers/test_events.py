"""Readers of events: GA4 and Segment."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl
import pytest

from funnel.errors import RecordError
from funnel.readers import ga4, segment
from tests.readers.exports import SAMPLES, same
from tests.readers.shop import account

if TYPE_CHECKING:
    from pathlib import Path


def test_ga4_events_are_purchases_refunds_leads_and_interactions() -> None:
    """A purchase that was sent twice or reloaded is one; refunds never exceed it."""
    data = ga4.events(SAMPLES["ga4.events.jsonl"].path)
    assert data.purchases.rows() == [
        ("A-1", "ga4", "u1", datetime(2026, 3, 1, 1, 34, tzinfo=UTC), 25000050, "IDR", "paid", None, "EID")
    ]
    assert data.order_lines.select("sku", "product", "quantity", "amount").rows() == [
        ("BS-1", "Batik scarf", 2, 20000000),
        ("TC-1", "Tea cup", 1, 5000050),
    ]
    assert data.refunds.select("purchase_id", "refunded_at", "amount").rows() == [
        ("A-1", datetime(2026, 3, 1, 1, 36, tzinfo=UTC), 5000050),
        ("A-1", datetime(2026, 3, 1, 1, 37, tzinfo=UTC), 20000000),
    ]
    assert data.leads.rows() == [("2.2", datetime(2026, 3, 1, 1, 38, tzinfo=UTC), "instagram", "Ramadan sale")]
    assert data.interactions.select("person_id", "occurred_at", "kind").rows() == [
        ("1.1", datetime(2026, 3, 1, 1, 30, 0, 1, tzinfo=UTC), "view"),
        ("1.1", datetime(2026, 3, 1, 1, 32, tzinfo=UTC), "cart"),
        ("1.1", datetime(2026, 3, 1, 1, 33, tzinfo=UTC), "checkout"),
    ]
    assert account(data) == {
        "rows in the file": ("read", 13, ()),
        "rows kept": ("read", 7, ()),
        "purchases": ("read", 1, ()),
        "refunds": ("read", 2, ()),
        "leads": ("read", 1, ()),
        "interactions": ("read", 3, ()),
        "event with the id of another event": ("merged", 1, (6,)),
        "purchase of an order that another event has too": ("merged", 1, (7,)),
        "event of a kind that is not read": ("refused", 1, (1,)),
        "event of an order whose purchase is not in the files": ("refused", 1, (10,)),
        "no known person": ("refused", 1, (13,)),
        "no order": ("refused", 1, (12,)),
    }
    data.logs()


def test_ga4_parquet_is_read_like_json(tmp_path: Path) -> None:
    """BigQuery writes the nested columns as structs, and its whole numbers as integers."""
    path = tmp_path / "events.parquet"
    rows = [json.loads(line) for line in SAMPLES["ga4.events.jsonl"].path.read_text().splitlines()]
    frame = pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.col("event_timestamp").cast(pl.Int64))
    frame.write_parquet(path)
    assert same(ga4.events(path), ga4.events(SAMPLES["ga4.events.jsonl"].path))
    path.write_bytes(b"not Parquet")
    with pytest.raises(RecordError, match=r"events\.parquet cannot be read"):
        ga4.events(path)


def test_a_ga4_instant_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """Neither text nor a number beyond all years is an instant."""
    path = tmp_path / "events.jsonl"
    rows = [
        {"event_name": "view_item", "event_timestamp": text, "user_pseudo_id": "1", "event_params": "[]"}
        for text in ("soon", "9" * 30, None)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    entries = account(ga4.events(path))
    assert entries["time not in the declared format"] == ("refused", 2, (1, 2))
    assert entries["event without its time"] == ("refused", 1, (3,))


def test_segment_orders_are_updated_refunded_and_cancelled() -> None:
    """The message id tells copies; an update replaces the amount; a refund without an amount is of the whole order."""
    data = segment.events(SAMPLES["segment.events.jsonl"].path)
    assert data.purchases.select("id", "person_id", "purchased_at", "amount", "status", "cancelled_at").rows() == [
        ("O-1", "u1", datetime(2026, 3, 1, 2, 3, 0, 123000, tzinfo=UTC), 22050, "paid", None),
        (
            "O-2",
            "u2",
            datetime(2026, 3, 2, 2, 3, tzinfo=UTC),
            8000,
            "cancelled",
            datetime(2026, 3, 2, 4, 3, tzinfo=UTC),
        ),
        ("O-3", "u1", datetime(2026, 3, 3, 2, 3, tzinfo=UTC), 8000, "paid", None),
    ]
    assert data.refunds.select("id", "purchase_id", "amount").rows() == [("m6", "O-1", 2025), ("m10", "O-3", 8000)]
    assert data.order_lines.select("sku", "quantity", "amount").rows() == [("BS-1", 2, 20000)]
    assert data.interactions.select("id", "kind").rows() == [("m1", "view"), ("m2", "cart"), ("m3", "checkout")]
    assert account(data)["event with the id of another event"] == ("merged", 1, (5,))
    assert account(data)["event of an order whose purchase is not in the files"] == ("refused", 1, (12,))
    data.logs()


def test_views_and_carts_have_their_product(tmp_path: Path) -> None:
    """The product of a view or a cart is kept, as a label without control characters; several products give ""."""
    event = {"event_timestamp": "1772328600000001", "user_pseudo_id": "1", "event_params": []}
    rows: list[dict[str, object]] = [
        {**event, "event_name": name, "batch_event_index": number, "items": [{"item_id": sku} for sku in skus]}
        for number, (name, skus) in enumerate(
            [("view_item", ["A\t1"]), ("add_to_cart", ["B"]), ("add_to_cart", ["B", "C"]), ("begin_checkout", ["B"])]
        )
    ]
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    data = ga4.events(path)
    assert sorted(data.interactions.select("kind", "sku").rows()) == [
        ("cart", ""),
        ("cart", "B"),
        ("checkout", ""),
        ("view", "A 1"),
    ]
    assert data.logs()
    rows = [
        {"messageId": sku, "event": name, "timestamp": "2026-03-01T02:00:00Z", "userId": "u", "properties": about}
        for sku, name, about in (
            ("1", "Product Viewed", {"sku": "A"}),
            ("2", "Product Added", {"product_id": 7}),
            ("3", "Checkout Started", {"sku": "A"}),
        )
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert segment.events(path).interactions["sku"].to_list() == ["A", "7", ""]


def test_events_without_orders_have_no_currency(tmp_path: Path) -> None:
    """An array of objects is read too; properties that are not an object have no order."""
    path = tmp_path / "events.json"
    event = {"messageId": "1", "event": "Product Viewed", "timestamp": "2026-03-01T02:00:00Z", "userId": "u"}
    broken = {**event, "messageId": "2", "event": "Order Completed", "properties": "{"}
    path.write_text(json.dumps([{**event, "properties": {}}, broken]))
    data = segment.events(path)
    assert data.currency is None
    assert account(data)["no order"] == ("refused", 1, (2,))


def test_text_in_the_place_of_a_currency_is_not_shown(tmp_path: Path) -> None:
    """An order whose currency is not a code is refused; the text may be that of a person."""
    path = tmp_path / "events.jsonl"
    order = {"messageId": "1", "event": "Order Completed", "timestamp": "2026-03-01T02:00:00Z", "userId": "u"}
    rows = [
        {**order, "messageId": code, "properties": {"order_id": code, "total": 1, "currency": code}}
        for code in ("USD", "sari@example.com")
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    data = segment.events(path)
    assert data.currency == "USD"
    assert account(data)["order in another currency than the one read"] == ("refused", 1, (2,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is empty"),
        (b"{}\n{", "line 2 is not JSON"),
        (b"[1]", "row 1 is not a JSON object"),
        (b"\xff", "not text in UTF-8"),
    ],
)
def test_a_file_that_is_not_json_is_refused(tmp_path: Path, text: bytes, message: str) -> None:
    """The error names the line, and no value of it."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(text)
    with pytest.raises(RecordError, match=message):
        segment.events(path)
