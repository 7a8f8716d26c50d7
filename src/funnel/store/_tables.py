"""What a store does with its tables within one transaction: the few steps that each database writes in its own way."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import attrs

from funnel.errors import FunnelError
from funnel.store._rows import Key, Row

NOT_YET = 0
"""By whom people are judged whose records have come without a judgement: by no rule, so they are due."""

STILL_READ = "it is erased, but another connection still reads what was there before; erase again when it is done"
"""What an erasure says if a trace may remain in what SQLite has written ahead."""


class TakenError(FunnelError):
    """A record was written as new and is there already; it never leaves a store."""


@attrs.define
class Person:
    """One name of a person; one of the names, the root, also holds what is kept of the person.

    Attributes:
        person_id: The name.
        root: The name whose row holds the person. It need not be the name that the person is known by: after a merge
            it is the root of the side with more names, so that few rows change.
        version: How many changes there were.
        stage: The stage at the last judgement; None where they were not judged.
        former: The stage at the judgement before.
        judged_at: The instant of the last judgement.
        due_at: When they must be judged again at the latest; None where time alone changes nothing.
        judged_by: The rule and policy of the last judgement, as a number; `NOT_YET` where records have come since, None
            where there is nothing to judge.
        canonical_id: The name that the person is known by, in the row of the root; None if that is the root itself.
        name_count: How many names the person has, in the row of the root; None if the names were never counted.
        was_sent: 1 if a lead of the person may name a sender, 0 if none does, None if nobody has looked.
    """

    person_id: str
    root: str
    version: int = 0
    stage: str | None = None
    former: str | None = None
    judged_at: int | None = None
    due_at: int | None = None
    judged_by: int | None = None
    canonical_id: str | None = None
    name_count: int | None = 1
    was_sent: int | None = 0

    @property
    def canonical(self) -> str:
        """The name that the person is known by, if this is the row of the root."""
        return self.canonical_id or self.person_id


@attrs.frozen
class Link:
    """One name of a person leads to another, from one instant until another."""

    alias: str
    person_id: str
    merged_at: int
    parted_at: int | None = None


@attrs.frozen
class Found:
    """Where a person of a version was found to stand, and when that must be asked again; `root` is their row."""

    root: str
    version: int
    stage: str
    due_at: int | None


@attrs.frozen
class Entry:
    """A customer in the shop's book; `told` is what is kept apart, as JSON, empty or None once it is erased."""

    person_id: str
    since: int | None
    told: str | None


class Tables(Protocol):
    """The tables, inside one transaction."""

    def found(self, keys: Collection[Key]) -> Mapping[Key, Row]:
        """The rows of records that are there."""
        ...

    def referring(self, keys: Collection[Key]) -> Sequence[Row]:
        """The rows that refer to records, there or not."""
        ...

    def insert(self, rows: Sequence[Row], recorded_at: int) -> None:
        """Write new rows, and what is kept apart of them.

        Raises:
            TakenError: One of them is there already.
        """
        ...

    def replace(self, rows: Sequence[Row], recorded_at: int) -> None:
        """Write rows in place of those with the same keys."""
        ...

    def of_people(self, names: Sequence[str]) -> Sequence[Row]:
        """Every row of a person, in the order in which they were written."""
        ...

    def sent_by(self, names: Sequence[str]) -> Sequence[Row]:
        """The leads whom a person sent, in the order in which they were written."""
        ...

    def senders(self, roots: Sequence[str]) -> Sequence[str]:
        """Return everybody who sent one of these people, who are given by their roots."""
        ...

    def reserve(self, keys: Collection[Key]) -> str | None:
        """Keep everybody else from writing these records, or what refers to them, until the end of the transaction.

        Returns:
            The currency of the store; None if no money is kept yet, or no key was passed.
        """
        ...

    def other_currency(self, currency: str) -> str | None:
        """Return another currency in which money is kept; None if there is none."""
        ...

    def adopt(self, currency: str) -> None:
        """Write the currency of the store."""
        ...

    def people(self, names: Collection[str]) -> Mapping[str, Person]:
        """What is known of names."""
        ...

    def hold(self, names: Collection[str]) -> Mapping[str, Person]:
        """Return the rows of names, and of the names that they lead to, and keep others from changing them."""
        ...

    def save(self, people: Iterable[Person]) -> None:
        """Write what is known of names, all of which are held."""
        ...

    def reroot(self, before: str, now: str) -> None:
        """Give every other name of one root another root; both people are held."""
        ...

    def group(self, root: str) -> Sequence[str]:
        """Return every name of a person, the root first."""
        ...

    def others(self, roots: Collection[str]) -> Sequence[str]:
        """Return every name of people but the roots that are passed."""
        ...

    def due(self, judged_by: int, before: int, limit: int | None) -> Sequence[str]:
        """Whom to judge: those whom another rule has judged, and before an instant others, longest overdue first."""
        ...

    def versions(self) -> Sequence[tuple[str, str, int]]:
        """Return the root, the name and the version of every person who can be judged, in the order of the roots."""
        ...

    def judged(self, found: Sequence[Found], judged_at: int, judged_by: int) -> None:
        """Write where people stand, but for those of whom something has been written since."""
        ...

    def links(self, names: Sequence[str]) -> Sequence[Link]:
        """Every link from these names, also those that are parted, in the order in which they were made."""
        ...

    def link_of(self, alias: str) -> Link | None:
        """Return the link from a name that is not parted."""
        ...

    def link(self, link: Link) -> None:
        """Write a link, or that it is parted."""
        ...

    def entries(self, names: Sequence[str]) -> Sequence[Entry]:
        """The customers in the shop's book."""
        ...

    def enter(self, entry: Entry) -> None:
        """Write a customer into the shop's book."""
        ...

    def erase(self, names: Sequence[str]) -> int:
        """Delete all that is kept apart of names, and mark the names as erased; return how many rows were deleted."""
        ...

    def erased(self, names: Sequence[str]) -> Sequence[str]:
        """Return the names among these that are marked as erased."""
        ...

    def unmark(self, names: Sequence[str]) -> None:
        """Remove the mark of erasure from names."""
        ...

    def waiting(self) -> Sequence[Row]:
        """The rows that refer to a record which is not there, or is of another person."""
        ...

    def columns(self, log: str, wanted: Mapping[str, str]) -> Iterator[Mapping[str, str | Sequence[Any]]]:
        """All rows of a log as columns, in batches: each column a JSON array, or a sequence of values."""
        ...
