"""The answers of one day of a table, and what followed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import narwhals as nw
import numpy as np

from funnel._aggregate.group_by import PERSON
from funnel._dataframes.adapter import from_native, to_local
from funnel._dataframes.compute import collected
from funnel._time import MICROSECOND, instant, micros
from funnel.backtest._calibration import Calibration
from funnel.backtest._day_scan import PERSON_NUMBER
from funnel.backtest._figures import Flags, Floats, Indices, tiers
from funnel.backtest._questions import AnyRule, BacktestQuery
from funnel.backtest._replay import Day, Replay
from funnel.backtest._scale import DEFAULT_SCALE, AnswerScale
from funnel.backtest._scores import chances_of
from funnel.backtest._table_questions import BacktestQuestions
from funnel.backtest._table_sums import QUANTILES, TableSums
from funnel.logs import Logs
from funnel.metrics._purchase_summary import PurchaseSummary
from funnel.policy import Policy
from funnel.rules._window import WindowBasis, until_earliest, until_latest, until_likely, window_basis
from funnel.worklists._worklist import worklist

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
