"""The test kit finds wrong rules and machines, and accepts correct ones."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
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
from funnel.incremental import LiveFacts
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
    histories,
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
from funnel.testing.own_columns import OwnColumns
from funnel.testing.people import logs_of
from tests.own_columns import OWN, OwnFacts
from tests.shop import DAY, NOW, TICK, ShopFacts, bought, did, refunded

pytest_plugins = ["pytester"]
POLICY = Policy()


@rule
def silent_for(f: Facts, policy: Policy) -> timedelta:
    """A rule that answers with a span, and has no next change."""
    return min(f.since_last_purchase, timedelta(days=9))


SPAN: Rule[Any, Policy, Any] = silent_for


# ---- both sides of a limit ----


def test_a_limit_has_people_below_at_and_above_it() -> None:
    """A span differs by one microsecond, and the answers change at the limit."""
    limits = {one.condition: one.people for one in boundaries(stage, POLICY, as_of=NOW)}
    silent = limits["since_last_purchase > lapse_after (180 d)"]

    assert [person.since_last_purchase - POLICY.lapse_after for person in silent] == [-TICK, 0 * TICK, TICK]
    assert [stage.of(person, POLICY) is Stage.LAPSED for person in silent] == [False, False, True]


def test_the_people_around_a_limit_differ_in_one_fact() -> None:
    """No other condition changes with the limit, so the answers show on which side of it each person is."""

    @rule
    def curious(f: Facts, policy: Policy) -> bool:
        return f.question_count >= 2 and not is_lapsed(f, policy)

    limits = {one.condition: one.people for one in boundaries(curious, POLICY, as_of=NOW)}
    people = limits["question_count >= 2"]

    assert [person.question_count for person in people] == [1, 2, 3]
    assert len({person.evolve(question_count=0) for person in people}) == 1
    assert [curious.of(person, POLICY) for person in people] == [False, True, True]


def test_the_answer_changes_once_at_every_limit_of_a_longer_rule() -> None:
    """The base person is one for whom the limit decides the shop's stage."""
    for limit in boundaries(stage, POLICY, as_of=NOW):
        answers = [stage.of(person, POLICY) for person in limit.people]
        assert sum(before is not after for before, after in pairwise(answers)) == 1, limit.condition


def test_impossible_people_and_texts_are_left_out() -> None:
    """No count is below zero; a text has no limit; two facts may be compared with each other."""

    @rule
    def comparison(f: Facts, policy: Policy) -> bool:
        return f.lead_source == "fair" and f.question_count > f.view_count and f.order_count != 0

    limits = boundaries(comparison, POLICY, as_of=NOW)

    assert [len(one.people) for one in limits] == [3, 2]
    counts = [person.question_count - person.view_count for person in limits[0].people]
    assert counts == [-1, 0, 1]
    assert [person.order_count for person in limits[1].people] == [0, 1]


# ---- one answer everywhere ----


def test_a_rule_has_one_answer_on_every_engine() -> None:
    """A rule with a next change, and a rule that answers with a span."""
    assert_same_everywhere(is_lapsed, POLICY, engines=["polars"], examples=10)
    assert_same_everywhere(SPAN, POLICY, engines=["polars", "duckdb"], examples=1)
    assert_same_everywhere(is_lapsed, POLICY, engines=["pandas", "pyarrow"], examples=1)


def test_a_rule_on_own_columns_has_one_answer_everywhere() -> None:
    """Own columns of every table and type are generated, with the texts that the rule and its facts compare with."""
    drawn_columns: set[tuple[str, str]] = set()

    @rule
    def of_own(f: OwnFacts, policy: Policy) -> bool:
        if f.own_country == "ID" and f.uk_count >= 1:
            return f.own_gift
        if f.asked_uk or f.refunded_uk > 0 or f.lead_pieces > 3:
            return f.since_own_mark > timedelta(days=20)
        return f.own_pieces > 3 or f.last_country == "UK"

    own = OwnColumns.of(OwnFacts, [of_own._compiled_rule(POLICY).tree])
    assert {"UK", "FR", "ID", "", "other"} == set(own.words)

    @settings(max_examples=30, phases=[Phase.generate])
    @given(people(2).flatmap(own.added))
    def draw(several: tuple[History, ...]) -> None:
        for history in several:
            records = [*history.records, *([history.customer] if history.customer else [])]
            drawn_columns.update((type(one).__name__, name) for one in records for name in one.columns)

    draw()
    assert {(kind, name) for kind in ("Purchase", "Customer") for name in OWN} <= drawn_columns
    assert_same_everywhere(of_own, POLICY, engines=["polars", "pandas"], examples=5)


