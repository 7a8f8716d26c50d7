"""Compiled rules are cached for each policy: bounded, thread-safe, and not copied."""

from __future__ import annotations

import copy
import gc
import os
import random
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funnel import _cache
from funnel.errors import ArgumentError, RuleError
from funnel.facts import Facts
from funnel.facts._compiled_rule import CompiledRule
from funnel.facts._schema import narrowed
from funnel.history import History
from funnel.incremental._live_facts import LiveFacts
from funnel.interactions import Visit
from funnel.money import Money
from funnel.policy import Policy
from funnel.records import Purchase
from funnel.rules._activity import has_bought, is_lapsed
from funnel.rules._next_action import next_action
from funnel.rules._rule import Rule, rule
from funnel.stages import SHOP_MACHINE, TRANSITIONS, Machine, Stage, stage
from tests import specimens
from tests.specimens import DAY, NOW, START

LAPSED = Facts(as_of=NOW, purchase_count=1, since_last_purchase=35 * DAY)


def _policies(count: int) -> list[Policy]:
    return [Policy(lapse_after=timedelta(days=day)) for day in range(1, count + 1)]


def _fresh() -> Rule[Facts, Policy, bool]:
    """A rule that nobody has asked yet."""

    @rule
    def is_away(f: Facts, policy: Policy) -> bool:
        return f.since_last_purchase > policy.lapse_after

    return is_away


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> int:
    """A small cache."""
    monkeypatch.setattr(_cache, "LIMIT", 8)
    return 8


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Policy]:
    """The policies for which a rule was compiled, as often as it was."""
    actual: list[Policy] = []
    compile_rule = Rule._compile

    def recorded(self: Rule[Any, Any, Any], facts: Any, policy: Policy) -> CompiledRule:
        actual.append(policy)
        return compile_rule(self, facts, policy)

    monkeypatch.setattr(Rule, "_compile", recorded)
    return actual


def test_a_thousand_shops_in_turn_compile_a_rule_once_each(compiled: list[Policy]) -> None:
    """Each policy is compiled once, and each answer uses its own policy."""
    one_rule, policies = _fresh(), _policies(1_000)

    for _ in range(3):
        assert [one_rule.of(LAPSED, policy) for policy in policies] == [day < 35 for day in range(1, 1_001)]
    assert len(compiled) == 1_000


def test_equal_policies_share_what_is_compiled(compiled: list[Policy]) -> None:
    """A policy that is read anew for each request costs no new tree; nor does an equal one of long life."""
    one_rule = _fresh()

    for _ in range(5):
        policy = Policy(lapse_after=9 * DAY)
        assert one_rule.of(LAPSED, policy)
        assert one_rule._compiled_rule(policy) is one_rule._compiled_rule(Policy(lapse_after=9 * DAY))
        assert SHOP_MACHINE._compiled(policy) is SHOP_MACHINE._compiled(Policy(lapse_after=9 * DAY))
    assert compiled.count(policy) - 3 <= 1  # the rules inside the machine are compiled once too


def test_the_cache_is_bounded(limit: int, compiled: list[Policy]) -> None:
    """More policies than it holds are answered right, and the oldest are compiled again."""
    one_rule, policies = _fresh(), _policies(3 * limit)

    for _ in range(2):
        assert [one_rule.of(LAPSED, policy) for policy in policies] == [day < 35 for day in range(1, 3 * limit + 1)]
    assert len(compiled) == 6 * limit
    assert len(one_rule._compiled.by_identity) <= limit
    assert one_rule._compiled._by_value.cache_info().currsize == limit


def test_policies_that_come_anew_do_not_drop_one_that_is_in_use(limit: int, compiled: list[Policy]) -> None:
    """The most used policy stays compiled."""
    one_rule, used = _fresh(), Policy(lapse_after=999 * DAY)
    for policy in _policies(5 * limit):
        one_rule.of(LAPSED, policy)
        one_rule.of(LAPSED, used)

    assert compiled.count(used) == 1


