"""A funnel by brute force, one person and one event at a time: what every engine must agree with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs

from funnel.metrics._conversion.steps import Exclusion, FunnelStep


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
    """What became of one attempt that counts."""

    person_id: str
    times: tuple[datetime | None, ...]
    reached: int
    state: str
    settled: bool


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
        return [place for place, step in enumerate(self.steps) if not step.optional]

    def place(self, name: str | None, otherwise: int) -> int:
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


def meets(event: Event, asked: FunnelStep | Exclusion) -> bool:
    """Whether a row is what is asked for."""
    if asked.kind is not None and event.kind != asked.kind:
        return False
    return asked.where is None or (event.amount is not None and bool(asked.where(event)))


def outcomes(events: Sequence[Event], question: Question) -> list[Outcome]:
    """What becomes of everybody, by trying everything."""
    people: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        held = all(getattr(event, name) is not None for name in question.hold_constant)
        if event.occurred_at <= question.as_of and held:
            people[event.person_id].append(event)
    return [outcome for person, rows in people.items() for outcome in _of_person(person, rows, question)]


def _in_order(rows: list[Event], question: Question) -> list[Event]:
    def key(event: Event) -> tuple[Any, ...]:
        steps = [place for place, step in enumerate(question.steps) if meets(event, step)]
        outs = [place for place, out in enumerate(question.exclude) if meets(event, out)]
        bits = sum(2**place for place in steps), sum(2**place for place in outs)
        rank = min(steps, default=len(question.steps))
        return event.occurred_at, rank, *bits, *(getattr(event, name) for name in question.hold_constant)

    return sorted(rows, key=key)


def _of_person(person: str, rows: list[Event], question: Question) -> Iterator[Outcome]:
    rows = _in_order(rows, question)
    paths: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        paths[tuple(getattr(row, name) for name in question.hold_constant)].append(place)
    tries = [_attempt(rows, path, at, question) for path in paths.values() for at in _entries(rows, path, question)]
    kept = [one for one in tries if not one.removed]
    if question.attempts == "first":
        first = min(tries, key=lambda one: one.began, default=None)
        if first is not None and not first.removed:
            yield _outcome(person, rows, first, question)
    elif question.attempts == "any" and kept:
        closed = [one for one in kept if _settled(one, question)]
        best = min(closed or kept, key=lambda one: (-_depth(one, question), one.began))
        told = _outcome(person, rows, best, question)
        waits = not closed and any(_state(rows, one, question) == "pending" for one in kept)
        yield attrs.evolve(told, state="pending") if waits and told.state == "dropped" else told
    elif question.attempts == "each":
        for path in paths.values():
            for one in _each(rows, path, question):
                yield _outcome(person, rows, one, question)


def _entries(rows: list[Event], path: list[int], question: Question) -> list[int]:
    begins = question.steps if question.order == "any" else question.steps[:1]
    return [at for at in path if any(meets(rows[at], step) for step in begins)]


def _each(rows: list[Event], path: list[int], question: Question) -> Iterator[Attempt]:
    ahead = list(path)
    while ahead:
        at = ahead.pop(0)
        if at not in _entries(rows, path, question):
            continue
        one = _attempt(rows, path, at, question)
        if not one.removed:
            yield one
        if not one.removed and _depth(one, question) == len(question.required):
            exit_at = max(one.rows[place] for place in question.required)
        else:
            exit_at = one.out if one.out is not None else one.broken
        if exit_at is not None:
            ahead = [later for later in ahead if later > exit_at]
        else:
            ahead = [later for later in ahead if rows[later].occurred_at > one.start + question.within]


def _attempt(rows: list[Event], path: list[int], at: int, question: Question) -> Attempt:
    one = Attempt(at, rows[at].occurred_at, {})
    ahead = [place for place in path if place > at]
    if question.order == "any":
        _any(one, rows, ahead, at, question)
    else:
        one.rows[0] = at
        _required(one, rows, ahead, question)
        _optional(one, rows, ahead, question)
    _exclude(one, rows, ahead, question)
    return one


def _required(one: Attempt, rows: list[Event], ahead: list[int], question: Question) -> None:
    last = one.began
    for place in question.required[1:]:
        step = question.steps[place]
        left = [at for at in ahead if at > last]
        if question.order == "strict":
            left = left[:1]
            one.broken = next((at for at in left if rows[at].occurred_at <= one.start + question.within), None)
        if question.tie_break == "later":
            left = [at for at in left if rows[at].occurred_at > rows[last].occurred_at]
        found = next((at for at in left if meets(rows[at], step)), None)
        if found is None or rows[found].occurred_at > one.start + question.within:
            return
        if step.within is not None and rows[found].occurred_at > rows[last].occurred_at + step.within:
            return
        one.rows[place] = last = found
    one.broken = None


def _optional(one: Attempt, rows: list[Event], ahead: list[int], question: Question) -> None:
    for place, step in enumerate(question.steps):
        a = max((need for need in question.required if need < place), default=-1)
        b = min((need for need in question.required if need > place), default=-1)
        if not step.optional or a not in one.rows:
            continue
        since, until = rows[one.rows[a]].occurred_at, min(one.start + question.within, question.as_of)
        if step.within is not None:
            until = min(until, since + step.within)
        for at in ahead:
            when = rows[at].occurred_at
            after = when > since if question.tie_break == "later" else at > one.rows[a]
            before = b not in one.rows or (
                when < rows[one.rows[b]].occurred_at if question.tie_break == "later" else at < one.rows[b]
            )
            if after and before and when <= until and meets(rows[at], step):
                one.rows[place] = at
                break


def _any(one: Attempt, rows: list[Event], ahead: list[int], at: int, question: Question) -> None:
    needs = [(step.kind, step.where) for step in question.steps]
    asks = dict(zip(needs, question.steps, strict=True))
    needs.remove(next(need for need in needs if meets(rows[at], asks[need])))
    done = [at]
    for place in ahead:
        need = next((need for need in needs if meets(rows[place], asks[need])), None)
        if need is not None and rows[place].occurred_at <= one.start + question.within:
            needs.remove(need)
            done.append(place)
    one.rows = dict(enumerate(done))


def _exclude(one: Attempt, rows: list[Event], ahead: list[int], question: Question) -> None:
    found = []
    serving = set(one.rows.values())
    for out in question.exclude:
        i, j = question.place(out.after, 0), question.place(out.before, question.required[-1])
        if i not in one.rows:
            continue
        for at in ahead:
            inside = at < one.rows[j] if j in one.rows else rows[at].occurred_at <= one.start + question.within
            if at > one.rows[i] and inside and at not in serving and meets(rows[at], out):
                found.append((at, out.then))
                break
    one.out = min((at for at, _ in found), default=None)
    one.removed = any(then == "remove" for _, then in found)
    drops = [at for at, then in found if then == "drop"]
    if drops:
        one.dropped = True
        one.rows = {place: at for place, at in one.rows.items() if at < min(drops)}


def _depth(one: Attempt, question: Question) -> int:
    return sum(place in one.rows for place in question.required)


def _settled(one: Attempt, question: Question) -> bool:
    return one.start + question.within <= question.as_of


def _state(rows: list[Event], one: Attempt, question: Question) -> str:
    depth = _depth(one, question)
    if depth == len(question.required):
        return "converted"
    if one.dropped or one.broken is not None or _settled(one, question):
        return "dropped"
    window = question.steps[question.required[depth]].within
    last = rows[one.rows[question.required[depth - 1]]].occurred_at
    return "dropped" if window is not None and last + window <= question.as_of else "pending"


def _outcome(person: str, rows: list[Event], one: Attempt, question: Question) -> Outcome:
    times = tuple(
        rows[one.rows[place]].occurred_at if place in one.rows else None for place in range(len(question.steps))
    )
    state = _state(rows, one, question)
    return Outcome(person, times, _depth(one, question), state, _settled(one, question))
