"""On each day a replay answers as the rule does from the logs known by then; nothing later matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funnel.backtest import AnswerScale
from funnel.backtest._backtest import backtest
from funnel.backtest._dates import BacktestDates, ReplayDates
from funnel.backtest._questions import backtest_query
from funnel.backtest._replay import replay
from funnel.facts import Facts
from funnel.history import History
from funnel.logs import Logs
from funnel.logs.schema import TIMES
from funnel.policy import Policy
from funnel.rules._activity import has_bought, is_lapsed, is_won_back
from funnel.rules._rule import Rule, rule
from tests.backtest.model import buys_within
from tests.engines import DEFAULT_MIN_PEOPLE, ENGINES, HERE
from tests.frames import TIME, read, tables
from tests.metrics.people import FEW, crowds, logs_of, shop_tables
from tests.strategies import START

FEWER = settings(max_examples=max((settings.default or settings()).max_examples // 6, DEFAULT_MIN_PEOPLE))
"""For a law whose every example lays many plans."""
DAY = timedelta(days=1)
FIRST = START + 20 * DAY
END = START + 400 * DAY
POLICY = Policy(lapse_after=30 * DAY, phase_lasts=20 * DAY, rhythm_purchases=2, disappointed_for=20 * DAY)


@rule
def all_that_is_known(f: Facts, policy: Policy) -> int:
    """A number that mixes sums, ends, texts and what may cease to count."""
    points = f.purchase_count + 10 * f.open_question_count + 100 * f.unanswered_follow_up_count + f.net_spent * 1000
    words = (f.last_interaction_kind == "question") + 2 * (f.lead_source == "a") + 4 * (f.decline_reason == "price")
    edges = (f.last_purchase_amount % 3) + (f.since_last_purchase < 30 * DAY) + (f.since_first_purchase < 60 * DAY)
    return points + 100_000 * words + 1_000_000 * edges + 7 * f.referral_count + 3 * f.lead_count + f.refunded


@rule
def by_gaps(f: Facts, policy: Policy) -> int | None:
    """A number that mixes gaps between rows; none for who has not bought."""
    if f.purchase_count == 0:
        return None
    return 1 + is_won_back(f, policy) + 2 * (f.purchase_interval < 20 * DAY) + 4 * (f.average_purchase > 3)


RULES: Sequence[Rule[Any, Any, Any]] = (all_that_is_known, by_gaps, is_lapsed)


def answers(
    one: Rule[Any, Any, Any], logs: Logs, dates: ReplayDates, eligible: Rule[Any, Any, Any] | None = None
) -> list[Any]:
    """Return the answers of a replay: for each day, the answers of its people in the order of their names."""
    query = backtest_query(one, POLICY, AnswerScale(), eligible)
    subject = query.rule_queries[one.name]
    answers_of_days = []
    for day in replay(query, logs, dates).days:
        by_person = {
            int(number): subject.answer(int(score))
            for number, score in zip(day.persons, day.answers[one.name], strict=True)
        }
        answers_of_days.append([by_person[number] for number in sorted(by_person)])
    return answers_of_days


def answers_day_by_day(one: Rule[Any, Any, Any], logs: Logs, dates: ReplayDates) -> list[Any]:
    """The same, day by day from the logs as they were known then."""
    days = [datetime.fromtimestamp(0, UTC) + timedelta(microseconds=day) for day in dates.closed]
    each = [read(one.over(logs.as_known(day), POLICY, as_of=day)) for day in days]
    return [[row[one.name] for row in rows] for rows in each]


def dated(frames: Mapping[str, pl.DataFrame], late: Sequence[int]) -> dict[str, pl.DataFrame]:
    """The tables, with a number of days after each row happened as the time it was recorded; 0 if the list is empty."""
    dated_frames = {}
    for log, frame in frames.items():
        days = [late[index % len(late)] for index in range(frame.height)] if late else [0] * frame.height
        recorded = [moment + days[index] * DAY for index, moment in enumerate(frame[TIMES[log]].to_list())]
        dated_frames[log] = frame.with_columns(pl.Series("recorded_at", recorded, TIME))
    return dated_frames


@pytest.mark.no_cover
@FEWER
@given(crowds(), st.lists(st.sampled_from([0, 0, 1, 40, 400]), max_size=5), st.sampled_from(RULES))
def test_a_replay_is_the_rule_asked_on_each_day(
    people: list[History], late: list[int], one: Rule[Any, Any, Any]
) -> None:
    """One walk through the rows, or each day from the logs as they were known: everyone has the same answers."""
    dates = ReplayDates.of(BacktestDates(FIRST, every=93 * DAY, horizon=31 * DAY), END)
    logs = Logs(**dated(_with_distinct_ids(people), late))

    assert answers(one, logs, dates) == answers_day_by_day(one, logs, dates)


@pytest.mark.no_cover
@FEWER
@given(crowds(), st.lists(st.sampled_from([0, 0, 1, 40, 400]), max_size=5), st.sampled_from(RULES))
def test_what_comes_later_changes_no_answer(people: list[History], late: list[int], one: Rule[Any, Any, Any]) -> None:
    """Records that happen, or come to be known, after the last day may be there or not: only who bought changes."""
    frames = dated(_with_distinct_ids(people), late)
    dates = ReplayDates.of(BacktestDates(FIRST, every=62 * DAY, horizon=31 * DAY), FIRST + 100 * DAY)
    last = FIRST + 62 * DAY
    columns = [frame[column] for frame in frames.values() for column in ("person_id", "referred_by") if column in frame]
    names = sorted({name for column in columns for name in column.drop_nulls()})
    later = [("late news", FIRST, last + DAY), ("next", last + DAY, last + DAY)]
    rows = [(f"{kind}-{name}", name, moment, 5, recorded) for name in names for kind, moment, recorded in later]
    schema = {"id": pl.String, "person_id": pl.String, "purchased_at": TIME, "amount": pl.Int64, "recorded_at": TIME}
    more = pl.DataFrame(rows, schema, orient="row")
    logs = Logs(**frames)
    longer = Logs(**{**frames, "purchases": pl.concat([frames["purchases"], more], how="diagonal")})
    expected = answers(one, logs, dates)

    assert answers(one, logs.as_known(last), dates) == expected
    assert answers(one, longer, dates) == expected
    assert bought(longer, dates)[-1] == [True] * len(expected[-1])


def bought(logs: Logs, dates: ReplayDates) -> list[list[bool]]:
    """Return the buyers in the time after each day, in the order of their names."""
    days = replay(backtest_query(has_bought, POLICY, AnswerScale(), None), logs, dates).days
    return [[flag for _, flag in sorted(zip(day.persons.tolist(), day.bought.tolist(), strict=True))] for day in days]


@FEW
@given(crowds())
def test_who_bought_is_whose_purchase_counts_at_the_end(people: list[History]) -> None:
    """After the day, within the horizon and with its end; a purchase that is taken back before the end is none."""
    dates = ReplayDates.of(BacktestDates(FIRST, every=31 * DAY, horizon=40 * DAY), END)
    days = [FIRST + 31 * DAY * index for index in range(len(dates.closed))]
    logs = logs_of(people)
    names = sorted(people, key=lambda person: person.person_id)
    expected = [[buys_within(person, day, 40 * DAY, END) for person in names if _is_known(person, day)] for day in days]

    assert bought(logs, dates) == expected


def _is_known(person: History, day: datetime) -> bool:
    return any(one.purchased_at <= day for one in person.purchases)


@pytest.mark.parametrize("engine", HERE)
def test_every_engine_replays_the_same(engine: str) -> None:
    """Wherever the logs are, the backtest is one and the same, to the last digit of its intervals."""
    result, expected = (
        backtest(
            by_gaps,
            Logs(**ENGINES[name](shop_tables())),
            POLICY,
            BacktestDates(datetime(2025, 6, 1, tzinfo=UTC), every=60 * DAY, horizon=60 * DAY),
            as_of=datetime(2026, 12, 5, tzinfo=UTC),
            eligible=has_bought,
            min_people=1,
        )
        for name in (engine, "polars")
    )

    assert result == expected
    assert result.rule.lift.ci_lower is not None
    assert len(result.by_date) == 9


def test_news_that_comes_late_is_not_known_before() -> None:
    """A purchase that was recorded after a day has no part in the answer of that day, and has in the next."""
    table = {"id": [1], "person_id": ["p"], "purchased_at": [FIRST], "amount": [9], "recorded_at": [FIRST + 40 * DAY]}
    lead = {"person_id": ["p"], "arrived_at": [FIRST]}
    logs = Logs(purchases=pl.DataFrame(table), leads=pl.DataFrame(lead))
    dates = ReplayDates.of(BacktestDates(FIRST + DAY, every=31 * DAY, horizon=DAY), FIRST + 70 * DAY)

    assert answers(has_bought, logs, dates) == [[False], [False], [True]]
    assert answers(has_bought, Logs(purchases=pl.DataFrame(table)), dates) == [[], [], [True]]


def test_a_friend_who_is_told_of_late_is_not_sent_before() -> None:
    """A referrer counts from the recording of that arrival; a refund from its own."""
    logs_of_day = {"arrived_at": [FIRST] * 3, "recorded_at": [None, FIRST + 40 * DAY, None]}
    leads = pl.DataFrame({"person_id": ["p", "q", "r"], "referred_by": [None, "p", None], **logs_of_day}, strict=False)
    bought_ = {"id": ["1"], "person_id": ["r"], "purchased_at": [FIRST], "amount": [9]}
    back = {"id": ["1"], "purchase_id": ["1"], "refunded_at": [FIRST], "amount": [9], "recorded_at": [FIRST + 40 * DAY]}
    logs = Logs(leads=leads, purchases=pl.DataFrame(bought_), refunds=pl.DataFrame(back))
    dates = ReplayDates.of(BacktestDates(FIRST + DAY, every=31 * DAY, horizon=DAY), FIRST + 70 * DAY)

    @rule
    def sent_or_bought(f: Facts, policy: Policy) -> int:
        return f.referral_count + 2 * (f.purchase_count > 0)

    assert answers(sent_or_bought, logs, dates) == [[0, 2], [0, 2], [1, 0, 0]]
    assert answers(sent_or_bought, logs, dates) == answers_day_by_day(sent_or_bought, logs, dates)


def test_recorded_in_time_is_nothing_special() -> None:
    """If every row was recorded before the next day came, the answers are those of logs without recording times."""
    frames = shop_tables()
    dates = ReplayDates.of(
        BacktestDates(datetime(2025, 6, 1, tzinfo=UTC), every=60 * DAY, horizon=DAY), datetime(2026, 12, 5, tzinfo=UTC)
    )
    at_once = frames["purchases"].with_columns(recorded_at=pl.col("purchased_at"))
    recorded = Logs(**{**frames, "purchases": at_once})

    assert answers(all_that_is_known, recorded, dates) == answers(all_that_is_known, Logs(**frames), dates)


def test_shops_without_purchases_or_without_days_have_nobody_who_bought() -> None:
    """Leads alone can be asked; without a day there is nobody."""
    logs = Logs(leads=pl.DataFrame({"person_id": ["p"], "arrived_at": [FIRST]}))

    assert bought(logs, ReplayDates.of(BacktestDates(FIRST, every=DAY, horizon=DAY), FIRST + DAY)) == [[False]]
    assert bought(logs, ReplayDates.of(BacktestDates(FIRST, every=DAY, horizon=DAY), FIRST)) == []


def test_logs_of_nobody_have_nobody() -> None:
    """Tables without a row have people on no day."""
    empty = {log: frame.clear() for log, frame in shop_tables().items()}

    assert bought(Logs(**empty), ReplayDates.of(BacktestDates(FIRST, every=DAY, horizon=DAY), END))[0] == []


def _with_distinct_ids(people: Sequence[History]) -> dict[str, pl.DataFrame]:
    """The tables of people whose records have numbers of their own."""
    each = [tables([person]) for person in people]
    return {log: pl.concat(_numbered(one[log], index) for index, one in enumerate(each)) for log in each[0]}


def _numbered(table: pl.DataFrame, index: int) -> pl.DataFrame:
    ids = [name for name in ("id", "purchase_id", "regarding") if name in table.columns]
    return table.with_columns(pl.col(name) + f"-{index}" for name in ids)
