"""Answers and reasons as sentences: every word in both languages, and what each sentence says."""

from __future__ import annotations

import enum
import string
from datetime import timedelta
from typing import Any

import pytest

import funnel
from funnel import Facts, Policy, Rule, next_action, readiness, rule, stage
from funnel._messages import ANSWERS, EXPLAINS, EXPLAINS_FUTURE, FACTS, POINTS, REASONS, SPANS, Translated
from funnel.errors import ArgumentError
from funnel.interactions import DeclineReason, PostponementReason
from funnel.messages import explain, label
from funnel.rules._buying import BuyingPhase
from funnel.rules._next_action import IDLE, NextAction
from funnel.rules._readiness import Readiness
from funnel.rules._trust import Assurance
from funnel.rules._window import WindowBasis
from funnel.stages import Stage
from tests.shop import DAY, NOW, TICK, person

POLICY = Policy()
ENUMS: tuple[type[enum.Enum], ...] = (NextAction, Readiness, Stage, BuyingPhase, Assurance, WindowBasis)
HOUR = timedelta(hours=1)
TABLES: dict[str, dict[str, Translated]] = {
    **{name: dict(words) for name, words in ANSWERS.items()},
    "reasons": dict(REASONS),
    "facts": dict(FACTS),
    "spans": dict(SPANS),
}


@pytest.mark.parametrize("answers", ENUMS, ids=lambda kind: kind.__name__)
def test_every_answer_has_its_words(answers: type[enum.Enum]) -> None:
    """No answer of the house is without words, and no words are of an answer that does not exist."""
    assert set(ANSWERS[answers.__name__]) == {one.value for one in answers}


def test_every_reason_that_people_give_has_its_words() -> None:
    """Why not yet, and why not."""
    assert set(REASONS) == {*map(str, PostponementReason), *map(str, DeclineReason)}


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "one_rule", [next_action, readiness, stage, funnel.rules.assurance, funnel.rules.buying_phase], ids=str
)
def test_every_fact_that_decides_has_its_words(one_rule: Rule[Facts, Policy, Any]) -> None:
    """Whatever a rule of the worklist reads can be told."""
    assert one_rule._compiled_rule(POLICY).read <= set(FACTS)


def test_what_explains_is_a_fact_that_has_words() -> None:
    """The facts that are named for an answer are facts, and so are those told instead."""
    fact_names = [name for answers in EXPLAINS.values() for facts in answers.values() for name in facts]
    flat = {name for one in fact_names for name in ((one,) if isinstance(one, str) else one)}

    others = {name for facts in (*EXPLAINS_FUTURE.values(), *POINTS.values()) for name in facts}

    assert set(POINTS) <= set(Policy.model_fields)
    assert flat | others <= set(FACTS) & set(Facts._fact_plan.declared)


@pytest.mark.parametrize("table", TABLES)
def test_both_languages_have_the_same_forms_and_gaps(table: str) -> None:
    """Both languages have the same number of forms, the same empty forms and the same placeholders."""
    for english, indonesian in TABLES[table].values():
        forms = [text.split("|") for text in (english, indonesian)]

        assert [bool(form) for form in forms[0]] == [bool(form) for form in forms[1]]
        assert [_gaps(form) for form in forms[0]] == [_gaps(form) for form in forms[1]]


def _gaps(form: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(form) if name]


class ShopFacts(Facts):
    """A fact of a shop's own, that nobody has put into words."""

    gift_count: int = funnel.facts.count("purchases", where=lambda purchase: purchase.promotion == "gift")


@rule
def is_a_giver(f: ShopFacts, policy: Policy) -> bool:
    """A rule that answers yes or no."""
    return f.gift_count > 1 and f.since_last_purchase <= policy.lapse_after


CASES: list[tuple[dict[str, Any], str, str]] = [
    (
        {"open_question_count": 1, "oldest_open_question": 2 * DAY},
        "Answer the question: the oldest open question has waited for 2 days.",
        "Jawab pertanyaannya: pertanyaan paling lama sudah menunggu 2 hari.",
    ),
    (
        {"open_promise_count": 1, "since_promise_was_due": DAY},
        "Let them know about the delay: the delivery is 24 hours late.",
        "Kabari bahwa kiriman terlambat: kiriman terlambat 24 jam.",
    ),
    (
        {
            "postponement_count": 1,
            "since_last_postponement": 9 * DAY,
            "until_ready": 14 * DAY,
            "postponement_reason": "payday",
        },
        "Wait: the day they named is in 14 days; reason: waiting for payday.",
        "Tunggu dulu: hari yang disebutkan 14 hari lagi; alasan: menunggu gajian.",
    ),
    (
        {
            "postponement_count": 1,
            "since_last_postponement": 9 * DAY,
            "until_ready": -HOUR,
            "postponement_reason": "other",
        },
        "Ask again, as agreed: the day they named was 1 hour ago; reason: another reason.",
        "Tanyakan lagi sesuai janji: hari yang disebutkan sudah lewat 1 jam; alasan: lainnya.",
    ),
    (
        {"since_last_follow_up": HOUR - TICK, "unanswered_follow_up_count": 1, "until_ready": -DAY},
        "Wait: you last wrote less than an hour ago; one of your messages is unanswered.",
        "Tunggu dulu: terakhir Anda hubungi kurang dari satu jam lalu; satu pesan Anda belum dibalas.",
    ),
    (
        {"since_last_cart": 3 * DAY, "since_last_question": 90 * DAY},
        "Follow up: they filled the cart 3 days ago.",
        "Tindak lanjuti: mengisi keranjang 3 hari lalu.",
    ),
    (
        {"since_last_checkout": 3 * DAY},
        "Help them complete the payment: they started to pay 3 days ago.",
        "Bantu selesaikan pembayaran: mulai checkout 3 hari lalu.",
    ),
    (
        {"purchase_count": 3, "purchase_interval": 20 * DAY, "since_last_purchase": 40 * DAY},
        "Send a reminder: they last bought 40 days ago; they usually buy every 20 days.",
        "Kirim pengingat: terakhir belanja 40 hari lalu; biasanya belanja setiap 20 hari.",
    ),
    (
        {"purchase_count": 3, "purchase_interval": timedelta(minutes=1), "since_last_purchase": 40 * DAY},
        "Offer the next product: they last bought 40 days ago.",
        "Tawarkan produk berikutnya: terakhir belanja 40 hari lalu.",
    ),
    (
        {"has_opted_out": True},
        "Do not contact: they asked not to be contacted.",
        "Jangan dihubungi: minta tidak dihubungi.",
    ),
    ({}, "Nothing to do.", "Tidak ada yang perlu dilakukan."),
]


