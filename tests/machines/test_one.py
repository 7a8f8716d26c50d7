"""The moves of one person: each at its instant, with its cause, its record and its reasons; spells, and past days."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from funnel import Facts, History, Lead, Machine, Policy, Stage, rule, stage, transitions
from funnel.errors import InstantError, TransitionError
from funnel.interactions import Complaint, FollowUp, Question, Visit
from funnel.machines import SHOP_MACHINE, Cause, PathDependentMachine, Transition
from tests.machines.model import EVERYWHERE, Region
from tests.shop import DAY, NOW, TICK, bought, did, refunded

POLICY = Policy(lapse_after=60 * DAY)
END = NOW + 300 * DAY


def moves(*records: Any, machine: Any = SHOP_MACHINE, as_of: datetime = END, policy: Policy = POLICY) -> list[str]:
    """The lines of a journey, days counted from the first of September."""
    journey = machine.transitions.of(History.of("p1", records), policy, as_of=as_of)
    return [_line(move) for move in journey]


def _line(move: Transition[Any]) -> str:
    start = move.from_stage.value if move.from_stage else "-"
    by = " ".join(filter(None, [move.record_kind, move.record_id])) or str(move.cause)
    return f"{(move.transitioned_at - NOW) / DAY:g} {start} {move.to_stage.value} {by}"


def test_every_kind_of_move_has_its_instant_and_its_record() -> None:
    """Arrival, engagement, purchases, a lapse between two purchases and one after the last, and a refund."""
    lead = Lead(person_id="p1", arrived_at=NOW, source="fair", campaign="autumn")

    lines = moves(
        lead,
        did(Visit, "v", NOW + DAY),
        bought("1", NOW + 2 * DAY),
        bought("2", NOW + 100 * DAY),
        refunded("r", "2", NOW + 110 * DAY),
        bought("3", NOW + 120 * DAY),
    )

    assert lines == [
        "0 - lead lead",
        "1 lead prospect visit v",
        "2 prospect customer purchase 1",
        "62 customer lapsed time",
        "100 lapsed repeat_customer purchase 2",
        "110 repeat_customer lapsed refund r",
        "120 lapsed repeat_customer purchase 3",
        "180 repeat_customer lapsed time",
    ]


def test_a_lapse_comes_one_microsecond_after_the_limit() -> None:
    """Silent for exactly the limit they have not lapsed; the move is known only from its own instant on."""
    history = History.of("p1", [bought("1", NOW)])

    assert len(transitions.of(history, POLICY, as_of=NOW + 60 * DAY)) == 1
    assert transitions.of(history, POLICY, as_of=NOW + 60 * DAY + TICK)[-1].transitioned_at == NOW + 60 * DAY + TICK


def test_what_time_had_done_in_any_case_is_by_time() -> None:
    """Somebody who writes at the very instant of their lapse has lapsed by time."""
    lapse = NOW + 60 * DAY + TICK
    lines = moves(bought("1", NOW), did(Complaint, "c", lapse))

    assert lines[-1].endswith("customer lapsed time")


def test_of_records_of_one_instant_the_weightiest_that_is_read_is_the_cause() -> None:
    """A purchase before a visit; what they did before what was sent to them; of two purchases the first by id.

    A purchase comes before the payment of another.
    """
    assert moves(did(Visit, "v", NOW), bought("1", NOW), as_of=NOW) == ["0 - customer purchase 1"]
    assert moves(did(FollowUp, "a", NOW), did(Visit, "v", NOW), as_of=NOW) == ["0 - prospect visit v"]
    assert moves(bought("2", NOW), bought("1", NOW), as_of=NOW) == ["0 - customer purchase 1"]
    assert moves(did(FollowUp, "a", NOW), as_of=NOW) == ["0 - lead follow_up a"]

    paid_late = bought("1", NOW - DAY, paid_at=NOW)
    assert moves(paid_late, bought("2", NOW), as_of=NOW) == [
        "-1 - prospect purchase 1",
        "0 prospect customer purchase 2",
    ]


def test_who_sent_another_comes_in_by_that() -> None:
    """A referral is a record too, without an id; a lead has none either, only where it came from is not told."""
    sent = Lead(person_id="p2", arrived_at=NOW, referred_by="p1")

    journey = transitions.of(History.of("p1", [sent]), POLICY, as_of=NOW)

    assert journey.to_dicts() == [
        {
            "transitioned_at": NOW,
            "from_stage": None,
            "to_stage": "lead",
            "cause": "event",
            "record_kind": "referral",
            "record_source": None,
            "record_id": None,
            "is_return": False,
        }
    ]


def test_reasons_are_those_of_the_rule_at_that_instant() -> None:
    """Each move can say why: the conditions that decided it then."""
    history = History.of("p1", [bought("1", NOW)])
    lapse = transitions.of(history, POLICY, as_of=END)[-1]

    assert str(lapse.why) == str(stage.why(history, POLICY, as_of=lapse.transitioned_at))
    assert "since_last_purchase is 60 d 1 µs" in str(lapse.why)


def test_spells_last_from_move_to_move() -> None:
    """The last has no end and has lasted until the evaluation time; who comes back is not new."""
    journey = transitions.of(
        History.of("p1", [bought("1", NOW), bought("2", NOW + 90 * DAY)]), POLICY, as_of=NOW + 91 * DAY
    )

    spells = [(one.stage, one.duration, one.number, one.is_return) for one in journey.spells]

    assert spells == [
        (Stage.CUSTOMER, 60 * DAY + TICK, 1, False),
        (Stage.LAPSED, 30 * DAY - TICK, 1, False),
        (Stage.REPEAT_CUSTOMER, DAY, 1, True),
    ]
    assert journey.spells[-1].ended_at is None
    assert journey.spells[0].to_dict()["stage"] == "customer"
    repeated = transitions.of(History.of("p1", [bought("1", NOW), bought("2", NOW + 90 * DAY)]), POLICY, as_of=END)
    assert repeated.spells[-1].number == 2


def test_the_stage_of_any_past_day_is_in_the_journey() -> None:
    """Before they arrived it is None; a day that is not over is refused."""
    journey = transitions.of(History.of("p1", [bought("1", NOW)]), POLICY, as_of=NOW + DAY)

    assert journey.stage_at(NOW - TICK) is None
    assert journey.stage_at(NOW) is Stage.CUSTOMER
    with pytest.raises(InstantError, match="the day is after as_of"):
        journey.stage_at(NOW + 2 * DAY)


def test_a_journey_is_written_a_line_a_move() -> None:
    """Instants are written to the minute in UTC, in the text and in HTML; an empty journey says so."""
    journey = transitions.of(
        History.of("p1", [bought("1", NOW), bought("2", NOW + 90 * DAY)]), POLICY, as_of=NOW + 90 * DAY
    )
    nobody = transitions.of(History(person_id="p1"), POLICY, as_of=NOW)

    assert str(journey).splitlines() == [
        "2026-09-01 00:00 UTC  arrives as customer  by purchase",
        "2026-10-31 00:00 UTC  customer -> lapsed  by time",
        "2026-11-30 00:00 UTC  lapsed -> repeat_customer  by purchase, won back",
    ]
    assert journey._repr_html_().count("<tr>") == 4
    assert str(nobody) == "no transitions"
    assert list(nobody) == []


# ---- machines ------------------------------------------------------------------------------------------------------


@rule
def compass(f: Facts, policy: Policy) -> Region:
    """North; east with a purchase; south after the limit."""
    if f.purchase_count == 0:
        return Region.NORTH
    return Region.SOUTH if f.since_last_purchase > policy.lapse_after else Region.EAST


def next_stage(here: Region, f: Facts, policy: Policy) -> Region:
    """North before a purchase, then east, then south forever after a silence."""
    match here:
        case Region.NORTH:
            return Region.EAST if f.purchase_count >= 1 else here
        case Region.EAST:
            return Region.SOUTH if f.since_last_purchase > policy.lapse_after else here
        case _:
            return here


def test_a_path_remembers_where_somebody_was() -> None:
    """A person in south stays there whatever happens, unlike with a rule of facts alone."""
    records = [did(Visit, "v", NOW), bought("1", NOW + DAY), bought("2", NOW + 100 * DAY)]
    path = PathDependentMachine(Region.NORTH, next_stage, EVERYWHERE)

    lines = moves(*records, machine=path, as_of=NOW + 101 * DAY)

    assert lines == ["0 - north visit v", "1 north east purchase 1", "61 east south time"]
    assert moves(*records, machine=Machine(compass, EVERYWHERE), as_of=NOW + 101 * DAY)[-1].endswith(
        "south east purchase 2"
    )
    journey = path.transitions.of(History.of("p1", records), POLICY, as_of=END)
    assert [str(move.why.answer.value) for move in journey] == ["north", "east", "south"]


def test_moves_of_one_instant_are_one_move() -> None:
    """Somebody goes on until they rest; the table must have every step of the way."""

    def through(here: Region, f: Facts, policy: Policy) -> Region:
        return {Region.NORTH: Region.EAST, Region.EAST: Region.SOUTH}.get(here, here)

    table = {Region.NORTH: {Region.EAST: Cause.EVENT}, Region.EAST: {Region.SOUTH: Cause.EVENT}, Region.SOUTH: {}}

    assert moves(did(Visit, "v", NOW), machine=PathDependentMachine(Region.NORTH, through, table)) == [
        "0 - south visit v"
    ]


def test_a_move_that_the_table_has_not_is_refused_with_a_witness() -> None:
    """The error says from where to where, by what, when, what the table has, and what was known."""
    table = {**EVERYWHERE, Region.EAST: {Region.SOUTH: Cause.EVENT}}
    machine = Machine(compass, table)

    with pytest.raises(TransitionError) as refused:
        moves(bought("1", NOW), machine=machine)

    assert str(refused.value) == (
        "the rule moves a person from east to south by time on 2026-10-31T00:00:00.000001+00:00; by time the table "
        "allows no transition (facts: purchase_count = 1, since_last_purchase = 60 d 1 µs)"
    )


def test_stages_that_never_rest_are_refused_by_name() -> None:
    """A path that leads round and round names its stages."""

    def circle(here: Region, f: Facts, policy: Policy) -> Region:
        return {Region.NORTH: Region.EAST, Region.EAST: Region.NORTH}.get(here, here)

    with pytest.raises(TransitionError, match=r"the stages north, east lead to each other in a cycle \(facts: none"):
        moves(did(Visit, "v", NOW), machine=PathDependentMachine(Region.NORTH, circle, EVERYWHERE))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: PathDependentMachine(Region.WEST, next_stage, {Region.NORTH: {}}),
            "the start stage west has no row in the table",
        ),
        (
            lambda: Machine(compass, EVERYWHERE, [(Region.NORTH, Region.NORTH)]),
            "the returns have a transition from north to north, which is not in the table",
        ),
        (
            lambda: Machine(compass, {Region.NORTH: {}})._compiled(POLICY),
            "compass returns south, which has no row in the table; the table has north",
        ),
    ],
)
def test_a_machine_that_cannot_be_is_refused(make: Any, message: str) -> None:
    """A start without a row, a return outside the table and an answer that is not a stage are refused."""
    with pytest.raises(TransitionError, match=message):
        make()


def test_a_path_is_compiled_once_for_each_policy() -> None:
    """Asked again with the same numbers it is what it was; other numbers have their own."""
    path = PathDependentMachine(Region.NORTH, next_stage, EVERYWHERE)
    first = path._compiled(POLICY)

    assert path._compiled(POLICY) is first
    assert path._compiled(Policy(lapse_after=timedelta(days=1001))) is not first


def test_rows_that_come_late_or_again_are_put_together_anew() -> None:
    """Part refunds, answers and gaps are seen at their own instants."""
    from funnel.interactions import Answer

    @rule
    def has_question(f: Facts, policy: Policy) -> Region:
        if f.open_question_count > 0:
            return Region.WEST
        return Region.SOUTH if f.net_spent >= 9 else Region.EAST if f.gap_before_last_purchase > DAY else Region.NORTH

    records = [
        did(Question, "q", NOW),
        did(Answer, "a", NOW + DAY, question_id="q"),
        bought("1", NOW + 2 * DAY, 9),
        refunded("r", "1", NOW + 3 * DAY, 2),
        bought("2", NOW + 5 * DAY, 1),
    ]
    lines = moves(*records, machine=Machine(has_question, EVERYWHERE))

    assert lines == [
        "0 - west question q",
        "1 west north answer a",
        "2 north south purchase 1",
        "3 south north refund r",
        "5 north east purchase 2",
    ]


def test_what_comes_from_them_ends_a_follow_up() -> None:
    """A follow-up is in vain until the purchase, which is then the cause."""

    @rule
    def waits(f: Facts, policy: Policy) -> Region:
        return Region.WEST if f.unanswered_follow_up_count > 0 else Region.NORTH

    lines = moves(
        did(FollowUp, "f", NOW), did(Visit, "v", NOW + DAY), did(FollowUp, "g", NOW + 2 * DAY),
        bought("1", NOW + 3 * DAY), machine=Machine(waits, EVERYWHERE),
    )  # fmt: skip

    assert lines == [
        "0 - west follow_up f",
        "1 west north visit v",
        "2 north west follow_up g",
        "3 west north purchase 1",
    ]
