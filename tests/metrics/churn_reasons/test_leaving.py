"""Why those who did not return left: against a count person by person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.errors import ArgumentError
from funnel.history import History
from funnel.interactions import Answer, Complaint, Declined, Interaction, Postponement, Question
from funnel.logs import Logs
from funnel.metrics._churn_reasons.churn_reasons import ChurnReason, ChurnReasons, churn_reasons
from funnel.metrics._rate import Rate
from funnel.policy import Policy
from funnel.records import Purchase
from funnel.stages import Stage
from tests.engines import ENGINES
from tests.metrics.buyers import DAY, TICK, buyers, counted_occasions, moments
from tests.metrics.people import FEW
from tests.shop import logs_of

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
POLICY = Policy(
    lapse_after=20 * DAY, after_sale_for=10 * DAY, answer_within=5 * DAY, delivery_grace=timedelta(microseconds=1)
)


def _spoke(draw: st.DrawFn, person: str, number: int) -> list[Interaction]:
    """One thing that they said, and perhaps its answer."""
    at = draw(moments)
    common: dict[str, Any] = {"id": f"{person}-{number}", "person_id": person, "occurred_at": at}
    kind = draw(st.sampled_from(["complaint", "question", "declined", "postponement"]))
    if kind == "complaint":
        return [Complaint(**common)]
    if kind == "declined":
        return [Declined(**common, reason=draw(st.sampled_from(["price", "moved"])))]
    if kind == "postponement":
        return [Postponement(**common, reason=draw(st.sampled_from(["payday", "travel"])), until=at + DAY)]
    wait = draw(st.sampled_from([None, 0 * DAY, 5 * DAY, 5 * DAY + TICK, 9 * DAY]))
    question: list[Interaction] = [Question(**common)]
    if wait is not None:
        question.append(
            Answer(**common | {"id": f"a-{person}-{number}", "occurred_at": at + wait}, question_id=common["id"])
        )
    return question


def _promised(draw: st.DrawFn, one: Purchase) -> Purchase:
    """The same purchase with a promise that was kept, or not."""
    due = one.purchased_at + draw(st.sampled_from([0, 5, 9])) * DAY
    delivered = draw(st.sampled_from([None, 0 * DAY, TICK, 2 * TICK, 3 * DAY]))
    return one.model_copy(update={"promised_at": due, "delivered_at": None if delivered is None else due + delivered})


@st.composite
def talkers(draw: st.DrawFn) -> list[History]:
    """A few buyers, to whom things happened."""
    people = []
    for person in draw(buyers(3)):
        interactions = [
            one for number in range(draw(st.integers(0, 4))) for one in _spoke(draw, person.person_id, number)
        ]
        bought = [_promised(draw, one) if draw(st.booleans()) else one for one in person.purchases]
        people.append(History.of(person.person_id, [*bought, *person.refunds, *person.leads, *interactions]))
    return people


def last_word(person: History, bought: datetime, as_of: datetime) -> tuple[str, str] | None:
    """The last reason after the last purchase; a "no" outweighs a "not yet" of the same instant."""
    answers = [
        (one.occurred_at, isinstance(one, Declined), one.source, one.id, str(one.reason))
        for one in person.interactions
        if isinstance(one, Declined | Postponement) and bought < one.occurred_at <= as_of
    ]
    return ("no" if max(answers)[1] else "not_yet", max(answers)[-1]) if answers else None


@pytest.mark.no_cover
@FEW
@given(talkers(), moments)
def test_the_reasons_are_what_asking_one_by_one_finds(people: list[History], as_of: datetime) -> None:
    """The lapsed people, and their known reasons, equal a count person by person, stage by stage."""
    result = churn_reasons(logs_of(people), POLICY, as_of=as_of)
    times = {one.person_id: [order.purchased_at for order in counted_occasions(one, as_of)] for one in people}
    for stage in result.stages:
        mine = [
            one
            for one in people
            if (bought := times[one.person_id]) and (len(bought) > 1) is (stage.stage is Stage.REPEAT_CUSTOMER)
        ]
        lapsed = [one for one in mine if as_of - times[one.person_id][-1] > POLICY.lapse_after]
        words = [last_word(one, times[one.person_id][-1], as_of) for one in lapsed]
        counts = Counter(word for word in words if word)
        assert (stage.lapsed, stage.reason_known) == (Rate(len(lapsed), len(mine)), Rate(counts.total(), len(lapsed)))
        assert {(one.answer, one.reason): one.rate for one in stage.reasons} == {
            word: Rate(count, counts.total()) for word, count in counts.items()
        }
    assert result.reason_known.trials == result.lapsed.successes
    assert sum(one.rate.successes for one in result.reasons) == result.reason_known.successes
    for one in result.reasons:
        assert one.lower_bound <= (one.rate.value or 0) <= one.upper_bound + 1e-9


def went_wrong(person: History, start: datetime, as_of: datetime) -> set[str]:
    """The problems in the ten days after a purchase, read from the records one by one."""
    end, problems = start + POLICY.after_sale_for, set()
    answers = {one.question_id: one.occurred_at for one in person.interactions if isinstance(one, Answer)}
    for one in person.interactions:
        if isinstance(one, Complaint) and start <= one.occurred_at <= end:
            problems.add("complaint")
        if isinstance(one, Question):
            late = one.occurred_at + POLICY.answer_within + TICK
            if start <= late <= end and not (one.id in answers and answers[one.id] < late):
                problems.add("unanswered_question")
    for order in person.purchases:
        if order.promised_at is None or not order.amount:
            continue
        late = order.promised_at + POLICY.delivery_grace + TICK
        over = [order.delivered_at] if order.delivered_at else []
        over += [void] if (void := refunds_to_date(person, order)) else []
        if start <= late <= end and not any(moment < late for moment in over):
            problems.add("late_delivery")
    assert end < as_of
    return problems


def refunds_to_date(person: History, order: Purchase) -> datetime | None:
    """When the whole of a purchase had been given back."""
    remaining = order.amount.minor
    for refund in sorted(person.refunds, key=lambda one: one.refunded_at):
        if (refund.source, refund.purchase_id) == order.key:
            remaining -= refund.amount.minor
            if remaining == 0:
                return refund.refunded_at
    return None


def compared(people: Sequence[History], as_of: datetime) -> tuple[list[tuple[set[str], bool]], int, int]:
    """Each buyer's troubles and whether they came back; and how many are quick, and pending."""
    people_compared, quick, pending = [], 0, 0
    for person in people:
        times = [one.purchased_at for one in counted_occasions(person, as_of)]
        old = [moment for moment in times if moment <= as_of - POLICY.lapse_after]
        if not times:
            continue
        if not old:
            pending += 1
            continue
        later = [moment - old[-1] for moment in times if moment > old[-1]]
        if later and later[0] <= POLICY.after_sale_for:
            quick += 1
            continue
        back = bool(later) and later[0] <= POLICY.lapse_after
        people_compared.append((went_wrong(person, old[-1], as_of), back))
    return people_compared, quick, pending


