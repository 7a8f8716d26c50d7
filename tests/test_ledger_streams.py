"""Streams of the ledger: each kind of record has one, and an unknown name raises an error with a hint."""

from __future__ import annotations

import pytest

from funnel._aggregate.aggregations import COMMON, ORDER
from funnel._ledger.streams import KIND_STREAMS, LIVING, RANKS, ROOTS, STREAMS, TABLES, stream_called
from funnel.errors import FactsError
from funnel.interactions import KINDS


def test_every_kind_of_interaction_has_a_stream_and_a_rank() -> None:
    """Streams and ranks list every kind in the order of the classes; no two share a stream or a rank."""
    assert (*KIND_STREAMS,) == (*RANKS,) == KINDS
    assert len(set(KIND_STREAMS.values())) == len(set(RANKS.values())) == len(KINDS)


def test_every_table_is_a_stream_of_its_own() -> None:
    """A table is a stream of all its rows; the streams of kinds are of the interactions."""
    assert {name: stream.table for name, stream in STREAMS.items() if not stream.kind} == {n: n for n in TABLES}
    assert {stream.table for stream in STREAMS.values() if stream.kind} == {"interactions"}
    assert {name for name, stream in STREAMS.items() if stream.living} == LIVING
    assert set(ROOTS) <= set(TABLES) - LIVING


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_table_begins_with_what_all_have(table: str) -> None:
    """The order of rows can be told in every table, and nothing is called by a word that databases reserve."""
    assert tuple(TABLES[table])[: len(COMMON)] == COMMON
    assert set(ORDER) <= set(TABLES[table])
    assert {name: fact.name for name, fact in TABLES[table].items()} == {name: name for name in TABLES[table]}
    assert "at" not in TABLES[table]


def test_a_stream_is_found_by_its_name() -> None:
    """A stream is found by its name."""
    assert stream_called("purchases").name == "purchases"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("purchase", "the stream 'purchase' is unknown; did you mean purchases"),
        ("zzz", "use one of answers, cancellations, carts"),
    ],
)
def test_an_unknown_stream_is_told_with_the_likeliest(name: str, message: str) -> None:
    """A slip of the pen is found at once."""
    with pytest.raises(FactsError, match=message):
        stream_called(name)
