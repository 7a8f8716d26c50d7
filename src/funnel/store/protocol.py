"""What every store can do, whatever database it keeps the records in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol, Self, TypeAlias

import attrs

from funnel.history import History
from funnel.records import Customer, Record

if TYPE_CHECKING:
    from types import TracebackType

    from funnel.logs import Logs

Engine: TypeAlias = Literal["polars", "pandas", "pyarrow", "duckdb"]
"""The kind of dataframes that a store gives."""


@attrs.frozen
class Standing:
    """Where a person stood at the last judgement, and when to judge again.

    Attributes:
        person_id: Who, by the name that they are known by now.
        version: How many changes there were; give it back as `expected` to write only if nobody else has.
        stage: The stage; None where they have not been judged yet by the rule and policy of this store.
        former: The stage at the judgement before; None where there was none.
        judged_at: The instant of the last judgement.
        next_change: When the stage changes at the earliest if nothing happens, or a record that is dated ahead comes to
            count; None where nothing of the kind is known.

    Example:
        >>> Standing("p1", 3, "customer", "prospect", None, None).has_moved
        True
    """

    person_id: str
    version: int
    stage: str | None
    former: str | None
    judged_at: datetime | None
    next_change: datetime | None

    @property
    def has_moved(self) -> bool:
        """Whether the last judgement found another stage than the one before."""
        return self.stage != self.former


@attrs.frozen
class Receipt:
    """What became of records that were handed to a store.

    Attributes:
        added: How many were new.
        repeated: How many were there already.
        standings: Where the people stand whose history has changed.

    Example:
        >>> Receipt(added=2, repeated=1)
        Receipt(added=2, repeated=1, standings=())
    """

    added: int
    repeated: int
    standings: tuple[Standing, ...] = ()


@attrs.frozen
class Alias:
    """Another name of a person, and since when, until when it is held to be theirs.

    Attributes:
        alias: The other name.
        person_id: The name that it leads to, which may be an alias itself.
        merged_at: When the two were found to be one person.
        parted_at: When that was found to be wrong; None where it holds.
    """

    alias: str
    person_id: str
    merged_at: datetime
    parted_at: datetime | None = None


class Store(Protocol):
    """A shop's records, kept: appended once each, read back exactly, with everyone's stage beside them.

    Nothing is ever half done: a call that raises has changed nothing. No store reads a clock: when something was
    recorded, and the instant of judgement, are arguments. A person may be asked for by any of their names.
    """

    def append(self, *records: Record, recorded_at: datetime, expected: Mapping[str, int] | None = None) -> Receipt:
        """Add records, in whatever order and however often they come, and judge the people whose history changes.

        A record that refers to what is not there (a refund before its purchase, an answer before its question) is kept
        and waits: it is in no history until what it refers to has come.

        Args:
            records: Leads, purchases, refunds, interactions.
            recorded_at: The instant at which they are recorded, and at which the people are judged.
            expected: The version of people as the caller read them; nothing is written if one has changed since.

        Returns:
            What became of them.

        Raises:
            ArgumentError: `expected` does not map ids of people to versions.
            ConflictError: One is kept already and says something else.
            RecordError: A record is not as its class allows, they cannot be true together with what is kept, or an
                amount is of another currency than the store's.
            StaleError: Somebody has changed a person since.
            StoreError: The database cannot be written.
        """
        ...

    def amend(self, *records: Record, recorded_at: datetime, expected: Mapping[str, int] | None = None) -> Receipt:
        """Put records in the place of those with the same source and id: an order was cancelled, a sum was wrong.

        Args:
            records: The records as they are right; one that is not kept yet is added.
            recorded_at: The instant at which they are recorded, and at which the people are judged.
            expected: The version of people as the caller read them.

        Returns:
            What became of them; one that is kept just so counts as repeated.

        Raises:
            ArgumentError: `expected` does not map ids of people to versions.
            RecordError: A record is not as its class allows, they cannot be true together with what is kept, or an
                amount is of another currency than the store's.
            StaleError: Somebody has changed a person since.
            StoreError: The database cannot be written.
        """
        ...

    def load(self, records: Iterable[Record], *, recorded_at: datetime) -> Receipt:
        """Add very many records without judging anyone; everyone they are of is due, until `judge_everyone` is called.

        They are written in batches. Where it breaks off, the batches before are kept: load all of them again, and what
        is there is not added twice.

        Args:
            records: Leads, purchases, refunds, interactions.
            recorded_at: The instant at which they are recorded.

        Returns:
            How many were new, and how many there already.

        Raises:
            ConflictError: One is kept already and says something else.
            RecordError: A record is not as its class allows, they cannot be true together with what is kept, or an
                amount is of another currency than the store's.
            StoreError: The database cannot be written.
        """
        ...

    def enter(
        self,
        customer: Customer,
        *,
        recorded_at: datetime,
        expected: Mapping[str, int] | None = None,
        after_erasure: bool = False,
    ) -> Standing:
        """Write a customer into the shop's book, in place of the former entry of the person.

        The same entry again changes nothing: the version of the person stays, as with `append`.

        Args:
            customer: Who they are and how to reach them.
            recorded_at: The instant at which it is recorded.
            expected: The version of people as the caller read them.
            after_erasure: Whether to enter a person who was erased. Without it such a person is refused, so that a
                list of customers that is handed in again does not bring a name back.

        Returns:
            Where they stand.

        Raises:
            ArgumentError: It is not a customer, or `expected` does not map ids of people to versions.
            ConflictError: The person was erased.
            RecordError: The customer is not as its class allows.
            StaleError: Somebody has changed the person since.
            StoreError: The database cannot be written.
        """
        ...

    def history(self, person_id: str) -> History:
        """Everything on record of one person, under the name that they are known by now.

        Args:
            person_id: Any of their names; of somebody unknown the history is empty.

        Raises:
            ArgumentError: It is not the id of a person.
            StoreError: The database cannot be read.
        """
        ...

    def standing(self, person_id: str) -> Standing | None:
        """Where a person stood at the last judgement; None where nothing is known of them.

        Args:
            person_id: Any of their names.

        Raises:
            ArgumentError: It is not the id of a person.
            StoreError: The database cannot be read.
        """
        ...

    def due(self, *, before: datetime, limit: int | None = None) -> list[str]:
        """Whose stage may have changed by itself before an instant, the longest overdue first.

        Whoever was loaded and not judged, or judged by another rule or policy than this store's, is due at any time,
        and comes before the others.

        Args:
            before: The instant; a person who is due at it exactly is not on the list.
            limit: How many people at most; None for everybody.

        Returns:
            Their names, each once, to be judged again.

        Raises:
            ArgumentError: The limit is not a whole number from 0 up.
            StoreError: The database cannot be read.
        """
        ...

    def judge(self, *people: str, as_of: datetime) -> list[Standing]:
        """Judge people again, and keep where they stand.

        They are judged a hundred in one transaction. If the call breaks off, the people before are judged, and the
        others stay due.

        Args:
            people: Any names; of those who are unknown nothing is kept.
            as_of: The instant of judgement.

        Returns:
            Where they stand.

        Raises:
            ArgumentError: A name is not the id of a person.
            StoreError: The database cannot be written.
        """
        ...

    def judge_everyone(self, *, as_of: datetime) -> int:
        """Judge everyone in one pass over all records, and keep where they stand: after a load, or for another policy.

        The answers are those of `judge`. They are written in batches; somebody whom another call changes meanwhile
        keeps what that call has found of them.

        Args:
            as_of: The instant of judgement.

        Returns:
            How many people there are.

        Raises:
            MissingExtraError: Polars is not installed.
            StoreError: The database cannot be read or written.
        """
        ...

    def merge(self, alias: str, *, into: str, merged_at: datetime) -> Standing:
        """Two names are one person: from now on they are known by the name that `into` leads to.

        Args:
            alias: The name that is an alias from now on, with all names that lead to it.
            into: The name that it leads to.
            merged_at: The instant at which that was found out, and at which the person is judged.

        Returns:
            Where the person stands.

        Raises:
            ArgumentError: A name is not the id of a person.
            RecordError: It would go in a circle, or the alias leads to another name already, or nothing is kept of
                either name.
            StoreError: The database cannot be written.
        """
        ...

    def part(self, alias: str, *, parted_at: datetime) -> tuple[Standing, Standing]:
        """A merge was wrong: the alias is a person of its own again, with all names that lead to it.

        Args:
            alias: The name that was merged.
            parted_at: The instant at which that was found out, and at which both are judged.

        Returns:
            Where the two stand: who went by the alias, and who it led to.

        Raises:
            ArgumentError: It is not the id of a person.
            RecordError: It leads to no other name.
            StoreError: The database cannot be written.
        """
        ...

    def aliases(self, person_id: str) -> list[Alias]:
        """Every other name that a person goes by, or once was held to.

        Args:
            person_id: Any of their names.

        Raises:
            ArgumentError: It is not the id of a person.
            StoreError: The database cannot be read.
        """
        ...

    def waiting(self) -> list[tuple[str, str, str]]:
        """The kind, source and id of every record that waits for what it refers to, and is in no history yet.

        Raises:
            StoreError: The database cannot be read.
        """
        ...

    def export(self, person_id: str) -> str:
        """All that is kept of one person as JSON, to be handed to them; the contacts of people they sent are left out.

        Args:
            person_id: Any of their names.

        Raises:
            ArgumentError: It is not the id of a person.
            StoreError: The database cannot be read.
        """
        ...

    def erase(self, person_id: str) -> int:
        """Take away a person's name, address, contacts and words for good; facts and counts stay as they are.

        The same records that are delivered again bring nothing back. `enter` refuses the person, unless asked.

        Args:
            person_id: Any of their names.

        Returns:
            How many entries were erased.

        Raises:
            ArgumentError: It is not the id of a person.
            LockedError: It is done, but somebody still reads what was there before, and SQLite keeps it in a file
                until then; call it again when they are done.
            StoreError: The database cannot be written.
        """
        ...

    def logs(self, *, engine: Engine = "polars") -> Logs:
        """Everyone's records as tables, under the names that people are known by now.

        Args:
            engine: The kind of dataframes.

        Raises:
            MissingExtraError: The engine, or Polars, is not installed.
            LogsError: The amounts are of more than one currency.
            StoreError: The database cannot be read.
        """
        ...

    def close(self) -> None:
        """Let go of the database; a store that is closed answers nothing."""
        ...

    def __enter__(self) -> Self:
        """Use the store until the end of the block."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        ...