@FEW
@given(talkers(), moments)
def test_what_went_wrong_is_what_looking_one_by_one_finds(people: list[History], as_of: datetime) -> None:
    """Each buyer is compared once, from one purchase, over the same time; nobody is lost."""
    result = churn_reasons(logs_of(people), POLICY, as_of=as_of, min_people=1)
    people_compared, quick, pending = compared(people, as_of)

    assert (result.returned_early, result.pending) == (quick, pending)
    assert bool(result.problems) is bool(people_compared)
    for one in result.problems:
        had = [
            back
            for troubles, back in people_compared
            if (troubles if one.problem == "any" else one.problem in troubles)
        ]
        rest = [
            back
            for troubles, back in people_compared
            if not (troubles if one.problem == "any" else one.problem in troubles)
        ]
        assert (one.with_it, one.without) == (Rate(sum(had), len(had)), Rate(sum(rest), len(rest)))
        assert one.difference == one.with_it.minus(one.without)
    buyer_count = sum(bool(counted_occasions(person, as_of)) for person in people)
    assert buyer_count == len(people_compared) + quick + pending


@pytest.mark.no_cover
@FEW
@given(talkers(), moments, moments)
def test_what_comes_later_changes_nothing(people: list[History], one: datetime, other: datetime) -> None:
    """Records after the evaluation time are not known at it."""
    as_of = min(one, other)
    logs_of_day = [
        History.of(person.person_id, [record for record in person.records if record.happened_at <= as_of])
        for person in people
    ]

    assert churn_reasons(logs_of(people), POLICY, as_of=as_of) == churn_reasons(
        logs_of(logs_of_day), POLICY, as_of=as_of
    )


TABLES = {
    "purchases": pl.DataFrame(
        {
            "id": [str(number) for number in range(8)],
            "person_id": ["a", "b", "c", "c", "d", "e", "e", "f"],
            "purchased_at": [NOON + day * DAY for day in (0, 0, 0, 12, 0, 0, 5, 95)],
            "amount": [9] * 8,
            "promised_at": [NOON + 2 * DAY, *[None] * 7],
        }
    ),
    "interactions": pl.DataFrame(
        {
            "id": [str(number) for number in range(5)],
            "person_id": ["b", "b", "c", "d", "d"],
            "occurred_at": [NOON + day * DAY for day in (1, 50, 60, 70, 71)],
            "kind": ["complaint", "declined", "declined", "postponement", "visit"],
            "reason": ["", "price", "price", "payday", ""],
            "until": [None, None, None, NOON + 80 * DAY, None],
        }
    ),
}
LATER = NOON + 100 * DAY


