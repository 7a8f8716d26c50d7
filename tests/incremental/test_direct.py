"""A direct step gives the values of a step with the row, for every field of a row."""

from __future__ import annotations

import pytest

from funnel._aggregate.aggregations import Reduction
from funnel._aggregate.fold import folds
from funnel._expr.nodes import Value
from funnel._ledger.rows import interaction_row
from funnel._ledger.streams import INTERACTION_FIELDS, STREAMS
from funnel.incremental._direct import direct_step
from funnel.interactions import Feedback, Postponement, Visit
from tests.shop import DAY, NOW, did

RECORDS = [
    did(Visit, "v", NOW, source="web", channel="phone"),
    did(Feedback, "s", NOW, score=4),
    did(Postponement, "n", NOW, reason="payday", until=NOW + DAY),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.kind)
def test_a_direct_step_reads_every_field_as_the_row_does(record: Visit) -> None:
    """The latest value of each field of one interaction."""
    reductions = [Reduction(STREAMS["interactions"], "latest", name, empty="") for name in INTERACTION_FIELDS]
    ready = folds(reductions)["interactions"]
    by_row: list[Value] = ["" for _ in reductions]
    direct = list(by_row)

    ready.step(by_row, [False] * len(reductions), interaction_row(record))
    direct_step(type(record), [ready])(direct, [False] * len(reductions), record)
    assert direct == by_row == list(interaction_row(record))


def test_a_direct_step_of_nothing_changes_nothing() -> None:
    """A rule may read no stream of a kind of record."""
    values: list[Value] = []
    direct_step(Visit, [])(values, [], RECORDS[0])
    assert values == []
