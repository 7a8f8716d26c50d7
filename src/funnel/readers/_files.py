"""Opening and reading of a shop's file: its mapped columns, and which rows are copies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from funnel.errors import ArgumentError
from funnel.readers._csv import read_csv
from funnel.readers._mapping import OrderMapping
from funnel.readers._open import open_regular
from funnel.readers._parquet import read_frame, read_parquet
from funnel.readers._raw import Progress, RawRows
from funnel.readers._source import paths_of
from funnel.readers._tables import frame_of

_CSV = (".csv", ".tsv", ".txt")
_PARQUET = (".parquet", ".pq")


def read_source(source: str | Path | Any, mapping: OrderMapping, progress: Progress) -> RawRows:
    """Read the mapped columns of a file or of a dataframe.

    Args:
        source: A CSV file, a Parquet file, or a dataframe of any engine.
        mapping: How to read the file.
        progress: Called with the rows read and the total rows.

    Returns:
        The rows.

    Raises:
        ArgumentError: The file name does not end as that of a CSV or a Parquet file, or the source is neither a file
            nor a dataframe.
        RecordError: The file cannot be read.
        LogsError: Columns are missing or have an unreadable type; all of them are reported together.
        FileError: The file cannot be opened.
    """
    paths = paths_of(source)
    if paths is None:
        return read_frame(frame_of(source), mapping, progress)
    if len(paths) > 1:
        raise ArgumentError("several files cannot be combined with a mapping; read each of them, or join them first")
    path = paths[0]
    with open_regular(path):
        pass
    suffix = path.suffix.lower()
    if suffix in _PARQUET:
        return read_parquet(path, mapping, progress)
    if suffix in _CSV:
        return read_csv(path, mapping, progress)
    msg = f"{path.name} ends in {suffix or 'nothing'}; give a file that ends in {', '.join((*_CSV, *_PARQUET))}"
    raise ArgumentError(msg)
