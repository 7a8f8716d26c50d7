"""A rule is one question with one answer: for one person, for everyone, for the days to come, and with its reasons."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, Optional

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import TypeAliasType

import funnel
from funnel import Facts, History, Lead, Logs, Policy, Rule, rule
from funnel.errors import ArgumentError, FactsError, InstantError, RuleError
from funnel.interactions import Visit
from tests.engines import ENGINES, HERE, on
from tests.frames import answered, in_order, tables
from tests.logs.shop import ORDERED
from tests.public import public
from tests.shop import (
    DAY,
    END,
    NOW,
    PEOPLE,
    TICK,
    ShopFacts,
    bought,
    by_person,
    few,
    fewer,
    known_by,
    logs_of,
    people,
    person,
)
from tests.strategies import histories, instants

RULES: dict[str, Rule[Any, Any, Any]] = {name: thing for name, thing in public().items() if isinstance(thing, Rule)}
NEXT_STEP = "next_action"
SPANS = {"expected_wait", "readiness_rank", "since_due", "until_earliest", "until_likely", "until_latest"}
"""Rules that return a span, or a number of it; it changes all the time, so it has no next change."""

POLICY = Policy(lapse_after=60 * DAY, delivery_grace=DAY, meeting_amount=5)


class Soon(Facts):
    """A fact whose "never" lies ahead."""

    until_soonest: timedelta = funnel.facts.until(funnel.facts.soonest("promises", "due"))


@rule
def since_they_bought(f: Facts, policy: Policy) -> timedelta:
    """A span that runs with the clock."""
    return f.since_last_purchase if f.purchase_count > 0 else policy.lapse_after


@rule
def is_regular(f: ShopFacts, policy: Policy) -> bool:
    """A rule of a shop's own facts."""
    return f.return_count >= 1 and f.since_last_web_purchase <= policy.lapse_after


@rule
def nickname(f: Facts, policy: Policy) -> str:
    """A text."""
    return "first" if f.purchase_count == 1 else policy.lapse_after.__class__.__name__


@rule
def score(f: Facts, policy: Policy) -> int | None:
    """A number, or None."""
    if f.order_count == 0:
        return None
    return 2 * (f.since_last_purchase > policy.quiet_after) + f.purchase_count


@rule
def mood(f: Facts, policy: Policy) -> str | None:
    """A text, or None."""
    if f.since_last_inbound > policy.lapse_after:
        return "cold" if f.order_count > 0 else None
    return "warm" if f.since_last_inbound > policy.quiet_after else "hot"


# ---- laws ----------------------------------------------------------------------------------------------------------


@pytest.mark.no_cover
@given(history=histories(), as_of=instants())
def test_a_rule_answers_as_the_plain_function_does(history: History, as_of: datetime) -> None:
    """Compiled, explained and called as it was written, each rule gives one answer, for facts and for a history."""
    for name, one_rule in RULES.items():
        facts = one_rule.facts.of(history, as_of=as_of)
        answer, why = one_rule.of(history, POLICY, as_of=as_of), one_rule.why(facts, POLICY)

        assert answer == one_rule._function(facts, POLICY), name
        assert one_rule(facts, POLICY) == one_rule.of(facts, POLICY) == why.answer == answer, name
        assert all(reason.holds or reason.points == 0 for reason in why.reasons), name


@pytest.mark.no_cover
@given(people(), instants())
@fewer
def test_over_everyone_a_rule_answers_as_for_each(everyone: tuple[History, ...], as_of: datetime) -> None:
    """Every rule of the house: by the logs, and by a frame of facts."""
    logs = logs_of(everyone)
    facts = Facts.over(logs, as_of=as_of).collect()
    for one_rule in RULES.values():
        facts = one_rule.over(facts, POLICY)
    by_facts = by_person(facts.select("person_id", *RULES))
    one = RULES[NEXT_STEP]

    assert by_facts == {
        history.person_id: {name: _plain(one_rule.of(history, POLICY, as_of=as_of)) for name, one_rule in RULES.items()}
        for history in known_by(everyone, as_of)
    }
    assert by_person(one.over(logs, POLICY, as_of=as_of)) == {
        name: {NEXT_STEP: row[NEXT_STEP]} for name, row in by_facts.items()
    }


