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
from tests.metrics.buyers import DAY, TICK, buyers, counted, moments
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
    asked: list[Interaction] = [Question(**common)]
    if wait is not None:
        asked.append(
            Answer(**common | {"id": f"a-{person}-{number}", "occurred_at": at + wait}, question_id=common["id"])
        )
    return asked


def _promised(draw: st.DrawFn, one: Purchase) -> Purchase:
    """The same purchase with a promise that was kept, or not."""
    due = one.purchased_at + draw(st.sampled_from([0, 5, 9])) * DAY
    came = draw(st.sampled_from([None, 0 * DAY, TICK, 2 * TICK, 3 * DAY]))
    return one.model_copy(update={"promised_at": due, "delivered_at": None if came is None else due + came})


@st.composite
def talkers(draw: st.DrawFn) -> list[History]:
    """A few buyers, to whom things happened."""
    people = []
    for person in draw(buyers(3)):
        said = [one for number in range(draw(st.integers(0, 4))) for one in _spoke(draw, person.person_id, number)]
        bought = [_promised(draw, one) if draw(st.booleans()) else one for one in person.purchases]
        people.append(History.of(person.person_id, [*bought, *person.refunds, *person.leads, *said]))
    return people


def last_word(person: History, bought: datetime, as_of: datetime) -> tuple[str, str] | None:
    """What they said last after their last purchase; a "no" outweighs a "not yet" of the same instant."""
    said = [
        (one.occurred_at, isinstance(one, Declined), one.source, one.id, str(one.reason))
        for one in person.interactions
        if isinstance(one, Declined | Postponement) and bought < one.occurred_at <= as_of
    ]
    return ("no" if max(said)[1] else "not_yet", max(said)[-1]) if said else None


@pytest.mark.no_cover
@FEW
@given(talkers(), moments)
def test_the_reasons_are_what_asking_one_by_one_finds(people: list[History], as_of: datetime) -> None:
    """Who has lapsed, of whom the reason is known and which it is equal a count person by person, stage by stage."""
    found = churn_reasons(logs_of(people), POLICY, as_of=as_of)
    times = {one.person_id: [order.purchased_at for order in counted(one, as_of)] for one in people}
    for stage in found.stages:
        mine = [
            one
            for one in people
            if (bought := times[one.person_id]) and (len(bought) > 1) is (stage.stage is Stage.REPEAT_CUSTOMER)
        ]
        gone = [one for one in mine if as_of - times[one.person_id][-1] > POLICY.lapse_after]
        words = [last_word(one, times[one.person_id][-1], as_of) for one in gone]
        counts = Counter(word for word in words if word)
        assert (stage.left, stage.known) == (Rate(len(gone), len(mine)), Rate(counts.total(), len(gone)))
        assert {(one.said, one.reason): one.rate for one in stage.reasons} == {
            word: Rate(count, counts.total()) for word, count in counts.items()
        }
    assert found.known.trials == found.left.successes
    assert sum(one.rate.successes for one in found.reasons) == found.known.successes
    for one in found.reasons:
        assert one.lower_bound <= (one.rate.value or 0) <= one.upper_bound + 1e-9


def went_wrong(person: History, start: datetime, as_of: datetime) -> set[str]:
    """What went wrong in the ten days after a purchase, read from the records one by one."""
    end, found = start + POLICY.after_sale_for, set()
    answers = {one.question_id: one.occurred_at for one in person.interactions if isinstance(one, Answer)}
    for one in person.interactions:
        if isinstance(one, Complaint) and start <= one.occurred_at <= end:
            found.add("complaint")
        if isinstance(one, Question):
            late = one.occurred_at + POLICY.answer_within + TICK
            if start <= late <= end and not (one.id in answers and answers[one.id] < late):
                found.add("unanswered_question")
    for order in person.purchases:
        if order.promised_at is None or not order.amount:
            continue
        late = order.promised_at + POLICY.delivery_grace + TICK
        over = [order.delivered_at] if order.delivered_at else []
        over += [void] if (void := refunds_to_date(person, order)) else []
        if start <= late <= end and not any(moment < late for moment in over):
            found.add("late_delivery")
    assert end < as_of
    return found


def refunds_to_date(person: History, order: Purchase) -> datetime | None:
    """When the whole of a purchase had been given back."""
    left = order.amount.minor
    for refund in sorted(person.refunds, key=lambda one: one.refunded_at):
        if (refund.source, refund.purchase_id) == order.key:
            left -= refund.amount.minor
            if left == 0:
                return refund.refunded_at
    return None


def compared(people: Sequence[History], as_of: datetime) -> tuple[list[tuple[set[str], bool]], int, int]:
    """Each buyer's troubles and whether they came back; and how many are quick, and pending."""
    asked, quick, pending = [], 0, 0
    for person in people:
        times = [one.purchased_at for one in counted(person, as_of)]
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
        asked.append((went_wrong(person, old[-1], as_of), back))
    return asked, quick, pending


