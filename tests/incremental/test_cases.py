"""When the state of live facts is updated in one step, and when the history is read, case by case."""

from __future__ import annotations

import copy
import pickle
from datetime import datetime, timedelta, timezone
from typing import Any, cast

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from funnel._ledger.own import streams_of
from funnel._ledger.streams import STREAMS
from funnel.errors import ArgumentError, InstantError, RecordError, RuleError
from funnel.facts import Facts, count, earliest, exists, first, last, latest, mean_gap, since, soonest, total, until
from funnel.facts._base import BaseFacts
from funnel.history import History
from funnel.incremental import FactsState, LiveFacts
from funnel.interactions import (
    Answer,
    Complaint,
    Delivery,
    Feedback,
    FollowUp,
    Interaction,
    Postponement,
    Question,
    Resolution,
    View,
    Visit,
)
from funnel.policy import Policy
from funnel.records import Lead, Purchase, Record, Refund
from funnel.rules._next_action import next_action
from funnel.rules._rule import Rule, rule
from funnel.stages import Stage, stage
from tests.incremental.deliveries import BackEnd, history_of
from tests.shop import DAY, NOW, TICK, bought, did, refunded

POLICY = Policy()


class Everything(BaseFacts):
    """One fact of every stream that a record can change in its own way."""

    purchase_count: int = count("purchases")
    last_gap: timedelta = latest("purchases", "gap")
    was_promoted: bool = earliest("purchases", "promoted")
    order_interval: timedelta = mean_gap("orders")
    refunded: int = total("refunds", "amount")
    promise_count: int = count("promises")
    late_count: int = count("deliveries", where=lambda delivery: delivery.late)
    open_question_count: int = count("open_questions")
    oldest_question_at: datetime | None = first("open_questions", never="ahead")
    open_complaint_count: int = count("open_complaints")
    unanswered_count: int = count("open_follow_ups")
    since_last_unanswered: timedelta = since(last("open_follow_ups"))
    first_unanswered_way: str = earliest("open_follow_ups", "channel")
    last_score: int = latest("feedback", "score")
    soonest_day_is_over: timedelta = until(soonest("postponements", "ready_from"))
    campaign: str = earliest("leads", "campaign")
    was_sent: bool = exists("leads", where=lambda lead: lead.referred)
    referral_count: int = count("referrals")
    reply_count: int = count("replies")
    repair_count: int = count("repairs")
    reopening_count: int = count("reopenings")
    delivery_question_count: int = count("delivery_questions")
    contact_count: int = count("contacts")


NOTHING = {"text": "", "span": timedelta(0), "number": 0}
"""Values to compare a fact with, by its unit."""


def reading(*names: str) -> Rule[Any, Policy, int]:
    """A rule that reads some facts, and counts those that are nothing."""

    def level(f: Everything, policy: Policy) -> int:
        return sum(getattr(f, name) == NOTHING[Everything._fact_plan.readable[name].unit] for name in names)

    level.__annotations__ = {"f": Everything, "policy": Policy}
    return rule(level)


QUESTION = did(Question, "q", NOW, source="web")
SENT = did(FollowUp, "f", NOW, channel="phone")
WRONG = did(Complaint, "c", NOW)

ANSWERED = did(Answer, "a", NOW + DAY, source="web", question_id="q")
OPEN = reading("open_question_count", "open_complaint_count")
IN_VAIN = reading("unanswered_count", "first_unanswered_way")

PUT: dict[str, tuple[Rule[Any, Policy, Any], tuple[Record, ...]]] = {
    "a visit": (stage, (did(Visit, "v", NOW),)),
    "a purchase": (stage, (bought("1", NOW), bought("2", NOW + DAY))),
    "an order of nothing": (stage, (bought("1", NOW, 0),)),
    "a first gap": (reading("last_gap"), (bought("1", NOW),)),
    "gaps": (reading("last_gap"), (bought("1", NOW), bought("2", NOW + DAY), bought("3", NOW + 3 * DAY))),
    "a promotion": (reading("was_promoted"), (bought("1", NOW, promotion="launch"), bought("2", NOW + DAY))),
    "an interval": (reading("order_interval"), (bought("1", NOW), bought("2", NOW + DAY))),
    "an answer, unread": (stage, (QUESTION, ANSWERED)),
    "a promise, unread": (stage, (bought("1", NOW, promised_at=NOW),)),
    "a follow-up in vain": (IN_VAIN, (SENT,)),
    "a follow-up that was heard": (
        IN_VAIN,
        (SENT, did(View, "v", NOW + DAY), did(FollowUp, "g", NOW + 2 * DAY, direction="in")),
    ),
    "a follow-up that sold": (IN_VAIN, (SENT, bought("1", NOW + DAY))),
    "a score": (reading("last_score"), (did(Feedback, "s", NOW, score=4),)),
    "a day": (reading("soonest_day_is_over"), (did(Postponement, "n", NOW, reason="payday", until=NOW + DAY),)),
}


