"""Logs come in from any engine and answer as the same kind, whatever the order of rows."""

from __future__ import annotations

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
    """Everyone's facts at the end, as plain rows without what an engine shows in its own way."""
    found = read(FewFacts.over(Logs(**frames, **more), as_of=LATER))  # type: ignore[arg-type]
    return [{name: value for name, value in row.items() if isinstance(value, str | int)} for row in found]


def counts(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The counts and sums, which every engine shows alike."""
    return [{name: row[name] for name in row if name.endswith(("_id", "_count", "net_spent"))} for row in found]


@pytest.mark.no_cover
@pytest.mark.parametrize("engine", HERE)
def test_the_same_kind_comes_out_as_went_in(engine: str) -> None:
    """Eager or lazy, of each engine; with the same answers, and the frames that were given stay as they were."""
    frames = ENGINES[engine](SHOP)
    before = {log: read(frame) for log, frame in frames.items() if log != "refunds"}
    logs = Logs(**frames)
    out = FewFacts.over(logs, as_of=LATER)

    assert type(out) is type(frames["leads"])
    assert logs.home == engine
    assert counts(answers(frames)) == counts(answers(SHOP))
    assert {log: read(frame) for log, frame in frames.items() if log != "refunds"} == before


def test_pandas_without_polars_answers_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop that has only pandas gets the same answers, the same faults and the same numbers of rows."""
    expected = counts(answers(SHOP))
    table = rows("purchases", {}, {"person_id": None}, {"id": "1", "amount": 7})
    told = faults("pandas", purchases=table)
    monkeypatch.setattr(adapter, "installed", lambda name: name != "polars")

    assert counts(answers(ENGINES["pandas"](SHOP))) == expected
    assert faults("pandas", purchases=table) == told


@pytest.mark.no_cover
@settings(max_examples=max(5, settings.default.max_examples // 5))
@given(histories("p1"), st.randoms())
def test_the_order_and_the_number_of_deliveries_change_nothing(history: History, chance: Any) -> None:
    """Rows shuffled, and some of them delivered twice, are the same logs."""
    frames = tables([history])
    mixed = {}
    for log, frame in frames.items():
        places = [*range(frame.height), *(place for place in range(frame.height) if chance.random() < 0.5)]
        chance.shuffle(places)
        mixed[log] = frame[places]

    assert answers(mixed) == answers(frames)


@pytest.mark.no_cover
@pytest.mark.parametrize("engine", HERE)
def test_empty_logs_are_logs_of_nobody(engine: str) -> None:
    """Tables without a row have no faults, and there are facts of nobody."""
    frames = ENGINES[engine]({log: frame.clear() for log, frame in SHOP.items()})

    assert answers(frames) == []


@pytest.mark.parametrize("given_", [{}, {"aliases": SHOP["aliases"]}])
def test_logs_of_nothing_are_refused(given_: dict[str, Any]) -> None:
    """Aliases alone say nothing of anybody."""
    with pytest.raises(ArgumentError, match="give at least one of leads, purchases, refunds, interactions"):
        Logs(**given_)


def test_logs_of_two_engines_are_refused() -> None:
    """The message says which log is on which."""
    mixed = {"leads": SHOP["leads"], "purchases": ENGINES["duckdb"]({"purchases": ONE})["purchases"]}
    with pytest.raises(EngineError, match=r"leads on polars, purchases on duckdb.*bring them all to one"):
        Logs(**mixed)


def test_relations_of_two_connections_are_refused() -> None:
    """DuckDB joins no relations of different connections, and its own error would name no log."""
    leads, purchases = (ENGINES["duckdb"]({log: rows(log, {})}) for log in ("leads", "purchases"))

    assert repr(Logs(**ENGINES["duckdb"]({log: rows(log, {}) for log in ("leads", "purchases")})))
    with pytest.raises(EngineError, match=r"leads, purchases.*different DuckDB connections; take them all from one"):
        Logs(**leads, **purchases)


def test_what_runs_on_polars_may_be_mixed() -> None:
    """Polars, pandas and pyarrow tables run on the same engine; the answer is as the first of them."""
    mixed = {
        "leads": SHOP["leads"].to_arrow(),
        "purchases": SHOP["purchases"].to_pandas(),
        "refunds": SHOP["refunds"].lazy(),
    }

    assert repr(Logs(**mixed)) == "Logs(leads, purchases, refunds, on pyarrow)"


_LOCAL = ("polars", "polars lazy", "pandas", "pyarrow")


@given(st.lists(st.sampled_from(_LOCAL), min_size=len(SHOP), max_size=len(SHOP)), st.permutations(list(SHOP)))
def test_mixed_tables_answer_as_tables_of_one_kind_do(kinds: list[str], order: list[str]) -> None:
    """Every answer is the same, and comes back as the kind of leads, however the arguments are ordered."""
    frames = {log: ENGINES[kind](SHOP)[log] for log, kind in zip(SHOP, kinds, strict=True)}
    mixed = {log: frames[log] for log in order}

    assert Logs(**mixed).home == kinds[0]
    assert answers(mixed) == answers(SHOP)


def test_one_currency_is_that_of_the_logs() -> None:
    """It is a code of ISO 4217, and stands on the logs."""
    assert Logs(purchases=ONE, currency="USD").currency == "USD"
    assert Logs(purchases=ONE.drop("currency")).currency is None
    with pytest.raises(MoneyError, match="a currency is not a code of ISO 4217"):
        Logs(purchases=ONE, currency="XXX")


def test_no_message_shows_what_stands_in_a_cell() -> None:
    """Names, telephones and whatever was put into the wrong column are in no message."""
    table = rows("purchases", {"status": CANARY, "promotion": CANARY}, {"status": CANARY, "person_id": ""})
    found = faults(currency="USD", purchases=table.with_columns(currency=pl.lit(CANARY), phone=pl.lit(CANARY)))

    assert len(found) == 3
    assert CANARY not in "".join(map(str, found))


def test_no_repr_shows_what_stands_in_a_cell() -> None:
    """The repr names the logs and where they run."""
    logs = Logs(leads=SHOP["leads"].with_columns(phone=pl.lit(CANARY)), purchases=SHOP["purchases"])

    assert repr(logs) == "Logs(leads, purchases, on polars)"
