"""The kit with which a shop proves its own rules finds what is wrong, and passes what is right."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

import funnel.testing
from funnel import _hypothesis_plugin, _pytest_plugin
from funnel.errors import FunnelError, MissingExtraError
from funnel.facts import Facts
from funnel.history import History
from funnel.incremental._rule import IncrementalRule
from funnel.interactions import Answer, Complaint, Interaction, Question
from funnel.logs import Logs
from funnel.money import Money
from funnel.policy import Policy
from funnel.records import Customer, Lead, OrderLine, Purchase, Refund
from funnel.rules._activity import is_lapsed
from funnel.rules._rule import Rule, rule
from funnel.stages import SHOP_MACHINE, TRANSITIONS, Cause, Machine, Stage, stage
from funnel.testing import (
    FunnelMachine,
    assert_same_everywhere,
    boundaries,
    everywhere,
    facts,
    installed_engines,
    interactions,
    leads,
    logs,
    moneys,
    next_records,
    people,
    policies,
    purchases,
    refunds,
    strategies,
)
from funnel.testing import engines as engines_module
from funnel.testing.people import logs_of
from tests.shop import DAY, NOW, TICK, ShopFacts, bought, did, refunded

pytest_plugins = ["pytester"]
POLICY = Policy()


@rule
def silent_for(f: Facts, policy: Policy) -> timedelta:
    """A rule that answers with a span, and has no next change."""
    return min(f.since_last_purchase, timedelta(days=9))


SPAN: Rule[Any, Policy, Any] = silent_for


# ---- both sides of a limit ----


def test_a_limit_has_a_person_below_at_and_above_it() -> None:
    """A span is a microsecond off, and the answers say where the limit lies."""
    limits = {one.condition: one.people for one in boundaries(stage, POLICY, as_of=NOW)}
    silent = limits["since_last_purchase > lapse_after (180 d)"]

    assert [person.since_last_purchase - POLICY.lapse_after for person in silent] == [-TICK, 0 * TICK, TICK]
    assert [stage.of(person, POLICY) is Stage.LAPSED for person in silent] == [False, False, True]


def test_who_cannot_exist_is_left_out_and_texts_have_no_limit() -> None:
    """Nobody has bought less than never; a word is no limit; two facts may be each other's."""

    @rule
    def told(f: Facts, policy: Policy) -> bool:
        return f.lead_source == "fair" and f.question_count > f.view_count and f.order_count != 0

    limits = boundaries(told, POLICY, as_of=NOW)

    assert [len(one.people) for one in limits] == [3, 2]
    counts = [person.question_count - person.view_count for person in limits[0].people]
    assert counts == [-1, 0, 1]
    assert [person.order_count for person in limits[1].people] == [0, 1]


# ---- one answer everywhere ----


def test_a_rule_has_one_answer_on_every_engine() -> None:
    """A rule with a next change, and one that answers with a span and has none."""
    assert_same_everywhere(is_lapsed, POLICY, engines=["polars"], examples=10)
    assert_same_everywhere(SPAN, POLICY, engines=["polars", "duckdb"], examples=1)
    assert_same_everywhere(is_lapsed, POLICY, engines=["pandas", "pyarrow"], examples=1)


def test_a_rule_with_two_answers_is_shown_with_its_person() -> None:
    """A function that has changed since it was first used; the message says who says what of whom."""
    turned = [False]

    @rule
    def has_ordered(f: Facts, policy: Policy) -> bool:
        return f.order_count >= (1 if turned[0] else 0)

    has_ordered.compiled_rule(POLICY)
    turned[0] = True

    with pytest.raises(
        AssertionError, match=r"has_ordered has two answers for one person: (.*\n)*known of them: Facts"
    ):
        assert_same_everywhere(has_ordered, POLICY, engines=["polars"], examples=20)


def test_an_engine_with_another_answer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the engine."""
    over = Rule.over

    def wrong(self: Any, people: Any, policy: Any, **how: Any) -> Any:
        import polars as pl

        return over(self, people, policy, **how).lazy().with_columns(is_lapsed=pl.lit(value=True)).collect()

    monkeypatch.setattr(Rule, "over", wrong)
    with pytest.raises(AssertionError, match="True says polars, for everyone, False says the rule"):
        assert_same_everywhere(is_lapsed, POLICY, engines=["polars"], examples=20)


@pytest.mark.parametrize("asked", [is_lapsed, SPAN], ids=["a next change", "none"])
def test_a_buyer_is_told_the_same_every_way(asked: Rule[Any, Policy, Any]) -> None:
    """Of one who will change, and one whose order was cancelled later; alone and in a table."""
    order = bought("1", NOW - DAY, status="cancelled", cancelled_at=NOW + DAY)
    told = everywhere._Asked(asked, POLICY, IncrementalRule(asked, POLICY))
    for records in ([bought("1", NOW - DAY)], [order], []):
        history = History.of("p1", records)
        told.check(told.alone(history, NOW), history, NOW)
    history = History.of("p1", [order])
    tables = told.tables(logs_of([history], "polars"), NOW)
    told.check(told.trials(tables, "polars", history, NOW), history, NOW)


# ---- engines ----


def test_engines_are_those_that_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown one is refused, one that is not there is named with what installs it."""
    assert installed_engines() == funnel.testing.ENGINES
    with pytest.raises(FunnelError, match=r"an engine must be 'polars' or .* 'duckdb' \(got 'excel'\)"):
        assert_same_everywhere(is_lapsed, POLICY, engines=["excel"])

    monkeypatch.setattr(engines_module, "find_spec", lambda name: None if name == "duckdb" else name)
    assert installed_engines() == ("polars", "pandas", "pyarrow")
    with pytest.raises(MissingExtraError, match=r'duckdb is not installed; install it with: pip install "shopfunnel\['):
        assert_same_everywhere(is_lapsed, POLICY, engines=["duckdb"])


