"""Schema of a class of facts: every distinct value once, and the index of each fact."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, cast

import attrs

from funnel._aggregate.aggregations import GAP_FIELDS, POST_AGGREGATIONS, Derived, Reduction, Stream
from funnel._aggregate.fold import Row, Rows, StreamFold, finishing, folds
from funnel._aggregate.within import first_within, leaves_at, length_of, rows_within
from funnel._expr.nodes import Fact, Value
from funnel._ledger.own import check_instant, instant_of_person, own_row, own_rows
from funnel._time import LATEST, NEVER
from funnel.errors import FactsError
from funnel.facts._columns import SharedColumns
from funnel.facts._declare import SLOPES, Declared

if TYPE_CHECKING:
    from funnel._ledger.ledger import Ledger


# ---- indices of the values of occasions, which facts set by hand keep consistent -------------------------------------


@attrs.frozen
class Occasions:
    """Indices of the number of occasions and of the values behind it; None if a class of facts does not have one."""

    count: int
    purchases: int
    returns: int
    first: int | None
    last: int | None
    gap: int | None
    squares: tuple[int, ...]
    """The sums behind the spread."""


def occasions_of(reductions: Sequence[Reduction], derived: Sequence[Derived]) -> Occasions | None:
    """Return the indices of the occasions; None if a class of facts does not declare their number."""
    one = next((one for one in derived if one.how == "occasions"), None)
    if one is None:
        return None
    purchases, returns = one.parts
    indices = {reduction: index for index, reduction in enumerate(reductions)}
    first, last = (
        indices.get(attrs.evolve(purchases, how=how, field="t", empty=NEVER)) for how in ("smallest", "largest")
    )
    gap, *squares = (indices.get(attrs.evolve(returns, field=field)) for field in GAP_FIELDS)
    return Occasions(
        len(reductions) + derived.index(one),
        indices[purchases],
        indices[returns],
        first,
        last,
        gap,
        tuple(index for index in squares if index is not None),
    )


# ---- windows of facts ------------------------------------------------------------------------------------------------

# The values of a class of facts with windows end with one more entry per window: the rows in it at the instant of the
# facts. The values at any later instant follow from them if nothing happens.


Finish = tuple[Callable[..., int], tuple[int, ...]]
"""How a derived value is computed, and the indexes of its parts."""


@attrs.frozen(eq=False)
class Window:
    """The folds of one windowed stream.

    Attributes:
        fold: The folds.
        within: Length of the window.
        index: Index of the rows in the values.
        empties: Value of each reduction of the stream if there are no rows, by index.
        derived: Derived values that depend on the window, by index.
        groups: Number of groups of all folds.
    """

    fold: StreamFold
    within: int
    index: int
    empties: tuple[tuple[int, Value], ...]
    derived: tuple[tuple[int, Finish], ...]
    groups: int

    @property
    def source(self) -> str:
        """Name of the stream whose rows are in the window."""
        return self.fold.stream.origin.name

    @property
    def indices(self) -> tuple[int, ...]:
        """Indexes of all values that depend on the window."""
        return tuple(index for index, _ in (*self.empties, *self.derived))

    def put(self, values: list[Value], rows: Rows, now: int) -> None:
        """Write the rows that are left at an instant, and the values of the reductions."""
        left = tuple(rows[first_within(rows, self.within, now) :])
        values[self.index] = cast("Value", left)
        for index, empty in self.empties:
            values[index] = empty
        self.fold.fill(values, [False] * self.groups, left, now)

    def derive(self, values: list[Value]) -> None:
        """Write the derived values; all windows must be written before."""
        for index, (finish, parts) in self.derived:
            values[index] = finish(*(values[part] for part in parts))

    def rows(self, values: Sequence[Value]) -> Rows | None:
        """Return the rows in the values; None if a value was set by hand."""
        return cast("Rows | None", values[self.index])


def windows_of(
    windowed: Iterable[StreamFold], reductions: Sequence[Reduction], finishes: Sequence[Finish]
) -> tuple[Window, ...]:
    """Return the windows of a schema; their rows follow all other values."""
    first = len(reductions)

    def window(number: int, fold: StreamFold) -> Window:
        own = {one.index for group in fold.groups for one in group.folds}
        derived = [(index, one) for index, one in enumerate(finishes, first) if not own.isdisjoint(one[1])]
        empties = tuple((index, reductions[index].empty) for index in sorted(own))
        return Window(fold, length_of(fold.stream), first + len(finishes) + number, empties, tuple(derived), first)

    return tuple(window(number, fold) for number, fold in enumerate(windowed))


# ---- the schema ------------------------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class FactSchema:
    """Reductions of a class of facts and the values derived from them, each with its index.

    `empties` are the values of an unknown person. `folds` are the folds by stream, without those of the `windows`.
    """

    declared: Mapping[str, Declared]
    reductions: tuple[Reduction, ...]
    derived: tuple[Derived, ...]
    indices: Mapping[str, int]
    folds: Mapping[str, StreamFold]
    windows: tuple[Window, ...]
    finishes: tuple[Finish, ...]
    finish: Callable[[list[Value]], None]
    """Compute the derived values in place."""
    empties: tuple[Value, ...]

    @property
    def unknown(self) -> list[Value]:
        """The values of an unknown person, with the rows of the windows: none."""
        return [*self.empties, *(cast("Value", ()) for _ in self.windows)]

    @cached_property
    def streams(self) -> frozenset[str]:
        """Names of the streams whose rows are read."""
        return frozenset((*self.folds, *(window.source for window in self.windows)))

    @cached_property
    def compared(self) -> Callable[[Sequence[Value]], object]:
        """Return the values that are facts; the other values are parts of derived values."""
        return itemgetter(*sorted(set(self.indices.values()))) if self.indices else tuple

    @cached_property
    def occasions(self) -> Occasions | None:
        """Indices of the values of occasions."""
        return occasions_of(self.reductions, self.derived)

    @property
    def readable(self) -> Mapping[str, Fact]:
        """Facts that a rule may read."""
        return {name: one.fact(name) for name, one in self.declared.items() if one.show != "instant"}

    @property
    def refused(self) -> Mapping[str, str]:
        """Facts that a rule may not read, each with a remedy."""
        return {name: self._remedy(name) for name, one in self.declared.items() if one.show == "instant"}

    def _remedy(self, name: str) -> str:
        spans = [other for other, index in self.indices.items() if index == self.indices[name] and other != name]
        better = (
            f"read {' or '.join(spans)}" if spans else f"declare a span of it, such as since_{name.removesuffix('_at')}"
        )
        return f"it may be missing; {better}"

    def run_indices(self) -> dict[str, tuple[int, int]]:
        """Return the index of each fact in a compiled rule, and its slope with the clock."""
        return {name: (self.indices[name], SLOPES.get(one.show, 0)) for name, one in self.declared.items()}

    def values(self, ledger: Ledger, now: int) -> tuple[Value, ...]:
        """Return the values of one person: the fold of every reduction with a row, and the rows of every window.

        Raises:
            FactsError: The columns of the person are of another instant.
        """
        if self.reads_people:
            check_instant(instant_of_person(ledger), now)
        if now < ledger.latest:
            return self._put_together(ledger, now)
        values = ledger.cached_values.get(self)
        if values is None:
            values = self._put_together(ledger, ledger.latest)
            ledger.cache_values(self, values)
        return self.later(values, now, self.windows) if self.windows else values

    def _put_together(self, ledger: Ledger, now: int) -> tuple[Value, ...]:
        values, has_row, folds = self.unknown, [False] * len(self.reductions), self.folds
        for stream, rows in ledger.rows.items():
            if stream in folds:
                fold = folds[stream]
                own = own_rows(ledger, fold.stream, is_checked=True) if fold.stream.own else rows
                fold.fill(values, has_row, own, now)
        for window in self.windows:
            own = own_rows(ledger, window.fold.stream, is_checked=True)
            window.put(values, rows_within(own, window.within, now), now)
        self.finish(values)
        return tuple(values)

    def own(self, ledger: Ledger, source: str, row: Row) -> Row:
        """Return a row of a stream of the ledger with the own columns that the facts read."""
        return own_row(ledger, self.layouts[source], row) if source in self.layouts else row

    @cached_property
    def reads_people(self) -> bool:
        """Whether a fact reads a column of people."""
        return "people" in self.layouts

    @cached_property
    def layouts(self) -> Mapping[str, Stream]:
        """Streams with own columns, by the name of the stream whose rows they have."""
        streams = [one.stream.origin for one in self.reductions]
        return {stream.name: stream for stream in streams if stream.own}

    # ---- windows ----

    def windows_of(self, names: Iterable[str]) -> tuple[Window, ...]:
        """Return the windows that some facts depend on."""
        indices = {self.indices[name] for name in names}
        return tuple(window for window in self.windows if not indices.isdisjoint(window.indices))

    def later(self, values: Sequence[Value], now: int, windows: Iterable[Window]) -> tuple[Value, ...]:
        """Return the values at a later instant if nothing happens: rows leave these windows.

        Raises:
            FactsError: A value of a window was set by hand.
        """
        rows = [(window, self._rows(window, values)) for window in windows]
        left = [(window, own) for window, own in rows if own and leaves_at(own[0], window.within) <= now]
        return self.with_windows(values, left, now) if left else tuple(values)

    def with_windows(
        self, values: Sequence[Value], windows: Sequence[tuple[Window, Rows]], now: int
    ) -> tuple[Value, ...]:
        """Return the values with these rows in the windows at an instant; rows before the windows are left out."""
        changed = list(values)
        for window, rows in windows:
            window.put(changed, rows, now)
        for window, _ in windows:
            window.derive(changed)
        return tuple(changed)

    def future(
        self, values: Sequence[Value], now: int, windows: Sequence[Window]
    ) -> Iterator[tuple[int, int, tuple[Value, ...]]]:
        """Yield the values from now on if nothing happens, each from an instant until another.

        Raises:
            FactsError: A value of a window was set by hand.
        """
        leaves = {leaves_at(row, window.within) for window in windows for row in self._rows(window, values)}
        for at, until in pairwise([now, *sorted(one for one in leaves if now < one < LATEST), LATEST]):
            yield at, until, self.later(values, at, windows)

    def _rows(self, window: Window, values: Sequence[Value]) -> Rows:
        rows = window.rows(values)
        if rows is None:
            names = " and ".join(name for name, index in self.indices.items() if index in window.indices)
            msg = f"the records behind {names} are unknown, because a value was set by hand"
            raise FactsError(f"{msg}; use facts of records, such as Facts.of(history, as_of=...)")
        return rows


def fact_schema(declared: Mapping[str, Declared]) -> FactSchema:
    """Build the schema of declared facts."""
    shared = SharedColumns(one.value for one in declared.values())
    values = {name: shared.of(one.value) for name, one in declared.items()}
    derived = tuple(dict.fromkeys(one for one in values.values() if isinstance(one, Derived)))
    direct = (one for one in values.values() if isinstance(one, Reduction))
    reductions = tuple(dict.fromkeys([*direct, *_parts(derived)]))
    every: list[Reduction | Derived] = [*reductions, *derived]
    order = {value: index for index, value in enumerate(every)}
    indices = {name: order[one] for name, one in values.items()}
    finishes = tuple((POST_AGGREGATIONS[one.how].one, tuple(order[part] for part in one.parts)) for one in derived)
    empties = [reduction.empty for reduction in reductions]
    computed = [finish(*(empties[part] for part in parts)) for finish, parts in finishes]
    finish, folded = finishing(finishes, reductions), folds(reductions)
    plain = {stream: fold for stream, fold in folded.items() if fold.stream.within is None}
    windows = windows_of((fold for stream, fold in folded.items() if stream not in plain), reductions, finishes)
    return FactSchema(declared, reductions, derived, indices, plain, windows, finishes, finish, (*empties, *computed))


@lru_cache(maxsize=256)
def narrowed(plan: FactSchema, read: frozenset[str]) -> FactSchema:
    """Return the schema of some facts of another schema.

    Rules that read the same facts share one schema.
    """
    return fact_schema({name: one for name, one in plan.declared.items() if name in read})


def _parts(derived: Iterable[Derived]) -> Iterable[Reduction]:
    for one in derived:
        yield from one.parts
