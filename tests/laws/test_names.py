"""Whatever a shop calls its facts, rules and columns, the answers are those under other names, or the name is refused.

The names that are tried are those that stand in the source of the library, among them all of its inner columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import funnel
from funnel import Facts, FunnelError, Logs, Money, Policy, Purchase, conversion, survival
from funnel._arguments import INNER
from funnel._expr.tracer import FactsProxy
from funnel.backtest import BacktestDates, backtest, compare_rules
from funnel.errors import ArgumentError, EngineError, FactsError, FieldsError
from funnel.facts import count, last, latest, since, total
from funnel.facts._base import BaseFacts
from funnel.metrics import Matching
from funnel.metrics._by_group import people_by
from funnel.rules._rule import Rule
from tests.engines import HERE, asked_of, on
from tests.frames import read
from tests.shop import DAY, NOW

POLICY = Policy()
WORD = re.compile(r"""["'](_?[a-z][a-z0-9_]*)["']|\b(_[a-z][a-z0-9_]*)=|f["'](_?[a-z_]+_)\{""")
HARD = ("value_1", "_wait", "_then", "_soonest", "_answer", "_shown", "person_id", "as_of", "next_change", "known_at")
OTHERS = (
    "t",
    "start",
    "end",
    "rank",
    "since",
    "None",
    "self",
    "values",
    "Person_ID",
    "T",
    f"{INNER}x",
    "steps",
)


@cache
def pool() -> list[str]:
    """Every word of the source that may be the name of a column, with a number where it is made with one."""
    actual: set[str] = {*HARD, *OTHERS}
    for path in Path(funnel.__file__).parent.rglob("*.py"):
        for quoted, given_as, numbered in WORD.findall(path.read_text("utf-8")):
            actual |= {quoted, given_as} if not numbered else {f"{numbered}{number}" for number in (0, 1, 2)}
    return sorted(actual - {""})


NAMES = st.sampled_from(pool()) | st.from_regex(r"[_a-zA-Z][_a-zA-Z0-9]{0,9}", fullmatch=True)

PURCHASES = pl.DataFrame(
    {
        "id": range(6),
        "person_id": ["a", "a", "b", "c", "c", "c"],
        "purchased_at": [NOW - days * DAY for days in (200, 100, 40, 90, 50, 1)],
        "amount": [5, 6, 7, 8, 9, 10],
    }
)


def facts_of(a: str, b: str, c: str) -> type[BaseFacts]:
    """A class whose facts are called so."""
    declared: Mapping[str, Any] = {
        a: count("purchases"),
        b: total("purchases", "net_amount"),
        c: since(last("purchases")),
    }
    return type("NamedFacts", (BaseFacts,), dict(declared))


def rule_of(called: str, facts: type[BaseFacts], names: tuple[str, str, str]) -> Rule[Any, Policy, Any]:
    """A rule that is called so and reads three facts."""

    def compute(f: Any, policy: Policy) -> str:
        a, b, c = (getattr(f, name) for name in names)
        if c > 60 * DAY:
            return "silent"
        return "big" if b - a > 10 else "small"

    compute.__annotations__ = {"f": facts, "policy": Policy}
    compute.__name__ = called
    return Rule(compute)


def answers(called: str, names: tuple[str, str, str], logs: Logs) -> list[Any]:
    """The answers in every way there is, without the names."""
    facts = facts_of(*names)
    rule = rule_of(called, facts, names)
    frame = facts.over(logs, as_of=NOW)
    changes = read(rule.next_change.over(logs, POLICY, as_of=NOW))
    return [
        sorted(tuple(row[name] for name in ("person_id", *names)) for row in read(frame)),
        sorted((row["person_id"], row[called]) for row in read(rule.over(logs, POLICY, as_of=NOW))),
        sorted((row["person_id"], row[called], row["next_change"]) for row in changes),
        sorted((row["person_id"], row[called]) for row in read(rule.over(frame, POLICY))),
        sorted((row["person_id"], *(row[name] for name in names)) for row in read(facts.running(logs, as_of=NOW))),
        people_by(rule, logs, POLICY, as_of=NOW),
        compare_rules(rule, rule, logs, POLICY, as_of=NOW).changed,
        rule.why(facts(as_of=NOW).evolve(**{names[0]: 3}), POLICY).answer,
    ]


def refused(call: Callable[[], Any]) -> Any:
    """Return the result; None if a name is refused with a clear error."""
    try:
        return call()
    except (ArgumentError, FactsError, EngineError, FieldsError) as error:
        if not re.search("give it another name|give the fact another|rename", str(error)):
            raise
        return None


@pytest.mark.no_cover
@pytest.mark.parametrize("engine", [name for name in HERE if name != "pyarrow"])
def test_facts_and_rules_may_be_called_anything(engine: str) -> None:
    """The answers are those under neutral names, or the name is refused."""
    logs = Logs(**on(engine, {"purchases": PURCHASES}))
    neutral = answers("asked", ("how_many", "how_much", "how_long"), logs)

    @asked_of(engine, 12 if engine == "polars" else 4)
    @given(NAMES, st.lists(NAMES, min_size=3, max_size=3, unique_by=str.casefold))
    @example("value_1", ["_wait", "_then", "_soonest"])
    @example("_answer", ["value_0", "value_1", "value_2"])
    @example("t", ["start", "end", "self"])
    def holds(called: str, names: list[str]) -> None:
        there = refused(lambda: answers(called, (names[0], names[1], names[2]), logs))
        assert there is None or there == neutral

    holds()


def test_a_name_is_refused_only_where_it_must_be() -> None:
    """Few names are refused: names that facts use, and columns beside an answer."""
    facts, rules = set[str](), set[str]()
    for name in pool():
        try:
            rule_of(name, Facts, ("purchase_count", "net_spent", "since_last_purchase"))
        except ArgumentError as error:
            rules.add(name)
            assert str(error).startswith(f"the rule {name} "), error  # noqa: PT017 - one of many
        try:
            facts_of(name, "bb", "cc")
        except FactsError:
            facts.add(name)
    added = {name for name in pool() if name.casefold() in ("person_id", "known_at") or name.startswith(INNER)}

    assert rules == added | {"next_change"}
    assert facts == added | {name for name in pool() if hasattr(BaseFacts, name) or hasattr(FactsProxy, name)}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("net_spent", "Net_spent", "c"), "the fact Net_spent differs from net_spent only in upper case"),
        (("a b", "b", "c"), "the fact a b is not a name that Python allows; give it another name"),
        (("person_ID", "b", "c"), "the fact person_ID is the name of a column that every result has"),
    ],
)
def test_a_fact_that_could_be_no_column_is_refused_when_it_is_declared(
    names: tuple[str, str, str], message: str
) -> None:
    """Nobody waits for a database to say so."""
    with pytest.raises(FactsError, match=message):
        facts_of(*names)


def test_a_rule_replaces_no_column_of_a_frame_but_its_own_answers() -> None:
    """A second answer takes the place of the first; a fact, or a column in other letters, stays."""
    names = ("how_many", "how_much", "how_long")
    facts = facts_of(*names)
    frame = facts.over(Logs(purchases=PURCHASES), as_of=NOW)
    compute = rule_of("asked", facts, names)
    once = compute.over(frame, POLICY)

    assert compute.over(once, POLICY).equals(once)
    with pytest.raises(
        FactsError, match="the dataframe has a column how_many, which the answers of how_many would overwrite"
    ):
        rule_of("how_many", facts, names).over(frame, POLICY)
    with pytest.raises(FactsError, match="the dataframe has a column asked, which the answers of Asked would"):
        rule_of("Asked", facts, names).over(once, POLICY)


@pytest.mark.no_cover
@pytest.mark.parametrize("engine", [name for name in HERE if name != "pyarrow"])
def test_columns_beside_facts_are_left_alone(engine: str) -> None:
    """A frame of facts may have columns of any name, which come back as they were."""
    logs = Logs(purchases=PURCHASES)
    names = ("how_many", "how_much", "how_long")
    facts = facts_of(*names)
    frame = facts.over(logs, as_of=NOW).sort("person_id")
    compute = rule_of("asked", facts, names)
    neutral = [row["asked"] for row in read(compute.over(frame, POLICY))]
    if engine == "duckdb":  # as its own frames of facts
        frame = frame.with_columns(pl.col("how_long").dt.total_microseconds())

    @asked_of(engine, 10)
    @given(st.sampled_from(pool()))
    def holds(name: str) -> None:
        if name.casefold() in {*names, "person_id", "asked"}:
            return
        (native,) = on(engine, {"frame": frame.with_columns(pl.col("how_many").alias(name))}).values()
        there = refused(lambda: read(compute.over(native, POLICY)))
        assert (there is None) is name.casefold().startswith(INNER)
        if there is not None:
            there.sort(key=lambda row: row["person_id"])
            assert [row["asked"] for row in there] == neutral
            assert [row[name] for row in there] == [row["how_many"] for row in there]

    holds()


@pytest.mark.no_cover
@pytest.mark.parametrize("engine", ["polars", "pandas", "duckdb"])
def test_columns_of_events_may_be_called_anything(engine: str) -> None:
    """Constant, grouping and summed columns may have any name."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    events = pl.DataFrame(
        {
            "person_id": ["a", "a", "b", "b", "c", "c"],
            "occurred_at": [start + hour * timedelta(hours=1) for hour in range(6)],
            "kind": ["view", "buy"] * 3,
            "column": [1, 1, 2, 2, 1, 2],
        }
    )

    def compute(name: str) -> list[Any]:
        (native,) = on(engine, {"events": events.rename({"column": name})}).values()
        steps = ["view", funnel.FunnelStep("buy", where=lambda event: getattr(event, name) > 0)]
        stored = conversion(native, steps, within=DAY, as_of=NOW, matching=Matching(hold_constant=name))
        separate = conversion(native, steps, within=DAY, as_of=NOW, by=name)
        values = conversion(native, steps, within=DAY, as_of=NOW).value(name)
        return [stored.steps, separate.groups, values]

    neutral = compute("column")

    @asked_of(engine, 10 if engine == "polars" else 2)
    @given(st.sampled_from(["t", "steps", "rank", "_step_1"]) | st.sampled_from(pool()))
    def holds(name: str) -> None:
        if name in events.columns or hasattr(FactsProxy, name) or name.casefold() in {"person_id", "kind"}:
            return
        there = refused(lambda: compute(name))
        assert there in (None, neutral)
        assert (there is None) is name.casefold().startswith(INNER)

    holds()


