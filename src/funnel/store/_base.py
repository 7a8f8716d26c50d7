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
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

from funnel._arguments import parse_as_of, parse_instant
from funnel._time import instant
from funnel.errors import RecordError, StaleError, StoreError
from funnel.history import History, trusted
from funnel.interactions import Complaint
from funnel.policy import Policy
from funnel.records import Customer, Record
from funnel.rules._rule import Rule
from funnel.store import _aliases, _export
from funnel.store._arguments import asked_by, each_of, limit_of, name_of, names_given, versions_of
from funnel.store._change import Change
from funnel.store._checked import checked, checked_customer
from funnel.store._customers import entry_of, refuse_erased
from funnel.store._damage import readable
from funnel.store._everyone import everyone
from funnel.store._frames import frames_of, logs_of
from funnel.store._judge import Judge
from funnel.store._protocol import Alias, AppendResult, Engine, StageRecord
from funnel.store._reading import history_of, person_of
from funnel.store._rows import rows_of
from funnel.store._tables import NEVER_EVALUATED, DuplicateKeyError, Found, Person, Tables
from funnel.store._writing import Writing, write

if TYPE_CHECKING:
    from types import TracebackType

    from funnel.logs import Logs

T = TypeVar("T")

BATCH = 50_000
"""Records in one transaction of a bulk load; smaller batches take half as long again."""

JUDGED = 100
"""People evaluated in one transaction; other writers of these people wait until it ends."""


def standing_of(person: Person) -> StageRecord:
    """Return the public stage record of a stored person."""
    judged, due = person.evaluated_at, person.due_at
    with readable("the date of a judgement cannot be read"):
        return StageRecord(
            person.canonical,
            person.version,
            person.stage,
            person.previous_stage,
            None if judged is None else instant(judged),
            None if due is None else instant(due),
        )


def _noted(found: Sequence[Found], evaluated_at: int, rule_fingerprint: int, tables: Tables) -> None:
    tables.judged(found, evaluated_at, rule_fingerprint)


class OfOneProcess:
    """Base of classes that hold a connection: instances cannot be copied or sent to another process."""

    def __reduce__(self) -> NoReturn:
        """Refuse copying and pickling.

        Raises:
            StoreError: Always.
        """
        msg = f"a store is not copied or pickled; open one in each process by its own call, {type(self).__name__}(...)"
        raise StoreError(msg)


