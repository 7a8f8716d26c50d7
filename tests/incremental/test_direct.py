"""A direct step gives the values of a step with the row, for every field of a row."""

from __future__ import annotations

import pytest

from funnel import Facts, History, LiveFacts
from funnel._aggregate.aggregations import Reduction
from funnel._aggregate.fold import folds
from funnel._expr.nodes import Value
from funnel._ledger.rows import interaction_row
from funnel._ledger.streams import INTERACTION_FIELDS, STREAMS
from funnel.facts import count
from funnel.incremental._live_values import direct_step
from funnel.interactions import Feedback, Postponement, Visit
from funnel.records import Record
from tests.shop import DAY, NOW, bought, did, refunded

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


class OwnFacts(Facts):
    """Facts on own columns of records."""

    from_uk: int = count("purchases", where=lambda p: p.country == "UK", columns={"country": str})
    plain: int = count("purchases", columns={})
    home_visits: int = count("visits", where=lambda v: v.page == "home", columns={"page": str})


def test_live_facts_read_own_columns_of_every_record_that_comes() -> None:
    """In order and late, after each record, refunds in part and in whole among them."""
    country, page = {"country": "UK"}, {"page": "home"}
    records: list[Record] = [
        bought("1", NOW, 9, columns=country),
        did(Visit, "v", NOW + DAY, columns=page),
        refunded("r", "1", NOW + 2 * DAY, 1),
        did(Visit, "w", NOW + 3 * DAY, columns=page),
        refunded("s", "1", NOW + 4 * DAY, 8),
        bought("2", NOW + DAY, 9, columns=country),
    ]
    live = LiveFacts(History(person_id="p1"), OwnFacts)
    counts: list[tuple[int, int, int]] = []
    for number, record in enumerate(records, start=1):
        live.add(record)
        facts = live.facts(as_of=NOW + 9 * DAY)
        assert facts == OwnFacts.of(History.of("p1", records[:number]), as_of=NOW + 9 * DAY)
        counts.append((facts.from_uk, facts.plain, facts.home_visits))
    assert counts == [(1, 1, 0), (1, 1, 1), (1, 1, 1), (1, 1, 2), (0, 0, 2), (1, 1, 2)]
