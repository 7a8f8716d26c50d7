"""The ways to put values together: each does nothing with its neutral number, and its three forms are one."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel._aggregate.aggregations import COMBINES, HOUR, POST_AGGREGATIONS, Reduction
from funnel._aggregate.fold import Row, folds, with_gaps
from funnel._expr.nodes import Value
from funnel._expr.tree import trace
from funnel._ledger.streams import STREAMS
from funnel._time import FOREVER, MICROSECOND, NEVER

NUMBERS = st.integers(NEVER, FOREVER)
LISTS = st.lists(NUMBERS, min_size=1, max_size=6)


@pytest.mark.parametrize("how", sorted(COMBINES))
@given(a=NUMBERS, b=NUMBERS, c=NUMBERS)
def test_numbers_are_put_together_in_any_grouping(how: str, a: int, b: int, c: int) -> None:
    """The neutral number changes nothing, and neither grouping nor order matters."""
    monoid = COMBINES[how]

    assert monoid.step(monoid.neutral, a) == a == monoid.step(a, monoid.neutral)
    assert monoid.step(monoid.step(a, b), c) == monoid.step(a, monoid.step(b, c))
    assert monoid.step(a, b) == monoid.step(b, a)


@pytest.mark.parametrize("how", sorted(COMBINES))
@given(values=LISTS)
def test_all_forms_are_one(how: str, values: list[int]) -> None:
    """Step by step, as an aggregate, as the last of a running window, and in numpy."""
    monoid = COMBINES[how]
    stepped = monoid.neutral
    for value in values:
        stepped = monoid.step(stepped, value)
    frame: Any = nw.from_native(pl.DataFrame({"x": values}))

    assert frame.select(monoid.aggregate(nw.col("x")))["x"].to_list() == [stepped]
    assert frame.select(monoid.window(nw.col("x")))["x"].to_list()[-1] == stepped
    assert getattr(np, monoid.ufunc).reduce(np.array(values, np.int64)) == stepped


COUNTS = st.integers(0, 4)
PARTS = {
    "any": st.tuples(COUNTS),
    "mean": st.tuples(st.integers(0, 10**16), COUNTS),
    "mean_span": st.tuples(st.integers(0, FOREVER), COUNTS),
    "mean_gap": st.tuples(st.integers(NEVER, 0), st.integers(0, FOREVER), COUNTS),
    "occasions": st.tuples(COUNTS, COUNTS),
    "spread": st.lists(st.integers(24, (FOREVER - NEVER) // HOUR), max_size=5).map(
        lambda hours: (sum(hours), sum(one * one for one in hours), len(hours))
    ),
}


@pytest.mark.parametrize("how", sorted(POST_AGGREGATIONS))
@given(data=st.data())
def test_what_is_worked_out_is_so_for_one_for_a_column_and_for_an_array(how: str, data: st.DataObject) -> None:
    """A mean is rounded down to a whole unit in all, and nothing is divided by nothing."""
    parts = data.draw(PARTS[how])
    names = [f"part_{index}" for index in range(len(parts))]
    frame: Any = nw.from_native(pl.DataFrame({name: [part] for name, part in zip(names, parts, strict=True)}))
    column = POST_AGGREGATIONS[how].column(*map(nw.col, names))

    assert frame.select(column.alias("x"))["x"].to_list() == [POST_AGGREGATIONS[how].one(*parts)]
    assert POST_AGGREGATIONS[how].array(*np.array([parts], np.int64).T).tolist() == [POST_AGGREGATIONS[how].one(*parts)]


NONE = FOREVER - NEVER


@pytest.mark.parametrize(
    ("how", "parts", "value"),
    [
        ("any", (0,), 0),
        ("any", (1,), 1),
        ("any", (3,), 1),
        ("mean", (7, 0), 0),
        ("mean", (7, 1), 7),
        ("mean", (7, 2), 3),
        ("mean_span", (7, 0), NONE),
        ("mean_span", (7, 1), 7),
        ("mean_span", (7, 2), 3),
        ("mean_gap", (3, 3, 0), NONE),
        ("mean_gap", (3, 3, 1), NONE),
        ("mean_gap", (3, 10, 2), 7),
        ("mean_gap", (3, 10, 3), 3),
        ("occasions", (0, 0), 0),
        ("occasions", (3, 0), 1),
        ("occasions", (3, 2), 3),
        ("spread", (0, 0, 0), NONE),
        ("spread", (30, 900, 1), NONE),
        ("spread", (60, 1_800, 2), 0),
        ("spread", (72, 2_880, 2), 12 * HOUR),
        ("spread", (75, 2_925, 2), 7 * HOUR),
    ],
)
def test_what_is_worked_out_of_little_or_nothing(how: str, parts: tuple[int, ...], value: int) -> None:
    """One value has a mean and no gap, no value has neither; for one person and for a column."""
    frame: Any = nw.from_native(pl.DataFrame({f"part_{index}": [part] for index, part in enumerate(parts)}))
    column = POST_AGGREGATIONS[how].column(*map(nw.col, frame.columns))

    assert POST_AGGREGATIONS[how].one(*parts) == value
    assert frame.select(column.alias("x"))["x"].to_list() == [value]


def row(t: int, start: int, end: int, key: str, amount: int) -> Row:
    """A row of the purchases."""
    return t, start, end, 0, "shop", key, amount, amount, 0, "", 0, 0, 0


ROWS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 5), st.sampled_from("ab"), st.integers(1, 9)),
    max_size=5,
).map(lambda tuples: sorted(row(t, t + s, t + s + e, key, amount) for t, s, e, key, amount in tuples))


def count_and_last(stream: str, rows: list[Row], at: int) -> tuple[Value, Value]:
    """How many rows of a stream are seen at an instant, and the number of the last."""
    reductions = (Reduction(STREAMS[stream], "sum"), Reduction(STREAMS[stream], "latest", "id", empty=""))
    values: list[Value] = [one.empty for one in reductions]
    folds(reductions)[stream].fill(values, [False, False], rows, at)
    return values[0], values[1]


@given(ROWS, st.integers(-1, 16))
def test_a_row_counts_from_its_start_until_just_before_its_end(rows: list[Row], at: int) -> None:
    """A living stream has only the rows that count at the instant, another stream all rows so far."""
    counting = [one for one in rows if one[1] <= at < one[2]]  # type: ignore[operator]
    happened = [one for one in rows if one[0] <= at]  # type: ignore[operator]

    for stream in ("promises", "purchases"):
        assert count_and_last(stream, rows, at) == (len(counting), counting[-1][5] if counting else "")
    assert count_and_last("orders", rows, at) == (len(happened), happened[-1][5] if happened else "")


@given(ROWS, st.sampled_from([1, HOUR // 2 + 1, 100 * HOUR]))
def test_gaps_lie_between_one_row_and_the_next(rows: list[Row], unit: int) -> None:
    """The first has none; the rest are what lies between, also in whole hours; together they are the whole."""
    rows = [(int(one[0]) * unit, *one[1:]) for one in rows]
    gapped = with_gaps(rows)
    gaps = [int(one[-3]) for one in gapped]

    assert [one[:-3] for one in gapped] == rows
    assert [one[-2:] for one in gapped] == [(gap // HOUR, (gap // HOUR) ** 2) for gap in gaps]
    assert gaps[:1] in ([], [0])
    assert sum(gaps) == (int(rows[-1][0]) - int(rows[0][0]) if rows else 0)


def _is_big(one: Any) -> object:
    return one.amount >= 5


def _has_gap(one: Any) -> object:
    return one.gap > MICROSECOND


BIG = trace(_is_big, STREAMS["orders"].fields)
GAPS = trace(_has_gap, STREAMS["purchases"].fields)
REDUCTIONS: dict[str, tuple[Reduction, ...]] = {
    "orders": (
        Reduction(STREAMS["orders"], "sum"),
        Reduction(STREAMS["orders"], "sum", "amount"),
        Reduction(STREAMS["orders"], "largest", "amount"),
        Reduction(STREAMS["orders"], "smallest", "amount", empty=FOREVER),
        Reduction(STREAMS["orders"], "smallest", "amount", empty=0),
        Reduction(STREAMS["orders"], "largest", "amount", empty=7),
        Reduction(STREAMS["orders"], "smallest", "t", empty=FOREVER),
        Reduction(STREAMS["orders"], "smallest", "t", empty=NEVER),
        Reduction(STREAMS["orders"], "largest", "t", empty=NEVER),
        Reduction(STREAMS["orders"], "largest", "t", empty=FOREVER),
        Reduction(STREAMS["orders"], "earliest", "id", empty=""),
        Reduction(STREAMS["orders"], "latest", "amount"),
        Reduction(STREAMS["orders"], "sum", "amount", where=BIG),
        Reduction(STREAMS["orders"], "earliest", "amount", where=BIG, empty=3),
    ),
    "purchases": (
        Reduction(STREAMS["purchases"], "latest", "gap"),
        Reduction(STREAMS["purchases"], "sum", where=GAPS),
    ),
    "promises": (Reduction(STREAMS["promises"], "sum"),),
}


def by_hand(reduction: Reduction, rows: list[Row]) -> Value:
    """The value of a reduction, read off the rows as a person would."""
    names = list(reduction.stream.fields)
    remaining = [dict(zip(names, one, strict=False)) for one in rows]
    if reduction.where == BIG:
        remaining = [one for one in remaining if one["amount"] >= 5]  # type: ignore[operator]
    if reduction.where == GAPS:
        remaining = [one for one in remaining if one["gap"] > 1]  # type: ignore[operator]
    values: list[Any] = [one[reduction.field] if reduction.field else 1 for one in remaining]
    if not values:
        return reduction.empty
    value: Value = {
        "sum": sum(values) if isinstance(values[0], int) else 0,
        "smallest": min(values),
        "largest": max(values),
        "earliest": values[0],
        "latest": values[-1],
    }[reduction.how]
    return value


@pytest.mark.parametrize("stream", sorted(REDUCTIONS))
@given(ROWS)
def test_one_more_row_is_the_same_as_all_again(stream: str, rows: list[Row]) -> None:
    """Folds of all rows at once, and taken step by step, are what one reads off the rows; of none they are empty."""
    rows = [(*one[:2], FOREVER, *one[3:]) for one in rows]
    reductions = REDUCTIONS[stream]
    ready = folds(reductions)[stream]
    visible = with_gaps(rows) if ready.gapped else rows
    together: list[Value] = [one.empty for one in reductions]
    filled = [False] * len(reductions)
    ready.fill(together, filled, rows, 99)
    stepped: list[Value] = [one.empty for one in reductions]
    started = [False] * len(reductions)
    for one in visible:
        ready.step(stepped, started, one)

    assert together == stepped == [by_hand(one, list(visible)) for one in reductions]
    assert filled == started


def test_only_streams_whose_gaps_are_read_have_them() -> None:
    """A gap takes time to find; where no fold reads it, it is not looked for."""
    reductions = (Reduction(STREAMS["purchases"], "sum"), Reduction(STREAMS["orders"], "sum"))

    assert not any(ready.gapped for ready in folds(reductions).values())
    assert all(folds([one])["purchases"].gapped for one in REDUCTIONS["purchases"])


def test_reductions_are_told_apart_by_what_they_put_together() -> None:
    """The same reduction is one value, however often it is declared."""
    assert Reduction(STREAMS["views"], "sum") == Reduction(STREAMS["views"], "sum")
    assert Reduction(STREAMS["views"], "sum") != Reduction(STREAMS["carts"], "sum")
    assert [one.how for one in REDUCTIONS["orders"] if one.is_edge] == ["earliest", "latest", "earliest"]
