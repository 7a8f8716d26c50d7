"""The types of the errors; read by mypy and pyright, never run."""

from __future__ import annotations

from typing import assert_type

from funnel.errors import FunnelError, LogsError, MissingExtraError, RecordError

try:
    raise LogsError("two rows are wrong", faults=())
except RecordError as error:
    assert_type(error, RecordError)
    as_builtin: ValueError = error
    as_ours: FunnelError = error

assert_type(LogsError("none").faults, tuple[object, ...])
as_import_error: ImportError = MissingExtraError("an extra is missing")
