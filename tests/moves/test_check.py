"""What is odd about a machine is found before anybody walks it, each with the facts that show it."""

from __future__ import annotations

from typing import Any

import pytest

from funnel import FUNNEL, Cause, Facts, Machine, PathMachine, Policy, rule
from tests.moves.model import EVERYWHERE, POLICY, Place
from tests.shop import DAY


@rule
def halves(f: Facts, policy: Policy) -> Place:
    """North, and south a day after a purchase."""
    return Place.SOUTH if f.purchase_count >= 1 and f.since_last_purchase > DAY else Place.NORTH


@rule
def words(f: Facts, policy: Policy) -> Place:
    """South for those who said something last."""
    return Place.SOUTH if f.last_interaction_direction == "in" else Place.NORTH


BOTH = {Place.NORTH: {Place.SOUTH: Cause.EITHER}, Place.SOUTH: {Place.NORTH: Cause.EVENT}}


def test_the_funnel_of_the_library_is_sound() -> None:
    """Every stage can be come to and left, and time makes no move that the table has not."""
    check = FUNNEL.check(Policy())

    assert check.is_sound
    assert str(check) == "nothing is odd"


def test_stages_that_nobody_can_be_in_or_leave_are_named() -> None:
    """Of a rule, those that it never answers with, and those with an empty row."""
    check = Machine(halves, {**BOTH, Place.WEST: {}}).check(POLICY)

    assert str(check) == "nobody can come to west\nnobody leaves west"
    assert not check.is_sound
    assert Machine(words, BOTH).check(POLICY).is_sound


def test_moves_by_time_that_the_table_has_not_are_told_with_a_witness() -> None:
    """Time lets somebody go who by the table goes by an event alone."""
    check = Machine(halves, {**BOTH, Place.NORTH: {Place.SOUTH: Cause.EVENT}}).check(POLICY)

    assert len(check.forbidden) == 1
    assert check.forbidden[0].startswith(
        "the rule moves somebody from north to south by time, which the table has not, where purchase_count = 1, "
        "since_last_purchase = 1 d 1 µs"
    )


def _path(ways: dict[Place, tuple[Place, int]]) -> Any:
    """From each place to another with so many purchases."""

    def onward(place: Place, f: Facts, policy: Policy) -> Place:
        to, least = ways.get(place, (place, 0))
        return to if f.purchase_count >= least else place

    return onward


@pytest.mark.parametrize(
    ("ways", "table", "said"),
    [
        (
            {Place.NORTH: (Place.EAST, 1), Place.SOUTH: (Place.EAST, 1)},
            EVERYWHERE,
            "nobody can come to south\nnobody can come to west\nnobody leaves east\nnobody leaves west",
        ),
        (
            {Place.NORTH: (Place.EAST, 1)},
            {Place.NORTH: {}, Place.EAST: {}},
            (
                "nobody leaves north\nnobody leaves east\n"
                "the rule moves somebody from north to east by an event or time, which the table has not, "
                "where purchase_count = 1"
            ),
        ),
        (
            {Place.NORTH: (Place.EAST, 1), Place.EAST: (Place.NORTH, 2)},
            {Place.NORTH: {Place.EAST: Cause.EVENT}, Place.EAST: {Place.NORTH: Cause.EVENT}},
            "the stages east, north lead to each other without end, where purchase_count = 2; let one of them hold",
        ),
    ],
)
def test_paths_are_looked_at_way_by_way(ways: Any, table: Any, said: str) -> None:
    """Where no way leads, where none leads on, steps that the table has not, and stages that hold of the same facts."""
    assert str(PathMachine(Place.NORTH, _path(ways), table).check(POLICY)) == said
