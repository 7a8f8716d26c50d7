"""Static checks of machines: each problem comes with facts that show it."""

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
from funnel.machines._check import ExploredTransition, explore
from funnel.stages import Stage
from tests.machines.model import EVERYWHERE, POLICY, Region, machines, path_machines
from tests.shop import DAY, fewer


@rule
def halves(f: Facts, policy: Policy) -> Region:
    """North, and south a day after a purchase."""
    return Region.SOUTH if f.purchase_count >= 1 and f.since_last_purchase > DAY else Region.NORTH


@rule
def words(f: Facts, policy: Policy) -> Region:
    """South for those who said something last."""
    return Region.SOUTH if f.last_interaction_direction == "in" else Region.NORTH


BOTH = {Region.NORTH: {Region.SOUTH: Cause.EITHER}, Region.SOUTH: {Region.NORTH: Cause.EVENT}}


def test_the_funnel_of_the_library_is_sound() -> None:
    """Every stage is reachable and has an exit, and the rule makes no forbidden transition."""
    check = SHOP_MACHINE.check(Policy())

    assert check.is_sound
    assert str(check) == "no problems found"


def test_stages_that_nobody_can_be_in_or_leave_are_named() -> None:
    """Unreachable stages are never returned by the rule; traps have an empty row."""
    check = Machine(halves, {**BOTH, Region.WEST: {}}).check(POLICY)

    assert str(check) == "no path leads to west\nno path leaves west"
    assert not check.is_sound
    assert Machine(words, BOTH).check(POLICY).is_sound


def test_moves_by_time_that_the_table_has_not_are_told_with_a_witness() -> None:
    """Time lets somebody go who by the table goes by an event alone."""
    check = Machine(halves, {**BOTH, Region.NORTH: {Region.SOUTH: Cause.EVENT}}).check(POLICY)

    assert len(check.forbidden) == 1
    assert check.forbidden[0].startswith(
        "the rule moves a person from north to south by time, which the table does not allow (facts: "
        "purchase_count = 1, since_last_purchase = 1 d 1 µs"
    )


def _bits(cause: Cause) -> set[str]:
    return {"event", "time"} if cause is Cause.EITHER else {str(cause)}


def test_people_of_a_few_records_make_every_move_of_the_funnel_and_no_other() -> None:
    """The search finds all that the table has, by event and by time; so whatever is taken from it would be found."""
    compiled = SHOP_MACHINE._compiled(Policy())
    created = [one.step for one in explore(compiled) if one.step.before is not None]

    actual = {
        (compiled.stages[step.before or 0], compiled.stages[step.to], "time" if step.by > 1 else "event")
        for step in created
    }
    table = {(start, to, by) for start, row in TRANSITIONS.items() for to, cause in row.items() for by in _bits(cause)}
    assert actual == table


@pytest.mark.parametrize(
    ("start", "to", "message"),
    [
        (Stage.PROSPECT, Stage.CUSTOMER, "visit, after 1 µs purchase"),
        (Stage.REPEAT_CUSTOMER, Stage.PROSPECT, "purchase, after 1 d purchase, after 1 µs refund, refund"),
    ],
)
def test_moves_by_events_that_the_table_has_not_are_told_with_a_person(start: Stage, to: Stage, message: str) -> None:
    """Somebody of a few records makes them: two refunds at one instant leave out the stage between."""
    table = {
        here: {there: by for there, by in row.items() if (here, there) != (start, to)}
        for here, row in TRANSITIONS.items()
    }
    machine = Machine(SHOP_MACHINE.stage, table)
    [actual] = machine.check(Policy()).forbidden

    assert actual.startswith(
        f"the rule moves a person from {start} to {to} by an event, which the table does not allow (facts: "
    )
    assert actual.endswith(f"; records: {message})")


@rule
def returning(f: Facts, policy: Policy) -> Region:
    """South from the second occasion on; time changes nothing."""
    return Region.SOUTH if f.occasion_count >= 2 else Region.NORTH


def test_a_purchase_as_late_as_a_condition_asks_is_tried() -> None:
    """Time changes no stage, but the time between two purchases decides whether they are two occasions."""
    table = {Region.NORTH: {}, Region.SOUTH: {Region.NORTH: Cause.EVENT}}
    [actual] = Machine(returning, table).check(POLICY).forbidden

    assert actual.endswith("; records: purchase, after 1 d purchase)")


def _refused(machine: Any, one: ExploredTransition, as_of: datetime) -> None:
    with pytest.raises(TransitionError):
        machine.transitions.of(History.of("somebody", one.records), POLICY, as_of=as_of)