NOTEBOOK = """
from datetime import timedelta
from funnel import Facts, Machine, Policy, Stage, rule
from funnel.stages import TRANSITIONS

LEAST, WORD, DAYS = 2, "web", [300]

def is_often(f):
    return f.purchase_count >= LEAST

@rule
def inner(f: Facts, policy: Policy) -> bool:
    return is_often(f) and f.lead_source != WORD

@rule
def outer(f: Facts, policy: Policy) -> bool:
    return inner(f, policy) and f.since_last_purchase < timedelta(days=DAYS[0])

@rule
def step(f: Facts, policy: Policy) -> Stage:
    return Stage.CUSTOMER if f.purchase_count >= LEAST else Stage.LEAD

machine = Machine(step, TRANSITIONS)
"""
"""Rules as they are written in a notebook, with names of the notebook."""


def test_a_rule_follows_the_names_that_it_reads() -> None:
    """A number or a function of a notebook is changed; every form answers as the plain function does."""
    cells: dict[str, Any] = {"__name__": "notebook"}
    exec(NOTEBOOK, cells)  # noqa: S102 (as a notebook runs its cells)
    policy, facts = Policy(), Facts(as_of=NOW, purchase_count=3, since_last_purchase=DAY)
    history = History.of("p1", [Purchase(person_id="p1", id="1", purchased_at=START, amount=Money("5", "USD"))])

    def answers() -> set[bool]:
        inner, outer = cells["inner"], cells["outer"]
        return {
            inner.of(facts, policy),
            outer.of(facts, policy),
            outer(facts, policy),
            outer.why(facts, policy).answer,
            *outer.over(pl.DataFrame([facts.to_dict()]), policy)["outer"],
        }

    live = LiveFacts(history, Facts)
    assert (answers(), cells["inner"].of(live, policy, as_of=NOW)) == ({True}, False)
    assert cells["machine"].of(history, policy, as_of=NOW) is Stage.LEAD
    cells["LEAST"] = 1
    assert (answers(), cells["inner"].of(live, policy, as_of=NOW)) == ({True}, True)
    assert cells["machine"].of(history, policy, as_of=NOW) is Stage.CUSTOMER
    cells["LEAST"] = 4
    assert answers() == {False}
    exec("def is_often(f):\n    return f.purchase_count > 0", cells)  # noqa: S102 (a cell is run again)
    assert answers() == {True}
    del cells["WORD"]
    with pytest.raises(RuleError, match="WORD"):
        cells["inner"].of(facts, policy)


def test_an_equal_number_of_a_notebook_compiles_nothing_again(compiled: list[Policy]) -> None:
    """A cell with the same number is run again; rules of the library name nothing that can change."""
    cells: dict[str, Any] = {"__name__": "notebook"}
    exec(NOTEBOOK.replace("LEAST, WORD, DAYS = 2", "LEAST, WORD, DAYS = 10**9"), cells)  # noqa: S102
    policy = Policy()
    cells["inner"].of(LAPSED, policy)
    count = len(compiled)
    cells["LEAST"] = int("1000000000")
    cells["inner"].of(LAPSED, policy)
    assert len(compiled) == count
    assert stage._compiled_rule(policy).names == ()


def test_rules_made_in_a_loop_are_collected() -> None:
    """Nothing holds a rule that nobody holds any more, nor its trees."""
    actual = []
    for _ in range(50):
        one_rule = _fresh()
        machine = Machine(stage, TRANSITIONS)
        machine._compiled(Policy())
        actual += [weakref.ref(one_rule), weakref.ref(one_rule._compiled_rule(Policy())), weakref.ref(machine)]
    del one_rule, machine
    gc.collect()

    assert [one for one in actual if one() is not None] == []


def test_what_a_rule_needs_is_worked_out_once() -> None:
    """The facts it reads, and the plan of them, which rules that read the same facts share."""
    ready, other = next_action._compiled_rule(Policy()), next_action._compiled_rule(Policy(lapse_after=9 * DAY))

    assert ready.read is ready.read
    assert ready.narrowed is ready.narrowed is other.narrowed
    assert list(narrowed(Facts._fact_plan, frozenset({"net_spent", "purchase_count"})).declared) == [
        name for name in Facts._fact_plan.declared if name in ("net_spent", "purchase_count")
    ]


# ---- policies that could change ----


class Mutable(Policy, frozen=False):
    """A policy that can be set."""

    vip_after: int = 5


