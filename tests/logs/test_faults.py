"""A fault is one short line; several are one error."""

from __future__ import annotations

import pytest

from funnel.errors import LogsError, RecordError
from funnel.logs.issues import Issue, raise_if_any


@pytest.mark.parametrize(
    ("count", "numbers", "line"),
    [
        (0, (), "leads.source: is odd"),
        (1, (), "leads.source: 1 row: is odd"),
        (2, (), "leads.source: 2 rows: is odd"),
        (1, (7,), "leads.source: 1 row (row 7): is odd"),
        (2, (7, 9), "leads.source: 2 rows (row 7, 9): is odd"),
        (3, (7, 9), "leads.source: 3 rows (row 7, 9, …): is odd"),
    ],
)
def test_a_fault_is_one_line(count: int, numbers: tuple[int, ...], line: str) -> None:
    """It says where, how many, which first, and what is allowed."""
    assert str(Issue("leads", "source", "is odd", count, numbers)) == line


def test_no_fault_is_no_error() -> None:
    """Logs without a fault are read."""
    raise_if_any([])


@pytest.mark.parametrize(("number", "said"), [(1, "1 kind of fault:"), (3, "3 kinds of fault:")])
def test_every_fault_stands_in_one_error(number: int, said: str) -> None:
    """The message has a line for each, and the error holds them as data."""
    found = [Issue("leads", "source", f"is odd {place}") for place in range(number)]
    with pytest.raises(LogsError, match=said) as caught:
        raise_if_any(found)

    assert caught.value.faults == tuple(found)
    assert str(caught.value).splitlines()[1:] == [f"  {fault}" for fault in found]
    assert isinstance(caught.value, RecordError | ValueError)