def _plain(answer: Any) -> Any:
    return getattr(answer, "value", answer)


@pytest.mark.no_cover
@given(history=histories(), as_of=instants(), shares=st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_the_next_change_is_the_first(history: History, as_of: datetime, shares: list[float]) -> None:
    """At that instant the answer of each rule differs, and before it never; without one it never does."""
    facts = Facts.of(history, as_of=as_of)
    for name in sorted(RULES.keys() - SPANS):
        one_rule = RULES[name]
        change = one_rule.next_change(facts, POLICY)
        last = (change or datetime(2199, 12, 31, tzinfo=END.tzinfo)) - TICK
        between = [facts.as_of + (last - facts.as_of) * share for share in shares]

        assert change is None or one_rule(facts.at(change), POLICY) != one_rule(facts, POLICY), name
        assert {one_rule(facts.at(at), POLICY) for at in (last, *between)} == {one_rule(facts, POLICY)}, name
        assert one_rule.next_change.of(history, POLICY, as_of=facts.as_of) == change, name


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_the_next_change_of_a_table_is_the_first_of_several(engine: str) -> None:
    """With three limits on one fact and one on another, the first that changes the answer counts; on every engine.

    A rule that reads no fact has an answer and no next change.
    """

    @rule
    def silence(f: Facts, policy: Policy) -> int | None:
        passed = sum(1 * (f.since_last_purchase > days * DAY) for days in (10, 20, 30))
        return passed if f.since_arrival <= 90 * DAY else None

    @rule
    def ever(f: Facts, policy: Policy) -> bool:
        return f.purchase_count > 0

    @rule
    def always(f: Facts, policy: Policy) -> bool:
        return True

    everyone = [
        History.of(
            name,
            [Lead(person_id=name, arrived_at=NOW - arrived * DAY), bought(name, NOW - silent * DAY, person_id=name)],
        )
        for name, arrived, silent in (("p1", 80, 5), ("p2", 80, 15), ("p3", 80, 31), ("p4", 91, 5))
    ]
    logs = Logs(**on(engine, tables(everyone)))
    changes = [NOW + 5 * DAY + TICK, NOW + 5 * DAY + TICK, NOW + 10 * DAY + TICK, None]

    assert answered(silence.next_change.over(logs, POLICY, as_of=NOW)) == {
        name: {"silence": answer, "next_change": change}
        for name, answer, change in zip(PEOPLE, (0, 1, 3, None), changes, strict=True)
    }
    for constant in (ever, always):
        assert answered(constant.next_change.over(logs, POLICY, as_of=NOW)) == {
            name: {constant.name: True, "next_change": None} for name in PEOPLE
        }


@pytest.mark.no_cover
@pytest.mark.parametrize("name", sorted(RULES))
def test_the_witnesses_of_a_rule_take_its_paths(name: str) -> None:
    """Every path that the table tells has somebody who takes it, and no two have the same reasons."""
    one_rule = RULES[name]
    people_ = one_rule.witnesses(POLICY, as_of=NOW)
    paths = one_rule.table(POLICY).paths

    assert len(people_) == len(paths)
    assert all(one.as_of == NOW for one in people_)
    assert len({one_rule.why(one, POLICY).reasons for one in people_}) == len(people_)
    if isinstance(one_rule(people_[0], POLICY), StrEnum):
        assert [one_rule(one, POLICY).value for one in people_] == [path.answer for path in paths]


def test_witnesses_are_made_of_every_kind_of_fact() -> None:
    """Texts, truths, counts and spans: a person is found for each branch."""

    @rule
    def mixed(f: Facts, policy: Policy) -> int:
        if f.campaign == "may" and f.was_referred:
            return 1
        return 2 if f.since_last_purchase > policy.lapse_after and f.until_ready > DAY else 3

    people_ = mixed.witnesses(POLICY, as_of=NOW)

    assert {mixed(one, POLICY) for one in people_} == {1, 2, 3}
    assert any(one.campaign == "may" and one.was_referred for one in people_)


@given(people(), instants())
@few
def test_rules_of_a_shops_own_facts_spans_and_texts(everyone: tuple[History, ...], as_of: datetime) -> None:
    """A rule reads the shop's own facts where it says so; spans and texts come out as they are."""
    logs = logs_of(everyone)
    for one_rule in (is_regular, since_they_bought, nickname):
        actual = by_person(one_rule.over(logs, POLICY, as_of=as_of))  # type: ignore[attr-defined]

        assert actual == {
            history.person_id: {one_rule.name: one_rule.of(history, POLICY, as_of=as_of)}  # type: ignore[attr-defined]
            for history in known_by(everyone, as_of)
        }


@given(people(), instants())
@few
def test_a_change_of_a_score_or_a_text_is_found_for_everyone(everyone: tuple[History, ...], as_of: datetime) -> None:
    """The next change over tables is that of each, whatever kind of answer it is, None among them."""
    logs = logs_of(everyone)
    for one_rule in (score, mood):
        assert by_person(one_rule.next_change.over(logs, POLICY, as_of=as_of)) == {
            history.person_id: {
                one_rule.name: one_rule.of(history, POLICY, as_of=as_of),
                "next_change": one_rule.next_change.of(history, POLICY, as_of=as_of),
            }
            for history in known_by(everyone, as_of)
        }


# ---- cases ---------------------------------------------------------------------------------------------------------


def test_a_rule_of_plain_facts_answers_for_a_shops_own() -> None:
    """Facts of a class that extends what a rule reads will do, each class with its own places."""
    own, plain = ShopFacts(as_of=NOW, purchase_count=2), person(purchase_count=2)

    assert funnel.rules.has_bought_again(own, POLICY) is funnel.rules.has_bought_again(plain, POLICY) is True
    assert funnel.rules.has_bought_again(own.evolve(purchase_count=1), POLICY) is False
    assert is_regular(own, POLICY) is False


def test_another_policy_is_another_answer() -> None:
    """The answers of one policy do not depend on another policy."""
    facts = person(purchase_count=1, since_last_purchase=50 * DAY)
    answers = [funnel.is_lapsed(facts, Policy(lapse_after=days * DAY)) for days in (40, 50, 40)]

    assert answers == [True, False, True]


def test_why_shows_actual_beside_required_and_the_field_of_the_policy() -> None:
    """The reasons can be read aloud, and a program finds the number that decided."""
    why = funnel.is_lapsed.why(person(purchase_count=1, since_last_purchase=61 * DAY), POLICY)
    last = why.reasons[-1]

    assert (last.actual, last.required, last.policy_field, last.holds) == (
        "since_last_purchase is 61 d",
        "> 60 d",
        "lapse_after",
        True,
    )
    assert str(why).splitlines()[0] == "True"
    assert why.to_dict() == {"answer": True, "reasons": [reason.to_dict() for reason in why.reasons]}
    assert last.to_dict() == {
        "condition": last.condition,
        "actual": "since_last_purchase is 61 d",
        "required": "> 60 d",
        "holds": True,
        "policy_field": "lapse_after",
        "points": 0,
    }
    assert type(funnel.stage.why(person(purchase_count=1), POLICY).to_dict()["answer"]) is str


def test_a_rule_says_what_it_is() -> None:
    """Name, words and annotations are those of the function."""
    assert repr(is_regular) == "<rule is_regular>"
    assert is_regular.__doc__ == "A rule of a shop's own facts."
    assert is_regular.facts is ShopFacts
    assert rule(lambda f, _: f.purchase_count > 0).facts is Facts  # type: ignore[attr-defined, misc]


FRAME = pl.DataFrame({"person_id": ["p1"], "purchase_count": [1], "since_last_purchase": [DAY]})


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: is_regular.of(person(), POLICY), ArgumentError, "is_regular needs ShopFacts or a History .got Facts"),
        (lambda: is_regular.of(person(), POLICY), ArgumentError, r"make them with ShopFacts.of\(history, as_of="),
        (
            lambda: funnel.is_lapsed.of("p1", POLICY),
            ArgumentError,
            r"is_lapsed needs Facts or a History \(got str\); for",
        ),
        (lambda: funnel.is_lapsed.why("p1", POLICY), ArgumentError, r"pass logs.history\(person_id\)$"),
        (lambda: funnel.is_lapsed.of(1, POLICY), ArgumentError, r"is_lapsed needs Facts or a History \(got int\)$"),
        (lambda: funnel.is_lapsed.of(FRAME, POLICY), ArgumentError, r"\(got DataFrame\); for everyone, call over"),
        (lambda: funnel.is_lapsed.why([person()], POLICY), ArgumentError, r"\(got list\); call it for each person, or"),
        (
            lambda: funnel.is_lapsed.of(person(), POLICY, as_of=NOW),
            ArgumentError,
            "as_of was passed with facts, which have their own instant",
        ),
        (
            lambda: funnel.is_lapsed.of(History(person_id="p1"), POLICY),
            InstantError,
            "as_of is None; .* as_of=datetime",
        ),
        (lambda: funnel.is_lapsed.of(person(), None), ArgumentError, r"policy must be a Policy \(got None\)"),
        (
            lambda: funnel.is_lapsed.over(FRAME, POLICY, as_of=NOW),
            ArgumentError,
            r"as_of needs Logs \(got DataFrame\); make Logs of the table first: .*, or leave as_of out with a",
        ),
        (
            lambda: funnel.is_lapsed.over(History(person_id="p1"), POLICY, as_of=NOW),
            ArgumentError,
            r"as_of needs Logs \(got History\); for one History, facts and rules have of",
        ),
        (
            lambda: funnel.is_lapsed.over(funnel.SqliteStore(), POLICY, as_of=NOW),
            ArgumentError,
            r"as_of needs Logs \(got SqliteStore\); pass its logs\(\)",
        ),
        (
            lambda: funnel.is_lapsed.over(FRAME.rename({"since_last_purchase": "since_purchase"}), POLICY),
            FactsError,
            "the dataframe does not have the columns that the rule is_lapsed reads: since_last_purchase .*since_pur",
        ),
        (
            lambda: funnel.is_lapsed.over(FRAME.cast({"purchase_count": pl.Float64}), POLICY),
            FactsError,
            "the column purchase_count must hold whole numbers.*got Float64",
        ),
        (
            lambda: funnel.is_lapsed.over(FRAME.cast({"purchase_count": pl.String}), POLICY),
            FactsError,
            "the column purchase_count must hold whole numbers.*got String",
        ),
    ],
    ids=range(16),
)
def test_what_does_not_go_with_a_rule_is_refused(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    """Facts of another class, no person, an instant too many or too few, a column too few or of a wrong type."""
    with pytest.raises(error, match=message):
        call()


def test_an_unknown_fact_may_be_one_of_the_shop() -> None:
    """A rule without an annotation reads the facts of the library; the error says how to read other facts."""

    @rule
    def eager(f, policy):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        return f.coffee_count > 3

    declared = "if a class of your own declares it, annotate f with that class, such as f: ShopFacts"
    with pytest.raises(RuleError, match=rf"the fact 'coffee_count' is unknown; {declared}; or did you mean \w+.*\?$"):
        eager.of(person(), POLICY)


def test_an_unknown_fact_is_not_answered_with_all_names() -> None:
    """The facts of the library are many; a name like none of them is a fact of the shop."""

    @rule
    def eager(f, policy):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        return f.xyz > 3

    with pytest.raises(RuleError, match=r"the fact 'xyz' is unknown; if a class .* such as f: ShopFacts$"):
        eager.of(person(), POLICY)


def test_a_text_column_must_be_text() -> None:
    """A code is not a text, for its number might be taken for another."""

    @rule
    def from_may(f: Facts, policy: Policy) -> bool:
        return f.campaign == "may"

    frame = pl.DataFrame({"campaign": ["may", None, "june"]})

    assert from_may.over(frame, POLICY)["from_may"].to_list() == [True, False, False]
    with pytest.raises(FactsError, match=r"the column campaign must hold text.*got Int64"):
        from_may.over(pl.DataFrame({"campaign": [5]}), POLICY)


@pytest.mark.parametrize(
    ("name", "columns", "expected"),
    [
        ("is_lapsed", {"purchase_count": [1, None], "since_last_purchase": [None, None]}, [True, False]),
        ("is_lapsed", {"purchase_count": [1], "since_last_purchase": [60 * DAY]}, [False]),
        ("is_lapsed", {"purchase_count": [1], "since_last_purchase": [60 * DAY + timedelta(microseconds=1)]}, [True]),
        (
            "is_won_back",
            {"purchase_count": [2], "gap_before_last_purchase": [None], "since_last_purchase": [DAY]},
            [False],
        ),
        (
            "is_overdue",
            {"occasion_count": [3], "purchase_interval": [None], "since_last_purchase": [900 * DAY]},
            [False],
        ),
        (
            "answer_is_late",
            {name: [None, 2 * DAY] for name in ("oldest_open_question", "newest_open_question")}
            | {"since_last_purchase": [None, None]},
            [False, True],
        ),
        (
            "is_postponed",
            {
                "since_last_postponement": [DAY],
                "since_last_ready_signal": [None],
                "since_last_purchase": [None],
                "until_ready": [None],
            },
            [False],
        ),
    ],
)
def test_a_null_in_a_frame_is_not_known(name: str, columns: dict[str, list[Any]], expected: list[bool]) -> None:
    """A null is an unknown fact."""
    assert RULES[name].over(pl.DataFrame(columns), POLICY)[name].to_list() == expected


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"purchase_count": [2**40], "since_last_purchase": [DAY]},
            "purchase_count .* must hold whole numbers from 0 to 2147483648",
        ),
        ({"purchase_count": [-1], "since_last_purchase": [DAY]}, "purchase_count has values outside"),
        (
            {"purchase_count": [1], "since_last_purchase": [timedelta(microseconds=2**60)]},
            "since_last_purchase .* spans of less than 400",
        ),
    ],
)
def test_a_number_that_a_fact_cannot_be_is_refused_in_a_frame(columns: dict[str, list[Any]], message: str) -> None:
    """The arithmetic of a rule is known to fit for the numbers that a fact can be, and for no others."""
    with pytest.raises(FactsError, match=message):
        funnel.is_lapsed.over(pl.DataFrame(columns), POLICY)
    assert funnel.is_lapsed.over(pl.DataFrame(columns).clear(), POLICY).height == 0


