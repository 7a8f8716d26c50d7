"""Typed access to the JSON body of a webhook.

Invariant: an error names the field and never shows a value of the body, nor does an error behind it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any, NoReturn, cast

import attrs

from funnel._arguments import instance
from funnel._fields import LONGEST_ID, check_id, read_instant
from funnel._time import LATEST, instant
from funnel.errors import FunnelError, RecordError
from funnel.money import Money

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
