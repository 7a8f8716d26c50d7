r"""Rules of the keys of a buyer, for single values; `_export_columns` applies the same patterns to columns.

Rules (our default): the id that the platform gives a customer, else the user name, else the e-mail address in lower
case, else the telephone number as digits. A key with an asterisk is masked and not used, because two people may have
the same one.

Invariant: the same buyer has the same key in a file and in a webhook. Python counts \x1c to \x1f as spaces and Polars
does not, so the pattern of an address names them.
"""

from __future__ import annotations

import hashlib
import hmac
import re

MASK = "*"
EDGES = " \t\r\n'"
"""Characters removed from both ends of an id."""

EMAIL_EDGES = f"{EDGES}<>"
EMAIL = r"[^@*\s\x1c-\x1f]+@[^@*\s\x1c-\x1f]+"
PHONE = r"\+?[0-9]{7,}"
PHONE_PREFIX = "^p:"
"""Prefix of telephone numbers in Meta's files."""

NO_DIGIT = "[^0-9+]"
_HASH_LENGTH = 32


def plain_key(text: str) -> str:
    """Return an id or a user name; "" if it is empty or masked."""
    text = text.strip(EDGES)
    return "" if MASK in text else text


def email_key(text: str) -> str:
    """Return an e-mail address in lower case; "" if it is not an address."""
    text = text.strip(EMAIL_EDGES).lower()
    return text if re.fullmatch(EMAIL, text) else ""


def phone_key(text: str, calling_code: str | None) -> str:
    """Return the digits of a telephone number; "" if there are fewer than seven, or if it is masked.

    Args:
        text: The number as somebody wrote it.
        calling_code: Country calling code of numbers that begin with 0; None to keep the 0.
    """
    digits = re.sub("^00", "+", re.sub(NO_DIGIT, "", re.sub(PHONE_PREFIX, "", text)))
    if calling_code is not None:
        digits = re.sub(f"^(?:0|{calling_code})", f"+{calling_code}", digits)
    return digits if MASK not in text and re.fullmatch(PHONE, digits) else ""


def secret_bytes(secret: bytes | str) -> bytes:
    """Return a secret as bytes; environment variables are text."""
    return secret.encode() if isinstance(secret, str) else secret


def hashed(person_id: str, secret: bytes | str) -> str:
    """Return the keyed hash of a person id; without the secret nobody can find the id by trying."""
    return hmac.new(secret_bytes(secret), person_id.encode(), hashlib.sha256).hexdigest()[:_HASH_LENGTH]
