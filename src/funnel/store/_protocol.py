"""The protocol that every store implements, whatever its database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol, Self, overload

from funnel.history import History
from funnel.policy import Policy
from funnel.records import Customer, Record
from funnel.store._results import Alias, AppendResult, Engine, StageRecord

if TYPE_CHECKING:
    from types import TracebackType

    from funnel.logs import Logs
    from funnel.store._results import ArrowLogs, DuckdbLogs, PandasLogs, PolarsLogs


class Store(Protocol):
    """A shop's stored records: each appended once and read back exactly, with everyone's stage.

    Every call is atomic: a call that raises has changed nothing. No store reads a clock: the time of recording and
    the evaluation time are arguments. Each call accepts any name of a person.
    """

    @property
    def policy(self) -> Policy:
        """The policy that the store was opened with; `Policy()` if none was passed."""
        ...

    def append(
        self, *records: Record, recorded_at: datetime, expected: Mapping[str, int] | None = None
    ) -> AppendResult:
        """Add records in any order, and evaluate the people whose history changes.

        Records that the store already has are skipped. A record may refer to another record that is missing, such as a
        refund before its purchase or an answer before its question. The store keeps the record as unresolved: it is in
        no history until the other record is added.

        Args:
            records: Leads, purchases, refunds, interactions.
            recorded_at: The instant at which the records are recorded and the people are evaluated.
            expected: Versions of people as the caller read them. Nothing is written if one of them has changed since.

        Returns:
            The number of new and skipped records, and the stage records of the people.

        Raises:
            ArgumentError: `expected` does not map person ids to versions.
            ConflictError: The store has a record with the same source and id and other content.
            RecordError: A record violates its class, the records contradict the stored records, or an amount is in
                another currency than the store's and the store has no rates.
            MoneyError: The store's rates have no rate of a record's day.
            StaleError: A person has changed since the caller read them.
            StoreError: The database cannot be written.
        """
        ...

    def amend(self, *records: Record, recorded_at: datetime, expected: Mapping[str, int] | None = None) -> AppendResult:
        """Replace records with the same source and id, such as a cancelled order.

        Args:
            records: The corrected records. A record that the store does not have is added.
            recorded_at: The instant at which the records are recorded and the people are evaluated.
            expected: Versions of people as the caller read them.

        Returns:
            The number of changed and unchanged records. A record that is already stored with this content counts as
            skipped.

        Raises:
            ArgumentError: `expected` does not map person ids to versions.
            RecordError: A record violates its class, the records contradict the stored records, or an amount is in
                another currency than the store's and the store has no rates.
            MoneyError: The store's rates have no rate of a record's day.
            StaleError: A person has changed since the caller read them.
            StoreError: The database cannot be written.
        """
        ...

    def load(self, records: Iterable[Record], *, recorded_at: datetime) -> AppendResult:
        """Add very many records without evaluating anyone.

        Every person in the records is due until `refresh_all` is called. The records are written in batches. If the
        call fails, earlier batches stay in the store: load all records again, and the store skips those it has.

        Args:
            records: Leads, purchases, refunds, interactions.
            recorded_at: The instant at which the records are recorded.

        Returns:
            The number of new records and of skipped records.

        Raises:
            ConflictError: The store has a record with the same source and id and other content.
            RecordError: A record violates its class, the records contradict the stored records, or an amount is in
                another currency than the store's and the store has no rates.
            MoneyError: The store's rates have no rate of a record's day.
            StoreError: The database cannot be written.
        """
        ...

    def put_customer(
        self,
        customer: Customer,
        *,
        recorded_at: datetime,
        expected: Mapping[str, int] | None = None,
        after_erasure: bool = False,
    ) -> StageRecord:
        """Write a customer into the customer book, replacing the person's entry.

        Writing the same entry again changes nothing: the version of the person stays, as with `append`.

        Args:
            customer: The customer's identity and contact data.
            recorded_at: The instant at which the customer is recorded.
            expected: Versions of people as the caller read them.
            after_erasure: Whether to write a person who was erased. By default such a person is refused, so importing a
                customer list again does not restore an erased name.

        Returns:
            The person's stage record.

        Raises:
            ArgumentError: `customer` is not a customer, or `expected` does not map person ids to versions.
            ConflictError: The person was erased.
            RecordError: The customer violates its class.
            StaleError: The person has changed since the caller read them.
            StoreError: The database cannot be written.
        """
        ...

    def history(self, person_id: str) -> History:
        """Return all records of one person, under the person's current name.

        Args:
            person_id: Any name of the person. The history of an unknown person is empty.

        Raises:
            ArgumentError: `person_id` is not a valid person id.
            StoreError: The database cannot be read.
        """
        ...

    def stage_record(self, person_id: str) -> StageRecord | None:
        """Return a person's stage at the last evaluation; None if the person is unknown.

        Args:
            person_id: Any name of the person.

        Raises:
            ArgumentError: `person_id` is not a valid person id.
            StoreError: The database cannot be read.
        """
        ...

    def due(self, *, before: datetime, limit: int | None = None) -> list[str]:
        """Return the people whose stage may have changed by time alone, longest overdue first.

        A person who was loaded but not evaluated is always due. A person who was evaluated by another rule or
        policy than this store's. These people come first.

        Args:
            before: The instant. A person who is due exactly at this instant is not listed.
            limit: Maximum number of people; None for all.

        Returns:
            The names of the people to evaluate again, each once.

        Raises:
            ArgumentError: `limit` is not a whole number from 0 up.
            StoreError: The database cannot be read.
        """
        ...

    def refresh(self, *people: str, as_of: datetime) -> list[StageRecord]:
        """Evaluate people again and store their stages.

        People are evaluated in transactions of one hundred. If the call fails, the people of earlier transactions are
        evaluated and the remaining people stay due.

        Args:
            people: Any names of the people. Unknown names are skipped.
            as_of: The evaluation time.

        Returns:
            The stage records of the people.

        Raises:
            ArgumentError: A name is not a valid person id.
            StoreError: The database cannot be written.
        """
        ...

    def refresh_all(self, *, as_of: datetime) -> int:
        """Evaluate everyone in one pass, after a load or for another policy.

        The results equal those of `refresh`. They are written in batches. If another call changes a person meanwhile,
        the result of that call is kept.

        Args:
            as_of: The evaluation time.

        Returns:
            The number of people.

        Raises:
            MissingExtraError: Polars is not installed.
            StoreError: The database cannot be read or written.
        """
        ...

    def merge(self, alias: str, *, into: str, merged_at: datetime) -> StageRecord:
        """Merge two names of one person. The name that `into` leads to is kept.

        Args:
            alias: The name that becomes an alias, with all names that lead to it.
            into: The name that the alias leads to.
            merged_at: The instant of the merge, at which the person is evaluated.

        Returns:
            The person's stage record.

        Raises:
            ArgumentError: A name is not a valid person id.
            RecordError: The merge would make a circle, the alias already leads to another name, or the store has no
                records of either name.
            StoreError: The database cannot be written.
        """
        ...

    def unmerge(self, alias: str, *, unmerged_at: datetime) -> tuple[StageRecord, StageRecord]:
        """Undo a merge: the alias, with all names that lead to it, is a separate person again.

        Args:
            alias: The name that was merged.
            unmerged_at: The instant of the undoing, at which both people are evaluated.

        Returns:
            The stage records of both people: first the alias, then the person that the alias led to.

        Raises:
            ArgumentError: `alias` is not a valid person id.
            RecordError: The alias does not lead to another name.
            StoreError: The database cannot be written.
        """
        ...

    def aliases(self, person_id: str) -> list[Alias]:
        """Return all other names of a person, including undone merges.

        Args:
            person_id: Any name of the person.

        Raises:
            ArgumentError: `person_id` is not a valid person id.
            StoreError: The database cannot be read.
        """
        ...

    def unresolved(self) -> list[tuple[str, str, str]]:
        """Return the kind, source and id of every record that refers to a missing record.

        Such records are in no history yet.

        Raises:
            StoreError: The database cannot be read.
        """
        ...

    def export(self, person_id: str) -> str:
        """Return all stored data of one person as JSON, to hand to that person.

        Contacts of people whom the person referred are left out.

        Args:
            person_id: Any name of the person.

        Raises:
            ArgumentError: `person_id` is not a valid person id.
            StoreError: The database cannot be read.
        """
        ...

    def erase(self, person_id: str, *, new_id: str | None = None) -> int:
        """Erase a person's name, address, contacts and free text permanently.

        Facts and counts stay as they are. Adding the same records again restores nothing. `put_customer` refuses the
        person unless `after_erasure=True`.

        Args:
            person_id: Any name of the person.
            new_id: An id that replaces every name of the person, if a name is personal data itself, such as an e-mail
                address. The records, the referrals and the customer book have it from then on. The merges of these
                names are deleted, so they cannot be undone. No table keeps the former names: a new record under one of
                them is a new person, and a repeated record stays under the new id.

        Returns:
            The number of erased entries; 0 if the store has the person, and no personal data of the person.

        Raises:
            ArgumentError: `person_id` or `new_id` is not a valid person id, or `new_id` is the id of another person.
            RecordError: The store has no records of the person.
            LockedError: The data is erased, but another connection still reads the former state, and SQLite keeps that
                state in a file until the reader is done. Call `erase` again then.
            StoreError: The database cannot be written.
        """
        ...

    @overload
    def logs(self, *, engine: Literal["polars"] = "polars", currency: str | None = None) -> PolarsLogs: ...
    @overload
    def logs(self, *, engine: Literal["pandas"], currency: str | None = None) -> PandasLogs: ...
    @overload
    def logs(self, *, engine: Literal["pyarrow"], currency: str | None = None) -> ArrowLogs: ...
    @overload
    def logs(self, *, engine: Literal["duckdb"], currency: str | None = None) -> DuckdbLogs: ...
    def logs(self, *, engine: Engine = "polars", currency: str | None = None) -> Logs:
        """Return everyone's records as tables, under the current names of people.

        Args:
            engine: The kind of dataframes.
            currency: Return only the records in this currency, as they were stored, and the records without an amount.
                Deliveries of other purchases are left out, too. By default all records: in the reporting currency if
                the store has rates. The amounts before are own columns then: `original_amount`, `original_currency`.

        Raises:
            MissingExtraError: The engine, or Polars, is not installed.
            LogsError: The amounts are in more than one currency and the store has no rates, or a day has no rate.
            MoneyError: The currency is unknown.
            StoreError: The database cannot be read.
        """
        ...

    def close(self) -> None:
        """Close the database. Every later call raises an error."""
        ...

    def __enter__(self) -> Self:
        """Return the store, for use in a `with` block."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the store."""
        ...
