"""Files that are not CSV although their names end in .csv, by their first bytes."""

from __future__ import annotations

from contextlib import suppress

from funnel.errors import RecordError

_FOREIGN = (
    (b"\x1f\x8b", "compressed (gzip); decompress it first"),
    (b"PK\x03\x04", "a spreadsheet or a zip file; save it as CSV UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet; save it as CSV UTF-8"),
    (b"\x28\xb5\x2f\xfd", "compressed (zstd); decompress it first"),
    (b"\xfd7zXZ\x00", "compressed (xz); decompress it first"),
    (b"PAR1", "Parquet; let its name end in .parquet"),
    (b"SQLite format 3\x00", "a SQLite database; export the orders from it"),
)


def refuse_foreign(head: bytes, name: str) -> None:
    """Refuse a file whose first bytes are those of another kind of file.

    Args:
        head: The first bytes, 16 or more.
        name: The name of the file.

    Raises:
        RecordError: It is a compressed file, a spreadsheet, Parquet, a database, or text in UTF-32.
    """
    for prefix, kind in _FOREIGN:
        if head.startswith(prefix):
            raise RecordError(f"{name} is {kind}")
    if _is_utf_32(head[:16]):
        raise RecordError(f"{name} is text in UTF-32; save it as CSV UTF-8")


def _is_utf_32(head: bytes) -> bool:
    """Return whether the first bytes are text in UTF-32, with or without byte order mark."""
    whole = head[: len(head) // 4 * 4]
    for encoding in ("utf-32-le", "utf-32-be"):
        with suppress(UnicodeDecodeError):
            text = whole.decode(encoding)
            # In UTF-16 each of these characters would be followed by a zero character, which no text has.
            if text and all("\0" < character <= "\uffff" for character in text):
                return True
    return False