@pytest.mark.parametrize("case", PUT)
def test_a_record_after_all_others_updates_the_state(case: str) -> None:
    """The state is that of the whole history, and no history was read."""
    back_end = BackEnd(PUT[case][0]).add(*PUT[case][1])

    assert back_end.reads == 0
    assert back_end.state == back_end.of_history()


READ: dict[str, tuple[Rule[Any, Policy, Any], tuple[Record, ...]]] = {
    "no promise": (reading("promise_count"), (bought("1", NOW),)),
    "an order that has arrived, unread": (stage, (bought("1", NOW, promised_at=NOW, delivered_at=NOW + DAY),)),
    "a question": (OPEN, (QUESTION,)),
    "an answer": (OPEN, (QUESTION, did(Question, "p", NOW + TICK), ANSWERED)),
    "a second answer": (OPEN, (QUESTION, ANSWERED, did(Answer, "b", NOW + 2 * DAY, source="web", question_id="q"))),
    "a complaint put right": (
        OPEN,
        (QUESTION, did(Complaint, "c", NOW + TICK), did(Resolution, "r", NOW + DAY, complaint_id="c")),
    ),
    "an arrival": (
        reading("campaign", "was_sent"),
        (
            Lead(person_id="p1", arrived_at=NOW, campaign="spring", referred_by="p2"),
            Lead(person_id="p1", arrived_at=NOW + DAY, campaign="fair"),
        ),
    ),
    "a friend, unread": (
        reading("campaign"),
        (Lead(person_id="p2", arrived_at=NOW, campaign="spring", referred_by="p1"),),
    ),
    "an arrival, unread": (stage, (Lead(person_id="p1", arrived_at=NOW),)),
    "a refund, unread": (reading("last_score"), (bought("1", NOW), refunded("r", "1", NOW + DAY))),
    "late": (stage, (did(Visit, "v", NOW), did(Visit, "w", NOW - TICK))),
    "again": (stage, (did(Visit, "v", NOW), did(Visit, "v", NOW))),
    "at the same instant": (stage, (did(Visit, "v", NOW), bought("1", NOW))),
    "a late question": (OPEN, (QUESTION, did(Question, "p", NOW - TICK))),
    "an answer at once": (OPEN, (QUESTION, did(Answer, "a", NOW, source="web", question_id="q"))),
    "a refund": (stage, (bought("1", NOW), refunded("r", "1", NOW + DAY))),
    "a cancelled order": (stage, (bought("1", NOW, status="cancelled", cancelled_at=NOW + DAY),)),
    "a promise": (reading("promise_count"), (bought("1", NOW, promised_at=NOW + DAY),)),
    "an order that has arrived": (reading("late_count"), (bought("1", NOW, delivered_at=NOW + DAY),)),
    "a delivery": (reading("late_count"), (bought("1", NOW), did(Delivery, "d", NOW + DAY, purchase_id="1"))),
    "a reply": (reading("reply_count"), (QUESTION, ANSWERED)),
    "a repair": (
        reading("repair_count"),
        (did(Complaint, "c", NOW), did(Resolution, "r", NOW + DAY, complaint_id="c")),
    ),
    "a complaint that may be the second": (reading("reopening_count"), (did(Complaint, "c", NOW),)),
    "a question on the way": (reading("delivery_question_count"), (bought("1", NOW), did(Question, "q", NOW + DAY))),
    "a contact": (reading("contact_count"), (SENT,)),
    "a friend": (
        reading("referral_count"),
        (Lead(person_id="p2", arrived_at=NOW, campaign="spring", referred_by="p1"),),
    ),
}


@pytest.mark.parametrize("case", READ)
def test_a_record_that_depends_on_others_reads_the_history(case: str) -> None:
    """The history is read once, for the last record, and gives the state."""
    evaluated, records = READ[case]
    back_end = BackEnd(evaluated).add(*records[:-1])
    reads = back_end.reads

    assert back_end.add(records[-1]).reads == reads + 1
    assert back_end.state == back_end.of_history()


