"""Each question runs where the table in the docs says."""

from __future__ import annotations

import pytest

from tests.engines import ENGINES
from tests.runs_on import COLUMNS, QUESTIONS, location, logs_on, notes


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "column",
    [pytest.param(name, marks=pytest.mark.services if name == "pyspark" else pytest.mark.more) for name in COLUMNS],
)
def test_a_question_runs_where_the_docs_say(column: str) -> None:
    """Rows of people leave an engine only if the table says so."""
    noted, logs = notes()[column], logs_on(column)

    assert {name: location(QUESTIONS[name], logs) for name in noted} == noted


def test_the_table_has_every_kind_of_dataframe_and_every_question() -> None:
    """Only Spark may lack an observation, which the docs then say."""
    noted = notes()

    assert list(noted) == list(COLUMNS) == list(ENGINES)
    assert all(set(noted[name]) == set(QUESTIONS) for name in COLUMNS if name != "pyspark")
    assert set(noted["pyspark"]) <= set(QUESTIONS)
