"""Table operations of a store within one transaction, implemented by each database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import attrs

from funnel.errors import FunnelError
from funnel.store._rows import Key, Row

NEVER_EVALUATED = 0
"""Rule fingerprint of people without an evaluation since their last record, which makes them due."""

STILL_READ = "it is erased, but another connection still reads what was there before; erase again when it is done"
"""The error text of an erasure whose trace may remain in SQLite's write-ahead log."""


class DuplicateKeyError(FunnelError):
    """A record was inserted as new but exists already; never leaves a store."""


@attrs.define
class Person:
    """One name of a person; the row of one name, the root, also holds the person.

    Attributes:
        person_id: The name.
        root: The name whose row holds the person. It may differ from the current name: a merge keeps the root of the
            side with more names, so that few rows change.
        version: Number of changes.
        stage: The stage at the last evaluation; None if never evaluated.
        previous_stage: The stage at the evaluation before.
        evaluated_at: The instant of the last evaluation.
        due_at: The latest instant of the next evaluation; None if time alone changes nothing.
        rule_fingerprint: Rule and policy of the last evaluation, as a number; `NEVER_EVALUATED` if records were added
            since; None if there is nothing to evaluate.
        canonical_id: The current name of the person, in the root's row; None if it is the root itself.
        name_count: Number of names of the person, in the root's row; None if never counted.
        was_sent: 1 if a lead of the person may name a referrer, 0 if none does, None if not checked.
    """

    person_id: str
    root: str
    version: int = 0
    stage: str | None = None
    previous_stage: str | None = None
    evaluated_at: int | None = None
    due_at: int | None = None
    rule_fingerprint: int | None = None
    canonical_id: str | None = None
    name_count: int | None = 1
    was_sent: int | None = 0

    @property
    def canonical(self) -> str:
        """The current name of the person, if this is the root's row."""
        return self.canonical_id or self.person_id


@attrs.frozen
class Link:
    """A merge: one name leads to another, from one instant until another."""

    alias: str
    person_id: str
    merged_at: int
    unmerged_at: int | None = None


@attrs.frozen
class Found:
    """The computed stage and next evaluation of a person at a version; `root` is the person's row."""

    root: str
    version: int
    stage: str
    due_at: int | None


@attrs.frozen
class Entry:
    """A customer in the customer book; `told` is personal data as JSON, empty or None after an erasure."""

    person_id: str
    since: int | None
    told: str | None


class Tables(Protocol):
    """The tables, inside one transaction."""

    def found(self, keys: Collection[Key]) -> Mapping[Key, Row]:
        """Return the rows of stored records."""
        ...

    def referring(self, keys: Collection[Key]) -> Sequence[Row]:
        """Return the rows that refer to records, stored or not."""
        ...

    def insert(self, rows: Sequence[Row], recorded_at: int) -> None:
        """Insert rows and their personal data.

        Raises:
            DuplicateKeyError: One of the rows exists already.
        """
        ...

    def replace(self, rows: Sequence[Row], recorded_at: int) -> None:
        """Replace the rows with the same keys."""
        ...

    def of_people(self, names: Sequence[str]) -> Sequence[Row]:
        """Return every row of a person, in the order of writing."""
        ...

    def sent_by(self, names: Sequence[str]) -> Sequence[Row]:
        """Return the leads that a person referred, in the order of writing."""
        ...

    def senders(self, roots: Sequence[str]) -> Sequence[str]:
        """Return everybody who referred one of these people; the people are passed as roots."""
        ...

    def reserve(self, keys: Collection[Key]) -> str | None:
        """Lock these records and references to them until the end of the transaction.

        Returns:
            The store's currency; None if no amount is stored yet, or no key was passed.
        """
        ...

    def other_currency(self, currency: str) -> str | None:
        """Return another currency among stored amounts; None if there is none."""
        ...

    def adopt(self, currency: str) -> None:
        """Write the store's currency."""
        ...

    def people(self, names: Collection[str]) -> Mapping[str, Person]:
        """Return the stored rows of names."""
        ...

    def hold(self, names: Collection[str]) -> Mapping[str, Person]:
        """Lock and return the rows of names and of their roots."""
        ...

    def save(self, people: Iterable[Person]) -> None:
        """Write the rows of names, all of which are locked."""
        ...

    def reroot(self, before: str, now: str) -> None:
        """Replace the root of all other names of one root; both people are locked."""
        ...

    def group(self, root: str) -> Sequence[str]:
        """Return every name of a person, the root first."""
        ...

    def others(self, roots: Collection[str]) -> Sequence[str]:
        """Return every name of people, except the passed roots."""
        ...

    def due(self, rule_fingerprint: int, before: int, limit: int | None) -> Sequence[str]:
        """Return people to evaluate: first those of another rule, then those due before an instant.

        The longest overdue come first.
        """
        ...

    def versions(self) -> Sequence[tuple[str, str, int]]:
        """Return the root, name and version of every evaluable person, ordered by root."""
        ...

    def judged(self, found: Sequence[Found], evaluated_at: int, rule_fingerprint: int) -> None:
        """Write stages, except for people changed since."""
        ...

    def links(self, names: Sequence[str]) -> Sequence[Link]:
        """Return every merge from these names, including undone merges, in order of creation."""
        ...

    def link_of(self, alias: str) -> Link | None:
        """Return the merge from a name that is in effect."""
        ...

    def link(self, link: Link) -> None:
        """Write a merge, or its undoing."""
        ...

    def entries(self, names: Sequence[str]) -> Sequence[Entry]:
        """Return the customers in the customer book."""
        ...

    def put_customer(self, entry: Entry) -> None:
        """Write a customer into the customer book."""
        ...

    def erase(self, names: Sequence[str]) -> int:
        """Delete all personal data of names and mark the names as erased; return the number of rows."""
        ...

    def erased(self, names: Sequence[str]) -> Sequence[str]:
        """Return the names among these that are marked as erased."""
        ...

    def unmark(self, names: Sequence[str]) -> None:
        """Remove the erasure mark from names."""
        ...

    def unresolved(self) -> Sequence[Row]:
        """Return the rows that refer to a missing record, or to a record of another person."""
        ...

    def columns(self, log: str, wanted: Mapping[str, str]) -> Iterator[Mapping[str, str | Sequence[Any]]]:
        """Yield all rows of a log as columns, in batches: each column a JSON array or a sequence."""
        ...
