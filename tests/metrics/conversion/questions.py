"""Random events and questions to them, for the laws of funnels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random
from typing import Any

import polars as pl
from hypothesis import strategies as st

from funnel import Exclusion, FunnelStep, conversion
from funnel.metrics import FunnelResult, Matching
from tests.frames import TIME
from tests.metrics.conversion.model import Event, Question

START = datetime(2026, 3, 1, tzinfo=UTC)
KINDS = ("a", "b", "c")
SCHEMA = {"person_id": pl.String, "occurred_at": TIME, "kind": pl.String, "sku": pl.String, "amount": pl.Int64}


def minutes(count: int) -> timedelta:
    """A number of minutes."""
    return timedelta(minutes=count)


def is_large(event: Any) -> bool:
    """A condition on an amount."""
    return bool(event.amount >= 2)


def is_small(event: Any) -> bool:
    """Another one, which some of the same events meet."""
    return bool(event.amount <= 2)


def crowd(chance: Random) -> list[Event]:
    """Some thirty people with up to fourteen events each, many of them in one instant; every kind occurs."""
    people = [f"p{number}" for number in range(30) for _ in range(chance.randrange(15))]
    chance.shuffle(people)
    return [*(Event("p0", START, kind) for kind in KINDS), *(_event(chance, person) for person in people)]


def _event(chance: Random, person: str) -> Event:
    return Event(
        person,
        START + minutes(chance.randrange(13)),
        chance.choice(KINDS),
        chance.choice(["x", "x", "y", None]),
        chance.choice([1, 2, 3, None]),
    )


CROWDS = st.integers(0, 2**32).map(Random).map(crowd)
WINDOWS = st.integers(0, 13).map(lambda less: minutes(14 - less))
WHERES = st.sampled_from([None, None, None, is_large, is_small])


def table(events: Sequence[Event]) -> pl.DataFrame:
    """The events as a table."""
    rows = [(one.person_id, one.occurred_at, one.kind, one.sku, one.amount) for one in events]
    return pl.DataFrame(rows, SCHEMA, orient="row")


def funnel_of(events: object, question: Question, **more: Any) -> FunnelResult:
    """Ask the question of events of any engine."""
    return conversion(
        events,
        question.steps,
        within=question.within,
        as_of=question.as_of,
        matching=matching_of(question),
        **more,
    )


def matching_of(question: Question) -> Matching:
    """Return the rules of matching of a question."""
    return Matching(
        order=question.order,  # type: ignore[arg-type]
        attempts=question.attempts,  # type: ignore[arg-type]
        tie_break=question.tie_break,  # type: ignore[arg-type]
        hold_constant=question.hold_constant,
        exclude=question.exclude,
    )


# ---- at random -----------------------------------------------------------------------------------------------------


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """A question that is allowed."""
    order = draw(st.sampled_from(["ordered", "ordered", "strict", "any"]))
    steps = draw(_steps(order))
    required = [step.name for step in steps if not step.optional]
    exclusions = draw(st.lists(_exclusion(required, order), max_size=2))
    return Question(
        steps=steps,
        within=draw(WINDOWS),
        as_of=START + draw(st.integers(0, 26).map(lambda less: minutes(28 - less))),
        order=order,
        attempts=draw(st.sampled_from(["first", "any", "each"])),
        tie_break="ranked" if order == "any" else draw(st.sampled_from(["ranked", "later"])),
        hold_constant=draw(st.sampled_from([(), (), ("sku",), ("sku", "amount")])),
        exclude=tuple(exclusions),
    )


@st.composite
def _steps(draw: st.DrawFn, order: str) -> tuple[FunnelStep, ...]:
    count = draw(st.integers(2, 4))
    steps = [_step(draw, index, order) for index in range(count)]
    if order == "ordered" and draw(st.booleans()):
        steps = [step for index in range(count) for step in (steps[index], *_optional(draw, index, steps))]
    return tuple(steps)


def _step(draw: st.DrawFn, index: int, order: str) -> FunnelStep:
    window = None if index == 0 or order == "any" else draw(st.none() | WINDOWS)
    condition = None if order == "any" else draw(WHERES)
    kind = draw(st.sampled_from(KINDS)) if condition is None else draw(st.sampled_from([*KINDS, None]))
    return FunnelStep(f"s{index}", kind=kind, where=condition, within=window)


def _optional(draw: st.DrawFn, index: int, steps: Sequence[FunnelStep]) -> list[FunnelStep]:
    following = {(step.kind, step.where) for step in steps[index + 1 : index + 2]}
    choices = draw(st.lists(st.tuples(st.sampled_from(KINDS), WHERES), max_size=2, unique=True))
    return [
        FunnelStep(f"o{index}{nth}", kind=kind, where=condition, within=draw(st.none() | WINDOWS), optional=True)
        for nth, (kind, condition) in enumerate(choices)
        if (kind, condition) not in following
    ]


@st.composite
def _exclusion(draw: st.DrawFn, required: Sequence[str], order: str) -> Exclusion:
    kind, condition = draw(st.tuples(st.sampled_from(KINDS), WHERES))
    then = draw(st.sampled_from(["drop", "remove"]))
    if order == "any" or draw(st.booleans()):
        return Exclusion(kind, where=condition, then=then)
    after = draw(st.integers(0, len(required) - 2))
    before = draw(st.integers(after + 1, len(required) - 1))
    return Exclusion(kind, where=condition, after=required[after], before=required[before], then=then)


# ---- every combination ---------------------------------------------------------------------------------------------


def combinations() -> Iterator[Question]:
    """Every combination of order, attempts, held columns, exclusion, optional step, tie break and step window."""
    exclusions = ((), (Exclusion("c"),), (Exclusion("a", where=is_large, then="remove"),))
    forms = product(("ordered", "strict", "any"), ("first", "any", "each"), ("ranked", "later"), ((), ("sku",)))
    for order, entry, tie_break, hold in forms:
        for exclude, optional, timed in product(exclusions, (False, True), (False, True)):
            if (optional and order != "ordered") or (order == "any" and (timed or tie_break == "later")):
                continue
            yield Question(
                steps=(
                    FunnelStep("a"),
                    *([FunnelStep("on the way", kind="c", optional=True)] if optional else []),
                    FunnelStep("b", within=minutes(3) if timed else None),
                    FunnelStep("b again", kind="b"),
                ),
                within=minutes(7),
                as_of=START + minutes(12),
                order=order,
                attempts=entry,
                tie_break=tie_break,
                hold_constant=hold,
                exclude=exclude,
            )