class Listed(Policy):
    """A policy with a list."""

    tags: list[str]


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (Mutable(), "Mutable is not frozen; remove frozen=False"),
        (Listed(tags=["a"]), "the field tags of Listed is of type list, which can change; use a tuple or a frozenset"),
    ],
    ids=["not frozen", "a list"],
)
@pytest.mark.parametrize(
    "call",
    [
        lambda policy: has_bought.of(LAPSED, policy),
        lambda policy: has_bought.why(LAPSED, policy),
        lambda policy: SHOP_MACHINE.of(History(person_id="p"), policy, as_of=NOW),
        lambda policy: has_bought.of(LiveFacts(History(person_id="p"), Facts), policy, as_of=NOW),
    ],
    ids=["of", "why", "machine", "live facts"],
)
def test_a_policy_that_can_change_is_refused(policy: Policy, why: str, call: Callable[[Policy], object]) -> None:
    """A cached result would become wrong silently."""
    with pytest.raises(ArgumentError, match=why):
        call(policy)


@pytest.mark.parametrize("policy", [{}, None, [], "policy"], ids=["dict", "None", "list", "text"])
def test_what_is_not_a_policy_is_refused(policy: Any) -> None:
    """By rules and machines alike, whether it has a hash or not."""
    with pytest.raises(ArgumentError, match="policy must be a Policy"):
        has_bought.of(LAPSED, policy)
    with pytest.raises(ArgumentError, match="policy must be a Policy"):
        SHOP_MACHINE.of(History(person_id="p"), policy, as_of=NOW)


# ---- live and ledgers ----


def test_live_facts_do_not_grow_by_a_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Policies whose rules read the same facts share the running values; many different plans are dropped again."""
    live = LiveFacts(specimens.everyone()[0], Facts)
    fresh = _fresh()
    for policy in _policies(50):
        fresh.of(live, policy, as_of=NOW)
    assert len(live._values) == 1

    monkeypatch.setattr("funnel.incremental._live_facts._MOST_SCHEMAS", 4)
    names = [name for name, fact in Facts._fact_plan.readable.items() if fact.unit == "number"]
    rules = [_first_of(names[index:]) for index in range(9)]
    for one in rules * 2:
        assert one.of(live, Policy(), as_of=NOW) == one.of(live.facts(as_of=NOW), Policy())
    assert len(live._values) <= 4


def _first_of(names: list[str]) -> Rule[Facts, Policy, bool]:
    """A rule that reads some facts."""

    def some(f: Facts, policy: Policy) -> bool:
        return sum(getattr(f, name) for name in names[:3]) > 2

    return rule(some)


def test_a_ledger_caches_the_values_of_few_classes_of_facts() -> None:
    """The cache of a history for classes of facts is bounded."""
    history = specimens.everyone()[0]
    for number in range(40):
        kind = type(f"Facts{number}", (Facts,), {})
        assert kind.of(history, as_of=NOW).to_dict() == Facts.of(history, as_of=NOW).to_dict()

    assert len(history._ledger.cached_values) <= 16


# ---- threads and forks ----


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads that take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty")
def test_threads_that_ask_a_rule_at_once_get_its_one_answer(limit: int) -> None:
    """Eight threads, more policies than are cached, and all begin at the same time."""
    one_rule, policies = _fresh(), _policies(2 * limit)
    machine, together = Machine(stage, TRANSITIONS), threading.Barrier(8, timeout=60)

    def call(seed: int) -> bool:
        picks = random.Random(seed).choices(range(2 * limit), k=60)
        together.wait()
        return all(
            one_rule.of(LAPSED, policies[number]) is (number + 1 < 35)
            and machine._compiled(policies[number]).stages == tuple(Stage)
            for number in picks
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, range(8)))


@pytest.mark.usefixtures("hasty")
@settings(max_examples=max(settings().max_examples // 5, 2))
@given(st.integers(0, 2**32))
def test_interleaved_threads_answer_as_one_thread_does(seed: int) -> None:
    """Rules, machines, live facts and histories, asked by eight threads with many policies in any order."""
    policies, people = _policies(12), specimens.everyone()[:3]
    rules = [_fresh(), is_lapsed, stage]
    live = [LiveFacts(History.of(one.person_id, one.records), Facts) for one in people]
    fresh = [History.of(one.person_id, one.records) for one in people]
    days = [NOW - 90 * DAY, NOW, NOW + 40 * DAY]
    kinds: list[Callable[[int, Policy, Any], object]] = [
        *(lambda person_id, policy, day, one=one: one.of(fresh[person_id], policy, as_of=day) for one in rules),
        *(lambda person_id, policy, day, one=one: one.of(live[person_id], policy, as_of=day) for one in rules),
        *(lambda name, policy, day, one=one: one.next_change.of(live[name], policy, as_of=day) for one in rules),
        lambda person_id, _, day: live[person_id].facts(as_of=day),
        lambda person_id, policy, day: SHOP_MACHINE.of(fresh[person_id], policy, as_of=day),
        lambda person_id, policy, day: str(SHOP_MACHINE.transitions.of(fresh[person_id], policy, as_of=day)),
    ]
    chance = random.Random(seed)
    one_rule = [
        (chance.randrange(len(kinds)), chance.randrange(3), chance.choice(policies), chance.choice(days))
        for _ in range(80)
    ]

    def answer(one: tuple[int, int, Policy, Any]) -> object:
        kind, person, policy, day = one
        return kinds[kind](person, policy, day)

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(answer, one_rule))
    assert together == list(map(answer, one_rule))


@pytest.mark.usefixtures("hasty")
def test_threads_that_share_live_facts_count_every_record_once() -> None:
    """After each batch of records eight threads ask at the same moment."""
    live, together = LiveFacts(History(person_id="p"), Facts), threading.Barrier(8, timeout=60)
    records = [Visit(id=str(number), person_id="p", occurred_at=START + number * DAY / 40) for number in range(2_000)]

    def work(part: int) -> list[int]:
        counts = []
        for batch in range(20):
            for record in records[100 * batch + part : 100 * (batch + 1) : 8]:
                live.add(record)
            together.wait()
            counts.append(live.facts(as_of=NOW).inbound_count)
            assert stage.of(live, Policy(), as_of=NOW) is Stage.PROSPECT
            assert copy.copy(live).facts(as_of=NOW) == live.facts(as_of=NOW)
            together.wait()
        return counts

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [[100 * batch for batch in range(1, 21)]] * 8
    assert live.facts(as_of=NOW) == Facts.of(History.of("p", records), as_of=NOW)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes fork")
def test_forked_and_spawned_processes_answer_alike(tmp_path: Path) -> None:
    """Objects that were used before the fork, or sent to another process after it, answer there as they do here."""
    script = tmp_path / "forked.py"
    script.write_text(_FORKED)
    done = subprocess.run(
        [sys.executable, str(script)], check=False, capture_output=True, text=True, timeout=120, env={**os.environ}
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "alike\nalike\n", "")


_FORKED = """
import os, threading, warnings
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context

