"""Every declared fact has the same value in every way of computing it, and every way lists the same reductions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, get_args

import attrs
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel import Logs, Machine, Policy, Stage
from funnel._aggregate.aggregations import (
    COMBINES,
    EDGES,
    GAP,
    POST_AGGREGATIONS,
    Combine,
    How,
    PostAggregation,
    Reduction,
)
from funnel._aggregate.fold import END, START, with_gaps
from funnel._aggregate.group_by import PERSON, value_name
from funnel._aggregate.window import AT, running
from funnel._expr.nodes import Value, holds
from funnel._expr.tree import Fork, Tree
from funnel._ledger.ledger import Ledger
from funnel._time import FOREVER, NEVER, micros
from funnel.backtest._facts_by_day import WHO, Standing, local
from funnel.facts._frames import held_by_engine, with_derived
from funnel.facts._schema import FactSchema, fact_schema
from funnel.history import History
from funnel.incremental._live_facts import LiveFacts
from funnel.incremental._rule import IncrementalRule
from funnel.interactions import Answer, Complaint, Question, Resolution
from funnel.machines import Cause
from funnel.machines._packed.event_rows import MOST_BITS, Block, ReadSet, bits_of, in_blocks, lines_of
from funnel.machines._packed.segments import SortedRows, values_of
from funnel.metrics import stage_flow
from funnel.rules._rule import Rule
from tests.engines import ALONE, ENGINES, FULL, HERE, asked_of, on
from tests.frames import read, tables
from tests.incremental.deliveries import delivered, moved
from tests.shop import DAY, NOW, ShopFacts, did, known_by, logs_of, people
from tests.strategies import instants

PLAN = ShopFacts.fact_plan
Values = Mapping[str, Value]
"""The held value of each fact, by its name."""

# ---- the reference -------------------------------------------------------------------------------------------------


def reference(history: History, now: int) -> Values:
    """The facts of one person, each reduction by itself, in as few words as there are."""
    ledger = history.fill(Ledger(history.person_id))
    ledger.settle()
    values = [_reduced(one, ledger, now) for one in PLAN.reductions]
    values += [_worked_out(one.how, [_reduced(part, ledger, now) for part in one.parts]) for one in PLAN.derived]
    return named(PLAN, values)


def _reduced(one: Reduction, ledger: Ledger, now: int) -> Value:
    rows = [row for row in ledger.rows.get(one.stream.name, ()) if int(row[START]) <= now]
    if one.stream.living:
        rows = [row for row in rows if now < int(row[END])]
    fields = list(one.stream.fields)
    seen = with_gaps(rows) if GAP in fields else rows
    kept = [row for row in seen if _meets(one.where, dict(zip(fields, row, strict=True)))]
    if not kept:
        return one.empty
    told = [row[fields.index(one.field)] if one.field else 1 for row in kept]
    by_how: Mapping[str, Callable[[Any], Value]] = {"sum": sum, "smallest": min, "largest": max}
    if one.how in by_how:
        return by_how[one.how](told)
    return told[0] if one.how == "earliest" else told[-1]


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
        case _:
            return (sums[1] - sums[0]) // (count - 1) if count > 1 else forever


def named(plan: FactSchema, values: Sequence[Value]) -> Values:
    """Values by the names of their facts."""
    return {name: values[plan.places[name]] for name in plan.declared if name in PLAN.declared}


# ---- the ways ------------------------------------------------------------------------------------------------------

Way = Callable[[str, Sequence[History], datetime, st.DataObject], Mapping[str, Values]]


def by_fold(_: str, everyone: Sequence[History], as_of: datetime, __: st.DataObject) -> Mapping[str, Values]:
    """All rows of one person at once."""
    return {one.person_id: named(PLAN, PLAN.values(one.ledger, micros(as_of))) for one in everyone}


def by_tally(_: str, everyone: Sequence[History], as_of: datetime, data: st.DataObject) -> Mapping[str, Values]:
    """One record after another, in any order."""
    told: dict[str, Values] = {}
    for one in everyone:
        records = [record for record in one.records if record.happened_at <= as_of]
        tally = LiveFacts(History(person_id=one.person_id), ShopFacts)
        refunds = [record for record in records if hasattr(record, "refunded_at")]
        for record in [*data.draw(st.permutations([r for r in records if r not in refunds])), *refunds]:
            tally.add(record)
            tally.facts(as_of=as_of)
        told[one.person_id] = named(PLAN, tally.facts(as_of=as_of).values)
    return told


def by_advance(_: str, everyone: Sequence[History], as_of: datetime, data: st.DataObject) -> Mapping[str, Values]:
    """A small state moved on record by record; a rule reads every fact that rules may read."""
    advance = IncrementalRule(Rule(_reads_everything), Policy())
    plan = advance._plan
    one = next(one for one in everyone if one.person_id == "p1")
    state = moved(advance, delivered(data, [record for record in one.records if record.happened_at <= as_of]))
    return {"p1": named(plan, state.values[: len(plan.empties)])} if state.latest <= as_of else {}


def _reads_everything(f: ShopFacts, _: Policy) -> int:
    return sum(_is_told(getattr(f, name), fact.unit) for name, fact in PLAN.readable.items())


def _is_told(fact: Any, unit: str) -> Any:
    return fact != "" if unit == "text" else fact > EDGE[unit]


EDGE: Mapping[str, Any] = {"number": 0, "span": DAY}


def by_group(engine: str, everyone: Sequence[History], as_of: datetime, _: st.DataObject) -> Mapping[str, Values]:
    """The aggregate of all people."""
    return _rows(PLAN, held_by_engine(PLAN, _logs(engine, everyone), micros(as_of)))


def by_window(engine: str, everyone: Sequence[History], as_of: datetime, _: st.DataObject) -> Mapping[str, Values]:
    """The last row of the running windows of each person."""
    tables = _logs(engine, everyone).laid_tables
    found = with_derived(PLAN, running(tables, PLAN.reductions, micros(as_of))).collect().sort(AT)
    return _rows(PLAN, found.lazy())


def by_numpy(engine: str, everyone: Sequence[History], as_of: datetime, _: st.DataObject) -> Mapping[str, Values]:
    """Segments of sorted rows, some facts at a time: the bits of a mark are few."""
    logs, texts = _logs(engine, everyone), _texts(everyone)
    told: dict[str, dict[str, Value]] = {}
    for plan in _few_bits():
        wanted = ReadSet.of(plan, texts)
        lines = lines_of(wanted, logs.tables, micros(as_of))

        def last(block: Block, plan: FactSchema = plan, wanted: ReadSet = wanted) -> list[tuple[int, list[int]]]:
            piece = SortedRows(block)
            values = values_of(wanted, piece)
            people = block.person[piece.firsts].tolist()
            return [(who, [int(one[place]) for one in values]) for place, who in enumerate(people)]

        for who, values in (pair for block in in_blocks(lines, last, stable=wanted.has_edges) for pair in block):
            name = lines.names(pl.Series([who]).to_numpy())[0]
            told.setdefault(name, {}).update(named(plan, values))
    words = dict(enumerate(["", *(text for text in texts if text)]))
    shown = {name for name, one in PLAN.declared.items() if one.show == "text"}
    return {
        person: {name: words[int(value)] if name in shown else value for name, value in facts.items()}
        for person, facts in told.items()
    }


@cache
def _few_bits() -> list[FactSchema]:
    plans: list[FactSchema] = []
    some: dict[str, Any] = {}
    for name, one in PLAN.declared.items():
        if len(bits_of(fact_schema({**some, name: one}))) > MOST_BITS:
            plans.append(fact_schema(some))
            some = {}
        some[name] = one
    return [*plans, fact_schema(some)]


def by_day(engine: str, everyone: Sequence[History], as_of: datetime, _: st.DataObject) -> Mapping[str, Values]:
    """The walk of a backtest through days; the last of them is asked about."""
    days = [micros(as_of - DAY), micros(as_of)]
    standing = Standing.of(PLAN, local(_logs(engine, everyone)), days)
    *_, (numbers, values) = standing.held()
    names = dict(standing.names.select(WHO, PERSON).collect().rows())
    rows = {names[who]: [_plain(values[place][turn]) for place in values] for turn, who in enumerate(numbers.tolist())}
    return {person: named(PLAN, row) for person, row in rows.items()}


def _plain(value: Any) -> Value:
    return value if isinstance(value, str) else int(value)


def _logs(engine: str, everyone: Sequence[History]) -> Logs:
    return Logs(**on(engine, tables(everyone)))


def _texts(everyone: Sequence[History]) -> list[str]:
    words = {cell for frame in tables(everyone).values() for column in frame.get_columns() for cell in column.to_list()}
    return ["", *sorted(word for word in words if isinstance(word, str) and word)]


def _rows(plan: FactSchema, frame: Any) -> Mapping[str, Values]:
    rows = read(frame.to_native() if hasattr(frame, "to_native") else frame)
    return {row[PERSON]: named(plan, [row[value_name(place)] for place in range(len(plan.empties))]) for row in rows}


WAYS: Mapping[str, tuple[Way, str, int]] = {
    "the fold": (by_fold, "polars", 10),
    "one record at a time, in a tally": (by_tally, "polars", 4),
    "one record at a time, in a state": (by_advance, "polars", 4),
    "numpy segments": (by_numpy, "polars", 5),
    "the walk through days": (by_day, "polars", 2),
    **{f"the group aggregate on {engine}": (by_group, engine, 2) for engine in (*ENGINES, ALONE)},
    **{f"the running window on {engine}": (by_window, engine, 1) for engine in (*ENGINES, ALONE)},
}

SLOW = {f"the running window on {engine}" for engine in ("duckdb", ALONE)}
"""Half a minute an example; the daily run asks these engines for all facts in `tests/laws/test_at_size.py`."""


@pytest.mark.no_cover
@pytest.mark.parametrize("way", WAYS)
def test_every_declared_fact_is_the_same_in_every_way(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way gives every declared fact of everyone the value that the reference gives; a failure names the facts."""
    compute, engine, most = WAYS[way]
    if engine not in (*HERE, ALONE) or (not FULL and way in SLOW):
        pytest.skip(f"{engine} is asked in make test-full")
    if engine == ALONE:
        monkeypatch.setattr("funnel._dataframes.adapter.installed", lambda module: module == "pandas")

    @asked_of(engine, most)
    @given(people(most=9), instants(), st.data())
    def holds(everyone: tuple[History, ...], as_of: datetime, data: st.DataObject) -> None:
        told = compute(engine, everyone, as_of, data)
        for history in known_by(everyone, as_of):
            if history.person_id in told or compute is not by_advance:
                facts, expected = told[history.person_id], reference(history, micros(as_of))
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
    told = read(machine.transitions.over(logs_of([history]), Policy(), as_of=NOW))

    assert [row.pop("person_id") for row in told] == ["p1", "p1"]
    assert [row["to_stage"] for row in told] == ["lead", "customer"]
    assert [row["transitioned_at"] for row in told] == [
        move["transitioned_at"] for move in machine.transitions.of(history, Policy(), as_of=NOW).to_dicts()
    ]
    by_all, by_each = (
        stage_flow(people, Policy(), tz="UTC", as_of=NOW, machine=machine) for people in (logs_of([history]), history)
    )
    assert by_all == by_each
