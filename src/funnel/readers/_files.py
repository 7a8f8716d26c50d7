"""Opening and reading of a shop's file: its mapped columns, and which rows are copies."""

from __future__ import annotations

from pathlib import Path

from funnel._paths import path_of
from funnel.errors import ArgumentError
from funnel.readers._csv import read_csv
from funnel.readers._mapping import OrderMapping
from funnel.readers._open import open_regular
from funnel.readers._parquet import read_parquet
from funnel.readers._raw import Progress, RawRows

_CSV = (".csv", ".tsv", ".txt")
_PARQUET = (".parquet", ".pq")


def read_file(path: str | Path, mapping: OrderMapping, progress: Progress) -> RawRows:
    """Read the mapped columns of a file.

    Args:
        path: A CSV or a Parquet file.
        mapping: How to read the file.
        progress: Called with the rows read and the total rows.

    Returns:
        The rows.

    Raises:
        ArgumentError: The file name does not end as that of a CSV or a Parquet file.
        RecordError: The file cannot be read.
        LogsError: Columns are missing or have an unreadable type; all of them are reported together.
        FileError: The file cannot be opened.
    """
    path = Path(path_of(path))
    with open_regular(path):
        pass
    suffix = path.suffix.lower()
    if suffix in _PARQUET:
        return read_parquet(path, mapping, progress)
    if suffix in _CSV:
        return read_csv(path, mapping, progress)
    msg = f"{path.name} ends in {suffix or 'nothing'}; give a file that ends in {', '.join((*_CSV, *_PARQUET))}"
    raise ArgumentError(msg)
