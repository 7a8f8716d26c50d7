"""Typed access to the JSON body of a webhook.

Invariant: an error names the field and never shows a value of the body.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

import attrs

from funnel._fields import read_instant
from funnel._time import LATEST, instant
from funnel.errors import FunnelError, RecordError
from funnel.money import Money

KEYS = ("customer_id", "email", "phone")
"""The keys of a buyer, in the order in which they are tried."""

_NUMBER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")
_EMAIL = re.compile(r"[^@\s*]+@[^@\s*]+")
_PHONE = re.compile(r"\+?[0-9]{7,}")


@attrs.frozen
class Body:
    """One object of a body, with its path for errors."""

    fields: Mapping[str, Any] = attrs.field(repr=False)
    path: str = ""

    @classmethod
    def parse(cls, body: bytes | str) -> Body:
        """Parse a body.

        Raises:
            RecordError: The body is not a JSON object.
        """
        fields: object = None
        try:
            fields = json.loads(body, parse_float=Decimal)
        except (ValueError, RecursionError):
            fields = None  # the parser's error contains the body, so it is not the cause
        if not isinstance(fields, dict):
            raise RecordError("the body of the webhook is not a JSON object; pass the body as it was received")
        return cls(cast("dict[str, Any]", fields))

    def fault(self, name: str, problem: str) -> RecordError:
        """Return the error of a field."""
        return RecordError(f"{self.path}{name} of the webhook {problem}")

    def text(self, *names: str) -> str:
        """Return the first text or whole number that is not empty; "" if there is none."""
        for name in names:
            value = self.fields.get(name)
            if isinstance(value, (str, int)) and not isinstance(value, bool) and str(value).strip():
                return str(value).strip()
        return ""

    def required(self, *names: str) -> str:
        """Return the first text or whole number that is not empty."""
        if value := self.text(*names):
            return value
        raise self.fault(names[0], "is missing; it must be text or a whole number")

    def child(self, name: str) -> Body:
        """Return an object; an empty one if it is missing."""
        value = self.fields.get(name)
        return Body(cast("dict[str, Any]", value) if isinstance(value, dict) else {}, f"{self.path}{name}.")

    def children(self, name: str) -> Iterator[Body]:
        """Yield the objects of a list."""
        value: object = self.fields.get(name) or []
        if not isinstance(value, list):
            raise self.fault(name, "is not a list")
        for index, one in enumerate(cast("list[object]", value)):
            if not isinstance(one, dict):
                raise self.fault(f"{name}[{index}]", "is not an object")
            yield Body(cast("dict[str, Any]", one), f"{self.path}{name}[{index}].")

    def time(self, name: str, *, zone: str = "") -> datetime:
        """Return an ISO time; `zone` is the offset of a time without an offset."""
        try:
            return read_instant(self.required(name) + zone)
        except FunnelError:
            raise self.fault(name, "is not an ISO time with an offset, from 1800 to the end of 2199") from None

    def seconds(self, name: str) -> datetime:
        """Return a time in seconds since 1970."""
        value = self.whole(name)
        if not 0 <= value < LATEST // 1_000_000:
            raise self.fault(name, "is not in seconds since 1970")
        return instant(value * 1_000_000)

    def whole(self, name: str) -> int:
        """Return a whole number."""
        value = self.fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.fault(name, "is not a whole number")
        return value

    def money(self, name: str, currency: str) -> Money:
        """Return an amount in the main unit of a currency, without its sign."""
        text = self.required(name)
        if not _NUMBER.fullmatch(text):
            raise self.fault(name, "is not an amount such as '12.50'")
        try:
            return abs(Money(Decimal(text), currency))
        except FunnelError:
            raise self.fault(name, "is not exact in the currency, or the currency is unknown") from None

    def minor(self, name: str, currency: str, decimals: int) -> Money:
        """Return an amount in units of 10 ** -places of a currency."""
        try:
            return Money(Decimal(self.whole(name)).scaleb(-decimals), currency)
        except FunnelError:
            raise self.fault(name, "is not exact in the currency, or the currency is unknown") from None


@attrs.frozen(kw_only=True)
class BuyerKey:
    """How the person id is chosen from the details of a buyer.

    Attributes:
        keys: The details in the order in which they are tried: "customer_id", "email", "phone".
        calling_code: Country calling code of telephone numbers that begin with 0, such as "62".
        secret: Key of the hash that replaces the person id; None to keep the id.
    """

    keys: Sequence[str] = KEYS
    calling_code: str | None = None
    secret: bytes | None = attrs.field(default=None, repr=False)

    def of(self, customer_id: str, email: str, phone: str) -> str:
        """Return the person id; "" if the buyer is unknown. The rules are those of the files."""
        keys = {"customer_id": customer_id, "email": email.lower(), "phone": self._phone(phone)}
        if "*" in customer_id:
            keys["customer_id"] = ""
        if not _EMAIL.fullmatch(keys["email"]):
            keys["email"] = ""
        person = next((keys[name] for name in self.keys if keys.get(name)), "")
        if self.secret is None or not person:
            return person
        return hmac.new(self.secret, person.encode(), hashlib.sha256).hexdigest()[:32]

    def _phone(self, text: str) -> str:
        digits = re.sub("^00", "+", re.sub("[^0-9+]", "", text))
        if self.calling_code is not None:
            digits = re.sub(f"^(?:0|{self.calling_code})", f"+{self.calling_code}", digits)
        return digits if "*" not in text and _PHONE.fullmatch(digits) else ""
