"""A shop's table of people: own columns of people beside the records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any, Self, TypeAlias

import narwhals as nw

from funnel._aggregate.aggregations import own_name
from funnel._arguments import each
from funnel._columns import OwnValue
from funnel._dataframes.adapter import Frame, FrameKind, InputFrame, collect_once, distinct
from funnel._dataframes.compute import collected, to_rows
from funnel._fields import check_id
from funnel._format import quoted_id
from funnel._ledger.own import AS_OF_FIELD
from funnel._record_columns import EMPTY, MONEY, POSITIONS, RENAMED, SHAPE_OF_KIND, Cell
from funnel._time import instant
from funnel.errors import ArgumentError, MoneyError
from funnel.history import History
from funnel.logs.assemble import common_kind, each_once, resolve_aliases
from funnel.logs.compare_rows import unresolved
from funnel.logs.intake import OnIssues, intake, reading_of
from funnel.logs.ledger import LedgerTables
from funnel.logs.normalize import MISSING
from funnel.logs.own_columns import OwnColumns, own_kinds, with_micros
from funnel.logs.schema import LOGS, NOT_RECORDS, RECORDED, Issue, raise_if_any
from funnel.logs.validate import row_count
from funnel.money import Money
from funnel.records import Customer, Lead, Record

# ---- histories out of logs: the rows of a person become records again, validated together ----------------------------

# Invariant: the history of a person has the same facts as the rows of the person in the logs.


OwnKinds: TypeAlias = Mapping[str, Mapping[str, str]]
"""Names of own columns with the kind of their values, by log."""
_Row: TypeAlias = tuple[str, str, Mapping[str, Any]]
"""A person, a log, and a row of it."""

_PERSON, _OF = "person_id", "_of"
_REFERRALS = "referrals"
_IDS = ("id", "source", _PERSON)
_KINDS: Mapping[str, str] = {"leads": "lead", _REFERRALS: "lead", "purchases": "purchase", "refunds": "refund"}
_CELLS: Mapping[str, Sequence[tuple[str, int]]] = {
    log: [(name, POSITIONS[RENAMED.get(name, name)]) for name in columns if RENAMED.get(name, name) in POSITIONS]
    for log, columns in {**LOGS, _REFERRALS: LOGS["leads"]}.items()
}
"""The columns of each log that hold a field of a record, with the position among all columns of records."""


class HistoriesOfLogs:
    """The part of `Logs` that makes histories."""

    currency: str | None
    _logs: Mapping[str, Frame]
    _alias_frames: tuple[Frame, ...]
    _is_resolved: bool
    _own: OwnColumns
    _frame_kind: FrameKind

    def history(self, person_id: str) -> History:
        """Return the history of one person: all records, validated together.

        The records are those of every log: leads, purchases, refunds, interactions, and leads of other people that name
        the person as referrer. Logs have no order lines, texts and contacts, so the records have none. Own columns that
        facts can read are in `columns`, those of people in `customer.columns`; empty cells are left out.

        Args:
            person_id: Id of the person, or an alias of it.

        Returns:
            The history, for rules, reasons and profiles of one person.

        Raises:
            ArgumentError: The logs have no record of the person, or the argument is not an id.
            MoneyError: The logs have amounts and no currency.

        Example:
            >>> import polars as pl
            >>> from funnel import Logs
            >>> orders = {"id": [1, 2], "person_id": ["sari", "budi"], "amount": [900, 500]}
            >>> frame = pl.DataFrame(orders).with_columns(purchased_at=pl.lit("2026-03-01"))
            >>> Logs.from_orders(frame, tz="Asia/Jakarta", currency="IDR").history("sari")
            History('sari', leads=0, purchases=1, refunds=0, interactions=0, referrals=0)
        """
        return next(self.histories([person_id]))

    def histories(self, people: Iterable[str] | None = None) -> Iterator[History]:
        """Return the histories of several people, or of everyone, sorted by person id.

        The rows are read at once, on the engine of the logs. Each history is made when the iterator reaches it.

        Args:
            people: Ids or aliases of the people, in any order; by default everyone with a record. A person who was only
                named as a referrer has a record too.

        Returns:
            An iterator of histories, one for each person.

        Raises:
            ArgumentError: The logs have no record of a person, or an item of `people` is not an id.
            MoneyError: The logs have amounts and no currency.

        Example:
            >>> import polars as pl
            >>> from funnel import Logs
            >>> leads = pl.DataFrame({"person_id": ["sari", "budi"], "arrived_at": ["2026-03-01", "2026-03-02"]})
            >>> [history.person_id for history in Logs.from_leads(leads, tz="Asia/Jakarta").histories()]
            ['budi', 'sari']
        """
        logs, kinds = self._resolved(), self._own_kinds
        logs = {log: with_micros(frame, self._frame_kind, kinds.get(log, {})) for log, frame in logs.items()}
        chosen = None if people is None else self._current_names(each(people, "people", "a list of ids"))
        rows = {log: _rows_of(frame, chosen) for log, frame in _by_person(logs, kinds).items()}
        if chosen is not None:
            _check_known(chosen, [frame for log, frame in rows.items() if log not in NOT_RECORDS])
        return _histories(rows, self.currency, kinds)

    @property
    def _own_kinds(self) -> OwnKinds:
        """Kind of the values of each own column that facts can read, by log."""
        return own_kinds(self._logs, self._own, self._frame_kind)

    def _of_people(self, people: Frame) -> Self:
        """Return the logs with the records of some people alone; a referral stays with the person who was referred."""
        logs = self._resolved()
        rows = {log: frame.join(people, on=_PERSON, how="semi") for log, frame in logs.items() if log != "refunds"}
        if "refunds" in logs:
            orders = rows["purchases"].select("source", purchase_id=nw.col("id"))
            rows["refunds"] = logs["refunds"].join(orders, on=["source", "purchase_id"], how="semi")
        return self._with_logs(rows)

    def _with_logs(self, logs: Mapping[str, Frame]) -> Self:
        """Return a copy with other rows, in local memory if the engine is local."""
        changed = copy(self)
        for table in ("_tables", "_fact_tables", "_materialized_tables"):
            vars(changed).pop(table, None)
        changed._logs = {log: collect_once(frame) for log, frame in logs.items()}  # noqa: SLF001 (a copy)
        return changed

    def _resolved(self) -> Mapping[str, Frame]:
        """Return the canonical logs.

        Raises:
            LogsError: A record refers to a purchase, and the logs have no purchases.
        """
        if not self._is_resolved:
            raise_if_any(unresolved(self._logs))
        return self._logs

    def _current_names(self, people: Iterable[str]) -> list[str]:
        """Return the names of people after all aliases, each once."""
        names: dict[str, str] = {name: name for name in [check_id(person) for person in people]}
        for aliases in self._alias_frames:
            while links := _links(aliases, set(names.values())):
                names = {name: links.get(now, now) for name, now in names.items()}
        return sorted(set(names.values()))


def _links(aliases: Frame, names: Iterable[str]) -> dict[str, str]:
    rows = aliases.filter(nw.col("alias").is_in(sorted(names)))
    return dict(to_rows(rows, "alias", _PERSON))


def _by_person(logs: Mapping[str, Frame], own: OwnKinds) -> dict[str, Frame]:
    """Return the rows of each log, with the person whose history has the row."""
    frames = {log: _selected(log, frame, own.get(log, ())) for log, frame in logs.items() if log != "refunds"}
    if "refunds" in logs:
        owners = logs["purchases"].select("source", purchase_id=nw.col("id"), _of=nw.col(_PERSON))
        joined = logs["refunds"].join(owners, on=["source", "purchase_id"])
        frames["refunds"] = _selected("refunds", joined, own.get("refunds", ()), _OF)
    if "leads" in logs:
        referrer = nw.col("referred_by")
        of_others = frames["leads"].filter((referrer != "") & (referrer != nw.col(_PERSON)))
        frames[_REFERRALS] = of_others.with_columns(referrer.alias(_OF))
    return frames


def _selected(log: str, frame: Frame, own: Iterable[str], person: str = _PERSON) -> Frame:
    names = [name for name in LOGS[log] if name in frame.collect_schema() and name not in (RECORDED, "currency")]
    selected = frame.select(nw.col(person).alias(_OF), *names, *own)
    return selected.with_columns(nw.col("referred_by").fill_null("")) if log == "leads" else selected


def _rows_of(frame: Frame, people: Sequence[str] | None) -> nw.DataFrame[Any]:
    """Return the rows of some people, or of everyone, in local memory, sorted by person."""
    rows: nw.DataFrame[Any] = collected(frame if people is None else frame.filter(nw.col(_OF).is_in(people)))
    return rows.sort(_OF)


def _check_known(people: Sequence[str], rows: Iterable[nw.DataFrame[Any]]) -> None:
    unknown = sorted(set(people).difference(*(frame[_OF].to_list() for frame in rows)))
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        msg = f"the logs have no record of {quoted_id(unknown[0])}{more}"
        raise ArgumentError(f"{msg}; pass ids of people in the logs, as Facts.over returns them")


def _histories(rows: Mapping[str, nw.DataFrame[Any]], currency: str | None, kinds: OwnKinds) -> Iterator[History]:
    streams = [_stream(log, frame) for log, frame in rows.items()]
    own = {**kinds, **({_REFERRALS: kinds["leads"]} if "leads" in kinds else {})}
    for person, of_person in groupby(merge(*streams, key=itemgetter(0)), key=itemgetter(0)):
        customer: Customer | None = None
        records: list[Record] = []
        for _, log, row in of_person:
            if log == "people":
                customer = Customer(person_id=person, name="", columns=_own_values(row, own.get(log, {})))
            else:
                records.append(_record(log, row, currency, own.get(log, {})))
        if records:
            yield History.of(person, records, customer=customer)


def _stream(log: str, rows: nw.DataFrame[Any]) -> Iterator[_Row]:
    return ((row[_OF], log, row) for row in rows.iter_rows(named=True))


def _record(log: str, row: Mapping[str, Any], currency: str | None, own: Mapping[str, str]) -> Record:
    """Return the record of a row; a value that is missing gets the record's default."""
    shape = SHAPE_OF_KIND[_KINDS.get(log) or row["kind"]]
    values = {name: value for name, value in row.items() if value not in (MISSING, "")}
    cells: list[Cell] = [*EMPTY]
    for name, position in _CELLS[log]:
        cells[position] = values.get(name)
    fields = shape.fields_of(cells) | {name: values[name] for name in _IDS if name in values}
    if shape.record_class is Lead and fields.get("referred_by") == fields[_PERSON]:
        del fields["referred_by"]
    if shape.has_amount:
        fields |= {name: _money(values[name], currency) for name in ("amount", *MONEY) if name in values}
    if own:
        fields["columns"] = _own_values(row, own)
    return shape.record_class(**fields)