@pytest.mark.parametrize("engine", HERE)
def test_a_number_is_no_span_where_spans_have_a_type(engine: str) -> None:
    """A number has no unit: 300 days would be 300 microseconds. Elsewhere it is microseconds."""
    days = pl.DataFrame({"person_id": ["a"], "purchase_count": [3], "since_last_purchase": [300]})
    micros = days.with_columns(pl.col("since_last_purchase") * 86_400 * 10**6)
    spans = days.with_columns(pl.duration(days="since_last_purchase").alias("since_last_purchase"))
    remedy = {"pandas": r"pd\.to_timedelta\(\.\.\., unit=\"D\"\)", "pyarrow": "pa.duration"}.get(engine, "pl.duration")

    if engine in ORDERED:
        with pytest.raises(
            FactsError, match=rf"since_last_purchase must hold durations, such as {remedy}.* \(got Int64\)"
        ):
            funnel.is_lapsed.over(ENGINES[engine]({"facts": days})["facts"], POLICY)
        (row,) = in_order(funnel.is_lapsed.over(ENGINES[engine]({"facts": spans})["facts"], POLICY))
    else:
        (row,) = in_order(funnel.is_lapsed.over(ENGINES[engine]({"facts": micros})["facts"], POLICY))
    assert row["is_lapsed"]