@pytest.mark.no_cover
@pytest.mark.parametrize("engine", [name for name in HERE if name != "pyarrow"])
def test_groups_of_waits_may_be_called_anything(engine: str) -> None:
    """The grouping column of durations may have any name."""
    waits = pl.DataFrame({"started_at": [NOW - DAY] * 4, "ended_at": [NOW, None, NOW, NOW], "group": [1, 1, 2, None]})

    def compute(name: str) -> Any:
        (native,) = on(engine, {"waits": waits.rename({"group": name})}).values()
        return str(survival(native, by=name, as_of=NOW))

    neutral = compute("group")

    @asked_of(engine, 8)
    @given(st.sampled_from(pool()))
    @example("_key")
    @example("_empty_0")
    def holds(name: str) -> None:
        if name in waits.columns:
            return
        there = refused(lambda: compute(name))
        assert there in (None, neutral)
        assert (there is None) is name.casefold().startswith(INNER)

    holds()


def test_two_classes_that_mean_different_things_by_one_name_are_not_asked_together() -> None:
    """The rule and those who are looked at read facts of one class each."""

    class Some(Facts):
        how_many: int = count("purchases")

    class Others(Facts):
        how_many: int = count("orders", where=lambda order: order.amount > 8)

    def one(f: Some, policy: Policy) -> bool:
        return f.how_many > 1

    def other(f: Others, policy: Policy) -> bool:
        return f.how_many > 1

    one.__annotations__, other.__annotations__ = {"f": Some}, {"f": Others}

    def compute(rule: Rule[Any, Policy, bool], eligible: Rule[Any, Policy, bool] | None) -> None:
        dates = BacktestDates(NOW - 60 * DAY, every=7 * DAY, horizon=7 * DAY)
        backtest(rule, Logs(purchases=PURCHASES), POLICY, dates, as_of=NOW, eligible=eligible)

    compute(Rule(one), Rule(one))
    with pytest.raises(FunnelError, match="declare how_many differently; rename one of the two facts"):
        compute(Rule(one), Rule(other))
    one.__name__ = "own rhythm"
    with pytest.raises(ArgumentError, match=r"the name of a rule cannot be that of a baseline .*; rename the rule"):
        compute(Rule(one), None)