def test_without_hypothesis_the_kit_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message holds the line that installs it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    with pytest.raises(MissingExtraError, match=r'pip install "shopfunnel\[testing\]"'):
        importlib.reload(funnel.testing)


# ---- made-up people ----


@given(facts(ShopFacts), facts(as_of=NOW), policies())
def test_facts_and_policies_are_made_up(own: ShopFacts, plain: Facts, policy: Policy) -> None:
    """Of a shop's own class, at an instant; numbers that the policy allows."""
    assert own.order_count >= own.purchase_count
    assert plain.as_of == NOW
    assert Policy.model_validate(policy.model_dump()) == policy


@settings(max_examples=3)
@given(logs(2))
def test_logs_are_made_up(made: Logs) -> None:
    """Tables of several people that a rule takes."""
    assert is_lapsed.over(made, POLICY, as_of=NOW).columns == ["person_id", "is_lapsed"]


@pytest.mark.parametrize("what", sorted(set(strategies._WHATS)))
def test_every_kind_of_record_is_made_up(what: str) -> None:
    """Of somebody of whom nothing is known, and of one who has bought, asked and complained."""
    asked = [did(Question, "q", NOW), did(Complaint, "c", NOW)]

    @settings(max_examples=2, phases=[Phase.generate])
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        for made in ([], [*asked, bought("1", NOW)], [*asked, bought("1", NOW), refunded("r", "1", NOW)]):
            record = strategies._record(data.draw, what, "9", "p1", "USD", (NOW,), made)
            assert History.of("p1", [*made, record]).records != ()

    holds()


@settings(max_examples=3)
@given(st.data())
def test_hypothesis_makes_up_what_it_is_asked_for_by_type(data: st.DataObject) -> None:
    """Every record, history, policy and facts; a refund is of something."""
    _hypothesis_plugin.register()
    kinds: list[type[Any]] = [Money, OrderLine, Customer, Lead, Purchase, Refund, Interaction, Answer]
    for kind in (*kinds, History, Policy, Facts):
        assert isinstance(data.draw(st.from_type(kind)), kind)
    assert data.draw(refunds()).amount.minor > 0


# ---- a walk through a funnel ----

walk = settings(max_examples=10, stateful_step_count=15, deadline=None)


def test_the_funnel_of_the_library_is_walked_through() -> None:
    """Every move is in its table, foretold where time makes it, and the same in a back end."""
    run_state_machine_as_test(FunnelMachine, settings=walk)


def _without(*moves: tuple[Stage, Stage]) -> Machine[Stage]:
    kept = {
        start: {to: why for to, why in rest.items() if (start, to) not in moves} for start, rest in TRANSITIONS.items()
    }
    return Machine(stage, kept)


