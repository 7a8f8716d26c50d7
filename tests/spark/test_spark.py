"""Spark as a cluster of two processes: the answers of Polars, plans that gather nobody's rows, and a lost executor."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import narwhals as nw
import pytest

from funnel import Logs
from funnel._dataframes.adapter import distinct, from_native, microseconds, to_native
from funnel._time import micros
from tests import runs_on
from tests.engines import ENGINES, FULL
from tests.frames import as_instant, read
from tests.frames import tables as small_shop
from tests.logs.shop import AT
from tests.metrics.test_every_engine import tables
from tests.spark.plans import executed, faults, plan_of
from tests.spark.questions import MORE, QUESTIONS, conversion
from tests.specimens import everyone

pytestmark = [pytest.mark.services, pytest.mark.no_cover]

PEOPLE = {"person_id", "person"}
EXECUTOR = "org.apache.spark.executor.CoarseGrainedExecutorBackend"
CHOSEN = {**QUESTIONS, **MORE} if FULL else QUESTIONS
READ_BY_PERSON = {"facts", "stage", "next_action", "next_change", "purchase summary"}
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


@pytest.mark.parametrize("name", CHOSEN)
def test_spark_gives_the_answers_of_polars_and_gathers_no_rows(name: str, local: Logs[Any], remote: Logs[Any]) -> None:
    """No step of a plan has the rows of all people in one partition, and only counts reach the driver."""
    with executed() as plans:
        actual = CHOSEN[name](remote)

    assert actual == CHOSEN[name](local)
    assert plans.texts
    assert plans.faults() == []
    gathered = [columns for columns in plans.columns if not PEOPLE.isdisjoint(columns)]
    assert gathered == [] or name in READ_BY_PERSON


@pytest.fixture(scope="module")
def small(cluster: Any) -> Logs[Any]:
    """Give the logs of the small shop of the table "What runs where" on Spark, in two partitions."""
    return Logs(**{name: frame.repartition(2) for name, frame in ENGINES["pyspark"](small_shop(everyone())).items()})


@pytest.mark.parametrize("name", runs_on.QUESTIONS)
def test_spark_runs_a_question_where_the_docs_say_and_gathers_no_rows(name: str, small: Logs[Any]) -> None:
    """The plan of a table that stays on Spark counts as well as the plans that were executed."""
    answers: list[Any] = []
    with executed() as plans:
        location = runs_on.location(lambda logs: answers.append(runs_on.QUESTIONS[name](logs)), small)
    plans.texts.extend(plan_of(answer) for answer in answers if hasattr(answer, "_jdf"))

    assert location == runs_on.notes()["pyspark"][name]
    assert plans.texts
    assert plans.faults() == []


def test_a_window_over_all_rows_is_a_fault(cluster: Any) -> None:
    """The check of plans finds what it is for, and lets counts pass."""
    from pyspark.sql import Window, functions

    rows = cluster.range(9).withColumn("person_id", functions.col("id") % 2).repartition(2)
    total = functions.sum("id")

    assert len(faults(plan_of(rows.select(total.over(Window.orderBy("id")))))) == 2
    assert len(faults(plan_of(rows.select(total.over(Window.partitionBy("id").orderBy("id")))))) == 1
    assert faults(plan_of(rows.select(total.over(Window.partitionBy("person_id").orderBy("id"))))) == []
    assert faults(plan_of(rows.agg(total))) == []


def test_equal_rows_are_one_without_a_window(spark: Any) -> None:
    """Spark counts equal rows by their hash; a window would sort them. Nulls are equal."""
    once = distinct(
        nw.from_native(spark.createDataFrame([("a", None), ("b", AT)] * 2, "person_id string, t timestamp"))
    )

    assert sorted(row["person_id"] for row in read(nw.to_native(once))) == ["a", "b"]
    assert "Window" not in plan_of(nw.to_native(once))


def test_a_spark_frame_is_returned_as_one(spark: Any) -> None:
    """With its own instants."""
    frame = spark.createDataFrame([("a", AT)], "person_id string, t timestamp")
    entered = from_native(frame)
    in_micros = microseconds(entered.frame, entered.frame_kind, ["t"])
    out = to_native(in_micros, entered.frame_kind, instants=["t"])

    assert (type(out), entered.frame_kind) == (type(frame), "pyspark")
    assert [as_instant(row["t"]) for row in read(out)] == [AT]


def test_the_zone_of_a_spark_session_changes_nothing(spark: Any) -> None:
    """It affects only the display of times."""
    spark.conf.set("spark.sql.session.timeZone", "Asia/Jakarta")
    try:
        entered = from_native(spark.createDataFrame([("a", AT)], "person_id string, t timestamp"))
        in_micros = microseconds(entered.frame, entered.frame_kind, ["t"])
        instants_read = [row["t"] for row in read(to_native(in_micros, entered.frame_kind))]
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")

    assert instants_read == [micros(AT)]


def test_spark_connect_gives_the_answers_of_polars() -> None:
    """A session of Spark Connect needs a process of its own."""
    for module in ("pyspark", "grpc"):
        pytest.importorskip(module, reason="Spark Connect is not installed (make test-services does it)")
    command = [sys.executable, "-m", "tests.spark.connect"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)

    assert process.returncode == 0, process.stderr[-3_000:]
    assert json.loads(process.stdout.splitlines()[-1]) == []


# ---- a lost executor -----------------------------------------------------------------------------------------------


def executors(session: Any) -> dict[str, int]:
    """Return the processes that are executors of the session, by the id that Spark gave them."""
    application = session.sparkContext.applicationId
    processes: dict[str, int] = {}
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # the process has ended meanwhile
            words = file.read_text(errors="replace").split("\0")
            if {EXECUTOR, application} <= set(words):
                processes[words[words.index("--executor-id") + 1]] = int(file.parent.name)
    return processes


def executor_ids(session: Any, *, alive: bool) -> set[str]:
    """Return the ids of the executors that Spark counts as alive, or as lost."""
    listed = session.sparkContext._jsc.sc().statusStore().executorList(False)  # noqa: FBT003 - Java has no names
    each = [listed.apply(number) for number in range(listed.size())]
    return {one.id() for one in each if one.isActive() == alive} - {"driver"}


def wait_until(is_so: Callable[[], bool], condition: str) -> None:
    """Return when something is so; ten minutes later, fail with the condition."""
    end = time.monotonic() + 600
    while not is_so():
        assert time.monotonic() < end, f"not within ten minutes: {condition}"
        time.sleep(0.02)


def answer_with_a_lost_executor(session: Any, question: Callable[[], Any]) -> tuple[Any, set[str]]:
    """Return the answer to a question during whose first job an executor is killed, and the ids of those killed."""
    status, over, killed = session.sparkContext.statusTracker(), threading.Event(), set[str]()

    def kill() -> None:
        wait_until(lambda: over.is_set() or bool(status.getActiveJobsIds()), "a job")
        if not over.is_set():
            name, process = executors(session).popitem()
            os.kill(process, signal.SIGKILL)
            killed.add(name)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        return question(), killed
    finally:
        over.set()
        killer.join()


@pytest.mark.skipif(FULL, reason="the full run has no executors of their own; make test-services has")
def test_a_lost_executor_changes_no_answer(local: Logs[Any], remote: Logs[Any], cluster: Any) -> None:
    """An executor is killed while a job runs. Spark computes its part again, and the answer is the same."""
    wait_until(
        lambda: executor_ids(cluster, alive=True) == set(executors(cluster)) and len(executors(cluster)) == 2,
        "two executors",
    )
    before = executor_ids(cluster, alive=False)

    actual, killed = answer_with_a_lost_executor(cluster, lambda: conversion(remote))

    assert len(killed) == 1
    wait_until(lambda: executor_ids(cluster, alive=False) - before == killed, "Spark counts the executor as lost")
    assert killed.isdisjoint(executors(cluster))
    assert actual == conversion(local)
