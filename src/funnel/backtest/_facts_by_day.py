"""Facts of every person on each of many days, computed in one pass over the rows.

Two cases are computed day by day from the logs as known then: people with a record that arrived late, with a day in
between, and (for all people) values that depend on the sequence of rows.

Invariant: the facts of a day are those that `aggregated` computes from the logs as known on that day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import narwhals as nw
import numpy as np

from funnel._aggregate.aggregations import Reduction
from funnel._aggregate.group_by import PERSON, Placed, aggregated, reads_gap, value_name
from funnel._dataframes.adapter import Frame, collect_once, to_local
from funnel._dataframes.compute import collected
from funnel._ledger.streams import ROOTS
from funnel._people import logs_of
from funnel.backtest._day_scan import WHO, Walk, walks
from funnel.backtest._figures import Flags, Places, Whole
from funnel.facts._frames import with_derived
from funnel.facts._schema import FactSchema
from funnel.logs import known_since
from funnel.logs.ledger import LedgerTables
from funnel.logs.schema import RECORDED, TIMES

if TYPE_CHECKING:
    from funnel.logs import Logs


def local(logs: Logs) -> LedgerTables:
    """Return the tables of the logs in local memory."""
    tables = logs_of(logs).tables
    assert isinstance(tables, LedgerTables)
    here = {log: to_local(frame, logs.home)[0] for log, frame in tables.log.items()}
    return tables if logs.home in _LOCAL else LedgerTables(here, collect_once)


_LOCAL = ("polars", "polars lazy", "pandas", "pyarrow")


@attrs.frozen(eq=False)
class Standing:
    """Facts of every person on each of many days.

    Attributes:
        plan: The facts to read.
        tables: Tables of the ledger, in local memory.
        days: The days, in microseconds, in order.
        names: All people with a record on the last day, with their numbers.
        since: Index of the first day on which each person has a record.
        late: People with a record that arrived late.
    """

    plan: FactSchema
    tables: LedgerTables
    days: Whole
    names: Frame
    since: Places
    late: Frame | None

    @classmethod
    def of(cls, plan: FactSchema, tables: LedgerTables, days: Sequence[int]) -> Standing:
        """Collect the people; requires at least one day."""
        marks = np.array(days, np.int64)
        starts = [tables[name].select(PERSON, "start") for name in ROOTS if name in tables]
        firsts = nw.concat(starts).group_by(PERSON).agg(nw.col("start").min())
        there: nw.DataFrame[Any] = collected(firsts.filter(nw.col("start") <= days[-1]).sort(PERSON))
        since = np.searchsorted(marks, there["start"].to_numpy())
        names = there.select(PERSON).with_row_index(WHO).with_columns(nw.col(WHO).cast(nw.Int64())).lazy()
        return cls(plan, tables, marks, names, since, _late(tables.log, marks))

    @property
    def people(self) -> int:
        """Return the number of people."""
        return len(self.since)

    def held(self) -> Iterator[tuple[Places, Mapping[int, Any]]]:
        """Yield per day the people with a record, and their fact values by index."""
        placed = [(one, place) for place, one in enumerate(self.plan.reductions)]
        there = [pair for pair in placed if pair[0].stream.table in self.tables]
        apart = [pair for pair in there if reads_gap(pair[0])]
        steps = list(walks(self.tables, [pair for pair in there if pair not in apart], self.names, self.days))
        punctual = self._punctual()
        for place, day in enumerate(self.days.tolist()):
            for step in steps:
                step.step(place)
            here = np.flatnonzero((self.since <= place) & punctual)
            shown = self._joined(self._columns(steps, placed, here), apart, day)
            known = shown if self.late is None else nw.concat([shown, self._late_at(day)])
            told = collected(with_derived(self.plan, known))
            values = {place: told[value_name(place)].to_numpy() for place in range(len(self.plan.empties))}
            yield told[WHO].to_numpy(), values

    def _punctual(self) -> Flags:
        """Return the people without late records."""
        punctual = np.ones(self.people, np.bool_)
        if self.late is not None:
            late = collected(self.names.join(self.late, on=PERSON, how="semi"))
            punctual[late[WHO].to_numpy()] = False
        return punctual

    def _columns(self, steps: Sequence[Walk], placed: Sequence[Placed], here: Places) -> Frame:
        """Return the values of the scan, and empty values for missing tables."""
        walked = {value.place: value.column(here) for step in steps for value in step.values}
        columns = {value_name(place): walked[place] for _, place in placed if place in walked}
        schema = {value_name(place): _type(one) for one, place in placed if place in walked}
        backend = self.names.implementation
        frame = nw.from_dict({WHO: here, **columns}, {WHO: nw.Int64(), **schema}, backend=backend).lazy()
        absent = [(one, place) for one, place in placed if one.stream.table not in self.tables]
        return frame.with_columns(nw.lit(one.empty, _type(one)).alias(value_name(place)) for one, place in absent)

    def _joined(self, frame: Frame, apart: Sequence[Placed], day: int) -> Frame:
        """Return the frame with the values computed day by day, columns in order."""
        names = [value_name(place) for place in range(len(self.plan.reductions))]
        if apart:
            found = aggregated(self.tables, [one for one, _ in apart], day, ROOTS)
            renamed = {value_name(turn): value_name(place) for turn, (_, place) in enumerate(apart)}
            numbered = found.join(self.names, on=PERSON, how="inner")
            told = numbered.select(WHO, **{new: nw.col(old) for old, new in renamed.items()})
            frame = frame.join(told, on=WHO, how="inner")
        return frame.select(WHO, *names)

    def _late_at(self, day: int) -> Frame:
        """Return the values of people with late records, as known on a day."""
        assert self.late is not None
        theirs = _of(self.late, self.tables.log)
        known = {log: collect_once(frame.filter(known_since(log, frame) <= day)) for log, frame in theirs.items()}
        found = aggregated(LedgerTables(known, collect_once), self.plan.reductions, day, ROOTS)
        named = found.join(self.names, on=PERSON, how="inner").join(self.late, on=PERSON, how="semi")
        return named.select(WHO, *(value_name(place) for place in range(len(self.plan.reductions))))


def _type(one: Reduction) -> nw.dtypes.DType:
    return nw.String() if isinstance(one.empty, str) else nw.Int64()


# ---- late news -----------------------------------------------------------------------------------------------------


def _late(logs: Mapping[str, Frame], days: Whole) -> Frame | None:
    """Return the people with a late record; None if there are none.

    A late record happened by a day and was recorded after it.
    """
    found = [
        people
        for log, frame in logs.items()
        if RECORDED in frame.collect_schema()
        for people in _whose(log, frame.filter(_between(log, frame, days)), logs)
    ]
    if not found:
        return None
    people = collect_once(nw.concat(found).unique())
    return people if len(collected(people.head(1))) else None


def _between(log: str, frame: Frame, days: Whole) -> nw.Expr:
    """Return whether a row happened by one of the days and was recorded after it."""
    happened, known = nw.col(TIMES[log]), known_since(log, frame)
    return nw.any_horizontal(*((happened <= day) & (known > day) for day in days.tolist()), ignore_nulls=False)


def _whose(log: str, rows: Frame, logs: Mapping[str, Frame]) -> Iterator[Frame]:
    """Yield the people whom the rows of a log concern."""
    if log == "refunds":
        bought = logs["purchases"].select(PERSON, "source", purchase_id=nw.col("id"))
        rows = rows.select("source", "purchase_id").join(bought, on=["source", "purchase_id"], how="inner")
    yield rows.select(PERSON)
    if log == "leads":
        sent = rows.filter(~nw.col("referred_by").is_null())
        yield sent.select(nw.col("referred_by").alias(PERSON))


def _of(people: Frame, logs: Mapping[str, Frame]) -> dict[str, Frame]:
    """Return the records of some people and of their referrals; keep all refunds."""
    theirs = {log: frame.join(people, on=PERSON, how="semi") for log, frame in logs.items() if log != "refunds"}
    if "leads" in logs:
        sent = logs["leads"].join(people.rename({PERSON: "referred_by"}), on="referred_by", how="semi")
        theirs["leads"] = nw.concat([theirs["leads"], sent]).unique()
    return theirs | {log: logs[log] for log in ("refunds",) if log in logs}
