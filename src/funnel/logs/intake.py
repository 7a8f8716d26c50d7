"""Logs of a shop's own frames: read, checked, split from bad rows, and without duplicates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs
import narwhals as nw

from funnel._arguments import check_choice, did_you_mean, instance, is_one_of, kind_of
from funnel._dataframes.adapter import ROW, Frame, FrameKind, collect_once, distinct, duplicated, is_remote
from funnel._dataframes.copies import copies_among
from funnel._expr.to_narwhals import int_lit
from funnel._fields import LARGEST_AMOUNT
from funnel._text_formats import WrittenStyle
from funnel.errors import ArgumentError
from funnel.logs.compare_rows import closing_checks, conflict_issues, conflicting_keys, drop_duplicates, keys_of
from funnel.logs.normalize import MISSING
from funnel.logs.order_lines import BELOW, KEY, amount_checks, bad_count, order_checks, summed, with_amount
from funnel.logs.own_columns import OwnColumns
from funnel.logs.read_amounts import Amounts, AmountUnit
from funnel.logs.read_frame import OUT, Reading, ReadLog, read_frame
from funnel.logs.read_times import Times
from funnel.logs.schema import EVENTS, LOGS, NOT_RECORDS, READ, RECORDED, Issue, keep_last, raise_if_any
from funnel.logs.sums import integers, sum_issues
from funnel.logs.validate import Check, checks_of, issues_of, row_count, row_numbers
from funnel.money import decimals

Amount: TypeAlias = AmountUnit | WrittenStyle | Amounts
"""The unit or the style of the amounts of a frame, or both with more."""

_ARGUMENTS = {"status": "statuses", "kind": "kinds"}
"""Argument with the meanings of the words of a column."""

OnIssues: TypeAlias = Literal["raise", "split"]
Words: TypeAlias = Mapping[str, str | None]
"""The shop's words with their meanings; None leaves the rows of a word out."""


@attrs.frozen
class Intake:
    """Result of reading a frame.

    Attributes:
        logs: The canonical logs.
        frame_kind: The kind of the frame.
        own: Own columns, by log.
        issues: The issues of rows that were split off.
        notes: Sentences about rows that were added up, dropped or ambiguous.
        left_out: Number of rows that were split off.
    """

    logs: Mapping[str, Frame]
    frame_kind: FrameKind
    own: OwnColumns
    issues: tuple[Issue, ...]
    notes: tuple[str, ...]
    left_out: int


def reading_of(  # noqa: PLR0913 - the arguments of the calls
    log: str, columns: object, words: Mapping[str, object], *, tz: object, currency: object, amount: object
) -> Reading:
    """Return how a frame is read, after checking the arguments.

    Raises:
        ArgumentError: An argument cannot be used.
        MoneyError: The currency is unknown.
    """
    declared = _mapping(columns, "columns", "{'person_id': 'CustomerID'}")
    unit = "minor" if amount is None else amount
    amounts = unit if isinstance(unit, Amounts) else Amounts(unit)  # type: ignore[arg-type]
    if currency is None and amounts.style != "minor":
        msg = f"amount={amounts.style!r} needs the currency, which says how many decimals there are: currency='USD'"
        raise ArgumentError(msg)
    times = tz if tz is None or isinstance(tz, Times) else Times(tz)
    scale = 0 if currency is None else decimals(currency)  # type: ignore[arg-type]
    meanings = {name: _words(log, name, value) for name, value in words.items() if value is not None}
    is_said = amount is not None
    return Reading(log, declared, times, amounts, currency, scale, meanings, is_said)  # type: ignore[arg-type]


def _mapping(value: object, name: str, example: str) -> Mapping[Any, Any]:
    if value is None:
        return {}
    mapping: Mapping[Any, Any] = instance(value, Mapping, name, f"a mapping such as {example}")
    for key in mapping:
        if not isinstance(key, str):
            msg = f"{name} must be a mapping from texts, such as {example} (got a key that is {kind_of(key)})"
            raise ArgumentError(msg)
    return mapping


