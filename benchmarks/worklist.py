"""Whom to write to: readiness, next step and due as columns against facts alone, and the list of one person.

The door (reading and checking the rows) is passed before; everything after it is measured, the tables of the ledger are
held from one turn to the next, for all ways alike. The one person has the twenty records of `one_person`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from benchmarks._made_up import AS_OF, shop
from benchmarks._measure import Line, Size, in_turns, span
from benchmarks.one_person import START, records
from funnel import Facts, History, Logs, Policy, next_action, readiness, worklist
from funnel.messages import explain
from funnel.rules import since_due
from funnel.worklists import next_review_at

POLICY = Policy()
EVENTS: Mapping[Size, int] = {"tiny": 2_000, "usual": 1_000_000, "full": 10_000_000}


def facts(logs: Logs) -> Any:
    """Every fact of everyone."""
    return Facts.over(logs, as_of=AS_OF)


def decided(logs: Logs) -> Any:
    """Every fact, and three columns more: readiness, next step, and since when it is due."""
    made = facts(logs)
    for rule in (readiness, next_action, since_due):
        made = rule.over(made, POLICY)
    return made


def listed(logs: Logs) -> Any:
    """The worklist, in order."""
    return worklist(logs, POLICY, as_of=AS_OF, tz="Asia/Jakarta")


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    events = EVENTS[size]
    logs = Logs(**shop(events))
    took = in_turns(
        {"facts": lambda: facts(logs), "decided": lambda: decided(logs), "listed": lambda: listed(logs)},
        repeats={"tiny": 1, "usual": 5, "full": 3}[size],
    )
    alone, people = took["facts"], f"{events // 10:,} people, {events:,} events"
    for name, what, aim in (
        ("decided", "facts, readiness, next step, due", "<= 2 x"),
        ("listed", "the worklist, in order", ""),
    ):
        ratio = f"{took[name] / alone:.2f} x as long"
        yield Line(f"{people}: {what}", span(took[name]), f"{span(alone)} facts alone", ratio, aim)
    yield from _one_person(size)


def _one_person(size: Size) -> Iterator[Line]:
    repeats, calls = {"tiny": (1, 2), "usual": (9, 500), "full": (25, 1000)}[size]
    history, on = History.of("p1", records()), START + timedelta(days=30)
    (task,) = worklist(history, POLICY, as_of=on, tz="Asia/Jakarta")
    known = Facts.of(history, as_of=on)
    took = in_turns(
        {
            "worklist": lambda: worklist(history, POLICY, as_of=on, tz="Asia/Jakarta"),
            "reason": task.reason,
            "readiness": lambda: explain(readiness, known, POLICY, language="id"),
            "look again": lambda: next_review_at(history, POLICY, as_of=on),
        },
        repeats=repeats,
        calls=calls,
    )
    for name, what, aim in (
        ("worklist", "one person, 20 records -> their worklist", "<= 50 µs"),
        ("reason", "why, as a sentence", ""),
        ("readiness", "readiness and why, as a sentence", ""),
        ("look again", "when to look again", ""),
    ):
        yield Line(what, span(took[name]), "", "", aim)
