"""Signatures of webhooks, and their records in a store.

Invariant: in whatever order and however often the webhooks arrive, the store ends with the newest state of each order.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from threading import Lock
from typing import Protocol

import attrs

from funnel._arguments import is_aware
from funnel._time import micros
from funnel.errors import ArgumentError, RecordError, StoreError
from funnel.records import Purchase, Refund
from funnel.store._protocol import Store

_RANKS = {"placed": 0, "shipped": 1, "paid": 2, "delivered": 3, "cancelled": 4}
_DIGITS = 20


@attrs.frozen(kw_only=True)
class Webhook:
    """Content of one webhook.

    Attributes:
        purchase: The order as the webhook states it; None if the webhook is not about an order.
        refunds: The refunds.
        updated_at: The instant of the state, by the clock of the platform; None if the webhook is ignored.
        ignored: Why the webhook has no records; "" if it has records. It holds no value of the body.
    """

    purchase: Purchase | None = None
    refunds: tuple[Refund, ...] = ()
    updated_at: datetime | None = None
    ignored: str = ""


class NewestStates(Protocol):
    """A durable register of the newest state of each order: one table of the shop's database."""

    def keep(self, key: str, state: str) -> str:
        """Keep the greatest text under a key, in one transaction, and return it.

        Args:
            key: The record.
            state: The state. States are compared as text; a newer state is greater.
        """
        ...


class MemoryStates:
    """Register in memory, for tests. A restart empties it, so production needs a table.

    Example:
        >>> states = MemoryStates()
        >>> states.keep("order", "2"), states.keep("order", "1")
        ('2', '2')
    """

    def __init__(self) -> None:
        """Create an empty register."""
        self._lock = Lock()
        self._states: dict[str, str] = {}

    def keep(self, key: str, state: str) -> str:
        """Keep the greatest text under a key, and return it."""
        with self._lock:
            newest = max(self._states.get(key, ""), state)
            self._states[key] = newest
            return newest


def apply(webhook: Webhook, store: Store, states: NewestStates, *, recorded_at: datetime) -> int:
    """Write the records of a webhook into a store. An older state never replaces a newer state.

    The newest state of each record is in `states`. After each write the register is read again: if another delivery
    has a newer state meanwhile, that state is written too. No version of a person is needed, and an order may move
    from one person to another. If a refund has several times, the earliest is kept.

    Args:
        webhook: The result of a reader of webhooks.
        store: The store.
        states: The register.
        recorded_at: The instant at which the records are recorded and the people are evaluated.

    Returns:
        The number of new and changed records.

    Raises:
        RecordError: The records can never be stored. Answer 422.
        StoreError: The records may be stored later: the store is busy, or its order does not allow the refund yet.
            Answer 503, and the platform sends the webhook again.
    """
    records: list[Purchase | Refund] = [*([webhook.purchase] if webhook.purchase else []), *webhook.refunds]
    assert webhook.updated_at is not None or not records
    words = {_key(one): _state(one, webhook.updated_at or one.happened_at) for one in records}
    added, stored = 0, dict[str, str]()
    while (newest := {key: states.keep(key, word) for key, word in words.items()}) != stored:
        try:
            added += store.amend(*map(_record, newest.values()), recorded_at=recorded_at).added
        except RecordError:
            if webhook.purchase is not None:
                raise
            raise StoreError("the refund does not fit the order that the store has; send it again later") from None
        stored = newest
    return added


def _key(record: Purchase | Refund) -> str:
    return ":".join((record.kind, *record.key))


def _state(record: Purchase | Refund, at: datetime) -> str:
    """Write a record as text that is greater if the record is newer; of a refund, if it is earlier."""
    if isinstance(record, Refund):
        return f"{10**_DIGITS - 1 - micros(record.refunded_at) - 10**17:0{_DIGITS}}r{record.model_dump_json()}"
    order = micros(at) + 10**17  # no instant of a record is negative then
    return f"{order:0{_DIGITS}}{_RANKS[record.status]}{record.model_dump_json()}"


def _record(state: str) -> Purchase | Refund:
    kind = Refund if state[_DIGITS] == "r" else Purchase
    return kind.model_validate_json(state[_DIGITS + 1 :])


def verify_shopify(body: bytes, signature: str, *, secret: bytes) -> bool:
    """Return whether the header X-Shopify-Hmac-Sha256 is the signature of a body.

    Args:
        body: The body as it was received.
        signature: The header.
        secret: The client secret of the app.
    """
    expected = base64.b64encode(hmac.digest(secret, body, hashlib.sha256))
    return hmac.compare_digest(expected, signature.encode())


def verify_woocommerce(body: bytes, signature: str, *, secret: bytes) -> bool:
    """Return whether the header X-WC-Webhook-Signature is the signature of a body.

    Args:
        body: The body as it was received.
        signature: The header.
        secret: The secret of the webhook.
    """
    return verify_shopify(body, signature, secret=secret)


def verify_stripe(
    body: bytes, signature: str, *, secret: bytes, now: datetime, tolerance: timedelta = timedelta(minutes=5)
) -> bool:
    """Return whether the header Stripe-Signature is a signature of a body, and recent.

    Args:
        body: The body as it was received.
        signature: The header.
        secret: The secret of the endpoint, with its prefix whsec_.
        now: The present instant.
        tolerance: Maximum age of the signature. Source: the default of Stripe's own libraries.

    Raises:
        ArgumentError: `now` has no zone.
    """
    if not is_aware(now):
        raise ArgumentError("now has no zone; pass an aware datetime")
    parts = [part.strip().partition("=") for part in signature.split(",")]
    times = [value for name, _, value in parts if name == "t" and value.isascii() and value.isdigit()]
    if len(times) != 1 or len(times[0]) > _DIGITS:
        return False
    signed = times[0].encode() + b"." + body
    expected = hmac.new(secret, signed, hashlib.sha256).hexdigest().encode()
    matches = [hmac.compare_digest(expected, value.encode()) for name, _, value in parts if name == "v1"]
    return any(matches) and abs(micros(now) - int(times[0]) * 1_000_000) <= tolerance // timedelta(microseconds=1)
