"""Files on disk, opened: regular files alone, for a pipe or a device has no end and cannot be read twice."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import BinaryIO

from funnel.errors import RecordError


def open_regular(path: str | Path) -> BinaryIO:
    """Open a file for reading.

    Args:
        path: The file.

    Returns:
        The open file.

    Raises:
        RecordError: It is a pipe or a device, or the path holds a zero byte.
        OSError: It cannot be opened; a folder is one such.
    """
    path = Path(path)
    if "\0" in str(path):
        raise RecordError("the path of the file holds a zero byte; give the path without it")
    kind = path.stat().st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        msg = f"{path.name} is a pipe or a device, not a file; save its content to a file and give that"
        raise RecordError(msg)
    return path.open("rb")


def read_whole(path: str | Path, most: int) -> bytes:
    """Read a small file.

    Args:
        path: The file.
        most: The most bytes that it may have.

    Returns:
        The bytes of the file.

    Raises:
        RecordError: It is larger, or is not a regular file.
        OSError: It cannot be opened.
    """
    with open_regular(path) as file:
        raw = file.read(most + 1)
    if len(raw) > most:
        msg = f"{Path(path).name} has more than {most} bytes; give the right file"
        raise RecordError(msg)
    return raw