def _own_values(row: Mapping[str, Any], own: Mapping[str, str]) -> Mapping[str, OwnValue]:
    return {
        name: _OWN_VALUES[kind](row[name])
        for name, kind in own.items()
        if row[name] is not None and row[name] == row[name]  # pandas has NaN for a missing integer
    }


_OWN_VALUES: Mapping[str, Callable[[Any], Any]] = {"text": str, "whole": int, "truth": bool, "instant": instant}


def _money(amount: int, currency: str | None) -> Money:
    if currency is None:
        msg = "a history has amounts with their currency, and these logs have no currency"
        raise MoneyError(f"{msg}; make them with it, such as Logs(purchases=..., currency='IDR')")
    return Money.of_minor(amount, currency)


# ---- people ----------------------------------------------------------------------------------------------------------


class PeopleOfLogs(HistoriesOfLogs):
    """The part of `Logs` that joins a table of people."""

    _issues: tuple[Issue, ...]
    _notes: tuple[str, ...]
    _left_out: int

    @cached_property
    def _tables(self) -> LedgerTables:
        """Ledger tables, with the id of each person."""
        return LedgerTables(self._resolved(), collect_once, (self._own, self._frame_kind))

    def with_people(self, frame: object, columns: Mapping[str, str], *, on_issues: OnIssues = "raise") -> Self:
        """Return the logs with a table of people, whose own columns facts declare with `funnel.facts.column`.

        A column of a person has one value, which counts from the person's first record. A person of the logs who is
        missing in the table has the value of an empty cell: "", 0, False or never. A person without records is left out
        of every result. An earlier table of people is replaced.

        If the table has a column `as_of`, its values are of that instant, as those of a forecast: facts that read them
        at another instant are an error, and every buyer at that instant must be in the table.

        Args:
            frame: Dataframe on the engine of the logs, with one row for each person. Exact copies are read once.
            columns: The frame's column of each own column, and of `person_id` if it has another name:
                `{"person_id": "CustomerID", "tier": "Tier"}`. Ids become texts.
            on_issues: "raise" an error with all issues; or "split" the bad rows off, into `logs.issues`.

        Raises:
            LogsError: A person is empty, or has two rows that differ.
            ArgumentError: `columns` names a column that the frame does not have, or a name that cannot be used; or the
                table has a column `as_of`, and lacks people who bought by then.
            FactsError: The column `as_of` is not a column of instants, or has several.
            EngineError: The frame is on another engine.

        Example:
            >>> import polars as pl
            >>> from datetime import UTC, datetime
            >>> from funnel import Facts, Logs
            >>> from funnel.facts import column
            >>> class ShopFacts(Facts):
            ...     tier: str = column("tier", str)
            >>> orders = pl.DataFrame({"person_id": [7, 8], "purchased_at": ["2026-03-01"] * 2, "amount": [900, 500]})
            >>> people = pl.DataFrame({"CustomerID": [7], "Tier": ["gold"]})
            >>> logs = Logs.from_orders(orders, tz="UTC", currency="USD")
            >>> logs = logs.with_people(people, {"person_id": "CustomerID", "tier": "Tier"})
            >>> ShopFacts.over(logs, as_of=datetime(2026, 4, 1, tzinfo=UTC)).sort("person_id")["tier"].to_list()
            ['gold', None]
        """
        read = intake(frame, reading_of("people", columns, {}, tz=None, currency=None, amount="minor"), on_issues)
        records = next(iter(self._logs.values()))
        people = dict(read.logs)
        common_kind(
            {"records": InputFrame(records, self._frame_kind), "people": InputFrame(people["people"], read.frame_kind)}
        )
        for aliases in self._alias_frames:
            people = resolve_aliases(people, aliases)
        changed = self._with_logs({**self._logs, **each_once(people)})
        changed._own = {**self._own, **read.own}  # noqa: SLF001 (a copy)
        changed._issues, changed._notes = self._issues + read.issues, self._notes + read.notes  # noqa: SLF001 (a copy)
        changed._left_out = self._left_out + read.left_out  # noqa: SLF001 (a copy)
        changed._check_buyers()  # noqa: SLF001 (a copy)
        return changed

    def _check_buyers(self) -> None:
        """Check that a table of one instant has every person with a valid purchase at that instant.

        Raises:
            ArgumentError: People are missing.
        """
        tables = self._tables
        as_of = tables.people_as_of
        if as_of is None or "purchases" not in tables:
            return
        is_valid = (nw.col("start") <= as_of) & (nw.col("end") > as_of)
        has_values = ~nw.col(own_name(AS_OF_FIELD)).is_null()
        buyers = tables["purchases"].filter(is_valid).select("person_id")
        people = self._logs["people"].filter(has_values).select("person_id")
        missing = row_count(distinct(buyers.join(people, on="person_id", how="anti")))
        if missing:
            raise ArgumentError(
                f"the table of people is as of {instant(as_of).isoformat()} and lacks {missing:,} people who bought by "
                "then; make it from the same records, such as a new forecast"
            )
