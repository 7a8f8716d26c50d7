"""One change of a store, inside one transaction: whose versions it moves, and what it adds to whom."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from funnel.errors import StaleError
from funnel.records import Record
from funnel.store._damage import damaged
from funnel.store._judge import Live
from funnel.store._rows import NOBODY, SENDER, Row
from funnel.store._tables import Person, Tables

MOST_CHANGES = 2**62
"""No person changes more often; beyond it a database could not count on."""


class Change:
    """The people whom one change is about.

    Attributes:
        people: What is known of every name that was asked for.
        before: The version that people had before the change, by their roots.
        added: The records that were added to people; None where more than that happened to their history.
        judged: The people who were judged, ready for their next record once the change is written.
    """

    def __init__(self, tables: Tables) -> None:
        """Nothing is known yet."""
        self._tables = tables
        self.people: dict[str, Person] = {}
        self.before: dict[str, int] = {}
        self.added: dict[str, list[Record] | None] = {}
        self.judged: dict[str, Live] = {}

    def know(self, names: Collection[str]) -> None:
        """Read the rows of names and of their roots; nobody else changes these people meanwhile.

        Raises:
            StoreError: A name leads to one that is not there, or that leads on.
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
        """Return the row that holds a person, by any of their names."""
        return self.people[self.people[name].root]

    def expect(self, expected: Mapping[str, int]) -> None:
        """Refuse to go on where somebody else has changed a person.

        Raises:
            StaleError: A person has another version than the caller has read.
        """
        self.know(list(expected))
        stale = [name for name, version in expected.items() if self.root(name).version != version]
        if stale:
            msg = f"{len(stale)} of the people have changed since they were read; read them again and decide anew"
            raise StaleError(msg)

    def touch(self, name: str) -> int:
        """Move the version of a person on, and give it."""
        person = self.root(name)
        self.before.setdefault(person.person_id, person.version)
        if name != NOBODY:
            self.added.setdefault(person.person_id, [])
        person.version += 1
        return person.version

    def anew(self, name: str) -> None:
        """More has happened to a person's history than that records were added."""
        if name == NOBODY:
            return
        person = self.root(name)
        if person.version == self.before.get(person.person_id, person.version):
            self.touch(name)
        self.added[person.person_id] = None

    def add(self, row: Row, *, waits: bool) -> None:
        """Give a row its version, and its record to the people whose history it is in."""
        row.version = self.touch(row.person_id)
        if not waits:
            self._give(row.person_id, self._plain(row))
        if row.said[SENDER] is None:
            return
        self.root(row.person_id).was_sent = 1
        sender = str(row.said[SENDER])
        if self.root(sender) is not self.root(row.person_id):
            self.touch(sender)
            self._give(sender, self._plain(row))

    def _plain(self, row: Row) -> Record | None:
        """The record of a row, as it is in a history; None where it names somebody by an alias."""
        names = (row.person_id, row["referred_by"] or row.person_id)
        return row.record if all(self.root(name).canonical == name for name in names) else None

    def _give(self, name: str, record: Record | None) -> None:
        """Put a record to what is added; where names are aliases, the history is read anew."""
        root = self.root(name).person_id
        given = self.added[root]
        if given is None or record is None:
            self.added[root] = None
        else:
            given.append(record)