class KeptStore(OfOneProcess, ABC):
    """A store over tables; see `funnel.store._protocol.Store` for each call."""

    def __init__(self, stage: Rule[Any, Any, Any] | None, policy: Policy | None) -> None:
        """Validate and keep the rule and the policy."""
        self._judge = Judge(*asked_by(stage, policy))

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

        def begun(tables: Tables) -> tuple[Change, T]:
            change = Change(tables)
            return change, work(tables, change)

        change, told = self._write(begun)
        self._judge.keep(change.judged)
        return told

    # ---- adding records --------------------------------------------------------------------------------------------

    def append(
        self, *records: Record, recorded_at: datetime, expected: Mapping[str, int] | None = None
    ) -> AppendResult:
        """Add records in any order and evaluate their people. Repeated records are skipped."""
        return self._put(records, Writing(parse_as_of(recorded_at, "recorded_at"), versions_of(expected)))

    def amend(self, *records: Record, recorded_at: datetime, expected: Mapping[str, int] | None = None) -> AppendResult:
        """Replace records with the same source and id, and evaluate their people."""
        return self._put(records, Writing(parse_as_of(recorded_at, "recorded_at"), versions_of(expected), amend=True))

    def load(self, records: Iterable[Record], *, recorded_at: datetime) -> AppendResult:
        """Add very many records without evaluating anyone; all their people are due."""
        what, added, repeated = Writing(parse_as_of(recorded_at, "recorded_at"), {}, judged=False), 0, 0
        rest = each_of("records", records)
        while batch := list(islice(rest, self._batch)):
            done = self._put(batch, what)
            added, repeated = added + done.added, repeated + done.repeated
        return AppendResult(added, repeated)

    @property
    def _batch(self) -> int:
        """Return the number of records or people in one transaction of a bulk write."""
        return BATCH

    def _put(self, records: Sequence[Record], what: Writing) -> AppendResult:
        given = list(map(checked, records))
        if not what.amend:
            with suppress(DuplicateKeyError, RecordError, StaleError):
                return self._change(partial(self._written, given, what, asked=False))
        return self._change(partial(self._written, given, what, asked=True))

    def _written(
        self, records: Sequence[Record], what: Writing, tables: Tables, change: Change, *, asked: bool
    ) -> AppendResult:
        """Write records in one transaction. Without the check for stored records, all count as new."""
        rows, repeated = rows_of(records)
        added = write(tables, change, rows, what, asked=asked) if rows else 0
        repeated += len(rows) - added
        if not added:
            return AppendResult(0, repeated)
        people = self._settled(tables, change, what.at, judged=what.judged)
        return AppendResult(added, repeated, tuple(map(self._standing, people)) if what.judged else ())

    def _settled(self, tables: Tables, change: Change, at: int, *, judged: bool = True) -> list[Person]:
        """Evaluate the people of a change, or mark them as due, and save every name."""
        touched = [change.people[root] for root in change.added]
        for person in touched:
            if judged:
                self._stand(tables, change, person, at)
            else:
                person.rule_fingerprint = NEVER_EVALUATED
        tables.save(change.people[name] for name in change.people)
        return touched

    def _stand(self, tables: Tables, change: Change, person: Person, at: int) -> None:
        root = person.person_id
        before, added = change.before[root], change.added[root]

        def read() -> History:
            if before or added is None or any(isinstance(one, Complaint) for one in added):
                return history_of(tables, root)
            # The store had no records of this person, so the added records are the whole history.
            return trusted(person.canonical, added, None)

        found = self._judge.refresh(root, person.canonical, (before, person.version), at, added, read)
        change.judged[root] = found
        person.previous_stage, person.evaluated_at = person.stage, at
        person.stage, person.due_at, person.rule_fingerprint = found.stage, found.due_at, self._judge.fingerprint

    def _standing(self, person: Person) -> StageRecord:
        """Return a person's stage record; without a stage if another rule or policy evaluated the person."""
        if person.rule_fingerprint == self._judge.fingerprint:
            return standing_of(person)
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
        entry = entry_of(checked_customer(customer))

        def written(tables: Tables, change: Change) -> StageRecord:
            change.know([entry.person_id, *versions])
            change.expect(versions)
            refuse_erased(tables, {entry.person_id, change.root(entry.person_id).canonical}, again=after_erasure)
            if entry in tables.entries([entry.person_id]):
                return self._standing(change.root(entry.person_id))
            change.touch(entry.person_id)
            tables.put_customer(entry)
            return self._standing(self._settled(tables, change, at)[0])

        return self._change(written)

    # ---- reading ---------------------------------------------------------------------------------------------------

    def history(self, person_id: str) -> History:
        """Return all records of one person, under the person's current name."""
        name = name_of("person_id", person_id)
        with self._reading() as tables:
            return history_of(tables, name)

    def stage_record(self, person_id: str) -> StageRecord | None:
        """Return a person's stage at the last evaluation; None if the person is unknown."""
        name = name_of("person_id", person_id)
        with self._reading() as tables:
            person = person_of(tables, name)
            return self._standing(person) if person.version else None

    def due(self, *, before: datetime, limit: int | None = None) -> list[str]:
        """Return the people whose stage may have changed by time alone, longest overdue first."""
        at, most = parse_instant(before, "before"), limit_of(limit)
        with self._reading() as tables:
            return list(tables.due(self._judge.fingerprint, at, most))

    def unresolved(self) -> list[tuple[str, str, str]]:
        """Return the kind, source and id of every record that refers to a missing record."""
        with self._reading() as tables:
            return [(row.kind, *row.key[1:]) for row in tables.unresolved()]

    def logs(self, *, engine: Engine = "polars") -> Logs:
        """Return everyone's records as tables, under the current names of people."""
        with self._reading() as tables:
            return logs_of(tables, engine)

    # ---- people ----------------------------------------------------------------------------------------------------

    def refresh(self, *people: str, as_of: datetime) -> list[StageRecord]:
        """Evaluate people again and store their stages."""
        at, names = parse_as_of(as_of, "as_of"), names_given("a person", people)
        told: dict[str, StageRecord] = {}

        def written(names: Sequence[str], tables: Tables, change: Change) -> list[StageRecord]:
            change.know(names)
            known = {person.person_id: person for person in map(change.root, names)}
            for root, person in known.items():
                if person.version and person.canonical not in told:
                    change.before[root], change.added[root] = person.version, []
            return [self._standing(person) for person in self._settled(tables, change, at)]

        for start in range(0, len(names), JUDGED):
            told |= {one.person_id: one for one in self._change(partial(written, names[start : start + JUDGED]))}
        return list(told.values())

    def refresh_all(self, *, as_of: datetime) -> int:
        """Evaluate everyone in one pass and store the stages."""
        at = parse_as_of(as_of, "as_of")
        with self._reading() as tables:
            frames, versions = frames_of(tables), tables.versions()
        found = everyone(frames, versions, self._judge, at)
        while batch := list(islice(found, self._batch)):
            self._write(partial(_noted, batch, at, self._judge.fingerprint))
        return len(versions)

    def merge(self, alias: str, *, into: str, merged_at: datetime) -> StageRecord:
        """Merge two names of one person. The name that `into` leads to is kept."""
        at, name, other = parse_as_of(merged_at, "merged_at"), name_of("alias", alias), name_of("into", into)

        def written(tables: Tables, change: Change) -> StageRecord:
            if _aliases.merge(tables, change, name, other, at):
                self._settled(tables, change, at)
            return self._standing(change.root(other))

        return self._change(written)

    def unmerge(self, alias: str, *, unmerged_at: datetime) -> tuple[StageRecord, StageRecord]:
        """Undo a merge: the alias is a separate person again."""
        at, name = parse_as_of(unmerged_at, "unmerged_at"), name_of("alias", alias)

        def written(tables: Tables, change: Change) -> tuple[StageRecord, StageRecord]:
            other = _aliases.unmerge(tables, change, name, at)
            self._settled(tables, change, at)
            return self._standing(change.root(name)), self._standing(change.root(other))

        return self._change(written)

    def aliases(self, person_id: str) -> list[Alias]:
        """Return all other names of a person, including undone merges."""
        name = name_of("person_id", person_id)
        with self._reading() as tables:
            return _aliases.aliases_of(tables, name)

    def export(self, person_id: str) -> str:
        """Return all stored data of one person as JSON, without contacts of referred people."""
        name = name_of("person_id", person_id)
        with self._reading() as tables:
            return _export.export(tables, name, self._judge.fingerprint)

    def erase(self, person_id: str) -> int:
        """Erase a person's personal data permanently; facts and counts stay."""
        name = name_of("person_id", person_id)

        def written(tables: Tables, change: Change) -> int:
            change.know([name])
            person = change.root(name)
            if not person.version:
                return 0
            erased = tables.erase(tables.group(person.person_id))
            person.version += erased > 0
            tables.save([person])
            return erased

        erased = self._change(written)
        self._wipe()
        return erased

    @abstractmethod
    def _wipe(self) -> None:
        """Remove traces of erased data, if the database leaves any."""
