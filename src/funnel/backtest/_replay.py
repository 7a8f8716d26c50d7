"""Replay of a rule on past days: its answers from the records known then, and the purchases that followed.

Invariant: a record that happens or is recorded after a day does not change an answer of that day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import attrs
import narwhals as nw
import numpy as np

from funnel._aggregate.group_by import PERSON
from funnel._dataframes.adapter import collect_once
from funnel._dataframes.compute import collected
from funnel._ledger.streams import ROOTS
from funnel.backtest._dates import Dates
from funnel.backtest._day_scan import WHO
from funnel.backtest._facts_by_day import Standing, local
from funnel.backtest._figures import Flags, Places, Whole
from funnel.backtest._questions import Questions
from funnel.backtest._trees import answered, reading
from funnel.logs import known_since
from funnel.logs.ledger import LedgerTables
from funnel.logs.schema import RECORDED

if TYPE_CHECKING:
    from funnel.logs import Logs


@attrs.frozen(eq=False)
class Day:
    """One day of a replay.

    Attributes:
        at: The day, in microseconds.
        who: Numbers of the people evaluated.
        answers: Number of each rule query for each of these people.
        bought: Whether each of these people bought within the horizon.
    """

    at: int
    who: Places
    answers: Mapping[str, Whole]
    bought: Flags


@attrs.frozen(eq=False)
class Replay:
    """The days of a replay, and its number of people."""

    people: int
    days: Iterator[Day]


def replay(asks: Questions, logs: Logs, dates: Dates) -> Replay:
    """Evaluate the rule queries for every person on each day."""
    tables = local(logs)
    if not dates.kept or not any(name in tables for name in ROOTS):
        return Replay(0, iter(()))
    standing = Standing.of(asks.plan, tables, dates.kept)
    bought = _Purchases.of(tables, standing, dates)
    return Replay(standing.people, _days(asks, standing, bought))


def _days(asks: Questions, standing: Standing, bought: _Purchases) -> Iterator[Day]:
    for day, (who, values) in zip(standing.days.tolist(), standing.held(), strict=True):
        read = reading(asks.plan, values, day)
        answers = {name: answered(one.tree, read, len(who)) for name, one in asks.asked.items()}
        if asks.trials is None:
            yield Day(day, who, answers, bought.after(day)[who])
        else:
            chosen = answered(asks.trials, read, len(who)) == 1
            some = {name: told[chosen] for name, told in answers.items()}
            yield Day(day, who[chosen], some, bought.after(day)[who[chosen]])


@attrs.frozen(eq=False)
class _Purchases:
    """The purchases that are valid at the end of the data, in order of time.

    Attributes:
        t: Time of each purchase.
        who: Number of the person of each purchase.
        people: Number of people.
        horizon: Time after a day in which a purchase counts.
    """

    t: Whole
    who: Places
    people: int
    horizon: int

    @classmethod
    def of(cls, tables: LedgerTables, standing: Standing, dates: Dates) -> _Purchases:
        """Return the evaluated people's purchases, as known at the end of the data."""
        log = {name: frame.filter(known_since(name, frame) <= dates.now) for name, frame in tables.log.items()}
        known = (
            LedgerTables(log, collect_once)
            if any(RECORDED in frame.collect_schema() for frame in tables.log.values())
            else tables
        )
        if "purchases" not in known:
            return cls(np.empty(0, np.int64), np.empty(0, np.intp), standing.people, dates.horizon)
        counting = (nw.col("start") <= dates.now) & (nw.col("end") > dates.now)
        rows = known["purchases"].filter(counting).join(standing.names, on=PERSON, how="inner")
        told = collected(rows.select("t", WHO).sort("t"))
        return cls(told["t"].to_numpy(), told[WHO].to_numpy(), standing.people, dates.horizon)

    def after(self, day: int) -> Flags:
        """Return whether each person bought after a day, within the horizon, inclusive."""
        first, last = np.searchsorted(self.t, [day, day + self.horizon], side="right")
        bought = np.zeros(self.people, np.bool_)
        bought[self.who[first:last]] = True
        return bought