def test_a_span_is_no_number_in_a_frame() -> None:
    """A count of three days is refused too, and so is a truth for a span."""
    for columns, message in (
        (
            {"purchase_count": [3 * DAY], "since_last_purchase": [DAY]},
            "purchase_count must hold whole numbers or booleans",
        ),
        ({"purchase_count": [3], "since_last_purchase": [True]}, "since_last_purchase must hold durations"),
    ):
        with pytest.raises(FactsError, match=message):
            funnel.is_lapsed.over(pl.DataFrame(columns), POLICY)


def test_the_soonest_day_of_a_frame_may_lie_ahead() -> None:
    """A span until an instant that was never named is read as far ahead or far behind, as the fact says."""

    @rule
    def is_nearly_due(f: Soon, policy: Policy) -> bool:
        return f.until_soonest < policy.quiet_after

    frame = pl.DataFrame({"until_soonest": [DAY, None, 400 * DAY]})

    assert is_nearly_due.over(frame, POLICY)["is_nearly_due"].to_list() == [True, False, False]
    assert is_nearly_due(Soon(as_of=NOW), POLICY) is False


def test_a_fact_that_a_rule_may_not_read_is_refused_by_name() -> None:
    """The error names the rule, the expression and the remedy."""

    @rule
    def bad(f: Facts, policy: Policy) -> bool:
        return f.last_purchase_at is None or f.purchase_count / 2 > policy.low_score

    with pytest.raises(RuleError, match="in the rule bad: the fact last_purchase_at cannot be used in a rule"):
        bad.of(person(), POLICY)


