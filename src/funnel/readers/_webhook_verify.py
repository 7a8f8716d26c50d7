"""Signatures of webhooks, compared in constant time."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta

from funnel._arguments import instance, parse_as_of, span
from funnel.errors import ArgumentError
from funnel.readers._key_rules import secret_bytes

_MOST_DIGITS = 20


def verify_shopify(body: bytes, signature: str | None, *, secret: bytes | str) -> bool:
    """Return whether the header X-Shopify-Hmac-Sha256 is the signature of a body.

    Args:
        body: The body as it was received.
        signature: The header; "" or None if the request does not have it.
        secret: The client secret of the app.

    Raises:
        ArgumentError: An argument is not allowed. The secret is empty, so everybody could sign.

    Example:
        >>> verify_shopify(b"{}", "", secret=b"client secret")
        False
    """
    expected = base64.b64encode(hmac.digest(_secret(secret), _body(body), hashlib.sha256))
    return hmac.compare_digest(expected, _header(signature))


def verify_woocommerce(body: bytes, signature: str | None, *, secret: bytes | str) -> bool:
    """Return whether the header X-WC-Webhook-Signature is the signature of a body.

    Args:
        body: The body as it was received.
        signature: The header; "" or None if the request does not have it.
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
    signature: str | None,
    *,
    secret: bytes | str,
    as_of: datetime,
    tolerance: timedelta | str = timedelta(minutes=5),
) -> bool:
    """Return whether the header Stripe-Signature is a signature of a body, and recent.

    Args:
        body: The body as it was received.
        signature: The header; "" or None if the request does not have it.
        secret: The secret of the endpoint, with its prefix `whsec_`.
        as_of: The present instant.
        tolerance: Maximum distance of the time of the signature from `as_of`. Source: the default of Stripe's own
            libraries.

    Raises:
        ArgumentError: An argument is not allowed. The secret is empty, so everybody could sign.

    Example:
        >>> from datetime import UTC
        >>> verify_stripe(b"{}", "", secret=b"whsec_1", as_of=datetime(2026, 3, 1, tzinfo=UTC))
        False
    """
    at, most = parse_as_of(as_of), span(tolerance, "tolerance", minimum=0)
    expected_of, content = _secret(secret), _body(body)
    parts = [part.strip().partition("=") for part in _text(signature).split(",")]
    times = [value for name, _, value in parts if name == "t" and value.isascii() and value.isdigit()]
    if len(times) != 1 or len(times[0]) > _MOST_DIGITS:
        return False
    expected = hmac.new(expected_of, times[0].encode() + b"." + content, hashlib.sha256).hexdigest().encode()
    matches = [hmac.compare_digest(expected, _header(value)) for name, _, value in parts if name == "v1"]
    return any(matches) and abs(at - int(times[0]) * 1_000_000) <= most


def _secret(secret: object) -> bytes:
    checked = secret_bytes(instance(secret, (bytes, str), "secret", "bytes or text"))
    if not checked:
        raise ArgumentError("secret is empty, so everybody could sign; pass the secret that the platform shows")
    return checked


def _body(body: object) -> bytes:
    checked: bytes = instance(body, bytes, "body", "the bytes of a webhook, as they were received")
    return checked


def _text(signature: object) -> str:
    """Return the text of a header; "", which matches no signature, if the request does not have it."""
    checked: str | None = instance(signature, (str, type(None)), "signature", "the text of a header or None")
    return checked or ""


def _header(signature: object) -> bytes:
    """Return a header as bytes; characters that cannot be encoded match no signature."""
    return _text(signature).encode(errors="replace")
