"""Worklists: histories and tables give the same list in the same order, on every engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from funnel import Facts, History, Logs, Money, Policy, Purchase, next_action, worklist
from funnel._time import EARLIEST, LATEST, instant, micros
from funnel.errors import ArgumentError, InstantError
from funnel.interactions import Question, Quote, Visit
from funnel.postponement import AfterPayday, postpone
from funnel.rules import NextAction
from funnel.rules._next_action import IDLE
from funnel.worklists import Task, Worklist, next_review_at
from funnel.worklists._opening_hours import hours_of
from tests.engines import FULL, HERE, OF_POLARS, asked_of, on
from tests.frames import as_instant, in_order, read, tables
from tests.shop import DAY, NOW, PEOPLE, TICK, bought, did, people, usd
from tests.strategies import instants

JAKARTA, BERLIN, NEW_YORK = map(ZoneInfo, ("Asia/Jakarta", "Europe/Berlin", "America/New_York"))
POLICY = Policy(meeting_amount=5, lapse_after=60 * DAY, after_sale_for=10 * DAY, follow_up_after=DAY)


def logs_on(engine: str, everyone: Sequence[History]) -> Logs:
    """Everyone's records as tables of an engine."""
    return Logs(**on(engine, tables(everyone)))


def _of(person: str, record: Any) -> Any:
    return record.model_copy(update={"person_id": person})


def rows(native: Any) -> list[dict[str, Any]]:
    """The rows of a list in its order, of the people who are not only sent by others."""
    actual = [{**row, "due_at": as_instant(row["due_at"])} for row in in_order(native)]
    return [row for row in actual if row["person_id"] in PEOPLE]


CHOICES = st.fixed_dictionaries(
    {},
    optional={
        "limit": st.integers(0, 3),
        "limits": st.dictionaries(st.sampled_from(["answer", "win_back", NextAction.THANK]), st.integers(0, 2)),
        "order": st.sampled_from(["urgency", "value"]),
        "reasons": st.sampled_from(["en", "id"]),
    },
)
"""Options of a worklist."""


# ---- one and all ---------------------------------------------------------------------------------------------------


@pytest.mark.no_cover
def test_the_list_of_all_is_the_lists_of_each(engine: str) -> None:
    """The same people, steps, instants and values, in the same order, whatever the zone."""
    if engine in OF_POLARS and not FULL:
        pytest.skip("asked in make test-full; Polars computes it, and is asked here")

    @asked_of(engine, 1)
    @given(people(most=8), instants(), st.sampled_from([JAKARTA, BERLIN]), CHOICES)
    def holds(everyone: tuple[History, ...], on: datetime, tz: ZoneInfo, choice: dict[str, Any]) -> None:
        actual = rows(worklist(logs_on(engine, everyone), POLICY, as_of=on, tz=tz, **choice))

        assert actual == worklist(everyone, POLICY, as_of=on, tz=tz, **choice).to_dicts()

    holds()


def test_everybody_is_on_the_list_or_has_nothing_to_be_done() -> None:
    """A list by hand: each step, in the order of the shop's duties."""
    on = NOW.replace(hour=9)
    everyone = [
        History.of("asks", [_of("asks", did(Question, "q", on - DAY))]),
        History.of("weighs", [_of("weighs", did(Quote, "p", on - DAY, amount=usd(4)))]),
        History.of("also weighs", [_of("also weighs", did(Quote, "p", on - DAY, amount=usd(5)))]),
        History.of("a third", [_of("a third", did(Quote, "p", on - DAY, amount=usd(5)))]),
        History.of("long ago", [_of("long ago", did(Quote, "p", on - 2 * DAY, amount=usd(1)))]),
        History.of("unknown sum", [_of("unknown sum", did(Question, "q", on - DAY))]),
        History.of("lapsed", [_of("lapsed", bought("1", on - 90 * DAY, 700))]),
        History.of("came", [_of("came", did(Visit, "v", on - DAY))]),
    ]
    today = worklist(everyone, POLICY, as_of=on, tz="UTC")

    assert [(task.person_id, task.action, task.value) for task in today] == [
        ("asks", NextAction.ANSWER, None),
        ("unknown sum", NextAction.ANSWER, None),
        ("long ago", NextAction.FOLLOW_UP, usd(1)),
        ("a third", NextAction.FOLLOW_UP, usd(5)),
        ("also weighs", NextAction.FOLLOW_UP, usd(5)),
        ("weighs", NextAction.FOLLOW_UP, usd(4)),
        ("lapsed", NextAction.WIN_BACK, usd(700)),
    ]
    assert len(today) == 7


