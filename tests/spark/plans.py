"""Record of what Spark executes for a question: the physical plans, and the columns that reach the driver."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import attrs
import pytest

ACTIONS = ("collect", "count", "localCheckpoint", "take", "toArrow", "toPandas")
"""The methods of a Spark dataframe that execute its plan."""
PARTS = re.compile(r"\b(person_id|person|_person\w*|purchase_id)#")
"""Columns that split the rows into people, or into the purchases of each person."""
FEW_ROWS = re.compile(r"Aggregate\(keys?=\[\]|LocalLimit|TakeOrdered")
"""Steps below an exchange that leave a row, or a few, of each partition."""


@attrs.frozen
class Plans:
    """The plans that were executed, as text, and the columns of each table that reached the driver."""

    texts: list[str] = attrs.field(factory=list)
    columns: list[tuple[str, ...]] = attrs.field(factory=list)

    def faults(self) -> list[str]:
        """Return the steps of the plans that gather the rows of all people in one place."""
        return [fault for text in self.texts for fault in faults(text)]


def plan_of(frame: Any) -> str:
    """Return the physical plan of a Spark dataframe."""
    return str(frame._jdf.queryExecution().executedPlan().toString())


def faults(plan: str) -> list[str]:
    """Return the exchanges to one partition, and the windows that are not partitioned by person or purchase."""
    lines = plan.splitlines()
    single = [
        line for line, child in pairwise(lines) if "Exchange SinglePartition" in line and not FEW_ROWS.search(child)
    ]
    windows = [line for line in lines if re.search(r"\bWindow \[", line) and not _by_person(line)]
    return [line.strip()[-300:] for line in (*single, *windows)]


def _by_person(window: str) -> bool:
    """Return whether a step `Window [columns], [partitioned by], [ordered by]` is partitioned by person or purchase."""
    partitioned = window.split("], [")[1]
    return PARTS.search(partitioned) is not None and "SC NULLS" not in partitioned


@contextmanager
def executed() -> Iterator[Plans]:
    """Record what Spark executes inside the block."""
    from pyspark.sql.classic.dataframe import DataFrame

    plans = Plans()
    with pytest.MonkeyPatch.context() as patch:
        for name in ACTIONS:
            patch.setattr(DataFrame, name, _recorded(getattr(DataFrame, name), plans))
        yield plans


def _recorded(method: Callable[..., Any], plans: Plans) -> Callable[..., Any]:
    def action(frame: Any, *args: Any, **options: Any) -> Any:
        plans.texts.append(plan_of(frame))
        if method.__name__ not in ("localCheckpoint", "count"):
            plans.columns.append(tuple(frame.columns))
        return method(frame, *args, **options)

    return action