@rule
def time_since(f: Facts, policy: Policy) -> Stage:
    """A rule that reads the clock in a way that has no next change."""
    return Stage.LEAD if (f.since_arrival // DAY) % 2 == 0 else Stage.PROSPECT


BROKEN: dict[str, tuple[Machine[Stage], str]] = {
    "no move": (_without((Stage.LEAD, Stage.PROSPECT)), "from lead to prospect by event; the table does not have"),
    "other cause": (
        Machine(stage, {**TRANSITIONS, Stage.LEAD: dict.fromkeys(TRANSITIONS[Stage.LEAD], Cause.TIME)}),
        "from lead to .* by event; the table has it by time",
    ),
    "no row": (Machine(stage, {Stage.PROSPECT: {}}), "<Stage.LEAD: 'lead'>, for which the table has no row"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_table_that_is_wrong_is_found(case: str) -> None:
    """A move that is missing, one with another cause, a stage without a row."""

    class Broken(FunnelMachine):
        machine = BROKEN[case][0]

    with pytest.raises(AssertionError, match=BROKEN[case][1]):
        run_state_machine_as_test(Broken, settings=settings(walk, max_examples=100, phases=[Phase.generate]))


def walked(machine: type[FunnelMachine]) -> Iterator[FunnelMachine]:
    """A person of the machine who has bought."""
    person = machine()
    person.history = person.history.add(
        Purchase(id="1", person_id="p1", purchased_at=person.now, amount=Money(9, "USD"))
    )
    person.state = person.advance.of(person.history)
    person.stage = Stage.CUSTOMER
    yield person


def test_what_time_does_is_foretold() -> None:
    """A buyer who is left alone lapses, and where nothing is foretold a change is found out."""
    (person,) = walked(FunnelMachine)
    person.time_passes(span=400 * DAY)
    person.the_stage_is_in_the_table()
    person.a_back_end_says_the_same()
    assert person.stage is Stage.LAPSED

    class Unforetold(FunnelMachine):
        def _foretold(self) -> datetime | None:
            return None

    (person,) = walked(Unforetold)
    with pytest.raises(AssertionError, match="not foretold"):
        person.time_passes(span=400 * DAY)


def test_a_rule_without_a_next_change_is_walked_through_by_its_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no change can be foretold, none is."""
    from funnel.errors import RuleError
    from funnel.rules._rule import NextChange

    def none(*_: object, **__: object) -> None:
        raise RuleError("no next change")

    (person,) = walked(FunnelMachine)
    monkeypatch.setattr(NextChange, "of", none)
    person.time_passes(span=DAY)
    assert person.stage is Stage.CUSTOMER


def test_a_back_end_ahead_of_the_walk_is_not_asked() -> None:
    """A record that is dated ahead is in the state before its time has come."""
    (person,) = walked(FunnelMachine)
    person.now -= TICK
    person.a_back_end_says_the_same()
    assert person.state.latest > person.now


# ---- the plugin ----

ASKING = """
def test_engine(funnel_engine, funnel_policy, funnel_as_of):
    assert funnel_policy.lapse_after.days == 180 and funnel_as_of.utcoffset() is not None

def test_other():
    pass
"""


def test_the_plugin_runs_a_test_on_the_engines_that_are_named(pytester: pytest.Pytester) -> None:
    """All that are installed, or those that are asked for; an unknown one is a usage error."""
    pytester.makepyfile(ASKING)
    alone = ("-p", "no:funnel", "-p", "funnel._pytest_plugin", "-p", "no:cacheprovider", "-p", "no:randomly")

    pytester.inline_run(*alone).assertoutcome(passed=len(installed_engines()) + 1)
    pytester.inline_run(*alone, "--funnel-engine=polars", "--funnel-engine=duckdb").assertoutcome(passed=3)
    told = pytester.runpytest_inprocess(*alone, "--funnel-engine=excel")
    assert "(got 'excel')" in "\n".join([*told.outlines, *told.errlines])


def test_the_plugin_loads_nothing_until_it_is_asked() -> None:
    """Who has pytest and not hypothesis is not slowed down, and nothing breaks."""
    code = "import sys, funnel._pytest_plugin, funnel._hypothesis_plugin\n"
    code += "print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()

    assert {"hypothesis", "pydantic", "polars", "narwhals"} & set(loaded) == set()
    assert _pytest_plugin.__doc__ is not None
    assert SHOP_MACHINE.stage is stage


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: moneys(minimum=3, most=2), "minimum is 3, which is above most, 2"),
        (lambda: moneys("IRD"), "not a code of ISO 4217"),
        (lambda: leads(7), "person_id is not an id"),
        (lambda: leads(at=NOW), "at must be a strategy of aware datetimes"),
        (lambda: interactions(kind="vist"), r"kind must be .*did you mean 'visit'"),
        (lambda: purchases(pool=(NOW.replace(tzinfo=None),)), "an instant of pool is a naive datetime"),
        (lambda: purchases(pool="noon"), "pool must be a tuple of aware datetimes"),
        (lambda: refunds(bought("1", NOW, 0)), "purchase must have an amount above 0"),
        (lambda: refunds(bought("1", NOW, 5), left=0), "left must be a whole number from 1"),
        (lambda: next_records("p1", "1", NOW), "history must be a History"),
        (lambda: policies(int), "policy must be a class of policies"),
        (lambda: facts(as_of=NOW.date()), "as_of is date"),
        (lambda: people(10**9), "count must be a whole number from 0 to 1000"),
        (lambda: logs(engine="excel"), "engine must be 'polars'"),
        (lambda: boundaries(len, POLICY, as_of=NOW), "rule must be a rule"),
        (lambda: assert_same_everywhere(is_lapsed, POLICY, examples=0), "examples must be a whole number from 1"),
        (lambda: assert_same_everywhere(is_lapsed, POLICY, engines="polars"), "engines must be a list of names"),
    ],
    ids=range(17),
)
def test_a_wrong_argument_is_refused_before_anything_is_drawn(make: Callable[..., Any], said: str) -> None:
    """The error is of this library and names the argument; no error of hypothesis comes in its place."""
    with pytest.raises(FunnelError, match=said):
        make()
