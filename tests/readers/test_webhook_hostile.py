"""Hostile webhooks: wrong bodies, wrong signatures, and personal data in errors."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.errors import ArgumentError, FunnelError, RecordError
from funnel.readers import webhooks
from tests.readers.hooks import (
    NOON,
    charge,
    read,
    read_event,
    refund,
    shopify_order,
    shopify_refund,
    stripe_event,
    woo,
    woo_order,
)

HIDDEN = "secret-value-42"


IMPOSSIBLE = [
    lambda: webhooks.stripe(f'{{"a": "{HIDDEN}"'),
    lambda: webhooks.stripe(f'["{HIDDEN}"]'),
    lambda: webhooks.stripe(b"[" * 100_000),
    lambda: webhooks.stripe(json.dumps({"created": -1})),
    lambda: webhooks.stripe(json.dumps({"created": HIDDEN})),
    lambda: webhooks.stripe(stripe_event(charge(currency="ugx"))),
    lambda: webhooks.stripe(stripe_event(charge(currency=HIDDEN))),
    lambda: read(shopify_order(total_price=HIDDEN)),
    lambda: read(shopify_order(total_price="1.234567")),
    lambda: read(shopify_order(created_at=HIDDEN)),
    lambda: read(shopify_order(financial_status=HIDDEN)),
    lambda: read(shopify_order(id=None)),
    lambda: read(shopify_order(refunds=HIDDEN)),
    lambda: read(shopify_order(refunds=[HIDDEN])),
    lambda: read(shopify_order(cancelled_at="2020-01-01T00:00:00Z")),
    lambda: read(
        shopify_order(
            refunds=[
                shopify_refund(
                    transactions=[
                        {"kind": "refund", "status": "success", "amount": "1", "currency": one}
                        for one in ("USD", "EUR")
                    ]
                )
            ]
        )
    ),
]


@pytest.mark.parametrize("call", IMPOSSIBLE, ids=map(str, range(len(IMPOSSIBLE))))
def test_a_body_that_can_never_succeed_raises_a_record_error(call: Any) -> None:
    """The error and its cause do not show a value of the body."""
    with pytest.raises(RecordError) as caught:
        call()
    assert HIDDEN not in str(caught.value)
    assert caught.value.__cause__ is None


def test_signatures() -> None:
    """Only the exact body with the secret passes, and for Stripe only within the tolerance."""
    body, secret = b'{"id": 1}', b"shh"
    plain = base64.b64encode(hmac.digest(secret, body, hashlib.sha256)).decode()
    for verify in (webhooks.verify_shopify, webhooks.verify_woocommerce):
        assert verify(body, plain, secret=secret)
        assert not verify(body + b" ", plain, secret=secret)
        assert not verify(body, "é", secret=secret)

    at = int(NOON.timestamp())
    code = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    header = f"t={at},v1=00,v1={code},v0=1"
    late = NOON + timedelta(minutes=5)
    assert webhooks.verify_stripe(body, header, secret=secret, now=late)
    assert not webhooks.verify_stripe(body, header, secret=secret, now=late + timedelta(seconds=1))
    assert not webhooks.verify_stripe(b"x", header, secret=secret, now=NOON)
    assert not webhooks.verify_stripe(body, f"v1={code}", secret=secret, now=NOON)
    with pytest.raises(ArgumentError, match="zone"):
        webhooks.verify_stripe(body, header, secret=secret, now=NOON.replace(tzinfo=None))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists), st.data())
def test_a_broken_field_never_raises_another_error(value: Any, data: st.DataObject) -> None:
    """Any field may have any value: the result is records, a reason or an error of this library."""
    body = data.draw(st.sampled_from([shopify_order(refunds=[shopify_refund()]), woo_order(), charge(), refund()]))
    body[data.draw(st.sampled_from(sorted(body)))] = value
    for call in (read, woo, read_event):
        try:
            call(body)
        except FunnelError as error:
            assert isinstance(error, RecordError)  # noqa: PT017 (it need not raise)
