"""A shop's table of people: own columns of people beside the records."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Self

import narwhals as nw

from funnel._aggregate.aggregations import own_name
from funnel._dataframes.adapter import InputFrame, collect_once, distinct
from funnel._ledger.own import AS_OF_FIELD
from funnel._time import instant
from funnel.errors import ArgumentError
from funnel.logs.aliases import resolve_aliases
from funnel.logs.assemble import common_kind, each_once
from funnel.logs.histories import HistoriesOfLogs
from funnel.logs.intake import OnIssues, intake, reading_of
from funnel.logs.ledger import LedgerTables
from funnel.logs.schema import Issue
from funnel.logs.validate import row_count


class PeopleOfLogs(HistoriesOfLogs):
    """The part of `Logs` that joins a table of people."""

    _issues: tuple[Issue, ...]
    _notes: tuple[str, ...]
    _left_out: int

    @cached_property
    def _tables(self) -> LedgerTables:
        """Ledger tables, with the id of each person."""
        return LedgerTables(self._resolved(), collect_once, (self._own, self._frame_kind))

    def with_people(self, frame: object, columns: Mapping[str, str], *, on_issues: OnIssues = "raise") -> Self:
        """Return the logs with a table of people, whose own columns facts declare with `funnel.facts.column`.

        A column of a person has one value, which counts from the person's first record. A person of the logs who is
        missing in the table has the value of an empty cell: "", 0, False or never. A person without records is left out
        of every result. An earlier table of people is replaced.

        If the table has a column `as_of`, its values are of that instant, as those of a forecast: facts that read them
        at another instant are an error, and every buyer at that instant must be in the table.

        Args:
            frame: Dataframe on the engine of the logs, with one row for each person. Exact copies are read once.
            columns: The frame's column of each own column, and of `person_id` if it has another name:
                `{"person_id": "CustomerID", "tier": "Tier"}`. Ids become texts.
            on_issues: "raise" an error with all issues; or "split" the bad rows off, into `logs.issues`.

        Raises:
            LogsError: A person is empty, or has two rows that differ.
            ArgumentError: `columns` names a column that the frame does not have, or a name that cannot be used; or the
                table has a column `as_of`, and lacks people who bought by then.
            FactsError: The column `as_of` is not a column of instants, or has several.
            EngineError: The frame is on another engine.

        Example:
            >>> import polars as pl
            >>> from datetime import UTC, datetime
            >>> from funnel import Facts, Logs
            >>> from funnel.facts import column
            >>> class ShopFacts(Facts):
            ...     tier: str = column("tier", str)
            >>> orders = pl.DataFrame({"person_id": [7, 8], "purchased_at": ["2026-03-01"] * 2, "amount": [900, 500]})
            >>> people = pl.DataFrame({"CustomerID": [7], "Tier": ["gold"]})
            >>> logs = Logs.from_orders(orders, tz="UTC", currency="USD")
            >>> logs = logs.with_people(people, {"person_id": "CustomerID", "tier": "Tier"})
            >>> ShopFacts.over(logs, as_of=datetime(2026, 4, 1, tzinfo=UTC)).sort("person_id")["tier"].to_list()
            ['gold', None]
        """
        read = intake(frame, reading_of("people", columns, {}, tz=None, currency=None, amount="minor"), on_issues)
        records = next(iter(self._logs.values()))
        people = dict(read.logs)
        common_kind(
            {
                "records": InputFrame(records, self._frame_kind),
                "people": InputFrame(people["people"], read.frame_kind),
            }
        )
        for aliases in self._alias_frames:
            people = resolve_aliases(people, aliases)
        changed = self._with_logs({**self._logs, **each_once(people)})
        changed._own = {**self._own, **read.own}  # noqa: SLF001 (a copy)
        changed._issues, changed._notes = self._issues + read.issues, self._notes + read.notes  # noqa: SLF001 (a copy)
        changed._left_out = self._left_out + read.left_out  # noqa: SLF001 (a copy)
        changed._check_buyers()  # noqa: SLF001 (a copy)
        return changed

    def _check_buyers(self) -> None:
        """Check that a table of one instant has every person with a valid purchase at that instant.

        Raises:
            ArgumentError: People are missing.
        """
        tables = self._tables
        as_of = tables.people_as_of
        if as_of is None or "purchases" not in tables:
            return
        is_valid = (nw.col("start") <= as_of) & (nw.col("end") > as_of)
        has_values = ~nw.col(own_name(AS_OF_FIELD)).is_null()
        buyers = tables["purchases"].filter(is_valid).select("person_id")
        people = self._logs["people"].filter(has_values).select("person_id")
        missing = row_count(distinct(buyers.join(people, on="person_id", how="anti")))
        if missing:
            raise ArgumentError(
                f"the table of people is as of {instant(as_of).isoformat()} and lacks {missing:,} people who bought by "
                "then; make it from the same records, such as a new forecast"
            )
