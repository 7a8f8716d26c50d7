"""Typed access to the JSON body of a webhook.

Invariant: an error names the field and never shows a value of the body, nor does an error behind it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn, cast

import attrs

from funnel._arguments import instance, parse_as_of, span
from funnel._fields import LONGEST_ID, check_id, read_instant
from funnel._time import LATEST, instant
from funnel.errors import ArgumentError, FunnelError, RecordError
from funnel.money import Money
from funnel.readers._key_rules import secret_bytes

_NUMBER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")
_EMPTY: tuple[object, ...] = (None, False, "", [], {})
"""Empty values: PHP writes false and [] for texts and objects that are missing."""

_LARGEST_WHOLE = 10**18


@attrs.frozen
class Body:
    """One object of a body, with its path for errors."""

    fields: Mapping[str, Any] = attrs.field(repr=False)
    path: str = ""

    @classmethod
    def parse(cls, body: bytes | str) -> Body:
        """Parse a body.

        Raises:
            ArgumentError: The argument is not a body.
            RecordError: The body is not a JSON object with each key once.
        """
        instance(body, (bytes, str), "body", "the bytes or the text of a webhook, as it was received")
        fields: object = None
        # The parser's error contains the body, so no other error is raised while it is handled.
        with suppress(ValueError, RecursionError):
            fields = json.loads(body, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_each_key_once)
        if not isinstance(fields, dict):
            raise RecordError(
                "the body of the webhook is not a JSON object with each key once; pass the body as it was received"
            )
        return cls(cast("dict[str, Any]", fields))

    def fault(self, name: str, problem: str) -> RecordError:
        """Return the error of a field."""
        return RecordError(f"{self.path}{name} of the webhook {problem}")

    def check_kind(self, name: str, kind: str) -> None:
        """Check that the body has the field that every body of its kind has.

        Raises:
            RecordError: The body is of another kind.
        """
        if name not in self.fields:
            raise RecordError(f"the body is not {kind}: it has no {name}; pass the body as received, and its own topic")

    def text(self, name: str) -> str:
        """Return a text or a whole number as text; "" if it is missing."""
        value = self.fields.get(name)
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            if value in _EMPTY:
                return ""
            raise self.fault(name, "is not text or a whole number")
        text = str(value).strip()
        if _UNWRITABLE.search(text):
            raise self.fault(name, "contains a null character or half of a surrogate pair")
        return text

    def joined(self, *names: str, separator: str = " ") -> str:
        """Return the texts that are not empty as one text."""
        return separator.join(filter(None, map(self.text, names)))

    def required(self, name: str) -> str:
        """Return a text or a whole number as text."""
        if value := self.text(name):
            return value
        raise self.fault(name, "is missing; it must be text or a whole number")

    def label(self, *names: str) -> str:
        """Return the first text that can be an id, cut to its longest length."""
        for name in names:
            with suppress(FunnelError):
                return check_id(self.text(name)[:LONGEST_ID].strip())
        raise self.fault(names[0], "is missing; it must be text that can be an id")

    def child(self, name: str) -> Body:
        """Return an object; an empty one if it is missing."""
        value = self.fields.get(name)
        if not isinstance(value, dict) and value not in _EMPTY:
            raise self.fault(name, "is not an object")
        return Body(cast("dict[str, Any]", value or {}), f"{self.path}{name}.")

    def children(self, name: str) -> Iterator[Body]:
        """Yield the objects of a list."""
        value: object = self.fields.get(name)
        if not isinstance(value, list):
            if value in _EMPTY:
                return
            raise self.fault(name, "is not a list")
        for index, one in enumerate(cast("list[object]", value)):
            if not isinstance(one, dict):
                raise self.fault(f"{name}[{index}]", "is not an object")
            yield Body(cast("dict[str, Any]", one), f"{self.path}{name}[{index}].")

    def time(self, name: str, *, zone: str = "") -> datetime:
        """Return an ISO time; `zone` is the offset of a time without an offset."""
        text = self.required(name) + zone
        with suppress(FunnelError):
            return read_instant(text)
        raise self.fault(name, "is not an ISO time with an offset, from 1800 to the end of 2199")

    def seconds(self, name: str) -> datetime:
        """Return a time in seconds since 1970."""
        value = self.whole(name)
        if not 0 <= value < LATEST // 1_000_000:
            raise self.fault(name, "is not in seconds since 1970")
        return instant(value * 1_000_000)

    def whole(self, name: str) -> int:
        """Return a whole number."""
        value = self.fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST_WHOLE:
            raise self.fault(name, "is not a whole number of at most 18 digits")
        return value

    def money(self, name: str, currency: str) -> Money:
        """Return an amount in the main unit of a currency, as text or as a JSON number, exactly as it is written."""
        value = self.fields.get(name)
        text = str(value) if isinstance(value, Decimal) else self.required(name)
        if not _NUMBER.fullmatch(text):
            raise self.fault(name, "is not an amount such as '12.50'")
        return self._exact(name, Decimal(text), currency)

    def minor(self, name: str, currency: str, decimals: int) -> Money:
        """Return an amount in units of 10 ** -decimals of a currency."""
        return self._exact(name, Decimal(self.whole(name)).scaleb(-decimals), currency)

    def _exact(self, name: str, amount: Decimal, currency: str) -> Money:
        with suppress(FunnelError):
            return Money(amount, currency)
        raise self.fault(name, "is not exact in the currency, or the currency is unknown")


def _each_key_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError
    return fields


def _refuse(_name: str) -> NoReturn:
    """Refuse NaN and Infinity, which are not JSON."""
    raise ValueError


# ---- signatures of webhooks, compared in constant time ---------------------------------------------------------------


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
