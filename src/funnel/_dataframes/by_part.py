"""Files with more rows than should be in memory at once: the rows of some of the people at a time.

A part has all rows of its people, so the results of the parts are the result of the whole. The columns that are read
are written once, to one temporary file for each part. The logger `funnel` reports each part at the level INFO.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import narwhals as nw

from funnel._arguments import INNER
from funnel._dataframes.adapter import Frame, collect_once
from funnel._dataframes.compute import computing, to_rows
from funnel.errors import EngineError

T = TypeVar("T")

MOST_ROWS = 2**25
"""The number of rows of a part, more or less; events of a funnel take some 50 bytes each."""

_PART = f"{INNER}part"
_LOGGER = logging.getLogger("funnel")


def by_part(
    frame: Frame | None,
    person: str,
    work: Callable[[Any], T],
    keep: Callable[[T], T] | None = None,
    count: int | None = None,
) -> list[T]:
    """Return what a function returns for the rows of some people at a time, if a lazy Polars frame scans many rows.

    Args:
        frame: The frame, with the columns to read; None if there is nothing to divide.
        person: The column of the person.
        work: A function of a frame. A part is a lazy frame over a temporary file.
        keep: A function that computes a result before the temporary file is removed. By default, results are computed.
        count: The number of parts. None: as many as `part_count` says.

    Returns:
        The result of each part; of `frame` itself if there is only one part.

    Raises:
        EngineError: The files cannot be read, or the temporary files cannot be written.
    """
    count = part_count(frame) if count is None else count
    if frame is None or count == 1:
        return [work(frame)]
    with _writing():
        temporary = TemporaryDirectory(prefix="funnel-")
    with temporary as folder:
        with _writing():
            _write(nw.to_native(frame), person, count, Path(folder))
        results = (work(part) for part in _read(Path(folder), count))
        return [one if keep is None else keep(one) for one in results]


def frame_by_part(frame: Frame | None, person: str, work: Callable[[Any], Frame]) -> Frame:
    """Return the rows that a function returns for each part, as `by_part`; still lazy if there is only one part."""
    frames = by_part(frame, person, work, collect_once)
    return frames[0] if len(frames) == 1 else nw.concat(frames)


def part_count(frame: Frame | None) -> int:
    """Return the number of parts: 1 if the rows are in memory, are few, or are not in Polars."""
    if (
        frame is None
        or not frame.implementation.is_polars()
        or "SCAN" not in nw.to_native(frame).explain(optimized=False)
    ):
        return 1
    ((rows,),) = to_rows(frame.select(rows=nw.len()), "rows")
    return max(-(-int(rows) // MOST_ROWS), 1)


@contextmanager
def _writing() -> Generator[None]:
    """Raise `EngineError` if the operating system refuses to read or write."""
    try:
        with computing():
            yield
    except OSError as error:
        msg = f"the rows of a large file cannot be divided into temporary files ({type(error).__name__})"
        raise EngineError(f"{msg}; set TMPDIR to a folder with room for the columns that are read") from None


def _write(native: Any, person: str, count: int, folder: Path) -> None:
    """Write the rows, in their order; people are divided by a hash."""
    polars: Any = importlib.import_module("polars")
    _LOGGER.info("dividing the rows into %d parts by person", count)
    if hasattr(polars, "PartitionBy"):
        target = polars.PartitionBy(folder, key=_PART, include_key=False)
    else:  # pragma: no cover - Polars before 1.37
        target = polars.PartitionByKey(folder, by=_PART, include_key=False)
    native.with_columns((polars.col(person).hash() % count).alias(_PART)).sink_ipc(target, mkdir=True)


def _read(folder: Path, count: int) -> Iterator[Frame]:
    polars: Any = importlib.import_module("polars")
    for number in range(count):
        files = sorted(folder.glob(f"{_PART}={number}/**/*.*"))
        if files:
            yield nw.from_native(polars.scan_ipc(files))
        _LOGGER.info("part %d of %d is done", number + 1, count)
