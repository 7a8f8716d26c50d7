"""Attempts by packed rows are those by windows, for every question."""

from __future__ import annotations

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
from funnel._dataframes.adapter import to_local
from funnel.metrics._conversion.attempts import attempts
from funnel.metrics._conversion.label_events import label_events
from funnel.metrics._conversion.query import ConversionQuery, Exclusion, FunnelStep, conversion_query
from tests import kernels
from tests.engines import ENGINES
from tests.kernels import numpy_attempts, window_attempts
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
    small=st.booleans(),
)
def test_both_kernels_give_the_same(events: list[Event], question: Question, *, small: bool) -> None:
    """Whatever is asked, every attempt is the same in every column, however the people are cut into blocks."""
    rows = label_events(table(events), asked_of(question))
    with pytest.MonkeyPatch.context() as patch:
        if small:
            kernels.cut(patch, chunk=3, rows=4)
        result = numpy_attempts(rows)

    assert result is not None
    assert_frame_equal(result, window_attempts(rows), check_row_order=False, check_column_order=True)


A, B, C = (FunnelStep(kind, kind=kind) for kind in "abc")
AGAIN = FunnelStep("a again", kind="a")
LARGE = Exclusion(where=is_large)
QUESTIONS: dict[str, dict[str, Any]] = {
    "in any order": {"steps": (A, B, C), "order": "any"},
    "in any order, one of them twice, every attempt": {"steps": (A, B, AGAIN), "order": "any", "attempts": "each"},
    "in any order, without large ones, the deepest": {
        "steps": (A, B, C),
        "order": "any",
        "attempts": "any",
        "exclude": (LARGE,),
    },
    "a large one between, which may be a step": {"steps": (A, B, C), "attempts": "any", "exclude": (LARGE,)},
    "no large one at all, each attempt": {
        "steps": (A, B, AGAIN),
        "attempts": "each",
        "tie_break": "later",
        "exclude": (attrs.evolve(LARGE, then="remove"),),
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
            attrs.evolve(AGAIN, optional=True),
        ),
    },
    "two that may be left out, later": {
        "steps": (A, attrs.evolve(B, optional=True), C, attrs.evolve(AGAIN, optional=True)),
        "tie_break": "later",
        "attempts": "each",
    },
}


@pytest.mark.parametrize("changed", QUESTIONS.values(), ids=QUESTIONS)
def test_both_kernels_give_the_same_of_one_crowd(changed: dict[str, Any]) -> None:
    """The same thirty people, asked in the ways that have code of their own."""
    question = Question(**{"within": minutes(9), "as_of": START + minutes(12), **changed})
    rows = label_events(table(crowd(Random(7))), asked_of(question))
    result = numpy_attempts(rows)

    assert result is not None
    assert result.height > 5
    assert_frame_equal(result, window_attempts(rows), check_row_order=False)


QUESTION = Question((FunnelStep("a", kind="a"), FunnelStep("b", kind="b")), minutes(5), START + minutes(20))
FEW = [Event("p", START, "a"), Event("p", START + minutes(1), "b"), Event("q", START, "a"), Event("r", START, "b")]


@pytest.mark.parametrize("limit", kernels.CONVERSION_LIMITS)
def test_what_does_not_fit_is_found_by_windows(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    """More steps, or more different marks, than there is room for: the other kernel answers."""
    kernels.limit_conversion(monkeypatch, limit)
    rows = label_events(table(FEW), asked_of(QUESTION))

    assert numpy_attempts(rows) is None
    assert len(nw.to_native(attempts(rows).frame.collect())) == 2


def test_without_numpy_windows_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numpy makes it faster, and nothing else."""
    rows = label_events(table(FEW), asked_of(QUESTION))
    fast = nw.to_native(attempts(rows).frame.collect())
    kernels.without_numpy(monkeypatch)

    assert_frame_equal(fast, nw.to_native(attempts(rows).frame.collect()), check_row_order=False)


def test_rows_brought_from_elsewhere_are_packed() -> None:
    """Rows of an engine elsewhere that were brought here for the question are packed as they are."""
    question = attrs.evolve(QUESTION, attempts="each")
    there = label_events(ENGINES["duckdb"]({"events": table(FEW)})["events"], asked_of(question))
    frame, frame_kind = to_local(there.frame, there.frame_kind)
    here = numpy_attempts(attrs.evolve(there, frame=frame, frame_kind=frame_kind))

    assert here is not None
    assert sorted(here["person"]) == ["p", "q"]


def test_many_people_at_real_instants() -> None:
    """Chunks and blocks of their usual sizes, texts and numbers for people, each way the same."""
    events = _synthetic_events.events(70_000)
    steps = [FunnelStep(kind, kind=kind) for kind in _synthetic_events.STEPS]
    question = Question(tuple(steps), _synthetic_events.WITHIN, _synthetic_events.AS_OF, attempts="any")
    messages = []
    for person in ("person_id", "name"):
        rows = label_events(events.select("occurred_at", "kind", person_id=person), asked_of(question))
        assert_frame_equal(nw.to_native(attempts(rows).frame.collect()), window_attempts(rows), check_row_order=False)
        messages.append(nw.to_native(attempts(rows).frame.collect()).drop("person"))

    assert_frame_equal(*messages, check_row_order=False)


def test_people_whose_numbers_lie_far_apart() -> None:
    """Numbers such as a shop's own customer numbers of many digits are distinct, like texts."""
    events = _synthetic_events.events(3_000).with_columns(person_id=pl.col("person_id") * 10**12)
    steps = [FunnelStep(kind, kind=kind) for kind in _synthetic_events.STEPS]
    question = Question(tuple(steps), _synthetic_events.WITHIN, _synthetic_events.AS_OF)
    rows = label_events(events.select("occurred_at", "kind", "person_id"), asked_of(question))

    assert_frame_equal(nw.to_native(attempts(rows).frame.collect()), window_attempts(rows), check_row_order=False)


@pytest.mark.parametrize("entry", ["first", "any", "each"])
def test_where_nobody_enters_nothing_is_found(entry: str) -> None:
    """Rows that begin no attempt are looked at, and leave nothing behind."""
    rows = label_events(table(FEW[1:2]), asked_of(attrs.evolve(QUESTION, attempts=entry)))

    assert len(nw.to_native(attempts(rows).frame.collect())) == 0
