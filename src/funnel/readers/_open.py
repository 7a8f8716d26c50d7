"""Opening of regular files only: a pipe or a device has no end and cannot be read twice."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import BinaryIO

from funnel._paths import path_of
from funnel.errors import ArgumentError, FileError

_LONGEST = 100
"""Maximum number of characters of a name in a message."""


def open_regular(path: str | Path) -> BinaryIO:
    """Open a file for reading.

    Args:
        path: The file.

    Returns:
        The open file.

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
