"""File paths passed as arguments."""

from __future__ import annotations

import os
from typing import cast

from funnel._arguments import kind_of
from funnel.errors import ArgumentError


def path_of(value: object, remedy: str = "") -> str:
    """Return a file path as text.

    Args:
        value: Text, or a path of pathlib.
        remedy: The alternative that the error suggests.

    Raises:
        ArgumentError: It is neither, or is not a valid path.
    """
    kind = kind_of(value)
    path: object = os.fspath(cast("str", value)) if isinstance(value, str | os.PathLike) else None
    if not isinstance(path, str):
        problem = kind
    elif not path.strip():
        problem = "an empty path"
    elif "\0" in path or not _is_encodable(path):
        problem = "text with a zero byte or half a character"
    else:
        return path
    raise ArgumentError(f"path must be the path of a file (got {problem}){remedy}")


def _is_encodable(path: str) -> bool:
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True
