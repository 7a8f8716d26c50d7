"""What is odd about a machine is found before anybody walks it, each with the facts that show it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given

from funnel import Facts, History, Machine, Policy, rule
from funnel._time import instant
from funnel.errors import ArgumentError, TransitionError
from funnel.facts import latest
from funnel.machines import SHOP_MACHINE, TRANSITIONS, Cause, PathDependentMachine
from funnel.machines._explore import ExploredTransition, explore
from funnel.stages import Stage
from tests.machines.model import EVERYWHERE, POLICY, Place, machines, path_machines
from tests.shop import DAY, fewer


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
    check = SHOP_MACHINE.check(Policy())

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


def _bits(cause: Cause) -> set[str]:
    return {"event", "time"} if cause is Cause.EITHER else {str(cause)}


def test_people_of_a_few_records_make_every_move_of_the_funnel_and_no_other() -> None:
    """The search finds all that the table has, by event and by time; so whatever is taken from it would be found."""
    course = SHOP_MACHINE.course(Policy())
    made = [one.step for one in explore(course) if one.step.before is not None]

    found = {
        (course.stages[step.before or 0], course.stages[step.to], "time" if step.by > 1 else "event") for step in made
    }
    table = {(start, to, by) for start, row in TRANSITIONS.items() for to, cause in row.items() for by in _bits(cause)}
    assert found == table


@pytest.mark.parametrize(
    ("start", "to", "said"),
    [
        (Stage.PROSPECT, Stage.REPEAT_CUSTOMER, "visit, after 1 µs purchase, purchase"),
        (Stage.REPEAT_CUSTOMER, Stage.PROSPECT, "purchase, purchase, after 1 µs refund, refund"),
    ],
)
def test_moves_by_events_that_the_table_has_not_are_told_with_a_person(start: Stage, to: Stage, said: str) -> None:
    """Somebody of a few records makes them: two purchases at one instant leave out the stage between."""
    table = {
        here: {there: by for there, by in row.items() if (here, there) != (start, to)}
        for here, row in TRANSITIONS.items()
    }
    machine = Machine(SHOP_MACHINE.stage, table)
    [found] = machine.check(Policy()).forbidden

    assert found.startswith(
        f"the rule moves somebody from {start} to {to} by an event, which the table has not, where "
    )
    assert found.endswith(f", as by: {said}")


def _refused(machine: Any, one: ExploredTransition, as_of: datetime) -> None:
    with pytest.raises(TransitionError):
        machine.transitions.of(History.of("somebody", one.records), POLICY, as_of=as_of)


@fewer
@given(machines({place: {} for place in Place}) | path_machines({place: {} for place in Place}))
def test_whoever_is_found_to_move_is_somebody_whose_moves_are_refused(machine: Any) -> None:
    """By a table without a move, each move that is found is of a person whose moves cannot be told."""
    try:
        found = list(explore(machine.course(POLICY)))
    except TransitionError:
        return
    for one in found:
        if one.step.before is not None:
            _refused(machine, one, instant(one.step.at))


class Talked(Facts):
    """What was said last."""

    last_kind: str = latest("interactions", "kind")


@rule
def spoken(f: Talked, policy: Policy) -> Place:
    """South for those who asked something last, and east for those whom it was that came."""
    if f.last_kind == "question":
        return Place.SOUTH
    return Place.EAST if f.last_kind == "visit" else Place.NORTH


def test_kinds_of_interactions_are_told_apart_where_they_are_read() -> None:
    """A rule that asks for a kind is met with each; one that does not, with one kind of each direction."""
    check = Machine(spoken, {Place.NORTH: {}, Place.SOUTH: {}, Place.EAST: {}}).check(POLICY)

    moves = {one.removeprefix("the rule moves somebody from ").split(" by ")[0] for one in check.forbidden}
    assert moves == {f"{a} to {b}" for a in ("north", "south", "east") for b in ("north", "south", "east") if a != b}


def test_stages_that_lead_round_for_real_people_alone_overlap() -> None:
    """Each way by itself has somewhere to rest; who has bought and spoken has not."""

    def next_stage(place: Place, f: Facts, policy: Policy) -> Place:
        if place is Place.NORTH:
            return Place.EAST if f.purchase_count >= 1 else place
        return Place.NORTH if f.inbound_count >= 1 else place

    table = {Place.NORTH: {Place.EAST: Cause.EVENT}, Place.EAST: {Place.NORTH: Cause.EVENT}}
    check = PathDependentMachine(Place.NORTH, next_stage, table).check(POLICY)

    assert "lead to each other without end, where purchase_count = 1, inbound_count = 1" in str(check)


def _path(ways: dict[Place, tuple[Place, int]]) -> Any:
    """From each place to another with so many purchases."""

    def next_stage(place: Place, f: Facts, policy: Policy) -> Place:
        to, min_people = ways.get(place, (place, 0))
        return to if f.purchase_count >= min_people else place

    return next_stage


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
    assert str(PathDependentMachine(Place.NORTH, _path(ways), table).check(POLICY)) == said


class Odd(StrEnum):
    """Stages whose names are no names of Mermaid."""

    END = "end"
    BROKEN = 'two "words"\n--> x; #1'
    TAKEN = "stage_1"
    PLAIN = "plain"


def test_a_picture_escapes_the_names_of_stages() -> None:
    """A name with spaces, quotes, line breaks or a meaning of its own breaks neither the diagram nor the text."""
    table = {
        Odd.END: {Odd.BROKEN: Cause.EVENT},
        Odd.BROKEN: {Odd.PLAIN: Cause.TIME},
        Odd.TAKEN: {Odd.END: Cause.EITHER},
        Odd.PLAIN: {},
    }

    @rule
    def odd(f: Facts, policy: Policy) -> Odd:
        return Odd.END if f.purchase_count else Odd.PLAIN

    machine = Machine(odd, table)
    drawn = machine.mermaid().splitlines()

    assert drawn == [
        "stateDiagram-v2",
        '    state "end" as stage__1',
        '    state "two #quot;words#quot;\\n--#gt; x#59; #35;1" as stage__2',
        "    stage__1 --> stage__2: event",
        "    stage__2 --> plain: time",
        "    stage_1 --> stage__1: event or time",
    ]
    assert len(str(machine).splitlines()) == 3


def test_a_function_whose_types_are_not_known_makes_no_machine() -> None:
    """The names of its annotations cannot be found, or it takes other parameters."""

    def unknown(here: Stage, f: Nowhere, policy: Policy) -> Stage:  # type: ignore[name-defined]  # noqa: F821
        return here

    def short(here: Stage, f: Facts) -> Stage:
        return here

    for next_stage, why in ((unknown, "its annotations name 'Nowhere'"), (short, "its parameters are others")):
        with pytest.raises(ArgumentError, match=why):
            PathDependentMachine(Stage.LEAD, next_stage, {Stage.LEAD: {}})  # type: ignore[arg-type]