@pytest.mark.parametrize(("facts", "english", "indonesian"), CASES, ids=[case[1][:20] for case in CASES])
def test_a_next_step_is_told_with_its_reason(facts: dict[str, Any], english: str, indonesian: str) -> None:
    """The sentence has the action and its reason; of several signs the most recent."""
    assert explain(next_action, person(**facts), POLICY) == english
    assert explain(next_action, person(**facts), POLICY, language="id") == indonesian


def test_every_step_that_is_due_has_a_reason_in_words() -> None:
    """Whatever there is to do for somebody, a sentence says why, so that a report never ends at "because"."""
    witnesses = next_action.witnesses(POLICY, as_of=NOW)
    aged = {"oldest_open_question": DAY, "oldest_open_complaint": DAY}  # records always have an age, a witness need not
    due = [facts.evolve(**aged) for facts in witnesses if next_action(facts, POLICY) not in IDLE]

    assert len(due) > 10
    assert all(": " in explain(next_action, facts, POLICY) for facts in due)
    assert all(": " in explain(next_action, facts, POLICY, language="id") for facts in due)


def test_points_are_told_biggest_first() -> None:
    """Reasons have their points, positive and negative; parts with the same text are summed."""
    lapsed = person(purchase_count=3, purchase_interval=DAY, since_last_purchase=31 * DAY, order_count=3)
    silent = Policy(due_points=20, likely_lost_points=-20)
    facts = person(
        purchase_count=3, purchase_interval=20 * DAY, since_last_purchase=31 * DAY, order_count=3, late_delivery_count=1
    )

    assert explain(readiness, facts, POLICY) == (
        "Warm: they have bought 3 times, they last bought 31 days ago (+48); one delivery was late (-15)."
    )
    assert explain(readiness, lapsed, silent) == "Warm: they have bought 3 times, they last bought 31 days ago (+48)."
    assert explain(readiness, person(inbound_count=1), POLICY) == "Cold."
    assert (
        explain(readiness, person(since_last_ready_signal=DAY), POLICY)
        == 'Ready to buy: they said "I am ready" 24 hours ago.'
    )


def test_an_answer_without_words_of_its_own_tells_its_reasons() -> None:
    """A bool answer lists its conditions; a custom fact is shown as the condition of the rule."""
    facts = ShopFacts(as_of=person().as_of, gift_count=2, since_last_purchase=DAY)

    assert explain(is_a_giver, facts, POLICY) == (
        "True: gift_count > 1 (gift_count is 2); they last bought 24 hours ago."
    )
    assert explain(funnel.rules.assurance, person(), POLICY) == (
        "No assurance needed: they have not bought; "
        "last_quote_amount <= meeting_percent (500) % of largest_purchase (last_quote_amount is 0, the limit is 0); "
        "last_quote_amount <= 0 (last_quote_amount is 0)."
    )


def test_an_enum_of_a_shop_is_told_by_its_values() -> None:
    """Words are known of the library's own answers."""
    mine = enum.Enum("mine", {"A": "very_good"})

    assert label(mine.A) == "very good"
    assert label(Stage.CUSTOMER, language="id") == "Konsumen"


@pytest.mark.parametrize("language", ["de", "EN", ""])
def test_a_language_without_words_is_refused(language: Any) -> None:
    """Two languages are known."""
    with pytest.raises(ArgumentError, match="language must be"):
        label(Stage.LEAD, language=language)
    with pytest.raises(ArgumentError, match="must be 'en' or 'id'"):
        explain(stage, person(), POLICY, language=language)


def test_a_sentence_of_a_history_is_that_of_its_facts() -> None:
    """A history needs an instant."""
    history = funnel.History.of(
        "p1", [funnel.interactions.Visit(id="v", person_id="p1", occurred_at="2026-08-30T00:00Z")]
    )

    assert explain(stage, history, POLICY, as_of=person().as_of) == "Prospect: they have been in touch once."
