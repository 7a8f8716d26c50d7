"""What a store does about tables that hold what no store has written: a file that was damaged, or changed by hand."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from funnel.errors import StoreError

_SIGNS = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)
"""What Python raises if a column holds what it never should: a text in place of a number, an unknown kind."""


def damaged(what: str) -> StoreError:
    """Return the error of tables that hold what no store has written."""
    msg = f"the store is damaged: {what}; restore it from a backup, or load its records into a new store"
    return StoreError(msg)


@contextmanager
def readable(what: str) -> Generator[None, None, None]:
    """Read what the tables hold, and nothing else, in this block.

    Raises:
        StoreError: The tables hold what no store has written.
    """
    try:
        yield
    except _SIGNS:
        raise damaged(what) from None
