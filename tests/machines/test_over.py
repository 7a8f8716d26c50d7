"""The moves of everyone by fixed examples: in local memory by numpy, by windows on Polars, and on DuckDB."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any

import polars as pl
import pytest

from funnel import Facts, History, Lead, Logs, Machine, Policy, rule
from funnel._dataframes import adapter
from funnel.errors import TransitionError
from funnel.facts import count, earliest, largest, latest, since, soonest
from funnel.interactions import Answer, FollowUp, Postponement, Question, Visit
from funnel.machines import SHOP_MACHINE, Cause, PathDependentMachine
from funnel.records import Record, Refund
from tests import kernels
from tests.engines import ENGINES
from tests.frames import tables
from tests.machines.model import EVERYWHERE, POLICY, Region, bare, told_of, told_over
from tests.shop import DAY, NOW, bought, did, refunded

END = NOW + 400 * DAY


@pytest.fixture(params=["polars", "windows"])
def near(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """In local memory, by numpy and by windows."""
    if request.param == "windows":
        kernels.without_numpy(monkeypatch)


@pytest.fixture(params=["polars", "windows", "duckdb"])
def on(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, pl.DataFrame]], Logs]:
    """The logs by numpy, by windows on Polars, and on DuckDB."""
    name = str(request.param)
    if name == "windows":
        kernels.without_numpy(monkeypatch)
    engine = name if name in ENGINES else "polars"
    return lambda actual: Logs(**ENGINES[engine]({log: one for log, one in actual.items() if one.height}))


def person(name: str, *records: Record) -> History:
    """The records of the one person of a case under another name."""
    numbers = ("id", "purchase_id", "question_id")

    def owned(record: Record) -> Record:
        numbers_of_record = {number: getattr(record, number, None) for number in numbers}
        person = {} if isinstance(record, Refund) else {"person_id": name}
        return record.model_copy(
            update=person | {number: f"{name}-{one}" for number, one in numbers_of_record.items() if one}
        )

    return History.of(name, [owned(record) for record in records])


CROWD = [
    person(
        "anna",
        Lead(person_id="p1", arrived_at=NOW - DAY, source="fair"),
        did(Visit, "v", NOW),
        bought("1", NOW + DAY, 5, promotion="launch"),
        bought("2", NOW + 70 * DAY, 9),
        refunded("r", "2", NOW + 75 * DAY, 4),
        refunded("s", "2", NOW + 80 * DAY, 5),
        bought("3", NOW + 300 * DAY, 2),
    ),
    person("budi", bought("1", NOW, 7), bought("2", NOW + 200 * DAY, 3), refunded("r", "1", NOW + 210 * DAY, 7)),
    person(
        "citra",
        did(FollowUp, "f", NOW + 5 * DAY),
        did(Question, "q", NOW + 6 * DAY),
        did(Answer, "a", NOW + 7 * DAY, question_id="q"),
        did(Postponement, "p", NOW + 8 * DAY, reason="no_money", until=NOW + 30 * DAY),
        did(Postponement, "o", NOW + 9 * DAY, reason="travel", until=NOW + 20 * DAY),
    ),
    person("dewi", bought("1", NOW, 0), did(FollowUp, "f", NOW)),
]


class ManyFacts(Facts):
    """Facts of forms that the library's own have not."""

    largest_score: int = largest("purchases", "net_amount", where=lambda bought: bought.net_amount < 9)
    until_first_ready: timedelta = since(soonest("postponements", "ready_from"))
    first_promotion: str = earliest("purchases", "promotion")
    last_channel: str = latest("interactions", "kind")


@rule
def by_amounts(f: ManyFacts, policy: Policy) -> Region:
    """Sums, largest amounts, averages and what was promised."""
    if f.net_spent >= 9 or f.average_purchase >= 6:
        return Region.NORTH
    if f.until_first_ready > timedelta(0):
        return Region.WEST
    return Region.EAST if f.largest_score >= 5 or f.purchase_interval < 100 * DAY else Region.SOUTH


@rule
def by_words(f: ManyFacts, policy: Policy) -> Region:
    """Texts of the first and the last record, and gaps."""
    if f.first_promotion == "launch":
        return Region.NORTH if f.gap_before_last_purchase > 60 * DAY else Region.WEST
    return Region.EAST if f.last_channel in ("question", "postponement") else Region.SOUTH