@FEW
@given(talkers(), moments)
def test_what_went_wrong_is_what_looking_one_by_one_finds(people: list[History], as_of: datetime) -> None:
    """Each buyer is compared once, from one purchase, over the same time; nobody is lost."""
    found = churn_reasons(logs_of(people), POLICY, as_of=as_of, min_people=1)
    asked, quick, pending = compared(people, as_of)

    assert (found.quick, found.pending) == (quick, pending)
    assert bool(found.troubles) is bool(asked)
    for one in found.troubles:
        had = [back for troubles, back in asked if (troubles if one.trouble == "any" else one.trouble in troubles)]
        rest = [back for troubles, back in asked if not (troubles if one.trouble == "any" else one.trouble in troubles)]
        assert (one.with_it, one.without) == (Rate(sum(had), len(had)), Rate(sum(rest), len(rest)))
        assert one.difference == one.with_it.minus(one.without)
    buyer_count = sum(bool(counted(person, as_of)) for person in people)
    assert buyer_count == len(asked) + quick + pending


@pytest.mark.no_cover
@FEW
@given(talkers(), moments, moments)
def test_what_comes_later_changes_nothing(people: list[History], one: datetime, other: datetime) -> None:
    """Records after the instant of judgement are not known at it."""
    as_of = min(one, other)
    known = [
        History.of(person.person_id, [record for record in person.records if record.happened_at <= as_of])
        for person in people
    ]

    assert churn_reasons(logs_of(people), POLICY, as_of=as_of) == churn_reasons(logs_of(known), POLICY, as_of=as_of)


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
    found = shop()

    assert (found.left, found.known) == (Rate(5, 6), Rate(3, 5))
    assert [(one.stage, one.left, one.known) for one in found.stages] == [
        (Stage.CUSTOMER, Rate(3, 4), Rate(2, 3)),
        (Stage.REPEAT_CUSTOMER, Rate(2, 2), Rate(1, 2)),
    ]
    assert found.reasons[0] == ChurnReason("no", "price", Rate(2, 3), (3 / 2 + 2) / 5, 2 / 5, 4 / 5)
    assert [(one.trouble, one.with_it, one.without) for one in found.troubles] == [
        ("complaint", Rate(0, 1), Rate(0, 4)),
        ("late_delivery", Rate(0, 1), Rate(0, 4)),
        ("unanswered_question", Rate(0, 0), Rate(0, 5)),
        ("any", Rate(0, 2), Rate(0, 3)),
    ]
    assert (found.quick, found.pending) == (0, 1)


def test_the_answer_reads_well() -> None:
    """It says what can be concluded and what cannot; rows and a notebook's tables say the same."""
    found = shop()
    parts = str(found).split("\n\n")

    assert parts[0].splitlines()[0] == (
        "5 have lapsed; of 60.0 % of them the reason is known. Who says why need not be like who does not: between "
        "40.0 and 80.0 % of all of them left for the first reason, price."
    )
    assert parts[0].splitlines()[2].startswith("no: price        66.7 % (2 of 3; 20.8 to 93.9 %)")
    assert parts[1].splitlines()[1].startswith("customer           75.0 % (3 of 4")
    assert "0 had bought again by then, 1 pending. It compares people" in parts[2]
    assert found._repr_html_().count("<table>") == 3
    assert found.to_dicts() == [
        {"stage": "customer", "buyers": 4, "left": 3, "known": 2, "said": "no", "reason": "price", "people": 1},
        {"stage": "customer", "buyers": 4, "left": 3, "known": 2, "said": "not_yet", "reason": "payday", "people": 1},
        {"stage": "repeat_customer", "buyers": 2, "left": 2, "known": 1, "said": "no", "reason": "price", "people": 1},
    ]


def test_where_one_stage_is_silent_nothing_is_weighted() -> None:
    """Nobody can speak for a stage of which nobody has said why."""
    silent = {**TABLES, "interactions": TABLES["interactions"].filter(pl.col("person_id") != "c")}
    found = churn_reasons(Logs(**silent), POLICY, as_of=LATER)

    assert [one.weighted for one in found.reasons] == [None, None]
    assert [one.weighted for one in found.stages[0].reasons] == [0.5, 0.5]
    assert found.to_dicts()[-1]["reason"] is None


def test_where_nobody_spoke_nothing_is_known() -> None:
    """Without interactions no reason is known, and complaints are not said to be none."""
    found = churn_reasons(Logs(purchases=TABLES["purchases"]), POLICY, as_of=LATER)

    assert found.known == Rate(0, 5)
    assert found.summary == "5 have lapsed; of 0.0 % of them the reason is known. Ask those who have gone."
    assert [one.trouble for one in found.troubles] == ["late_delivery", "any"]


def test_where_nobody_bought_nobody_left() -> None:
    """Without purchases there is nobody to ask of, and nothing to compare."""
    leads = Logs(leads=pl.DataFrame({"person_id": ["a"], "arrived_at": [NOON]}))
    found = churn_reasons(leads, POLICY, as_of=LATER)

    assert found.summary == "Nobody has lapsed."
    assert (found.left, found.reasons, found.troubles, found.quick, found.pending) == (Rate(0, 0), (), (), 0, 0)


def test_the_two_spans_must_leave_room() -> None:
    """Who may come back only after a month cannot do so within a month."""
    with pytest.raises(ArgumentError, match=r"after_sale_for \(30 d\) is not shorter than lapse_after \(30 d\)"):
        churn_reasons(Logs(**TABLES), Policy(lapse_after=30 * DAY), as_of=LATER)