# ---- the day's list -------------------------------------------------------------------------------------------------

MORNING = NOW.replace(hour=9)
THE_DAY = [
    History.of("asks", [_of("asks", did(Question, "q1", MORNING - DAY))]),
    History.of("weighs", [_of("weighs", did(Quote, "q2", MORNING - DAY, amount=usd(4)))]),
    History.of("long ago", [_of("long ago", did(Quote, "q3", MORNING - 2 * DAY, amount=usd(1)))]),
    *(History.of(name, [_of(name, bought(name, MORNING - 90 * DAY, 700))]) for name in ("z", "lapsed", "a")),
]


@pytest.mark.parametrize(
    ("choice", "listed"),
    [
        ({}, ["asks", "long ago", "weighs", "a", "lapsed", "z"]),
        ({"limit": 2}, ["asks", "long ago"]),
        ({"limit": 0}, []),
        ({"limits": {"win_back": 1}}, ["asks", "long ago", "weighs", "a"]),
        ({"limits": {NextAction.WIN_BACK: 0, "follow_up": 1}}, ["asks", "long ago"]),
        ({"limits": {"win_back": 2}, "limit": 4, "order": "value"}, ["a", "lapsed", "weighs", "long ago"]),
        ({"order": "value"}, ["a", "lapsed", "z", "weighs", "long ago", "asks"]),
    ],
)
def test_the_list_of_a_day_has_limits_and_an_order(choice: dict[str, Any], listed: list[str]) -> None:
    """Limits take the first of the order; equal tasks are sorted by person, so that the list is stable."""
    logs = logs_on("polars", THE_DAY)
    arguments: Any = {"as_of": MORNING, "tz": "UTC", **choice}

    assert [task.person_id for task in worklist(THE_DAY, POLICY, **arguments)] == listed
    assert [row["person_id"] for row in in_order(worklist(logs, POLICY, **arguments))] == listed


@pytest.mark.parametrize("engine", HERE)
def test_each_task_of_a_table_has_its_reason(engine: str) -> None:
    """The sentence of the table is the sentence of the task, in both languages; ids are shown as they are."""
    quoted = 'o\'hara "<b>"'
    everyone = [*THE_DAY, History.of(quoted, [_of(quoted, did(Question, "q9", MORNING - 3 * DAY))])]
    logs = logs_on(engine, everyone)
    choices: tuple[Any, ...] = ({"reasons": "en"}, {"reasons": "id", "order": "value", "limits": {"win_back": 2}})
    for choice in choices:
        today = worklist(everyone, POLICY, as_of=MORNING, tz="UTC", **choice)
        table = in_order(worklist(logs, POLICY, as_of=MORNING, tz="UTC", **choice))

        assert [row["reason"] for row in table] == [task.reason(language=choice["reasons"]) for task in today]
        assert [row["reason"] for row in today.to_dicts()] == [row["reason"] for row in table]
        assert [row["person_id"] for row in table] == [task.person_id for task in today]
    assert quoted in [task.person_id for task in today]