@pytest.mark.no_cover
@pytest.mark.parametrize("engine", ["polars", "pandas", "duckdb"])
def test_own_columns_of_facts_may_be_called_anything(engine: str) -> None:
    """A shop's own column may have any name inside the library, or the name is refused."""

    def compute(name: str) -> list[Any]:
        own = {name: int}

        class OwnFacts(BaseFacts):
            many: int = count("purchases", where=lambda one: getattr(one, name) > 1, columns=own)
            added: int = total("purchases", name, columns=own)
            last_one: int = latest("purchases", name, columns=own)
            recent: int = total("orders", name, within=60 * DAY, columns=own)

        column = pl.Series([0, 1, 2, 3, 4, 5]).alias(name)
        (frame,) = on(engine, {"purchases": PURCHASES.with_columns(column)}).values()
        logs = Logs(purchases=frame, keep={"purchases": [name]})
        records = [
            Purchase(
                id=str(row["id"]),
                person_id="c",
                purchased_at=row["purchased_at"],
                amount=Money.of_minor(row["amount"], "USD"),
                columns={name: row[name]},
            )
            for row in PURCHASES.with_columns(column).to_dicts()
            if row["person_id"] == "c"
        ]
        alone = OwnFacts.of(funnel.History.of("c", records), as_of=NOW).to_dict()
        return [read(OwnFacts.over(logs, as_of=NOW)), read(OwnFacts.running(logs, as_of=NOW)), alone]

    neutral = compute("size")

    @asked_of(engine, 12 if engine == "polars" else 3)
    @given(NAMES)
    @example("at")
    @example("value_0")
    @example("T")
    def holds(name: str) -> None:
        if hasattr(FactsProxy, name) or name.casefold() in PURCHASES.columns:
            return
        there = refused(lambda: compute(name))
        assert there in (None, neutral)

    holds()
