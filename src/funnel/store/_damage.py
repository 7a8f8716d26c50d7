"""Errors for tables with values that no store has written: damaged or hand-edited files."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from funnel.errors import StoreError

_SIGNS = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)
"""Python errors on an unexpected value: text in place of a number, or an unknown kind."""


def damaged(problem: str) -> StoreError:
    """Return the error for tables with values that no store has written."""
    msg = f"the store is damaged: {problem}; restore it from a backup, or load its records into a new store"
    return StoreError(msg)


@contextmanager
def readable(problem: str) -> Generator[None, None, None]:
    """Convert errors of reading tables in this block.

    Raises:
        StoreError: The tables hold values that no store has written.
    """
    try:
        yield
    except _SIGNS:
        raise damaged(problem) from None
