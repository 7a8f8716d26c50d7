"""Windows of facts: the rows that leave a window as time passes, and the values from then on.

The values of a class of facts with windows end with one more entry per window: the rows in it at the instant of the
facts. The values at any later instant follow from them if nothing happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import cast

import attrs

from funnel._aggregate.aggregations import Reduction
from funnel._aggregate.fold import Rows, StreamFold
from funnel._aggregate.within import first_within, length_of
from funnel._expr.nodes import Value

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
