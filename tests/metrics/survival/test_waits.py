from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.errors import ArgumentError, FunnelError
from funnel.history import History
from funnel.logs import Logs
from funnel.metrics._survival.durations import durations
from funnel.metrics._survival.logrank import SurvivalGroups
from funnel.metrics._survival.result import Survival
from funnel.metrics._survival.survival import survival
from tests.engines import ENGINES, HERE
from tests.frames import TIME, as_instant, read, tables
from tests.metrics.people import AS_OF, FEW, bought_by, crowds, logs_of, orders_of, shop_on
from tests.metrics.waiting import DAY, NOON, SPANS, TICK, starts
from tests.strategies import instants

EVENTS = st.lists(
    st.tuples(
        st.sampled_from("abc"), starts(), st.sampled_from(["lead", "order"]), st.sampled_from(["ad", "web", None])
    ),
    max_size=12,
)
Row = tuple[str, datetime, str, str | None]


def table_of(rows: list[Row]) -> pl.DataFrame:
    """Events as a Polars table, on which both kinds stand."""
    schema = {"person_id": pl.String, "occurred_at": TIME, "kind": pl.String, "source": pl.String}
    late = NOON + 9 * DAY
    return pl.DataFrame([*rows, ("z", late, "lead", None), ("z", late, "order", None)], schema, orient="row")


def rows_of(rows: list[Row], start: str, end: str, **options: Any) -> dict[str, tuple[Any, ...]]:
    """Each person's wait as it was made from a table."""
    table = durations(table_of(rows), start, end, as_of=NOON, **options)
    return {person: tuple(rest) for person, *rest in table.iter_rows()}


def times(rows: list[Row], person: str, kind: str) -> list[datetime]:
    """When the events of one person and kind were, until the evaluation time."""
    return sorted(
        when for person_id, when, row_kind, _ in rows if (person_id, row_kind) == (person, kind) and when <= NOON
    )


@given(EVENTS, st.booleans())
def test_a_wait_is_from_the_first_start_to_the_first_end(rows: list[Row], ignored: bool) -> None:  # noqa: FBT001
    """Person by person; where ends before the start are ignored, to the first one at or after it."""
    expected = {}
    for person in "abc":
        if began := times(rows, person, "lead"):
            ends = [when for when in times(rows, person, "order") if when >= began[0] or not ignored]
            expected[person] = (began[0], min(ends, default=None))

    assert rows_of(rows, "lead", "order", earlier="ignored" if ignored else "counts") == expected


@given(EVENTS)
def test_of_one_kind_it_is_from_the_first_to_the_second(rows: list[Row]) -> None:
    """One event serves once: with two at one instant the wait is 0, with one there is no end."""
    expected = {}
    for person in "abc":
        if bought := times(rows, person, "order"):
            expected[person] = (bought[0], bought[1] if len(bought) > 1 else None)

    assert rows_of(rows, "order", "order") == expected


@given(EVENTS)
def test_what_is_kept_is_that_of_the_first_start(rows: list[Row]) -> None:
    """Among several starts at that instant, the first by its kept columns is used; empty ones come last."""
    columns = {person: row[-1] for person, row in rows_of(rows, "lead", "order", keep=["source"]).items()}
    expected = {}
    for person in "abc":
        if began := times(rows, person, "lead"):
            sources = [
                source
                for person_id, when, kind, source in rows
                if (person_id, when, kind) == (person, began[0], "lead")
            ]
            expected[person] = min(sources, key=lambda source: (source is None, source or ""))

    assert columns == expected


@given(EVENTS, SPANS)
def test_the_waits_of_a_day_are_known_on_that_day(rows: list[Row], later: Any) -> None:
    """Cutting at `as_of` before or while the curve is made gives the same curve."""
    day = NOON - later
    cut, whole = (durations(table_of(rows), "lead", "order", as_of=when) for when in (day, NOON))

    assert survival(cut, as_of=day) == survival(whole, as_of=day)


def test_an_end_before_the_start_is_left_out_or_ignored() -> None:
    """People who bought before they were a lead had converted; else they wait for the next purchase."""
    rows: list[Row] = [
        ("a", NOON - 2 * DAY, "order", None), ("a", NOON - DAY, "lead", None), ("a", NOON, "order", None),
        ("b", NOON - DAY, "lead", None),
    ]  # fmt: skip
    counts, ignored = (
        survival(durations(table_of(rows), "lead", "order", as_of=NOON, earlier=option), as_of=NOON)
        for option in ("counts", "ignored")
    )

    assert (counts.people, counts.converted, counts.excluded) == (1, 0, 1)
    assert (ignored.people, ignored.converted, ignored.excluded) == (2, 1, 0)


# ---- logs ----------------------------------------------------------------------------------------------------------