@fewer
@given(machines({index: {} for index in Region}) | path_machines({index: {} for index in Region}))
def test_whoever_is_found_to_move_is_somebody_whose_moves_are_refused(machine: Any) -> None:
    """By a table without a move, each move that is found is of a person whose moves cannot be told."""
    try:
        actual = list(explore(machine._compiled(POLICY)))
    except TransitionError:
        return
    for one in actual:
        if one.step.before is not None:
            _refused(machine, one, instant(one.step.at))


class Talked(Facts):
    """Facts with the kind of the last interaction."""

    last_kind: str = latest("interactions", "kind")


@rule
def spoken(f: Talked, policy: Policy) -> Region:
    """South if the last interaction is a question, east if it is a visit."""
    if f.last_kind == "question":
        return Region.SOUTH
    return Region.EAST if f.last_kind == "visit" else Region.NORTH


def test_kinds_of_interactions_are_told_apart_where_they_are_read() -> None:
    """A rule that asks for a kind is met with each; one that does not, with one kind of each direction."""
    check = Machine(spoken, {Region.NORTH: {}, Region.SOUTH: {}, Region.EAST: {}}).check(POLICY)

    moves = {one.removeprefix("the rule moves a person from ").split(" by ")[0] for one in check.forbidden}
    assert moves == {f"{a} to {b}" for a in ("north", "south", "east") for b in ("north", "south", "east") if a != b}


def test_stages_that_lead_round_for_real_people_alone_overlap() -> None:
    """Each path alone has a final stage; a person with a purchase and a visit has none."""

    def next_stage(here: Region, f: Facts, policy: Policy) -> Region:
        if here is Region.NORTH:
            return Region.EAST if f.purchase_count >= 1 else here
        return Region.NORTH if f.inbound_count >= 1 else here

    table = {Region.NORTH: {Region.EAST: Cause.EVENT}, Region.EAST: {Region.NORTH: Cause.EVENT}}
    check = PathDependentMachine(Region.NORTH, next_stage, table).check(POLICY)

    assert "lead to each other in a cycle (facts: purchase_count = 1, inbound_count = 1" in str(check)


def _path(forms: dict[Region, tuple[Region, int]]) -> Any:
    """Return a function that moves from each stage to another from a number of purchases on."""

    def next_stage(here: Region, f: Facts, policy: Policy) -> Region:
        to, min_people = forms.get(here, (here, 0))
        return to if f.purchase_count >= min_people else here

    return next_stage


@pytest.mark.parametrize(
    ("forms", "table", "message"),
    [
        (
            {Region.NORTH: (Region.EAST, 1), Region.SOUTH: (Region.EAST, 1)},
            EVERYWHERE,
            "no path leads to south\nno path leads to west\nno path leaves east\nno path leaves west",
        ),
        (
            {Region.NORTH: (Region.EAST, 1)},
            {Region.NORTH: {}, Region.EAST: {}},
            (
                "no path leaves north\nno path leaves east\n"
                "the rule moves a person from north to east by an event or time, which the table does not allow "
                "(facts: purchase_count = 1)"
            ),
        ),
        (
            {Region.NORTH: (Region.EAST, 1), Region.EAST: (Region.NORTH, 2)},
            {Region.NORTH: {Region.EAST: Cause.EVENT}, Region.EAST: {Region.NORTH: Cause.EVENT}},
            (
                "the stages east, north lead to each other in a cycle (facts: purchase_count = 2); "
                "make one of them stay the same"
            ),
        ),
    ],
)
def test_paths_are_looked_at_way_by_way(forms: Any, table: Any, message: str) -> None:
    """The check finds unreachable stages, traps, forbidden transitions and overlapping stages."""
    assert str(PathDependentMachine(Region.NORTH, _path(forms), table).check(POLICY)) == message


class Odd(StrEnum):
    """Stages with names that Mermaid does not allow."""

    END = "end"
    BROKEN = 'two "words"\n--> x; #1'
    SHADOWED = "stage_1"
    PLAIN = "plain"


def test_a_picture_escapes_the_names_of_stages() -> None:
    """A name with spaces, quotes, line breaks or a meaning of its own breaks neither the diagram nor the text."""
    table = {
        Odd.END: {Odd.BROKEN: Cause.EVENT},
        Odd.BROKEN: {Odd.PLAIN: Cause.TIME},
        Odd.SHADOWED: {Odd.END: Cause.EITHER},
        Odd.PLAIN: {},
    }

    @rule
    def odd(f: Facts, policy: Policy) -> Odd:
        return Odd.END if f.purchase_count else Odd.PLAIN

    machine = Machine(odd, table)
    diagram = machine.mermaid().splitlines()

    assert diagram == [
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

    for next_stage, why in ((unknown, "its annotations use 'Nowhere'"), (short, "its parameters differ")):
        with pytest.raises(ArgumentError, match=why):
            PathDependentMachine(Stage.LEAD, next_stage, {Stage.LEAD: {}})  # type: ignore[arg-type]
