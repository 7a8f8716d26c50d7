"""What all stores have in common: how records come in, how people are judged, merged and parted.

A database adds its transactions and its tables (`funnel.store._tables`), nothing else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

from funnel._given import judgement, moment_of
from funnel._instants import instant
from funnel._rule import Rule
from funnel.errors import RecordError, StaleError, StoreError
from funnel.history import History, checked_before
from funnel.interactions import Complaint
from funnel.policy import Policy
from funnel.records import Customer, Record
from funnel.store import _aliases, _export
from funnel.store._arguments import (
    asked_by,
    each_of,
    limit_of,
    name_of,
    names_given,
    versions_of,
)
from funnel.store._book import entry_of, refuse_erased
from funnel.store._change import Change
from funnel.store._checked import checked, checked_customer
from funnel.store._damage import readable
from funnel.store._everyone import everyone
from funnel.store._frames import frames_of, logs_of
from funnel.store._judge import Judge
from funnel.store._reading import history_of, person_of
from funnel.store._rows import rows_of
from funnel.store._tables import NOT_YET, Found, Person, Tables, TakenError
from funnel.store._writing import Writing, write
from funnel.store.protocol import Alias, Engine, Receipt, Standing

if TYPE_CHECKING:
    from types import TracebackType

    from funnel.logs import Logs

T = TypeVar("T")

BATCH = 50_000
"""How many records are written in one transaction where very many are loaded; fewer take half as long again."""

JUDGED = 100
"""How many people are judged in one transaction; others wait for these people until it ends."""


def standing_of(person: Person) -> Standing:
    """What is kept of a person's stage, as it is shown."""
    judged, due = person.judged_at, person.due_at
    with readable("the date of a judgement cannot be read"):
        return Standing(
            person.canonical,
            person.version,
            person.stage,
            person.former,
            None if judged is None else instant(judged),
            None if due is None else instant(due),
        )


def _noted(found: Sequence[Found], judged_at: int, judged_by: int, tables: Tables) -> None:
    tables.judged(found, judged_at, judged_by)


