"""The aggregate and the window of a few rows made by hand: at every instant what one reads off the rows."""

from __future__ import annotations

from typing import Any

import duckdb
import narwhals as nw
import polars as pl
import pytest

from funnel._aggregate.aggregations import COMMON, Reduction
from funnel._aggregate.fold import Row, with_gaps
from funnel._aggregate.group_by import PERSON, _looked_up, aggregated, edge_rows, value_name
from funnel._aggregate.window import running
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


def said(t: int, key: str, kind: str, channel: str) -> Row:
    """A row of the interactions."""
    return t, t, FOREVER, 0, "shop", key, kind, "in", channel, "", NEVER, NEVER, 0, 0


INTERACTIONS: dict[str, list[Row]] = {
    "p1": [said(1, "k", "visit", "web"), said(1, "l", "view", "app"), said(5, "m", "visit", "mail")],
    "p2": [said(4, "n", "visit", "web")],
}
ROWS = {"orders": ORDERS, "purchases": PURCHASES, "interactions": INTERACTIONS}
ASKED = (
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
    made = {}
    for table, people in ROWS.items():
        names = [name for name in TABLES[table] if name != "gap"]
        frame = pl.DataFrame(
            [{PERSON: who, **dict(zip(names, one, strict=False))} for who, rows in people.items() for one in rows]
        )
        made[table] = nw.from_native(frame.lazy() if engine == "polars" else duckdb.from_arrow(frame.to_arrow()))
    return made


def read_off(one: Reduction, who: str, at: int) -> Value:
    """What one reads off a person's rows at an instant."""
    rows = ROWS.get(one.stream.table, {}).get(who, [])
    seen = [row for row in rows if int(row[1]) <= at and (not one.stream.living or int(row[2]) > at)]
    return by_hand(one, [row for row in with_gaps(seen) if one.stream.kind in ("", row[6])])


def told(frame: Any, *keys: str, count: int = len(ASKED)) -> dict[Any, tuple[Value, ...]]:
    """The values of a frame by its keys."""
    names = [*keys, *map(value_name, range(count))]
    native = nw.to_native(frame.select(*names))
    rows = native.collect().rows() if isinstance(native, pl.LazyFrame) else native.fetchall()
    found = {one[: len(keys)]: one[len(keys) :] for one in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize(
    ("engine", "at"), [*(("polars", at) for at in (-1, 0, 2, 4, 6, AT)), ("duckdb", 3), ("duckdb", AT)]
)
def test_an_aggregate_is_what_one_reads_off_the_rows(engine: str, at: int) -> None:
    """A row begins to count at its start and ceases at its end; of nothing a value is empty, and nobody is nobody."""
    there = [who for who, rows in ORDERS.items() if int(rows[0][1]) <= at]

    assert told(aggregated(frames(engine), ASKED, at), PERSON) == {
        (who,): tuple(read_off(one, who, at) for one in ASKED) for who in there
    }


def test_a_window_is_the_aggregate_at_every_instant() -> None:
    """One row for each instant at which something begins or ceases to count, up to the last that is asked for."""
    ends = [(who, end) for table in ROWS.values() for who, rows in table.items() for one in rows for end in one[1:3]]
    instants = {(who, int(at)) for who, at in ends if int(at) <= AT}

    assert told(running(frames("polars"), ASKED, AT), PERSON, "t") == {
        (who, at): tuple(read_off(one, who, at) for one in ASKED) for who, at in instants
    }


@pytest.mark.parametrize("one", ASKED, ids=range(len(ASKED)))
def test_a_value_that_is_asked_for_alone_is_the_same(one: Reduction) -> None:
    """What one value needs of the rows is not left to be worked out for another."""
    assert told(aggregated(frames("polars"), [one], AT), PERSON, count=1) == {
        (who,): (read_off(one, who, AT),) for who in ("p1", "p2")
    }


def test_who_stands_in_no_root_is_left_out() -> None:
    """Who is there is read from the tables that are named."""
    tables = frames("polars")
    named = aggregated({**tables, "orders": tables["orders"].filter(nw.col(PERSON) == "p2")}, ASKED, AT, ["orders"])

    assert set(told(named, PERSON)) == {("p2",)}


@pytest.mark.parametrize(("latest", "ids"), [(True, {"p1": "d", "p2": "0"}), (False, {"p1": "b", "p2": "a"})])
def test_of_rows_at_one_instant_the_order_decides(
    latest: bool,  # noqa: FBT001 - a case
    ids: dict[str, str],
) -> None:
    """First by rank, then by source, then by number; found by joins alone."""
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
    frame: Any = nw.from_native(pl.DataFrame(rows, schema=list(names), orient="row").lazy())
    edge = Reduction(STREAMS["orders"], "latest" if latest else "earliest", "id", empty="")

    assert dict(edge_rows(frame, (PERSON,), latest=latest).select(PERSON, "id").collect().rows()) == ids
    assert dict(_looked_up(frame, [(edge, 0)]).collect().rows()) == ids
