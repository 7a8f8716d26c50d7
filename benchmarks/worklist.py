"""Worklists: readiness, next action and due time as columns against facts only, and the list of one person.

Reading and validation of the rows are not measured. The ledger tables are cached between the runs of all variants. The
person has the twenty records of `one_person`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from benchmarks._measure import Line, Size, alternate, span
from benchmarks._synthetic_shop import AS_OF, shop
from benchmarks.one_person import START, records
from funnel import Facts, History, Logs, Policy, next_action, readiness, worklist
from funnel.messages import explain
from funnel.rules import since_due
from funnel.worklists import next_review_at

POLICY = Policy()
EVENTS: Mapping[Size, int] = {"tiny": 2_000, "usual": 1_000_000, "full": 10_000_000}


def facts(logs: Logs) -> Any:
    """Return every fact of everyone."""
    return Facts.over(logs, as_of=AS_OF)


def decided(logs: Logs) -> Any:
    """Return every fact, readiness, next action, and since when it is due."""
    frame = facts(logs)
    for rule in (readiness, next_action, since_due):
        frame = rule.over(frame, POLICY)
    return frame


def listed(logs: Logs) -> Any:
    """Return the worklist in order."""
    return worklist(logs, POLICY, as_of=AS_OF, tz="Asia/Jakarta")


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    events = EVENTS[size]
    logs = Logs(**shop(events))
    took = alternate(
        {"facts": lambda: facts(logs), "decided": lambda: decided(logs), "listed": lambda: listed(logs)},
        repeats={"tiny": 1, "usual": 5, "full": 3}[size],
    )
    alone, people = took["facts"], f"{events // 10:,} people, {events:,} events"
    for key, name, aim in (
        ("decided", "facts, readiness, next action, due time", "<= 2 x"),
        ("listed", "worklist, in order", ""),
    ):
        ratio = f"{took[key] / alone:.2f} x the time"
        yield Line(f"{people}: {name}", span(took[key]), f"{span(alone)} facts only", ratio, aim)
    yield from _one_person(size)


def _one_person(size: Size) -> Iterator[Line]:
    repeats, calls = {"tiny": (1, 2), "usual": (9, 500), "full": (25, 1000)}[size]
    history, on = History.of("p1", records()), START + timedelta(days=30)
    (task,) = worklist(history, POLICY, as_of=on, tz="Asia/Jakarta")
    person_facts = Facts.of(history, as_of=on)
    took = alternate(
        {
            "worklist": lambda: worklist(history, POLICY, as_of=on, tz="Asia/Jakarta"),
            "reason": task.reason,
            "readiness": lambda: explain(readiness, person_facts, POLICY, language="id"),
            "next review": lambda: next_review_at(history, POLICY, as_of=on),
        },
        repeats=repeats,
        calls=calls,
    )
    for key, name, aim in (
        ("worklist", "worklist of one person with 20 records", "<= 50 µs"),
        ("reason", "reason as a sentence", ""),
        ("readiness", "readiness with reason, as a sentence", ""),
        ("next review", "next review", ""),
    ):
        yield Line(name, span(took[key]), "", "", aim)
