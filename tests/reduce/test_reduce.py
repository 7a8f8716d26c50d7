"""The ways to put values together: each does nothing with its neutral number, and its three forms are one."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel._instants import FOREVER, NEVER
from funnel._lift.nodes import Value
from funnel._lift.tree import lift
from funnel._reduce.folds import Row, folds, with_gaps
from funnel._reduce.forms import FINISHES, MONOIDS, Reduction
from funnel._streams import STREAMS

NUMBERS = st.integers(NEVER, FOREVER)
LISTS = st.lists(NUMBERS, min_size=1, max_size=6)


@pytest.mark.parametrize("how", sorted(MONOIDS))
@given(a=NUMBERS, b=NUMBERS, c=NUMBERS)
def test_numbers_are_put_together_in_any_grouping(how: str, a: int, b: int, c: int) -> None:
    """The neutral number changes nothing, and neither grouping nor order matters."""
    monoid = MONOIDS[how]

    assert monoid.step(monoid.neutral, a) == a == monoid.step(a, monoid.neutral)
    assert monoid.step(monoid.step(a, b), c) == monoid.step(a, monoid.step(b, c))
    assert monoid.step(a, b) == monoid.step(b, a)


@pytest.mark.parametrize("how", sorted(MONOIDS))
@given(values=LISTS)
def test_the_three_forms_are_one(how: str, values: list[int]) -> None:
    """Step by step, as an aggregate, and as the last of a running window."""
    monoid = MONOIDS[how]
    stepped = monoid.neutral
    for value in values:
        stepped = monoid.step(stepped, value)
    frame: Any = nw.from_native(pl.DataFrame({"x": values}))

    assert frame.select(monoid.aggregate(nw.col("x")))["x"].to_list() == [stepped]
    assert frame.select(monoid.window(nw.col("x")))["x"].to_list()[-1] == stepped


COUNTS = st.integers(0, 4)
PARTS = {
    "any": st.tuples(COUNTS),
    "mean": st.tuples(st.integers(0, 10**16), COUNTS),
    "mean_gap": st.tuples(st.integers(NEVER, 0), st.integers(0, FOREVER), COUNTS),
}


@pytest.mark.parametrize("how", sorted(FINISHES))
@given(data=st.data())
def test_what_is_worked_out_is_so_for_one_and_for_a_column(how: str, data: st.DataObject) -> None:
    """A mean is rounded down to a whole unit in both, and nothing is divided by nothing."""
    parts = data.draw(PARTS[how])
    names = [f"part_{place}" for place in range(len(parts))]
    frame: Any = nw.from_native(pl.DataFrame({name: [part] for name, part in zip(names, parts, strict=True)}))
    column = FINISHES[how].column(*map(nw.col, names))

    assert frame.select(column.alias("x"))["x"].to_list() == [FINISHES[how].one(*parts)]


def row(t: int, start: int, end: int, key: str, amount: int) -> Row:
    """A row of the purchases."""
    return t, start, end, 0, "shop", key, amount, amount, 0, ""


ROWS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 5), st.sampled_from("ab"), st.integers(1, 9)),
    max_size=5,
).map(lambda drawn: sorted(row(t, t + s, t + s + e, key, amount) for t, s, e, key, amount in drawn))


@given(ROWS, st.integers(-1, 16))
def test_a_row_counts_from_its_start_until_just_before_its_end(rows: list[Row], at: int) -> None:
    """Of a living stream only what counts at the instant is seen, of another all that has started."""
    living = folds([Reduction(STREAMS["promises"], "sum")])["promises"].seen(rows, at, settled=False)
    every = folds([Reduction(STREAMS["orders"], "sum")])["orders"].seen(rows, at, settled=False)

    assert [one for one in rows if one[1] <= at < one[2]] == living  # type: ignore[operator]
    assert [one for one in rows if one[1] <= at] == every  # type: ignore[operator]


@given(ROWS, st.integers(10, 16))
def test_when_nothing_happens_any_more_nothing_is_looked_at_twice(rows: list[Row], at: int) -> None:
    """After the last instant the rows of a stream are those that are seen, whether one says so or not."""
    for stream in ("purchases", "promises", "orders"):
        ready = folds([Reduction(STREAMS[stream], "sum")])[stream]

        assert ready.seen(rows, at, settled=True) == ready.seen(rows, at, settled=False)


@given(ROWS)
def test_gaps_lie_between_one_row_and_the_next(rows: list[Row]) -> None:
    """The first has none; the rest are what lies between; together they are the whole."""
    gapped = with_gaps(rows)
    gaps = [int(one[-1]) for one in gapped]

    assert [one[:-1] for one in gapped] == rows
    assert gaps[:1] in ([], [0])
    assert sum(gaps) == (int(rows[-1][0]) - int(rows[0][0]) if rows else 0)


BIG = lift(lambda one: one.amount >= 5, STREAMS["orders"].fields)
REDUCTIONS = (
    Reduction(STREAMS["orders"], "sum"),
    Reduction(STREAMS["orders"], "sum", "amount"),
    Reduction(STREAMS["orders"], "largest", "amount"),
    Reduction(STREAMS["orders"], "smallest", "amount", empty=FOREVER),
    Reduction(STREAMS["orders"], "smallest", "t", empty=FOREVER),
    Reduction(STREAMS["orders"], "largest", "t", empty=NEVER),
    Reduction(STREAMS["orders"], "earliest", "id", empty=""),
    Reduction(STREAMS["orders"], "latest", "amount"),
    Reduction(STREAMS["orders"], "sum", "amount", where=BIG),
)


@given(ROWS)
def test_one_more_row_is_the_same_as_all_again(rows: list[Row]) -> None:
    """A fold taken step by step is the fold of all rows, alone or with others; of none it is empty."""
    ready = folds(REDUCTIONS)["orders"]
    together: list[Value] = [one.empty for one in REDUCTIONS]
    ready.fill(together, rows, 99, settled=False)
    held: dict[int, Value] = {fold.place: fold.start for fold in ready.folds}
    stepped: list[Value] = [one.empty for one in REDUCTIONS]
    for one in rows:
        ready.step(held, stepped, one)

    assert stepped == together
    for fold in ready.folds:
        so_far = held[fold.place]
        assert so_far == fold.over(rows, 0)
        assert fold.value(so_far) == together[fold.place]
        assert rows or fold.value(so_far) == fold.reduction.empty


def test_reductions_are_told_apart_by_what_they_put_together() -> None:
    """The same reduction is one value, however often it is declared."""
    assert Reduction(STREAMS["views"], "sum") == Reduction(STREAMS["views"], "sum")
    assert Reduction(STREAMS["views"], "sum") != Reduction(STREAMS["carts"], "sum")
    assert [one.is_edge for one in REDUCTIONS] == [False] * 6 + [True, True, False]
