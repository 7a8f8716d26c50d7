"""Every declared fact has the same value in every way of computing it, and every way lists the same reductions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from functools import cache
from math import isqrt
from typing import Any, get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel import Logs, Machine, Policy, Stage
from funnel._aggregate.aggregations import (
    COMBINES,
    EDGES,
    GAP,
    HOUR,
    POST_AGGREGATIONS,
    Combine,
    How,
    PostAggregation,
    Reduction,
)
from funnel._aggregate.fold import END, START, T, with_gaps
from funnel._aggregate.group_by import PERSON, value_name
from funnel._aggregate.window import AT, running
from funnel._expr.nodes import Value, holds
from funnel._expr.tree import Fork, Tree
from funnel._ledger.ledger import Ledger
from funnel._time import FOREVER, NEVER, micros
from funnel.backtest._day_scan import PERSON_NUMBER
from funnel.backtest._facts_by_day import FactsByDay, local
from funnel.facts._frames import raw_facts_over, with_derived
from funnel.facts._schema import FactSchema
from funnel.history import History
from funnel.incremental._live_facts import LiveFacts
from funnel.interactions import Answer, Complaint, Question, Resolution
from funnel.machines import Cause
from funnel.metrics import stage_flow
from funnel.rules._rule import Rule
from tests.engines import ALONE, ENGINES, FULL, HERE, OF_POLARS, asked_of, on
from tests.frames import read, tables
from tests.incremental.deliveries import BackEnd, delivered
from tests.kernels import machine_values
from tests.shop import DAY, NOW, ShopFacts, did, known_by, logs_of, people
from tests.strategies import instants

PLAN = ShopFacts._fact_plan
Values = Mapping[str, Value]
"""The held value of each fact, by its name."""

# ---- the reference -------------------------------------------------------------------------------------------------


def reference(history: History, now: int) -> Values:
    """The facts of one person, each reduction by itself, in as few words as there are."""
    ledger = history._fill(Ledger(history.person_id))
    ledger.settle()
    values = [_reduced(one, ledger, now) for one in PLAN.reductions]
    values += [_worked_out(one.how, [_reduced(part, ledger, now) for part in one.parts]) for one in PLAN.derived]
    return by_name(PLAN, values)


def _reduced(one: Reduction, ledger: Ledger, now: int) -> Value:
    rows = [row for row in ledger.rows.get(one.stream.origin.name, ()) if int(row[START]) <= now < int(row[END])]
    if one.stream.within is not None:
        rows = [row for row in rows if now - int(row[T]) <= one.stream.within]
    fields = list(one.stream.fields)
    calls = with_gaps(rows) if GAP in fields else rows
    remaining = [row for row in calls if _meets(one.where, dict(zip(fields, row, strict=True)))]
    if not remaining:
        return one.empty
    actual = [row[fields.index(one.field)] if one.field else 1 for row in remaining]
    by_how: Mapping[str, Callable[[Any], Value]] = {"sum": sum, "smallest": min, "largest": max}
    if one.how in by_how:
        return by_how[one.how](actual)
    return actual[0] if one.how == "earliest" else actual[-1]


def _meets(tree: Tree, row: Mapping[str, Value]) -> bool:
    while isinstance(tree, Fork):
        tree = tree.yes if holds(tree.test, row.__getitem__) else tree.no
    return tree.answer is True


def _worked_out(how: str, parts: Sequence[Any]) -> int:
    *sums, count = parts
    forever = FOREVER - NEVER
    match how:
        case "any":
            return int(count > 0)
        case "mean":
            return sums[0] // count if count else 0
        case "mean_span":
            return sums[0] // count if count else forever
        case "occasions":
            return int(count) + bool(sums[0])
        case "spread":
            return isqrt(int(Fraction(sums[1], count) - Fraction(sums[0], count) ** 2)) * HOUR if count > 1 else forever
        case _:
            return (sums[1] - sums[0]) // (count - 1) if count > 1 else forever


def by_name(plan: FactSchema, values: Sequence[Value]) -> Values:
    """Values by the names of their facts."""
    return {name: values[plan.indices[name]] for name in plan.declared if name in PLAN.declared}


# ---- the ways ------------------------------------------------------------------------------------------------------

Path = Callable[[str, Sequence[History], datetime, st.DataObject], Mapping[str, Values]]


def by_fold(_: str, everyone: Sequence[History], as_of: datetime, __: st.DataObject) -> Mapping[str, Values]:
    """All rows of one person at once."""
    return {one.person_id: by_name(PLAN, PLAN.values(one._ledger, micros(as_of))) for one in everyone}


def by_live_facts(_: str, everyone: Sequence[History], as_of: datetime, data: st.DataObject) -> Mapping[str, Values]:
    """One record after another, in any order."""
    actual: dict[str, Values] = {}
    for one in everyone:
        records = [record for record in one.records if record.happened_at <= as_of]
        live = LiveFacts(History(person_id=one.person_id), ShopFacts)
        refunds = [record for record in records if hasattr(record, "refunded_at")]
        for record in [*data.draw(st.permutations([r for r in records if r not in refunds])), *refunds]:
            live.add(record)
            live.facts(as_of=as_of)
        actual[one.person_id] = by_name(PLAN, live.facts(as_of=as_of).values)
    return actual


def by_state(_: str, everyone: Sequence[History], as_of: datetime, data: st.DataObject) -> Mapping[str, Values]:
    """Live facts that are restored from their state before each record, in any order."""
    one = next(one for one in everyone if one.person_id == "p1")
    back_end = BackEnd(_rule_of_everything(), Policy())
    records = [record for record in one.records if record.happened_at <= as_of]
    live = back_end.add(*delivered(data, records)).live()
    plan = _plan_of_state()
    actual = live._evaluate(plan, lambda values, _: list(values), as_of)
    return {"p1": by_name(plan, actual)}


@cache
def _rule_of_everything() -> Rule[Any, Any, Any]:
    """Return the rule that reads every fact; it is verified once, which takes seconds."""
    return Rule(_reads_everything)


def _reads_everything(f: ShopFacts, _: Policy) -> int:
    return sum(_is_told(getattr(f, name), fact.unit) for name, fact in PLAN.readable.items())


def _is_told(fact: Any, unit: str) -> Any:
    return fact != "" if unit == "text" else fact > EDGE[unit]


def _plan_of_state() -> FactSchema:
    return Rule(_reads_everything)._compiled_rule(Policy()).narrowed


EDGE: Mapping[str, Any] = {"number": 0, "span": DAY}


def by_group(engine: str, everyone: Sequence[History], as_of: datetime, _: st.DataObject) -> Mapping[str, Values]:
    """The aggregate of all people."""
    return _rows(PLAN, raw_facts_over(PLAN, _logs(engine, everyone), micros(as_of)))


def by_window(engine: str, everyone: Sequence[History], as_of: datetime, _: st.DataObject) -> Mapping[str, Values]:
    """The last row of the running windows of each person."""
    tables = _logs(engine, everyone)._materialized_tables
    actual = with_derived(PLAN, running(tables, PLAN.reductions, micros(as_of))).collect().sort(AT)
    return _rows(PLAN, actual.lazy())


def by_loops(engine: str, everyone: Sequence[History], as_of: datetime, _: st.DataObject) -> Mapping[str, Values]:
    """Loops over sorted rows, some facts at a time: the bits of a row are few."""
    texts, actual = _texts(everyone), dict[str, dict[str, Value]]()
    for plan, person_id, values in machine_values(PLAN, _logs(engine, everyone), texts, micros(as_of)):
        actual.setdefault(person_id, {}).update(by_name(plan, values))
    words = dict(enumerate(["", *(text for text in texts if text)]))
    output = {name for name, one in PLAN.declared.items() if one.show == "text"}
    return {
        person: {name: words[int(value)] if name in output else value for name, value in facts.items()}
        for person, facts in actual.items()
    }


def by_day(engine: str, everyone: Sequence[History], as_of: datetime, _: st.DataObject) -> Mapping[str, Values]:
    """Return the facts of a backtest on its last day."""
    days = [micros(as_of - DAY), micros(as_of)]
    facts_by_day = FactsByDay.of(PLAN, local(_logs(engine, everyone)), days)
    *_, (numbers, values) = facts_by_day.facts_by_day()
    names = dict(facts_by_day.names.select(PERSON_NUMBER, PERSON).collect().rows())
    rows = {
        names[person_id]: [_plain(values[index][number]) for index in values]
        for number, person_id in enumerate(numbers.tolist())
    }
    return {person: by_name(PLAN, row) for person, row in rows.items()}


def _plain(value: Any) -> Value:
    return value if isinstance(value, str) else int(value)


def _logs(engine: str, everyone: Sequence[History]) -> Logs:
    return Logs(**on(engine, tables(everyone)))


def _texts(everyone: Sequence[History]) -> list[str]:
    words = {cell for frame in tables(everyone).values() for column in frame.get_columns() for cell in column.to_list()}
    return ["", *sorted(word for word in words if isinstance(word, str) and word)]


def _rows(plan: FactSchema, frame: Any) -> Mapping[str, Values]:
    rows = read(frame.to_native() if hasattr(frame, "to_native") else frame)
    return {row[PERSON]: by_name(plan, [row[value_name(index)] for index in range(len(plan.empties))]) for row in rows}


PATHS: Mapping[str, tuple[Path, str, int]] = {
    "the fold": (by_fold, "polars", 10),
    "live facts": (by_live_facts, "polars", 4),
    "live facts, restored from their state": (by_state, "polars", 2),
    "loops over rows": (by_loops, "polars", 5),
    "the walk through days": (by_day, "polars", 2),
    **{f"the group aggregate on {engine}": (by_group, engine, 2) for engine in (*ENGINES, ALONE)},
    **{f"the running window on {engine}": (by_window, engine, 1) for engine in (*ENGINES, ALONE)},
}

SLOW = {f"the running window on {engine}" for engine in ("duckdb", ALONE)}
"""Half a minute an example; the daily run asks these engines for all facts in `tests/laws/test_at_size.py`."""


@pytest.mark.no_cover
@pytest.mark.parametrize("form", PATHS)
def test_every_declared_fact_is_the_same_in_every_way(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way gives every declared fact of everyone the value that the reference gives; a failure names the facts."""
    compute, engine, most = PATHS[form]
    if engine not in (*HERE, ALONE) or (not FULL and (form in SLOW or engine in OF_POLARS)):
        pytest.skip(f"{engine} is asked in make test-full")
    if engine == ALONE:
        monkeypatch.setattr("funnel._dataframes.adapter.installed", lambda module: module == "pandas")

    @asked_of(engine, most)
    @given(people(most=9), instants(), st.data())
    def holds(everyone: tuple[History, ...], as_of: datetime, data: st.DataObject) -> None:
        actual = compute(engine, everyone, as_of, data)
        for history in known_by(everyone, as_of):
            if history.person_id in actual or compute is not by_state:
                facts, expected = actual[history.person_id], reference(history, micros(as_of))
                assert {n: (v, expected[n]) for n, v in facts.items() if v != expected[n]} == {}

    holds()


