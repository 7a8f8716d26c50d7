"""The table of what runs on which dataframe: `python -m tests.runs_on COLUMN...` observes and notes it.

The tests observe it again, and the docs show the notes in `runs_on.json` as a table.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import narwhals as nw
import pytest

from funnel import Facts, Logs, metrics, next_action, stage, worklist
from funnel.errors import EngineError
from funnel.machines import transitions
from funnel.metrics._conversion import attempts
from tests.engines import ENGINES
from tests.frames import tables
from tests.machines.test_over import PATH
from tests.specimens import NOW, POLICY, everyone

Question = Callable[[Logs[Any]], object]
NOTES = Path(__file__).with_name("runs_on.json")
MONTH = timedelta(days=30)
PERIODS: Any = {"tz": "Asia/Jakarta", "as_of": NOW}

IN_POLARS, IN_THE_ENGINE = "Polars", "in the engine"
ON_WORKERS, IN_MEMORY, REFUSED = "on the workers", "local memory", "refused"


def funnel(logs: Logs[Any], **matching: Any) -> object:
    """Return a funnel of two steps."""
    options: Any = {"matching": metrics.Matching(**matching)}
    return metrics.conversion(logs, ["view", "purchase"], within=MONTH, as_of=NOW, **options)


def waits(logs: Logs[Any]) -> object:
    """Return how long people wait for their first purchase."""
    return metrics.survival(metrics.durations(logs, "leads", "purchases", as_of=NOW), as_of=NOW, min_people=1)


QUESTIONS: Mapping[str, Question] = {
    "`Facts.over`": lambda logs: Facts.over(logs, as_of=NOW),
    "a rule, such as `next_action.over`": lambda logs: next_action.over(logs, POLICY, as_of=NOW),
    "`stage.over`": lambda logs: stage.over(logs, POLICY, as_of=NOW),
    "`stage.next_change.over`": lambda logs: stage.next_change.over(logs, POLICY, as_of=NOW),
    "`transitions.over`": lambda logs: transitions.over(logs, POLICY, as_of=NOW),
    "`transitions` of a path-dependent machine": lambda logs: PATH.transitions.over(logs, POLICY, as_of=NOW),
    "`worklist`": lambda logs: worklist(logs, POLICY, **PERIODS),
    "`conversion`": funnel,
    '`conversion`, `attempts="each"`': lambda logs: funnel(logs, attempts="each"),
    "`retention`": lambda logs: metrics.retention(logs, **PERIODS),
    "`lifecycle`": lambda logs: metrics.lifecycle(logs, **PERIODS),
    "`growth`": lambda logs: metrics.growth(logs, within=MONTH, margin=0.4, **PERIODS),
    "`durations` and `survival`": waits,
    "`repeat_rates`": lambda logs: metrics.repeat_rates(logs, MONTH, as_of=NOW),
    "`purchase_steps`": lambda logs: metrics.purchase_steps(logs, MONTH, as_of=NOW),
    "`PurchaseSummary.over`": lambda logs: metrics.PurchaseSummary.over(logs, **PERIODS),
    "`segments`": lambda logs: metrics.segments(logs, POLICY, as_of=NOW),
    "`people_by`": lambda logs: metrics.people_by(stage, logs, POLICY, as_of=NOW),
}

COLUMNS: Mapping[str, str] = {
    "polars": "Polars",
    "polars lazy": "Polars, lazy",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "duckdb": "DuckDB",
    "ibis": "Ibis (DuckDB)",
    "pyspark": "Spark",
}
"""The kinds of dataframes, with their titles in the docs."""


def logs_on(engine: str) -> Logs[Any]:
    """Return the logs of a small shop on an engine."""
    return Logs(**ENGINES[engine](tables(everyone())))


@contextmanager
def observed() -> Iterator[list[str]]:
    """Record where rows are collected inside the block, and what runs on workers."""
    locations: list[str] = []
    collect, by_worker = nw.LazyFrame[Any].collect, attempts.by_worker

    def recorded(frame: Any, *backend: Any, **options: Any) -> Any:
        if frame.implementation.is_polars():
            locations.append(IN_POLARS)
        elif not {"person_id", "person"}.isdisjoint(frame.collect_schema()):
            locations.append(IN_MEMORY)
        return collect(frame, *backend, **options)

    def on_workers(*arguments: Any) -> Any:
        locations.append(ON_WORKERS)
        return by_worker(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nw.LazyFrame, "collect", recorded)
        patch.setattr(attempts, "by_worker", on_workers)
        yield locations


def location(question: Question, logs: Logs[Any]) -> str:
    """Return where a question runs: only counts, or a table that stays there, leave the engine unless it says so."""
    with observed() as locations:
        try:
            question(logs)
        except EngineError:
            return REFUSED
    kept_there = logs._frame_kind in ("duckdb", "ibis", "pyspark")
    return next(
        (one for one in (IN_MEMORY, ON_WORKERS) if one in locations), IN_THE_ENGINE if kept_there else IN_POLARS
    )


def notes() -> dict[str, dict[str, str]]:
    """Return where each question runs, by column and question, as it was last observed."""
    noted: dict[str, dict[str, str]] = json.loads(NOTES.read_text(encoding="utf-8"))
    return noted


if __name__ == "__main__":
    noted = notes() if NOTES.exists() else {}
    for column in sys.argv[1:]:
        logs = logs_on(column)
        observed = noted.get(column, {})
        for name, question in QUESTIONS.items():
            observed[name] = location(question, logs)
            noted[column] = {one: observed[one] for one in QUESTIONS if one in observed}
            # Spark takes up to a minute for a question: a run that is stopped keeps what it has observed.
            NOTES.write_text(json.dumps(noted, indent=1) + "\n", encoding="utf-8")
