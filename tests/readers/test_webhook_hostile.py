"""Hostile webhooks: wrong bodies, wrong signatures, and personal data in errors."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funnel import SqliteStore
from funnel.errors import ArgumentError, InstantError, RecordError, StoreError
from funnel.readers import webhooks
from funnel.readers.webhooks import BuyerKey, MemoryStates, Webhook
from tests.readers.hooks import (
    NOON,
    charge,
    read,
    refund,
    shopify_customer,
    shopify_order,
    shopify_refund,
    stripe_customer,
    stripe_event,
    woo,
    woo_customer,
    woo_order,
)
from tests.test_nothing_given_is_told import error_text

HIDDEN = "secret-value-42"
HUGE = 10**4_000

BACK = {"kind": "refund", "status": "success", "amount": "999999999999.99", "currency": "USD"}
IMPOSSIBLE: list[Callable[[], Webhook]] = [
    lambda: webhooks.stripe(f'{{"a": "{HIDDEN}"'),
    lambda: webhooks.stripe(f'["{HIDDEN}"]'),
    lambda: webhooks.stripe(b"[" * 100_000),
    lambda: webhooks.stripe(stripe_event(charge(), created=-1)),
    lambda: webhooks.stripe(stripe_event(charge(created=HIDDEN))),
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
    lambda: read(shopify_order(refunds=[shopify_refund(transactions=[BACK] * 3)])),
    lambda: read(shopify_order(total_price=HUGE)),
    lambda: read(shopify_order(total_price="-25.00")),
    lambda: read(shopify_order(total_price=True)),
    lambda: read(shopify_order(total_price=25.123)),
    lambda: read(shopify_order(total_price=1e300)),
    lambda: read(shopify_order(email={HIDDEN: HIDDEN})),
    lambda: read(shopify_order(email=HIDDEN + "\x00")),
    lambda: read(shopify_order(email=HIDDEN + "\ud800@example.com"), secret=b"key"),
    lambda: read(shopify_order(customer=HIDDEN)),
    lambda: read(shopify_order(customer={"id": HIDDEN + "\nx"})),
    lambda: read(shopify_customer(id=None), "customers/create", contacts=True),
    lambda: woo(woo_order(date_modified_gmt=HIDDEN)),
    lambda: webhooks.stripe(stripe_event(charge(amount_captured=HUGE))),
    lambda: webhooks.stripe(stripe_event(charge(created=10**15))),
    lambda: webhooks.stripe('{"created": NaN}'),
    lambda: webhooks.stripe('{"created": -Infinity}'),
    lambda: webhooks.stripe(f'{{"created": 1, "{HIDDEN}": 1, "{HIDDEN}": 2}}'),
    lambda: webhooks.stripe(f'{{"created": {"9" * 5_000}}}'),
    lambda: webhooks.stripe(b"\xff{}"),
    lambda: webhooks.stripe(""),
    lambda: webhooks.stripe("null"),
]


@pytest.mark.parametrize("call", IMPOSSIBLE, ids=map(str, range(len(IMPOSSIBLE))))
def test_a_body_that_can_never_succeed_raises_a_record_error(call: Callable[[], Webhook]) -> None:
    """The error, its cause and its context do not show a value of the body, and its message is short."""
    with pytest.raises(RecordError) as caught:
        call()
    assert HIDDEN not in error_text(caught.value)
    assert len(str(caught.value)) < 400


# ---- a small fuzz --------------------------------------------------------------------------------------------------

CANARY = "sari-0812-canary"
DEEP: list[Any] = []
for _ in range(900):
    DEEP = [DEEP]
VALUES: list[Any] = [
    *(CANARY, CANARY * 50, CANARY + "\x00", CANARY + "\ud800", f"{CANARY}@example.com", {CANARY: CANARY}, [CANARY]),
    *(None, True, False, "", [], {}, DEEP, [{}], [None], "\u202e", "None", "1001.0"),
    *(0, -1, HUGE, 10**15, 25.5, 1e300, float("nan"), float("inf"), "1e9", "1e999999999", "9" * 5_000, "-5", "NaN"),
]

BODIES: list[tuple[str, dict[str, Any]]] = [
    ("orders/updated", shopify_order(refunds=[shopify_refund()])),
    ("refunds/create", shopify_refund()),
    ("customers/update", shopify_customer()),
    ("order.updated", woo_order(refunds=[{"id": 9, "total": "-5"}])),
    ("customer.updated", woo_customer(billing=woo_order()["billing"])),
    *(("stripe", json.loads(stripe_event(one))) for one in (charge(), refund())),
    ("stripe", json.loads(stripe_event(stripe_customer(), kind="customer.updated"))),
]


def paths(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in a body."""
    keys = body if isinstance(body, dict) else range(len(body)) if isinstance(body, list) else ()
    for key in keys:
        yield (*path, key)
        yield from paths(body[key], (*path, key))


def received(topic: str, text: str) -> Webhook:
    """Read a body of any platform, with contacts and hashed ids."""
    key = BuyerKey(calling_code="62", secret=b"key")
    if topic == "stripe":
        return webhooks.stripe(text, buyer=key, contacts=True)
    read_one = webhooks.shopify if "/" in topic else webhooks.woocommerce
    return read_one(topic, text, buyer=key, contacts=True)