# ---- a form is never missing ---------------------------------------------------------------------------------------


def test_every_way_lists_the_same_reductions() -> None:
    """Whatever a fact can be declared with is in the one table, and every entry of the table has every form."""
    hows = {one.how for one in PLAN.reductions} | {part.how for one in PLAN.derived for part in one.parts}

    assert hows == set(get_args(How)) == {*COMBINES, *EDGES}
    assert {one.how for one in PLAN.derived} == set(POST_AGGREGATIONS)
    assert set(EDGES.values()) <= set(COMBINES)
    for kind in (Combine, PostAggregation):
        assert [field.name for field in attrs.fields(kind) if field.default is not attrs.NOTHING] == []


# ---- the crash that showed it --------------------------------------------------------------------------------------

EITHER: Mapping[Stage, Mapping[Stage, Cause]] = {
    start: {to: Cause.EITHER for to in Stage if to is not start} for start in Stage
}


def _by_reply(f: ShopFacts, policy: Policy) -> Stage:
    return Stage.CUSTOMER if f.average_reply_time <= DAY else Stage.LEAD


def _by_repair(f: ShopFacts, policy: Policy) -> Stage:
    return Stage.CUSTOMER if f.average_repair_time <= DAY else Stage.LEAD


@pytest.mark.parametrize("function", [_by_reply, _by_repair])
def test_a_stage_may_depend_on_the_mean_of_a_span(function: Callable[[ShopFacts, Policy], Stage]) -> None:
    """The moves of everyone, in numpy, are those of each; the flow counts them."""
    start = NOW - 9 * DAY
    history = History.of(
        "p1",
        [
            did(Question, "q", start),
            did(Answer, "a", start + DAY, question_id="q"),
            did(Complaint, "c", start + 2 * DAY),
            did(Resolution, "r", start + 3 * DAY, complaint_id="c"),
        ],
    )
    machine: Any = Machine(Rule(function), EITHER)
    actual = read(machine.transitions.over(logs_of([history]), Policy(), as_of=NOW))

    assert [row.pop("person_id") for row in actual] == ["p1", "p1"]
    assert [row["to_stage"] for row in actual] == ["lead", "customer"]
    assert [row["transitioned_at"] for row in actual] == [
        move["transitioned_at"] for move in machine.transitions.of(history, Policy(), as_of=NOW).to_dicts()
    ]
    by_all, by_each = (
        stage_flow(people, Policy(), tz="UTC", as_of=NOW, machine=machine) for people in (logs_of([history]), history)
    )
    assert by_all == by_each