def test_every_stream_is_changed_by_some_kind_of_record() -> None:
    """A stream that no kind of record changed would stand still in a state; people change with the first record."""
    kinds: list[type[Record]] = [Lead, Purchase, Refund, *Interaction.__subclasses__()]

    assert frozenset().union(*map(streams_of, kinds)) == STREAMS.keys() - {"people"}


def test_a_refund_before_its_purchase_is_added_again() -> None:
    """It is refused, which changes nothing; after the purchase it counts."""
    order, refund = bought("1", NOW), refunded("r", "1", NOW + DAY)
    back_end = BackEnd(stage).add(refund)
    assert back_end.state.latest.year == 1800

    back_end.add(order)
    assert back_end.state == back_end.of_history()
    assert stage.of(back_end.live(), POLICY, as_of=NOW + DAY) is Stage.PROSPECT


@pytest.mark.parametrize(
    "record",
    [
        did(Visit, "v", NOW).model_copy(update={"person_id": "p2"}),
        bought("1", NOW, person_id="p2"),
        Lead(person_id="p2", arrived_at=NOW),
    ],
    ids=lambda record: record.kind,
)
def test_a_record_of_another_person_is_refused(record: Record) -> None:
    """Restored live facts keep the records of one person only."""
    back_end = BackEnd(stage)

    with pytest.raises(RecordError, match="use one history per person"):
        back_end.live().add(record)


def test_a_history_of_another_person_is_refused() -> None:
    """`read` must return the history of the person of the state."""
    live = LiveFacts.from_state(BackEnd(stage).state, Facts, lambda: History(person_id="p2"))

    with pytest.raises(ArgumentError, match="read returned the history of another person"):
        live.facts(as_of=NOW)


def test_what_restores_live_facts_is_checked() -> None:
    """The state must be a state, and `read` a function that returns a history."""
    state, wrong = BackEnd(stage).state, cast("Any", "p1")

    with pytest.raises(ArgumentError, match="state must be a FactsState"):
        LiveFacts.from_state(wrong, Facts, lambda: History(person_id="p1"))
    with pytest.raises(ArgumentError, match="read must be a function that returns the history"):
        LiveFacts.from_state(state, Facts, wrong)
    with pytest.raises(ArgumentError, match="the result of read must be a History"):
        LiveFacts.from_state(state, Facts, lambda: wrong).facts(as_of=NOW)


def test_a_rule_of_other_facts_reads_the_history() -> None:
    """The state has only the facts that were read; another policy reads the same facts."""
    back_end = BackEnd(next_action).add(did(Visit, "v", NOW))
    assert back_end.reads == 0
    assert stage.of(back_end.live(), POLICY, as_of=NOW + DAY) is Stage.PROSPECT
    assert back_end.reads == 1

    back_end = BackEnd(stage).add(bought("1", NOW))
    assert stage.of(back_end.live(), Policy(lapse_after=DAY), as_of=NOW + 2 * DAY) is Stage.LAPSED
    assert back_end.reads == 0


def test_the_past_is_not_in_a_state() -> None:
    """An instant before the latest record reads the history; a naive instant is refused."""
    back_end = BackEnd(stage).add(bought("1", NOW))
    jakarta = NOW.astimezone(timezone(timedelta(hours=7)))

    assert stage.of(back_end.live(), POLICY, as_of=jakarta) is Stage.CUSTOMER
    assert back_end.reads == 0
    assert stage.of(back_end.live(), POLICY, as_of=NOW - TICK) is Stage.LEAD
    assert back_end.reads == 1
    with pytest.raises(InstantError, match="naive"):
        stage.of(back_end.live(), POLICY, as_of=NOW.replace(tzinfo=None))


def test_the_state_keeps_what_no_record_changed() -> None:
    """Without new records, live facts that were not used return the stored values."""
    back_end = BackEnd(stage).add(bought("1", NOW))

    assert back_end.live().state == back_end.state
    live = back_end.live()
    live.add(did(Visit, "v", NOW + DAY))
    assert live.state.values == ()
    assert stage.of(live, POLICY, as_of=NOW + DAY) is Stage.CUSTOMER
    assert back_end.reads == 0
    live.add(did(Visit, "w", NOW + DAY))
    live.add(did(Visit, "v", NOW + DAY))
    assert stage.of(live, POLICY, as_of=NOW + DAY) is Stage.CUSTOMER
    assert back_end.reads == 1