@pytest.mark.parametrize("engine", HERE)
def test_a_list_without_tasks_has_the_columns_of_one(engine: str) -> None:
    """Nothing to do: no rows, also with reasons."""
    logs = logs_on(engine, [History.of("came", [_of("came", did(Visit, "v", MORNING - DAY))])])

    assert in_order(worklist(logs, POLICY, as_of=MORNING, tz="UTC", reasons="en")) == []


def test_a_task_has_its_conditions() -> None:
    """`why` lists the conditions with the person's values."""
    (task, *_) = worklist(THE_DAY, POLICY, as_of=MORNING, tz="UTC")

    assert task.why.answer == NextAction.ANSWER
    assert "oldest_open_question" in str(task.why)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"limit": -1}, "limit must be a whole number from 0 up"),
        ({"limits": {"nothing": 1}}, "an action of limits must be 'repair' or 'answer'"),
        ({"limits": {"answer": "2"}}, "a limit of limits must be a whole number from 0 up"),
        ({"limits": [1]}, "limits must be a mapping such as"),
        ({"order": "worth"}, "order must be 'urgency' or 'value'"),
        ({"reasons": "fr"}, "language must be 'en' or 'id'"),
    ],
)
def test_a_wrong_choice_is_an_error(choice: dict[str, Any], message: str) -> None:
    """The same error for histories and for logs."""
    for people_of in (THE_DAY, logs_on("polars", THE_DAY)):
        with pytest.raises(ArgumentError, match=message):
            worklist(people_of, POLICY, as_of=MORNING, tz="UTC", **choice)


@given(people(most=8), instants())
@settings(max_examples=10, deadline=None)
def test_who_is_not_listed_has_nothing_to_be_done(everyone: tuple[History, ...], on: datetime) -> None:
    """People without a due action are not listed; all others are."""
    listed = {task.person_id: task.action for task in worklist(everyone, POLICY, as_of=on, tz="UTC")}
    steps = {one.person_id: next_action.of(one, POLICY, as_of=on) for one in everyone}

    assert listed == {name: step for name, step in steps.items() if step not in IDLE}


# ---- not yet -------------------------------------------------------------------------------------------------------


def test_who_waits_is_listed_from_the_first_microsecond() -> None:
    """Payday begins at midnight in Jakarta: a microsecond before they are on no list, then they are, to be asked."""
    moment = datetime(2026, 8, 1, 2, tzinfo=UTC)
    waits = History.of("p1", [postpone(AfterPayday(), id="n", person_id="p1", occurred_at=moment, tz=JAKARTA)])
    payday, opening = datetime(2026, 8, 24, 17, tzinfo=UTC), datetime(2026, 8, 25, 1, tzinfo=UTC)
    logs = logs_on("polars", [waits])
    due = {"person_id": "p1", "next_action": "ask_as_promised", "due_at": opening, "value": None}

    assert next_review_at(waits, POLICY, as_of=moment) == {"p1": payday}
    assert rows(worklist(logs, POLICY, as_of=payday - TICK, tz=JAKARTA)) == []
    assert rows(worklist(logs, POLICY, as_of=payday, tz=JAKARTA)) == [due]
    assert worklist(waits, POLICY, as_of=payday - TICK, tz=JAKARTA).to_dicts() == []
    assert worklist(waits, POLICY, as_of=payday, tz=JAKARTA).to_dicts() == [due]
    assert worklist(waits, POLICY, as_of=payday + 300 * DAY, tz=JAKARTA).to_dicts() == [due]


def test_when_to_look_again_is_told_of_everyone() -> None:
    """Also of those who wait; the same for one, for many and for the logs."""
    moment = datetime(2026, 8, 1, 2, tzinfo=UTC)
    waits = History.of("p1", [postpone(AfterPayday(), id="n", person_id="p1", occurred_at=moment, tz=JAKARTA)])
    visited = History.of("p2", [_of("p2", did(Visit, "v", moment))])
    changes = read(next_review_at(logs_on("polars", [waits, visited]), POLICY, as_of=moment))

    assert next_review_at([waits, visited], POLICY, as_of=moment) == {
        row["person_id"]: row["next_change"] for row in changes
    }
    assert next_review_at(visited, POLICY, as_of=moment) == {"p2": None}


