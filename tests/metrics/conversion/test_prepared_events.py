"""`Events`: a funnel of prepared events is that of the dataframe."""

from __future__ import annotations

import copy
import pickle
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from funnel import FunnelStep
from funnel.errors import LogsError
from funnel.metrics import Events, FunnelResult
from tests import kernels
from tests.engines import HERE, on
from tests.metrics.conversion.model import Event, Question
from tests.metrics.conversion.questions import CROWDS, START, crowd, funnel_of, is_large, minutes, questions, table

FEW = table(crowd(Random(7)))
STEPS = tuple(FunnelStep(kind, kind=kind) for kind in "abc")
QUESTION = Question(STEPS, minutes(9), START + minutes(12), attempts="any")


def attempts_of(funnel: FunnelResult[Any]) -> pl.DataFrame:
    """The attempts that a funnel counts."""
    frame: pl.DataFrame = funnel._columns.attempts.frame.collect().to_native()
    return frame


@pytest.mark.no_cover
@given(events=CROWDS, question=questions(), numbers=st.booleans())
def test_answers_are_those_of_the_dataframe(events: list[Event], question: Question, *, numbers: bool) -> None:
    """Any question has the same answer and the same attempts, with ids as texts and as whole numbers."""
    frame = table(events)
    if numbers:
        frame = frame.with_columns(pl.col("person_id").str.slice(1).cast(pl.Int64) * 3)
    expected, funnel = funnel_of(frame, question), funnel_of(Events(frame), question)

    assert funnel == expected
    assert_frame_equal(attempts_of(funnel), attempts_of(expected), check_row_order=False)


@pytest.mark.parametrize("engine", HERE)
def test_every_engine(engine: str) -> None:
    """Prepared events of every engine answer two questions, and the results have the type of the dataframe."""
    frame = on(engine, {"events": FEW})["events"]
    events = Events(frame)
    for question in (QUESTION, Question(STEPS[:2], minutes(4), START + minutes(12), hold_constant=("sku",))):
        assert funnel_of(events, question) == funnel_of(frame, question)
    assert type(funnel_of(events, QUESTION).people("b")) is type(funnel_of(frame, QUESTION).people("b"))


def test_later_results_of_a_funnel() -> None:
    """Groups and drivers read the same columns."""
    from_events, from_frame = (funnel_of(one, QUESTION, by="sku") for one in (Events(FEW), FEW))

    assert from_events == from_frame
    assert from_events.drivers("sku") == from_frame.drivers("sku")


def test_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows answer the same."""
    expected = funnel_of(FEW, QUESTION)
    kernels.without_numpy(monkeypatch)

    assert funnel_of(Events(FEW), QUESTION) == expected


def test_no_events() -> None:
    """Events without rows have an empty funnel."""
    assert [step.reached for step in funnel_of(Events(FEW.clear()), QUESTION).steps] == [0, 0, 0]


def test_bad_rows_are_refused_at_once() -> None:
    """People and instants are checked before the first question, and all problems are reported together."""
    bad = FEW.head(3).with_columns(
        person_id=pl.Series(["a", " ", "b\x00"]), occurred_at=pl.lit(None, pl.Datetime("us", "UTC"))
    )
    with pytest.raises(LogsError, match=r"(?s)is empty; give the instant.*row 2\): is blank.*row 3\): has more than"):
        Events(bad)


def test_compared_numbers_are_checked_by_the_question() -> None:
    """A number that no condition can compare is refused, with the row of the dataframe."""
    events = Events(FEW.with_columns(amount=pl.when(pl.int_range(pl.len()) == 4).then(10**16).otherwise("amount")))
    steps = (FunnelStep("a", kind="a"), FunnelStep("large", where=is_large))

    assert funnel_of(events, QUESTION).entered > 0
    with pytest.raises(LogsError, match=r"amount: 1 row \(row 5\): lies outside"):
        funnel_of(events, Question(steps, minutes(9), START + minutes(12)))


def test_copies() -> None:
    """Copies and pickles give the same answer, and the text of prepared events shows no person."""
    events = Events(FEW)
    for one in (copy.deepcopy(events), pickle.loads(pickle.dumps(events))):  # noqa: S301 (our own)
        assert funnel_of(one, QUESTION) == funnel_of(events, QUESTION)
    assert repr(events) == "Events()"
