"""One change of a store inside one transaction: new versions, and records added to people."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from funnel._record_columns import REFERRER
from funnel.errors import StaleError
from funnel.records import Record
from funnel.store._damage import damaged
from funnel.store._evaluator import LivePerson
from funnel.store._rows import UNKNOWN_PERSON, Row
from funnel.store._tables import Person, Tables

MOST_CHANGES = 2**62
"""Maximum number of changes of a person; beyond it a database integer would overflow."""


class Change:
    """The people affected by one change.

    Attributes:
        people: The row of every name that was read.
        versions_before: Version of each person before the change, by group.
        evaluated_before: Instant of the last evaluation before the change, by group.
        added: Records added to each person; None if the history changed in another way too.
        live_people: The evaluated people, cached for their next record once the change is written.
    """

    def __init__(self, tables: Tables) -> None:
        """Start with no people read."""
        self._tables = tables
        self.people: dict[str, Person] = {}
        self.versions_before: dict[str, int] = {}
        self.evaluated_before: dict[str, int | None] = {}
        self.added: dict[str, list[Record] | None] = {}
        self.live_people: dict[str, LivePerson] = {}

    def read(self, names: Collection[str]) -> None:
        """Read and lock the rows of names and of their groups.

        Raises:
            StoreError: A name leads to a missing name, or to a circle of names.
        """
        missing = [name for name in dict.fromkeys(names) if name not in self.people]
        if not missing:
            return
        stored = self._tables.lock(missing)
        if any(
            stored[one.group_id].group_id != one.group_id if one.group_id in stored else True for one in stored.values()
        ):
            raise damaged("a name leads to a missing name, or to a circle of names")
        if any(not 0 <= one.version < MOST_CHANGES for one in stored.values()):
            raise damaged("the version of a person is out of range")
        self.evaluated_before = {name: one.evaluated_at for name, one in stored.items()} | self.evaluated_before
        self.people = {**{name: Person(name, name) for name in missing}, **stored, **self.people}

    def person(self, name: str) -> Person:
        """Return the row that holds a person, by any name."""
        return self.people[self.people[name].group_id]

    def expect(self, expected: Mapping[str, int]) -> None:
        """Check that nobody else has changed the people.

        Raises:
            StaleError: A person has another version than the caller has read.
        """
        self.read(list(expected))
        stale = [name for name, version in expected.items() if self.person(name).version != version]
        if stale:
            msg = f"{len(stale)} of {len(expected)} people in expected have changed; read them again and decide again"
            raise StaleError(msg)

    def touch(self, name: str) -> int:
        """Increment the version of a person and return it."""
        person = self.person(name)
        self.versions_before.setdefault(person.person_id, person.version)
        if name != UNKNOWN_PERSON:
            self.added.setdefault(person.person_id, [])
        person.version += 1
        return person.version

    def mark_changed(self, name: str) -> None:
        """Mark that a person's history changed in another way than by added records."""
        if name == UNKNOWN_PERSON:
            return
        person = self.person(name)
        if person.version == self.versions_before.get(person.person_id, person.version):
            self.touch(name)
        self.added[person.person_id] = None

    def add(self, row: Row, *, is_unresolved: bool) -> None:
        """Assign a version to a row, and add its record to the people whose history it is in."""
        row.version = self.touch(row.person_id)
        if not is_unresolved:
            self._add_to(row.person_id, self._plain(row))
        if row.cells[REFERRER] is None:
            return
        self.person(row.person_id).was_referred = 1
        referrer = str(row.cells[REFERRER])
        if self.person(referrer) is not self.person(row.person_id):
            self.touch(referrer)
            self._add_to(referrer, self._plain(row))

    def _plain(self, row: Row) -> Record | None:
        """Return the record of a row as in a history; None if it names a person by an alias."""
        names = (row.person_id, row["referred_by"] or row.person_id)
        return row.record if all(self.person(name).canonical == name for name in names) else None

    def _add_to(self, name: str, record: Record | None) -> None:
        """Add a record to a person's additions; for a person with aliases, the history is read again."""
        group_id = self.person(name).person_id
        additions = self.added[group_id]
        if additions is None or record is None:
            self.added[group_id] = None
        else:
            additions.append(record)