def _words(log: str, name: str, value: object) -> Words:
    argument = _ARGUMENTS[name]
    allowed = READ[log][name].choices
    words: Mapping[Any, Any] = _mapping(value, argument, f"{{'Completed': {allowed[0]!r}}}")
    for means in words.values():
        if means is not None and not is_one_of(means, allowed):
            text = means if isinstance(means, str) else kind_of(means)
            near = did_you_mean(means, allowed)
            raise ArgumentError(f"{argument} must mean one of {', '.join(allowed)}, or None (got {text!r}){near}")
    return {**({} if value is None else {word: word for word in allowed}), **words}


# ---- steps -----------------------------------------------------------------------------------------------------------


def intake(native: object, reading: Reading, on_issues: OnIssues) -> Intake:
    """Read one frame.

    Raises:
        ArgumentError: An argument does not fit the frame.
        LogsError: Columns are missing or have wrong types; or rows are bad, unless they are split off; or no row is
            left.
        EngineError: The frame cannot be read.
    """
    check_choice(on_issues, ("raise", "split"), "on_issues")
    work = _Work(reading, on_issues == "split")
    read = read_frame(native, reading)
    if reading.log == "purchases" and is_remote(read.source.frame_kind) and _repeats(read.frame):
        native, read = work.distinct(native, read)
    work.notes.extend(read.notes)
    logs = work.events(read, native) if reading.log == EVENTS else {reading.log: work.one_log(read, native)}
    issues = _alike_together(work.issues)
    if work.left_out and reading.log not in NOT_RECORDS and not any(map(row_count, logs.values())):
        raise_if_any(issues, "no row is left: ")
    if not logs:
        raise ArgumentError("the frame has no event that is left; Logs needs at least one")
    raise_if_any(list(sum_issues(logs)))
    own = {log: read.own for log in logs if read.own}
    return Intake(logs, read.source.frame_kind, own, issues, tuple(work.notes), sum(work.left_out))


def _alike_together(issues: Sequence[Issue]) -> tuple[Issue, ...]:
    """Return one issue for each problem of a column."""
    merged: dict[tuple[str, str, str], Issue] = {}
    for issue in issues:
        key = (issue.log, issue.column, issue.problem)
        same = merged.get(key)
        if same is not None:
            rows = tuple(sorted((*same.rows, *issue.rows)))
            issue = attrs.evolve(same, count=same.count + issue.count, rows=rows)  # noqa: PLW2901
        merged[key] = issue
    return tuple(merged.values())


def _repeats(frame: Frame) -> int:
    return row_count(duplicated(frame, list(KEY)))


