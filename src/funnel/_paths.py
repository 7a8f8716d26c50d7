"""File paths passed as arguments."""

from __future__ import annotations

import os
from typing import cast

from funnel._arguments import kind_of
from funnel.errors import ArgumentError


def path_of(given: object, remedy: str = "") -> str:
    """Return a file path as text.

    Args:
        given: Text, or a path of pathlib.
        remedy: What else to do, for the error.

    Raises:
        ArgumentError: It is neither, or is not a valid path.
    """
    kind = kind_of(given)
    named: object = os.fspath(cast("str", given)) if isinstance(given, str | os.PathLike) else None
    if not isinstance(named, str):
        problem = kind
    elif not named.strip():
        problem = "an empty path"
    elif "\0" in named or not _is_encodable(named):
        problem = "text with a zero byte or half a character"
    else:
        return named
    raise ArgumentError(f"path must be the path of a file (got {problem}){remedy}")


def _is_encodable(path: str) -> bool:
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True
