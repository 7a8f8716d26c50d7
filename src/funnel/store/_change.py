"""One change of a store inside one transaction: new versions, and records added to people."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from funnel.errors import StaleError
from funnel.records import Record
from funnel.store._damage import damaged
from funnel.store._judge import Live
from funnel.store._rows import REFERRER, UNKNOWN_PERSON, Row
from funnel.store._tables import Person, Tables

MOST_CHANGES = 2**62
"""Maximum number of changes of a person; beyond it a database integer would overflow."""


class Change:
    """The people affected by one change.

    Attributes:
        people: The row of every name that was read.
        before: Version of each person before the change, by root.
        added: Records added to each person; None if the history changed in another way too.
        judged: The evaluated people, cached for their next record once the change is written.
    """

    def __init__(self, tables: Tables) -> None:
        """Start with no people read."""
        self._tables = tables
        self.people: dict[str, Person] = {}
        self.before: dict[str, int] = {}
        self.added: dict[str, list[Record] | None] = {}
        self.judged: dict[str, Live] = {}

    def know(self, names: Collection[str]) -> None:
        """Read and lock the rows of names and of their roots.

        Raises:
            StoreError: A name leads to a missing name, or to a name that is not a root.
        """
        missing = [name for name in dict.fromkeys(names) if name not in self.people]
        if not missing:
            return
        there = self._tables.hold(missing)
        if any(there[one.root].root != one.root if one.root in there else True for one in there.values()):
            raise damaged("a name leads to one that is not there, or in a circle")
        if any(not 0 <= one.version < MOST_CHANGES for one in there.values()):
            raise damaged("a person has a version that no store has counted")
        self.people = {**{name: Person(name, name) for name in missing}, **there, **self.people}

    def root(self, name: str) -> Person:
        """Return the row that holds a person, by any name."""
        return self.people[self.people[name].root]

    def expect(self, expected: Mapping[str, int]) -> None:
        """Check that nobody else has changed the people.

        Raises:
            StaleError: A person has another version than the caller has read.
        """
        self.know(list(expected))
        stale = [name for name, version in expected.items() if self.root(name).version != version]
        if stale:
            msg = f"{len(stale)} of the people have changed since they were read; read them again and decide anew"
            raise StaleError(msg)

    def touch(self, name: str) -> int:
        """Increment the version of a person and return it."""
        person = self.root(name)
        self.before.setdefault(person.person_id, person.version)
        if name != UNKNOWN_PERSON:
            self.added.setdefault(person.person_id, [])
        person.version += 1
        return person.version

    def anew(self, name: str) -> None:
        """Mark that a person's history changed in another way than by added records."""
        if name == UNKNOWN_PERSON:
            return
        person = self.root(name)
        if person.version == self.before.get(person.person_id, person.version):
            self.touch(name)
        self.added[person.person_id] = None

    def add(self, row: Row, *, waits: bool) -> None:
        """Assign a version to a row, and add its record to the people whose history it is in."""
        row.version = self.touch(row.person_id)
        if not waits:
            self._give(row.person_id, self._plain(row))
        if row.said[REFERRER] is None:
            return
        self.root(row.person_id).was_sent = 1
        sender = str(row.said[REFERRER])
        if self.root(sender) is not self.root(row.person_id):
            self.touch(sender)
            self._give(sender, self._plain(row))

    def _plain(self, row: Row) -> Record | None:
        """Return the record of a row as in a history; None if it names a person by an alias."""
        names = (row.person_id, row["referred_by"] or row.person_id)
        return row.record if all(self.root(name).canonical == name for name in names) else None

    def _give(self, name: str, record: Record | None) -> None:
        """Add a record to a person's additions; for a person with aliases, the history is read again."""
        root = self.root(name).person_id
        given = self.added[root]
        if given is None or record is None:
            self.added[root] = None
        else:
            given.append(record)
