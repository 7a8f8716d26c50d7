"""What a state holds, what moves it on, and when the history is to be read, case by case."""

from __future__ import annotations

import copy
import pickle
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from funnel._ledger.steps import streams_of
from funnel._ledger.streams import STREAMS
from funnel.errors import ArgumentError, FactsError, InstantError, RecordError, RuleError
from funnel.facts import count, earliest, exists, first, last, latest, mean_gap, since, soonest, total, until
from funnel.facts._base import BaseFacts
from funnel.history import History
from funnel.incremental._rule import IncrementalRule
from funnel.incremental._state import FactsState
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
from funnel.rules._rule import Rule, rule
from funnel.stages import Stage, stage
from tests.shop import DAY, NOW, TICK, bought, did, refunded

POLICY = Policy()
STAGE: IncrementalRule[Policy, Stage] = IncrementalRule(stage, POLICY)


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
"""What a fact is compared with, by its unit."""


def reading(*names: str) -> Rule[Any, Policy, int]:
    """A rule that reads some facts, and counts those that are nothing."""

    def told(f: Everything, policy: Policy) -> int:
        return sum(getattr(f, name) == NOTHING[Everything.fact_plan.readable[name].unit] for name in names)

    told.__annotations__ = {"f": Everything, "policy": Policy}
    return rule(told)


def moved(advance: IncrementalRule[Policy, Any], *records: Record) -> FactsState | None:
    """The state after records that come in order, or None where one of them cannot be put."""
    state: FactsState | None = advance.begin("p1")
    for record in records:
        assert state is not None
        state = advance(state, record)
    return state


ASKED = did(Question, "q", NOW, source="web")
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
    "a promise, unread": (stage, (bought("1", NOW, promised_at=NOW, delivered_at=NOW + DAY),)),
    "no promise": (reading("promise_count"), (bought("1", NOW),)),
    "a question": (OPEN, (ASKED,)),
    "an answer": (OPEN, (ASKED, did(Question, "p", NOW + TICK), ANSWERED)),
    "a second answer": (OPEN, (ASKED, ANSWERED, did(Answer, "b", NOW + 2 * DAY, source="web", question_id="q"))),
    "an answer, unread": (stage, (ASKED, ANSWERED)),
    "a complaint put right": (
        OPEN,
        (ASKED, did(Complaint, "c", NOW + TICK), did(Resolution, "r", NOW + DAY, complaint_id="c")),
    ),
    "a follow-up in vain": (IN_VAIN, (SENT,)),
    "a follow-up that was heard": (
        IN_VAIN,
        (SENT, did(View, "v", NOW + DAY), did(FollowUp, "g", NOW + 2 * DAY, direction="in")),
    ),
    "a follow-up that sold": (IN_VAIN, (SENT, bought("1", NOW + DAY))),
    "a score": (reading("last_score"), (did(Feedback, "s", NOW, score=4),)),
    "a day": (reading("soonest_day_is_over"), (did(Postponement, "n", NOW, reason="payday", until=NOW + DAY),)),
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
}


@pytest.mark.parametrize("case", PUT)
def test_what_comes_last_is_put_to_the_values(case: str) -> None:
    """The state is that of the whole history, and no history was read."""
    asked, records = PUT[case]
    advance = IncrementalRule(asked, POLICY)

    assert moved(advance, *records) == advance.of(History.of("p1", records))


