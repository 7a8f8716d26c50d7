"""What a reduction is, and the three forms of each way to put values together, side by side."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal

import attrs

from funnel._instants import FOREVER, NEVER
from funnel._lift.division import divided
from funnel._lift.nodes import Fact, Value
from funnel._lift.tree import Leaf, Tree

if TYPE_CHECKING:
    import narwhals as nw  # noqa: TC004 (only type checkers read the types of these fields)

ORDER = ("t", "rank", "source", "id")
COMMON = ("t", "start", "end", "rank", "source", "id")
EVERY = Leaf(answer=True)
"""The condition that every row meets."""

GAP = "gap"
"""The field of a living stream that says how long after the row before it a row came; 0 for the first."""

How = Literal["sum", "smallest", "largest", "earliest", "latest"]


@attrs.frozen
class Monoid:
    """One way to put whole numbers together: the number that changes nothing, and the three forms.

    `step` puts one more number to what there is, and `fold` is all the steps over one number or more.
    """

    neutral: int
    step: Callable[[int, int], int]
    fold: Callable[[Iterable[int]], int]
    aggregate: Callable[[nw.Expr], nw.Expr]
    window: Callable[[nw.Expr], nw.Expr]


MONOIDS: Mapping[str, Monoid] = {
    "sum": Monoid(0, operator.add, sum, operator.methodcaller("sum"), operator.methodcaller("cum_sum")),
    "smallest": Monoid(FOREVER, min, min, operator.methodcaller("min"), operator.methodcaller("cum_min")),
    "largest": Monoid(NEVER, max, max, operator.methodcaller("max"), operator.methodcaller("cum_max")),
}
"""The ways to put numbers together. The value of the earliest or latest row is not one: it is looked up at that row."""


@attrs.frozen
class Finish:
    """A value worked out from others: on one person's whole numbers, and on columns of them."""

    one: Callable[..., int]
    column: Callable[..., nw.Expr]


def _where(condition: nw.Expr, value: nw.Expr, otherwise: int) -> nw.Expr:
    import narwhals as nw

    return nw.when(condition).then(value).otherwise(nw.lit(otherwise, nw.Int64()))


def _divisor(count: nw.Expr) -> nw.Expr:
    """A count to divide by: where it is none, the quotient is not looked at."""
    return _where(count > 0, count, 1)


def _any(count: int) -> int:
    return int(count > 0)


def _any_column(count: nw.Expr) -> nw.Expr:
    return _where(count > 0, count * 0 + 1, 0)


def _mean(total: int, count: int) -> int:
    return total // count if count > 0 else 0


def _mean_column(total: nw.Expr, count: nw.Expr) -> nw.Expr:
    return _where(count > 0, divided(total, _divisor(count)), 0)


def _mean_span(total: int, count: int) -> int:
    return total // count if count > 0 else FOREVER - NEVER


def _mean_span_column(total: nw.Expr, count: nw.Expr) -> nw.Expr:
    return _where(count > 0, divided(total, _divisor(count)), FOREVER - NEVER)


def _mean_gap(first: int, last: int, count: int) -> int:
    return (last - first) // (count - 1) if count > 1 else FOREVER - NEVER


def _mean_gap_column(first: nw.Expr, last: nw.Expr, count: nw.Expr) -> nw.Expr:
    return _where(count > 1, divided(last - first, _divisor(count - 1)), FOREVER - NEVER)


FINISHES: Mapping[str, Finish] = {
    "any": Finish(_any, _any_column),
    "mean": Finish(_mean, _mean_column),
    "mean_span": Finish(_mean_span, _mean_span_column),
    "mean_gap": Finish(_mean_gap, _mean_gap_column),
}
"""The values worked out from others; a mean is rounded down to a whole unit."""


@attrs.frozen
class Stream:
    """A named kind of rows: the table that holds them, which of its rows belong, and whether they cease to count.

    `fields` are the columns of a row in their order, each with the values it can take.
    """

    name: str
    table: str
    fields: Mapping[str, Fact] = attrs.field(eq=False, repr=False)
    kind: str = ""
    living: bool = False


@attrs.frozen
class Reduction:
    """One value of one person: how the rows of a stream that meet a condition are put together.

    `field` is the column, or "" for one a row; `empty` is the value where there is no row.
    """

    stream: Stream
    how: How
    field: str = ""
    where: Tree = EVERY
    empty: Value = 0

    @property
    def is_edge(self) -> bool:
        """Whether the value is that of one row: the first or the last."""
        return self.how in ("earliest", "latest")


@attrs.frozen
class Derived:
    """A value of one person that is worked out from reductions."""

    how: str
    parts: tuple[Reduction, ...]