# ---- quiet hours ---------------------------------------------------------------------------------------------------


def by_hand(t: datetime, tz: ZoneInfo, opens: time, closes: time) -> datetime:
    """The first open instant from `t` on, by asking the clock of each day."""
    local = t.astimezone(tz)
    if opens == closes or opens <= local.time() < closes:
        return t
    days = [local.date() + timedelta(days=days) for days in (-1, 0, 1, 2)]
    return min(start for day in days if (start := datetime.combine(day, opens, tz).astimezone(UTC)) >= t)


OPENS = st.integers(4, 12).map(time)
CLOSES = st.integers(13, 23).map(time)
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(st.lists(MOMENTS, min_size=1), st.sampled_from([JAKARTA, BERLIN, NEW_YORK]), OPENS, CLOSES)
@example([datetime(2026, 3, 28, 22, tzinfo=UTC)], BERLIN, time(8), time(20))
@example([datetime(2026, 10, 24, 22, tzinfo=UTC)], BERLIN, time(8), time(20))
@example([datetime(2026, 3, 1, 2, tzinfo=UTC)], JAKARTA, time(8), time(20))
@settings(deadline=None)
def test_what_falls_due_in_quiet_hours_is_due_when_the_shop_opens(
    moments: list[datetime], tz: ZoneInfo, opens: time, closes: time
) -> None:
    """By the clock of the wall, also in the nights in which it is changed; for one instant and for a column alike."""
    hours = hours_of(Policy(opens_at=opens, closes_at=closes), tz, NOW)
    expected = [by_hand(one, tz, opens, closes) for one in moments]
    frame: Any = __import__("narwhals").from_native(pl.LazyFrame({"at": [micros(one) for one in moments]}))

    assert [instant(hours.moved(micros(one))) for one in moments] == expected
    assert [instant(one) for one in hours.columns(frame, "at").collect()["at"].to_list()] == expected


@pytest.mark.parametrize("at", [EARLIEST, 0, LATEST - 10**15])
def test_a_shop_that_never_closes_is_never_quiet(at: int) -> None:
    """Equal opening and closing times mean always open; no due time moves."""
    hours = hours_of(Policy(opens_at=time(0), closes_at=time(0)), BERLIN, NOW)
    frame: Any = __import__("narwhals").from_native(pl.LazyFrame({"at": [at]}))

    assert hours.moved(at) == at
    assert hours.columns(frame, "at").collect()["at"].to_list() == [at]


def test_the_edges_of_the_day_are_the_shops() -> None:
    """The instant of opening is open, that of closing is not; the last year there is has an end."""
    hours = hours_of(Policy(), JAKARTA, datetime(2199, 12, 31, tzinfo=UTC))
    opens, closes = datetime(2026, 3, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, 13, tzinfo=UTC)

    assert [instant(hours.moved(micros(at))) for at in (opens - TICK, opens, closes - TICK, closes)] == [
        opens,
        opens,
        closes - TICK,
        opens + DAY,
    ]


# ---- the list as a value -------------------------------------------------------------------------------------------


ASKING = History.of(
    "sari",
    [
        Question(id="q", person_id="sari", occurred_at="2026-08-30T10:00+07:00"),
        _of("sari", bought("1", NOW - 40 * DAY, 250_000)),
    ],
)