@settings(max_examples=3)
@given(histories(facts=OwnFacts), people(2, facts=OwnFacts), facts(OwnFacts), logs(2, facts=OwnFacts))
def test_generated_people_have_the_columns_that_facts_read(
    history: History, several: tuple[History, ...], own: OwnFacts, records: Logs
) -> None:
    """One person, several, facts and tables; the facts of everyone can be computed."""
    assert {one.person_id for one in (history, *several)} == {"p1", "p2"}
    assert isinstance(own.own_country, str)
    assert OwnFacts.over(records, as_of=NOW).height >= 1


def test_a_rule_with_two_answers_fails_with_the_facts() -> None:
    """The function changed after its first use; the message has both answers, their forms and the facts."""
    turned = [False]

    @rule
    def has_ordered(f: Facts, policy: Policy) -> bool:
        return f.order_count >= (1 if turned[0] else 0)

    has_ordered._compiled_rule(POLICY)
    turned[0] = True

    with pytest.raises(AssertionError, match=r"has_ordered has two answers for one person: (.*\n)*facts: Facts"):
        assert_same_everywhere(has_ordered, POLICY, engines=["polars"], examples=20)


def test_an_engine_with_another_answer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the engine."""
    over = Rule.over

    def wrong(self: Any, people: Any, policy: Any, **how: Any) -> Any:
        import polars as pl

        return over(self, people, policy, **how).lazy().with_columns(is_lapsed=pl.lit(value=True)).collect()

    monkeypatch.setattr(Rule, "over", wrong)
    with pytest.raises(AssertionError, match="True from polars, for everyone, False from the rule"):
        assert_same_everywhere(is_lapsed, POLICY, engines=["polars"], examples=20)


@pytest.mark.parametrize("checked", [is_lapsed, SPAN], ids=["a next change", "none"])
def test_every_form_is_compared(checked: Rule[Any, Policy, Any]) -> None:
    """A person who will change, a later cancelled order, and nobody; alone and in a table."""
    order = bought("1", NOW - DAY, status="cancelled", cancelled_at=NOW + DAY)
    comparison = everywhere._Comparison(checked, POLICY)
    for records in ([bought("1", NOW - DAY)], [order], []):
        history = History.of("p1", records)
        comparison.check(comparison.for_one(history, NOW), history, NOW)
    history = History.of("p1", [order])
    tables = comparison.tables(logs_of([history], "polars", OwnColumns({})), NOW)
    comparison.check(comparison.for_everyone(tables, "polars", history, NOW), history, NOW)


# ---- engines ----


def test_engines_are_the_installed_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown engine is refused; a missing one is named with its extra."""
    assert installed_engines() == funnel.testing.ENGINES
    with pytest.raises(FunnelError, match=r"an engine must be 'polars' or .* 'duckdb' \(got 'excel'\)"):
        assert_same_everywhere(is_lapsed, POLICY, engines=["excel"])

    monkeypatch.setattr(engines_module, "find_spec", lambda name: None if name == "duckdb" else name)
    assert installed_engines() == ("polars", "pandas", "pyarrow")
    with pytest.raises(MissingExtraError, match=r'duckdb is not installed; install it with: pip install "shopfunnel\['):
        assert_same_everywhere(is_lapsed, POLICY, engines=["duckdb"])


def test_without_hypothesis_the_kit_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the command that installs it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    with pytest.raises(MissingExtraError, match=r'pip install "shopfunnel\[testing\]"'):
        importlib.reload(funnel.testing)


