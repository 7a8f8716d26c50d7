"""Attempts by loops over the rows of each person are those by windows, for every question."""

from __future__ import annotations

import sys
from random import Random
from typing import Any

import attrs
import narwhals as nw
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from benchmarks import _synthetic_events
from funnel import warm_up
from funnel._dataframes.adapter import to_local
from funnel.errors import MissingExtraError
from funnel.metrics._conversion.attempts import attempts
from funnel.metrics._conversion.label_events import PENDING, label_events
from funnel.metrics._conversion.query import ConversionQuery, Exclusion, FunnelStep, conversion_query
from tests import kernels
from tests.engines import ENGINES, FULL
from tests.kernels import COMPILED, UNCOMPILED, loop_attempts, window_attempts
from tests.metrics.conversion.model import Event, Question
from tests.metrics.conversion.questions import CROWDS, START, crowd, is_large, matching_of, minutes, questions, table


def asked_of(question: Question) -> ConversionQuery:
    """The question as the library reads it."""
    return conversion_query(
        question.steps,
        within=question.within,
        as_of=question.as_of,
        matching=matching_of(question),
    )


@pytest.mark.no_cover
@given(
    events=CROWDS,
    question=questions(),
    most=st.sampled_from([0, 1, 16]),
    threaded=st.booleans(),
)
def test_both_kernels_give_the_same(events: list[Event], question: Question, most: int, *, threaded: bool) -> None:
    """For any question, every attempt is the same in all columns, in threads, and however often rows are read."""
    rows = label_events(table(events), asked_of(question))
    with pytest.MonkeyPatch.context() as patch:
        kernels.readings(patch, most)
        if threaded:
            kernels.threads_from(patch, 1)
        result = loop_attempts(rows)

    assert result is not None
    assert_frame_equal(result, window_attempts(rows), check_row_order=False, check_column_order=True)


A, B, C = (FunnelStep(kind, kind=kind) for kind in "abc")
SECOND = FunnelStep("a again", kind="a")
LARGE = Exclusion(where=is_large)
QUESTIONS: dict[str, dict[str, Any]] = {
    "in any order": {"steps": (A, B, C), "order": "any"},
    "in any order, one of them twice, every attempt": {"steps": (A, B, SECOND), "order": "any", "attempts": "each"},
    "in any order, without large ones, the deepest": {
        "steps": (A, B, C),
        "order": "any",
        "attempts": "any",
        "exclude": (LARGE,),
    },
    "a large one between, which may be a step": {"steps": (A, B, C), "attempts": "any", "exclude": (LARGE,)},
    "no large one at all, each attempt": {
        "steps": (A, B, SECOND),
        "attempts": "each",
        "tie_break": "later",
        "exclude": (attrs.evolve(LARGE, then="remove"),),
    },
    "no large one at all, the deepest": {
        "steps": (A, B, C),
        "attempts": "any",
        "exclude": (attrs.evolve(LARGE, then="remove"),),
    },
    "the deepest, of one thing": {
        "steps": (A, B, SECOND),
        "within": minutes(3),
        "attempts": "any",
        "hold_constant": ("sku",),
    },
    "the very next, later": {"steps": (A, B, C), "order": "strict", "tie_break": "later", "attempts": "each"},
    "one that may be left out, of one thing": {
        "steps": (A, attrs.evolve(B, optional=True), attrs.evolve(C, within=minutes(4))),
        "hold_constant": ("sku",),
    },
    "two that may be left out beside each other, and one after the last": {
        "steps": (
            A,
            attrs.evolve(B, optional=True),
            FunnelStep("b and large", kind="b", where=is_large, optional=True),
            C,
            attrs.evolve(SECOND, optional=True),
        ),
    },
    "two that may be left out, later": {
        "steps": (A, attrs.evolve(B, optional=True), C, attrs.evolve(SECOND, optional=True)),
        "tie_break": "later",
        "attempts": "each",
    },
}


@pytest.mark.parametrize("changed", QUESTIONS.values(), ids=QUESTIONS)
def test_both_kernels_give_the_same_of_one_crowd(changed: dict[str, Any]) -> None:
    """The same thirty people, asked in the ways that have code of their own."""
    question = Question(**{"within": minutes(9), "as_of": START + minutes(12), **changed})
    rows = label_events(table(crowd(Random(7))), asked_of(question))
    result = loop_attempts(rows)

    assert result is not None
    assert result.height > 5
    assert_frame_equal(result, window_attempts(rows), check_row_order=False)


def test_both_kernels_give_the_same_of_many_attempts_in_one_window() -> None:
    """Rows that each attempt would read again are read once."""
    many = [Event("p", START + minutes(index) / 60, "ac"[index % 2]) for index in range(90)]
    question = Question((A, B, C), minutes(9), START + minutes(20), attempts="any")
    rows = label_events(table([*many, Event("q", START, "a"), Event("q", START, "b")]), asked_of(question))
    result = loop_attempts(rows)

    assert result is not None
    assert_frame_equal(result, window_attempts(rows), check_row_order=False)


