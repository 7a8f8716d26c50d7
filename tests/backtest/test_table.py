"""One table of rules, windows, a model and the worklist: figures by hand, and nothing of the future in an answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, cast

import attrs
import polars as pl
import pytest
from hypothesis import given, settings

from funnel import Facts, History, Money, Policy, rule
from funnel.backtest import AnswerScale, BacktestDates, BacktestQuestions, BacktestTable, backtest, backtest_table
from funnel.backtest._table_sums import TableSums
from funnel.errors import ArgumentError, MissingExtraError
from funnel.logs import Logs
from funnel.records import Purchase
from funnel.rules import is_lapsed, readiness_points, readiness_rank, until_earliest, until_latest, until_likely
from funnel.worklists import worklist
from tests.backtest.model import buys_within
from tests.engines import DEFAULT_MIN_PEOPLE
from tests.kernels import without_numpy
from tests.metrics.people import crowds, logs_of
from tests.strategies import START

DAY = timedelta(days=1)
END = START + 200 * DAY
FIRST = START + 100 * DAY
DATES = BacktestDates(FIRST, every=40 * DAY, horizon=30 * DAY)
FEWER = settings(max_examples=max((settings.default or settings()).max_examples // 6, DEFAULT_MIN_PEOPLE))


@attrs.frozen
class Flat:
    """A model that says the same of everybody; its windows are 5, 20 and 60 days."""

    name: str = "flat"

    def over(self, summaries: Any, *, within: timedelta) -> Any:
        """Return one chance in four for everybody."""
        assert within == DATES.horizon
        return summaries.lazy().with_columns(chance=0.25, expected=0.5)

    def next_purchases(self, summaries: Any, *, buyers: str) -> Any:
        """Return the same window for everybody."""
        assert buyers == "returning"
        spans = {name: pl.lit(days * DAY) for name, days in (("earliest", 5), ("likely", 20), ("latest", 60))}
        return summaries.lazy().with_columns(**spans)


def flat(summaries: Any, /) -> Flat:
    """Fit nothing."""
    assert "repeat_count" in summaries.lazy().collect_schema()
    return Flat()


def people() -> list[History]:
    """Sixty people who come every 8 to 40 days, until they stop."""
    return [History.of(f"p{number:02}", list(_purchases(number))) for number in range(60)]


def _purchases(number: int) -> Iterator[Purchase]:
    for step in range(2 + number % 7):
        at = START + timedelta(days=number % 30 + step * (8 + 4 * (number % 9)))
        person_id = f"p{number:02}"
        yield Purchase(id=f"{person_id}-{step}", person_id=person_id, purchased_at=at, amount=Money(9, "USD"))


def table_of(logs: Logs[Any], questions: BacktestQuestions, **more: Any) -> BacktestTable:
    """The table of a shop."""
    options: dict[str, Any] = {"as_of": END, "tz": "UTC", "min_people": 1, **more}
    return backtest_table(logs, Policy(), DATES, questions, **options)


def test_every_figure_is_that_of_plain_loops() -> None:
    """Rankings are those of a backtest; windows, chances and the worklist are counted by hand."""
    crowd = people()
    logs, days = logs_of(crowd), [FIRST, FIRST + 40 * DAY]
    table = table_of(logs, BacktestQuestions(rules=[readiness_rank], fit=flat, limit=9))
    ranks = backtest(readiness_rank, logs, Policy(), DATES, as_of=END, min_people=1)
    assert table.figure("ranking", "readiness_rank", "auc") == ranks.rule.auc
    assert table.figure("ranking", "own rhythm", "lift") == ranks.baselines[2].lift
    assert table.figure("ranking", "own rhythm", "precision") is None
    bought = {(one.person_id, day): buys_within(one, day, DATES.horizon, END) for one in crowd for day in days}
    buyers = sum(bought.values())
    listed = [bought[task.person_id, day] for day in days for task in _worklist(crowd, day)]
    assert _parts(table, "worklist", "worklist", "precision") == (sum(listed), len(listed))
    assert _parts(table, "worklist", "worklist", "everyone") == (buyers, 120)
    assert _parts(table, "chance", "flat", "expected_per_buyer") == (30, buyers)
    assert _parts(table, "chance", "flat", "calibration_error") == (abs(30 - buyers), 120)
    error = sum((0.25 - yes) ** 2 for yes in bought.values())
    assert _parts(table, "chance", "flat", "brier") == pytest.approx((error, 120))
    moments = [row.purchased_at for one in crowd for row in one.purchases]
    actual = sum(day < moment <= day + DATES.horizon for moment in moments for day in days)
    assert _parts(table, "chance", "flat", "expected_per_purchase") == (60, actual)
    facts, model = list(_windows(crowd, days)), [(5 * DAY, 20 * DAY, 60 * DAY)]
    for subject, windows in (("facts", [times for times, _ in facts]), ("flat", model * len(facts))):
        cases = [(times, wait) for times, (_, wait) in zip(windows, facts, strict=True)]
        inside = sum(times[0] <= wait <= times[2] for times, wait in cases)
        assert _parts(table, "window", subject, "coverage") == (inside, len(cases))
        assert _parts(table, "window", subject, "before_likely")[0] == sum(wait < times[1] for times, wait in cases)
        for index, (name, share) in enumerate((("earliest", 0.1), ("likely", 0.5), ("latest", 0.9))):
            errors = [(wait - times[index]) / DAY for times, wait in cases]
            loss = sum(max(share * one, (share - 1) * one) for one in errors)
            assert _parts(table, "window", subject, f"{name}_loss") == pytest.approx((loss, len(cases)))


def _parts(table: BacktestTable, question: Any, subject: str, name: str) -> tuple[float, float]:
    figure = table.figure(question, subject, name)
    assert figure is not None
    return figure.numerator, figure.denominator


def _worklist(crowd: list[History], day: datetime) -> Any:
    past = [History.of(one.person_id, [row for row in one.purchases if row.purchased_at <= day]) for one in crowd]
    return worklist(past, Policy(), as_of=day, tz="UTC", limit=9)


def _windows(crowd: list[History], days: list[datetime]) -> Iterator[tuple[tuple[timedelta, ...], timedelta]]:
    """Yield each window with the time until the next occasion."""
    for day in days:
        for one in crowd:
            nexts = [row.purchased_at - day for row in one.purchases if row.purchased_at > day]
            times = [each.of(one, Policy(), as_of=day) for each in (until_earliest, until_likely, until_latest)]
            if nexts and None not in times:
                yield cast("tuple[timedelta, ...]", tuple(times)), min(nexts)


@given(crowds())
@FEWER
def test_the_future_changes_no_answer(crowd: tuple[History, ...]) -> None:
    """Without the records that came after a day, the shop would have had the same chances and the same list."""
    logs = logs_of(crowd)
    dates, tables_of_fit = BacktestDates(FIRST, every=900 * DAY, horizon=30 * DAY), list[Any]()

    def fit(summaries: Any, /) -> Flat:
        tables_of_fit.append(summaries.lazy().collect().sort("person_id").rows())
        return flat(summaries)

    questions = BacktestQuestions(rules=(), fit=fit, limit=5)
    tables = [
        backtest_table(one, Policy(), dates, questions, as_of=END, tz="UTC", min_people=1)
        for one in (logs, logs.as_known(FIRST))
    ]
    if tables_of_fit:
        assert tables_of_fit[0] == tables_of_fit[1]
    for question, subject, name in (("chance", "flat", "brier"), ("worklist", "worklist", "precision")):
        first, second = (one.figure(cast("Any", question), subject, name) for one in tables)
        assert (first is None) == (second is None)
        assert first is None or second is None or first.denominator == second.denominator


def test_chances_of_a_rule_come_from_earlier_days() -> None:
    """A rule with few answers has chances; too few buyers, many answers or spans have none."""
    logs, early = logs_of(people()), BacktestDates(START + 30 * DAY, every=30 * DAY, horizon=30 * DAY)
    rules = {readiness_points: AnswerScale(), is_lapsed: AnswerScale(order=(True, False)), until_likely: AnswerScale()}
    table = table_of(logs, BacktestQuestions(rules=rules, calibrate_on=early))
    subjects = {one.subject for one in table if one.question == "chance"}
    assert subjects == {"readiness_points", "is_lapsed"}
    error = table.figure("chance", "readiness_points", "calibration_error")
    assert error is not None
    assert error.value is not None
    assert 0 < error.value < 0.5
    few = table_of(logs, BacktestQuestions(rules=[is_lapsed], calibrate_on=early), min_people=61)
    assert not [one for one in few if one.question == "chance"]


def test_a_table_as_text_and_rows() -> None:
    """The sentence above counts the people and days; a row is a line."""
    table = table_of(logs_of(people()), BacktestQuestions(rules=()), as_of=START + 145 * DAY)
    lines = str(table).splitlines()
    assert lines[0] == "60 people on 1 days, purchases within 30 d; 1 more excluded, their horizon is not over"
    assert lines[1].split() == ["question", "subject", "figure"]
    assert str(table.rows[0]).startswith("window, facts: coverage ")
    assert table.to_dicts()[0].keys() >= {"question", "subject", "name", "value", "ci_lower", "numerator"}
    assert len(table) == 7
    assert table.figure("ranking", "nobody", "auc") is None
    with pytest.raises(ArgumentError, match="subject must be text"):
        table.figure("ranking", cast("Any", 3), "auc")


def test_nothing_is_measured_without_days() -> None:
    """A shop whose first horizon is not over has no rows beside the rankings, and these say that it is not enough."""
    table = table_of(logs_of(people()), BacktestQuestions(), as_of=FIRST)
    assert {one.question for one in table} == {"ranking"}
    assert all(one.figure.value is None for one in table)


@rule
def other_points(f: Facts, policy: Policy) -> int:
    """Return another number."""
    return f.purchase_count


def test_wrong_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each error names the argument."""
    namesake = rule(other_points._function)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"rules": "readiness"}, "rules must be a list of rules"),
        ({"rules": ["readiness"]}, "each of rules must be a rule"),
        ({"rules": {other_points: 3}}, "the scale of other_points must be an AnswerScale"),
        ({"calibrate_on": 3}, "calibrate_on must be a BacktestDates"),
        ({"rules": [other_points, namesake]}, "rules must have different names .got other_points, other_points"),
        ({"limit": 0}, "limit must be a whole number from 1 up"),
        ({"fit": "mbg_nbd"}, "fit must be a function of summaries"),
    ]
    for options, message in wrong:
        with pytest.raises(ArgumentError, match=message):
            BacktestQuestions(**options)
    with pytest.raises(ArgumentError, match="questions must be a BacktestQuestions"):
        table_of(logs_of(people()), cast("Any", 3))
    without_numpy(monkeypatch)
    with pytest.raises(MissingExtraError, match="numpy"):
        table_of(logs_of(people()), BacktestQuestions())


def test_sums_start_at_nothing() -> None:
    """A table without days has no quotient."""
    from funnel.backtest._figures import Draws
    from funnel.backtest._scores import FigureSettings

    assert list(TableSums(0, Draws.of(0, 0)).rows(FigureSettings(0.95, 1))) == []
