"""The source of a reader, the files it may have, and their opening."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

from funnel._paths import path_of
from funnel.errors import ArgumentError, FileError, RecordError

# ---- files that are not CSV although their names end in .csv, by their first bytes -----------------------------------


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


# ---- the source of a reader: files, or a dataframe -------------------------------------------------------------------


Source: TypeAlias = "str | Path | Sequence[str | Path] | Any"
"""A file, several files of one shop, or a dataframe with the columns of the file."""


def paths_of(source: Source) -> list[Path] | None:
    """Return the paths of a source; None if it is a dataframe.

    Raises:
        ArgumentError: It is an empty list, or holds something else than paths.
    """
    if isinstance(source, (str, Path)):
        return [Path(path_of(source))]
    if isinstance(source, (list, tuple)):
        if not source:
            raise ArgumentError("source is an empty list; give at least one file")
        return [Path(path_of(one)) for one in cast("Sequence[Any]", source)]
    return None


# ---- opening of regular files only: a pipe or a device has no end and cannot be read twice ---------------------------


_LONGEST = 100
"""Maximum number of characters of a name in a message."""


def open_regular(path: str | Path) -> BinaryIO:
    """Open a file for reading.

    Raises:
        ArgumentError: `path` is a pipe or a device, or is not a path.
        FileError: The file cannot be opened, or is a folder.
    """
    path = Path(path_of(path))
    try:
        kind = path.stat().st_mode
        if stat.S_ISREG(kind) or stat.S_ISDIR(kind):
            return path.open("rb")
    except OSError as error:
        raise FileError(f"{path.name[:_LONGEST] or path} cannot be opened: {error.strerror}") from error
    raise ArgumentError(f"{path.name} is a pipe or a device, not a file; save its content to a file and give that")


def read_whole(path: str | Path, most: int) -> bytes:
    """Read a small file.

    Args:
        path: The file.
        most: Maximum size in bytes.

    Returns:
        The bytes of the file.

    Raises:
        ArgumentError: The file is larger, or is not a regular file.
        FileError: The file cannot be opened.
    """
    with open_regular(path) as file:
        raw = file.read(most + 1)
    if len(raw) > most:
        raise ArgumentError(f"{Path(path).name} has more than {most} bytes; give the right file")
    return raw
