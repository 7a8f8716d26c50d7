"""`backtest_table`: rules, windows, a fitted model and the worklist, backtested in one call.

Invariant: an answer of a day comes from the records known on that day; later records change only the outcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import narwhals as nw
import numpy as np

from funnel._aggregate.group_by import PERSON
from funnel._arguments import count_of, instance, parse_zone
from funnel._dataframes.adapter import from_native, installed, to_local
from funnel._dataframes.compute import collected
from funnel._time import MICROSECOND, instant, micros
from funnel.backtest._backtest import backtest
from funnel.backtest._calibration import Calibration, calibrate
from funnel.backtest._dates import BacktestDates, ReplayDates
from funnel.backtest._day_scan import PERSON_NUMBER
from funnel.backtest._figures import Flags, Floats, Indices, tiers
from funnel.backtest._questions import DEFAULT_SCALE, AnswerScale, AnyRule, BacktestQuery, compiled_query
from funnel.backtest._replay import Day, Replay
from funnel.backtest._result import Backtest
from funnel.backtest._scores import chances_of
from funnel.backtest._table_questions import BacktestQuestions
from funnel.backtest._table_result import BacktestRow, BacktestTable
from funnel.backtest._table_sums import QUANTILES, TableSums
from funnel.errors import MissingExtraError
from funnel.logs import Logs
from funnel.metrics._purchase_summary import PurchaseSummary
from funnel.metrics._rate import DEFAULT_CONFIDENCE, DEFAULT_MIN_PEOPLE
from funnel.policy import Policy
from funnel.rules._window import WindowBasis, until_earliest, until_latest, until_likely, window_basis
from funnel.worklists._worklist import worklist

# ---- the answers of one day of a table, and what followed ------------------------------------------------------------


_TIMES = {
    f"window {name}": one for name, one in zip(QUANTILES, (until_earliest, until_likely, until_latest), strict=True)
}
_BASIS = "window basis"
WINDOW_RULES: dict[str, tuple[AnyRule, AnswerScale]] = {
    **{name: (one, DEFAULT_SCALE) for name, one in _TIMES.items()},
    _BASIS: (window_basis, AnswerScale(order=tuple(WindowBasis))),
}
"""The rules of the windows from facts; the name of a rule never has a space."""


@attrs.frozen(eq=False)
class TableQuery:
    """Rules, model and worklist of each day."""

    logs: Logs
    policy: Policy
    query: BacktestQuery
    calibrations: Mapping[str, Calibration]
    questions: BacktestQuestions
    zone: ZoneInfo
    horizon: int
    replayed: Replay

    def add_day(self, sums: TableSums, day: Day) -> None:
        """Add the answers of one day, and what followed, to the sums."""
        assert self.replayed.outcomes is not None
        at, bought = instant(day.at), self.replayed.outcomes.after(day.at)
        for name, calibration in self.calibrations.items():
            distinct, indexes = tiers(day.answers[name])
            chances = chances_of(distinct, self.query.rule_queries[name], calibration, is_subject=True)
            assert chances is not None
            sums.add_chances(name, day.persons, chances[indexes], day.bought)
        windows = {"facts": self._windows_of_facts(day)}
        past = self.logs.as_known(at)
        if self.questions.fit is not None:
            windows |= self._add_model(sums, past, at, bought)
        self._add_windows(sums, windows, day)
        self._add_worklist(sums, past, at, day, bought)

    def _windows_of_facts(self, day: Day) -> tuple[Indices, Floats]:
        """Return the people with a rhythm, and their three times in microseconds."""
        is_rhythm = day.answers[_BASIS] == list(WindowBasis).index(WindowBasis.RHYTHM)
        times = np.stack([day.answers[name][is_rhythm] for name in _TIMES]).astype(np.float64)
        return day.persons[is_rhythm], times

    def _add_model(self, sums: TableSums, past: Logs, at: datetime, bought: Flags) -> dict[str, tuple[Indices, Floats]]:
        """Add the chances and counts of the model, and return its windows."""
        assert self.questions.fit is not None
        tz, horizon = self.zone.key, self.horizon
        summaries = PurchaseSummary.over(past, tz=tz, as_of=at)
        later = PurchaseSummary.over(self.logs, tz=tz, as_of=instant(micros(at) + horizon))
        model = self.questions.fit(summaries)
        persons, (chance, expected, count) = self._columns(
            model.over(summaries, within=horizon * MICROSECOND), "chance", "expected", "repeat_count"
        )
        sums.add_chances(model.name, persons, chance, bought[persons])
        after = np.zeros(self.replayed.people)
        people, (counts,) = self._columns(later, "repeat_count")
        after[people] = counts
        actual = np.maximum(after[persons] - count, 0)
        sums.add(("chance", model.name, "expected_per_purchase"), persons, expected, actual, bought[persons])
        people, times = self._columns(model.next_purchases(summaries, buyers="returning"), *QUANTILES)
        return {model.name: (people, np.stack(times))}

    def _add_windows(self, sums: TableSums, windows: Mapping[str, tuple[Indices, Floats]], day: Day) -> None:
        """Add the windows of people with a next occasion and a window of each subject."""
        assert self.replayed.outcomes is not None
        cases, waits = self.replayed.outcomes.next_occasions(day.at)
        wait = np.zeros(self.replayed.people)
        wait[cases] = waits
        for persons, _ in windows.values():
            cases = np.intersect1d(cases, persons)
        for subject, (persons, times) in windows.items():
            order = np.argsort(persons)
            rows = order[np.searchsorted(persons, cases, sorter=order)]
            sums.add_windows(subject, cases, times[:, rows], wait[cases])

    def _add_worklist(self, sums: TableSums, past: Logs, at: datetime, day: Day, bought: Flags) -> None:
        """Add the people on the worklist, and everyone."""
        table = worklist(past, self.policy, as_of=at, tz=self.zone, limit=self.questions.limit)
        listed, _ = self._columns(table)
        for name, persons in (("precision", listed), ("everyone", day.persons)):
            sums.add(("worklist", "worklist", name), persons, bought[persons], np.ones(len(persons)), bought[persons])

    def _columns(self, table: Any, *names: str) -> tuple[Indices, list[Floats]]:
        """Return the number of the person of each row of a table, and some of its columns; spans in microseconds."""
        read = from_native(table)
        frame, _ = to_local(read.frame, read.frame_kind)
        schema = frame.collect_schema()
        columns = {
            name: nw.col(name).dt.total_microseconds() if schema[name] == nw.Duration else nw.col(name)
            for name in names
        }
        assert self.replayed.names is not None
        rows = collected(frame.select(PERSON, **columns).join(self.replayed.names, on=PERSON, how="inner"))
        numbers: Indices = rows[PERSON_NUMBER].to_numpy()
        return numbers, [rows[name].to_numpy().astype(np.float64) for name in names]


# ---- the table -------------------------------------------------------------------------------------------------------


RANKING_FIGURES = ("lift", "auc", "precision", "recall")
"""The figures of a ranking that are rows of the table."""


def backtest_table(  # noqa: PLR0913 (keywords; docs/decisions/few-arguments.md)
    logs: Logs,
    policy: Policy,
    dates: BacktestDates,
    questions: BacktestQuestions,
    *,
    as_of: datetime,
    tz: str | ZoneInfo,
    min_people: int = DEFAULT_MIN_PEOPLE,
    seed: int = 0,
) -> BacktestTable:
    """Backtest rules, windows, a fitted model and the worklist on the same days, and return one table.

    The answers of a day come from the records known on that day. A record that happened or was recorded later does not
    change them. Intervals come from resampled people, the same draws for every figure.

    Args:
        logs: All records.
        policy: The shop's policy.
        dates: The days, and the time after each day in which a purchase counts.
        questions: The rules, the model and the length of the worklist.
        as_of: The end of the data. Days whose horizon is not over by then are excluded and counted.
        tz: Time zone of the shop: opening hours of the worklist, and days of purchase of the model.
        min_people: Minimum number of people who bought for a reported figure, and of buyers and other people for
            chances of rules. A rule with fewer on the earlier days has no chances.
        seed: Seed of the bootstrap draws.

    Returns:
        One row for each question, subject and figure. "ranking", for each rule and two baselines: `lift`, `auc`, and
        `precision` and `recall` of flagged people, as in `backtest`. "chance", for the calibrated rules and the model:
        `brier`, `expected_per_buyer` (expected buyers for each actual one; 1 is right) and `calibration_error` (mean
        difference of expected and actual share in ten bins); for the model `expected_per_purchase` too. "window", for
        "facts" (only windows of the own rhythm) and the model (`next_purchases(buyers="returning")`), of the people
        with a next occasion before the end of the data: `coverage` (promised: 0.8), `before_likely` (promised: 0.5) and
        the mean pinball loss in days of each time. "worklist": `precision`, the share of people on the list who bought,
        and `everyone`, the share of all people.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: There are too many days, an argument does not match, the logs have no purchases for the model, or
            it cannot be fitted on one of the days.
        RuleError: A rule cannot be compiled for a table.
        MissingExtraError: NumPy is not installed (the extra `numpy`).

    Source: as `backtest`. Pinball loss: R. Koenker and G. Bassett, "Regression quantiles", Econometrica 46 (1978),
    33-50. Calibration error: M. P. Naeini and others, "Obtaining well calibrated probabilities using Bayesian binning",
    AAAI (2015), 2901-2907.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs, Policy
        >>> days = [datetime(2026, 1, 1 + 7 * week, tzinfo=UTC) for week in range(4)]
        >>> bought = {"id": [1, 2, 3, 4], "person_id": "sari", "purchased_at": days, "amount": 9}
        >>> logs = Logs(purchases=pl.DataFrame(bought))
        >>> week = timedelta(days=7)
        >>> dates = BacktestDates(datetime(2026, 1, 10, tzinfo=UTC), every=week, horizon=week)
        >>> end = datetime(2026, 1, 25, tzinfo=UTC)
        >>> table = backtest_table(logs, Policy(), dates, BacktestQuestions(), as_of=end, tz="UTC", min_people=1)
        >>> table.figure("window", "facts", "coverage").value
        1.0
    """
    if not installed("numpy"):
        raise MissingExtraError("a backtest needs NumPy, which is not installed; run: pip install 'shopfunnel[numpy]'")
    from funnel.backtest._backtest_table import WINDOW_RULES, TableQuery
    from funnel.backtest._figures import Draws
    from funnel.backtest._replay import replay
    from funnel.backtest._scores import FigureSettings
    from funnel.backtest._table_sums import TableSums

    instance(questions, BacktestQuestions, "questions", "a BacktestQuestions")
    instance(dates, BacktestDates, "dates", "a BacktestDates")
    minimum, zone = count_of(min_people, "min_people", minimum=1), parse_zone(tz)
    count_of(seed, "seed", minimum=0)
    days = ReplayDates.of(dates, as_of)
    subjects = questions.subjects
    results = [
        backtest(one, logs, policy, dates, as_of=as_of, answers=scale, min_people=minimum, seed=seed)
        for one, scale in subjects.values()
    ]
    calibrations = dict(_calibrations(questions, logs, policy, dates.first, minimum))
    query = compiled_query(subjects | WINDOW_RULES, policy)
    replayed = replay(query, logs, days)
    sums = TableSums(replayed.people, Draws.of(replayed.people, seed))
    table = TableQuery(logs, policy, query, calibrations, questions, zone, days.horizon, replayed)
    for day in replayed.days:
        table.add_day(sums, day)
    return BacktestTable(
        rows=(*_rankings(results), *sums.rows(FigureSettings(DEFAULT_CONFIDENCE, minimum))),
        days=len(days.closed),
        excluded=days.excluded,
        horizon=days.horizon * MICROSECOND,
        as_of=instant(days.now),
        people=replayed.people,
        seed=seed,
        confidence_level=DEFAULT_CONFIDENCE,
    )


def _calibrations(
    questions: BacktestQuestions, logs: Logs, policy: Policy, first: datetime, min_people: int
) -> Iterator[tuple[str, Calibration]]:
    """Yield the calibration of each rule with few enough whole numbers, from days that are over by the first."""
    if questions.calibrate_on is None:
        return
    earlier = logs.as_known(first)
    for name, (one, scale) in questions.subjects.items():
        result = backtest(one, earlier, policy, questions.calibrate_on, as_of=first, answers=scale)
        if result.answers and all(isinstance(share.answer, int | None) for share in result.answers):
            calibration = calibrate(result, min_people=min_people)
            if calibration.is_reportable:
                yield name, calibration


def _rankings(results: Sequence[Backtest]) -> Iterator[BacktestRow]:
    """Yield the rankings of the rules, and after them those of the baselines that rank anybody."""
    baselines = results[0].baselines[1:] if results else ()
    for one in (*(result.rule for result in results), *baselines):
        for name in RANKING_FIGURES:
            figure = getattr(one, name)
            if figure is not None:
                yield BacktestRow("ranking", one.name, name, figure)
