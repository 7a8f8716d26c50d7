"""All errors of the library. Each is also a builtin error, so that a general `except` catches it.

::

    FunnelError
    ├── ArgumentError    ValueError    an argument has an invalid type, an invalid value or an unknown word
    ├── RecordError      ValueError    a record, or several records together, are impossible
    │   ├── FieldsError  ValueError    fields of a record or a policy are not allowed; also a ValidationError
    │   ├── LogsError    ValueError    tables are invalid; all problems are reported together
    │   └── ConflictError ValueError   the store already has this record with other content
    ├── MoneyError       ValueError    an amount is not exact, or one sum has two currencies
    ├── InstantError     ValueError    a time has no zone, or is outside the supported years
    ├── TransitionError  ValueError    the table of transitions does not allow this change of stage
    ├── RuleError        TypeError     a rule cannot run everywhere; the message names the remedy
    ├── FactsError       TypeError     a fact is unknown, wrongly declared or has a wrong type
    ├── FileError        OSError       a file cannot be opened
    ├── EngineError      TypeError     a dataframe cannot be read or computed; the message names the remedy
    ├── StoreError       RuntimeError  a store cannot be opened, read or written; nothing is half done
    │   ├── LockedError  TimeoutError  another connection has locked the store for too long
    │   ├── StorageFullError OSError   the disk is full
    │   └── StaleError   RuntimeError  the person was changed after the caller read them
    └── MissingExtraError ImportError  a call needs an optional package that is not installed

Messages describe what was passed, where, what is allowed and what to do. People and records are named by their ids,
which are not private. Messages never show a value of a field of a record, a policy or a mapping, nor a row of a file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, get_args

from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError, ValidationError
from pydantic_core.core_schema import ErrorType

__all__ = [
    "ArgumentError",
    "ConflictError",
    "EngineError",
    "FactsError",
    "FieldsError",
    "FileError",
    "FunnelError",
    "InstantError",
    "LockedError",
    "LogsError",
    "MissingExtraError",
    "MoneyError",
    "RecordError",
    "RuleError",
    "StaleError",
    "StorageFullError",
    "StoreError",
    "TransitionError",
]

PYDANTIC_TYPES = frozenset(get_args(ErrorType))
"""The fault types that pydantic defines."""

_MOST_FAULTS = 20
"""The maximum number of different faults in a message."""


class FunnelError(Exception):
    """Base class of all errors that this library raises on purpose."""


class ArgumentError(FunnelError, ValueError):
    """An argument is not allowed.

    The message names the argument, what was passed and what to pass instead.
    """


class RecordError(FunnelError, ValueError):
    """A record, or several records together, are impossible.

    Examples are an answer without a question and a refund above its purchase.
    """


class FieldsError(RecordError, ValidationError):  # pyright: ignore[reportGeneralTypeIssues]
    """Fields of a record, a policy or another model are not allowed.

    They are missing, unknown or have invalid values. It is also pydantic's `ValidationError`: `errors()`, `json()` and
    `error_count()` describe every fault. Neither these methods nor the message show an input value.
    """

    def __str__(self) -> str:
        """List every fault with its field and the reason."""
        faults = self.errors(include_url=False, include_context=False, include_input=False)
        counts = Counter(
            f"  {'.'.join(map(str, fault['loc'])) or self.title}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in faults
        )
        lines = [f"{line}{f' ({times} times)' if times > 1 else ''}" for line, times in counts.items()]
        more = [f"  and {len(lines) - _MOST_FAULTS} more"] if len(lines) > _MOST_FAULTS else []
        head = f"{self.title} has {len(faults)} fault{'s' * (len(faults) > 1)}:"
        return "\n".join([head, *lines[:_MOST_FAULTS], *more])

    __repr__ = __str__

    def __reduce__(self) -> tuple[object, ...]:
        """Return the faults that are pickled.

        Some versions of pydantic cannot restore a fault type that we define.
        """
        return _restored, (self.title, self.errors(include_url=False))


def _restored(title: str, faults: Sequence[ErrorDetails]) -> FieldsError:
    return FieldsError.from_exception_data(title, [_line(fault) for fault in faults], hide_input=True)


def _line(fault: ErrorDetails) -> InitErrorDetails:
    kind = fault["type"]
    texts: Any = (kind, fault["msg"])
    own = kind if kind in PYDANTIC_TYPES else PydanticCustomError(*texts)
    return InitErrorDetails(type=own, loc=fault["loc"], ctx=fault.get("ctx", {}), input=fault["input"])


class LogsError(RecordError):
    """Tables are invalid; `faults` has every kind of fault with its exact count."""

    def __init__(self, message: str, faults: tuple[object, ...] = ()) -> None:
        """Store the faults with the message.

        Args:
            message: The report. It is short even if many rows are wrong.
            faults: One `funnel.logs.Issue` for each kind of fault.
        """
        super().__init__(message)
        self.faults = faults


class ConflictError(RecordError):
    """The store has a record with this source and id and other content.

    Nothing was written.
    """


class MoneyError(FunnelError, ValueError):
    """An amount is not exact, or one sum has two currencies.

    A float and an amount with too many decimals are not exact.
    """


class InstantError(FunnelError, ValueError):
    """A time has no zone, or is outside the supported years, 1800 to 2199."""


class TransitionError(FunnelError, ValueError):
    """The transition from this stage to the next is not allowed; nothing was changed."""


class RuleError(FunnelError, TypeError):
    """A rule cannot run on a table; the message names the cause and the remedy."""


class FactsError(FunnelError, TypeError):
    """A fact is unknown, its declaration cannot work, or its value has a wrong type."""


class FileError(FunnelError, OSError):
    """A file cannot be opened. The operating system's error is the cause."""


class EngineError(FunnelError, TypeError):
    """A dataframe cannot be computed, or not without risk of a wrong answer.

    Its kind or its state may be the reason. For example, the plan of a lazy frame fails, or the connection of a
    relation is closed. The message names the engine and its error. It does not repeat the text of that error, which may
    contain values of rows.
    """


class StoreError(FunnelError, RuntimeError):
    """A store cannot be opened, read or written.

    A failed write leaves nothing behind, not even in part.
    """


class LockedError(StoreError, TimeoutError):
    """Another connection has locked the store for longer than the timeout.

    Nothing was written. Try again.
    """


class StorageFullError(StoreError, OSError):
    """The disk is full. Nothing was written; earlier data is unchanged."""


class StaleError(StoreError):
    """The person was changed after the caller read them.

    Nothing was written. Read the person and decide again.
    """


class MissingExtraError(FunnelError, ImportError):
    """A call needs an optional package.

    The message contains the exact line that installs it.
    """
