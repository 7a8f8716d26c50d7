"""Reductions, and all forms of each way to combine values, side by side."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from math import isqrt
from typing import TYPE_CHECKING, Any, Literal

import attrs

from funnel._expr.division import divided
from funnel._expr.nodes import Fact, Value
from funnel._expr.tree import Leaf, Tree
from funnel._time import FOREVER, NEVER

if TYPE_CHECKING:
    import narwhals as nw  # noqa: TC004 (only type checkers read the types of these fields)

ORDER = ("t", "rank", "source", "id")
COMMON = ("t", "start", "end", "rank", "source", "id")
EVERY = Leaf(answer=True)
"""The condition that every row meets."""

GAP = "gap"
"""The field of a living stream with the time since the previous row, in microseconds; 0 for the first row."""

GAP_FIELDS = (GAP, "gap_hours", "gap_hours_squared")
"""The fields that depend on the previous row: the gap, its whole hours, and their square."""

HOUR = 3_600_000_000
"""One hour in microseconds."""

LARGEST_SUM = 2**53
"""The maximum sum of one person: the range that a rule's arithmetic is checked for, exact on every engine."""

TOO_LARGE = "the amounts are too large to be summed in 64 bits; check their unit, or give them in a larger one"

How = Literal["sum", "smallest", "largest", "earliest", "latest"]


@attrs.frozen
class Combine:
    """One way to combine integers: the neutral number, and all forms.

    `step` adds one number to the value. `fold` combines one or more numbers. `ufunc` names numpy's function.
    """

    neutral: int
    step: Callable[[int, int], int]
    fold: Callable[[Iterable[int]], int]
    aggregate: Callable[[nw.Expr], nw.Expr]
    window: Callable[[nw.Expr], nw.Expr]
    ufunc: str


COMBINES: Mapping[str, Combine] = {
    "sum": Combine(0, operator.add, sum, operator.methodcaller("sum"), operator.methodcaller("cum_sum"), "add"),
    "smallest": Combine(FOREVER, min, min, operator.methodcaller("min"), operator.methodcaller("cum_min"), "minimum"),
    "largest": Combine(NEVER, max, max, operator.methodcaller("max"), operator.methodcaller("cum_max"), "maximum"),
}
"""The ways to combine numbers. The value of the earliest or latest row is not one of them: it is read from that row."""

EDGES: Mapping[str, str] = {"earliest": "smallest", "latest": "largest"}
"""How to find the earliest or the latest row: it has the smallest or the largest index in order."""