class OfOneProcess:
    """Base of what holds a connection: it is not copied, and not sent to another process."""

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied or pickled.

        Raises:
            StoreError: Always.
        """
        msg = f"a store is not copied or pickled; open one in each process by its own call, {type(self).__name__}(...)"
        raise StoreError(msg)


class KeptStore(OfOneProcess, ABC):
    """A store over tables; see `funnel.store.protocol.Store` for what each call means."""

    def __init__(self, stage: Rule[Any, Any, Any] | None, policy: Policy | None) -> None:
        """Judge by this rule and these numbers."""
        self._judge = Judge(*asked_by(stage, policy))

    @abstractmethod
    def _write(self, work: Callable[[Tables], T]) -> T:
        """Do work inside one transaction, that is kept if nothing is raised, and otherwise was never there.

        Where two transactions meet, a database may ask for one of them again: the work is done once more from its
        beginning, and must not count on anything that it has read before.
        """

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Tables]:
        """The tables as they are at one moment."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the database."""

    def __enter__(self) -> Self:
        """Use the store until the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _change(self, work: Callable[[Tables, Change], T]) -> T:
        """Do work that changes people; who was judged is kept ready for their next record once it is written."""

        def begun(tables: Tables) -> tuple[Change, T]:
            change = Change(tables)
            return change, work(tables, change)

        change, told = self._write(begun)
        self._judge.keep(change.judged)
        return told

    # ---- records come in -------------------------------------------------------------------------------------------

    def append(self, *records: Record, recorded_at: datetime, expected: Mapping[str, int] | None = None) -> Receipt:
        """Add records, in whatever order and however often they come, and judge whom they are of."""
        return self._put(records, Writing(judgement(recorded_at, "recorded_at"), versions_of(expected)))

    def amend(self, *records: Record, recorded_at: datetime, expected: Mapping[str, int] | None = None) -> Receipt:
        """Put records in the place of those with the same source and id, and judge whom they are of."""
        return self._put(records, Writing(judgement(recorded_at, "recorded_at"), versions_of(expected), amend=True))

    def load(self, records: Iterable[Record], *, recorded_at: datetime) -> Receipt:
        """Add very many records without judging anyone; everyone they are of is due."""
        what, added, repeated = Writing(judgement(recorded_at, "recorded_at"), {}, judged=False), 0, 0
        rest = each_of("records", records)
        while batch := list(islice(rest, self._batch)):
            done = self._put(batch, what)
            added, repeated = added + done.added, repeated + done.repeated
        return Receipt(added, repeated)

    @property
    def _batch(self) -> int:
        """Return how many records, or people, are written in one transaction where there are very many."""
        return BATCH

    def _put(self, records: Sequence[Record], what: Writing) -> Receipt:
        given = list(map(checked, records))
        if not what.amend:
            with suppress(TakenError, RecordError, StaleError):
                return self._change(partial(self._written, given, what, asked=False))
        return self._change(partial(self._written, given, what, asked=True))

    def _written(
        self, records: Sequence[Record], what: Writing, tables: Tables, change: Change, *, asked: bool
    ) -> Receipt:
        """Write records in one transaction; where it is not asked which of them are there, all are held to be new."""
        rows, repeated = rows_of(records)
        added = write(tables, change, rows, what, asked=asked) if rows else 0
        repeated += len(rows) - added
        if not added:
            return Receipt(0, repeated)
        people = self._settled(tables, change, what.at, judged=what.judged)
        return Receipt(added, repeated, tuple(map(self._standing, people)) if what.judged else ())

    def _settled(self, tables: Tables, change: Change, at: int, *, judged: bool = True) -> list[Person]:
        """Judge the people of a change, or let them be due, and write what is known of every name."""
        touched = [change.people[root] for root in change.added]
        for person in touched:
            if judged:
                self._stand(tables, change, person, at)
            else:
                person.judged_by = NOT_YET
        tables.save(change.people[name] for name in change.people)
        return touched

    def _stand(self, tables: Tables, change: Change, person: Person, at: int) -> None:
        root = person.person_id
        before, added = change.before[root], change.added[root]

        def read() -> History:
            if before or added is None or any(isinstance(one, Complaint) for one in added):
                return history_of(tables, root)
            # Nothing was kept before, so what is added is all there is.
            return checked_before(person.canonical, added, None)

        found = self._judge.judge(root, person.canonical, (before, person.version), at, added, read)
        change.judged[root] = found
        person.former, person.judged_at = person.stage, at
        person.stage, person.due_at, person.judged_by = found.stage, found.due_at, self._judge.fingerprint

    def _standing(self, person: Person) -> Standing:
        """Where a person stands by this store's rule and policy; what others judged is not told."""
        if person.judged_by == self._judge.fingerprint:
            return standing_of(person)
        return Standing(person.canonical, person.version, None, None, None, None)

    def enter(
        self,
        customer: Customer,
        *,
        recorded_at: datetime,
        expected: Mapping[str, int] | None = None,
        after_erasure: bool = False,
    ) -> Standing:
        """Write a customer into the shop's book, in place of the former entry; the same entry changes nothing."""
        at, versions = judgement(recorded_at, "recorded_at"), versions_of(expected)
        entry = entry_of(checked_customer(customer))

        def written(tables: Tables, change: Change) -> Standing:
            change.know([entry.person_id, *versions])
            change.expect(versions)
            refuse_erased(tables, {entry.person_id, change.root(entry.person_id).canonical}, again=after_erasure)
            if entry in tables.entries([entry.person_id]):
                return self._standing(change.root(entry.person_id))
            change.touch(entry.person_id)
            tables.enter(entry)
            return self._standing(self._settled(tables, change, at)[0])

        return self._change(written)

    # ---- what is kept is read --------------------------------------------------------------------------------------

    def history(self, person_id: str) -> History:
        """Everything on record of one person, under the name that they are known by now."""
        name = name_of("person_id", person_id)
        with self._reading() as tables:
            return history_of(tables, name)

    def standing(self, person_id: str) -> Standing | None:
        """Where a person stood at the last judgement; None where nothing is known of them."""
        name = name_of("person_id", person_id)
        with self._reading() as tables:
            person = person_of(tables, name)
            return self._standing(person) if person.version else None

    def due(self, *, before: datetime, limit: int | None = None) -> list[str]:
        """Whose stage may have changed by itself before an instant, the longest overdue first."""
        at, most = moment_of(before, "before"), limit_of(limit)
        with self._reading() as tables:
            return list(tables.due(self._judge.fingerprint, at, most))

    def waiting(self) -> list[tuple[str, str, str]]:
        """The kind, source and id of every record that waits for what it refers to."""
        with self._reading() as tables:
            return [(row.kind, *row.key[1:]) for row in tables.waiting()]

    def logs(self, *, engine: Engine = "polars") -> Logs:
        """Everyone's records as tables, under the names that people are known by now."""
        with self._reading() as tables:
            return logs_of(tables, engine)

    # ---- people ----------------------------------------------------------------------------------------------------

    def judge(self, *people: str, as_of: datetime) -> list[Standing]:
        """Judge people again, and keep where they stand."""
        at, names = judgement(as_of, "as_of"), names_given("a person", people)
        told: dict[str, Standing] = {}

        def written(names: Sequence[str], tables: Tables, change: Change) -> list[Standing]:
            change.know(names)
            known = {person.person_id: person for person in map(change.root, names)}
            for root, person in known.items():
                if person.version and person.canonical not in told:
                    change.before[root], change.added[root] = person.version, []
            return [self._standing(person) for person in self._settled(tables, change, at)]

        for start in range(0, len(names), JUDGED):
            told |= {one.person_id: one for one in self._change(partial(written, names[start : start + JUDGED]))}
        return list(told.values())

    def judge_everyone(self, *, as_of: datetime) -> int:
        """Judge everyone in one pass, and keep where they stand."""
        at = judgement(as_of, "as_of")
        with self._reading() as tables:
            frames, versions = frames_of(tables), tables.versions()
        found = everyone(frames, versions, self._judge, at)
        while batch := list(islice(found, self._batch)):
            self._write(partial(_noted, batch, at, self._judge.fingerprint))
        return len(versions)

    def merge(self, alias: str, *, into: str, merged_at: datetime) -> Standing:
        """Two names are one person: from now on they are known by the name that `into` leads to."""
        at, name, other = judgement(merged_at, "merged_at"), name_of("alias", alias), name_of("into", into)

        def written(tables: Tables, change: Change) -> Standing:
            if _aliases.merge(tables, change, name, other, at):
                self._settled(tables, change, at)
            return self._standing(change.root(other))

        return self._change(written)

    def part(self, alias: str, *, parted_at: datetime) -> tuple[Standing, Standing]:
        """A merge was wrong: the alias is a person of its own again."""
        at, name = judgement(parted_at, "parted_at"), name_of("alias", alias)

        def written(tables: Tables, change: Change) -> tuple[Standing, Standing]:
            other = _aliases.part(tables, change, name, at)
            self._settled(tables, change, at)
            return self._standing(change.root(name)), self._standing(change.root(other))

        return self._change(written)

    def aliases(self, person_id: str) -> list[Alias]:
        """Every other name that a person goes by, or once was held to."""
        name = name_of("person_id", person_id)
        with self._reading() as tables:
            return _aliases.aliases_of(tables, name)

    def export(self, person_id: str) -> str:
        """All that is kept of one person as JSON; the contacts of people they sent are left out."""
        name = name_of("person_id", person_id)
        with self._reading() as tables:
            return _export.export(tables, name, self._judge.fingerprint)

    def erase(self, person_id: str) -> int:
        """Take away a person's name, address, contacts and words for good; facts and counts stay as they are."""
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
        """Take away the traces of what was erased, where the database leaves any."""
