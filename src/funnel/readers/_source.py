"""The source of a reader: files, or a dataframe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

from funnel._paths import path_of
from funnel.errors import ArgumentError

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
