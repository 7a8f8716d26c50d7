"""A funnel by brute force, one person and one event at a time: what every engine must agree with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs

from funnel.metrics._conversion.query import Exclusion, FunnelStep


@attrs.frozen
class Event:
    """A row of the table of events."""

    person_id: str
    occurred_at: datetime
    kind: str
    sku: str | None = None
    amount: int | None = None


@attrs.frozen
class Outcome:
    """The outcome of one attempt that counts."""

    person_id: str
    times: tuple[datetime | None, ...]
    reached: int
    state: str
    closed: bool


@attrs.frozen
class Question:
    """The arguments of a funnel."""

    steps: tuple[FunnelStep, ...]
    within: timedelta
    as_of: datetime
    order: str = "ordered"
    attempts: str = "first"
    tie_break: str = "ranked"
    hold_constant: tuple[str, ...] = ()
    exclude: tuple[Exclusion, ...] = ()

    @property
    def required(self) -> list[int]:
        """The places of the steps that are not optional."""
        return [index for index, step in enumerate(self.steps) if not step.optional]

    def index(self, name: str | None, otherwise: int) -> int:
        """The place of a step by its name."""
        names = [step.name for step in self.steps]
        return otherwise if name is None else names.index(name)


@attrs.define
class Attempt:
    """One try: which row served each step, and what ended it."""

    began: int
    start: datetime
    rows: dict[int, int]
    out: int | None = None
    dropped: bool = False
    removed: bool = False
    broken: int | None = None


def meets(event: Event, step: FunnelStep | Exclusion) -> bool:
    """Whether a row is what is asked for."""
    if step.kind is not None and event.kind != step.kind:
        return False
    return step.where is None or (event.amount is not None and bool(step.where(event)))


def outcomes(events: Sequence[Event], question: Question) -> list[Outcome]:
    """Return the outcome of every person, by trying everything."""
    people: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        complete = all(getattr(event, name) is not None for name in question.hold_constant)
        if event.occurred_at <= question.as_of and complete:
            people[event.person_id].append(event)
    return [outcome for person, rows in people.items() for outcome in _of_person(person, rows, question)]


def _in_order(rows: list[Event], question: Question) -> list[Event]:
    def key(event: Event) -> tuple[Any, ...]:
        steps = [index for index, step in enumerate(question.steps) if meets(event, step)]
        outs = [index for index, out in enumerate(question.exclude) if meets(event, out)]
        bits = sum(2**index for index in steps), sum(2**index for index in outs)
        rank = min(steps, default=len(question.steps))
        return event.occurred_at, rank, *bits, *(getattr(event, name) for name in question.hold_constant)

    return sorted(rows, key=key)


def _of_person(person: str, rows: list[Event], question: Question) -> Iterator[Outcome]:
    rows = _in_order(rows, question)
    paths: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        paths[tuple(getattr(row, name) for name in question.hold_constant)].append(index)
    attempts = [_attempt(rows, path, at, question) for path in paths.values() for at in _entries(rows, path, question)]
    remaining = [one for one in attempts if not one.removed]
    if question.attempts == "first":
        first = min(attempts, key=lambda one: one.began, default=None)
        if first is not None and not first.removed:
            yield _outcome(person, rows, first, question)
    elif question.attempts == "any" and remaining:
        closed = [one for one in remaining if _closed(one, question)]
        best = min(closed or remaining, key=lambda one: (-_depth(one, question), one.began))
        outcome = _outcome(person, rows, best, question)
        waits = not closed and any(_state(rows, one, question) == "pending" for one in remaining)
        yield attrs.evolve(outcome, state="pending") if waits and outcome.state == "dropped" else outcome
    elif question.attempts == "each":
        for path in paths.values():
            for one in _each(rows, path, question):
                yield _outcome(person, rows, one, question)


def _entries(rows: list[Event], path: list[int], question: Question) -> list[int]:
    begins = question.steps if question.order == "any" else question.steps[:1]
    return [at for at in path if any(meets(rows[at], step) for step in begins)]


def _each(rows: list[Event], path: list[int], question: Question) -> Iterator[Attempt]:
    future = list(path)
    while future:
        at = future.pop(0)
        if at not in _entries(rows, path, question):
            continue
        one = _attempt(rows, path, at, question)
        if not one.removed:
            yield one
        if not one.removed and _depth(one, question) == len(question.required):
            exit_at = max(one.rows[index] for index in question.required)
        else:
            exit_at = one.out if one.out is not None else one.broken
        if exit_at is not None:
            future = [later for later in future if later > exit_at]
        else:
            future = [later for later in future if rows[later].occurred_at > one.start + question.within]


def _attempt(rows: list[Event], path: list[int], at: int, question: Question) -> Attempt:
    one = Attempt(at, rows[at].occurred_at, {})
    next_rows = [index for index in path if index > at]
    if question.order == "any":
        _any(one, rows, next_rows, at, question)
    else:
        one.rows[0] = at
        _required(one, rows, next_rows, question)
        _optional(one, rows, next_rows, question)
    _exclude(one, rows, next_rows, question)
    return one


def _required(one: Attempt, rows: list[Event], future: list[int], question: Question) -> None:
    last = one.began
    for index in question.required[1:]:
        step = question.steps[index]
        remaining = [at for at in future if at > last]
        if question.order == "strict":
            remaining = remaining[:1]
            one.broken = next((at for at in remaining if rows[at].occurred_at <= one.start + question.within), None)
        if question.tie_break == "later":
            remaining = [at for at in remaining if rows[at].occurred_at > rows[last].occurred_at]
        row = next((at for at in remaining if meets(rows[at], step)), None)
        if row is None or rows[row].occurred_at > one.start + question.within:
            return
        if step.within is not None and rows[row].occurred_at > rows[last].occurred_at + step.within:
            return
        one.rows[index] = last = row
    one.broken = None


def _optional(one: Attempt, rows: list[Event], future: list[int], question: Question) -> None:
    for index, step in enumerate(question.steps):
        a = max((need for need in question.required if need < index), default=-1)
        b = min((need for need in question.required if need > index), default=-1)
        if not step.optional or a not in one.rows:
            continue
        since, until = rows[one.rows[a]].occurred_at, min(one.start + question.within, question.as_of)
        if step.within is not None:
            until = min(until, since + step.within)
        for at in future:
            when = rows[at].occurred_at
            after = when > since if question.tie_break == "later" else at > one.rows[a]
            before = b not in one.rows or (
                when < rows[one.rows[b]].occurred_at if question.tie_break == "later" else at < one.rows[b]
            )
            if after and before and when <= until and meets(rows[at], step):
                one.rows[index] = at
                break


def _any(one: Attempt, rows: list[Event], future: list[int], at: int, question: Question) -> None:
    needs = [(step.kind, step.where) for step in question.steps]
    conditions = dict(zip(needs, question.steps, strict=True))
    needs.remove(next(need for need in needs if meets(rows[at], conditions[need])))
    done = [at]
    for index in future:
        need = next((need for need in needs if meets(rows[index], conditions[need])), None)
        if need is not None and rows[index].occurred_at <= one.start + question.within:
            needs.remove(need)
            done.append(index)
    one.rows = dict(enumerate(done))


def _exclude(one: Attempt, rows: list[Event], future: list[int], question: Question) -> None:
    matches = []
    serving = set(one.rows.values())
    for out in question.exclude:
        i, j = question.index(out.after, 0), question.index(out.before, question.required[-1])
        if i not in one.rows:
            continue
        for at in future:
            inside = at < one.rows[j] if j in one.rows else rows[at].occurred_at <= one.start + question.within
            if at > one.rows[i] and inside and at not in serving and meets(rows[at], out):
                matches.append((at, out.then))
                break
    one.out = min((at for at, _ in matches), default=None)
    one.removed = any(then == "remove" for _, then in matches)
    drops = [at for at, then in matches if then == "drop"]
    if drops:
        one.dropped = True
        one.rows = {index: at for index, at in one.rows.items() if at < min(drops)}


def _depth(one: Attempt, question: Question) -> int:
    return sum(index in one.rows for index in question.required)


def _closed(one: Attempt, question: Question) -> bool:
    return one.start + question.within <= question.as_of


def _state(rows: list[Event], one: Attempt, question: Question) -> str:
    depth = _depth(one, question)
    if depth == len(question.required):
        return "converted"
    if one.dropped or one.broken is not None or _closed(one, question):
        return "dropped"
    window = question.steps[question.required[depth]].within
    last = rows[one.rows[question.required[depth - 1]]].occurred_at
    return "dropped" if window is not None and last + window <= question.as_of else "pending"


def _outcome(person: str, rows: list[Event], one: Attempt, question: Question) -> Outcome:
    times = tuple(
        rows[one.rows[index]].occurred_at if index in one.rows else None for index in range(len(question.steps))
    )
    state = _state(rows, one, question)
    return Outcome(person, times, _depth(one, question), state, _closed(one, question))