# ---- made-up people ----


@given(facts(ShopFacts), facts(as_of=NOW), policies())
def test_facts_and_policies_are_generated(own: ShopFacts, plain: Facts, policy: Policy) -> None:
    """A shop's own class, at a fixed instant, with allowed numbers."""
    assert own.order_count >= own.purchase_count
    assert plain.as_of == NOW
    assert Policy.model_validate(policy.model_dump()) == policy


@settings(max_examples=3)
@given(logs(2))
def test_logs_are_generated(records: Logs) -> None:
    """A rule accepts them."""
    assert is_lapsed.over(records, POLICY, as_of=NOW).columns == ["person_id", "is_lapsed"]


@pytest.mark.parametrize("kind", sorted(set(strategies._KINDS_TO_DRAW)))
def test_every_kind_of_record_is_generated(kind: str) -> None:
    """For an unknown person, and for a person with purchases, questions and complaints."""
    checked = [did(Question, "q", NOW), did(Complaint, "c", NOW)]

    @settings(max_examples=2, phases=[Phase.generate])
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        for records in (
            [],
            [*checked, bought("1", NOW)],
            [*checked, bought("1", NOW), refunded("r", "1", NOW)],
        ):
            record = strategies._record(data.draw, kind, "9", "p1", "USD", (NOW,), records)
            assert History.of("p1", [*records, record]).records != ()

    holds()


@settings(max_examples=3)
@given(st.data())
def test_hypothesis_builds_records_by_type(data: st.DataObject) -> None:
    """Every record, history, policy and facts class; a refund has a purchase."""
    _hypothesis_plugin.register()
    kinds: list[type[Any]] = [Money, OrderLine, Customer, Lead, Purchase, Refund, Interaction, Answer]
    for kind in (*kinds, History, Policy, Facts):
        assert isinstance(data.draw(st.from_type(kind)), kind)
    assert data.draw(refunds()).amount.minor > 0


# ---- a walk through a funnel ----

stateful = settings(max_examples=10, stateful_step_count=15, deadline=None)


def test_the_librarys_machine_passes() -> None:
    """Every transition is in the table, predicted if caused by time, and equal in the incremental state."""
    run_state_machine_as_test(FunnelMachine, settings=stateful)


def _without(*moves: tuple[Stage, Stage]) -> Machine[Stage]:
    table = {
        start: {to: why for to, why in rest.items() if (start, to) not in moves} for start, rest in TRANSITIONS.items()
    }
    return Machine(stage, table)


