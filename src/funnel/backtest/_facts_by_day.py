"""Facts of every person on each of many days, computed in one pass over the rows.

People with a record that arrived late, with a day in between, are computed day by day from the logs as known then.

Invariant: the facts of a day are those that `aggregated` computes from the logs as known on that day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import narwhals as nw
import numpy as np

from funnel._aggregate.aggregations import Reduction
from funnel._aggregate.gaps import with_changing_gaps
from funnel._aggregate.group_by import PERSON, Placed, aggregated, reads_gap, value_name
from funnel._dataframes.adapter import Frame, collect_once, to_local
from funnel._dataframes.compute import collected
from funnel._ledger.streams import ROOTS
from funnel._people import logs_of
from funnel.backtest._day_scan import PERSON_NUMBER, DayScan, day_scans
from funnel.backtest._figures import Flags, Indices, Whole
from funnel.facts._frames import with_derived
from funnel.facts._schema import FactSchema
from funnel.logs import Logs
from funnel.logs.assemble import known_by, known_since
from funnel.logs.ledger import LedgerTables
from funnel.logs.schema import RECORDED, TIMES


def local(logs: Logs) -> LedgerTables:
    """Return the tables of the logs in local memory."""
    tables = logs_of(logs)._tables
    assert isinstance(tables, LedgerTables)
    here = {log: to_local(frame, logs._frame_kind)[0] for log, frame in tables.log.items()}
    return tables if logs._frame_kind in _LOCAL else LedgerTables(here, collect_once, (tables.own[0], "polars"))


_LOCAL = ("polars", "polars lazy", "pandas", "pyarrow")


@attrs.frozen(eq=False)
class FactsByDay:
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
    since: Indices
    late: Frame | None

    @classmethod
    def of(cls, plan: FactSchema, tables: LedgerTables, days: Sequence[int]) -> FactsByDay:
        """Collect the people; requires at least one day."""
        instants = np.array(days, np.int64)
        starts = [tables[name].select(PERSON, "start") for name in ROOTS if name in tables]
        firsts = nw.concat(starts).group_by(PERSON).agg(nw.col("start").min())
        present: nw.DataFrame[Any] = collected(firsts.filter(nw.col("start") <= days[-1]).sort(PERSON))
        since = np.searchsorted(instants, present["start"].to_numpy())
        names = (
            present.select(PERSON)
            .with_row_index(PERSON_NUMBER)
            .with_columns(nw.col(PERSON_NUMBER).cast(nw.Int64()))
            .lazy()
        )
        return cls(plan, tables, instants, names, since, _late(tables.log, instants))

    @property
    def people(self) -> int:
        """Return the number of people."""
        return len(self.since)

    def facts_by_day(self) -> Iterator[tuple[Indices, Mapping[int, Any]]]:
        """Yield per day the people with a record, and their fact values by index."""
        placed = [(one, index) for index, one in enumerate(self.plan.reductions)]
        computable = [pair for pair in placed if pair[0].stream.table in self.tables]
        gap_facts = [pair for pair in computable if reads_gap(pair[0])]
        others = [pair for pair in computable if pair not in gap_facts]
        scans = [*day_scans(self.tables, others, self.names, self.days), *self._gap_scans(gap_facts)]
        punctual = self._punctual()
        for index, day in enumerate(self.days.tolist()):
            for scan in scans:
                scan.step(index)
            here = np.flatnonzero((self.since <= index) & punctual)
            punctual_facts = self._columns(scans, placed, here)
            all_facts = punctual_facts if self.late is None else nw.concat([punctual_facts, self._late_at(day)])
            rows = collected(with_derived(self.plan, all_facts))
            values = {index: rows[value_name(index)].to_numpy() for index in range(len(self.plan.empties))}
            yield rows[PERSON_NUMBER].to_numpy(), values

    def _punctual(self) -> Flags:
        """Return the people without late records."""
        punctual = np.ones(self.people, np.bool_)
        if self.late is not None:
            late = collected(self.names.join(self.late, on=PERSON, how="semi"))
            punctual[late[PERSON_NUMBER].to_numpy()] = False
        return punctual

    def _columns(self, scans: Sequence[DayScan], placed: Sequence[Placed], here: Indices) -> Frame:
        """Return the values of the scan, and empty values for missing tables."""
        scanned = {value.index: value.column(here) for scan in scans for value in scan.values}
        columns = {value_name(index): scanned[index] for _, index in placed if index in scanned}
        schema = {value_name(index): _type(one) for one, index in placed if index in scanned}
        backend = self.names.implementation
        frame = nw.from_dict(
            {PERSON_NUMBER: here, **columns}, {PERSON_NUMBER: nw.Int64(), **schema}, backend=backend
        ).lazy()
        absent = [(one, index) for one, index in placed if one.stream.table not in self.tables]
        full = frame.with_columns(nw.lit(one.empty, _type(one)).alias(value_name(index)) for one, index in absent)
        return full.select(PERSON_NUMBER, *(value_name(index) for _, index in placed))

    def _gap_scans(self, placed: Sequence[Placed]) -> Iterator[DayScan]:
        """Yield the scans of values that depend on the sequence of rows."""
        names = dict.fromkeys(one.stream.table for one, _ in placed)
        tables = {name: with_changing_gaps(self.tables[name], int(self.days[-1])) for name in names}
        return day_scans(tables, placed, self.names, self.days)

    def _late_at(self, day: int) -> Frame:
        """Return the values of people with late records, as known on a day."""
        assert self.late is not None
        theirs = _of(self.late, self.tables.log)
        logs_of_day = {log: collect_once(known_by(log, frame, day)) for log, frame in theirs.items()}
        values = aggregated(LedgerTables(logs_of_day, collect_once, self.tables.own), self.plan.reductions, day, ROOTS)
        numbered = values.join(self.names, on=PERSON, how="inner").join(self.late, on=PERSON, how="semi")
        return numbered.select(PERSON_NUMBER, *(value_name(index) for index in range(len(self.plan.reductions))))


def _type(one: Reduction) -> nw.dtypes.DType:
    return nw.String() if isinstance(one.empty, str) else nw.Int64()


# ---- late news -----------------------------------------------------------------------------------------------------


def _late(logs: Mapping[str, Frame], days: Whole) -> Frame | None:
    """Return the people with a late record; None if there are none.

    A late record happened by a day and was recorded after it.
    """
    late_people = [
        people
        for log, frame in logs.items()
        if RECORDED in frame.collect_schema()
        for people in _people_of_rows(log, frame.filter(_between(log, frame, days)), logs)
    ]
    if not late_people:
        return None
    people = collect_once(nw.concat(late_people).unique())
    return people if len(collected(people.head(1))) else None


def _between(log: str, frame: Frame, days: Whole) -> nw.Expr:
    """Return whether a row happened by one of the days and was recorded after it."""
    happened, recorded = nw.col(TIMES[log]), known_since(log, frame)
    return nw.any_horizontal(*((happened <= day) & (recorded > day) for day in days.tolist()), ignore_nulls=False)


def _people_of_rows(log: str, rows: Frame, logs: Mapping[str, Frame]) -> Iterator[Frame]:
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
