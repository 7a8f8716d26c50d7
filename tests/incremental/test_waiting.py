"""The open rows of a state: one more or one less is another set, and the set before stays as it was."""

from __future__ import annotations

import pickle
from copy import deepcopy
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel._aggregate.fold import Row
from funnel._aggregate.running import order_of
from funnel._time import FOREVER
from funnel.facts import Facts, count, earliest, largest, latest, total
from funnel.facts._schema import fact_schema
from funnel.incremental._open_rows import Open, Waiting

STREAM, OTHER = "open_questions", "open_complaints"


class OpenFacts(Facts):
    """A fact for each way to put rows together, with and without a condition."""

    shown: int = count(STREAM, where=lambda one: one.channel == "chat")
    first_channel: str = earliest(STREAM, "channel")
    last_channel: str = latest(STREAM, "channel", where=lambda one: one.channel != "")
    most: int = largest(STREAM, "amount")
    sum_of_all: int = total(STREAM, "amount")


PLAN = fact_schema(OpenFacts.fact_plan.declared)
READY = PLAN.folds[STREAM]


def row(t: int, number: int, channel: str, amount: int) -> Row:
    """A question as a row of the ledger."""
    return t, t, FOREVER, 2, "shop", str(number), "question", "in", channel, "", 0, 0, 0, amount


ROWS = st.lists(
    st.builds(row, st.integers(0, 9), st.integers(0, 30), st.sampled_from(["", "chat"]), st.integers(0, 4)),
    unique_by=lambda one: one[5],
    max_size=12,
)


def values(waiting: Waiting) -> tuple[object, ...]:
    """What the rows come to, and which groups keep one."""
    found = list(PLAN.empties)
    return waiting.write(STREAM, READY, found), found


def model(rows: list[Row]) -> tuple[object, ...]:
    """The same, read anew."""
    found, held = list(PLAN.empties), [False] * len(PLAN.reductions)
    READY.fill(found, held, sorted(rows, key=order_of), 100)
    kept = [[one for one in rows if keeps is None or keeps(one)] for keeps in READY.keeps]
    return tuple(bool(one) for one in kept), found


@given(ROWS, st.data())
def test_a_change_makes_another_set(rows: list[Row], data: st.DataObject) -> None:
    """After every change the values are those of the rows; the set before the change has the rows that it had."""
    waiting, there = Waiting.of([(OTHER, row(5, 99, "", 0))]), list[Row]()
    for one in rows:
        before = waiting
        waiting = waiting.put(STREAM, one)
        assert list(before) == _listed(there)
        there.append(one)
        assert (values(waiting), len(waiting)) == (model(there), len(there) + 1)
        if data.draw(st.booleans()):
            gone = there.pop(data.draw(st.integers(0, len(there) - 1)))
            before, waiting = waiting, waiting.without(STREAM, (str(gone[4]), str(gone[5])))
            assert list(before) == _listed([*there, gone])
        assert values(waiting) == model(there)
        assert list(waiting) == _listed(there)


def _listed(rows: list[Row]) -> list[Open]:
    return [(OTHER, row(5, 99, "", 0)), *((STREAM, one) for one in sorted(rows, key=order_of))]


@given(ROWS, st.data())
def test_sets_of_the_same_rows_are_equal(rows: list[Row], data: st.DataObject) -> None:
    """In whatever order the rows came; copies and pickles are equal too, before and after a question."""
    opened = [(STREAM, one) for one in rows]
    one, other = Waiting.of(opened), Waiting.of(data.draw(st.permutations(opened)))
    values(one)

    for same in (other, deepcopy(one), pickle.loads(pickle.dumps(one))):  # noqa: S301 - made here
        assert (same, hash(same), values(same)) == (one, hash(one), values(one))
    assert one != tuple(one)
    assert one != one.put(STREAM, row(3, 77, "", 1))


@pytest.mark.parametrize("seed", range(4))
def test_rows_may_come_and_go_in_any_order(seed: int) -> None:
    """Whatever comes and goes, the values are those of the rows that are there."""
    pick = Random(seed)
    rows = [row(number % 5, number, pick.choice(["", "chat"]), number % 3) for number in range(20)]
    waiting, there = Waiting.of([]), list[Row]()
    for one in pick.sample(rows, len(rows)):
        waiting = waiting.put(STREAM, one)
        there.append(one)
        assert values(waiting) == model(there)
    assert waiting == Waiting.of([(STREAM, one) for one in rows])
    assert hash(waiting) == hash(deepcopy(waiting))
    assert waiting != tuple(waiting)
    for one in pick.sample(rows, len(rows)):
        waiting = waiting.without(STREAM, (str(one[4]), str(one[5])))
        there.remove(one)
        assert values(waiting) == model(there)
        assert len(waiting) == len(there)


def test_what_is_not_there_is_not_removed() -> None:
    """An answer to nothing leaves the same set, and the last row leaves an empty one."""
    waiting = Waiting.of([(STREAM, row(1, 1, "", 0))])

    assert waiting.without(STREAM, ("shop", "2")) is waiting
    assert waiting.without(OTHER, ("shop", "1")) is waiting
    assert list(waiting.without(STREAM, ("shop", "1"))) == []


def test_every_way_is_among_the_folds() -> None:
    """Sums, the smallest and the largest, the earliest and the latest."""
    assert {fold.how for group in READY.groups for fold in group.folds} == {
        "sum",
        "smallest",
        "largest",
        "earliest",
        "latest",
    }
