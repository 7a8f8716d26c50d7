"""A rule on past days: what it answered each person from what was known then, and who bought in the time that followed.

Law: what happens, or comes to be known, after a day changes no answer of that day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import attrs
import narwhals as nw
import numpy as np

from funnel._computing import collected
from funnel._frames import kept
from funnel._reduce.aggregates import PERSON
from funnel._streams import ROOTS
from funnel.logs import known_since
from funnel.logs.columns import RECORDED
from funnel.logs.ledger import LedgerTables
from funnel.metrics.backtest.answered import answered, reading
from funnel.metrics.backtest.asked import Questions
from funnel.metrics.backtest.dates import Dates
from funnel.metrics.backtest.figures import Flags, Places, Whole
from funnel.metrics.backtest.standing import Standing, local
from funnel.metrics.backtest.walk import WHO

if TYPE_CHECKING:
    from funnel.logs import Logs


@attrs.frozen(eq=False)
class Day:
    """One day of a replay.

    Attributes:
        at: The day, in microseconds.
        who: The numbers of the people who are looked at.
        answers: The number that each question has for each of them.
        bought: Who of them bought within the horizon.
    """

    at: int
    who: Places
    answers: Mapping[str, Whole]
    bought: Flags


@attrs.frozen(eq=False)
class Replay:
    """The days of a replay, and of how many people it is."""

    people: int
    days: Iterator[Day]


def replay(asks: Questions, logs: Logs, dates: Dates) -> Replay:
    """Ask the questions of everyone on each day."""
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
        if asks.among is None:
            yield Day(day, who, answers, bought.after(day)[who])
        else:
            chosen = answered(asks.among, read, len(who)) == 1
            some = {name: told[chosen] for name, told in answers.items()}
            yield Day(day, who[chosen], some, bought.after(day)[who[chosen]])


@attrs.frozen(eq=False)
class _Purchases:
    """The purchases that count at the end of the data, in order of time.

    Attributes:
        t: When each was.
        who: The number of the person of each.
        people: How many people there are.
        horizon: How long after a day a purchase counts.
    """

    t: Whole
    who: Places
    people: int
    horizon: int

    @classmethod
    def of(cls, tables: LedgerTables, standing: Standing, dates: Dates) -> _Purchases:
        """Those of the people who are looked at, of what is known at the end."""
        log = {name: frame.filter(known_since(name, frame) <= dates.now) for name, frame in tables.log.items()}
        known = (
            LedgerTables(log, kept)
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
        """Who bought after a day, up to the end of the horizon and with it."""
        first, last = np.searchsorted(self.t, [day, day + self.horizon], side="right")
        bought = np.zeros(self.people, np.bool_)
        bought[self.who[first:last]] = True
        return bought
