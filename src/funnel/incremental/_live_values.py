"""Values of some facts of one person, updated record by record.

Invariant: the values equal those of the schema for the rows of all records.

There are two ways to update. A record after all other records is one step, if it only adds rows of its own fields. Any
other record goes through the ledger, which returns the rows that it adds and removes. From the first removed or late
row of a stream on, all rows of the stream are kept.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Self, cast

import attrs

from funnel._aggregate.aggregations import Stream
from funnel._aggregate.fold import END, Row, StreamFold, T, gap_fields, step_body
from funnel._aggregate.running import RunningFolds, expires
from funnel._expr.nodes import Value
from funnel._expr.to_python import function
from funnel._ledger.derived import whole
from funnel._ledger.incremental_derived import Change
from funnel._ledger.own import HEARD, extended, own_rows, own_streams, own_value, streams_of
from funnel._ledger.rows import DETAILS, details, interaction_row, number, order_row
from funnel._ledger.streams import RANKS
from funnel._time import FOREVER, NEVER, micros
from funnel.incremental._live_windows import LiveWindows
from funnel.interactions import Interaction
from funnel.records import Purchase, Record

if TYPE_CHECKING:
    from funnel._ledger.incremental import GrowingLedger
    from funnel.facts._schema import FactSchema


# ---- direct steps ----------------------------------------------------------------------------------------------------

# Invariant: the values equal those after a step with the row.
#
# A row takes longer than all the rest, and most schemas read one or two of its 14 fields. Each kind of interaction has
# one generated function that reads only the needed fields of the record.


DirectStep = Callable[[list[Value], list[bool], Record], None]
"""Adds a record to the values of the folds."""


def direct_step(kind: type[Record], streams: Sequence[StreamFold]) -> DirectStep:
    """Generate the function that adds an interaction of a kind to the folds of some streams."""
    name = str(kind.model_fields["kind"].default)
    body = [
        _Fields(name, ready.stream).visit(statement)
        for ready in streams
        for statement in step_body(ready.stream, ready.groups)
    ]
    own = {field.name: field for ready in streams for field in ready.stream.own}
    names = {"micros": micros, "details": details, "own_value": own_value, **own}
    step: DirectStep = function(name, ("values", "has_row", "record"), body or [ast.Pass()], names)
    return step


class _Fields(ast.NodeTransformer):
    """Replace the fields of a row `v` by the fields of the record."""

    def __init__(self, kind: str, stream: Stream) -> None:
        self.kind = kind
        self.fields = list(stream.fields)
        self.own = {field.name for field in stream.own}

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        match node:
            case ast.Subscript(value=ast.Name(id="v"), slice=ast.Constant(value=int(index))):
                return self._field(self.fields[index])
            case _:
                return node

    def _field(self, name: str) -> ast.expr:
        match name:
            case "t" | "start":
                return _call("micros", ast.Attribute(_RECORD, "occurred_at", ast.Load()))
            case "end":
                return ast.Constant(FOREVER)
            case "rank":
                return ast.Constant(RANKS[self.kind])
            case "kind":
                return ast.Constant(self.kind)
            case "source" | "id" | "direction" | "channel":
                return ast.Attribute(_RECORD, name, ast.Load())
            case _ if name in self.own:
                return _call("own_value", ast.Name(name, ast.Load()), ast.Attribute(_RECORD, "columns", ast.Load()))
            case _:
                index = ast.Constant(DETAILS.index(name))
                return ast.Subscript(_call("details", _RECORD), index, ast.Load())


_RECORD = ast.Name("record", ast.Load())


def _call(name: str, *values: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name, ast.Load()), list(values), [])


# ---- the values ------------------------------------------------------------------------------------------------------


@attrs.frozen
class _Effect:
    """Changes in a schema by a record of a kind, if it comes after all other records.

    Attributes:
        needs_ledger: True if a row depends on other records too.
        closes: True if a contact from the person closes follow-ups.
        step: Function that adds the record to the values; None for a purchase.
        windows: Streams with a window to which an interaction adds a row.
    """

    needs_ledger: bool
    closes: bool
    step: DirectStep | None
    windows: tuple[str, ...]


@lru_cache(maxsize=256)
def _effects_of(_: FactSchema) -> dict[type[Record], _Effect]:
    """Return the effects in a schema that are known so far; they are the same for every person."""
    return {}


def _effect(plan: FactSchema, kind: type[Record]) -> _Effect:
    read, own = streams_of(kind) & plan.streams, own_streams(kind)
    folds = [plan.folds[name] for name in own if name in plan.folds]
    step = None if issubclass(kind, Purchase) else direct_step(kind, folds)
    sources = {window.source for window in plan.windows}
    return _Effect(not read <= {HEARD, *own}, HEARD in read, step, tuple(name for name in own if name in sources))


def _flagged(plan: FactSchema) -> list[int]:
    """Return the groups of folds in which the first row is a special case."""
    groups = (group for ready in plan.folds.values() for group in ready.groups)
    return [group.number for group in groups if not all(fold.is_started for fold in group.folds)]


class LiveValues:
    """Values that a schema needs, kept up to date.

    Attributes:
        plan: The schema.
        values: The values at their indexes, without those of windows.
        count: Number of new records that are in the values but not in the ledger.
        version: Version of the ledger that is in the values.
    """

    def __init__(self, plan: FactSchema) -> None:
        """Start without rows."""
        self.plan = plan
        self.values = plan.unknown
        self._windows = LiveWindows(plan)
        self.count = 0
        self.version = 0
        self._effects = _effects_of(plan)
        self._has_row = [False] * len(plan.reductions)
        self._last = {stream: NEVER for stream, ready in plan.folds.items() if ready.gapped}
        self._is_finished = True
        self._read: dict[str, int] = {}
        self._folds: dict[str, RunningFolds] = {}

    @classmethod
    def of_ledger(cls, plan: FactSchema, ledger: GrowingLedger) -> Self:
        """Return the values of all rows of a ledger, and follow its changes."""
        live = cls(plan)
        ledger.follow(plan.streams)
        ledger.settle()
        live._read = {stream: len(ledger.changes.get(stream, ())) for stream in plan.streams}
        live._windows.load(ledger)
        for ready in plan.folds.values():
            ready.fill(live.values, live._has_row, own_rows(ledger, ready.stream), ledger.latest)
        for stream in live._last:
            rows = (row for row in reversed(ledger.rows.get(stream, ())) if row[END] == FOREVER)
            live._last[stream] = number(next((row[T] for row in rows), NEVER))
        live._finish()
        return live

    @classmethod
    def of_row(cls, plan: FactSchema, row: Row) -> Self:
        """Return the values that `to_row` returned."""
        live, rest = cls(plan), iter(row)
        live.values[: len(plan.empties)] = [next(rest) for _ in plan.empties]
        for group in _flagged(plan):
            live._has_row[group] = next(rest) == 1
        live._last = {stream: number(next(rest)) for stream in live._last}
        live._windows.restore(rest)
        return live

    def to_row(self, latest: int) -> Row:
        """Return everything that the next record after an instant needs."""
        flags = (int(self._has_row[group]) for group in _flagged(self.plan))
        values = self.values[: len(self.plan.empties)]
        return (*values, *flags, *self._last.values(), *self._windows.to_row(latest))

    def at(self, now: int) -> Sequence[Value]:
        """Return the values at an instant, which is not before the latest record."""
        return self._windows.values(self.values, now) if self.plan.windows else self.values

    # ---- records after all other records ----

    def add(self, records: Sequence[Record]) -> bool:
        """Add the records that are not in the values; return False if one of them needs the ledger."""
        for record in records[self.count :]:
            effect = self._effects.get(type(record))
            if effect is None:
                effect = self._effects[type(record)] = _effect(self.plan, type(record))
            if effect.needs_ledger:
                return False
            if effect.step is None:
                self._add_purchase(cast("Purchase", record), closes=effect.closes)
            else:
                if effect.closes and vars(record)["direction"] == "in":
                    self._close()
                effect.step(self.values, self._has_row, record)
                if effect.windows:
                    row = interaction_row(cast("Interaction", record))
                    for source in effect.windows:
                        self._windows.append(source, self._extended(source, row, record))
            self.count += 1
            self._is_finished = False
        if not self._is_finished:
            self._finish()
        return True

    def _add_purchase(self, order: Purchase, *, closes: bool) -> None:
        row = order_row(order)
        if closes:
            self._close()
        if "orders" in self.plan.streams:
            self._step("orders", self._extended("orders", row, order))
        if "purchases" in self.plan.streams and order.amount.minor:
            self._step("purchases", self._extended("purchases", whole(order, row), order))

    def _extended(self, stream: str, row: Row, record: Record) -> Row:
        """Return a row with the own columns that the facts read."""
        layout = self.plan.layouts.get(stream)
        return row if layout is None else extended(layout, row, record.columns)

    def _close(self) -> None:
        """Close all open follow-ups."""
        self._windows.clear(HEARD)
        for group in self.plan.folds[HEARD].groups if HEARD in self.plan.folds else ():
            self._has_row[group.number] = False
            for fold in group.folds:
                self.values[fold.index] = self.plan.empties[fold.index]

    def _step(self, stream: str, row: Row) -> None:
        """Add a row that comes after all other rows."""
        self._windows.append(stream, row)
        if stream in self.plan.folds:
            self._fold(stream, row)

    def _fold(self, stream: str, row: Row) -> None:
        if stream in self._last:
            t, last = number(row[T]), self._last[stream]
            row = (*row, *gap_fields(0 if last == NEVER else t - last))
            self._last[stream] = t
        self.plan.folds[stream].step(self.values, self._has_row, row)

    def _finish(self) -> None:
        self.plan.finish(self.values)
        self._is_finished = True

    # ---- changes of the ledger ----

    def catch_up(self, ledger: GrowingLedger, *, is_added: bool = False) -> None:
        """Apply the changes of the ledger since the last update.

        Args:
            ledger: The ledger that these values follow.
            is_added: True if `add` was called for the records of these changes.
        """
        for stream, count in self._read.items():
            changes = ledger.changes.get(stream, ())
            if len(changes) > count:
                self._read[stream] = len(changes)
                self._apply(ledger, stream, self._with_own(ledger, stream, changes[count:]), is_added=is_added)
                self._is_finished = False
        if not self._is_finished:
            self._finish()

    def _with_own(self, ledger: GrowingLedger, stream: str, changes: Sequence[Row | Change]) -> Sequence[Row | Change]:
        """Return changes of rows with the own columns that the facts read."""
        if stream not in self.plan.layouts:
            return changes
        return [
            attrs.evolve(one, row=self.plan.own(ledger, stream, one.row))
            if isinstance(one, Change)
            else self.plan.own(ledger, stream, one)
            for one in changes
        ]

    def _apply(self, ledger: GrowingLedger, stream: str, changes: Sequence[Row | Change], *, is_added: bool) -> None:
        self._windows.apply(stream, changes, is_added=is_added)
        if stream not in self.plan.folds:
            return
        if stream in self._folds:
            folds = self._folds[stream]
            for change in changes:
                if not isinstance(change, Change):
                    folds.add(change)
                elif change.is_added:
                    folds.add(change.row)
                else:
                    folds.remove(change.row)
        elif Change in map(type, changes):
            ledger.settle()
            ready = self.plan.folds[stream]
            self._folds[stream] = RunningFolds(ready, self.plan.empties, expires(own_rows(ledger, ready.stream)))
        else:
            for row in () if is_added else cast("Sequence[Row]", changes):
                self._fold(stream, row)
            return
        self._folds[stream].write(self.values, self._has_row)
        if stream in self._last:
            self._last[stream] = self._folds[stream].last
