"""Spark as a cluster of two processes: the answers of Polars, plans that gather nobody's rows, and a lost executor."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from funnel import Logs
from tests.engines import ENGINES
from tests.metrics.test_every_engine import tables
from tests.spark.plans import executed, faults, plan_of
from tests.spark.questions import QUESTIONS

pytestmark = [pytest.mark.services, pytest.mark.no_cover, pytest.mark.xdist_group("spark")]

PEOPLE = {"person_id", "person"}
READ_BY_PERSON = {"facts", "stage", "next_action", "purchase summary"}
"""Questions whose answer is a table of people, which the test itself collects."""


@pytest.fixture(scope="module")
def local() -> Logs[Any]:
    """Give the logs of the shop on Polars."""
    frames = dict(tables())
    del frames["lines"]
    return Logs(**frames)


@pytest.fixture(scope="module")
def cluster(spark: Any) -> Iterator[Any]:
    """Give a session that divides the rows of every exchange into four."""
    before = spark.conf.get("spark.sql.shuffle.partitions")
    spark.conf.set("spark.sql.shuffle.partitions", "4")
    yield spark
    spark.conf.set("spark.sql.shuffle.partitions", before)


@pytest.fixture(scope="module")
def remote(cluster: Any) -> Logs[Any]:
    """Give the logs of the shop on Spark, in two partitions."""
    frames = {name: frame.repartition(2) for name, frame in ENGINES["pyspark"](tables()).items()}
    del frames["lines"]
    return Logs(**frames)


@pytest.mark.parametrize("name", QUESTIONS)
def test_spark_gives_the_answers_of_polars_and_gathers_no_rows(name: str, local: Logs[Any], remote: Logs[Any]) -> None:
    """No step of a plan has the rows of all people in one partition, and only counts reach the driver."""
    with executed() as plans:
        actual = QUESTIONS[name](remote)

    assert actual == QUESTIONS[name](local)
    assert plans.texts
    assert plans.faults() == []
    gathered = [columns for columns in plans.columns if not PEOPLE.isdisjoint(columns)]
    assert gathered == [] or name in READ_BY_PERSON


def test_a_window_over_all_rows_is_a_fault(cluster: Any) -> None:
    """The check of plans finds what it is for, and lets counts pass."""
    from pyspark.sql import Window, functions

    rows = cluster.range(9).withColumn("person_id", functions.col("id") % 2).repartition(2)
    total = functions.sum("id")

    assert len(faults(plan_of(rows.select(total.over(Window.orderBy("id")))))) == 2
    assert len(faults(plan_of(rows.select(total.over(Window.partitionBy("id").orderBy("id")))))) == 1
    assert faults(plan_of(rows.select(total.over(Window.partitionBy("person_id").orderBy("id"))))) == []
    assert faults(plan_of(rows.agg(total))) == []


# ---- a lost executor -----------------------------------------------------------------------------------------------


def executors(session: Any) -> list[int]:
    """Return the ids of the processes that are executors of the session."""
    application = session.sparkContext.applicationId
    commands: dict[int, list[str]] = {}
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # the process has ended meanwhile
            commands[int(file.parent.name)] = file.read_text(errors="replace").split("\0")
    backend = "org.apache.spark.executor.CoarseGrainedExecutorBackend"
    return sorted(number for number, words in commands.items() if {backend, application} <= set(words))


def answer_with_a_lost_executor(session: Any, question: Callable[[], Any]) -> tuple[Any, int]:
    """Return the answer to a question during which an executor is killed, and the process that was killed."""
    status, over, killed = session.sparkContext.statusTracker(), threading.Event(), []

    def kill() -> None:
        while not over.wait(0.05):
            if status.getActiveJobsIds():
                killed.append(executors(session)[0])
                os.kill(killed[0], signal.SIGKILL)
                return

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        return question(), *killed
    finally:
        over.set()
        killer.join()


@pytest.mark.parametrize("name", ["conversion", "facts", "retention"])
def test_a_lost_executor_changes_no_answer(name: str, local: Logs[Any], remote: Logs[Any], cluster: Any) -> None:
    """An executor is killed while a job runs. Spark computes its part again, and the answer is the same."""
    assert len(executors(cluster)) == 2
    actual, killed = answer_with_a_lost_executor(cluster, lambda: QUESTIONS[name](remote))

    assert actual == QUESTIONS[name](local)
    assert killed not in executors(cluster)
