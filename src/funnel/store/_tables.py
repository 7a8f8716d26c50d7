"""Table operations of a store within one transaction, implemented by each database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import attrs

from funnel.errors import FunnelError
from funnel.store._rows import Key, Row

NEVER_EVALUATED = 0
"""Rule fingerprint of people without an evaluation since their last record, which makes them due."""

STILL_READ = (
    "the data is erased, but another connection still reads the former state; "
    "call erase again when that connection is done"
)
"""The error text of an erasure whose trace may remain in SQLite's write-ahead log."""

DISK_FULL = "the disk is full; nothing was written, and all stored records are intact"
"""The error text of a write without room."""


class DuplicateKeyError(FunnelError):
    """A record was inserted as new but exists already, or another record refers to it; never leaves a store."""


@attrs.define
class Person:
    """One name of a person. The names of a person are a group, and one row of the group holds the person.

    Attributes:
        person_id: The name.
        group_id: The name whose row holds the person. It may differ from the current name: a merge keeps the row of the
            larger group, so that few rows change.
        version: Number of changes.
        stage: The stage at the last evaluation; None if never evaluated.
        previous_stage: The stage at the evaluation before.
        evaluated_at: The instant of the last evaluation.
        due_at: The latest instant of the next evaluation; None if time alone changes nothing.
        rule_fingerprint: Rule and policy of the last evaluation, as a number; `NEVER_EVALUATED` if records were added
            since; None if there is nothing to evaluate.
        canonical_id: The current name of the person, in the group's row; None if it is the name of that row.
        name_count: Number of names of the person, in the group's row; None if never counted.
        was_referred: 1 if a lead of the person may name a referrer, 0 if none does, None if not checked.
    """

    person_id: str
    group_id: str
    version: int = 0
    stage: str | None = None
    previous_stage: str | None = None
    evaluated_at: int | None = None
    due_at: int | None = None
    rule_fingerprint: int | None = None
    canonical_id: str | None = None
    name_count: int | None = 1
    was_referred: int | None = 0

    @property
    def canonical(self) -> str:
        """The current name of the person, if this row holds the person."""
        return self.canonical_id or self.person_id


@attrs.frozen
class Merge:
    """A merge: one name leads to another, from one instant until another."""

    alias: str
    person_id: str
    merged_at: int
    unmerged_at: int | None = None


@attrs.frozen
class Evaluation:
    """The computed stage and next evaluation of a person at a version; `group_id` is the person's row."""

    group_id: str
    version: int
    stage: str
    due_at: int | None


@attrs.frozen
class Entry:
    """A customer in the customer book; `payload` is personal data as JSON, empty or None after an erasure."""

    person_id: str
    since: int | None
    payload: str | None


class Tables(Protocol):
    """The tables, inside one transaction."""

    def rows_with(self, keys: Collection[Key]) -> Mapping[Key, Row]:
        """Return the rows of stored records."""
        ...

    def referring(self, keys: Collection[Key]) -> Sequence[Row]:
        """Return the rows that refer to records, stored or not."""
        ...

    def insert(self, rows: Sequence[Row], recorded_at: int, *, is_unreferenced: bool = False) -> None:
        """Insert rows and their personal data.

        Args:
            rows: The rows.
            recorded_at: The instant of recording, in microseconds.
            is_unreferenced: Whether the caller inserts a single row and expects that no stored row refers to it.

        Raises:
            DuplicateKeyError: One of the rows exists already, or a row refers to an unreferenced row.
        """
        ...

    def replace(self, rows: Sequence[Row], recorded_at: int) -> None:
        """Replace the rows with the same keys."""
        ...

    def of_people(self, names: Sequence[str]) -> Sequence[Row]:
        """Return every row of a person, in the order of writing."""
        ...

    def referrals(self, names: Sequence[str]) -> Sequence[Row]:
        """Return the leads that a person referred, in the order of writing."""
        ...

    def referrers(self, group_ids: Sequence[str]) -> Sequence[str]:
        """Return everybody who referred one of these people."""
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

    def set_currency(self, currency: str) -> None:
        """Write the store's currency."""
        ...

    def people(self, names: Collection[str]) -> Mapping[str, Person]:
        """Return the stored rows of names."""
        ...

    def lock(self, names: Collection[str]) -> Mapping[str, Person]:
        """Lock and return the rows of names and of their groups."""
        ...

    def save(self, people: Iterable[Person]) -> None:
        """Write the rows of names, all of which are locked."""
        ...

    def regroup(self, before: str, now: str) -> None:
        """Move all aliases of a group to another group; both people are locked."""
        ...

    def group(self, group_id: str) -> Sequence[str]:
        """Return every name of a group, the name of the group's row first."""
        ...

    def other_names(self, group_ids: Collection[str]) -> Sequence[str]:
        """Return all names of these groups, except the names of the groups' rows."""
        ...

    def due(self, rule_fingerprint: int, before: int, limit: int | None) -> Sequence[str]:
        """Return people to evaluate: first those of another rule, then those due before an instant.

        The longest overdue come first.
        """
        ...

    def versions(self) -> Sequence[tuple[str, str, int]]:
        """Return group, name and version of every person with a stage or due for one, ordered by group."""
        ...

    def save_evaluations(self, evaluations: Sequence[Evaluation], evaluated_at: int, rule_fingerprint: int) -> None:
        """Write stages, except for people changed since."""
        ...

    def merges(self, names: Sequence[str]) -> Sequence[Merge]:
        """Return every merge from these names, including undone merges, in order of creation."""
        ...

    def merge_of(self, alias: str) -> Merge | None:
        """Return the merge from a name that is in effect."""
        ...

    def put_merge(self, merge: Merge) -> None:
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

    def move(self, rows: Mapping[Key, Row]) -> None:
        """Write another id, person, version and referrer into stored rows, by their present keys."""
        ...

    def remove(self, keys: Collection[Key]) -> None:
        """Delete rows."""
        ...

    def forget(self, names: Sequence[str]) -> None:
        """Delete names that have no rows left, with their merges, entries and erasure marks."""
        ...

    def keep_newest(self, key: str, state: str) -> str:
        """Keep the greatest state of a key in the register of webhooks, and return it."""
        ...

    def states_with(self, text: str) -> Mapping[str, str]:
        """Return the states in the register that contain a text, by key."""
        ...

    def put_state(self, key: str, state: str) -> None:
        """Replace a state in the register."""
        ...

    def drop_states(self, keys: Collection[str]) -> None:
        """Delete states from the register."""
        ...

    def erased_names(self, names: Sequence[str]) -> Sequence[str]:
        """Return the names among these that are marked as erased."""
        ...

    def clear_erased(self, names: Sequence[str]) -> None:
        """Remove the erasure mark from names."""
        ...

    def unresolved(self) -> Sequence[Row]:
        """Return the rows that refer to a missing record, or to a record of another person."""
        ...

    def columns(self, log: str, selected: Mapping[str, str]) -> Iterator[Mapping[str, str | Sequence[Any]]]:
        """Yield all rows of a log as columns, in batches: each column a JSON array or a sequence."""
        ...