@attrs.frozen
class _Work:
    """One frame being read, with the issues and notes so far, and the numbers of rows that were split off."""

    reading: Reading
    is_split: bool
    issues: list[Issue] = attrs.field(factory=list[Issue])
    notes: list[str] = attrs.field(factory=list[str])
    left_out: list[int] = attrs.field(factory=list[int])

    def report(self, issues: Iterable[Issue]) -> None:
        """Store issues; raise them if rows are not split off."""
        some = list(issues)
        if not self.is_split:
            raise_if_any(some, remedy=" (on_issues='split' leaves their rows out)")
        self.issues.extend(some)

    def distinct(self, native: Any, read: ReadLog) -> tuple[object, ReadLog]:
        """Drop exact copies of rows in a database, and read the rest."""
        rest: Any = nw.to_native(distinct(nw.from_native(native)))
        reread = read_frame(rest, self.reading)
        self.note_copies(row_count(read.frame) - row_count(reread.frame))
        return rest, reread

    def note_copies(self, count: int) -> None:
        """Note exact copies."""
        if count:
            self.notes.append(f"{_rows(count)} equal to an earlier row in every column, read once")

    def one_log(self, read: ReadLog, native: object) -> Frame:
        """Return one log."""
        log = self.reading.log
        frame = self.valid(log, read)
        frame = self.orders(frame, read, native) if log == "purchases" else self.unique(log, frame)
        return _columns(log, frame, read)

    # ---- rows ----

    def valid(self, log: str, read: ReadLog) -> Frame:
        """Return the rows that no check finds bad."""
        frame = self.without_left_out(read.frame)
        self.note_clocks(frame, read.twice)
        is_bought = log == "purchases"
        lowest = -LARGEST_AMOUNT if is_bought else 0
        checks = [*read.checks, *checks_of(log, self.reading.currency, read.source, lowest=lowest)]
        checks = [attrs.evolve(check, argument=_ARGUMENTS.get(check.column, "")) for check in checks]
        if is_bought:
            checks += amount_checks(read.lines)
        issues = list(issues_of(log, frame, checks))
        self.report(issues)
        if not issues:
            return frame
        marked = collect_once(frame.with_columns(bad_count([check.bad for check in checks]).alias("_bad")))
        good, bad = (marked.filter(is_good).drop("_bad") for is_good in (nw.col("_bad") == 0, nw.col("_bad") > 0))
        self.left_out.append(row_count(bad))
        return self.whole_orders(good, bad) if is_bought else good

    def without_left_out(self, frame: Frame) -> Frame:
        """Drop the rows whose word is mapped to None."""
        if OUT not in frame.collect_schema():
            return frame
        if count := row_count(frame.filter(nw.col(OUT))):
            self.notes.append(f"{_rows(count)} left out, because their word is mapped to None")
        return collect_once(frame.filter(~nw.col(OUT)))

    def note_clocks(self, frame: Frame, twice: Mapping[str, str]) -> None:
        """Note local times that the clock showed twice."""
        for name, column in twice.items():
            if count := row_count(frame.filter(nw.col(column) == 1)):
                self.notes.append(f"{name}: {_rows(count)} with a time that the clock showed twice, read as the first")

    def whole_orders(self, good: Frame, bad: Frame) -> Frame:
        """Drop the other rows of an order with a bad row: their sum would be too small."""
        keys = distinct(bad.select(*KEY))
        rest = good.join(keys, on=list(KEY), how="semi")
        if not (count := row_count(rest)):
            return good
        self.left_out.append(count)
        problem = "is a row of an order with another bad row; the order is left out as a whole"
        self.issues.append(Issue("purchases", "id", problem, count, row_numbers(rest)))
        return collect_once(good.join(keys, on=list(KEY), how="anti"))

    # ---- orders ----

    def orders(self, frame: Frame, read: ReadLog, native: object) -> Frame:
        """Add up the rows of each order."""
        is_whole = "order_amount" in read.lines
        frame = collect_once(with_amount(frame, read.lines))
        repeated = collect_once(duplicated(frame, list(KEY)))
        lines = row_count(repeated)
        if not lines:
            return self.not_below(frame)
        if ROW in frame.collect_schema():
            numbers = list(row_numbers(repeated))
            copies = copies_among(native, numbers)
            self.note_copies(len(copies))
            single = self.not_below(frame.join(repeated.select(ROW), on=ROW, how="anti"))
            repeated = collect_once(repeated.filter(~nw.col(ROW).is_in(sorted(copies))))
        else:
            single, repeated = None, frame
        orders = collect_once(summed(repeated, read.own, is_whole=is_whole))
        latest = keep_last(read.source.frame_kind, self.reading.columns.get("id", "id"))
        orders = self.good_orders(orders, repeated, latest, is_whole=is_whole)
        self.note_sums(orders, is_whole=is_whole)
        names = [name for name in frame.collect_schema() if name in orders.collect_schema()]
        return orders.select(names) if single is None else nw.concat([single.select(names), orders.select(names)])

    def note_sums(self, orders: Frame, *, is_whole: bool) -> None:
        """Note how many rows became how many orders."""
        several = orders.filter(nw.col("_lines") > 1)
        count, lines = integers(several.select(nw.len().alias("orders"), nw.col("_lines").sum()))
        if count:
            how = "the amount of the order is on each of them" if is_whole else "their amounts were added"
            self.notes.append(f"{_rows(lines)} are lines of {count:,} order{'s' * (count > 1)}; {how}")

    def not_below(self, frame: Frame) -> Frame:
        """Return the orders of one row with an amount of 0 or more."""
        bad = nw.col("amount") < 0
        issues = list(issues_of("purchases", frame, [Check("amount", BELOW, bad)]))
        self.report(issues)
        self.left_out.extend(issue.count for issue in issues)
        return frame.filter(~bad) if self.is_split else frame

    def good_orders(self, orders: Frame, rows: Frame, latest: str, *, is_whole: bool) -> Frame:
        """Return the orders that no check finds bad; `latest` is how to keep the last row of each order."""
        checks = list(order_checks(latest, is_whole=is_whole))
        issues: list[Issue] = []
        for column, problem, bad in checks:
            keys = orders.filter(bad).select(*KEY)
            lines = rows.join(keys, on=list(KEY), how="semi")
            if count := row_count(lines):
                issues.append(Issue("purchases", column, problem, count, row_numbers(lines)))
        self.report(issues)
        if not issues:
            return orders
        marked = orders.with_columns(bad_count([bad for _, _, bad in checks]).alias("_bad"))
        bad_keys = marked.filter(nw.col("_bad") > 0).select(*KEY)
        self.left_out.append(row_count(rows.join(bad_keys, on=list(KEY), how="semi")))
        return marked.filter(nw.col("_bad") == 0).drop("_bad")

    # ---- leads and interactions ----

    def unique(self, log: str, frame: Frame) -> Frame:
        """Return each record once."""
        names = [name for name in (ROW, *LOGS[log], *self.own()) if name in frame.collect_schema()]
        frame = collect_once(frame.select(names))
        repeated = collect_once(duplicated(frame, keys_of(log)))
        if row_count(repeated):
            conflicts = list(conflict_issues(log, repeated))
            self.report(conflicts)
            if conflicts:
                self.left_out.extend(conflict.count for conflict in conflicts)
                frame, repeated = _without_conflicts(log, frame, repeated)
            before = row_count(frame)
            frame = collect_once(drop_duplicates(frame, repeated))
            self.note_copies(before - row_count(frame))
        return self.referred(frame) if log == "interactions" else frame

    def own(self) -> Sequence[str]:
        """Return the names of own columns."""
        return [name for name in self.reading.columns if name not in READ[self.reading.log]]

    def referred(self, frame: Frame) -> Frame:
        """Return interactions whose question or complaint exists; purchases are looked up later."""
        for joined, checks in closing_checks(frame, frame):
            issues = list(issues_of("interactions", joined, checks))
            self.report(issues)
            if issues:
                marked = joined.with_columns(bad_count([check.bad for check in checks]).alias("_bad"))
                keys = marked.filter(nw.col("_bad") > 0).select(*KEY)
                self.left_out.append(row_count(keys))
                frame = collect_once(frame.join(keys, on=list(KEY), how="anti"))
        return frame

    # ---- events ----

    def events(self, read: ReadLog, native: object) -> dict[str, Frame]:
        """Return the logs of one table of events."""
        frame = self.valid(EVENTS, read)
        logs: dict[str, Frame] = {}
        for log, part, columns in parts_of_events(frame):
            if row_count(part):
                renamed = part.with_columns(**columns)
                whole = self.orders(renamed, read, native) if log == "purchases" else self.unique(log, renamed)
                logs[log] = _columns(log, whole, read)
        return logs