def test_a_list_shows_itself() -> None:
    """A worklist has a text, an HTML table, dicts, and reasons in both languages."""
    today = worklist(ASKING, Policy(), as_of=NOW, tz="Asia/Jakarta")
    (task,) = today

    assert isinstance(today, Worklist)
    assert isinstance(task, Task)
    assert str(today).splitlines() == [
        "person  next action               due      at stake",
        "sari         answer  2026-08-30 10:00  USD 2,500.00",
    ]
    assert "<td>answer</td><td>2026-08-30 10:00</td>" in today._repr_html_()
    assert today.reasons() == "sari: Answer the question: the oldest open question has waited for 45 hours."
    assert today.reasons(language="id") == "sari: Jawab pertanyaannya: pertanyaan paling lama sudah menunggu 45 jam."
    assert today.to_dicts()[0]["value"] == 250_000
    assert task.next_review_at == next_action.next_change.of(Facts.of(ASKING, as_of=NOW), Policy())
    assert "Facts" not in repr(task)
    assert str(worklist([], Policy(), as_of=NOW, tz="Asia/Jakarta")).startswith("No action is due.\n")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"as_of": datetime(2026, 3, 1), "tz": "UTC"}, "as_of is a naive datetime"),  # noqa: DTZ001 - it must be refused
        ({"as_of": NOW, "tz": "Asia/Jakata"}, "did you mean 'Asia/Jakarta'"),
    ],
)
def test_what_is_no_instant_and_no_zone_is_refused(fields: dict[str, Any], message: str) -> None:
    """By name, with what is allowed."""
    with pytest.raises((InstantError, ArgumentError), match=message):
        worklist(ASKING, POLICY, **fields)


# ---- questions without a recorded answer ---------------------------------------------------------------------------


def test_a_question_nobody_recorded_an_answer_to_is_not_due_for_ever() -> None:
    """It lapses after `question_lapses_after`, to the microsecond, and with a purchase after it; in logs too."""
    policy, asked_at = Policy(opens_at=time(0), closes_at=time(0)), datetime(2026, 3, 1, tzinfo=UTC)
    question = Question(id="q", person_id="sari", occurred_at=asked_at)
    bought = Purchase(id="1", person_id="sari", purchased_at=asked_at + 5 * DAY, amount=Money(1, "USD"))
    asking, buys = History.of("sari", [question]), History.of("sari", [question, bought])

    def steps(history: History, at: datetime) -> list[str]:
        actual = worklist(history, policy, as_of=at, tz="UTC").to_dicts()
        frames = worklist(Logs(**tables([history])), policy, as_of=at, tz="UTC").to_dicts()
        assert [one["next_action"] for one in frames] == [one["next_action"] for one in actual]
        return [str(one["next_action"]) for one in actual]

    ends = asked_at + policy.question_lapses_after
    assert next_review_at(asking, policy, as_of=asked_at) == {"sari": ends + TICK}
    assert steps(asking, ends) == ["answer"]
    assert "answer" not in steps(asking, ends + TICK)
    assert steps(buys, bought.purchased_at - TICK) == ["answer"]
    assert "answer" not in steps(buys, bought.purchased_at)
    assert "answer" not in steps(buys, datetime(2034, 3, 1, tzinfo=UTC))


def test_the_newest_question_is_due_when_the_oldest_has_lapsed() -> None:
    """Since when it is due, and the sentence, are of the question that still waits."""
    first, second = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 10, tzinfo=UTC)
    questions = [Question(id=str(at), person_id="sari", occurred_at=at) for at in (first, second)]
    (task,) = worklist(History.of("sari", questions), Policy(), as_of=second + 3 * DAY, tz="UTC")

    assert task.due_at == second + timedelta(hours=8)
    assert task.reason() == "Answer the question: the newest open question has waited for 3 days."


def test_values_of_a_pandas_list_are_integers() -> None:
    """A person without a value does not make the column one of floats."""
    purchases = pd.DataFrame(
        {"id": ["1"], "person_id": ["a"], "purchased_at": [datetime(2026, 1, 1, tzinfo=UTC)], "amount": [900]}
    )
    listed = worklist(Logs(purchases=purchases), Policy(), as_of=datetime(2026, 3, 1, tzinfo=UTC), tz="UTC")

    assert str(listed["value"].dtype) == "Int64"