@attrs.frozen
class PostAggregation:
    """A derived value in three forms: for integers, columns and numpy arrays.

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


def _quotient(otherwise: int) -> PostAggregation:
    """Return a quotient rounded down; another number if the divisor is below 1."""

    def one(total: int, count: int) -> int:
        return total // count if count > 0 else otherwise

    def column(total: nw.Expr, count: nw.Expr) -> nw.Expr:
        return _where(count > 0, divided(total, _where(count > 0, count, 1)), otherwise)

    def array(total: Any, count: Any) -> Any:
        there = count > 0
        return total // (count * there + ~there) * there + otherwise * ~there

    return PostAggregation(one, column, array)


def _occasions(count: Any, returns: Any) -> Any:
    """Return the number of occasions, from the number of rows and of rows that begin another occasion."""
    return int(count > 0) + returns


def _occasions_column(count: nw.Expr, returns: nw.Expr) -> nw.Expr:
    return _any_column(count) + returns


def _occasions_array(count: Any, returns: Any) -> Any:
    return _any_array(count) + returns


def _spread(hours: int, squares: int, count: int) -> int:
    """Return the standard deviation of gaps, in whole hours; infinite for fewer than two gaps."""
    if count < 2:  # noqa: PLR2004 (one gap does not vary)
        return FOREVER - NEVER
    return isqrt((count * squares - hours * hours) // (count * count)) * HOUR


def _spread_column(hours: nw.Expr, squares: nw.Expr, count: nw.Expr) -> nw.Expr:
    import narwhals as nw

    variance = divided(count * squares - hours * hours, _where(count > 1, count * count, 1))
    # The variance is below 2**52, so the floor of its square root as a float is exact.
    root = _where(count > 1, variance, 0).cast(nw.Float64()).sqrt().floor().cast(nw.Int64())
    return _where(count > 1, root * HOUR, FOREVER - NEVER)


def _spread_array(hours: Any, squares: Any, count: Any) -> Any:
    several = count > 1
    variance = (count * squares - hours * hours) // (count * count * several + ~several) * several
    return (variance**0.5).astype("int64") * HOUR * several + (FOREVER - NEVER) * ~several


def _gaps(mean: PostAggregation) -> PostAggregation:
    """Return the mean time between records: total time divided by number of gaps."""

    def form(divide: Callable[..., Any]) -> Callable[..., Any]:
        def over_gaps(first: Any, last: Any, count: Any) -> Any:
            return divide(last - first, count - 1)

        return over_gaps

    return PostAggregation(form(mean.one), form(mean.column), form(mean.array))


POST_AGGREGATIONS: Mapping[str, PostAggregation] = {
    "any": PostAggregation(_any, _any_column, _any_array),
    "mean": _quotient(0),
    "mean_span": _quotient(FOREVER - NEVER),
    "mean_gap": _gaps(_quotient(FOREVER - NEVER)),
    "occasions": PostAggregation(_occasions, _occasions_column, _occasions_array),
    "spread": PostAggregation(_spread, _spread_column, _spread_array),
}
"""The values derived from others. A mean is rounded down to a whole unit."""


@attrs.frozen
class Stream:
    """A named kind of rows: its table, its kind, and whether rows can end.

    `fields` are the columns of a row in order, each with the values it can have. A windowed stream has the rows of
    its `base`, each until `within` microseconds after its `t` (`funnel._aggregate.within`). `own` are the fields of the
    shop's own columns, which are read from a table of their own.
    """

    name: str
    table: str
    fields: Mapping[str, Fact] = attrs.field(eq=False, repr=False)
    kind: str = ""
    living: bool = False
    within: int | None = attrs.field(default=None, repr=False)
    base: Stream | None = attrs.field(default=None, eq=False, repr=False)
    own: tuple[Fact, ...] = attrs.field(default=(), eq=False, repr=False)

    @property
    def plain_table(self) -> str:
        """The name of the table without a window and own columns."""
        return base_table(self.table)[0].partition(_WITH)[0]

    @property
    def origin(self) -> Stream:
        """The stream whose rows these are: the base of a windowed stream, otherwise the stream itself."""
        return self if self.base is None else self.base


_BETWEEN = " within "
"""Between the name of a table and the length of a window, in the name of a windowed table."""


def windowed(stream: Stream, within: int) -> Stream:
    """Return the stream of the rows that happened at most `within` microseconds ago."""
    name, table = (f"{one}{_BETWEEN}{within}" for one in (stream.name, stream.table))
    return attrs.evolve(stream, name=name, table=table, living=True, within=within, base=stream)


_WITH = " with "
"""Between the name of a table and its own columns, in the name of a table with own columns."""

_OWN = "_own_"
"""Start of the inner name of an own column, which no other column has."""

_OWN_KINDS: Mapping[str, Callable[[str], Fact]] = {
    "text": lambda name: Fact(name, "text"),
    "whole": lambda name: Fact(name, high=LARGEST_OWN),
    "truth": lambda name: Fact(name, high=1),
    "instant": lambda name: Fact(name, low=NEVER, high=FOREVER),
}
"""The field of an own column, by the kind of its values."""

LARGEST_OWN = 10**14
"""Largest whole number in an own column."""


def own_field(name: str, kind: str) -> Fact:
    """Return the field of an own column, under its inner name."""
    return _OWN_KINDS[kind](_OWN + name)


def own_name(field: Fact) -> str:
    """Return the name that a shop gives to an own column."""
    return field.name.removeprefix(_OWN)


def own_kind(field: Fact) -> str:
    """Return the kind of the values of an own column."""
    return next(kind for kind, of in _OWN_KINDS.items() if of(field.name) == field)


def with_own(stream: Stream, own: Iterable[Fact]) -> Stream:
    """Return the stream with the fields of own columns, and only those."""
    if stream.within is not None:
        return windowed(with_own(stream.origin, own), stream.within)
    fields = sorted(own, key=lambda field: field.name)
    plain = {name: field for name, field in stream.fields.items() if not name.startswith(_OWN)}
    columns = ",".join(f"{own_name(field)}:{own_kind(field)}" for field in fields)
    gaps = {name: plain.pop(name) for name in GAP_FIELDS if name in plain}
    table = f"{stream.plain_table}{_WITH}{columns}" if fields else stream.plain_table
    every = {**plain, **{field.name: field for field in fields}, **gaps}
    return attrs.evolve(stream, table=table, fields=every, own=tuple(fields))


@lru_cache(maxsize=1_024)
def own_of_table(name: str) -> tuple[str, tuple[Fact, ...]]:
    """Return the name of the table that a table with own columns is made of, and the fields of the own columns."""
    plain, _, columns = name.partition(_WITH)
    parts = (column.rpartition(":") for column in columns.split(",") if column)
    return plain, tuple(own_field(column, kind) for column, _, kind in parts)


@lru_cache(maxsize=1_024)
def base_table(name: str) -> tuple[str, int | None]:
    """Return the name of the table that a windowed table is made of, and the length of the window.

    The length is None if the table is not windowed.
    """
    base, between, within = name.partition(_BETWEEN)
    return base, int(within) if between else None


def _is_edge(reduction: Reduction) -> bool:
    return reduction.how in EDGES


@attrs.frozen
class Reduction:
    """One value of one person: how to combine the rows that meet a condition.

    `field` is the column, or "" to count rows. `empty` is the value if there are no rows.
    """

    stream: Stream
    how: How
    field: str = ""
    where: Tree = EVERY
    empty: Value = 0
    is_edge: bool = attrs.field(default=attrs.Factory(_is_edge, takes_self=True), init=False, eq=False, repr=False)
    """Whether the value is read from one row: the first or the last."""

    @property
    def is_large(self) -> bool:
        """Whether the value is a sum, which may exceed the range of its rows' values."""
        return self.how == "sum" and bool(self.field)


@attrs.frozen
class Derived:
    """A value of one person that is computed from reductions."""

    how: str
    parts: tuple[Reduction, ...]