from funnel.incremental import LiveFacts
from funnel import Facts, History, Money, Policy, Purchase, stage, transitions
from funnel.incremental import LiveFacts

warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)  # Python 3.12 and later

NOW = datetime(2026, 9, 1, tzinfo=UTC)
HISTORY = History.of("p", [Purchase(id="1", person_id="p", purchased_at="2026-03-01T02:00Z", amount=Money(9, "USD"))])
POLICY = Policy(lapse_after=timedelta(days=60))


def answers(history, rule, policy, live, machine):
    journey = transitions.of(history, policy, as_of=NOW)
    return [
        str(Facts.of(history, as_of=NOW)), str(rule.of(history, policy, as_of=NOW)),
        str(rule.why(history, policy, as_of=NOW)), str(journey), [str(move.why) for move in journey],
        str(rule.of(live, policy, as_of=NOW)),
        str(machine.of(history, Policy(), as_of=NOW)),
    ]


if __name__ == "__main__":
    given = HISTORY, stage, POLICY, LiveFacts(HISTORY, Facts), transitions.machine
    here = answers(*given)
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            answers(*given[:3], LiveFacts(HISTORY, Facts), *given[4:])

    busy = threading.Thread(target=ask)
    busy.start()
    child = os.fork()
    if child == 0:
        os._exit(0 if answers(*given) == here else 1)
    stop.set()
    busy.join()
    print("alike" if os.waitpid(child, 0)[1] == 0 else "other", flush=True)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        print("alike" if pool.submit(answers, *given).result() == here else "other")
"""
