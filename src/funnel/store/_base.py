"""Behaviour common to all stores: adding records, evaluating, merging and unmerging people.

A database adds only its transactions and its tables (`funnel.store._tables`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self, TypeVar, overload

import attrs

from funnel._arguments import parse_as_of, parse_instant
from funnel._time import instant
from funnel.errors import RecordError, StaleError, StoreError
from funnel.history import History, trusted
from funnel.interactions import Complaint
from funnel.policy import Policy
from funnel.records import Customer, Record
from funnel.rules._rule import Rule
from funnel.store import _aliases, _erasure
from funnel.store._arguments import (
    each_of,
    limit_of,
    name_of,
    names_of_people,
    rates_of,
    rule_and_policy,
    validate_customer,
    validate_record,
    versions_of,
)
from funnel.store._change import Change
from funnel.store._currencies import added_in_one_currency, as_they_came
from funnel.store._damage import readable
from funnel.store._evaluator import Evaluator, evaluate_all
from funnel.store._frames import frames_of, logs_of
from funnel.store._reading import entry_of, history_of, person_of, refuse_erased
from funnel.store._results import Alias, AppendResult, Engine, StageRecord
from funnel.store._rows import ID_ERASED, row_of, rows_of
from funnel.store._tables import NEVER_EVALUATED, DuplicateKeyError, Evaluation, Person, Tables
from funnel.store._writing import WriteOptions, write

if TYPE_CHECKING:
    from types import TracebackType

    from funnel.logs import Logs
    from funnel.rates import Rates
    from funnel.store._results import ArrowLogs, DuckdbLogs, PandasLogs, PolarsLogs

T = TypeVar("T")

BATCH = 50_000
"""Records in one transaction of a bulk load; smaller batches take half as long again."""

REFRESH_BATCH = 100
"""People evaluated in one transaction; other writers of these people wait until it ends."""


def stage_record_of(person: Person) -> StageRecord:
    """Return the public stage record of a stored person."""
    evaluated_at, due_at = person.evaluated_at, person.due_at
    with readable("the date of an evaluation cannot be read"):
        return StageRecord(
            person.canonical,
            person.version,
            person.stage,
            person.previous_stage,
            None if evaluated_at is None else instant(evaluated_at),
            None if due_at is None else instant(due_at),
        )


def _save(evaluations: Sequence[Evaluation], evaluated_at: int, rule_fingerprint: int, tables: Tables) -> None:
    tables.save_evaluations(evaluations, evaluated_at, rule_fingerprint)


class ProcessBound:
    """Base of classes that hold a connection: instances cannot be copied or sent to another process."""

    def __reduce__(self) -> NoReturn:
        """Refuse copying and pickling.

        Raises:
            StoreError: Always.
        """
        raise StoreError(f"a store cannot be copied or pickled; open one in each process: {type(self).__name__}(...)")


class TableStore(ProcessBound, ABC):
    """A store over tables; see `funnel.store._protocol.Store` for each call."""

    def __init__(self, stage: Rule[Any, Any, Any] | None, policy: Policy | None, rates: Rates | None) -> None:
        """Validate and keep the rule, the policy and the rates."""
        self._evaluator = Evaluator(*rule_and_policy(stage, policy), rates_of(rates))

    @property
    def policy(self) -> Policy:
        """The policy that the store was opened with."""
        return self._evaluator.policy

    @abstractmethod
    def _write(self, work: Callable[[Tables], T]) -> T:
        """Run work in one transaction: commit if nothing is raised, roll back otherwise.

        If two transactions conflict, a database may demand a retry. The work then runs again from the start, so it must
        not rely on anything that it has read before.
        """

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Tables]:
        """Return the tables as of one moment."""

    @abstractmethod
    def close(self) -> None:
        """Close the database."""

    def __enter__(self) -> Self:
        """Return the store, for use in a `with` block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the store."""
        self.close()

    def _change(self, work: Callable[[Tables, Change], T]) -> T:
        """Run work that changes people; after the commit, cache the evaluated people for their next record."""

        def run(tables: Tables) -> tuple[Change, T]:
            change = Change(tables)
            return change, work(tables, change)

        change, result = self._write(run)
        self._evaluator.keep(change.live_people)
        return result

    # ---- adding records --------------------------------------------------------------------------------------------

    def append(
        self, *records: Record, recorded_at: datetime, expected: Mapping[str, int] | None = None
    ) -> AppendResult:
        """Add records in any order and evaluate their people. Repeated records are skipped."""
        return self._put(records, WriteOptions(parse_as_of(recorded_at, "recorded_at"), versions_of(expected)))

    def amend(self, *records: Record, recorded_at: datetime, expected: Mapping[str, int] | None = None) -> AppendResult:
        """Replace records with the same source and id, and evaluate their people."""
        return self._put(
            records, WriteOptions(parse_as_of(recorded_at, "recorded_at"), versions_of(expected), amend=True)
        )

    def load(self, records: Iterable[Record], *, recorded_at: datetime) -> AppendResult:
        """Add very many records without evaluating anyone; all their people are due."""
        options, added, skipped = WriteOptions(parse_as_of(recorded_at, "recorded_at"), {}, evaluate=False), 0, 0
        rest = each_of("records", records)
        while batch := list(islice(rest, self._batch)):
            result = self._put(batch, options)
            added, skipped = added + result.added, skipped + result.skipped
        return AppendResult(added, skipped)

    @property
    def _batch(self) -> int:
        """Return the number of records or people in one transaction of a bulk write."""
        return BATCH

    def _put(self, records: Sequence[Record], options: WriteOptions) -> AppendResult:
        validated = list(map(validate_record, records))
        options = attrs.evolve(options, rates=self._evaluator.rates)
        if not options.amend:
            with suppress(DuplicateKeyError, RecordError, StaleError):
                return self._change(partial(self._write_records, validated, options, check_stored=False))
        return self._change(partial(self._write_records, validated, options, check_stored=True))

    def _write_records(
        self, records: Sequence[Record], options: WriteOptions, tables: Tables, change: Change, *, check_stored: bool
    ) -> AppendResult:
        """Write records in one transaction. Without the check for stored records, all count as new."""
        if options.rates is not None:
            records = as_they_came(tables, records, options.rates)
        rows, skipped = rows_of(records)
        added = write(tables, change, rows, options, check_stored=check_stored) if rows else 0
        skipped += len(rows) - added
        if not added:
            return AppendResult(0, skipped)
        people = self._save_people(tables, change, options.at, evaluate=options.evaluate)
        return AppendResult(added, skipped, tuple(map(self._stage_record, people)) if options.evaluate else ())

    def _save_people(self, tables: Tables, change: Change, at: int, *, evaluate: bool = True) -> list[Person]:
        """Evaluate the people of a change, or mark them as due, and save every name."""
        changed = [change.people[group_id] for group_id in change.added]
        for person in changed:
            if evaluate:
                self._evaluate(tables, change, person, at)
            else:
                person.rule_fingerprint = NEVER_EVALUATED
        tables.save(change.people[name] for name in change.people)
        return changed

    def _evaluate(self, tables: Tables, change: Change, person: Person, at: int) -> None:
        group_id = person.person_id
        rates, before = self._evaluator.rates, change.versions_before[group_id]
        added = added_in_one_currency(change.added[group_id], rates)

        def read() -> History:
            if before or added is None or any(isinstance(one, Complaint) for one in added):
                return history_of(tables, group_id, rates)
            # The store had no records of this person, so the added records are the whole history.
            return trusted(person.canonical, added, None)

        last = change.evaluated_before.get(group_id)
        live = self._evaluator.refresh(person, (before, last), at, added, read)
        change.live_people[group_id] = live
        person.previous_stage, person.evaluated_at = person.stage, at
        person.stage, person.due_at, person.rule_fingerprint = live.stage, live.due_at, self._evaluator.fingerprint

    def _stage_record(self, person: Person) -> StageRecord:
        """Return a person's stage record; without a stage if another rule or policy evaluated the person."""
        if person.rule_fingerprint == self._evaluator.fingerprint:
            return stage_record_of(person)
        return StageRecord(person.canonical, person.version, None, None, None, None)

    def put_customer(
        self,
        customer: Customer,
        *,
        recorded_at: datetime,
        expected: Mapping[str, int] | None = None,
        after_erasure: bool = False,
    ) -> StageRecord:
        """Write a customer into the customer book; the same entry again changes nothing."""
        at, versions = parse_as_of(recorded_at, "recorded_at"), versions_of(expected)
        entry = entry_of(validate_customer(customer))

        def work(tables: Tables, change: Change) -> StageRecord:
            change.read([entry.person_id, *versions])
            change.expect(versions)
            refuse_erased(tables, {entry.person_id, change.person(entry.person_id).canonical}, is_allowed=after_erasure)
            if entry in tables.entries([entry.person_id]):
                return self._stage_record(change.person(entry.person_id))
            change.touch(entry.person_id)
            tables.put_customer(entry)
            return self._stage_record(self._save_people(tables, change, at)[0])

        return self._change(work)

    # ---- reading ---------------------------------------------------------------------------------------------------

    def history(self, person_id: str) -> History:
        """Return all records of one person, under the person's current name."""
        name = name_of("person_id", person_id)
        with self._reading() as tables:
            return history_of(tables, name, self._evaluator.rates)

    def stage_record(self, person_id: str) -> StageRecord | None:
        """Return a person's stage at the last evaluation; None if the person is unknown."""
        name = name_of("person_id", person_id)
        with self._reading() as tables:
            person = person_of(tables, name)
            return self._stage_record(person) if person.version else None

    def due(self, *, before: datetime, limit: int | None = None) -> list[str]:
        """Return the people whose stage may have changed by time alone, longest overdue first."""
        at, max_people = parse_instant(before, "before"), limit_of(limit)
        with self._reading() as tables:
            return list(tables.due(self._evaluator.fingerprint, at, max_people))

    def unresolved(self) -> list[tuple[str, str, str]]:
        """Return the kind, source and id of every record that refers to a missing record."""
        with self._reading() as tables:
            return [(row.kind, *row.key[1:]) for row in tables.unresolved()]

    @overload
    def logs(self, *, engine: Literal["polars"] = "polars", currency: str | None = None) -> PolarsLogs: ...
    @overload
    def logs(self, *, engine: Literal["pandas"], currency: str | None = None) -> PandasLogs: ...
    @overload
    def logs(self, *, engine: Literal["pyarrow"], currency: str | None = None) -> ArrowLogs: ...
    @overload
    def logs(self, *, engine: Literal["duckdb"], currency: str | None = None) -> DuckdbLogs: ...
    def logs(self, *, engine: Engine = "polars", currency: str | None = None) -> Logs:
        """Return everyone's records as tables, under the current names of people."""
        with self._reading() as tables:
            return logs_of(tables, engine, currency, self._evaluator.rates)

    # ---- people ----------------------------------------------------------------------------------------------------

    def refresh(self, *people: str, as_of: datetime) -> list[StageRecord]:
        """Evaluate people again and store their stages."""
        at, names = parse_as_of(as_of, "as_of"), names_of_people("a person", people)
        stage_records: dict[str, StageRecord] = {}

        def work(names: Sequence[str], tables: Tables, change: Change) -> list[StageRecord]:
            change.read(names)
            people = {person.person_id: person for person in map(change.person, names)}
            for group_id, person in people.items():
                if person.version and person.canonical not in stage_records:
                    change.versions_before[group_id], change.added[group_id] = person.version, []
            return [self._stage_record(person) for person in self._save_people(tables, change, at)]

        for start in range(0, len(names), REFRESH_BATCH):
            stage_records |= {
                one.person_id: one for one in self._change(partial(work, names[start : start + REFRESH_BATCH]))
            }
        return list(stage_records.values())

    def refresh_all(self, *, as_of: datetime) -> int:
        """Evaluate everyone in one pass and store the stages."""
        at = parse_as_of(as_of, "as_of")
        with self._reading() as tables:
            frames, versions = frames_of(tables), tables.versions()
        evaluations = evaluate_all(frames, versions, self._evaluator, at)
        while batch := list(islice(evaluations, self._batch)):
            self._write(partial(_save, batch, at, self._evaluator.fingerprint))
        return len(versions)

    def merge(self, alias: str, *, into: str, merged_at: datetime) -> StageRecord:
        """Merge two names of one person. The name that `into` leads to is kept."""
        at, name, other = parse_as_of(merged_at, "merged_at"), name_of("alias", alias), name_of("into", into)

        def work(tables: Tables, change: Change) -> StageRecord:
            if _aliases.merge(tables, change, name, other, at):
                self._save_people(tables, change, at)
            return self._stage_record(change.person(other))

        return self._change(work)

    def unmerge(self, alias: str, *, unmerged_at: datetime) -> tuple[StageRecord, StageRecord]:
        """Undo a merge: the alias is a separate person again."""
        at, name = parse_as_of(unmerged_at, "unmerged_at"), name_of("alias", alias)

        def work(tables: Tables, change: Change) -> tuple[StageRecord, StageRecord]:
            other = _aliases.unmerge(tables, change, name, at)
            self._save_people(tables, change, at)
            return self._stage_record(change.person(name)), self._stage_record(change.person(other))

        return self._change(work)

    def aliases(self, person_id: str) -> list[Alias]:
        """Return all other names of a person, including undone merges."""
        name = name_of("person_id", person_id)
        with self._reading() as tables:
            return _aliases.aliases_of(tables, name)

    def export(self, person_id: str) -> str:
        """Return all stored data of one person as JSON, without contacts of referred people."""
        name = name_of("person_id", person_id)
        with self._reading() as tables:
            return _erasure.export(tables, name, self._evaluator.fingerprint)

    def erase(self, person_id: str, *, new_id: str | None = None) -> int:
        """Erase a person's personal data permanently, also the id if there is a new one; facts and counts stay."""
        name, other = name_of("person_id", person_id), None if new_id is None else name_of("new_id", new_id)
        erased = self._change(lambda tables, change: _erasure.erase(tables, change, name, other))
        self._wipe()
        return erased

    # ---- webhooks --------------------------------------------------------------------------------------------------

    def _keep_newest(self, key: str, state: str) -> str:
        """Keep the greatest state of a key of a webhook in one transaction, and return it."""
        return self._write(lambda tables: tables.keep_newest(key, state))

    def _id_after_erasure(self, record: Record) -> str | None:
        """Return the id that `erase` gave the person of a stored record; None if the id was not erased."""
        row = row_of(record)
        with self._reading() as tables:
            stored = tables.rows_with([row.key]).get(row.key)
        return stored.person_id if stored is not None and stored.personal_data_state == ID_ERASED else None

    @abstractmethod
    def _wipe(self) -> None:
        """Remove traces of erased data, if the database leaves any."""
