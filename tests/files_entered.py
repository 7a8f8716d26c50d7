"""How many files of the library a warm call enters: `python -m tests.files_entered`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

import polars as pl

import funnel
from funnel import Logs, Policy, conversion, stage

PACKAGE_FOLDER = Path(funnel.__file__).parent
START, NOW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
PEOPLE = [f"p{number % 50}" for number in range(200)]
TIMES = [START + timedelta(hours=number) for number in range(200)]
LOGS = Logs(
    leads=pl.DataFrame({"person_id": PEOPLE, "arrived_at": TIMES}),
    purchases=pl.DataFrame(
        {"id": [*map(str, range(200))], "person_id": PEOPLE, "purchased_at": TIMES, "amount": [*range(1, 201)]}
    ),
    interactions=pl.DataFrame(
        {
            "id": [*map(str, range(200))],
            "person_id": PEOPLE,
            "occurred_at": TIMES,
            "kind": ["visit", "question", "cart", "view"] * 50,
        }
    ),
)
EVENTS = pl.DataFrame({"person_id": PEOPLE, "occurred_at": TIMES, "kind": ["view", "cart", "purchase", "view"] * 50})
POLICY = Policy()

CALLS: Mapping[str, tuple[Callable[[], object], int]] = {
    "stage.over": (lambda: stage.over(LOGS, POLICY, as_of=NOW), 10),
    "conversion of logs": (lambda: conversion(LOGS, ["lead", "purchase"], within="30 days", as_of=NOW), 15),
    "conversion of a dataframe": (lambda: conversion(EVENTS, ["view", "purchase"], within="30 days", as_of=NOW), 15),
}
"""The measured calls, each with the largest number of files."""


def files_entered(call: Callable[[], object]) -> list[str]:
    """Return the files of `src/funnel` that the second of two calls enters, in the order of their first entry.

    Args:
        call: The first call compiles rules and loads modules.
    """
    call()
    entered: dict[str, None] = {}

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(str(PACKAGE_FOLDER)):
            entered.setdefault(Path(frame.f_code.co_filename).relative_to(PACKAGE_FOLDER).as_posix())

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
    return list(entered)


if __name__ == "__main__":
    for name, (call, most) in CALLS.items():
        names = files_entered(call)
        print(f"{name}: {len(names)} files (at most {most})", *names, sep="\n  ")  # noqa: T201 (a report)