def test_a_person_with_an_open_attempt_is_pending() -> None:
    """The deepest attempt is over because its next step is late, but a later attempt is still open."""
    events = [Event("p", START + minutes(minute), kind) for minute, kind in ((0, "a"), (1, "b"), (3, "a"))]
    steps = A, B, attrs.evolve(C, within=minutes(1))
    rows = label_events(table(events), asked_of(Question(steps, minutes(9), START + minutes(5), attempts="any")))
    result = loop_attempts(rows)

    assert result is not None
    assert result.select("reached", "state").rows() == [(2, PENDING)]
    assert_frame_equal(result, window_attempts(rows))


@pytest.mark.skipif(not FULL, reason="make test-full compiles every loop")
def test_compiled_loops_give_the_same() -> None:
    """Loops return the same rows in the same order, compiled and uncompiled."""
    for changed in QUESTIONS.values():
        question = Question(**{"within": minutes(9), "as_of": START + minutes(12), **changed})
        rows = label_events(table(crowd(Random(7))), asked_of(question))

        assert_frame_equal(loop_attempts(rows, COMPILED), loop_attempts(rows, UNCOMPILED))


def test_warm_up_needs_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra; with numba, every loop runs once."""
    warm_up()
    kernels.without_numba(monkeypatch)

    with pytest.raises(MissingExtraError, match=r"shopfunnel\[fast\]"):
        warm_up()


QUESTION = Question((FunnelStep("a", kind="a"), FunnelStep("b", kind="b")), minutes(5), START + minutes(20))
FEW = [Event("p", START, "a"), Event("p", START + minutes(1), "b"), Event("q", START, "a"), Event("r", START, "b")]


def test_too_many_conditions_are_found_by_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """If there are more steps than bits of a label, the other kernel answers."""
    kernels.few_conditions(monkeypatch)
    rows = label_events(table(FEW), asked_of(QUESTION))

    assert loop_attempts(rows) is None
    assert kernels.labelled_rows(rows) is None
    assert len(nw.to_native(attempts(rows).frame.collect())) == 2


def test_instants_without_room_for_a_label_are_found_by_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """If an instant and a label do not fit into one integer, the other kernel answers."""
    kernels.room(monkeypatch, 8)
    rows = label_events(table(FEW), asked_of(QUESTION))

    assert loop_attempts(rows) is None
    assert len(nw.to_native(attempts(rows).frame.collect())) == 2


def test_a_table_of_middle_size_waits_for_no_import(monkeypatch: pytest.MonkeyPatch) -> None:
    """If numba is not imported yet and the table is not large, the other kernel answers."""
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    rows = label_events(table(crowd(Random(7))), asked_of(QUESTION))
    expected = nw.to_native(attempts(rows).frame.collect())
    kernels.small_until(monkeypatch, 0)

    assert kernels.runner(len(FEW)) is None
    assert_frame_equal(nw.to_native(attempts(rows).frame.collect()), expected, check_row_order=False)


def test_without_numba_windows_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numba makes it faster, and nothing else."""
    rows = label_events(table(FEW), asked_of(QUESTION))
    fast = nw.to_native(attempts(rows).frame.collect())
    kernels.without_numpy(monkeypatch)

    assert_frame_equal(fast, nw.to_native(attempts(rows).frame.collect()), check_row_order=False)


def test_rows_from_elsewhere_are_read_as_they_are() -> None:
    """Rows of another engine, brought here for the question, already have their labels."""
    question = attrs.evolve(QUESTION, attempts="each")
    there = label_events(ENGINES["duckdb"]({"events": table(FEW)})["events"], asked_of(question))
    frame, frame_kind = to_local(there.frame, there.frame_kind)
    here = loop_attempts(attrs.evolve(there, shape=lambda _: frame, frame_kind=frame_kind))

    assert here is not None
    assert sorted(here["person"]) == ["p", "q"]


def test_many_people_at_real_instants(monkeypatch: pytest.MonkeyPatch) -> None:
    """The people are the same by texts, by close numbers and by numbers of many digits, in two threads."""
    kernels.threads_from(monkeypatch, 1)
    events = _synthetic_events.events(3_000)
    steps = [FunnelStep(kind, kind=kind) for kind in _synthetic_events.STEPS]
    question = Question(tuple(steps), _synthetic_events.WITHIN, _synthetic_events.AS_OF, attempts="any")
    messages = []
    for person in (pl.col("person_id"), pl.col("name"), pl.col("person_id") * 10**12):
        rows = label_events(events.select("occurred_at", "kind", person_id=person), asked_of(question))
        result = loop_attempts(rows)
        assert_frame_equal(result, window_attempts(rows), check_row_order=False)
        messages.append(result.drop("person"))

    assert_frame_equal(messages[0], messages[1], check_row_order=False)
    assert_frame_equal(messages[0], messages[2], check_row_order=False)


@pytest.mark.parametrize("entry", ["first", "any", "each"])
def test_where_nobody_enters_nothing_is_found(entry: str) -> None:
    """Rows that begin no attempt are looked at, and leave nothing behind."""
    rows = label_events(table(FEW[1:2]), asked_of(attrs.evolve(QUESTION, attempts=entry)))

    assert len(nw.to_native(attempts(rows).frame.collect())) == 0
