"""Own columns of logs in funnels: steps, groups and constants, as with the same columns of a plain frame of events."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from funnel import FunnelStep, GroupBy, Logs, conversion
from funnel.errors import EngineError
from funnel.interactions import View
from funnel.metrics import Matching
from tests.engines import HERE, on
from tests.shop import DAY, NOW, did

LEADS = pl.DataFrame(
    {
        "person_id": ["a", "b", "c", "d"],
        "arrived_at": [NOW - 9 * DAY] * 4,
        "city": ["x", "x", "y", None],
        "size": [1, 2, 1, 2],
    }
)
ORDERS = pl.DataFrame(
    {
        "id": ["1", "2", "3"],
        "person_id": ["a", "b", "c"],
        "purchased_at": [NOW - 5 * DAY] * 3,
        "amount": [9, 9, 9],
        "city": ["x", "y", "y"],
        "pieces": [3, 1, 5],
        "is_gift": [True, True, False],
        "kind": [1, 2, 3],
        "size": ["s", "m", "l"],
        "due": [NOW] * 3,
    }
)
OWN = {"leads": ["city", "size"], "purchases": ["city", "pieces", "is_gift", "size", "due", "kind"]}


def own(engine: str = "polars") -> Logs:
    """Leads and purchases with own columns."""
    return Logs(**on(engine, {"leads": LEADS, "purchases": ORDERS}), keep=OWN)


def counts(events: Any, last: Any, **options: Any) -> Any:
    """How many people reached each step; by group, if groups are asked for."""
    result = conversion(events, ["lead", last], within=30 * DAY, as_of=NOW, min_people=1, **options)
    if "by" in options:
        return {str(group.value): [step.reached for step in group.steps] for group in result.groups}
    return [step.reached for step in result.steps]


@pytest.mark.parametrize("engine", [name for name in HERE if name != "polars lazy"])
def test_steps_and_groups_read_own_columns_of_logs(engine: str) -> None:
    """A condition, a group and a constant read them; a log without the column has empty cells."""
    logs = own(engine)

    def step(condition: Any) -> FunnelStep:
        return FunnelStep("ordered", kind="purchase", where=condition)

    assert counts(logs, step(lambda e: e.pieces >= 3)) == [4, 2]
    assert counts(logs, step(lambda e: e.is_gift)) == [4, 2]
    assert counts(logs, step(lambda e: e.city == "y")) == [4, 2]
    assert counts(logs, "purchase", matching=Matching(hold_constant="city")) == [3, 2]
    assert counts(logs, "purchase", by=GroupBy("city")) == {"x": [2, 2], "y": [1, 1], "None": [1, 0]}


def test_columns_that_events_cannot_have_are_unknown() -> None:
    """An instant, a column with two types, and the name of a column of events."""
    for name in ("due", "size"):
        with pytest.raises(EngineError, match=f"the events have no column '{name}'"):
            counts(own(), "purchase", by=name)


def test_a_list_of_records_has_their_own_columns() -> None:
    """Interactions in a list are events with their own columns."""
    views = [did(View, str(pieces), NOW - DAY, columns={"pieces": pieces}) for pieces in (1, 5)]

    def reached(limit: int) -> list[int]:
        steps = ["view", FunnelStep("many", where=lambda e: e.pieces > limit)]
        return [step.reached for step in conversion(views, steps, within=DAY, as_of=NOW, min_people=1).steps]

    assert (reached(3), reached(7)) == ([1, 1], [1, 0])
