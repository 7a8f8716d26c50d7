"""Signatures of webhooks, compared in constant time."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta

from funnel._arguments import instance, parse_instant, span
from funnel.errors import ArgumentError

_MOST_DIGITS = 20


def verify_shopify(body: bytes, signature: str, *, secret: bytes) -> bool:
    """Return whether the header X-Shopify-Hmac-Sha256 is the signature of a body.

    Args:
        body: The body as it was received.
        signature: The header; "" if the request does not have it.
        secret: The client secret of the app.

    Raises:
        ArgumentError: An argument is not allowed. The secret is empty, so everybody could sign.

    Example:
        >>> verify_shopify(b"{}", "", secret=b"client secret")
        False
    """
    expected = base64.b64encode(hmac.digest(_secret(secret), _body(body), hashlib.sha256))
    return hmac.compare_digest(expected, _header(signature))


def verify_woocommerce(body: bytes, signature: str, *, secret: bytes) -> bool:
    """Return whether the header X-WC-Webhook-Signature is the signature of a body.

    Args:
        body: The body as it was received.
        signature: The header; "" if the request does not have it.
        secret: The secret of the webhook.

    Raises:
        ArgumentError: An argument is not allowed. The secret is empty, so everybody could sign.

    Example:
        >>> verify_woocommerce(b"{}", "", secret=b"secret of the webhook")
        False
    """
    return verify_shopify(body, signature, secret=secret)


def verify_stripe(
    body: bytes,
    signature: str,
    *,
    secret: bytes,
    now: datetime,
    tolerance: timedelta | str = timedelta(minutes=5),
) -> bool:
    """Return whether the header Stripe-Signature is a signature of a body, and recent.

    Args:
        body: The body as it was received.
        signature: The header; "" if the request does not have it.
        secret: The secret of the endpoint, with its prefix `whsec_`.
        now: The present instant.
        tolerance: Maximum distance of the time of the signature from `now`. Source: the default of Stripe's own
            libraries.

    Raises:
        ArgumentError: An argument is not allowed. The secret is empty, so everybody could sign.

    Example:
        >>> from datetime import UTC
        >>> verify_stripe(b"{}", "", secret=b"whsec_1", now=datetime(2026, 3, 1, tzinfo=UTC))
        False
    """
    at, most = parse_instant(now, "now"), span(tolerance, "tolerance", minimum=0)
    expected_of, content = _secret(secret), _body(body)
    parts = [part.strip().partition("=") for part in _text(signature).split(",")]
    times = [value for name, _, value in parts if name == "t" and value.isascii() and value.isdigit()]
    if len(times) != 1 or len(times[0]) > _MOST_DIGITS:
        return False
    expected = hmac.new(expected_of, times[0].encode() + b"." + content, hashlib.sha256).hexdigest().encode()
    matches = [hmac.compare_digest(expected, _header(value)) for name, _, value in parts if name == "v1"]
    return any(matches) and abs(at - int(times[0]) * 1_000_000) <= most


def _secret(secret: object) -> bytes:
    checked: bytes = instance(secret, bytes, "secret", "bytes")
    if not checked:
        raise ArgumentError("secret is empty, so everybody could sign; pass the secret that the platform shows")
    return checked


def _body(body: object) -> bytes:
    checked: bytes = instance(body, bytes, "body", "the bytes of a webhook, as they were received")
    return checked


def _text(signature: object) -> str:
    checked: str = instance(signature, str, "signature", "the text of a header")
    return checked


def _header(signature: object) -> bytes:
    """Return a header as bytes; characters that cannot be encoded match no signature."""
    return _text(signature).encode(errors="replace")
