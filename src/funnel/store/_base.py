"""What all stores have in common: how records come in, how people are judged, merged and parted.

A database adds its transactions and its tables (`funnel.store._tables`), nothing else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Self, TypeVar

from funnel._instants import instant, micros
from funnel._rule import Rule
from funnel.errors import InstantError, RecordError, StaleError
from funnel.history import History
from funnel.policy import Policy
from funnel.records import Customer, Record
from funnel.stages import stage as stage_of_the_funnel
from funnel.store import _aliases, _export
from funnel.store._change import Change
from funnel.store._checks import pairs_of, referring_to, refuse_untrue, targets_of
from funnel.store._everyone import everyone
from funnel.store._frames import frames_of, logs_of
from funnel.store._judge import Judge
from funnel.store._reading import history_of, names_of
from funnel.store._rows import NOBODY, SENDER, Key, Row, differing, entry_of, refuse_other, rows_of
from funnel.store._tables import NOT_YET, Entry, Found, Person, Tables, TakenError
from funnel.store.protocol import Alias, Engine, Receipt, Standing

if TYPE_CHECKING:
    from types import TracebackType

    from funnel.logs import Logs

T = TypeVar("T")

BATCH = 50_000
"""How many records are written in one transaction where very many are loaded; fewer take half as long again."""


def told_at(name: str, moment: object) -> int:
    """An instant that was given as an argument, in microseconds.

    Raises:
        InstantError: It is no aware datetime.
    """
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        kind = "a naive datetime" if isinstance(moment, datetime) else type(moment).__name__
        msg = f"{name} is {kind}; give an aware datetime, such as datetime(2026, 3, 1, tzinfo=UTC)"
        raise InstantError(msg)
    return micros(moment)


def standing_of(person: Person) -> Standing:
    """What is kept of a person's stage, as it is shown."""
    judged, due = person.judged_at, person.due_at
    return Standing(
        person.person_id,
        person.version,
        person.stage,
        person.former,
        None if judged is None else instant(judged),
        None if due is None else instant(due),
    )


def _noted(found: Sequence[Found], judged_at: int, judged_by: int, tables: Tables) -> None:
    tables.judged(found, judged_at, judged_by)


