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

from benchmarks import _made_up_events
from funnel._dataframes.adapter import to_local
from funnel._dataframes.packed import chunks, partition
from funnel.metrics._conversion import attempts as found
from funnel.metrics._conversion import narwhals_kernel, packed
from funnel.metrics._conversion.attempts import attempts
from funnel.metrics._conversion.label_events import LabelledEvents, label_events
from funnel.metrics._conversion.packed import numpy_kernel
from funnel.metrics._conversion.query import ConversionQuery, conversion_query
from funnel.metrics._conversion.steps import Exclusion, FunnelStep
from tests.engines import ENGINES
from tests.metrics.conversion.model import Event, Question
from tests.metrics.conversion.questions import CROWDS, START, crowd, is_large, minutes, questions, table


def asked_of(question: Question) -> ConversionQuery:
    """The question as the library reads it."""
    return conversion_query(
        question.steps,
        within=question.within,
        as_of=question.as_of,
        order=question.order,  # type: ignore[arg-type]
        attempts=question.attempts,  # type: ignore[arg-type]
        tie_break=question.tie_break,  # type: ignore[arg-type]
        hold_constant=question.hold_constant,
        by=None,
        exclude=question.exclude,
    )


def by_windows(given_rows: LabelledEvents) -> pl.DataFrame:
    """The attempts by windows."""
    rows = narwhals_kernel.numbered(given_rows.frame, given_rows.plan)
    return nw.to_native(narwhals_kernel.attempts(rows, given_rows.plan).collect())


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
            patch.setattr(chunks, "CHUNK", 3)
            patch.setattr(partition, "ROWS", 4)
        found = packed.attempts(rows)

    assert found is not None
    assert_frame_equal(nw.to_native(found.collect()), by_windows(rows), check_row_order=False, check_column_order=True)


A, B, C = (FunnelStep(kind, kind=kind) for kind in "abc")
AGAIN = FunnelStep("a again", kind="a")
LARGE = Exclusion(where=is_large)
ASKED: dict[str, dict[str, Any]] = {
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


@pytest.mark.parametrize("changed", ASKED.values(), ids=ASKED)
def test_both_kernels_give_the_same_of_one_crowd(changed: dict[str, Any]) -> None:
    """The same thirty people, asked in the ways that have code of their own."""
    question = Question(**{"within": minutes(9), "as_of": START + minutes(12), **changed})
    rows = label_events(table(crowd(Random(7))), asked_of(question))
    found = packed.attempts(rows)

    assert found is not None
    told = nw.to_native(found.collect())
    assert told.height > 5
    assert_frame_equal(told, by_windows(rows), check_row_order=False)


QUESTION = Question((FunnelStep("a", kind="a"), FunnelStep("b", kind="b")), minutes(5), START + minutes(20))
FEW = [Event("p", START, "a"), Event("p", START + minutes(1), "b"), Event("q", START, "a"), Event("r", START, "b")]


@pytest.mark.parametrize(("limit", "value"), [("MOST_BITS", 2), ("MOST_CODES", 1)])
def test_what_does_not_fit_is_found_by_windows(monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    """More steps, or more different marks, than there is room for: the other kernel answers."""
    monkeypatch.setattr(numpy_kernel, limit, value)
    rows = label_events(table(FEW), asked_of(QUESTION))

    assert packed.attempts(rows) is None
    assert len(nw.to_native(attempts(rows).frame.collect())) == 2


def test_without_numpy_windows_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numpy makes it faster, and nothing else."""
    rows = label_events(table(FEW), asked_of(QUESTION))
    fast = nw.to_native(attempts(rows).frame.collect())
    monkeypatch.setattr(found, "installed", lambda module: module != "numpy")

    assert_frame_equal(fast, nw.to_native(attempts(rows).frame.collect()), check_row_order=False)


def test_rows_brought_from_elsewhere_are_packed() -> None:
    """Rows of an engine elsewhere that were brought here for the question are packed as they are."""
    question = attrs.evolve(QUESTION, attempts="each")
    there = label_events(ENGINES["duckdb"]({"events": table(FEW)})["events"], asked_of(question))
    frame, home = to_local(there.frame, there.home)
    here = packed.attempts(attrs.evolve(there, frame=frame, home=home))

    assert here is not None
    assert sorted(nw.to_native(here.collect())["person"]) == ["p", "q"]


def test_many_people_at_real_instants() -> None:
    """Chunks and blocks of their usual sizes, texts and numbers for people, each way the same."""
    events = _made_up_events.events(70_000)
    steps = [FunnelStep(kind, kind=kind) for kind in _made_up_events.STEPS]
    question = Question(tuple(steps), _made_up_events.WITHIN, _made_up_events.AS_OF, attempts="any")
    told = []
    for person in ("person_id", "name"):
        rows = label_events(events.select("occurred_at", "kind", person_id=person), asked_of(question))
        assert_frame_equal(nw.to_native(attempts(rows).frame.collect()), by_windows(rows), check_row_order=False)
        told.append(nw.to_native(attempts(rows).frame.collect()).drop("person"))

    assert_frame_equal(*told, check_row_order=False)


def test_people_whose_numbers_lie_far_apart() -> None:
    """Numbers such as a shop's own customer numbers of many digits are told apart like texts."""
    events = _made_up_events.events(3_000).with_columns(person_id=pl.col("person_id") * 10**12)
    steps = [FunnelStep(kind, kind=kind) for kind in _made_up_events.STEPS]
    question = Question(tuple(steps), _made_up_events.WITHIN, _made_up_events.AS_OF)
    rows = label_events(events.select("occurred_at", "kind", "person_id"), asked_of(question))

    assert_frame_equal(nw.to_native(attempts(rows).frame.collect()), by_windows(rows), check_row_order=False)


@pytest.mark.parametrize("entry", ["first", "any", "each"])
def test_where_nobody_enters_nothing_is_found(entry: str) -> None:
    """Rows that begin no attempt are looked at, and leave nothing behind."""
    rows = label_events(table(FEW[1:2]), asked_of(attrs.evolve(QUESTION, attempts=entry)))

    assert len(nw.to_native(attempts(rows).frame.collect())) == 0