def test_a_record_that_the_history_has_is_written_once() -> None:
    """The history that a record needs may contain the record already."""
    back_end = BackEnd(stage).add(did(Visit, "v", NOW))
    live, late = back_end.live(), did(Visit, "u", NOW - DAY)
    back_end.come += [late, did(Visit, "w", NOW + DAY)]
    live.add(did(Visit, "w", NOW + DAY))
    live.add(late)

    assert live.facts(as_of=NOW + DAY) == Facts.of(history_of(back_end.come), as_of=NOW + DAY)


@rule
def silence(f: Everything, policy: Policy) -> timedelta:
    """How long a buyer has been silent beyond the limit; nothing of who never bought."""
    return f.since_last_unanswered - policy.lapse_after if f.unanswered_count > 0 else timedelta(0)


def test_an_answer_may_run_with_the_clock() -> None:
    """An answer that runs with the clock has no next change."""
    live = BackEnd(silence).add(SENT).live()

    assert silence.of(live, POLICY, as_of=NOW + POLICY.lapse_after + TICK) == TICK
    assert silence.of(BackEnd(silence).live(), POLICY, as_of=NOW + DAY) == timedelta(0)
    with pytest.raises(RuleError, match="it changes all the time"):
        silence.next_change.of(live, POLICY, as_of=NOW)


def test_the_next_change_is_that_of_the_rule() -> None:
    """A buyer lapses a microsecond after the limit; a person who never bought does not change by time."""
    live = BackEnd(stage).add(bought("1", NOW)).live()

    assert stage.next_change.of(live, POLICY, as_of=NOW) == NOW + POLICY.lapse_after + TICK
    assert stage.next_change.of(BackEnd(stage).live(), POLICY, as_of=NOW) is None


# ---- the state as a value ----


def test_a_state_reads_back_from_its_json() -> None:
    """Also as a field of a pydantic model, as Python or as JSON, and through pickle and copy."""

    class Stored(BaseModel):
        state: FactsState

    state = BackEnd(OPEN).add(QUESTION).state
    stored = Stored(state=state)

    assert FactsState.model_validate(state.model_dump()) == state
    assert Stored.model_validate_json(stored.model_dump_json()) == stored
    assert Stored.model_validate(stored.model_dump()) == stored
    assert TypeAdapter(FactsState).json_schema()["title"] == "FactsState"
    assert pickle.loads(pickle.dumps(state)) == copy.copy(state) == state  # noqa: S301 (our own)
    assert len({state, FactsState.model_validate_json(state.model_dump_json())}) == 1


@pytest.mark.parametrize("text", ["", "[]", '{"person_id": "p1"}', '{"person_id": "", "latest": 0}'])
def test_a_text_that_is_not_a_state_is_refused(text: str) -> None:
    """With pydantic's own error, which shows nothing that was given."""
    with pytest.raises(ValidationError):
        FactsState.model_validate_json(text)


def test_a_state_is_frozen_and_shows_nothing_of_the_person() -> None:
    """It cannot be set, and its repr has no id and no value."""
    state = BackEnd(stage).add(bought("1", NOW)).state

    with pytest.raises(ValidationError, match="frozen"):
        setattr(state, "person_id", "p2")  # noqa: B010 (type checkers know that it cannot)
    assert "p1" not in repr(state)
    assert str(state) == repr(state)


class Talk(BaseFacts):
    """A fact of what was said alone."""

    last_direction: str = latest("interactions", "direction")


@rule
def was_silent(f: Talk, policy: Policy) -> bool:
    """The shop spoke last, or nobody spoke."""
    return f.last_direction != "in"


def test_a_purchase_that_is_not_read_completes_its_complaint() -> None:
    """A complaint came before its purchase; after both, the state is that of the history."""
    visit, order = did(Visit, "v1", at=NOW), bought("1", at=NOW)
    complaint = did(Complaint, "2", at=NOW, purchase_id="1", direction="out")
    back_end = BackEnd(was_silent).add(visit, complaint, order)

    assert back_end.state == back_end.of_history()
    expected = was_silent.of(history_of(back_end.come), POLICY, as_of=NOW)
    assert was_silent.of(back_end.live(), POLICY, as_of=NOW) is expected


def test_why_takes_live_facts_like_a_history() -> None:
    """The answer and its conditions are those of the history."""
    history = History(person_id="p1")
    live = LiveFacts(history, Facts)

    assert str(stage.why(live, Policy(), as_of=NOW)) == str(stage.why(history, Policy(), as_of=NOW))