class KeptStore(ABC):
    """A store over tables; see `funnel.store.protocol.Store` for what each call means."""

    def __init__(self, stage: Rule[Any, Any, Any] | None, policy: Policy | None) -> None:
        """Judge by this rule and these numbers."""
        self._judge = Judge(stage or stage_of_the_funnel, policy or Policy())

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
        return self._put(records, told_at("recorded_at", recorded_at), expected or {}, amend=False)

    def amend(self, *records: Record, recorded_at: datetime, expected: Mapping[str, int] | None = None) -> Receipt:
        """Put records in the place of those with the same source and id, and judge whom they are of."""
        return self._put(records, told_at("recorded_at", recorded_at), expected or {}, amend=True)

    def load(self, records: Iterable[Record], *, recorded_at: datetime) -> Receipt:
        """Add very many records without judging anyone; everyone they are of is due."""
        at, added, repeated, rest = told_at("recorded_at", recorded_at), 0, 0, iter(records)
        while batch := list(islice(rest, BATCH)):
            done = self._put(batch, at, {}, amend=False, judged=False)
            added, repeated = added + done.added, repeated + done.repeated
        return Receipt(added, repeated)

    def _put(
        self, records: Sequence[Record], at: int, expected: Mapping[str, int], *, amend: bool, judged: bool = True
    ) -> Receipt:
        if not amend:
            with suppress(TakenError, RecordError, StaleError):
                return self._change(partial(self._written, records, at, expected, judged=judged))
        return self._change(partial(self._written, records, at, expected, judged=judged, asked=True, amend=amend))

    def _written(  # noqa: PLR0913 - all that a change is made of
        self,
        records: Sequence[Record],
        at: int,
        expected: Mapping[str, int],
        tables: Tables,
        change: Change,
        *,
        judged: bool,
        asked: bool = False,
        amend: bool = False,
    ) -> Receipt:
        """Write records in one transaction; where it is not asked which of them are there, all are held to be new."""
        rows, repeated = rows_of(records)
        kept: Mapping[Key, Row] = tables.found(list(rows)) if asked else {}
        fresh = {key: row for key, row in rows.items() if key not in kept} if kept else rows
        changed = _changed(rows, kept, amend=amend) if kept else {}
        repeated += len(rows) - len(fresh) - len(changed)
        if not fresh and not changed:
            return Receipt(0, repeated)
        _take_in(tables, change, fresh, changed, kept, at, expected, judged=judged)
        people = self._settled(tables, change, at, judged=judged)
        return Receipt(len(fresh) + len(changed), repeated, tuple(map(self._standing, people)) if judged else ())

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
        versions = (change.before[root], person.version)
        found = self._judge.judge(root, versions, at, change.added[root], lambda: history_of(tables, root))
        change.judged[root] = found
        person.former, person.judged_at = person.stage, at
        person.stage, person.due_at, person.judged_by = found.stage, found.due_at, self._judge.fingerprint

    def _standing(self, person: Person) -> Standing:
        """Where a person stands by this store's rule and policy; what others judged is not told."""
        if person.judged_by == self._judge.fingerprint:
            return standing_of(person)
        return Standing(person.person_id, person.version, None, None, None, None)

    def enter(
        self, customer: Customer, *, recorded_at: datetime, expected: Mapping[str, int] | None = None
    ) -> Standing:
        """Write a customer into the shop's book, in place of what stood there of them."""
        at, name = told_at("recorded_at", recorded_at), customer.person_id
        since = None if customer.since is None else micros(customer.since)

        def write(tables: Tables, change: Change) -> Standing:
            change.know([name])
            change.expect(expected or {})
            change.touch(name)
            tables.enter(Entry(name, since, entry_of(customer)))
            return self._standing(self._settled(tables, change, at)[0])

        return self._change(write)

    # ---- what is kept is read --------------------------------------------------------------------------------------

    def history(self, person_id: str) -> History:
        """Everything on record of one person, under the name that they are known by now."""
        with self._reading() as tables:
            return history_of(tables, person_id)

    def standing(self, person_id: str) -> Standing | None:
        """Where a person stood at the last judgement; None where nothing is known of them."""
        with self._reading() as tables:
            change = Change(tables)
            change.know([person_id])
            person = change.root(person_id)
            return self._standing(person) if person.version else None

    def due(self, *, before: datetime, limit: int = 1_000) -> list[str]:
        """Whose stage may have changed by itself before an instant, the longest overdue first."""
        with self._reading() as tables:
            return list(tables.due(self._judge.fingerprint, told_at("before", before), limit))

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
        at = told_at("as_of", as_of)

        def write(tables: Tables, change: Change) -> list[Standing]:
            change.know(people)
            known = {change.root(name).person_id: change.root(name) for name in people if change.root(name).version}
            for root, person in known.items():
                change.before[root], change.added[root] = person.version, []
            return [self._standing(person) for person in self._settled(tables, change, at)]

        return self._change(write)

    def judge_everyone(self, *, as_of: datetime) -> int:
        """Judge everyone in one pass, and keep where they stand."""
        at = told_at("as_of", as_of)
        with self._reading() as tables:
            frames, versions = frames_of(tables), tables.versions()
        found = everyone(frames, versions, self._judge, at)
        while batch := list(islice(found, BATCH)):
            self._write(partial(_noted, batch, at, self._judge.fingerprint))
        return len(versions)

    def merge(self, alias: str, *, into: str, merged_at: datetime) -> Standing:
        """Two names are one person: from now on they are known by the name that `into` leads to."""
        at = told_at("merged_at", merged_at)

        def write(tables: Tables, change: Change) -> Standing:
            if _aliases.merge(tables, change, alias, into, at):
                self._settled(tables, change, at)
            return self._standing(change.root(into))

        return self._change(write)

    def part(self, alias: str, *, parted_at: datetime) -> tuple[Standing, Standing]:
        """A merge was wrong: the alias is a person of its own again."""
        at = told_at("parted_at", parted_at)

        def write(tables: Tables, change: Change) -> tuple[Standing, Standing]:
            other = _aliases.part(tables, change, alias, at)
            self._settled(tables, change, at)
            return self._standing(change.root(alias)), self._standing(change.root(other))

        return self._change(write)

    def aliases(self, person_id: str) -> list[Alias]:
        """Every other name that a person goes by, or once was held to."""
        with self._reading() as tables:
            return _aliases.aliases_of(tables, person_id)

    def export(self, person_id: str) -> str:
        """All that is kept of one person as JSON; the contacts of people they sent are left out."""
        with self._reading() as tables:
            return _export.export(tables, person_id, self._judge.fingerprint)

    def erase(self, person_id: str) -> int:
        """Take away a person's name, address, contacts and words for good; facts and counts stay as they are."""

        def write(tables: Tables, change: Change) -> int:
            root, names = names_of(tables, person_id)
            erased = tables.erase(names)
            if erased:
                change.know([root])
                change.root(root).version += 1
                tables.save([change.root(root)])
            return erased

        erased = self._change(write)
        self._wipe()
        return erased

    @abstractmethod
    def _wipe(self) -> None:
        """Take away the traces of what was erased, where the database leaves any."""