READ: dict[str, tuple[Rule[Any, Policy, Any], tuple[Record, ...]]] = {
    "late": (stage, (did(Visit, "v", NOW), did(Visit, "w", NOW - TICK))),
    "again": (stage, (did(Visit, "v", NOW), did(Visit, "v", NOW))),
    "at the same instant": (stage, (did(Visit, "v", NOW), bought("1", NOW))),
    "a late question": (OPEN, (ASKED, did(Question, "p", NOW - TICK))),
    "an answer at once": (OPEN, (ASKED, did(Answer, "a", NOW, source="web", question_id="q"))),
    "a refund": (stage, (bought("1", NOW), refunded("r", "1", NOW + DAY))),
    "a cancelled order": (stage, (bought("1", NOW, status="cancelled", cancelled_at=NOW + DAY),)),
    "a promise": (reading("promise_count"), (bought("1", NOW, promised_at=NOW + DAY),)),
    "an order that has arrived": (reading("late_count"), (bought("1", NOW, delivered_at=NOW + DAY),)),
    "a delivery": (reading("late_count"), (bought("1", NOW), did(Delivery, "d", NOW + DAY, purchase_id="1"))),
    "a reply": (reading("reply_count"), (ASKED, ANSWERED)),
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
def test_what_the_values_cannot_say_asks_for_the_history(case: str) -> None:
    """There is no new state, and the history gives it."""
    asked, records = READ[case]
    advance = IncrementalRule(asked, POLICY)
    before = moved(advance, *records[:-1])
    assert before is not None
    history = History.of("p1", records)

    assert advance(before, records[-1]) is None
    assert advance.again(before, records[-1], history) == advance.of(history)


def test_every_stream_is_changed_by_some_kind_of_record() -> None:
    """A stream that no kind of record changed would stand still in a state."""
    kinds: list[type[Record]] = [Lead, Purchase, Refund, *Interaction.__subclasses__()]

    assert frozenset().union(*map(streams_of, kinds)) == STREAMS.keys()


def test_what_is_late_stays_late() -> None:
    """A refund that came before its purchase waits outside the history; the purchase asks for the history then."""
    order, refund = bought("1", NOW), refunded("r", "1", NOW + DAY)
    state = STAGE.begin("p1")
    assert STAGE(state, refund) is None
    state = STAGE.again(state, refund, History(person_id="p1"))

    assert state.latest == NOW + DAY
    assert STAGE(state, order) is None
    state = STAGE.again(state, order, History.of("p1", [order, refund]))
    assert STAGE.ask(state, as_of=NOW + DAY) is Stage.PROSPECT


def test_an_unread_record_leaves_the_state_as_it_is() -> None:
    """The very same state comes back."""
    state = STAGE.begin("p1")

    assert STAGE(state, Lead(person_id="p1", arrived_at=NOW)) is state


@pytest.mark.parametrize(
    "record",
    [
        did(Visit, "v", NOW).model_copy(update={"person_id": "p2"}),
        bought("1", NOW, person_id="p2"),
        Lead(person_id="p2", arrived_at=NOW),
    ],
    ids=lambda record: record.kind,
)
@pytest.mark.parametrize(
    "asked", [stage, reading("campaign", "referral_count"), reading("last_score")], ids=["stage", "leads", "feedback"]
)
def test_a_record_of_another_is_refused(record: Record, asked: Rule[Any, Policy, Any]) -> None:
    """Neither person is named."""
    advance = IncrementalRule(asked, POLICY)

    with pytest.raises(RecordError, match="of another person than the state; give each person their own"):
        advance(advance.begin("p1"), record)


def test_a_history_of_another_is_refused() -> None:
    """A state is never made from what another did."""
    with pytest.raises(ArgumentError, match="the history is of another person"):
        STAGE.again(STAGE.begin("p1"), bought("1", NOW), History(person_id="p2"))


def test_a_state_of_other_facts_is_refused() -> None:
    """A rule that reads other facts takes no such state, to move it on or to ask; its numbers may be others."""
    state = IncrementalRule(OPEN, POLICY).begin("p1")
    shorter = IncrementalRule(stage, Policy(lapse_after=DAY))

    for asked in (
        lambda: STAGE(state, bought("1", NOW)),
        lambda: STAGE.ask(state, as_of=NOW),
        lambda: STAGE.next_change(state, as_of=NOW),
    ):
        with pytest.raises(FactsError, match=r"the state holds the facts 1:\w+, and stage reads 1:\w+; make a new one"):
            asked()
    bought_once = moved(STAGE, bought("1", NOW))
    assert bought_once is not None
    assert shorter.ask(bought_once, as_of=NOW + 2 * DAY) is Stage.LAPSED


def test_the_past_is_not_in_a_state() -> None:
    """Before its latest instant a state says nothing; at it, it does, in whatever zone it is asked."""
    state = moved(STAGE, bought("1", NOW))
    assert state is not None
    jakarta = NOW.astimezone(timezone(timedelta(hours=7)))

    assert STAGE.ask(state, as_of=jakarta) is Stage.CUSTOMER
    with pytest.raises(InstantError, match="as_of lies before what is in the state"):
        STAGE.ask(state, as_of=NOW - TICK)
    with pytest.raises(InstantError, match="naive"):
        STAGE.ask(state, as_of=NOW.replace(tzinfo=None))
    for asked, year in ((state, 2200), (STAGE.begin("p1"), 1799)):
        with pytest.raises(InstantError, match="2199"):
            STAGE.ask(asked, as_of=NOW.replace(year=year))
    assert STAGE.ask(STAGE.begin("p1"), as_of=NOW.replace(year=1800)) is Stage.LEAD


@rule
def silence(f: Everything, policy: Policy) -> timedelta:
    """How long a buyer has been silent beyond the limit; nothing of who never bought."""
    return f.since_last_unanswered - policy.lapse_after if f.unanswered_count > 0 else timedelta(0)


def test_the_clock_is_read_where_the_rule_reads_it() -> None:
    """An answer that runs with the clock, and one that does not, on two ways through one rule."""
    advance = IncrementalRule(silence, POLICY)
    state = moved(advance, SENT)
    assert state is not None

    assert advance.ask(state, as_of=NOW + POLICY.lapse_after + TICK) == TICK
    assert advance.ask(advance.begin("p1"), as_of=NOW + DAY) == timedelta(0)
    with pytest.raises(RuleError, match="it runs with the clock"):
        advance.next_change(state, as_of=NOW)


def test_the_next_change_is_that_of_the_rule() -> None:
    """A buyer lapses a microsecond after the limit; who never bought changes by nothing but what they do."""
    state = moved(STAGE, bought("1", NOW))
    assert state is not None

    assert STAGE.next_change(state, as_of=NOW) == NOW + POLICY.lapse_after + TICK
    assert STAGE.next_change(STAGE.begin("p1"), as_of=NOW) is None


# ---- the state as a value ----


def test_a_state_reads_back_from_its_json_with_what_is_open() -> None:
    """Also as a field of a pydantic model, as Python or as JSON, and through pickle and copy."""

    class Kept(BaseModel):
        state: FactsState

    state = moved(IncrementalRule(OPEN, POLICY), ASKED)
    assert state is not None
    kept = Kept(state=state)

    assert len(state.waiting) == 1
    assert FactsState.from_json(state.to_json()) == state
    assert Kept.model_validate_json(kept.model_dump_json()) == kept
    assert Kept.model_validate(kept.model_dump()) == kept
    assert TypeAdapter(FactsState).json_schema()["title"] == "FactsState"
    assert pickle.loads(pickle.dumps(state)) == copy.copy(state) == state  # noqa: S301 (our own)
    assert len({state, FactsState.from_json(state.to_json())}) == 1


@pytest.mark.parametrize("text", ["", "[]", '{"facts": "1:0"}', '{"facts": "1:0", "person_id": "", "latest": 0}'])
def test_what_is_no_state_is_refused(text: str) -> None:
    """With pydantic's own error, which shows nothing that was given."""
    with pytest.raises(ValidationError):
        FactsState.from_json(text)


def test_a_state_is_frozen_and_tells_nothing_of_the_person() -> None:
    """It cannot be set, and its repr has no id and no value."""
    state = moved(STAGE, bought("1", NOW))

    with pytest.raises(AttributeError, match="person_id cannot be set"):
        setattr(state, "person_id", "p2")  # noqa: B010 (type checkers know that it cannot)
    assert "p1" not in repr(state)
    assert str(state) == repr(state)
    assert repr(STAGE) == "<IncrementalRule of stage>"


class Talk(BaseFacts):
    """A fact of what was said alone."""

    last_direction: str = latest("interactions", "direction")


@rule
def was_silent(f: Talk, policy: Policy) -> bool:
    """The shop spoke last, or nobody spoke."""
    return f.last_direction != "in"


def test_a_purchase_that_is_not_read_lets_in_the_complaint_that_waited_for_it() -> None:
    """A complaint came before its purchase: when the purchase comes, the history says what is known by then."""
    advance = IncrementalRule(was_silent, POLICY)
    visit, order = did(Visit, "v1", at=NOW), bought("1", at=NOW)
    complaint = did(Complaint, "2", at=NOW, purchase_id="1", direction="out")
    state = advance.of(History.of("p1", [visit]))
    assert advance(state, complaint) is None

    state = advance.again(state, complaint, History.of("p1", [visit]))
    assert advance.ask(state, as_of=NOW) is False
    assert advance(state, order) is None
    known = advance.again(state, order, History.of("p1", [visit, order, complaint]))
    assert advance.ask(known, as_of=NOW) is was_silent.of(
        History.of("p1", [visit, order, complaint]), POLICY, as_of=NOW
    )
    assert advance(state, bought("3", at=NOW + TICK)) is state
