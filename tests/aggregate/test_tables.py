"""The aggregate and the window of a few rows made by hand: at every instant what one reads off the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import duckdb
import ibis  # type: ignore[import-untyped]
import narwhals as nw
import polars as pl
import pytest

from funnel._aggregate.aggregations import COMMON, GAP_FIELDS, Reduction
from funnel._aggregate.fold import Row, with_gaps
from funnel._aggregate.group_by import PERSON, _stacked, aggregated, value_name
from funnel._aggregate.window import running
from funnel._dataframes.compute import to_rows
from funnel._expr.nodes import Value
from funnel._ledger.streams import STREAMS, TABLES
from funnel._time import FOREVER, NEVER
from tests.aggregate.test_reduce import BIG, GAPS, REDUCTIONS, by_hand, row

AT = 9
ORDERS: dict[str, list[Row]] = {
    "p1": [
        row(0, 0, FOREVER, "z", 5),
        row(2, 2, FOREVER, "b", 9),
        row(2, 2, FOREVER, "c", 4),
        row(AT, AT, FOREVER, "a", 1),
    ],
    "p2": [row(4, 4, FOREVER, "e", 3)],
    "p3": [row(10, 10, FOREVER, "f", 6)],
}
PURCHASES: dict[str, list[Row]] = {
    "p1": [
        row(0, 0, 6, "z", 5),
        row(2, 2, FOREVER, "b", 9),
        row(2, 6, FOREVER, "c", 4),
        row(AT, AT, FOREVER, "a", 1),
    ],
    "p2": [row(4, 4, AT, "e", 3)],
    "p3": [row(10, 10, FOREVER, "f", 6)],
}


def contact(t: int, key: str, kind: str, channel: str) -> Row:
    """A row of the interactions."""
    return t, t, FOREVER, 0, "shop", key, kind, "in", channel, "", NEVER, NEVER, 0, 0


INTERACTIONS: dict[str, list[Row]] = {
    "p1": [contact(1, "k", "visit", "web"), contact(1, "l", "view", "app"), contact(5, "m", "visit", "mail")],
    "p2": [contact(4, "n", "visit", "web")],
}
ROWS = {"orders": ORDERS, "purchases": PURCHASES, "interactions": INTERACTIONS}
QUERIES = (
    *REDUCTIONS["orders"],
    Reduction(STREAMS["orders"], "latest", "id", where=BIG, empty=""),
    *REDUCTIONS["purchases"],
    Reduction(STREAMS["purchases"], "sum", "amount"),
    Reduction(STREAMS["purchases"], "smallest", "amount", empty=2),
    Reduction(STREAMS["purchases"], "largest", "amount", empty=7),
    Reduction(STREAMS["purchases"], "largest", "t", empty=NEVER),
    Reduction(STREAMS["purchases"], "latest", "gap", where=GAPS),
    Reduction(STREAMS["purchases"], "earliest", "gap"),
    Reduction(STREAMS["purchases"], "earliest", "id", empty=""),
    Reduction(STREAMS["purchases"], "latest", "amount", empty=8),
    Reduction(STREAMS["views"], "sum"),
    Reduction(STREAMS["views"], "latest", "channel", empty="none"),
    Reduction(STREAMS["visits"], "earliest", "channel", empty=""),
    Reduction(STREAMS["refunds"], "sum", "amount"),
    Reduction(STREAMS["refunds"], "latest", "reason", empty="none"),
)


def frames(engine: str) -> dict[str, Any]:
    """The rows as tables of an engine."""
    frames = {}
    for table, people in ROWS.items():
        names = [name for name in TABLES[table] if name not in GAP_FIELDS]
        frame = pl.DataFrame(
            [
                {PERSON: person_id, **dict(zip(names, one, strict=False))}
                for person_id, rows in people.items()
                for one in rows
            ]
        )
        frames[table] = nw.from_native(ENGINES[engine](frame))
    return frames


ENGINES: Mapping[str, Callable[[pl.DataFrame], Any]] = {
    "polars": pl.DataFrame.lazy,
    "duckdb": lambda frame: duckdb.from_arrow(frame.to_arrow()),
    "ibis": lambda frame: ibis.memtable(frame.to_arrow()),
}


def read_off(one: Reduction, person_id: str, at: int) -> Value:
    """Compute one value from a person's rows at an instant."""
    rows = ROWS.get(one.stream.table, {}).get(person_id, [])
    visible = [row for row in rows if int(row[1]) <= at and (not one.stream.living or int(row[2]) > at)]
    return by_hand(one, [row for row in with_gaps(visible) if one.stream.kind in ("", row[6])])