def test_a_span_that_runs_has_no_next_change() -> None:
    """It changes all the time."""
    with pytest.raises(RuleError, match=r"next change of .* cannot be computed"):
        since_they_bought.next_change(person(purchase_count=1), POLICY)


def test_the_next_change_of_everyone_may_depend_on_a_text() -> None:
    """A text that the rule does not name is none of those that it names."""
    at = datetime(2026, 1, 1, tzinfo=UTC)

    @rule
    def is_new(f: Facts, policy: Policy) -> bool:
        return f.lead_source in ("fair", "shop") and f.since_arrival < timedelta(days=3)

    leads = [Lead(person_id=name, arrived_at=at, source=name) for name in ("fair", "shop", "other")]
    people = {lead.person_id: History.of(lead.person_id, [lead]) for lead in leads}
    rows = pl.DataFrame(
        [(lead.person_id, at, lead.source) for lead in leads], ["person_id", "arrived_at", "source"], orient="row"
    )
    over = is_new.next_change.over(Logs(leads=rows), POLICY, as_of=at)

    assert {row["person_id"]: row["next_change"] for row in over.to_dicts()} == {
        name: is_new.next_change.of(history, POLICY, as_of=at) for name, history in people.items()
    }
    assert set(over["next_change"]) == {at + timedelta(days=3), None}


