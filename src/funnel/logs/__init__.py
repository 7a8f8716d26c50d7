"""Logs: the records of all people as tables of any dataframe engine, validated and without duplicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, TypeGuard

from funnel._arguments import instance, parse_instant
from funnel._dataframes.adapter import Frame, FrameKind, InputFrame, from_native, materialize, to_native
from funnel._dataframes.frame_types import FrameT, NativeT
from funnel.logs.assemble import (
    alias_frame,
    common_currency,
    common_kind,
    concatenated,
    joined_own,
    known_by,
    validated,
    without_check_columns,
)
from funnel.logs.compare_rows import unresolved
from funnel.logs.intake import Amount, Intake, OnIssues, Words, intake, reading_of
from funnel.logs.ledger import LedgerTables, numbered_tables
from funnel.logs.normalize import normalize
from funnel.logs.own_columns import OwnColumns, own_columns
from funnel.logs.people import PeopleOfLogs
from funnel.logs.read_amounts import Amounts
from funnel.logs.read_times import Times
from funnel.logs.schema import LOGS, Issue, raise_if_any
from funnel.logs.sums import sum_issues
from funnel.money import decimals

__all__ = ["Amounts", "Issue", "Logs", "Times"]


class Logs(PeopleOfLogs, Generic[FrameT]):
    """Records of all people as dataframes: validated, without duplicates, one name per person.

    Every argument is a dataframe of polars (eager or lazy), pandas, pyarrow, DuckDB, Ibis or PySpark. All must run on
    one engine. Polars runs pandas and pyarrow tables too: these three may be mixed. Other columns are ignored. Results
    are the same kind of frame as the input, lazy if the frame was lazy. If kinds are mixed, results have the kind of
    the first table in the order of the arguments below; rows of eager frames (Polars, pandas, pyarrow) are sorted by
    person, then by time. All rows are validated once, when `Logs` is created. This collects a lazy Polars frame and
    keeps the columns that are read in memory.

    Args:
        leads: `person_id`, `arrived_at`; `source`, `campaign`, `referred_by` if known.
        purchases: `id`, `person_id`, `purchased_at`, `amount` (whole minor units); `source`, `currency`, `status`,
            `cancelled_at`, `promotion`, `promised_at`, `delivered_at`, `paid_at`, `prepaid`, `fees`, `cost` if known.
        refunds: `id`, `purchase_id`, `refunded_at`, `amount`; `source`, `currency`, `reason` if known.
        interactions: `id`, `person_id`, `occurred_at`, `kind`; `source`, `direction`, `channel`, `regarding` (what is
            answered, resolved, delivered or complained about), `reason`, `until`, `latest`, `score`, `amount`,
            `currency` if known.
            Each of these logs may have `recorded_at`: when the shop learned of a row; if empty, when it happened.
        aliases: `alias`, `person_id`: two names of one person, applied before anything is computed; may form chains.
        currency: The only currency (ISO 4217) of all amounts; required if a column names currencies.
        keep: The shop's own columns to keep on a log, such as `{"purchases": ["country"]}`, with their values.

    Raises:
        LogsError: Columns or rows are invalid; all issues are reported together, with exact counts. Rows are validated
            only in tables with valid columns. They are compared with each other only if all columns and aliases are
            valid.
        EngineError: A frame cannot be read, or the frames are on different engines.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime
        >>> march = datetime(2026, 3, 1, tzinfo=UTC)
        >>> orders = {"id": [1], "person_id": ["p1"], "purchased_at": [march], "amount": [900]}
        >>> Logs(purchases=pl.DataFrame(orders))
        Logs(purchases, on polars)
    """

    def __init__(  # noqa: PLR0913 - one argument a log
        self: Logs[NativeT],
        *,
        leads: NativeT | None = None,
        purchases: NativeT | None = None,
        refunds: NativeT | None = None,
        interactions: NativeT | None = None,
        aliases: NativeT | None = None,
        currency: str | None = None,
        keep: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Convert the frames and validate them."""
        frames = {
            "leads": leads,
            "purchases": purchases,
            "refunds": refunds,
            "interactions": interactions,
            "aliases": aliases,
        }
        if currency is not None:
            decimals(currency)
        present = {log: frame for log, frame in frames.items() if frame is not None}
        self._own: OwnColumns = own_columns(keep, present) if keep is not None else {}
        inputs = {log: from_native(frame, {*LOGS[log], *self._own.get(log, ())}) for log, frame in present.items()}
        self._frame_kind: FrameKind = common_kind(inputs)
        checked = validated(inputs, currency, self._own).items()
        self._logs = {log: without_check_columns(frame, inputs[log]) for log, frame in checked}
        self.currency = currency
        self._alias_frames = (normalize("aliases", inputs["aliases"]),) if "aliases" in inputs else ()
        self._issues: tuple[Issue, ...] = ()
        self._notes: tuple[str, ...] = ()
        self._left_out = 0
        self._is_resolved = True

    # ---- logs of a shop's own frame ----

    @classmethod
    def from_orders(  # noqa: PLR0913 (each says one thing of the frame; docs/decisions/few-arguments.md)
        cls,
        frame: NativeT,
        columns: Mapping[str, str] | None = None,
        *,
        tz: str | Times | None = None,
        currency: str | None = None,
        amount: Amount | None = None,
        statuses: Words | None = None,
        on_issues: OnIssues = "raise",
    ) -> Logs[NativeT]:
        """Return logs of a frame of orders, or of lines of orders, as a shop has it.

        Rows with the same id are lines of one order: their amounts are added, and the earliest time counts. A row that
        equals an earlier row in every column of the frame is read once. `logs.notes` says how many rows were added up.
        An order of amount 0 is kept, and is not a purchase: it makes nobody a buyer.

        Args:
            frame: Dataframe of any supported engine. Columns that are not named are left alone.
            columns: The frame's column for each column of `purchases`: `{"person_id": "CustomerID"}`. A column that has
                the name already needs no mention. Any other name is an own column to keep: `{"country": "Country"}`.
                Instead of "amount": "quantity" and "unit_price", or "order_amount" if each line repeats the amount of
                its order. Without an "id", each row is an order, and the row's number is its id. Ids become texts.
            tz: Zone of times without an offset, such as "Asia/Jakarta"; or `Times` with the format of texts. A local
                time that the clock skipped is an issue; of a time that it showed twice, the first is used.
            currency: Currency of all amounts (ISO 4217); required unless amounts are minor units.
            amount: Unit of the amounts, "minor" (cents; default) or "major" (dollars), a style of texts, or `Amounts`.
                An amount with more decimals than the currency is an issue; nothing is rounded.
            statuses: Meaning of each word in the status column: `{"Completed": "paid"}`; None leaves the rows out.
                The library's own words, such as "paid", mean themselves unless they are given.
            on_issues: "raise" an error with all issues; or "split" the bad rows off, into `logs.issues`. An order with
                a bad line is split off as a whole. The repr says how many rows were split off. If no row is left, it
                is an error too.

        Raises:
            LogsError: Columns are missing or have types that cannot be read; or rows are bad, unless they are split
                and some are left.
            ArgumentError: An argument is not allowed, or `columns` names a column that the frame does not have.
            EngineError: The frame cannot be read.

        Example:
            >>> import polars as pl
            >>> lines = {"No": [1, 1, 2], "Buyer": [7, 7, 8], "Date": ["03/01/2026 09:30"] * 3, "Paid": [19.99, 5, 0.1]}
            >>> columns = {"id": "No", "person_id": "Buyer", "purchased_at": "Date", "amount": "Paid"}
            >>> times = Times("Asia/Jakarta", format="%d/%m/%Y %H:%M")
            >>> logs = Logs.from_orders(pl.DataFrame(lines), columns, tz=times, currency="USD", amount="major")
            >>> logs, logs.notes
            (Logs(purchases, on polars), ('2 rows are lines of 1 order; their amounts were added',))
        """
        reading = reading_of("purchases", columns, {"status": statuses}, tz=tz, currency=currency, amount=amount)
        return cls._of_intake(intake(frame, reading, on_issues), currency)

    @classmethod
    def from_refunds(  # noqa: PLR0913 (each says one thing of the frame; docs/decisions/few-arguments.md)
        cls,
        frame: NativeT,
        columns: Mapping[str, str] | None = None,
        *,
        tz: str | Times | None = None,
        currency: str | None = None,
        amount: Amount | None = None,
        on_issues: OnIssues = "raise",
    ) -> Logs[NativeT]:
        """Return logs of a frame of refunds, to be put beside the orders with `Logs.concat`.

        The arguments are those of `from_orders`. Each row is one refund.

        Example:
            >>> import polars as pl
            >>> frame = pl.DataFrame({"purchase_id": [1], "refunded_at": ["2026-03-02 10:00"], "amount": [5.0]})
            >>> Logs.from_refunds(frame, tz="Asia/Jakarta", currency="USD", amount="major")
            Logs(refunds, on polars)
        """
        reading = reading_of("refunds", columns, {}, tz=tz, currency=currency, amount=amount)
        return cls._of_intake(intake(frame, reading, on_issues), currency)

    @classmethod
    def from_leads(
        cls,
        frame: NativeT,
        columns: Mapping[str, str] | None = None,
        *,
        tz: str | Times | None = None,
        on_issues: OnIssues = "raise",
    ) -> Logs[NativeT]:
        """Return logs of a frame of leads, as a shop has it.

        The arguments are those of `from_orders`.

        Example:
            >>> import polars as pl
            >>> frame = pl.DataFrame({"lead": ["a", "b"], "day": ["2026-03-01", "2026-03-02"]})
            >>> Logs.from_leads(frame, {"person_id": "lead", "arrived_at": "day"}, tz="Asia/Jakarta")
            Logs(leads, on polars)
        """
        reading = reading_of("leads", columns, {}, tz=tz, currency=None, amount="minor")
        return cls._of_intake(intake(frame, reading, on_issues), None)

    @classmethod
    def from_interactions(  # noqa: PLR0913 (each says one thing of the frame; docs/decisions/few-arguments.md)
        cls,
        frame: NativeT,
        columns: Mapping[str, str] | None = None,
        *,
        tz: str | Times | None = None,
        currency: str | None = None,
        amount: Amount | None = None,
        kinds: Words | None = None,
        on_issues: OnIssues = "raise",
    ) -> Logs[NativeT]:
        """Return logs of a frame of interactions, as a shop has it.

        The arguments are those of `from_orders`, and `kinds`: the meaning of each word in the kind column, such as
        `{"pv": "view"}`; None leaves the rows out. Deliveries and complaints that name their purchase are looked up
        when the logs are put beside the orders with `Logs.concat`.

        Example:
            >>> import polars as pl
            >>> frame = pl.DataFrame({"user": [7], "at": [1772330400], "what": ["pv"]})
            >>> columns = {"person_id": "user", "occurred_at": "at", "kind": "what"}
            >>> Logs.from_interactions(frame, columns, tz=Times(format="epoch"), kinds={"pv": "view"})
            Logs(interactions, on polars)
        """
        reading = reading_of("interactions", columns, {"kind": kinds}, tz=tz, currency=currency, amount=amount)
        return cls._of_intake(intake(frame, reading, on_issues), currency)

    @classmethod
    def from_events(  # noqa: PLR0913 (each says one thing of the frame; docs/decisions/few-arguments.md)
        cls,
        frame: NativeT,
        columns: Mapping[str, str] | None = None,
        *,
        tz: str | Times | None = None,
        currency: str | None = None,
        amount: Amount | None = None,
        kinds: Words | None = None,
        on_issues: OnIssues = "raise",
    ) -> Logs[NativeT]:
        """Return logs of one frame of events: purchases, leads and interactions, each row with its kind.

        The columns are those of `interactions`, also for purchases and leads, and `campaign` and `promotion`. The
        arguments are those of `from_interactions`; a kind may also be "purchase" or "lead".

        Example:
            >>> import polars as pl
            >>> frame = pl.DataFrame({"person_id": [7, 7], "kind": ["pv", "buy"], "amount": [None, 19.99]})
            >>> frame = frame.with_columns(occurred_at=pl.Series(["2026-03-01 09:00", "2026-03-01 09:30"]))
            >>> kinds = {"pv": "view", "buy": "purchase"}
            >>> Logs.from_events(frame, tz="Asia/Jakarta", currency="USD", amount="major", kinds=kinds)
            Logs(purchases, interactions, on polars)
        """
        reading = reading_of("events", columns, {"kind": kinds}, tz=tz, currency=currency, amount=amount)
        return cls._of_intake(intake(frame, reading, on_issues), currency)

    @classmethod
    def concat(cls, first: Logs[NativeT], *others: Logs[Any], aliases: object = None) -> Logs[NativeT]:
        """Return several logs as one: the rows of each log one after the other, each record once.

        Args:
            first: Logs; results have the kind of their frames.
            others: More logs, on the same engine and in the same currency.
            aliases: Dataframe with `alias` and `person_id`, two names of one person, as in `Logs`.

        Raises:
            LogsError: Records contradict each other, or refer to a record that is missing or does not fit.
            EngineError: The logs are on different engines.
            MoneyError: The logs have different currencies.
            ArgumentError: An argument is not `Logs`.

        Example:
            >>> import polars as pl
            >>> lead = pl.DataFrame({"person_id": ["a"], "arrived_at": ["2026-03-01"]})
            >>> order = pl.DataFrame({"person_id": ["a"], "purchased_at": ["2026-03-02"], "amount": [900]})
            >>> Logs.concat(Logs.from_leads(lead, tz="UTC"), Logs.from_orders(order, tz="UTC"))
            Logs(leads, purchases, on polars)
        """
        parts: list[Logs[Any]] = [first, *others]
        for part in parts:
            instance(part, Logs, "logs", "Logs")
        currency = common_currency([part.currency for part in parts])
        frames = [InputFrame(frame, part._frame_kind) for part in parts for frame in part._logs.values()]  # noqa: SLF001
        common_kind({f"logs {number}": frame for number, frame in enumerate(frames, start=1)})
        extra_aliases = () if aliases is None else (alias_frame(aliases),)
        logs = concatenated([part._logs for part in parts], extra_aliases)  # noqa: SLF001
        own = joined_own([part._own for part in parts])  # noqa: SLF001
        issues, notes = (tuple(one for part in parts for one in getattr(part, name)) for name in ("issues", "notes"))
        read = Intake(logs, first._frame_kind, own, issues, notes, sum(part._left_out for part in parts))  # noqa: SLF001
        earlier = tuple(frame for part in parts for frame in part._alias_frames)  # noqa: SLF001
        return cls._of_intake(read, currency, (*earlier, *extra_aliases))

    @classmethod
    def _of_intake(cls, read: Intake, currency: str | None, aliases: tuple[Frame, ...] = ()) -> Logs[Any]:
        logs = Logs.__new__(Logs)
        logs._frame_kind, logs._logs, logs._own = read.frame_kind, dict(read.logs), read.own  # noqa: SLF001 (a new one)
        logs.currency, logs._issues, logs._notes = currency, read.issues, read.notes  # noqa: SLF001
        logs._alias_frames, logs._left_out = aliases, read.left_out  # noqa: SLF001
        logs._is_resolved = "purchases" in read.logs or not unresolved(read.logs)  # noqa: SLF001
        return logs

    @property
    def issues(self) -> tuple[Issue, ...]:
        """Issues of the rows that were split off, each with its count and all row numbers; empty if none were."""
        return self._issues

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about the rows that were read: lines added up, copies dropped, ambiguous local times."""
        return self._notes

    @property
    def own_columns(self) -> Mapping[str, tuple[str, ...]]:
        """The shop's own columns, by log; logs without own columns are absent."""
        return self._own

    @cached_property
    def _fact_tables(self) -> LedgerTables:
        """Ledger tables from which facts are computed: with a number in place of each person on Polars."""
        return numbered_tables(self._tables)

    @cached_property
    def _materialized_tables(self) -> Mapping[str, Frame]:
        """Tables for long query plans: temporary tables in DuckDB, unchanged elsewhere."""
        if self._frame_kind != "duckdb":
            return self._tables
        logs = {log: materialize(frame) for log, frame in self._logs.items()}
        return LedgerTables(logs, materialize, (self._own, self._frame_kind))

    def as_known(self, as_of: datetime) -> Logs[FrameT]:
        """Return the logs as known at an instant: without rows that were recorded later.

        Facts at an instant count what had happened by then. With `logs.as_known(day)` they count only what the shop
        also knew by then, so late news does not count before it arrived. A row is known as a whole: later instants in
        it (a cancellation, a delivery) count from those instants.

        Args:
            as_of: Instant, an aware datetime.

        Raises:
            InstantError: `as_of` is naive.

        Example:
            >>> import polars as pl
            >>> from datetime import UTC, datetime
            >>> from funnel import Facts
            >>> march, april = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 4))
            >>> row = {"id": [1], "person_id": ["p1"], "purchased_at": [march], "amount": [900], "recorded_at": [april]}
            >>> logs = Logs(purchases=pl.DataFrame(row))
            >>> [Facts.over(one, as_of=march).height for one in (logs, logs.as_known(march), logs.as_known(april))]
            [1, 0, 1]
        """
        at = parse_instant(as_of, "as_of")
        return self._with_logs({log: known_by(log, frame, at) for log, frame in self._logs.items()})

    def _native(self, frame: Frame, *, order: Sequence[str] = ("person_id",), **types: Sequence[str]) -> FrameT:
        """Internal: convert a result to the kind of frame of the input; if it is eager, sorted by `order`."""
        return to_native(frame, self._frame_kind, order=order, **types)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        """Return the names of the logs, their kind of frame, and how many rows were split off."""
        count = self._left_out
        left_out = f"; {count:,} row{'s' * (count > 1)} left out, see issues" if count else ""
        return f"Logs({', '.join(self._logs)}, on {self._frame_kind}{left_out})"


def is_logs(value: object) -> TypeGuard[Logs[Any]]:
    """Return whether an object is `Logs`, of any kind of frame."""
    return isinstance(value, Logs)


def trusted(logs: Mapping[str, object], currency: str | None, own: OwnColumns) -> Logs:
    """Return logs of validated rows without duplicates and aliases, with own columns; for stores.

    `currency` is None if there are no amounts, or if each amount keeps a currency of its own in an own column.
    """
    inputs = {log: from_native(frame, {*LOGS[log], *own.get(log, ())}) for log, frame in logs.items()}
    result = Logs.__new__(Logs)
    normalized = {
        log: without_check_columns(normalize(log, source, own.get(log, ())), source) for log, source in inputs.items()
    }
    raise_if_any(list(sum_issues(normalized)))
    vars(result).update(_frame_kind=common_kind(inputs), _logs=normalized, currency=currency)
    vars(result).update(_own=own, _issues=(), _notes=(), _left_out=0, _alias_frames=(), _is_resolved=True)
    return result