def _changed(rows: Mapping[Key, Row], kept: Mapping[Key, Row], *, amend: bool) -> dict[Key, Row]:
    """The rows that say something else than what is kept: none, where they are not to amend it."""
    if amend:
        return {key: rows[key] for key, old in kept.items() if differing(old, rows[key])}
    for key, old in kept.items():
        refuse_other(old, rows[key])
    return {}


def _take_in(  # noqa: PLR0913, PLR0917 - all that a change is made of
    tables: Tables,
    change: Change,
    fresh: Mapping[Key, Row],
    changed: Mapping[Key, Row],
    kept: Mapping[Key, Row],
    at: int,
    expected: Mapping[str, int],
    *,
    judged: bool,
) -> None:
    """Look at rows that are new or changed, give each its person and version, and write them."""
    rows = {**fresh, **changed} if changed else fresh
    targets = targets_of(tables, rows)
    referring = referring_to(tables, rows)
    refuse_untrue(tables, rows, targets, referring)
    claimed = _claimed(rows, targets, referring)
    former = [kept[key] for key in changed]
    change.know(list(_people_of([*rows.values(), *referring, *former, *targets.values()])))
    change.expect(expected)
    for row in fresh.values():
        change.add(row, waits=not judged or _waits(change, row, targets))
    for row in (*former, *referring):
        change.anew(row.person_id)
    for row in former:
        change.anew(row["referred_by"] or NOBODY)
    for row in (*changed.values(), *claimed):
        change.add(row, waits=True)
        change.anew(row.person_id)
    change.agree_on_currency(fresh.values())
    tables.insert(list(fresh.values()), at)
    tables.replace([*changed.values(), *claimed], at)
    if changed or claimed:
        for root in change.added:
            change.settle_currency(root)


def _claimed(rows: Mapping[Key, Row], targets: Mapping[Key, Row], referring: Iterable[Row]) -> list[Row]:
    """Let every refund be of the person of its purchase, and give those that are kept and were of another."""
    claimed: list[Row] = []
    for row, purchase in (*pairs_of(rows.values(), targets), *pairs_of(referring, rows)):
        if row.kind != "refund" or row.person_id == purchase.person_id:
            continue
        row.person_id = purchase.person_id
        if row.key not in rows:
            claimed.append(row)
    return claimed


def _people_of(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        yield row.person_id
        if row.said[SENDER] is not None:
            yield str(row.said[SENDER])


def _waits(change: Change, row: Row, targets: Mapping[Key, Row]) -> bool:
    """Whether a row refers to what is not in the history of its person; a complaint is heard all the same."""
    if row.target is None or row.kind == "complaint":
        return False
    target = targets.get(row.target)
    return target is None or change.root(target.person_id) is not change.root(row.person_id)