def test_a_rule_must_say_what_it_reads() -> None:
    """An annotation that is not a facts class, or is undefined, is refused with the remedy."""

    def of_text(f: str, policy: Policy) -> bool:
        return bool(f)

    def unknown(f: Elsewhere, policy: Policy) -> bool:  # type: ignore[name-defined]  # noqa: F821 - as it must be
        return bool(f)

    with pytest.raises(FactsError, match="the first argument of of_text is annotated with <class 'str'>; use Facts"):
        rule(of_text).of(person(), POLICY)  # type: ignore[type-var, arg-type]
    with pytest.raises(FactsError, match="the annotations of unknown use 'Elsewhere', which is not defined; import it"):
        rule(unknown).of(person(), POLICY)


@rule  # noqa: RET503 - on purpose
def falls_through(f: Facts, policy: Policy) -> bool:  # type: ignore[return]
    """A rule without an answer in one of its branches."""
    if f.purchase_count > 1:
        return True


@rule
def leans_on_it(f: Facts, policy: Policy) -> int:
    """A rule that reads the answer of one without an answer."""
    return 1 if falls_through(f, policy) else 0


@pytest.mark.parametrize("one_rule", [falls_through, leans_on_it], ids=lambda one_rule: one_rule.name)
def test_a_branch_without_an_answer_is_refused_in_every_form(one_rule: Rule[Any, Any, Any]) -> None:
    """A rule that says it answers True or False and ends without `return` is refused, traced and as plain Python."""
    history = History(person_id="p1")
    facts, logs = Facts.of(history, as_of=NOW), logs_of([History.of("p1", [bought("1", NOW - DAY)])])
    forms: list[Callable[[], object]] = [
        lambda: one_rule.of(facts, POLICY),
        lambda: one_rule.of(history, POLICY, as_of=NOW),
        lambda: one_rule(facts, POLICY),
        lambda: one_rule._as_written(facts, POLICY),
        lambda: one_rule.why(facts, POLICY),
        lambda: one_rule.table(POLICY),
        lambda: one_rule.over(logs, POLICY, as_of=NOW),
        lambda: one_rule.over(Facts.over(logs, as_of=NOW), POLICY),
        lambda: one_rule.next_change.of(facts, POLICY),
        lambda: one_rule.of(funnel.LiveFacts(history, Facts), POLICY, as_of=NOW),
    ]

    for form in forms:
        with pytest.raises(RuleError, match=r"falls_through returns None .*; return an answer in every branch"):
            form()
    if one_rule is falls_through:
        with pytest.raises(RuleError, match=r"returns None if .*purchase_count <= 1"):
            one_rule.of(facts, POLICY)


