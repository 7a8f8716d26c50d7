"""An issue is one short line; several issues are one error."""

from __future__ import annotations

import pytest

from funnel.errors import LogsError, RecordError
from funnel.logs.schema import Issue, raise_if_any


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
def test_an_issue_is_one_line(count: int, numbers: tuple[int, ...], line: str) -> None:
    """It has the column, the count, the first rows and what is allowed."""
    assert str(Issue("leads", "source", "is odd", count, numbers)) == line


def test_logs_without_issues_are_read() -> None:
    """No issue, no error."""
    raise_if_any([])


@pytest.mark.parametrize(("count", "message"), [(1, "1 kind of issue:"), (3, "3 kinds of issue:")])
def test_every_issue_is_in_one_error(count: int, message: str) -> None:
    """The message has a line for each issue, and the error has the issues as data."""
    result = [Issue("leads", "source", f"is odd {count}") for count in range(count)]
    with pytest.raises(LogsError, match=message) as caught:
        raise_if_any(result)

    assert caught.value.faults == tuple(result)
    assert str(caught.value).splitlines()[1:] == [f"  {fault}" for fault in result]
    assert isinstance(caught.value, RecordError | ValueError)
