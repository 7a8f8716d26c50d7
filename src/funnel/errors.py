"""What can go wrong, as one tree; each error is also the builtin that a stranger would catch.

::

    FunnelError
    ├── ArgumentError    ValueError    an argument of a call that is not allowed: its type, its value, an unknown word
    ├── RecordError      ValueError    a record, or two records together, that cannot be true
    │   ├── FieldsError  ValueError    fields of a record or a policy that are not allowed; a ValidationError too
    │   ├── LogsError    ValueError    tables with faults, all of them reported at once
    │   └── ConflictError ValueError   a record that a store keeps already, with other content
    ├── MoneyError       ValueError    an amount that is not exact, or two currencies in one sum
    ├── InstantError     ValueError    a time without a zone, or outside the years that are kept
    ├── MoveError        ValueError    a move between stages that the table does not allow
    ├── LiftError        TypeError     a rule that cannot be run everywhere, with the remedy
    ├── FactsError       TypeError     a fact that is unknown, wrongly declared or wrongly given
    ├── FileError        OSError       a file that cannot be opened
    ├── EngineError      TypeError     a dataframe that cannot be read or computed, with the remedy
    ├── StoreError       RuntimeError  a store that cannot be opened, read or written; nothing is half done
    │   ├── LockedError  TimeoutError  another connection has held the store for too long
    │   ├── FullError    OSError       there is no room left to write
    │   └── StaleError   RuntimeError  somebody has changed the person since they were read
    └── MissingExtraError ImportError  an optional package that a call needs and that is not installed

Messages say what was given, where, what is allowed and what to do. They name people and records by their ids, which are
not private, and never show what was put into a field of a record, of a policy or of a mapping, nor a row of a file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, get_args

from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError, ValidationError
from pydantic_core.core_schema import ErrorType

PYDANTIC_TYPES = frozenset(get_args(ErrorType))
"""The types of faults that pydantic has itself."""

_MOST_FAULTS = 20
"""The most different faults that a message lists."""


class FunnelError(Exception):
    """The base of every error this library raises on purpose."""


class ArgumentError(FunnelError, ValueError):
    """An argument of a call is not allowed; the message names it, what was passed and what to pass instead."""


class RecordError(FunnelError, ValueError):
    """A record, or several records together, cannot be true: an answer to nothing, a refund above its purchase."""


class FieldsError(RecordError, ValidationError):  # pyright: ignore[reportGeneralTypeIssues]
    """Fields of a record, a policy or another model of this library are missing, unknown or not allowed.

    It is pydantic's `ValidationError` too: `errors()`, `json()` and `error_count()` describe every fault. Neither they
    nor the message show an input value.
    """

    def __str__(self) -> str:
        """List every fault with its field and the reason."""
        faults = self.errors(include_url=False, include_context=False, include_input=False)
        found = Counter(
            f"  {'.'.join(map(str, one['loc'])) or self.title}: {one['msg'].removeprefix('Value error, ')}"
            for one in faults
        )
        lines = [f"{line}{f' ({times} times)' if times > 1 else ''}" for line, times in found.items()]
        more = [f"  and {len(lines) - _MOST_FAULTS} more"] if len(lines) > _MOST_FAULTS else []
        head = f"{self.title} has {len(faults)} fault{'s' * (len(faults) > 1)}:"
        return "\n".join([head, *lines[:_MOST_FAULTS], *more])

    __repr__ = __str__

    def __reduce__(self) -> tuple[object, ...]:
        """Return what is pickled: the faults. Some versions of pydantic cannot restore a fault of a type of ours."""
        return _restored, (self.title, self.errors(include_url=False))


def _restored(title: str, faults: Sequence[ErrorDetails]) -> FieldsError:
    return FieldsError.from_exception_data(title, [_line(fault) for fault in faults], hide_input=True)


def _line(fault: ErrorDetails) -> InitErrorDetails:
    kind = fault["type"]
    texts: Any = (kind, fault["msg"])
    own = kind if kind in PYDANTIC_TYPES else PydanticCustomError(*texts)
    return InitErrorDetails(type=own, loc=fault["loc"], ctx=fault.get("ctx", {}), input=fault["input"])


class LogsError(RecordError):
    """Tables of records have faults; `faults` holds every kind of them with its exact count."""

    def __init__(self, message: str, faults: tuple[object, ...] = ()) -> None:
        """Keep the faults beside the message.

        Args:
            message: The report, short however many rows are wrong.
            faults: One `funnel.Fault` for each kind of fault.
        """
        super().__init__(message)
        self.faults = faults


class ConflictError(RecordError):
    """A record with this source and id is kept already and says something else; nothing was written."""


class MoneyError(FunnelError, ValueError):
    """An amount is not exact (a float, too many decimals) or two currencies meet in one sum."""


class InstantError(FunnelError, ValueError):
    """A time has no zone, or lies outside the years that are kept."""


class MoveError(FunnelError, ValueError):
    """A person may not move from this stage to that one; nothing has changed."""


class LiftError(FunnelError, TypeError):
    """A rule does something that cannot be run for a table; the message names it and the remedy."""


class FactsError(FunnelError, TypeError):
    """A fact is unknown, declared in a way that cannot work, or given with a wrong type."""


class FileError(FunnelError, OSError):
    """A file cannot be opened; the error of the system is the cause."""


class EngineError(FunnelError, TypeError):
    """A dataframe cannot be computed, or is of a kind or in a state that cannot be read without risk of a wrong answer.

    The plan of a lazy frame may fail, and the connection of a relation may be closed. The message names the engine and
    its error, and does not repeat the text of that error, which may hold values of rows.
    """


class StoreError(FunnelError, RuntimeError):
    """A store cannot be opened, read or written; what was being written is not there, not even in part."""


class LockedError(StoreError, TimeoutError):
    """Another connection has held the store for longer than the timeout; nothing was written, try again."""


class FullError(StoreError, OSError):
    """There is no room left on the disk; nothing was written, and what was kept before is still there."""


class StaleError(StoreError):
    """The person has changed since the version that the caller read; nothing was written, read and decide again."""


class MissingExtraError(FunnelError, ImportError):
    """A call needs an optional package; the message holds the exact line that installs it."""
