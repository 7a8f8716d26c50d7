"""Replay of a rule on past days: its answers from the records known then, and the purchases that followed.

Invariant: a record that happens or is recorded after a day does not change an answer of that day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import attrs
import numpy as np

from funnel._aggregate.group_by import PERSON
from funnel._dataframes.adapter import Frame, collect_once
from funnel._dataframes.compute import collected
from funnel._expr.arrays import Read, answers_of
from funnel._expr.nodes import Fact
from funnel._ledger.streams import ROOTS
from funnel._time import MICROSECOND, spans_at
from funnel.backtest._dates import ReplayDates
from funnel.backtest._day_scan import PERSON_NUMBER
from funnel.backtest._facts_by_day import FactsByDay, local
from funnel.backtest._figures import Flags, Indices, Whole
from funnel.backtest._questions import BacktestQuery
from funnel.facts._schema import FactSchema
from funnel.logs import Logs
from funnel.logs.assemble import known_by
from funnel.logs.ledger import LedgerTables
from funnel.logs.schema import RECORDED
from funnel.metrics._purchases import is_valid
from funnel.policy import OCCASION


@attrs.frozen(eq=False)
class Day:
    """One day of a replay.

    Attributes:
        at: The day, in microseconds.
        persons: Numbers of the people evaluated.
        answers: Number of each rule query for each of these people.
        bought: Whether each of these people bought within the horizon.
    """

    at: int
    persons: Indices
    answers: Mapping[str, Whole]
    bought: Flags


@attrs.frozen(eq=False)
class Replay:
    """The days of a replay.

    Attributes:
        people: Number of people.
        days: The days.
        names: All people with their numbers; None without days or people.
        outcomes: The purchases that followed; None in the same case.
    """

    people: int
    days: Iterator[Day]
    names: Frame | None = None
    outcomes: OutcomePurchases | None = None


def replay(query: BacktestQuery, logs: Logs, dates: ReplayDates) -> Replay:
    """Evaluate the rule queries for every person on each day."""
    tables = local(logs)
    if not dates.closed or not has_people(tables):
        return Replay(0, iter(()))
    facts = FactsByDay.of(query.plan, tables, dates.closed)
    bought = OutcomePurchases.of(tables, facts, dates)
    return Replay(facts.people, _days(query, facts, bought), facts.names, bought)


def has_people(tables: LedgerTables) -> bool:
    """Return whether the logs have a table that can introduce a person."""
    return any(name in tables for name in ROOTS)


def _days(query: BacktestQuery, facts: FactsByDay, bought: OutcomePurchases) -> Iterator[Day]:
    for day, (persons, values) in zip(facts.days.tolist(), facts.facts_by_day(), strict=True):
        read = _reader(query.plan, values, day)
        answers = {name: answers_of(one.tree, read, len(persons)) for name, one in query.rule_queries.items()}
        if query.eligible is None:
            yield Day(day, persons, answers, bought.after(day)[persons])
        else:
            chosen = answers_of(query.eligible, read, len(persons)) == 1
            some = {name: numbers[chosen] for name, numbers in answers.items()}
            yield Day(day, persons[chosen], some, bought.after(day)[persons[chosen]])


def _reader(plan: FactSchema, values: Mapping[int, Any], now: int) -> Read:
    """Return a reader of facts at an instant, from fact values by index."""
    indices = plan.run_indices()

    def read(fact: Fact, people: Indices) -> Any:
        index, slope = indices[fact.name]
        value = values[index][people]
        return value if slope == 0 else spans_at(value, slope, now)

    return read


@attrs.frozen(eq=False)
class OutcomePurchases:
    """The purchases that are valid at the end of the data, in order of time.

    Attributes:
        t: Time of each purchase.
        persons: Number of the person of each purchase.
        people: Number of people.
        horizon: Time after a day in which a purchase counts.
    """

    t: Whole
    persons: Indices
    people: int
    horizon: int

    @classmethod
    def of(cls, tables: LedgerTables, facts: FactsByDay, dates: ReplayDates) -> OutcomePurchases:
        """Return the evaluated people's purchases, as known at the end of the data."""
        log = {name: known_by(name, frame, dates.now) for name, frame in tables.log.items()}
        tables_at_end = (
            LedgerTables(log, collect_once)
            if any(RECORDED in frame.collect_schema() for frame in tables.log.values())
            else tables
        )
        if "purchases" not in tables_at_end:
            return cls(np.empty(0, np.int64), np.empty(0, np.intp), facts.people, dates.horizon)
        rows = tables_at_end["purchases"].filter(is_valid(dates.now)).join(facts.names, on=PERSON, how="inner")
        collected_rows = collected(rows.select("t", PERSON_NUMBER).sort("t"))
        return cls(
            collected_rows["t"].to_numpy(), collected_rows[PERSON_NUMBER].to_numpy(), facts.people, dates.horizon
        )

    def after(self, day: int) -> Flags:
        """Return whether each person bought after a day, within the horizon, inclusive."""
        first, last = np.searchsorted(self.t, [day, day + self.horizon], side="right")
        bought = np.zeros(self.people, np.bool_)
        bought[self.persons[first:last]] = True
        return bought

    def next_occasions(self, day: int) -> tuple[Indices, Whole]:
        """Return the people with another occasion after a day, and the time until it in microseconds."""
        persons, times = self._occasions
        order = np.flatnonzero(times > day)
        people, first = np.unique(persons[order], return_index=True)
        return people, times[order[first]] - day

    @cached_property
    def _occasions(self) -> tuple[Indices, Whole]:
        """The purchases that begin another occasion, by person and time."""
        order = np.lexsort((self.t, self.persons))
        persons, times = self.persons[order], self.t[order]
        begins = (np.diff(persons) == 0) & (np.diff(times) >= OCCASION // MICROSECOND)
        return persons[1:][begins], times[1:][begins]
