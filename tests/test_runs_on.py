"""Each question runs where the table in the docs says."""

from __future__ import annotations

import pytest

from tests.engines import ENGINES
from tests.runs_on import COLUMNS, QUESTIONS, location, logs_on, notes


@pytest.mark.no_cover
@pytest.mark.more
@pytest.mark.parametrize("column", [name for name in COLUMNS if name != "pyspark"])
def test_a_question_runs_where_the_docs_say(column: str) -> None:
    """Rows of people leave an engine only if the table says so. The tests of Spark observe its column."""
    noted, logs = notes()[column], logs_on(column)

    assert {name: location(QUESTIONS[name], logs) for name in noted} == noted


def test_the_table_has_every_kind_of_dataframe_and_every_question() -> None:
    """No cell is empty."""
    noted = notes()

    assert list(noted) == list(COLUMNS) == list(ENGINES)
    assert all(list(noted[name]) == list(QUESTIONS) for name in COLUMNS)
