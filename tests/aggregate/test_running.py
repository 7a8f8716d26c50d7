"""Values kept up to date while rows are added and removed are those of all the folds over the rows that are there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel._aggregate import sorted_rows
from funnel._aggregate.fold import Row
from funnel._aggregate.running import RunningFolds, expires, order_of
from funnel._aggregate.sorted_rows import SortedRows
from funnel._time import FOREVER
from funnel.facts import Facts, count, earliest, largest, latest, total
from funnel.facts._schema import fact_schema
from tests.shop import ShopFacts


class EveryWay(Facts):
    """A fact for each way to put rows together, with and without a condition."""

    largest_after_a_gap: int = largest("purchases", "net_amount", where=lambda one: one.gap > timedelta(microseconds=1))
    last_gap_of_small: timedelta = latest("purchases", "gap", where=lambda one: one.net_amount < 3)
    first_small: int = earliest("purchases", "net_amount", where=lambda one: one.net_amount < 3)
    close_count: int = count("purchases", where=lambda one: one.gap < timedelta(microseconds=2))
    close_spent: int = total("purchases", "net_amount", where=lambda one: one.gap < timedelta(microseconds=2))


PLAN = fact_schema({**ShopFacts._fact_plan.declared, **EveryWay._fact_plan.declared})
READY = PLAN.folds["purchases"]


def row(t: int, number: int, amount: int) -> Row:
    """A purchase as a row of the ledger."""
    return t, t, FOREVER, 0, "shop", str(number), 9, amount, amount % 2, "", 0, 0, 0


def values(rows: list[Row]) -> tuple[Any, ...]:
    """The values of all folds over the rows, read anew."""
    accumulated, filled = list(PLAN.empties), [False] * len(PLAN.reductions)
    READY.fill(accumulated, filled, sorted(rows, key=order_of), 100)
    return _read(accumulated, filled)


def state(folds: RunningFolds) -> tuple[Any, ...]:
    """The values of all folds, kept up to date."""
    accumulated, filled = list(PLAN.empties), [False] * len(PLAN.reductions)
    folds.write(accumulated, filled)
    return _read(accumulated, filled)


def _read(accumulated: list[Any], filled: list[bool]) -> tuple[Any, ...]:
    plain = [any(not fold.is_started for fold in group.folds) for group in READY.groups]
    return tuple(accumulated), [
        filled[group.number] for group, is_read in zip(READY.groups, plain, strict=True) if is_read
    ]


ROWS = st.lists(
    st.builds(row, st.integers(0, 9), st.integers(0, 3), st.integers(1, 4)), unique_by=lambda one: (one[0], one[5])
)


@given(ROWS, st.data())
def test_rows_may_come_and_go_in_any_order(rows: list[Row], data: st.DataObject) -> None:
    """After every change each value is that of the rows that are there."""
    start = data.draw(st.integers(0, len(rows)))
    there, folds = rows[:start], RunningFolds(READY, PLAN.empties, rows[:start])
    for one in rows[start:]:
        folds.add(one)
        there.append(one)
        assert state(folds) == values(there)
        if data.draw(st.booleans()):
            removed = there.pop(data.draw(st.integers(0, len(there) - 1)))
            folds.remove(removed)
            assert state(folds) == values(there)
    for one in data.draw(st.permutations(there)):
        folds.remove(one)
        there.remove(one)
        assert state(folds) == values(there)


def test_every_way_is_among_the_folds() -> None:
    """Sums, the smallest and the largest, the earliest and the latest, with a gap and with a condition."""
    hows = {fold.how for group in READY.groups for fold in group.folds}

    assert hows == {"sum", "smallest", "largest", "earliest", "latest"}
    assert READY.gapped
    assert {keeps is None for keeps in READY.keeps} == {True, False}


def test_a_number_that_was_removed_is_never_the_largest() -> None:
    """The largest is removed, and comes back; the ways that read a heap and those that read an end agree."""
    rows = [row(number, 0, number) for number in (1, 3, 2, 3)]
    folds = RunningFolds(READY, PLAN.empties, rows[:3])
    folds.remove(rows[1])
    assert state(folds) == values([rows[0], rows[2]])
    folds.add(rows[1])

    assert state(folds) == values(rows[:3])


def test_only_rows_that_last_count_from_now_on() -> None:
    """A row that ceases to count is not among those that live on."""
    ended = (0, 0, 5, *row(0, 1, 1)[3:])

    assert expires([ended, row(0, 2, 1)]) == [row(0, 2, 1)]


@pytest.fixture(params=[1, 2, 256])
def load(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Hold so few entries in a part that parts are made and given up."""
    monkeypatch.setattr(sorted_rows, "LOAD", request.param)
    return int(request.param)


@pytest.mark.usefixtures("load")
def test_sorted_entries_are_those_of_a_sorted_list() -> None:
    """Whatever is added and removed, in whatever order: the ends, the neighbours and the ranks are those of a list."""
    numbers = [(7 * number % 31,) for number in range(31)]
    filled: SortedRows[tuple[int]] = SortedRows(numbers[:5])
    model = sorted(numbers[:5])
    for step, one in enumerate([*numbers[5:], *numbers[::3], *numbers[1::3], *numbers[2::3]]):
        if one in model:
            filled.remove(one)
            model.remove(one)
        else:
            filled.add(one)
            model = sorted([*model, one])
        assert list(filled) == model, step
        assert bool(filled) == bool(model)
        if model:
            assert (filled.first, filled.last) == (model[0], model[-1])
        for bound in range(-1, 33):
            below = [entry for entry in model if entry < (bound,)]
            assert filled.before((bound,)) == (below[-1] if below else None)
            assert filled.rank((bound,)) == len(below)
            assert list(filled.since((bound,))) == model[len(below) :]
    assert not filled
