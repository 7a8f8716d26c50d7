"""Logs accept any engine and return its kind of frame, whatever the order of rows."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funnel._dataframes import adapter
from funnel.errors import ArgumentError, EngineError, MoneyError
from funnel.logs import Logs
from tests.engines import ENGINES, HERE
from tests.frames import read, tables
from tests.logs.shop import AFTER, FewFacts, faults, rows
from tests.strategies import CANARY, START, histories

if TYPE_CHECKING:
    from funnel.history import History

LATER = START.replace(year=2027)
ONE = rows("purchases", {"currency": "USD"})
SHOP = {
    "leads": rows("leads", {}, {"person_id": "p2", "referred_by": "p1"}),
    "purchases": rows("purchases", {}, {"person_id": "p2"}, {"amount": 5, "promised_at": AFTER}),
    "refunds": rows("refunds", {"amount": 900}, {"purchase_id": "3"}),
    "interactions": rows(
        "interactions",
        {"kind": "question"},
        {"kind": "answer", "regarding": "1", "occurred_at": AFTER},
        {"kind": "follow_up", "occurred_at": AFTER},
    ),
    "aliases": rows("aliases", {}),
}


def answers(frames: dict[str, Any], **more: str) -> list[dict[str, Any]]:
    """Return everyone's facts as plain rows, without values that engines display differently."""
    result = read(FewFacts.over(Logs(**frames, **more), as_of=LATER))  # type: ignore[arg-type]
    return [{name: value for name, value in row.items() if isinstance(value, str | int)} for row in result]


@cache
def shop_answers() -> list[dict[str, Any]]:
    """Return the answers of the shop's own tables."""
    return answers(SHOP)


def counts(result: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the counts and sums, which are alike on every engine."""
    return [{name: row[name] for name in row if name.endswith(("_id", "_count", "net_spent"))} for row in result]


@pytest.mark.no_cover
@pytest.mark.parametrize("engine", HERE)
def test_results_have_the_kind_of_the_input(engine: str) -> None:
    """Eager or lazy, on every engine, with the same answers; the input frames stay unchanged."""
    frames = ENGINES[engine](SHOP)
    before = {log: read(frame) for log, frame in frames.items() if log != "refunds"}
    logs = Logs(**frames)
    out = FewFacts.over(logs, as_of=LATER)

    assert type(out) is type(frames["leads"])
    assert logs._frame_kind == engine
    assert counts(answers(frames)) == counts(shop_answers())
    assert {log: read(frame) for log, frame in frames.items() if log != "refunds"} == before


def test_pandas_without_polars_gives_the_same_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Facts, issues and row numbers are the same."""
    expected = counts(shop_answers())
    table = rows("purchases", {}, {"person_id": None}, {"id": "1", "amount": 7})
    issues_found = faults("pandas", purchases=table)
    monkeypatch.setattr(adapter, "installed", lambda name: name != "polars")

    assert counts(answers(ENGINES["pandas"](SHOP))) == expected
    assert faults("pandas", purchases=table) == issues_found


@pytest.mark.no_cover
@settings(max_examples=max(5, settings.default.max_examples // 5))
@given(histories("p1"), st.randoms())
def test_row_order_and_repetitions_change_nothing(history: History, chance: Any) -> None:
    """Shuffled and repeated rows give the same logs."""
    frames = tables([history])
    mixed = {}
    for log, frame in frames.items():
        indexes = [*range(frame.height), *(index for index in range(frame.height) if chance.random() < 0.5)]
        chance.shuffle(indexes)
        mixed[log] = frame[indexes]

    assert answers(mixed) == answers(frames)


@pytest.mark.no_cover
@pytest.mark.parametrize("engine", HERE)
def test_empty_logs_have_no_people(engine: str) -> None:
    """Tables without rows have no issues, and the facts have no rows."""
    frames = ENGINES[engine]({log: frame.clear() for log, frame in SHOP.items()})

    assert answers(frames) == []


@pytest.mark.parametrize("logs_given", [{}, {"aliases": SHOP["aliases"]}])
def test_logs_need_at_least_one_log(logs_given: dict[str, Any]) -> None:
    """Aliases alone are not enough."""
    with pytest.raises(ArgumentError, match="pass at least one of leads, purchases, refunds, interactions"):
        Logs(**logs_given)


def test_logs_of_two_engines_are_refused() -> None:
    """The message says which log is on which engine."""
    mixed = {"leads": SHOP["leads"], "purchases": ENGINES["duckdb"]({"purchases": ONE})["purchases"]}
    with pytest.raises(EngineError, match=r"leads on polars, purchases on duckdb.*convert them to one engine"):
        Logs(**mixed)


def test_relations_of_two_connections_are_refused() -> None:
    """DuckDB cannot join them, and its own error names no log."""
    leads, purchases = (ENGINES["duckdb"]({log: rows(log, {})}) for log in ("leads", "purchases"))

    assert repr(Logs(**ENGINES["duckdb"]({log: rows(log, {}) for log in ("leads", "purchases")})))
    with pytest.raises(EngineError, match=r"leads, purchases.*different DuckDB connections; use one connection"):
        Logs(**leads, **purchases)


def test_frames_that_run_on_polars_may_be_mixed() -> None:
    """Results have the kind of the first table."""
    mixed = {
        "leads": SHOP["leads"].to_arrow(),
        "purchases": SHOP["purchases"].to_pandas(),
        "refunds": SHOP["refunds"].lazy(),
    }

    assert repr(Logs(**mixed)) == "Logs(leads, purchases, refunds, on pyarrow)"


_LOCAL = ("polars", "polars lazy", "pandas", "pyarrow")


@given(st.lists(st.sampled_from(_LOCAL), min_size=len(SHOP), max_size=len(SHOP)), st.permutations(list(SHOP)))
def test_mixed_frames_give_the_same_answers(kinds: list[str], order: list[str]) -> None:
    """Results have the kind of the leads, in any order of the arguments."""
    frames = {log: ENGINES[kind](SHOP)[log] for log, kind in zip(SHOP, kinds, strict=True)}
    mixed = {log: frames[log] for log in order}

    assert Logs(**mixed)._frame_kind == kinds[0]
    assert answers(mixed) == shop_answers()


def test_logs_have_one_currency() -> None:
    """It is a code of ISO 4217 and an attribute of the logs."""
    assert Logs(purchases=ONE, currency="USD").currency == "USD"
    assert Logs(purchases=ONE.drop("currency")).currency is None
    with pytest.raises(MoneyError, match="a currency must be a code of ISO 4217"):
        Logs(purchases=ONE, currency="XXX")


def test_no_message_shows_a_cell() -> None:
    """Names, phone numbers and misplaced values are in no message."""
    table = rows("purchases", {"status": CANARY, "promotion": CANARY}, {"status": CANARY, "person_id": ""})
    result = faults(currency="USD", purchases=table.with_columns(currency=pl.lit(CANARY), phone=pl.lit(CANARY)))

    assert len(result) == 3
    assert CANARY not in "".join(map(str, result))


def test_no_repr_shows_a_cell() -> None:
    """The repr has the names of the logs and the engine."""
    logs = Logs(leads=SHOP["leads"].with_columns(phone=pl.lit(CANARY)), purchases=SHOP["purchases"])

    assert repr(logs) == "Logs(leads, purchases, on polars)"