def shop(engine: str = "polars") -> ChurnReasons:
    """A small shop, looked at on an engine."""
    return churn_reasons(Logs(**ENGINES[engine](TABLES)), POLICY, as_of=LATER, min_people=1)


def test_the_answer_is_worked_by_hand() -> None:
    """Five of six have lapsed, three have said why; of two to whom something happened nobody came back."""
    result = shop()

    assert (result.lapsed, result.reason_known) == (Rate(5, 6), Rate(3, 5))
    assert [(one.stage, one.lapsed, one.reason_known) for one in result.stages] == [
        (Stage.CUSTOMER, Rate(3, 4), Rate(2, 3)),
        (Stage.REPEAT_CUSTOMER, Rate(2, 2), Rate(1, 2)),
    ]
    assert result.reasons[0] == ChurnReason("no", "price", Rate(2, 3), (3 / 2 + 2) / 5, 2 / 5, 4 / 5)
    assert [(one.problem, one.with_it, one.without) for one in result.problems] == [
        ("complaint", Rate(0, 1), Rate(0, 4)),
        ("late_delivery", Rate(0, 1), Rate(0, 4)),
        ("unanswered_question", Rate(0, 0), Rate(0, 5)),
        ("any", Rate(0, 2), Rate(0, 3)),
    ]
    assert (result.returned_early, result.pending) == (0, 1)


def test_the_answer_reads_well() -> None:
    """It says what can be concluded and what cannot; rows and a notebook's tables say the same."""
    result = shop()
    parts = str(result).split("\n\n")

    assert parts[0].splitlines()[0] == (
        "5 people have lapsed; the reason is known for 60.0 % of them. "
        "People who give a reason may differ from the others: between 40.0 and 80.0 % of all lapsed people left "
        "for the first reason, price."
    )
    assert parts[0].splitlines()[2].startswith("no: price        66.7 % (2 of 3; 20.8 to 93.9 %)")
    assert parts[1].splitlines()[1].startswith("customer           75.0 % (3 of 4")
    assert "0 bought again earlier, 1 pending. This compares people" in parts[2]
    assert result._repr_html_().count("<table>") == 3
    customers = {"stage": "customer", "buyers": 4, "lapsed": 3, "reason_known": 2}
    repeats = {"stage": "repeat_customer", "buyers": 2, "lapsed": 2, "reason_known": 1}
    assert result.to_dicts() == [
        {**customers, "answer": "no", "reason": "price", "people": 1},
        {**customers, "answer": "not_yet", "reason": "payday", "people": 1},
        {**repeats, "answer": "no", "reason": "price", "people": 1},
    ]


def test_where_one_stage_is_silent_nothing_is_weighted() -> None:
    """Nobody can speak for a stage of which nobody has said why."""
    silent = {**TABLES, "interactions": TABLES["interactions"].filter(pl.col("person_id") != "c")}
    result = churn_reasons(Logs(**silent), POLICY, as_of=LATER)

    assert [one.weighted for one in result.reasons] == [None, None]
    assert [one.weighted for one in result.stages[0].reasons] == [0.5, 0.5]
    assert result.to_dicts()[-1]["reason"] is None


def test_where_nobody_spoke_nothing_is_known() -> None:
    """Without interactions no reason is known, and complaints are not said to be none."""
    result = churn_reasons(Logs(purchases=TABLES["purchases"]), POLICY, as_of=LATER)

    assert result.reason_known == Rate(0, 5)
    assert result.summary == "5 people have lapsed; the reason is known for 0.0 % of them. Ask the people who left."
    assert [one.problem for one in result.problems] == ["late_delivery", "any"]


def test_where_nobody_bought_nobody_left() -> None:
    """Without purchases there is nobody to ask of, and nothing to compare."""
    leads = Logs(leads=pl.DataFrame({"person_id": ["a"], "arrived_at": [NOON]}))
    result = churn_reasons(leads, POLICY, as_of=LATER)

    assert result.summary == "Nobody has lapsed."
    assert (result.lapsed, result.reasons, result.problems) == (Rate(0, 0), (), ())
    assert (result.returned_early, result.pending) == (0, 0)


def test_the_two_spans_must_leave_room() -> None:
    """People who may come back only after a month cannot do so within a month."""
    with pytest.raises(ArgumentError, match=r"after_sale_for must be shorter than lapse_after \(got 30 d and 30 d\)"):
        churn_reasons(Logs(**TABLES), Policy(lapse_after=30 * DAY), as_of=LATER)
