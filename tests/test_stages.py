"""Stages: the stage rule, the table of transitions, and that every history keeps to the table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel import Facts, History, Policy, rule
from funnel.errors import TransitionError
from funnel.stages import SHOP_MACHINE, TRANSITIONS, Cause, Machine, PathDependentMachine, Stage, stage
from tests.frames import read
from tests.shop import DAY, END, PEOPLE, TICK, ShopFacts, by_person, few, fewer, known_by, logs_of, people, person
from tests.strategies import histories

POLICY = Policy(lapse_after=60 * DAY)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, Stage.LEAD),
        ({"lead_count": 2}, Stage.LEAD),
        ({"inbound_count": 1}, Stage.PROSPECT),
        ({"order_count": 1}, Stage.PROSPECT),
        ({"order_count": 1, "purchase_count": 1, "since_last_purchase": timedelta(0)}, Stage.CUSTOMER),
        ({"purchase_count": 1, "since_last_purchase": 60 * DAY}, Stage.CUSTOMER),
        ({"purchase_count": 1, "since_last_purchase": 60 * DAY + TICK}, Stage.LAPSED),
        ({"purchase_count": 2, "since_last_purchase": 60 * DAY}, Stage.REPEAT_CUSTOMER),
        ({"purchase_count": 2, "since_last_purchase": 60 * DAY + TICK}, Stage.LAPSED),
    ],
)
def test_a_stage_is_what_they_did(facts: dict[str, Any], expected: Stage) -> None:
    """Konsumen is not pelanggan, and silent for exactly the limit is not lapsed."""
    assert stage(person(**facts), POLICY) is expected


def test_every_stage_has_a_row_and_is_answered() -> None:
    """The table and the rule know the same stages."""
    assert set(TRANSITIONS) == set(Stage)
    assert {path.answer for path in stage.table(POLICY).paths} == {one.value for one in Stage}
    assert SHOP_MACHINE.stage is stage
    assert SHOP_MACHINE.table is TRANSITIONS


# ---- the law -------------------------------------------------------------------------------------------------------

Move = tuple[Stage, Stage, Cause]


def moves_of(history: History, policy: Policy) -> list[Move]:
    """Every move of a history with its cause, by walking its instants and what time does between them."""
    instants = sorted(
        {value for record in history.records for value in dict(record).values() if isinstance(value, datetime)}
    )
    actual: list[Move] = []
    for start, after in pairwise([*instants, END + 900 * DAY]):
        facts = Facts.of(history, as_of=start)
        actual += _by_time(facts, after, policy)
        waited, there = facts.at(after), Facts.of(history, as_of=after)
        actual += _by_event(stage(facts.at(after - TICK), policy), stage(waited, policy), stage(there, policy))
    return actual


def _by_time(facts: Facts, after: datetime, policy: Policy) -> list[Move]:
    """The moves that time makes strictly before an instant."""
    change = stage.next_change(facts, policy)
    if change is None or change >= after:
        return []
    later = facts.at(change)
    return [(stage(facts, policy), stage(later, policy), Cause.TIME), *_by_time(later, after, policy)]


def _by_event(before: Stage, waited: Stage, there: Stage) -> list[Move]:
    """The move at an instant: made by time if waiting leads to the same, or else by what happened."""
    if before == there:
        return []
    return [(before, there, Cause.TIME if waited == there else Cause.EVENT)]


@given(histories(), st.integers(1, 500).map(lambda days: Policy(lapse_after=days * DAY)))
def test_no_history_makes_a_move_that_the_table_has_not(history: History, policy: Policy) -> None:
    """Every change of stage is in the table, brought about by what the table says."""
    for start, to, cause in moves_of(history, policy):
        assert to in TRANSITIONS[start], (start, to)
        assert TRANSITIONS[start][to] in (cause, Cause.EITHER), (start, to, cause)
        assert SHOP_MACHINE.move(start, to) is to


def test_the_walk_sees_time_and_events() -> None:
    """A purchase, a lapse by time and a purchase after it are three moves, each with its cause."""
    from tests.shop import NOW, bought

    history = History.of("p1", [bought("1", NOW), bought("2", NOW + 90 * DAY)])

    assert moves_of(history, POLICY) == [
        (Stage.CUSTOMER, Stage.LAPSED, Cause.TIME),
        (Stage.LAPSED, Stage.REPEAT_CUSTOMER, Cause.EVENT),
        (Stage.REPEAT_CUSTOMER, Stage.LAPSED, Cause.TIME),
    ]


def test_a_refund_within_an_occasion_can_show_that_a_customer_lapsed() -> None:
    """A customer bought twice within hours; the later purchase is refunded when the earlier one is too long ago."""
    from tests.shop import NOW, bought, refunded

    later = bought("2", NOW + timedelta(hours=10))
    refund = refunded("r", "2", NOW + 60 * DAY + timedelta(hours=5))
    history = History.of("p1", [bought("1", NOW), later, refund])

    assert moves_of(history, POLICY) == [(Stage.CUSTOMER, Stage.LAPSED, Cause.EVENT)]
    assert TRANSITIONS[Stage.CUSTOMER][Stage.LAPSED] is Cause.EITHER
    journey = SHOP_MACHINE.transitions.of(history, POLICY, as_of=END)
    assert [(one.to_stage, one.cause, one.record_id) for one in journey][-1] == (Stage.LAPSED, Cause.EVENT, "r")


@pytest.mark.no_cover
@given(people())
@fewer
def test_the_running_facts_make_no_other_move(everyone: tuple[History, ...]) -> None:
    """From one row of the running facts to the next, the stages of everyone move only as the table says."""
    logs = logs_of(everyone)
    rows = read(stage.over(Facts.running(logs, as_of=END), POLICY))
    own = [row for row in rows if row["person_id"] in PEOPLE]
    histories_ = {history.person_id: history for history in everyone}

    for row in own:
        assert Stage(row["stage"]) is stage.of(histories_[row["person_id"]], POLICY, as_of=row["known_at"])
    for first, second in pairwise(own):
        if first["person_id"] == second["person_id"]:
            waited = _stage_at(histories_[first["person_id"]], first["known_at"], second["known_at"])
            assert SHOP_MACHINE.can_move(Stage(first["stage"]), waited)
            assert SHOP_MACHINE.can_move(waited, Stage(second["stage"]))


def _stage_at(history: History, known_at: datetime, moment: datetime) -> Stage:
    return stage(Facts.of(history, as_of=known_at).at(moment - TICK), POLICY)


@given(people())
@few
def test_the_next_change_of_everyone_is_that_of_each(everyone: tuple[History, ...]) -> None:
    """The stages and next changes of a table equal those of single persons."""
    as_of = END - 200 * DAY
    actual = by_person(stage.next_change.over(logs_of(everyone), POLICY, as_of=as_of))

    assert actual == {
        history.person_id: {
            "stage": stage.of(history, POLICY, as_of=as_of).value,
            "next_change": stage.next_change(history, POLICY, as_of=as_of),
        }
        for history in known_by(everyone, as_of)
    }


# ---- the table -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", Stage)
@pytest.mark.parametrize("to", Stage)
def test_a_move_is_in_the_table_or_raises(start: Stage, to: Stage) -> None:
    """Allowed transitions pass, staying is allowed, and any other transition raises an error."""
    if start == to or to in TRANSITIONS[start]:
        assert SHOP_MACHINE.can_move(start, to)
        assert SHOP_MACHINE.move(start, to) is to
        return

    assert not SHOP_MACHINE.can_move(start, to)
    with pytest.raises(TransitionError, match=f"the table does not allow {start.value} to {to.value}; from"):
        SHOP_MACHINE.move(start, to)


def test_a_refused_move_changes_nothing() -> None:
    """The machine is a value; after an error it is the same and answers the same."""
    before = (dict(SHOP_MACHINE.table), str(SHOP_MACHINE), SHOP_MACHINE)
    with pytest.raises(TransitionError):
        SHOP_MACHINE.move(Stage.LAPSED, Stage.LEAD)

    assert (dict(SHOP_MACHINE.table), str(SHOP_MACHINE), SHOP_MACHINE) == before
    with pytest.raises(AttributeError):
        SHOP_MACHINE.table = {}  # type: ignore[misc]


@pytest.mark.parametrize(
    ("moves", "message"),
    [
        (
            {Stage.LEAD: {Stage.CUSTOMER: Cause.EVENT}},
            "the table leads to customer, which has no row; add a row",
        ),
        ({Stage.LEAD: {Stage.LEAD: Cause.TIME}}, "the table has a transition from lead to itself; remove it"),
    ],
)
def test_a_table_that_cannot_be_walked_is_refused(moves: dict[Stage, dict[Stage, Cause]], message: str) -> None:
    """A stage without a row, and a transition to itself, are refused when the machine is created."""
    with pytest.raises(TransitionError, match=message):
        Machine(stage, moves)


def test_a_stage_that_nobody_leaves_says_so() -> None:
    """A final stage has an empty row; the error for an unknown stage lists the known stages."""
    ends = Machine(stage, {Stage.LEAD: {}})

    with pytest.raises(TransitionError, match="the table does not allow lead to customer; from lead it allows no"):
        ends.move(Stage.LEAD, Stage.CUSTOMER)
    with pytest.raises(TransitionError, match="the stage lapsed is not in the table; the table has lead"):
        ends.move(Stage.LAPSED, Stage.LEAD)
    assert str(ends) == ""
    assert ends.mermaid() == "stateDiagram-v2"


def test_the_pictures_show_every_move_once() -> None:
    """Each line of either picture is a move of the table, in its order."""
    count = sum(map(len, TRANSITIONS.values()))
    plain, diagram = str(SHOP_MACHINE).splitlines(), SHOP_MACHINE.mermaid().splitlines()

    assert len(plain) == len(diagram) - 1 == count
    assert plain[0] == "lead            -> prospect         by event"
    assert "repeat_customer -> lapsed           by event or time" in plain
    assert diagram[:2] == ["stateDiagram-v2", "    lead --> prospect: event"]


# ---- a shop's own --------------------------------------------------------------------------------------------------


class ShopStage(StrEnum):
    """The stages of a shop that honours its best customers."""

    OTHER = "other"
    VIP = "vip"


class ShopPolicy(Policy):
    """The numbers of that shop."""

    vip_orders: int = 5
    vip_spent: int = 1_000_00


@rule
def vip_stage(f: Facts, policy: ShopPolicy) -> ShopStage:
    """Five orders, or a sum."""
    if f.purchase_count >= policy.vip_orders or f.net_spent >= policy.vip_spent:
        return ShopStage.VIP
    return ShopStage.OTHER


VIP_FUNNEL = Machine(
    vip_stage,
    {ShopStage.OTHER: {ShopStage.VIP: Cause.EVENT}, ShopStage.VIP: {ShopStage.OTHER: Cause.EVENT}},
)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"purchase_count": 4, "net_spent": 999_99}, ShopStage.OTHER),
        ({"purchase_count": 5, "net_spent": 5}, ShopStage.VIP),
        ({"purchase_count": 1, "net_spent": 1_000_00}, ShopStage.VIP),
    ],
)
def test_a_shop_makes_a_stage_of_its_own(facts: dict[str, Any], expected: ShopStage) -> None:
    """A rule of five lines and a table, and everything works: one person, why, the moves."""
    assert vip_stage(person(**facts), ShopPolicy()) is expected
    assert VIP_FUNNEL.stage.why(person(**facts), ShopPolicy()).answer is expected
    assert VIP_FUNNEL.move(ShopStage.OTHER, expected) is expected
    assert VIP_FUNNEL.stage.next_change(person(**facts), ShopPolicy()) is None


@given(people())
@few
def test_a_shops_own_stage_is_the_same_for_everyone(everyone: tuple[History, ...]) -> None:
    """Over tables it answers as for each."""
    policy = ShopPolicy(vip_orders=2, vip_spent=15)
    actual = by_person(vip_stage.over(logs_of(everyone), policy, as_of=END))

    assert actual == {
        history.person_id: {"vip_stage": vip_stage.of(history, policy, as_of=END).value}
        for history in known_by(everyone, END)
    }


def _next_stage(now: Stage, f: ShopFacts, policy: ShopPolicy) -> Stage:
    """The stage is that of the stage rule; a person at the launch is not a lead."""
    return Stage.PROSPECT if f.launch_count > 0 and now is Stage.LEAD else stage(f, policy)


@pytest.mark.parametrize(
    "make",
    [lambda: Machine(stage, TRANSITIONS), lambda: PathDependentMachine(Stage.LEAD, _next_stage, TRANSITIONS)],
    ids=["rule", "path"],
)
def test_what_a_machine_keeps_ready_is_no_part_of_it(make: Callable[[], Any]) -> None:
    """It is made ready once for each policy, stays the same value, and nobody can give it what it keeps."""
    one, other, policy = make(), make(), ShopPolicy()
    ready = one._compiled(policy)

    assert one._compiled(policy) is ready
    assert one._compiled(ShopPolicy(lapse_after=DAY)) is not ready
    assert one == other
    assert "_ready" not in repr(one)
    assert "_rules" not in repr(one)
    for name in ("ready", "rules"):
        with pytest.raises(TypeError, match=f"'{name}'"):
            attrs.evolve(one, **{name: {}})
