"""The logs of a shop's files: every record, on every engine, and no silent loss."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from funnel import Facts, Logs
from funnel.errors import ArgumentError, MissingExtraError
from funnel.readers import paypal, read_orders, segment

LATER = datetime(2027, 1, 1, tzinfo=UTC)
EXPORTS = Path(__file__).parent / "exports"
ENGINES = ("polars", "pandas", "pyarrow", "duckdb")


@pytest.mark.parametrize("engine", ENGINES)
def test_the_logs_have_every_record_on_every_engine(engine: Any) -> None:
    """Refunds, leads and interactions are not lost on the way to another engine."""
    data: Any = paypal.payments(EXPORTS / "paypal.payments.csv")
    logs: Logs = data.logs(engine=engine)
    assert (repr(logs), logs.currency) == (f"Logs(purchases, refunds, on {engine})", data.currency)
    people = ("ana@example.com", "bo@example.com")
    assert [logs.history(one) for one in people] == [data.logs().history(one) for one in people]
    assert sum(Facts.of(logs.history(one), as_of=LATER).net_spent for one in people) == 120_000
    events: Any = segment.events(EXPORTS / "segment.events.jsonl")
    other: Logs = events.logs(engine=engine)
    assert repr(other) == f"Logs(purchases, refunds, interactions, on {engine})"


def test_an_engine_that_is_unknown_or_not_installed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the engines, or the command that installs the package."""
    data = read_orders(EXPORTS / "paypal.payments.csv")
    with pytest.raises(ArgumentError, match="engine must be 'polars' or 'pandas' or 'pyarrow' or 'duckdb'"):
        data.logs(engine="spark")  # type: ignore[call-overload]

    def without_pandas(name: str) -> object:
        return None if name == "pandas" else find_spec(name)

    monkeypatch.setattr("funnel.store._frames.find_spec", without_pandas)
    with pytest.raises(MissingExtraError, match=r'pip install "shopfunnel\[pandas\]"'):
        data.logs(engine="pandas")
