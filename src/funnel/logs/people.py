"""A shop's table of people: own columns of people beside the records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from funnel._dataframes.adapter import InputFrame
from funnel.logs.aliases import resolve_aliases
from funnel.logs.assemble import common_kind, each_once
from funnel.logs.histories import HistoriesOfLogs
from funnel.logs.intake import OnIssues, intake, reading_of
from funnel.logs.schema import Issue


class PeopleOfLogs(HistoriesOfLogs):
    """The part of `Logs` that joins a table of people."""

    _issues: tuple[Issue, ...]
    _notes: tuple[str, ...]

    def with_people(self, frame: object, columns: Mapping[str, str], *, on_issues: OnIssues = "raise") -> Self:
        """Return the logs with a table of people, whose own columns facts declare with `funnel.facts.column`.

        A column of a person has one value, which counts from the person's first record. A person of the logs who is
        missing in the table has the value of an empty cell: "", 0, False or never. A person without records is left out
        of every result. An earlier table of people is replaced.

        Args:
            frame: Dataframe on the engine of the logs, with one row for each person. Exact copies are read once.
            columns: The frame's column of each own column, and of `person_id` if it has another name:
                `{"person_id": "CustomerID", "tier": "Tier"}`. Ids become texts.
            on_issues: "raise" an error with all issues; or "split" the bad rows off, into `logs.issues`.

        Raises:
            LogsError: A person is empty, or has two rows that differ.
            ArgumentError: `columns` names a column that the frame does not have, or a name that cannot be used.
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
        return changed