_OPTIONAL = Literal["a", None]  # noqa: PYI061 - as somebody may write it
Maybe = TypeAliasType("Maybe", bool | None)
Surely = TypeAliasType("Surely", bool)


@pytest.mark.parametrize(
    ("annotation", "allowed"),
    [
        *((one, True) for one in (bool | None, Optional[bool], None, object, Any, _OPTIONAL, Maybe, list[int])),  # noqa: UP045
        *((one, False) for one in (bool, int, str, timedelta, StrEnum, int | bool, Literal["a"], Surely)),
    ],
)
def test_a_rule_may_answer_with_none_if_it_says_so(annotation: Any, allowed: bool) -> None:  # noqa: FBT001 - a case
    """A rule may return None if the annotation allows it, or if nothing is annotated."""

    def perhaps(f: Facts, policy: Policy):  # type: ignore[no-untyped-def] # noqa: ANN202
        return True if f.purchase_count > policy.low_score else None

    perhaps.__annotations__["return"] = annotation
    created: Rule[Any, Any, Any] = rule(perhaps)
    facts = Facts.of(History(person_id="p1"), as_of=NOW)
    if allowed:
        assert (created.of(facts, POLICY), created._as_written(facts, POLICY)) == (None, None)
    else:
        for form in (created.of, created._as_written):
            with pytest.raises(RuleError, match=r"or add `\| None` to the annotation"):
                form(facts, POLICY)


def test_what_never_happened_has_one_reason() -> None:
    """The first condition on a fact that is not set says all of them; other facts keep theirs."""
    day = timedelta(days=1)
    person = History.of("p1", [Visit(person_id="p1", id="1", occurred_at=NOW - 2 * day)])

    @rule
    def is_silent(f: Facts, policy: Policy) -> bool:
        return (
            f.since_last_purchase > 9 * day
            and f.since_last_purchase > f.since_last_inbound
            and f.since_last_inbound < 9 * day
            and f.since_last_inbound < 8 * day
        )

    assert [one.condition for one in is_silent.why(person, Policy(), as_of=NOW).reasons] == [
        "since_last_purchase > 9 d",
        "since_last_inbound < 9 d",
        "since_last_inbound < 8 d",
    ]


def test_a_long_expression_is_listed_by_its_facts() -> None:
    """Conditions stay readable."""

    @rule
    def is_odd(f: Facts, policy: Policy) -> bool:
        sum_of_all = (
            f.question_count + f.view_count + f.refund_count + f.decline_count + f.meeting_count + f.delivery_count
        )
        return sum_of_all + f.order_count + f.lead_count + f.complaint_count > 3

    (reason,) = is_odd.why(Facts(as_of=NOW, question_count=1), Policy()).reasons
    assert reason.condition.startswith("(computed from question_count, view_count, ")
    assert (reason.actual, reason.required) == ("it is 1", "<= 3")