def answers(frame: Any, *keys: str, count: int = len(QUERIES)) -> dict[Any, tuple[Value, ...]]:
    """The values of a frame by its keys."""
    names = [*keys, *map(value_name, range(count))]
    rows = to_rows(frame, *names)
    result = {one[: len(keys)]: one[len(keys) :] for one in rows}
    assert len(result) == len(rows)
    return result


@pytest.mark.parametrize(
    ("engine", "at"),
    [*(("polars", at) for at in (-1, 0, 2, 4, 6, AT)), *((name, at) for name in ("duckdb", "ibis") for at in (3, AT))],
)
def test_an_aggregate_is_what_one_reads_off_the_rows(engine: str, at: int) -> None:
    """A row begins to count at its start and ceases at its end; of nothing a value is empty, and nobody is nobody."""
    there = [person_id for person_id, rows in ORDERS.items() if int(rows[0][1]) <= at]

    assert answers(aggregated(frames(engine), QUERIES, at), PERSON) == {
        (person_id,): tuple(read_off(one, person_id, at) for one in QUERIES) for person_id in there
    }


def test_a_window_is_the_aggregate_at_every_instant() -> None:
    """One row for each instant at which something begins or ceases to count, up to the last that is asked for."""
    ends = [
        (person_id, end)
        for table in ROWS.values()
        for person_id, rows in table.items()
        for one in rows
        for end in one[1:3]
    ]
    instants = {(person_id, int(at)) for person_id, at in ends if int(at) <= AT}

    assert answers(running(frames("polars"), QUERIES, AT), PERSON, "t") == {
        (person_id, at): tuple(read_off(one, person_id, at) for one in QUERIES) for person_id, at in instants
    }


@pytest.mark.parametrize("one", QUERIES, ids=range(len(QUERIES)))
def test_a_value_that_is_asked_for_alone_is_the_same(one: Reduction) -> None:
    """The rows of one value are not changed by another value."""
    assert answers(aggregated(frames("polars"), [one], AT), PERSON, count=1) == {
        (person_id,): (read_off(one, person_id, AT),) for person_id in ("p1", "p2")
    }


def test_who_stands_in_no_root_is_left_out() -> None:
    """The people are read from the selected tables."""
    tables = frames("polars")
    selected = aggregated(
        {**tables, "orders": tables["orders"].filter(nw.col(PERSON) == "p2")}, QUERIES, AT, ["orders"]
    )

    assert set(answers(selected, PERSON)) == {("p2",)}


@pytest.mark.parametrize(("latest", "ids"), [(True, {"p1": "d", "p2": "0"}), (False, {"p1": "b", "p2": "a"})])
def test_of_rows_at_one_instant_the_order_decides(
    latest: bool,  # noqa: FBT001 - a case
    ids: dict[str, str],
) -> None:
    """First by rank, then by source, then by number; found without ordered aggregates."""
    rows = [
        ("p1", 1, 1, "shop", "c"),
        ("p1", 1, 0, "web", "z"),
        ("p1", 1, 0, "shop", "b"),
        ("p1", 1, 1, "web", "d"),
        ("p1", 1, 1, "shop", "y"),
        ("p2", 3, 0, "shop", "a"),
        ("p2", 5, 0, "shop", "0"),
    ]
    names = (PERSON, *(name for name in COMMON if name not in ("start", "end")))
    frame: Any = nw.from_native(pl.DataFrame(rows, schema=list(names), orient="row").lazy().with_columns(start="t"))
    edge = Reduction(STREAMS["orders"], "latest" if latest else "earliest", "id", empty="")

    assert dict(_stacked({"orders": frame}, {"orders": [(edge, 0)]}, AT, ["orders"]).collect().rows()) == ids