@rule
def time_since(f: Facts, policy: Policy) -> Stage:
    """A rule that reads the clock and has no next change."""
    return Stage.LEAD if (f.since_arrival // DAY) % 2 == 0 else Stage.PROSPECT


BROKEN: dict[str, tuple[Machine[Stage], str]] = {
    "no move": (_without((Stage.LEAD, Stage.PROSPECT)), "from lead to prospect by event; the table does not have"),
    "other cause": (
        Machine(stage, {**TRANSITIONS, Stage.LEAD: dict.fromkeys(TRANSITIONS[Stage.LEAD], Cause.TIME)}),
        "from lead to .* by event; the table allows it by time only",
    ),
    "no row": (Machine(stage, {Stage.PROSPECT: {}}), "the table has no row for <Stage.LEAD: 'lead'>"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_wrong_table_is_found(case: str) -> None:
    """A missing transition, another cause, and a stage without a row."""

    class Broken(FunnelMachine):
        machine = BROKEN[case][0]

    with pytest.raises(AssertionError, match=BROKEN[case][1]):
        run_state_machine_as_test(Broken, settings=settings(stateful, max_examples=100, phases=[Phase.generate]))


def machine_of(machine: type[FunnelMachine]) -> Iterator[FunnelMachine]:
    """Yield a test of the machine with a person who has bought."""
    person = machine()
    person.history = person.history.add(
        Purchase(id="1", person_id="p1", purchased_at=person.now, amount=Money(9, "USD"))
    )
    person.live = LiveFacts(person.history, Facts)
    person.stage = Stage.CUSTOMER
    yield person


def test_changes_by_time_are_predicted() -> None:
    """A buyer lapses at the predicted instant; an unpredicted change fails."""
    (person,) = machine_of(FunnelMachine)
    person.time_passes(span=400 * DAY)
    person.the_stage_is_in_the_table()
    person.live_facts_have_the_same_stage()
    assert person.stage is Stage.LAPSED

    class Unforetold(FunnelMachine):
        def _predicted_change(self) -> datetime | None:
            return None

    (person,) = machine_of(Unforetold)
    with pytest.raises(AssertionError, match="not predicted"):
        person.time_passes(span=400 * DAY)


def test_a_rule_without_a_next_change_is_tested_by_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """No change is predicted for it."""
    from funnel.errors import RuleError
    from funnel.rules._rule import NextChange

    def none(*_: object, **__: object) -> None:
        raise RuleError("no next change")

    (person,) = machine_of(FunnelMachine)
    monkeypatch.setattr(NextChange, "of", none)
    person.time_passes(span=DAY)
    assert person.stage is Stage.CUSTOMER


def test_live_facts_with_a_future_record_have_the_stage_of_the_instant() -> None:
    """A record that is dated ahead does not count before its instant."""
    (person,) = machine_of(FunnelMachine)
    person.now -= TICK
    person.stage = Stage.LEAD
    person.live_facts_have_the_same_stage()


# ---- the plugin ----

ASKING = """
def test_engine(funnel_engine, funnel_policy, funnel_as_of):
    assert funnel_policy.lapse_after.days == 180 and funnel_as_of.utcoffset() is not None

def test_other():
    pass
"""


def test_the_plugin_runs_a_test_on_the_named_engines(pytester: pytest.Pytester) -> None:
    """All installed engines by default; an unknown one is a usage error."""
    pytester.makepyfile(ASKING)
    alone = ("-p", "no:funnel", "-p", "funnel._pytest_plugin", "-p", "no:cacheprovider", "-p", "no:randomly")

    pytester.inline_run(*alone).assertoutcome(passed=len(installed_engines()) + 1)
    pytester.inline_run(*alone, "--funnel-engine=polars", "--funnel-engine=duckdb").assertoutcome(passed=3)
    comparison = pytester.runpytest_inprocess(*alone, "--funnel-engine=excel")
    assert "(got 'excel')" in "\n".join([*comparison.outlines, *comparison.errlines])


def test_the_plugin_imports_lazily() -> None:
    """A test run without hypothesis is not slowed down and does not break."""
    code = "import sys, funnel._pytest_plugin, funnel._hypothesis_plugin\n"
    code += "print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()

    assert {"hypothesis", "pydantic", "polars", "narwhals"} & set(loaded) == set()
    assert _pytest_plugin.__doc__ is not None
    assert SHOP_MACHINE.stage is stage


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: moneys(minimum=3, most=2), r"minimum must not be above most \(got 3 and 2\)"),
        (lambda: moneys("IRD"), "must be a code of ISO 4217"),
        (lambda: leads(7), "person_id is not an id"),
        (lambda: leads(at=NOW), "at must be a strategy of aware datetimes"),
        (lambda: interactions(kind="vist"), r"kind must be .*did you mean 'visit'"),
        (lambda: purchases(pool=(NOW.replace(tzinfo=None),)), "an instant of pool is a naive datetime"),
        (lambda: purchases(pool="noon"), "pool must be a tuple of aware datetimes"),
        (lambda: refunds(bought("1", NOW, 0)), "purchase must have an amount above 0"),
        (lambda: refunds(bought("1", NOW, 5), remaining=0), "remaining must be a whole number from 1"),
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
def test_a_wrong_argument_is_refused_at_once(make: Callable[..., Any], message: str) -> None:
    """The error is of this library and names the argument."""
    with pytest.raises(FunnelError, match=message):
        make()
