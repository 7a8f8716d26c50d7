"""Answers of Spark Connect, which needs a process of its own: `python -m tests.spark.connect`."""

from __future__ import annotations

import json

from funnel import Logs
from tests.engines import CONNECT, on
from tests.metrics.test_every_engine import tables
from tests.spark.questions import QUESTIONS


def different() -> list[str]:
    """Return the questions whose answers are not those of Polars."""
    frames = {log: frame for log, frame in tables().items() if log != "lines"}
    remote, local = Logs(**on(CONNECT, frames)), Logs(**frames)
    return [name for name, question in QUESTIONS.items() if question(remote) != question(local)]


if __name__ == "__main__":
    print(json.dumps(different()))  # noqa: T201 (read by the test)
