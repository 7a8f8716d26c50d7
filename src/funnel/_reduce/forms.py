"""Reductions, and all forms of each way to combine values, side by side."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

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

LARGEST_SUM = 2**53
"""The largest sum of one person: the range that a rule's arithmetic is checked for, and exact in every engine."""

TOO_LARGE = "the amounts are too large to be summed in 64 bits; check their unit, or give them in a larger one"

How = Literal["sum", "smallest", "largest", "earliest", "latest"]


@attrs.frozen
class Monoid:
    """One way to combine whole numbers: the neutral number, and all forms.

    `step` adds one number to the value, and `fold` combines one number or more. `ufunc` names numpy's function.
    """

    neutral: int
    step: Callable[[int, int], int]
    fold: Callable[[Iterable[int]], int]
    aggregate: Callable[[nw.Expr], nw.Expr]
    window: Callable[[nw.Expr], nw.Expr]
    ufunc: str


MONOIDS: Mapping[str, Monoid] = {
    "sum": Monoid(0, operator.add, sum, operator.methodcaller("sum"), operator.methodcaller("cum_sum"), "add"),
    "smallest": Monoid(FOREVER, min, min, operator.methodcaller("min"), operator.methodcaller("cum_min"), "minimum"),
    "largest": Monoid(NEVER, max, max, operator.methodcaller("max"), operator.methodcaller("cum_max"), "maximum"),
}
"""The ways to put numbers together. The value of the earliest or latest row is not one: it is looked up at that row."""

EDGES: Mapping[str, str] = {"earliest": "smallest", "latest": "largest"}
"""How the row of an edge is found: it has the smallest or the largest place in order."""


@attrs.frozen
class Finish:
    """A value derived from others: of one person's whole numbers, of columns, and of numpy arrays.

    Every form is required, so a form cannot be missing.
    """

    one: Callable[..., int]
    column: Callable[..., nw.Expr]
    array: Callable[..., Any]


def _where(condition: nw.Expr, value: nw.Expr, otherwise: int) -> nw.Expr:
    import narwhals as nw

    return nw.when(condition).then(value).otherwise(nw.lit(otherwise, nw.Int64()))


def _any(count: int) -> int:
    return int(count > 0)


def _any_column(count: nw.Expr) -> nw.Expr:
    return _where(count > 0, count * 0 + 1, 0)


def _any_array(count: Any) -> Any:
    return (count > 0) * 1


def _quotient(otherwise: int) -> Finish:
    """A quotient rounded down; another number if the divisor is below 1."""

    def one(total: int, count: int) -> int:
        return total // count if count > 0 else otherwise

    def column(total: nw.Expr, count: nw.Expr) -> nw.Expr:
        return _where(count > 0, divided(total, _where(count > 0, count, 1)), otherwise)

    def array(total: Any, count: Any) -> Any:
        there = count > 0
        return total // (count * there + ~there) * there + otherwise * ~there

    return Finish(one, column, array)


def _gaps(mean: Finish) -> Finish:
    """The mean time between records: the time from the first to the last, divided by the number of gaps."""

    def form(divide: Callable[..., Any]) -> Callable[..., Any]:
        def over_gaps(first: Any, last: Any, count: Any) -> Any:
            return divide(last - first, count - 1)

        return over_gaps

    return Finish(form(mean.one), form(mean.column), form(mean.array))


FINISHES: Mapping[str, Finish] = {
    "any": Finish(_any, _any_column, _any_array),
    "mean": _quotient(0),
    "mean_span": _quotient(FOREVER - NEVER),
    "mean_gap": _gaps(_quotient(FOREVER - NEVER)),
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
    def is_large(self) -> bool:
        """Whether the value is a sum that may be larger than the values of its rows allow."""
        return self.how == "sum" and bool(self.field)

    @property
    def is_edge(self) -> bool:
        """Whether the value is that of one row: the first or the last."""
        return self.how in ("earliest", "latest")


@attrs.frozen
class Derived:
    """A value of one person that is worked out from reductions."""

    how: str
    parts: tuple[Reduction, ...]