def parts_of_events(frame: Frame) -> Iterator[tuple[str, Frame, Mapping[str, nw.Expr]]]:
    """Yield the rows of each log in a table of events, and their columns."""
    kind, at, empty = nw.col("kind"), nw.col("occurred_at"), nw.lit("", nw.String())
    optional = [name for name, column in LOGS["purchases"].items() if column.kind in ("instant", "amount")]
    unknown = {name: int_lit(MISSING) for name in optional if name not in READ[EVENTS]}
    bought = {**unknown, "purchased_at": at, "status": nw.lit("paid")}
    arrived = {"arrived_at": at, "referred_by": nw.lit(None, nw.String())}
    yield "leads", frame.filter(kind == "lead"), arrived
    yield "purchases", frame.filter(kind == "purchase"), bought
    yield (
        "interactions",
        frame.filter(~kind.is_in(["lead", "purchase"])),
        {"regarding": nw.col("regarding").fill_null(empty)},
    )


def _rows(count: int) -> str:
    return f"{count:,} row{'s' * (count > 1)}"


def _without_conflicts(log: str, frame: Frame, repeated: Frame) -> tuple[Frame, Frame]:
    """Drop every row of records that contradict each other."""
    keys = keys_of(log)
    bad = conflicting_keys(log, repeated).select(*keys)
    frame, repeated = (collect_once(rows.join(bad, on=keys, how="anti")) for rows in (frame, repeated))
    return frame, repeated


def _columns(log: str, frame: Frame, read: ReadLog) -> Frame:
    """Return the columns that `Logs` keeps."""
    names = [name for name in LOGS[log] if name not in ("currency", RECORDED)]
    if RECORDED in read.source.frame.collect_schema():
        names.append(RECORDED)
    return collect_once(frame.select(*names, *read.own))