@FEW
@given(crowds(), instants())
def test_from_the_first_purchase_to_the_second(people: list[History], as_of: datetime) -> None:
    """Purchases count as of the instant: a cancelled or wholly refunded one does not count."""
    table = durations(logs_of(people), "purchases", "purchases", as_of=as_of)
    expected = {}
    for person in people:
        if bought := bought_by(person, as_of):
            expected[person.person_id] = (bought[0], bought[1] if len(bought) > 1 else None)

    assert {person: tuple(rest) for person, *rest in table.iter_rows()} == expected


@FEW
@given(crowds(), instants())
def test_from_lead_to_purchase(people: list[History], as_of: datetime) -> None:
    """From a person's first arrival to their first purchase that counts."""
    logs = Logs(**orders_of(people), leads=tables(people)["leads"])
    table = durations(logs, "leads", "purchases", as_of=as_of, keep=["campaign"])
    arrived = [lead for person in people for lead in (*person.leads, *person.referrals) if lead.arrived_at <= as_of]
    bought = {person.person_id: min(bought_by(person, as_of), default=None) for person in people}
    firsts = {
        lead.person_id: lead.arrived_at for lead in sorted(arrived, key=lambda lead: lead.arrived_at, reverse=True)
    }
    expected = {person: (first, bought.get(person)) for person, first in firsts.items()}

    assert {person: (start, end) for person, start, end, _ in table.iter_rows()} == expected


def test_a_kind_of_interaction_is_a_stream() -> None:
    """The wait from the first question to the first answer, of those who asked."""
    questions = [
        ("1", "a", NOON - DAY, "question", None),
        ("2", "a", NOON, "answer", "1"),
        ("3", "b", NOON, "question", None),
    ]
    schema = {"id": pl.String, "person_id": pl.String, "occurred_at": TIME, "kind": pl.String, "regarding": pl.String}
    table = durations(
        Logs(interactions=pl.DataFrame(questions, schema, orient="row")), "questions", "answers", as_of=NOON
    )

    assert sorted(table.iter_rows()) == [("a", NOON - DAY, NOON), ("b", NOON, None)]


def test_logs_that_are_not_there_hold_no_events() -> None:
    """A stream whose log is not there starts no wait and ends none; a stream that does not exist is refused."""
    logs = shop_on("polars")
    leads = Logs(leads=pl.DataFrame({"person_id": ["p"], "arrived_at": [AS_OF], "source": ["fair"]}))
    started = durations(logs, "leads", "purchases", as_of=AS_OF, keep=["source"])

    assert (started.height, started.columns) == (0, ["person_id", "started_at", "ended_at", "source"])
    assert durations(leads, "leads", "purchases", as_of=AS_OF)["ended_at"].to_list() == [None]
    assert durations(leads, "complaints", "complaints", as_of=AS_OF).is_empty()
    with pytest.raises(ArgumentError, match="did you mean purchases"):
        durations(logs, "purchases", "purchase", as_of=AS_OF)


def test_a_column_that_logs_do_not_have_is_not_kept() -> None:
    """The nearest is named; so are the columns of a row that are only for the library, and half a character."""
    logs = Logs(leads=pl.DataFrame({"person_id": ["p"], "arrived_at": [AS_OF], "source": ["fair"]}))
    for name in ("sourc", "start", "\ud800", "x" * 1_000_000):
        with pytest.raises(ArgumentError, match=r"keep must name columns of leads or of people \(got .*; ") as caught:
            durations(logs, "leads", "purchases", as_of=AS_OF, keep=[name])
        assert len(str(caught.value)) < 500
    with pytest.raises(ArgumentError, match=r"did you mean source\?"):
        durations(logs, "leads", "purchases", as_of=AS_OF, keep=["sourc"])


def test_a_long_name_of_a_column_is_shown_in_part() -> None:
    """A message fits on a screen."""
    with pytest.raises(FunnelError, match=r"durations\.x+: is missing") as caught:
        survival(pl.DataFrame({"started_at": [AS_OF], "ended_at": [AS_OF]}), by="x" * 10_000, as_of=AS_OF)
    assert len(str(caught.value)) < 500


# ---- engines -------------------------------------------------------------------------------------------------------


def made_up() -> pl.DataFrame:
    """Three hundred events of eighty people, many at the same instants, some after the evaluation time."""
    chance = Random(5)
    return table_of(
        [
            (
                f"p{chance.randrange(80)}",
                NOON + DAY - chance.randrange(11) * DAY - chance.randrange(4) * TICK,
                chance.choice(["lead", "order"]),
                chance.choice([None, "ad", "web"]),
            )
            for _ in range(300)
        ]
    )


def same(table: Any) -> list[dict[str, Any]]:
    """The rows of a table of waits of any engine."""
    return [{name: as_instant(value) for name, value in row.items()} for row in read(table)]


