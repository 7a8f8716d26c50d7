"""Facts with a window: the records of the last days, in every form, as time passes and as records come."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given

from funnel import History, LiveFacts, Logs, Machine, Policy, Rule, SqliteStore, rule
from funnel.errors import ArgumentError, FactsError, TransitionError
from funnel.facts import Facts, count, earliest, exists, first, largest, last, latest, mean, mean_gap, since, total
from funnel.facts._base import BaseFacts
from funnel.interactions import Answer, FollowUp, Question, Visit
from funnel.machines import Cause
from funnel.records import Record, Refund
from tests.engines import asked_of
from tests.frames import as_instant, read, tables
from tests.laws.test_engines import logs_on
from tests.machines.model import EVERYWHERE, Region, as_ofs, crowds
from tests.random_rules import RandomRule, rules
from tests.shop import DAY, NOW, TICK, bought, did, logs_of, refunded

W = 90 * DAY
POLICY = Policy()


class Recent(Facts):
    """Facts of the last 90 days."""

    recent_count: int = count("purchases", within=W)
    recent_spent: int = total("purchases", "net_amount", within=W)
    recent_largest: int = largest("purchases", "net_amount", within="90 days")
    recent_average: int = mean("purchases", "net_amount", within=W)
    has_asked: bool = exists("questions", within=relativedelta(days=+30))


@rule
def is_active(f: Recent, policy: Policy) -> bool:
    """Bought twice in the last 90 days."""
    return f.recent_count >= 2


def one_table(facts: type[BaseFacts], history: History, as_of: datetime) -> dict[str, Any]:
    """The facts of one person from tables."""
    (row,) = read(facts.over(logs_of([history]), as_of=as_of))
    return {name: value for name, value in row.items() if name != "person_id"}


# ---- the boundary --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("age", "counts"), [(W - TICK, 1), (W, 1), (W + TICK, 0)])
def test_a_window_includes_its_end(age: timedelta, counts: int) -> None:
    """A purchase of exactly 90 days ago counts, and one of a microsecond more does not."""
    history = History.of("p1", [bought("1", NOW - age, 9)])
    facts = Recent.of(history, as_of=NOW)

    assert (facts.recent_count, facts.recent_spent, facts.recent_largest) == (counts, 9 * counts, 9 * counts)
    assert facts.recent_average == 9 * counts
    assert one_table(Recent, history, NOW) == facts.to_dict()


def test_the_next_change_is_the_instant_when_a_purchase_leaves_the_window() -> None:
    """The answer holds up to the end of the window of the second last purchase, and changes a microsecond later."""
    history = History.of("p1", [bought("1", NOW - 50 * DAY), bought("2", NOW - 20 * DAY), bought("3", NOW - DAY)])
    leaves = NOW - 20 * DAY + W + TICK
    facts = Recent.of(history, as_of=NOW)

    assert is_active.next_change.of(facts, POLICY) == leaves
    assert is_active.next_change.of(history, POLICY, as_of=NOW) == leaves
    assert is_active.next_change.of(LiveFacts(history, Recent), POLICY, as_of=NOW) == leaves
    assert read(is_active.next_change.over(logs_of([history]), POLICY, as_of=NOW)) == [
        {"person_id": "p1", "is_active": True, "next_change": leaves}
    ]
    assert [is_active.of(facts.at(at), POLICY) for at in (leaves - TICK, leaves)] == [True, False]
    assert is_active.next_change.of(history, POLICY, as_of=leaves) is None


def test_a_purchase_of_the_same_instant_as_a_leave_keeps_the_answer() -> None:
    """If one purchase leaves at the instant of another, nothing changes; the stage is not left and entered."""
    leaves = NOW + W + TICK
    history = History.of("p1", [bought("1", NOW), bought("2", NOW + DAY), bought("3", leaves)])
    machine = Machine(Rule(_region), TABLE)

    journey = machine.transitions.of(history, POLICY, as_of=leaves + W + DAY)

    assert [(one.transitioned_at, one.cause.value) for one in journey] == [
        (NOW, "event"),
        (NOW + DAY, "event"),
        (NOW + DAY + W + TICK, "time"),
    ]


def _region(f: Recent, policy: Policy) -> Region:
    return Region.NORTH if f.recent_count >= 2 else Region.SOUTH


TABLE = {
    Region.NORTH: {Region.SOUTH: Cause.TIME, Region.EAST: Cause.EITHER},
    Region.SOUTH: {Region.NORTH: Cause.EVENT},
    Region.EAST: {Region.NORTH: Cause.EITHER},
}


def test_a_refund_at_the_instant_of_a_leave_is_an_event_only_if_it_decides() -> None:
    """The cause is time if the purchase that leaves is enough for the change, whatever else happens then."""
    leaves = NOW + W + TICK
    purchases = [bought("1", NOW), bought("2", NOW + DAY)]
    machine = Machine(Rule(_region), TABLE)
    for records in (purchases, [*purchases, refunded("r", "2", leaves)]):
        history = History.of("p1", records)
        expected = [(NOW, "event"), (NOW + DAY, "event"), (leaves, "time")]
        journey = machine.transitions.of(history, POLICY, as_of=leaves)
        rows = read(machine.transitions.over(logs_of([history]), POLICY, as_of=leaves))

        assert [(one.transitioned_at, one.cause.value) for one in journey] == expected
        assert sorted((row["transitioned_at"], row["cause"]) for row in rows) == expected

    early = History.of("p1", [*purchases, refunded("r", "2", leaves - TICK)])
    with pytest.raises(TransitionError, match=r"from north to south by an event on .* \(facts: recent_count = 1\)"):
        machine.transitions.of(early, POLICY, as_of=leaves)


def test_a_refund_after_the_window_changes_nothing() -> None:
    """A stage may read sums and averages of a window; a purchase that has left it is not refunded there."""

    def spends(f: Recent, policy: Policy) -> Region:
        return Region.NORTH if f.recent_average > 5 and f.has_asked else Region.SOUTH

    records: list[Record] = [bought("1", NOW, 9), did(Question, "q", NOW), refunded("r", "1", NOW + W + TICK, 3)]
    history, machine = History.of("p1", records), Machine(Rule(spends), EVERYWHERE)
    expected = [(NOW, "event", "north"), (NOW + 30 * DAY + TICK, "time", "south")]
    journey = machine.transitions.of(history, POLICY, as_of=NOW + 2 * W)
    rows = read(machine.transitions.over(logs_of([history]), POLICY, as_of=NOW + 2 * W))

    assert [(one.transitioned_at, one.cause.value, one.to_stage.value) for one in journey] == expected
    assert sorted((row["transitioned_at"], row["cause"], row["to_stage"]) for row in rows) == expected


class Edges(BaseFacts):
    """The largest, the first and the last of the last 90 days."""

    largest_amount: int = largest("orders", "amount", within=W)
    last_amount: int = latest("orders", "amount", within=W)
    since_first: timedelta = since(first("orders", within=W))


def test_everyone_moves_when_the_largest_the_first_or_the_last_leaves() -> None:
    """The transitions of everyone are those of each, by the largest, the first and the last record of a window."""

    def edges(f: Edges, policy: Policy) -> Region:
        if f.largest_amount > 5:
            return Region.NORTH
        if f.last_amount > 3:
            return Region.EAST
        return Region.WEST if f.since_first <= 60 * DAY else Region.SOUTH

    days = {1: 4, 10: 9, 20: 2, 50: 1, 100: 5, 130: 1, 140: 7}
    history = History.of("p1", [bought(f"{day}", NOW + day * DAY, amount) for day, amount in days.items()])
    machine, as_of = Machine(Rule(edges), EVERYWHERE), NOW + 400 * DAY
    journey = machine.transitions.of(history, POLICY, as_of=as_of).to_dicts()
    rows = read(machine.transitions.over(logs_of([history]), POLICY, as_of=as_of))

    assert [one["to_stage"] for one in journey] == ["east", "north", "east", "south", "north", "south"]
    assert sorted((row["transitioned_at"], row["to_stage"], row["cause"]) for row in rows) == [
        (one["transitioned_at"], one["to_stage"], one["cause"]) for one in journey
    ]


def test_the_check_of_a_machine_finds_what_leaving_a_window_does() -> None:
    """A machine whose stage ends only when a purchase leaves a window has that transition by time."""
    forbidden = {**TABLE, Region.NORTH: {Region.EAST: Cause.EITHER}}

    assert Machine(Rule(_region), TABLE).check(POLICY).forbidden[0].startswith("the rule moves a person from north")
    assert any("south by time" in one for one in Machine(Rule(_region), forbidden).check(POLICY).forbidden)


# ---- refunds, cancellations, answers -------------------------------------------------------------------------------


def test_a_window_goes_by_the_purchase_not_by_its_refund() -> None:
    """After a partial refund the rest counts until the purchase is 90 days old; a cancelled purchase never counts."""
    records: list[Record] = [bought("1", NOW, 9), refunded("r", "1", NOW + 80 * DAY, 4)]
    records += [bought("2", NOW, 7, status="cancelled", cancelled_at=NOW + 10 * DAY)]
    history = History.of("p1", records)
    spent = {days: Recent.of(history, as_of=NOW + days * DAY).recent_spent for days in (0, 9, 10, 79, 80, 90, 91)}

    assert spent == {0: 16, 9: 16, 10: 9, 79: 9, 80: 5, 90: 5, 91: 0}
    assert all(one_table(Recent, history, NOW + days * DAY)["recent_spent"] == one for days, one in spent.items())


def test_later_records_do_not_hide_behind_a_window() -> None:
    """Facts at an instant wait as if nothing happens: a cancellation that comes later is not known yet."""
    cancelled = bought("1", NOW, 9, status="cancelled", cancelled_at=NOW + 10 * DAY)
    facts = Recent.of(History.of("p1", [cancelled]), as_of=NOW + 5 * DAY)

    assert facts.at(NOW + 20 * DAY).recent_count == 1
    assert facts.at(NOW + W + TICK).recent_count == 0


class Open(BaseFacts):
    """Open requests and records of the last 30 days."""

    open_lately: int = count("open_questions", within=30 * DAY)
    follow_ups: int = count("open_follow_ups", within=30 * DAY)
    since_first: timedelta = since(first("questions", within=30 * DAY, never="ahead"))
    last_kind: str = latest("interactions", "kind", within=30 * DAY)
    order_count: int = count("orders", within=30 * DAY)


def test_live_facts_drop_add_and_remove_rows_of_a_window() -> None:
    """Late, answered and old records change a window as in the history of all records."""
    records: list[Record] = [
        did(Question, "q1", NOW),
        did(FollowUp, "f1", NOW + DAY),
        bought("1", NOW + 2 * DAY),
        did(FollowUp, "f2", NOW + 3 * DAY),
        did(Question, "q3", NOW + 50 * DAY),
        did(FollowUp, "f3", NOW + 51 * DAY),
        did(Question, "q2", NOW + 49 * DAY),
        did(Answer, "a1", NOW + 52 * DAY, question_id="q1"),
        did(Answer, "a2", NOW + 53 * DAY, question_id="q3"),
        did(Visit, "v", NOW + 54 * DAY),
    ]
    live, added = LiveFacts(History(person_id="p1"), Open), list[Record]()
    for record in records:
        live.add(record)
        added.append(record)
        latest_at = max(one.happened_at for one in added)
        for as_of in (latest_at, latest_at + 29 * DAY, latest_at + 10 * DAY, latest_at + 40 * DAY):
            facts = Open.of(History.of("p1", added), as_of=as_of)
            assert live.facts(as_of=as_of) == facts
            restored = LiveFacts.from_state(live.state, Open, lambda: History.of("p1", added))
            assert restored.facts(as_of=as_of) == facts


def test_a_store_is_due_when_a_purchase_leaves_the_window() -> None:
    """The stored next change is that instant, one person at a time and for everyone; then the stage is another."""
    leaves = NOW + W + TICK
    with SqliteStore(stage=Rule(_region)) as store:
        store.append(bought("1", NOW), bought("2", NOW + DAY), recorded_at=NOW + 2 * DAY)
        (one,) = store.refresh("p1", as_of=NOW + 2 * DAY)

        assert (one.stage, one.next_change) == ("north", leaves)
        assert [store.due(before=at) for at in (leaves, leaves + TICK)] == [[], ["p1"]]
        store.refresh_all(as_of=NOW + 3 * DAY)
        assert store.stage_record("p1") == attrs.evolve(one, previous_stage="north", evaluated_at=NOW + 3 * DAY)
        (after,) = store.refresh("p1", as_of=leaves)
        assert (after.stage, after.next_change) == ("south", None)


# ---- by hand -------------------------------------------------------------------------------------------------------


def test_facts_by_hand_have_no_next_change_by_a_window() -> None:
    """The age of the records behind a number is unknown; the error names the fact and the remedy."""
    facts = Recent(as_of=NOW, recent_count=2)

    assert is_active.of(facts, POLICY)
    for refused in (lambda: is_active.next_change.of(facts, POLICY), lambda: facts.at(NOW + DAY)):
        with pytest.raises(
            FactsError, match=r"the records behind recent_count and .* are unknown, because a value was"
        ):
            refused()


def test_facts_by_hand_without_records_in_a_window_wait_as_before() -> None:
    """A person with nothing in the window stays so; another fact that is set by hand changes nothing about that."""
    facts = Recent(as_of=NOW, recent_count=0, purchase_count=3)

    assert is_active.next_change.of(facts, POLICY) is None
    assert facts.at(NOW + DAY).purchase_count == 3
    history = History.of("p1", [bought("1", NOW), bought("2", NOW)])
    changed = Recent.of(history, as_of=NOW).evolve(was_referred=True)
    assert is_active.next_change.of(changed, POLICY) == NOW + W + TICK
    with pytest.raises(FactsError, match="recent_average"):
        Recent.of(history, as_of=NOW).evolve(recent_average=3).at(NOW + DAY)


def test_facts_are_equal_by_their_values_and_keep_their_windows_in_a_pickle() -> None:
    """Equal values at one instant are equal facts, whatever leaves next; a copy knows the next change too."""
    one, other = (
        Recent.of(History.of("p1", [bought("1", at), bought("2", NOW)]), as_of=NOW).evolve(
            since_first_purchase=DAY, purchase_interval=DAY, gap_before_last_purchase=DAY
        )
        for at in (NOW - DAY, NOW - 2 * DAY)
    )
    again = pickle.loads(pickle.dumps(one))  # noqa: S301 - our own bytes

    assert one == other == again
    assert hash(one) == hash(other) == hash(again)
    changes = [is_active.next_change.of(facts, POLICY) for facts in (one, other, again)]
    assert changes == [NOW - DAY + W + TICK, NOW - 2 * DAY + W + TICK, NOW - DAY + W + TICK]


NUMBER: Any = 90
"""A number without a unit, which type checkers refuse."""

# ---- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declare", "error", "message"),
    [
        (
            lambda: count("purchases", within=NUMBER),
            ArgumentError,
            r"within must be a timedelta.*\(got int, which has no",
        ),
        (lambda: exists("purchases", within="90"), ArgumentError, "within must be a timedelta, or text with a unit"),
        (lambda: first("purchases", within="3 months"), ArgumentError, "months or years, whose length is not fixed"),
        (lambda: last("purchases", within=timedelta(0)), ArgumentError, "within must be above zero"),
        (
            lambda: latest("purchases", "gap", within=W),
            FactsError,
            "gap of purchases cannot be used with within, because the record before may be too old; leave within out",
        ),
        (lambda: count("purchases", where=lambda one: one.gap > DAY, within=W), FactsError, "gap of purchases cannot"),
    ],
)
def test_a_window_that_cannot_be_is_refused_where_it_is_written(
    declare: Callable[[], object], error: type[Exception], message: str
) -> None:
    """A window is a span with a unit, above zero; the gap before a record is not known inside a window."""
    with pytest.raises(error, match=message):
        declare()


def test_a_window_over_a_log_that_is_missing_is_empty() -> None:
    """Without interactions nobody asked, now and later."""

    @rule
    def has_asked(f: Recent, policy: Policy) -> bool:
        return f.has_asked

    logs = Logs(purchases=tables([History.of("p1", [bought("1", NOW)])])["purchases"])

    assert read(has_asked.next_change.over(logs, POLICY, as_of=NOW)) == [
        {"person_id": "p1", "has_asked": False, "next_change": None}
    ]


# ---- the first instant ---------------------------------------------------------------------------------------------


class Small(BaseFacts):
    """Facts with windows of a few microseconds."""

    recent_count: int = count("purchases", within=9 * TICK)
    recent_spent: int = total("purchases", "net_amount", where=lambda one: one.net_amount > 2, within=20 * TICK)
    largest_recent: int = largest("orders", "amount", within=13 * TICK)
    has_asked: bool = exists("open_questions", within=TICK)
    since_first_recent: timedelta = since(first("interactions", within=14 * TICK, never="ahead"))
    recent_interval: timedelta = mean_gap("interactions", within=30 * TICK)
    first_kind: str = earliest("interactions", "kind", within=6 * TICK)
    since_last_purchase: timedelta = since(last("purchases"))


def _small_rule(sample: RandomRule) -> Rule[Small, Policy, Any]:
    def random(f: Small, policy: Policy) -> Any:
        return sample.function(f)

    random.__annotations__ = {"f": Small, "policy": Policy}
    return Rule(random)


def known_at(history: History, as_of: datetime) -> History:
    """The history without later records, and without what is dated later in its records."""
    earlier: list[Record] = []
    for record in history.records:
        names = ("cancelled_at", "delivered_at") if record.happened_at <= as_of else ()
        later = {name for name in names if (at := getattr(record, name, None)) is not None and at > as_of}
        update = {**dict.fromkeys(later), **({"status": "paid"} if "cancelled_at" in later else {})}
        if record.happened_at <= as_of:
            earlier.append(record.model_copy(update=update))
    return History.of(history.person_id, earlier)


def brute_change(one_rule: Rule[Any, Any, Any], history: History, as_of: datetime) -> datetime | None:
    """The first microsecond at which the answer for the known records differs."""
    earlier = known_at(history, as_of)
    answer = one_rule.of(earlier, POLICY, as_of=as_of)
    later = (as_of + ticks * TICK for ticks in range(1, 200))
    return next((at for at in later if one_rule.of(earlier, POLICY, as_of=at) != answer), None)


RULES = rules(Small._fact_plan.readable, answers=("bool", "enum", "level"))


@pytest.mark.no_cover
@given(crowds(most=7), as_ofs(), RULES)
def test_the_next_change_is_the_first_instant_at_which_the_answer_differs(
    everyone: list[History], as_of: datetime, sample: RandomRule
) -> None:
    """For facts, a history and live facts: no microsecond before it has another answer."""
    one_rule = _small_rule(sample)
    for history in everyone:
        expected = brute_change(one_rule, history, as_of)
        assert one_rule.next_change.of(history, POLICY, as_of=as_of) == expected
        assert one_rule.next_change.of(Small.of(history, as_of=as_of), POLICY) == expected
        assert one_rule.next_change.of(_live(known_at(history, as_of)), POLICY, as_of=as_of) == expected


def _live(history: History) -> LiveFacts[Small]:
    """Live facts to which the records come one by one, with a query after each."""
    live = LiveFacts(History(person_id=history.person_id), Small)
    for record in sorted(history.records, key=lambda one: (one.happened_at, isinstance(one, Refund))):
        live.add(record)
        live.facts(as_of=record.happened_at)
    return live


@pytest.mark.no_cover
def test_the_next_changes_of_everyone_are_those_of_each(engine: str) -> None:
    """On every engine: answers and next changes by windows of a few microseconds, and the facts of every instant."""

    @asked_of(engine, 6)
    @given(crowds(most=7), as_ofs(), RULES)
    def holds(everyone: list[History], as_of: datetime, sample: RandomRule) -> None:
        one_rule, logs = _small_rule(sample), logs_on(engine, everyone)
        changes = {row["person_id"]: as_instant(row["next_change"]) for row in _rows(one_rule, logs, as_of)}

        for history in everyone:
            if any(record.happened_at <= as_of for record in history.records):
                assert changes[history.person_id] == brute_change(one_rule, history, as_of)

    holds()


def _rows(one_rule: Rule[Any, Any, Any], logs: Logs, as_of: datetime) -> Iterator[dict[str, Any]]:
    yield from read(one_rule.next_change.over(logs, POLICY, as_of=as_of))