@rule
def by_nothing(f: Facts, policy: Policy) -> Region:
    """One place for all."""
    return Region.NORTH


@rule
def by_scores(f: Facts, policy: Policy) -> Region:
    """Conditions that add up, and a truth."""
    points = 2 * (f.purchase_count >= 1) + (f.since_last_purchase < 60 * DAY)
    return Region.NORTH if points + f.was_referred > 2 else Region.SOUTH


@rule
def by_waiting(f: Facts, policy: Policy) -> Region:
    """Stages by unanswered follow-ups and open questions."""
    if f.unanswered_follow_up_count > 0:
        return Region.WEST
    return Region.EAST if f.open_question_count > 0 or f.open_promise_count > 0 else Region.SOUTH


def next_stage(here: Region, f: Facts, policy: Policy) -> Region:
    """Round the compass with what they buy, and back when they are silent."""
    if here is Region.NORTH:
        return Region.EAST if f.purchase_count >= 1 else here
    if here is Region.EAST:
        return Region.SOUTH if f.since_last_purchase > 50 * DAY else here
    return Region.WEST if f.purchase_count >= 2 else here


PATH = PathDependentMachine(Region.NORTH, next_stage, EVERYWHERE, [(Region.SOUTH, Region.WEST)])
MACHINES = {
    "the funnel": SHOP_MACHINE,
    "amounts": Machine(by_amounts, EVERYWHERE, [(Region.SOUTH, Region.EAST)]),
    "words": Machine(by_words, EVERYWHERE),
    "waiting": Machine(by_waiting, EVERYWHERE),
    "nothing": Machine(by_nothing, EVERYWHERE),
    "scores": Machine(by_scores, EVERYWHERE),
    "a path": PATH,
}


def test_everyone_moves_as_each_does(on: Callable[..., Logs]) -> None:
    """Every form of fact, at several instants, some before anything was known."""
    logs = on(tables(CROWD))
    near = logs._frame_kind == "polars"

    for name in MACHINES if near else ("the funnel", "a path"):
        for as_of in (END, NOW + 75 * DAY, NOW - 10 * DAY) if near and name == "the funnel" else (END,):
            assert told_over(MACHINES[name], logs, as_of) == told_of(MACHINES[name], CROWD, as_of), name


class RepliedFacts(Facts):
    """Stages by facts that follow from two interactions."""

    own_reply_count: int = count("replies")


@rule
def by_replies(f: RepliedFacts, policy: Policy) -> Region:
    """East for who was answered."""
    return Region.EAST if f.own_reply_count >= 1 else Region.NORTH


def test_goods_that_arrive_bring_nothing_about_where_no_rule_reads_of_them(near: None) -> None:
    """The answer at the instant of arrival is the cause, for one person and for tables."""
    one_question = did(Question, "q", NOW + DAY)
    answer = did(Answer, "a", NOW + 2 * DAY, question_id="q")
    everyone = [person("anna", bought("1", NOW, delivered_at=NOW + 2 * DAY), one_question, answer)]
    machine = Machine(by_replies, EVERYWHERE)
    actual = told_over(machine, Logs(**tables(everyone)), END)

    assert actual == told_of(machine, everyone, END)
    assert actual is not None
    assert [move["record_id"] for move in actual["anna"]] == ["anna-1", "anna-a"]


def test_a_funnel_is_walked_in_full() -> None:
    """The crowd has transitions of every kind, so the comparisons are not empty."""
    actual = bare(told_of(SHOP_MACHINE, CROWD, END))

    assert actual is not None
    assert [len(actual[one.person_id]) for one in CROWD] == [7, 5, 2, 1]


def test_people_keep_their_ids() -> None:
    """They come out as they came in, whatever their order."""
    numbers = ["b", "a"]
    orders = {"id": ["1", "2"], "person_id": numbers, "purchased_at": [NOW, NOW + DAY], "amount": [9, 9]}
    logs = Logs(purchases=pl.DataFrame(orders))

    actual = told_over(SHOP_MACHINE, logs, NOW + 2 * DAY)

    assert actual is not None
    assert {number: [move["transitioned_at"] for move in moved] for number, moved in actual.items()} == {
        numbers[0]: [NOW],
        numbers[1]: [NOW + DAY],
    }


