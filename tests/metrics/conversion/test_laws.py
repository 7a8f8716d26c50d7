from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random
from typing import Any

import attrs
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funnel import FunnelStep, GroupBy
from funnel._time import NEVER, instant
from funnel.metrics import FunnelResult
from tests.engines import FULL, asked_of, on
from tests.frames import as_instant, read
from tests.metrics.conversion.model import Event, Outcome, Question, outcomes
from tests.metrics.conversion.questions import CROWDS, START, combinations, crowd, funnel_of, minutes, questions, table

pytestmark = pytest.mark.no_cover

MOST = (settings.default or settings()).max_examples
STATES = ("dropped", "pending", "converted")
EVERY = list(combinations())
LITTLE = EVERY if FULL else EVERY[:: len(EVERY) // 12]


def counts_of(funnel: FunnelResult, steps: int) -> Counter[Outcome]:
    """The attempts that a funnel counts, as the model tells them."""
    frame = funnel._columns.attempts.frame.collect().to_dict(as_series=False)
    return Counter(
        Outcome(
            frame["person"][index],
            tuple(_instant(frame[f"t_{number}"][index]) for number in range(1, steps + 1)),
            frame["reached"][index],
            STATES[frame["state"][index]],
            bool(frame["settled"][index]),
        )
        for index in range(len(frame["person"]))
    )


def _instant(count: int) -> Any:
    return None if count == NEVER else instant(count)


def agrees(events: list[Event], native: object, question: Question) -> None:
    """See that every attempt is what brute force finds, and that the counts are those of the attempts."""
    funnel = funnel_of(native, question)
    expected = outcomes(events, question)

    assert counts_of(funnel, len(question.steps)) == Counter(expected)
    for number, step in enumerate(funnel.steps):
        reached = [one for one in expected if one.times[number] is not None]
        assert step.reached == len(reached)
        assert step.from_start.successes == sum(one.closed for one in reached)
        assert step.from_start.trials == sum(one.closed for one in expected)
        if not step.is_optional:
            depth = question.required.index(number) + 1
            stopped = Counter(one.state for one in expected if one.reached == depth)
            assert (step.dropped, step.pending) == (stopped["dropped"], stopped["pending"])


def check_laws(funnel: FunnelResult) -> None:
    """See that nobody is lost, that steps never increase, and that every rate lies inside its interval."""
    required = [step for step in funnel.steps if not step.is_optional]

    assert funnel.entered == funnel.converted + funnel.dropped + funnel.pending
    assert all(late.reached <= early.reached for early, late in pairwise(required))
    for step in funnel:
        for rate in (step.from_start, step.from_before):
            if rate is not None and rate.value is not None:
                assert (rate.ci_lower or 0) <= rate.value <= (rate.ci_upper or 0)


@settings(max_examples=max(MOST // 2, 2))
@given(CROWDS, questions())
def test_every_attempt_is_what_brute_force_finds(events: list[Event], question: Question) -> None:
    """Whatever is asked, each attempt's steps, times and state are those that trying everything finds."""
    agrees(events, table(events), question)
    check_laws(funnel_of(table(events), question))


@pytest.mark.parametrize("question", LITTLE, ids=map(str, range(len(LITTLE))))
def test_every_combination_is_what_brute_force_finds(question: Question) -> None:
    """Each order with each entry, hold, exclusion, optional step, way of ties and window of a step."""
    events = crowd(Random(len(str(question))))

    agrees(events, table(events), question)


def test_every_engine_finds_the_same(engine: str) -> None:
    """The order of the events changes no attempt and no count."""

    @asked_of(engine, 2)
    @given(CROWDS, questions())
    def law(events: list[Event], question: Question) -> None:
        agrees(events, on(engine, {"events": table(events)})["events"], question)

    law()


# ---- what changes nothing ------------------------------------------------------------------------------------------

FEW = settings(max_examples=max(MOST // 10, 2))


def everything(funnel: FunnelResult) -> list[Any]:
    """Whatever can be asked of a funnel, as plain values."""
    optional = {step.name for step in funnel if step.is_optional}
    people = [
        (step.name, which, sorted(map(str, funnel.people(step.name, which).rows())))
        for step in funnel
        for which in ("reached", "dropped", "pending")
        if which == "reached" or step.name not in optional
    ]
    return [
        funnel.to_dicts(),
        funnel.times(),
        funnel.times(0.9),
        funnel.value("amount"),
        funnel.value("amount", at="last"),
        funnel.drivers("sku").to_dicts(),
        people,
        str(funnel),
    ]


@FEW
@given(CROWDS, questions(), st.randoms(), st.sampled_from([GroupBy("amount"), GroupBy("amount", at="last")]))
def test_the_order_of_rows_changes_nothing(
    events: list[Event], question: Question, chance: Random, by: GroupBy
) -> None:
    """However the rows are shuffled, everything that can be asked is the same, ties and groups too."""
    shuffled = chance.sample(events, len(events))

    assert everything(funnel_of(table(shuffled), question, by=by)) == everything(
        funnel_of(table(events), question, by=by)
    )


@FEW
@given(CROWDS, questions())
def test_what_happens_later_changes_nothing(events: list[Event], question: Question) -> None:
    """Rows after the evaluation time are not read."""
    until = [one for one in events if one.occurred_at <= question.as_of]
    later = [attrs.evolve(one, occurred_at=question.as_of + minutes(1)) for one in events]

    assert everything(funnel_of(table([*until, *later]), question)) == everything(funnel_of(table(until), question))


@FEW
@given(CROWDS, questions())
def test_other_names_and_other_zones_change_no_count(events: list[Event], question: Question) -> None:
    """People under other names, and the same instants shown in another zone, give the same counts, times and sums."""
    events_now = table(events)
    renamed = events_now.with_columns(
        pl.col("person_id").str.slice(1).cast(pl.Int64) * 7 - 9,
        pl.col("occurred_at").dt.convert_time_zone("Asia/Jakarta"),
    )

    one, other = funnel_of(events_now, question), funnel_of(renamed, question)
    assert str(one) == str(other)
    assert one.to_dicts() == other.to_dicts()
    assert one.times(0.25) == other.times(0.25)
    assert one.value("amount") == other.value("amount")


@FEW
@given(CROWDS, questions())
def test_another_unit_of_money_scales_sums_alone(events: list[Event], question: Question) -> None:
    """Amounts in a smaller unit change no count; their sums are as many times larger."""
    question = attrs.evolve(question, hold_constant=(), exclude=(), steps=_without_conditions(question))
    cents = [attrs.evolve(one, amount=None if one.amount is None else 100 * one.amount) for one in events]
    one, other = funnel_of(table(events), question), funnel_of(table(cents), question)

    assert one.to_dicts() == other.to_dicts()
    assert [100 * step.reached for step in one.value("amount")] == [step.reached for step in other.value("amount")]


def _without_conditions(question: Question) -> tuple[FunnelStep, ...]:
    required = [step for step in question.steps if not step.optional]
    return tuple(FunnelStep(f"{index}", kind=step.kind or "a") for index, step in enumerate(required))


def test_an_empty_table_is_an_empty_funnel() -> None:
    """Without events nobody entered, and the text says so."""
    funnel = funnel_of(table([]), EVERY[0])

    assert (funnel.entered, funnel.converted, funnel.dropped, funnel.pending) == (0, 0, 0, 0)
    assert str(funnel).endswith("nobody entered")
    assert funnel.rate.value is None
    assert [time.from_start for time in funnel.times()] == [None, None]
    assert funnel.people("a").height == 0
    check_laws(funnel)


def test_everything_in_one_instant() -> None:
    """At one instant the earlier steps come first; where a step must be later, nobody comes further."""
    events = [Event("p", START, kind) for kind in ("b", "b", "a")]
    question = Question((FunnelStep("a"), FunnelStep("b"), FunnelStep("b 2", kind="b")), minutes(1), START)

    assert funnel_of(table(events), question).converted == 1
    assert funnel_of(table(events), attrs.evolve(question, tie_break="later")).steps[1].reached == 0


def test_people_are_told_with_their_times() -> None:
    """The frames of people hold who, when they entered, and when they reached the step."""
    events = [Event("p", START, "a"), Event("p", START + minutes(2), "b"), Event("q", START, "a")]
    question = Question((FunnelStep("a"), FunnelStep("b")), minutes(3), START + minutes(9))
    funnel = funnel_of(table(events), question)
    (reached,) = read(funnel.people("b"))
    (dropped,) = read(funnel.people("a", "dropped"))

    assert {name: as_instant(value) for name, value in reached.items()} == {
        "person_id": "p",
        "entered_at": START,
        "reached_at": START + minutes(2),
    }
    assert dropped["person_id"] == "q"
    assert read(funnel.people("a", "pending")) == []