def answers(events: Any) -> tuple[list[tuple[Any, Survival]], SurvivalGroups]:
    """Waits and curve of each way to wait, and the groups of one."""
    tables = [
        durations(events, "lead", "order", as_of=NOON, keep=["source"]),
        durations(events, "lead", "order", as_of=NOON, earlier="ignored"),
        durations(events, "order", "order", as_of=NOON),
    ]
    return [(same(one), survival(one, as_of=NOON)) for one in tables], survival(tables[0], by="source", as_of=NOON)


@pytest.mark.no_cover
@pytest.mark.parametrize("engine", HERE)
def test_every_engine_gives_the_same_waits(engine: str) -> None:
    """The order of the events changes no wait and no digit of a curve, and no test of groups; lists agree."""
    rows_of = answers(ENGINES[engine]({"events": made_up()})["events"])

    assert rows_of == answers(made_up())
    for rows, curve in rows_of[0]:
        assert curve == survival([(row["started_at"], row["ended_at"]) for row in rows], as_of=NOON)
        assert 10 < curve.converted < curve.people - 10


@pytest.mark.no_cover
@pytest.mark.parametrize("engine", [name for name in HERE if name != "polars"])
def test_every_engine_reads_the_same_logs(engine: str) -> None:
    """The wait from the first purchase to the second is the same wherever the logs lie."""
    table, here = (durations(shop_on(name), "purchases", "purchases", as_of=AS_OF) for name in (engine, "polars"))

    assert same(table) == same(here)
    assert survival(table, as_of=AS_OF) == survival(here, as_of=AS_OF)


def test_pandas_alone_gives_the_same_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """If pandas is the only engine that is installed, nothing changes."""
    here, table = answers(made_up()), made_up().to_pandas()
    monkeypatch.setattr("funnel._dataframes.adapter.installed", lambda _: False)

    assert answers(table) == here


# ---- bad input -----------------------------------------------------------------------------------------------------


def test_a_kind_that_does_not_occur_has_no_event() -> None:
    """Nobody has started, or nobody has got there; a misspelt kind is refused, except if there is no event at all."""
    assert set(durations(table_of([]), "lead", "refund", as_of=NOON + 9 * DAY)["ended_at"]) == {None}
    assert durations(table_of([]), "visit", "order", as_of=NOON).is_empty()
    with pytest.raises(ArgumentError, match=r"no event has the kind 'ordr'; did you mean 'order'\?"):
        durations(table_of([]), "lead", "ordr", as_of=NOON)
    with pytest.raises(ArgumentError, match=r"no event has the kind 'leed'; did you mean 'lead'\?"):
        durations(table_of([]), "leed", "order", as_of=NOON)
    assert durations(table_of([]).head(0), "lead", "ordr", as_of=NOON).is_empty()


@pytest.mark.parametrize("kind", [None, 7, ["lead"], b"lead", ""])
@pytest.mark.parametrize("has_logs", [True, False])
def test_a_kind_is_text_that_is_not_empty(kind: Any, has_logs: bool) -> None:  # noqa: FBT001
    """Anything else is refused with the name of the argument, of a table and of logs."""
    events: Any = Logs(leads=pl.DataFrame({"person_id": ["a"], "arrived_at": [NOON]})) if has_logs else table_of([])
    right = "leads" if has_logs else "lead"

    with pytest.raises(ArgumentError, match="start must be a kind of event"):
        durations(events, kind, right, as_of=NOON)
    with pytest.raises(ArgumentError, match="end must be a kind of event"):
        durations(events, right, kind, as_of=NOON)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"person_id": pl.lit(None, pl.String)}, r"events.person_id: 2 rows \(row 1, 2\): is empty; give the person"),
        ({"kind": pl.lit(None, pl.String)}, r"events.kind: 2 rows \(row 1, 2\): is empty; give what happened"),
        ({"occurred_at": pl.lit(None, TIME)}, r"events.occurred_at: 2 rows \(row 1, 2\): is empty; give an instant"),
        ({"occurred_at": pl.lit(1)}, "events.occurred_at: is Int32; give aware datetimes"),
    ],
)
def test_empty_cells_are_counted_and_refused(change: dict[str, Any], message: str) -> None:
    """An event without a person, a kind or a time is not an event."""
    with pytest.raises(FunnelError, match=message):
        durations(table_of([]).with_columns(**change), "lead", "order", as_of=NOON)


def test_every_fault_is_told_at_once() -> None:
    """All columns that are missing are named in one error."""
    with pytest.raises(FunnelError, match=r"(?s)events.tune: is missing.*events.person_id: is missing"):
        durations(table_of([]).drop("person_id"), "lead", "order", as_of=NOON, keep=["tune"])


def test_what_an_earlier_end_is_must_be_said_rightly() -> None:
    """There are two ways, and no third."""
    wrong: Any = "dropped"
    with pytest.raises(ArgumentError, match="earlier must be 'counts' or 'ignored'"):
        durations(table_of([]), "lead", "order", as_of=NOON, earlier=wrong)