class Level(IntEnum):
    """Stages by number."""

    NONE = 0
    SOME = 1


@rule
def level(f: Facts, policy: Policy) -> Level:
    """Bought or not."""
    return Level.SOME if f.purchase_count >= 1 else Level.NONE


def test_stages_may_be_numbers() -> None:
    """Their values come out as numbers."""
    machine = Machine(level, {Level.NONE: {Level.SOME: Cause.EVENT}, Level.SOME: {Level.NONE: Cause.EVENT}})

    actual = told_over(machine, Logs(**tables(CROWD)), END)

    assert actual == told_of(machine, CROWD, END)
    assert actual is not None
    assert [move["to_stage"] for move in actual["budi"]] == [1]


@pytest.mark.parametrize(
    ("machine", "message"),
    [
        (
            Machine(by_scores, {Region.NORTH: {Region.SOUTH: Cause.EVENT}, Region.SOUTH: {Region.NORTH: Cause.EVENT}}),
            r"from north to south by time on .*; by time the table allows (no transition|south) \(facts",
        ),
        (
            PathDependentMachine(Region.NORTH, next_stage, {**EVERYWHERE, Region.EAST: {Region.SOUTH: Cause.EVENT}}),
            r"from east to south by time on .*; by time the table allows no transition \(facts: purchase_count = 1",
        ),
    ],
)
def test_what_the_table_has_not_is_refused(near: None, machine: Any, message: str) -> None:
    """With the first such move that is found, and what was known."""
    with pytest.raises(TransitionError, match=message):
        machine.transitions.over(Logs(**tables(CROWD)), POLICY, as_of=END)


def test_what_never_rests_is_refused(near: None) -> None:
    """Stages that lead round and round are named; a way round where nobody stands is none."""

    def circle(here: Region, f: Facts, policy: Policy) -> Region:
        if f.purchase_count == 0:
            return here
        return {Region.NORTH: Region.EAST, Region.EAST: Region.NORTH}.get(here, here)

    logs = Logs(**tables(CROWD))
    with pytest.raises(
        TransitionError, match=r"the stages north, east lead to each other in a cycle \(facts: purchase_count"
    ):
        PathDependentMachine(Region.NORTH, circle, EVERYWHERE).transitions.over(logs, POLICY, as_of=END)
    assert len(told_over(PathDependentMachine(Region.WEST, circle, EVERYWHERE), logs, END) or ()) == len(CROWD)


@pytest.mark.no_cover
def test_pandas_alone_is_walked_in_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Polars and numpy, the transitions are the same."""
    monkeypatch.setattr(adapter, "installed", lambda module: module == "pandas")
    kernels.without_numpy(monkeypatch)
    logs = Logs(**ENGINES["pandas"]({log: one for log, one in tables(CROWD).items() if one.height}))

    assert told_over(PATH, logs, END) == told_of(PATH, CROWD, END)


def test_a_path_has_fifteen_stages_at_most() -> None:
    """One more has no digit."""
    from enum import Enum

    many = Enum("many", [f"s{number}" for number in range(16)])  # type: ignore[misc]

    with pytest.raises(TransitionError, match=r"at most 15 stages \(got 16"):
        PathDependentMachine(many.s0, next_stage, {one: {} for one in many})  # type: ignore[attr-defined]


def test_many_people_are_found_in_several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """However people are cut into blocks, the moves are the same."""
    day = datetime(2026, 1, 1, tzinfo=UTC)
    orders = {
        "id": list(range(300)),
        "person_id": [str(number % 100) for number in range(300)],
        "purchased_at": [day + number * timedelta(hours=7) for number in range(300)],
        "amount": [9] * 300,
    }
    logs = Logs(purchases=pl.DataFrame(orders))
    whole = told_over(SHOP_MACHINE, logs, END)

    kernels.small_machine_blocks(monkeypatch)
    assert told_over(SHOP_MACHINE, logs, END) == whole


def test_a_plan_without_room_in_a_mark_is_walked_by_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that reads more than a mark has bits for is answered the other way, and as exactly."""
    kernels.no_room_for_a_machine(monkeypatch)

    assert told_over(SHOP_MACHINE, Logs(**tables(CROWD)), END) == told_of(SHOP_MACHINE, CROWD, END)