def check_outcome(topic: str, text: str) -> None:
    """See that a body becomes records that a store takes, a reason, or an error without a value of the body."""
    try:
        got = received(topic, text)
        assert bool(got.ignored) != bool(got.purchase or got.refunds or got.customer)
        assert CANARY not in " ".join((got.ignored, *got.notes))
        with SqliteStore() as store:
            webhooks.apply(got, store, MemoryStates(), recorded_at=NOON)
    except (RecordError, StoreError) as error:
        assert CANARY not in error_text(error)  # noqa: PT017 (it need not raise)


SPOTS = [(number, path) for number, (_, body) in enumerate(BODIES) for path in paths(body)]


def changed(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a body with another value at a path; without the value if it is `...`."""
    if not path:
        return value
    items = dict(body) if isinstance(body, dict) else dict(enumerate(body))
    items[path[0]] = changed(items[path[0]], path[1:], value)
    items = {key: one for key, one in items.items() if one is not ...}
    return items if isinstance(body, dict) else list(items.values())


@settings(max_examples=5 * settings.default.max_examples)
@given(st.sampled_from(SPOTS), st.sampled_from([*VALUES, ...]))
def test_no_value_at_any_place_raises_another_error(spot: tuple[int, tuple[Any, ...]], value: Any) -> None:
    """A value of any kind at any place, or no value: records, a reason, or an error that does not show it."""
    topic, body = BODIES[spot[0]]
    check_outcome(topic, json.dumps(changed(body, spot[1], value)))


@given(st.sampled_from(BODIES), st.data())
def test_no_damaged_text_raises_another_error(one: tuple[str, dict[str, Any]], data: st.DataObject) -> None:
    """A body that was cut, doubled or changed in one place."""
    topic, body = one
    text = json.dumps(body)
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    check_outcome(topic, text[:start] + data.draw(st.sampled_from(["", "0", '"', "{", CANARY, text])) + text[end:])


# ---- signatures ----------------------------------------------------------------------------------------------------


def test_signatures() -> None:
    """Only the exact body with the secret passes, and for Stripe only within the tolerance."""
    body, secret = b'{"id": 1}', b"shh"
    plain = base64.b64encode(hmac.digest(secret, body, hashlib.sha256)).decode()
    for verify in (webhooks.verify_shopify, webhooks.verify_woocommerce):
        assert verify(body, plain, secret=secret)
        assert verify(body, plain, secret=secret.decode())
        assert verify(body, None, secret=secret) is False
        assert not verify(body + b" ", plain, secret=secret)
        for wrong in ("", "\u00e9", "\ud800", plain[:-1], plain.lower(), plain + " "):
            assert not verify(body, wrong, secret=secret)

    at = int(NOON.timestamp())
    code = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    header = f"t={at},v1=00,v1={code},v0=1"
    late = NOON + timedelta(minutes=5)
    assert webhooks.verify_stripe(body, header, secret=secret, as_of=late)
    assert webhooks.verify_stripe(body, header, secret=secret.decode(), as_of=late)
    assert webhooks.verify_stripe(body, None, secret=secret, as_of=late) is False
    assert not webhooks.verify_stripe(body, header, secret=secret, as_of=late + timedelta(seconds=1))
    assert not webhooks.verify_stripe(b"x", header, secret=secret, as_of=NOON)
    wrong_headers = ("", f"v1={code}", f"t={at},t={at},v1={code}", f"t={at}", f"t={'9' * 30},v1={code}", "t=,v1=\ud800")
    for wrong in (*wrong_headers, f"t={at},v0={code}", f"t=\u0661,v1={code}"):
        assert not webhooks.verify_stripe(body, wrong, secret=secret, as_of=NOON)
    with pytest.raises(InstantError, match="naive"):
        webhooks.verify_stripe(body, header, secret=secret, as_of=NOON.replace(tzinfo=None))


@pytest.mark.parametrize("verify", [webhooks.verify_shopify, webhooks.verify_woocommerce, webhooks.verify_stripe])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"secret": b""}, "secret is empty, so everybody could sign"),
        ({"secret": ""}, "secret is empty, so everybody could sign"),
        ({"secret": None}, r"secret must be bytes or text \(got None\)"),
        ({"body": "{}"}, "body must be the bytes of a webhook"),
        ({"signature": b"="}, "signature must be the text of a header"),
    ],
)
def test_a_signature_needs_a_secret(verify: Any, changes: dict[str, Any], message: str) -> None:
    """An empty secret is an error of the shop's settings, never a signature that matches."""
    now = {"as_of": NOON} if verify is webhooks.verify_stripe else {}
    with pytest.raises(ArgumentError, match=message):
        verify(**{"body": b"{}", "signature": "", "secret": b"shh", **now, **changes})


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every signature goes through `hmac.compare_digest`, with all its bytes."""
    compared = list[tuple[bytes, bytes]]()
    monkeypatch.setattr(hmac, "compare_digest", lambda *pair: bool(compared.append(pair)))
    for verify in (webhooks.verify_shopify, webhooks.verify_woocommerce):
        verify(b"{}", "first", secret=b"shh")
    webhooks.verify_stripe(b"{}", "t=1,v1=second,v1=third", secret=b"shh", as_of=NOON)
    assert [received for _, received in compared] == [b"first", b"first", b"second", b"third"]


@pytest.mark.parametrize(
    "changes",
    [{"keys": ()}, {"keys": ("name",)}, {"calling_code": "(62"}, {"secret": b""}, {"secret": ""}, {"secret": 1}],
)
def test_a_buyer_key_is_checked(changes: dict[str, Any]) -> None:
    """Unknown keys, a calling code that is not a number and an empty secret are refused."""
    with pytest.raises(RecordError):
        BuyerKey(**changes)
