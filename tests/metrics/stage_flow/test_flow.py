"""How people flow through the stages: periods, transitions and two rule books, against the journeys of each."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from statistics import median_low
from typing import Any

import pytest
from hypothesis import given, settings

from funnel import History, Logs, Machine, Policy, transitions
from funnel.backtest import RuleBook, stage_difference
from funnel.errors import InstantError, TransitionError
from funnel.machines import SHOP_MACHINE, Cause
from funnel.metrics import stage_flow
from tests.engines import ENGINES
from tests.frames import as_instant, read, tables
from tests.machines.test_over import CROWD, PATH, level
from tests.shop import DAY, NOW, people
from tests.strategies import instants

POLICY = Policy(lapse_after=60 * DAY)
OTHER = Policy(lapse_after=20 * DAY)
END = datetime(2026, 12, 31, 12, tzinfo=UTC)
STAGES = [stage.value for stage in SHOP_MACHINE.table]
FULL = 100
few = settings(max_examples=max(settings().max_examples // 4, 3), deadline=None)


def own(people: Any) -> list[History]:
    """People without those whom they sent, who would stand in the tables as well."""
    return [History.of(one.person_id, [*one.purchases, *one.refunds, *one.interactions]) for one in people]


def journeys(people: list[History], as_of: datetime, policy: Policy = POLICY) -> list[Any]:
    """The journey of each."""
    return [transitions.of(one, policy, as_of=as_of) for one in people]


def month_ends(first: datetime, as_of: datetime) -> list[datetime]:
    """The last microsecond of each month, by UTC, and the instant itself."""
    ends, day = [], date(first.year, first.month, 1)
    while True:
        day = (day + timedelta(days=32)).replace(day=1)
        end = datetime(day.year, day.month, 1, tzinfo=UTC) - timedelta(microseconds=1)
        if end >= as_of:
            return [*ends, as_of]
        ends.append(end)


@few
@given(people(most=8), instants())
def test_the_flow_is_counted_from_the_journeys(histories: tuple[History, ...], as_of: datetime) -> None:
    """Standing by months, came less left, every transition with its spells and its median."""
    mine = own(histories)
    flow = stage_flow(Logs(**tables(mine)), POLICY, tz="UTC", as_of=as_of)
    rows = journeys(mine, as_of)
    every = [move for journey in rows for move in journey]

    assert stage_flow(mine, POLICY, tz="UTC", as_of=as_of) == flow
    if not every:
        assert len(flow) == 0
        assert flow.transitions == ()
        return
    ends = month_ends(min(move.transitioned_at for move in every), as_of)
    counts = [Counter(stage.value for one in rows if (stage := one.stage_at(end))) for end in ends]
    assert [dict(one.people) for one in flow][: len(ends)] == [{s: c[s] for s in STAGES} for c in counts]
    before = dict.fromkeys(STAGES, 0)
    for one in flow:
        assert {s: before[s] + one.arrivals[s] - one.departures[s] for s in STAGES} == one.people
        before = dict(one.people)
    pairs = Counter((move.from_stage, move.to_stage) for move in every)
    assert {(one.from_stage, one.to_stage): one.count for one in flow.transitions} == pairs
    for one in flow.transitions:
        if one.from_stage is None:
            continue
        spells = [(spell, after) for journey in rows for spell, after in zip(journey.spells, journey[1:], strict=False)]
        lasted = [s.duration for s, after in spells if (s.stage, after.to_stage) == (one.from_stage, one.to_stage)]
        assert one.median == median_low(lasted)
        assert one.rate is not None
        assert one.rate.trials == sum(spell.stage == one.from_stage for journey in rows for spell in journey.spells)
        transitions = [move for move in every if (move.from_stage, move.to_stage) == (one.from_stage, one.to_stage)]
        assert one.by_time == sum(move.cause == "time" for move in transitions)


@pytest.mark.no_cover
@few
@given(people(most=8), instants())
def test_what_a_rule_book_changes_is_what_the_journeys_differ_in(
    histories: tuple[History, ...], as_of: datetime
) -> None:
    """People in another stage, since when, and which numbers move; turned around, the same; and one by one."""
    mine = own(histories)
    old, new = RuleBook(POLICY), RuleBook(OTHER)
    difference = stage_difference(Logs(**tables(mine)), old, new, tz="UTC", as_of=as_of)
    each = stage_difference(mine, old, new, tz="UTC", as_of=as_of)
    pairs = list(zip(journeys(mine, as_of), journeys(mine, as_of, OTHER), strict=True))
    stages = [(old, new) for old, new in pairs if len(old)]

    changes = Counter((old[-1].to_stage.value, new[-1].to_stage.value) for old, new in stages)
    assert {(one.old_stage, one.new_stage): one.count for one in difference.changes} == {
        pair: count for pair, count in changes.items() if pair[0] != pair[1]
    }
    assert difference.unchanged == sum(count for pair, count in changes.items() if pair[0] == pair[1])
    since = {one.person_id: _first_apart(*pair) for one, pair in zip(mine, pairs, strict=True)}
    rows = {row["person_id"]: as_instant(row["differs_from"]) for row in read(difference.people)}
    assert rows == {person: when for person, when in since.items() if when}
    assert difference.ever == len(rows)
    counts = [Counter((m.from_stage, m.to_stage) for one in side for m in one) for side in zip(*pairs, strict=True)]
    assert {
        (one.old.from_stage, one.old.to_stage): (one.old.count, one.new.count) for one in difference.transitions
    } == {pair: (counts[0][pair], counts[1][pair]) for pair in counts[0] | counts[1]}
    for book, flow in ((POLICY, difference.old), (OTHER, difference.new)):
        assert flow == stage_flow(mine, book, tz="UTC", as_of=as_of)
    assert each == difference
    assert {one["person_id"]: one["differs_from"] for one in each.people} == rows
    back = stage_difference(mine, new, old, tz="UTC", as_of=as_of)
    assert [(one.new, one.old) for one in back.transitions] == [(one.old, one.new) for one in difference.transitions]
    assert [-one.more for one in back.stage_counts] == [one.more for one in difference.stage_counts]


def _first_apart(old: Any, new: Any) -> datetime | None:
    moments = sorted({move.transitioned_at for journey in (old, new) for move in journey})
    return next((moment for moment in moments if old.stage_at(moment) != new.stage_at(moment)), None)


def flow_of(engine: str, machine: Any = SHOP_MACHINE) -> Any:
    """The flow of a small crowd on an engine."""
    rows = {log: one for log, one in tables(CROWD).items() if one.height}
    return stage_flow(Logs(**ENGINES[engine](rows)), POLICY, tz="Asia/Jakarta", as_of=END, machine=machine)


def test_the_flow_is_written_and_given_as_rows() -> None:
    """Two tables as text and in a notebook; rows, links and the matrix as plain values."""
    flow = flow_of("polars")

    lines = str(flow).splitlines()
    assert lines[:3] == [
        "period    lead  prospect  customer  repeat_customer  lapsed",
        "2026-08      1         0         0                0       0",
        "2026-09      0         2         2                0       0",
    ]
    assert lines[5] == "2026-12*     0         2         0                0       2"
    assert lines[-3].split("  ")[-1].strip() == "60 d"
    assert [one.start for one in flow] == [period.start for period in flow.periods]
    assert flow._repr_html_().count("<table>") == 2
    assert [one["to"] for one in flow.links if one["from"] is None] == ["lead", "prospect", "customer"]
    assert flow.matrix["lead"]["prospect"].successes == 2
    assert flow.matrix["lead"]["lapsed"].successes == 0
    assert flow.matrix["lead"]["lapsed"].trials == flow.spells("lead") == 2
    assert flow.to_dicts()[0] == {
        "start": date(2026, 8, 1), "is_partial": False, "stage": "lead", "people": 1, "arrivals": 1, "departures": 0,
    }  # fmt: skip
    assert flow.periods[-1].to_dict()["is_partial"] is True
    assert [one.to_dict()["trials"] for one in flow.transitions if one.from_stage is None] == [None] * 3
    assert flow.transitions[-1].to_dict()["median"] == flow.transitions[-1].median


@pytest.mark.no_cover
def test_the_flow_is_the_same_where_the_data_are() -> None:
    """In DuckDB, also along a path; and the difference comes back as it went in."""
    assert flow_of("duckdb") == flow_of("polars")
    if settings().max_examples >= FULL:  # pragma: no branch - it takes long
        assert flow_of("duckdb", PATH) == flow_of("polars", PATH)


BOOKS = RuleBook(POLICY), RuleBook(Policy(lapse_after=300 * DAY))


def test_a_difference_is_written() -> None:
    """In words, with every kind of move, and where more or fewer people stand."""
    difference = stage_difference(Logs(**tables(CROWD)), *BOOKS, tz="UTC", as_of=NOW + 100 * DAY)

    lines = [" ".join(line.split()) for line in str(difference).splitlines()]
    assert lines[:3] == ["2 of 4 people are in another stage, 2 were at some time", "2 from lapsed to customer", ""]
    assert lines[3] == "transition old new more of spells median time before"
    assert "(new) -> lead 2 2 +0" in lines
    assert "customer -> repeat_customer 0 1 +1 0.0 % -> 33.3 % none -> 69 d" in lines
    assert "customer -> lapsed 2 0 -2 100.0 % -> 0.0 % 60 d -> none" in lines
    assert lines[-1] == "2026-12* lapsed 2 0 -2"
    assert difference._repr_html_().startswith("<p>2 of 4 people are in another stage")
    assert difference._repr_html_().count("<table>") == 2
    assert difference.to_dicts()[0]["more"] == 0
    assert [one["old_value"] for one in difference.to_dicts()[-2:]] == [1.0, 1 / 3]
    assert [one.to_dict()["more"] for one in difference.stage_counts if one.more] == [1, -1, 2, -2, 2, -2]


def test_a_rule_book_differs_from_itself_in_nobody() -> None:
    """Nor does anything move; of one person as of all."""
    logs, book = Logs(**tables(CROWD)), BOOKS[0]
    same = stage_difference(logs, book, book, tz="UTC", as_of=NOW + 100 * DAY)

    assert (same.changes, same.unchanged, same.ever) == ((), 4, 0)
    assert "period" not in str(same)
    assert same == stage_difference(CROWD, book, book, tz="UTC", as_of=NOW + 100 * DAY)
    assert same.old == same.new == stage_flow(CROWD, POLICY, tz="UTC", as_of=NOW + 100 * DAY)


def test_one_person_differs_as_all_do() -> None:
    """Some people lapse by one rule book alone; people who arrive after the instant have no stage."""
    lapsed = next(one for one in CROWD if transitions.of(one, POLICY, as_of=NOW + 100 * DAY)[-1].to_stage == "lapsed")
    difference = stage_difference(lapsed, *BOOKS, "week", tz="UTC", as_of=NOW + 100 * DAY, week_start="monday")

    assert [(one.old_stage, one.new_stage, one.count) for one in difference.changes] == [("lapsed", "customer", 1)]
    [person] = difference.people
    assert person["old_stage"] == "lapsed"
    path = transitions.of(lapsed, POLICY, as_of=NOW + 100 * DAY)
    assert person["differs_from"] == next(move.transitioned_at for move in path if move.to_stage == "lapsed")
    early = stage_difference(lapsed, *BOOKS, tz="UTC", as_of=NOW - 100 * DAY)
    assert (early.unchanged, early.ever, early.people, early.transitions) == (0, 0, [], ())


def test_stages_of_two_kinds_cannot_be_compared() -> None:
    """Texts in one rule book and numbers in the other are refused; numbers in both are compared."""
    from tests.machines.test_over import Level

    by = Cause.EVENT
    numbers = Machine(level, {Level.NONE: {Level.SOME: by}, Level.SOME: {Level.NONE: by}})
    logs = Logs(**tables(CROWD))

    with pytest.raises(TransitionError, match="both rule books must have stages of one kind"):
        stage_difference(logs, RuleBook(POLICY), RuleBook(POLICY, numbers), tz="UTC", as_of=END)
    book = RuleBook(POLICY, numbers)
    assert stage_difference(logs, book, book, tz="UTC", as_of=END).unchanged == len(CROWD)


def test_a_flow_of_nothing_is_empty() -> None:
    """Before anything happened there is no period; a naive instant is refused."""
    logs = Logs(**tables(CROWD))

    assert str(stage_flow(logs, POLICY, tz="UTC", as_of=NOW - 99 * DAY)).startswith("period")
    with pytest.raises(InstantError, match="naive"):
        stage_flow(logs, POLICY, tz="UTC", as_of=datetime(2026, 1, 1))  # noqa: DTZ001
